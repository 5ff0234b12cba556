//! Who asks: a request's key, from its `Authorization` header or a browser's session, held against the scope that the
//! route's own type demands.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};

use super::error::Problem;
use super::{App, Weir};
use crate::clock;
use crate::control::{Key, Scope, Scopes};

/// What a route needs: one of these scopes.
pub(crate) trait Need {
    /// A key with any of these may pass.
    const ANY_OF: Scopes;
    /// How the refusal names them.
    const NAMES: &'static str;
}

macro_rules! needs {
    ($($(#[$doc:meta])* $name:ident = $scopes:expr, $names:literal;)*) => {
        $(
            $(#[$doc])*
            pub(crate) struct $name;
            impl Need for $name {
                const ANY_OF: Scopes = $scopes;
                const NAMES: &'static str = $names;
            }
        )*
    };
}

needs! {
    /// Any key at all.
    AnyKey = Scopes::ALL, "any";
    /// Sending events, as a server or as a browser.
    Events = Scopes::of(&[Scope::Ingest, Scope::IngestPublic]), "ingest or ingest_public";
    /// Uploading source maps.
    Upload = Scopes::of(&[Scope::Ingest]), "ingest";
    /// Asking for verdicts.
    Verdict = Scopes::of(&[Scope::Verdict]), "verdict";
    /// Running SQL.
    Query = Scopes::of(&[Scope::Query]), "query";
    /// Reviewing.
    Review = Scopes::of(&[Scope::Review]), "review";
    /// The rest.
    Admin = Scopes::of(&[Scope::Admin]), "admin";
}

/// The proof that a request carries a key with the scope `N`. Routes take it as their first argument (`routes.rs` refuses
/// to compile them otherwise).
///
/// A `Weir-After` header is honoured here, so that no read can forget it.
pub(crate) struct Authorized<N> {
    /// The key.
    pub(crate) key: Arc<Key>,
    need: PhantomData<N>,
}

impl<N: Need> FromRequestParts<App> for Authorized<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let key = key_of(parts, app, clock::now()).ok_or(Problem::Unauthorized)?;
        if !key.scopes.has_any(N::ANY_OF) {
            return Err(Problem::MissingScope(N::NAMES));
        }
        if let Some(receipt) = parts.headers.get("weir-after") {
            let receipt = receipt.to_str().map_err(|_| Problem::UnknownReceipt)?;
            match app.ingest.caught_up(receipt) {
                None => return Err(Problem::UnknownReceipt),
                Some(false) => return Err(Problem::NotCaughtUp),
                Some(true) => {}
            }
        }
        Ok(Self { key, need: PhantomData })
    }
}

/// Returns the request's key. `Weir-Key` is for gateways whose `Authorization` is the end user's, so it comes first.
/// A session's cookie counts only for reads and for writes from our own pages.
fn key_of(parts: &Parts, app: &Weir, now: i64) -> Option<Arc<Key>> {
    if let Some(key) = parts.headers.get("weir-key") {
        return app.keyring.authenticate(key.to_str().ok()?, now);
    }
    if let Some(authorization) = parts.headers.get(header::AUTHORIZATION) {
        return app.keyring.authenticate(bearer(authorization.to_str().ok()?)?, now);
    }
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    if !reads && !from_own_page(&parts.headers) {
        return None;
    }
    app.sessions.key(&parts.headers, &app.keyring, now)
}

/// Returns the token of a `Bearer` header.
pub(crate) fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

/// Tells whether a browser says that the request comes from a page of ours: by `Sec-Fetch-Site`, which no page can set, or
/// else by an Origin that names the very host it asks. (Our pages send no referrer, so their forms' Origin is `null`.)
pub(crate) fn from_own_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    let origin = text(header::ORIGIN).and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    match (origin, text(header::HOST)) {
        (Some(origin), Some(host)) => origin.eq_ignore_ascii_case(host),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_tokens_are_read_whatever_the_case_of_the_scheme() {
        assert_eq!(bearer("Bearer wk_a_b"), Some("wk_a_b"));
        assert_eq!(bearer("bearer  wk_a_b"), Some("wk_a_b"));
        assert_eq!(bearer("Basic wk_a_b"), None);
        assert_eq!(bearer("wk_a_b"), None);
    }

    #[test]
    fn only_our_own_pages_may_write_with_a_cookie() {
        let headers = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "weir.example:8600".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            headers
        };
        assert!(from_own_page(&headers(Some("https://weir.example:8600"))));
        assert!(!from_own_page(&headers(Some("https://weir.example"))));
        assert!(!from_own_page(&headers(Some("https://evil.example"))));
        assert!(!from_own_page(&headers(Some("null"))));
        assert!(!from_own_page(&headers(None)));
        for (site, own) in [("same-origin", true), ("same-site", false), ("cross-site", false), ("none", false)] {
            let mut headers = headers(Some("null"));
            headers.insert("sec-fetch-site", site.parse().unwrap());
            assert_eq!(from_own_page(&headers), own, "{site}");
        }
    }
}
