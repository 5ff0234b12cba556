//! A list of stolen passwords, tried on everybody.
//!
//! Naively, one machine tries one after the other as fast as it may. Evasively, each of many unsuspecting people's lines
//! tries a few an hour. Where a password fits, the customer's credits are spent.

use crate::simulate::clock::{MINUTE_MS, SECOND_MS};
use crate::simulate::world::World;

use super::plan::{Act, Plan};
use super::puppet::Puppet;
use super::{Mask, Way};

/// Plans the run, and what becomes of the accounts that open.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    let machines = if way == Way::Naive { 1 } else { 14 };
    for machine in 0..machines {
        let mask = match way {
            Way::Naive => Mask::script(world, plan.at_ms),
            Way::Evasive => Mask::ordinary(world, plan.at_ms),
        };
        let bot = Puppet::bot(world, mask);
        let bot = plan.cast(bot);
        let (tries, gap_ms) = match way {
            Way::Naive => (world.dice.between(70, 110), (SECOND_MS, 6 * SECOND_MS)),
            Way::Evasive => (world.dice.between(3, 7), (MINUTE_MS, 8 * MINUTE_MS)),
        };
        let opens = if way == Way::Naive { 2 } else { i64::from(machine % 5 == 3) };
        for number in 0..tries {
            let target = world.journal.id();
            plan.wait(gap_ms, &mut world.dice).act(bot, Act::FailLogin { target });
            if number >= tries - opens {
                rob(plan, mask, world);
            }
        }
    }
}

/// Enters a customer's account and spends what is there.
fn rob(plan: &mut Plan, mask: Mask, world: &mut World) {
    let own = Mask::ordinary(world, plan.at_ms);
    let balance = world.dice.between(30, 120);
    let mut victim = Puppet::customer(world, own, balance);
    victim.is_victim = true;
    let victim = plan.cast(victim);
    let entered_ms = plan.at_ms;
    plan.wait((SECOND_MS, 3 * SECOND_MS), &mut world.dice);
    plan.act(victim, Act::Enter { mask: mask.thief(), logs_in: true });
    plan.ask(victim, balance / 8, 2, (6 * SECOND_MS, 20 * SECOND_MS), &mut world.dice);
    plan.leave(victim, &mut world.dice);
    plan.at_ms = entered_ms;
}
