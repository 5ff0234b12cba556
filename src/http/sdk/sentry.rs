//! Sentry's paths: envelopes, and the older `store`. Its SDKs expect answers of their own: the event's id, 403 without a known
//! key, and in a header how long to be silent when a key's rate is used up.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ingest::adapters::sentry::{key_in_envelope, translate, translate_store};
use ingest::{Source, open_sdk_envelope};
use serde_json::json;

use super::{Form, JSON, Taken, answer, take_form};
use crate::http::error::Problem;
use crate::http::{App, json};

const ERROR: HeaderName = HeaderName::from_static("x-sentry-error");
const RATE_LIMITS: HeaderName = HeaderName::from_static("x-sentry-rate-limits");

const ENVELOPE: Form = Form { open: open_sdk_envelope, key: key_in_envelope };

/// Takes an envelope in. There is one project, so that its number is nobody's concern: the key tells who sends.
pub(crate) async fn receive(State(app): State<App>, request: Request) -> Response {
    reply(take_form(&app, request, Source::Sentry, ENVELOPE, translate).await)
}

/// Takes a bare event in.
pub(crate) async fn receive_store(State(app): State<App>, request: Request) -> Response {
    reply(take_form(&app, request, Source::Sentry, JSON, translate_store).await)
}

fn reply(taken: Result<Taken, Problem>) -> Response {
    let told = taken.map(|taken| match taken.translation.request_id {
        Some(id) => json(&json!({ "id": id })),
        // An envelope without an event, of sessions say, has no id.
        None => json(&json!({})),
    });
    answer(Source::Sentry, told.map_err(refusal))
}

/// Makes a refusal one that Sentry's SDKs understand.
fn refusal(problem: Problem) -> Response {
    let mut response = problem.into_response();
    if response.status() == StatusCode::UNAUTHORIZED {
        *response.status_mut() = StatusCode::FORBIDDEN;
        response.headers_mut().remove(header::WWW_AUTHENTICATE);
    }
    let why = match response.status() {
        StatusCode::FORBIDDEN => "the DSN's key is unknown, or may not be used here",
        StatusCode::PAYLOAD_TOO_LARGE => "the envelope is too large",
        StatusCode::TOO_MANY_REQUESTS => "the key has used up its rate",
        StatusCode::SERVICE_UNAVAILABLE => "overloaded or not ready; try again",
        _ => "the envelope cannot be taken; the body says why",
    };
    response.headers_mut().insert(ERROR, HeaderValue::from_static(why));
    if response.status() == StatusCode::TOO_MANY_REQUESTS {
        // No category: all that this key sends.
        let after_s = response.headers().get(header::RETRY_AFTER).and_then(|after| after.to_str().ok()).unwrap_or("60");
        if let Ok(limits) = HeaderValue::from_str(&format!("{after_s}::key:rate")) {
            response.headers_mut().insert(RATE_LIMITS, limits);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_sentrys() {
        let unknown = refusal(Problem::Unauthorized);
        assert_eq!(unknown.status(), StatusCode::FORBIDDEN);
        assert!(unknown.headers().contains_key(&ERROR) && !unknown.headers().contains_key(header::WWW_AUTHENTICATE));
        let used_up = refusal(Problem::QuotaExceeded { retry_after_ms: 1_200 });
        assert_eq!(used_up.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(used_up.headers()[&RATE_LIMITS], "2::key:rate");
        let overloaded = refusal(Problem::Overloaded { what: "full", retry_after_ms: 900 });
        assert_eq!(overloaded.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(overloaded.headers()[header::RETRY_AFTER], "1");
        assert!(!overloaded.headers().contains_key(&RATE_LIMITS));
    }
}
