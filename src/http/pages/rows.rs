//! Rows of stored queries as what pages show. A column that is missing or null reads as nothing.

use serde_json::{Map, Value};

use crate::clock;

pub(in crate::http) type Row = Map<String, Value>;

/// Reads a text.
pub(in crate::http) fn text(row: &Row, column: &str) -> String {
    some_text(row, column).unwrap_or_default()
}

/// Reads a text that may be missing.
pub(in crate::http) fn some_text(row: &Row, column: &str) -> Option<String> {
    row.get(column).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Reads the first of these that is there.
pub(in crate::http) fn first_text(row: &Row, columns: &[&str]) -> String {
    columns.iter().find_map(|column| some_text(row, column)).unwrap_or_default()
}

/// Reads a number of things.
pub(in crate::http) fn count(row: &Row, column: &str) -> u64 {
    row.get(column).and_then(Value::as_u64).unwrap_or(0)
}

/// Reads a share in percent.
pub(in crate::http) fn percent(row: &Row, column: &str) -> Option<f64> {
    row.get(column).and_then(Value::as_f64)
}

/// Reads a time, microseconds.
pub(in crate::http) fn time(row: &Row, column: &str) -> i64 {
    some_time(row.get(column)).unwrap_or(0)
}

/// Reads a time that may be none.
pub(in crate::http) fn some_time(value: Option<&Value>) -> Option<i64> {
    clock::from_json(value?).ok()
}

/// Writes JSON for people; nothing where there is nothing.
pub(in crate::http) fn json(value: Option<&Value>, is_pretty: bool) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::Object(fields)) if fields.is_empty() => String::new(),
        Some(value) if is_pretty => serde_json::to_string_pretty(value).unwrap_or_default(),
        Some(value) => value.to_string(),
    }
}
