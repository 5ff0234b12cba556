//! `GET /v1/events/errors/{event_id}/stack`: the stack of one error as its sources have it. How frames are looked up is
//! `crate::artifacts`' to say; here they are read from the tables, and handed to a thread that may decode maps.

use ::ingest::Purpose;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::address::Named;
use super::ask::ask;
use super::auth::{Authorized, Query};
use super::error::Problem;
use super::{App, json as answer};
use crate::artifacts::{DebugImage, Frame, ResolvedFrame};
use crate::clock;

/// What of an error tells where it happened.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stack {
    /// Newest first.
    pub(super) frames: Vec<Frame>,
    pub(super) images: Vec<DebugImage>,
    pub(super) release: Option<String>,
}

impl Stack {
    /// Reads it from a row of `errors` with its frames, properties and release.
    pub(super) fn of_row(row: &Map<String, Value>) -> Self {
        let properties = row.get("properties").and_then(Value::as_str).unwrap_or_default();
        // What a sender wrote under this name need not be what Sentry's libraries write.
        let kept: Value = serde_json::from_str(properties).unwrap_or_default();
        let images = kept["debug_meta"]["images"].as_array().map_or(&[][..], Vec::as_slice);
        Self {
            frames: list(row.get("frames").and_then(Value::as_array).map_or(&[][..], Vec::as_slice)),
            images: list(images),
            release: row.get("release").and_then(Value::as_str).map(str::to_owned),
        }
    }

    /// Resolves it.
    pub(super) async fn resolve(self, app: &App) -> Result<Vec<ResolvedFrame>, Problem> {
        let (artifacts, now) = (app.artifacts.clone(), clock::now());
        app.map_readers.run(move || artifacts.resolve(&self.frames, &self.images, self.release.as_deref(), now)).await
    }
}

fn list<T: for<'a> Deserialize<'a>>(values: &[Value]) -> Vec<T> {
    values.iter().filter_map(|value| T::deserialize(value).ok()).collect()
}

/// Shows the stack of one error.
#[utoipa::path(get, path = "/v1/events/errors/{event_id}/stack", tag = "events", summary = "The stack of one error, by source maps",
    params(("event_id" = String, Path, description = "The error's id")),
    responses((status = 200, description = "event_id, release; frames, newest first, each with module, file, function, line, \
            col, in_app of the source where it is known, else as sent; context (before, line, after) with the lines around it; \
            minified with what was sent, where that is something else; missing with what it would take to tell more"),
        (status = 404, description = "No such error"), (status = 503, description = "Too many at once; see Retry-After")))]
pub(crate) async fn show(
    auth: Authorized<Query>,
    State(app): State<App>,
    Named(event_id): Named,
) -> Result<Response, Problem> {
    if !auth.key.purposes.has(Purpose::Reliability) {
        return Err(Problem::MissingScope("query and the purpose reliability"));
    }
    // Of the properties only the ids of maps are looked at.
    let tables = app.tables_for(|purpose| purpose == Purpose::Product || auth.key.purposes.has(purpose))?;
    let found = ask(&app, include_str!("stack.sql"), &[("id", &event_id)], &tables, 1).await?;
    let row = found.rows.first().ok_or_else(|| Problem::not_found("there is no error of this id"))?;
    let stack = Stack::of_row(row);
    let release = stack.release.clone();
    let frames = stack.resolve(&app).await?;
    Ok(answer(&json!({"event_id": event_id, "release": release, "frames": frames})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_its_frames_and_maps_whatever_else_is_in_it() {
        let row = json!({
            "frames": [{"file": "a.js", "function": null, "line": 1, "col": 2, "in_app": true}],
            "properties": "{\"debug_meta\":{\"images\":[7,{\"type\":\"sourcemap\",\"code_file\":\"a.js\",\"debug_id\":\"d\"},{\"code_file\":7}]}}",
            "release": "r"
        });
        let stack = Stack::of_row(row.as_object().unwrap());
        assert_eq!((stack.frames[0].file.as_deref(), stack.frames[0].col), (Some("a.js"), Some(2)));
        assert_eq!((stack.images.len(), stack.release.as_deref()), (1, Some("r")));
        for row in [json!({}), json!({"frames": null, "properties": null}), json!({"frames": "x", "properties": "[1"})]
        {
            assert_eq!(Stack::of_row(row.as_object().unwrap()), Stack::default());
        }
    }
}
