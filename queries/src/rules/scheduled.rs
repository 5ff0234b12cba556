//! The scheduled rules: each is asked of the query engine at whole multiples of its pace, off the hot path, and what it
//! finds goes into hits as the live rules' does. Errors stay with their rule.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt;
use hashbrown::HashMap;

use crate::catalogue::SourceProblem;
use crate::engine::{Engine, Tables};
use crate::error::QueryError;
use crate::hits::{EntityKind, Evaluation, Hit, HitBook, Lifecycle, Mode, RestoredHit, Restraint, Transition};

use super::answer::read_answer;
use super::rule::{Rule, end_cause};
use super::session::Sight;
use super::text::Clock;

/// The most entities that one run may find for one kind; a rule that finds more says nothing that time.
const FOUND_MAX: usize = 100_000;

/// A rule that is late by more runs than this does not make up for them.
const MISSED_MAX: i64 = 12;

/// The rules that run as queries.
pub struct ScheduledRules {
    book: Arc<HitBook>,
    rules: Mutex<Vec<ScheduledRule>>,
}

struct ScheduledRule {
    rule: Arc<Rule>,
    mode: Mode,
    /// One a kind of entity.
    hits: Vec<Lifecycle>,
    /// The last time it was due, whether it succeeded or not.
    last_as_of: Option<i64>,
    /// Its restored hits have not been compared with an answer yet.
    is_unsettled: bool,
    problem: Option<SourceProblem>,
}

/// What a rule found at one time: the entities of which it is true.
pub(super) type Found = HashMap<Arc<str>, Evaluation>;

impl ScheduledRules {
    /// Returns an engine without rules, whose hits go into `book`.
    #[must_use]
    pub fn new(book: Arc<HitBook>) -> Self {
        Self { book, rules: Mutex::new(Vec::new()) }
    }

    /// Sets the rules and their modes; live rules and those that are off are left out. The hits of a rule that is gone or
    /// has a new text are closed.
    pub fn install(&self, rules: &[(Arc<Rule>, Mode)], now: i64) -> Vec<Transition> {
        let mut current = self.lock();
        let mut transitions = Vec::new();
        let mut old = std::mem::take(&mut *current);
        for (rule, mode) in rules.iter().filter(|(rule, mode)| !rule.is_live() && *mode != Mode::Off) {
            let is_same = |other: &ScheduledRule| other.rule.name == rule.name && other.rule.version == rule.version;
            let scheduled = match old.iter().position(is_same) {
                Some(place) => {
                    let mut scheduled = old.swap_remove(place);
                    if scheduled.mode != *mode {
                        scheduled.mode = *mode;
                        let hits = scheduled.hits.iter_mut();
                        hits.for_each(|hits| hits.set_mode(*mode, now, &self.book, &mut transitions));
                    }
                    scheduled
                }
                None => ScheduledRule::new(rule, *mode),
            };
            current.push(scheduled);
        }
        for gone in &mut old {
            let cause = end_cause(rules, &gone.rule.name, &gone.rule.version);
            gone.hits.iter_mut().for_each(|hits| hits.close_all(now, cause, &self.book, &mut transitions));
        }
        transitions
    }

    /// Takes open hits over from the table `hits`, and returns those of other rules. To be called before the first run.
    pub fn adopt(&self, hits: Vec<RestoredHit>, now: i64) -> Vec<RestoredHit> {
        let mut rules = self.lock();
        let mut others = Vec::new();
        for hit in hits {
            let is_rule = |other: &&mut ScheduledRule| other.rule.name == hit.rule && other.rule.version == hit.version;
            let rule = rules.iter_mut().find(is_rule);
            match rule.and_then(|rule| rule.hits.iter_mut().find(|hits| hits.entity_kind() == hit.entity_kind)) {
                Some(hits) => hits.adopt(hit, now, &self.book),
                None => others.push(hit),
            }
        }
        others
    }

