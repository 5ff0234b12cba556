//! Fills the state of cold rules from the lake. The rows of a cut are streamed through the very expressions and state that
//! live batches go through, a day at a time, so that a rebuilt state is the one that would have been, and so that it
//! takes no more memory than the state itself. Batches observed meanwhile wait and are taken in afterwards.
//!
//! The end of a hit depends on the last point at which its rule was true: the entity's last event, or the last time one
//! of its buckets left the window. For the few entities of which a rule is true a second pass finds the latter.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use hashbrown::HashMap;

use crate::engine::{Engine, Tables};
use crate::error::QueryError;
use crate::hits::{Evaluation, Transition};

use super::contribution::Rows;
use super::history::{FEW_ROWS, History, Past};
use super::live::{LiveRules, new_state};
use super::rule::Rule;
use super::shape::LiveShape;
use super::state::State;
use super::track::{JUDGED_TOGETHER, Outcome, Track};
use super::window::Window;

/// Why a rebuild did not end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RebuildError {
    /// The lake could not be read: try again.
    #[error("the rules' state could not be read back: {0}")]
    Query(#[from] QueryError),
    /// More events came meanwhile than may wait: try again with a newer cut.
    #[error("more events came during the rebuild than may wait; it needs a newer cut")]
    Overrun,
}

/// One rule on one kind of entity, while its state is made.
struct Draft {
    rule: Arc<Rule>,
    /// The place among the rule's kinds.
    kind: usize,
    shape: Arc<LiveShape>,
    window: Window,
    state: State,
    /// The last event of each entity.
    last_event: HashMap<Arc<str>, i64>,
    /// The entities of which the rule is true, with the last point.
    is_true: HashMap<Arc<str>, (Evaluation, i64)>,
}

impl LiveRules {
    /// Fills the state of the rules that are cold and makes them warm. `tables` is one cut, and `up_to` the last
    /// `received_at` in it. Batches observed since `up_to` are taken in behind it, earlier ones are skipped.
    ///
    /// Returns the transitions that follow, all of them recorded in the book.
    ///
    /// # Errors
    /// Rules stay cold; call it again.
    pub async fn rebuild(&self, engine: &Engine, tables: &Tables, up_to: i64) -> Result<Vec<Transition>, RebuildError> {
        let (mut drafts, past) = (self.drafts(), Past::new(engine, tables));
        let names: BTreeSet<String> = drafts.iter().map(|draft| draft.shape.table().to_owned()).collect();
        for table in &names {
            let of_table = drafts.iter_mut().filter(|draft| draft.shape.table() == table);
            fill(&past, table, &mut of_table.collect::<Vec<_>>(), up_to).await?;
        }
        for draft in &mut drafts {
            draft.judge()?;
        }
        for table in &names {
            let is_wanted = |draft: &&mut Draft| draft.shape.table() == table && !draft.is_true.is_empty();
            let mut of_table: Vec<&mut Draft> = drafts.iter_mut().filter(is_wanted).collect();
            find_last_exits(&past, table, &mut of_table, up_to).await?;
        }
        self.put(drafts, up_to)
    }

    fn drafts(&self) -> Vec<Draft> {
        let inner = self.lock();
        let cold = inner.rules.iter().filter(|live| !live.is_warm);
        let draft = |(kind, track): (usize, &Track)| Draft {
            rule: Arc::clone(&track.rule),
            kind,
            shape: Arc::clone(&track.shape),
            window: track.rule.headers.window.expect("only rules with a window run live"),
            state: new_state(&track.rule, track.shape.functions(), self.entities_max()),
            last_event: HashMap::new(),
            is_true: HashMap::new(),
        };
        cold.flat_map(|live| live.tracks.iter().enumerate().map(draft)).collect()
    }

    /// Puts the drafts in place, settles the hits, and takes in what waited.
    fn put(&self, drafts: Vec<Draft>, up_to: i64) -> Result<Vec<Transition>, RebuildError> {
        let mut inner = self.lock();
        let waiting = inner.queue.since(up_to).ok_or(RebuildError::Overrun)?;
        let mut transitions = Vec::new();
        let mut to = Outcome { book: self.book(), transitions: &mut transitions };
        for draft in drafts {
            let is_rule = |live: &&mut super::live::LiveRule| Arc::ptr_eq(&live.rule, &draft.rule);
            // It may have been replaced meanwhile.
            let Some(live) = inner.rules.iter_mut().find(is_rule) else { continue };
            let track = &mut live.tracks[draft.kind];
            track.reset(draft.state, up_to);
            track.hits.settle(&draft.is_true, up_to, to.book, to.transitions);
            let is_last = draft.kind + 1 == live.tracks.len();
            if is_last {
                for waiting in &waiting {
                    live.observe(&waiting.table, &waiting.batch, waiting.received_at, &mut to);
                }
                live.is_warm = true;
            }
        }
        if inner.rules.iter().all(|live| live.is_warm) {
            inner.queue.clear();
        }
        drop(inner);
        transitions.sort_by_key(|transition| transition.at);
        Ok(transitions)
    }
}

