//! The log's writer: one thread that turns whatever requests wait into one record, makes it durable, then visible, then
//! answers (group commit).
//!
//! Invariants: I1, nobody is answered before the fsync, the board and the observer are done with the record. I2, ids are
//! admitted here alone, in order; a failed write forgets them. `received_at` is stamped here, strictly increasing.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use crate::buffer::Board;
use crate::columns::{self, BatchBuilder, Stamp};
use crate::dedupe::{DedupeIndex, EpochIds, Fingerprint, HotIds};
use crate::disk::DiskRef;
use crate::error::IngestError;
use crate::kind::Kind;
use crate::row::Rows;
use crate::wal::{Record, Segment};

/// One record holds at most about so many rows and bytes; a single larger request is a record of its own.
const GROUP_ROWS_MAX: usize = 20_000;
const GROUP_BYTES_MAX: usize = 8 << 20;
const TICK: Duration = Duration::from_millis(100);
const OBSERVER_TICK_US: i64 = 200_000;

/// What has just become durable and visible.
#[derive(Debug)]
pub struct Committed {
    /// When, microseconds since the Unix epoch; greater than that of every earlier record.
    pub received_at: i64,
    /// The sequence number of its first row.
    pub first_seq: i64,
    /// One batch per kind: the stored schema without the columns that are all null.
    pub batches: Vec<(Kind, RecordBatch)>,
}

/// Told of every record in log order, on the writer's thread, before its senders are answered. Must be quick.
pub trait Observer: Send + Sync {
    /// Takes note of a record. Rows it returns (hits) go into the log next.
    fn observe(&self, committed: &Committed) -> Rows;

    /// Lets time pass, a few times a second and between two records: every later record has a greater `received_at` than
    /// `now`. Rows it returns go into the log next.
    fn tick(&self, now: i64) -> Rows {
        let _ = now;
        Rows::default()
    }
}

/// What became of one request's rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) stored: u32,
    pub(crate) duplicate: u32,
    pub(crate) end_seq: i64,
}

pub(crate) type Reply = oneshot::Sender<Result<Written, IngestError>>;

/// Rows that want to be in the log; nobody waits for Weir's own.
pub(crate) struct Request {
    pub(crate) rows: Rows,
    pub(crate) reply: Option<Reply>,
    /// What the request added to the gauge of queued bytes; nothing for rows that never were in the queue.
    pub(crate) queued_bytes: u64,
    /// When it was queued, microseconds since the Unix epoch.
    pub(crate) queued_at: i64,
}

pub(crate) enum Job {
    Append(Request),
    /// Seal what there is and end.
    Stop,
}

/// A sealed segment: the rows of one flush.
pub(crate) struct Epoch {
    pub(crate) path: PathBuf,
    pub(crate) end_seq: i64,
    pub(crate) ids: Arc<EpochIds>,
    pub(crate) first_received_at: i64,
    pub(crate) last_received_at: i64,
    /// What its chunks weigh in memory.
    pub(crate) bytes: u64,
}

/// What the writer, the flusher and the handle share.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    /// Rows waiting for the writer, bytes.
    pub(crate) queued_bytes: AtomicU64,
    /// When the oldest request was queued that does not count yet; 0 when there is none.
    pub(crate) waiting_since: AtomicI64,
    /// Rows in the log but in no file yet, bytes in memory.
    pub(crate) unflushed_bytes: AtomicU64,
    /// When the oldest unflushed row was received; 0 when there is none.
    pub(crate) oldest_unflushed_at: AtomicI64,
    pub(crate) wal_failures: AtomicU64,
    pub(crate) flush_failures: AtomicU64,
    pub(crate) flush_failing: AtomicBool,
    pub(crate) lost_rows: AtomicU64,
    pub(crate) lost_bytes: AtomicU64,
    pub(crate) torn_bytes: AtomicU64,
}

/// When a segment is sealed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SealLimits {
    pub(crate) segment_bytes_max: u64,
    pub(crate) flush_interval_us: i64,
}

pub(crate) struct Writer {
    pub(crate) wal_dir: PathBuf,
    pub(crate) disk: DiskRef,
    pub(crate) board: Arc<Board>,
    pub(crate) dedupe: Arc<DedupeIndex>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) limits: SealLimits,
    pub(crate) epochs: mpsc::UnboundedSender<Epoch>,
    pub(crate) hot: HotIds,
    pub(crate) next_seq: i64,
    pub(crate) last_received_at: i64,
    pub(crate) open: Open,
}

