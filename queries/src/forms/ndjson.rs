//! The NDJSON form: one JSON object a row, nulls included, so that every row has the same fields.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::cell::Cell;
use super::names::distinct_names;
use super::{Encoder, failed};
use crate::error::QueryError;

pub(super) struct Ndjson {
    names: Vec<String>,
}

impl Ndjson {
    pub(super) fn new(schema: &SchemaRef) -> Self {
        Self { names: distinct_names(schema) }
    }
}

impl Encoder for Ndjson {
    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, QueryError> {
        let mut lines = Vec::with_capacity(batch.num_rows() * 128);
        for row in 0..batch.num_rows() {
            let object = Row { names: &self.names, batch, row };
            serde_json::to_writer(&mut lines, &object).map_err(|error| failed("NDJSON", &error))?;
            lines.push(b'\n');
        }
        Ok(lines)
    }

    fn end(self: Box<Self>) -> Result<Vec<u8>, QueryError> {
        Ok(Vec::new())
    }
}

struct Row<'a> {
    names: &'a [String],
    batch: &'a RecordBatch,
    row: usize,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_map(Some(self.names.len()))?;
        for (name, array) in self.names.iter().zip(self.batch.columns()) {
            object.serialize_entry(name, &Cell { array: array.as_ref(), row: self.row })?;
        }
        object.end()
    }
}
