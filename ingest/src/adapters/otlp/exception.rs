//! Exceptions, as attributes of a log record or of a span's event.

use serde_json::Value;

use super::attributes::Attributes;
use crate::adapters::frames::that_fit;
use crate::adapters::native::{Native, cut};
use crate::traces::{self, Language};

const MESSAGE_BYTES_MAX: usize = 8192;

/// What was thrown.
pub(super) struct Thrown<'v> {
    pub(super) ty: Option<&'v str>,
    pub(super) message: Option<&'v str>,
    stack: Option<&'v str>,
    /// Whether it is said that it left the span it is told of. Where it is said that it did not, nothing is known: SDKs say so
    /// before they can know.
    has_escaped: bool,
}

/// Reads an exception, if there is one.
pub(super) fn read(attributes: &Attributes) -> Option<Thrown<'_>> {
    let (ty, message) = (attributes.text("exception.type"), attributes.text("exception.message"));
    (ty.is_some() || message.is_some()).then(|| Thrown {
        ty,
        message,
        stack: attributes.text("exception.stacktrace"),
        has_escaped: attributes.flag("exception.escaped"),
    })
}

impl Thrown<'_> {
    /// Writes it into an event. `language` is what its sender is written in, `said` what was logged with it.
    pub(super) fn write(&self, language: Option<&str>, said: Option<&str>, native: &mut Native) {
        native.text("type", self.ty);
        if let Some(message) = self.message.or(said) {
            native.put("message", Value::from(cut(message, MESSAGE_BYTES_MAX)));
        }
        if self.has_escaped {
            native.put("handled", Value::from(false));
        }
        let frames = traces::read(self.stack.unwrap_or_default(), language.and_then(Language::from_hint));
        native.stack(that_fit(frames.into_iter()));
    }
}
