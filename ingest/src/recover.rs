//! After a crash: the log's segments are read back into the buffer, under the same memory budget as ever, and settled.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use crate::buffer::Board;
use crate::columns;
use crate::dedupe::{Fingerprinter, HotIds};
use crate::disk::DiskRef;
use crate::error::IngestError;
use crate::kind::Kind;
use crate::row::Trust;
use crate::wal::Record;
use crate::wal::segment::{self, Replay};
use crate::writer::{Epoch, Gauges};

/// How far the replay has come.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) bytes_done: AtomicU64,
    pub(crate) bytes_total: AtomicU64,
}

pub(crate) struct Recovery<'a> {
    pub(crate) wal_dir: &'a Path,
    pub(crate) quarantine: &'a Path,
    pub(crate) disk: &'a DiskRef,
    pub(crate) board: &'a Board,
    pub(crate) fingerprinter: &'a Fingerprinter,
    pub(crate) gauges: &'a Gauges,
    pub(crate) epochs: &'a mpsc::UnboundedSender<Epoch>,
    pub(crate) settled: watch::Receiver<i64>,
    pub(crate) unflushed_bytes_max: u64,
    pub(crate) progress: &'a Progress,
}

/// Where the log goes on.
#[derive(Debug, Default)]
pub(crate) struct Resumed {
    pub(crate) hot: HotIds,
    pub(crate) next_seq: i64,
    pub(crate) last_received_at: i64,
}

impl Recovery<'_> {
    /// Replays every segment. On return all their rows are visible, their ids known, and their epochs with the flusher.
    pub(crate) async fn run(mut self, mut resumed: Resumed) -> Result<Resumed, IngestError> {
        let segments = segment::list(self.wal_dir)?;
        let sizes =
            segments.iter().map(|path| Ok(std::fs::metadata(path)?.len())).collect::<std::io::Result<Vec<_>>>()?;
        self.progress.bytes_total.store(sizes.iter().sum(), Ordering::Relaxed);
        for (path, bytes) in segments.iter().zip(sizes) {
            self.wait_for_room().await;
            let replay = segment::replay(path)?;
            self.report(path, &replay)?;
            self.take_in(path, replay, &mut resumed)?;
            self.progress.bytes_done.fetch_add(bytes, Ordering::Relaxed);
        }
        if !segments.is_empty() {
            info!(segments = segments.len(), "the log is replayed");
        }
        Ok(resumed)
    }

    /// Waits until the flusher has settled enough for the next segment.
    async fn wait_for_room(&mut self) {
        while self.gauges.unflushed_bytes.load(Ordering::Relaxed) > self.unflushed_bytes_max {
            if self.settled.changed().await.is_err() {
                return;
            }
        }
    }

    /// Tells of damage (I5), and keeps the damaged bytes.
    fn report(&self, path: &Path, replay: &Replay) -> Result<(), IngestError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if replay.torn_bytes > 0 {
            warn!(segment = %name, bytes = replay.torn_bytes, "a write that the crash cut off was dropped; it was never acknowledged");
            self.gauges.torn_bytes.fetch_add(replay.torn_bytes, Ordering::Relaxed);
        }
        if !replay.corrupt.is_empty() {
            let bytes: usize = replay.corrupt.iter().map(ExactSizeIterator::len).sum();
            segment::quarantine(path, &replay.corrupt, self.quarantine, self.disk)?;
            self.gauges.lost_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
            self.gauges.lost_rows.fetch_add(replay.missing_rows.max(1) as u64, Ordering::Relaxed);
            error!(segment = %name, bytes, rows = replay.missing_rows, "part of the log is damaged; its bytes are in quarantine");
        }
        Ok(())
    }

    fn take_in(&self, path: &Path, replay: Replay, resumed: &mut Resumed) -> Result<(), IngestError> {
        let (Some(first), Some(last)) = (replay.records.first(), replay.records.last()) else {
            return Ok(std::fs::remove_file(path)?);
        };
        let (first_seq, first_received_at) = (first.first_seq, first.received_at);
        let (end_seq, last_received_at) = (last.end_seq(), last.received_at);
        let mut bytes = 0;
        for record in replay.records {
            let record = self.without_repeats(record, &mut resumed.hot)?;
            bytes += record.batches.iter().map(|(_, batch)| columns::bytes_of(batch) as u64).sum::<u64>();
            self.board.append(&record, first_seq)?;
        }
        resumed.next_seq = resumed.next_seq.max(end_seq);
        resumed.last_received_at = resumed.last_received_at.max(last_received_at);
        self.gauges.unflushed_bytes.fetch_add(bytes, Ordering::Relaxed);
        let _ = self.gauges.oldest_unflushed_at.compare_exchange(
            0,
            first_received_at,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        let ids = resumed.hot.seal(end_seq);
        let epoch = Epoch { path: path.to_owned(), end_seq, ids, first_received_at, last_received_at, bytes };
        let _ = self.epochs.send(epoch);
        Ok(())
    }

    /// Leaves out rows whose id an earlier record of the log holds: a write that was reported as failed, but reached the disk,
    /// and was sent again.
    fn without_repeats(&self, mut record: Record, hot: &mut HotIds) -> Result<Record, IngestError> {
        for (kind, batch) in &mut record.batches {
            if matches!(kind, Kind::Hits | Kind::Verdicts | Kind::Labels | Kind::Rejects) {
                continue;
            }
            let fresh = self.fresh(*kind, batch, hot)?;
            if fresh.false_count() > 0 {
                *batch = filter_record_batch(batch, &fresh)?;
            }
        }
        record.batches.retain(|(_, batch)| batch.num_rows() > 0);
        Ok(record)
    }

    fn fresh(&self, kind: Kind, batch: &RecordBatch, hot: &mut HotIds) -> Result<BooleanArray, IngestError> {
        let text = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        let (Some(ids), Some(trusts)) = (text("event_id"), text("trust")) else {
            return Ok(BooleanArray::from(vec![true; batch.num_rows()]));
        };
        let fresh = (0..batch.num_rows()).map(|row| {
            let trust = if trusts.is_valid(row) && trusts.value(row) == Trust::Public.name() {
                Trust::Public
            } else {
                Trust::Server
            };
            let id = self.fingerprinter.of(trust, kind, ids.value(row));
            hot.readmit(id)
        });
        Ok(fresh.collect())
    }
}
