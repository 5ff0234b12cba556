//! Segment's paths: `POST /v1/track` and its siblings, their short forms, and the settings that its library for browsers
//! asks for when it starts.

use axum::extract::{Request, State};
use axum::response::Response;
use ingest::Source;
use ingest::adapters::segment::{Call, translate};
use serde_json::json;

use super::{answer, key, reached_at, take};
use crate::http::address::Named;
use crate::http::error::Problem;
use crate::http::{App, json};

/// Takes a call, or a batch of calls, in.
pub(crate) async fn receive(State(app): State<App>, request: Request) -> Response {
    let path = request.uri().path().trim_end_matches('/');
    let name = path.rsplit('/').next().unwrap_or_default();
    let result = match Call::from_path(name) {
        Some(call) => take(&app, request, Source::Segment, move |body, context| translate(body, call, context)).await,
        None => Err(Problem::NoRoute),
    };
    answer(Source::Segment, result.map(|_| json(&json!({"success": true}))))
}

/// Tells the library for browsers where to send: here.
pub(crate) async fn settings(State(app): State<App>, Named(write_key): Named, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let admitted = key::admit_named(&write_key, &app, &parts);
    let (scheme, host) = reached_at(&app, &parts);
    let settings = json!({
        "integrations": {"Segment.io": {"apiKey": write_key, "apiHost": format!("{host}/v1"), "protocol": scheme}},
        "plan": {"track": {"__default": {"enabled": true}}},
    });
    answer(Source::Segment, admitted.map(|()| json(&settings)))
}
