//! What a cheat looks like from outside: a device and an address, worn once or many times.

use crate::simulate::catalogue::agents::{self, Form, HEADLESS};
use crate::simulate::catalogue::countries::{self, Address, Country};
use crate::simulate::facts::Snapshot;
use crate::simulate::ids::Id;
use crate::simulate::labels::Story;
use crate::simulate::person::Device;
use crate::simulate::world::World;

/// A device and an address.
#[derive(Clone, Copy)]
pub(super) struct Mask {
    pub(super) device: Device,
    pub(super) address: Address,
    pub(super) country: &'static Country,
    webdriver: bool,
    storage_cleared: bool,
}

impl Mask {
    /// Puts on a script's face: a driven browser in a data centre.
    pub(super) fn script(world: &mut World, at_ms: i64) -> Self {
        let (journal, dice) = (&mut world.journal, &mut world.dice);
        let device = Device::new(&HEADLESS, at_ms, journal, dice);
        let (address, country) = (countries::hosting(dice), countries::any(dice));
        Self { device, address, country, webdriver: true, storage_cleared: false }
    }

    /// Puts on an ordinary person's face.
    pub(super) fn ordinary(world: &mut World, at_ms: i64) -> Self {
        let (journal, dice) = (&mut world.journal, &mut world.dice);
        let device = Device::new(agents::of_form(Form::Desktop, dice), at_ms, journal, dice);
        let country = countries::any(dice);
        Self { device, address: country.home(dice), country, webdriver: false, storage_cleared: false }
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

    /// Tells the truth about the device, once something of it was seen.
    pub(super) fn label_device(&self, world: &mut World, story: Story, at_ms: i64) {
        world.journal.label(at_ms, story, "device", &self.device.id.text("dev_"));
    }

    /// Tells the truth about the address.
    pub(super) fn label_address(&self, world: &mut World, story: Story, at_ms: i64) {
        world.journal.label(at_ms, story, "ip", &self.address.ip.to_string());
    }

    /// Returns what the app sees of the device.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.device.snapshot(self.country);
        snapshot.webdriver = self.webdriver;
        snapshot.storage_cleared = self.storage_cleared;
        snapshot
    }
}
