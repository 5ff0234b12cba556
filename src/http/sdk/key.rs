//! The key of an SDK's request: as Basic, Bearer or Sentry authorization, in the address, or in the body. Never a session:
//! pages of other origins may use these paths, and a browser would send the cookie of whoever is signed in here.

use std::sync::Arc;

use axum::http::header;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::parameter;
use crate::clock;
use crate::control::{Key, Scope, Scopes};
use crate::http::Weir;
use crate::http::auth::{bearer, from_own_page};
use crate::http::error::Problem;
use crate::http::sdk::cors::Origin;

/// The parameters under which a key stands in an address.
const PARAMETERS: &[&str] = &["api_key", "writeKey", "token", "sentry_key"];
const SENDS: Scopes = Scopes::of(&[Scope::Ingest, Scope::IngestPublic]);

/// Returns the key that a request shows before its body: SDKs that show one there show the same in the body.
pub(super) fn of_head(parts: &Parts, app: &Weir, now: i64) -> Option<Arc<Key>> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let shown = |value: &str| bearer(value).map(str::to_owned).or_else(|| basic(value)).or_else(|| sentry(value));
    let of_headers = [header(header::AUTHORIZATION.as_str()), header("x-sentry-auth")].into_iter().flatten();
    let of_headers = of_headers.filter_map(shown).find_map(|key| app.keyring.authenticate(&key, now));
    of_headers.or_else(|| app.keyring.authenticate(&parameter(&parts.uri, PARAMETERS)?, now))
}

/// Lets a key in that is part of the path.
pub(super) fn admit_named(key: &str, app: &Weir, parts: &Parts) -> Result<(), Problem> {
    let now = clock::now();
    admit(&*app.keyring.authenticate(key, now).ok_or(Problem::Unauthorized)?, parts, now)
}

/// Lets a key in: it may send, this page may use it, and it has something left of its rate.
pub(super) fn admit(key: &Key, parts: &Parts, now: i64) -> Result<(), Problem> {
    if !key.scopes.has_any(SENDS) {
        return Err(Problem::MissingScope("ingest or ingest_public"));
    }
    if let Some(origin) = parts.extensions.get::<Origin>() {
        let is_named = key.allows_origin(origin.name());
        origin.decide(is_named);
        if !is_named && !from_own_page(&parts.headers) {
            return Err(Problem::ForbiddenOrigin(origin.name().to_owned()));
        }
    }
    match key.rate.map(|rate| key.quota.spend(rate, now)) {
        Some(Err(retry_after_ms)) => Err(Problem::QuotaExceeded { retry_after_ms }),
        _ => Ok(()),
    }
}

/// Returns the user of a `Basic` header: `base64(writeKey:)`.
fn basic(authorization: &str) -> Option<String> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, _) = decoded.split_once(':').unwrap_or((&decoded, ""));
    Some(user.to_owned())
}

/// Returns the key of a Sentry header: `Sentry sentry_key=wk_web_…, sentry_version=7`.
fn sentry(authorization: &str) -> Option<String> {
    let (scheme, fields) = authorization.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("sentry") {
        return None;
    }
    let mut fields = fields.split(',').filter_map(|field| field.trim().split_once('='));
    fields.find(|(name, _)| *name == "sentry_key").map(|(_, key)| key.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_field_of_sentrys_authorization() {
        for header in [
            "Sentry sentry_key=wk_a_b, sentry_version=7, sentry_client=sentry.python/2.75.0",
            "sentry sentry_version=7,sentry_key=wk_a_b,sentry_secret=x",
            "Sentry sentry_version=7, sentry_key=wk_a_b",
        ] {
            assert_eq!(sentry(header).as_deref(), Some("wk_a_b"), "{header}");
        }
        for wrong in ["Sentry", "Sentry wk_a_b", "Basic sentry_key=wk_a_b", ""] {
            assert_eq!(sentry(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_write_key_is_the_user_of_basic_authorization() {
        let of = |text: &str| basic(&format!("Basic {}", STANDARD.encode(text)));
        assert_eq!(of("wk_a_b:").as_deref(), Some("wk_a_b"));
        assert_eq!(of("wk_a_b").as_deref(), Some("wk_a_b"));
        assert_eq!(of("wk_a_b:pass:word").as_deref(), Some("wk_a_b"));
        assert_eq!(basic("basic d2tfYV9iOg==").as_deref(), Some("wk_a_b"));
        for wrong in ["Basic", "Basic %%%", "Bearer d2tfYV9iOg==", "Basic /w=="] {
            assert_eq!(basic(wrong), None, "{wrong}");
        }
    }
}
