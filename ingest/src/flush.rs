//! The flusher: settles one sealed epoch after the other into its tables, then lets go of the log.
//!
//! Invariant (I2): a segment is deleted only after every table's commit and the ids' sidecar are synced.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tracing::{debug, error};

use crate::buffer::Board;
use crate::dedupe::{DedupeIndex, Span};
use crate::error::IngestError;
use crate::kind::Kind;
use crate::lake::Table;
use crate::writer::{Epoch, Gauges};

const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_MOST: Duration = Duration::from_secs(10);

pub(crate) struct Flusher {
    pub(crate) board: Arc<Board>,
    pub(crate) tables: Vec<Table>,
    pub(crate) dedupe: Arc<DedupeIndex>,
    pub(crate) gauges: Arc<Gauges>,
    /// Tells how far the log is settled: everything below this sequence number.
    pub(crate) settled: watch::Sender<i64>,
}

impl Flusher {
    /// Runs until the writer is gone and every epoch is settled.
    pub(crate) async fn run(self, mut epochs: mpsc::UnboundedReceiver<Epoch>) {
        while let Some(epoch) = epochs.recv().await {
            let mut pause = RETRY_FIRST;
            let started = Instant::now();
            while let Err(error) = self.settle(&epoch).await {
                error!(%error, "an epoch could not be settled; its rows stay in the log, and it is tried again");
                self.gauges.flush_failures.fetch_add(1, Ordering::Relaxed);
                self.gauges.flush_failing.store(true, Ordering::Relaxed);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RETRY_MOST);
            }
            self.gauges.flush_failing.store(false, Ordering::Relaxed);
            metrics::histogram!("weir_flush_seconds").record(started.elapsed());
            self.let_go(&epoch, &epochs);
        }
    }

    async fn settle(&self, epoch: &Epoch) -> Result<(), IngestError> {
        let cut = self.board.load();
        let settling = Kind::ALL.into_iter().zip(&self.tables).filter_map(|(kind, table)| {
            let chunks = cut.table(kind).chunks.iter().filter(|chunk| chunk.end_seq <= epoch.end_seq);
            let batches: Vec<_> = chunks.map(|chunk| chunk.batch.clone()).collect();
            (!batches.is_empty()).then(|| table.settle(batches, epoch.end_seq))
        });
        for outcome in futures::future::join_all(settling).await {
            outcome?;
        }
        drop(cut);
        let (dedupe, ids) = (Arc::clone(&self.dedupe), Arc::clone(&epoch.ids));
        let span = Span {
            first_received_at: epoch.first_received_at,
            last_received_at: epoch.last_received_at,
            last_seq: epoch.end_seq,
        };
        tokio::task::spawn_blocking(move || dedupe.settle(&ids, span)).await.map_err(IngestError::internal)??;
        // The directory entry need not be synced: a segment that comes back is replayed and found settled.
        match std::fs::remove_file(&epoch.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn let_go(&self, epoch: &Epoch, waiting: &mpsc::UnboundedReceiver<Epoch>) {
        self.gauges.unflushed_bytes.fetch_sub(epoch.bytes, Ordering::Relaxed);
        // The next epoch's first row is at least as young as this one's last; 0 once nothing waits.
        let oldest =
            if waiting.is_empty() && self.board.load().unflushed().0 == 0 { 0 } else { epoch.last_received_at };
        self.gauges.oldest_unflushed_at.store(oldest, Ordering::Relaxed);
        self.settled.send_replace(epoch.end_seq);
        debug!(end_seq = epoch.end_seq, bytes = epoch.bytes, "settled an epoch");
    }
}
