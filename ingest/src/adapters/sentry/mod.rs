//! Sentry: envelopes of items, and the older `store` with one bare event. Errors and messages become errors, sessions
//! sessions, logs and feedback logs, transactions and the spans at the head of a segment usage; what an SDK says that it
//! dropped is counted. Attachments, replays, profiles and check-ins are not what Weir is for: they are counted, too.
//!
//! The way of a request: it is cut into items (`envelope`), each becomes an event of ours by what it is called (`event`,
//! `session`, `log`, `span`, `feedback`, `client_report`), errors parsed without what nobody reads (`lean`); what else is worth
//! keeping fills `properties`.
//!
//! Source: Sentry's SDK documentation, and what its SDKs for Node, browsers and Python were seen to send.

mod client_report;
mod envelope;
mod event;
mod exception;
mod feedback;
mod lean;
mod log;
mod session;
mod span;

use serde_json::Value;
use serde_json::value::RawValue;

use super::clock::{self, Clock};
use super::ids::{Role, Who};
use super::list::list;
use super::native::{Native, is_opaque};
use super::{Context, Fate, NoEvent, Translated, Translation, text};
use crate::limits::BodyError;
use crate::outcome::RejectCode;
use envelope::{Header, Item};

/// An event's text.
const EVENT_BYTES_MAX: usize = 1 << 20;
/// Sessions, and groups of them, in one envelope.
const SESSIONS_MAX: usize = 100;
/// A clock that is wrong by less is believed: what lies between is the time on the way, and a session's start must be the
/// same in each of its updates.
const DRIFT_US_MAX: i64 = 55 * 1_000_000;

/// Translates an envelope. Items that are whole are taken, whatever comes after them.
///
/// # Errors
/// [`BodyError::Unreadable`] when the body is no envelope; [`BodyError::TooLarge`] with too many items.
pub fn translate(body: &[u8], context: Context<'_>) -> Result<Translation, BodyError> {
    let (header, items) = envelope::open(body)?;
    let mut request = Request::new(&header, context);
    for item in items {
        request.take(item);
        request.check_room()?;
    }
    Ok(request.translation)
}

/// Translates the body of `store`: one event.
///
/// # Errors
/// [`BodyError::Unreadable`] when the body is no JSON object.
pub fn translate_store(body: &[u8], context: Context<'_>) -> Result<Translation, BodyError> {
    let text = std::str::from_utf8(body).ok().filter(|text| text.starts_with('{'));
    let text = text.ok_or_else(|| BodyError::Unreadable("the body is no Sentry event".into()))?;
    let mut request = Request::new(&Header::new(), context);
    let is_transaction =
        |text: &str| text.contains("\"transaction\"") && kind_of(text).as_deref() == Some("transaction");
    request.event(if is_transaction(text) { "transaction" } else { "event" }, text);
    Ok(request.translation)
}

/// Returns the key in an envelope's header: the user of its `dsn`.
#[must_use]
pub fn key_in_envelope(body: &[u8]) -> Option<String> {
    let (header, _) = envelope::open(body).ok()?;
    let dsn = url::Url::parse(header.get("dsn")?.as_str()?).ok()?;
    Some(dsn.username().to_owned()).filter(|key| !key.is_empty())
}

fn kind_of(text: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Typed {
        r#type: Option<String>,
    }
    serde_json::from_str::<Typed>(text).ok()?.r#type
}

/// One request being translated.
struct Request<'a> {
    context: Context<'a>,
    clock: Clock,
    /// The event's id by the envelope's header; the event's own word goes over it.
    event_id: Option<String>,
    /// When the envelope was sent, as it says: it tells one envelope from another.
    sent_at: Option<String>,
    sessions: usize,
    translation: Translation,
}

impl<'a> Request<'a> {
    fn new(header: &Header, context: Context<'a>) -> Self {
        let drift = |sent_at: &i64| context.now.saturating_sub(*sent_at).saturating_abs();
        let sent_at = header.get("sent_at").and_then(clock::read).filter(|sent_at| drift(sent_at) > DRIFT_US_MAX);
        let event_id = header.get("event_id").and_then(event_id);
        Self {
            context,
            clock: Clock::new(context.now, sent_at),
            translation: Translation { request_id: event_id.clone(), ..Translation::default() },
            event_id,
            sent_at: header.get("sent_at").and_then(Value::as_str).map(str::to_owned),
            sessions: 0,
        }
    }

