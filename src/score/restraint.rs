//! From hits to restraints, an entity at a time: a plain form of what the verdict does at every request. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use queries::rules::BacktestHits;
use queries::{EntityKind, Hit, Restraint, points_to_score};

use super::people::Entity;

/// The scores from which throttle and block follow, as in the default policy.
const THROTTLE_FROM: u8 = 50;
const BLOCK_FROM: u8 = 80;

/// What one rule found.
pub(super) struct RuleHits {
    pub(super) rule: Arc<str>,
    pub(super) found: BacktestHits,
}

impl RuleHits {
    /// Returns what its hits asked for, and for how long.
    fn phases(&self) -> Vec<Phase<'_>> {
        let key = |hit: &Arc<Hit>| (hit.entity_kind, Arc::clone(&hit.entity), hit.first_at);
        let mut states: HashMap<_, Vec<(i64, &Hit)>> = HashMap::new();
        for (at, hit) in &self.found.states {
            states.entry(key(hit)).or_default().push((*at, hit));
        }
        let mut phases = Vec::new();
        for hit in &self.found.hits {
            let states = states.remove(&key(hit)).unwrap_or_default();
            let ends = states.iter().skip(1).map(|(at, _)| *at).chain([hit.until]);
            phases.extend(states.iter().zip(ends).map(|((from, hit), until)| Phase { hit, from: *from, until }));
        }
        phases
    }
}

/// A hit for as long as it asks for the same, microseconds.
#[derive(Clone, Copy)]
struct Phase<'a> {
    hit: &'a Hit,
    from: i64,
    until: i64,
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
        let mut by_entity: HashMap<Entity, Vec<Phase<'_>>> = HashMap::new();
        for phase in rules.iter().flat_map(RuleHits::phases) {
            by_entity.entry((phase.hit.entity_kind, phase.hit.entity.to_string())).or_default().push(phase);
        }
        let spells = by_entity.into_iter().map(|(entity, phases)| {
            let spells = fold(&phases, is_shared(entity.0));
            (entity, spells)
        });
        Self(spells.filter(|(_, spells)| !spells.is_empty()).collect())
    }
}

/// The points of every entity, for as long as each hit gives them.
#[derive(Default)]
pub(super) struct Points(HashMap<Entity, Vec<(i64, i64, u8)>>);

impl Points {
    /// Reads them off the hits of all rules.
    pub(super) fn of(rules: &[RuleHits]) -> Self {
        let mut points: HashMap<Entity, Vec<(i64, i64, u8)>> = HashMap::new();
        for Phase { hit, from, until } in rules.iter().flat_map(RuleHits::phases) {
            points.entry((hit.entity_kind, hit.entity.to_string())).or_default().push((from, until, hit.points));
        }
        Self(points)
    }

    /// Returns the score of a request at a time: the highest among the entities that it names.
    pub(super) fn score(&self, named: &[Entity], at: i64) -> u8 {
        let score = |points: &Vec<(i64, i64, u8)>| {
            points_to_score(points.iter().filter(|(from, until, _)| (*from..*until).contains(&at)).map(|open| open.2))
        };
        named.iter().filter_map(|entity| self.0.get(entity)).map(score).max().unwrap_or(0)
    }
}

/// Tells whether strangers share entities of this kind: they prove little about each of them.
pub(super) const fn is_shared(kind: EntityKind) -> bool {
    matches!(kind, EntityKind::Ip | EntityKind::IpPrefix | EntityKind::Network)
}

