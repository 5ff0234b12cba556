//! Backtests: the hits that a rule would have had over a past range. A live rule's events go through the very state and
//! lifecycle that live batches go through (`track.rs`); a scheduled rule is asked at whole multiples of its pace, as it
//! would have been: many at once where its plan allows that (`moments/`). A coarser pace makes the result approximate,
//! and it says so.

use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt, TryStreamExt};
use hashbrown::HashMap;

use crate::engine::{Engine, Tables};
use crate::error::QueryError;
use crate::hits::{EntityKind, Hit, HitBook, Lifecycle, Mode, Restraint, Transition, TransitionKind};

use super::history::{History, Past, SORTED_ROWS};
use super::live::new_state;
use super::moments::{Moments, Shelf, Stretch};
use super::rule::Rule;
use super::scheduled::{ask, points};
use super::state::ENTITIES_MAX;
use super::track::{Outcome, Track};

/// A scheduled rule that is asked moment by moment is asked at most so often; past it the pace is made coarser.
const EVALUATIONS_MAX: u64 = 500;

/// So many scheduled rules are replayed at once.
const TOGETHER: usize = 2;

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
    pub pace_us: Option<i64>,
}

/// What one rule would have found.
#[derive(Clone, Debug, Default)]
pub struct BacktestHits {
    /// Its hits that were open at some time of the range, in the order in which they opened.
    pub hits: Vec<Arc<Hit>>,
    /// What they asked for as they went on: each time that a hit's verdict or points changed, and its opening first, the
    /// time and the hit as it was from then on.
    pub states: Vec<(i64, Arc<Hit>)>,
    /// Asked at a coarser pace than it would run.
    pub approximate: bool,
}

/// How far a backtest is.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct BacktestProgress {
    /// What has been done: of each rule, its thousandths.
    pub done: u64,
    /// Of so many.
    pub total: u64,
}

/// Gathers how far each rule is, and tells of them all.
struct Shares<F>(Mutex<(Vec<u64>, F)>);

impl<F: FnMut(BacktestProgress)> Shares<F> {
    fn new(rules: usize, tell: F) -> Self {
        Self(Mutex::new((vec![0; rules], tell)))
    }