    /// Runs every rule that is due by `now`, each as of the whole multiples of its pace since it last ran, and ends the
    /// hits that are due. `tables` is one cut, and holds all that was received by then. Returns the transitions; the book has them.
    ///
    /// A rule that fails keeps its hits until they end, and says why in [`Self::problems`].
    pub async fn run_due(&self, engine: &Engine, tables: &Tables, now: i64) -> Vec<Transition> {
        let mut transitions = Vec::new();
        for (rule, as_of) in self.due(now) {
            let mut found = Vec::new();
            let mut problem = None;
            for &kind in &rule.headers.entities {
                match ask(engine, tables, &rule, kind, as_of).await {
                    Ok(entities) => found.push(entities),
                    Err(error) => {
                        problem = Some(error);
                        break;
                    }
                }
            }
            self.take(&rule, as_of, found, problem, &mut transitions);
        }
        let mut rules = self.lock();
        for hits in rules.iter_mut().flat_map(|rule| &mut rule.hits) {
            hits.close_ended(now, true, &self.book, &mut transitions);
        }
        transitions.sort_by_key(|transition| transition.at);
        transitions
    }

    /// Opens the hits that a backtest up to `now` found and that are open still: after an import, whose events the rule was
    /// not there to see. Returns the transitions; the book has them.
    pub fn resume(&self, rule: &Arc<Rule>, hits: &[Arc<Hit>], now: i64) -> Vec<Transition> {
        let mut rules = self.lock();
        let mut transitions = Vec::new();
        let of_rule = rules.iter_mut().filter(|scheduled| Arc::ptr_eq(&scheduled.rule, rule));
        for lifecycle in of_rule.flat_map(|scheduled| &mut scheduled.hits) {
            let kind = lifecycle.entity_kind();
            for hit in hits.iter().filter(|hit| hit.entity_kind == kind) {
                lifecycle.resume(hit, now, &self.book, &mut transitions);
            }
        }
        transitions
    }

    /// Returns what is wrong with rules that failed when they last ran.
    #[must_use]
    pub fn problems(&self) -> Vec<SourceProblem> {
        self.lock().iter().filter_map(|rule| rule.problem.clone()).collect()
    }

    /// Forgets the hits of an entity without a row. For erasure.
    pub fn forget(&self, kind: EntityKind, entity: &str) {
        let mut rules = self.lock();
        let of_kind = rules.iter_mut().flat_map(|rule| &mut rule.hits).filter(|hits| hits.entity_kind() == kind);
        of_kind.for_each(|hits| hits.forget(entity, &self.book));
    }

    /// Returns the rules that are due, with their times, and notes that they are being run; those whose hits restrain come
    /// first. A rule that is late makes up for what it missed, so that it finds what a backtest would; a rule that is very
    /// late goes on from now.
    fn due(&self, now: i64) -> Vec<(Arc<Rule>, i64)> {
        let mut due = Vec::new();
        let mut rules = self.lock();
        rules.sort_by_key(|scheduled| scheduled.mode != Mode::Live);
        for scheduled in rules.iter_mut() {
            let pace = scheduled.rule.headers.pace_us();
            let newest = now - now.rem_euclid(pace);
            let next = scheduled.last_as_of.map_or(newest, |last| last + pace);
            let missed = (newest - next).div_euclid(pace);
            let first = if missed > MISSED_MAX {
                metrics::counter!("weir_rule_runs_missed_total", "rule" => scheduled.rule.name.to_string())
                    .increment(missed.unsigned_abs());
                newest
            } else {
                next
            };
            let runs = (0..).map(|n| first + n * pace).take_while(|as_of| *as_of <= newest);
            let before = due.len();
            due.extend(runs.map(|as_of| (Arc::clone(&scheduled.rule), as_of)));
            if due.len() > before {
                scheduled.last_as_of = Some(newest);
            }
        }
        due
    }

