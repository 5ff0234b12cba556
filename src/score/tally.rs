//! Counts: who was restrained, rightly or not, and what the cheats had gained by then. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use queries::Restraint;
use serde::Serialize;

use super::ScoreArgs;
use super::people::{Entity, People, Sighting};
use super::restraint::{Restraints, RuleHits, Spell, is_shared};
use super::truth::Truth;
use crate::simulate::families;

/// Everything that is printed.
#[derive(Debug, Serialize)]
pub(super) struct Scores {
    pub(super) seed: u64,
    pub(super) events: u64,
    pub(super) days: u16,
    pub(super) families: Vec<FamilyScore>,
    pub(super) rules: Vec<RuleScore>,
    /// Honest people who share something with many.
    pub(super) twins: Vec<GroupScore>,
    /// All honest people, the twins included.
    pub(super) good: GroupScore,
    /// Entities that are restrained at some time, and of them those of cheats.
    pub(super) restrained: Share,
    /// Entities that are blocked at some time, and of them those of cheats.
    pub(super) blocked: Share,
    /// False identities of all families, and those of them that are restrained.
    pub(super) naive: Share,
    pub(super) evasive: Share,
    /// Free credits that cheats spend, and of them before the first restraint.
    pub(super) credits: Share,
    /// Of the same, what the first false identity of each cheat spends: before it there is nobody to know it by.
    pub(super) first: Share,
}

/// How well one family is caught.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct FamilyScore {
    pub(super) family: String,
    /// False identities, and those of them that are restrained.
    pub(super) all: Share,
    pub(super) naive: Share,
    pub(super) evasive: Share,
    /// Free credits spent, and of them before the first restraint.
    pub(super) leaked: Share,
    /// The same credits, and of them those of each cheat's first false identity.
    pub(super) first: Share,
    /// Credits of others, or that were not there, and of them before the first restraint.
    pub(super) lost: Share,
}

/// What one rule found.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RuleScore {
    pub(super) rule: String,
    /// Entities with a hit, and of them those of cheats.
    pub(super) entities: Share,
    pub(super) approximate: bool,
}

/// How many honest people of a group are in the way of the rules.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct GroupScore {
    pub(super) group: String,
    pub(super) restrained: Share,
    pub(super) blocked: Share,
}

/// Some of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Share {
    pub(super) some: i64,
    pub(super) of: i64,
}

/// Since when somebody is restrained, and whether they are blocked at some time.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    since: Option<i64>,
    blocked: bool,
}

impl Share {
    fn count(&mut self, is_one: bool) {
        self.of += 1;
        self.some += i64::from(is_one);
    }

    fn and(self, other: Self) -> Self {
        Self { some: self.some + other.some, of: self.of + other.of }
    }

    /// Returns it as a number from 0 to 1; none of nothing.
    pub(super) fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.some as f64 / self.of as f64)
    }
}

impl Scores {
    /// Counts everything.
    pub(super) fn count(
        args: &ScoreArgs,
        people: &People,
        truth: &Truth,
        hits: &[RuleHits],
        restraints: &Restraints,
    ) -> Self {
        let fates = fates(people, restraints);
        let families = count_families(people, truth, &fates);
        let (good, twins) = count_good(people, truth, &fates);
        let (mut restrained, mut blocked) = (Share::default(), Share::default());
        for (entity, spells) in &restraints.0 {
            let when = |spell: &Spell| (spell.from, spell.until);
            restrained.count(is_cheats(people, truth, entity, spells.iter().map(when)));
            let blocks = spells.iter().filter(|spell| spell.restraint == Restraint::Block);
            if blocks.clone().next().is_some() {
                blocked.count(is_cheats(people, truth, entity, blocks.map(when)));
            }
        }
        let all = |of: fn(&FamilyScore) -> Share| families.iter().map(of).fold(Share::default(), Share::and);
        let (naive, evasive) = (all(|family| family.naive), all(|family| family.evasive));
        let (credits, first) = (all(|family| family.leaked), all(|family| family.first));
        let rules = hits.iter().map(|rule| count_rule(people, truth, rule)).collect();
        Self {
            seed: args.seed,
            events: args.events,
            days: args.days,
            families,
            rules,
            twins,
            good,
            restrained,
            blocked,
            naive,
            evasive,
            credits,
            first,
        }
    }
}

