//! One live rule on one kind of entity: its state and its hits, moved along in time together. It says when an entity is
//! judged: at the `received_at` of each of its events, with all events of that time in, and whenever one of its buckets
//! leaves the window. It knows no other rules and no locks (`live.rs`); a backtest moves one along just the same.
//!
//! What is to be judged waits with its aggregates as they were, so that many points are judged in one evaluation; the hits
//! then take the points in order, and end in between when they are due.

use std::sync::Arc;

use arrow::array::Array;
use datafusion::common::DataFusionError;

use crate::catalogue::SourceProblem;
use crate::hits::{Evaluation, HitBook, Lifecycle, Transition};

use super::contribution::Rows;
use super::rule::Rule;
use super::shape::LiveShape;
use super::state::State;
use super::values::Values;

/// How many points are judged together.
pub(crate) const JUDGED_TOGETHER: usize = 8_192;

/// The state and the hits of a rule for one kind of entity.
pub(crate) struct Track {
    pub(crate) rule: Arc<Rule>,
    pub(crate) shape: Arc<LiveShape>,
    pub(crate) state: State,
    pub(crate) hits: Lifecycle,
    waiting: Waiting,
    /// All that was due up to here has been done.
    now: i64,
    /// What went wrong last.
    pub(crate) problem: Option<SourceProblem>,
}

/// Where transitions go.
pub(crate) struct Outcome<'a> {
    pub(crate) book: &'a HitBook,
    pub(crate) transitions: &'a mut Vec<Transition>,
}

/// Points that wait to be judged, in the order of time.
#[derive(Default)]
struct Waiting {
    points: Vec<Point>,
    /// The entities of all points, one after the other.
    keys: String,
    /// The aggregates of the points that have some: one column a function.
    columns: Vec<Values>,
}

struct Point {
    at: i64,
    /// Where its entity ends in the keys.
    key_end: usize,
    /// The entity's place in the state; none if it has left, which makes the rule untrue of it.
    place: Option<u32>,
}

impl Waiting {
    fn push(&mut self, key: &str, place: Option<u32>, at: i64) {
        self.keys.push_str(key);
        self.points.push(Point { at, key_end: self.keys.len(), place });
    }

    /// Returns the points with their entities.
    fn iter(&self) -> impl Iterator<Item = (&Point, &str)> {
        let starts = std::iter::once(0).chain(self.points.iter().map(|point| point.key_end));
        self.points.iter().zip(starts).map(|(point, start)| (point, &self.keys[start..point.key_end]))
    }
}

impl Track {
    pub(crate) fn new(rule: Arc<Rule>, shape: Arc<LiveShape>, state: State, hits: Lifecycle) -> Self {
        Self { rule, shape, state, hits, waiting: Waiting::default(), now: i64::MIN, problem: None }
    }

    /// Puts a rebuilt state in the place of the old one: it holds all that was received up to `at`.
    pub(crate) fn reset(&mut self, state: State, at: i64) {
        (self.state, self.now) = (state, at);
    }

    /// Takes in rows in the order of their `received_at` and judges the entities they touch. All rows of one `received_at`
    /// come in one call.
    pub(crate) fn observe(&mut self, rows: &Rows, to: &mut Outcome<'_>) {
        if rows.without_entity > 0 {
            let count = u64::try_from(rows.without_entity).unwrap_or(u64::MAX);
            metrics::counter!("weir_rule_null_entities_total", "rule" => self.rule.name.to_string()).increment(count);
        }
        if let Some(times) = &rows.received_at {
            let times = times.values();
            let mut start = 0;
            while start < times.len() {
                let length = times[start..].iter().take_while(|at| **at == times[start]).count();
                self.take_in(rows, start..start + length, times[start], to);
                start += length;
            }
        }
        self.judge_waiting(to);
        self.hits.close_ended(self.now, true, to.book, to.transitions);
    }

    /// Does all that is due before `until`, or with `inclusive` at it, in the order of time: buckets leave, hits end.
    pub(crate) fn advance(&mut self, until: i64, inclusive: bool, to: &mut Outcome<'_>) {
        self.let_leave(until, inclusive, to);
        self.judge_waiting(to);
        self.hits.close_ended(until, inclusive, to.book, to.transitions);
    }

