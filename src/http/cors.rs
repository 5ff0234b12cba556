//! Which pages of other origins may send events: those that a key's own `origins` names. Nothing else of Weir is open to
//! other origins.

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::App;
use super::auth::{bearer, from_own_page};
use super::error::Problem;
use crate::clock;
use crate::control::Key;

const ALLOWED_HEADERS: &str = "authorization, content-type, content-encoding, idempotency-key";
const MAX_AGE_S: &str = "3600";

/// What to do with a request that a browser sends on behalf of a page.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    /// Not a page of another origin.
    Unconcerned,
    /// The key's owner named the origin: let the page read the answer.
    Allowed,
    /// The key's owner did not.
    Refused,
    /// No known key, hence 401; the page may read that if any key of ours names its origin.
    Keyless,
}

fn decide(origin: Option<&str>, own_page: bool, key: Option<&Key>) -> Decision {
    match (origin, key) {
        (None, _) => Decision::Unconcerned,
        (Some(_), None) if own_page => Decision::Unconcerned,
        (Some(_), None) => Decision::Keyless,
        (Some(origin), Some(key)) if key.allows_origin(origin) => Decision::Allowed,
        (Some(_), Some(_)) if own_page => Decision::Unconcerned,
        (Some(_), Some(_)) => Decision::Refused,
    }
}

/// Wraps the routes that browsers of other origins may use.
pub(crate) async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
        return next.run(request).await;
    };
    let text = origin.to_str().unwrap_or("null");
    let key = key_of(request.headers(), &app);
    let decision = match request.method() {
        &Method::OPTIONS => Decision::Unconcerned,
        _ => decide(Some(text), from_own_page(request.headers()), key.as_deref()),
    };
    let readable = match decision {
        Decision::Allowed => true,
        Decision::Keyless => app.keyring.any_allows_origin(text),
        Decision::Unconcerned => false,
        Decision::Refused => return Problem::ForbiddenOrigin(text.to_owned()).into_response(),
    };
    let mut response = next.run(request).await;
    if readable {
        let headers = response.headers_mut();
        allow(headers, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    }
    response
}

/// `OPTIONS /v1/events`: a browser asks before it sends. It shows no key yet, so any key that names the origin will do.
#[utoipa::path(options, path = "/v1/events", tag = "events", summary = "CORS preflight",
    responses((status = 204, description = "The origin's pages may send events with a key that names it"),
        (status = 403, description = "No key names this origin (forbidden_origin)")))]
pub(crate) async fn preflight(State(app): State<App>, headers: HeaderMap) -> Response {
    let origin = headers.get(header::ORIGIN).cloned();
    let Some(origin) = origin else {
        return (StatusCode::NO_CONTENT, [(header::ALLOW, "POST, OPTIONS")]).into_response();
    };
    let text = origin.to_str().unwrap_or("null");
    if !app.keyring.any_allows_origin(text) {
        return Problem::ForbiddenOrigin(text.to_owned()).into_response();
    }
    let fixed: [(HeaderName, &str); 3] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S),
    ];
    let mut response = (StatusCode::NO_CONTENT, fixed).into_response();
    allow(response.headers_mut(), origin);
    response
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

fn key_of(headers: &HeaderMap, app: &App) -> Option<std::sync::Arc<Key>> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| bearer(value.to_str().ok()?))?;
    app.keyring.authenticate(token, clock::now())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{By, Control, Keyring, NewKey, Purposes, Scope, Scopes};
    use std::sync::Arc;

    fn key(origins: &[&str]) -> Arc<Key> {
        let ring = Keyring::load(Arc::new(Control::in_memory()), &[], 1).unwrap();
        let new = NewKey {
            name: "web".into(),
            scopes: Scopes::of(&[Scope::IngestPublic]),
            origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            rate: None,
            purposes: Purposes::DEFAULT,
            expires_at: None,
        };
        let (_, text) = ring.create(new, By::weir(1)).unwrap();
        ring.authenticate(&text.to_string(), 2).unwrap()
    }

    #[test]
    fn only_pages_that_the_key_names_may_send() {
        let shop = key(&["https://shop.example"]);
        assert_eq!(decide(Some("https://shop.example"), false, Some(&shop)), Decision::Allowed);
        assert_eq!(decide(Some("https://shop.example.evil"), false, Some(&shop)), Decision::Refused);
        assert_eq!(decide(Some("null"), false, Some(&shop)), Decision::Refused);
        assert_eq!(decide(None, false, Some(&shop)), Decision::Unconcerned);
        assert_eq!(decide(Some("https://a.example"), false, Some(&key(&["*"]))), Decision::Allowed);
        assert_eq!(
            decide(Some("https://a.example"), false, Some(&key(&[]))),
            Decision::Refused,
            "a server key in a page"
        );
        assert_eq!(decide(Some("https://a.example"), false, None), Decision::Keyless);
        assert_eq!(decide(Some("http://weir:8600"), true, Some(&key(&[]))), Decision::Unconcerned);
    }
}