fn fates(people: &People, restraints: &Restraints) -> Vec<Fate> {
    let mut fates = vec![Fate::default(); people.names.len()];
    for (entity, spells) in &restraints.0 {
        for sighting in people.seen.get(entity).into_iter().flatten() {
            let fate = &mut fates[sighting.person];
            for Spell { from, until, restraint } in spells {
                if meets(entity, sighting, (*from, *until)) {
                    fate.since = Some(fate.since.map_or(*from, |since| since.min(*from)));
                    fate.blocked |= *restraint == Restraint::Block;
                }
            }
        }
    }
    fates
}

/// Tells whether a restraint is this person's: it lasts when they come or begins after it; a shared entity's only while
/// they are there.
fn meets(entity: &Entity, sighting: &Sighting, (from, until): (i64, i64)) -> bool {
    until > sighting.first && (from <= sighting.last || !is_shared(entity.0))
}

/// Tells whether at least half of those whom an entity names at such a time cheat.
fn is_cheats(
    people: &People,
    truth: &Truth,
    entity: &Entity,
    spells: impl Iterator<Item = (i64, i64)> + Clone,
) -> bool {
    let sightings = people.seen.get(entity).into_iter().flatten();
    let met = sightings.filter(|sighting| spells.clone().any(|spell| meets(entity, sighting, spell)));
    let named: BTreeSet<usize> = met.map(|sighting| sighting.person).collect();
    let cheats = named.iter().filter(|person| truth.of(&people.names[**person]).is_some_and(|story| story.cheats));
    2 * cheats.count() >= named.len() && !named.is_empty()
}

fn count_families(people: &People, truth: &Truth, fates: &[Fate]) -> Vec<FamilyScore> {
    let cheats = || {
        let stories = people.names.iter().zip(fates).map(|(name, fate)| (truth.of(name), fate));
        stories.filter_map(|(story, fate)| story.filter(|story| story.cheats).map(|story| (story, fate)))
    };
    let mut first: HashMap<&str, i64> = HashMap::new();
    for (story, _) in cheats() {
        if let Some(at) = story.first_gain() {
            first.entry(&story.scheme).and_modify(|known| *known = at.min(*known)).or_insert(at);
        }
    }
    let mut scores: BTreeMap<&str, FamilyScore> = BTreeMap::new();
    for (story, fate) in cheats() {
        let score = scores.entry(&story.family).or_default();
        let caught = fate.since.is_some();
        score.all.count(caught);
        match story.variant.as_str() {
            "naive" => score.naive.count(caught),
            _ => score.evasive.count(caught),
        }
        let is_first = story.first_gain().is_some_and(|at| first[&*story.scheme] == at);
        for (at, gained, is_free) in &story.gains {
            let leaked = if fate.since.is_none_or(|since| *at <= since) { *gained } else { 0 };
            if *is_free {
                score.leaked = score.leaked.and(Share { some: leaked, of: *gained });
                score.first = score.first.and(Share { some: if is_first { *gained } else { 0 }, of: *gained });
            } else {
                score.lost = score.lost.and(Share { some: leaked, of: *gained });
            }
        }
    }
    let named =
        families().map(|family| FamilyScore { family: family.to_owned(), ..scores.remove(family).unwrap_or_default() });
    named.collect()
}

fn count_good(people: &People, truth: &Truth, fates: &[Fate]) -> (GroupScore, Vec<GroupScore>) {
    let mut good = GroupScore { group: "everybody honest".to_owned(), ..GroupScore::default() };
    let mut twins: HashMap<&str, GroupScore> = HashMap::new();
    for (name, fate) in people.names.iter().zip(fates) {
        let story = truth.of(name);
        if story.is_some_and(|story| story.cheats) {
            continue;
        }
        let twin = story.map(|story| twins.entry(&story.family).or_default());
        for group in std::iter::once(&mut good).chain(twin) {
            group.restrained.count(fate.since.is_some());
            group.blocked.count(fate.blocked);
        }
    }
    let mut twins: Vec<GroupScore> =
        twins.into_iter().map(|(group, score)| GroupScore { group: group.to_owned(), ..score }).collect();
    twins.sort_by(|a, b| a.group.cmp(&b.group));
    (good, twins)
}

