//! Gathering the credits of many guests in one account.
//!
//! Naively, guest after guest is bound to the same account. Evasively, only one more than a person with two devices would
//! have, on several accounts, hours apart.

use crate::simulate::clock::{HOUR_MS, MINUTE_MS, SECOND_MS};
use crate::simulate::world::World;

use super::plan::{Act, Mailbox, Plan};
use super::{Mask, Way};

/// Plans the accounts and the guests that each takes over.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    let (accounts, guests) = match way {
        Way::Naive => (1, world.dice.between(5, 10)),
        Way::Evasive => (3, 1),
    };
    for _ in 0..accounts {
        let mask = Mask::ordinary(world, plan.at_ms);
        let owner = plan.newcomer(world, mask, Mailbox::Ordinary);
        for _ in 0..guests {
            let pause_ms = match way {
                Way::Naive => (2 * MINUTE_MS, 20 * MINUTE_MS),
                Way::Evasive => (2 * HOUR_MS, 8 * HOUR_MS),
            };
            plan.wait(pause_ms, &mut world.dice);
            let mut again = mask;
            match way {
                Way::Naive => again.open_private_window(world, plan.at_ms),
                Way::Evasive => again = Mask::ordinary(world, plan.at_ms),
            }
            let guest = plan.guest(world, again);
            plan.wait((20 * SECOND_MS, MINUTE_MS), &mut world.dice).act(guest, Act::BindTo(owner));
        }
        plan.wait((MINUTE_MS, 5 * MINUTE_MS), &mut world.dice).act(owner, Act::Wear(mask));
        plan.ask(owner, 8 + 6 * guests, 2, (20 * SECOND_MS, 2 * MINUTE_MS), &mut world.dice);
        plan.leave(owner, &mut world.dice);
    }
}
