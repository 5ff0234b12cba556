//! One error: its stack with the app's own frames open and those of libraries folded, its causes, what happened before.

use crate::figure;

/// One error.
#[derive(Debug, Clone, Default)]
pub struct Event {
    /// Its id.
    pub event_id: String,
    /// When it arrived, microseconds.
    pub received_at: i64,
    /// When it happened by the sender's clock, microseconds.
    pub ts: i64,
    /// Its type.
    pub kind: String,
    /// Its message.
    pub message: String,
    /// What else is known of it: name and value, only what there is.
    pub facts: Vec<(&'static str, String)>,
    /// The stack, newest frame first.
    pub frames: Vec<Frame>,
    /// Why the stack cannot be shown, where it could not be worked out.
    pub no_stack: Option<String>,
    /// What led to it, the nearest first.
    pub causes: Vec<Cause>,
    /// What happened before, oldest first.
    pub breadcrumbs: Vec<Breadcrumb>,
    /// Whatever else the sender told, as JSON; empty where nothing is.
    pub properties: String,
}

/// One frame of a stack, as its source has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// The function.
    pub function: String,
    /// The file, else the module.
    pub file: String,
    /// The line, from 1.
    pub line: Option<i64>,
    /// The column, from 1.
    pub col: Option<i64>,
    /// Whether it is the app's own code.
    pub is_own: bool,
    /// The lines around it.
    pub context: Option<SourceLines>,
    /// What was sent, where a source map told more.
    pub minified: String,
    /// What it would take to tell more.
    pub missing: String,
}

/// Lines of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceLines {
    /// The lines before.
    pub before: Vec<String>,
    /// The line of the frame.
    pub line: String,
    /// The lines after.
    pub after: Vec<String>,
}

/// An error that led to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cause {
    /// Type and message.
    pub message: String,
    /// The frame to blame: `draw (app.js:3)`; empty where it is not known.
    pub place: String,
}

/// Something that happened before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breadcrumb {
    /// When, as the sender wrote it; microseconds where it is a time.
    pub at: Option<i64>,
    /// What kind of thing.
    pub category: String,
    /// How grave.
    pub level: String,
    /// What.
    pub message: String,
    /// More, as JSON.
    pub data: String,
}

/// Frames that stand together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Run<'e> {
    /// One of the app's own; open if it is the first that shows its source.
    Own(&'e Frame, bool),
    /// Those of libraries.
    Folded(Vec<&'e Frame>),
}

impl Event {
    /// Lists the stack: each own frame by itself, those of libraries between them together. Where no frame is the app's own,
    /// all stand for themselves.
    pub fn runs(&self) -> Vec<Run<'_>> {
        let has_own = self.frames.iter().any(|frame| frame.is_own);
        let mut runs: Vec<Run<'_>> = Vec::new();
        let mut is_open = true;
        for frame in &self.frames {
            if frame.is_own || !has_own {
                runs.push(Run::Own(frame, is_open && frame.context.is_some()));
                is_open = is_open && frame.context.is_none();
            } else if let Some(Run::Folded(folded)) = runs.last_mut() {
                folded.push(frame);
            } else {
                runs.push(Run::Folded(vec![frame]));
            }
        }
        runs
    }

    /// Says what is missing to show the sources, each thing once, with how many frames want it.
    pub fn missing(&self) -> Vec<(String, String)> {
        let mut missing: Vec<(&str, u64)> = Vec::new();
        for frame in self.frames.iter().filter(|frame| !frame.missing.is_empty()) {
            match missing.iter_mut().find(|(what, _)| *what == frame.missing) {
                Some((_, frames)) => *frames += 1,
                None => missing.push((&frame.missing, 1)),
            }
        }
        missing.into_iter().map(|(what, frames)| (what.to_owned(), figure::counted(frames, "frame"))).collect()
    }

    /// Returns what the error is called.
    pub fn title(&self) -> &str {
        crate::issues::title(&self.kind, &self.message)
    }
}

impl Frame {
    /// Says where: `src/gallery.ts:41:9`.
    pub fn place(&self) -> String {
        let number = |number: Option<i64>| number.map(|number| format!(":{number}")).unwrap_or_default();
        format!(
            "{}{}{}",
            self.file,
            number(self.line),
            if self.line.is_some() { number(self.col) } else { String::new() }
        )
    }

    /// Returns the function, or what stands for one without a name.
    pub fn name(&self) -> &str {
        if self.function.is_empty() { "anonymous" } else { &self.function }
    }

    /// Lists the lines around it, each with its number and whether it is the frame's own.
    pub fn lines(&self) -> Vec<(i64, &str, bool)> {
        let Some(context) = &self.context else { return Vec::new() };
        let own = self.line.unwrap_or(1);
        let first = own - i64::try_from(context.before.len()).unwrap_or(0);
        let lines = context.before.iter().chain([&context.line]).chain(&context.after);
        (first..).zip(lines).map(|(number, line)| (number, line.as_str(), number == own)).collect()
    }
}

impl Run<'_> {
    /// Tells whether its source is shown at once.
    pub fn is_open(&self) -> bool {
        matches!(self, Run::Own(_, true))
    }

    /// Says how many are folded.
    pub fn summary(&self) -> String {
        match self {
            Run::Own(..) => String::new(),
            Run::Folded(frames) => format!("{} of libraries", figure::counted(frames.len() as u64, "frame")),
        }
    }
}
