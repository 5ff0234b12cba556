//! Guests that are made to spend, and for nothing else.
//!
//! Naively, a script makes one after the other on a machine and spends at once. Evasively, it lets each rest for some
//! minutes, and takes a new machine after every other.

use crate::simulate::clock::{MINUTE_MS, SECOND_MS};
use crate::simulate::world::World;

use super::plan::Plan;
use super::{Mask, Way};

/// Plans the guests.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    let mut mask = Mask::ordinary(world, plan.at_ms);
    for guest in 0..world.dice.between(6, 12) {
        if way == Way::Evasive && guest % 2 == 0 {
            mask = Mask::ordinary(world, plan.at_ms);
        }
        let who = plan.guest(world, mask);
        mask.clear_storage();
        if way == Way::Evasive {
            plan.wait((80 * SECOND_MS, 5 * MINUTE_MS), &mut world.dice);
        }
        plan.ask(who, 4, 3, (2 * SECOND_MS, 8 * SECOND_MS), &mut world.dice);
        let pause_ms = match way {
            Way::Naive => (30 * SECOND_MS, 4 * MINUTE_MS),
            Way::Evasive => (10 * MINUTE_MS, 60 * MINUTE_MS),
        };
        plan.wait(pause_ms, &mut world.dice);
    }
}
