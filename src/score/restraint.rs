//! From hits to restraints, an entity at a time: a plain form of what the verdict does at every request. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use queries::{EntityKind, Hit, Restraint, points_to_score};

use super::people::Entity;

/// The scores from which throttle and block follow, as in the default policy.
const THROTTLE_FROM: u8 = 50;
const BLOCK_FROM: u8 = 80;

/// What one rule found.
pub(super) struct RuleHits {
    pub(super) rule: Arc<str>,
    pub(super) hits: Vec<Arc<Hit>>,
    pub(super) approximate: bool,
}

/// An entity restrained for a while, microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spell {
    pub(super) from: i64,
    pub(super) until: i64,
    pub(super) restraint: Restraint,
}

/// Every entity that is restrained at some time.
pub(super) struct Restraints(pub(super) HashMap<Entity, Vec<Spell>>);

impl Restraints {
    /// Folds the hits of all rules together.
    pub(super) fn of(rules: &[RuleHits]) -> Self {
        let mut by_entity: HashMap<Entity, Vec<&Hit>> = HashMap::new();
        for hit in rules.iter().flat_map(|rule| &rule.hits) {
            by_entity.entry((hit.entity_kind, hit.entity.to_string())).or_default().push(hit);
        }
        let spells = by_entity.into_iter().map(|(entity, hits)| {
            let spells = fold(&hits, is_shared(entity.0));
            (entity, spells)
        });
        Self(spells.filter(|(_, spells)| !spells.is_empty()).collect())
    }
}

/// Tells whether strangers share entities of this kind: they prove little about each of them.
pub(super) const fn is_shared(kind: EntityKind) -> bool {
    matches!(kind, EntityKind::Ip | EntityKind::IpPrefix | EntityKind::Network)
}

/// Looks at an entity whenever a hit opens: what its open hits ask for, or their points make, whichever is stricter.
fn fold(hits: &[&Hit], throttle_at_most: bool) -> Vec<Spell> {
    let mut spells = Vec::new();
    for from in hits.iter().map(|hit| hit.first_at) {
        let open = || hits.iter().filter(|hit| hit.first_at <= from && from < hit.until);
        let asked = open().map(|hit| hit.verdict).max().unwrap_or(Restraint::None);
        let score = points_to_score(open().map(|hit| hit.points));
        // Facts of browsers never lead to a block.
        let firm = points_to_score(open().filter(|hit| !hit.browser_facts).map(|hit| hit.points));
        let scored = match (firm, score) {
            (BLOCK_FROM.., _) => Restraint::Block,
            (_, THROTTLE_FROM..) => Restraint::Throttle,
            _ => Restraint::None,
        };
        let most = if throttle_at_most { Restraint::Throttle } else { Restraint::Block };
        let restraint = asked.max(scored).min(most);
        if restraint > Restraint::None {
            spells.push(Spell { from, until: open().map(|hit| hit.until).max().unwrap_or(from), restraint });
        }
    }
    spells.sort_unstable_by_key(|spell| spell.from);
    spells
}

#[cfg(test)]
pub(super) mod tests {
    use queries::{Mode, StepUp};

    use super::*;

    /// A hit of one device.
    pub(in crate::score) fn hit(entity: &str, verdict: Restraint, points: u8, first_at: i64, until: i64) -> Hit {
        Hit {
            rule: "rule".into(),
            version: "v".into(),
            entity_kind: EntityKind::Device,
            entity: entity.into(),
            mode: Mode::Shadow,
            verdict,
            step_up: StepUp::None,
            points,
            observed: 1,
            threshold: 1,
            window: "1h".into(),
            actions: Arc::new([]),
            browser_facts: false,
            component: None,
            first_at,
            until,
        }
    }

    #[test]
    fn points_add_up_while_hits_are_open_together() {
        let (first, second) = (hit("d", Restraint::None, 40, 10, 100), hit("d", Restraint::None, 40, 50, 80));
        let spells = fold(&[&first, &second], false);
        assert_eq!(spells, [Spell { from: 50, until: 100, restraint: Restraint::Throttle }], "64 points");
        let third = hit("d", Restraint::None, 60, 60, 70);
        assert_eq!(fold(&[&first, &second, &third], false)[1].restraint, Restraint::Block, "86 points");
        assert_eq!(fold(&[&first, &second, &third], true)[1].restraint, Restraint::Throttle, "an address");
        let late = hit("d", Restraint::None, 40, 100, 200);
        assert!(fold(&[&first, &late], false).is_empty(), "one after the other");
    }

    #[test]
    fn a_verdict_needs_no_points_and_browsers_never_block_by_points() {
        assert_eq!(fold(&[&hit("d", Restraint::Block, 0, 1, 9)], false)[0].restraint, Restraint::Block);
        let told = Hit { browser_facts: true, ..hit("d", Restraint::None, 90, 1, 9) };
        assert_eq!(fold(&[&told], false)[0].restraint, Restraint::Throttle);
    }
}
