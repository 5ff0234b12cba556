//! The Arrow form: an IPC stream.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;

use super::plain::{plain_batch, plain_schema};
use super::{Encoder, failed};
use crate::error::QueryError;

pub(super) struct Arrow {
    schema: SchemaRef,
    writer: StreamWriter<Vec<u8>>,
}

impl Arrow {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, QueryError> {
        let schema = plain_schema(schema);
        let writer = StreamWriter::try_new(Vec::new(), &schema).map_err(|error| wrong(&error))?;
        Ok(Self { schema, writer })
    }
}

impl Encoder for Arrow {
    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, QueryError> {
        self.writer.write(&plain_batch(batch, &self.schema)?).map_err(|error| wrong(&error))?;
        Ok(std::mem::take(self.writer.get_mut()))
    }

    fn end(mut self: Box<Self>) -> Result<Vec<u8>, QueryError> {
        self.writer.finish().map_err(|error| wrong(&error))?;
        Ok(std::mem::take(self.writer.get_mut()))
    }
}

fn wrong(error: &ArrowError) -> QueryError {
    failed("Arrow", error)
}
