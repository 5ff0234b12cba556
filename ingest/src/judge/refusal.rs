//! Why one event is refused, and the row of `rejects` it becomes, so that nothing vanishes.

use std::fmt::Display;

use super::fields::is_wire_name;
use super::ids::uuid_v7;
use crate::kind::Kind;
use crate::outcome::RejectCode;
use crate::row::Rows;
use crate::scrub;
use crate::sender::Sender;

/// What of a sender's own word is repeated in messages.
const QUOTED_BYTES_MAX: usize = 64;

/// Why one event is refused. The message names the field and never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub code: RejectCode,
    pub message: String,
}

impl Refusal {
    pub(super) fn new(code: RejectCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A field whose value will not do.
    pub(super) fn field(field: &str, problem: impl Display) -> Self {
        Self::new(RejectCode::InvalidField, format!("{} {problem}", Self::quoted(field)))
    }

    /// Quotes a name that the sender made up, scrubbed and short.
    pub(super) fn quoted(name: &str) -> String {
        let name: String = name.chars().filter(|char| !char.is_control()).collect();
        format!("`{}`", scrub::cut(&scrub::text(&name), QUOTED_BYTES_MAX))
    }
}

/// Writes the row of a refused event. `kind` is the sender's word; `event` its text, if it may be kept.
pub(super) fn write_row(rows: &mut Rows, sender: &Sender, refusal: &Refusal, kind: Option<&str>, event: Option<&str>) {
    let kind = kind.map(scrub::text);
    let event = event.and_then(|event| scrub::refused_event(event, is_wire_name));
    let mut row = rows.begin(Kind::Rejects);
    row.text("event_id", &uuid_v7(sender.now))
        .time("ts", sender.now)
        .text("trust", sender.trust.name())
        .text("source", sender.source.name())
        .text_if("kind", kind.as_deref().map(|kind| scrub::cut(kind, QUOTED_BYTES_MAX)))
        .text("code", refusal.code.name())
        .text("message", &refusal.message)
        .text("key", &sender.key)
        .text_if("event", event.as_deref());
    row.finish(None);
}
