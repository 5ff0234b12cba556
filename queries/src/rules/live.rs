//! The live rules together: batches of events in, transitions of hits out, before the events are acknowledged. One lock
//! around all of it, taken by the log writer; verdicts read the [`HitBook`] and never come here.
//!
//! A rule starts cold. Until its state is rebuilt (`rebuild.rs`) the batches that concern it wait in a bounded queue.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringViewArray};
use arrow::datatypes::{DataType, Schema};

use crate::catalogue::SourceProblem;
use crate::hits::{EntityKind, Hit, HitBook, Lifecycle, Mode, RestoredHit, Transition};

use super::queue::Queue;
use super::rule::{Rule, Way, end_cause};
use super::state::{ENTITIES_MAX, State};
use super::track::{Outcome, Track};

/// The limits of live state.
#[derive(Clone, Copy, Debug)]
pub struct LiveLimits {
    /// Entities that one rule keeps for one kind; past it the least recently touched leave.
    pub entities_max: usize,
    /// Bytes of events that wait while rules are cold; past it the oldest leave, and a rebuild must reach further.
    pub queue_bytes_max: usize,
}

impl Default for LiveLimits {
    fn default() -> Self {
        Self { entities_max: ENTITIES_MAX, queue_bytes_max: 64 << 20 }
    }
}

/// The rules that run with each batch of events.
pub struct LiveRules {
    book: Arc<HitBook>,
    limits: LiveLimits,
    pub(super) inner: Mutex<Inner>,
}

pub(super) struct Inner {
    pub(super) rules: Vec<LiveRule>,
    pub(super) queue: Queue,
}

pub(super) struct LiveRule {
    pub(super) rule: Arc<Rule>,
    pub(super) mode: Mode,
    pub(super) tracks: Vec<Track>,
    pub(super) is_warm: bool,
}

impl LiveRule {
    fn entities(&self) -> usize {
        self.tracks.iter().map(|track| track.state.len()).sum()
    }

    /// Estimates the memory of the state by what an entity of the rule takes.
    fn state_bytes(&self) -> u64 {
        let Way::Live { state_bytes_per_million } = self.rule.way else { return 0 };
        let kinds = u64::try_from(self.tracks.len()).unwrap_or(1).max(1);
        let entities = u64::try_from(self.entities()).unwrap_or(u64::MAX);
        entities.saturating_mul(state_bytes_per_million / 1_000_000) / kinds
    }
}

/// What a live rule holds at the moment.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LiveStatus {
    /// The rule's name.
    pub rule: Arc<str>,
    /// Its state is complete.
    pub warm: bool,
    /// Entities in its state, over all kinds.
    pub entities: usize,
    /// What they take in memory, roughly, bytes.
    pub state_bytes: u64,
    /// What went wrong last, if anything did.
    pub problem: Option<String>,
}

impl LiveRules {
    /// Returns an engine without rules, whose hits go into `book`.
    #[must_use]
    pub fn new(book: Arc<HitBook>, limits: LiveLimits) -> Self {
        let inner = Inner { rules: Vec::new(), queue: Queue::new(limits.queue_bytes_max) };
        Self { book, limits, inner: Mutex::new(inner) }
    }

    /// Sets the rules and their modes; scheduled rules and those that are off are left out. A rule of an unchanged version
    /// keeps its state; a new one is cold until it is rebuilt; the hits of one that is gone or has a new text are closed.
    pub fn install(&self, rules: &[(Arc<Rule>, Mode)], now: i64) -> Vec<Transition> {
        let mut inner = self.lock();
        let mut transitions = Vec::new();
        let wanted: Vec<&(Arc<Rule>, Mode)> =
            rules.iter().filter(|(rule, mode)| rule.is_live() && *mode != Mode::Off).collect();
        let mut old = std::mem::take(&mut inner.rules);
        for (rule, mode) in wanted {
            let is_same = |live: &LiveRule| live.rule.name == rule.name && live.rule.version == rule.version;
            let live = match old.iter().position(is_same) {
                Some(place) => {
                    let mut live = old.swap_remove(place);
                    live.set_mode(*mode, now, &self.book, &mut transitions);
                    live
                }
                None => self.cold(rule, *mode),
            };
            inner.rules.push(live);
        }
        for live in &mut old {
            let cause = end_cause(rules, &live.rule.name, &live.rule.version);
            live.tracks.iter_mut().for_each(|track| track.hits.close_all(now, cause, &self.book, &mut transitions));
        }
        transitions
    }

