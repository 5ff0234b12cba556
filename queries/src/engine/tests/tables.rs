//! Tables for the tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;

use super::super::Tables;

/// 2026-11-22T10:00:00Z.
pub(super) const TEN: i64 = 1_795_341_600_000_000;
const MINUTE: i64 = 60_000_000;

pub(super) fn mem(batch: RecordBatch) -> Arc<dyn TableProvider> {
    Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap())
}

/// `usage` with four rows, a minute apart.
pub(super) fn usage() -> Arc<dyn TableProvider> {
    let times = TimestampMicrosecondArray::from_iter_values((0..4).map(|row| TEN + row * MINUTE)).with_timezone("UTC");
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("received_at", Arc::new(times)),
        ("account_id", Arc::new(StringViewArray::from(vec![Some("a"), Some("a"), Some("b"), None]))),
        ("route", Arc::new(StringViewArray::from(vec!["/draw", "/draw", "/chat", "/chat"]))),
        ("status", Arc::new(StringViewArray::from(vec!["ok", "error", "ok", "ok"]))),
        ("duration_ms", Arc::new(Int64Array::from(vec![Some(100), Some(200), Some(300), None]))),
        ("properties", Arc::new(StringViewArray::from(vec![r#"{"ratio":"16:9","n":3}"#, "{}", "{}", "{}"]))),
    ];
    mem(RecordBatch::try_from_iter(columns).unwrap())
}

pub(super) fn small() -> Tables {
    vec![("usage".to_owned(), usage())]
}

/// A table of numbers without end that counts the batches it was asked for.
#[derive(Debug)]
pub(super) struct Endless {
    schema: SchemaRef,
    pub(super) batches: Arc<AtomicU64>,
}

impl Endless {
    pub(super) fn table() -> (Arc<dyn TableProvider>, Arc<AtomicU64>) {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let batches = Arc::new(AtomicU64::new(0));
        let stream = Self { schema: Arc::clone(&schema), batches: Arc::clone(&batches) };
        (Arc::new(StreamingTable::try_new(schema, vec![Arc::new(stream)]).unwrap()), batches)
    }
}

impl PartitionStream for Endless {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (schema, batches) = (Arc::clone(&self.schema), Arc::clone(&self.batches));
        let rows = futures::stream::unfold(0_i64, move |from| {
            let (schema, batches) = (Arc::clone(&schema), Arc::clone(&batches));
            async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                batches.fetch_add(1, Ordering::SeqCst);
                let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + 8_192));
                Some((Ok(RecordBatch::try_new(schema, vec![numbers]).unwrap()), from + 8_192))
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}

/// Every table that the view `events` reads, one row each, with the columns given.
pub(super) fn all_kinds(columns: &[&str]) -> Tables {
    ["usage", "errors", "devices", "logs", "credits", "payments", "identities"]
        .into_iter()
        .map(|table| {
            let schema = Schema::new(
                columns
                    .iter()
                    .map(|column| match *column {
                        "received_at" => Field::new(
                            "received_at",
                            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
                            true,
                        ),
                        column => Field::new(column, DataType::Utf8View, true),
                    })
                    .collect::<Vec<_>>(),
            );
            let values = columns.iter().map(|column| match *column {
                "received_at" => Arc::new(TimestampMicrosecondArray::from(vec![TEN]).with_timezone("UTC")) as ArrayRef,
                _ => Arc::new(StringViewArray::from(vec![table])) as ArrayRef,
            });
            let batch = RecordBatch::try_new(Arc::new(schema), values.collect()).unwrap();
            (table.to_owned(), mem(batch))
        })
        .collect()
}

/// A marker so that providers stay object-safe in the tests' signatures.
#[async_trait]
pub(super) trait Counted {
    async fn settles(&self) -> u64;
}

#[async_trait]
impl Counted for AtomicU64 {
    /// Waits until the counter stands still for a while and returns it.
    async fn settles(&self) -> u64 {
        let mut last = self.load(Ordering::SeqCst);
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let now = self.load(Ordering::SeqCst);
            if now == last {
                return now;
            }
            last = now;
        }
        panic!("the counter never stands still: {last}");
    }
}
