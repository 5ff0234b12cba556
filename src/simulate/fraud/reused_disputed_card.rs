//! A stolen card that works, until its holder notices, and after.
//!
//! Naively, it goes from account to account long after the bank has called it fraud. Evasively, it pays for several
//! accounts on the first day, before the bank can know, and is dropped.

use crate::simulate::clock::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use crate::simulate::world::World;

use super::plan::{Act, Mailbox, Plan};
use super::{Mask, Way};

/// Plans the card's way.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    let card = world.journal.id();
    for account in 0..world.dice.between(3, 6) {
        let mask = Mask::ordinary(world, plan.at_ms);
        let who = plan.newcomer(world, mask, Mailbox::Ordinary);
        plan.wait((MINUTE_MS, 5 * MINUTE_MS), &mut world.dice).act(who, Act::Buy { card });
        plan.ask(who, 20, 2, (20 * SECOND_MS, 2 * MINUTE_MS), &mut world.dice);
        plan.leave(who, &mut world.dice);
        let noticed_ms = match way {
            Way::Naive if account == 0 => (6 * HOUR_MS, 20 * HOUR_MS),
            Way::Naive => (2 * HOUR_MS, 10 * HOUR_MS),
            Way::Evasive => (30 * MINUTE_MS, 2 * HOUR_MS),
        };
        plan.wait(noticed_ms, &mut world.dice);
        if way == Way::Naive {
            plan.act(who, Act::Reverse { purchase: 0, op: "disputed" });
        }
    }
    if way == Way::Evasive {
        plan.wait((DAY_MS, 2 * DAY_MS), &mut world.dice);
        (0..plan.puppets.len()).for_each(|who| {
            plan.act(who, Act::Reverse { purchase: 0, op: "disputed" });
        });
    }
}
