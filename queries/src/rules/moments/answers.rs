//! What the parts of a rule's rows answer as time goes on, and what becomes of its hits by that.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::hits::{Evaluation, HitBook, Lifecycle, Transition};

use super::super::scheduled::{Found, points, strictest};
use super::replay::Stretch;

/// What a part answers from a moment on.
pub(super) struct Change {
    pub(super) at: i64,
    pub(super) part: usize,
    pub(super) found: Vec<(Arc<str>, Evaluation)>,
}

/// Lets the hits live through what changed, in the order of time.
pub(super) fn tell(
    changes: Vec<Change>,
    stretch: Stretch,
    hits: &mut Lifecycle,
    book: &HitBook,
    out: &mut Vec<Transition>,
) {
    let mut now = Answers::default();
    let mut changes = changes.into_iter().peekable();
    let mut at = stretch.first;
    loop {
        // Where nothing changed, every run in between found what the one before it had found.
        hits.pass_time(at, at - stretch.pace, book, out);
        let mut touched = BTreeSet::new();
        while let Some(change) = changes.next_if(|change| change.at == at) {
            now.put(change.part, change.found, &mut touched);
        }
        if at == stretch.first {
            points(hits, &now.all(), at, book, out);
        } else {
            for entity in touched {
                hits.point(&entity, now.of(&entity), at, book, out);
            }
        }
        hits.close_ended(at, true, book, out);
        match changes.peek() {
            Some(change) => at = change.at,
            None => break,
        }
    }
    hits.pass_time(stretch.last, stretch.last, book, out);
    hits.prolong_true(stretch.last, book);
}

/// What all parts answer at one time.
#[derive(Default)]
struct Answers {
    by_part: HashMap<usize, Vec<Arc<str>>>,
    by_entity: HashMap<Arc<str>, Vec<(usize, Evaluation)>>,
}

impl Answers {
    fn put(&mut self, part: usize, found: Vec<(Arc<str>, Evaluation)>, touched: &mut BTreeSet<Arc<str>>) {
        for entity in self.by_part.remove(&part).unwrap_or_default() {
            if let Some(of_entity) = self.by_entity.get_mut(&entity) {
                of_entity.retain(|(other, _)| *other != part);
                if of_entity.is_empty() {
                    self.by_entity.remove(&entity);
                }
            }
            touched.insert(entity);
        }
        for (entity, evaluation) in found {
            self.by_part.entry(part).or_default().push(Arc::clone(&entity));
            self.by_entity.entry(Arc::clone(&entity)).or_default().push((part, evaluation));
            touched.insert(entity);
        }
    }

    /// Returns what the rule says of an entity: its strictest row, of whatever part.
    fn of(&self, entity: &str) -> Option<Evaluation> {
        strictest(self.by_entity.get(entity)?.iter().map(|(_, evaluation)| evaluation)).cloned()
    }

    fn all(&self) -> Found {
        self.by_entity.keys().filter_map(|entity| Some((Arc::clone(entity), self.of(entity)?))).collect()
    }
}
