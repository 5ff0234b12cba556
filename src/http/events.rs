//! `POST /v1/events`: a body of events becomes rows, and the rows a receipt. What an event must look like is
//! `ingest::Judge`'s to say.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use ingest::{BodyError, ImportOrigin, Ingest, Judged, Limits, Reject, Sender, Source, Trust, decompress};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::{Authorized, Events};
use super::body::ReadBody;
use super::error::Problem;
use super::peer::{Peer, client_address};
use super::{App, Weir, address, json};
use crate::clock;
use crate::control::{Key, Scope};

/// Bodies up to this, sent plain, are judged where they were read: handing them over would cost more.
pub(super) const INLINE_BYTES_MAX: usize = 8 << 10;
const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    historical: bool,
    /// Names the source of a resumable import.
    import: Option<String>,
    /// The offset in that source after these events.
    offset: Option<i64>,
}

/// The answer of `POST /v1/events`. `received = stored + duplicate + rejected`.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventsReply {
    /// Events in the body.
    received: u64,
    /// Events that are durable, visible to SQL, and counted by live rules.
    stored: u64,
    /// Events that were stored before.
    duplicate: u64,
    /// Events that were refused.
    rejected: u64,
    /// Proof of the above; give it as `Weir-After` to reads.
    receipt: String,
    /// Why each refused event was.
    #[schema(value_type = Vec<Object>)]
    rejects: Vec<Reject>,
}

/// Takes events in.
#[utoipa::path(post, path = "/v1/events", tag = "events", summary = "Send events",
    request_body(content_type = "application/json",
        description = "One event object, a JSON array, or NDJSON; optionally gzip, deflate, br or zstd (Content-Encoding). \
            The `stack` of an error is an array of frames {module, file, function, line, col, in_app}, newest first, or the text \
            that JavaScript, Python, Java or Kotlin, Go, Rust or .NET prints; of text, the frames are those of the exception that was \
            reported, or of its nearest cause that has frames of the app, and `in_app` is false for what lies where libraries do"),
    params(("historical" = Option<bool>, Query, description = "Any age of `ts`, `received_at = ts`; needs scope admin"),
        ("import" = Option<String>, Query, description = "With historical: names the source, so that a repeat is not stored twice"),
        ("offset" = Option<i64>, Query, description = "With import: the offset in the source after these events"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters; events without id get hash(key, this, index)")),
    responses((status = 200, description = "What became of every event", body = EventsReply),
        (status = 400, description = "The body cannot be read at all"), (status = 413, description = "Over a limit"),
        (status = 415, description = "Unknown Content-Encoding"), (status = 429, description = "The key's rate is used up"),
        (status = 503, description = "Overloaded, or still replaying; see Retry-After"), (status = 507, description = "The disk is full")))]
pub(crate) async fn receive(
    auth: Authorized<Events>,
    State(app): State<App>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let now = clock::now();
    let asked: Asked = address::parameters(&parts.uri)?;
    if asked.historical && !auth.key.scopes.has(Scope::Admin) {
        return Err(Problem::MissingScope("admin"));
    }
    if let Some(rate) = auth.key.rate {
        auth.key.quota.spend(rate, now).map_err(|retry_after_ms| Problem::QuotaExceeded { retry_after_ms })?;
    }
    let sender = sender_of(&parts, &auth.key, &app, asked.historical, now)?;
    let encoding = content_encoding(&parts.headers)?;
    let body = app.bodies.read(body, app.config.ingest.body_bytes_max).await?;
    let source = if asked.historical { Some(source_of(&asked, &body.bytes)?) } else { None };
    let judged = judge(&app, body, encoding, sender).await?;
    let reply = match source {
        Some(source) => import(&app, judged, source, asked.offset).await?,
        None => append(&app, &auth.key, judged).await?,
    };
    Ok(json(&reply))
}

async fn append(app: &Weir, key: &Key, judged: Judged) -> Result<EventsReply, Problem> {
    let (received, rejects) = (u64::from(judged.received), judged.rejects.clone());
    let receipt = app.ingest.append(&key.name, judged).await?;
    let (stored, duplicate) = (u64::from(receipt.stored), u64::from(receipt.duplicate));
    Ok(EventsReply { received, stored, duplicate, rejected: rejects.len() as u64, receipt: receipt.id, rejects })
}

