//! What every actor of the simulation may reach: chance, the journal, the app's releases, the people who recommend it.

use super::dice::Dice;
use super::ids::{Id, mix};
use super::journal::Journal;
use super::releases::Releases;

/// How many account holders are remembered as possible referrers.
const ADVOCATES_MAX: usize = 256;

/// The world around an actor.
pub(crate) struct World {
    /// Chance.
    pub(crate) dice: Dice,
    /// What happened.
    pub(crate) journal: Journal,
    /// Which release is out when.
    pub(crate) releases: Releases,
    /// Events a millisecond at the moment: programs keep pace with the crowd.
    pub(crate) events_per_ms: f64,
    /// Bonuses owed: the referrer's place among the people, their account, and the newcomer's.
    pub(crate) bonuses: Vec<(u32, Id, Id)>,
    advocates: Vec<(u32, Id)>,
}

impl World {
    /// Makes the world of a seed, whose journal ends after `limit` events.
    pub(crate) fn new(seed: u64, limit: u64, releases: Releases) -> Self {
        Self {
            dice: Dice::new(mix(seed ^ 0x5747_4549_5221)),
            journal: Journal::new(seed, limit),
            releases,
            events_per_ms: 0.0,
            bonuses: Vec::new(),
            advocates: Vec::new(),
        }
    }

    /// Returns the release that a visit of this time runs: a few pages were opened before the newest one.
    pub(crate) fn release(&mut self, at_ms: i64) -> &'static str {
        let stale = if self.dice.chance(0.05) { super::clock::HOUR_MS } else { 0 };
        self.releases.at(at_ms - stale)
    }

    /// Remembers an account holder as somebody who may bring others.
    pub(crate) fn remember_advocate(&mut self, place: u32, account: Id) {
        if self.advocates.len() < ADVOCATES_MAX {
            self.advocates.push((place, account));
        } else {
            let old = self.dice.below(ADVOCATES_MAX as u64) as usize;
            self.advocates[old] = (place, account);
        }
    }

    /// Returns somebody who may have brought a newcomer.
    pub(crate) fn any_advocate(&mut self) -> Option<(u32, Id)> {
        let place = self.dice.below(self.advocates.len() as u64) as usize;
        self.advocates.get(place).copied()
    }
}
