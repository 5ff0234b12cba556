//! Events of a history as the log's writer hands them to the live rules: batches of one table and one `received_at`, text as
//! `Utf8`, columns that are all null left out.

use std::sync::Arc;

use anyhow::Context;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Schema, TimestampMicrosecondType};
use queries::Params;

use crate::score::history::Lake;

/// So many events of a table are read at the most: they lie in memory while they are fed.
const EVENTS_MAX: usize = 200_000;
const HOUR_US: i64 = 3_600_000_000;

/// A batch and its time.
pub(super) struct Batch {
    pub(super) table: Arc<str>,
    pub(super) rows: RecordBatch,
    pub(super) at: i64,
}

/// The first events of a table, in the order of the log.
pub(super) struct Events {
    table: Arc<str>,
    rows: RecordBatch,
}

impl Events {
    /// Reads them.
    pub(super) async fn read(lake: &Lake, table: &str) -> anyhow::Result<Self> {
        let (mut from, last) = lake.range;
        let (mut batches, mut count) = (Vec::new(), 0);
        // By the hour, so that sorting takes little memory.
        while from <= last && count < EVENTS_MAX {
            let sql = format!(
                "select * from {table} where received_at >= to_timestamp_micros({from}) \
                 and received_at < to_timestamp_micros({}) order by received_at, seq",
                from + HOUR_US
            );
            let answer = lake.engine.ask(&sql, &Params::default(), lake.tables.clone()).await?;
            for batch in answer.collect().await? {
                count += batch.num_rows();
                batches.push(batch);
            }
            from += HOUR_US;
        }
        let schema = batches.first().with_context(|| format!("the history has no {table}"))?.schema();
        let rows = concat_batches(&schema, &batches)?;
        Ok(Self { table: Arc::from(table), rows: rows.slice(0, rows.num_rows().min(EVENTS_MAX)) })
    }

    pub(super) fn table(&self) -> &str {
        &self.table
    }

    pub(super) fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Cuts them into batches of this size, each received when its last event was.
    pub(super) fn batches(&self, size: usize) -> anyhow::Result<Vec<Batch>> {
        let starts = (0..self.len()).step_by(size.max(1));
        starts.map(|start| self.batch(start, size.max(1).min(self.len() - start))).collect()
    }

    fn batch(&self, start: usize, length: usize) -> anyhow::Result<Batch> {
        let rows = self.rows.slice(start, length);
        let times = rows.column_by_name("received_at").context("no received_at")?;
        let at = times.as_primitive::<TimestampMicrosecondType>().value(length - 1);
        let (mut fields, mut columns) = (Vec::new(), Vec::<ArrayRef>::new());
        for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
            let column: ArrayRef = match (field.name().as_str(), field.data_type()) {
                _ if column.null_count() == length => continue,
                // The partition is the table's, not the event's.
                (_, DataType::Date32) => continue,
                ("received_at", _) => Arc::new(TimestampMicrosecondArray::from_value(at, length).with_timezone("UTC")),
                (_, DataType::Utf8View) => cast(column, &DataType::Utf8)?,
                _ => Arc::clone(column),
            };
            fields.push(Field::new(field.name(), column.data_type().clone(), true));
            columns.push(column);
        }
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
        Ok(Batch { table: Arc::clone(&self.table), rows, at })
    }
}

/// Puts batches of several tables into the order of time, and no two at one time.
pub(super) fn in_order(batches: impl Iterator<Item = Batch>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = batches.collect();
    batches.sort_by_key(|batch| batch.at);
    let mut last = i64::MIN;
    for batch in &mut batches {
        batch.at = batch.at.max(last.saturating_add(1));
        last = batch.at;
    }
    batches
}
