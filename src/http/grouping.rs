//! `/v1/grouping`: the rules of frames by which errors are grouped into issues, what others would make of the errors that are
//! kept, and putting them in force.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use ingest::grouping::FrameRule;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::auth::{Authorized, Query, Review};
use super::error::Problem;
use super::{App, blocking, json as answer, to_its_end};
use crate::clock;
use crate::control::By;

const BODY_BYTES_MAX: usize = 64 << 10;

/// The body of `PUT /v1/grouping` and of its preview.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    /// Each names frames by function, module and file (`*` is any text, in any case; the first that fits a frame decides)
    /// and their side: app, system, or ignore, as if they were not there. None: what the stack itself tells.
    #[schema(value_type = Vec<Object>)]
    rules: Vec<FrameRule>,
}

/// Shows the rules in force.
#[utoipa::path(get, path = "/v1/grouping", tag = "issues", summary = "How errors are grouped",
    responses((status = 200, description = "version, rules, set_by, set_at; without own rules, version 1")))]
pub(crate) async fn show(_auth: Authorized<Query>, State(app): State<App>) -> Result<Response, Problem> {
    let control = app.clone();
    let stored = blocking(move || control.control.grouping()).await??;
    Ok(answer(&match stored {
        Some(grouping) => json!({
            "version": grouping.version,
            "rules": serde_json::from_str::<Value>(&grouping.rules).unwrap_or_default(),
            "set_by": grouping.set_by,
            "set_at": clock::rfc3339(grouping.set_at),
        }),
        None => json!({"version": app.ingest.judge().grouper().version(), "rules": [], "set_by": null, "set_at": null}),
    }))
}

/// Says what rules would change.
#[utoipa::path(post, path = "/v1/grouping/preview", tag = "issues", summary = "What other rules would make of the errors kept",
    request_body = Rules,
    responses((status = 200, description = "Nothing has changed: version, events, before and after (issues), merged (into, \
        issues), split (issue, into); at most a hundred of each are named"),
        (status = 400, description = "A rule that names nothing, or a pattern that is too long")))]
pub(crate) async fn preview(
    _auth: Authorized<Review>,
    State(app): State<App>,
    body: Body,
) -> Result<Response, Problem> {
    let Rules { rules } = app.bodies.read_json(body, BODY_BYTES_MAX).await?;
    Ok(answer(&to_its_end(async move { app.issues.preview(&app.ingest, rules).await }).await?))
}

/// Puts rules in force.
#[utoipa::path(put, path = "/v1/grouping", tag = "issues", summary = "Group errors by other rules, those kept as well",
    request_body = Rules,
    description = "Rows are not rewritten. Issues that become one go on under the id that most of their errors have; of one \
        that becomes several, the largest part keeps its id and what was decided about it.",
    responses((status = 200, description = "In force and durable; as the preview"),
        (status = 400, description = "A rule that names nothing, or a pattern that is too long")))]
pub(crate) async fn set(auth: Authorized<Review>, State(app): State<App>, body: Body) -> Result<Response, Problem> {
    let Rules { rules } = app.bodies.read_json(body, BODY_BYTES_MAX).await?;
    let regroup = async move {
        let by = By { actor: &auth.key.name, at: clock::now() };
        app.issues.regroup(&app.ingest, rules, by).await
    };
    Ok(answer(&to_its_end(regroup).await?))
}
