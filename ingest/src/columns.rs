//! Rows become columns: one sparse `RecordBatch` per kind and commit group, and back to a table's full width.
//!
//! A batch holds only the columns that some row filled, in the table's order, besides `seq` and `received_at`, which the
//! log writer stamps here.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanBuilder, Int64Array, Int64Builder, ListBuilder, RecordBatch, StringBuilder,
    StructBuilder, TimestampMicrosecondArray, TimestampMicrosecondBuilder, new_null_array,
};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{Date32Type, Schema, SchemaRef, TimestampMicrosecondType};
use arrow::error::ArrowError;

use crate::kind::{Kind, Partition};
use crate::row::{Frames, Head, Rows, Value};
use crate::schema::{ColumnType, TableSchema, frame_fields};

const DAY_US: i64 = 86_400_000_000;

/// When rows were received.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stamp {
    /// One value for the whole record: the log writer's.
    Record(i64),
    /// Each row's own `ts`: a trusted import.
    OwnTime,
}

enum Builder {
    Text(StringBuilder),
    Int(Int64Builder),
    Bool(BooleanBuilder),
    Time(TimestampMicrosecondBuilder),
    Frames(Box<ListBuilder<StructBuilder>>),
}

/// Collects the rows of one kind.
pub(crate) struct BatchBuilder {
    schema: &'static TableSchema,
    builders: Vec<Option<Builder>>,
    rows: usize,
}

impl BatchBuilder {
    pub(crate) fn new(kind: Kind) -> Self {
        let schema = TableSchema::of(kind);
        Self { schema, builders: schema.columns().iter().map(|_| None).collect(), rows: 0 }
    }

    pub(crate) fn append(&mut self, rows: &Rows, head: &Head) {
        for (place, value) in rows.cells(head) {
            let schema = self.schema;
            let builder = self.builders[place].get_or_insert_with(|| Builder::new(schema.columns()[place].ty));
            builder.pad(self.rows);
            builder.append(value);
        }
        self.rows += 1;
    }

    /// Finishes the batch: rows get `first_seq`, `first_seq + 1`, … and their `received_at`.
    pub(crate) fn finish(self, first_seq: i64, stamp: Stamp) -> Result<RecordBatch, ArrowError> {
        let rows = self.rows;
        let place = |name| self.schema.index(name).expect("a common column");
        let (seq_place, ts_place, received_place) = (place("seq"), place("ts"), place("received_at"));
        let mut columns: Vec<Option<ArrayRef>> = self
            .builders
            .into_iter()
            .map(|builder| {
                builder.map(|mut builder| {
                    builder.pad(rows);
                    builder.finish()
                })
            })
            .collect();
        columns[seq_place] = Some(Arc::new(Int64Array::from_iter_values((0..rows as i64).map(|row| first_seq + row))));
        columns[received_place] = Some(match stamp {
            Stamp::Record(at) => Arc::new(TimestampMicrosecondArray::from_value(at, rows).with_timezone("UTC")),
            Stamp::OwnTime => {
                columns[ts_place].clone().ok_or_else(|| ArrowError::ComputeError("an imported row lacks ts".into()))?
            }
        });
        let (places, arrays): (Vec<usize>, Vec<ArrayRef>) =
            columns.into_iter().enumerate().filter_map(|(place, array)| array.map(|array| (place, array))).unzip();
        RecordBatch::try_new(Arc::new(self.schema.stored().project(&places)?), arrays)
    }
}

impl Builder {
    fn new(ty: ColumnType) -> Self {
        match ty {
            ColumnType::Text | ColumnType::Json => Self::Text(StringBuilder::new()),
            ColumnType::Int => Self::Int(Int64Builder::new()),
            ColumnType::Bool => Self::Bool(BooleanBuilder::new()),
            ColumnType::Time => Self::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            ColumnType::Frames => {
                let frames = StructBuilder::from_fields(frame_fields(), 0);
                Self::Frames(Box::new(ListBuilder::new(frames)))
            }
        }
    }

    fn len(&self) -> usize {
        use arrow::array::ArrayBuilder;
        match self {
            Self::Text(builder) => builder.len(),
            Self::Int(builder) => builder.len(),
            Self::Bool(builder) => builder.len(),
            Self::Time(builder) => builder.len(),
            Self::Frames(builder) => builder.len(),
        }
    }

