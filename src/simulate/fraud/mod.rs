//! Cheats: who they are is planned here, how they cheat in one file a family. Each family is played naively, by somebody
//! who does not care to be seen, and evasively, by somebody who does.
//!
//! Nothing here knows the rules, their names or their thresholds: the numbers are what cheats do, not what is caught.

mod card_testing;
mod many_guests;
mod mask;
mod overspend;
mod puppet;

use super::ids::Id;
use super::places::Places;
use super::world::World;
use card_testing::CardTesting;
use many_guests::ManyGuests;
use mask::Mask;
use overspend::Overspend;

/// One cheat for so many events, in a large story.
const EVENTS_A_CHEAT: f64 = 15_000.0;
/// In a story of at least so many events, every family is played both ways.
const EVENTS_FOR_ALL: f64 = 6_000.0;
/// Families, times two ways, and a little for those whom the last tenth of the story leaves out.
const WAYS_IN_ALL: f64 = 7.0;

/// How a family is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Not caring to be seen.
    Naive,
    /// Caring.
    Evasive,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::Evasive => "evasive",
        }
    }
}

enum Cheat {
    ManyGuests(ManyGuests),
    CardTesting(CardTesting),
    Overspend(Overspend),
}

/// All cheats under way.
pub(crate) struct Cheats {
    active: Places<Cheat>,
    per_event: f64,
    owed: f64,
    begun: u64,
}

impl Cheats {
    /// Plans the cheats of a story of so many events; none if nobody is to cheat.
    pub(crate) fn new(events: u64, abuse: bool) -> Self {
        let events = events as f64;
        let per_event = if events < EVENTS_FOR_ALL { 1e-3 } else { (WAYS_IN_ALL / events).max(1.0 / EVENTS_A_CHEAT) };
        Self { active: Places::new(), per_event: if abuse { per_event } else { 0.0 }, owed: 0.6, begun: 0 }
    }

    /// Begins a cheat if the events of the next step owe one.
    pub(crate) fn begin(&mut self, events: f64, world: &mut World, at_ms: i64) -> Option<u32> {
        self.owed += events * self.per_event;
        if self.per_event == 0.0 || self.owed < 1.0 {
            return None;
        }
        self.owed -= 1.0;
        let way = if (self.begun / 3).is_multiple_of(2) { Way::Naive } else { Way::Evasive };
        let cheat = match self.begun % 3 {
            0 => Cheat::ManyGuests(ManyGuests::new(way, world, at_ms)),
            1 => Cheat::CardTesting(CardTesting::new(way, world, at_ms)),
            _ => Cheat::Overspend(Overspend::new(way, world, at_ms)),
        };
        self.begun += 1;
        Some(self.active.put(cheat))
    }

    /// Plants a ring of accounts on devices known beforehand.
    pub(crate) fn plant_ring(&mut self, devices: &[Id], world: &mut World, at_ms: i64) -> u32 {
        self.active.put(Cheat::ManyGuests(ManyGuests::ring(devices, world, at_ms)))
    }

    /// Goes on with a cheat; returns when it goes on next, none once it is over.
    pub(crate) fn step(&mut self, place: u32, world: &mut World, at_ms: i64) -> Option<i64> {
        let next_ms = match self.active.get_mut(place)? {
            Cheat::ManyGuests(cheat) => cheat.step(world, at_ms),
            Cheat::CardTesting(cheat) => cheat.step(world, at_ms),
            Cheat::Overspend(cheat) => cheat.step(world, at_ms),
        };
        if next_ms.is_none() {
            self.active.take(place);
        }
        next_ms
    }
}
