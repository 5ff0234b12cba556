//! Backtests: the hits that a rule would have had over a past range. A live rule's events go through the very state and
//! lifecycle that live batches go through (`track.rs`); a scheduled rule is asked at whole multiples of its pace, as it
//! would have been. A coarser pace makes the result approximate, and it says so.

use std::sync::Arc;

use crate::engine::{Engine, Tables};
use crate::error::QueryError;
use crate::hits::{EntityKind, Hit, HitBook, Lifecycle, Mode, Transition, TransitionKind};

use super::history::History;
use super::live::new_state;
use super::rule::Rule;
use super::scheduled::{ask, points};
use super::state::ENTITIES_MAX;
use super::track::{Outcome, Track};

/// A scheduled rule is asked at most so often in one backtest; past it the pace is made coarser.
const EVALUATIONS_MAX: i64 = 500;

/// What to test.
#[derive(Clone, Debug)]
pub struct Backtest {
    /// The rule, and variants of it that are tested in the same pass.
    pub rules: Vec<Arc<Rule>>,
    /// The first time of the range, microseconds.
    pub from: i64,
    /// The last time of the range, microseconds.
    pub to: i64,
    /// The pace at which a scheduled rule is asked, microseconds; its own if there is none.
    pub step_us: Option<i64>,
}

/// What one rule would have found.
#[derive(Clone, Debug, Default)]
pub struct BacktestHits {
    /// Its hits that were open at some time of the range, in the order in which they opened.
    pub hits: Vec<Arc<Hit>>,
    /// Asked at a coarser pace than it would run.
    pub approximate: bool,
}

/// How far a backtest is.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct BacktestProgress {
    /// Rows read, or evaluations made, so far.
    pub done: u64,
    /// Of so many.
    pub total: u64,
}

impl Backtest {
    /// Runs it. Returns one result a rule, in their order. Dropping the future stops the work. `tables` is one cut.
    ///
    /// # Errors
    /// What the query engine says; there is no partial result.
    pub async fn run(
        &self,
        engine: &Engine,
        tables: &Tables,
        mut progress: impl FnMut(BacktestProgress) + Send,
    ) -> Result<Vec<BacktestHits>, QueryError> {
        let mut results = Vec::with_capacity(self.rules.len());
        let live = self.rules.iter().filter(|rule| rule.is_live()).cloned().collect::<Vec<_>>();
        let mut replayed = self.replay(&live, engine, tables, &mut progress).await?.into_iter();
        for rule in &self.rules {
            results.push(match rule.is_live() {
                true => replayed.next().unwrap_or_default(),
                false => self.step_through(rule, engine, tables, &mut progress).await?,
            });
        }
        Ok(results)
    }

    /// Sends the past through live rules: one pass a table over all that read it.
    async fn replay(
        &self,
        rules: &[Arc<Rule>],
        engine: &Engine,
        tables: &Tables,
        progress: &mut (impl FnMut(BacktestProgress) + Send),
    ) -> Result<Vec<BacktestHits>, QueryError> {
        let mut replays: Vec<Replay> = rules.iter().map(Replay::new).collect();
        let mut names: Vec<String> = replays.iter().flat_map(|replay| replay.tables()).collect();
        names.sort_unstable();
        names.dedup();
        for table in &names {
            let of_table: Vec<&mut Replay> =
                replays.iter_mut().filter(|replay| replay.tables().any(|name| name == *table)).collect();
            self.replay_table(table, of_table, engine, tables, progress).await?;
        }
        Ok(replays.into_iter().map(|replay| replay.finish(self.from, self.to)).collect())
    }

    async fn replay_table(
        &self,
        table: &str,
        mut replays: Vec<&mut Replay>,
        engine: &Engine,
        tables: &Tables,
        progress: &mut (impl FnMut(BacktestProgress) + Send),
    ) -> Result<(), QueryError> {
        let start = replays.iter().map(|replay| replay.start(self.from)).min().unwrap_or(self.from);
        let mut history = {
            let shapes = replays.iter().flat_map(|replay| &replay.tracks).map(|track| &*track.shape);
            History::of(engine, tables, table, shapes, (start, self.to))
        };
        let slices = history.slices().await?;
        let rows = |slices: &[super::history::Slice]| slices.iter().map(|slice| slice.rows).sum::<i64>().unsigned_abs();
        let total = rows(&slices);
        for (done, slice) in slices.iter().enumerate() {
            progress(BacktestProgress { done: rows(&slices[..done]), total });
            let observe = |batch: &_| replays.iter_mut().try_for_each(|replay| replay.observe(table, batch));
            history.read_in_order(slice, observe).await?;
        }
        progress(BacktestProgress { done: total, total });
        Ok(())
    }

