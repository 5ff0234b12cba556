//! How one rule's hits open, change and close as its entities are evaluated. Pure but for the book it keeps up to date:
//! time comes in with each evaluation and never goes back. The live and the scheduled way share it.
//!
//! A hit opens at the first true point and ends `ttl` after the last one; a true point at the very end still prolongs it.
//! Rows of the table `hits` are few: a point that only prolongs a hit writes none. So that a restart still knows every
//! end, the row is made up for when the rule stops being true (`edge`); while it is true, the end follows from the events.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use hashbrown::HashMap;

use super::book::HitBook;
use super::hit::{EndCause, EntityKind, Hit, Mode, Restraint, StepUp, Transition};

/// The most hits that one rule holds open for one kind of entity; further ones are refused and counted.
const OPEN_HITS_MAX: usize = 1_000_000;

/// What all hits of one rule have in common.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) rule: Arc<str>,
    pub(crate) version: Arc<str>,
    pub(crate) entity_kind: EntityKind,
    pub(crate) mode: Mode,
    pub(crate) step_up: StepUp,
    pub(crate) window: Arc<str>,
    pub(crate) actions: Arc<[Arc<str>]>,
    pub(crate) browser_facts: bool,
    pub(crate) ttl_us: i64,
    /// The share of entities, in millionths, for which a live rule is live.
    pub(crate) rollout_ppm: u32,
}

impl Terms {
    /// Returns the mode for one entity: outside the rollout's share a live rule is in shadow.
    fn mode_for(&self, entity: &str) -> Mode {
        if self.mode != Mode::Live || self.rollout_ppm >= 1_000_000 {
            return self.mode;
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.rule.as_bytes()).update(&[0]).update(entity.as_bytes());
        let first: [u8; 4] = hasher.finalize().as_bytes()[..4].try_into().expect("a hash has 32 bytes");
        let place = (u64::from(u32::from_le_bytes(first)) * 1_000_000) >> 32;
        if place < u64::from(self.rollout_ppm) { Mode::Live } else { Mode::Shadow }
    }
}

/// What a true point found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Evaluation {
    pub(crate) observed: i64,
    pub(crate) threshold: i64,
    pub(crate) verdict: Restraint,
    pub(crate) points: u8,
    /// The component that the entity is found in, where the rule names one.
    pub(crate) component: Option<Arc<str>>,
}

struct OpenHit {
    hit: Arc<Hit>,
    /// Whether the last point was true.
    is_true: bool,
    /// Its end, as the last row of the table says.
    until_written: i64,
    /// The largest value observed, as the last rows say.
    observed_written: i64,
    /// Restored, and not evaluated since: its end may be later than the table says.
    is_unsettled: bool,
}

/// The hits of one rule on one kind of entity.
pub(crate) struct Lifecycle {
    terms: Terms,
    open: HashMap<Arc<str>, OpenHit>,
    /// One entry a hit, at an end it had; when it comes up, the hit may have been prolonged.
    ends: BinaryHeap<Reverse<(i64, Arc<str>)>>,
}

impl Lifecycle {
    pub(crate) fn new(terms: Terms) -> Self {
        Self { terms, open: HashMap::new(), ends: BinaryHeap::new() }
    }

    pub(crate) fn entity_kind(&self) -> EntityKind {
        self.terms.entity_kind
    }

    /// Tells whether the rule was true of this entity at its last point.
    pub(crate) fn is_true(&self, entity: &str) -> bool {
        self.open.get(entity).is_some_and(|open| open.is_true)
    }

    /// Returns the entities that have a hit which is not closed.
    pub(crate) fn entities(&self) -> impl Iterator<Item = &Arc<str>> {
        self.open.keys()
    }

    /// Records one point: what was found true of the entity at `at`, or nothing.
    pub(crate) fn point(
        &mut self,
        entity: &str,
        found: Option<Evaluation>,
        at: i64,
        book: &HitBook,
        out: &mut Vec<Transition>,
    ) {
        match (found, self.open.get_mut(entity)) {
            (None, None) => {}
            (None, Some(open)) => edge(open, at, out),
            (Some(found), Some(open)) => renew(open, found, at.saturating_add(self.terms.ttl_us), at, book, out),
            (Some(found), None) => self.open_hit(entity, found, at, at, book, out),
        }
    }

    /// Closes the hits that ended before `at`, or with `inclusive` at `at`, in the order of their ends.
    pub(crate) fn close_ended(&mut self, at: i64, inclusive: bool, book: &HitBook, out: &mut Vec<Transition>) {
        while let Some(Reverse((due, _))) = self.ends.peek() {
            if *due > at || (*due == at && !inclusive) {
                break;
            }
            let Some(Reverse((due, entity))) = self.ends.pop() else { break };
            self.close_if_over(due, entity, book, out);
        }
    }

