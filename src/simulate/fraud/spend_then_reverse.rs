//! Paying, using it all up, and taking the money back.
//!
//! Naively, everything bought is spent within hours and the bank is told that it was not oneself. Evasively, a third is
//! kept for days, and the studio is asked nicely for a refund; on another account each time.

use crate::simulate::clock::{DAY_MS, HOUR_MS, MINUTE_MS};
use crate::simulate::world::World;

use super::plan::{Act, Mailbox, Plan};
use super::{Mask, Way};

/// Plans the purchases and their reversals.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    let accounts = if way == Way::Naive { 1 } else { world.dice.between(2, 4) };
    for _ in 0..accounts {
        let mask = Mask::ordinary(world, plan.at_ms);
        let who = plan.newcomer(world, mask, Mailbox::Ordinary);
        let card = world.journal.id();
        let (purchases, asked, gap_ms) = match way {
            Way::Naive => (2, 18, (MINUTE_MS, 6 * MINUTE_MS)),
            Way::Evasive => (1, 14, (2 * MINUTE_MS, 8 * MINUTE_MS)),
        };
        for _ in 0..purchases {
            plan.wait((MINUTE_MS, 5 * MINUTE_MS), &mut world.dice).act(who, Act::Buy { card });
            plan.ask(who, asked, 2, gap_ms, &mut world.dice);
        }
        plan.leave(who, &mut world.dice);
        match way {
            Way::Naive => {
                plan.wait((8 * HOUR_MS, 30 * HOUR_MS), &mut world.dice).act(who, Act::Wear(mask));
                (0..purchases).for_each(|purchase| {
                    plan.act(who, Act::Reverse { purchase, op: "disputed" });
                });
            }
            Way::Evasive => {
                plan.wait((25 * HOUR_MS, 2 * DAY_MS), &mut world.dice).act(who, Act::Wear(mask));
                plan.ask(who, 10, 2, (2 * MINUTE_MS, 8 * MINUTE_MS), &mut world.dice);
                plan.wait((HOUR_MS, 5 * HOUR_MS), &mut world.dice);
                plan.act(who, Act::Reverse { purchase: 0, op: "refunded" });
            }
        }
    }
}
