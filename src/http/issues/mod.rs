//! `/v1/issues`: errors that are one bug, for whoever mends it. The figures are stored queries (`queries/errors/`), so that
//! SQL gives the same ones; what people decide is `issues/`'s to keep.

mod asker;

use ::queries::Params;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::address::Named;
use super::auth::{Authorized, Query, Review};
use super::error::Problem;
use super::{App, Weir, json as answer, stack, to_its_end};
use crate::clock;
use crate::control::By;
use crate::issues::{Decision, IssueState, IssuesError, ReviewError, Status};
pub(super) use asker::{Asker, event, given, of_issue};

const BODY_BYTES_MAX: usize = 64 << 10;
/// Rows of a list.
pub(super) const ROWS_MAX: usize = 1_000;

impl From<IssuesError> for Problem {
    fn from(error: IssuesError) -> Self {
        match error {
            IssuesError::Query(error) => error.into(),
            IssuesError::Control(error) => error.into(),
        }
    }
}

impl From<ReviewError> for Problem {
    fn from(error: ReviewError) -> Self {
        match error {
            ReviewError::Invalid(message) => Self::invalid(message),
            ReviewError::Unknown(_) => Self::not_found(error.to_string()),
            ReviewError::Behind(error) => error.into(),
        }
    }
}

/// Lists issues.
#[utoipa::path(get, path = "/v1/issues", tag = "issues", summary = "Errors that are one bug",
    params(("status" = Option<String>, Query, description = "open, resolved or ignored; else all"),
        ("state" = Option<String>, Query, description = "new, regressed, ongoing, resolved or ignored; else all. Open issues are \
            new, regressed or ongoing"),
        ("new_since" = Option<String>, Query, description = "An issue is new if none of its errors came before. Default: 7 days"),
        ("release" = Option<String>, Query, description = "Only errors of this release count"),
        ("environment" = Option<String>, Query, description = "Only errors of this environment count"),
        ("q" = Option<String>, Query, description = "Only errors with this text in type, message, culprit or stack count"),
        ("sort" = Option<String>, Query, description = "last_seen (default), first_seen, events or people"),
        ("since" = Option<String>, Query, description = "Only errors received since count; RFC 3339, epoch milliseconds or an \
            offset like -24h. Default: 30 days"),
        ("limit" = Option<i64>, Query, description = "At most 1000. Default: 100")),
    responses((status = 200, description = "issues: id (issue_id in SQL), type, message, culprit, level, status, is_regressed, \
        in_release, first_seen, last_seen, first_release, last_release, events, unhandled, people, workspaces, state; truncated"),
        (status = 400, description = "Unknown or malformed parameter")))]
pub(crate) async fn list(
    auth: Authorized<Query>,
    State(app): State<App>,
    request: Request,
) -> Result<Response, Problem> {
    const KNOWN: [&str; 9] = ["status", "state", "new_since", "release", "environment", "q", "sort", "since", "limit"];
    let mut params = given(&request, &KNOWN)?;
    let limit = page(&mut params)?;
    let found = Asker::new(&app, &auth.key).await?.ask("issues", params, limit).await?;
    let issues: Vec<_> = found.rows.into_iter().map(identified).collect();
    Ok(answer(&json!({"issues": issues, "truncated": found.is_truncated})))
}

/// Shows one issue.
#[utoipa::path(get, path = "/v1/issues/{id}", tag = "issues", summary = "One issue",
    params(("id" = String, Path), ("since" = Option<String>, Query, description = "As for the list")),
    responses((status = 200, description = "What the list tells of it, and: after_release, until, until_events, changed_at, changed_by; \
        trend (bucket, errors, people, a day each); facets (facet, value, events, share, baseline, difference in percent); \
        tags; feedback (what people wrote); groupings (hashes, reason, events) and the hashes that lead to it; impact (accounts, paying_accounts, \
        workspaces, paying_workspaces, credits_spent, credits_refunded; null for keys without the purpose billing); latest: \
        its newest error with breadcrumbs, properties, and frames by source maps"),
        (status = 404, description = "No error of such an issue was received in the range")))]
