//! The SQL page: a question, its parameters, and its answer. The whole of it is in the address, so the page reads without
//! JavaScript: a plain form asks, and the first rows of the answer are a table made here. Scripts turn it into an editor
//! with completion, tabs and drawings; they take over the answer that the page brings, if it is whole.

use askama::Template;
use serde::Serialize;
use serde_json::Value;

use crate::data::DataBlock;
use crate::figure;
use crate::{Frame, PageError};

/// Bytes of cells that the page itself shows; the rest is for the scripts, and for other forms of the answer.
const CELL_BYTES_MAX: usize = 12 << 10;
/// Letters of one cell.
const CELL_CHARS_MAX: usize = 200;
/// Bytes of an answer that the page hands to its scripts, so that they need not ask again.
const ANSWER_BYTES_MAX: usize = 16 << 10;

/// The SQL page. Shape: `sql.html`.
#[derive(Debug, Clone, Template)]
#[template(path = "sql.html")]
pub struct SqlPage {
    /// What surrounds the page.
    pub frame: Frame,
    /// The statement; empty before the first question.
    pub sql: String,
    /// The stored query that the statement is, if it is one.
    pub name: Option<String>,
    /// The parameters that the statement has.
    pub params: Vec<ParamField>,
    /// What became of the question.
    pub outcome: Outcome,
    /// All tables and views that this key may read, by name.
    pub tables: Vec<TableEntry>,
    /// The stored queries, in the order they are shown in.
    pub saved: Vec<SavedQuery>,
    /// The most rows that a JSON answer may have.
    pub rows_max: usize,
    /// Where this very page is, with its question, for the links on it: `/sql?q=…`.
    pub address: String,
}

/// One parameter of the statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ParamField {
    /// Its name, without the `$`.
    pub name: String,
    /// Its type, as headers write it: `timestamp`, `enum(a|b)`, `text`.
    #[serde(rename = "type")]
    pub ty: String,
    /// Whether it may be left out.
    pub is_optional: bool,
    /// What it is when it is left out; empty when there is no default.
    pub default: String,
    /// What it means; empty when nobody said so.
    pub doc: String,
    /// What was given; empty when nothing was.
    pub value: String,
}

/// One table or view of the schema browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableEntry {
    /// Its name.
    pub name: String,
    /// Its columns, if it is open.
    pub columns: Vec<ColumnEntry>,
}

/// One column of an open table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnEntry {
    /// Its name.
    pub name: String,
    /// Its SQL type.
    pub ty: String,
    /// What it means.
    pub doc: String,
}

/// One stored query of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedQuery {
    /// Its name.
    pub name: String,
    /// What it answers.
    pub title: String,
    /// What it is about.
    pub area: String,
}

/// What became of the question.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Nothing was asked.
    Nothing,
    /// A parameter has no value yet; this one.
    Wanting(String),
    /// It takes longer than a page should keep its reader waiting.
    Slow,
    /// The first rows.
    Answered(FirstRows),
    /// It was refused.
    Refused(Refusal),
}

/// The first rows of an answer.
#[derive(Debug, Clone, Serialize)]
pub struct FirstRows {
    /// Name and SQL type of each column.
    pub columns: Vec<AnswerColumn>,
    /// One value a column.
    pub rows: Vec<Vec<Value>>,
    /// Whether the answer has more rows than these.
    #[serde(rename = "truncated")]
    pub is_truncated: bool,
    /// Time from the question to the last row, in milliseconds.
    pub elapsed_ms: f64,
    /// Bytes read from files.
    pub scanned_bytes: u64,
}

/// One column of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnswerColumn {
    /// Its name.
    pub name: String,
    /// Its SQL type.
    #[serde(rename = "type")]
    pub ty: String,
}

/// Why a question was refused, and where the mistake is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// What is wrong.
    pub message: String,
    /// What to do about it; empty when there is no advice.
    pub hint: String,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column, in characters from 1.
    pub column: Option<u32>,
}

/// What the page hands to its scripts.
#[derive(Serialize)]
struct Handed<'a> {
    sql: &'a str,
    name: Option<&'a str>,
    params: &'a [ParamField],
    answer: Option<&'a FirstRows>,
    problem: Option<&'a Refusal>,
    rows_max: usize,
}

