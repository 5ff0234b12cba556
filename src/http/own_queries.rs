//! `PUT` and `DELETE /v1/queries/{name}`: stored queries of the user's own, saved as files of the data directory.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::address::Named;
use super::auth::{Authorized, Query};
use super::error::Problem;
use super::{App, blocking, queries, sql};
use crate::clock;
use crate::control::By;
use crate::own_queries::{OwnQueries, QUERY_BYTES_MAX};

/// The largest body: a text whose every letter is escaped.
const BODY_BYTES_MAX: usize = 6 * QUERY_BYTES_MAX + 64;

/// The body of `PUT /v1/queries/{name}`.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryText {
    /// The whole text, headers included; at most 64 KiB.
    sql: String,
}

/// Saves a query.
#[utoipa::path(put, path = "/v1/queries/{name}", tag = "queries", summary = "Save a query of your own",
    params(("name" = String, Path, description = "Its name: 1 to 64 of a-z, 0-9 and _")), request_body = QueryText,
    responses((status = 200, description = "Found by its name and durable; as the list shows it"),
        (status = 400, description = "No name, no stored query, or one that cannot be planned: message, line and hint"),
        (status = 409, description = "The name is a built-in query's or the operator's, or there are too many"),
        (status = 413, description = "Over 64 KiB")))]
pub(crate) async fn save(
    auth: Authorized<Query>,
    State(app): State<App>,
    Named(name): Named,
    body: Body,
) -> Result<Response, Problem> {
    let QueryText { sql } = app.bodies.read_json(body, BODY_BYTES_MAX).await?;
    if sql.len() > QUERY_BYTES_MAX {
        return Err(Problem::TooLarge(format!("the query is over {QUERY_BYTES_MAX} bytes").into()));
    }
    let query = OwnQueries::read(&name, &sql)?;
    let now = clock::now();
    // What can be saved can be asked, at least by whoever saves it.
    let planned = app.engine.check(&query.sql, &query.bind_to_plan(now)?, app.tables(&auth.key)?).await;
    planned.map_err(|error| sql::about_purposes(error, &auth.key))?;
    let shown = json!({"query": queries::describe(&query)});
    let saved = move || {
        let by = By { actor: &auth.key.name, at: now };
        app.own_queries.save(&query, &app.catalogue, &app.control, by)
    };
    blocking(saved).await??;
    Ok(super::json(&shown))
}

/// Deletes a query.
#[utoipa::path(delete, path = "/v1/queries/{name}", tag = "queries", summary = "Delete a query of your own",
    params(("name" = String, Path)),
    responses((status = 204, description = "Deleted"), (status = 404, description = "No such query"),
        (status = 409, description = "The query is built in, or the operator's")))]
pub(crate) async fn delete(
    auth: Authorized<Query>,
    State(app): State<App>,
    Named(name): Named,
) -> Result<Response, Problem> {
    let deleted = move || {
        let by = By { actor: &auth.key.name, at: clock::now() };
        app.own_queries.delete(&name, &app.catalogue, &app.control, by)
    };
    blocking(deleted).await??;
    Ok(StatusCode::NO_CONTENT.into_response())
}
