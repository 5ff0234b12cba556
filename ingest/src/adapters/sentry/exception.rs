//! What went wrong: a chain of exceptions, the one that was caught last, its causes before it; or a message.

use serde_json::Value;

use super::text;
use crate::adapters::frames;
use crate::adapters::kept::first_that_fit;
use crate::adapters::native::{cut, without_query};

/// Nearest first; a chain is followed by its order on the wire, so that one in a circle ends as well.
const CAUSES_MAX: usize = 10;
const CAUSE_BYTES_MAX: usize = 512;
const STACK_BYTES_MAX: usize = 20 << 10;
/// What Sentry calls an event that says nothing of itself.
const UNLABELED: &str = "<unlabeled event>";

/// What an event tells.
pub(super) struct Told<'v> {
    pub ty: Option<&'v str>,
    pub message: String,
    /// Whether the app caught it; none for a message, which nobody threw.
    pub handled: Option<bool>,
    /// Newest frame first.
    pub stack: Option<Vec<Value>>,
    /// As breadcrumbs, the first cause first: it happened before.
    pub causes: Vec<Value>,
    pub mechanism: Option<&'v str>,
    /// What was logged with an exception.
    pub log: Option<&'v str>,
}

/// Reads what an event tells.
pub(super) fn read(item: &Value) -> Told<'_> {
    let list = list(item);
    let main = list.last().copied();
    let mechanism = main.and_then(|main| main.get("mechanism"));
    let ty = main.and_then(|main| text(main, "type"));
    // SDKs make an exception up to have a stack for a message.
    let is_message = ty.is_none() && flag(mechanism, "synthetic") != Some(false);
    let log = logged(item);
    let own = main.and_then(value_of);
    let message = match (is_message, log) {
        (true, Some(log)) => Some(log.to_owned()),
        _ => own.or_else(|| log.filter(|_| ty.is_none()).map(str::to_owned)),
    };
    let handled = list.iter().any(|one| flag(one.get("mechanism"), "handled") == Some(false));
    let handled = if handled { Some(false) } else { flag(mechanism, "handled") };
    Told {
        ty,
        message: message.unwrap_or_else(|| if ty.is_none() { UNLABELED.to_owned() } else { String::new() }),
        handled: handled.filter(|_| !is_message),
        stack: stack(item, main),
        causes: causes(&list),
        mechanism: mechanism.and_then(|mechanism| text(mechanism, "type")),
        log: log.filter(|_| ty.is_some()),
    }
}

/// Returns a severity that the judge knows.
pub(super) fn level(level: &str) -> Option<&'static str> {
    ["debug", "trace", "info", "log", "warning", "warn", "error", "fatal", "critical"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(level))
}

/// Returns the files that the frames of an event name, as they name them.
pub(super) fn frames_text(item: &Value) -> Vec<&str> {
    let frames = list(item).into_iter().filter_map(|one| one.get("stacktrace")?.get("frames")?.as_array()).flatten();
    let files = frames.flat_map(|frame| [text(frame, "abs_path"), text(frame, "filename")]);
    files.flatten().map(without_query).collect()
}

/// Returns the exceptions, causes first; older SDKs write an array, others `{values}`, the oldest a single one.
fn list(item: &Value) -> Vec<&Value> {
    let one = item.get("exception");
    let list = match one {
        Some(Value::Array(list)) => list.as_slice(),
        Some(Value::Object(fields)) => match fields.get("values") {
            Some(Value::Array(list)) => list.as_slice(),
            Some(_) => &[],
            None => one.map_or(&[][..], std::slice::from_ref),
        },
        _ => &[],
    };
    list.iter().filter(|one| one.is_object()).collect()
}

/// Returns an exception's message. Some apps throw objects.
fn value_of(exception: &Value) -> Option<String> {
    match exception.get("value")? {
        Value::Null => None,
        Value::String(value) => Some(value.clone()).filter(|value| !value.is_empty()),
        other => Some(other.to_string()),
    }
}

/// Returns what was logged: as it reads, else its template.
fn logged(item: &Value) -> Option<&str> {
    for entry in ["logentry", "message", "sentry.interfaces.Message"].into_iter().filter_map(|name| item.get(name)) {
        let found = entry.as_str().or_else(|| text(entry, "formatted")).or_else(|| text(entry, "message"));
        if let Some(found) = found.filter(|found| !found.is_empty()) {
            return Some(found);
        }
    }
    None
}

fn flag(mechanism: Option<&Value>, name: &str) -> Option<bool> {
    mechanism?.get(name)?.as_bool()
}

/// Returns the stack of the exception; of the event, or of the thread that made it, where the exception has none.
fn stack(item: &Value, main: Option<&Value>) -> Option<Vec<Value>> {
    let of_thread = || {
        let threads = item.get("threads")?;
        let threads = threads.get("values").unwrap_or(threads).as_array()?;
        let is_at_fault =
            |thread: &&Value| ["crashed", "current"].iter().any(|flag| thread.get(flag) == Some(&Value::Bool(true)));
        threads.iter().find(is_at_fault).or(threads.first())?.get("stacktrace")
    };
    let of_exception = main.and_then(|main| main.get("stacktrace"));
    let stacks = [of_exception, item.get("stacktrace"), of_thread()];
    let frames = stacks.into_iter().find_map(frames::newest_first)?;
    let Value::Array(frames) = frames else { return None };
    Some(first_that_fit(frames, STACK_BYTES_MAX))
}

fn causes(list: &[&Value]) -> Vec<Value> {
    let causes = &list[..list.len().saturating_sub(1)];
    let nearest = &causes[causes.len().saturating_sub(CAUSES_MAX)..];
    nearest.iter().filter_map(|exception| cause(exception)).collect()
}

/// A cause, as a breadcrumb, with the frame to blame.
fn cause(exception: &Value) -> Option<Value> {
    let told = [text(exception, "type").map(str::to_owned), value_of(exception)];
    let told = told.into_iter().flatten().collect::<Vec<_>>().join(": ");
    let told = cut(&told, CAUSE_BYTES_MAX);
    if told.is_empty() {
        return None;
    }
    let mut cause = serde_json::json!({"category": "cause", "message": told});
    if let Some(Value::Array(frames)) = frames::newest_first(exception.get("stacktrace")) {
        let of_app = |frame: &&Value| frame.get("in_app") == Some(&Value::Bool(true));
        let blamed = frames.iter().find(of_app).or(frames.first());
        cause["data"] = blamed.cloned().unwrap_or_default();
    }
    Some(cause)
}
