//! The Parquet form: one file, zstd, written row group by row group.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::plain::{plain_batch, plain_schema};
use super::{Encoder, failed};
use crate::error::QueryError;

/// Encoded bytes after which a row group is written out.
const ROW_GROUP_BYTES: usize = 16 << 20;

pub(super) struct Parquet {
    schema: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
}

impl Parquet {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, QueryError> {
        let schema = plain_schema(schema);
        let compression = Compression::ZSTD(ZstdLevel::default());
        let properties = WriterProperties::builder().set_compression(compression).set_created_by("weir".into()).build();
        let writer =
            ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties)).map_err(|error| wrong(&error))?;
        Ok(Self { schema, writer })
    }
}

impl Encoder for Parquet {
    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, QueryError> {
        self.writer.write(&plain_batch(batch, &self.schema)?).map_err(|error| wrong(&error))?;
        if self.writer.in_progress_size() >= ROW_GROUP_BYTES {
            self.writer.flush().map_err(|error| wrong(&error))?;
        }
        // Positions in the file are counted by the writer, so what is written may be taken away.
        Ok(std::mem::take(self.writer.inner_mut()))
    }

    fn end(self: Box<Self>) -> Result<Vec<u8>, QueryError> {
        self.writer.into_inner().map_err(|error| wrong(&error))
    }
}

fn wrong(error: &ParquetError) -> QueryError {
    failed("Parquet", error)
}
