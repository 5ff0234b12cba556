//! An account in a thief's hands while its owner is at home.
//!
//! Naively, the thief comes from another country within the hour. Evasively, through a line in the owner's own country.

use crate::simulate::clock::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use crate::simulate::world::World;

use super::plan::{Act, Plan};
use super::puppet::Puppet;
use super::{Mask, Way};

/// Plans the owner's visits and the thief's.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    let own = Mask::ordinary(world, plan.at_ms);
    let balance = world.dice.between(120, 300);
    let mut owner = Puppet::customer(world, own, balance);
    owner.is_victim = true;
    let owner = plan.cast(owner);
    let mut thief = match way {
        Way::Naive => Mask::far_from(&own, world, plan.at_ms),
        Way::Evasive => own,
    };
    if way == Way::Evasive {
        thief.change_device(world, plan.at_ms);
        thief.change_address(world);
    }
    for _ in 0..world.dice.between(2, 4) {
        plan.act(owner, Act::Enter { mask: own, logs_in: true });
        for _ in 0..2 {
            plan.wait((20 * SECOND_MS, 2 * MINUTE_MS), &mut world.dice).act(owner, Act::Browse);
            plan.wait((20 * SECOND_MS, 2 * MINUTE_MS), &mut world.dice).act(owner, Act::Ask(1));
        }
        plan.leave(owner, &mut world.dice);
        plan.wait((15 * MINUTE_MS, 70 * MINUTE_MS), &mut world.dice);
        plan.act(owner, Act::Enter { mask: thief.thief(), logs_in: true });
        plan.ask(owner, 10, 2, (15 * SECOND_MS, 50 * SECOND_MS), &mut world.dice);
        plan.leave(owner, &mut world.dice);
        plan.wait((10 * HOUR_MS, DAY_MS), &mut world.dice);
    }
}