impl SqlPage {
    /// Returns the path the header marks as the current one.
    pub fn here(&self) -> &'static str {
        "/sql"
    }

    /// Returns what the page's scripts begin with. An answer is handed over only whole, since the first rows alone would
    /// make a wrong drawing.
    pub fn data(&self) -> DataBlock {
        let mut handed = Handed {
            sql: &self.sql,
            name: self.name.as_deref(),
            params: &self.params,
            answer: match &self.outcome {
                Outcome::Answered(rows) if !rows.is_truncated => Some(rows),
                _ => None,
            },
            problem: match &self.outcome {
                Outcome::Refused(refusal) => Some(refusal),
                _ => None,
            },
            rows_max: self.rows_max,
        };
        let whole = DataBlock::new(&handed);
        if handed.answer.is_none() || whole.len() <= ANSWER_BYTES_MAX + self.sql.len() {
            return whole;
        }
        handed.answer = None;
        DataBlock::new(&handed)
    }

    /// Returns the stored queries by what they are about.
    pub fn areas(&self) -> Vec<(&str, Vec<&SavedQuery>)> {
        let mut areas: Vec<(&str, Vec<&SavedQuery>)> = Vec::new();
        for query in &self.saved {
            match areas.last_mut() {
                Some((area, queries)) if *area == query.area => queries.push(query),
                _ => areas.push((&query.area, vec![query])),
            }
        }
        areas
    }

    /// Returns this page's address with one more parameter.
    pub fn address_with(&self, name: &str, value: &str) -> String {
        let sign = if self.address.contains('?') { '&' } else { '?' };
        format!("{}{sign}{name}={value}", self.address)
    }

    /// Renders the page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }
}

impl ParamField {
    /// Tells whether the statement cannot be run before this is filled in.
    pub fn is_wanting(&self) -> bool {
        self.value.is_empty() && self.default.is_empty() && !self.is_optional
    }

    /// Returns the words to choose from, for a parameter that is one of several.
    pub fn words(&self) -> Vec<&str> {
        if self.ty == "bool" {
            return vec!["true", "false"];
        }
        let inner = self.ty.strip_prefix("enum(").and_then(|rest| rest.strip_suffix(')'));
        inner.map(|words| words.split('|').map(str::trim).collect()).unwrap_or_default()
    }

    /// Tells whether this word was given.
    pub fn is_chosen(&self, word: &str) -> bool {
        self.value == word
    }

    /// Returns what stands in the empty field.
    pub fn placeholder(&self) -> &str {
        if !self.default.is_empty() {
            return &self.default;
        }
        match self.ty.as_str() {
            "timestamp" => "now, -24h, 2026-11-22T10:00Z",
            "interval" => "30s, 5m, 1h, 7d",
            _ if self.is_optional => "any",
            _ => "",
        }
    }
}

/// How one value is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The text.
    pub text: String,
    /// Whether it is a number.
    pub is_number: bool,
    /// Whether there is no value.
    pub is_null: bool,
}

impl FirstRows {
    /// Returns the rows that the page shows: as many as fit.
    pub fn shown(&self) -> Vec<Vec<Cell>> {
        let mut bytes = 0;
        let mut shown = Vec::new();
        for row in &self.rows {
            let cells: Vec<Cell> = row.iter().map(Cell::of).collect();
            bytes += cells.iter().map(|cell| cell.text.len() + 24).sum::<usize>();
            if bytes > CELL_BYTES_MAX && !shown.is_empty() {
                break;
            }
            shown.push(cells);
        }
        shown
    }

    /// Says how many rows there are and what they cost.
    pub fn summary(&self) -> String {
        let rows = figure::counted(self.rows.len() as u64, "row");
        let more = if self.is_truncated { "the first " } else { "" };
        let read = figure::bytes(self.scanned_bytes);
        format!("{more}{rows} in {:.0} ms, {read} read", self.elapsed_ms)
    }
}

impl AnswerColumn {
    /// Tells whether its values are numbers, which stand to the right.
    pub fn is_number(&self) -> bool {
        ["smallint", "integer", "bigint", "real", "double", "numeric"].iter().any(|name| self.ty.starts_with(name))
            && !self.ty.ends_with("[]")
    }
}

impl Cell {
    fn of(value: &Value) -> Self {
        let text = match value {
            Value::Null => "null".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let cut = text.char_indices().nth(CELL_CHARS_MAX).map(|(at, _)| at);
        let text = cut.map_or_else(|| text.clone(), |at| format!("{}…", &text[..at]));
        Cell { text, is_number: value.is_number(), is_null: value.is_null() }
    }
}

#[cfg(test)]
mod tests;
