//! Stack frames as Sentry's and PostHog's SDKs write them (oldest first, `filename`, `lineno`, `colno`) to our own (newest
//! first). What lies around a line of source is let go: it is the app's code, not what happened.

use serde_json::{Map, Value};

use super::native::cut;
use super::text;
use crate::traces::FRAMES_MAX;

const TEXT_BYTES_MAX: usize = 512;

/// Returns the frames of a `stacktrace`, newest first; none where it has none.
pub(super) fn newest_first(stacktrace: Option<&Value>) -> Option<Value> {
    let frames = stacktrace?.get("frames")?.as_array()?;
    let frames: Vec<Value> = frames.iter().rev().take(FRAMES_MAX).filter_map(frame).collect();
    (!frames.is_empty()).then_some(Value::Array(frames))
}

fn frame(frame: &Value) -> Option<Value> {
    let mut kept = Map::new();
    let file = text(frame, "filename").or_else(|| text(frame, "abs_path"));
    for (field, given) in [("module", text(frame, "module")), ("file", file), ("function", text(frame, "function"))] {
        if let Some(given) = given {
            kept.insert(field.to_owned(), Value::from(cut(given, TEXT_BYTES_MAX)));
        }
    }
    for (field, name) in [("line", "lineno"), ("col", "colno")] {
        if let Some(number) = frame.get(name).and_then(Value::as_i64) {
            kept.insert(field.to_owned(), Value::from(number));
        }
    }
    if let Some(in_app) = frame.get("in_app").and_then(Value::as_bool) {
        kept.insert("in_app".to_owned(), Value::from(in_app));
    }
    (!kept.is_empty()).then_some(Value::Object(kept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_newest_comes_first_and_source_is_let_go() {
        let stacktrace = json!({"type": "raw", "frames": [
            {"filename": "main.js", "function": "main", "lineno": 1, "colno": 2, "in_app": false, "platform": "web:javascript"},
            {"abs_path": "/app/draw.py", "module": "draw", "function": "draw", "lineno": 8, "in_app": true,
                "pre_context": ["key = 'secret'"], "context_line": "boom()", "vars": {"password": "x"}},
            7,
        ]});
        assert_eq!(
            newest_first(Some(&stacktrace)),
            Some(json!([
                {"module": "draw", "file": "/app/draw.py", "function": "draw", "line": 8, "in_app": true},
                {"file": "main.js", "function": "main", "line": 1, "col": 2, "in_app": false},
            ]))
        );
    }

    #[test]
    fn a_stack_without_frames_is_none() {
        for stack in [json!(null), json!({}), json!({"frames": []}), json!({"frames": "x"}), json!({"frames": [1, {}]})]
        {
            assert_eq!(newest_first(Some(&stack)), None, "{stack}");
        }
        let deep = json!({"frames": vec![json!({"function": "f"}); 500]});
        assert_eq!(newest_first(Some(&deep)).and_then(|frames| frames.as_array().map(Vec::len)), Some(FRAMES_MAX));
    }
}