    /// Notes that of a rule so much is done.
    fn note(&self, rule: usize, done: u64, total: u64) {
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (shares, tell) = &mut *shares;
        // It goes on: a rule of several kinds of entity does not begin anew.
        shares[rule] = shares[rule].max(1_000 * done / total.max(1));
        tell(BacktestProgress { done: shares.iter().sum(), total: 1_000 * shares.len() as u64 });
    }
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
        progress: impl FnMut(BacktestProgress) + Send,
    ) -> Result<Vec<BacktestHits>, QueryError> {
        let shares = Shares::new(self.rules.len(), progress);
        let (live, scheduled): (Vec<usize>, Vec<usize>) =
            (0..self.rules.len()).partition(|place| self.rules[*place].is_live());
        let past = &Past::new(engine, tables);
        let replayed = self.replay(&live, past, |done, total| {
            live.iter().for_each(|place| shares.note(*place, done, total));
        });
        let shares = &shares;
        let runs = scheduled.into_iter().map(|place| async move {
            let tell = |done, total| shares.note(place, done, total);
            let found = self.step_through(&self.rules[place], past, tell).await?;
            Ok::<_, QueryError>((place, found))
        });
        // While the rows of one are sorted, those of another are read.
        let runs = futures::stream::iter(runs).buffer_unordered(TOGETHER).try_collect::<Vec<_>>();
        let (replayed, found) = futures::try_join!(replayed, runs)?;
        let mut results = vec![BacktestHits::default(); self.rules.len()];
        for (place, found) in live.iter().copied().zip(replayed).chain(found) {
            results[place] = found;
        }
        Ok(results)
    }

    /// Sends the past through live rules: one pass a table over all that read it.
    async fn replay(
        &self,
        places: &[usize],
        past: &Past<'_>,
        progress: impl Fn(u64, u64) + Send + Sync,
    ) -> Result<Vec<BacktestHits>, QueryError> {
        let mut replays: Vec<Replay> = places.iter().map(|place| Replay::new(&self.rules[*place])).collect();
        let mut names: Vec<String> = replays.iter().flat_map(|replay| replay.tables()).collect();
        names.sort_unstable();
        names.dedup();
        for (done, table) in names.iter().enumerate() {
            let of_table: Vec<&mut Replay> =
                replays.iter_mut().filter(|replay| replay.tables().any(|name| name == *table)).collect();
            let (done, tables_read) = (done as u64, names.len() as u64);
            let tell = |rows: u64, total: u64| progress(done * total + rows, tables_read * total);
            self.replay_table(table, of_table, past, tell).await?;
        }
        Ok(replays.into_iter().map(|replay| replay.finish(self.from, self.to)).collect())
    }

    async fn replay_table(
        &self,
        table: &str,
        mut replays: Vec<&mut Replay>,
        past: &Past<'_>,
        progress: impl Fn(u64, u64) + Send + Sync,
    ) -> Result<(), QueryError> {
        let start = replays.iter().map(|replay| replay.start(self.from)).min().unwrap_or(self.from);
        let history = {
            let shapes = replays.iter().flat_map(|replay| &replay.tracks).map(|track| &*track.shape);
            History::of(past, table, shapes, (start, self.to))
        };
        let slices = history.slices(SORTED_ROWS).await?;
        let rows = |slices: &[super::history::Slice]| slices.iter().map(|slice| slice.rows).sum::<i64>().unsigned_abs();
        let total = rows(&slices);
        for (done, slice) in slices.iter().enumerate() {
            progress(rows(&slices[..done]), total);
            let observe = |batch: &_| replays.iter_mut().try_for_each(|replay| replay.observe(table, batch));
            history.read_in_order(slice, observe).await?;
        }
        progress(total, total);
        Ok(())
    }

    /// Lets a scheduled rule run at every multiple of its pace, one kind of entity after the other.
    async fn step_through(
        &self,
        rule: &Arc<Rule>,
        past: &Past<'_>,
        progress: impl Fn(u64, u64) + Send + Sync,
    ) -> Result<BacktestHits, QueryError> {
        let mut all = BacktestHits::default();
        let mut shelf = Shelf::default();
        let kinds = rule.headers.entities.len() as u64;
        for (number, kind) in (0..).zip(&rule.headers.entities) {
            let progress = |done: u64, total: u64| progress(number * total + done, kinds * total);
            let mut run = ScheduledRun::new(rule, *kind, past);
            // Hits that were open when the range began opened at most their time to live before.
            let start = self.from.saturating_sub(rule.headers.ttl_us);
            let pace = self.pace_us.unwrap_or_else(|| rule.headers.pace_us()).max(1);
            let stretch = Stretch { first: start, last: self.to, pace }.aligned();
            match Moments::of(past.engine, past.tables, rule, *kind) {
                Ok(moments) => run.replay(&moments, stretch, &mut shelf, progress).await?,
                Err(reason) => {
                    tracing::info!(rule.name = %rule.name, reason, "a rule is asked moment by moment");
                    run.ask_each(stretch, progress).await?;
                }
            }
            all.approximate |= run.approximate || pace > rule.headers.pace_us();
            let found = run.found.finish(&run.book, self.from, self.to);
            all.hits.extend(found.hits);
            all.states.extend(found.states);
        }
        Ok(all)
    }
}

/// A scheduled rule on its way through the past, on one kind of entity.
struct ScheduledRun<'a> {
    rule: &'a Arc<Rule>,
    kind: EntityKind,
    past: &'a Past<'a>,
    hits: Lifecycle,
    book: HitBook,
    found: Found,
    approximate: bool,
}

impl<'a> ScheduledRun<'a> {
    fn new(rule: &'a Arc<Rule>, kind: EntityKind, past: &'a Past<'a>) -> Self {
        let hits = Lifecycle::new(rule.terms(kind, Mode::Shadow));
        Self { rule, kind, past, hits, book: HitBook::new(), found: Found::default(), approximate: false }
    }

