//! One subscription for a whole circle of friends.
//!
//! Naively, all of them are at it in the same evening, each at home. Evasively, they take turns behind one proxy.

use crate::simulate::catalogue::product::Plan as Subscription;
use crate::simulate::clock::{DAY_MS, MINUTE_MS, SECOND_MS};
use crate::simulate::world::World;

use super::plan::{Act, Plan};
use super::puppet::Puppet;
use super::{Mask, Way};

/// Plans their evenings. What the friends spend of it is what they would have had to pay for, or been granted, alone.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    let own = Mask::ordinary(world, plan.at_ms);
    let mut account = Puppet::customer(world, own, Subscription::Studio.credits());
    account.is_victim = true;
    let account = plan.cast(account);
    plan.act(account, Act::Enter { mask: own.thief(), logs_in: true });
    let friends: Vec<Mask> = (0..world.dice.between(4, 8))
        .map(|_| {
            let mut mask = own;
            mask.change_device(world, plan.at_ms);
            if way == Way::Naive {
                mask.change_address(world);
            }
            mask.thief()
        })
        .collect();
    for evening in 0..2 {
        let turns = world.dice.between(20, 36);
        for turn in 0..turns {
            let place = match way {
                Way::Naive => world.dice.below(friends.len() as u64) as usize,
                Way::Evasive => (evening * turns + turn) as usize / 9 % friends.len(),
            };
            plan.wait((20 * SECOND_MS, 2 * MINUTE_MS), &mut world.dice);
            plan.act(account, Act::Wear(friends[place])).act(account, Act::Browse).act(account, Act::Ask(2));
        }
        plan.wait((DAY_MS - 90 * MINUTE_MS, DAY_MS + 30 * MINUTE_MS), &mut world.dice);
    }
}