fn count_rule(people: &People, truth: &Truth, rule: &RuleHits) -> RuleScore {
    let mut spells: BTreeMap<Entity, Vec<(i64, i64)>> = BTreeMap::new();
    for hit in &rule.found.hits {
        spells.entry((hit.entity_kind, hit.entity.to_string())).or_default().push((hit.first_at, hit.until));
    }
    let mut entities = Share::default();
    for (entity, spells) in &spells {
        entities.count(is_cheats(people, truth, entity, spells.iter().copied()));
    }
    RuleScore { rule: rule.rule.to_string(), entities, approximate: rule.found.approximate }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use queries::EntityKind;

    use super::super::restraint::tests::{hit, steady};
    use super::*;

    fn share(some: i64, of: i64) -> Share {
        Share { some, of }
    }

    /// Two false identities on one device, one honest person on another, and one whom a rule takes for a cheat.
    fn scores() -> Scores {
        let mut people = People::default();
        for (workspace, device, first) in
            [("ws_1", "dev_1", 10), ("ws_2", "dev_1", 60), ("ws_3", "dev_3", 10), ("ws_4", "dev_4", 10)]
        {
            let entities = [(EntityKind::Workspace, workspace), (EntityKind::Device, device)];
            people.see(entities.map(|(kind, id)| (kind, id.to_owned())).to_vec(), first, first + 5);
        }
        let label = |workspace: &str, label: &str, family: &str, variant: &str, gains: &str| {
            format!(
                r#"{{"entity_kind":"workspace","entity":"{workspace}","label":"{label}","family":"{family}","variant":"{variant}","scheme":"sch_1","gains":{gains}}}"#
            )
        };
        let labels = [
            label("ws_1", "confirmed_abuse", "bind_farm", "naive", "[[0,50,true]]"),
            label("ws_2", "confirmed_abuse", "bind_farm", "evasive", "[[1,30,true],[1,7,false]]"),
            label("ws_4", "benign", "office", "organic", "[]"),
        ];
        let truth = Truth::read(&labels.join("\n")).expect("labels");
        let hits = [hit("dev_1", Restraint::Throttle, 40, 50, 900), hit("dev_4", Restraint::Block, 0, 12, 900)];
        let hits = [steady(hits.map(Arc::new).to_vec())];
        let args = ScoreArgs { seed: 1, events: 1, days: 1, rules: Vec::new(), pace: None, json: false };
        Scores::count(&args, &people, &truth, &hits, &Restraints::of(&hits))
    }

    #[test]
    fn recall_precision_and_leakage_are_counted() {
        let scores = scores();
        let family = scores.families.iter().find(|family| family.family == "bind_farm").expect("a family");
        assert_eq!((family.all, family.naive, family.evasive), (share(2, 2), share(1, 1), share(1, 1)));
        assert_eq!(family.leaked, share(50, 80), "the first was spent before the hit, the second after");
        assert_eq!(family.first, share(50, 80), "both are of one cheat, and this one came first");
        assert_eq!(family.lost, share(0, 7), "what nobody gave is counted apart");
        assert_eq!((scores.restrained, scores.blocked), (share(1, 2), share(0, 1)));
        assert_eq!((scores.naive, scores.evasive), (share(1, 1), share(1, 1)));
        assert_eq!(scores.rules[0].entities, share(1, 2));
        assert_eq!((scores.good.restrained, scores.good.blocked), (share(1, 2), share(1, 2)));
        assert_eq!(scores.twins[0].group, "office");
        assert_eq!(scores.families.len(), families().count(), "every family has its row");
    }
}