impl Draft {
    fn add(&mut self, batch: &RecordBatch, up_to: i64) -> Result<(), QueryError> {
        let rows = self.rows(batch)?;
        for (row, (key, at)) in times_of(&rows).enumerate() {
            let Some(key) = key.filter(|_| self.window.contains(at, up_to)) else { continue };
            let (place, evicted) = self.state.touch(key);
            if let Some(evicted) = evicted {
                self.last_event.remove(&*evicted);
            }
            self.state.add(place, at, &rows.inputs, row);
            match self.last_event.get_mut(key) {
                Some(last) => *last = (*last).max(at),
                None => _ = self.last_event.insert(Arc::from(key), at),
            }
        }
        Ok(())
    }

    fn judge(&mut self) -> Result<(), QueryError> {
        for places in self.state.places().chunks(JUDGED_TOGETHER) {
            let keys: Vec<&str> = places.iter().map(|place| self.state.key(*place)).collect();
            let judged = self.shape.judge(keys, self.state.aggregates(places), &self.rule.headers);
            // What fails here says nothing, as it would have said live; the others go on.
            let (judged, _) = judged.map_err(|error| failed(&self.rule, &error))?;
            for (place, found) in places.iter().zip(judged) {
                let Some(found) = found else { continue };
                self.state.set_true(*place, true);
                let key = self.state.key(*place);
                let last = self.last_event.get(key).copied().unwrap_or(i64::MIN);
                self.is_true.insert(Arc::from(key), (found, last));
            }
        }
        self.last_event = HashMap::new();
        Ok(())
    }

    /// Notes when buckets of true entities left the window.
    fn note_exits(&mut self, batch: &RecordBatch, up_to: i64) -> Result<(), QueryError> {
        let rows = self.rows(batch)?;
        for (key, at) in times_of(&rows) {
            let exit = self.window.exit(self.window.bucket(at));
            if let Some((_, last)) = key.and_then(|key| self.is_true.get_mut(key))
                && exit <= up_to
            {
                *last = (*last).max(exit);
            }
        }
        Ok(())
    }

    fn rows(&self, batch: &RecordBatch) -> Result<Rows, QueryError> {
        let rows = self.shape.rows(batch, None).map_err(|error| failed(&self.rule, &error));
        rows.map(|(rows, _)| rows)
    }
}

fn failed(rule: &Rule, error: &datafusion::common::DataFusionError) -> QueryError {
    QueryError::Internal(format!("rule {}: {}", rule.name, error.strip_backtrace()))
}

fn times_of(rows: &Rows) -> impl Iterator<Item = (Option<&str>, i64)> {
    let times = rows.received_at.as_ref();
    rows.keys.iter().enumerate().map(move |(row, key)| match times {
        Some(times) => (key, times.value(row)),
        None => (None, 0),
    })
}

async fn fill(past: &Past<'_>, table: &str, drafts: &mut [&mut Draft], up_to: i64) -> Result<(), QueryError> {
    let Some(from) = drafts.iter().map(|draft| draft.window.start(up_to)).min() else { return Ok(()) };
    let history = history(past, table, drafts, (from, up_to));
    for slice in history.slices(FEW_ROWS).await? {
        let add = |batch: &RecordBatch| drafts.iter_mut().try_for_each(|draft| draft.add(batch, up_to));
        history.read(&slice, add).await?;
    }
    Ok(())
}

async fn find_last_exits(
    past: &Past<'_>,
    table: &str,
    drafts: &mut [&mut Draft],
    up_to: i64,
) -> Result<(), QueryError> {
    // A bucket that left after the entity's last event, which is in the window, is at most one window older than that.
    let range = drafts.iter().map(|draft| {
        let start = draft.window.start(up_to);
        (start - draft.window.length_us(), start - 1)
    });
    let Some(range) = range.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else { return Ok(()) };
    let history = history(past, table, drafts, range);
    for slice in history.slices(FEW_ROWS).await? {
        let note = |batch: &RecordBatch| drafts.iter_mut().try_for_each(|draft| draft.note_exits(batch, up_to));
        history.read(&slice, note).await?;
    }
    Ok(())
}

fn history<'a>(past: &'a Past<'a>, table: &'a str, drafts: &[&mut Draft], range: (i64, i64)) -> History<'a> {
    History::of(past, table, drafts.iter().map(|draft| &*draft.shape), range)
}