    /// Takes open hits over from the table `hits`, and returns those of other rules. To be called before the rebuild.
    pub fn adopt(&self, hits: Vec<RestoredHit>, now: i64) -> Vec<RestoredHit> {
        let mut inner = self.lock();
        let mut others = Vec::new();
        for hit in hits {
            let is_rule = |live: &&mut LiveRule| live.rule.name == hit.rule && live.rule.version == hit.version;
            let live = inner.rules.iter_mut().find(is_rule);
            let is_kind = |track: &&mut Track| track.hits.entity_kind() == hit.entity_kind;
            match live.and_then(|live| live.tracks.iter_mut().find(is_kind)) {
                Some(track) => track.hits.adopt(hit, now, &self.book),
                None => others.push(hit),
            }
        }
        others
    }

    /// Opens the hits that a backtest up to `now` found and that are open still, where the rule's state does not tell of
    /// them: after an import, whose events were never observed. Returns the transitions; the book has them.
    pub fn resume(&self, rule: &Arc<Rule>, hits: &[Arc<Hit>], now: i64) -> Vec<Transition> {
        let mut inner = self.lock();
        let mut transitions = Vec::new();
        let tracks =
            inner.rules.iter_mut().filter(|live| Arc::ptr_eq(&live.rule, rule)).flat_map(|live| &mut live.tracks);
        for track in tracks {
            let kind = track.hits.entity_kind();
            for hit in hits.iter().filter(|hit| hit.entity_kind == kind) {
                track.hits.resume(hit, now, &self.book, &mut transitions);
            }
        }
        transitions
    }

    /// Takes in one table's events of one `received_at`, all of them, in the order of time. Returns the transitions of
    /// hits that follow, those included that were due before; the book has them already.
    ///
    /// Shape: the table's columns, any of them absent (all null), text as `Utf8` or `Utf8View`.
    pub fn observe(&self, table: &str, batch: &RecordBatch, received_at: i64) -> Vec<Transition> {
        let mut inner = self.lock();
        // Of most events there is no rule.
        if !inner.rules.iter().any(|live| live.of_table(table).next().is_some()) {
            return Vec::new();
        }
        let mut transitions = Vec::new();
        let mut waited_for = BTreeSet::new();
        let views = with_views(batch, |column| inner.rules.iter().any(|live| live.reads(table, column)));
        for live in &mut inner.rules {
            if live.is_warm {
                let to = &mut Outcome { book: &self.book, transitions: &mut transitions };
                live.observe(table, &views, received_at, to);
            } else {
                waited_for.extend(live.columns_of(table));
            }
        }
        if !waited_for.is_empty() {
            inner.queue.push(table, batch, &waited_for, received_at);
        }
        in_order(transitions)
    }

    /// Does what is due up to `now`: buckets leave, hits end. The caller promises that no batch received at `now` or
    /// before is observed later; the log writer's thread, between two batches, is the place to call it.
    pub fn tick(&self, now: i64) -> Vec<Transition> {
        let mut inner = self.lock();
        let mut transitions = Vec::new();
        for live in inner.rules.iter_mut().filter(|live| live.is_warm) {
            for track in &mut live.tracks {
                track.advance(now, true, &mut Outcome { book: &self.book, transitions: &mut transitions });
            }
        }
        in_order(transitions)
    }

    /// Tells whether the rule's state is complete. A rule that is not here (scheduled, off, unknown) has none to miss.
    #[must_use]
    pub fn warm(&self, rule: &str) -> bool {
        self.lock().rules.iter().find(|live| *live.rule.name == *rule).is_none_or(|live| live.is_warm)
    }

    /// Tells whether every rule's state is complete.
    #[must_use]
    pub fn all_warm(&self) -> bool {
        self.lock().rules.iter().all(|live| live.is_warm)
    }

    /// Tells whether the state of every rule whose hits restrain is complete: those in shadow change no answer.
    #[must_use]
    pub fn restraining_warm(&self) -> bool {
        self.lock().rules.iter().all(|live| live.is_warm || live.mode != Mode::Live)
    }

    /// Makes every rule cold, so that the next rebuild reads all of them again: events were imported past the log. The cut
    /// of that rebuild is taken after this returns; then what was observed before it is in the cut.
    pub fn cool(&self) {
        self.lock().rules.iter_mut().for_each(|live| live.is_warm = false);
    }

    /// Forgets an entity: its state and, without a row, its hits. For erasure.
    pub fn forget(&self, kind: EntityKind, entity: &str) {
        let mut inner = self.lock();
        let tracks = inner.rules.iter_mut().flat_map(|live| &mut live.tracks);
        for track in tracks.filter(|track| track.hits.entity_kind() == kind) {
            track.state.forget(entity);
            track.hits.forget(entity, &self.book);
        }
    }

