//! The handle: opens a data directory, takes judged events in, shows what is visible, and stops in order.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::error;

use crate::buffer::{Board, Cut};
use crate::client_drops::{ClientDrop, ClientDrops};
use crate::dedupe::{DedupeIndex, DedupeLimits, Fingerprinter};
use crate::disk::{DiskRef, RealDisk, create_dir};
use crate::error::IngestError;
use crate::flush::Flusher;
use crate::judge::{Judge, Judged};
use crate::kind::Kind;
use crate::lake::{Lake, SyncedStore, Table};
use crate::outcome::Tally;
use crate::recover::{Progress, Recovery as Replay, Resumed};
use crate::row::Rows;
use crate::writer::{Epoch, Gauges, Job, Observer, Open, Reply, Request, SealLimits, Writer};

const QUEUE_JOBS: usize = 8 * 1024;
pub(crate) const QUEUE_BYTES_MAX: u64 = 128 << 20;
const MAINTENANCE: Duration = Duration::from_secs(2);
/// Every so many maintenance rounds the dedupe files are looked after.
const DEDUPE_ROUNDS: u32 = 5;

/// How a data directory is kept.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data directory.
    pub dir: PathBuf,
    /// This log's name in the tables' `txn` actions; never changes for a data directory.
    pub app_id: String,
    /// The key of the dedupe fingerprints; never changes for a data directory.
    pub fingerprint_key: [u8; 32],
    /// A log segment, and so one flush, is at most about so large.
    pub segment_bytes_max: u64,
    /// A flush happens at least so often while there is anything to flush, milliseconds.
    pub flush_interval_ms: u64,
    /// Beyond this, requests are answered 503 until the flusher has caught up. Bytes in memory.
    pub unflushed_bytes_max: u64,
    /// The same by the age of the oldest unflushed row, milliseconds.
    pub unflushed_age_ms_max: u64,
    /// The disk to write to.
    pub disk: DiskRef,
}

impl Config {
    /// Returns the defaults for a directory.
    #[must_use]
    pub fn new(dir: PathBuf, app_id: String, fingerprint_key: [u8; 32]) -> Self {
        Self {
            dir,
            app_id,
            fingerprint_key,
            segment_bytes_max: 64 << 20,
            flush_interval_ms: 10_000,
            unflushed_bytes_max: 256 << 20,
            unflushed_age_ms_max: 120_000,
            disk: Arc::new(RealDisk),
        }
    }
}

/// Whether the data directory is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// The log is being replayed.
    Replaying {
        /// Bytes of the log that are done.
        bytes_done: u64,
        /// Bytes of the log.
        bytes_total: u64,
    },
    /// Events are taken and queries answered.
    Ready,
    /// The replay failed; the message says why.
    Failed(String),
}

enum Phase {
    Replaying,
    Ready(SyncSender<Job>),
    Stopping,
    Failed(String),
}

/// The proof that a request's events are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// To be given back as `Weir-After`: reads then include the request's events.
    pub id: String,
    /// Events stored.
    pub stored: u32,
    /// Events that were stored before.
    pub duplicate: u32,
}

/// Where an import comes from, so that it can be resumed and never doubled.
#[derive(Clone, Debug)]
pub struct ImportOrigin {
    /// Names the source: the hash of the file.
    pub id: String,
    /// Offset in the source after these rows; an import up to here is not repeated.
    pub offset: i64,
}

/// An open data directory.
pub struct Ingest {
    config: Config,
    judge: Judge,
    pub(crate) board: Arc<Board>,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) dedupe: Arc<DedupeIndex>,
    tables: Vec<Table>,
    phase: ArcSwap<Phase>,
    progress: Progress,
    settled: watch::Receiver<i64>,
    pub(crate) tallies: Mutex<BTreeMap<Arc<str>, Tally>>,
    pub(crate) client_drops: ClientDrops,
    /// Held for the life of the process: nobody else may write here.
    _lock: File,
}

