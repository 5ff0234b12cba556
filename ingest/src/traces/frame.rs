//! One frame, as it is sent and as it is kept, and how the languages write places. Not which lines are frames.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One frame; whatever else a sender says of a frame is let go.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Frame<'a> {
    /// The package, class or path that the function belongs to.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub module: Option<Cow<'a, str>>,
    /// The source file, as the language names it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Cow<'a, str>>,
    /// The function, without its arguments.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub function: Option<Cow<'a, str>>,
    /// Its line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<i64>,
    /// Its column, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub col: Option<i64>,
    /// Whether it is the app's own code; none where nobody can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_app: Option<bool>,
}

impl<'a> Frame<'a> {
    /// Makes one of a module and a function; what is empty is not there.
    pub(super) fn new(module: &'a str, function: &'a str) -> Self {
        let given = |text: &'a str| (!text.is_empty()).then_some(Cow::Borrowed(text));
        Self { module: given(module), function: given(function), ..Self::default() }
    }

    /// Returns the same, borrowed from this one.
    pub(crate) fn borrowed(&self) -> Frame<'_> {
        fn of<'f>(text: &'f Option<Cow<'_, str>>) -> Option<Cow<'f, str>> {
            text.as_deref().map(Cow::Borrowed)
        }
        let (module, file, function) = (of(&self.module), of(&self.file), of(&self.function));
        Frame { module, file, function, line: self.line, col: self.col, in_app: self.in_app }
    }

    /// Returns how many bytes its texts have.
    pub(crate) fn bytes(&self) -> usize {
        [&self.module, &self.file, &self.function].into_iter().flatten().map(|text| text.len()).sum()
    }

    /// Makes it independent of the text that it was read from.
    pub(crate) fn into_owned(self) -> Frame<'static> {
        let owned = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        let (module, file, function) = (owned(self.module), owned(self.file), owned(self.function));
        Frame { module, file, function, line: self.line, col: self.col, in_app: self.in_app }
    }

    /// Says where it is.
    pub(super) fn at(mut self, place: Place<'a>) -> Self {
        self.file = (!place.file.is_empty()).then_some(Cow::Borrowed(place.file));
        (self.line, self.col) = (place.line, place.col);
        self
    }
}

/// A place in a source file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) line: Option<i64>,
    pub(super) col: Option<i64>,
}

impl<'a> Place<'a> {
    /// Reads `file:line:col`, `file:line` or `file`.
    pub(super) fn read(text: &'a str) -> Self {
        let Some((before, last)) = number_at_end(text) else { return Self { file: text, line: None, col: None } };
        match number_at_end(before) {
            Some((file, line)) => Self { file, line: Some(line), col: Some(last) },
            None => Self { file: before, line: Some(last), col: None },
        }
    }
}

/// Splits `text:number`.
fn number_at_end(text: &str) -> Option<(&str, i64)> {
    let (before, number) = text.rsplit_once(':')?;
    Some((before, digits(number)?))
}

/// Reads a line's or column's number.
pub(super) fn digits(text: &str) -> Option<i64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// Tells whether a path holds one of these parts, whichever way its slashes lean.
pub(super) fn lies_in(path: &str, parts: &[&str]) -> bool {
    let path = if path.contains('\\') { Cow::Owned(path.replace('\\', "/")) } else { Cow::Borrowed(path) };
    parts.iter().any(|part| path.contains(part))
}

/// Tells whether a name begins with one of these.
pub(super) fn begins(name: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_a_line_and_a_column_at_its_end() {
        let read = |text| {
            let Place { file, line, col } = Place::read(text);
            (file, line, col)
        };
        assert_eq!(read("a.js:1:22"), ("a.js", Some(1), Some(22)));
        assert_eq!(read("C:\\a.js:1"), ("C:\\a.js", Some(1), None));
        assert_eq!(read("http://a.example:80/x.js"), ("http://a.example:80/x.js", None, None));
        for odd in ["", ":", "a:", "a:+1", "a:99999999999999999999"] {
            assert_eq!(read(odd), (odd, None, None), "{odd}");
        }
    }

    #[test]
    fn parts_of_a_path_are_found_under_windows_too() {
        assert!(lies_in("C:\\app\\node_modules\\x.js", &["/node_modules/"]));
        assert!(!lies_in("/app/src/x.js", &["/node_modules/"]));
    }
}
