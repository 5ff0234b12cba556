//! Rules over HTTP: which there are, how each runs, and in which mode.

use std::sync::Arc;

use ::queries::{Mode, Rule};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::address::Named;
use super::auth::{Authorized, Review};
use super::error::Problem;
use super::{App, blocking, json as answer};
use crate::clock;
use crate::control::{Key, Scope, Scopes, StoredMode};
use crate::rulebook::stored_mode;

const BODY_BYTES_MAX: usize = 4 << 10;

/// The body of `PUT /v1/rules/{id}/mode`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMode {
    /// off, shadow or live.
    pub(super) mode: String,
    /// A backtest of exactly this version.
    pub(super) backtest_id: Option<String>,
    /// Goes live without a backtest; needs scope admin, and the audit log shows it.
    #[serde(default)]
    pub(super) force: bool,
    /// Only if the rule is in this version; whichever it is in if it is left out.
    pub(super) version: Option<String>,
}

/// Lists the rules.
#[utoipa::path(get, path = "/v1/rules", tag = "rules", summary = "Rules, their modes and how they run",
    responses((status = 200, description = "Per rule: title, version, mode, way and reason, window, state cost, open hits; \
        and what is wrong with files that were left out")))]
pub(crate) async fn list(_auth: Authorized<Review>, State(app): State<App>) -> Response {
    let (rules, problems) = app.rulebook.list(clock::now());
    answer(&json!({"rules": rules, "problems": problems}))
}

/// Shows one rule with its text.
#[utoipa::path(get, path = "/v1/rules/{id}", tag = "rules", summary = "One rule", params(("id" = String, Path)),
    responses((status = 200, description = "As in the list, with its text and the snoozes in force"), (status = 404, description = "No such rule")))]
pub(crate) async fn show(
    _auth: Authorized<Review>,
    State(app): State<App>,
    Named(id): Named,
) -> Result<Response, Problem> {
    shown(&app, &id)
}

/// Answers with one rule as it is now.
pub(super) fn shown(app: &App, id: &str) -> Result<Response, Problem> {
    let now = clock::now();
    let Some((rule, _)) = app.rulebook.get(id) else { return Err(unknown(id)) };
    let (rules, _) = app.rulebook.list(now);
    let view = rules.into_iter().find(|view| view.report.name == rule.name);
    Ok(answer(&json!({"rule": view, "text": &*rule.text, "snoozes": app.verdicts.snoozes_of(id, now)})))
}

/// Sets the mode of a rule's present version.
#[utoipa::path(put, path = "/v1/rules/{id}/mode", tag = "rules", summary = "Set a rule's mode", request_body = NewMode,
    params(("id" = String, Path)),
    responses((status = 200, description = "The rule as it is now"), (status = 404, description = "No such rule"),
        (status = 409, description = "Going live needs a backtest of this version, or force by an admin")))]
pub(crate) async fn put_mode(
    auth: Authorized<Review>,
    State(app): State<App>,
    Named(id): Named,
    body: Body,
) -> Result<Response, Problem> {
    let new: NewMode = app.bodies.read_json(body, BODY_BYTES_MAX).await?;
    set_mode(&app, &id, &new, &auth.key).await?;
    let (rules, _) = app.rulebook.list(clock::now());
    Ok(answer(&json!({"rule": rules.into_iter().find(|view| *view.report.name == *id)})))
}

/// Sets the mode of a rule's present version, if there is ground for it. Returns the mode before.
pub(super) async fn set_mode(app: &App, id: &str, new: &NewMode, key: &Key) -> Result<Mode, Problem> {
    let Some(mode) = Mode::parse(&new.mode) else {
        return Err(Problem::invalid(format!("mode {:?} is none of off, shadow, live", new.mode)));
    };
    let Some((rule, present)) = app.rulebook.get(id) else { return Err(unknown(id)) };
    if new.version.as_ref().is_some_and(|version| **version != *rule.version) {
        let message = format!("the rule {id} was changed meanwhile: it is in version {}", rule.version);
        return Err(Problem::Conflict(message.into(), "look at it again, then decide"));
    }
    let is_promotion = mode == Mode::Live && present != Mode::Live;
    if is_promotion {
        check_ground(app, &rule, new, key).await?;
    }
    let forced = is_promotion && new.backtest_id.is_none();
    let set = StoredMode { forced, ..stored_mode(&rule, mode, &key.name, clock::now()) };
    let why = json!({"before": present.name(), "backtest_id": new.backtest_id});
    let (rulebook, ingest) = (app.rulebook.clone(), app.ingest.clone());
    tracing::info!(rule.name = &*rule.name, rule.mode = mode.name(), forced, "a rule's mode was set");
    blocking(move || rulebook.set_mode(&ingest, &set, "rule.mode", &why)).await??;
    Ok(present)
}

/// Going live needs a backtest of the very version, or force by an admin.
async fn check_ground(app: &App, rule: &Arc<Rule>, new: &NewMode, key: &Key) -> Result<(), Problem> {
    let hint = "POST /v1/rules/{id}/backtest and give its backtest_id, or say \"force\": true with a key of scope admin; \
        the audit log shows it";
    match &new.backtest_id {
        Some(id) => {
            let (rulebook, id, rule) = (app.rulebook.clone(), id.clone(), Arc::clone(rule));
            let checked = blocking(move || rulebook.check_backtest(&id, &rule)).await??;
            checked.map_err(|why| Problem::Conflict(why.into(), hint))
        }
        None if !new.force => Err(Problem::Conflict("going live needs a backtest of this very version".into(), hint)),
        None if !key.scopes.has_any(Scopes::of(&[Scope::Admin])) => Err(Problem::MissingScope("admin")),
        None => Ok(()),
    }
}

pub(super) fn unknown(id: &str) -> Problem {
    Problem::not_found(format!("there is no rule named {id:?}"))
}
