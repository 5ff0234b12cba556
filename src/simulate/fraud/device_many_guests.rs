//! Farming what newcomers are given: one person, many guests.
//!
//! Naively, a script on one machine clears its storage and comes back within minutes. Evasively, a person comes back
//! after hours, from another line, with another fingerprint, and on another device every other time. As a ring, the
//! guests of a few devices sign up under aliases of one mailbox.

use crate::simulate::clock::{HOUR_MS, MINUTE_MS, SECOND_MS};
use crate::simulate::ids::Id;
use crate::simulate::world::World;

use super::plan::{Act, Mailbox, Plan};
use super::{Mask, Way};

/// Guests of a ring: three weeks' work.
const RING_GUESTS: u32 = 2_000;

/// Plans a farm.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    let mut mask = match way {
        Way::Naive => Mask::script(world, plan.at_ms),
        Way::Evasive => Mask::ordinary(world, plan.at_ms),
    };
    let guests = match way {
        Way::Naive => world.dice.between(8, 16),
        Way::Evasive => world.dice.between(7, 12),
    };
    for guest in 0..guests {
        if way == Way::Evasive && guest > 0 {
            if guest % 2 == 0 {
                mask = Mask::ordinary(world, plan.at_ms);
            }
            mask.change_address(world);
            mask.change_fingerprint(world);
        }
        let who = plan.guest(world, mask);
        mask.clear_storage();
        if way == Way::Evasive {
            plan.wait((4 * SECOND_MS, 20 * SECOND_MS), &mut world.dice).act(who, Act::Browse);
        }
        plan.ask(who, 6, 2, (9 * SECOND_MS, 16 * SECOND_MS), &mut world.dice);
        plan.leave(who, &mut world.dice);
        let pause_ms = match way {
            Way::Naive => (40 * SECOND_MS, 6 * MINUTE_MS),
            Way::Evasive => (HOUR_MS, 5 * HOUR_MS),
        };
        plan.wait(pause_ms, &mut world.dice);
    }
}

/// Plans a ring that goes on and on, on devices known beforehand.
pub(super) fn ring(plan: &mut Plan, devices: &[Id], world: &mut World) {
    let masks: Vec<Mask> = devices.iter().map(|device| Mask::planted(world, *device, plan.at_ms)).collect();
    let mailbox = world.journal.id();
    for (guest, mask) in (0..RING_GUESTS).zip(masks.iter().cycle()) {
        let mut mask = *mask;
        if guest as usize >= masks.len() {
            mask.clear_storage();
        }
        let who = plan.newcomer(world, mask, Mailbox::Alias(mailbox, guest + 1));
        plan.ask(who, 10, 2, (9 * SECOND_MS, 16 * SECOND_MS), &mut world.dice);
        plan.leave(who, &mut world.dice);
        plan.wait((4 * MINUTE_MS, 18 * MINUTE_MS), &mut world.dice);
    }
}
