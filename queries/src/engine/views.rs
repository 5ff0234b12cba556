//! Weir's views: SQL files in `views/`, planned only when a query names them.
//!
//! A column that this query's tables do not show (a key's purposes decide) is left out of the view too.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::catalog::{TableProvider, view::ViewTable};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::session_state::SessionState;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, Select, SelectItem, TableFactor, VisitMut, VisitorMut};

use super::guard;
use super::session::over;

/// One view.
pub struct View {
    /// Its name in SQL.
    pub name: &'static str,
    /// What a row of it is.
    pub title: &'static str,
    /// The tables it reads: without all of them there is no view.
    pub(super) reads: &'static [&'static str],
    sql: &'static str,
}

/// Returns all views.
#[must_use]
pub fn all() -> &'static [View] {
    &[
        View {
            name: "events",
            title: "the common columns of every event a sender sent, with its kind",
            reads: &["usage", "errors", "devices", "logs", "credits", "payments", "identities"],
            sql: include_str!("../../views/events.sql"),
        },
        View {
            name: "issues",
            title: "errors that are one bug, with what was decided about them (issue_states) and their figures",
            reads: &["errors", "issue_states"],
            sql: include_str!("../../views/issues.sql"),
        },
    ]
}

/// Plans a view over the tables of one query.
pub(super) async fn plan(
    view: &View,
    tables: &HashMap<String, Arc<dyn TableProvider>>,
    state: &Arc<SessionState>,
) -> Result<Arc<dyn TableProvider>> {
    let mut statement = guard::parse_own(view.sql).map_err(|error| DataFusionError::External(Box::new(error)))?;
    if let Statement::Statement(inner) = &mut statement {
        let ControlFlow::Continue(()) = inner.visit(&mut LeaveOut { tables });
    }
    let tables = tables.iter().map(|(name, table)| (name.clone(), Arc::clone(table))).collect();
    let plan = over(state, tables).statement_to_plan(statement).await?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// Removes the columns that the one table of a select does not have.
struct LeaveOut<'a> {
    tables: &'a HashMap<String, Arc<dyn TableProvider>>,
}

impl VisitorMut for LeaveOut<'_> {
    type Break = std::convert::Infallible;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        if let [from] = select.from.as_slice()
            && let TableFactor::Table { name, .. } = &from.relation
            && let Some(table) = self.tables.get(&name.to_string())
        {
            let schema = table.schema();
            select.projection.retain(|item| match item {
                SelectItem::UnnamedExpr(Expr::Identifier(column)) => schema.index_of(&column.value).is_ok(),
                _ => true,
            });
        }
        ControlFlow::Continue(())
    }
}
