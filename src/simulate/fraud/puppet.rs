//! One false identity in a cheat's hands, or an honest one in a thief's: how each thing that it does becomes events.

use crate::simulate::account;
use crate::simulate::catalogue::{names, product};
use crate::simulate::facts::{self, Billing, Entry};
use crate::simulate::generate::{self, Generation};
use crate::simulate::ids::Id;
use crate::simulate::labels::Gain;
use crate::simulate::who::{Context, Presence, Who};
use crate::simulate::world::World;

use super::Mask;
use super::plan::Mailbox;

/// A false identity.
pub(super) struct Puppet {
    /// What it wears.
    pub(super) mask: Mask,
    /// What its identifiers come from; also the guest's own.
    pub(super) guest: Id,
    /// The account, once there is one.
    pub(super) account: Option<Id>,
    /// The key of the API that it uses, instead of a browser.
    pub(super) api_key: Option<Id>,
    /// Credits it believes it has.
    pub(super) balance: i64,
    /// What requests that were sent together read.
    pub(super) remembered: i64,
    /// The payments that went through.
    pub(super) purchases: Vec<Billing>,
    /// What it got that it was not entitled to.
    pub(super) gains: Vec<Gain>,
    /// Of its balance, what was given to a newcomer who is none.
    free: i64,
    /// Holds the wallet of its own identifier; a bot that only tries passwords has none.
    pub(super) has_wallet: bool,
    /// Whether it is somebody honest, whose things a thief comes to use.
    pub(super) is_victim: bool,
    opening: Option<i64>,
    presence: Option<Presence>,
}

impl Puppet {
    /// Makes somebody who was never here.
    pub(super) fn stranger(world: &mut World, mask: Mask) -> Self {
        Self {
            mask,
            guest: world.journal.id(),
            account: None,
            api_key: None,
            balance: 0,
            remembered: 0,
            purchases: Vec::new(),
            gains: Vec::new(),
            free: 0,
            has_wallet: true,
            is_victim: false,
            opening: None,
            presence: None,
        }
    }

    /// Makes an old customer, with an account and credits from before the story.
    pub(super) fn customer(world: &mut World, mask: Mask, balance: i64) -> Self {
        let mut puppet = Self::stranger(world, mask);
        puppet.account = Some(puppet.guest.derived(4));
        (puppet.balance, puppet.opening) = (balance, Some(balance));
        puppet
    }

    /// Makes a program that tries what is not its own: no guest, no wallet.
    pub(super) fn bot(world: &mut World, mask: Mask) -> Self {
        Self { has_wallet: false, ..Self::stranger(world, mask) }
    }

    /// Returns the wallet's identifier.
    pub(super) fn workspace(&self) -> Id {
        self.guest.derived(1)
    }

    /// Arrives as a new guest and takes the guest's credits.
    pub(super) fn arrive(&mut self, world: &mut World, at_ms: i64) {
        self.appear(world, None, at_ms);
        let context = self.context();
        let journal = &mut world.journal;
        facts::identity(journal, at_ms, &context, "guest_created", |_| {});
        facts::device(journal, at_ms, &context, &self.mask.snapshot(), at_ms);
        let guest = self.guest;
        self.take(world, ("grant", "guest_grant", product::GUEST_GRANT), ("grant_", guest), at_ms);
        facts::session(&mut world.journal, at_ms, &context, "ok", at_ms, 0);
    }

    /// Begins a session of somebody who was here before.
    pub(super) fn enter(&mut self, world: &mut World, logs_in: bool, at_ms: i64) {
        self.appear(world, None, at_ms);
        let context = self.context();
        if logs_in {
            facts::identity(&mut world.journal, at_ms, &context, "login", |event| {
                event.text("method", "password");
            });
        }
        if let Some(balance) = self.opening.take() {
            let reference = ("open_", self.guest);
            let entry = Entry { op: "adjust", amount: balance, reason: "opening", reference, balance_after: balance };
            facts::credit(&mut world.journal, at_ms, &context, &entry, ("plan", "free"));
        }
        if self.api_key.is_none() {
            facts::device(&mut world.journal, at_ms, &context, &self.mask.snapshot(), self.mask.device.first_seen_ms);
            facts::session(&mut world.journal, at_ms, &context, "ok", at_ms, 0);
        }
    }

