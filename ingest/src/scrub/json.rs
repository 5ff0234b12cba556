//! Scrubs JSON: `properties`, breadcrumbs, and events that were refused. Clean JSON is kept as the sender wrote it.

use std::borrow::Cow;

use hashbrown::HashMap;
use serde_json::{Map, Value};

use super::names::{self, Fate};
use super::{count, cut, numbers, patterns, uncounted};

const NAMES_REMEMBERED_MAX: usize = 4096;
const BREADCRUMBS_MAX: usize = 50;
const MESSAGE_BYTES_MAX: usize = 2048;
const REFUSED_EVENT_BYTES_MAX: usize = 4096;

/// The field names of one request that were found harmless or not: senders repeat theirs in every event.
#[derive(Default)]
pub(crate) struct NameMemo<'a>(HashMap<&'a str, bool>);

impl<'a> NameMemo<'a> {
    fn is_harmless(&mut self, name: &'a str) -> bool {
        if let Some(harmless) = self.0.get(name) {
            return *harmless;
        }
        let harmless = names::fate(name) == Fate::Keep && is_clean_text(name);
        if self.0.len() < NAMES_REMEMBERED_MAX {
            self.0.insert(name, harmless);
        }
        harmless
    }
}

/// Scrubs the text of a valid JSON value by value and by field name.
///
/// # Errors
/// When a string in it is no text (half a surrogate pair).
pub(crate) fn properties<'a>(json: &'a str, memo: &mut NameMemo<'a>) -> Result<Cow<'a, str>, serde_json::Error> {
    if is_clean(json, memo) {
        return Ok(Cow::Borrowed(json));
    }
    let mut value: Value = serde_json::from_str(json)?;
    let changed = scrub_value(&mut value);
    count(changed);
    // A key the fast look found suspicious may stay with a number as its value: then nothing changed.
    Ok(if changed == 0 && !json.contains("\\u0000") { Cow::Borrowed(json) } else { Cow::Owned(value.to_string()) })
}

/// Scrubs an error's breadcrumbs: an array, oldest first, of which the newest are kept. Other JSON is none.
pub(crate) fn breadcrumbs(json: &str) -> Option<String> {
    let value: Value = serde_json::from_str(json).ok()?;
    let crumbs = match value {
        Value::Array(crumbs) => crumbs,
        Value::Object(mut object) => match object.remove("values") {
            Some(Value::Array(crumbs)) => crumbs,
            _ => return None,
        },
        _ => return None,
    };
    let older = crumbs.len().saturating_sub(BREADCRUMBS_MAX);
    let mut kept: Vec<Value> = crumbs.into_iter().skip(older).collect();
    let changed = kept.iter_mut().map(|crumb| scrub_top(crumb, |name| name == "message")).sum();
    count(changed);
    for crumb in &mut kept {
        if let Some(Value::String(message)) = crumb.get_mut("message") {
            message.truncate(cut(message, MESSAGE_BYTES_MAX).len());
        }
    }
    let text = Value::Array(kept).to_string();
    Some(patterns::home_directory(&text).into_owned())
}

/// Scrubs an event that was refused, for `rejects`: none if it is no JSON object, or still too large.
pub(crate) fn refused_event(json: &str, is_wire_name: impl Fn(&str) -> bool) -> Option<String> {
    let mut value: Value = serde_json::from_str(json).ok()?;
    let event = value.as_object_mut()?;
    for name in ["email", "ip", "user_agent"] {
        event.remove(name);
    }
    scrub_top(&mut value, is_wire_name);
    let text = patterns::home_directory(&value.to_string()).into_owned();
    (text.len() <= REFUSED_EVENT_BYTES_MAX).then_some(text)
}

/// Looks over valid JSON without taking it apart. Escapes are not read here, so they count as suspicious.
fn is_clean<'a>(json: &'a str, memo: &mut NameMemo<'a>) -> bool {
    let bytes = json.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let start = at + 1;
                let Some(length) = memchr::memchr2(b'"', b'\\', &bytes[start..]) else { return false };
                let end = start + length;
                if bytes[end] == b'\\' {
                    return false;
                }
                at = end + 1;
                let text = &json[start..end];
                let is_name = bytes[at..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
                if !(if is_name { memo.is_harmless(text) } else { is_clean_text(text) }) {
                    return false;
                }
            }
            b'0'..=b'9' => {
                let start = at;
                while at < bytes.len() && bytes[at].is_ascii_digit() {
                    at += 1;
                }
                if numbers::is_card(&json[start..at]) {
                    return false;
                }
            }
            _ => at += 1,
        }
    }
    true
}

fn is_clean_text(text: &str) -> bool {
    matches!(uncounted(text), Cow::Borrowed(_))
}

/// Scrubs a value in place and tells how many fields it changed or dropped. Its nesting was bounded before.
fn scrub_value(value: &mut Value) -> u64 {
    match value {
        Value::String(text) => u64::from(scrub_text(text)),
        Value::Number(number) => {
            let digits = number.to_string();
            let is_card = numbers::is_card(digits.split('.').next().unwrap_or_default());
            if is_card {
                *value = Value::String("[card]".into());
            }
            u64::from(is_card)
        }
        Value::Array(values) => values.iter_mut().map(scrub_value).sum(),
        Value::Object(fields) => scrub_fields(fields, |_| false),
        Value::Null | Value::Bool(_) => 0,
    }
}

/// Scrubs a value; if it is an object, fields of its own that `is_kept` names stay, with scrubbed values.
fn scrub_top(value: &mut Value, is_kept: impl Fn(&str) -> bool) -> u64 {
    match value {
        Value::Object(fields) => scrub_fields(fields, is_kept),
        other => scrub_value(other),
    }
}

fn scrub_fields(fields: &mut Map<String, Value>, is_kept: impl Fn(&str) -> bool) -> u64 {
    let before = fields.len();
    fields.retain(|name, value| {
        let fate = if is_kept(name) { Fate::Keep } else { names::fate(name) };
        let is_text = !matches!(value, Value::Number(_) | Value::Bool(_) | Value::Null);
        is_clean_text(name) && (fate == Fate::Keep || (fate == Fate::DropText && !is_text))
    });
    let dropped = (before - fields.len()) as u64;
    dropped + fields.values_mut().map(scrub_value).sum::<u64>()
}

fn scrub_text(text: &mut String) -> bool {
    if text.contains('\0') {
        text.retain(|char| char != '\0');
    }
    let Cow::Owned(scrubbed) = uncounted(text) else { return false };
    *text = scrubbed;
    true
}
