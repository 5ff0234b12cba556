//! Weir's own questions to the tables, whose answers become part of another answer.

use ::queries::{Params, QueryError, Tables, to_json};
use serde_json::{Map, Value};

use super::Weir;

/// Rows by the names of their columns.
pub(super) struct Found {
    /// At most as many as were asked for.
    pub(super) rows: Vec<Map<String, Value>>,
    /// There are more.
    pub(super) is_truncated: bool,
}

/// Asks for at most so many rows. The parameters are texts.
pub(super) async fn ask(
    app: &Weir,
    sql: &str,
    params: &[(&str, &str)],
    tables: &Tables,
    rows_max: usize,
) -> Result<Found, QueryError> {
    let params: Params = params.iter().map(|(name, text)| ((*name).to_owned(), Value::from(*text))).collect();
    let table = to_json(app.engine.ask(sql, &params, tables.clone()).await?, rows_max).await?;
    let named = |row: Vec<Value>| table.columns.iter().map(|column| column.name.clone()).zip(row).collect();
    Ok(Found { rows: table.rows.into_iter().map(named).collect(), is_truncated: table.truncated })
}
