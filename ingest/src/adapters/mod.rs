//! What SDKs of other products send, put into the words of `POST /v1/events`. One file or folder a protocol (`segment`,
//! `posthog`, `sentry`, `otlp`), none knowing the others; what they share is small: who an id means (`ids`), whose clock a time
//! is by (`clock`), stack frames (`frames`), JSON read no further than it is needed
//! (`lenient`), the event being written (`native`) and what else of it is kept (`kept`), the key in a body (`key`). Not HTTP,
//! and not what an event may hold: every translated event goes to the `judge` like any other.
//!
//! A protocol is a function from a body's bytes to a [`Translation`]; a body that cannot be read at all is a `BodyError`.

mod clock;
mod frames;
mod ids;
mod kept;
mod key;
mod lenient;
mod list;
mod native;
pub mod otlp;
pub mod posthog;
pub mod segment;
pub mod sentry;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::client_drops::ClientDrop;
use crate::limits::Limits;
use crate::outcome::RejectCode;
use crate::traces::Frame;

pub use ids::IdRules;
pub use key::key_in_body;

/// What a translation needs to know besides the body.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Whom ids mean.
    pub ids: &'a IdRules,
    /// The limits of a request.
    pub limits: &'a Limits,
    /// The time of the request, microseconds since the Unix epoch.
    pub now: i64,
}

/// What an SDK's request held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Translation {
    /// Each item, in the SDK's order.
    pub events: Vec<Translated>,
    /// Fields that no column is for, or that must not be kept, and that were left out.
    pub fields_skipped: u64,
    /// Items that were skipped and that nobody asks about one by one, by what they were.
    pub skipped: BTreeMap<&'static str, u64>,
    /// What the SDK says that it dropped itself.
    pub client_drops: Vec<ClientDrop>,
    /// The SDK's id of the request as a whole, to be named in the answer.
    pub request_id: Option<String>,
}

/// One item of an SDK's request.
#[derive(Clone, Debug, PartialEq)]
pub struct Translated {
    /// The SDK's id of it, under which a retry is recognised.
    pub id: Option<String>,
    /// What became of it.
    pub fate: Fate,
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// An event in our own words.
    Native(Event),
    /// It should be an event and is none.
    Refused(Refused),
    /// There is nothing in it that Weir keeps; the word says what it was.
    Skipped(&'static str),
}

/// An event in our own words, for the judge.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// A JSON object with the fields of `POST /v1/events`.
    pub text: String,
    /// The stack of an error, newest frame first, where an SDK took it apart: then `text` has none.
    pub frames: Vec<Frame<'static>>,
}

/// An item that cannot be translated.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// Why.
    pub code: RejectCode,
    /// What was wrong, for the sender; names the SDK's field, never its value.
    pub message: String,
    /// What kind of item the SDK called it.
    pub kind: Option<String>,
    /// Its text, for `rejects`, where it is scrubbed; without what the SDK gathered by itself.
    pub event: Option<String>,
}

impl Translated {
    /// Returns about how many bytes its row will hold.
    pub(crate) fn bytes(&self) -> usize {
        match &self.fate {
            Fate::Native(event) => event.text.len() + event.frames.iter().map(Frame::bytes).sum::<usize>(),
            Fate::Refused(refused) => refused.event.as_ref().map_or(0, String::len),
            Fate::Skipped(_) => 0,
        }
    }
}

/// Why an item is no event: what a translator returns early.
enum NoEvent {
    Refused(RejectCode, String),
    Skipped(&'static str),
}

impl NoEvent {
    fn missing(field: &str) -> Self {
        Self::Refused(RejectCode::MissingField, format!("`{field}` is missing"))
    }

    fn wrong(field: &str, problem: &str) -> Self {
        Self::Refused(RejectCode::InvalidField, format!("`{field}` {problem}"))
    }

    /// Makes it a fate. `kind` is what the SDK calls the item, `text` the item.
    fn fate(self, kind: Option<&str>, text: &str) -> Fate {
        match self {
            Self::Skipped(what) => Fate::Skipped(what),
            Self::Refused(code, message) => {
                Fate::Refused(Refused { code, message, kind: kind.map(str::to_owned), event: Some(text.to_owned()) })
            }
        }
    }
}

/// Returns a field's text, if it is one and not empty.
fn text<'v>(value: &'v Value, field: &str) -> Option<&'v str> {
    value.get(field)?.as_str().filter(|text| !text.is_empty())
}

/// Returns an id of an item, which some libraries write as a number.
fn id_text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