    /// Closes a hit that came up at an end it had, unless it has a later one by now.
    fn close_if_over(&mut self, due: i64, entity: Arc<str>, book: &HitBook, out: &mut Vec<Transition>) {
        let Some(open) = self.open.get(&entity) else { return };
        if open.hit.until > due {
            self.ends.push(Reverse((open.hit.until, entity)));
        } else if let Some(open) = self.open.remove(&entity) {
            book.remove(&open.hit);
            let ended_at = open.hit.until;
            out.push(Transition::closed(open.hit, ended_at, EndCause::Expired));
        }
    }

    /// Closes the hits that ended before `at`, where nothing was evaluated since because nothing could have changed: an
    /// entity of which the rule was true counts as evaluated up to `last`, and as true.
    pub(crate) fn pass_time(&mut self, at: i64, last: i64, book: &HitBook, out: &mut Vec<Transition>) {
        while self.ends.peek().is_some_and(|Reverse((due, _))| *due < at) {
            let Some(Reverse((due, entity))) = self.ends.pop() else { break };
            if let Some(open) = self.open.get_mut(&entity).filter(|open| open.is_true) {
                prolong(open, last.saturating_add(self.terms.ttl_us), book);
            }
            self.close_if_over(due, entity, book, out);
        }
    }

    /// Counts every entity of which the rule was true as evaluated at `last`, and as true.
    pub(crate) fn prolong_true(&mut self, last: i64, book: &HitBook) {
        for open in self.open.values_mut().filter(|open| open.is_true) {
            prolong(open, last.saturating_add(self.terms.ttl_us), book);
        }
    }

    /// Closes everything at `at`: the rule is gone, off, or has a new text.
    pub(crate) fn close_all(&mut self, at: i64, cause: EndCause, book: &HitBook, out: &mut Vec<Transition>) {
        self.ends.clear();
        let mut open: Vec<OpenHit> = self.open.drain().map(|(_, open)| open).collect();
        open.sort_by(|a, b| a.hit.entity.cmp(&b.hit.entity));
        for open in open {
            book.remove(&open.hit);
            let hit = Hit { until: open.hit.until.min(at), ..(*open.hit).clone() };
            out.push(Transition::closed(Arc::new(hit), at, cause));
        }
    }

    /// Forgets an entity without a row: it was erased.
    pub(crate) fn forget(&mut self, entity: &str, book: &HitBook) {
        if let Some(open) = self.open.remove(entity) {
            book.remove(&open.hit);
            self.ends.retain(|Reverse((_, other))| **other != *entity);
        }
    }

    /// Sets the rule's mode; each open hit whose mode changes by it has a row.
    pub(crate) fn set_mode(&mut self, mode: Mode, at: i64, book: &HitBook, out: &mut Vec<Transition>) {
        self.terms.mode = mode;
        for open in self.open.values_mut() {
            let mode = self.terms.mode_for(&open.hit.entity);
            if open.hit.mode != mode {
                open.hit = Arc::new(Hit { mode, ..(*open.hit).clone() });
                write_change(open, at, book, out);
            }
        }
    }

    /// Takes a hit over from the table `hits`. It stays out of the ends until [`Self::settle`] knows its end.
    pub(crate) fn adopt(&mut self, hit: Hit, now: i64, book: &HitBook) {
        let mode = self.terms.mode_for(&hit.entity);
        let terms = &self.terms;
        let hit = Arc::new(Hit {
            mode,
            step_up: terms.step_up,
            window: Arc::clone(&terms.window),
            actions: Arc::clone(&terms.actions),
            browser_facts: terms.browser_facts,
            ..hit
        });
        if hit.until > now {
            book.put(Arc::clone(&hit));
        }
        let (until_written, observed_written) = (hit.until, hit.observed);
        let entity = Arc::clone(&hit.entity);
        self.open.insert(entity, OpenHit { hit, is_true: true, until_written, observed_written, is_unsettled: true });
    }

    /// Opens a hit that a replay of the past found, unless the entity has one or it has ended: its last true point lies
    /// behind the window, so the state alone does not tell of it.
    pub(crate) fn resume(&mut self, hit: &Hit, at: i64, book: &HitBook, out: &mut Vec<Transition>) {
        if hit.until <= at || self.open.contains_key(&hit.entity) || self.open.len() >= OPEN_HITS_MAX {
            return;
        }
        let hit = Arc::new(Hit { mode: self.terms.mode_for(&hit.entity), ..hit.clone() });
        book.put(Arc::clone(&hit));
        out.push(Transition::opened(Arc::clone(&hit), at));
        self.ends.push(Reverse((hit.until, Arc::clone(&hit.entity))));
        let (until_written, observed_written) = (hit.until, hit.observed);
        let entity = Arc::clone(&hit.entity);
        self.open.insert(entity, OpenHit { hit, is_true: false, until_written, observed_written, is_unsettled: false });
    }

