//! The event being written: a JSON object with the fields of `POST /v1/events`.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::ids::Who;
use super::{Event, clock};
use crate::grouping::{FINGERPRINT_BYTES_MAX, FINGERPRINT_PARTS_MAX};
use crate::kind::Kind;
use crate::scrub;
use crate::traces::Frame;

/// What the judge takes of a text, bytes. What an SDK gathered by itself is cut rather than refused.
const TEXT_BYTES_MAX: usize = 512;
const AGENT_BYTES_MAX: usize = 4096;
const ID_BYTES_MAX: usize = 256;
const COUNT_MAX: u64 = 999_999_999_999;
const STATUSES: [&str; 3] = ["ok", "error", "cancelled"];

/// An event in our own words.
pub(super) struct Native {
    fields: Map<String, Value>,
    /// Fields that are JSON already.
    texts: Vec<(&'static str, String)>,
    frames: Vec<Frame<'static>>,
}

impl Native {
    /// Begins one.
    pub(super) fn new(kind: Kind, id: Option<&str>, at: i64) -> Self {
        let mut native = Self { fields: Map::new(), texts: Vec::new(), frames: Vec::new() };
        native.put("kind", Value::from(kind.wire()));
        native.put("ts", clock::write(at));
        if let Some(id) = id {
            native.put("id", Value::from(id));
        }
        native
    }

    /// Sets a field.
    pub(super) fn put(&mut self, field: &str, value: Value) {
        self.fields.insert(field.to_owned(), value);
    }

    /// Sets a field of text, cut to what the judge takes, unless there is none.
    pub(super) fn text(&mut self, field: &str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.put(field, Value::from(cut(text, TEXT_BYTES_MAX)));
        }
    }

    /// Says whom it is about.
    pub(super) fn who(&mut self, who: Who) {
        let Who { account, guest, device, session } = who;
        for (field, id) in
            [("account_id", account), ("guest_id", guest), ("device_id", device), ("session_id", session)]
        {
            if let Some(id) = id {
                self.put(field, Value::from(id));
            }
        }
    }

