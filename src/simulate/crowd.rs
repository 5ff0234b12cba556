//! Honest people who share something: an office behind one address, a family's tablet, a class, a library's machine, a
//! mobile network; and travellers, who share nothing but are in two places. They look like one cheat with many faces, or
//! like several with one, and are not.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::catalogue::agents::{self, CHROMEBOOK, Form};
use super::catalogue::countries::{self, Address, Country};
use super::clock::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, working_hours};
use super::dice::Dice;
use super::journal::Journal;
use super::labels::Story;
use super::person::{Device, Journey, Person, Place};

/// Share of people at a desk who come from one of the offices.
const OFFICE_SHARE: f64 = 0.11;
/// Share of new tablets that a family uses together.
const FAMILY_SHARE: f64 = 0.35;
/// Students of a class.
const STUDENTS: (i64, i64) = (22, 31);
/// One class for so many events.
const EVENTS_A_CLASS: f64 = 40_000.0;
/// Visitors of a library's machine in a day.
const READERS: (i64, i64) = (3, 7);
/// One library for so many events.
const EVENTS_A_LIBRARY: f64 = 30_000.0;
/// What labels call a family with a tablet.
pub(crate) const FAMILY: &str = "family_tablet";
/// One office for so many events.
const EVENTS_AN_OFFICE: u64 = 20_000;
/// Offices, whatever the number of events.
const OFFICES_MAX: u64 = 200;

struct Office {
    country: &'static Country,
    address: Address,
    seen: bool,
}

struct Household {
    device: Device,
    country: &'static Country,
    home: Address,
    left: u8,
    seen: bool,
}

/// People in one room: a class, each with a machine, or a library's visitors, one after the other at the same.
struct Room {
    country: &'static Country,
    address: Address,
    machine: Option<Device>,
    left: u8,
    seen: bool,
}

/// All crowds.
pub(crate) struct Crowds {
    offices: Vec<Office>,
    households: super::places::Places<Household>,
    rooms: super::places::Places<Room>,
    exits_seen: BTreeSet<IpAddr>,
    classes_owed: f64,
    libraries_owed: f64,
}

