//! Pages of other origins on the paths of SDKs. SDKs send with credentials (`sendBeacon` always does), so the origin is
//! named in the answer, never `*`; which origins may be named is the key's to say. No cookie is ever read here.

use std::sync::{Arc, OnceLock};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::http::App;
use crate::http::error::Problem;

const METHODS: &str = "GET, POST, OPTIONS";
const EXPOSED: &str = "x-sentry-error, x-sentry-rate-limits, retry-after";
const MAX_AGE_S: &str = "3600";

/// The origin of the page that sent a request. Whether it may read the answer is known once the key is.
#[derive(Clone)]
pub(super) struct Origin {
    name: Arc<str>,
    may_read: Arc<OnceLock<bool>>,
}

impl Origin {
    fn new(header: &HeaderValue) -> Self {
        Self { name: header.to_str().unwrap_or("null").into(), may_read: Arc::default() }
    }

    /// Returns the origin.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Notes whether the key names it.
    pub(super) fn decide(&self, may_read: bool) {
        // The first word counts; a request has one key.
        let _ = self.may_read.set(may_read);
    }
}

/// Wraps the paths of SDKs.
pub(crate) async fn layer(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let Some(header) = request.headers().get(header::ORIGIN).cloned() else {
        return next.run(request).await;
    };
    let origin = Origin::new(&header);
    request.extensions_mut().insert(origin.clone());
    let mut response = next.run(request).await;
    // Without a known key it is 401, which the page may read if any key of ours names its origin.
    if *origin.may_read.get_or_init(|| app.keyring.any_allows_origin(&origin.name)) {
        allow(response.headers_mut(), header);
    }
    response
}

/// `OPTIONS` on any of these paths: a browser asks before it sends. It shows no key yet, so any key that names the origin
/// will do.
pub(crate) async fn preflight(State(app): State<App>, headers: HeaderMap) -> Response {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return (StatusCode::NO_CONTENT, [(header::ALLOW, METHODS)]).into_response();
    };
    let origin = origin.to_str().unwrap_or("null");
    if !app.keyring.any_allows_origin(origin) {
        return Problem::ForbiddenOrigin(origin.to_owned()).into_response();
    }
    let fixed: [(HeaderName, &str); 2] =
        [(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS), (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S)];
    let mut response = (StatusCode::NO_CONTENT, fixed).into_response();
    if let Some(asked) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    response
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}
