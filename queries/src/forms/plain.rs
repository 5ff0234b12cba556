//! Columns for files that others read: text and bytes without views (older readers know none, and a view would drag the
//! buffers of rows that were filtered out along), values of mixed type and intervals as text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};

use super::cell::text;
use super::failed;
use super::names::distinct_names;
use crate::error::QueryError;

/// Returns the schema of a file for an answer's schema.
pub(super) fn plain_schema(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().zip(distinct_names(schema));
    Arc::new(Schema::new(
        fields.map(|(field, name)| Field::new(name, plain_type(field.data_type()), true)).collect::<Vec<_>>(),
    ))
}

/// Returns rows in the schema of their file.
pub(super) fn plain_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, QueryError> {
    let columns =
        batch.columns().iter().zip(schema.fields()).map(|(array, field)| plain_array(array, field.data_type()));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns.collect::<Result<_, _>>()?, &options)
        .map_err(|error| failed("columns", &error))
}

fn plain_array(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, QueryError> {
    match array.data_type() {
        same if same == wanted => Ok(Arc::clone(array)),
        DataType::Union(..) | DataType::Interval(_) | DataType::Null => {
            let texts = (0..array.len()).map(|row| (!array.is_null(row)).then(|| text(array.as_ref(), row)));
            Ok(Arc::new(texts.collect::<StringArray>()))
        }
        _ => cast(array, wanted).map_err(|error| failed("columns", &error)),
    }
}

fn plain_type(data_type: &DataType) -> DataType {
    let item = |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(plain_type(field.data_type())));
    match data_type {
        DataType::Utf8View | DataType::Union(..) | DataType::Interval(_) | DataType::Null => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => plain_type(values),
        DataType::List(field) => DataType::List(item(field)),
        DataType::LargeList(field) => DataType::LargeList(item(field)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(item).collect()),
        other => other.clone(),
    }
}
