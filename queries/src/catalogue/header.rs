//! The headers of SQL files: `--! key: value -- note` lines above the statement. Stored queries and rules share this
//! syntax; which keys there are and what their values mean is theirs to say (`stored.rs`, `rules/`). Pure.
//!
//! Headers are SQL comments, so the whole text stays runnable and the lines of errors are those of the file.

use std::fmt;

use crate::nearest::did_you_mean;

/// One header line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The word before the colon.
    pub key: String,
    /// What follows it, trimmed, without the note.
    pub value: String,
    /// What follows ` -- `: for people only.
    pub note: Option<String>,
    /// The line of the file, from 1.
    pub line: u32,
}

/// What is wrong with a file of SQL, told so that its author can mend it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SourceProblem {
    /// The file, as the author knows it.
    pub file: String,
    /// The line, from 1; 0 when the file as a whole is meant.
    pub line: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl SourceProblem {
    /// Builds a problem at a line.
    #[must_use]
    pub fn new(file: &str, line: u32, message: impl Into<String>, remedy: Option<String>) -> Self {
        Self { file: file.to_owned(), line, message: message.into(), remedy }
    }
}

impl fmt::Display for SourceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message)?,
            line => write!(f, "{}:{line}: {}", self.file, self.message)?,
        }
        self.remedy.as_ref().map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }
}

impl std::error::Error for SourceProblem {}

/// All headers of one file, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    file: String,
    entries: Vec<Header>,
}

impl Headers {
    /// Reads the headers of a file's text.
    ///
    /// # Errors
    /// A `--!` line without a key, a colon or a value, and one that stands below the first line of SQL.
    pub fn parse(file: &str, text: &str) -> Result<Self, SourceProblem> {
        let mut entries = Vec::new();
        let mut sql_line: Option<u32> = None;
        for (index, raw) in text.lines().enumerate() {
            let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
            let trimmed = raw.trim();
            let Some(rest) = trimmed.strip_prefix("--!") else {
                if !trimmed.is_empty() && !trimmed.starts_with("--") {
                    sql_line.get_or_insert(number);
                }
                continue;
            };
            if let Some(above) = sql_line {
                let remedy = format!("move it above line {above}, where the SQL begins");
                return Err(SourceProblem::new(file, number, "a header below SQL has no effect", Some(remedy)));
            }
            entries.push(parse_line(file, number, rest)?);
        }
        if sql_line.is_none() {
            return Err(SourceProblem::new(file, 0, "there is no SQL in it", None));
        }
        Ok(Self { file: file.to_owned(), entries })
    }

    /// Returns all headers in order.
    #[must_use]
    pub fn entries(&self) -> &[Header] {
        &self.entries
    }

    /// Refuses the first header whose key is not among `known`.
    ///
    /// # Errors
    /// The header's line, with the nearest known key.
    pub fn refuse_unknown(&self, known: &[&str]) -> Result<(), SourceProblem> {
        let Some(odd) = self.entries.iter().find(|header| !known.contains(&header.key.as_str())) else {
            return Ok(());
        };
        let remedy = did_you_mean(&odd.key, known.iter().copied())
            .unwrap_or_else(|| format!("the headers are {}", known.join(", ")));
        Err(self.problem(odd.line, format!("unknown header `{}`", odd.key), Some(remedy)))
    }

    /// Returns the header with this key, if it is there.
    ///
    /// # Errors
    /// The second line that states it: one of them would be ignored.
    pub fn one(&self, key: &str) -> Result<Option<&Header>, SourceProblem> {
        let mut found = self.all(key);
        let first = found.next();
        match (first, found.next()) {
            (Some(first), Some(again)) => {
                let message = format!("`{key}` is stated twice");
                Err(self.problem(again.line, message, Some(format!("remove it here or on line {}", first.line))))
            }
            _ => Ok(first),
        }
    }

    /// Returns the header with this key.
    ///
    /// # Errors
    /// It is missing, or stated twice.
    pub fn required(&self, key: &str) -> Result<&Header, SourceProblem> {
        self.one(key)?.ok_or_else(|| {
            self.problem(0, format!("the header `{key}` is missing"), Some(format!("add a line `--! {key}: …`")))
        })
    }

    /// Returns every header with this key, in order.
    pub fn all(&self, key: &str) -> impl Iterator<Item = &Header> {
        self.entries.iter().filter(move |header| header.key == key)
    }

