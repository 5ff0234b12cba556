//! HTTP: the only place that knows axum. A request is let in by its key (`auth.rs`), its body is read under limits
//! (`body.rs`), a thin handler asks the crates or the verdict service, and every refusal has one shape (`error.rs`).
//! All routes are on one screen (`router.rs`).

mod address;
mod artifacts;
mod ask;
mod audit;
mod auth;
mod backtest;
mod boards;
mod body;
mod check;
mod cors;
mod entities;
mod error;
mod events;
mod evidence;
mod grouping;
mod health;
mod issues;
mod keys;
mod labels;
mod openapi;
mod overview;
mod own_queries;
mod own_rules;
mod pages;
mod peer;
mod queries;
mod recorded;
mod router;
mod routes;
mod rules;
mod sdk;
mod session;
mod snoozes;
mod sql;
mod stack;
mod status;
mod stream;
mod tables;
mod undo;
mod verdict;
mod workers;

use std::sync::Arc;

use ::queries::{Catalogue, Engine, Tables};
use arc_swap::ArcSwap;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use ingest::adapters::IdRules;
use ingest::{Enricher, Ingest, Purpose, Recovery};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::sync::Semaphore;

pub(crate) use body::BodyReader;
pub(crate) use error::Problem;
pub(crate) use health::describe_metrics;
pub(crate) use keys::CreateKey;
pub(crate) use overview::Overview;
pub(crate) use peer::Peer;
pub(crate) use router::router;
pub(crate) use session::Sessions;
pub(crate) use stream::STREAMS_MAX;
pub(crate) use undo::Pasts;
pub(crate) use workers::Workers;

use crate::artifacts::Artifacts;
use crate::backtest::Runner;
use crate::boards::Boards;
use crate::config::Config;
use crate::control::{Control, Key, Keyring, Salts};
use crate::issues::Issues;
use crate::own_queries::OwnQueries;
use crate::pace::Pace;
use crate::rulebook::Rulebook;
use crate::verdict::VerdictService;

/// Everything that handlers ask. One for the process.
pub(crate) struct Weir {
    /// The configuration in force.
    pub(crate) config: Config,
    /// The control database, where no other field stands for it.
    pub(crate) control: Arc<Control>,
    /// The keys in memory.
    pub(crate) keyring: Keyring,
    /// Browsers that are signed in.
    pub(crate) sessions: Sessions,
    /// The data directory.
    pub(crate) ingest: Arc<Ingest>,
    /// Which errors are one bug.
    pub(crate) issues: Arc<Issues>,
    /// The query engine.
    pub(crate) engine: Arc<Engine>,
    /// The stored queries.
    pub(crate) catalogue: ArcSwap<Catalogue>,
    /// Where the user's own are saved.
    pub(crate) own_queries: OwnQueries,
    /// The dashboards.
    pub(crate) boards: Boards,
    /// Whom the ids of SDKs mean.
    pub(crate) ids: IdRules,
    /// What is added to events.
    pub(crate) enricher: Arc<Enricher>,
    /// The salts of address hashes.
    pub(crate) salts: Arc<Salts>,
    /// The rules, their state and their hits.
    pub(crate) rulebook: Arc<Rulebook>,
    /// The verdict service.
    pub(crate) verdicts: Arc<VerdictService>,
    /// Streams of restrictions that may still be opened.
    pub(crate) streams: Arc<Semaphore>,
    /// The latest figures of the Overview.
    pub(crate) overview: Overview,
    /// What people decided on pages in the last hour, so that it can be undone.
    pub(crate) pasts: Pasts,
    /// How fast things go.
    pub(crate) pace: Pace,
    /// Backtests under way.
    pub(crate) backtests: Runner,
    /// How bodies are read.
    pub(crate) bodies: BodyReader,
    /// Where large bodies are decoded.
    pub(crate) decoders: Workers,
    /// The uploaded source maps.
    pub(crate) artifacts: Arc<Artifacts>,
    /// Where uploads of source maps are written.
    pub(crate) uploads: Workers,
    /// Where source maps are decoded.
    pub(crate) map_readers: Workers,
    /// Renders the metrics.
    pub(crate) metrics: PrometheusHandle,
    /// All of this is a demonstration.
    pub(crate) is_demo: bool,
    /// When the process began to serve, microseconds.
    pub(crate) started_at: i64,
}

/// What every handler gets.
pub(crate) type App = Arc<Weir>;

impl Weir {
    /// Returns the tables as they are now, without the columns whose purpose the key does not carry.
    pub(crate) fn tables(&self, key: &Key) -> Result<Tables, Problem> {
        self.tables_for(|purpose| key.purposes.has(purpose))
    }

    /// Returns the tables as they are now, without the columns of the other purposes.
    fn tables_for(&self, may_read: impl Fn(Purpose) -> bool) -> Result<Tables, Problem> {
        if !matches!(self.ingest.recovery(), Recovery::Ready) {
            return Err(Problem::NotReady("the log is being replayed; answers would lack events".into()));
        }
        let tables = self.issues.in_tables(self.ingest.cut().providers()).map_err(Problem::internal)?;
        tables::visible(tables, may_read)
    }
}

/// Answers 200 with JSON.
fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => ([(header::CONTENT_TYPE, "application/json")], Body::from(bytes)).into_response(),
        Err(error) => Problem::internal(error).into_response(),
    }
}

/// Runs what waits for a disk or computes for long, off the threads that serve requests.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(Problem::internal)
}

/// Runs what must come to its end also when nobody waits for the answer any longer.
async fn to_its_end<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, Problem>
where
    T: Send + 'static,
    E: Into<Problem> + Send + 'static,
{
    tokio::spawn(work).await.map_err(Problem::internal)?.map_err(Into::into)
}

/// Reads a JSON body of ours.
///
/// # Errors
/// `Invalid` with what serde says, which names the field, and the place.
fn parse<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::invalid(format!("the body cannot be read: {error}")))
}
