//! What went wrong: a chain of exceptions, the one that was caught last, its causes before it; or a message.

use serde_json::Value;

use super::lean::{Event, Exception};
use super::text;
use crate::adapters::frames;
use crate::adapters::native::{cut, without_query};
use crate::traces::Frame;

/// Nearest first; a chain is followed by its order on the wire, so that one in a circle ends as well.
const CAUSES_MAX: usize = 10;
const CAUSE_BYTES_MAX: usize = 512;
/// What Sentry calls an event that says nothing of itself.
const UNLABELED: &str = "<unlabeled event>";

/// What an event tells.
pub(super) struct Told<'v> {
    pub ty: Option<&'v str>,
    pub message: String,
    /// Whether the app caught it; none for a message, which nobody threw.
    pub handled: Option<bool>,
    /// Newest frame first.
    pub stack: Vec<Frame<'static>>,
    /// As breadcrumbs, the first cause first: it happened before.
    pub causes: Vec<Value>,
    pub mechanism: Option<&'v str>,
    /// What was logged with an exception.
    pub log: Option<&'v str>,
}

/// Reads what an event tells.
pub(super) fn read<'v>(event: &'v Event<'_>) -> Told<'v> {
    let main = event.exceptions.last();
    let mechanism = main.map(|main| &main.mechanism);
    let ty = main.and_then(|main| main.ty.as_deref());
    // SDKs make an exception up to have a stack for a message.
    let is_message = ty.is_none() && flag(mechanism, "synthetic") != Some(false);
    let log = logged(&event.item);
    let own = main.and_then(value_of);
    let message = match (is_message, log) {
        (true, Some(log)) => Some(log.to_owned()),
        _ => own.or_else(|| log.filter(|_| ty.is_none()).map(str::to_owned)),
    };
    let handled = event.exceptions.iter().any(|one| flag(Some(&one.mechanism), "handled") == Some(false));
    let handled = if handled { Some(false) } else { flag(mechanism, "handled") };
    Told {
        ty,
        message: message.unwrap_or_else(|| if ty.is_none() { UNLABELED.to_owned() } else { String::new() }),
        handled: handled.filter(|_| !is_message),
        stack: stack(event, main),
        causes: causes(&event.exceptions),
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
pub(super) fn files_of<'v>(event: &'v Event<'_>) -> Vec<&'v str> {
    let frames = event.exceptions.iter().flat_map(|exception| &exception.frames);
    let files = frames.flat_map(|frame| [&frame.abs_path, &frame.filename]);
    files.flatten().map(|file| without_query(file)).collect()
}

/// Returns an exception's message. Some apps throw objects.
fn value_of(exception: &Exception<'_>) -> Option<String> {
    match &exception.value {
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
fn stack(event: &Event<'_>, main: Option<&Exception<'_>>) -> Vec<Frame<'static>> {
    let threads = &event.threads;
    let thread = threads.iter().find(|thread| thread.is_at_fault).or(threads.first());
    let stacks = [main.map(|main| &main.frames), Some(&event.frames), thread.map(|thread| &thread.frames)];
    let stacks = stacks.into_iter().flatten().map(|frames| frames::newest_first(frames));
    stacks.into_iter().find(|stack| !stack.is_empty()).unwrap_or_default()
}

fn causes(list: &[Exception<'_>]) -> Vec<Value> {
    let causes = &list[..list.len().saturating_sub(1)];
    let nearest = &causes[causes.len().saturating_sub(CAUSES_MAX)..];
    nearest.iter().filter_map(cause).collect()
}

/// A cause, as a breadcrumb, with the frame to blame.
fn cause(exception: &Exception<'_>) -> Option<Value> {
    let told = [exception.ty.as_deref().map(str::to_owned), value_of(exception)];
    let told = told.into_iter().flatten().collect::<Vec<_>>().join(": ");
    let told = cut(&told, CAUSE_BYTES_MAX);
    if told.is_empty() {
        return None;
    }
    let mut cause = serde_json::json!({"category": "cause", "message": told});
    if let Some(blamed) = frames::blamed(&exception.frames) {
        cause["data"] = serde_json::json!(blamed);
    }
    Some(cause)
}
