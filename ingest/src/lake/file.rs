//! One data file of a table: what its Add action says of it, and how it is written.
//!
//! Invariant: the Delta log holds statistics of `received_at`, `ts` and `seq` only, never of a person's columns; they would
//! outlive an erasure there.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::{max, min};
use arrow::datatypes::SchemaRef;
use chrono::{DateTime, SecondsFormat, Utc};
use deltalake_core::kernel::{Add, Remove};
use parquet::arrow::add_encoded_arrow_schema_to_metadata;
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};

use crate::columns;
use crate::error::IngestError;
use crate::kind::Kind;
use crate::schema::TableSchema;

/// The id columns, which get Bloom filters.
const ID_COLUMNS: [&str; 7] =
    ["account_id", "guest_id", "device_id", "session_id", "workspace_id", "entity", "issue_id"];
/// Columns whose values hardly repeat: a dictionary would only be built and thrown away.
const UNIQUE_COLUMNS: [&str; 5] = ["event_id", "properties", "ref", "request_id", "event"];
const ROW_GROUP_ROWS: usize = 128 * 1024;

/// A range of values, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) min: i64,
    pub(crate) max: i64,
}

/// One active data file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DataFile {
    /// Relative to the table's directory.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    /// Days since the Unix epoch: the day, or the first day of the month.
    pub(crate) partition: i32,
    /// Missing when the file was not written by us.
    pub(crate) received_at: Option<Span>,
    pub(crate) ts: Option<Span>,
    pub(crate) modified_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    num_records: u64,
    #[serde(default)]
    min_values: Bounds,
    #[serde(default)]
    max_values: Bounds,
    #[serde(default)]
    null_count: HashMap<String, u64>,
}

#[derive(Default, Serialize, Deserialize)]
struct Bounds {
    #[serde(skip_serializing_if = "Option::is_none")]
    received_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<String>,
}

/// How the names of files begin that a compaction sorted by person, then time.
const CLUSTERED_PREFIX: &str = "sorted-";

impl DataFile {
    /// Describes a file that is about to be added.
    pub(crate) fn describe(path: String, bytes: u64, partition: i32, spans: &Spans, modified_ms: i64) -> Self {
        let Spans { rows, received_at, ts } = *spans;
        Self { path, bytes, rows, partition, received_at, ts, modified_ms }
    }

    /// Returns the Add action. `data_change` is false for a rewrite of rows that were there before.
    pub(crate) fn to_add(&self, kind: Kind, data_change: bool) -> Result<Add, IngestError> {
        let bounds = |pick: fn(&Span) -> i64| Bounds {
            received_at: self.received_at.as_ref().map(|span| rfc3339(pick(span))),
            ts: self.ts.as_ref().map(|span| rfc3339(pick(span))),
        };
        let stats = Stats {
            num_records: self.rows,
            min_values: bounds(|span| span.min),
            max_values: bounds(|span| span.max),
            null_count: HashMap::new(),
        };
        Ok(Add {
            path: self.path.clone(),
            partition_values: self.partition_values(kind),
            size: self.bytes as i64,
            modification_time: self.modified_ms,
            data_change,
            stats: Some(serde_json::to_string(&stats).map_err(IngestError::internal)?),
            ..Add::default()
        })
    }

    /// Returns the Remove action of a rewrite.
    pub(crate) fn to_remove(&self, kind: Kind, at_ms: i64) -> Remove {
        Remove {
            path: self.path.clone(),
            data_change: false,
            deletion_timestamp: Some(at_ms),
            extended_file_metadata: Some(true),
            partition_values: Some(self.partition_values(kind)),
            size: Some(self.bytes as i64),
            ..Remove::default()
        }
    }

    /// Reads an Add action back.
    pub(crate) fn from_add(kind: Kind, add: &Add) -> Result<Self, IngestError> {
        let column = kind.partition().column();
        let partition = add
            .partition_values
            .get(column)
            .and_then(Option::as_deref)
            .and_then(|value| value.parse::<chrono::NaiveDate>().ok())
            .map(|date| (date - chrono::NaiveDate::default()).num_days() as i32)
            .ok_or_else(|| IngestError::Damaged(format!("{}/{} has no {column}", kind.table(), add.path)))?;
        let stats: Option<Stats> = add.stats.as_deref().and_then(|stats| serde_json::from_str(stats).ok());
        let span = |pick: fn(&Bounds) -> Option<&str>| {
            let stats = stats.as_ref()?;
            Some(Span { min: micros(pick(&stats.min_values)?)?, max: micros(pick(&stats.max_values)?)? })
        };
        Ok(Self {
            path: add.path.clone(),
            bytes: add.size.max(0) as u64,
            rows: stats.as_ref().map_or(0, |stats| stats.num_records),
            partition,
            received_at: span(|bounds| bounds.received_at.as_deref()),
            ts: span(|bounds| bounds.ts.as_deref()),
            modified_ms: add.modification_time,
        })
    }

