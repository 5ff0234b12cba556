//! `POST /v1/sql`: one statement in, one answer out, in the form that the client accepts. What a statement may do is
//! `queries::Engine`'s to say.

use std::collections::BTreeMap;

use ::queries::catalogue::value_from_text;
use ::queries::{Answer, Form, Params, QueryError, encode, to_json};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::stream;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::auth::{Authorized, Query};
use super::error::Problem;
use super::{App, Weir, json};
use crate::clock;
use crate::control::{Key, Purposes};

/// Statements themselves are bounded by the engine; this leaves room for their parameters.
const BODY_BYTES_MAX: usize = 256 << 10;
const ROWS_DEFAULT: usize = 10_000;

/// The body of `POST /v1/sql`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    /// One read-only statement.
    sql: String,
    /// Values of `$name` parameters.
    #[serde(default)]
    #[schema(value_type = Object)]
    params: Params,
    /// Values of further `$name` parameters as a person writes them, each with its type.
    #[serde(default)]
    typed: BTreeMap<String, TypedText>,
    /// Rows of a JSON answer, 10000 by default. The streaming forms have no cap.
    limit: Option<usize>,
}

/// A value as a person writes it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TypedText {
    /// timestamp, interval, int, float, text, bool, enum(a|b) or entity(kind), as stored queries declare their parameters.
    #[serde(rename = "type")]
    ty: String,
    /// The value: `-24h`, `2026-11-22`, `5`. None, or an empty one, is null.
    value: Option<String>,
}

/// Answers a statement.
#[utoipa::path(post, path = "/v1/sql", tag = "queries", summary = "Run SQL", request_body = Ask,
    params(("Accept" = Option<String>, Header, description = "application/json (default), application/x-ndjson, text/csv, \
            application/vnd.apache.arrow.stream or application/vnd.apache.parquet"),
        ("Weir-After" = Option<String>, Header, description = "A receipt that the answer must include")),
    responses((status = 200, description = "columns, rows, row_count, truncated, elapsed_ms, scanned_bytes; or a stream"),
        (status = 400, description = "The engine's message, with line, column and the nearest names"),
        (status = 403, description = "Not a statement that only reads"), (status = 408, description = "Took too long"),
        (status = 429, description = "Too many at once"), (status = 504, description = "not_caught_up"),
        (status = 507, description = "Too little memory")))]
pub(crate) async fn run(
    auth: Authorized<Query>,
    State(app): State<App>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let form = accepted(&parts.headers)?;
    let ask: Ask = app.bodies.read_json(body, BODY_BYTES_MAX).await?;
    let limit = row_limit(ask.limit, app.config.sql.rows_max)?;
    let params = with_typed(ask.params, ask.typed)?;
    answer(&app, &auth.key, (&ask.sql, &params), form, limit).await
}

fn with_typed(mut params: Params, typed: BTreeMap<String, TypedText>) -> Result<Params, Problem> {
    let now = clock::now();
    for (name, TypedText { ty, value }) in typed {
        let value = typed_value(&name, &ty, value.as_deref(), now)?;
        if params.insert(name.clone(), value).is_some() {
            return Err(Problem::invalid(format!("the parameter {name} is given in `params` and in `typed`")));
        }
    }
    Ok(params)
}

/// Reads a value as a person writes it.
pub(super) fn typed_value(name: &str, ty: &str, text: Option<&str>, now: i64) -> Result<Value, Problem> {
    value_from_text(ty, text, now).map_err(|wanted| {
        QueryError::invalid_with_hint(format!("the parameter ${name} cannot be read as {ty}"), wanted).into()
    })
}

/// Begins to answer a statement for a key.
pub(super) async fn begin(app: &Weir, key: &Key, sql: &str, params: &Params) -> Result<Answer, Problem> {
    let asked = app.engine.ask(sql, params, app.tables(key)?).await;
    asked.map_err(|error| about_purposes(error, key))
}

