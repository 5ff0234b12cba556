//! Parses an error without what nobody reads: the source around each frame's line and the frame's variables, all but the newest
//! breadcrumbs, and the list of installed modules. That is half of a large event, and taking it apart is most of its cost. What
//! there is most of, frames and breadcrumbs, is read into fields of its own at once.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Error as _, MapAccess};
use serde_json::Value;
use serde_json::value::RawValue;

use super::event::BREADCRUMBS_MAX;
use crate::adapters::frames::{SdkFrame, Stacktrace};
use crate::adapters::lenient::{Part, Scalar, Shape, skip};

/// An error or a message.
#[derive(Debug, Default)]
pub(super) struct Event<'a> {
    /// What is not below.
    pub item: Value,
    /// Causes first.
    pub exceptions: Vec<Exception<'a>>,
    pub threads: Vec<Thread<'a>>,
    /// The event's own stack.
    pub frames: Vec<SdkFrame<'a>>,
    /// The newest, oldest first.
    pub breadcrumbs: Vec<Breadcrumb<'a>>,
}

/// One exception of a chain.
#[derive(Debug, Default)]
pub(super) struct Exception<'a> {
    pub ty: Option<Cow<'a, str>>,
    /// Its message; some apps throw objects.
    pub value: Value,
    pub mechanism: Value,
    pub frames: Vec<SdkFrame<'a>>,
    /// Where this is no exception, but what holds them.
    values: Option<Vec<Self>>,
}

/// A thread of an app that was not only one.
#[derive(Debug, Default)]
pub(super) struct Thread<'a> {
    pub is_at_fault: bool,
    pub frames: Vec<SdkFrame<'a>>,
    values: Option<Vec<Self>>,
}

/// What happened before.
#[derive(Debug, Default)]
pub(super) struct Breadcrumb<'a> {
    pub ty: Option<Cow<'a, str>>,
    pub category: Option<Cow<'a, str>>,
    pub level: Option<Cow<'a, str>>,
    pub message: Option<Cow<'a, str>>,
    pub timestamp: Value,
    pub data: Value,
}

/// Parses an event's text: none when it is JSON, but no object.
///
/// # Errors
/// It is no JSON.
pub(super) fn parse(text: &str) -> serde_json::Result<Option<Event<'_>>> {
    serde_json::from_str::<Shape<Event<'_>>>(text).map(|shape| shape.one)
}

impl<'a> Part<'a> for Event<'a> {
    fn take<A: MapAccess<'a>>(&mut self, name: &str, fields: &mut A) -> Result<(), A::Error> {
        match name {
            "modules" => skip(fields)?,
            // Older SDKs write an array, others `{values}`, the oldest a single one.
            "exception" => {
                let shape: Shape<Exception<'_>> = fields.next_value()?;
                self.exceptions = match shape.one {
                    Some(Exception { values: Some(values), .. }) => values,
                    Some(one) => vec![one],
                    None => shape.many,
                };
            }
            "threads" => {
                let shape: Shape<Thread<'_>> = fields.next_value()?;
                self.threads = shape.one.and_then(|one| one.values).unwrap_or(shape.many);
            }
            "stacktrace" => self.frames = Stacktrace::next_of(fields)?,
            "breadcrumbs" => {
                let given = fields.next_value::<&RawValue>()?;
                self.breadcrumbs = newest(given.get()).map_err(A::Error::custom)?;
            }
            name => self.item[name] = fields.next_value()?,
        }
        Ok(())
    }
}

impl<'a> Part<'a> for Exception<'a> {
    fn take<A: MapAccess<'a>>(&mut self, name: &str, fields: &mut A) -> Result<(), A::Error> {
        match name {
            "type" => self.ty = fields.next_value::<Scalar<'_>>()?.text(),
            "value" => self.value = fields.next_value()?,
            "mechanism" => self.mechanism = fields.next_value()?,
            "stacktrace" => self.frames = Stacktrace::next_of(fields)?,
            "values" => self.values = Some(fields.next_value::<Shape<Self>>()?.many),
            _ => skip(fields)?,
        }
        Ok(())
    }
}

impl<'a> Part<'a> for Thread<'a> {
    fn take<A: MapAccess<'a>>(&mut self, name: &str, fields: &mut A) -> Result<(), A::Error> {
        match name {
            "crashed" | "current" => self.is_at_fault |= fields.next_value::<Scalar<'_>>()?.bool() == Some(true),
            "stacktrace" => self.frames = Stacktrace::next_of(fields)?,
            "values" => self.values = Some(fields.next_value::<Shape<Self>>()?.many),
            _ => skip(fields)?,
        }
        Ok(())
    }
}

