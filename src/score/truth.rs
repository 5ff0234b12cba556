//! The ground truth, as the simulator's labels tell it.

use std::collections::HashMap;

use anyhow::Context;
use queries::EntityKind;
use serde::Deserialize;

use super::people::Entity;

/// One line of the labels.
#[derive(Deserialize)]
struct Line {
    entity_kind: String,
    entity: String,
    label: String,
    family: String,
    variant: String,
    #[serde(default)]
    scheme: String,
    #[serde(default)]
    gains: Vec<(i64, i64, bool)>,
}

/// What is true of one person.
#[derive(Clone, Debug, Default)]
pub(super) struct Story {
    pub(super) family: String,
    /// naive, evasive, ring; organic for an honest crowd.
    pub(super) variant: String,
    pub(super) cheats: bool,
    /// The cheat that it is a part of: one person's or one gang's doing.
    pub(super) scheme: String,
    /// When how many credits were gained: microseconds, credits, and whether they were free ones.
    pub(super) gains: Vec<(i64, i64, bool)>,
}

impl Story {
    /// Returns when the first free credits were gained.
    pub(super) fn first_gain(&self) -> Option<i64> {
        self.gains.iter().filter(|(_, _, is_free)| *is_free).map(|(at, _, _)| *at).min()
    }
}

/// What is true of everybody who is no ordinary person.
pub(super) struct Truth(HashMap<Entity, Story>);

impl Truth {
    /// Reads the labels.
    pub(super) fn read(labels: &str) -> anyhow::Result<Self> {
        let mut truth = HashMap::new();
        for line in labels.lines() {
            let line: Line = serde_json::from_str(line).context("a label cannot be read")?;
            let Some(kind) = EntityKind::parse(&line.entity_kind) else { continue };
            let gains =
                line.gains.iter().map(|(at_ms, credits, is_free)| (at_ms * 1_000, *credits, *is_free)).collect();
            let cheats = line.label == "confirmed_abuse";
            let story = Story { family: line.family, variant: line.variant, cheats, scheme: line.scheme, gains };
            truth.insert((kind, line.entity), story);
        }
        Ok(Self(truth))
    }

    /// Returns what is true of a person, none of an ordinary one.
    pub(super) fn of(&self, name: &Entity) -> Option<&Story> {
        self.0.get(name)
    }
}
