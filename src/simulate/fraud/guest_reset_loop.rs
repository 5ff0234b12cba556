//! Starting over whenever the free credits are out: a person who really uses the studio, and never pays.
//!
//! Naively, the storage is cleared within minutes, on the same browser. Evasively, a private window makes the device new,
//! and now and then there is a break, or another line.

use crate::simulate::clock::{HOUR_MS, MINUTE_MS, SECOND_MS};
use crate::simulate::world::World;

use super::plan::{Act, Plan};
use super::{Mask, Way};

/// Plans an evening or two of it.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    let mut mask = Mask::ordinary(world, plan.at_ms);
    for _ in 0..world.dice.between(4, 8) {
        let who = plan.guest(world, mask);
        for _ in 0..6 {
            plan.wait((10 * SECOND_MS, 60 * SECOND_MS), &mut world.dice).act(who, Act::Browse);
            plan.wait((5 * SECOND_MS, 80 * SECOND_MS), &mut world.dice).act(who, Act::Ask(2));
        }
        // Two credits are left: too few for what this person wants, but a thrifty one takes them along.
        if way == Way::Naive {
            plan.wait((10 * SECOND_MS, 40 * SECOND_MS), &mut world.dice).act(who, Act::UseUp);
        }
        plan.leave(who, &mut world.dice);
        match way {
            Way::Naive => {
                plan.wait((30 * SECOND_MS, 5 * MINUTE_MS), &mut world.dice);
                mask.clear_storage();
            }
            Way::Evasive => {
                plan.wait((6 * MINUTE_MS, 2 * HOUR_MS), &mut world.dice);
                mask.open_private_window(world, plan.at_ms);
                if world.dice.chance(0.4) {
                    mask.change_address(world);
                }
            }
        }
    }
}
