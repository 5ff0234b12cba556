//! `PUT` and `DELETE /v1/rules/{id}`: rules of the user's own, saved as files of the data directory; and what is wrong with a
//! text before it is saved.

use std::sync::Arc;

use ::queries::RuleReport;
use ::queries::rules::RULE_BYTES_MAX;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::address::Named;
use super::auth::{Authorized, Review};
use super::error::Problem;
use super::{App, blocking, json as answer, rules};
use crate::clock;
use crate::control::{By, Key};

/// The largest body: a text whose every letter is escaped.
const BODY_BYTES_MAX: usize = 6 * RULE_BYTES_MAX + 64;

/// The body of `PUT /v1/rules/{id}`, unless it is the text itself.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleText {
    /// The whole text, headers included; at most 64 KiB.
    sql: String,
}

/// Saves a rule.
#[utoipa::path(put, path = "/v1/rules/{id}", tag = "rules", summary = "Save a rule of your own",
    params(("id" = String, Path, description = "Its name: 1 to 64 of a-z, 0-9 and _. One that a built-in rule has hides it")),
    request_body(content = RuleText, description = "Or the text itself, if the body does not begin with `{`"),
    responses((status = 200, description = "In force and durable; as GET shows it. It begins in shadow, whatever its header \
        says, unless a mode was set for this very text before"),
        (status = 400, description = "No rule's name, or no rule: message, line and hint"),
        (status = 409, description = "A directory given by --rules has the name, or there are too many rules"),
        (status = 413, description = "Over 64 KiB")))]
pub(crate) async fn save(
    auth: Authorized<Review>,
    State(app): State<App>,
    Named(id): Named,
    body: Body,
) -> Result<Response, Problem> {
    let body = app.bodies.read(body, BODY_BYTES_MAX).await?;
    let text = read(&body.bytes)?;
    put(&app, &id, text, &auth.key).await?;
    rules::shown(&app, &id)
}

/// Saves a text as the rule of this name.
pub(super) async fn put(app: &App, id: &str, text: String, key: &Arc<Key>) -> Result<(), Problem> {
    let saved = {
        let (app, id, key) = (app.clone(), id.to_owned(), Arc::clone(key));
        move || app.rulebook.save_own(&app.ingest, &id, &text, By { actor: &key.name, at: clock::now() })
    };
    blocking(saved).await??;
    app.verdicts.set_rule_actions(app.rulebook.actions());
    Ok(())
}

/// Deletes a rule.
#[utoipa::path(delete, path = "/v1/rules/{id}", tag = "rules", summary = "Delete a rule of your own",
    params(("id" = String, Path)),
    responses((status = 204, description = "Deleted; its hits have ended. A built-in rule of the same name is in force again"),
        (status = 404, description = "No such rule"),
        (status = 409, description = "The rule is built in, or lies in a directory given by --rules: set its mode off")))]
pub(crate) async fn delete(
    auth: Authorized<Review>,
    State(app): State<App>,
    Named(id): Named,
) -> Result<Response, Problem> {
    remove(&app, &id, &auth.key).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Deletes the rule of this name.
pub(super) async fn remove(app: &App, id: &str, key: &Arc<Key>) -> Result<(), Problem> {
    let deleted = {
        let (app, id, key) = (app.clone(), id.to_owned(), Arc::clone(key));
        move || app.rulebook.delete_own(&app.ingest, &id, By { actor: &key.name, at: clock::now() })
    };
    blocking(deleted).await??;
    app.verdicts.set_rule_actions(app.rulebook.actions());
    Ok(())
}

/// Checks a text without saving it.
#[utoipa::path(post, path = "/v1/rules/{id}/check", tag = "rules", summary = "Check a rule's text",
    params(("id" = String, Path, description = "The name it would have")),
    request_body(content = RuleText, description = "As for PUT /v1/rules/{id}"),
    responses((status = 200, description = "`rule`: title, version, way and reason, window, state cost, as in the list; or null, and \
        `problem`: line, message and hint. Nothing is saved"),
        (status = 413, description = "Over 64 KiB")))]
pub(crate) async fn check(
    _auth: Authorized<Review>,
    State(app): State<App>,
    Named(id): Named,
    body: Body,
) -> Result<Response, Problem> {
    let body = app.bodies.read(body, BODY_BYTES_MAX).await?;
    let text = read(&body.bytes)?;
    let checked = blocking(move || app.rulebook.draft(&id, &text)).await?;
    Ok(answer(&match checked {
        Ok(rule) => json!({"rule": RuleReport::new(&rule, rule.headers.mode), "problem": null}),
        Err(wrong) => {
            let line = (wrong.line > 0).then_some(wrong.line);
            json!({"rule": null, "problem": {"line": line, "message": wrong.message, "hint": wrong.remedy}})
        }
    }))
}

fn read(body: &[u8]) -> Result<String, Problem> {
    let text = if body.trim_ascii_start().starts_with(b"{") {
        super::parse::<RuleText>(body)?.sql
    } else {
        String::from_utf8(body.to_vec()).map_err(|_| Problem::invalid("the text is not UTF-8"))?
    };
    if text.len() > RULE_BYTES_MAX {
        return Err(Problem::TooLarge(format!("the rule is over {RULE_BYTES_MAX} bytes").into()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_as_json_or_as_it_is() {
        assert_eq!(read(br#" {"sql":"select 1"}"#).unwrap(), "select 1");
        assert_eq!(read(b"--! title: T\nselect 1").unwrap(), "--! title: T\nselect 1");
        assert!(matches!(read(br#"{"sql":"select 1","mode":"live"}"#), Err(Problem::Invalid(_))));
        assert!(matches!(read(b"--\xff"), Err(Problem::Invalid(_))));
        assert!(matches!(read(&vec![b'-'; RULE_BYTES_MAX + 1]), Err(Problem::TooLarge(_))));
    }
}