impl Ingest {
    /// Opens a data directory and begins to replay its log in the background.
    ///
    /// # Errors
    /// When the directory is in use, cannot be written, or holds tables that cannot be opened.
    pub async fn open(config: Config, judge: Judge, observer: Arc<dyn Observer>) -> Result<Arc<Self>, IngestError> {
        let disk = DiskRef::clone(&config.disk);
        for dir in ["wal", "lake", "dedupe"] {
            create_dir(disk.as_ref(), &config.dir.join(dir))?;
        }
        let dir = config.dir.canonicalize()?;
        let config = Config { dir, ..config };
        let lock = lock_directory(&config.dir)?;
        let board = Arc::new(Board::new(0));
        let dedupe = DedupeIndex::open(&config.dir.join("dedupe"), DiskRef::clone(&disk), DedupeLimits::default())?;
        let (dedupe, gauges) = (Arc::new(dedupe), Arc::new(Gauges::default()));
        let tables = open_tables(&config, &board).await?;
        let (epochs, sealed) = mpsc::unbounded_channel();
        let (settled_sender, settled) = watch::channel(0);
        let flusher = Flusher {
            board: Arc::clone(&board),
            tables: tables.clone(),
            dedupe: Arc::clone(&dedupe),
            gauges: Arc::clone(&gauges),
            hurry_bytes: config.unflushed_bytes_max / 2,
            settled: settled_sender,
        };
        tokio::spawn(flusher.run(sealed));
        let ingest = Arc::new(Self {
            config,
            judge,
            board,
            gauges,
            dedupe,
            tables,
            phase: ArcSwap::from_pointee(Phase::Replaying),
            progress: Progress::default(),
            settled,
            tallies: Mutex::default(),
            client_drops: ClientDrops::default(),
            _lock: lock,
        });
        tokio::spawn(Arc::clone(&ingest).start(observer, epochs));
        tokio::spawn(maintain(Arc::downgrade(&ingest)));
        Ok(ingest)
    }

    /// Replays the log, then starts its writer.
    async fn start(self: Arc<Self>, observer: Arc<dyn Observer>, epochs: mpsc::UnboundedSender<Epoch>) {
        let resumed = match self.replay(&epochs).await {
            Ok(resumed) => resumed,
            Err(error) => {
                error!(%error, "the log could not be replayed");
                self.phase.store(Arc::new(Phase::Failed(error.to_string())));
                return;
            }
        };
        let (jobs, queue) = sync_channel(QUEUE_JOBS);
        let writer = Writer {
            wal_dir: self.config.dir.join("wal"),
            disk: DiskRef::clone(&self.config.disk),
            board: Arc::clone(&self.board),
            dedupe: Arc::clone(&self.dedupe),
            observer,
            gauges: Arc::clone(&self.gauges),
            limits: SealLimits {
                segment_bytes_max: self.config.segment_bytes_max,
                flush_interval_us: self.config.flush_interval_ms as i64 * 1_000,
            },
            epochs,
            hot: resumed.hot,
            next_seq: resumed.next_seq,
            last_received_at: resumed.last_received_at,
            open: Open::default(),
        };
        let started = std::thread::Builder::new().name("weir-log".into()).spawn(move || writer.run(&queue));
        self.phase.store(Arc::new(match started {
            Ok(_) => Phase::Ready(jobs),
            Err(error) => Phase::Failed(error.to_string()),
        }));
    }

    async fn replay(&self, epochs: &mpsc::UnboundedSender<Epoch>) -> Result<Resumed, IngestError> {
        let cut = self.board.load();
        let settled = self.dedupe.settled_seq().max(cut.end_seq);
        let resumed =
            Resumed { next_seq: settled, last_received_at: cut.received_at(), hot: crate::dedupe::HotIds::default() };
        let recovery = Replay {
            wal_dir: &self.config.dir.join("wal"),
            quarantine: &self.config.dir.join("quarantine"),
            disk: &self.config.disk,
            board: &self.board,
            fingerprinter: &Fingerprinter::new(self.config.fingerprint_key),
            gauges: &self.gauges,
            epochs,
            settled: self.settled.clone(),
            unflushed_bytes_max: self.config.unflushed_bytes_max,
            progress: &self.progress,
        };
        recovery.run(resumed).await
    }

