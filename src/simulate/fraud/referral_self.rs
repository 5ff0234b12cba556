//! Being brought by oneself.
//!
//! Naively, the friends are made on the referrer's own machine and never come again. Evasively, each has a device and a
//! line of its own and uses a little of what it came for.

use crate::simulate::clock::{HOUR_MS, MINUTE_MS, SECOND_MS};
use crate::simulate::world::World;

use super::plan::{Act, Mailbox, Plan};
use super::{Mask, Way};

/// Plans the referrer and the friends.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    let mask = Mask::ordinary(world, plan.at_ms);
    let referrer = plan.newcomer(world, mask, Mailbox::Ordinary);
    for _ in 0..world.dice.between(4, 9) {
        let pause_ms = match way {
            Way::Naive => (5 * MINUTE_MS, 40 * MINUTE_MS),
            Way::Evasive => (3 * HOUR_MS, 14 * HOUR_MS),
        };
        plan.wait(pause_ms, &mut world.dice);
        let mut face = mask;
        match way {
            Way::Naive => face.clear_storage(),
            Way::Evasive => face = Mask::ordinary(world, plan.at_ms),
        }
        let friend = plan.guest(world, face);
        plan.wait((20 * SECOND_MS, MINUTE_MS), &mut world.dice).act(friend, Act::Browse);
        plan.wait((10 * SECOND_MS, MINUTE_MS), &mut world.dice);
        plan.act(friend, Act::SignUp { mailbox: Mailbox::Ordinary, referrer: Some(referrer) });
        plan.act(referrer, Act::TakeBonus(friend));
        if way == Way::Evasive {
            plan.ask(friend, 3, 2, (20 * SECOND_MS, 2 * MINUTE_MS), &mut world.dice);
        }
        plan.leave(friend, &mut world.dice);
    }
    plan.act(referrer, Act::Wear(mask));
    plan.ask(referrer, 15, 2, (20 * SECOND_MS, 2 * MINUTE_MS), &mut world.dice);
}
