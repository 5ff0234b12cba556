//! A key of the API that somebody left where others find it.
//!
//! Naively, the finders empty the wallet at once, from machines all over. Evasively, one of them adds a little to what the
//! owner's program does, from the same hosting company's network.

use crate::simulate::clock::{MINUTE_MS, SECOND_MS};
use crate::simulate::world::World;

use super::plan::{Act, Plan};
use super::puppet::Puppet;
use super::{Mask, Way};

/// Plans the owner's steady calls, and those of the finders.
pub(super) fn plan(plan: &mut Plan, way: Way, world: &mut World) {
    let own = Mask::program(world, plan.at_ms);
    let mut owner = Puppet::customer(world, own, 2_500);
    owner.is_victim = true;
    owner.api_key = Some(owner.guest.derived(5));
    let owner = plan.cast(owner);
    let call = |plan: &mut Plan, world: &mut World, mask: Mask, gap_ms| {
        plan.wait(gap_ms, &mut world.dice).act(owner, Act::Enter { mask, logs_in: false }).act(owner, Act::Ask(1));
    };
    let usual_ms = (2 * MINUTE_MS, 20 * MINUTE_MS);
    for _ in 0..60 {
        call(plan, world, own, usual_ms);
    }
    match way {
        Way::Naive => {
            let finders: Vec<Mask> = (0..4).map(|_| Mask::program(world, plan.at_ms).thief()).collect();
            for _ in 0..world.dice.between(90, 140) {
                let finder = world.dice.pick(&finders);
                call(plan, world, finder, (3 * SECOND_MS, 25 * SECOND_MS));
            }
        }
        Way::Evasive => {
            let mut finder = own;
            finder.move_next_door(world);
            for _ in 0..40 {
                call(plan, world, own, usual_ms);
                call(plan, world, finder.thief(), (MINUTE_MS, 15 * MINUTE_MS));
            }
        }
    }
}