    /// Signs up, which brings more credits.
    pub(super) fn sign_up(&mut self, world: &mut World, mailbox: Mailbox, referrer: Option<Id>, at_ms: i64) {
        let email = match mailbox {
            Mailbox::Ordinary => names::email(self.guest, &mut world.dice),
            Mailbox::Disposable => names::disposable(self.guest, &mut world.dice),
            Mailbox::Alias(mailbox, number) => names::alias(mailbox, number),
            Mailbox::CatchAll(domain, number) => names::catch_all(domain, number),
        };
        let account = self.guest.derived(4);
        let Some(presence) = &mut self.presence else { return };
        account::enter(world, presence, account, ("password", &email), referrer, at_ms);
        account::credit_signup(world, presence, self.guest, &mut self.balance, at_ms);
        self.account = Some(account);
        self.free += product::SIGNUP_GRANT;
    }

    /// Takes the bonus for having brought somebody.
    pub(super) fn take_bonus(&mut self, world: &mut World, referee: Id, at_ms: i64) {
        let Some(account) = self.account else { return };
        self.balance += product::REFERRAL_BONUS;
        self.free += product::REFERRAL_BONUS;
        let context = self.context();
        let credits = (product::REFERRAL_BONUS, self.balance);
        facts::bonus(&mut world.journal, at_ms, &context, account, referee, credits);
    }

