//! What becomes of each person: since when a restraint of some entity is theirs. Pure.

use queries::Restraint;

use super::people::{Entity, People, Sighting};
use super::restraint::{Restraints, Spell, is_shared};
use super::truth::Truth;

/// Since when somebody is restrained, microseconds, and whether they are blocked at some time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fate {
    pub(super) since: Option<i64>,
    pub(super) blocked: bool,
}

/// Returns everybody's, in the order of the people.
pub(super) fn fates(people: &People, restraints: &Restraints) -> Vec<Fate> {
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

/// Returns when each person is stopped: cheats at their first restraint, after which they are refused. Honest people go
/// on, so that no price is hidden.
pub(super) fn stops(people: &People, truth: &Truth, fates: &[Fate]) -> Vec<Option<i64>> {
    let cheats = |name: &Entity| truth.of(name).is_some_and(|story| story.cheats);
    people.names.iter().zip(fates).map(|(name, fate)| fate.since.filter(|_| cheats(name))).collect()
}

/// Tells whether a restraint is this person's: it lasts when they come or begins after it; a shared entity's only while
/// they are there.
pub(super) fn meets(entity: &Entity, sighting: &Sighting, (from, until): (i64, i64)) -> bool {
    until > sighting.first && (from <= sighting.last || !is_shared(entity.0))
}