    fn take(
        &self,
        rule: &Arc<Rule>,
        as_of: i64,
        found: Vec<Found>,
        problem: Option<QueryError>,
        transitions: &mut Vec<Transition>,
    ) {
        let mut rules = self.lock();
        // It may have been replaced while it ran.
        let Some(scheduled) = rules.iter_mut().find(|scheduled| Arc::ptr_eq(&scheduled.rule, rule)) else { return };
        if let Some(error) = problem {
            scheduled.fail(&error);
            return;
        }
        scheduled.problem = None;
        let is_unsettled = std::mem::take(&mut scheduled.is_unsettled);
        for (hits, found) in scheduled.hits.iter_mut().zip(found) {
            hits.close_ended(as_of, false, &self.book, transitions);
            if is_unsettled {
                let found = found.into_iter().map(|(entity, found)| (entity, (found, as_of))).collect();
                hits.settle(&found, as_of, &self.book, transitions);
            } else {
                points(hits, &found, as_of, &self.book, transitions);
            }
            hits.close_ended(as_of, true, &self.book, transitions);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ScheduledRule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ScheduledRule {
    fn new(rule: &Arc<Rule>, mode: Mode) -> Self {
        let hits = rule.headers.entities.iter().map(|kind| Lifecycle::new(rule.terms(*kind, mode))).collect();
        Self { rule: Arc::clone(rule), mode, hits, last_as_of: None, is_unsettled: true, problem: None }
    }

    fn fail(&mut self, error: &QueryError) {
        metrics::counter!("weir_rule_errors_total", "rule" => self.rule.name.to_string()).increment(1);
        // The engine is asked a text of one line, so its own places say nothing about the file.
        let mut problem = self.rule.problem(error.to_string());
        if let (None, QueryError::Invalid { hint, .. }) = (&problem.remedy, error) {
            problem.remedy.clone_from(hint);
        }
        if self.problem.as_ref() != Some(&problem) {
            tracing::warn!(rule.name = %self.rule.name, rule.error = %error, "a scheduled rule could not be run");
            self.problem = Some(problem);
        }
    }
}

/// Records a point for every entity that is in the answer, and for every one that was true and is not.
pub(super) fn points(
    hits: &mut Lifecycle,
    found: &Found,
    as_of: i64,
    book: &HitBook,
    transitions: &mut Vec<Transition>,
) {
    let mut over: Vec<Arc<str>> =
        hits.entities().filter(|entity| !found.contains_key(*entity) && hits.is_true(entity)).cloned().collect();
    over.sort_unstable();
    for entity in over {
        hits.point(&entity, None, as_of, book, transitions);
    }
    let mut is_true: Vec<(&Arc<str>, &Evaluation)> = found.iter().collect();
    is_true.sort_unstable_by_key(|(entity, _)| Arc::clone(entity));
    for (entity, evaluation) in is_true {
        hits.point(entity, Some(evaluation.clone()), as_of, book, transitions);
    }
}

/// Asks a rule about one kind of entity as of one time.
pub(crate) async fn ask(
    engine: &Engine,
    tables: &Tables,
    rule: &Rule,
    kind: EntityKind,
    as_of: i64,
) -> Result<Found, QueryError> {
    let sight = Sight { as_of: Some(as_of), ..rule.sight(kind) };
    let seen = sight.over(tables).map_err(|error| QueryError::Internal(error.strip_backtrace()))?;
    let sql = rule.sql.sql(Clock::At(as_of), rule.headers.window);
    // It waits for its turn: a run that is left out is one that a backtest would have made.
    let mut batches = engine.ask_patiently(&sql, seen).await?.into_stream();
    let mut found = Found::new();
    while let Some(batch) = batches.next().await {
        for (_, entity, evaluation) in read_answer(&batch?, rule).map_err(QueryError::invalid)? {
            // An entity that comes twice counts as its strictest row.
            if found.get(&entity).is_none_or(|known| strictness(known) < strictness(&evaluation)) {
                found.insert(entity, evaluation);
            }
        }
        if found.len() > FOUND_MAX {
            return Err(QueryError::invalid_with_hint(
                format!("it found more than {FOUND_MAX} entities at once"),
                "raise its threshold or shorten its window",
            ));
        }
    }
    Ok(found)
}

/// Returns the strictest of the rows about one entity, which is the one that counts; the first of equals.
pub(super) fn strictest<'e>(rows: impl DoubleEndedIterator<Item = &'e Evaluation>) -> Option<&'e Evaluation> {
    rows.rev().max_by_key(|row| strictness(row))
}

fn strictness(row: &Evaluation) -> (Restraint, u8, i64, i64) {
    (row.verdict, row.points, row.observed, row.threshold)
}