/// Looks at an entity whenever something changes: what its open hits ask for, or their points make, whichever is stricter.
fn fold(phases: &[Phase<'_>], throttle_at_most: bool) -> Vec<Spell> {
    let mut times: Vec<i64> = phases.iter().flat_map(|phase| [phase.from, phase.until]).collect();
    times.sort_unstable();
    times.dedup();
    let mut spells: Vec<Spell> = Vec::new();
    for (from, until) in times.iter().copied().zip(times.iter().copied().skip(1)) {
        let open = || phases.iter().filter(|phase| phase.from <= from && from < phase.until).map(|phase| phase.hit);
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
        match spells.last_mut() {
            _ if restraint == Restraint::None => {}
            Some(last) if last.until == from && last.restraint == restraint => last.until = until,
            _ => spells.push(Spell { from, until, restraint }),
        }
    }
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

    /// What a rule found whose hits ask for the same all the time.
    pub(in crate::score) fn steady(hits: Vec<Arc<Hit>>) -> RuleHits {
        let states = hits.iter().map(|hit| (hit.first_at, Arc::clone(hit))).collect();
        RuleHits { rule: "rule".into(), found: BacktestHits { hits, states, approximate: false } }
    }

    fn fold_whole(hits: &[&Hit], throttle_at_most: bool) -> Vec<Spell> {
        let phases = hits.iter().map(|hit| Phase { hit, from: hit.first_at, until: hit.until });
        fold(&phases.collect::<Vec<_>>(), throttle_at_most)
    }

    #[test]
    fn points_add_up_while_hits_are_open_together() {
        let (first, second) = (hit("d", Restraint::None, 40, 10, 100), hit("d", Restraint::None, 40, 50, 80));
        let spells = fold_whole(&[&first, &second], false);
        assert_eq!(spells, [Spell { from: 50, until: 80, restraint: Restraint::Throttle }], "64 points");
        let third = hit("d", Restraint::None, 60, 60, 70);
        let restraints = |throttle_at_most| {
            let spells = fold_whole(&[&first, &second, &third], throttle_at_most);
            spells.iter().map(|spell| (spell.from, spell.until, spell.restraint)).collect::<Vec<_>>()
        };
        let (throttle, block) = (Restraint::Throttle, Restraint::Block);
        assert_eq!(restraints(false), [(50, 60, throttle), (60, 70, block), (70, 80, throttle)], "86 points");
        assert_eq!(restraints(true), [(50, 80, throttle)], "an address");
        let late = hit("d", Restraint::None, 40, 100, 200);
        assert!(fold_whole(&[&first, &late], false).is_empty(), "one after the other");
    }

    #[test]
    fn a_verdict_needs_no_points_and_browsers_never_block_by_points() {
        assert_eq!(fold_whole(&[&hit("d", Restraint::Block, 0, 1, 9)], false)[0].restraint, Restraint::Block);
        let told = Hit { browser_facts: true, ..hit("d", Restraint::None, 90, 1, 9) };
        assert_eq!(fold_whole(&[&told], false)[0].restraint, Restraint::Throttle);
    }

    #[test]
    fn a_request_scores_as_the_worst_of_those_it_names() {
        let hits = [hit("d", Restraint::None, 40, 10, 100), hit("d", Restraint::None, 40, 50, 80)];
        let points = Points::of(&[steady(hits.map(Arc::new).to_vec())]);
        let named = ["d", "e"].map(|id| (EntityKind::Device, id.to_owned()));
        assert_eq!([9, 10, 50, 80, 100].map(|at| points.score(&named, at)), [0, 40, 64, 40, 0]);
        assert_eq!(points.score(&named[1..], 50), 0);
    }

    #[test]
    fn a_hit_restrains_only_while_it_asks_for_that() {
        let states = [(10, Restraint::None), (30, Restraint::Throttle), (60, Restraint::None)];
        let states = states.map(|(at, verdict)| (at, Arc::new(hit("d", verdict, 10, 10, 90))));
        let last = Arc::clone(&states[2].1);
        let found = BacktestHits { hits: vec![last], states: states.to_vec(), approximate: false };
        let rule = RuleHits { rule: "rule".into(), found };
        let restraints = Restraints::of(&[rule]).0;
        let spells = &restraints[&(EntityKind::Device, "d".to_owned())];
        assert_eq!(spells[..], [Spell { from: 30, until: 60, restraint: Restraint::Throttle }]);
    }
}
