//! Making accounts by the dozen.
//!
//! Naively, a script does it within minutes from one rented network, a machine each. Evasively, it goes through the lines
//! of unsuspecting people, over hours. Either way the accounts are for sale, and buyers come to use some of them.

use crate::simulate::clock::{MINUTE_MS, SECOND_MS};
use crate::simulate::world::World;

use super::plan::{Act, Mailbox, Plan};
use super::{Mask, Way};

/// How many of a hundred accounts find a buyer.
const SOLD_PERCENT: u64 = 40;

/// Plans a burst, and the buyers' visits.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    let mut rented = Mask::script(world, plan.at_ms);
    let mut made = Vec::new();
    for _ in 0..world.dice.between(20, 35) {
        let mask = match way {
            Way::Naive => {
                rented.change_device(world, plan.at_ms);
                rented.move_next_door(world);
                rented
            }
            Way::Evasive => Mask::ordinary(world, plan.at_ms),
        };
        let who = plan.guest(world, mask);
        let gap_ms = match way {
            Way::Naive => (4 * SECOND_MS, 20 * SECOND_MS),
            Way::Evasive => (2 * MINUTE_MS, 12 * MINUTE_MS),
        };
        plan.wait((SECOND_MS, 5 * SECOND_MS), &mut world.dice);
        plan.act(who, Act::SignUp { mailbox: Mailbox::Ordinary, referrer: None });
        plan.wait(gap_ms, &mut world.dice);
        made.push(who);
    }
    for who in made {
        if world.dice.below(100) < SOLD_PERCENT {
            plan.wait((5 * MINUTE_MS, 40 * MINUTE_MS), &mut world.dice);
            let mask = Mask::ordinary(world, plan.at_ms);
            plan.act(who, Act::Enter { mask, logs_in: true });
            plan.ask(who, 6, 2, (10 * SECOND_MS, MINUTE_MS), &mut world.dice);
            plan.leave(who, &mut world.dice);
        }
    }
}