    /// Returns what each rule holds.
    #[must_use]
    pub fn status(&self) -> Vec<LiveStatus> {
        let inner = self.lock();
        let status = |live: &LiveRule| LiveStatus {
            rule: Arc::clone(&live.rule.name),
            warm: live.is_warm,
            entities: live.entities(),
            state_bytes: live.state_bytes(),
            problem: live.tracks.iter().find_map(|track| track.problem.clone()).map(|problem| problem.to_string()),
        };
        inner.rules.iter().map(status).collect()
    }

    /// Returns what went wrong with rules when they were last evaluated.
    #[must_use]
    pub fn problems(&self) -> Vec<SourceProblem> {
        let inner = self.lock();
        inner.rules.iter().flat_map(|live| &live.tracks).filter_map(|track| track.problem.clone()).collect()
    }

    pub(super) fn book(&self) -> &HitBook {
        &self.book
    }

    pub(super) const fn entities_max(&self) -> usize {
        self.limits.entities_max
    }

    // A panic in here is a bug of ours; the state it leaves may lack some rows of one batch, which a restart mends, while
    // refusing every batch from then on would stop the whole program.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cold(&self, rule: &Arc<Rule>, mode: Mode) -> LiveRule {
        let kinds = rule.headers.entities.iter().zip(&rule.shapes);
        let tracks = kinds.map(|(kind, shape)| {
            let state = new_state(rule, shape.functions(), self.limits.entities_max);
            Track::new(Arc::clone(rule), Arc::clone(shape), state, Lifecycle::new(rule.terms(*kind, mode)))
        });
        LiveRule { rule: Arc::clone(rule), mode, tracks: tracks.collect(), is_warm: false }
    }
}

/// Returns an empty state for a live rule.
pub(super) fn new_state(rule: &Rule, functions: Vec<super::recognise::Function>, entities_max: usize) -> State {
    let window = rule.headers.window.expect("only rules with a window run live");
    State::new(functions, window, entities_max)
}

impl LiveRule {
    pub(super) fn observe(&mut self, table: &str, batch: &RecordBatch, received_at: i64, to: &mut Outcome<'_>) {
        for track in self.tracks.iter_mut().filter(|track| track.shape.table() == table) {
            match track.shape.rows(batch, Some(received_at)) {
                Ok((rows, failure)) => {
                    track.observe(&rows, to);
                    failure.iter().for_each(|error| track.report(error));
                }
                Err(error) => track.report(&error),
            }
            track.advance(received_at, true, to);
        }
    }

    fn of_table(&self, table: &str) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(move |track| track.shape.table() == table)
    }

    fn reads(&self, table: &str, column: &str) -> bool {
        self.of_table(table).flat_map(|track| track.shape.columns()).any(|name| name == column)
    }

    fn columns_of(&self, table: &str) -> Vec<String> {
        let columns = self.of_table(table).flat_map(|track| track.shape.columns());
        let mut columns: Vec<String> = columns.map(str::to_owned).collect();
        if self.of_table(table).next().is_some() {
            columns.push("received_at".to_owned());
        }
        columns
    }

    fn set_mode(&mut self, mode: Mode, now: i64, book: &HitBook, out: &mut Vec<Transition>) {
        if self.mode != mode {
            self.mode = mode;
            self.tracks.iter_mut().for_each(|track| track.hits.set_mode(mode, now, book, out));
        }
    }
}

/// Returns the columns that are read, text as the rules' plans know it: changed once for all rules.
fn with_views(batch: &RecordBatch, is_read: impl Fn(&str) -> bool) -> RecordBatch {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        // The time of receipt is the time of a batch that lacks it, also for rules that do not name it.
        if !is_read(field.name()) && field.name() != "received_at" {
            continue;
        }
        let (field, column) = match column.as_string_opt::<i32>() {
            Some(texts) => {
                let field = field.as_ref().clone().with_data_type(DataType::Utf8View);
                (Arc::new(field), Arc::new(StringViewArray::from(texts)) as ArrayRef)
            }
            None => (Arc::clone(field), Arc::clone(column)),
        };
        fields.push(field);
        columns.push(column);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).expect("columns of one batch")
}

/// Orders the transitions of several rules by time; those of one rule already are.
fn in_order(mut transitions: Vec<Transition>) -> Vec<Transition> {
    transitions.sort_by_key(|transition| transition.at);
    transitions
}
