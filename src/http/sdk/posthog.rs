//! PostHog's paths: events of the old and the new kind, and what its libraries ask for when they start. Feature flags,
//! surveys and recordings are not what Weir is for: libraries are told that there are none.

use std::collections::BTreeMap;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use ingest::Source;
use ingest::adapters::posthog::{Asked, translate};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Taken, answer, greet, key, take};
use crate::http::address::Named;
use crate::http::error::Problem;
use crate::http::{App, json};

/// Takes events in.
pub(crate) async fn receive(State(app): State<App>, request: Request) -> Response {
    answer(Source::Posthog, events(&app, request).await.map(|_| json(&json!({"status": 1}))))
}

/// Takes a batch in, and answers event by event.
pub(crate) async fn receive_v1(State(app): State<App>, request: Request) -> Response {
    answer(Source::Posthog, events(&app, request).await.map(|taken| json(&json!({"results": results(&taken)}))))
}

async fn events(app: &App, request: Request) -> Result<Taken, Problem> {
    let asked = asked(request.headers());
    take(app, request, Source::Posthog, move |body, context| translate(body, &asked, context)).await
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct EventResult<'a> {
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a str>,
}

/// What became of each event, by its uuid. A duplicate is stored, and what is skipped is as good as stored: neither should
/// come again. Of two with one uuid, the one that was dropped is told.
fn results(taken: &Taken) -> BTreeMap<&str, EventResult<'_>> {
    let ids = taken.translation.events.iter().filter_map(|event| event.id.as_deref());
    let mut results: BTreeMap<&str, EventResult<'_>> =
        ids.map(|id| (id, EventResult { result: "ok", details: None })).collect();
    for reject in &taken.rejects {
        let event = taken.translation.events.get(reject.index as usize);
        if let Some(id) = event.and_then(|event| event.id.as_deref()) {
            results.insert(id, EventResult { result: "drop", details: Some(&reject.message) });
        }
    }
    results
}

fn asked(headers: &HeaderMap) -> Asked {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Asked { sent_at: text("posthog-request-timestamp"), library: text("posthog-sdk-info") }
}

/// Lets a recording of a page go: what stands on it is nothing that Weir keeps. A page recorded before it was told not to.
pub(crate) async fn recording(State(app): State<App>, request: Request) -> Response {
    let greeted = greet(&app, request).await.map(|()| {
        metrics::counter!("weir_sdk_skipped_total", "source" => "posthog", "what" => "recording").increment(1);
        json(&json!({"status": 1}))
    });
    answer(Source::Posthog, greeted)
}

/// Answers that there are no surveys.
pub(crate) async fn surveys(State(app): State<App>, request: Request) -> Response {
    answer(Source::Posthog, greet(&app, request).await.map(|()| json(&json!({"surveys": []}))))
}

/// Answers that there are no feature flags.
pub(crate) async fn flags(State(app): State<App>, request: Request) -> Response {
    let flags = json!({
        "flags": {},
        "featureFlags": {},
        "featureFlagPayloads": {},
        "errorsWhileComputingFlags": false,
        "requestId": uuid::Uuid::now_v7().to_string(),
    });
    answer(Source::Posthog, greet(&app, request).await.map(|()| json(&flags)))
}

/// Answers what is configured: nothing is recorded, asked or captured but what the app sends.
pub(crate) async fn config(State(app): State<App>, Named(api_key): Named, request: Request) -> Response {
    answer(Source::Posthog, configured(&app, &api_key, request).map(|config| json(&config)))
}

/// The same as a script, which the library loads first.
pub(crate) async fn config_script(State(app): State<App>, Named(api_key): Named, request: Request) -> Response {
    let script = configured(&app, &api_key, request).map(|config| {
        // A key that is known is one word: it cannot end the string.
        let script = format!(
            "(function(){{var c=window._POSTHOG_REMOTE_CONFIG=window._POSTHOG_REMOTE_CONFIG||{{}};\
             c[\"{api_key}\"]={{config:{config},siteApps:[]}}}})();\n"
        );
        ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], script).into_response()
    });
    answer(Source::Posthog, script)
}

fn configured(app: &App, api_key: &str, request: Request) -> Result<Value, Problem> {
    key::admit_named(api_key, app, &request.into_parts().0)?;
    Ok(json!({
        "supportedCompression": ["gzip", "gzip-js"],
        "hasFeatureFlags": false,
        "sessionRecording": false,
        "surveys": false,
        "heatmaps": false,
        "autocapture_opt_out": true,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ingest::adapters::{Event, Fate, Translated, Translation};
    use ingest::{Reject, RejectCode};

    #[test]
    fn every_event_of_a_batch_is_answered_by_its_uuid() {
        let event = |id: Option<&str>, fate| Translated { id: id.map(str::to_owned), fate };
        let events = vec![
            event(Some("stored"), Fate::Native(Event::default())),
            event(None, Fate::Native(Event::default())),
            event(Some("dropped"), Fate::Native(Event::default())),
            event(Some("skipped"), Fate::Skipped("group")),
        ];
        let reject = Reject { index: 2, id: None, code: RejectCode::NoSubject, message: "no id".into() };
        let taken = Taken { translation: Translation { events, ..Translation::default() }, rejects: vec![reject] };
        let shown = serde_json::to_value(results(&taken)).unwrap();
        let expected = json!({"stored": {"result": "ok"}, "skipped": {"result": "ok"}, "dropped": {"result": "drop", "details": "no id"}});
        assert_eq!(shown, expected);
    }
}