/// An entity of a crowd that is seen for the first time.
pub(crate) type Noticed = Option<(Story, &'static str, String)>;

impl Crowds {
    /// Settles the offices of a world of so many events.
    pub(crate) fn new(events: u64, dice: &mut Dice) -> Self {
        let offices = (0..(events / EVENTS_AN_OFFICE).clamp(1, OFFICES_MAX))
            .map(|_| {
                let country = countries::any(dice);
                Office { country, address: country.shared_line(dice), seen: false }
            })
            .collect();
        Self {
            offices,
            households: super::places::Places::new(),
            rooms: super::places::Places::new(),
            exits_seen: BTreeSet::new(),
            classes_owed: 0.7,
            libraries_owed: 0.4,
        }
    }

    /// Gives some of those who sit at a desk a place in an office.
    pub(crate) fn employ(&self, person: &mut Person, dice: &mut Dice) {
        if person.device.agent.form == Form::Desktop && dice.chance(OFFICE_SHARE) {
            let place = dice.below(self.offices.len() as u64) as usize;
            person.country = self.offices[place].country;
            person.home = person.country.home(dice);
            (person.place, person.crowd) = (Place::Office(place as u16), Some("office"));
            person.visits_left = person.visits_left.saturating_add(4);
        }
    }

    /// Returns where a person calls from at a time, and the shared address if it was never seen before.
    pub(crate) fn address(&mut self, person: &Person, at_ms: i64, dice: &mut Dice) -> (Address, Noticed) {
        match person.place {
            Place::Office(place) if working_hours(person.country.local_ms(at_ms)) => {
                let office = &mut self.offices[usize::from(place)];
                let first = !std::mem::replace(&mut office.seen, true);
                (office.address, first.then(|| (Story::crowd("office"), "ip", office.address.ip.to_string())))
            }
            Place::Mobile => {
                let exit = person.country.mobile_exit(dice);
                let first = self.exits_seen.insert(exit.ip);
                (exit, first.then(|| (Story::crowd("mobile_network"), "ip", exit.ip.to_string())))
            }
            Place::Traveller if person.journey(at_ms) == Journey::Abroad => (hotel(person), None),
            _ if person.device.agent.form == Form::Phone && person.other_device.is_some() && dice.chance(0.5) => {
                (person.country.mobile_exit(dice), None)
            }
            Place::Home | Place::Office(_) | Place::Traveller => (person.home, None),
        }
    }

    /// Lets a family share a newcomer's tablet; returns the household and when its next member comes.
    pub(crate) fn share_tablet(&mut self, person: &Person, at_ms: i64, dice: &mut Dice) -> Option<(u32, i64)> {
        if person.device.agent.form != Form::Tablet || !dice.chance(FAMILY_SHARE) {
            return None;
        }
        let household = Household {
            device: person.device,
            country: person.country,
            home: person.home,
            left: 1 + dice.below(2) as u8,
            seen: false,
        };
        Some((self.households.put(household), at_ms + HOUR_MS / 2 + dice.wait(8 * HOUR_MS)))
    }

    /// Brings the next member of a household; also when another follows.
    pub(crate) fn sibling(
        &mut self,
        place: u32,
        at_ms: i64,
        journal: &mut Journal,
        dice: &mut Dice,
    ) -> Option<(Person, Noticed, Option<i64>)> {
        let household = self.households.get_mut(place)?;
        let mut person = Person::newcomer(household.country, at_ms, journal, dice);
        person.device = household.device;
        (person.home, person.place) = (household.home, Place::Home);
        person.crowd = Some(FAMILY);
        person.visits_left = person.visits_left.min(5);
        let first = !std::mem::replace(&mut household.seen, true);
        let device = household.device.id.text("dev_");
        let noticed = first.then_some((Story::crowd(FAMILY), "device", device));
        household.left -= 1;
        let next_ms = (household.left > 0).then(|| at_ms + dice.between(HOUR_MS, DAY_MS));
        if next_ms.is_none() {
            self.households.take(place);
        }
        Some((person, noticed, next_ms))
    }

    /// Begins a class if one is due and a school is open; returns it and when its students sit down.
    pub(crate) fn begin_class(&mut self, events: f64, at_ms: i64, dice: &mut Dice) -> Option<(u32, Vec<i64>)> {
        self.classes_owed += events / EVENTS_A_CLASS;
        let country = countries::any(dice);
        if self.classes_owed < 1.0 || !working_hours(country.local_ms(at_ms)) {
            return None;
        }
        self.classes_owed -= 1.0;
        let students = dice.between(STUDENTS.0, STUDENTS.1);
        let address = country.shared_line(dice);
        let class = Room { country, address, machine: None, left: students as u8, seen: false };
        let times = (0..students).map(|_| at_ms + dice.between(10 * SECOND_MS, 8 * MINUTE_MS)).collect();
        Some((self.rooms.put(class), times))
    }

    /// Opens a library if one is due; returns its machine's room and when its visitors sit down.
    pub(crate) fn open_library(
        &mut self,
        events: f64,
        at_ms: i64,
        journal: &mut Journal,
        dice: &mut Dice,
    ) -> Option<(u32, Vec<i64>)> {
        self.libraries_owed += events / EVENTS_A_LIBRARY;
        if self.libraries_owed < 1.0 {
            return None;
        }
        self.libraries_owed -= 1.0;
        let country = countries::awake(at_ms, dice);
        let machine = Device::new(agents::of_form(Form::Desktop, dice), at_ms, journal, dice);
        let visitors = dice.between(READERS.0, READERS.1);
        let address = country.shared_line(dice);
        let room = Room { country, address, machine: Some(machine), left: visitors as u8, seen: false };
        let times = (0..visitors).map(|visitor| at_ms + visitor * HOUR_MS + dice.between(0, HOUR_MS / 2)).collect();
        Some((self.rooms.put(room), times))
    }

    /// Brings the next student of a class, or the next visitor of a library.
    pub(crate) fn next_in_room(
        &mut self,
        place: u32,
        at_ms: i64,
        journal: &mut Journal,
        dice: &mut Dice,
    ) -> Option<(Person, Noticed)> {
        let room = self.rooms.get_mut(place)?;
        // Whoever comes to a library again and again has an account.
        let mut person = match room.machine {
            Some(_) if dice.chance(0.6) => Person::veteran(room.country, at_ms, journal, dice),
            _ => Person::newcomer(room.country, at_ms, journal, dice),
        };
        person.device = match room.machine {
            Some(machine) => machine,
            None => Device::new(&CHROMEBOOK, at_ms, journal, dice),
        };
        (person.home, person.place, person.other_device) = (room.address, Place::Home, None);
        (person.visits_left, person.eagerness) = (1, 3);
        let name = if room.machine.is_some() { "shared_machine" } else { "classroom" };
        person.crowd = Some(name);
        let first = !std::mem::replace(&mut room.seen, true);
        let noticed = first.then(|| match room.machine {
            Some(machine) => (Story::crowd(name), "device", machine.id.text("dev_")),
            None => (Story::crowd(name), "ip", room.address.ip.to_string()),
        });
        room.left -= 1;
        if room.left == 0 {
            self.rooms.take(place);
        }
        Some((person, noticed))
    }
}

/// Returns where a traveller stays: always the same place, far from home.
fn hotel(person: &Person) -> Address {
    let mut dice = Dice::new(person.guest.number());
    loop {
        let country = countries::any(&mut dice);
        if country.code != person.country.code {
            return country.shared_line(&mut dice);
        }
    }
}
