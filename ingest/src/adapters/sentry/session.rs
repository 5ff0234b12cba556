//! Sessions. Each update repeats the full state and is a row; the latest of a `session_id` by `ts` tells what became of it,
//! and one that has ended (any status but `ok`) stays so. Servers also send counts of sessions: a row stands for many then.

use serde_json::{Map, Value};

use super::{Native, NoEvent, Request, SESSIONS_MAX, Who, clock, hash_of, object, text};
use crate::adapters::native::is_opaque;
use crate::kind::Kind;
use crate::outcome::RejectCode;

/// The counts of a group, and the status of those that are counted.
const COUNTS: [&str; 5] = ["exited", "errored", "unhandled", "abnormal", "crashed"];
const COUNT_MAX: u64 = 999_999_999_999;
/// A hundred years.
const DURATION_S_MAX: f64 = 3.2e9;

impl Request<'_> {
    /// Takes one update of a session.
    pub(super) fn session(&mut self, payload: &str) {
        if !self.has_room_for_session() {
            return;
        }
        let Some(item) = self.read("session", payload, object) else { return };
        let id = text(&item, "sid").map(|sid| match item.get("seq").and_then(Value::as_u64) {
            Some(seq) => format!("{sid}:{seq}"),
            // Most SDKs number nothing; a repeat is the same to the letter.
            None => format!("{sid}:{}", &hash_of(&[payload.as_bytes()])[..16]),
        });
        let made = self.update(&item, id.as_deref());
        self.put(id, "session", payload, made);
    }

    fn update(&mut self, item: &Value, id: Option<&str>) -> Result<Native, NoEvent> {
        let sid = text(item, "sid").ok_or_else(|| NoEvent::missing("sid"))?;
        if !is_opaque(sid) {
            return Err(NoEvent::wrong("sid", "must be an opaque id"));
        }
        let mut native = Native::new(Kind::Sessions, id, self.at("timestamp", item.get("timestamp"))?);
        let who = Who { session: Some(sid.to_owned()), ..self.who(someone(item)) };
        describe(&mut native, who, item.get("attrs"));
        native.put("status", Value::from(text(item, "status").unwrap_or("ok")));
        native.put("started", clock::write(self.at("started", item.get("started"))?));
        let duration = item.get("duration").and_then(Value::as_f64).filter(|s| (0.0..=DURATION_S_MAX).contains(s));
        if let Some(duration) = duration {
            native.put("duration_ms", Value::from((duration * 1000.0).round() as i64));
        }
        let errors = item.get("errors").and_then(Value::as_u64).filter(|errors| *errors <= COUNT_MAX);
        native.put("errors", Value::from(errors.unwrap_or(0)));
        let kept = ["init", "seq", "abnormal_mechanism"].into_iter();
        let kept: Map<String, Value> = kept
            .filter_map(|name| Some((name.to_owned(), item.get(name)?.clone())))
            .filter(|(_, value)| matches!(value, Value::Bool(_) | Value::Number(_) | Value::String(_)))
            .collect();
        native.properties(kept);
        Ok(native)
    }

    /// Takes counts of sessions: groups by the minute in which they began.
    pub(super) fn session_groups(&mut self, payload: &str) {
        let Some(item) = self.read("sessions", payload, object) else { return };
        let Some(groups) = item.get("aggregates").and_then(Value::as_array) else {
            let none = Err(NoEvent::missing("aggregates"));
            return self.put(None, "sessions", payload, none);
        };
        let (payload_hash, attrs) = (hash_of(&[payload.as_bytes()]), item.get("attrs"));
        let attrs_text = attrs.map(Value::to_string).unwrap_or_default();
        for (place, group) in groups.iter().enumerate() {
            if !self.has_room_for_session() {
                return self.skip_many("session_group", (groups.len() - place - 1) as u64);
            }
            let counts = COUNTS.into_iter().filter_map(|status| {
                let count = group.get(status)?.as_u64().filter(|count| (1..=COUNT_MAX).contains(count))?;
                Some((status, count))
            });
            let counts: Vec<_> = counts.collect();
            if counts.is_empty() {
                self.skip_many("session_group", 1);
                continue;
            }
            let text = group.to_string();
            // Whose sessions they were nobody says; a row must be about something, and this is about the group.
            let name = format!("group_{}", hash_of(&[attrs_text.as_bytes(), text.as_bytes()]));
            for count in counts {
                let id = self.id_of_group(&payload_hash, place, count.0);
                let made = self.group(attrs, group, count, (&name, id.as_deref()));
                self.put(id, "sessions", &text, made);
            }
        }
    }

    /// Returns the id of a count. Two processes of one server may count the same in the same minute, so that only the
    /// envelope's time tells a repeat from another's count; where it says none, each counts.
    fn id_of_group(&self, payload_hash: &str, place: usize, status: &str) -> Option<String> {
        let sent_at = self.sent_at.as_deref()?;
        Some(hash_of(&[
            b"sessions",
            sent_at.as_bytes(),
            payload_hash.as_bytes(),
            &place.to_le_bytes(),
            status.as_bytes(),
        ]))
    }

    fn group(
        &mut self,
        attrs: Option<&Value>,
        group: &Value,
        (status, count): (&str, u64),
        (name, id): (&str, Option<&str>),
    ) -> Result<Native, NoEvent> {
        let started = self.at("started", group.get("started"))?;
        let mut native = Native::new(Kind::Sessions, id, started);
        let who = Who { session: Some(name.to_owned()), ..self.who(someone(group)) };
        describe(&mut native, who, attrs);
        native.put("status", Value::from(status));
        native.put("started", clock::write(started));
        native.put("quantity", Value::from(count));
        Ok(native)
    }

    fn has_room_for_session(&mut self) -> bool {
        self.sessions += 1;
        if self.sessions > SESSIONS_MAX {
            self.refuse(RejectCode::TooLarge, &format!("an envelope may have at most {SESSIONS_MAX} sessions"));
        }
        self.sessions <= SESSIONS_MAX
    }
}

/// Returns whose session it is. SDKs write a user's name there where they know no id; one with a blank is a name.
fn someone(item: &Value) -> Option<&Value> {
    item.get("did").filter(|did| !did.as_str().is_some_and(|did| did.contains(char::is_whitespace)))
}

/// Says whose it is, and what its attributes tell.
fn describe(native: &mut Native, who: Who, attrs: Option<&Value>) {
    native.who(who);
    let attr = |name: &str| attrs.and_then(|attrs| text(attrs, name));
    native.client(attr("ip_address"), attr("user_agent"));
    native.text("release", attr("release"));
    native.text("environment", attr("environment"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_is_nobody() {
        assert_eq!(someone(&json!({"did": "Jane Doe"})), None);
        assert_eq!(someone(&json!({"did": "acct_1"})), Some(&json!("acct_1")));
        assert_eq!(someone(&json!({"did": 7})), Some(&json!(7)));
        assert_eq!(someone(&json!({})), None);
    }
}