    fn check_room(&self) -> Result<(), BodyError> {
        let max = self.context.limits.events_max;
        if self.translation.events.len() > max {
            return Err(BodyError::TooLarge(format!("an envelope may hold at most {max} events")));
        }
        Ok(())
    }

    fn take(&mut self, item: Item<'_>) {
        let (header, payload) = match item {
            Item::Whole { header, payload } => (header, payload),
            Item::Torn(problem) => return self.refuse(RejectCode::InvalidJson, problem),
        };
        let kind = kind_of(header);
        let kind = kind.as_deref().unwrap_or_default();
        if let Some(what) = skipped(kind) {
            return self.skip(what);
        }
        let Ok(payload) = std::str::from_utf8(payload) else {
            return self.refuse(RejectCode::InvalidJson, "an item's payload is no text");
        };
        match kind {
            "event" | "transaction" | "feedback" | "user_report" => self.event(kind, payload),
            "session" => self.session(payload),
            "sessions" => self.session_groups(payload),
            "log" => self.each(kind, payload, Self::log),
            "span" => self.each(kind, payload, Self::span),
            "client_report" => self.client_report(payload),
            _ => self.skip("unknown_type"),
        }
    }

    /// Takes one of the items that are a single event with an id.
    fn event(&mut self, kind: &str, payload: &str) {
        if kind == "event" {
            let Some(event) = self.read(kind, payload, lean::parse) else { return };
            let id = self.id_of(kind, payload, &event.item);
            let made = self.error(&event, &id);
            return self.put(Some(id), kind, payload, made);
        }
        let Some(item) = self.read(kind, payload, object) else { return };
        let id = self.id_of(kind, payload, &item);
        let made = match kind {
            "transaction" => self.transaction(&item, &id),
            "feedback" => self.feedback(&item, &id),
            _ => self.user_report(&item, &id),
        };
        self.put(Some(id), kind, payload, made);
    }

    /// Returns the id of an event; without one it has one that its text gives it, so that it is recognised when it comes again.
    fn id_of(&mut self, kind: &str, payload: &str, item: &Value) -> String {
        let of_text = || hash_of(&[kind.as_bytes(), payload.as_bytes()]);
        if kind == "user_report" {
            return of_text();
        }
        let id = item.get("event_id").and_then(event_id).or_else(|| self.event_id.take()).unwrap_or_else(of_text);
        self.translation.request_id.get_or_insert_with(|| id.clone());
        id
    }

    /// Takes a container of many items, each with `translate`. Its place in the container is part of what an item is.
    fn each(&mut self, kind: &str, payload: &str, translate: fn(&mut Self, &Value, &str) -> Result<Native, NoEvent>) {
        #[derive(serde::Deserialize)]
        struct Container<'p> {
            #[serde(borrow)]
            items: &'p RawValue,
        }
        let max = self.context.limits.events_max;
        let container = serde_json::from_str::<Container<'_>>(payload);
        let Ok(items) = container.and_then(|container| list(container.items.get(), max)) else {
            // Before containers there were single spans, of a form that no SDK sends by itself any more.
            if kind == "span" && payload.starts_with('{') {
                return self.skip("single_span");
            }
            return self.refuse(RejectCode::InvalidJson, "a container holds no array `items`");
        };
        for (place, raw) in items.iter().enumerate() {
            if self.translation.events.len() > max {
                return;
            }
            let Some(item) = self.read(kind, raw.get(), object) else { continue };
            let id = hash_of(&[kind.as_bytes(), &place.to_le_bytes(), raw.get().as_bytes()]);
            let made = translate(self, &item, &id);
            if matches!(made, Err(NoEvent::Skipped("child_span"))) {
                self.skip_many("child_span", 1);
            } else {
                self.put(Some(id), kind, raw.get(), made);
            }
        }
    }

    /// Reads an item by `parse`, which returns none of what is no object.
    fn read<'p, T>(
        &mut self,
        kind: &str,
        payload: &'p str,
        parse: fn(&'p str) -> serde_json::Result<Option<T>>,
    ) -> Option<T> {
        if payload.len() > EVENT_BYTES_MAX {
            self.refuse(RejectCode::TooLarge, &format!("a Sentry event may have at most {EVENT_BYTES_MAX} bytes"));
            return None;
        }
        match parse(payload) {
            Ok(Some(item)) => Some(item),
            Ok(None) => {
                let none = NoEvent::Refused(RejectCode::InvalidJson, "a Sentry item must be a JSON object".into());
                self.put(None, kind, payload, Err(none));
                None
            }
            Err(error) => {
                self.refuse(RejectCode::InvalidJson, &format!("not valid JSON: {error}"));
                None
            }
        }
    }

    fn put(&mut self, id: Option<String>, kind: &str, payload: &str, made: Result<Native, NoEvent>) {
        let fate = match made {
            Ok(native) => Fate::Native(native.finish()),
            Err(none) => none.fate(Some(kind), &shown(payload)),
        };
        self.translation.events.push(Translated { id, fate });
    }

    /// Refuses an item of which nothing can be kept.
    fn refuse(&mut self, code: RejectCode, message: &str) {
        let refused = super::Refused { code, message: message.to_owned(), kind: None, event: None };
        self.translation.events.push(Translated { id: None, fate: Fate::Refused(refused) });
    }

    fn skip(&mut self, what: &'static str) {
        self.translation.events.push(Translated { id: None, fate: Fate::Skipped(what) });
    }

    fn skip_many(&mut self, what: &'static str, count: u64) {
        *self.translation.skipped.entry(what).or_default() += count;
    }

    /// Returns when something happened, by our clock; without a time, now.
    fn at(&self, field: &str, value: Option<&Value>) -> Result<i64, NoEvent> {
        self.clock.of(value).ok_or_else(|| NoEvent::wrong(field, "must be an epoch or an ISO 8601 time"))
    }

    /// Returns whom an id means. One that the judge would refuse is passed over: no error is lost for it.
    fn who(&mut self, id: Option<&Value>) -> Who {
        let user = self.context.ids.read(id, Role::Account);
        let mut who = super::ids::IdRules::who(user, None);
        for id in [&mut who.account, &mut who.guest] {
            if id.as_ref().is_some_and(|id| !is_opaque(id)) {
                *id = None;
                self.translation.fields_skipped += 1;
            }
        }
        who
    }
}

