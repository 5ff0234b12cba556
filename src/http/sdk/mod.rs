//! The paths on which SDKs of other products send, unchanged (docs/sdks.md): a request's key is found wherever the SDK put it
//! (`key`), its body is put into our own words by the protocol's adapter, and judged and stored like any other event. Pages
//! of other origins may use these paths (`cors`). What a protocol means is `ingest::adapters`' to say; here are only its
//! paths and its answers.

pub(crate) mod cors;
mod key;
pub(crate) mod otlp;
pub(crate) mod posthog;
pub(crate) mod segment;
pub(crate) mod sentry;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::Uri;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use ingest::adapters::{Context, Fate, Translation, key_in_body};
use ingest::{BodyError, BodyHints, Judged, Limits, Reject, Source, open_sdk_body};

use super::body::ReadBody;
use super::error::Problem;
use super::events::{INLINE_BYTES_MAX, content_encoding, sender_of};
use super::{App, Weir};
use crate::clock;
use crate::control::Key;

/// What a request brought, once it is stored.
struct Taken {
    translation: Translation,
    rejects: Vec<Reject>,
}

/// Turns an opened body into our own words.
trait Translate: FnOnce(&[u8], Context<'_>) -> Result<Translation, BodyError> + Send + 'static {}

impl<F: FnOnce(&[u8], Context<'_>) -> Result<Translation, BodyError> + Send + 'static> Translate for F {}

/// How a protocol's bodies are opened, and where they hold a key.
#[derive(Clone, Copy)]
struct Form {
    open: fn(Bytes, &BodyHints, &Limits) -> Result<Bytes, BodyError>,
    key: fn(&[u8]) -> Option<String>,
}

/// What most SDKs send: JSON, somehow wrapped.
const JSON: Form = Form { open: open_sdk_body, key: key_in_body };

/// Takes a request of events in. Returns once they are durable and visible.
async fn take(app: &App, request: Request, source: Source, translate: impl Translate) -> Result<Taken, Problem> {
    take_form(app, request, source, JSON, translate).await
}

/// Takes a request in whose body is of this form.
async fn take_form(
    app: &App,
    request: Request,
    source: Source,
    form: Form,
    translate: impl Translate,
) -> Result<Taken, Problem> {
    let (parts, body) = request.into_parts();
    let now = clock::now();
    let known = key::of_head(&parts, app, now);
    if let Some(key) = &known {
        key::admit(key, &parts, now)?;
    }
    let hints = hints(&parts)?;
    let body = app.bodies.read(body, app.config.ingest.body_bytes_max).await?;
    let is_small = is_small(&body, &hints);
    let work = Work { app: Arc::clone(app), parts, known, hints, source, form, now };
    let (key, translation, judged) = if is_small {
        work.judge(body, translate)?
    } else {
        app.decoders.run(move || work.judge(body, translate)).await??
    };
    let rejects = judged.rejects.clone();
    if judged.received > 0 {
        app.ingest.append(&key.name, judged).await?;
    }
    // Not before: what is refused here is sent again.
    count_skipped(source, &translation);
    app.ingest.note_client_drops(&key.name, &translation.client_drops);
    Ok(Taken { translation, rejects })
}

/// A request whose body was read, and is about to be looked into.
struct Work {
    app: App,
    parts: Parts,
    known: Option<Arc<Key>>,
    hints: BodyHints,
    source: Source,
    form: Form,
    now: i64,
}

impl Work {
    fn judge(self, body: ReadBody, translate: impl Translate) -> Result<(Arc<Key>, Translation, Judged), Problem> {
        let limits = self.app.config.limits();
        let opened = (self.form.open)(body.bytes.clone(), &self.hints, &limits);
        let key = match self.known {
            Some(key) => key,
            None => {
                // Who is not known learns nothing of what is wrong with the body.
                let body = opened.as_ref().map_err(|_| Problem::Unauthorized)?;
                let shown = (self.form.key)(body).ok_or(Problem::Unauthorized)?;
                let key = self.app.keyring.authenticate(&shown, self.now).ok_or(Problem::Unauthorized)?;
                key::admit(&key, &self.parts, self.now)?;
                key
            }
        };
        let mut sender = sender_of(&self.parts, &key, &self.app, false, self.now)?;
        sender.source = self.source;
        let context = Context { ids: &self.app.ids, limits: &limits, now: self.now };
        let translation = translate(&opened?, context)?;
        let judged = self.app.ingest.judge().judge_translation(&translation, &sender);
        Ok((key, translation, judged))
    }
}

/// Lets a request in that brings no events: an SDK that starts.
async fn greet(app: &App, request: Request) -> Result<(), Problem> {
    let (parts, body) = request.into_parts();
    let now = clock::now();
    if let Some(key) = key::of_head(&parts, app, now) {
        return key::admit(&key, &parts, now);
    }
    let hints = hints(&parts)?;
    let body = app.bodies.read(body, app.config.ingest.body_bytes_max).await?;
    let is_small = is_small(&body, &hints);
    let (limits, opener) = (app.config.limits(), Arc::clone(app));
    let open = move || {
        let body = open_sdk_body(body.bytes.clone(), &hints, &limits).map_err(|_| Problem::Unauthorized)?;
        let shown = key_in_body(&body).ok_or(Problem::Unauthorized)?;
        opener.keyring.authenticate(&shown, now).ok_or(Problem::Unauthorized)
    };
    let key = if is_small { open()? } else { app.decoders.run(open).await?? };
    key::admit(&key, &parts, now)
}

/// Tells whether a body is looked into where it was read: handing it over would cost more.
fn is_small(body: &ReadBody, hints: &BodyHints) -> bool {
    // Compressed, a small body may be a large one.
    let is_plain = hints.content_encoding.is_none() && hints.compression.is_none();
    body.bytes.len() <= INLINE_BYTES_MAX && is_plain && matches!(body.bytes.first(), None | Some(b'{' | b'[' | b' '))
}

fn hints(parts: &Parts) -> Result<BodyHints, Problem> {
    Ok(BodyHints {
        content_encoding: content_encoding(&parts.headers)?,
        compression: parameter(&parts.uri, &["compression"]),
    })
}

/// Returns the first of these parameters of an address.
fn parameter(uri: &Uri, names: &[&str]) -> Option<String> {
    let query = uri.query()?;
    let mut found = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| names.contains(&name.as_ref()));
    found.next().map(|(_, value)| value.into_owned())
}

fn count_skipped(source: Source, translation: &Translation) {
    let mut skipped: BTreeMap<&'static str, u64> = translation.skipped.clone();
    for event in &translation.events {
        if let Fate::Skipped(what) = event.fate {
            *skipped.entry(what).or_default() += 1;
        }
    }
    if translation.fields_skipped > 0 {
        skipped.insert("field", translation.fields_skipped);
    }
    for drop in &translation.client_drops {
        metrics::counter!("weir_sdk_dropped_by_client_total", "source" => source.name(), "category" => drop.category,
            "reason" => drop.reason)
        .increment(drop.quantity);
    }
    for (what, count) in skipped {
        metrics::counter!("weir_sdk_skipped_total", "source" => source.name(), "what" => what).increment(count);
    }
}

/// Makes the answer of a path, and counts a refusal.
fn answer(source: Source, result: Result<Response, impl IntoResponse>) -> Response {
    result.unwrap_or_else(|refusal| {
        let response = refusal.into_response();
        let status = response.status().as_u16().to_string();
        metrics::counter!("weir_sdk_refused_total", "source" => source.name(), "status" => status).increment(1);
        response
    })
}

/// Says what the metrics above mean; called once.
pub(crate) fn describe_metrics() {
    metrics::describe_counter!("weir_sdk_skipped_total", "What SDKs sent and Weir does not keep, by protocol");
    metrics::describe_counter!("weir_sdk_refused_total", "Requests of SDKs that were refused, by protocol and status");
    metrics::describe_counter!(
        "weir_sdk_dropped_by_client_total",
        "What SDKs say that they dropped before it was sent, by protocol, category and reason"
    );
    metrics::describe_counter!("weir_sdk_ids_hashed_total", "Ids of SDKs that were e-mail addresses and were hashed");
}

/// Returns the address at which the client reached us, for SDKs that are told where to send: scheme and host.
pub(super) fn reached_at(app: &Weir, parts: &Parts) -> (&'static str, String) {
    let of_header = || parts.headers.get(axum::http::header::HOST).and_then(|host| host.to_str().ok());
    // HTTP/2 names the host in the address.
    let host = parts.uri.authority().map(|authority| authority.as_str()).or_else(of_header);
    let host = host.map_or_else(|| app.config.server.listen.to_string(), str::to_owned);
    (if super::peer::spoke_tls(&parts.headers) { "https" } else { "http" }, host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_decoded() {
        let uri: Uri = "/e/?ip=1&compression=gzip%2Djs&compression=lz64".parse().unwrap();
        assert_eq!(parameter(&uri, &["compression"]).as_deref(), Some("gzip-js"));
        assert_eq!(parameter(&uri, &["token"]), None);
        assert_eq!(parameter(&"/e/".parse().unwrap(), &["compression"]), None);
    }
}
