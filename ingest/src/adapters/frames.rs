//! Stack frames as Sentry's and PostHog's SDKs write them (oldest first, `filename`, `lineno`, `colno`) to our own (newest
//! first). What lies around a line of source is let go: it is the app's code, not what happened.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::MapAccess;
use serde_json::Value;

use super::lenient::{Part, Scalar, Shape, skip};
use super::native::cut;
use crate::traces::{FRAMES_MAX, Frame};

const TEXT_BYTES_MAX: usize = 512;
/// A stack that an SDK took apart, bytes.
const STACK_BYTES_MAX: usize = 20 << 10;
/// What a frame takes besides its texts.
const FRAME_BYTES: usize = 64;

/// A frame as the SDKs write it.
#[derive(Debug, Default)]
pub(super) struct SdkFrame<'a> {
    pub module: Option<Cow<'a, str>>,
    pub filename: Option<Cow<'a, str>>,
    pub abs_path: Option<Cow<'a, str>>,
    pub function: Option<Cow<'a, str>>,
    pub lineno: Option<i64>,
    pub colno: Option<i64>,
    pub in_app: Option<bool>,
}

impl<'a> Part<'a> for SdkFrame<'a> {
    fn take<A: MapAccess<'a>>(&mut self, name: &str, fields: &mut A) -> Result<(), A::Error> {
        match name {
            "module" => self.module = fields.next_value::<Scalar<'_>>()?.text(),
            "filename" => self.filename = fields.next_value::<Scalar<'_>>()?.text(),
            "abs_path" => self.abs_path = fields.next_value::<Scalar<'_>>()?.text(),
            "function" => self.function = fields.next_value::<Scalar<'_>>()?.text(),
            "lineno" => self.lineno = fields.next_value::<Scalar<'_>>()?.int(),
            "colno" => self.colno = fields.next_value::<Scalar<'_>>()?.int(),
            "in_app" => self.in_app = fields.next_value::<Scalar<'_>>()?.bool(),
            _ => skip(fields)?,
        }
        Ok(())
    }
}

/// What holds frames.
#[derive(Debug, Default)]
pub(super) struct Stacktrace<'a> {
    pub frames: Vec<SdkFrame<'a>>,
}

impl<'a> Stacktrace<'a> {
    /// Reads the frames of the stack that is the value of a field.
    pub(super) fn next_of<A: MapAccess<'a>>(fields: &mut A) -> Result<Vec<SdkFrame<'a>>, A::Error> {
        let shape: Shape<Self> = fields.next_value()?;
        Ok(shape.one.unwrap_or_default().frames)
    }
}

impl<'a> Part<'a> for Stacktrace<'a> {
    fn take<A: MapAccess<'a>>(&mut self, name: &str, fields: &mut A) -> Result<(), A::Error> {
        match name {
            "frames" => self.frames = fields.next_value::<Shape<SdkFrame<'_>>>()?.many,
            _ => skip(fields)?,
        }
        Ok(())
    }
}

/// Reads the frames of a stack that was parsed already.
pub(super) fn of_value(stacktrace: Option<&Value>) -> Vec<SdkFrame<'_>> {
    let shape = stacktrace.map(Shape::<Stacktrace<'_>>::deserialize).and_then(Result::ok);
    shape.and_then(|shape| shape.one).unwrap_or_default().frames
}

/// Returns the frames of a stack, newest first, without those that say nothing.
pub(super) fn newest_first(frames: &[SdkFrame<'_>]) -> Vec<Frame<'static>> {
    that_fit(newest(frames))
}

/// Returns the frame to blame for an exception: the newest of the app's own, else the newest.
pub(super) fn blamed<'f>(frames: &'f [SdkFrame<'_>]) -> Option<Frame<'f>> {
    newest(frames).find(|frame| frame.in_app == Some(true)).or_else(|| newest(frames).next())
}

/// Goes through the newest frames, without those that say nothing.
fn newest<'f>(frames: &'f [SdkFrame<'_>]) -> impl Iterator<Item = Frame<'f>> {
    frames.iter().rev().take(FRAMES_MAX).map(plain).filter(|frame| *frame != Frame::default())
}

/// Keeps the first of a stack, as long as there is room.
pub(super) fn that_fit<'f>(frames: impl Iterator<Item = Frame<'f>>) -> Vec<Frame<'static>> {
    let mut bytes = 0;
    let cut_texts = |mut frame: Frame<'f>| {
        for text in [&mut frame.module, &mut frame.file, &mut frame.function].into_iter().flatten() {
            if text.len() > TEXT_BYTES_MAX {
                *text = Cow::Owned(cut(text, TEXT_BYTES_MAX).into_owned());
            }
        }
        frame.into_owned()
    };
    let fits = |frame: &Frame<'static>| {
        bytes += FRAME_BYTES + frame.bytes();
        bytes <= STACK_BYTES_MAX
    };
    frames.map(cut_texts).take_while(fits).collect()
}

fn plain<'f>(frame: &'f SdkFrame<'_>) -> Frame<'f> {
    fn borrowed<'f>(text: &'f Option<Cow<'_, str>>) -> Option<Cow<'f, str>> {
        text.as_deref().map(Cow::Borrowed)
    }
    Frame {
        module: borrowed(&frame.module),
        file: borrowed(&frame.filename).or_else(|| borrowed(&frame.abs_path)),
        function: borrowed(&frame.function),
        line: frame.lineno,
        col: frame.colno,
        in_app: frame.in_app,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(stacktrace: &Value) -> Vec<Frame<'static>> {
        newest_first(&of_value(Some(stacktrace)))
    }

    #[test]
    fn the_newest_comes_first_and_source_is_let_go() {
        let stacktrace = json!({"type": "raw", "frames": [
            {"filename": "main.js", "function": "main", "lineno": 1, "colno": 2, "in_app": false, "platform": "web:javascript"},
            {"abs_path": "/app/draw.py", "module": "draw", "function": "draw", "lineno": 8, "in_app": true,
                "pre_context": ["key = 'secret'"], "context_line": "boom()", "vars": {"password": "x"}},
            7, {"vars": {"only": 1}},
        ]});
        assert_eq!(
            json!(read(&stacktrace)),
            json!([
                {"module": "draw", "file": "/app/draw.py", "function": "draw", "line": 8, "in_app": true},
                {"file": "main.js", "function": "main", "line": 1, "col": 2, "in_app": false},
            ])
        );
    }

    #[test]
    fn a_stack_is_bounded_in_frames_and_in_bytes() {
        for stack in [json!(null), json!({}), json!({"frames": []}), json!({"frames": "x"}), json!({"frames": [1, {}]})]
        {
            assert_eq!(read(&stack), [], "{stack}");
        }
        let deep = json!({"frames": vec![json!({"function": "f"}); 500]});
        assert_eq!(read(&deep).len(), FRAMES_MAX);
        let wide = json!({"frames": vec![json!({"function": "f".repeat(5_000)}); 500]});
        let kept = read(&wide);
        assert_eq!(kept.len(), STACK_BYTES_MAX / (FRAME_BYTES + TEXT_BYTES_MAX));
        assert!(kept.iter().all(|frame| frame.function.as_ref().is_some_and(|text| text.len() <= TEXT_BYTES_MAX)));
    }
}
