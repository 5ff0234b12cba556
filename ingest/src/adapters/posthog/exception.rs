//! Exceptions: `$exception_list`, the one that was caught first, its causes after it.

use serde_json::{Map, Value};

use crate::adapters::native::{Native, cut};
use crate::adapters::{NoEvent, frames, text};

const CAUSES_MAX: usize = 10;
const MESSAGE_BYTES_MAX: usize = 8192;
const CAUSE_BYTES_MAX: usize = 512;

/// Writes what an exception is into an event.
pub(super) fn write(given: &Map<String, Value>, native: &mut Native) -> Result<(), NoEvent> {
    let list = match given.get("$exception_list") {
        Some(Value::Array(list)) => list.as_slice(),
        Some(_) => return Err(NoEvent::wrong("$exception_list", "must be an array")),
        None => &[],
    };
    let first = list.first().filter(|first| first.is_object());
    let own = |name: &str| given.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let ty = first.and_then(|first| text(first, "type")).or_else(|| own("$exception_type"));
    let message = first.and_then(|first| text(first, "value")).or_else(|| own("$exception_message"));
    if ty.is_none() && message.is_none() {
        return Err(NoEvent::missing("$exception_list"));
    }
    native.text("type", ty);
    if let Some(message) = message {
        native.put("message", Value::from(cut(message, MESSAGE_BYTES_MAX)));
    }
    let mechanism = first.and_then(|first| first.get("mechanism"));
    if let Some(handled) = mechanism.and_then(|mechanism| mechanism.get("handled")).and_then(Value::as_bool) {
        native.put("handled", Value::from(handled));
    }
    if let Some(level) = own("$exception_level").and_then(level) {
        native.put("level", Value::from(level));
    }
    native.stack(frames::newest_first(&frames::of_value(first.and_then(|first| first.get("stacktrace")))));
    native.fingerprint(given.get("$exception_fingerprint"));
    let causes: Vec<Value> = list.iter().skip(1).take(CAUSES_MAX).filter_map(cause).collect();
    if !causes.is_empty() {
        native.put("breadcrumbs", Value::Array(causes));
    }
    Ok(())
}

/// Returns a severity that the judge knows.
fn level(level: &str) -> Option<&'static str> {
    ["debug", "info", "log", "warning", "warn", "error", "fatal", "critical"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(level))
}

/// A cause, as a breadcrumb: it happened before.
fn cause(exception: &Value) -> Option<Value> {
    let (ty, message) = (text(exception, "type"), text(exception, "value"));
    let told = [ty, message].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let told = cut(&told, CAUSE_BYTES_MAX);
    (!told.is_empty()).then(|| serde_json::json!({"category": "cause", "message": told}))
}
