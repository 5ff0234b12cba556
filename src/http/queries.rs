//! Stored queries over HTTP: the list, and one by name with its parameters in the address.

use ::queries::{Form, Params, StoredQuery};
use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::address::Named;
use super::auth::{Authorized, Query};
use super::error::Problem;
use super::{App, address, sql};
use crate::clock;

/// Lists the stored queries.
#[utoipa::path(get, path = "/v1/queries", tag = "queries", summary = "Stored queries",
    responses((status = 200, description = "Name, area, title, parameters with types, defaults and units, columns, the text, and whether it was saved here, so \
        that it can be changed and deleted")))]
pub(crate) async fn list(_auth: Authorized<Query>, State(app): State<App>) -> Response {
    let queries: Vec<Value> = app.catalogue.load().list().iter().map(|query| describe(query)).collect();
    super::json(&json!({"queries": queries}))
}

/// Runs a stored query.
#[utoipa::path(get, path = "/v1/queries/{name}", tag = "queries", summary = "Run a stored query",
    params(("name" = String, Path, description = "The query's name; with .csv, .json, .ndjson, .arrow or .parquet in that form")),
    responses((status = 200, description = "As POST /v1/sql"), (status = 400, description = "Unknown or malformed parameter"),
        (status = 404, description = "No such query")))]
pub(crate) async fn run(
    auth: Authorized<Query>,
    State(app): State<App>,
    Named(name): Named,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let (name, form) =
        match name.rsplit_once('.').and_then(|(stem, ending)| Some((stem, Form::from_extension(ending)?))) {
            Some((stem, form)) => (stem.to_owned(), form),
            None => (name, sql::accepted(&parts.headers)?),
        };
    let catalogue = app.catalogue.load_full();
    let Some(query) = catalogue.get(&name) else {
        let nearest = catalogue.hint(&name).map(|hint| format!("; {hint}")).unwrap_or_default();
        return Err(Problem::not_found(format!("there is no stored query named {name:?}{nearest}")));
    };
    let given: Vec<(String, String)> = address::parameters(&parts.uri)?;
    let given: Params = given.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    let bound = query.bind(&given, clock::now())?;
    sql::answer(&app, &auth.key, (&query.sql, &bound), form, app.config.sql.rows_max).await
}

/// Shows a query as the list does.
pub(super) fn describe(query: &StoredQuery) -> Value {
    json!({
        "name": query.name,
        "area": query.area,
        "title": query.title,
        "params": query.params,
        "columns": query.columns,
        "sql": query.sql,
        "own": query.is_own(),
    })
}