    /// Asks a scheduled rule at every multiple of its pace.
    async fn step_through(
        &self,
        rule: &Arc<Rule>,
        engine: &Engine,
        tables: &Tables,
        progress: &mut (impl FnMut(BacktestProgress) + Send),
    ) -> Result<BacktestHits, QueryError> {
        let pace = rule.headers.pace_us();
        // Hits that were open when the range began opened at most their time to live before.
        let start = self.from.saturating_sub(rule.headers.ttl_us);
        let least = ((self.to - start).max(0) / EVALUATIONS_MAX).div_euclid(pace) + 1;
        let step = self.step_us.unwrap_or(pace * least).max(1);
        let book = HitBook::new();
        let mut found = Found::default();
        let mut kinds: Vec<Lifecycle> =
            rule.headers.entities.iter().map(|kind| Lifecycle::new(rule.terms(*kind, Mode::Shadow))).collect();
        let first = start + (-start).rem_euclid(step);
        let total = ((self.to - first).div_euclid(step) + 1).max(0).unsigned_abs();
        for (done, as_of) in (0..total).zip((0..).map(|n| first + n * step)) {
            progress(BacktestProgress { done, total });
            for (hits, kind) in kinds.iter_mut().zip(&rule.headers.entities) {
                let answer = ask(engine, tables, rule, *kind, as_of).await?;
                let mut transitions = Vec::new();
                hits.close_ended(as_of, false, &book, &mut transitions);
                points(hits, &answer, as_of, &book, &mut transitions);
                found.take(transitions);
            }
        }
        progress(BacktestProgress { done: total, total });
        Ok(BacktestHits { hits: found.finish(&book, self.from, self.to), approximate: step > pace })
    }
}

/// Hits that have closed.
#[derive(Default)]
struct Found(Vec<Arc<Hit>>);

impl Found {
    fn take(&mut self, transitions: Vec<Transition>) {
        let closed = transitions.into_iter().filter(|transition| transition.kind == TransitionKind::Closed);
        self.0.extend(closed.map(|transition| transition.hit));
    }

    /// Returns them with those that are still open: all that were open at some time of a range.
    fn finish(mut self, book: &HitBook, from: i64, to: i64) -> Vec<Arc<Hit>> {
        self.0.extend(book.list(i64::MIN));
        self.0.retain(|hit| hit.first_at <= to && hit.until > from);
        self.0.sort_by(|a, b| (a.first_at, a.entity_kind, &a.entity).cmp(&(b.first_at, b.entity_kind, &b.entity)));
        self.0
    }
}

/// One live rule on its way through the past.
struct Replay {
    rule: Arc<Rule>,
    tracks: Vec<Track>,
    book: HitBook,
    found: Found,
}

impl Replay {
    fn new(rule: &Arc<Rule>) -> Self {
        let kinds = rule.headers.entities.iter().zip(&rule.shapes);
        let track = |(kind, shape): (&EntityKind, &Arc<_>)| {
            let state = new_state(rule, super::shape::LiveShape::functions(shape), ENTITIES_MAX);
            Track::new(Arc::clone(rule), Arc::clone(shape), state, Lifecycle::new(rule.terms(*kind, Mode::Shadow)))
        };
        let tracks = kinds.map(track).collect();
        Self { rule: Arc::clone(rule), tracks, book: HitBook::new(), found: Found::default() }
    }

    fn tables(&self) -> impl Iterator<Item = String> {
        self.tracks.iter().map(|track| track.shape.table().to_owned())
    }

    /// Returns the first time that matters to what is open from `from` on.
    fn start(&self, from: i64) -> i64 {
        let window = self.rule.headers.window.expect("only rules with a window run live");
        window.start(from.saturating_sub(self.rule.headers.ttl_us))
    }

    fn observe(&mut self, table: &str, batch: &arrow::array::RecordBatch) -> Result<(), QueryError> {
        let mut transitions = Vec::new();
        for track in self.tracks.iter_mut().filter(|track| track.shape.table() == table) {
            let failed = |error: &str| QueryError::invalid(format!("rule {}: {error}", self.rule.name));
            let rows = track.shape.rows(batch, None).map_err(|error| failed(&error.strip_backtrace()))?;
            track.observe(&rows, &mut Outcome { book: &self.book, transitions: &mut transitions });
            // Live, a rule that fails says nothing and the others go on; here the failure is the result.
            if let Some(problem) = &track.problem {
                return Err(failed(problem));
            }
        }
        self.found.take(transitions);
        Ok(())
    }

    fn finish(mut self, from: i64, to: i64) -> BacktestHits {
        let mut transitions = Vec::new();
        for track in &mut self.tracks {
            track.advance(to, true, &mut Outcome { book: &self.book, transitions: &mut transitions });
        }
        self.found.take(transitions);
        BacktestHits { hits: self.found.finish(&self.book, from, to), approximate: false }
    }
}