pub(crate) async fn show(
    auth: Authorized<Query>,
    State(app): State<App>,
    Named(id): Named,
    request: Request,
) -> Result<Response, Problem> {
    let params = of_issue(given(&request, &["since"])?, &id);
    let asker = Asker::new(&app, &auth.key).await?;
    let rows = async |name: &str| Ok::<_, Problem>(asker.ask(name, params.clone(), ROWS_MAX).await?.rows);
    let Some(mut issue) = rows("issues").await?.pop().map(identified) else {
        return Err(ReviewError::Unknown(id).into());
    };
    if let Some(state) = app.issues.state_of(&id) {
        issue.extend(decided(&state));
    }
    for (field, query) in [
        ("trend", "issue_trend"),
        ("facets", "issue_facets"),
        ("tags", "issue_tags"),
        ("groupings", "issue_groupings"),
        ("feedback", "issue_feedback"),
    ] {
        issue.insert(field.to_owned(), json!(rows(query).await?));
    }
    issue.insert("hashes".to_owned(), json!(app.issues.hashes_of(&id)));
    let impact = asker.impact(params.clone()).await?;
    issue.insert("impact".to_owned(), impact.map_or(Value::Null, Value::Object));
    let mut latest = asker.newest(params).await?.map_or(Value::Null, event);
    if let Some(event_id) = latest.get("event_id").and_then(Value::as_str).map(str::to_owned) {
        let (_, frames) = stack::resolved(&app, &auth.key, &event_id).await?;
        latest["frames"] = json!(frames);
    }
    issue.insert("latest".to_owned(), latest);
    Ok(answer(&issue))
}

/// Lists the errors of an issue.
#[utoipa::path(get, path = "/v1/issues/{id}/events", tag = "issues", summary = "The errors of an issue, the newest first",
    params(("id" = String, Path), ("since" = Option<String>, Query, description = "As for the list"),
        ("before" = Option<String>, Query, description = "Only errors received before: the received_at of the last one shown, \
            for the next page"),
        ("release" = Option<String>, Query), ("environment" = Option<String>, Query),
        ("limit" = Option<i64>, Query, description = "At most 1000. Default: 100")),
    responses((status = 200, description = "events: what each error tells, with stack, breadcrumbs, properties and why it was \
        grouped so; truncated")))]
pub(crate) async fn events(
    auth: Authorized<Query>,
    State(app): State<App>,
    Named(id): Named,
    request: Request,
) -> Result<Response, Problem> {
    let mut params = given(&request, &["since", "before", "release", "environment", "limit"])?;
    let limit = page(&mut params)?;
    let found = Asker::new(&app, &auth.key).await?.ask("issue_events", of_issue(params, &id), limit).await?;
    let events: Vec<Value> = found.rows.into_iter().map(event).collect();
    Ok(answer(&json!({"events": events, "truncated": found.is_truncated})))
}

/// Reads how many rows are asked for, and leaves it to the asker.
fn page(params: &mut Params) -> Result<usize, Problem> {
    const USUAL: usize = 100;
    match params.remove("limit").as_ref().and_then(Value::as_str) {
        None => Ok(USUAL),
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=ROWS_MAX).contains(limit))
            .ok_or_else(|| Problem::invalid(format!("limit must be from 1 to {ROWS_MAX}"))),
    }
}

/// The body of `PATCH /v1/issues/{id}`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewStatus {
    /// open, resolved or ignored.
    #[schema(value_type = String)]
    status: Status,
    /// With resolved: the release that is without it. Errors of earlier releases leave it resolved; one of this or a later
    /// release opens it again, `is_regressed`. Without: the next error does.
    in_release: Option<String>,
    /// With resolved: the last release that has it, where the one without it has no name yet: an error of a later release
    /// opens it again, `is_regressed`.
    after_release: Option<String>,
    /// With ignored: open again after so many more errors.
    until_events: Option<i64>,
    /// With ignored: open again at this time, RFC 3339 or epoch milliseconds.
    #[schema(value_type = Option<String>)]
    until: Option<Value>,
}

/// Decides about an issue.
#[utoipa::path(patch, path = "/v1/issues/{id}", tag = "issues", summary = "Open, resolve or ignore an issue",
    params(("id" = String, Path)), request_body = NewStatus,
    responses((status = 200, description = "In force and durable: id, status, is_regressed, in_release, \
        after_release, until, until_events, changed_at, changed_by"),
        (status = 400, description = "Fields that do not go together"), (status = 404, description = "No such issue")))]