    /// Builds a problem in this file.
    #[must_use]
    pub fn problem(&self, line: u32, message: impl Into<String>, remedy: Option<String>) -> SourceProblem {
        SourceProblem::new(&self.file, line, message, remedy)
    }
}

/// Reads what follows `--!`.
fn parse_line(file: &str, number: u32, rest: &str) -> Result<Header, SourceProblem> {
    let shape = || Some("write `--! key: value -- note`".to_owned());
    let Some((key, value)) = rest.split_once(':') else {
        return Err(SourceProblem::new(file, number, "a header without a colon", shape()));
    };
    let key = key.trim();
    let is_word = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if !is_word {
        return Err(SourceProblem::new(file, number, format!("`{key}` is not a header's name"), shape()));
    }
    let (value, note) = split_note(value);
    if value.is_empty() {
        return Err(SourceProblem::new(file, number, format!("the header `{key}` has no value"), shape()));
    }
    Ok(Header { key: key.to_owned(), value: value.to_owned(), note, line: number })
}

/// Divides `value -- note`. Dashes inside single quotes belong to the value.
fn split_note(text: &str) -> (&str, Option<String>) {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\'' => quoted = !quoted,
            b'-' if !quoted && text[at..].starts_with("--") => {
                let before = &text[..at];
                let after = &text[at + 2..];
                let stands_alone = before.ends_with(char::is_whitespace) && after.starts_with([' ', '\t']);
                if stands_alone {
                    let note = after.trim();
                    return (before.trim(), (!note.is_empty()).then(|| note.to_owned()));
                }
            }
            _ => {}
        }
    }
    (text.trim(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "--! title: Many guest workspaces on one device
--! mode: shadow              -- off | shadow | live
--! actions: grant, generate  -- the actions it restrains (default: all)

-- An ordinary comment.
select 1
";

    #[test]
    fn reads_keys_values_notes_and_lines() {
        let headers = Headers::parse("rules/a.sql", RULE).unwrap();
        let mode = headers.required("mode").unwrap();
        assert_eq!((mode.value.as_str(), mode.note.as_deref(), mode.line), ("shadow", Some("off | shadow | live"), 2));
        assert_eq!(headers.required("title").unwrap().note, None);
        assert_eq!(headers.required("actions").unwrap().value, "grant, generate");
        assert_eq!(headers.one("ttl"), Ok(None));
    }

    #[test]
    fn problems_name_file_line_and_remedy() {
        let headers = Headers::parse("rules/a.sql", RULE).unwrap();
        let unknown = headers.refuse_unknown(&["title", "modes", "actions"]).unwrap_err();
        assert_eq!(unknown.to_string(), "rules/a.sql:2: unknown header `mode`; did you mean `modes`?");
        let missing = headers.required("ttl").unwrap_err();
        assert_eq!(missing.to_string(), "rules/a.sql: the header `ttl` is missing; add a line `--! ttl: …`");
        let twice = Headers::parse("b.sql", "--! a: 1\n--! a: 2\nselect 1").unwrap();
        assert_eq!(
            twice.one("a").unwrap_err().to_string(),
            "b.sql:2: `a` is stated twice; remove it here or on line 1"
        );
    }

    #[test]
    fn refuses_what_would_be_ignored_in_silence() {
        let problem = |text: &str| Headers::parse("q.sql", text).unwrap_err().to_string();
        assert_eq!(problem("--! title\nselect 1"), "q.sql:1: a header without a colon; write `--! key: value -- note`");
        assert_eq!(
            problem("--! title: -- nothing\nselect 1"),
            "q.sql:1: the header `title` has no value; write `--! key: value -- note`"
        );
        assert_eq!(
            problem("--! title: A\nselect 1\n--! ttl: 6h"),
            "q.sql:3: a header below SQL has no effect; move it above line 2, where the SQL begins"
        );
        assert_eq!(problem("--! title: A\n-- only words\n"), "q.sql: there is no SQL in it");
    }

    #[test]
    fn dashes_inside_quotes_are_the_values_own() {
        let headers = Headers::parse("q.sql", "--! param: a text = ' -- ' -- a note\nselect 1").unwrap();
        assert_eq!(headers.required("param").unwrap().value, "a text = ' -- '");
    }
}
