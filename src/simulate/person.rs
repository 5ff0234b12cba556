//! A person: what they hold, where they are, what they own. A hundred-odd bytes each, so that millions may pass.

use super::catalogue::agents::{self, Agent, Form};
use super::catalogue::countries::{Address, Country};
use super::catalogue::product::Plan;
use super::clock::{DAY_MS, HOUR_MS};
use super::dice::Dice;
use super::facts::Snapshot;
use super::ids::Id;
use super::journal::Journal;

/// A browser on a machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Device {
    /// The device's identifier, kept in its storage.
    pub(crate) id: Id,
    /// What it looks like from outside.
    pub(crate) fingerprint: Id,
    /// Its browser.
    pub(crate) agent: &'static Agent,
    /// Its screen.
    pub(crate) screen: &'static str,
    /// When it first came, milliseconds.
    pub(crate) first_seen_ms: i64,
}

/// Where a person calls from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A line of their own.
    Home,
    /// At work by day, at home else: the office's number.
    Office(u16),
    /// A telephone, behind exits that a country shares.
    Mobile,
    /// At home, but abroad for some days now and then.
    Traveller,
}

/// Where a traveller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Journey {
    /// At home.
    Home,
    /// On the way, without a connection.
    Underway,
    /// In another country.
    Abroad,
}

/// Share of people at a desk who use the studio on a telephone, too.
const PHONE_SHARE: f64 = 0.3;
/// Share of people with a line of their own who travel.
const TRAVELLER_SHARE: f64 = 0.05;
/// From one journey to the next.
const TRIP_EVERY_MS: i64 = 10 * DAY_MS;

/// One honest person.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person {
    /// The guest they began as.
    pub(crate) guest: Id,
    /// Their account, if they made one.
    pub(crate) account: Option<Id>,
    /// Their workspace.
    pub(crate) workspace: Id,
    /// Their device.
    pub(crate) device: Device,
    /// The one that lies in their pocket or on their desk meanwhile.
    pub(crate) other_device: Option<Device>,
    /// The honest crowd that they are part of, as labels call it.
    pub(crate) crowd: Option<&'static str>,
    /// Their country.
    pub(crate) country: &'static Country,
    /// Where they call from.
    pub(crate) place: Place,
    /// The address of their own line.
    pub(crate) home: Address,
    /// What they pay for.
    pub(crate) plan: Plan,
    /// When it renews, milliseconds.
    pub(crate) renews_at_ms: i64,
    /// Credits left.
    pub(crate) balance: i64,
    /// Their card.
    pub(crate) card: Id,
    /// Visits still to come.
    pub(crate) visits_left: u16,
    /// Visits so far; none yet for somebody who is new to the simulation.
    pub(crate) visits: u16,
    /// How much they do in a visit, from 1.
    pub(crate) eagerness: u8,
    /// Whether the story began without them: their ledger opens with a balance nobody saw grow.
    pub(crate) veteran: bool,
}

impl Device {
    /// Makes a device with an ordinary browser.
    pub(crate) fn new(agent: &'static Agent, at_ms: i64, journal: &mut Journal, dice: &mut Dice) -> Self {
        let id = journal.id();
        Self { id, fingerprint: id.derived(11), agent, screen: dice.pick(agent.screens), first_seen_ms: at_ms }
    }

    /// Returns what the device looks like to the app.
    pub(crate) fn snapshot(&self, country: &Country) -> Snapshot {
        Snapshot {
            fingerprint: self.fingerprint,
            screen: self.screen,
            timezone: country.timezone,
            languages: country.languages,
            webdriver: false,
            storage_cleared: false,
        }
    }
}

impl Person {
    /// Makes somebody who has never been here.
    pub(crate) fn newcomer(country: &'static Country, at_ms: i64, journal: &mut Journal, dice: &mut Dice) -> Self {
        let agent = agents::any(dice);
        let device = Device::new(agent, at_ms, journal, dice);
        let guest = journal.id();
        let mobile = agent.form == Form::Phone && dice.chance(0.6);
        Self {
            guest,
            account: None,
            workspace: guest.derived(1),
            device,
            other_device: None,
            crowd: if mobile { Some("mobile_network") } else { None },
            country,
            place: if mobile { Place::Mobile } else { Place::Home },
            home: country.home(dice),
            plan: Plan::Free,
            renews_at_ms: i64::MAX,
            balance: 0,
            card: guest.derived(2),
            visits_left: dice.loyalty(),
            visits: 0,
            eagerness: [1, 1, 1, 2, 2, 2, 3, 4, 7][dice.below(9) as usize],
            veteran: false,
        }
    }

    /// Makes somebody who came before the story begins: an account, some with a subscription, credits from then.
    pub(crate) fn veteran(country: &'static Country, at_ms: i64, journal: &mut Journal, dice: &mut Dice) -> Self {
        let mut person = Self::newcomer(country, at_ms - dice.between(1, 90) * DAY_MS, journal, dice);
        person.account = Some(person.guest.derived(4));
        person.plan = match dice.below(100) {
            0..72 => Plan::Free,
            72..93 => Plan::Creator,
            _ => Plan::Studio,
        };
        if person.plan != Plan::Free {
            person.renews_at_ms = at_ms + dice.between(0, 30 * DAY_MS);
        }
        person.balance = 5 + dice.between(0, 60) + person.plan.credits() * dice.between(10, 95) / 100;
        person.visits_left = person.visits_left.max(2) + dice.below(12) as u16;
        person.veteran = true;
        if person.device.agent.form == Form::Desktop && dice.chance(PHONE_SHARE) {
            let phone = agents::of_form(Form::Phone, dice);
            person.other_device = Some(Device::new(phone, at_ms - DAY_MS, journal, dice));
        }
        if person.place == Place::Home && dice.chance(TRAVELLER_SHARE) {
            (person.place, person.crowd) = (Place::Traveller, Some("traveller"));
        }
        person
    }

    /// Takes up the other device, now and then.
    pub(crate) fn choose_device(&mut self, dice: &mut Dice) {
        if let Some(other) = self.other_device.filter(|_| dice.chance(0.3)) {
            self.other_device = Some(std::mem::replace(&mut self.device, other));
        }
    }

    /// Tells where a traveller is at a time; others are at home.
    pub(crate) fn journey(&self, at_ms: i64) -> Journey {
        if self.place != Place::Traveller {
            return Journey::Home;
        }
        let phase_ms = (at_ms + (self.guest.number() % TRIP_EVERY_MS as u64) as i64).rem_euclid(TRIP_EVERY_MS);
        match phase_ms / HOUR_MS {
            0..20 | 68..88 => Journey::Underway,
            20..68 => Journey::Abroad,
            _ => Journey::Home,
        }
    }
}
