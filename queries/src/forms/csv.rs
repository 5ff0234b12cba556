//! The CSV form: RFC 4180 with a header row and CRLF. Null is an empty field. A text that begins with `=`, `+`, `-`,
//! `@`, a tab or a carriage return gets a `'` before it, because spreadsheets run such cells as formulas and senders
//! choose these texts; numbers stay as they are.

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};

use super::Encoder;
use super::cell::text;
use super::names::distinct_names;
use crate::error::QueryError;

pub(super) struct Csv {
    header: Option<Vec<String>>,
}

impl Csv {
    pub(super) fn new(schema: &SchemaRef) -> Self {
        Self { header: Some(distinct_names(schema)) }
    }

    fn begin(&mut self) -> Vec<u8> {
        let mut lines = Vec::new();
        if let Some(names) = self.header.take() {
            for (index, name) in names.iter().enumerate() {
                separate(&mut lines, index);
                write_text(&mut lines, name);
            }
            lines.extend_from_slice(b"\r\n");
        }
        lines
    }
}

impl Encoder for Csv {
    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, QueryError> {
        let mut lines = self.begin();
        for row in 0..batch.num_rows() {
            for (index, array) in batch.columns().iter().enumerate() {
                separate(&mut lines, index);
                write_cell(&mut lines, array.as_ref(), row);
            }
            lines.extend_from_slice(b"\r\n");
        }
        Ok(lines)
    }

    fn end(mut self: Box<Self>) -> Result<Vec<u8>, QueryError> {
        Ok(self.begin())
    }
}

fn separate(lines: &mut Vec<u8>, index: usize) {
    if index > 0 {
        lines.push(b',');
    }
}

fn write_cell(lines: &mut Vec<u8>, array: &dyn Array, row: usize) {
    let text = text(array, row);
    if is_textual(array.data_type()) { write_text(lines, &text) } else { write_quoted(lines, &text) }
}

/// Numbers, times and the like cannot be formulas; everything else may hold what a sender wrote.
fn is_textual(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_textual(values),
        other => !(other.is_numeric() || other.is_temporal() || matches!(other, DataType::Boolean | DataType::Null)),
    }
}

fn write_text(lines: &mut Vec<u8>, text: &str) {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        write_quoted(lines, &format!("'{text}"));
    } else {
        write_quoted(lines, text);
    }
}

fn write_quoted(lines: &mut Vec<u8>, text: &str) {
    if !text.contains(['"', ',', '\r', '\n']) {
        lines.extend_from_slice(text.as_bytes());
        return;
    }
    lines.push(b'"');
    lines.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    lines.push(b'"');
}
