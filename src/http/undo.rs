//! What people decided on pages, so that it can be told once and undone: in memory, for an hour, a bounded number. What was
//! decided is durable elsewhere; after a restart it can be undone on the entity's page, by deciding otherwise.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use ::queries::EntityKind;

use crate::control::random_id;
use crate::verdict::{Override, Snooze};

/// For how long something can be undone.
const KEPT_US: i64 = 3_600 * 1_000_000;
/// The most decisions that are remembered.
const DECISIONS_MAX: usize = 2_000;

/// What would have to be put back.
#[derive(Clone, Debug)]
pub(crate) enum Undo {
    /// Nothing: it is an undoing itself.
    Nothing,
    /// The override before; none if there was none. `set` is what stands in its place as long as nobody else decides.
    Override { before: Option<Arc<Override>>, set: Option<Arc<Override>> },
    /// The label before; none if nobody had said anything. `set` is what was said.
    Label { before: Option<String>, set: String },
    /// The snooze of a rule before; none if it was not snoozed. `set` is when the one in its place ends; none if it was ended.
    Snooze { rule: String, before: Option<Arc<Snooze>>, set: Option<i64> },
}

/// One decision.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    /// By what it is found.
    pub(crate) id: String,
    /// The name of the key that decided.
    pub(crate) by: Arc<str>,
    /// When, microseconds since the Unix epoch.
    pub(crate) at: i64,
    /// About whom.
    pub(crate) kind: EntityKind,
    /// About whom.
    pub(crate) entity: String,
    /// What happened, in a sentence.
    pub(crate) sentence: String,
    /// What would have to be put back.
    pub(crate) undo: Undo,
}

/// The decisions of the last hour.
#[derive(Default)]
pub(crate) struct Pasts {
    list: Mutex<VecDeque<Past>>,
}

impl Pasts {
    /// Remembers a decision and returns its id.
    pub(crate) fn add(&self, past: Past) -> String {
        let id = random_id("");
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.retain(|other| past.at - other.at < KEPT_US);
        if list.len() >= DECISIONS_MAX {
            list.pop_front();
        }
        list.push_back(Past { id: id.clone(), ..past });
        id
    }

    /// Returns a decision of this key.
    pub(crate) fn find(&self, id: &str, by: &str, now: i64) -> Option<Past> {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.iter().find(|past| past.id == id && *past.by == *by && now - past.at < KEPT_US).cloned()
    }

    /// Returns the last decision of this key that can be undone.
    pub(crate) fn last(&self, by: &str, now: i64) -> Option<Past> {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let undoable = |past: &&Past| *past.by == *by && past.can_undo() && now - past.at < KEPT_US;
        list.iter().rev().find(undoable).cloned()
    }

    /// Forgets that a decision can be undone: it was.
    pub(crate) fn undone(&self, id: &str) {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        for past in list.iter_mut().filter(|past| past.id == id) {
            past.undo = Undo::Nothing;
        }
    }
}

impl Past {
    /// Tells whether there is something to put back.
    pub(crate) fn can_undo(&self) -> bool {
        !matches!(self.undo, Undo::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(by: &str, at: i64) -> Past {
        Past {
            id: String::new(),
            by: by.into(),
            at,
            kind: EntityKind::Device,
            entity: "dev_3".into(),
            sentence: "device dev_3 is labelled.".into(),
            undo: Undo::Label { before: None, set: "confirmed_abuse".to_owned() },
        }
    }

    #[test]
    fn a_decision_is_found_by_who_made_it_until_it_is_undone_or_old() {
        let pasts = Pasts::default();
        let first = pasts.add(past("ops", 1));
        let second = pasts.add(past("ops", 2));
        assert!(pasts.find(&first, "other", 3).is_none());
        assert_eq!(pasts.last("ops", 3).unwrap().id, second);
        pasts.undone(&second);
        assert_eq!(pasts.last("ops", 3).unwrap().id, first);
        assert!(!pasts.find(&second, "ops", 3).unwrap().can_undo(), "it can still be told");
        assert!(pasts.find(&first, "ops", 1 + KEPT_US).is_none());
        assert!(pasts.last("other", 3).is_none());
    }
}
