//! Parses an error without what nobody reads: the source around each frame's line and the frame's variables, all but the newest
//! breadcrumbs, and the list of installed modules. That is half of a large event, and taking it apart is most of its cost.
//! What is left out here is never kept; whatever is read comes out as `serde_json` would parse it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::event::BREADCRUMBS_MAX;

const LEFT_OUT_OF_FRAMES: [&str; 4] = ["pre_context", "context_line", "post_context", "vars"];

/// Parses an event's text.
///
/// # Errors
/// It is no JSON.
pub(super) fn parse(text: &str) -> serde_json::Result<Value> {
    if !text.trim_ascii_start().starts_with('{') {
        return serde_json::from_str(text);
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let event = reader.deserialize_map(Event)?;
    reader.end()?;
    Ok(event)
}

/// A field's name; one with escapes is copied.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

struct Event;

impl<'de> Visitor<'de> for Event {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut event = Map::new();
        while let Some(Name(name)) = fields.next_key()? {
            let value = match name.as_ref() {
                "modules" => {
                    fields.next_value::<IgnoredAny>()?;
                    continue;
                }
                "exception" | "threads" | "stacktrace" => fields.next_value_seed(Trace { is_frame: false })?,
                "breadcrumbs" => breadcrumbs(fields.next_value::<&RawValue>()?.get()).map_err(de::Error::custom)?,
                _ => fields.next_value()?,
            };
            event.insert(name.into_owned(), value);
        }
        Ok(Value::Object(event))
    }
}

/// What holds stacks, or is a frame of one.
#[derive(Clone, Copy)]
struct Trace {
    is_frame: bool,
}

impl<'de> DeserializeSeed<'de> for Trace {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Trace {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut kept = Map::new();
        while let Some(Name(name)) = fields.next_key()? {
            if self.is_frame && LEFT_OUT_OF_FRAMES.contains(&name.as_ref()) {
                fields.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = fields.next_value_seed(Self { is_frame: name == "frames" })?;
            kept.insert(name.into_owned(), value);
        }
        Ok(Value::Object(kept))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut kept = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            kept.push(item);
        }
        Ok(Value::Array(kept))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

/// Parses the newest breadcrumbs of an array, or of `{"values": […]}`.
fn breadcrumbs(text: &str) -> serde_json::Result<Value> {
    #[derive(Deserialize)]
    struct Wrapped<'a> {
        #[serde(borrow)]
        values: Vec<&'a RawValue>,
    }
    let list = if text.starts_with('[') {
        serde_json::from_str::<Vec<&RawValue>>(text)
    } else {
        serde_json::from_str::<Wrapped<'_>>(text).map(|wrapped| wrapped.values)
    };
    // Whatever else it is, it is small or nonsense.
    let Ok(list) = list else { return serde_json::from_str(text) };
    let objects = list.iter().rev().map(|crumb| crumb.get()).filter(|crumb| crumb.starts_with('{'));
    let newest: Vec<&str> = objects.take(BREADCRUMBS_MAX).collect();
    newest.into_iter().rev().map(serde_json::from_str::<Value>).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn what_nobody_reads_is_left_out_and_the_rest_is_whole() {
        let frame = json!({"function": "f", "lineno": 3, "in_app": true, "pre_context": ["a"], "context_line": "b",
            "post_context": ["c"], "vars": {"password": "x"}, "data": {"vars": 1}});
        let crumbs: Vec<Value> = (0..120).map(|n| json!({"message": format!("m{n}")})).chain([json!(7)]).collect();
        let event = json!({
            "event_id": "a\"b", "level": null, "ratio": -1.5e3, "modules": {"pg": "8"}, "extra": {"frames": [{"vars": 1}], "vars": [true]},
            "exception": {"values": [{"type": "E", "stacktrace": {"frames": [frame, 3, null]}}]},
            "breadcrumbs": {"values": crumbs},
        });
        let parsed = parse(&event.to_string()).unwrap();
        let kept = &parsed["exception"]["values"][0]["stacktrace"]["frames"];
        let lean = json!([{"function": "f", "lineno": 3, "in_app": true, "data": {"vars": 1}}, 3, null]);
        assert_eq!((kept, parsed.get("modules")), (&lean, None));
        let kept = parsed["breadcrumbs"].as_array().unwrap();
        assert_eq!(
            (kept.len(), &kept[0], &kept[49]),
            (BREADCRUMBS_MAX, &json!({"message": "m70"}), &json!({"message": "m119"}))
        );
        for field in ["event_id", "level", "ratio", "extra"] {
            assert_eq!(parsed[field], event[field], "{field}");
        }
    }

    #[test]
    fn what_is_no_event_is_what_it_would_be_without_us() {
        for text in [
            "[]",
            "7",
            " \"x\"",
            "null",
            "{\"breadcrumbs\":7}",
            "{\"breadcrumbs\":{\"values\":3}}",
            "{\"threads\":\"x\"}",
        ] {
            assert_eq!(parse(text).unwrap(), serde_json::from_str::<Value>(text).unwrap(), "{text}");
        }
        let deep = format!("{{\"exception\":{}1{}}}", "[".repeat(500), "]".repeat(500));
        for text in ["", "{", "{} x", "{\"a\":1,}", "{\"breadcrumbs\":[1,}", deep.as_str()] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            let name = prop_oneof![Just("frames".to_owned()), Just("stacktrace".to_owned()), ".{0,4}"];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec((name, inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn anything_else_is_parsed_as_serde_json_parses_it(value in any_json(), spare in any_json()) {
            let event = json!({"exception": value.clone(), "threads": value.clone(), "stacktrace": spare, "extra": value});
            let text = event.to_string();
            prop_assert_eq!(parse(&text).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
        }
    }
}
