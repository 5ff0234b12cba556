//! Stack traces, as frames or as the text that a language prints: frames kept, scrubbed, and the one to blame. Not how text is
//! read (`traces`), nor how frames group into issues (`grouping`).

use std::borrow::Cow;

use super::read;
use super::refusal::Refusal;
use crate::grouping;
use crate::scrub;
use crate::traces::{self, FRAMES_MAX, Frame};

const TEXT_BYTES_MAX: usize = 512;

/// A stack, ready for its columns.
#[derive(Default)]
pub(super) struct Stack<'a> {
    /// The frames, newest first as given.
    pub frames: Vec<Frame<'a>>,
    /// The first frame of the app's own, else the first: `function in file`. None for a stack without frames.
    pub culprit: Option<String>,
}

/// Reads the stack of an error. A text in which no frame is found is an error's stack all the same, of no frames.
pub(super) fn read_stack<'a>(field: &str, raw: &'a str) -> Result<Stack<'a>, Refusal> {
    if raw.starts_with('"') {
        let text = read::text(field, raw)?;
        let frames = traces::read(&text, None);
        return Ok(keep(frames.into_iter().map(Frame::into_owned).collect()));
    }
    if !raw.starts_with('[') {
        return Err(Refusal::field(field, "must be an array of frames, newest first, or a stack's text"));
    }
    let frames: Vec<Frame<'_>> = serde_json::from_str(raw).map_err(|_| {
        Refusal::field(
            field,
            "must hold frames of {module, file, function: texts; line, col: integers; in_app: Boolean}",
        )
    })?;
    Ok(keep(frames))
}

/// Keeps of a stack what may be kept.
pub(super) fn keep(mut frames: Vec<Frame<'_>>) -> Stack<'_> {
    frames.truncate(FRAMES_MAX);
    for frame in &mut frames {
        clean(&mut frame.module, scrub::text);
        clean(&mut frame.file, scrub::file);
        clean(&mut frame.function, scrub::text);
    }
    grouping::mark_own(&mut frames);
    let blamed = frames.iter().find(|frame| frame.in_app == Some(true)).or(frames.first());
    let culprit = blamed.and_then(culprit_of);
    Stack { frames, culprit }
}

fn clean<'a>(text: &mut Option<Cow<'a, str>>, scrub: impl Fn(&str) -> Cow<'_, str>) {
    let Some(text) = text else { return };
    if text.contains('\0') {
        *text = Cow::Owned(text.replace('\0', ""));
    }
    let scrubbed = scrub(text);
    if scrubbed != *text {
        *text = Cow::Owned(scrubbed.into_owned());
    }
    if text.len() > TEXT_BYTES_MAX {
        *text = Cow::Owned(scrub::cut(text, TEXT_BYTES_MAX).to_owned());
    }
}

fn culprit_of(frame: &Frame<'_>) -> Option<String> {
    let place = frame.file.as_deref().or(frame.module.as_deref());
    let culprit = match (frame.function.as_deref(), place) {
        (Some(function), Some(place)) => format!("{function} in {place}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => return None,
    };
    Some(scrub::cut(&culprit, TEXT_BYTES_MAX).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Stack<'_> {
        fn json(&self) -> String {
            serde_json::to_string(&self.frames).unwrap()
        }
    }

    fn read(raw: &str) -> Stack<'_> {
        read_stack("stack", raw).unwrap_or_else(|refusal| panic!("{}", refusal.message))
    }

    #[test]
    fn blames_the_first_frame_of_the_app() {
        let stack = read(
            r#"[{"file":"vendor.js","function":"call"},{"file":"app.js","function":"draw","line":3,"in_app":true,"vars":{}},
                {"file":"app.js","function":"main","in_app":true}]"#,
        );
        assert_eq!(stack.culprit.as_deref(), Some("draw in app.js"));
        assert!(stack.json().contains(r#"{"file":"app.js","function":"draw","line":3,"in_app":true}"#));
        assert_eq!(read(r#"[{"module":"a.b"},{"function":"f"}]"#).culprit.as_deref(), Some("a.b"));
        assert_eq!(read("[]").culprit, None);
    }

    #[test]
    fn files_lose_their_query_and_the_name_of_a_home() {
        let stack = read(
            r#"[{"file":"https://cdn.example.com/app.js?v=1&token=abc#x"},{"file":"/home/jane/src/app.rs"},
                {"file":"C:\\Users\\Jane Doe\\app.py","function":"mail jane@example.com"}]"#,
        );
        for gone in ["?", "token", "jane", "Jane"] {
            assert!(!stack.json().contains(gone), "{gone} in {}", stack.json());
        }
        assert!(stack.json().contains("https://cdn.example.com/app.js\""));
        assert!(stack.json().contains("/home/[user]/src/app.rs"));
    }

    #[test]
    fn keeps_a_hundred_frames_and_no_more_text_than_it_must() {
        let many = format!("[{}]", vec![r#"{"function":"f"}"#; 300].join(","));
        assert_eq!(read(&many).json().matches("function").count(), FRAMES_MAX);
        let long = format!(r#"[{{"function":"{}"}}]"#, "f".repeat(5000));
        assert!(read(&long).json().len() < 600);
    }

    #[test]
    fn a_text_is_read_as_its_language_prints_it_and_scrubbed_alike() {
        let stack = read(
            r#""Traceback (most recent call last):\n  File \"/home/jane/app/x.py\", line 3, in draw\nValueError: jane@example.com\n""#,
        );
        assert_eq!(stack.json(), r#"[{"file":"/home/[user]/app/x.py","function":"draw","line":3,"in_app":true}]"#);
        assert_eq!(stack.culprit.as_deref(), Some("draw in /home/[user]/app/x.py"));
        let unknown = read(r#""it failed""#);
        assert_eq!((unknown.json().as_str(), unknown.culprit), ("[]", None));
    }

    #[test]
    fn refuses_what_is_no_stack() {
        for raw in ["{}", "7", "true", "[1]", r#"[{"line":"3"}]"#, r#"[{"line":1.5}]"#] {
            assert!(read_stack("stack", raw).is_err(), "{raw}");
        }
    }
}