    /// Takes credits for nothing.
    pub(super) fn take(
        &mut self,
        world: &mut World,
        entry: (&'static str, &'static str, i64),
        reference: (&'static str, Id),
        at_ms: i64,
    ) {
        self.free += entry.2;
        self.move_credits(world, entry, reference, at_ms);
    }

    /// Lets its account take over a guest that has come with its credits, on the guest's device.
    pub(super) fn absorb(&mut self, world: &mut World, guest: &mut Self, at_ms: i64) {
        let credits = std::mem::take(&mut guest.balance);
        self.free += std::mem::take(&mut guest.free);
        guest.account = self.account;
        let Some(mut presence) = guest.presence.clone() else { return };
        presence.who.account = self.account;
        presence.who.workspace = Some(self.workspace());
        presence.rename();
        facts::identity(&mut world.journal, at_ms, &presence.context, "bind", |_| {});
        self.balance += credits;
        let reference = ("bind_", guest.guest);
        let entry = Entry { op: "migrate", amount: credits, reason: "bind", reference, balance_after: self.balance };
        facts::credit(&mut world.journal, at_ms, &presence.context, &entry, ("plan", "free"));
    }

    /// Looks at the studio, as a person would.
    pub(super) fn browse(&self, world: &mut World, at_ms: i64) {
        let load_ms = world.dice.around(740);
        let route = product::any_page(&mut world.dice);
        facts::interface(&mut world.journal, at_ms, &self.context(), "page.view", route, |properties| {
            properties.text("referrer_host", "direct").int("load_ms", load_ms);
        });
    }

    /// Spends on a generation; the studio then believes that `balance_after` is left.
    pub(super) fn spend(&mut self, world: &mut World, generation: &Generation, balance_after: i64, at_ms: i64) {
        self.balance = balance_after;
        let cost = generation.cost();
        if self.is_victim && self.mask.is_thiefs {
            self.gain(cost, at_ms);
        }
        // What was given goes first.
        let free = cost.min(self.free);
        if free > 0 {
            self.free -= free;
            self.gains.push(Gain { at_ms, credits: free, is_free: true });
        }
        generate::spend(world, &self.context(), generation, balance_after, at_ms);
    }

    /// Receives the outputs.
    pub(super) fn receive(&self, world: &mut World, generation: &Generation, at_ms: i64) {
        generate::finish(world, &self.context(), generation, at_ms);
    }

    /// Goes on with the session that it has under this mask.
    pub(super) fn wear(&mut self, world: &mut World, mask: Mask, at_ms: i64) {
        self.mask = mask;
        let session = mask.device.id.derived(self.guest.number());
        self.appear(world, Some(session), at_ms);
    }

    /// Hears the bank's answer; a pack of credits comes with a good one.
    pub(super) fn settle(&mut self, world: &mut World, billing: Billing, is_pack: bool, at_ms: i64) {
        self.pay(world, billing, at_ms);
        if billing.op == "succeeded" {
            self.purchases.push(billing);
        }
        if is_pack && billing.op == "succeeded" {
            self.move_credits(world, ("grant", "purchase", product::PACK.0), ("pi_", billing.payment), at_ms);
        }
    }

    /// Writes a fact about a payment.
    pub(super) fn pay(&self, world: &mut World, billing: Billing, at_ms: i64) {
        facts::payment(&mut world.journal, at_ms, &self.context(), &billing, self.workspace());
    }

    /// Describes a payment with a card.
    pub(super) fn billing(&self, payment: Id, card: Id, amount_minor: i64) -> Billing {
        let currency = self.mask.country.currency;
        Billing { op: "attempt", amount_minor, currency, plan: "free", card, payment, decline_code: None }
    }

    /// Tries a password that does not fit.
    pub(super) fn fail_login(&mut self, world: &mut World, target: Id, at_ms: i64) {
        if self.presence.is_none() {
            self.appear(world, None, at_ms);
        }
        let Some(presence) = &self.presence else { return };
        let who = Who { account: Some(target), ..presence.who };
        let context = who.context(presence.context.release());
        facts::identity(&mut world.journal, at_ms, &context, "login_failed", |event| {
            event.text("method", "password");
        });
    }

    /// Drops the identity.
    pub(super) fn leave(&mut self, world: &mut World, at_ms: i64) {
        let Some(presence) = &self.presence else { return };
        if self.api_key.is_none() {
            facts::session(&mut world.journal, at_ms, &presence.context, "exited", presence.since_ms, 0);
        }
    }

    /// Notes credits that it was not entitled to, and that nobody gave.
    pub(super) fn gain(&mut self, credits: i64, at_ms: i64) {
        if credits > 0 {
            self.gains.push(Gain { at_ms, credits, is_free: false });
        }
    }

    fn move_credits(
        &mut self,
        world: &mut World,
        (op, reason, amount): (&'static str, &'static str, i64),
        reference: (&'static str, Id),
        at_ms: i64,
    ) {
        self.balance += amount;
        let entry = Entry { op, amount, reason, reference, balance_after: self.balance };
        facts::credit(&mut world.journal, at_ms, &self.context(), &entry, ("plan", "free"));
    }

    fn appear(&mut self, world: &mut World, session: Option<Id>, at_ms: i64) {
        let is_browser = self.api_key.is_none();
        let who = Who {
            guest: (self.has_wallet && self.account.is_none()).then_some(self.guest),
            account: self.account,
            device: is_browser.then_some(self.mask.device.id),
            session: is_browser.then(|| session.unwrap_or_else(|| world.journal.id())),
            workspace: self.has_wallet.then(|| self.workspace()),
            api_key: self.api_key,
            address: Some(self.mask.address),
            user_agent: self.mask.user_agent(),
        };
        self.presence = Some(Presence::new(who, world.releases.at(at_ms), at_ms));
    }

    fn context(&self) -> Context {
        self.presence.as_ref().map(|presence| presence.context.clone()).unwrap_or_default()
    }
}
