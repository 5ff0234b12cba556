//! What a cheat looks like from outside: a device and an address, worn once or many times.

use crate::simulate::catalogue::agents::{self, Form, HEADLESS};
use crate::simulate::catalogue::countries::{self, Address, Country};
use crate::simulate::facts::Snapshot;
use crate::simulate::ids::Id;
use crate::simulate::person::Device;
use crate::simulate::world::World;

/// A device and an address.
#[derive(Clone, Copy)]
pub(super) struct Mask {
    pub(super) device: Device,
    pub(super) address: Address,
    pub(super) country: &'static Country,
    /// Worn by somebody who uses what is another's.
    pub(super) is_thiefs: bool,
    library: Option<&'static str>,
    webdriver: bool,
    storage_cleared: bool,
}

impl Mask {
    const fn of(device: Device, address: Address, country: &'static Country) -> Self {
        let (library, is_thiefs) = (None, false);
        Self { device, address, country, is_thiefs, library, webdriver: false, storage_cleared: false }
    }

    /// Puts on a script's face: a driven browser in a data centre.
    pub(super) fn script(world: &mut World, at_ms: i64) -> Self {
        let (journal, dice) = (&mut world.journal, &mut world.dice);
        let device = Device::new(&HEADLESS, at_ms, journal, dice);
        let (address, country) = (countries::hosting(dice), countries::any(dice));
        Self { webdriver: true, ..Self::of(device, address, country) }
    }

    /// Puts on the face of a program that calls the studio's API.
    pub(super) fn program(world: &mut World, at_ms: i64) -> Self {
        let library = world.dice.pick(agents::LIBRARIES);
        Self { library: Some(library), webdriver: false, ..Self::script(world, at_ms) }
    }

    /// Puts on an ordinary person's face.
    pub(super) fn ordinary(world: &mut World, at_ms: i64) -> Self {
        let (journal, dice) = (&mut world.journal, &mut world.dice);
        let device = Device::new(agents::of_form(Form::Desktop, dice), at_ms, journal, dice);
        let country = countries::any(dice);
        Self::of(device, country.home(dice), country)
    }

    /// Puts on an ordinary person's face, somewhere else than another.
    pub(super) fn far_from(other: &Self, world: &mut World, at_ms: i64) -> Self {
        loop {
            let mask = Self::ordinary(world, at_ms);
            if mask.country.code != other.country.code {
                return mask;
            }
        }
    }

    /// Puts on an ordinary person's face, on a device known beforehand.
    pub(super) fn planted(world: &mut World, device: Id, at_ms: i64) -> Self {
        let mut mask = Self::ordinary(world, at_ms);
        mask.device.id = device;
        mask.device.fingerprint = device.derived(11);
        mask
    }

    /// Empties the browser's storage: the app will take it for new, the device stays what it is.
    pub(super) fn clear_storage(&mut self) {
        self.storage_cleared = true;
    }

    /// Changes the address for another line in the same country.
    pub(super) fn change_address(&mut self, world: &mut World) {
        self.address = self.country.home(&mut world.dice);
    }

    /// Changes what the device looks like, but not the device.
    pub(super) fn change_fingerprint(&mut self, world: &mut World) {
        self.device.fingerprint = world.journal.id();
        self.device.screen = world.dice.pick(self.device.agent.screens);
    }

    /// Takes another device of an ordinary kind, on the same line.
    pub(super) fn change_device(&mut self, world: &mut World, at_ms: i64) {
        let device = agents::of_form(Form::Desktop, &mut world.dice);
        self.device = Device::new(device, at_ms, &mut world.journal, &mut world.dice);
        self.storage_cleared = false;
    }

    /// Opens a private window: the same browser on the same line, but nothing in its storage.
    pub(super) fn open_private_window(&mut self, world: &mut World, at_ms: i64) {
        self.device.id = world.journal.id();
        self.device.first_seen_ms = at_ms;
    }

    /// Moves to another address of the same little network.
    pub(super) fn move_next_door(&mut self, world: &mut World) {
        self.address = self.address.neighbour(&mut world.dice);
    }

    /// Wears an ordinary face, of somebody whose things are not their own.
    pub(super) fn thief(mut self) -> Self {
        self.is_thiefs = true;
        self
    }

    /// Tells whether a script sits behind it that does not hide.
    pub(super) fn is_script(&self) -> bool {
        self.webdriver
    }

    /// Returns what the client calls itself.
    pub(super) fn user_agent(&self) -> &'static str {
        self.library.unwrap_or(self.device.agent.user_agent)
    }

    /// Returns what the app sees of the device.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.device.snapshot(self.country);
        snapshot.webdriver = self.webdriver;
        snapshot.storage_cleared = self.storage_cleared;
        snapshot
    }
}
