//! Trying out stolen cards: small payments, a new card each time, most of them declined.
//!
//! Naively, one account on one machine hammers through a list in minutes. Evasively, several accounts, each with a
//! device and a line of its own, try a card now and then and pay what a plan costs.

use crate::simulate::catalogue::{names, product};
use crate::simulate::clock::{MINUTE_MS, SECOND_MS};
use crate::simulate::facts::{self, Billing};
use crate::simulate::ids::Id;
use crate::simulate::labels::Story;
use crate::simulate::world::World;

use super::puppet::Puppet;
use super::{Mask, Way};

/// A list of cards being tried.
pub(super) struct CardTesting {
    way: Way,
    story: Story,
    mask: Mask,
    accounts_left: i64,
    cards_left: i64,
    current: Option<Puppet>,
    asked: Option<Billing>,
}

impl CardTesting {
    /// Plans a run through a list.
    pub(super) fn new(way: Way, world: &mut World, at_ms: i64) -> Self {
        let (mask, accounts_left) = match way {
            Way::Naive => (Mask::script(world, at_ms), 1),
            Way::Evasive => (Mask::ordinary(world, at_ms), world.dice.between(5, 10)),
        };
        let story = Story::abuse("card_testing", way.name());
        Self { way, story, mask, accounts_left, cards_left: 0, current: None, asked: None }
    }

    /// Goes on; returns when it goes on next, none once the list is through.
    pub(super) fn step(&mut self, world: &mut World, at_ms: i64) -> Option<i64> {
        let Some(puppet) = &self.current else {
            if self.accounts_left == 0 {
                return None;
            }
            self.begin_account(world, at_ms);
            return Some(at_ms + world.dice.around(30 * SECOND_MS));
        };
        let customer = puppet.presence.who.workspace?;
        if let Some(attempt) = self.asked.take() {
            let declined = world.dice.chance(if self.way == Way::Naive { 0.88 } else { 0.74 });
            let code = world.dice.pick(product::STOLEN_DECLINES);
            let op = if declined { "failed" } else { "succeeded" };
            let answer = Billing { op, decline_code: declined.then_some(code), ..attempt };
            facts::payment(&mut world.journal, at_ms, &puppet.presence.context, &answer, customer);
            return Some(at_ms + self.pause_ms(world));
        }
        if self.cards_left == 0 {
            puppet.leave(world, at_ms);
            self.current = None;
            return Some(at_ms + world.dice.between(10 * MINUTE_MS, 90 * MINUTE_MS));
        }
        self.cards_left -= 1;
        let attempt = self.attempt(world, customer);
        facts::payment(&mut world.journal, at_ms, &puppet.presence.context, &attempt, customer);
        self.asked = Some(attempt);
        Some(at_ms + world.dice.around(1_400))
    }

    fn begin_account(&mut self, world: &mut World, at_ms: i64) {
        self.accounts_left -= 1;
        self.cards_left = match self.way {
            Way::Naive => world.dice.between(20, 61),
            Way::Evasive => world.dice.between(3, 7),
        };
        if self.way == Way::Evasive {
            self.mask = Mask::ordinary(world, at_ms);
        }
        let mut puppet = Puppet::arrive(world, &self.mask, self.story, at_ms);
        self.mask.label_device(world, self.story, at_ms);
        if self.way == Way::Naive {
            self.mask.label_address(world, self.story, at_ms);
        }
        let person = puppet.presence.who.workspace.unwrap_or(Id::planted(0));
        let email = match self.way {
            Way::Naive => names::disposable(person, &mut world.dice),
            Way::Evasive => names::email(person, &mut world.dice),
        };
        puppet.sign_up(world, &email, self.story, at_ms);
        self.current = Some(puppet);
    }

    fn attempt(&self, world: &mut World, customer: Id) -> Billing {
        let card = world.journal.id();
        let (amount_minor, plan) = match self.way {
            Way::Naive => (world.dice.between(50, 200), product::Plan::Free),
            Way::Evasive => (product::Plan::Creator.price_minor(), product::Plan::Creator),
        };
        Billing {
            op: "attempt",
            amount_minor,
            currency: self.mask.country.currency,
            plan: plan.name(),
            card,
            payment: card.derived(customer.number()),
            decline_code: None,
        }
    }

    fn pause_ms(&self, world: &mut World) -> i64 {
        match self.way {
            Way::Naive => world.dice.between(6 * SECOND_MS, 25 * SECOND_MS),
            Way::Evasive => world.dice.between(9 * MINUTE_MS, 45 * MINUTE_MS),
        }
    }
}
