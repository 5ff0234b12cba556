//! The ground truth: who cheats, and which honest crowds look as if they did. One line of JSON an entity.
//!
//! An entity that is not listed is an ordinary person, or nobody's in particular. A label is written only of what was
//! seen: an honest crowd's when it first is, a cheat's when the cheat, or the story, is over.

use super::clock::Stamp;
use super::ids::Id;
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
    /// The family: `device_many_guests`, `card_testing`, `office`, …
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

/// What an entity that cheats has to do with it all.
pub(crate) struct Deed<'a> {
    /// The cheat that it belongs to: one person's or one gang's doing.
    pub(crate) scheme: Id,
    /// Credits that its user gained without being entitled to them; of something shared, the whole scheme.
    pub(crate) credits: i64,
    /// On the line that stands for a false identity: what it gained when.
    pub(crate) gains: &'a [Gain],
}

/// Credits gained, which is when they are spent: what was given and lies there can be taken back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gain {
    /// When, milliseconds.
    pub(crate) at_ms: i64,
    /// How many.
    pub(crate) credits: i64,
    /// They were given to a newcomer who is none; otherwise somebody else's, or not there at all.
    pub(crate) is_free: bool,
}

/// Writes one line of ground truth.
pub(crate) fn write(
    story: Story,
    (kind, entity): (&str, &str),
    deed: Option<&Deed<'_>>,
    first_at_ms: i64,
    stamp: &mut Stamp,
    out: &mut String,
) {
    let mut object = Object::open(out);
    object
        .text("entity_kind", kind)
        .text("entity", entity)
        .text("label", if story.truth == Truth::Benign { "benign" } else { "confirmed_abuse" })
        .text("family", story.family)
        .text("variant", story.variant)
        .time("first_at", first_at_ms, stamp);
    if let Some(deed) = deed {
        object.id("scheme", "sch_", deed.scheme).int("credits_gained", deed.credits);
    }
    if let Some(deed) = deed.filter(|deed| !deed.gains.is_empty()) {
        let gains = deed.gains.iter().map(|gain| format!("[{},{},{}]", gain.at_ms, gain.credits, gain.is_free));
        let gains: Vec<String> = gains.collect();
        object.raw("gains", &format!("[{}]", gains.join(",")));
    }
    object.close();
    out.push('\n');
}
