//! How an entity stands, outside of any request: what the next request that names it alone would be answered, limits left
//! out. For people who look at it; a request is judged by `fold.rs`.

use std::sync::Arc;

use queries::{EntityKind, Hit, points_to_score};

use super::VerdictService;
use super::decisions::Verdict;
use super::fold::is_address;
use super::overrides::Override;
use super::restrictions::{EntityState, Restriction};

/// The action whose thresholds of the score are told.
const ACTION: &str = "generate";

/// How an entity stands.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// What it is answered, for at least one action.
    pub(crate) verdict: Verdict,
    /// What decides.
    pub(crate) why: Why,
}

/// What decides how an entity stands.
#[derive(Clone, Debug)]
pub(crate) enum Why {
    /// Nothing speaks against it.
    Nothing,
    /// A person's word about it, or about a component that it was found in.
    Override(Arc<Override>),
    /// A live hit.
    Hit(Arc<Hit>),
    /// The score, which reached this threshold.
    Score(u8),
}

impl VerdictService {
    /// Returns the open hits that no snooze silences, the longest open first.
    pub(crate) fn open_hits(&self, now: i64) -> Vec<Arc<Hit>> {
        let snoozes = self.snoozes.load();
        let mut open = self.hits.list(now);
        open.retain(|hit| !snoozes.silence(hit, now));
        open
    }

    /// Returns how an entity stands whose state this is.
    pub(crate) fn standing(&self, kind: EntityKind, state: &EntityState, now: i64) -> Standing {
        let denied = self.denied_component(state, now);
        let own = state.overridden_by.clone();
        // A denial goes before, whoever it is about; then somebody may have allowed the entity.
        let word = own.iter().chain(&denied).max_by_key(|word| word.verdict).cloned();
        if let Some(word) = word {
            return Standing { verdict: word.verdict, why: Why::Override(word) };
        }
        let counting = || state.hits.iter().filter(|(_, counts)| *counts).map(|(hit, _)| hit);
        let restrained = counting().filter_map(|hit| Some((Restriction::of_hit(hit)?.verdict, hit)));
        let hit = restrained.max_by_key(|(verdict, _)| *verdict);
        let by_hit = hit.map_or(Verdict::Allow, |(verdict, _)| verdict);
        let policy = self.policy.load();
        let policy = policy.action(ACTION).unwrap_or_else(|| policy.other());
        let trusted = counting().filter(|hit| !hit.browser_facts && !is_address(kind)).map(|hit| hit.points);
        if by_hit < Verdict::Block && points_to_score(trusted) >= policy.block_score {
            return Standing { verdict: Verdict::Block, why: Why::Score(policy.block_score) };
        }
        match hit {
            Some((verdict, hit)) => Standing { verdict, why: Why::Hit(Arc::clone(hit)) },
            None if state.score >= policy.throttle_score && state.score > 0 => {
                Standing { verdict: Verdict::Throttle, why: Why::Score(policy.throttle_score) }
            }
            None => Standing { verdict: Verdict::Allow, why: Why::Nothing },
        }
    }

    /// Returns what somebody decided of a component that the entity was found in.
    fn denied_component(&self, state: &EntityState, now: i64) -> Option<Arc<Override>> {
        let components = state.links.iter().filter(|(kind, _)| *kind == EntityKind::Component);
        let found = components.filter_map(|(kind, component)| self.overrides.find(*kind, component, now));
        found.filter(|found| found.verdict > Verdict::Allow).max_by_key(|found| found.verdict)
    }
}

#[cfg(test)]
mod tests {
    use queries::{Mode, Restraint};

    use super::super::fixtures::{House, NOW, decree, hit};
    use super::*;
    use Verdict::{Allow, Block, Throttle};

    /// How an account stands, beside what a request that names it alone is answered.
    fn stands(house: &House, account: &str) -> (Verdict, Verdict) {
        let state = house.service.entity(EntityKind::Account, account, NOW);
        let asked = house.ask(&format!(r#"{{"action":"generate","account_id":"{account}","dry_run":true}}"#));
        (house.service.standing(EntityKind::Account, &state, NOW).verdict, asked.verdict)
    }

    #[test]
    fn an_entity_stands_as_it_is_answered() {
        let house = House::new("");
        let account = |rule: &str, entity: &str| hit(rule, EntityKind::Account, entity);
        let component = Some("c1".into());
        let hits = [
            account("throttles", "a1"),
            Hit { verdict: Restraint::Block, ..account("blocks", "a2") },
            Hit { verdict: Restraint::Block, browser_facts: true, ..account("browser", "a3") },
            Hit { verdict: Restraint::None, points: 60, ..account("points", "a4") },
            Hit { verdict: Restraint::None, points: 90, ..account("many", "a5") },
            Hit { verdict: Restraint::None, points: 90, browser_facts: true, ..account("claims", "a6") },
            Hit { mode: Mode::Shadow, verdict: Restraint::Block, ..account("shadow", "a7") },
            Hit { mode: Mode::Shadow, component, ..account("ring", "a8") },
            Hit { verdict: Restraint::Block, ..account("blocks", "a9") },
        ];
        hits.into_iter().for_each(|hit| house.hits.put(Arc::new(hit)));
        for word in
            [decree(EntityKind::Component, "c1", Verdict::Block), decree(EntityKind::Account, "a9", Verdict::Allow)]
        {
            house.service.overrides().put(word, NOW).unwrap();
        }
        let expected = [Throttle, Block, Throttle, Throttle, Block, Throttle, Allow, Block, Allow, Allow];
        for (number, verdict) in (1..).zip(expected) {
            let account = format!("a{number}");
            assert_eq!(stands(&house, &account), (verdict, verdict), "{account}");
        }
    }
}