/// Returns of an item what may be shown to whoever looks for why it was refused: what the SDK says of it, and nothing that it
/// gathered from a person's request or the app's variables.
fn shown(payload: &str) -> String {
    const SHOWN: [&str; 11] = [
        "environment",
        "event_id",
        "level",
        "platform",
        "release",
        "sid",
        "started",
        "start_timestamp",
        "status",
        "timestamp",
        "type",
    ];
    let Ok(Value::Object(mut item)) = serde_json::from_str(payload) else { return String::new() };
    item.retain(|name, value| SHOWN.contains(&name.as_str()) && !value.is_object() && !value.is_array());
    Value::Object(item).to_string()
}

/// Items of which nothing is kept, by what they are called.
fn skipped(kind: &str) -> Option<&'static str> {
    const SKIPPED: &[(&str, &str)] = &[
        ("attachment", "attachment"),
        ("profile", "profile"),
        ("profile_chunk", "profile"),
        ("replay_event", "replay"),
        ("replay_recording", "replay"),
        ("replay_video", "replay"),
        ("check_in", "check_in"),
        ("statsd", "metric"),
        ("metric_meta", "metric"),
        ("trace_metric", "metric"),
        ("security", "security_report"),
        ("raw_security", "security_report"),
        ("nel", "security_report"),
        ("otel_log", "otel"),
        ("otel_span", "otel"),
    ];
    SKIPPED.iter().find(|(theirs, _)| *theirs == kind).map(|(_, what)| *what)
}

/// Parses an item of which all may be read.
fn object(text: &str) -> serde_json::Result<Option<Value>> {
    Ok(Some(serde_json::from_str(text)?).filter(Value::is_object))
}

/// Returns an event's id in its plain form, 32 hexadecimal digits.
fn event_id(value: &Value) -> Option<String> {
    let id = uuid::Uuid::try_parse(value.as_str()?).ok()?;
    Some(id.simple().to_string())
}

/// Returns 32 hexadecimal digits that stand for these parts.
fn hash_of(parts: &[&[u8]]) -> String {
    crate::digest::of_parts("weir id of a sentry item v1", parts.iter().copied())
}

/// Returns how long something took, milliseconds, by two times of one clock.
fn duration_ms(from: Option<&Value>, to: Option<&Value>) -> Option<i64> {
    let (from, to) = (clock::read(from?)?, clock::read(to?)?);
    let us = to.checked_sub(from).filter(|us| *us >= 0)?;
    Some((us + 500) / 1000)
}

#[cfg(test)]
mod tests;
