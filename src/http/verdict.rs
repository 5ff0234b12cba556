//! The verdict routes: thin over `verdict/`. `POST /v1/verdict` is the hot path: nothing is allocated here but the answer.

use ::queries::EntityKind;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::address::Named;
use super::auth::{Authorized, Need, Review, Verdict};
use super::error::Problem;
use super::evidence::Evidence;
use super::{App, address, blocking, json, recorded};
use crate::clock;
use crate::control::{By, Scope};
use crate::verdict::{BATCH_BYTES_MAX, BODY_BYTES_MAX, Caller, Explain, Told, VerdictError, parse_kind};

/// The body of an override, bytes.
const OVERRIDE_BYTES_MAX: usize = 16 << 10;

pub(super) fn caller<N: Need>(auth: &Authorized<N>) -> Caller<'_> {
    Caller { key: &auth.key.name, review: auth.key.scopes.has(Scope::Review) }
}

/// Decides one request.
#[utoipa::path(post, path = "/v1/verdict", tag = "verdicts", summary = "Allow, throttle or block",
    request_body(content_type = "application/json", description = "`action` and at least one of account_id, guest_id, \
        device_id, session_id, workspace_id, api_key_id, referrer_id, ip, card_hash, email; optionally request_id, \
        user_agent, cost_credits, dry_run, explain (none, codes, rows; rows needs scope review and adds to each reason that is a \
        rule's hit its `evidence`: table, event_id, received_at and trust of at most 100 events, the newest first, with \
        `evidence_truncated`; or null with `evidence_note`)"),
    responses((status = 200, description = "The decision: decision_id, verdict, step_up, score, retry_after_ms, expires_at, \
        cache_ttl_ms, reasons, shadow, policy_version, data_as_of, degraded"),
        (status = 400, description = "Malformed; never a silent allow"), (status = 409, description = "request_id with another body")))]
pub(crate) async fn decide(auth: Authorized<Verdict>, State(app): State<App>, body: Body) -> Result<Response, Problem> {
    let body = app.bodies.read(body, BODY_BYTES_MAX).await?;
    let (decision, explain) = app.verdicts.decide_body(&body.bytes, caller(&auth), clock::now())?;
    if explain == Explain::Rows {
        let mut answer = serde_json::to_value(decision.answer(explain)).map_err(Problem::internal)?;
        Evidence::new(app).add_to(&mut answer).await;
        return Ok(json(&answer));
    }
    Ok(json(&decision.answer(explain)))
}

/// Decides up to 1,000 requests, in order.
#[utoipa::path(post, path = "/v1/verdicts", tag = "verdicts", summary = "Up to 1,000 decisions at once",
    request_body(content_type = "application/json", description = "An array of verdict requests"),
    responses((status = 200, description = "An array of answers in the same order; a malformed request has an `error` in its place")))]
pub(crate) async fn decide_batch(
    auth: Authorized<Verdict>,
    State(app): State<App>,
    body: Body,
) -> Result<Response, Problem> {
    let body = app.bodies.read(body, BATCH_BYTES_MAX).await?;
    let decide = {
        let app = app.clone();
        move || {
            let answers = app.verdicts.decide_batch(&body.bytes, caller(&auth), clock::now())?;
            let write = |answer: Result<Told, VerdictError>| match answer {
                Ok((decision, explain)) => (raw(&decision.answer(explain)), explain),
                Err(error) => (raw(&Problem::Verdict(error).into_shape()), Explain::None),
            };
            Ok::<_, Problem>(answers.into_iter().map(write).collect())
        }
    };
    let mut answers: Vec<(Box<RawValue>, Explain)> = blocking(decide).await??;
    let mut evidence = None;
    for (answer, _) in answers.iter_mut().filter(|(_, explain)| *explain == Explain::Rows) {
        let mut value = serde_json::from_str(answer.get()).map_err(Problem::internal)?;
        evidence.get_or_insert_with(|| Evidence::new(app.clone())).add_to(&mut value).await;
        *answer = raw(&value);
    }
    Ok(json(&answers.iter().map(|(answer, _)| answer).collect::<Vec<_>>()))
}

fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("answers are text and numbers")
}

/// Shows a decision: from memory for ten minutes, then from the table `verdicts`.
#[utoipa::path(get, path = "/v1/decisions/{id}", tag = "verdicts", summary = "One decision",
    params(("id" = String, Path, description = "The decision's id"),
        ("explain" = Option<String>, Query, description = "none, codes (default) or rows, which adds `evidence` to each reason \
            that is a rule's hit, as POST /v1/verdict does")),
    responses((status = 200, description = "The decision, its action, entities and reasons"),
        (status = 404, description = "No such decision; of allows above 1,000 a second only samples are kept")))]
