//! Weir's own questions to the tables, whose answers become part of another answer.

use ::queries::{JsonTable, Params, QueryError, Tables, to_json};
use serde_json::{Map, Value};

use super::Weir;
use super::error::Problem;
use crate::clock;

/// Rows by the names of their columns.
pub(super) struct Found {
    /// At most as many as were asked for.
    pub(super) rows: Vec<Map<String, Value>>,
    /// There are more.
    pub(super) is_truncated: bool,
}

/// Runs a stored query, its parameters checked as those of anybody's, for at most so many rows.
pub(super) async fn ask_stored(
    app: &Weir,
    name: &str,
    params: Params,
    tables: &Tables,
    rows_max: usize,
) -> Result<Found, Problem> {
    let catalogue = app.catalogue.load_full();
    let query = catalogue.get(name).ok_or_else(|| Problem::internal(format!("the stored query {name} is missing")))?;
    let bound = query.bind(&params, clock::now())?;
    Ok(found(to_json(app.engine.ask(&query.sql, &bound, tables.clone()).await?, rows_max).await?))
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
    Ok(found(to_json(app.engine.ask(sql, &params, tables.clone()).await?, rows_max).await?))
}

fn found(table: JsonTable) -> Found {
    Found { is_truncated: table.truncated, rows: table.into_objects() }
}
