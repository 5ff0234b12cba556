//! Log records. One that tells of an exception is an error as well: whoever reads logs looks for it there, and whoever reviews
//! errors here.

use serde_json::Value;

use super::attributes::{Attributes, plain};
use super::message::LogRecord;
use super::{NoEvent, Request, exception, hex_id, id_within};
use crate::adapters::native::{Native, cut};
use crate::kind::Kind;

const BODY_BYTES_MAX: usize = 4096;
/// Where each severity ends that has a word of its own; there are four of each.
const SEVERITIES: [(i32, &str); 6] =
    [(4, "debug"), (8, "debug"), (12, "info"), (16, "warn"), (20, "error"), (24, "fatal")];
const WORDS: [&str; 8] = ["debug", "trace", "info", "warn", "warning", "error", "fatal", "critical"];

impl Request<'_> {
    /// Translates a record.
    pub(super) fn log(&mut self, record: &[u8], id: &str) -> Result<(), NoEvent> {
        let record: LogRecord = super::decode::read(record, self.encoding)?;
        let at =
            self.at(if record.time_unix_nano == 0 { record.observed_time_unix_nano } else { record.time_unix_nano });
        let attributes = Attributes::of(record.attributes);
        let thrown = exception::read(&attributes);
        let body = record.body.map(plain).and_then(said);
        let event_name = Some(record.event_name.as_str()).filter(|name| !name.is_empty());
        let message = body.as_deref().or(event_name);
        let message = message.or_else(|| thrown.as_ref().and_then(|thrown| thrown.message.or(thrown.ty)));
        let message = message.ok_or_else(|| NoEvent::missing("body"))?;
        let level = level(record.severity_number, &record.severity_text);
        let (trace_id, span_id) = (hex_id(&record.trace_id, 16), hex_id(&record.span_id, 8));

        let mut native = Native::new(Kind::Logs, Some(id), at);
        native.put("message", Value::from(cut(message, BODY_BYTES_MAX)));
        native.text("level", level);
        native.text("logger", self.logger());
        native.text("trace_id", trace_id.as_deref());
        native.text("span_id", span_id.as_deref());
        self.about(&mut native, &attributes);
        let mut kept = self.origin();
        kept.text("event_name", event_name);
        if let Some(thrown) = &thrown {
            kept.text("exception.type", thrown.ty);
        }
        self.keep(Kind::Logs, &attributes, kept, &mut native);
        self.push(id, native);

        if let Some(thrown) = thrown {
            let id = id_within(id, 1);
            let mut native = Native::new(Kind::Errors, Some(&id), at);
            thrown.write(self.resource.text("telemetry.sdk.language"), body.as_deref(), &mut native);
            native.text("level", level);
            self.about(&mut native, &attributes);
            let mut kept = self.origin();
            kept.text("logger", self.logger());
            kept.text("log", body.as_deref().filter(|_| thrown.message.is_some()));
            kept.text("trace_id", trace_id.as_deref());
            kept.text("span_id", span_id.as_deref());
            self.keep(Kind::Errors, &attributes, kept, &mut native);
            self.push(&id, native);
        }
        Ok(())
    }

    /// Returns who logged: the logger, which is the scope, or else the service.
    fn logger(&self) -> Option<&str> {
        Some(self.scope.as_str()).filter(|scope| !scope.is_empty()).or_else(|| self.resource.text("service.name"))
    }
}

/// Returns what a body says: its text, or itself as JSON.
fn said(body: Value) -> Option<String> {
    match body {
        Value::Null => None,
        Value::String(text) => Some(text).filter(|text| !text.is_empty()),
        other => Some(other.to_string()),
    }
}

fn level(number: i32, word: &str) -> Option<&'static str> {
    let of_number = SEVERITIES.iter().find(|(last, _)| (1..=*last).contains(&number)).map(|(_, level)| *level);
    of_number.or_else(|| WORDS.into_iter().find(|known| known.eq_ignore_ascii_case(word)))
}
