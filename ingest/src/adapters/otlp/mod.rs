//! OpenTelemetry's protocol over HTTP: log records become logs, and errors where they tell of an exception; spans at which a
//! service's part of a trace begins become usage, exceptions of any span errors. What else traces hold is counted.
//!
//! The way of a request: it is cut into records (`split`), each is decoded (`decode`, `message`), becomes events of ours (`log`, `span`,
//! `exception`), and its attributes fill columns or `properties` (`attributes`); the answer is the protocol's (`reply`).
//!
//! Source: the OTLP specification 1.9, the semantic conventions 1.38, and what exporters for Python were seen to send.

mod attributes;
mod decode;
mod exception;
mod log;
mod message;
mod reply;
mod span;
mod split;

use std::collections::{HashMap, HashSet};

use super::native::Native;
use super::{Context, Fate, NoEvent, Refused, Translated, Translation};
use crate::limits::BodyError;
use attributes::Attributes;
use message::{Resource, Scope};
use split::Piece;

pub use reply::{refused, taken};

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`
    Protobuf,
    /// `application/json`
    Json,
}

/// What a request holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Log records: `/v1/logs`.
    Logs,
    /// Spans: `/v1/traces`.
    Traces,
}

/// Translates a request.
///
/// # Errors
/// [`BodyError::Unreadable`] when the body is no request of the protocol; [`BodyError::TooLarge`] with too many records, or
/// records that make too many events.
pub fn translate<'a>(
    body: &'a [u8],
    signal: Signal,
    encoding: Encoding,
    context: Context<'a>,
) -> Result<Translation, BodyError> {
    let (kind, take): (_, Take<'a>) = match signal {
        Signal::Logs => ("log_record", Request::log),
        Signal::Traces => ("span", Request::span),
    };
    let mut request = Request::new(encoding, context);
    for piece in split::pieces(body, encoding, context.limits)? {
        request.enter(&piece);
        let id = request.id_of(&piece);
        if let Err(none) = take(&mut request, piece.record, &id) {
            request.refuse(id, kind, none);
        }
        let max = context.limits.events_max;
        if request.translation.events.len() > max {
            return Err(BodyError::TooLarge(format!("a request may make at most {max} events")));
        }
    }
    Ok(request.translation)
}

/// Makes events of a record or span that has this id.
type Take<'a> = fn(&mut Request<'a>, &[u8], &str) -> Result<(), NoEvent>;

/// One request being translated.
struct Request<'a> {
    context: Context<'a>,
    encoding: Encoding,
    /// What sent the record at hand.
    resource: Attributes,
    /// The library or logger that made it.
    scope: String,
    /// The same as they were sent, so that each is decoded once for all of its records, and their hash.
    around: (&'a [u8], &'a [u8]),
    around_hash: String,
    /// How often each record came.
    seen: HashMap<String, u32>,
    /// Exceptions that left a span, by the span they went on to.
    left: HashSet<String>,
    translation: Translation,
}

impl<'a> Request<'a> {
    fn new(encoding: Encoding, context: Context<'a>) -> Self {
        Self {
            context,
            encoding,
            resource: Attributes::default(),
            scope: String::new(),
            around: (&[], &[]),
            around_hash: hash_of(&[&[], &[]]),
            seen: HashMap::new(),
            left: HashSet::new(),
            translation: Translation::default(),
        }
    }

    /// Reads what a record stands in. What cannot be read is as good as not there: the record is, all the same.
    fn enter(&mut self, piece: &Piece<'a>) {
        let is_same = |(resource, scope): (&[u8], &[u8])| {
            std::ptr::eq(resource, piece.resource) && std::ptr::eq(scope, piece.scope)
        };
        if is_same(self.around) {
            return;
        }
        if !std::ptr::eq(self.around.0, piece.resource) {
            let resource = decode::read::<Resource>(piece.resource, self.encoding);
            self.translation.fields_skipped += u64::from(resource.is_err());
            self.resource = resource.map(|resource| Attributes::of(resource.attributes)).unwrap_or_default();
        }
        let scope = decode::read::<Scope>(piece.scope, self.encoding);
        self.translation.fields_skipped += u64::from(scope.is_err());
        self.scope = scope.map(|scope| scope.name).unwrap_or_default();
        self.around = (piece.resource, piece.scope);
        self.around_hash = hash_of(&[piece.resource, piece.scope]);
    }

    /// Returns a record's id: the protocol has none, and a retry repeats the very bytes. Two records that are alike in one
    /// request are two.
    fn id_of(&mut self, piece: &Piece<'_>) -> String {
        let id = hash_of(&[self.around_hash.as_bytes(), piece.record]);
        let times = self.seen.entry(id.clone()).or_default();
        *times += 1;
        if *times == 1 { id } else { hash_of(&[id.as_bytes(), &times.to_le_bytes()]) }
    }

    fn push(&mut self, id: &str, native: Native) {
        let fate = Fate::Native(native.finish());
        self.translation.events.push(Translated { id: Some(id.to_owned()), fate });
    }

    fn refuse(&mut self, id: String, kind: &str, none: NoEvent) {
        let fate = match none {
            NoEvent::Skipped(what) => Fate::Skipped(what),
            // Of what could not be read, nobody knows what of it may be shown.
            NoEvent::Refused(code, message) => {
                Fate::Refused(Refused { code, message, kind: Some(kind.to_owned()), event: None })
            }
        };
        self.translation.events.push(Translated { id: Some(id), fate });
    }

    fn skip(&mut self, what: &'static str) {
        *self.translation.skipped.entry(what).or_default() += 1;
    }

    /// Returns when something happened, microseconds; without a time, now.
    fn at(&self, unix_nano: u64) -> i64 {
        if unix_nano == 0 { self.context.now } else { (unix_nano / 1000) as i64 }
    }
}

/// Returns an id in hexadecimal; none where it is not one.
fn hex_id(bytes: &[u8], length: usize) -> Option<String> {
    let is_id = bytes.len() == length && bytes.iter().any(|byte| *byte != 0);
    is_id.then(|| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Returns the id of one more event that is made of a record.
fn id_within(record: &str, number: usize) -> String {
    format!("{record}_{number}")
}

/// Returns the record that an event was made of.
fn record_of(id: &str) -> &str {
    id.split('_').next().unwrap_or(id)
}

/// Returns 32 hexadecimal digits that stand for these parts.
fn hash_of(parts: &[&[u8]]) -> String {
    crate::digest::of_parts("weir id of an otlp record v1", parts.iter().copied())
}

#[cfg(test)]
mod tests;