    /// Goes through many moments at once, in stretches whose rows fit into memory.
    async fn replay(
        &mut self,
        moments: &Moments,
        whole: Stretch,
        shelf: &mut Shelf,
        progress: impl Fn(u64, u64) + Send + Sync,
    ) -> Result<(), QueryError> {
        let total = whole.moments().max(1);
        let mut done = 0;
        let mut stretches = vec![whole];
        while let Some(stretch) = stretches.pop().filter(|stretch| stretch.first <= stretch.last) {
            let Some(rows) = moments.read(self.past, stretch, shelf).await? else {
                if let Some((earlier, later)) = stretch.halves() {
                    stretches.extend([later, earlier]);
                    continue;
                }
                tracing::info!(rule.name = %self.rule.name, "too many rows for one moment; the rule is asked");
                self.ask_each(stretch, &progress).await?;
                continue;
            };
            let mut transitions = Vec::new();
            let tell = |part: u64, parts: u64| {
                progress(done + stretch.moments() * part / parts.max(1), total);
            };
            let out = (&self.book, &mut transitions);
            self.approximate |= moments.replay(self.past.engine, (stretch, &rows), &mut self.hits, out, tell).await?;
            self.found.take(transitions);
            done += stretch.moments();
        }
        Ok(())
    }

    /// Asks at every multiple of the pace, or where those are too many, at multiples of a coarser one.
    async fn ask_each(&mut self, stretch: Stretch, progress: impl Fn(u64, u64) + Send) -> Result<(), QueryError> {
        let least = stretch.moments().div_ceil(EVALUATIONS_MAX).max(1);
        let step = stretch.pace * i64::try_from(least).unwrap_or(i64::MAX / stretch.pace);
        let stretch = Stretch { pace: step, ..stretch }.aligned();
        let (total, Past { engine, tables, .. }) = (stretch.moments(), self.past);
        self.approximate |= least > 1;
        for (done, as_of) in (0..total).zip((0..).map(|n| stretch.first + n * step)) {
            progress(done, total);
            let answer = ask(engine, tables, self.rule, self.kind, as_of).await?;
            let mut transitions = Vec::new();
            self.hits.close_ended(as_of, false, &self.book, &mut transitions);
            points(&mut self.hits, &answer, as_of, &self.book, &mut transitions);
            self.found.take(transitions);
        }
        progress(total, total);
        Ok(())
    }
}

/// What became of hits so far: those that have closed, and what all of them asked for.
#[derive(Default)]
struct Found {
    closed: Vec<Arc<Hit>>,
    states: Vec<(i64, Arc<Hit>)>,
    /// What each hit asked for last.
    asked: HashMap<(EntityKind, Arc<str>), (Restraint, u8)>,
}

impl Found {
    fn take(&mut self, transitions: Vec<Transition>) {
        for Transition { kind, hit, at, .. } in transitions {
            let key = (hit.entity_kind, Arc::clone(&hit.entity));
            let asks = (hit.verdict, hit.points);
            match kind {
                TransitionKind::Closed => {
                    self.asked.remove(&key);
                    self.closed.push(hit);
                }
                TransitionKind::Opened | TransitionKind::Changed => {
                    if self.asked.insert(key, asks) != Some(asks) {
                        self.states.push((at, hit));
                    }
                }
            }
        }
    }

    /// Returns them with those that are still open: all that were open at some time of a range.
    fn finish(self, book: &HitBook, from: i64, to: i64) -> BacktestHits {
        let Self { closed: mut hits, mut states, .. } = self;
        let is_in_range = |hit: &Arc<Hit>| hit.first_at <= to && hit.until > from;
        hits.extend(book.list(i64::MIN));
        hits.retain(is_in_range);
        hits.sort_by(|a, b| (a.first_at, a.entity_kind, &a.entity).cmp(&(b.first_at, b.entity_kind, &b.entity)));
        states.retain(|(at, _)| *at <= to);
        BacktestHits { hits, states, approximate: false }
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
            let (rows, failure) = track.shape.rows(batch, None).map_err(|error| failed(&error.strip_backtrace()))?;
            if let Some(error) = failure {
                return Err(failed(&self.rule.problem(error.strip_backtrace()).to_string()));
            }
            track.observe(&rows, &mut Outcome { book: &self.book, transitions: &mut transitions });
            // Live, a rule that fails says nothing and the others go on; here the failure is the result.
            if let Some(problem) = &track.problem {
                return Err(failed(&problem.to_string()));
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
        self.found.finish(&self.book, from, to)
    }
}
