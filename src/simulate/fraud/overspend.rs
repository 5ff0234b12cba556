//! Spending credits twice, by asking for several things in the same instant.
//!
//! Naively, a burst of requests outruns the check, and the ledger goes below zero. Evasively, a few requests are made
//! to read the same balance: each writes a balance that looks right, and together they spend more than there was.

use crate::simulate::catalogue::names;
use crate::simulate::catalogue::product::PACK;
use crate::simulate::clock::{MINUTE_MS, SECOND_MS};
use crate::simulate::generate::Generation;
use crate::simulate::ids::Id;
use crate::simulate::labels::Story;
use crate::simulate::world::World;

use super::puppet::Puppet;
use super::{Mask, Way};

/// Requests of a naive burst, each of one output.
const BURST: (i64, i64) = (16, 25);
/// Requests that read the same balance.
const OVERLAPPING: usize = 3;

/// A wallet being overdrawn.
pub(super) struct Overspend {
    way: Way,
    story: Story,
    mask: Mask,
    puppets_left: i64,
    rounds_left: i64,
    burst_left: i64,
    opening: i64,
    current: Option<Puppet>,
    under_way: Vec<Generation>,
}

impl Overspend {
    /// Plans it.
    pub(super) fn new(way: Way, world: &mut World, at_ms: i64) -> Self {
        let (mask, puppets_left) = match way {
            Way::Naive => (Mask::script(world, at_ms), 2),
            Way::Evasive => (Mask::ordinary(world, at_ms), 1),
        };
        let story = Story::abuse("overspend", way.name());
        let idle = (0, 0, 0);
        let (rounds_left, burst_left, opening) = idle;
        Self { way, story, mask, puppets_left, rounds_left, burst_left, opening, current: None, under_way: Vec::new() }
    }

    /// Goes on; returns when it goes on next, none once it is over.
    pub(super) fn step(&mut self, world: &mut World, at_ms: i64) -> Option<i64> {
        let Some(puppet) = &mut self.current else {
            if self.puppets_left == 0 {
                return None;
            }
            self.begin_wallet(world, at_ms);
            return Some(at_ms + world.dice.around(20 * SECOND_MS));
        };
        if self.burst_left > 0 {
            self.burst_left -= 1;
            let outputs = if self.way == Way::Naive { 1 } else { (self.opening / 8).max(1) };
            let generation = Generation::scripted(world, outputs, at_ms);
            let after = if self.way == Way::Naive { puppet.balance } else { self.opening } - generation.cost();
            puppet.balance = after;
            puppet.spend(world, &generation, after, at_ms);
            self.under_way.push(generation);
            let gap_ms = world.dice.between(4, 40);
            return Some(at_ms + if self.burst_left > 0 { gap_ms } else { world.dice.around(9_000) });
        }
        if !self.under_way.is_empty() {
            self.under_way.drain(..).for_each(|generation| puppet.receive(world, &generation, at_ms));
            return Some(at_ms + self.pause_ms(world));
        }
        if self.rounds_left == 0 || puppet.balance <= 0 {
            puppet.leave(world, at_ms);
            self.current = None;
            return Some(at_ms + world.dice.between(MINUTE_MS, 20 * MINUTE_MS));
        }
        self.begin_round(world);
        Some(at_ms + 1)
    }

    fn begin_wallet(&mut self, world: &mut World, at_ms: i64) {
        self.puppets_left -= 1;
        self.rounds_left = if self.way == Way::Naive { 1 } else { world.dice.between(3, 6) };
        let mut puppet = Puppet::arrive(world, &self.mask, self.story, at_ms);
        world.journal.label(at_ms, self.story, "workspace", &puppet.workspace());
        self.mask.clear_storage();
        if self.way == Way::Evasive {
            let person = puppet.presence.who.workspace.unwrap_or(Id::planted(0));
            let email = names::email(person, &mut world.dice);
            puppet.look_around(world, at_ms);
            puppet.sign_up(world, &email, self.story, at_ms);
            puppet.move_credits(world, ("grant", "promo", PACK.0), ("promo_", person), at_ms);
        }
        self.current = Some(puppet);
    }

    fn begin_round(&mut self, world: &mut World) {
        self.rounds_left -= 1;
        self.opening = self.current.as_ref().map_or(0, |puppet| puppet.balance);
        self.burst_left = match self.way {
            Way::Naive => world.dice.between(BURST.0, BURST.1),
            Way::Evasive => OVERLAPPING as i64,
        };
    }

    fn pause_ms(&self, world: &mut World) -> i64 {
        match self.way {
            Way::Naive => world.dice.between(5 * SECOND_MS, 30 * SECOND_MS),
            Way::Evasive => world.dice.between(20 * MINUTE_MS, 90 * MINUTE_MS),
        }
    }
}
