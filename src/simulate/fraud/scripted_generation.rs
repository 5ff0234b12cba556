//! Letting a script use up what people are promised.
//!
//! Naively, it asks like a clock and looks at nothing. Evasively, it waits now long, now short, and opens a page at times.

use crate::simulate::catalogue::product::PACK;
use crate::simulate::clock::{MINUTE_MS, SECOND_MS};
use crate::simulate::world::World;

use super::plan::{Act, Mailbox, Plan};
use super::{Mask, Way};

/// Plans two runs over everything that a promotion gave.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    for _ in 0..2 {
        let mask = Mask::ordinary(world, plan.at_ms);
        let who = plan.guest(world, mask);
        plan.wait((2 * SECOND_MS, 9 * SECOND_MS), &mut world.dice);
        plan.act(who, Act::SignUp { mailbox: Mailbox::Ordinary, referrer: None });
        plan.act(who, Act::TakePromotion(PACK.0));
        for number in 0..world.dice.between(36, 56) {
            match way {
                Way::Naive => plan.wait((11_800, 12_200), &mut world.dice),
                Way::Evasive => plan.wait((4 * SECOND_MS, 70 * SECOND_MS), &mut world.dice),
            };
            plan.act(who, Act::Ask(1));
            if way == Way::Evasive && number % 9 == 4 {
                plan.act(who, Act::Browse);
            }
        }
        plan.leave(who, &mut world.dice);
        plan.wait((10 * MINUTE_MS, 40 * MINUTE_MS), &mut world.dice);
    }
}
