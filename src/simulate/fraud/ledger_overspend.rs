//! Spending credits twice, by asking for several things in the same instant.
//!
//! Naively, a burst of requests outruns the check, and the ledger goes below zero. Evasively, a few requests are made
//! to read the same balance: each writes a balance that looks right, and together they spend more than there was.

use crate::simulate::catalogue::product::PACK;
use crate::simulate::clock::{MINUTE_MS, SECOND_MS};
use crate::simulate::world::World;

use super::plan::{Act, Mailbox, Plan};
use super::{Mask, Way};

/// Requests of a naive burst, each of one output.
const BURST: (i64, i64) = (16, 25);
/// Requests that read the same balance, and the share of it that each spends.
const OVERLAPPING: (i64, i64) = (3, 8);
/// Between two requests of one moment, milliseconds.
const INSTANT_MS: (i64, i64) = (4, 40);

/// Plans it.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    match way {
        Way::Naive => {
            let mut mask = Mask::script(world, plan.at_ms);
            for _ in 0..2 {
                let who = plan.guest(world, mask);
                mask.clear_storage();
                plan.wait((8 * SECOND_MS, 40 * SECOND_MS), &mut world.dice);
                for _ in 0..world.dice.between(BURST.0, BURST.1) {
                    plan.wait(INSTANT_MS, &mut world.dice).act(who, Act::Overdraw);
                }
                plan.leave(who, &mut world.dice);
                plan.wait((MINUTE_MS, 20 * MINUTE_MS), &mut world.dice);
            }
        }
        Way::Evasive => {
            let mask = Mask::ordinary(world, plan.at_ms);
            let who = plan.newcomer(world, mask, Mailbox::Ordinary);
            plan.act(who, Act::TakePromotion(PACK.0));
            for _ in 0..world.dice.between(3, 6) {
                plan.wait((20 * MINUTE_MS, 90 * MINUTE_MS), &mut world.dice).act(who, Act::ReadBalance);
                for _ in 0..OVERLAPPING.0 {
                    plan.wait(INSTANT_MS, &mut world.dice).act(who, Act::Overlap { share: OVERLAPPING.1 });
                }
            }
            plan.leave(who, &mut world.dice);
        }
    }
}
