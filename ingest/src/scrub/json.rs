//! Scrubs JSON: `properties`, breadcrumbs, and events that were refused. Clean JSON is kept as the sender wrote it.

use std::borrow::Cow;

use hashbrown::HashMap;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::names::{self, Fate};
use super::{count, cut, numbers, patterns, uncounted};

const NAMES_REMEMBERED_MAX: usize = 4096;
const BREADCRUMBS_MAX: usize = 50;
const MESSAGE_BYTES_MAX: usize = 2048;
/// What nests deeper is taken apart, which has a bound of its own.
const LOOKED_OVER_DEPTH_MAX: u32 = 64;
/// The field of a breadcrumb whose text is kept, though fields of this name are dropped elsewhere.
const CRUMB_TEXT: &str = "message";
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
    if is_clean(json, memo, "") {
        return Ok(Cow::Borrowed(json));
    }
    let mut value: Value = serde_json::from_str(json)?;
    let changed = scrub_value(&mut value);
    count(changed);
    // A key the fast look found suspicious may stay with a number as its value: then nothing changed.
    Ok(if changed == 0 && !json.contains("\\u0000") { Cow::Borrowed(json) } else { Cow::Owned(value.to_string()) })
}

/// Scrubs an error's breadcrumbs: an array, oldest first, of which the newest are kept. Other JSON is none. A clean crumb is
/// kept as the sender wrote it.
pub(crate) fn breadcrumbs<'a>(json: &'a str, memo: &mut NameMemo<'a>) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Wrapped<'a> {
        #[serde(borrow)]
        values: Vec<&'a RawValue>,
    }
    let crumbs: Vec<&RawValue> = if json.starts_with('{') {
        serde_json::from_str::<Wrapped<'_>>(json).ok()?.values
    } else {
        serde_json::from_str(json).ok()?
    };
    let newest = &crumbs[crumbs.len().saturating_sub(BREADCRUMBS_MAX)..];
    let mut text = String::with_capacity(json.len());
    for crumb in newest {
        text.push(if text.is_empty() { '[' } else { ',' });
        // One that is no longer than its message may be needs no cut.
        if crumb.get().len() <= MESSAGE_BYTES_MAX && is_clean(crumb.get(), memo, CRUMB_TEXT) {
            text.push_str(crumb.get());
        } else {
            text.push_str(&scrubbed_breadcrumb(crumb.get())?);
        }
    }
    text.push_str(if text.is_empty() { "[]" } else { "]" });
    Some(patterns::home_directory(&text).into_owned())
}

fn scrubbed_breadcrumb(json: &str) -> Option<String> {
    let mut crumb: Value = serde_json::from_str(json).ok()?;
    count(scrub_top(&mut crumb, |name| name == CRUMB_TEXT));
    if let Some(Value::String(message)) = crumb.get_mut(CRUMB_TEXT) {
        message.truncate(cut(message, MESSAGE_BYTES_MAX).len());
    }
    Some(crumb.to_string())
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

/// Looks over valid JSON without taking it apart. Escapes are not read here, so they count as suspicious. At the top, fields
/// named `kept` are harmless.
fn is_clean<'a>(json: &'a str, memo: &mut NameMemo<'a>, kept: &str) -> bool {
    let bytes = json.as_bytes();
    let (mut at, mut depth) = (0, 0_u32);
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
                let is_kept = is_name && depth == 1 && text == kept;
                if !(is_kept || if is_name { memo.is_harmless(text) } else { is_clean_text(text) }) {
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
            byte => {
                match byte {
                    b'{' | b'[' => {
                        depth += 1;
                        if depth > LOOKED_OVER_DEPTH_MAX {
                            return false;
                        }
                    }
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                at += 1;
            }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Words that some rule of scrubbing is about, and words that none is.
    const WORDS: [&str; 14] = [
        "message",
        "data",
        "category",
        "level",
        "url",
        "prompt",
        "password",
        "me@example.com",
        "GET /api/v2?token=abcdef123456",
        "4111 1111 1111 1111",
        "/home/jane/app.js",
        "select a from b where id = $1",
        "203.0.113.7",
        "é \"quoted\"",
    ];

    fn crumb() -> impl Strategy<Value = Value> {
        let word = || proptest::sample::select(&WORDS[..]).prop_map(str::to_owned);
        let leaf = prop_oneof![word().prop_map(Value::from), any::<u32>().prop_map(Value::from), Just(Value::Null)];
        leaf.prop_recursive(3, 12, 4, move |inner| {
            let fields = proptest::collection::vec((word(), inner.clone()), 0..4);
            prop_oneof![
                proptest::collection::vec(inner, 0..3).prop_map(Value::from),
                fields.prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// The fast look must take for clean only what taking apart would leave as it is.
        #[test]
        fn crumbs_that_are_only_looked_over_are_those_that_would_not_change(crumbs in proptest::collection::vec(crumb(), 0..6)) {
            let json = Value::from(crumbs.clone()).to_string();
            let apart: Vec<String> = crumbs.iter().map(|crumb| scrubbed_breadcrumb(&crumb.to_string()).unwrap()).collect();
            let apart = patterns::home_directory(&format!("[{}]", apart.join(","))).into_owned();
            prop_assert_eq!(breadcrumbs(&json, &mut NameMemo::default()), Some(apart));
        }
    }

    #[test]
    fn deep_and_long_crumbs_are_taken_apart() {
        let of = |json: &str| breadcrumbs(json, &mut NameMemo::default());
        let deep = |depth: usize| format!("[{}1{}]", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(of(&deep(100)), Some(deep(100)));
        assert_eq!(of(&deep(1_000)), None);
        let long = of(&format!(r#"[{{"message":"{}"}}]"#, "x y ".repeat(1_000))).unwrap();
        assert_eq!(long.len(), MESSAGE_BYTES_MAX + r#"[{"message":""}]"#.len());
    }
}
