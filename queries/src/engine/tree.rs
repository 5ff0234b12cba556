//! What a parsed query must pass: a bound on the tables it reads once its CTEs are unfolded, no recursion, and none of
//! the few constructs that make the planner itself explode.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, DataType, Expr, GroupByExpr, ObjectName, Query, Select, SelectItem, Spanned,
    Statement as SqlStatement, TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use super::config::EngineConfig;
use super::diagnose;
use super::views;
use crate::error::QueryError;

/// `*` and `table.*` in one statement.
const WILDCARDS_MAX: usize = 32;
/// Expressions in one CUBE: each doubles the groupings.
const CUBE_MAX: usize = 8;

/// Refuses a query whose plan could grow out of all proportion to its text.
pub(super) fn check(statement: &Statement, config: &EngineConfig) -> Result<(), QueryError> {
    let query = match statement {
        Statement::Statement(inner) => inner.as_ref(),
        Statement::Explain(explain) => match explain.statement.as_ref() {
            Statement::Statement(inner) => inner.as_ref(),
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    let mut walk = Walk { relations_max: config.sql_relations_max, ..Walk::default() };
    match SqlStatement::visit(query, &mut walk) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

#[derive(Default)]
struct Walk {
    relations_max: usize,
    wildcards: usize,
    /// Addresses of the queries that are bodies of CTEs, with the CTE's name.
    bodies: HashMap<usize, String>,
    /// Tables that one reference to a CTE stands for. Names are not scoped: the heaviest of a name counts.
    weights: HashMap<String, usize>,
    /// Tables read so far by each of the queries that are open.
    open: Vec<usize>,
}

impl Walk {
    fn read(&mut self, tables: usize, span: Span) -> ControlFlow<QueryError> {
        let Some(query) = self.open.last_mut() else { return ControlFlow::Continue(()) };
        *query = query.saturating_add(tables);
        if *query > self.relations_max {
            let message = format!(
                "the query reads more than {} tables once its subqueries and CTEs are unfolded",
                self.relations_max
            );
            return ControlFlow::Break(diagnose::at(message, span.start));
        }
        ControlFlow::Continue(())
    }
}

impl Visitor for Walk {
    type Break = QueryError;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<QueryError> {
        if let Some(with) = &query.with {
            if with.recursive {
                return ControlFlow::Break(diagnose::at("WITH RECURSIVE is not supported".into(), with.span().start));
            }
            for cte in &with.cte_tables {
                self.bodies.insert(address(&cte.query), cte.alias.name.value.to_lowercase());
            }
        }
        self.open.push(0);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<QueryError> {
        let tables = self.open.pop().unwrap_or(0);
        match self.bodies.remove(&address(query)) {
            Some(name) => {
                let weight = self.weights.entry(name).or_insert(0);
                *weight = tables.max(*weight).max(1);
                ControlFlow::Continue(())
            }
            None => self.read(tables, query.span()),
        }
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<QueryError> {
        let name = relation.to_string().to_lowercase();
        let name = name.trim_matches('"');
        let of_view = || views::all().iter().find(|view| view.name == name).map(|view| view.reads.len());
        let tables = self.weights.get(name).copied().or_else(of_view).unwrap_or(1);
        self.read(tables, relation.span())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<QueryError> {
        match factor {
            TableFactor::Table { .. } => ControlFlow::Continue(()),
            other => self.read(1, other.span()),
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<QueryError> {
        let is_wildcard =
            |item: &&SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
        self.wildcards += select.projection.iter().filter(is_wildcard).count();
        if self.wildcards > WILDCARDS_MAX {
            let message = format!("the query has more than {WILDCARDS_MAX} wildcards");
            return ControlFlow::Break(diagnose::at(message, select.span().start));
        }
        if let GroupByExpr::Expressions(expressions, _) = &select.group_by {
            let doubled: usize =
                expressions.iter().map(|expr| if let Expr::Cube(sets) = expr { sets.len() } else { 0 }).sum();
            if doubled > CUBE_MAX {
                let message = format!("CUBE of more than {CUBE_MAX} expressions is not allowed");
                return ControlFlow::Break(diagnose::at(message, select.span().start));
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<QueryError> {
        match expr {
            Expr::Cast { data_type, .. } if is_sized_list(data_type) => {
                ControlFlow::Break(diagnose::at("lists of a fixed length are not supported".into(), expr.span().start))
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

fn address(query: &Query) -> usize {
    std::ptr::from_ref(query).addr()
}

/// A null of such a type is as large as the type: `cast(null as bigint[2000000000])` would take 16 GB.
fn is_sized_list(data_type: &DataType) -> bool {
    match data_type {
        DataType::Array(ArrayElemTypeDef::SquareBracket(_, Some(_))) => true,
        DataType::Array(
            ArrayElemTypeDef::SquareBracket(inner, None)
            | ArrayElemTypeDef::AngleBracket(inner)
            | ArrayElemTypeDef::Parenthesis(inner),
        ) => is_sized_list(inner),
        _ => false,
    }
}
