//! What `/v1/status`, `/metrics` and verdicts are told of a data directory's state.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::client_drops::DropsByCategory;
use crate::dedupe::DedupeStatus;
use crate::ingest::{Ingest, QUEUE_BYTES_MAX};
use crate::outcome::Tally;

/// One table's state.
#[derive(Clone, Debug, Serialize)]
pub struct TableStatus {
    /// Rows: in files and unflushed.
    pub rows: u64,
    /// Data files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The oldest `received_at`, RFC 3339; null when empty.
    pub oldest: Option<String>,
    /// The newest `received_at`, RFC 3339; null when empty.
    pub newest: Option<String>,
    /// Rows in the log but in no file yet.
    pub unflushed_rows: u64,
    /// The Delta version.
    pub version: u64,
}

/// What cannot be read back, ever counted since the start: zero unless something is wrong.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Loss {
    /// Rows that the log lost to damage (at least).
    pub rows: u64,
    /// Damaged bytes, kept in quarantine.
    pub bytes: u64,
}

/// A data directory's state.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// By table name.
    pub tables: BTreeMap<&'static str, TableStatus>,
    /// By key name, since the start.
    pub outcomes: BTreeMap<String, Tally>,
    /// By key name, what its clients say that they dropped themselves, since the start: by category, by reason.
    pub dropped_by_clients: BTreeMap<String, DropsByCategory>,
    /// Bytes of rows that wait for the log's writer.
    pub queued_bytes: u64,
    /// Bytes that may wait; beyond them events are refused with 503.
    pub queued_bytes_max: u64,
    /// Bytes of unflushed rows in memory.
    pub unflushed_bytes: u64,
    /// Age of the oldest unflushed row, milliseconds; 0 when there is none.
    pub unflushed_age_ms: u64,
    /// The ids that duplicates are told by.
    pub dedupe: DedupeStatus,
    /// Lost to damage.
    pub loss: Loss,
    /// Bytes of writes that a crash cut off before they were acknowledged.
    pub torn_bytes: u64,
    /// Commit groups that could not be made durable; their senders were told.
    pub wal_failures: u64,
    /// Flushes that failed and were tried again.
    pub flush_failures: u64,
    /// The last flush failed and is being tried again.
    pub flush_failing: bool,
}

impl Ingest {
    /// Returns since when the oldest request waits that was taken into the log's queue and does not count yet: it is not
    /// synced, or live rules have not seen it. Exact to a group of requests. One atomic load.
    #[must_use]
    pub fn waiting_since(&self) -> Option<i64> {
        let since = self.gauges.waiting_since.load(Ordering::Relaxed);
        (since > 0).then_some(since)
    }

    /// Returns the state of everything.
    #[must_use]
    pub fn status(&self) -> Status {
        let cut = self.cut();
        let tables = cut.tables.iter().map(|table| {
            let unflushed_rows: u64 = table.chunks.iter().map(|chunk| chunk.batch.num_rows() as u64).sum();
            let files = &table.files.files;
            let spans = files.iter().filter_map(|file| file.received_at);
            let buffered = table.chunks.iter().filter_map(|chunk| {
                let times = crate::columns::received_at(&chunk.batch).ok()?.values();
                Some((*times.first()?, *times.last()?))
            });
            let (oldest, newest) = spans.map(|span| (span.min, span.max)).chain(buffered).fold(
                (None, None),
                |(oldest, newest): (Option<i64>, Option<i64>), (first, last)| {
                    (Some(oldest.map_or(first, |oldest| oldest.min(first))), newest.max(Some(last)))
                },
            );
            let status = TableStatus {
                rows: files.iter().map(|file| file.rows).sum::<u64>() + unflushed_rows,
                files: files.len() as u64,
                bytes: files.iter().map(|file| file.bytes).sum(),
                oldest: oldest.map(rfc3339),
                newest: newest.map(rfc3339),
                unflushed_rows,
                version: table.files.version,
            };
            (table.kind.table(), status)
        });
        let gauges = &self.gauges;
        let oldest = gauges.oldest_unflushed_at.load(Ordering::Relaxed);
        let age_us = if oldest == 0 { 0 } else { (Utc::now().timestamp_micros() - oldest).max(0) };
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        Status {
            tables: tables.collect(),
            outcomes: tallies.iter().map(|(key, tally)| (key.to_string(), *tally)).collect(),
            dropped_by_clients: self.client_drops.by_key(),
            queued_bytes: gauges.queued_bytes.load(Ordering::Relaxed),
            queued_bytes_max: QUEUE_BYTES_MAX,
            unflushed_bytes: gauges.unflushed_bytes.load(Ordering::Relaxed),
            unflushed_age_ms: age_us as u64 / 1_000,
            dedupe: self.dedupe.status(),
            loss: Loss {
                rows: gauges.lost_rows.load(Ordering::Relaxed),
                bytes: gauges.lost_bytes.load(Ordering::Relaxed),
            },
            torn_bytes: gauges.torn_bytes.load(Ordering::Relaxed),
            wal_failures: gauges.wal_failures.load(Ordering::Relaxed),
            flush_failures: gauges.flush_failures.load(Ordering::Relaxed),
            flush_failing: gauges.flush_failing.load(Ordering::Relaxed),
        }
    }
}

fn rfc3339(micros: i64) -> String {
    DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}
