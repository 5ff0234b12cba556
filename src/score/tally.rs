//! Counts: who was restrained, rightly or not, and what the cheats had gained by then. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use queries::Restraint;
use serde::Serialize;

use super::ScoreArgs;
use super::fate::{Fate, meets};
use super::ledger::Spend;
use super::people::{Entity, People};
use super::play::{Outcome, Play};
use super::price::{Bill, Price, bills};
use super::restraint::{Restraints, RuleHits, Spell};
use super::truth::Truth;
use crate::simulate::families;

/// What is counted: the past, what the rules found in it, and what follows from that.
pub(super) struct Case<'a> {
    pub(super) people: &'a People,
    pub(super) truth: &'a Truth,
    pub(super) spends: &'a [Spend],
    pub(super) hits: &'a [RuleHits],
    pub(super) restraints: &'a Restraints,
    pub(super) fates: &'a [Fate],
    /// The end of the past, microseconds.
    pub(super) until: i64,
}

/// Everything that is printed. What depends on a policy is counted under the first one, but for `policies`.
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
    /// What the others spend of them, and of that before the first restraint.
    pub(super) later: Share,
    /// The same under every policy.
    pub(super) policies: Vec<PolicyScore>,
}

/// What comes of one policy's limits.
#[derive(Clone, Debug, Serialize)]
pub(super) struct PolicyScore {
    /// Its file, or `built-in`, and its version.
    pub(super) policy: String,
    pub(super) version: String,
    pub(super) credits: Share,
    pub(super) first: Share,
    pub(super) later: Share,
    /// Free credits that cheats spend, and of them those of spends that are greater than a burst, and never pass.
    pub(super) never: Share,
    /// What it costs all honest people.
    pub(super) price: Price,
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
    /// The free credits of the other identities, and of them before the first restraint.
    pub(super) later: Share,
    /// The free credits, and of them those of spends that are greater than a burst.
    #[serde(skip)]
    never: Share,
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
    /// What the limits cost them.
    pub(super) price: Price,
}

/// Some of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Share {
    pub(super) some: i64,
    pub(super) of: i64,
}

impl Share {
    pub(super) fn count(&mut self, is_one: bool) {
        self.of += 1;
        self.some += i64::from(is_one);
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self { some: self.some + other.some, of: self.of + other.of }
    }

    /// Returns it as a number from 0 to 1; none of nothing.
    pub(super) fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.some as f64 / self.of as f64)
    }
}

impl Scores {
    /// Counts everything, under one policy or several.
    pub(super) fn count(args: &ScoreArgs, case: &Case<'_>, plays: &[Play]) -> Self {
        let Case { people, truth, hits, restraints, .. } = case;
        let mut policies = Vec::new();
        let mut full = None;
        for play in plays {
            let families = count_families(case, play);
            let (good, twins) = count_good(case, play);
            policies.push(PolicyScore::of(play, &families, &good));
            full.get_or_insert((families, good, twins));
        }
        let (families, good, twins) = full.unwrap_or_default();
        let (mut restrained, mut blocked) = (Share::default(), Share::default());
        for (entity, spells) in &restraints.0 {
            let when = |spell: &Spell| (spell.from, spell.until);
            restrained.count(is_cheats(people, truth, entity, spells.iter().map(when)));
            let blocks = spells.iter().filter(|spell| spell.restraint == Restraint::Block);
            if blocks.clone().next().is_some() {
                blocked.count(is_cheats(people, truth, entity, blocks.map(when)));
            }
        }
        Self {
            seed: args.seed,
            events: args.events,
            days: args.days,
            naive: all(&families, |family| family.naive),
            evasive: all(&families, |family| family.evasive),
            credits: all(&families, |family| family.leaked),
            first: all(&families, |family| family.first),
            later: all(&families, |family| family.later),
            families,
            rules: hits.iter().map(|rule| count_rule(people, truth, rule)).collect(),
            twins,
            good,
            restrained,
            blocked,
            policies,
        }
    }
}

impl PolicyScore {
    fn of(play: &Play, families: &[FamilyScore], good: &GroupScore) -> Self {
        Self {
            policy: play.policy.0.clone(),
            version: play.policy.1.to_string(),
            credits: all(families, |family| family.leaked),
            first: all(families, |family| family.first),
            later: all(families, |family| family.later),
            never: all(families, |family| family.never),
            price: good.price.clone(),
        }
    }
}

