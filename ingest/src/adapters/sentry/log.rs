//! Log records, from containers whose attributes say their types: `{"user.id": {"value": "acct_1", "type": "string"}}`.

use serde_json::{Map, Value};

use super::{Native, NoEvent, Request, exception, text};
use crate::adapters::kept::Kept;
use crate::adapters::native::{cut, is_opaque};
use crate::kind::Kind;

const BODY_BYTES_MAX: usize = 4096;

/// The attributes of a record or span, without their types.
pub(super) struct Attributes(pub(super) Map<String, Value>);

impl Attributes {
    /// Reads an item's attributes.
    pub(super) fn of(item: &Value) -> Self {
        let attributes = item.get("attributes").and_then(Value::as_object).into_iter().flatten();
        let untyped = attributes.map(|(name, typed)| (name.clone(), typed.get("value").unwrap_or(typed).clone()));
        Self(untyped.collect())
    }

    /// Takes a text out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        match self.0.remove(name)? {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }
}

impl Request<'_> {
    /// Translates a log record.
    pub(super) fn log(&mut self, item: &Value, id: &str) -> Result<Native, NoEvent> {
        let mut native = Native::new(Kind::Logs, Some(id), self.at("timestamp", item.get("timestamp"))?);
        let mut attributes = Attributes::of(item);
        let body = match item.get("body") {
            Some(Value::String(body)) if !body.is_empty() => body.clone(),
            None | Some(Value::Null | Value::String(_)) => return Err(NoEvent::missing("body")),
            Some(body) => body.to_string(),
        };
        native.put("message", Value::from(cut(&body, BODY_BYTES_MAX)));
        if let Some(level) = text(item, "level").and_then(exception::level).filter(|level| *level != "log") {
            native.put("level", Value::from(level));
        }
        self.about(&mut native, &mut attributes);
        native.text("logger", attributes.take("logger.name").as_deref());
        let span = text(item, "span_id").map(str::to_owned).or_else(|| attributes.take("sentry.trace.parent_span_id"));
        for (field, id) in [("trace_id", text(item, "trace_id")), ("span_id", span.as_deref())] {
            if let Some(id) = id.filter(|id| is_opaque(id)) {
                native.put(field, Value::from(id));
            }
        }
        self.keep_attributes(Kind::Logs, attributes, &mut native);
        Ok(native)
    }

    /// Says what the attributes tell of user, client and release.
    pub(super) fn about(&mut self, native: &mut Native, attributes: &mut Attributes) {
        let user = attributes.0.remove("user.id").or_else(|| attributes.0.get("user.email").cloned());
        let who = self.who(user.as_ref());
        native.who(who);
        let address = ["user.ip_address", "client.address"].into_iter().find_map(|name| attributes.take(name));
        native.client(address.as_deref(), attributes.take("user_agent.original").as_deref());
        native.text("release", attributes.take("sentry.release").as_deref());
        native.text("environment", attributes.take("sentry.environment").as_deref());
    }

    /// Keeps what attributes are left but for those that name a person, repeat what was said, or are about the SDK.
    pub(super) fn keep_attributes(&mut self, kind: Kind, attributes: Attributes, native: &mut Native) {
        let mut kept = Kept::default();
        native.lift(kind, &attributes.0);
        for (name, value) in &attributes.0 {
            match name.as_str() {
                "sentry.message.template" => kept.put("template", value),
                name if name.starts_with("user.") || name.starts_with("sentry.") => kept.leave_out(1),
                name if name.starts_with("process.") || name.starts_with("thread.") => kept.leave_out(1),
                name if name.starts_with("browser.") || name.starts_with("url.query") => kept.leave_out(1),
                name => kept.put(name, value),
            }
        }
        let (properties, left_out) = kept.finish();
        self.translation.fields_skipped += left_out;
        native.properties(properties);
    }
}
