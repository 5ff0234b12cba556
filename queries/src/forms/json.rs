//! The JSON form: columns with their SQL types, rows as lists of values, held to a number of rows and of bytes.

use futures::StreamExt;
use serde::Serialize;
use serde_json::{Map, Value};

use super::cell::Cell;
use super::failed;
use super::names::distinct_names;
use crate::engine::{Answer, Part, sql_type};
use crate::error::QueryError;

/// Rows of an answer unless the caller states another limit.
pub const ROWS_DEFAULT: usize = 10_000;
/// Rows that a caller may ask for.
pub const ROWS_MAX: usize = 100_000;
/// Bytes of values, about, after which an answer is cut like after its last row.
const BYTES_MAX: usize = 64 << 20;

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its name, unique within the answer.
    pub name: String,
    /// Its type as SQL names it: text, bigint, timestamptz, …
    #[serde(rename = "type")]
    pub ty: String,
}

/// An answer as JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// The rows: one value a column.
    pub rows: Vec<Vec<Value>>,
    /// How many rows there are here.
    pub row_count: usize,
    /// Whether the answer has more rows than these.
    pub truncated: bool,
    /// Time from the question to the last row, milliseconds.
    pub elapsed_ms: f64,
    /// Bytes read from files.
    pub scanned_bytes: u64,
}

impl Table {
    /// Returns the rows as objects, each value by its column's name.
    #[must_use]
    pub fn into_objects(self) -> Vec<Map<String, Value>> {
        let named = |row: Vec<Value>| self.columns.iter().map(|column| column.name.clone()).zip(row).collect();
        self.rows.into_iter().map(named).collect()
    }
}

/// Collects an answer's first rows, at most `row_limit` and never more than `ROWS_MAX`. Dropping the future stops the
/// query.
///
/// # Errors
/// Those of the query.
pub async fn json(answer: Answer, row_limit: usize) -> Result<Table, QueryError> {
    let row_limit = row_limit.min(ROWS_MAX);
    let mut tables = answer.work(1, move |answer, sender| async move {
        let parts = match collect(answer, row_limit).await {
            Ok(table) => [Some(Part::Rows(table)), Some(Part::End)],
            Err(error) => [Some(Part::Failed(error)), None],
        };
        for part in parts.into_iter().flatten() {
            // A reader that has gone away needs no table.
            let _ = sender.send(part).await;
        }
    });
    match tables.next().await {
        Some(table) => table,
        None => Err(QueryError::Internal("the answer ended before it began".into())),
    }
}

async fn collect(answer: Answer, row_limit: usize) -> Result<Table, QueryError> {
    let schema = answer.schema().clone();
    let types = schema.fields().iter().map(|field| sql_type(field.data_type()));
    let columns = distinct_names(&schema).into_iter().zip(types).map(|(name, ty)| Column { name, ty }).collect();
    let meter = answer.meter();
    let mut batches = answer.into_stream();
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let (mut bytes, mut truncated) = (0_usize, false);
    'batches: while let Some(batch) = batches.next().await {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            if rows.len() == row_limit || bytes > BYTES_MAX {
                truncated = true;
                break 'batches;
            }
            let values = batch.columns().iter().map(|array| serde_json::to_value(Cell { array: array.as_ref(), row }));
            let values = values.collect::<Result<Vec<_>, _>>().map_err(|error| failed("JSON", &error))?;
            bytes += values.iter().map(weight).sum::<usize>();
            rows.push(values);
        }
    }
    drop(batches);
    let elapsed_ms = meter.elapsed().as_micros() as f64 / 1_000.0;
    Ok(Table { columns, row_count: rows.len(), rows, truncated, elapsed_ms, scanned_bytes: meter.scanned_bytes() })
}

/// Returns about how many bytes a value takes in memory.
fn weight(value: &Value) -> usize {
    let own = std::mem::size_of::<Value>();
    own + match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(weight).sum(),
        Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + weight(value)).sum(),
        _ => 0,
    }
}
