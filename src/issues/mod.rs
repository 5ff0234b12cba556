//! Issues: errors that are one bug. An error's hashes (`ingest::grouping`) lead to its issue (`map.rs`), what people decided
//! about an issue is its state (`state.rs`), and both are seen in SQL (`table.rs`). A row of `errors` never changes for any
//! of it.
//!
//! The way through: errors that came since the last round are asked for by SQL; hashes that nobody knows are learnt, states
//! that do not hold any longer end (a mended bug came back), and both are written in one transaction with the place up to
//! which errors were read. So a round that was cut off is made again, whole.

mod map;
mod regroup;
mod regrouped;
mod release;
mod review;
mod state;
mod table;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use datafusion::catalog::TableProvider;
use ingest::{Committed, Cut, Ingest, Kind};
use queries::{Engine, JsonTable, Params, QueryError, Tables, to_json};
use serde_json::{Map, Value, json};
use thiserror::Error;
use tokio::sync::Mutex;
use tracing::{error, warn};

pub(crate) use map::Hash;
pub(crate) use review::{Decision, ReviewError};
pub(crate) use state::{IssueState, Status};
pub(crate) use table::{state_columns, states as states_table};

use crate::clock;
use crate::control::{By, Control, ControlError};
use map::{Hashes, IssueMap};
use state::{Effect, Seen};

/// How often it is looked whether errors came.
const LOOK: Duration = Duration::from_secs(1);
/// Groups of errors (by hashes, release and environment) of one round: what an answer in JSON holds at most. Of more, the rest
/// is not learnt.
const GROUPS_MAX: usize = 100_000;
/// Pairs of releases whose order was asked for and is remembered.
const ORDERS_MAX: usize = 10_000;

/// Why a round could not be made.
#[derive(Debug, Error)]
pub(crate) enum IssuesError {
    /// The errors could not be read.
    #[error("the errors could not be read: {0}")]
    Query(#[from] QueryError),
    /// What came of it could not be written.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// What a round leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// Hashes that were not known.
    pub(crate) links: Vec<(Hash, Arc<str>)>,
    /// States that changed without anybody's decision.
    pub(crate) states: Vec<IssueState>,
    /// The `received_at` up to which errors were read.
    pub(crate) read_until: i64,
}

/// Whether one release is later than another in an environment.
type Orders = HashMap<(String, String, Option<String>), bool>;

/// All issues. What changes them must come to its end: a call that is dropped in between leaves the database ahead of memory.
pub(crate) struct Issues {
    control: Arc<Control>,
    engine: Arc<Engine>,
    map: ArcSwap<IssueMap>,
    states: ArcSwap<HashMap<Arc<str>, IssueState>>,
    /// Held while other rules are put in force.
    regrouping: Mutex<()>,
    /// Held by whoever changes the two above; what is asked for once is kept with it.
    changing: Mutex<Orders>,
    /// The `received_at` up to which errors were read; 0 before any.
    read_until: AtomicI64,
    /// Errors came that were not read.
    has_news: AtomicBool,
    /// Errors of the past came in behind us.
    has_past: AtomicBool,
}

impl Issues {
    /// Takes back what the control database holds.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn load(control: Arc<Control>, engine: Arc<Engine>) -> Result<Arc<Self>, ControlError> {
        let map = IssueMap::new(control.issue_hashes()?);
        let states = control.issue_states()?.into_iter().map(|state| (Arc::clone(&state.issue), state)).collect();
        let read_until = control.issues_read_until()?.unwrap_or(0);
        Ok(Arc::new(Self {
            control,
            engine,
            map: ArcSwap::from_pointee(map),
            states: ArcSwap::from_pointee(states),
            regrouping: Mutex::default(),
            changing: Mutex::default(),
            read_until: AtomicI64::new(read_until),
            has_news: AtomicBool::new(true),
            has_past: AtomicBool::new(false),
        }))
    }

    /// Takes note of what was committed. Costs nothing: the round reads the rows.
    pub(crate) fn observe(&self, committed: &Committed) {
        if committed.batches.iter().any(|(kind, _)| *kind == Kind::Errors) {
            self.has_news.store(true, Ordering::Release);
        }
    }