/// Names what an import comes from: as its sender does, else by the body itself.
fn source_of(asked: &Asked, body: &Bytes) -> Result<String, Problem> {
    match &asked.import {
        Some(id) if id.is_empty() || id.len() > 128 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            Err(Problem::invalid("import must be 1 to 128 letters and digits"))
        }
        Some(id) => Ok(id.clone()),
        None => Ok(blake3::hash(body).to_hex().to_string()),
    }
}

async fn import(app: &Weir, judged: Judged, id: String, offset: Option<i64>) -> Result<EventsReply, Problem> {
    let (received, rejects) = (u64::from(judged.received), judged.rejects.clone());
    let origin = ImportOrigin { id, offset: offset.unwrap_or(i64::from(judged.received)) };
    let (stored, duplicate) = app.ingest.import(judged, &origin).await?;
    app.rulebook.history_changed();
    app.issues.history_changed();
    // An import is committed when it is answered: every later read includes it.
    Ok(EventsReply { received, stored, duplicate, rejected: rejects.len() as u64, receipt: "r_0".into(), rejects })
}

async fn judge(app: &Weir, body: ReadBody, encoding: Option<String>, sender: Sender) -> Result<Judged, Problem> {
    if encoding.is_none() && body.bytes.len() <= INLINE_BYTES_MAX {
        return Ok(app.ingest.judge().judge(&body.bytes, &sender)?);
    }
    let (ingest, limits) = (Arc::clone(&app.ingest), app.config.limits());
    let judged = app.decoders.run(move || decode(&ingest, &limits, body, encoding.as_deref(), &sender)).await?;
    Ok(judged?)
}

fn decode(
    ingest: &Ingest,
    limits: &Limits,
    body: ReadBody,
    encoding: Option<&str>,
    sender: &Sender,
) -> Result<Judged, BodyError> {
    let plain = decompress(body.bytes.clone(), encoding, limits)?;
    ingest.judge().judge(&plain, sender)
}

/// Returns a request's `Content-Encoding`, if it has one.
pub(super) fn content_encoding(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(None) };
    let text = value.to_str().map_err(|_| BodyError::UnsupportedEncoding("Content-Encoding is not text".into()))?;
    Ok(Some(text.trim().to_ascii_lowercase()).filter(|text| !text.is_empty() && text != "identity"))
}

/// Returns who sends a request, as far as judging its events needs to know.
pub(super) fn sender_of(parts: &Parts, key: &Key, app: &Weir, historical: bool, now: i64) -> Result<Sender, Problem> {
    let headers = &parts.headers;
    let trust = if key.scopes.has(Scope::Ingest) { Trust::Server } else { Trust::Public };
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
    let public = trust == Trust::Public;
    Ok(Sender {
        key: Arc::clone(&key.name),
        trust,
        source: if historical { Source::Import } else { Source::Native },
        historical,
        peer: peer.filter(|_| public).map(|peer| client_address(peer, headers, &app.config.server.trusted_proxies)),
        user_agent: headers
            .get(header::USER_AGENT)
            .filter(|_| public)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
        opted_out: headers.get("sec-gpc").is_some_and(|value| value == "1"),
        idempotency_key: idempotency_key(headers)?,
        now,
    })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let wrong = || Problem::invalid("Idempotency-Key must be 1 to 255 visible characters");
    let text = value.to_str().map_err(|_| wrong())?;
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.is_empty() || text.len() > IDEMPOTENCY_KEY_CHARS_MAX || !visible {
        return Err(wrong());
    }
    Ok(Some(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idempotency_keys_are_visible_and_short() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("idempotency-key", value.parse().unwrap());
            idempotency_key(&headers)
        };
        assert_eq!(read("order-7").unwrap().as_deref(), Some("order-7"));
        assert!(read("").is_err() && read("two words").is_err());
        assert!(read(&"k".repeat(255)).is_ok() && read(&"k".repeat(256)).is_err());
        assert_eq!(idempotency_key(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn plain_bodies_need_no_decoding() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_ENCODING, value.parse().unwrap());
            content_encoding(&headers).unwrap()
        };
        assert_eq!(read("identity"), None);
        assert_eq!(read(" GZIP "), Some("gzip".into()));
    }
}
