//! Snoozes: rules whose hits count for nothing for a while, for everybody or for one entity. Which ones there are is
//! the control database's to keep.

use std::sync::Arc;

use queries::{EntityKind, Hit};

/// One snooze.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snooze {
    /// The rule's name.
    pub(crate) rule: Arc<str>,
    /// The entity; none for all.
    pub(crate) entity: Option<(EntityKind, Arc<str>)>,
    /// When it ends, microseconds since the Unix epoch.
    pub(crate) until: i64,
}

/// The snoozes in force. There are few, and none as a rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snoozes(Vec<Snooze>);

impl Snoozes {
    /// Takes these.
    pub(crate) const fn new(snoozes: Vec<Snooze>) -> Self {
        Self(snoozes)
    }

    /// Tells whether a hit counts for nothing at `now`.
    pub(crate) fn silence(&self, hit: &Hit, now: i64) -> bool {
        self.0.iter().any(|snooze| {
            snooze.until > now
                && snooze.rule == hit.rule
                && snooze.entity.as_ref().is_none_or(|(kind, entity)| *kind == hit.entity_kind && *entity == hit.entity)
        })
    }
}