    /// Tells whether events are taken and queries see everything.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        match &**self.phase.load() {
            Phase::Replaying => Recovery::Replaying {
                bytes_done: self.progress.bytes_done.load(Ordering::Relaxed),
                bytes_total: self.progress.bytes_total.load(Ordering::Relaxed),
            },
            Phase::Ready(_) | Phase::Stopping => Recovery::Ready,
            Phase::Failed(why) => Recovery::Failed(why.clone()),
        }
    }

    /// Returns the judge of this directory's events. Judging is CPU work: call it off the HTTP runtime when bodies are large.
    #[must_use]
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// Stores a request's events. Returns after fsync: once `Ok`, they survive power loss, are visible to SQL and counted by
    /// live rules.
    ///
    /// # Errors
    /// `Overloaded` and `NotReady`: nothing was stored, retry. `Disk`: nothing was acknowledged, retry later.
    pub async fn append(&self, key: &Arc<str>, judged: Judged) -> Result<Receipt, IngestError> {
        let Judged { rows, received, rejects } = judged;
        let (reply, answer) = oneshot::channel();
        self.enqueue(rows, Some(reply))?;
        let written = answer.await.map_err(|_| IngestError::NotReady("the log has stopped".into()))??;
        for (outcome, events) in [
            ("stored", u64::from(written.stored)),
            ("duplicate", u64::from(written.duplicate)),
            ("rejected", rejects.len() as u64),
        ] {
            metrics::counter!("weir_events_total", "outcome" => outcome).increment(events);
        }
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = match tallies.get_mut(key) {
            Some(tally) => tally,
            None => tallies.entry(Arc::clone(key)).or_default(),
        };
        tally.received += u64::from(received);
        tally.stored += u64::from(written.stored);
        tally.duplicate += u64::from(written.duplicate);
        tally.rejected += rejects.len() as u64;
        let id = format!("r_{:x}", written.end_seq);
        Ok(Receipt { id, stored: written.stored, duplicate: written.duplicate })
    }

    /// Notes what a client of this key says that it dropped before it reached us.
    pub fn note_client_drops(&self, key: &Arc<str>, drops: &[ClientDrop]) {
        self.client_drops.note(key, drops);
    }

    /// Queues rows of Weir's own (decisions, hits, labels). Returns before they are durable.
    ///
    /// # Errors
    /// `Overloaded` and `NotReady`: they were not queued.
    pub fn append_own(&self, rows: Rows) -> Result<(), IngestError> {
        if rows.is_empty() {
            return Ok(());
        }
        self.enqueue(rows, None)
    }

    fn enqueue(&self, rows: Rows, reply: Option<Reply>) -> Result<(), IngestError> {
        let phase = self.phase.load();
        let jobs = match &**phase {
            Phase::Ready(jobs) => jobs,
            Phase::Replaying => return Err(IngestError::NotReady("the log is being replayed".into())),
            Phase::Stopping => return Err(IngestError::NotReady("the process is stopping".into())),
            Phase::Failed(why) => return Err(IngestError::NotReady(why.clone())),
        };
        self.check_load()?;
        let (queued_bytes, queued_at) = (rows.bytes() as u64, chrono::Utc::now().timestamp_micros());
        self.gauges.queued_bytes.fetch_add(queued_bytes, Ordering::Relaxed);
        // If the writer is idle. If not, it comes to this request in its turn and notes it then.
        let waiting_since = &self.gauges.waiting_since;
        let _ = waiting_since.compare_exchange(0, queued_at, Ordering::Relaxed, Ordering::Relaxed);
        jobs.try_send(Job::Append(Request { rows, reply, queued_bytes, queued_at })).map_err(|error| {
            self.gauges.queued_bytes.fetch_sub(queued_bytes, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => overloaded(250, "the log's queue is full"),
                TrySendError::Disconnected(_) => IngestError::NotReady("the log has stopped".into()),
            }
        })
    }

    fn check_load(&self) -> Result<(), IngestError> {
        if self.gauges.queued_bytes.load(Ordering::Relaxed) > QUEUE_BYTES_MAX {
            return Err(overloaded(250, "the log's queue is full"));
        }
        if self.gauges.unflushed_bytes.load(Ordering::Relaxed) > self.config.unflushed_bytes_max {
            return Err(overloaded(1_000, "too many bytes are unflushed"));
        }
        let oldest = self.gauges.oldest_unflushed_at.load(Ordering::Relaxed);
        let age_us = if oldest == 0 { 0 } else { chrono::Utc::now().timestamp_micros() - oldest };
        if age_us > self.config.unflushed_age_ms_max as i64 * 1_000 {
            return Err(overloaded(1_000, "the oldest unflushed event is too old"));
        }
        Ok(())
    }

    /// Commits rows of a trusted import straight to their tables; each row's `received_at` is its `ts`. Returns after the
    /// commits are synced: the number of events stored, and of those that an earlier run of the same import had stored.
    ///
    /// # Errors
    /// `NotReady`, or what the tables say. Repeat the import; what was committed is not committed again.
    pub async fn import(&self, judged: Judged, origin: &ImportOrigin) -> Result<(u64, u64), IngestError> {
        if !matches!(&**self.phase.load(), Phase::Ready(_)) {
            return Err(IngestError::NotReady("the log is being replayed".into()));
        }
        let batches = crate::import::batches(&judged.rows, origin.offset)?;
        let (mut stored, mut before) = (0, 0);
        for (kind, batch) in batches {
            let rows = if kind == Kind::Rejects { 0 } else { batch.num_rows() as u64 };
            let table = &self.tables[usize::from(kind.number())];
            if table.import(batch, format!("import-{}", origin.id), origin.offset).await? {
                stored += rows;
            } else {
                before += rows;
            }
        }
        Ok((stored, before))
    }

    /// Returns everything that is visible now, as one consistent cut.
    #[must_use]
    pub fn cut(&self) -> Arc<Cut> {
        self.board.load()
    }

    /// Tells whether reads include what this receipt stands for; `None` when it is no receipt.
    #[must_use]
    pub fn caught_up(&self, receipt: &str) -> Option<bool> {
        let end_seq = i64::from_str_radix(receipt.strip_prefix("r_")?, 16).ok()?;
        Some(self.board.load().end_seq >= end_seq)
    }

    /// Returns the data directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.config.dir
    }

    /// Stops taking events, settles everything into the tables and returns. What is not settled in time is in the log.
    ///
    /// # Errors
    /// `NotReady` when the replay had not ended.
    pub async fn shutdown(&self) -> Result<(), IngestError> {
        let Phase::Ready(jobs) = &*self.phase.swap(Arc::new(Phase::Stopping)) else {
            return Err(IngestError::NotReady("the log was not open".into()));
        };
        let jobs = jobs.clone();
        let _ = tokio::task::spawn_blocking(move || jobs.send(Job::Stop).is_ok()).await;
        let mut settled = self.settled.clone();
        // The flusher ends, and with it the channel, once the writer is gone and every epoch is settled.
        while settled.changed().await.is_ok() {}
        futures::future::join_all(self.tables.iter().map(Table::stop)).await;
        Ok(())
    }
}