    /// Says what an error is to be grouped by: a list, or a single text. What the judge would not take is left out.
    pub(super) fn fingerprint(&mut self, given: Option<&Value>) {
        let list = match given {
            Some(Value::Array(list)) => list.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => return,
        };
        let parts = list.iter().filter_map(|part| match part {
            Value::String(text) if !text.is_empty() => Some(cut(text, FINGERPRINT_BYTES_MAX).into_owned()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
        let parts: Vec<Value> = parts.take(FINGERPRINT_PARTS_MAX).map(Value::from).collect();
        if !parts.is_empty() {
            self.put("fingerprint", Value::Array(parts));
        }
    }

    /// Makes the trace what it is about, where nobody is named: an event must be about something.
    pub(super) fn trace_as_subject(&mut self, trace_id: Option<&str>) {
        let has_subject =
            ["account_id", "guest_id", "device_id", "session_id"].iter().any(|id| self.fields.contains_key(*id));
        if let Some(trace_id) = trace_id.filter(|id| !has_subject && is_opaque(id)) {
            self.text("session_id", Some(&format!("trace_{trace_id}")));
        }
    }

    /// Says what is known of the client. An address that is none, or nobody's, is as good as none.
    pub(super) fn client(&mut self, address: Option<&str>, agent: Option<&str>) {
        let address = address.and_then(|address| address.trim().parse::<std::net::IpAddr>().ok());
        if let Some(address) = address.filter(|address| !address.is_unspecified()) {
            self.put("ip", Value::from(address.to_string()));
        }
        if let Some(agent) = agent.filter(|agent| !agent.is_empty()) {
            self.put("user_agent", Value::from(scrub::cut(agent, AGENT_BYTES_MAX)));
        }
    }

    /// Fills the columns that properties of the same name fit. They stay properties as well: whoever sent them looks for
    /// them there.
    pub(super) fn lift(&mut self, kind: Kind, properties: &Map<String, Value>) {
        for (field, value) in properties {
            let of_usage = matches!(field.as_str(), "status" | "duration_ms" | "quantity" | "model" | "route");
            if self.fields.contains_key(field) || (of_usage && kind != Kind::Usage) {
                continue;
            }
            match (field.as_str(), value) {
                ("status", Value::String(status)) if STATUSES.contains(&status.as_str()) => {
                    self.put(field, value.clone());
                }
                ("quantity", Value::Number(number)) if number.as_u64().is_some_and(|number| number <= COUNT_MAX) => {
                    self.put(field, value.clone());
                }
                ("duration_ms", Value::Number(number)) => {
                    if let Some(duration) = whole(number) {
                        self.put(field, Value::from(duration));
                    }
                }
                ("model" | "route" | "release" | "environment", Value::String(text)) => self.text(field, Some(text)),
                ("workspace_id" | "session_id" | "api_key_id", Value::String(id)) if is_opaque(id) => {
                    self.put(field, value.clone());
                }
                _ => {}
            }
        }
    }

    /// Sets `properties`, unless there are none.
    pub(super) fn properties(&mut self, properties: Map<String, Value>) {
        if !properties.is_empty() {
            self.put("properties", Value::Object(properties));
        }
    }

    /// Sets a field that is JSON already.
    pub(super) fn json(&mut self, field: &'static str, json: String) {
        self.texts.push((field, json));
    }

    /// Sets the stack of an error, newest frame first, unless it has none.
    pub(super) fn stack(&mut self, frames: Vec<Frame<'static>>) {
        self.frames = frames;
    }

    /// Returns it for the judge.
    pub(super) fn finish(self) -> Event {
        let mut text = serde_json::to_string(&self.fields).expect("names of JSON are texts");
        for (field, json) in self.texts {
            // There is a field before it, the kind.
            text.pop();
            text.extend([",\"", field, "\":", &json, "}"]);
        }
        Event { text, frames: self.frames }
    }
}

/// Rounds a duration: browsers measure fractions of a millisecond.
fn whole(duration: &Number) -> Option<u64> {
    let rounded = duration.as_f64()?.round();
    (0.0..=COUNT_MAX as f64).contains(&rounded).then_some(rounded as u64)
}

/// Cuts a text that is too long; scrubbed before, so that no half of an address is left at its end.
pub(super) fn cut(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    let scrubbed = scrub::message(text);
    Cow::Owned(scrub::cut(&scrubbed, bytes_max).to_owned())
}

/// Returns an address without what may be personal in it.
pub(super) fn without_query(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or_default()
}

/// Tells whether the judge will take a text as an id.
pub(super) fn is_opaque(id: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len()) && !id.chars().any(char::is_control) && scrub::id_offence(id).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(native: Native) -> Value {
        serde_json::from_str(&native.finish().text).expect("JSON")
    }

    #[test]
    fn only_properties_that_fit_fill_columns() {
        let mut native = Native::new(Kind::Usage, None, 0);
        let Value::Object(properties) = json!({"status": "ok", "duration_ms": 11.6, "quantity": -1, "model": "xl",
            "workspace_id": "jane@example.com", "session_id": "s_1", "release": 2, "colour": "red"})
        else {
            unreachable!("an object");
        };
        native.lift(Kind::Usage, &properties);
        let lifted = of(native);
        assert_eq!(
            (&lifted["status"], &lifted["duration_ms"], &lifted["model"]),
            (&json!("ok"), &json!(12), &json!("xl"))
        );
        assert_eq!(lifted["session_id"], "s_1");
        for field in ["quantity", "workspace_id", "release", "colour"] {
            assert!(lifted.get(field).is_none(), "{field}");
        }
        let mut error = Native::new(Kind::Errors, None, 0);
        error.lift(Kind::Errors, &properties);
        assert!(of(error).get("status").is_none(), "errors have no such column");
    }

    #[test]
    fn what_an_sdk_gathered_is_cut_and_bad_addresses_are_passed_over() {
        let mut native = Native::new(Kind::Usage, Some("m-1"), 0);
        native.text("route", Some(&"/é".repeat(400)));
        native.client(Some("0.0.0.0"), Some(""));
        let written = of(native);
        assert!(written["route"].as_str().is_some_and(|route| (510..=512).contains(&route.len())));
        assert!(written.get("ip").is_none() && written.get("user_agent").is_none());
    }
}