    fn pad(&mut self, to: usize) {
        for _ in self.len()..to {
            match self {
                Self::Text(builder) => builder.append_null(),
                Self::Int(builder) => builder.append_null(),
                Self::Bool(builder) => builder.append_null(),
                Self::Time(builder) => builder.append_null(),
                Self::Frames(builder) => builder.append_null(),
            }
        }
    }

    fn append(&mut self, value: Value<'_>) {
        match (self, value) {
            (Self::Text(builder), Value::Text(text)) => builder.append_value(text),
            (Self::Int(builder), Value::Int(value)) => builder.append_value(value),
            (Self::Bool(builder), Value::Bool(value)) => builder.append_value(value),
            (Self::Time(builder), Value::Time(value)) => builder.append_value(value),
            (Self::Frames(builder), Value::Frames(frames)) => append_frames(builder, frames),
            // A cell of another type than its column's is a bug that debug builds catch in `Rows::put`; a null is the
            // safe reading of it, and keeps the columns aligned.
            (builder, _) => builder.pad(builder.len() + 1),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Text(mut builder) => Arc::new(builder.finish()),
            Self::Int(mut builder) => Arc::new(builder.finish()),
            Self::Bool(mut builder) => Arc::new(builder.finish()),
            Self::Time(mut builder) => Arc::new(builder.finish()),
            Self::Frames(mut builder) => Arc::new(builder.finish()),
        }
    }
}

fn append_frames(builder: &mut ListBuilder<StructBuilder>, frames: Frames<'_>) {
    let values = builder.values();
    for frame in frames.iter() {
        for (field, text) in [frame.module, frame.file, frame.function].into_iter().enumerate() {
            text_field(values, field).append_option(text);
        }
        for (field, number) in [(3, frame.line), (4, frame.col)] {
            values.field_builder::<Int64Builder>(field).expect("line and col are integers").append_option(number);
        }
        values.field_builder::<BooleanBuilder>(5).expect("in_app is a Boolean").append_option(frame.in_app);
        values.append(true);
    }
    builder.append(true);
}

fn text_field(values: &mut StructBuilder, field: usize) -> &mut StringBuilder {
    values.field_builder::<StringBuilder>(field).expect("module, file and function are text")
}

/// Widens sparse batches of one kind to the stored schema, so that they can be joined or written.
pub(crate) fn widen(kind: Kind, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = TableSchema::of(kind).stored();
    align(schema, batch)
}

/// Joins sparse batches into one that has the columns any of them has.
pub(crate) fn join(kind: Kind, batches: &[&RecordBatch]) -> Result<RecordBatch, ArrowError> {
    let stored = TableSchema::of(kind).stored();
    let places: Vec<usize> = (0..stored.fields().len())
        .filter(|place| {
            batches.iter().any(|batch| batch.schema_ref().column_with_name(stored.field(*place).name()).is_some())
        })
        .collect();
    let schema: SchemaRef = Arc::new(stored.project(&places)?);
    let aligned = batches.iter().map(|batch| align(&schema, batch)).collect::<Result<Vec<_>, _>>()?;
    concat_batches(&schema, &aligned)
}

fn align(schema: &Arc<Schema>, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let arrays = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(array) => Arc::clone(array),
            None => new_null_array(field.data_type(), batch.num_rows()),
        })
        .collect();
    RecordBatch::try_new(Arc::clone(schema), arrays)
}