    fn partition_values(&self, kind: Kind) -> HashMap<String, Option<String>> {
        let date = columns::date_of(self.partition).to_string();
        HashMap::from([(kind.partition().column().to_owned(), Some(date))])
    }
}

fn rfc3339(micros: i64) -> String {
    DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn micros(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_micros())
}

/// What a file's statistics are made of, gathered while it is written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spans {
    pub(crate) rows: u64,
    pub(crate) received_at: Option<Span>,
    pub(crate) ts: Option<Span>,
}

impl Spans {
    pub(crate) fn add(&mut self, batch: &RecordBatch) {
        let column = |name| {
            let column = batch.column_by_name(name)?;
            let times = column.as_any().downcast_ref::<TimestampMicrosecondArray>()?;
            Some(Span { min: min(times)?, max: max(times)? })
        };
        self.rows += batch.num_rows() as u64;
        self.received_at = join(self.received_at, column("received_at"));
        self.ts = join(self.ts, column("ts"));
    }
}

fn join(one: Option<Span>, other: Option<Span>) -> Option<Span> {
    match (one, other) {
        (Some(one), Some(other)) => Some(Span { min: one.min.min(other.min), max: one.max.max(other.max) }),
        (one, other) => one.or(other),
    }
}

/// Returns the name of a new file in its partition's directory.
pub(crate) fn new_path(kind: Kind, partition: i32, clustered: bool) -> String {
    let date = columns::date_of(partition);
    let prefix = if clustered { CLUSTERED_PREFIX } else { "part-" };
    format!("{}={date}/{prefix}{}.parquet", kind.partition().column(), uuid::Uuid::now_v7().simple())
}

/// Returns how files of this kind are written.
fn properties(kind: Kind, rows: usize) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).expect("level 1 exists")))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_created_by(concat!("weir ", env!("CARGO_PKG_VERSION")).to_owned());
    for column in TableSchema::of(kind).columns() {
        let path = ColumnPath::from(column.name);
        if ID_COLUMNS.contains(&column.name) {
            builder = builder
                .set_column_bloom_filter_enabled(path.clone(), true)
                .set_column_bloom_filter_fpp(path.clone(), 0.02)
                .set_column_bloom_filter_max_ndv(path.clone(), (rows as u64 / 4).clamp(64, ROW_GROUP_ROWS as u64));
        }
        if UNIQUE_COLUMNS.contains(&column.name) {
            builder = builder.set_column_dictionary_enabled(path.clone(), false);
        }
        if matches!(column.name, "seq" | "ts" | "received_at") {
            builder = builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
    }
    builder.build()
}

/// Tells whether a column's values hardly repeat.
pub(crate) fn is_unique(column: &str) -> bool {
    UNIQUE_COLUMNS.contains(&column)
}

/// Returns a writer of one file of about so many rows. `schema` is the stored one; its text may come as dictionaries, which
/// the file does not tell.
pub(crate) fn writer(kind: Kind, schema: &SchemaRef, rows: usize) -> Result<ArrowWriter<Vec<u8>>, IngestError> {
    let mut properties = properties(kind, rows);
    add_encoded_arrow_schema_to_metadata(TableSchema::of(kind).stored(), &mut properties);
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    Ok(ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(schema), options)?)
}

/// Writes batches of the stored schema into the bytes of one Parquet file.
pub(crate) fn encode(kind: Kind, batches: &[RecordBatch]) -> Result<Vec<u8>, IngestError> {
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let mut writer = writer(kind, TableSchema::of(kind).stored(), rows)?;
    for batch in batches {
        writer.write(batch)?;
    }
    Ok(writer.into_inner()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn add_actions_read_back_and_name_no_person() {
        let file = DataFile {
            path: new_path(Kind::Credits, 20_000, true),
            bytes: 77,
            rows: 3,
            partition: 20_000,
            received_at: Some(Span { min: 1_700_000_000_000_001, max: 1_700_000_000_999_999 }),
            ts: None,
            modified_ms: 12,
        };
        let add = file.to_add(Kind::Credits, true).unwrap();
        assert_eq!(DataFile::from_add(Kind::Credits, &add).unwrap(), file);
        assert!(file.path.contains("/sorted-"));
        let stats = add.stats.unwrap();
        assert!(stats.contains("received_at") && !stats.contains("_id"), "{stats}");
    }
}
