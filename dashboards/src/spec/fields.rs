//! Typed values out of TOML, each with its line: what cannot be read says where it stands and what is wanted.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::SpecProblem;

/// A file's name and where its lines begin.
pub(super) struct Lines<'t> {
    file: &'t str,
    text: &'t str,
}

impl<'t> Lines<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text }
    }

    /// Tells of something wrong at this byte.
    pub(super) fn problem(&self, at: usize, message: impl Into<String>, remedy: &str) -> SpecProblem {
        let before = self.text.as_bytes().get(..at).unwrap_or(self.text.as_bytes());
        SpecProblem {
            file: self.file.to_owned(),
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            message: message.into(),
            remedy: remedy.to_owned(),
        }
    }
}

/// The fields of one table.
pub(super) struct Fields<'d> {
    table: &'d DeTable<'d>,
    lines: &'d Lines<'d>,
    /// The byte at which the table begins.
    pub(super) at: usize,
}

impl<'d> Fields<'d> {
    pub(super) fn new(table: &'d DeTable<'d>, lines: &'d Lines<'d>, at: usize) -> Self {
        Self { table, lines, at }
    }

    pub(super) fn problem(&self, at: usize, message: impl Into<String>, remedy: &str) -> SpecProblem {
        self.lines.problem(at, message, remedy)
    }

    /// Refuses fields of other names than these.
    pub(super) fn refuse_unknown(&self, known: &[&str], what: &str) -> Result<(), SpecProblem> {
        let unknown = self.table.iter().find(|(name, _)| !known.contains(&name.get_ref().as_ref()));
        let Some((name, _)) = unknown else { return Ok(()) };
        let remedy = format!("it may say {}", known.join(", "));
        Err(self.problem(name.span().start, format!("{what} has no `{}`", name.get_ref()), &remedy))
    }

    fn get(&self, name: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.table.get(name)
    }

    fn wrong(&self, name: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> SpecProblem {
        let found = value.get_ref().type_str();
        self.problem(value.span().start, format!("`{name}` is {wanted}, not a value of type {found}"), "")
    }

    /// Reads a text, and where it stands.
    pub(super) fn text_at(&self, name: &str) -> Result<Option<(String, usize)>, SpecProblem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = value.get_ref().as_str().ok_or_else(|| self.wrong(name, value, "a text"))?;
        Ok(Some((text.to_owned(), value.span().start)))
    }

    /// Reads a text.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, SpecProblem> {
        Ok(self.text_at(name)?.map(|(text, _)| text))
    }

    /// Reads a text of a certain form.
    pub(super) fn checked_text(
        &self,
        name: &str,
        is_right: impl Fn(&str) -> bool,
        wanted: &str,
    ) -> Result<Option<String>, SpecProblem> {
        match self.text_at(name)? {
            Some((text, at)) if !is_right(&text) => {
                Err(self.problem(at, format!("`{name}` cannot be {text:?}"), wanted))
            }
            read => Ok(read.map(|(text, _)| text)),
        }
    }

    /// Reads one text or a list of them, and where they stand.
    pub(super) fn texts(&self, name: &str) -> Result<Option<(Vec<String>, usize)>, SpecProblem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let at = value.span().start;
        if let Some(text) = value.get_ref().as_str() {
            return Ok(Some((vec![text.to_owned()], at)));
        }
        let list = value.get_ref().as_array().ok_or_else(|| self.wrong(name, value, "a text or a list of texts"))?;
        let text = |value: &Spanned<DeValue<'_>>| {
            value.get_ref().as_str().map(str::to_owned).ok_or_else(|| self.wrong(name, value, "a list of texts"))
        };
        let texts: Result<Vec<String>, SpecProblem> = list.iter().map(text).collect();
        Ok(Some((texts?, at)))
    }

    /// Reads a number, whole or not, and where it stands.
    pub(super) fn number_at(&self, name: &str) -> Result<Option<(f64, usize)>, SpecProblem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let written = written(value.get_ref()).filter(|_| !value.get_ref().is_str() && !value.get_ref().is_bool());
        let number = written.and_then(|text| text.parse::<f64>().ok()).filter(|number| number.is_finite());
        let number = number.ok_or_else(|| self.wrong(name, value, "a number"))?;
        Ok(Some((number, value.span().start)))
    }

    /// Reads a table.
    pub(super) fn table(&self, name: &str) -> Result<Option<Fields<'d>>, SpecProblem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let table = value.get_ref().as_table().ok_or_else(|| self.wrong(name, value, "a table"))?;
        Ok(Some(Fields::new(table, self.lines, value.span().start)))
    }

    /// Reads a list of tables.
    pub(super) fn tables(&self, name: &str) -> Result<Vec<Fields<'d>>, SpecProblem> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let list = value.get_ref().as_array().ok_or_else(|| self.wrong(name, value, "written as [[panel]]"))?;
        let table = |value: &'d Spanned<DeValue<'d>>| {
            let table = value.get_ref().as_table().ok_or_else(|| self.wrong(name, value, "written as [[panel]]"))?;
            Ok(Fields::new(table, self.lines, value.span().start))
        };
        list.iter().map(table).collect()
    }

    /// Reads all fields as texts, for parameters, whatever type they are written in.
    pub(super) fn all_texts(&self) -> Result<Vec<(String, String)>, SpecProblem> {
        let text = |(name, value): (&'d Spanned<std::borrow::Cow<'d, str>>, &'d Spanned<DeValue<'d>>)| {
            let name = name.get_ref().to_string();
            let text = written(value.get_ref());
            let text = text.ok_or_else(|| self.wrong(&name, value, "a text, a number, true or false"))?;
            Ok((name, text))
        };
        self.table.iter().map(text).collect()
    }
}

/// Writes a single value as text.
fn written(value: &DeValue<'_>) -> Option<String> {
    let underscores = |text: &str| text.replace('_', "");
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(is) => Some(is.to_string()),
        DeValue::Float(number) => Some(underscores(number.as_str())),
        DeValue::Integer(number) => {
            i64::from_str_radix(&underscores(number.as_str()), number.radix()).ok().map(|number| number.to_string())
        }
        DeValue::Datetime(at) => Some(at.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
