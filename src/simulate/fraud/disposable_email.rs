//! Accounts under addresses that nobody keeps.
//!
//! Naively, of the services that everybody knows. Evasively, of a domain bought for the purpose, which no list has.

use crate::simulate::clock::{HOUR_MS, MINUTE_MS, SECOND_MS};
use crate::simulate::world::World;

use super::plan::{Mailbox, Plan};
use super::{Mask, Way};

/// Plans some accounts, one after the other.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    let domain = world.journal.id();
    for number in 0..world.dice.between(4, 8) {
        let mask = Mask::ordinary(world, plan.at_ms);
        let mailbox = match way {
            Way::Naive => Mailbox::Disposable,
            Way::Evasive => Mailbox::CatchAll(domain, number as u32),
        };
        let who = plan.newcomer(world, mask, mailbox);
        plan.ask(who, 5, 2, (15 * SECOND_MS, 2 * MINUTE_MS), &mut world.dice);
        plan.leave(who, &mut world.dice);
        plan.wait((20 * MINUTE_MS, 5 * HOUR_MS), &mut world.dice);
    }
}