/// The epoch being written.
#[derive(Default)]
pub(crate) struct Open {
    segment: Option<Segment>,
    first_seq: i64,
    first_received_at: i64,
    bytes: u64,
}

/// One batch under construction per kind that occurs.
type Builders = Vec<(Kind, BatchBuilder)>;

struct Waiting {
    reply: Option<Reply>,
    stored: u32,
    duplicate: u32,
}

impl Writer {
    /// Runs until told to stop, or until every handle is gone.
    pub(crate) fn run(mut self, jobs: &Receiver<Job>) {
        let mut own = Rows::default();
        let mut ticked_at = 0;
        loop {
            if own.is_empty() && now_us() - ticked_at >= OBSERVER_TICK_US {
                ticked_at = now_us();
                self.last_received_at = self.last_received_at.max(ticked_at);
                own = self.observer.tick(self.last_received_at);
            }
            let mut group = Vec::new();
            if !own.is_empty() {
                let rows = std::mem::take(&mut own);
                group.push(Request { rows, reply: None, queued_bytes: 0, queued_at: now_us() });
            }
            let stop = gather(jobs, &mut group, &self.gauges);
            if !group.is_empty() {
                own = self.commit(group);
            }
            self.dedupe_upkeep();
            if self.is_full() || (stop && own.is_empty()) {
                self.seal();
            }
            if stop && own.is_empty() {
                return;
            }
        }
    }

    fn dedupe_upkeep(&mut self) {
        self.hot.drop_settled(self.dedupe.settled_seq());
    }

    /// Commits one group and answers its senders. Returns rows that must go into the log next.
    fn commit(&mut self, group: Vec<Request>) -> Rows {
        let queued: u64 = group.iter().map(|request| request.queued_bytes).sum();
        let mut admitted = Vec::new();
        let (outcome, waiting) = self.build(group, &mut admitted);
        let outcome = outcome.and_then(|batches| self.make_durable(batches));
        self.gauges.queued_bytes.fetch_sub(queued, Ordering::Relaxed);
        match outcome {
            Ok(record) => {
                let own = self.make_visible(record);
                for Waiting { reply, stored, duplicate } in waiting {
                    if let Some(reply) = reply {
                        let _ = reply.send(Ok(Written { stored, duplicate, end_seq: self.next_seq }));
                    }
                }
                own
            }
            Err(error) => {
                self.hot.forget(&admitted);
                self.gauges.wal_failures.fetch_add(1, Ordering::Relaxed);
                error!(%error, "a commit group could not be made durable; its senders were told so");
                for Waiting { reply, .. } in waiting {
                    if let Some(reply) = reply {
                        let _ = reply.send(Err(IngestError::Disk(std::io::Error::other(error.to_string()))));
                    }
                }
                Rows::default()
            }
        }
    }

    /// Refuses duplicates and builds the columns.
    fn build(
        &mut self,
        group: Vec<Request>,
        admitted: &mut Vec<Fingerprint>,
    ) -> (Result<Builders, IngestError>, Vec<Waiting>) {
        let mut builders: [Option<BatchBuilder>; Kind::ALL.len()] = Default::default();
        let mut waiting = Vec::with_capacity(group.len());
        let mut failed = None;
        for Request { rows, reply, .. } in group {
            let (mut stored, mut duplicate) = (0, 0);
            for head in rows.heads() {
                if let Some(id) = head.fingerprint {
                    match self.dedupe.admit(&mut self.hot, id) {
                        Ok(true) => admitted.push(id),
                        Ok(false) => {
                            duplicate += 1;
                            continue;
                        }
                        Err(error) => {
                            failed = Some(IngestError::Disk(error));
                            continue;
                        }
                    }
                }
                let kind = head.kind;
                builders[usize::from(kind.number())].get_or_insert_with(|| BatchBuilder::new(kind)).append(&rows, head);
                stored += u32::from(kind != Kind::Rejects);
            }
            waiting.push(Waiting { reply, stored, duplicate });
        }
        let built = Kind::ALL.into_iter().zip(builders).filter_map(|(kind, builder)| Some((kind, builder?))).collect();
        (failed.map_or(Ok(built), Err), waiting)
    }

