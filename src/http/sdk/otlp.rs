//! OTLP's paths: log records and spans, in protobuf or JSON, answered in the same. Its exporters try again on 429, 502, 503 and
//! 504 alone, and give up whatever meets another status.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ingest::adapters::otlp::{Encoding, Signal, refused, taken, translate};
use ingest::{Source, open_sdk_envelope};

use super::{Form, answer, greet, take_form};
use crate::http::App;
use crate::http::error::Problem;

/// The key is in the head: a body has no place for one.
const FORM: Form = Form { open: open_sdk_envelope, key: |_| None };

/// Takes log records in.
pub(crate) async fn receive_logs(State(app): State<App>, request: Request) -> Response {
    receive(&app, request, Signal::Logs).await
}

/// Takes spans in.
pub(crate) async fn receive_traces(State(app): State<App>, request: Request) -> Response {
    receive(&app, request, Signal::Traces).await
}

async fn receive(app: &App, request: Request, signal: Signal) -> Response {
    let Some(encoding) = encoding_of(request.headers()) else {
        // In no encoding of the protocol, so in our own words; and whoever is not known learns no more than that.
        let refused = greet(app, request).await.err().unwrap_or(Problem::UnsupportedMedia(MEDIA));
        return answer(Source::Otlp, Err(refused));
    };
    let translate =
        move |body: &[u8], context: ingest::adapters::Context<'_>| translate(body, signal, encoding, context);
    let result = take_form(app, request, Source::Otlp, FORM, translate).await;
    let told = result.map(|done| {
        ([(header::CONTENT_TYPE, media_type(encoding))], taken(signal, encoding, &done.rejects)).into_response()
    });
    answer(Source::Otlp, told.map_err(|problem| refusal(problem, encoding)))
}

const MEDIA: &str = "Content-Type must be application/x-protobuf or application/json";

fn encoding_of(headers: &HeaderMap) -> Option<Encoding> {
    let named = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    match named.split(';').next()?.trim().to_ascii_lowercase().as_str() {
        "application/x-protobuf" => Some(Encoding::Protobuf),
        "application/json" => Some(Encoding::Json),
        _ => None,
    }
}

fn media_type(encoding: Encoding) -> HeaderValue {
    HeaderValue::from_static(match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    })
}

/// Makes a refusal one that exporters understand: a status of the protocol, and 503 for whatever may be tried again.
fn refusal(problem: Problem, encoding: Encoding) -> Response {
    let (status, mut headers, told) = problem.into_parts();
    let status = match status {
        // A full disk may have room later, and slow bodies may come faster.
        StatusCode::INSUFFICIENT_STORAGE | StatusCode::REQUEST_TIMEOUT => StatusCode::SERVICE_UNAVAILABLE,
        status => status,
    };
    let told = told["error"]["message"].as_str().unwrap_or_default();
    headers.insert(header::CONTENT_TYPE, media_type(encoding));
    (status, headers, refused(encoding, status.as_u16(), told)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_named() {
        let of = |named: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, named.parse().unwrap());
            encoding_of(&headers)
        };
        assert_eq!(of("application/x-protobuf"), Some(Encoding::Protobuf));
        assert_eq!(of("Application/JSON; charset=utf-8"), Some(Encoding::Json));
        for other in ["", "text/plain", "application/protobuf", "application/x-protobuf-no"] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(encoding_of(&HeaderMap::new()), None);
    }

    #[tokio::test]
    async fn refusals_are_the_protocols_and_what_may_be_tried_again_says_so() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let response = refusal(Problem::Ingest(ingest::IngestError::Disk(full)), Encoding::Json);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "5");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["code"], 14);
        assert!(body["message"].as_str().is_some_and(|message| message.contains("disk is full")), "{body}");

        let response = refusal(Problem::Unauthorized, Encoding::Protobuf);
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/x-protobuf");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        assert_eq!(&body[..2], &[8, 16], "code: UNAUTHENTICATED");
    }
}