    /// Takes in the rows of one `received_at`.
    fn take_in(&mut self, rows: &Rows, places: std::ops::Range<usize>, received_at: i64, to: &mut Outcome<'_>) {
        // Time never goes back; a caller that lets it is told in the metrics, and the rows still count.
        let at = received_at.max(self.now);
        if at != received_at {
            metrics::counter!("weir_rule_late_batches_total").increment(1);
        }
        self.let_leave(at, false, to);
        let left = self.state.leave(at);
        let mut touched = Vec::with_capacity(places.len());
        for row in places.filter(|row| rows.keys.is_valid(*row)) {
            let (place, evicted) = self.state.touch(rows.keys.value(row));
            if let Some(evicted) = evicted {
                metrics::counter!("weir_rule_state_evicted_total", "rule" => self.rule.name.to_string()).increment(1);
                self.waiting.push(&evicted, None, at);
            }
            self.state.add(place, at, &rows.inputs, row);
            touched.push(place);
        }
        if touched.len() > 1 {
            touched.sort_unstable();
            touched.dedup();
        }
        for place in left {
            if touched.binary_search(&place).is_err() {
                self.ask_left(place, at);
            }
        }
        touched.iter().for_each(|place| self.ask(*place, at));
        self.now = at;
        if self.waiting.points.len() >= JUDGED_TOGETHER {
            self.judge_waiting(to);
        }
    }

    fn let_leave(&mut self, until: i64, inclusive: bool, to: &mut Outcome<'_>) {
        while let Some(exit) = self.state.next_exit().filter(|at| *at < until || (inclusive && *at == until)) {
            for place in self.state.leave(exit) {
                self.ask_left(place, exit);
            }
            if self.waiting.points.len() >= JUDGED_TOGETHER {
                self.judge_waiting(to);
            }
        }
        self.now = self.now.max(until);
    }

    /// Has an entity judged that lost a bucket, or forgets it if it has none left.
    fn ask_left(&mut self, place: u32, at: i64) {
        if self.state.is_empty(place) {
            let key = self.state.remove(place);
            self.waiting.push(&key, None, at);
        } else if !self.shape.is_monotone() || self.state.is_true(place) {
            // What was false, and can only become less true, still is. A rule may be true without a hit: hits end.
            self.ask(place, at);
        }
    }

    fn ask(&mut self, place: u32, at: i64) {
        self.waiting.push(self.state.key(place), Some(place), at);
        self.state.push_aggregates(place, &mut self.waiting.columns);
        // Unknown until it is judged: what leaves meanwhile is asked again.
        self.state.set_true(place, true);
    }

    /// Judges what waits, and gives the points to the hits.
    fn judge_waiting(&mut self, to: &mut Outcome<'_>) {
        if self.waiting.points.is_empty() {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        let columns = std::mem::take(&mut waiting.columns);
        let judged: Vec<&str> = waiting.iter().filter(|(point, _)| point.place.is_some()).map(|(_, key)| key).collect();
        let found = match judged.is_empty() {
            true => Ok((Vec::new(), None)),
            false => self.shape.judge(judged, columns, &self.rule.headers),
        };
        match found {
            Ok((found, failure)) => {
                self.apply(&waiting, found, to);
                failure.iter().for_each(|error| self.report(error));
            }
            Err(error) => self.report(&error),
        }
        waiting.points.clear();
        waiting.keys.clear();
        self.waiting = waiting;
    }

    fn apply(&mut self, waiting: &Waiting, found: Vec<Option<Evaluation>>, to: &mut Outcome<'_>) {
        let mut found = found.into_iter();
        for (point, key) in waiting.iter() {
            let found = point.place.and_then(|place| {
                let found = found.next().flatten();
                self.state.set_true(place, found.is_some());
                found
            });
            // A true point at the end of a hit prolongs it, so only what ended before is closed.
            self.hits.close_ended(point.at, false, to.book, to.transitions);
            self.hits.point(key, found, point.at, to.book, to.transitions);
        }
    }

    /// Contains an error: the rule says nothing of whom it concerns, the others go on.
    pub(crate) fn report(&mut self, error: &DataFusionError) {
        metrics::counter!("weir_rule_errors_total", "rule" => self.rule.name.to_string()).increment(1);
        let problem = self.rule.problem(error.strip_backtrace());
        if self.problem.as_ref() != Some(&problem) {
            tracing::warn!(rule.name = %self.rule.name, rule.error = %problem, "a live rule could not be evaluated");
            self.problem = Some(problem);
        }
    }
}
