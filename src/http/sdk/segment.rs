//! Segment's paths: `POST /v1/track` and its siblings, their short forms, and the settings that its library for browsers
//! asks for when it starts.

use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use ingest::Source;
use ingest::adapters::segment::{Call, translate};
use serde_json::json;

use super::{answer, key, reached_at, take};
use crate::clock;
use crate::http::address::Named;
use crate::http::error::Problem;
use crate::http::{App, json};

const CALL: &str = "Segment: one call, or a batch of them";

/// The paths, for router and document.
pub(super) const PATHS: &[(Method, &str, &str)] = &[
    (Method::POST, "/v1/track", CALL),
    (Method::POST, "/v1/t", CALL),
    (Method::POST, "/v1/identify", CALL),
    (Method::POST, "/v1/i", CALL),
    (Method::POST, "/v1/alias", CALL),
    (Method::POST, "/v1/a", CALL),
    (Method::POST, "/v1/page", CALL),
    (Method::POST, "/v1/p", CALL),
    (Method::POST, "/v1/screen", CALL),
    (Method::POST, "/v1/s", CALL),
    (Method::POST, "/v1/group", CALL),
    (Method::POST, "/v1/g", CALL),
    (Method::POST, "/v1/batch", CALL),
    (Method::POST, "/v1/b", CALL),
    (Method::GET, "/v1/projects/{writeKey}/settings", "Segment: what the library for browsers asks for when it starts"),
];

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
    let now = clock::now();
    let known = app.keyring.authenticate(&write_key, now).ok_or(Problem::Unauthorized);
    let admitted = known.and_then(|known| key::admit(&known, &parts, now));
    let (scheme, host) = reached_at(&app, &parts);
    let settings = json!({
        "integrations": {"Segment.io": {"apiKey": write_key, "apiHost": format!("{host}/v1"), "protocol": scheme}},
        "plan": {"track": {"__default": {"enabled": true}}},
    });
    answer(Source::Segment, admitted.map(|()| json(&settings)))
}