/// Returns the store that the tables' files of a data directory are read from, and the URL to register it under.
///
/// # Errors
/// When the lake's directory cannot be opened.
pub fn lake_store(dir: &Path) -> Result<(ObjectStoreUrl, Arc<dyn ObjectStore>), IngestError> {
    let store = LocalFileSystem::new_with_prefix(dir.join("lake"))?;
    let url = ObjectStoreUrl::parse(crate::lake::LAKE_URL).expect("a constant URL");
    Ok((url, Arc::new(store)))
}

fn overloaded(retry_after_ms: u64, reason: &str) -> IngestError {
    IngestError::Overloaded { retry_after_ms, reason: reason.to_owned() }
}

/// Takes hold of a data directory for as long as the file lives: one process at a time works on it.
///
/// # Errors
/// `Locked` when another process holds it.
pub fn lock_directory(dir: &Path) -> Result<File, IngestError> {
    let file = File::options().create(true).truncate(false).write(true).open(dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(IngestError::Locked(dir.display().to_string())),
        Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

async fn open_tables(config: &Config, board: &Arc<Board>) -> Result<Vec<Table>, IngestError> {
    let lake = Lake {
        dir: config.dir.join("lake").into(),
        quarantine: config.dir.join("quarantine").into(),
        store: Arc::new(SyncedStore::new(DiskRef::clone(&config.disk))),
        board: Arc::clone(board),
        app_id: config.app_id.as_str().into(),
        compactions: Arc::new(tokio::sync::Semaphore::new(1)),
    };
    let opening = Kind::ALL.into_iter().map(|kind| Table::open(lake.clone(), kind));
    futures::future::try_join_all(opening).await
}

/// Looks after tables and dedupe files for as long as the directory is open.
async fn maintain(ingest: std::sync::Weak<Ingest>) {
    let mut rounds = 0_u32;
    loop {
        tokio::time::sleep(MAINTENANCE).await;
        let Some(ingest) = ingest.upgrade() else { return };
        let now = chrono::Utc::now();
        for table in &ingest.tables {
            table.maintain(now.timestamp_millis());
        }
        rounds += 1;
        if rounds.is_multiple_of(DEDUPE_ROUNDS) {
            let dedupe = Arc::clone(&ingest.dedupe);
            let outcome = tokio::task::spawn_blocking(move || dedupe.maintain(now.timestamp_micros())).await;
            if let Ok(Err(error)) = outcome {
                error!(%error, "the dedupe files could not be looked after");
            }
        }
    }
}

#[cfg(test)]
mod tests;