pub(crate) async fn decision(
    _auth: Authorized<Review>,
    State(app): State<App>,
    Named(id): Named,
    uri: Uri,
) -> Result<Response, Problem> {
    let asked: Explained = address::parameters(&uri)?;
    Ok(json(&find_decision(&app, &id, asked.explain.unwrap_or_default()).await?))
}

/// Returns a decision with as much of its reasons as is asked for.
///
/// # Errors
/// Not found.
pub(super) async fn find_decision(app: &App, id: &str, explain: Explain) -> Result<Value, Problem> {
    let id: Uuid = id.parse().map_err(|_| Problem::not_found("this is not the id of a decision"))?;
    let mut decision = match app.verdicts.decision(id, clock::now()) {
        Some(decision) => serde_json::to_value(decision.detailed()).map_err(Problem::internal)?,
        None => {
            let kept = recorded::decision(app, id).await?;
            kept.ok_or_else(|| Problem::not_found("there is no decision of this id"))?
        }
    };
    match explain {
        Explain::None => ["reasons", "shadow"].into_iter().for_each(|list| decision[list] = serde_json::json!([])),
        Explain::Codes => {}
        Explain::Rows => Evidence::new(app.clone()).add_to(&mut decision).await,
    }
    Ok(decision)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Explained {
    explain: Option<Explain>,
}

/// Lists what is restrained now.
#[utoipa::path(get, path = "/v1/restrictions", tag = "verdicts", summary = "Active restrictions",
    responses((status = 200, description = "Every entity that a live hit or an override throttles or blocks")))]
pub(crate) async fn restrictions(_auth: Authorized<Verdict>, State(app): State<App>) -> Response {
    json(&serde_json::json!({"restrictions": app.verdicts.restrictions(clock::now())}))
}

/// Lists the overrides.
#[utoipa::path(get, path = "/v1/overrides", tag = "verdicts", summary = "Overrides in force",
    responses((status = 200, description = "The newest first")))]
pub(crate) async fn overrides(_auth: Authorized<Review>, State(app): State<App>) -> Response {
    let list = app.verdicts.overrides().list(clock::now());
    json(&serde_json::json!({"overrides": list}))
}

/// Sets an override.
#[utoipa::path(put, path = "/v1/overrides", tag = "verdicts", summary = "Set an entity's override",
    request_body(content_type = "application/json", description = "{entity_kind, entity, verdict, reason, expires_at}, all required"),
    responses((status = 200, description = "In force and durable")))]
pub(crate) async fn put_override(
    auth: Authorized<Review>,
    State(app): State<App>,
    body: Body,
) -> Result<Response, Problem> {
    let body = app.bodies.read(body, OVERRIDE_BYTES_MAX).await?;
    let put = blocking(move || app.verdicts.put_override(&body.bytes, &auth.key.name, clock::now())).await??;
    Ok(json(&*put))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whom {
    entity_kind: String,
    entity: String,
}

/// Ends an override. The entity is named in the body or in the query.
#[utoipa::path(delete, path = "/v1/overrides", tag = "verdicts", summary = "End an entity's override",
    params(("entity_kind" = Option<String>, Query, description = "Unless the body names it"),
        ("entity" = Option<String>, Query, description = "Unless the body names it")),
    request_body(content_type = "application/json", description = "{entity_kind, entity}, unless the query names them"),
    responses((status = 204, description = "Ended"), (status = 404, description = "The entity has none")))]
pub(crate) async fn delete_override(
    auth: Authorized<Review>,
    State(app): State<App>,
    request: Request,
) -> Result<Response, Problem> {
    let (kind, entity) = whom(&app, request).await?;
    blocking(move || {
        let by = By { actor: &auth.key.name, at: clock::now() };
        app.verdicts.overrides().delete(kind, &entity, by)?;
        Ok(StatusCode::NO_CONTENT.into_response())
    })
    .await?
}

/// Reads which entity a request is about, from its body or else its query, by the name it is kept under.
pub(super) async fn whom(app: &App, request: Request) -> Result<(EntityKind, String), Problem> {
    let (parts, body) = request.into_parts();
    let body = app.bodies.read(body, OVERRIDE_BYTES_MAX).await?;
    let named: Whom = if body.bytes.is_empty() { address::parameters(&parts.uri)? } else { super::parse(&body.bytes)? };
    let kind = parse_kind(&named.entity_kind)?;
    let entity = app.verdicts.entity_name(kind, &named.entity, clock::now())?;
    Ok((kind, entity))
}
