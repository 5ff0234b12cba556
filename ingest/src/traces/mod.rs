//! The text of a stack, as a language prints it, read into frames; one file a language. Not how frames group into issues, and
//! not what of them may be kept: that is `judge::stack`'s to say, which reads every stack.
//!
//! Bounds: [`TEXT_BYTES_MAX`] of text, [`FRAMES_MAX`] frames, and time in proportion to the text: lines are split and looked
//! at from their ends, never searched again for each place in them.

mod dotnet;
mod frame;
mod go;
mod java;
mod javascript;
mod python;
mod rust;

use std::collections::VecDeque;

pub use frame::Frame;

/// Frames of a stack that are kept; the newest are those worth keeping.
pub(crate) const FRAMES_MAX: usize = 100;
/// A stack's text, bytes. What is older is let go.
pub(crate) const TEXT_BYTES_MAX: usize = 64 << 10;
/// Exceptions of a chain that are looked at.
const SECTIONS_MAX: usize = 16;
/// Lines by which a language is known.
const VOTES_MAX: usize = 16;

/// A language, or a family of them whose stacks look alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// Tracebacks, newest last.
    Python,
    /// Goroutines.
    Go,
    /// Backtraces.
    Rust,
    /// And Kotlin, Scala, Groovy, Clojure.
    Java,
    /// C#, F#, Visual Basic.
    Dotnet,
    /// And TypeScript: V8, Firefox, Safari.
    JavaScript,
}

/// What is equally likely is taken in this order: a line of Java is one of .NET as well, and Rust's places are V8's.
const LANGUAGES: [Language; 6] =
    [Language::Python, Language::Go, Language::Rust, Language::Java, Language::Dotnet, Language::JavaScript];

impl Language {
    /// Reads what an SDK calls its language.
    pub(crate) fn from_hint(hint: &str) -> Option<Self> {
        Some(match hint {
            "python" => Self::Python,
            "go" => Self::Go,
            "rust" => Self::Rust,
            "java" | "kotlin" | "android" => Self::Java,
            "dotnet" => Self::Dotnet,
            "nodejs" | "webjs" | "javascript" => Self::JavaScript,
            _ => return None,
        })
    }

    fn has_frame(self, line: &str) -> bool {
        match self {
            Self::Python => python::is_frame(line),
            Self::Go => go::is_frame(line),
            Self::Rust => rust::is_frame(line),
            Self::Java => java::frame(line).is_some(),
            Self::Dotnet => dotnet::frame(line).is_some(),
            Self::JavaScript => javascript::frame(line).is_some(),
        }
    }

    fn sections(self, text: &str) -> Sections<'_> {
        match self {
            Self::Python => python::sections(text),
            Self::Go => go::sections(text),
            Self::Rust => rust::sections(text),
            Self::Java => java::sections(text),
            Self::Dotnet => dotnet::sections(text),
            Self::JavaScript => javascript::sections(text),
        }
    }

    /// Returns the language that most of the first frames are in.
    fn of(text: &str) -> Option<Self> {
        let mut votes = [0; LANGUAGES.len()];
        let mut lines = 0;
        for line in text.lines() {
            let mut is_frame = false;
            for (votes, language) in votes.iter_mut().zip(LANGUAGES) {
                if language.has_frame(line) {
                    *votes += 1;
                    is_frame = true;
                }
            }
            lines += usize::from(is_frame);
            if lines == VOTES_MAX {
                break;
            }
        }
        let most = *votes.iter().max()?;
        LANGUAGES.into_iter().zip(votes).find(|(_, votes)| *votes == most && most > 0).map(|(language, _)| language)
    }
}

/// Reads a stack's text into frames, newest first; none where it holds no frame of a language that is known here. A hint is
/// believed as far as it finds a frame.
pub(crate) fn read<'a>(text: &'a str, hint: Option<Language>) -> Vec<Frame<'a>> {
    let head = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    let tail = &text[text.ceil_char_boundary(text.len().saturating_sub(TEXT_BYTES_MAX))..];
    let read = |language: Language| {
        let newest: &'a str = if language == Language::Python { tail } else { head };
        language.sections(newest).best()
    };
    let hinted = hint.map(read).filter(|frames| !frames.is_empty());
    hinted.or_else(|| Language::of(head).map(read)).unwrap_or_default()
}

/// The exceptions of a chain, each with its frames, newest first; the outermost exception, the one that was reported, first.
struct Sections<'a> {
    outermost_first: VecDeque<Vec<Frame<'a>>>,
    /// The one being read.
    current: usize,
    /// Whether what is being read is one too many.
    is_full: bool,
}

impl<'a> Sections<'a> {
    fn new() -> Self {
        Self { outermost_first: VecDeque::from([Vec::new()]), current: 0, is_full: false }
    }

    fn of(frames: Vec<Frame<'a>>) -> Self {
        let mut sections = Self::new();
        frames.into_iter().for_each(|frame| sections.push(frame));
        sections
    }

    /// Begins what is further in than all before.
    fn inner(&mut self) {
        self.is_full = self.outermost_first.len() == SECTIONS_MAX;
        if !self.is_full {
            self.current = self.outermost_first.len();
            self.outermost_first.push_back(Vec::new());
        }
    }

    /// Begins what is further out than all before; what is furthest in goes when there are too many.
    fn outer(&mut self) {
        if self.outermost_first.len() == SECTIONS_MAX {
            self.outermost_first.pop_back();
        }
        self.outermost_first.push_front(Vec::new());
        (self.current, self.is_full) = (0, false);
    }

    fn push(&mut self, frame: Frame<'a>) {
        let says_something = frame.module.is_some() || frame.file.is_some() || frame.function.is_some();
        if says_something && !self.is_full {
            self.outermost_first[self.current].push(frame);
        }
    }

    /// Tells whether the section being read has frames.
    fn has_frames(&self) -> bool {
        !self.outermost_first[self.current].is_empty()
    }

    /// Makes what came oldest first newest first.
    fn reversed(mut self) -> Self {
        self.outermost_first.iter_mut().for_each(|frames| frames.reverse());
        self
    }

    /// Returns the frames of the exception that tells errors apart best. That is the outermost: type and message are its own,
    /// and the app chose to wrap the cause where it did. But where a framework did the wrapping, the outermost
    /// looks the same for every bug below it; so an exception without a frame of the app gives way to its nearest cause that has one.
    fn best(self) -> Vec<Frame<'a>> {
        let is_apps = |frames: &Vec<Frame<'_>>| frames.iter().any(|frame| frame.in_app == Some(true));
        let mut sections: Vec<Vec<Frame<'a>>> =
            self.outermost_first.into_iter().filter(|frames| !frames.is_empty()).collect();
        if sections.is_empty() {
            return Vec::new();
        }
        let mut frames = sections.swap_remove(sections.iter().position(is_apps).unwrap_or(0));
        frames.truncate(FRAMES_MAX);
        frames
    }
}

#[cfg(test)]
mod tests;
