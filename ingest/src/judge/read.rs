//! Reads one event's text into a flat list of (name, raw value), and raw values into typed ones. Nothing is copied but
//! text with escapes in it. Not which fields there are (`fields`).

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::refusal::Refusal;
use crate::outcome::RejectCode;

/// The longest id, bytes.
pub(super) const ID_BYTES_MAX: usize = 256;

/// A field's name, and its value as the sender wrote it.
pub(super) type RawField<'a> = (Cow<'a, str>, &'a str);

/// Why a text is no event.
pub(super) enum NoEvent {
    /// It is JSON, of another type.
    NoObject,
    /// It is no JSON.
    Broken(String),
}

/// Reads an event's fields into `fields`, in the sender's order. Values are skipped over without recursion.
pub(super) fn read_fields<'a>(text: &'a str, fields: &mut Vec<RawField<'a>>) -> Result<(), NoEvent> {
    fields.clear();
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Collect(fields).deserialize(&mut reader).and_then(|()| reader.end());
    read.map_err(|error| {
        fields.clear();
        if error.is_data() { NoEvent::NoObject } else { NoEvent::Broken(error.to_string()) }
    })
}

struct Collect<'f, 'a>(&'f mut Vec<RawField<'a>>);

impl<'a> DeserializeSeed<'a> for Collect<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Collect<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            let value: &'a RawValue = map.next_value()?;
            self.0.push((name, value.get()));
        }
        Ok(())
    }
}

struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// Reads a text. Without escapes it is borrowed as it stands.
pub(super) fn text<'a>(field: &str, raw: &'a str) -> Result<Cow<'a, str>, Refusal> {
    let Some(inner) = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Err(Refusal::field(field, "must be a text"));
    };
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(inner));
    }
    let mut text: String =
        serde_json::from_str(raw).map_err(|_| Refusal::field(field, "holds an escape that is no character"))?;
    // No database and no terminal takes these well, and no honest text needs them.
    text.retain(|char| !char.is_control() || matches!(char, '\n' | '\t'));
    Ok(Cow::Owned(text))
}

/// Reads an id: not empty, not long, no control characters.
pub(super) fn id<'a>(field: &str, raw: &'a str) -> Result<Cow<'a, str>, Refusal> {
    let id = match text(field, raw)? {
        Cow::Owned(_) => serde_json::from_str(raw).map_or_else(|_| Cow::Borrowed(""), Cow::Owned),
        borrowed @ Cow::Borrowed(_) => borrowed,
    };
    if id.is_empty() {
        return Err(Refusal::field(field, "must not be empty"));
    }
    if id.len() > ID_BYTES_MAX {
        return Err(Refusal::field(field, format_args!("must have at most {ID_BYTES_MAX} bytes")));
    }
    let has_control =
        if id.is_ascii() { id.bytes().any(|byte| byte.is_ascii_control()) } else { id.chars().any(char::is_control) };
    if has_control {
        return Err(Refusal::field(field, "must not hold control characters"));
    }
    if let Some(likeness) = crate::scrub::id_offence(&id) {
        return Err(Refusal::field(field, format_args!("must be opaque, and looks like {likeness}")));
    }
    Ok(id)
}

/// Reads an integer: `812`, or a float without a fraction.
pub(super) fn integer(field: &str, raw: &str, (min, max): (i64, i64)) -> Result<i64, Refusal> {
    /// Beyond this, floats skip integers.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if !raw.starts_with(|char: char| char == '-' || char.is_ascii_digit()) {
        return Err(Refusal::field(field, "must be an integer"));
    }
    let value = match raw.parse::<i64>() {
        Ok(value) => value,
        Err(_) => match raw.parse::<f64>() {
            Ok(value) if value.fract() == 0.0 && value.abs() <= EXACT_MAX => value as i64,
            Ok(value) if value.fract() == 0.0 || !value.is_finite() => {
                return Err(Refusal::field(field, format_args!("must lie between {min} and {max}")));
            }
            _ => return Err(Refusal::field(field, "must be an integer")),
        },
    };
    if (min..=max).contains(&value) {
        Ok(value)
    } else if value < 0 && min == 0 {
        Err(Refusal::field(field, "must not be negative"))
    } else {
        Err(Refusal::field(field, format_args!("must lie between {min} and {max}")))
    }
}

/// Reads a Boolean.
pub(super) fn boolean(field: &str, raw: &str) -> Result<bool, Refusal> {
    match raw {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Refusal::field(field, "must be true or false")),
    }
}

/// Reads a time as microseconds since the Unix epoch.
pub(super) fn time(field: &str, raw: &str) -> Result<i64, Refusal> {
    let read = if raw.starts_with('"') {
        super::time::rfc3339_to_us(&text(field, raw)?)
    } else if raw.starts_with(|char: char| char == '-' || char.is_ascii_digit()) {
        super::time::epoch_ms_to_us(raw)
    } else {
        None
    };
    read.ok_or_else(|| Refusal::field(field, "must be an RFC 3339 time with an offset, or epoch milliseconds"))
}

/// Refuses a value that nests deeper than `depth_max`. The value is valid JSON.
pub(super) fn check_nesting(field: &str, raw: &str, depth_max: usize) -> Result<(), Refusal> {
    let bytes = raw.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'{' | b'[' => {
                depth += 1;
                if depth > depth_max {
                    let message = format!("{} nests deeper than {depth_max} levels", Refusal::quoted(field));
                    return Err(Refusal { code: RejectCode::TooLarge, message });
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => at = end_of_string(bytes, at),
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// Returns the place of the quote that closes the string which opens at `at`.
fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return at;
        }
        at += 2;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_may_be_written_as_whole_floats() {
        let read = |raw| integer("n", raw, (-10_000, 10_000)).map_err(|refusal| refusal.message);
        for (raw, value) in [("812", 812), ("812.0", 812), ("8.12e2", 812), ("-3", -3), ("-0", 0), ("0", 0)] {
            assert_eq!(read(raw), Ok(value), "{raw}");
        }
        for raw in ["812.5", "\"812\"", "true", "[1]", "1e-3"] {
            assert_eq!(read(raw), Err("`n` must be an integer".into()), "{raw}");
        }
        for raw in ["10001", "1e300", "1e999", "99999999999999999999", "-10001"] {
            assert_eq!(read(raw), Err("`n` must lie between -10000 and 10000".into()), "{raw}");
        }
        assert_eq!(integer("n", "9007199254740993", (0, i64::MAX)).ok(), Some(9_007_199_254_740_993));
        assert!(integer("n", "-1", (0, 5)).is_err_and(|refusal| refusal.message.contains("negative")));
    }

    #[test]
    fn nesting_counts_brackets_outside_strings() {
        assert!(check_nesting("p", r#"{"a":["[[[[\"[["]}"#, 2).is_ok());
        assert!(check_nesting("p", r#"{"a":[[]]}"#, 2).is_err());
        assert!(check_nesting("p", &"[".repeat(200_000), 31).is_err());
    }

    #[test]
    fn text_with_escapes_is_read_and_cleaned() {
        assert_eq!(text("t", r#""a\u00e9\n\u0000b""#).ok().as_deref(), Some("aé\nb"));
        assert!(text("t", r#""\ud800""#).is_err());
        assert!(text("t", "12").is_err());
    }
}
