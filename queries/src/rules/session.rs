//! What a rule's text is planned over: the tables as rules see them, in a session with the rules' markers. Planning only;
//! what runs, runs in the query engine.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, col, lit};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::Statement;
use futures::FutureExt;

use crate::engine::{Engine, Tables};
use crate::hits::EntityKind;

use super::functions::markers;
use super::text::ENTITY_ID;

/// Tables that Weir itself writes: their `trust` says nothing about who claims what.
const OWN_TABLES: [&str; 4] = ["hits", "verdicts", "labels", "rejects"];

/// Tells whether a table holds what senders told, and not what Weir itself writes.
#[must_use]
pub fn is_event_table(name: &str, schema: &Schema) -> bool {
    !OWN_TABLES.contains(&name) && schema.index_of("trust").is_ok()
}

/// How a rule sees the event tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight {
    /// Rows of browsers too, not only those of servers.
    pub(crate) browser_facts: bool,
    /// The column `entity_id` stands for the column of this kind.
    pub(crate) entity_id: Option<EntityKind>,
    /// Nothing that was received later, microseconds: what a rule finds at one time may not depend on when it is asked.
    pub(crate) as_of: Option<i64>,
}

impl Sight {
    /// Returns the tables as a rule sees them. What is planned over them, views included, sees no other rows.
    pub(crate) fn over(self, tables: &Tables) -> Result<Tables> {
        tables.iter().map(|(name, table)| Ok((name.clone(), self.see(name, table)?))).collect()
    }

    fn see(self, name: &str, table: &Arc<dyn TableProvider>) -> Result<Arc<dyn TableProvider>> {
        let schema = table.schema();
        let has = |column: &&str| schema.index_of(column).is_ok();
        let mut plan = LogicalPlanBuilder::scan(name, provider_as_source(Arc::clone(table)), None)?;
        if let Some(as_of) = self.as_of.filter(|_| has(&"received_at")) {
            plan = plan.filter(
                col("received_at").lt_eq(lit(ScalarValue::TimestampMicrosecond(Some(as_of), Some("UTC".into())))),
            )?;
        }
        if !is_event_table(name, &schema) {
            return if self.as_of.is_some() {
                Ok(Arc::new(ViewTable::new(plan.build()?, None)))
            } else {
                Ok(Arc::clone(table))
            };
        }
        if !self.browser_facts {
            plan = plan.filter(col("trust").eq(lit("server")))?;
        }
        let ids: Vec<&str> =
            self.entity_id.map_or_else(Vec::new, |kind| kind.columns().iter().copied().filter(has).collect());
        if !ids.is_empty() {
            let text = schema.field_with_name("trust")?.data_type().clone();
            let mut ids: Vec<Expr> = ids.into_iter().map(|id| cast(col(id), text.clone())).collect();
            let id = if ids.len() > 1 { coalesce(ids) } else { ids.remove(0) };
            let columns = schema.fields().iter().map(|field| Expr::Column(field.name().as_str().into()));
            plan = plan.project(columns.chain([id.alias(ENTITY_ID)]))?;
        }
        Ok(Arc::new(ViewTable::new(plan.build()?, None)))
    }
}

/// Plans a statement over tables: typed and checked, not optimised. The tables must be known at once (`EmptyTable` is).
pub(crate) fn plan(engine: &Engine, statement: Statement, tables: Tables) -> Result<LogicalPlan> {
    let context = engine.session(tables).map_err(|error| DataFusionError::External(Box::new(error)))?;
    for marker in markers() {
        context.register_udf(marker);
    }
    let state = context.state();
    let planned = state.statement_to_plan(DfStatement::Statement(Box::new(statement))).now_or_never();
    let planned = planned.ok_or_else(|| DataFusionError::Internal("a table in memory made its planner wait".into()))?;
    state.analyzer().execute_and_check(planned?, state.config_options(), |_, _| {})
}
