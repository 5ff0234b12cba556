//! One person with a drawer full of accounts.
//!
//! Naively, all of them are made on one machine. Evasively, each has a browser profile of its own, and only the card that
//! two of them pay with is the same.

use crate::simulate::clock::{HOUR_MS, MINUTE_MS, SECOND_MS};
use crate::simulate::world::World;

use super::plan::{Act, Mailbox, Plan};
use super::{Mask, Way};

/// Plans the accounts.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    let mut mask = Mask::ordinary(world, plan.at_ms);
    let card = world.journal.id();
    for number in 0..world.dice.between(4, 8) {
        match way {
            Way::Naive => mask.clear_storage(),
            Way::Evasive => {
                mask.change_device(world, plan.at_ms);
                mask.change_address(world);
            }
        }
        let who = plan.newcomer(world, mask, Mailbox::Ordinary);
        plan.ask(who, 7, 2, (15 * SECOND_MS, 2 * MINUTE_MS), &mut world.dice);
        if way == Way::Evasive && number < 2 {
            plan.wait((20 * SECOND_MS, MINUTE_MS), &mut world.dice).act(who, Act::Buy { card });
        }
        plan.leave(who, &mut world.dice);
        plan.wait((HOUR_MS, 9 * HOUR_MS), &mut world.dice);
    }
}
