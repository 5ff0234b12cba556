//! Weir's views: SQL files in `views/`, planned only when a query names them. A file's headers say what a row and each
//! column is (`views/described.rs`).
//!
//! A column that this query's tables do not show (a key's purposes decide) is left out of the view too, where the view
//! shows it as it is; a view that works with such a column is not there, and says so.

mod described;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use arrow::array::AsArray;
use datafusion::catalog::{TableProvider, view::ViewTable};
use datafusion::common::{DataFusionError, Result, SchemaError};
use datafusion::execution::session_state::SessionState;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, Select, SelectItem, TableFactor, VisitMut, VisitorMut};

use super::session::over;
use super::{Engine, Params, Tables, guard};
use crate::error::QueryError;

pub use described::ViewColumn;

/// One view.
pub struct View {
    /// Its name in SQL.
    pub name: &'static str,
    /// What a row of it is.
    pub title: String,
    /// Its columns, in order.
    pub columns: Vec<ViewColumn>,
    /// The tables it reads, each as often as it reads it: without all of them there is no view.
    pub(super) reads: &'static [&'static str],
    sql: &'static str,
}

static VIEWS: LazyLock<Vec<View>> = LazyLock::new(|| {
    vec![
        described::view(
            "events",
            &["usage", "errors", "devices", "logs", "credits", "payments", "identities"],
            include_str!("../../views/events.sql"),
        ),
        described::view("binds", &["identities"], include_str!("../../views/binds.sql")),
        described::view("binds_public", &["identities"], include_str!("../../views/binds_public.sql")),
        described::view("people", &["identities"; 3], include_str!("../../views/people.sql")),
        described::view("people_public", &["identities"; 3], include_str!("../../views/people_public.sql")),
        described::view("ledger", &["credits"; 4], include_str!("../../views/ledger.sql")),
        described::view("issues", &["errors", "identities", "issue_states"], include_str!("../../views/issues.sql")),
        described::view("release_health", &["sessions"], include_str!("../../views/release_health.sql")),
    ]
});

/// Returns all views.
#[must_use]
pub fn all() -> &'static [View] {
    &VIEWS
}

impl Engine {
    /// Returns the views that can be made of these tables, with the columns and types that each has then.
    ///
    /// # Errors
    /// As [`Engine::ask`].
    pub async fn views_over(&self, tables: Tables) -> Result<BTreeMap<String, Vec<(String, String)>>, QueryError> {
        let sql = "select table_name, column_name, data_type from information_schema.columns \
                   order by table_name, ordinal_position";
        let answer = self.ask(sql, &Params::new(), tables).await?;
        let mut views: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for batch in answer.collect().await? {
            let text = |column: usize, row: usize| batch.column(column).as_string::<i32>().value(row).to_owned();
            for row in 0..batch.num_rows() {
                views.entry(text(0, row)).or_default().push((text(1, row), text(2, row)));
            }
        }
        views.retain(|name, _| all().iter().any(|view| view.name == name));
        Ok(views)
    }
}

/// Plans a view over the tables of one query.
///
/// # Errors
/// [`QueryError::Invalid`] within, when the view works with a column that is not there.
pub(super) async fn plan(
    view: &View,
    tables: &HashMap<String, Arc<dyn TableProvider>>,
    state: &Arc<SessionState>,
) -> Result<Arc<dyn TableProvider>> {
    let external = |error: QueryError| DataFusionError::External(Box::new(error));
    let mut statement = guard::parse_own(view.sql).map_err(external)?;
    if let Statement::Statement(inner) = &mut statement {
        let ControlFlow::Continue(()) = inner.visit(&mut LeaveOut { tables });
    }
    let tables = tables.iter().map(|(name, table)| (name.clone(), Arc::clone(table))).collect();
    let planned = over(state, tables).statement_to_plan(statement).await;
    let plan = planned.map_err(|error| match missing_column(&error) {
        Some(column) => external(QueryError::invalid(format!(
            "the view {} is not there: it works with the column {column}, which this query may not see",
            view.name
        ))),
        None => error,
    })?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// Tells whether a view could not be planned because it works with a column that its query may not see.
pub(super) fn is_not_there(error: &DataFusionError) -> bool {
    let DataFusionError::External(inner) = error.find_root() else { return false };
    matches!(inner.downcast_ref(), Some(QueryError::Invalid { .. }))
}

/// Returns the column for want of which a statement cannot be planned.
fn missing_column(error: &DataFusionError) -> Option<&str> {
    match error.find_root() {
        DataFusionError::SchemaError(inner, _) => match inner.as_ref() {
            SchemaError::FieldNotFound { field, .. } => Some(&field.name),
            _ => None,
        },
        _ => None,
    }
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
