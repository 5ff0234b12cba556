//! `/v1/keys`: making, listing and revoking API keys. A key is shown once, when it is made.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::address::Named;
use super::auth::{Admin, Authorized};
use super::error::Problem;
use super::{App, blocking, json};
use crate::clock;
use crate::control::{By, Key, KeyText, NewKey, Purposes, Rate, Scopes, StoredKey};

/// A request to make a key, bytes.
const BODY_BYTES_MAX: usize = 64 << 10;
const ORIGINS_MAX: usize = 100;

/// The body of `POST /v1/keys`.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateKey {
    /// Unique, `[a-z0-9]+`.
    pub(crate) name: String,
    /// ingest, ingest_public, verdict, query, review, admin.
    pub(crate) scopes: Vec<String>,
    /// Origins of pages that may use the key; `*` for all. For ingest_public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origins: Option<Vec<String>>,
    /// Requests of events it may send, like `1000/min`; beyond it 429.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<String>,
    /// When it ends: RFC 3339 or epoch milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) expires_at: Option<Value>,
    /// Purposes whose columns its SQL may read: operate, product, reliability, billing, abuse. Default: all but abuse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) purposes: Option<Vec<String>>,
}

/// The answer of `POST /v1/keys`.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct CreatedKey {
    /// Its id, for `DELETE /v1/keys/{id}`.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// What it may do.
    pub(crate) scopes: Vec<String>,
    /// The key itself. It cannot be shown again.
    pub(crate) key: String,
}

/// A key as it is listed.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct ListedKey {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// What it may do.
    pub(crate) scopes: Vec<String>,
    /// Origins of pages that may use it.
    pub(crate) origins: Vec<String>,
    /// Requests of events it may send.
    pub(crate) rate: Option<String>,
    /// Purposes whose columns its SQL may read.
    pub(crate) purposes: Vec<String>,
    /// When it was made, RFC 3339.
    pub(crate) created_at: String,
    /// When it ends, RFC 3339; null: never.
    pub(crate) expires_at: Option<String>,
    /// When it was last used, RFC 3339; null: never, or not since the start for a key that was given at start.
    pub(crate) last_used_at: Option<String>,
}

/// The answer of `GET /v1/keys`.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct KeyList {
    /// All keys, by name.
    pub(crate) keys: Vec<ListedKey>,
}

impl CreateKey {
    /// Checks the fields.
    ///
    /// # Errors
    /// A message that names the field.
    pub(crate) fn check(self, now: i64) -> Result<NewKey, String> {
        let origins = self.origins.unwrap_or_default();
        if origins.len() > ORIGINS_MAX {
            return Err(format!("origins: at most {ORIGINS_MAX}"));
        }
        for origin in &origins {
            check_origin(origin)?;
        }
        let rate = self.rate.map(|rate| rate.parse::<Rate>()).transpose()?;
        let expires_at = match self.expires_at {
            None | Some(Value::Null) => None,
            Some(value) => Some(clock::from_json(&value).map_err(|error| format!("expires_at: {error}"))?),
        };
        if expires_at.is_some_and(|end| end <= now) {
            return Err("expires_at lies in the past".into());
        }
        let purposes = match &self.purposes {
            None => Purposes::DEFAULT,
            Some(names) => Purposes::parse(names.iter().map(String::as_str))?,
        };
        let scopes = Scopes::parse(self.scopes.iter().map(String::as_str))?;
        Ok(NewKey { name: self.name, scopes, origins, rate, purposes, expires_at })
    }
}

fn check_origin(origin: &str) -> Result<(), String> {
    let bare = origin.split_once("://").is_some_and(|(scheme, host)| {
        matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains(['/', '?', '#', ' ', '@', '*'])
    });
    if bare || origin == "*" {
        return Ok(());
    }
    Err(format!("origins: {origin:?} is not like https://app.example, without a path, or *"))
}

