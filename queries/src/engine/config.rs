//! The limits of the query engine, all in one place.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// What runs at the start of each of the engine's threads, for instance to lower its priority.
pub type ThreadHook = Arc<dyn Fn() + Send + Sync>;

/// How the engine is set up. Every limit is enforced; over it the query gets an error, never the process.
#[derive(Clone)]
pub struct EngineConfig {
    /// Where operators spill. The engine owns the directory and empties it when it starts.
    pub spill_dir: PathBuf,
    /// Worker threads, and partitions a query is divided into.
    pub threads: usize,
    /// Memory that one query's operators may reserve.
    pub query_memory_bytes_max: usize,
    /// Memory that all queries' operators together may reserve.
    pub memory_bytes_max: usize,
    /// Resident memory of the whole process above which the heaviest query is stopped.
    pub process_memory_bytes_max: u64,
    /// Disk space that all queries together may spill to.
    pub spill_bytes_max: u64,
    /// Time from the question to the last batch of its answer, milliseconds.
    pub timeout_ms: u64,
    /// Length of a statement.
    pub sql_bytes_max: usize,
    /// Tokens of a statement, white space and comments not counted.
    pub sql_tokens_max: usize,
    /// Depth of the expression tree that a statement may build: open brackets plus chained operators.
    pub sql_depth_max: usize,
    /// Tables, views and subqueries that a statement may name.
    pub sql_relations_max: usize,
    /// Queries that run at once.
    pub concurrency_max: usize,
    /// Runs at the start of each of the engine's threads.
    pub on_thread_start: Option<ThreadHook>,
}

impl EngineConfig {
    /// Builds the defaults: two threads, 512 MiB a query, 1 GiB together, 30 s, eight at once.
    #[must_use]
    pub fn new(spill_dir: impl Into<PathBuf>) -> Self {
        Self {
            spill_dir: spill_dir.into(),
            threads: 2,
            query_memory_bytes_max: 512 << 20,
            memory_bytes_max: 1 << 30,
            process_memory_bytes_max: super::process_memory::four_fifths_of_the_machine(),
            spill_bytes_max: 10 << 30,
            timeout_ms: 30_000,
            sql_bytes_max: 64 << 10,
            sql_tokens_max: 10_000,
            sql_depth_max: 256,
            sql_relations_max: 64,
            concurrency_max: 8,
            on_thread_start: None,
        }
    }
}

impl fmt::Debug for EngineConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineConfig")
            .field("threads", &self.threads)
            .field("query_memory_bytes_max", &self.query_memory_bytes_max)
            .field("memory_bytes_max", &self.memory_bytes_max)
            .field("process_memory_bytes_max", &self.process_memory_bytes_max)
            .field("spill_bytes_max", &self.spill_bytes_max)
            .field("timeout_ms", &self.timeout_ms)
            .field("concurrency_max", &self.concurrency_max)
            .finish_non_exhaustive()
    }
}
