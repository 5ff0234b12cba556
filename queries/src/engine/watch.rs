//! The watcher of running queries: their deadlines, and the process' own memory. Operators may allocate before they
//! ask their pool (a grouped `count(distinct)` of text does, by gigabytes), so while queries run a thread reads the
//! resident memory and, above the limit, stops the heaviest query: never the process.
//!
//! A thread of its own, because timers of the engine's runtime do not fire while all its workers compute. Whoever asked
//! hears of the stop at once; the work itself ends where it next yields.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use datafusion::execution::memory_pool::MemoryPool;
use tokio::sync::Notify;

use super::config::ThreadHook;
use super::memory::QueryPool;
use super::process_memory::resident_bytes;
use crate::error::QueryError;

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Time that a stopped query has to give its memory back before the next one is stopped.
const RELEASE_WITHIN: Duration = Duration::from_millis(250);
/// A query during which the process grew less than this is not the cause.
const GROWTH_BYTES_MIN: u64 = 32 << 20;
const STOPPED_FOR_MEMORY: &str = "the query was stopped because the process holds too much memory; narrow its time \
                                  range, or write count(distinct …) per group as two levels of group by";

/// A query that runs.
#[derive(Debug)]
pub(super) struct Running {
    id: u64,
    pool: Arc<QueryPool>,
    resident_at_start: u64,
    deadline: Instant,
    stopped: OnceLock<QueryError>,
    wake: Notify,
}

impl Running {
    /// Returns why the watcher stopped this query, once it has.
    pub(super) async fn stopped(self: Arc<Self>) -> QueryError {
        loop {
            let mut notified = std::pin::pin!(self.wake.notified());
            notified.as_mut().enable();
            if let Some(reason) = self.stopped.get() {
                return reason.clone();
            }
            notified.await;
        }
    }

    /// Returns why the watcher stopped this query, if it has.
    pub(super) fn why_stopped(&self) -> Option<QueryError> {
        self.stopped.get().cloned()
    }

    fn stop(&self, reason: QueryError) {
        // The first reason is the one that is told.
        let _ = self.stopped.set(reason);
        self.wake.notify_waiters();
    }
}

/// A running query's place in the watcher's list; leaves it when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    running: Arc<Running>,
    watch: Arc<Shared>,
}

impl Seat {
    pub(super) fn running(&self) -> &Arc<Running> {
        &self.running
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.watch.lock().queries.retain(|query| query.id != self.running.id);
    }
}

#[derive(Debug, Default)]
struct State {
    queries: Vec<Arc<Running>>,
    closed: bool,
}

#[derive(Debug)]
struct Shared {
    bytes_max: u64,
    timeout_ms: u64,
    next_id: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The watcher and its thread.
#[derive(Debug)]
pub(super) struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(bytes_max: u64, timeout_ms: u64, hook: Option<ThreadHook>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            bytes_max,
            timeout_ms,
            next_id: AtomicU64::new(0),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let watched = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("weir-query-watch".into()).spawn(move || {
            if let Some(hook) = hook {
                hook();
            }
            look_until_closed(&watched);
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Adds a query, or refuses it because others already hold too much memory.
    pub(super) fn enter(&self, pool: Arc<QueryPool>) -> Option<Seat> {
        let resident = resident_bytes().unwrap_or(0);
        let mut state = self.shared.lock();
        if resident > self.shared.bytes_max && !state.queries.is_empty() {
            return None;
        }
        let running = Arc::new(Running {
            id: self.shared.next_id.fetch_add(1, Ordering::Relaxed),
            pool,
            resident_at_start: resident,
            deadline: Instant::now() + Duration::from_millis(self.shared.timeout_ms),
            stopped: OnceLock::new(),
            wake: Notify::new(),
        });
        state.queries.push(Arc::clone(&running));
        self.shared.changed.notify_one();
        Some(Seat { running, watch: Arc::clone(&self.shared) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // The thread only ever sleeps for one look; its panic would already have been told.
            let _ = thread.join();
        }
    }
}

fn look_until_closed(shared: &Shared) {
    let mut not_before = Instant::now();
    let mut state = shared.lock();
    while !state.closed {
        if state.queries.is_empty() {
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let (woken, _) = shared.changed.wait_timeout(state, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner);
        state = woken;
        let now = Instant::now();
        for query in state.queries.iter().filter(|query| query.deadline <= now) {
            query.stop(QueryError::Timeout { timeout_ms: shared.timeout_ms });
        }
        if now >= not_before && stop_heaviest(&state.queries, shared.bytes_max) {
            not_before = now + RELEASE_WITHIN;
        }
    }
}

/// Stops one query if the process holds too much memory. Tells whether it did.
fn stop_heaviest(queries: &[Arc<Running>], bytes_max: u64) -> bool {
    let Some(resident) = resident_bytes().filter(|bytes| *bytes > bytes_max) else { return false };
    let weights: Vec<Weight> = queries.iter().map(|query| Weight::of(query)).collect();
    let Some(query) = heaviest(&weights, resident).map(|index| &queries[index]) else { return false };
    query.stop(QueryError::Memory(STOPPED_FOR_MEMORY.into()));
    metrics::counter!("weir_queries_stopped_for_memory_total").increment(1);
    tracing::warn!(
        process.resident_bytes = resident,
        process.resident_bytes_max = bytes_max,
        query.reserved_bytes = query.pool.reserved(),
        "stopped the heaviest query because the process holds too much memory"
    );
    true
}

/// What the watcher knows of a query.
#[derive(Clone, Copy, Debug)]
struct Weight {
    id: u64,
    reserved: usize,
    resident_at_start: u64,
    stopped: bool,
}

impl Weight {
    fn of(query: &Running) -> Self {
        Self {
            id: query.id,
            reserved: query.pool.reserved(),
            resident_at_start: query.resident_at_start,
            stopped: query.why_stopped().is_some(),
        }
    }
}

/// Returns the query to stop: of those that can be the cause, the one that reserved most, the newest of equals.
fn heaviest(queries: &[Weight], resident: u64) -> Option<usize> {
    let can_be_the_cause =
        |query: &Weight| !query.stopped && resident.saturating_sub(query.resident_at_start) >= GROWTH_BYTES_MIN;
    let candidates = queries.iter().enumerate().filter(|(_, query)| can_be_the_cause(query));
    candidates.max_by_key(|(_, query)| (query.reserved, query.id)).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn weight(id: u64, reserved: usize, resident_at_start: u64) -> Weight {
        Weight { id, reserved, resident_at_start, stopped: false }
    }

    #[test]
    fn stops_what_reserved_most_and_of_equals_the_newest() {
        let queries = [weight(1, 10, 100 * MIB), weight(2, 90, 100 * MIB), weight(3, 90, 100 * MIB)];
        assert_eq!(heaviest(&queries, 900 * MIB), Some(2));
    }

    #[test]
    fn spares_queries_that_cannot_be_the_cause_or_are_stopped_already() {
        let mut queries = [weight(1, 10, 100 * MIB), weight(2, 90, 890 * MIB)];
        assert_eq!(heaviest(&queries, 900 * MIB), Some(0), "the process hardly grew since the second began");
        queries[0].stopped = true;
        assert_eq!(heaviest(&queries, 900 * MIB), None);
    }
}