    /// Takes note that events of the past were imported.
    pub(crate) fn history_changed(&self) {
        self.has_past.store(true, Ordering::Release);
    }

    /// Keeps up with the errors until the process ends.
    pub(crate) async fn run(self: Arc<Self>, ingest: Arc<Ingest>) {
        loop {
            if let Err(error) = self.catch_up(&ingest).await {
                warn!(%error, "issues lag behind the errors; it is tried again");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Reads the errors that came since the last round. Once `Ok`, every error that was acknowledged before belongs to an
    /// issue for good.
    ///
    /// # Errors
    /// When errors cannot be read or what came of them cannot be written; nothing has changed then.
    pub(crate) async fn catch_up(&self, ingest: &Ingest) -> Result<(), IssuesError> {
        let mut orders = self.changing.lock().await;
        if self.has_past.swap(false, Ordering::AcqRel) {
            // What happened long ago decides nothing; its hashes are learnt.
            let read = self.round(ingest, 0, None).await;
            self.has_past.fetch_or(read.is_err(), Ordering::AcqRel);
            read?;
        }
        // Before the cut: what comes after this has its own mark.
        if self.has_news.swap(false, Ordering::AcqRel) {
            let read = self.round(ingest, self.read_until.load(Ordering::Acquire), Some(&mut orders)).await;
            self.has_news.fetch_or(read.is_err(), Ordering::AcqRel);
            read?;
        }
        Ok(())
    }

    /// Makes one round. Without `orders` no state ends by it.
    async fn round(&self, ingest: &Ingest, after: i64, mut orders: Option<&mut Orders>) -> Result<(), IssuesError> {
        let cut = ingest.cut();
        let groups = self.groups(tables_of(&cut), include_str!("groups.sql"), [("after", json!(after))]).await?;
        if groups.is_empty() {
            return Ok(());
        }
        let (mut map, mut states) = (self.map.load_full(), self.states.load_full());
        let mut round = Round { read_until: self.read_until.load(Ordering::Acquire), ..Round::default() };
        for group in &groups {
            let text = |column: &str| group.get(column).and_then(Value::as_str);
            let hashes = Hashes::new(text("hash_app"), text("hash_sys"), text("hash_msg"));
            if !map.knows_all(hashes) {
                round.links.extend(Arc::make_mut(&mut map).learn(hashes));
            }
            let number = |column: &str| group.get(column).and_then(Value::as_i64).unwrap_or(0);
            let (Some(orders), Some(issue)) = (orders.as_deref_mut(), map.issue_of(hashes)) else { continue };
            round.read_until = round.read_until.max(number("last_us"));
            let Some(state) = states.get(&issue).cloned() else { continue };
            let seen = Seen {
                release: text("release"),
                environment: text("environment"),
                events: number("events"),
                last_at: number("last_us"),
            };
            if let Some(changed) = self.judge(&cut, &state, seen, orders).await? {
                Arc::make_mut(&mut states).insert(Arc::clone(&issue), changed.clone());
                round.states.retain(|state| state.issue != issue);
                round.states.push(changed);
            }
        }
        if map.len() >= map::HASHES_MAX {
            warn!(
                hashes = map.len(),
                "no more hashes of errors are kept; new errors are grouped by their first hash alone"
            );
        }
        let read_until = round.read_until;
        self.in_control(move |control| control.keep_issue_round(&round, clock::now())).await?;
        self.map.store(map);
        self.states.store(states);
        self.read_until.store(read_until, Ordering::Release);
        Ok(())
    }

    /// Returns the state that an issue is in after errors came, if it is another.
    async fn judge(
        &self,
        cut: &Cut,
        state: &IssueState,
        seen: Seen<'_>,
        orders: &mut Orders,
    ) -> Result<Option<IssueState>, IssuesError> {
        let effect = match state.after(seen, None) {
            Effect::Asks { mended_in } => {
                let is_later = self.is_later(cut, state.changed_at, seen, mended_in, orders).await?;
                state.after(seen, Some(is_later))
            }
            effect => effect,
        };
        Ok(match effect {
            Effect::Counted(changed) | Effect::Reopened(changed) => Some(changed),
            Effect::None | Effect::Asks { .. } => None,
        })
    }

    /// Tells whether errors are of a later release than the one the issue is mended in: by when each was first seen in the
    /// environment, else by whether theirs was first seen after the decision.
    async fn is_later(
        &self,
        cut: &Cut,
        decided_at: i64,
        seen: Seen<'_>,
        mended_in: String,
        orders: &mut Orders,
    ) -> Result<bool, IssuesError> {
        let release = seen.release.unwrap_or_default().to_owned();
        let key = (release.clone(), mended_in.clone(), seen.environment.map(str::to_owned));
        if let Some(known) = orders.get(&key) {
            return Ok(*known);
        }
        let params =
            [("release", json!(release)), ("mended_in", json!(mended_in)), ("environment", json!(seen.environment))];
        let seen = self.ask(tables_of(cut), include_str!("first_seen.sql"), params, 1).await?.into_objects();
        let first = |column: &str| seen.first()?.get(column)?.as_i64();
        let is_later = match (first("release_us"), first("mended_us")) {
            (Some(release), Some(mended)) => release > mended,
            (Some(release), None) => release > decided_at,
            (None, _) => false,
        };
        if orders.len() >= ORDERS_MAX {
            orders.clear();
        }
        orders.insert(key, is_later);
        Ok(is_later)
    }

    /// Asks for groups of errors. More than are taken are told of.
    async fn groups<const N: usize>(
        &self,
        tables: Tables,
        sql: &str,
        params: [(&str, Value); N],
    ) -> Result<Vec<Map<String, Value>>, QueryError> {
        let answer = self.ask(tables, sql, params, GROUPS_MAX).await?;
        if answer.truncated {
            error!(
                groups = GROUPS_MAX,
                "there are more kinds of errors than are looked at together; the rest is left out"
            );
        }
        Ok(answer.into_objects())
    }

    async fn ask<const N: usize>(
        &self,
        tables: Tables,
        sql: &str,
        params: [(&str, Value); N],
        rows_max: usize,
    ) -> Result<JsonTable, QueryError> {
        let params: Params = params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        to_json(self.engine.ask(sql, &params, tables).await?, rows_max).await
    }

    /// Writes to the control database, which waits for the disk, off the threads that serve requests.
    async fn in_control(
        &self,
        write: impl FnOnce(&Control) -> Result<(), ControlError> + Send + 'static,
    ) -> Result<(), IssuesError> {
        let control = Arc::clone(&self.control);
        let written = tokio::task::spawn_blocking(move || write(&control)).await;
        Ok(written.map_err(|error| QueryError::Internal(error.to_string()))??)
    }

    /// Makes somebody's change of the control database.
    async fn change(
        &self,
        by: By<'_>,
        write: impl FnOnce(&Control, By<'_>) -> Result<(), ControlError> + Send + 'static,
    ) -> Result<(), IssuesError> {
        let (actor, at) = (by.actor.to_owned(), by.at);
        self.in_control(move |control| write(control, By { actor: &actor, at })).await
    }

    /// Returns a cut's tables with the issues of this moment in them.
    ///
    /// # Errors
    /// Never, unless DataFusion refuses our own plan.
    pub(crate) fn in_tables(
        &self,
        tables: Vec<(&'static str, Arc<dyn TableProvider>)>,
    ) -> datafusion::common::Result<Vec<(&'static str, Arc<dyn TableProvider>)>> {
        let mut with_issues = Vec::with_capacity(tables.len() + 1);
        for (name, table) in tables {
            let table = if name == Kind::Errors.table() { table::errors(table, self.map.load_full())? } else { table };
            with_issues.push((name, table));
        }
        with_issues.push(("issue_states", table::states(self.states.load().values(), clock::now())?));
        Ok(with_issues)
    }
}

fn tables_of(cut: &Cut) -> Tables {
    cut.providers().into_iter().map(|(name, table)| (name.to_owned(), table)).collect()
}
