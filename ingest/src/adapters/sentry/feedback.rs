//! What a person wrote about an error: a log record of the logger `feedback`, with the error's id in `properties.event_id`.
//! Logs are where free text may be kept, scrubbed and for thirty days. Names and addresses are let go.

use serde_json::Value;

use super::event::context;
use super::{Native, NoEvent, Request, event_id, text};
use crate::adapters::kept::Kept;
use crate::adapters::native::cut;
use crate::kind::Kind;

const MESSAGE_BYTES_MAX: usize = 4096;

impl Request<'_> {
    /// Translates a feedback, which is an event of its own.
    pub(super) fn feedback(&mut self, item: &Value, id: &str) -> Result<Native, NoEvent> {
        let mut native = self.begin(Kind::Logs, item, id, item.get("timestamp"))?;
        let feedback = context(item, "feedback").ok_or_else(|| NoEvent::missing("contexts.feedback"))?;
        let mut kept = Kept::default();
        write(&mut native, text(feedback, "message"), feedback.get("associated_event_id"), &mut kept)?;
        kept.text("source", text(feedback, "source"));
        self.keep(Kind::Logs, item, kept, &mut native);
        Ok(native)
    }

    /// Translates the older form, which is nothing but a text and the error's id.
    pub(super) fn user_report(&mut self, item: &Value, id: &str) -> Result<Native, NoEvent> {
        let mut native = Native::new(Kind::Logs, Some(id), self.clock.now());
        let mut kept = Kept::default();
        write(&mut native, text(item, "comments"), item.get("event_id"), &mut kept)?;
        native.properties(kept.finish().0);
        Ok(native)
    }
}

fn write(native: &mut Native, message: Option<&str>, about: Option<&Value>, kept: &mut Kept) -> Result<(), NoEvent> {
    let message = message.ok_or_else(|| NoEvent::missing("message"))?;
    native.put("message", Value::from(cut(message, MESSAGE_BYTES_MAX)));
    native.put("level", Value::from("info"));
    native.put("logger", Value::from("feedback"));
    kept.text("event_id", about.and_then(event_id).as_deref());
    Ok(())
}