    /// Brings the hits in line with a state that was read anew as of `at`: `is_true` holds the entities of which the rule
    /// is true, with the last point at which it was evaluated. Restored hits learn their end, missing ones open, and
    /// those that have ended close.
    pub(crate) fn settle(
        &mut self,
        is_true: &HashMap<Arc<str>, (Evaluation, i64)>,
        at: i64,
        book: &HitBook,
        out: &mut Vec<Transition>,
    ) {
        let mut known: Vec<Arc<str>> = self.open.keys().cloned().collect();
        known.sort_unstable();
        for entity in known {
            let Some(open) = self.open.get_mut(&entity) else { continue };
            if std::mem::take(&mut open.is_unsettled) {
                self.ends.push(Reverse((open.hit.until, Arc::clone(&entity))));
            }
            match is_true.get(&entity) {
                Some((found, last)) => {
                    let until = last.saturating_add(self.terms.ttl_us).max(open.hit.until);
                    renew(open, found.clone(), until, at, book, out);
                }
                None => edge(open, at, out),
            }
        }
        let mut missing: Vec<_> = is_true.iter().filter(|(entity, _)| !self.open.contains_key(*entity)).collect();
        missing.sort_unstable_by_key(|(entity, _)| Arc::clone(entity));
        for (entity, (found, last)) in missing {
            // True all along, but so long ago that its hit has ended since.
            if last.saturating_add(self.terms.ttl_us) > at {
                self.open_hit(entity, found.clone(), *last, at, book, out);
            }
        }
        self.close_ended(at, true, book, out);
    }

    fn open_hit(
        &mut self,
        entity: &str,
        found: Evaluation,
        point: i64,
        at: i64,
        book: &HitBook,
        out: &mut Vec<Transition>,
    ) {
        if self.open.len() >= OPEN_HITS_MAX {
            metrics::counter!("weir_rule_hits_refused_total", "rule" => self.terms.rule.to_string()).increment(1);
            return;
        }
        let terms = &self.terms;
        let until = point.saturating_add(terms.ttl_us);
        let entity: Arc<str> = Arc::from(entity);
        let hit = Arc::new(Hit {
            rule: Arc::clone(&terms.rule),
            version: Arc::clone(&terms.version),
            entity_kind: terms.entity_kind,
            entity: Arc::clone(&entity),
            mode: terms.mode_for(&entity),
            verdict: found.verdict,
            step_up: terms.step_up,
            points: found.points,
            component: found.component,
            observed: found.observed,
            threshold: found.threshold,
            window: Arc::clone(&terms.window),
            actions: Arc::clone(&terms.actions),
            browser_facts: terms.browser_facts,
            first_at: point,
            until,
        });
        book.put(Arc::clone(&hit));
        out.push(Transition::opened(Arc::clone(&hit), at));
        self.ends.push(Reverse((until, Arc::clone(&entity))));
        let open =
            OpenHit { hit, is_true: true, until_written: until, observed_written: found.observed, is_unsettled: false };
        self.open.insert(entity, open);
    }
}

/// The rule stopped being true: the table learns the end, if it has moved since the last row.
fn edge(open: &mut OpenHit, at: i64, out: &mut Vec<Transition>) {
    if open.is_true && open.hit.until != open.until_written {
        open.until_written = open.hit.until;
        out.push(Transition::changed(Arc::clone(&open.hit), at));
    }
    open.is_true = false;
}

fn prolong(open: &mut OpenHit, until: i64, book: &HitBook) {
    if until > open.hit.until {
        open.hit = Arc::new(Hit { until, ..(*open.hit).clone() });
        book.put(Arc::clone(&open.hit));
    }
}

fn renew(open: &mut OpenHit, found: Evaluation, until: i64, at: i64, book: &HitBook, out: &mut Vec<Transition>) {
    let hit = &open.hit;
    let is_row = hit.verdict != found.verdict
        || hit.points != found.points
        || hit.component != found.component
        || found.observed > open.observed_written;
    open.is_true = true;
    open.hit = Arc::new(Hit {
        verdict: found.verdict,
        points: found.points,
        observed: found.observed,
        threshold: found.threshold,
        component: found.component,
        until,
        ..(**hit).clone()
    });
    if is_row {
        write_change(open, at, book, out);
    } else {
        book.put(Arc::clone(&open.hit));
    }
}

fn write_change(open: &mut OpenHit, at: i64, book: &HitBook, out: &mut Vec<Transition>) {
    open.until_written = open.hit.until;
    open.observed_written = open.observed_written.max(open.hit.observed);
    book.put(Arc::clone(&open.hit));
    out.push(Transition::changed(Arc::clone(&open.hit), at));
}

#[cfg(test)]
mod tests;
