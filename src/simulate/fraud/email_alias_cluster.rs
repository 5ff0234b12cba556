//! Many accounts that one mailbox reads.
//!
//! Naively, by aliases that the provider strips. Evasively, by names on a domain of one's own, a day apart.

use crate::simulate::clock::{HOUR_MS, MINUTE_MS, SECOND_MS};
use crate::simulate::world::World;

use super::plan::{Mailbox, Plan};
use super::{Mask, Way};

/// Plans the accounts; each comes from another device and line.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    let mailbox = world.journal.id();
    for number in 1..=world.dice.between(4, 8) as u32 {
        let mask = Mask::ordinary(world, plan.at_ms);
        let (mailbox, pause_ms) = match way {
            Way::Naive => (Mailbox::Alias(mailbox, number), (10 * MINUTE_MS, 2 * HOUR_MS)),
            Way::Evasive => (Mailbox::CatchAll(mailbox, number), (4 * HOUR_MS, 20 * HOUR_MS)),
        };
        let who = plan.newcomer(world, mask, mailbox);
        plan.ask(who, 5, 2, (15 * SECOND_MS, 2 * MINUTE_MS), &mut world.dice);
        plan.leave(who, &mut world.dice);
        plan.wait(pause_ms, &mut world.dice);
    }
}