pub(crate) async fn decide(
    auth: Authorized<Review>,
    State(app): State<App>,
    Named(id): Named,
    body: Body,
) -> Result<Response, Problem> {
    let new: NewStatus = app.bodies.read_json(body, BODY_BYTES_MAX).await?;
    let until = match &new.until {
        None | Some(Value::Null) => None,
        Some(value) => Some(clock::from_json(value).map_err(|error| Problem::invalid(format!("until: {error}")))?),
    };
    let NewStatus { status, in_release, after_release, until_events, .. } = new;
    let decision = Decision { status, in_release, after_release, until, until_events };
    let state = to_its_end(async move {
        let by = By { actor: &auth.key.name, at: clock::now() };
        app.issues.decide(&app.ingest, &id, decision, by).await
    });
    let state = state.await?;
    let mut shown = identified(Map::from_iter([("issue_id".to_owned(), json!(&*state.issue))]));
    shown.extend(decided(&state));
    Ok(answer(&shown))
}

/// The body of `POST /v1/issues/{id}/merge`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Merged {
    /// The issues whose errors are to belong to this one.
    issues: Vec<String>,
}

/// Merges issues.
#[utoipa::path(post, path = "/v1/issues/{id}/merge", tag = "issues", summary = "Merge issues into this one",
    params(("id" = String, Path)), request_body = Merged,
    description = "Errors of the past move as well; nothing is rewritten, and a split undoes it.",
    responses((status = 200, description = "Durable: id and its hashes"),
        (status = 404, description = "One of them is no issue")))]
pub(crate) async fn merge(
    auth: Authorized<Review>,
    State(app): State<App>,
    Named(id): Named,
    body: Body,
) -> Result<Response, Problem> {
    let merged: Merged = app.bodies.read_json(body, BODY_BYTES_MAX).await?;
    let merge = async move {
        let by = By { actor: &auth.key.name, at: clock::now() };
        app.issues.merge(&app.ingest, &id, &merged.issues, by).await?;
        Ok::<_, ReviewError>(with_hashes(&app, &id))
    };
    Ok(answer(&to_its_end(merge).await?))
}

/// The body of `POST /v1/issues/{id}/split`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Split {
    /// The hashes, of those that the issue lists, that are to be an issue of their own.
    hashes: Vec<String>,
}

/// Splits an issue.
#[utoipa::path(post, path = "/v1/issues/{id}/split", tag = "issues", summary = "Make an issue of its own of some of its hashes",
    params(("id" = String, Path)), request_body = Split,
    responses((status = 200, description = "Durable: the new id and its hashes"),
        (status = 400, description = "A hash is not of this issue, or none would be left"),
        (status = 404, description = "No such issue")))]
pub(crate) async fn split(
    auth: Authorized<Review>,
    State(app): State<App>,
    Named(id): Named,
    body: Body,
) -> Result<Response, Problem> {
    let split: Split = app.bodies.read_json(body, BODY_BYTES_MAX).await?;
    let split = async move {
        let by = By { actor: &auth.key.name, at: clock::now() };
        let new = app.issues.split(&app.ingest, &id, &split.hashes, by).await?;
        Ok::<_, ReviewError>(with_hashes(&app, &new))
    };
    Ok(answer(&to_its_end(split).await?))
}

fn with_hashes(app: &Weir, issue: &str) -> Map<String, Value> {
    let hashes = ("hashes".to_owned(), json!(app.issues.hashes_of(issue)));
    identified(Map::from_iter([("issue_id".to_owned(), json!(issue)), hashes]))
}

fn decided(state: &IssueState) -> Map<String, Value> {
    let Value::Object(decided) = json!({
        "status": state.status_at(clock::now()),
        "is_regressed": state.is_regressed,
        "in_release": state.in_release,
        "after_release": state.after_release,
        "until": state.until.map(clock::rfc3339),
        "until_events": state.until_events,
        "events_since": state.until_events.map(|_| state.events_since),
        "changed_at": clock::rfc3339(state.changed_at),
        "changed_by": state.changed_by,
    }) else {
        return Map::new();
    };
    decided
}

/// Calls the issue's id `id`, as paths do, beside the name that it has in SQL.
fn identified(mut issue: Map<String, Value>) -> Map<String, Value> {
    if let Some(id) = issue.get("issue_id").cloned() {
        issue.insert("id".to_owned(), id);
    }
    issue
}
