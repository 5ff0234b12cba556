//! Farming what newcomers are given: one person, many guests.
//!
//! Naively, a script on one machine clears its storage and comes back within minutes. Evasively, a person comes back
//! after hours, from another line, with another fingerprint, and on another device every other time. As a ring, the
//! guests of a few devices sign up under aliases of one mailbox.

use crate::simulate::catalogue::names;
use crate::simulate::clock::{HOUR_MS, MINUTE_MS, SECOND_MS};
use crate::simulate::generate::Generation;
use crate::simulate::ids::Id;
use crate::simulate::labels::Story;
use crate::simulate::world::World;

use super::puppet::Puppet;
use super::{Mask, Way};

/// A farm of guests.
pub(super) struct ManyGuests {
    way: Way,
    story: Story,
    masks: Vec<Mask>,
    mailbox: Id,
    guests: u32,
    guests_max: u32,
    current: Option<Puppet>,
    under_way: Option<Generation>,
}

impl ManyGuests {
    /// Plans a farm.
    pub(super) fn new(way: Way, world: &mut World, at_ms: i64) -> Self {
        let (mask, guests_max) = match way {
            Way::Naive => (Mask::script(world, at_ms), world.dice.between(8, 25)),
            Way::Evasive => (Mask::ordinary(world, at_ms), world.dice.between(8, 19)),
        };
        let story = Story::abuse("many_guests", way.name());
        Self::of(way, story, vec![mask], guests_max as u32, world)
    }

    /// Plans a ring that never stops, on devices known beforehand.
    pub(super) fn ring(devices: &[Id], world: &mut World, at_ms: i64) -> Self {
        let masks = devices.iter().map(|device| Mask::planted(world, *device, at_ms)).collect();
        Self::of(Way::Evasive, Story::abuse("many_guests", "ring"), masks, u32::MAX, world)
    }

    /// Goes on; returns when it goes on next, none once the farm is given up.
    pub(super) fn step(&mut self, world: &mut World, at_ms: i64) -> Option<i64> {
        let Some(puppet) = &mut self.current else {
            if self.guests == self.guests_max {
                return None;
            }
            self.begin_guest(world, at_ms);
            return Some(at_ms + world.dice.around(4 * SECOND_MS));
        };
        if let Some(generation) = self.under_way.take() {
            puppet.receive(world, &generation, at_ms);
            return Some(at_ms + world.dice.between(SECOND_MS, 4 * SECOND_MS));
        }
        if let Some(generation) = puppet.ask(world, 2, at_ms) {
            self.under_way = Some(generation);
            return Some(generation.ends_at_ms(world));
        }
        puppet.leave(world, at_ms);
        self.current = None;
        Some(at_ms + self.pause_ms(world))
    }

    fn of(way: Way, story: Story, masks: Vec<Mask>, guests_max: u32, world: &mut World) -> Self {
        let mailbox = world.journal.id();
        Self { way, story, masks, mailbox, guests: 0, guests_max, current: None, under_way: None }
    }

    fn is_ring(&self) -> bool {
        self.guests_max == u32::MAX
    }

    fn begin_guest(&mut self, world: &mut World, at_ms: i64) {
        let place = self.guests as usize % self.masks.len();
        let mut new_device = (self.guests as usize) < self.masks.len();
        if !new_device && self.way == Way::Evasive && !self.is_ring() {
            if self.guests.is_multiple_of(2) {
                self.masks[place] = Mask::ordinary(world, at_ms);
                new_device = true;
            }
            self.masks[place].change_address(world);
            self.masks[place].change_fingerprint(world);
        }
        let mut puppet = Puppet::arrive(world, &self.masks[place], self.story, at_ms);
        if new_device {
            self.masks[place].label_device(world, self.story, at_ms);
        }
        self.masks[place].clear_storage();
        if self.way == Way::Evasive {
            puppet.look_around(world, at_ms);
        }
        if self.is_ring() {
            puppet.sign_up(world, &names::alias(self.mailbox, self.guests + 1), self.story, at_ms);
        }
        self.guests += 1;
        self.current = Some(puppet);
    }

    fn pause_ms(&self, world: &mut World) -> i64 {
        match self.way {
            Way::Naive => world.dice.between(40 * SECOND_MS, 6 * MINUTE_MS),
            Way::Evasive if self.is_ring() => world.dice.between(6 * MINUTE_MS, 22 * MINUTE_MS),
            Way::Evasive => world.dice.between(HOUR_MS, 5 * HOUR_MS),
        }
    }
}
