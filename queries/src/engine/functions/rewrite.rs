//! Puts the bounded functions where the planner put others: `||`, list literals and list operators become calls of
//! DataFusion's own functions (or of none) without asking the registry.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, ScalarUDF};
use datafusion::optimizer::AnalyzerRule;

use super::bounded::{bound, text_concat};

/// Replaces unbounded operators and functions after types are settled.
#[derive(Debug)]
pub(in crate::engine) struct BoundOperators {
    bounded: HashMap<String, Arc<ScalarUDF>>,
    text_concat: Arc<ScalarUDF>,
}

impl BoundOperators {
    pub(super) fn new() -> Self {
        let bounded = super::allowed_scalars().filter_map(|function| {
            let bounded = bound(Arc::clone(&function));
            (!Arc::ptr_eq(&bounded, &function)).then(|| (function.name().to_owned(), bounded))
        });
        Self { bounded: bounded.collect(), text_concat: text_concat() }
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right })
                if is_text(&left.get_type(schema)?) || is_text(&right.get_type(schema)?) =>
            {
                let call = ScalarFunction::new_udf(Arc::clone(&self.text_concat), vec![*left, *right]);
                Ok(Transformed::yes(Expr::ScalarFunction(call)))
            }
            Expr::ScalarFunction(mut call) => match self.bounded.get(call.func.name()) {
                Some(bounded) if *bounded != call.func => {
                    call.func = Arc::clone(bounded);
                    Ok(Transformed::yes(Expr::ScalarFunction(call)))
                }
                _ => Ok(Transformed::no(Expr::ScalarFunction(call))),
            },
            other => Ok(Transformed::no(other)),
        }
    }
}

impl AnalyzerRule for BoundOperators {
    fn name(&self) -> &str {
        "bound_operators"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let mut schema = merge_schema(&plan.inputs());
            schema.merge(plan.schema());
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let rewritten = expr.transform_up(|expr| self.rewrite(expr, &schema))?;
                Ok(rewritten.update_data(|expr| name.restore(expr)))
            })
        })
        .map(|plan| plan.data)
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}
