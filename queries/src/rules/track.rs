//! One live rule on one kind of entity: its state and its hits, moved along in time together. It says when an entity is
//! judged: at the `received_at` of each of its events, with all events of that time in, and whenever one of its buckets
//! leaves the window. It knows no other rules and no locks (`live.rs`).

use std::sync::Arc;

use arrow::array::Array;
use datafusion::common::DataFusionError;

use crate::hits::{HitBook, Lifecycle, Transition};

use super::rule::Rule;
use super::shape::{LiveShape, Rows};
use super::state::State;

/// How many entities are judged together.
pub(crate) const JUDGED_TOGETHER: usize = 8_192;

/// The state and the hits of a rule for one kind of entity.
pub(crate) struct Track {
    pub(crate) rule: Arc<Rule>,
    pub(crate) shape: Arc<LiveShape>,
    pub(crate) state: State,
    pub(crate) hits: Lifecycle,
    /// All that was due up to here has been done.
    now: i64,
    /// What went wrong last, in words.
    pub(crate) problem: Option<String>,
}

/// Where transitions go.
pub(crate) struct Outcome<'a> {
    pub(crate) book: &'a HitBook,
    pub(crate) transitions: &'a mut Vec<Transition>,
}

impl Track {
    pub(crate) fn new(rule: Arc<Rule>, shape: Arc<LiveShape>, state: State, hits: Lifecycle) -> Self {
        Self { rule, shape, state, hits, now: i64::MIN, problem: None }
    }

    /// Puts a rebuilt state in the place of the old one: it holds all that was received up to `at`.
    pub(crate) fn reset(&mut self, state: State, at: i64) {
        (self.state, self.now) = (state, at);
    }

    /// Takes in the rows of one `received_at` and judges the entities they touch.
    pub(crate) fn observe(&mut self, rows: &Rows, received_at: i64, to: &mut Outcome<'_>) {
        // Time never goes back; a caller that lets it is told in the metrics, and the rows still count.
        let at = received_at.max(self.now);
        if at != received_at {
            metrics::counter!("weir_rule_late_batches_total").increment(1);
        }
        self.advance(at, false, to);
        let left = self.state.leave(at);
        let mut touched = Vec::with_capacity(rows.keys.len());
        for (row, key) in rows.keys.iter().enumerate() {
            let Some(key) = key else { continue };
            let (place, evicted) = self.state.touch(key);
            if let Some(evicted) = evicted {
                metrics::counter!("weir_rule_state_evicted_total", "rule" => self.rule.name.to_string()).increment(1);
                self.hits.point(&evicted, None, at, to.book, to.transitions);
            }
            self.state.add(place, at, &rows.inputs, row);
            touched.push(place);
        }
        if rows.without_entity > 0 {
            let count = u64::try_from(rows.without_entity).unwrap_or(u64::MAX);
            metrics::counter!("weir_rule_null_entities_total", "rule" => self.rule.name.to_string()).increment(count);
        }
        touched.sort_unstable();
        touched.dedup();
        let left: Vec<u32> = left.into_iter().filter(|place| touched.binary_search(place).is_err()).collect();
        self.judge_left(&left, at, to);
        self.judge(&touched, at, to);
        self.hits.close_ended(at, true, to.book, to.transitions);
        self.now = at;
    }

    /// Does all that is due before `until`, or with `inclusive` at it, in the order of time: buckets leave, hits end.
    pub(crate) fn advance(&mut self, until: i64, inclusive: bool, to: &mut Outcome<'_>) {
        let is_due = |at: i64| at < until || (inclusive && at == until);
        loop {
            let exit = self.state.next_exit().filter(|at| is_due(*at));
            let end = self.hits.next_end().filter(|at| is_due(*at));
            match (exit, end) {
                // What leaves at the moment of an end is judged first: a true point at the end prolongs the hit.
                (Some(exit), end) if end.is_none_or(|end| exit <= end) => {
                    let left = self.state.leave(exit);
                    self.judge_left(&left, exit, to);
                }
                (_, Some(end)) => self.hits.close_ended(end, true, to.book, to.transitions),
                _ => break,
            }
        }
        self.now = self.now.max(until);
    }

    /// Judges entities that lost a bucket, and forgets those that have none left.
    fn judge_left(&mut self, places: &[u32], at: i64, to: &mut Outcome<'_>) {
        let mut left = Vec::new();
        for &place in places {
            if self.state.is_empty(place) {
                let key = self.state.remove(place);
                self.hits.point(&key, None, at, to.book, to.transitions);
            } else if !self.shape.is_monotone() || self.state.is_true(place) {
                // What was false, and can only become less true, still is. A rule may be true without a hit: hits end.
                left.push(place);
            }
        }
        self.judge(&left, at, to);
    }

    fn judge(&mut self, places: &[u32], at: i64, to: &mut Outcome<'_>) {
        for places in places.chunks(JUDGED_TOGETHER) {
            let keys: Vec<&str> = places.iter().map(|place| self.state.key(*place)).collect();
            match self.shape.judge(keys, self.state.aggregates(places), &self.rule.headers) {
                Ok(found) => {
                    for (place, found) in places.iter().zip(found) {
                        self.state.set_true(*place, found.is_some());
                        self.hits.point(self.state.key(*place), found, at, to.book, to.transitions);
                    }
                }
                Err(error) => self.report(&error),
            }
        }
    }

    /// Contains an error: the rule says nothing this time, the others go on.
    pub(crate) fn report(&mut self, error: &DataFusionError) {
        metrics::counter!("weir_rule_errors_total", "rule" => self.rule.name.to_string()).increment(1);
        let problem = error.strip_backtrace();
        if self.problem.as_ref() != Some(&problem) {
            tracing::warn!(rule.name = %self.rule.name, rule.error = %problem, "a live rule could not be evaluated");
            self.problem = Some(problem);
        }
    }
}
