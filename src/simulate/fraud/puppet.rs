//! One false identity in a cheat's hands: it arrives as a guest, may sign up, spends what it is given, and is dropped.

use crate::simulate::account;
use crate::simulate::catalogue::product;
use crate::simulate::facts::{self, Entry};
use crate::simulate::generate::{self, Generation};
use crate::simulate::ids::Id;
use crate::simulate::labels::Story;
use crate::simulate::who::{Presence, Who};
use crate::simulate::world::World;

use super::Mask;

/// A false identity.
pub(super) struct Puppet {
    pub(super) presence: Presence,
    /// Credits it believes it has.
    pub(super) balance: i64,
    guest: Id,
}

impl Puppet {
    /// Arrives as a new guest and takes the guest's credits.
    pub(super) fn arrive(world: &mut World, mask: &Mask, story: Story, at_ms: i64) -> Self {
        let journal = &mut world.journal;
        let guest = journal.id();
        let who = Who {
            guest: Some(guest),
            device: Some(mask.device.id),
            session: Some(journal.id()),
            workspace: Some(guest.derived(1)),
            address: Some(mask.address),
            user_agent: mask.device.agent.user_agent,
            ..Who::default()
        };
        let release = world.releases.at(at_ms);
        let presence = Presence::new(who, release, at_ms);
        let journal = &mut world.journal;
        facts::identity(journal, at_ms, &presence.context, "guest_created", |_| {});
        journal.label(at_ms, story, "guest", &guest.text("gst_"));
        let snapshot = mask.snapshot();
        facts::device(journal, at_ms, &presence.context, &snapshot, at_ms);
        let mut puppet = Self { presence, balance: 0, guest };
        puppet.move_credits(world, ("grant", "guest_grant", product::GUEST_GRANT), ("grant_", guest), at_ms);
        facts::session(&mut world.journal, at_ms, &puppet.presence.context, "ok", at_ms, 0);
        puppet
    }

    /// Signs up under an address, which brings more credits; returns the account.
    pub(super) fn sign_up(&mut self, world: &mut World, email: &str, story: Story, at_ms: i64) {
        let account = self.guest.derived(4);
        account::enter(world, &mut self.presence, account, ("password", email), None, at_ms);
        world.journal.label(at_ms, story, "account", &account.text("acct_"));
        account::credit_signup(world, &mut self.presence, self.guest, &mut self.balance, at_ms);
    }

    /// Looks at the studio, as a person would.
    pub(super) fn look_around(&self, world: &mut World, at_ms: i64) {
        let load_ms = world.dice.around(740);
        facts::interface(&mut world.journal, at_ms, &self.presence.context, "page.view", "/studio", |properties| {
            properties.text("referrer_host", "direct").int("load_ms", load_ms);
        });
    }

    /// Asks for outputs, if the credits last.
    pub(super) fn ask(&mut self, world: &mut World, outputs: i64, at_ms: i64) -> Option<Generation> {
        let generation = Generation::scripted(world, outputs, at_ms);
        if generation.cost() > self.balance {
            return None;
        }
        self.balance -= generation.cost();
        self.spend(world, &generation, self.balance, at_ms);
        Some(generation)
    }

    /// Spends on a generation; the studio then believes that `balance_after` is left.
    pub(super) fn spend(&self, world: &mut World, generation: &Generation, balance_after: i64, at_ms: i64) {
        generate::spend(world, &self.presence.context, generation, balance_after, at_ms);
    }

    /// Receives the outputs.
    pub(super) fn receive(&self, world: &mut World, generation: &Generation, at_ms: i64) {
        generate::finish(world, &self.presence.context, generation, at_ms);
    }

    /// Moves credits that are no spend.
    pub(super) fn move_credits(
        &mut self,
        world: &mut World,
        (op, reason, amount): (&'static str, &'static str, i64),
        reference: (&'static str, Id),
        at_ms: i64,
    ) {
        self.balance += amount;
        let entry = Entry { op, amount, reason, reference, balance_after: self.balance };
        facts::credit(&mut world.journal, at_ms, &self.presence.context, &entry, ("plan", "free"));
    }

    /// Drops the identity.
    pub(super) fn leave(&self, world: &mut World, at_ms: i64) {
        let context = &self.presence.context;
        facts::session(&mut world.journal, at_ms, context, "exited", self.presence.since_ms, 0);
    }

    /// Returns the workspace, which is its wallet.
    pub(super) fn workspace(&self) -> String {
        self.guest.derived(1).text("ws_")
    }
}
