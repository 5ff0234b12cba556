//! How much of its limits the engine uses at the moment: for whoever watches over it, never for a query.

use super::Engine;
use super::process_memory::resident_bytes;

/// What the engine holds, each beside its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineLoad {
    /// Queries that are planned or run.
    pub queries: usize,
    /// Queries that may at once.
    pub queries_max: usize,
    /// Bytes that operators have reserved.
    pub reserved_bytes: usize,
    /// Bytes that they may.
    pub reserved_bytes_max: usize,
    /// Resident memory of the whole process, where the kernel tells.
    pub resident_bytes: Option<u64>,
    /// Resident memory above which the heaviest query is stopped.
    pub resident_bytes_max: u64,
}

impl Engine {
    /// Returns what the engine holds now.
    #[must_use]
    pub fn load(&self) -> EngineLoad {
        let queries_max = self.config.concurrency_max.max(1);
        EngineLoad {
            queries: queries_max.saturating_sub(self.turns.available_permits()),
            queries_max,
            reserved_bytes: self.budget.used(),
            reserved_bytes_max: self.config.memory_bytes_max,
            resident_bytes: resident_bytes(),
            resident_bytes_max: self.config.process_memory_bytes_max,
        }
    }
}
