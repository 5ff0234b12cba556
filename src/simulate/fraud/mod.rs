//! Cheats: who they are is planned here, how they cheat in one file a family. Each family is played naively, by somebody
//! who does not care to be seen, and evasively, by somebody who does and still gains by it.
//!
//! A family's file writes a `plan` out of the few things that false identities (`puppet`) do under what they wear
//! (`mask`); a `scheme` carries it out. Nothing here knows the rules or their thresholds: the numbers are what cheats do,
//! not what is caught.

mod account_sharing;
mod bind_farm;
mod card_testing;
mod credential_stuffing;
mod device_many_guests;
mod disposable_email;
mod email_alias_cluster;
mod guest_reset_loop;
mod impossible_travel;
mod key_leak;
mod ledger_overspend;
mod linked_accounts;
mod mask;
mod new_identity_rush;
mod plan;
mod puppet;
mod referral_self;
mod reused_disputed_card;
mod scheme;
mod scripted_generation;
mod signup_burst;
mod spend_then_reverse;

use super::ids::Id;
use super::journal::Journal;
use super::labels::Story;
use super::places::Places;
use super::world::World;
use mask::Mask;
use plan::Plan;
use scheme::Scheme;

/// One cheat for so many events, in a large story.
const EVENTS_A_CHEAT: f64 = 15_000.0;
/// In a small story cheats are at most so dense, and not every family is played.
const EVENTS_A_CHEAT_MIN: f64 = 1_300.0;
/// Cheats that begin in any story that is not tiny.
const CHEATS_MIN: f64 = 2.5 * FAMILIES.len() as f64;

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

type Family = (&'static str, fn(&mut Plan, Way, &mut World));

/// Every family, in the order in which they begin: a small story has the first ones both ways.
#[rustfmt::skip] // One family a line.
const FAMILIES: &[Family] = &[
    ("device_many_guests", device_many_guests::plan),
    ("card_testing", card_testing::plan),
    ("ledger_overspend", ledger_overspend::plan),
    ("guest_reset_loop", guest_reset_loop::plan),
    ("signup_burst", signup_burst::plan),
    ("disposable_email", disposable_email::plan),
    ("email_alias_cluster", email_alias_cluster::plan),
    ("bind_farm", bind_farm::plan),
    ("linked_accounts", linked_accounts::plan),
    ("referral_self", referral_self::plan),
    ("spend_then_reverse", spend_then_reverse::plan),
    ("reused_disputed_card", reused_disputed_card::plan),
    ("credential_stuffing", credential_stuffing::plan),
    ("impossible_travel", impossible_travel::plan),
    ("account_sharing", account_sharing::plan),
    ("key_leak", key_leak::plan),
    ("scripted_generation", scripted_generation::plan),
    ("new_identity_rush", new_identity_rush::plan),
];

/// Returns the families' names.
pub(crate) fn families() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().map(|(name, _)| *name)
}

/// How many families begin naively before the same begin evasively.
const BLOCK: u64 = 3;

/// All cheats under way.
pub(crate) struct Cheats {
    active: Places<Scheme>,
    places: Vec<u32>,
    per_event: f64,
    owed: f64,
    begun: u64,
}

impl Cheats {
    /// Plans the cheats of a story of so many events; none if nobody is to cheat.
    pub(crate) fn new(events: u64, abuse: bool) -> Self {
        let per_event = (CHEATS_MIN / events as f64).clamp(1.0 / EVENTS_A_CHEAT, 1.0 / EVENTS_A_CHEAT_MIN);
        let per_event = if abuse { per_event } else { 0.0 };
        Self { active: Places::new(), places: Vec::new(), per_event, owed: 0.6, begun: 0 }
    }

    /// Begins a cheat if the events of the next step owe one; returns it and when it begins.
    pub(crate) fn begin(&mut self, events: f64, world: &mut World, at_ms: i64) -> Option<(u32, i64)> {
        self.owed += events * self.per_event;
        if self.per_event == 0.0 || self.owed < 1.0 {
            return None;
        }
        self.owed -= 1.0;
        let (family, way) = turn(self.begun);
        self.begun += 1;
        let (name, write) = FAMILIES[family];
        let mut plan = Plan::new(at_ms);
        write(&mut plan, way, world);
        self.put(Scheme::new(Story::abuse(name, way.name()), plan, world))
    }

    /// Plants a ring of accounts on devices known beforehand.
    pub(crate) fn plant_ring(&mut self, devices: &[Id], world: &mut World, at_ms: i64) -> Option<(u32, i64)> {
        let mut plan = Plan::new(at_ms);
        device_many_guests::ring(&mut plan, devices, world);
        self.put(Scheme::new(Story::abuse(FAMILIES[0].0, "ring"), plan, world))
    }

    /// Goes on with a cheat; returns when it goes on next, none once it is over.
    pub(crate) fn step(&mut self, place: u32, world: &mut World) -> Option<i64> {
        let scheme = self.active.get_mut(place)?;
        scheme.step(world);
        let next_ms = scheme.next_ms();
        if next_ms.is_none() {
            scheme.reveal(&mut world.journal);
            self.active.take(place);
            self.places.retain(|other| *other != place);
        }
        next_ms
    }

    /// Tells the truth about those that are still under way, once the story is over.
    pub(crate) fn reveal(&mut self, journal: &mut Journal) {
        for place in std::mem::take(&mut self.places) {
            if let Some(scheme) = self.active.take(place) {
                scheme.reveal(journal);
            }
        }
    }

    fn put(&mut self, scheme: Scheme) -> Option<(u32, i64)> {
        let next_ms = scheme.next_ms()?;
        let place = self.active.put(scheme);
        self.places.push(place);
        Some((place, next_ms))
    }
}

/// Tells which family has its turn, and how: some naively, then the same evasively, then others.
fn turn(begun: u64) -> (usize, Way) {
    let (block, within) = (begun / (2 * BLOCK), begun % (2 * BLOCK));
    let family = (block * BLOCK + within % BLOCK) as usize % FAMILIES.len();
    (family, if within < BLOCK { Way::Naive } else { Way::Evasive })
}
