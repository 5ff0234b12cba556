//! `/v1/rules/{id}/snooze`: hits of a rule on one entity that count for nothing for a while.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::address::Named;
use super::auth::{Authorized, Review};
use super::error::Problem;
use super::{App, blocking, json, rules, verdict};
use crate::clock;
use crate::control::By;

const BODY_BYTES_MAX: usize = 16 << 10;

/// Snoozes a rule for an entity.
#[utoipa::path(post, path = "/v1/rules/{id}/snooze", tag = "rules", summary = "Snooze a rule for one entity",
    params(("id" = String, Path)),
    request_body(content_type = "application/json", description = "{entity_kind, entity, until, reason?}: its hits on the \
        entity count for nothing until then, at most 180 days ahead. An address or e-mail is hashed. A whole rule is \
        silenced by its mode"),
    responses((status = 200, description = "In force and durable"), (status = 404, description = "No such rule"),
        (status = 507, description = "There are too many snoozes")))]
pub(crate) async fn set(
    auth: Authorized<Review>,
    State(app): State<App>,
    Named(id): Named,
    body: Body,
) -> Result<Response, Problem> {
    let body = app.bodies.read(body, BODY_BYTES_MAX).await?;
    if app.rulebook.get(&id).is_none() {
        return Err(rules::unknown(&id));
    }
    let set = blocking(move || app.verdicts.snooze(&id, &body.bytes, &auth.key.name, clock::now())).await??;
    Ok(json(&*set))
}

/// Ends a snooze. The entity is named in the body or in the query.
#[utoipa::path(delete, path = "/v1/rules/{id}/snooze", tag = "rules", summary = "End a snooze",
    params(("id" = String, Path),
        ("entity_kind" = Option<String>, Query, description = "Unless the body names it"),
        ("entity" = Option<String>, Query, description = "Unless the body names it")),
    request_body(content_type = "application/json", description = "{entity_kind, entity}, unless the query names them"),
    responses((status = 204, description = "Ended"), (status = 404, description = "The rule is not snoozed for the entity")))]
pub(crate) async fn end(
    auth: Authorized<Review>,
    State(app): State<App>,
    Named(id): Named,
    request: Request,
) -> Result<Response, Problem> {
    let (kind, entity) = verdict::whom(&app, request).await?;
    blocking(move || {
        let by = By { actor: &auth.key.name, at: clock::now() };
        app.verdicts.end_snooze(&id, (kind, &entity), by)?;
        Ok(StatusCode::NO_CONTENT.into_response())
    })
    .await?
}