impl<'a> Part<'a> for Breadcrumb<'a> {
    fn take<A: MapAccess<'a>>(&mut self, name: &str, fields: &mut A) -> Result<(), A::Error> {
        match name {
            "type" => self.ty = fields.next_value::<Scalar<'_>>()?.text(),
            "category" => self.category = fields.next_value::<Scalar<'_>>()?.text(),
            "level" => self.level = fields.next_value::<Scalar<'_>>()?.text(),
            "message" => self.message = fields.next_value::<Scalar<'_>>()?.text(),
            "timestamp" => self.timestamp = fields.next_value()?,
            "data" => self.data = fields.next_value()?,
            _ => skip(fields)?,
        }
        Ok(())
    }
}

/// Parses the newest breadcrumbs of an array, or of `{"values": […]}`; of anything else there are none.
fn newest(text: &str) -> serde_json::Result<Vec<Breadcrumb<'_>>> {
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
    let Ok(list) = list else { return Ok(Vec::new()) };
    let objects = list.iter().rev().map(|crumb| crumb.get()).filter(|crumb| crumb.starts_with('{'));
    let newest: Vec<&str> = objects.take(BREADCRUMBS_MAX).collect();
    let parsed = newest.into_iter().rev().map(serde_json::from_str::<Shape<Breadcrumb<'_>>>);
    parsed.filter_map(|shape| shape.map(|shape| shape.one).transpose()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(event: &Value, check: impl FnOnce(Event<'_>)) {
        check(parse(&event.to_string()).unwrap().unwrap());
    }

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
        parsed(&event, |parsed| {
            let [exception] = &parsed.exceptions[..] else { panic!("one exception") };
            let [frame] = &exception.frames[..] else { panic!("one frame") };
            assert_eq!(
                (exception.ty.as_deref(), frame.function.as_deref(), frame.lineno, frame.in_app),
                (Some("E"), Some("f"), Some(3), Some(true))
            );
            let messages: Vec<_> = parsed.breadcrumbs.iter().filter_map(|crumb| crumb.message.as_deref()).collect();
            assert_eq!((messages.len(), messages[0], messages[49]), (BREADCRUMBS_MAX, "m70", "m119"));
            for field in ["event_id", "level", "ratio", "extra"] {
                assert_eq!(parsed.item[field], event[field], "{field}");
            }
            assert_eq!(parsed.item.as_object().map(serde_json::Map::len), Some(4));
        });
    }

    #[test]
    fn exceptions_and_threads_come_in_every_form_that_sdks_wrote() {
        let count = |event: Value| {
            let mut counts = (0, 0);
            parsed(&event, |event| counts = (event.exceptions.len(), event.threads.len()));
            counts
        };
        let two = json!([{"type": "A"}, 7, {"type": "B"}]);
        assert_eq!(count(json!({"exception": two, "threads": two})), (2, 2));
        assert_eq!(count(json!({"exception": {"values": two}, "threads": {"values": two}})), (2, 2));
        assert_eq!(count(json!({"exception": {"type": "A"}, "threads": {"id": 1}})), (1, 0));
        assert_eq!(count(json!({"exception": {"values": null}, "threads": {"values": 3}})), (0, 0));
        assert_eq!(count(json!({"exception": "x", "threads": null})), (0, 0));
        parsed(
            &json!({"threads": [{"crashed": true}, {"current": "yes"}, {"crashed": false, "current": true}]}),
            |event| {
                assert_eq!(
                    event.threads.iter().map(|thread| thread.is_at_fault).collect::<Vec<_>>(),
                    [true, false, true]
                );
            },
        );
    }

    #[test]
    fn what_is_no_event_is_none_and_what_is_no_json_an_error() {
        for text in ["[]", "7", " \"x\"", "null", "[{}]"] {
            assert!(parse(text).unwrap().is_none(), "{text}");
        }
        for text in ["{}", "{\"breadcrumbs\":7}", "{\"breadcrumbs\":{\"values\":3}}", "{\"threads\":\"x\"}"] {
            let event = parse(text).unwrap().unwrap();
            assert!(event.breadcrumbs.is_empty() && event.threads.is_empty() && event.item.is_null(), "{text}");
        }
        let deep = format!("{{\"exception\":{}1{}}}", "[".repeat(500), "]".repeat(500));
        for text in ["", "{", "{} x", "{\"a\":1,}", "{\"breadcrumbs\":[1,}", deep.as_str()] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
