//! The flusher: settles sealed epochs into their tables, in order, then lets go of the log.
//!
//! Epochs that wait are settled together, with one commit a table, so that a backlog of small segments costs no more commits
//! than one large one.
//!
//! Invariant (I2): a segment is deleted only after every table's commit and the ids' sidecar are synced.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tracing::{debug, error};

use crate::buffer::Board;
use crate::dedupe::{DedupeIndex, EpochIds, Span};
use crate::error::IngestError;
use crate::kind::Kind;
use crate::lake::Table;
use crate::priority::Priority;
use crate::writer::{Epoch, Gauges};

const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_MOST: Duration = Duration::from_secs(10);
/// Epochs are settled together until they weigh so much in memory.
const TOGETHER_BYTES: u64 = 32 << 20;

pub(crate) struct Flusher {
    pub(crate) board: Arc<Board>,
    pub(crate) tables: Vec<Table>,
    pub(crate) dedupe: Arc<DedupeIndex>,
    pub(crate) gauges: Arc<Gauges>,
    /// With more unflushed bytes than this, settling is as urgent as requests.
    pub(crate) hurry_bytes: u64,
    /// Tells how far the log is settled: everything below this sequence number.
    pub(crate) settled: watch::Sender<i64>,
}

/// One or more epochs in a row.
struct Backlog(Vec<Epoch>);

impl Backlog {
    /// Takes what waits behind the first one.
    fn gather(first: Epoch, waiting: &mut mpsc::UnboundedReceiver<Epoch>) -> Self {
        let mut backlog = Self(vec![first]);
        while backlog.bytes() < TOGETHER_BYTES
            && let Ok(epoch) = waiting.try_recv()
        {
            backlog.0.push(epoch);
        }
        backlog
    }

    fn bytes(&self) -> u64 {
        self.0.iter().map(|epoch| epoch.bytes).sum()
    }

    fn span(&self) -> Span {
        let (first, last) = (&self.0[0], &self.0[self.0.len() - 1]);
        Span {
            first_received_at: first.first_received_at,
            last_received_at: last.last_received_at,
            last_seq: last.end_seq,
        }
    }
}

impl Flusher {
    /// Runs until the writer is gone and every epoch is settled.
    pub(crate) async fn run(self, mut epochs: mpsc::UnboundedReceiver<Epoch>) {
        while let Some(first) = epochs.recv().await {
            let backlog = Backlog::gather(first, &mut epochs);
            let mut pause = RETRY_FIRST;
            let started = Instant::now();
            while let Err(error) = self.settle(&backlog).await {
                error!(%error, "an epoch could not be settled; its rows stay in the log, and it is tried again");
                self.gauges.flush_failures.fetch_add(1, Ordering::Relaxed);
                self.gauges.flush_failing.store(true, Ordering::Relaxed);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RETRY_MOST);
            }
            self.gauges.flush_failing.store(false, Ordering::Relaxed);
            metrics::histogram!("weir_flush_seconds").record(started.elapsed());
            self.let_go(&backlog, &epochs);
        }
    }

    /// Requests go first for as long as there is room for what they send.
    fn priority(&self) -> Priority {
        let is_behind = self.gauges.unflushed_bytes.load(Ordering::Relaxed) > self.hurry_bytes;
        if is_behind { Priority::Normal } else { Priority::Reduced }
    }

    async fn settle(&self, backlog: &Backlog) -> Result<(), IngestError> {
        let span = backlog.span();
        let priority = self.priority();
        let cut = self.board.load();
        let settling = Kind::ALL.into_iter().zip(&self.tables).filter_map(|(kind, table)| {
            let chunks = cut.table(kind).chunks.iter().filter(|chunk| chunk.end_seq <= span.last_seq);
            let batches: Vec<_> = chunks.map(|chunk| chunk.batch.clone()).collect();
            (!batches.is_empty()).then(|| table.settle(batches, span.last_seq, priority))
        });
        for outcome in futures::future::join_all(settling).await {
            outcome?;
        }
        drop(cut);
        let dedupe = Arc::clone(&self.dedupe);
        let ids: Vec<Arc<EpochIds>> = backlog.0.iter().map(|epoch| Arc::clone(&epoch.ids)).collect();
        tokio::task::spawn_blocking(move || dedupe.settle(&ids, span)).await.map_err(IngestError::internal)??;
        for epoch in &backlog.0 {
            // The directory entry need not be synced: a segment that comes back is replayed and found settled.
            match std::fs::remove_file(&epoch.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    fn let_go(&self, backlog: &Backlog, waiting: &mpsc::UnboundedReceiver<Epoch>) {
        let (span, bytes) = (backlog.span(), backlog.bytes());
        self.gauges.unflushed_bytes.fetch_sub(bytes, Ordering::Relaxed);
        // The next epoch's first row is at least as young as this one's last; 0 once nothing waits.
        let oldest = if waiting.is_empty() && self.board.load().unflushed().0 == 0 { 0 } else { span.last_received_at };
        self.gauges.oldest_unflushed_at.store(oldest, Ordering::Relaxed);
        self.settled.send_replace(span.last_seq);
        debug!(end_seq = span.last_seq, epochs = backlog.0.len(), bytes, "settled");
    }
}
