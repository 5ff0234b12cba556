//! Trying out stolen cards: small payments, a new card each time, most of them declined.
//!
//! Naively, one account on one machine hammers through a list in minutes. Evasively, several accounts, each with a
//! device and a line of its own, try a card now and then and pay what a plan costs.

use crate::simulate::catalogue::product::Plan as Subscription;
use crate::simulate::clock::{MINUTE_MS, SECOND_MS};
use crate::simulate::world::World;

use super::plan::{Act, Mailbox, Plan};
use super::{Mask, Way};

/// Plans a run through a list.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    match way {
        Way::Naive => {
            let mask = Mask::script(world, plan.at_ms);
            let who = plan.newcomer(world, mask, Mailbox::Disposable);
            for _ in 0..world.dice.between(20, 45) {
                plan.wait((6 * SECOND_MS, 25 * SECOND_MS), &mut world.dice);
                let (card, amount_minor) = (world.journal.id(), world.dice.between(50, 200));
                plan.act(who, Act::Attempt { card, amount_minor, declined_percent: 88 });
            }
            plan.leave(who, &mut world.dice);
        }
        Way::Evasive => {
            for _ in 0..world.dice.between(5, 9) {
                let mask = Mask::ordinary(world, plan.at_ms);
                let who = plan.newcomer(world, mask, Mailbox::Ordinary);
                for _ in 0..world.dice.between(3, 7) {
                    plan.wait((9 * MINUTE_MS, 45 * MINUTE_MS), &mut world.dice);
                    let (card, amount_minor) = (world.journal.id(), Subscription::Creator.price_minor());
                    plan.act(who, Act::Attempt { card, amount_minor, declined_percent: 74 });
                }
                plan.leave(who, &mut world.dice);
                plan.wait((10 * MINUTE_MS, 90 * MINUTE_MS), &mut world.dice);
            }
        }
    }
}