    /// Writes the record. Returns after fsync; `None` when there was nothing to write.
    fn make_durable(&mut self, builders: Builders) -> Result<Option<Record>, IngestError> {
        if builders.is_empty() {
            return Ok(None);
        }
        let received_at = now_us().max(self.last_received_at + 1);
        let first_seq = self.next_seq;
        let mut batches = Vec::with_capacity(builders.len());
        for (kind, builder) in builders {
            let batch = builder.finish(self.next_seq, Stamp::Record(received_at))?;
            self.next_seq += batch.num_rows() as i64;
            batches.push((kind, batch));
        }
        let record = Record { first_seq, received_at, batches };
        if self.open.segment.is_none() {
            let segment = Segment::create(&self.wal_dir, first_seq, &self.disk)?;
            self.open = Open { segment: Some(segment), first_seq, first_received_at: received_at, bytes: 0 };
        }
        let segment = self.open.segment.as_mut().expect("there is a segment by now");
        let started = Instant::now();
        let appended = segment.append(&record);
        metrics::histogram!("weir_log_commit_seconds").record(started.elapsed());
        metrics::histogram!("weir_log_commit_rows").record(record.rows() as f64);
        if let Err(error) = appended {
            // The sequence numbers stay used, and nothing more goes to this descriptor.
            self.seal();
            return Err(error.into());
        }
        self.last_received_at = received_at;
        Ok(Some(record))
    }

    fn make_visible(&mut self, record: Option<Record>) -> Rows {
        let Some(record) = record else { return Rows::default() };
        let bytes: usize = record.batches.iter().map(|(_, batch)| columns::bytes_of(batch)).sum();
        self.open.bytes += bytes as u64;
        self.gauges.unflushed_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let _ = self.gauges.oldest_unflushed_at.compare_exchange(
            0,
            record.received_at,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if let Err(error) = self.board.append(&record, self.open.first_seq) {
            // Joining chunks of one schema cannot fail but for memory; the rows are durable, and a restart shows them.
            error!(%error, "durable rows could not be made visible");
        }
        let Record { first_seq, received_at, batches } = record;
        self.observer.observe(&Committed { received_at, first_seq, batches })
    }

    fn is_full(&self) -> bool {
        let Some(segment) = &self.open.segment else { return false };
        segment.bytes() >= self.limits.segment_bytes_max
            || (segment.bytes() > 0 && now_us() - self.open.first_received_at >= self.limits.flush_interval_us)
    }

    /// Ends the current epoch and hands it to the flusher.
    fn seal(&mut self) {
        let Open { segment: Some(segment), first_received_at, bytes, .. } = std::mem::take(&mut self.open) else {
            return;
        };
        let epoch = Epoch {
            path: segment.path().to_owned(),
            end_seq: self.next_seq,
            ids: self.hot.seal(self.next_seq),
            first_received_at,
            last_received_at: self.last_received_at.max(first_received_at),
            bytes,
        };
        // Without a flusher the process is going down; the segment is replayed at the next start.
        let _ = self.epochs.send(epoch);
    }
}

/// Waits for work and takes as much as one record holds. Returns true when told to stop.
///
/// `waiting_since` is moved on here: to the oldest of the group, or to nothing when there is no work. A request that is
/// queued between the look into the queue and the note that it is empty is taken at once, and notes itself then.
fn gather(jobs: &Receiver<Job>, group: &mut Vec<Request>, gauges: &Gauges) -> bool {
    let (mut rows, mut bytes) = (0, 0);
    if let Some(own) = group.first() {
        gauges.waiting_since.store(own.queued_at, Ordering::Relaxed);
    }
    loop {
        let job = match jobs.try_recv() {
            Ok(job) => job,
            Err(_) if !group.is_empty() => return false,
            Err(_) => {
                gauges.waiting_since.store(0, Ordering::Relaxed);
                match jobs.recv_timeout(TICK) {
                    Ok(job) => job,
                    Err(RecvTimeoutError::Timeout) => return false,
                    Err(RecvTimeoutError::Disconnected) => return true,
                }
            }
        };
        match job {
            Job::Stop => return true,
            Job::Append(request) => {
                // Requests of one queue come in its order, so the first is the oldest; Weir's own rows are newer.
                if group.iter().all(|other| other.queued_at > request.queued_at) {
                    gauges.waiting_since.store(request.queued_at, Ordering::Relaxed);
                }
                rows += request.rows.len();
                bytes += request.rows.bytes();
                group.push(request);
                if rows >= GROUP_ROWS_MAX || bytes >= GROUP_BYTES_MAX {
                    return false;
                }
            }
        }
    }
}

fn now_us() -> i64 {
    chrono::Utc::now().timestamp_micros()
}