/// Runs a statement for a key and writes its answer in this form.
pub(super) async fn answer(
    app: &Weir,
    key: &Key,
    (sql, params): (&str, &Params),
    form: Form,
    row_limit: usize,
) -> Result<Response, Problem> {
    let answer = begin(app, key, sql, params).await?;
    if form == Form::Json {
        return Ok(json(&to_json(answer, row_limit).await?));
    }
    stream(form, answer).await
}

/// Streams an answer. An error before the first bytes still has its status; one after them breaks the connection, so
/// that half an answer is never taken for a whole one. A client that leaves drops the stream, which ends the query.
async fn stream(form: Form, answer: Answer) -> Result<Response, Problem> {
    let mut chunks = encode(form, answer);
    let first = chunks.next().await.transpose()?;
    let body = Body::from_stream(stream::iter(first.map(Ok::<_, QueryError>)).chain(chunks));
    Ok(([(header::CONTENT_TYPE, form.content_type())], body).into_response())
}

/// Chooses the form by the `Accept` header: the first that we know, JSON if any will do.
pub(super) fn accepted(headers: &HeaderMap) -> Result<Form, Problem> {
    let Some(accept) = headers.get(header::ACCEPT) else { return Ok(Form::Json) };
    let accept = accept.to_str().unwrap_or_default();
    if accept.trim().is_empty() {
        return Ok(Form::Json);
    }
    Form::from_accept(accept).ok_or(Problem::NotAcceptable)
}

fn row_limit(asked: Option<usize>, max: usize) -> Result<usize, Problem> {
    match asked {
        None => Ok(ROWS_DEFAULT.min(max)),
        Some(limit) if limit <= max => Ok(limit),
        Some(_) => Err(Problem::invalid(format!("limit must be at most {max}; the streaming forms have no cap"))),
    }
}

/// A column that a key may not see is not there for it. Say so, lest its owner looks for a typing error.
pub(super) fn about_purposes(error: QueryError, key: &Key) -> Problem {
    if key.purposes == Purposes::ALL {
        return error.into();
    }
    match error {
        QueryError::Invalid { message, line, column, hint } => {
            let purposes = key.purposes.names().join(", ");
            let note = format!("this key sees columns kept for {purposes}; GET /v1/tables tells which");
            let hint = hint.map_or_else(|| note.clone(), |hint| format!("{hint}; {note}"));
            QueryError::Invalid { message, line, column, hint: Some(hint) }.into()
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_bounded() {
        assert_eq!(row_limit(None, 100_000).unwrap(), ROWS_DEFAULT);
        assert_eq!(row_limit(Some(3), 100_000).unwrap(), 3);
        assert!(row_limit(Some(100_001), 100_000).is_err());
    }

    #[test]
    fn values_as_a_person_writes_them_join_the_others() {
        let typed = |ty: &str, value: &str| {
            BTreeMap::from([("least".to_owned(), TypedText { ty: ty.into(), value: Some(value.into()) })])
        };
        let params = with_typed(Params::from_iter([("a".to_owned(), Value::from(1))]), typed("int", "5")).unwrap();
        assert_eq!((&params["a"], &params["least"]), (&Value::from(1), &Value::from(5)));
        let twice = with_typed(params, typed("int", "5")).unwrap_err().into_message();
        assert!(twice.contains("least"), "{twice}");
        let wrong = with_typed(Params::new(), typed("int", "many")).unwrap_err().into_shape();
        assert_eq!(wrong["error"]["hint"], "a whole number is wanted");
    }

    #[test]
    fn the_form_follows_accept() {
        let form = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            accepted(&headers)
        };
        assert_eq!(form("text/csv").unwrap(), Form::Csv);
        assert_eq!(form("*/*").unwrap(), Form::Json);
        assert!(matches!(form("image/png"), Err(Problem::NotAcceptable)));
        assert_eq!(accepted(&HeaderMap::new()).unwrap(), Form::Json);
    }
}
