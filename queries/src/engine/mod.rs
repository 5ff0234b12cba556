//! The query engine: one SQL text in, one answer out, within written limits, whatever the text.
//!
//! The way of a question: length and control characters (`guard.rs`) -> a permit, else Busy -> a thread with a large
//! stack: tokens and depth (`guard.rs`), parsing, the tree (`tree.rs`), parameters (`params.rs`), planning over the
//! query's own tables (`session.rs`, `schema.rs`, `views.rs`) with the allowed functions (`functions/`) -> execution on
//! the engine's low-priority threads, under a memory pool (`memory.rs`), the watcher of the process (`watch.rs`) and a
//! deadline -> an `Answer` (`answer.rs`) -> one of the forms (`crate::forms`).

mod answer;
mod config;
mod cooperate;
mod diagnose;
mod execute;
mod explain;
mod functions;
mod guard;
mod load;
mod memory;
mod params;
mod plan;
mod process_memory;
mod schema;
mod session;
mod tree;
mod types;
mod views;
mod watch;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::catalog::TableProvider;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use answer::{Answer, Meter};
pub use config::{EngineConfig, ThreadHook};
pub use load::EngineLoad;
pub use params::Params;
pub use session::Stores;
pub use types::sql_type;
pub use views::{View, ViewColumn, all as views};

pub(crate) use answer::Part;
pub(crate) use diagnose::parsing as diagnose;
pub(crate) use params::placeholders;

use crate::error::QueryError;
use memory::{QueryPool, SharedBudget};
use session::Sessions;
use watch::Watch;

/// The tables of one query, frozen by the caller: name and provider.
pub type Tables = Vec<(String, Arc<dyn TableProvider>)>;

/// How long a question waits for its turn before it is refused as Busy.
const TURN_WAIT: Duration = Duration::from_millis(100);
/// How long a question waits that somebody's work depends on.
const PATIENT_WAIT: Duration = Duration::from_secs(60);
/// Stack of a worker thread: plans as deep as the guards allow are executed on it.
const WORKER_STACK_BYTES: usize = 8 << 20;

/// The query engine.
pub struct Engine {
    config: EngineConfig,
    sessions: Sessions,
    budget: Arc<SharedBudget>,
    watch: Watch,
    turns: Arc<Semaphore>,
    /// Taken only on drop.
    runtime: Option<Runtime>,
}

impl Engine {
    /// Starts the engine's threads and empties its spill directory.
    ///
    /// # Errors
    /// The spill directory cannot be prepared, or no thread can be started.
    pub fn new(config: EngineConfig, stores: Stores) -> Result<Arc<Self>, QueryError> {
        let failed = |error: std::io::Error| QueryError::Internal(format!("the query engine cannot start: {error}"));
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(config.threads.max(1)).thread_name("weir-query").thread_stack_size(WORKER_STACK_BYTES);
        builder.enable_all();
        if let Some(hook) = config.on_thread_start.clone() {
            builder.on_thread_start(move || hook());
        }
        let watch = Watch::start(config.process_memory_bytes_max, config.timeout_ms, config.on_thread_start.clone());
        Ok(Arc::new(Self {
            sessions: Sessions::new(&config, stores)?,
            budget: SharedBudget::new(config.memory_bytes_max),
            watch: watch.map_err(failed)?,
            turns: Arc::new(Semaphore::new(config.concurrency_max.max(1))),
            runtime: Some(builder.build().map_err(failed)?),
            config,
        }))
    }

    /// Answers one query over these tables.
    ///
    /// Returns once the query is planned and its work has begun. Time runs from here to the last row. To be called
    /// within a tokio runtime; dropping the future or the answer stops the work.
    ///
    /// # Errors
    /// All of `QueryError`; what fails later fails the answer's stream.
    pub async fn ask(&self, sql: &str, params: &Params, tables: Tables) -> Result<Answer, QueryError> {
        let started = Instant::now();
        let planned = self.plan(self.question(sql, params, tables).await?).await?;
        Ok(self.execute(planned, started))
    }

    /// Answers a question that somebody's work depends on: it waits longer for its turn, and is worked on by one thread,
    /// which costs less in all than several that hand rows to each other. Otherwise as [`Self::ask`].
    ///
    /// # Errors
    /// Those of [`Self::ask`].
    pub(crate) async fn ask_patiently(&self, sql: &str, tables: Tables) -> Result<Answer, QueryError> {
        guard::check_text(sql, &self.config)?;
        self.work(plan::Asked::Sql(sql.to_owned(), Params::new()), tables).await
    }

    /// Answers an optimised plan of our own, likewise.
    ///
    /// # Errors
    /// Those of [`Self::ask`].
    pub(crate) async fn ask_plan_patiently(&self, plan: &LogicalPlan) -> Result<Answer, QueryError> {
        self.work(plan::Asked::Plan(plan.clone()), Tables::new()).await
    }

    async fn work(&self, asked: plan::Asked, tables: Tables) -> Result<Answer, QueryError> {
        let turn = self.turn(PATIENT_WAIT).await?;
        let started = Instant::now();
        let question = self.admit(turn, asked, tables, 1)?;
        Ok(self.execute(self.plan(question).await?, started))
    }

    /// Plans a query over these tables without running it: all that `ask` would refuse before the first row is refused.
    ///
    /// # Errors
    /// Those of `ask` before execution.
    pub async fn check(&self, sql: &str, params: &Params, tables: Tables) -> Result<(), QueryError> {
        self.plan(self.question(sql, params, tables).await?).await.map(|_| ())
    }

    /// Admits a question: what it needs while it is planned and run.
    async fn question(&self, sql: &str, params: &Params, tables: Tables) -> Result<plan::Question, QueryError> {
        guard::check_text(sql, &self.config)?;
        let asked = plan::Asked::Sql(sql.to_owned(), params.clone());
        self.admit(self.turn(TURN_WAIT).await?, asked, tables, self.config.threads)
    }

    fn admit(
        &self,
        turn: OwnedSemaphorePermit,
        asked: plan::Asked,
        tables: Tables,
        partitions: usize,
    ) -> Result<plan::Question, QueryError> {
        let pool = self.pool();
        let seat = self.watch.enter(Arc::clone(&pool)).ok_or(QueryError::Busy)?;
        let session = self.sessions.session(tables, pool, partitions)?;
        Ok(plan::Question { asked, session, ticket: (turn, seat) })
    }

    /// Builds a session over these tables with the engine's functions and settings, for callers in this crate that plan
    /// by themselves. What it runs is limited in memory, but not in time or number.
    ///
    /// # Errors
    /// The session's runtime cannot be built.
    pub(crate) fn session(&self, tables: Tables) -> Result<SessionContext, QueryError> {
        self.sessions.session(tables, self.pool(), self.config.threads).map(SessionContext::new_with_state)
    }

    /// Refuses a text that a question may not be: too long, too deep, or no query. Needs a large stack.
    ///
    /// # Errors
    /// Those that `ask` has before it plans.
    pub(crate) fn guard(&self, sql: &str) -> Result<(), QueryError> {
        guard::parse(sql, &self.config).map(drop)
    }

    fn pool(&self) -> Arc<QueryPool> {
        Arc::new(QueryPool::new(self.config.query_memory_bytes_max, Arc::clone(&self.budget)))
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("taken only when the engine is dropped")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("config", &self.config).finish_non_exhaustive()
    }
}
