//! The memory that operators reserve: a fair pool of its own for each query, charged to one shared budget as well.
//!
//! A reservation is a promise of the operators, not a measure: what they allocate before they ask is seen only by the
//! watcher of the process (`watch.rs`).

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, TrackConsumersPool,
};

/// Operators named in the message of a query that ran out of memory.
const CONSUMERS_NAMED: NonZeroUsize = NonZeroUsize::new(3).expect("three is not zero");

/// The memory that all queries together may reserve.
#[derive(Debug)]
pub(super) struct SharedBudget {
    bytes_max: usize,
    used: AtomicUsize,
}

impl SharedBudget {
    pub(super) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { bytes_max, used: AtomicUsize::new(0) })
    }

    fn charge(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    fn try_charge(&self, bytes: usize) -> Result<()> {
        let charged = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|total| *total <= self.bytes_max)
        });
        charged.map(|_| ()).map_err(|used| {
            DataFusionError::ResourcesExhausted(format!(
                "all queries together may reserve {} MiB and hold {} MiB",
                self.bytes_max >> 20,
                used >> 20
            ))
        })
    }

    fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// The pool of one query.
#[derive(Debug)]
pub(super) struct QueryPool {
    own: TrackConsumersPool<FairSpillPool>,
    shared: Arc<SharedBudget>,
}

impl QueryPool {
    pub(super) fn new(bytes_max: usize, shared: Arc<SharedBudget>) -> Self {
        Self { own: TrackConsumersPool::new(FairSpillPool::new(bytes_max), CONSUMERS_NAMED), shared }
    }
}

impl fmt::Display for QueryPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.own.fmt(f)
    }
}

impl MemoryPool for QueryPool {
    fn name(&self) -> &str {
        "query"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.own.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.own.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.shared.charge(additional);
        self.own.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.own.shrink(reservation, shrink);
        self.shared.release(shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.shared.try_charge(additional)?;
        self.own.try_grow(reservation, additional).inspect_err(|_| self.shared.release(additional))
    }

    fn reserved(&self) -> usize {
        self.own.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.own.memory_limit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_stops_at_its_own_limit_and_at_the_shared_one() {
        let shared = SharedBudget::new(100);
        let one: Arc<dyn MemoryPool> = Arc::new(QueryPool::new(80, shared.clone()));
        let two: Arc<dyn MemoryPool> = Arc::new(QueryPool::new(80, shared.clone()));
        let first = MemoryConsumer::new("first").register(&one);
        let second = MemoryConsumer::new("second").register(&two);

        first.try_grow(70).unwrap();
        assert!(first.try_grow(20).is_err(), "over its own limit");
        assert!(second.try_grow(40).unwrap_err().to_string().contains("all queries together"));
        second.try_grow(30).unwrap();
        assert_eq!(shared.used(), 100, "a refused reservation charges nothing");

        drop(first);
        second.try_grow(40).unwrap();
        drop(second);
        assert_eq!(shared.used(), 0);
    }
}
