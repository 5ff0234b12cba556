//! Making accounts by the dozen.
//!
//! Naively, a script does it within minutes from one rented network, a machine each. Evasively, it goes through the lines
//! of unsuspecting people, over hours.

use crate::simulate::clock::{MINUTE_MS, SECOND_MS};
use crate::simulate::world::World;

use super::plan::{Act, Mailbox, Plan};
use super::{Mask, Way};

/// Plans a burst; the accounts are for sale, so little is spent.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    let mut rented = Mask::script(world, plan.at_ms);
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
    }
}
