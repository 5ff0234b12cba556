//! The ground truth: who cheats, and which honest crowds look as if they did. One line of JSON an entity.
//!
//! An entity that is not listed is an ordinary person. A label is written when the entity is first seen, so that it
//! never names one that does not occur.

use super::clock::Stamp;
use super::line::Object;

/// What is true of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    /// It cheats.
    ConfirmedAbuse,
    /// It is honest, and shares something with many.
    Benign,
}

/// Which story an entity belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Story {
    /// Cheating or honest.
    pub(crate) truth: Truth,
    /// The family: `many_guests`, `card_testing`, `overspend`, `office`, …
    pub(crate) family: &'static str,
    /// How it is played: `naive`, `evasive`, `organic`, …
    pub(crate) variant: &'static str,
}

impl Story {
    /// A way of cheating.
    pub(crate) const fn abuse(family: &'static str, variant: &'static str) -> Self {
        Self { truth: Truth::ConfirmedAbuse, family, variant }
    }

    /// An honest crowd.
    pub(crate) const fn crowd(family: &'static str) -> Self {
        Self { truth: Truth::Benign, family, variant: "organic" }
    }
}

/// Writes one line of ground truth.
pub(crate) fn write(story: Story, kind: &str, entity: &str, first_at_ms: i64, stamp: &mut Stamp, out: &mut String) {
    let mut object = Object::open(out);
    object
        .text("entity_kind", kind)
        .text("entity", entity)
        .text("label", if story.truth == Truth::Benign { "benign" } else { "confirmed_abuse" })
        .text("family", story.family)
        .text("variant", story.variant)
        .time("first_at", first_at_ms, stamp);
    object.close();
    out.push('\n');
}