impl From<&Key> for ListedKey {
    fn from(key: &Key) -> Self {
        let words = |names: Vec<&'static str>| names.into_iter().map(str::to_owned).collect();
        Self {
            id: key.id.clone(),
            name: key.name.to_string(),
            scopes: words(key.scopes.names()),
            origins: key.origins.clone(),
            rate: key.rate.map(|rate| rate.to_string()),
            purposes: words(key.purposes.names()),
            created_at: clock::rfc3339(key.created_at),
            expires_at: key.expires_at.map(clock::rfc3339),
            last_used_at: key.used.at().map(clock::rfc3339),
        }
    }
}

/// Makes a key.
#[utoipa::path(post, path = "/v1/keys", tag = "keys", summary = "Make a key", request_body = CreateKey,
    responses((status = 200, description = "The key; it is shown this once", body = CreatedKey),
        (status = 409, description = "The name is taken")))]
pub(crate) async fn create(auth: Authorized<Admin>, State(app): State<App>, body: Body) -> Result<Response, Problem> {
    let wanted: CreateKey = app.bodies.read_json(body, BODY_BYTES_MAX).await?;
    let (stored, text) = make(app, wanted, auth.key).await?;
    let scopes = stored.spec.scopes.names().into_iter().map(str::to_owned).collect();
    Ok(json(&CreatedKey { id: stored.id, name: stored.spec.name, scopes, key: text.to_string() }))
}

/// Lists the keys.
#[utoipa::path(get, path = "/v1/keys", tag = "keys", summary = "List keys",
    responses((status = 200, description = "All keys, without their secrets", body = KeyList)))]
pub(crate) async fn list(_auth: Authorized<Admin>, State(app): State<App>) -> Response {
    json(&KeyList { keys: app.keyring.list().iter().map(|key| ListedKey::from(&**key)).collect() })
}

/// Revokes a key: the next request with it is refused.
#[utoipa::path(delete, path = "/v1/keys/{id}", tag = "keys", summary = "Revoke a key",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 204, description = "Revoked"), (status = 404, description = "No such key")))]
pub(crate) async fn revoke(
    auth: Authorized<Admin>,
    State(app): State<App>,
    Named(id): Named,
) -> Result<Response, Problem> {
    end(app, id, auth.key).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Makes a key, for whoever may. Returns it with its text, which nobody can see again.
pub(super) async fn make(app: App, wanted: CreateKey, by: Arc<Key>) -> Result<(StoredKey, KeyText), Problem> {
    let now = clock::now();
    let new = wanted.check(now).map_err(Problem::invalid)?;
    Ok(blocking(move || app.keyring.create(new, By { actor: &by.name, at: now })).await??)
}

/// Revokes a key, for whoever may.
pub(super) async fn end(app: App, id: String, by: Arc<Key>) -> Result<(), Problem> {
    let revoke = move || app.keyring.revoke(&id, By { actor: &by.name, at: clock::now() });
    if blocking(revoke).await?? { Ok(()) } else { Err(Problem::not_found("there is no key of this id")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(body: Value) -> Result<NewKey, String> {
        serde_json::from_value::<CreateKey>(body).map_err(|error| error.to_string())?.check(1_000)
    }

    #[test]
    fn every_field_of_a_new_key_is_checked() {
        let good =
            json!({"name": "web", "scopes": ["ingest_public"], "origins": ["https://a.example"], "rate": "10/s"});
        assert_eq!(check(good).unwrap().rate.unwrap().to_string(), "10/s");
        for (field, value) in [
            ("scopes", json!(["root"])),
            ("origins", json!(["https://a.example/path"])),
            ("origins", json!(["a.example"])),
            ("rate", json!("fast")),
            ("expires_at", json!("soon")),
            ("expires_at", json!(0)),
            ("purposes", json!(["fun"])),
            ("colour", json!("red")),
        ] {
            let mut body = json!({"name": "web", "scopes": ["query"]});
            body[field] = value;
            let error = check(body).err().unwrap_or_else(|| panic!("{field} was not checked"));
            assert!(error.contains(field.trim_end_matches('s')), "{error}");
        }
    }
}