/// Adds up a figure of all families.
fn all(families: &[FamilyScore], of: fn(&FamilyScore) -> Share) -> Share {
    families.iter().map(of).fold(Share::default(), Share::and)
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

fn count_families(case: &Case<'_>, play: &Play) -> Vec<FamilyScore> {
    let cheats = || {
        let names = case.people.names.iter().zip(case.fates).enumerate();
        let stories = names.map(|(person, (name, fate))| (person, case.truth.of(name), fate));
        stories.filter_map(|(person, story, fate)| Some((person, story.filter(|story| story.cheats)?, fate)))
    };
    let mut first: HashMap<&str, i64> = HashMap::new();
    for (_, story, _) in cheats() {
        if let Some(at) = story.first_gain() {
            first.entry(&story.scheme).and_modify(|known| *known = at.min(*known)).or_insert(at);
        }
    }
    let mut scores: BTreeMap<&str, FamilyScore> = BTreeMap::new();
    for (person, story, fate) in cheats() {
        let score = scores.entry(&story.family).or_default();
        let caught = fate.since.is_some();
        score.all.count(caught);
        match story.variant.as_str() {
            "naive" => score.naive.count(caught),
            _ => score.evasive.count(caught),
        }
        let is_first = story.first_gain().is_some_and(|at| first[&*story.scheme] == at);
        for (at, gained, is_free) in &story.gains {
            let share = |is_some: bool| Share { some: if is_some { *gained } else { 0 }, of: *gained };
            let outcome = play.outcome(person, *at);
            let leaked = match outcome {
                Outcome::Passed(at) => share(at < case.until && fate.since.is_none_or(|since| at <= since)),
                Outcome::TooLarge | Outcome::Stopped => share(false),
            };
            if !is_free {
                score.lost = score.lost.and(leaked);
                continue;
            }
            score.leaked = score.leaked.and(leaked);
            score.first = score.first.and(share(is_first));
            score.never = score.never.and(share(outcome == Outcome::TooLarge));
            if !is_first {
                score.later = score.later.and(leaked);
            }
        }
    }
    let named =
        families().map(|family| FamilyScore { family: family.to_owned(), ..scores.remove(family).unwrap_or_default() });
    named.collect()
}

fn count_good(case: &Case<'_>, play: &Play) -> (GroupScore, Vec<GroupScore>) {
    let bills = bills(case.people.names.len(), case.spends, play);
    let mut good: Vec<(&Fate, &Bill)> = Vec::new();
    let mut twins: BTreeMap<&str, Vec<(&Fate, &Bill)>> = BTreeMap::new();
    for (name, person) in case.people.names.iter().zip(case.fates.iter().zip(&bills)) {
        match case.truth.of(name) {
            Some(story) if story.cheats => continue,
            Some(story) => twins.entry(&story.family).or_default().push(person),
            None => {}
        }
        good.push(person);
    }
    let twins = twins.into_iter().map(|(group, members)| GroupScore::of(group, &members));
    (GroupScore::of("everybody honest", &good), twins.collect())
}

impl GroupScore {
    fn of(group: &str, members: &[(&Fate, &Bill)]) -> Self {
        let (mut restrained, mut blocked) = (Share::default(), Share::default());
        for (fate, _) in members {
            restrained.count(fate.since.is_some());
            blocked.count(fate.blocked);
        }
        let price = Price::of(members.iter().map(|(_, bill)| *bill));
        Self { group: group.to_owned(), restrained, blocked, price }
    }
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

    use super::super::fate::{fates, stops};
    use super::super::play::tests::{spend, ten_an_hour};
    use super::super::restraint::Points;
    use super::super::restraint::tests::{hit, steady};
    use super::*;
    use crate::verdict::Policy;

    const MINUTE: i64 = 60_000_000;

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
        let restraints = Restraints::of(&hits);
        let fates = fates(&people, &restraints);
        let none = ("none".to_owned(), Policy::parse("").expect("a policy"));
        count(
            &Case {
                people: &people,
                truth: &truth,
                spends: &[],
                hits: &hits,
                restraints: &restraints,
                fates: &fates,
                until: i64::MAX,
            },
            &[none],
        )
    }

    fn count(case: &Case<'_>, policies: &[(String, Policy)]) -> Scores {
        let args =
            ScoreArgs { seed: 1, events: 1, days: 1, rules: Vec::new(), policy: Vec::new(), pace: None, json: false };
        let stops = stops(case.people, case.truth, case.fates);
        let play = |policy| Play::of(policy, case.spends, &stops, &Points::of(case.hits));
        Scores::count(&args, case, &policies.iter().map(play).collect::<Vec<_>>())
    }

    #[test]
    fn recall_precision_and_leakage_are_counted() {
        let scores = scores();
        let family = scores.families.iter().find(|family| family.family == "bind_farm").expect("a family");
        assert_eq!((family.all, family.naive, family.evasive), (share(2, 2), share(1, 1), share(1, 1)));
        assert_eq!(family.leaked, share(50, 80), "the first was spent before the hit, the second after");
        assert_eq!(family.first, share(50, 80), "both are of one cheat, and this one came first");
        assert_eq!(family.later, share(0, 30), "of the second alone");
        assert_eq!(family.lost, share(0, 7), "what nobody gave is counted apart");
        assert_eq!((scores.restrained, scores.blocked), (share(1, 2), share(0, 1)));
        assert_eq!((scores.naive, scores.evasive), (share(1, 1), share(1, 1)));
        assert_eq!(scores.rules[0].entities, share(1, 2));
        assert_eq!((scores.good.restrained, scores.good.blocked), (share(1, 2), share(1, 2)));
        assert_eq!(scores.twins[0].group, "office");
        assert_eq!(scores.families.len(), families().count(), "every family has its row");
    }
    #[test]
    fn what_a_limit_holds_back_leaks_only_if_it_gets_through_in_time() {
        let mut people = People::default();
        for person in 0..4 {
            people.see(vec![(EntityKind::Device, format!("dev_{person}"))], 0, 90 * MINUTE);
        }
        let label = |person: usize, label: &str, gains: &str| {
            format!(
                r#"{{"entity_kind":"device","entity":"dev_{person}","label":"{label}","family":"bind_farm","variant":"naive","scheme":"sch_1","gains":{gains}}}"#
            )
        };
        // Minutes 1 and 2: 8 and 4 credits, of which the latter get through in minute 13; 11 are too many at once.
        let gains = ["[[60000,8,true],[120000,4,true]]", "[[60001,8,true],[120000,4,true]]", "[[60002,11,true]]"];
        let labels: Vec<_> = (0..3).map(|person| label(person, "confirmed_abuse", gains[person])).collect();
        let truth = Truth::read(&labels.join("\n")).expect("labels");
        let spends = [
            spend(0, MINUTE, 8),
            spend(1, MINUTE + 1_000, 8),
            spend(2, MINUTE + 2_000, 11),
            spend(0, 2 * MINUTE, 4),
            spend(1, 2 * MINUTE, 4),
            spend(3, 2 * MINUTE, 6),
            spend(3, 3 * MINUTE, 6),
        ];
        let hits = [steady(vec![Arc::new(hit("dev_1", Restraint::Throttle, 0, 10 * MINUTE, 90 * MINUTE))])];
        let restraints = Restraints::of(&hits);
        let fates = fates(&people, &restraints);
        let case = |until| Case {
            people: &people,
            truth: &truth,
            spends: &spends,
            hits: &hits,
            restraints: &restraints,
            fates: &fates,
            until,
        };
        let none = ("none".to_owned(), Policy::parse("").expect("a policy"));
        let scores = count(&case(i64::MAX), &[ten_an_hour(), none]);
        let [tight, none] = &scores.policies[..] else { panic!("two policies") };
        assert_eq!(none.credits, share(35, 35), "all of it is spent before the restraint");
        assert_eq!(tight.credits, share(8 + 4 + 8, 35), "one waits for too long, one wants too much");
        assert_eq!((tight.first, tight.later), (share(12, 35), share(8, 23)));
        assert_eq!((tight.never, scores.credits), (share(11, 35), tight.credits));
        assert_eq!((tight.price.people, tight.price.credits), (share(1, 1), share(6, 12)), "the honest one waits");
        assert_eq!((tight.price.median_minutes, none.price.median_minutes), (Some(11.0), None));
        let cut = count(&case(13 * MINUTE), &[ten_an_hour()]);
        assert_eq!(cut.credits, share(8 + 8, 35), "what would get through after the end does not count");
    }
}