/// Shows a sparse batch as SQL sees it, only the columns at these places of the queried schema.
pub(crate) fn show(kind: Kind, batch: &RecordBatch, places: &[usize]) -> Result<RecordBatch, ArrowError> {
    let queried = TableSchema::of(kind).queried();
    let arrays = places
        .iter()
        .map(|place| {
            let field = queried.field(*place);
            match batch.column_by_name(field.name()) {
                Some(array) if array.data_type() == field.data_type() => Ok(Arc::clone(array)),
                Some(array) => cast(array, field.data_type()),
                None if field.name() == kind.partition().column() => partition_column(kind, batch),
                None => Ok(new_null_array(field.data_type(), batch.num_rows())),
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(queried.project(places)?), arrays, &options)
}

fn partition_column(kind: Kind, batch: &RecordBatch) -> Result<ArrayRef, ArrowError> {
    let received = received_at(batch)?;
    Ok(Arc::new(received.unary::<_, Date32Type>(|at| partition_of(kind, at))))
}

/// Returns the `received_at` column of any batch of ours.
pub(crate) fn received_at(batch: &RecordBatch) -> Result<&TimestampMicrosecondArray, ArrowError> {
    let column = batch.column_by_name("received_at").ok_or_else(|| missing("received_at"))?;
    column.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(|| missing("received_at"))
}

/// Returns the `seq` column of any batch of ours.
pub(crate) fn seq(batch: &RecordBatch) -> Result<&Int64Array, ArrowError> {
    batch.column_by_name("seq").and_then(|column| column.as_primitive_opt()).ok_or_else(|| missing("seq"))
}

fn missing(name: &str) -> ArrowError {
    ArrowError::SchemaError(format!("a batch of the log lacks {name}"))
}

/// Returns the partition (days since the Unix epoch: the day, or the first day of the month) that a time falls in.
pub(crate) fn partition_of(kind: Kind, at: i64) -> i32 {
    let day = at.div_euclid(DAY_US) as i32;
    match kind.partition() {
        Partition::Day => day,
        Partition::Month => {
            use chrono::Datelike;
            let date = date_of(day);
            day - i32::try_from(date.day0()).expect("a month has at most 31 days")
        }
    }
}

/// Returns the calendar date of a day number.
pub(crate) fn date_of(day: i32) -> chrono::NaiveDate {
    chrono::DateTime::from_timestamp(i64::from(day) * 86_400, 0).unwrap_or_default().date_naive()
}

/// Returns how many bytes a batch keeps alive.
pub(crate) fn bytes_of(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|column| column.get_buffer_memory_size()).sum::<usize>() + 512
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traces::Frame;

    fn two_rows() -> RecordBatch {
        let mut rows = Rows::default();
        let mut first = rows.begin(Kind::Errors);
        first.text("event_id", "a").time("ts", 5);
        let frame = Frame { file: Some("app.js".into()), line: Some(3), in_app: Some(true), ..Frame::default() };
        first.frames(TableSchema::of(Kind::Errors).index("frames").unwrap(), &[frame]);
        first.finish(None);
        let mut second = rows.begin(Kind::Errors);
        second.text("event_id", "b").text("message", "boom").time("ts", 6);
        second.finish(None);
        let mut builder = BatchBuilder::new(Kind::Errors);
        for head in rows.heads() {
            builder.append(&rows, head);
        }
        builder.finish(40, Stamp::Record(DAY_US + 1)).unwrap()
    }

    #[test]
    fn leaves_out_columns_that_nobody_filled_and_pads_the_others() {
        let batch = two_rows();
        let schema = batch.schema();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["event_id", "seq", "ts", "received_at", "message", "frames"]);
        assert!(batch.column_by_name("message").unwrap().is_null(0));
        assert!(batch.column_by_name("frames").unwrap().is_null(1));
        assert_eq!(seq(&batch).unwrap().values(), &[40, 41]);
    }

    #[test]
    fn shows_any_projection_at_full_width() {
        let batch = two_rows();
        let queried = TableSchema::of(Kind::Errors).queried();
        let all: Vec<usize> = (0..queried.fields().len()).collect();
        let shown = show(Kind::Errors, &batch, &all).unwrap();
        assert_eq!(shown.schema(), *queried);
        assert_eq!(shown.column(shown.num_columns() - 1).as_primitive::<Date32Type>().value(0), 1);
        assert_eq!(show(Kind::Errors, &batch, &[]).unwrap().num_rows(), 2, "count(*) needs no column");
    }

    #[test]
    fn joins_batches_of_different_width() {
        let batch = two_rows();
        let narrow = batch.project(&[0, 1, 2, 3]).unwrap();
        let joined = join(Kind::Errors, &[&narrow, &batch]).unwrap();
        assert_eq!(joined.num_rows(), 4);
        assert_eq!(joined.column_by_name("message").unwrap().null_count(), 3);
    }

    #[test]
    fn months_begin_on_their_first_day() {
        let at = chrono::DateTime::parse_from_rfc3339("2026-11-23T10:00:00Z").unwrap().timestamp_micros();
        assert_eq!(date_of(partition_of(Kind::Credits, at)).to_string(), "2026-11-01");
        assert_eq!(date_of(partition_of(Kind::Usage, at)).to_string(), "2026-11-23");
    }
}
