//! A plan being carried out, and the truth about it, which is told when it is over.

use std::collections::{BTreeMap, BTreeSet};

use crate::simulate::catalogue::product::{self, PACK};
use crate::simulate::facts::Billing;
use crate::simulate::generate::Generation;
use crate::simulate::ids::Id;
use crate::simulate::journal::Journal;
use crate::simulate::labels::{Deed, Story};
use crate::simulate::world::World;

use super::plan::{Act, Plan, Who};
use super::puppet::Puppet;

/// One cheat at work.
pub(super) struct Scheme {
    id: Id,
    story: Story,
    puppets: Vec<Puppet>,
    acts: BTreeMap<(i64, u32), (Who, Act)>,
    added: u32,
    marked: BTreeSet<(&'static str, String)>,
    marks: Vec<Mark>,
}

/// An entity that is part of it.
struct Mark {
    at_ms: i64,
    kind: &'static str,
    entity: String,
    /// Whose it is; none if several share it.
    who: Option<Who>,
}

impl Scheme {
    /// Takes a plan over.
    pub(super) fn new(story: Story, plan: Plan, world: &mut World) -> Self {
        let mut scheme = Self {
            id: world.journal.id(),
            story,
            puppets: plan.puppets,
            acts: BTreeMap::new(),
            added: 0,
            marked: BTreeSet::new(),
            marks: Vec::new(),
        };
        plan.acts.into_iter().for_each(|(at_ms, who, act)| scheme.add(at_ms, who, act));
        scheme
    }

    /// Returns when it goes on, none once it is over.
    pub(super) fn next_ms(&self) -> Option<i64> {
        self.acts.first_key_value().map(|((at_ms, _), _)| *at_ms)
    }

    /// Does what comes next.
    pub(super) fn step(&mut self, world: &mut World) {
        let Some(((at_ms, _), (who, act))) = self.acts.pop_first() else { return };
        let (is_new_face, card) =
            (matches!(act, Act::Arrive | Act::Enter { .. } | Act::Wear(_) | Act::FailLogin { .. }), act.card());
        let is_signup = matches!(act, Act::SignUp { .. });
        self.play(world, who, act, at_ms);
        if !world.journal.took() {
            return;
        }
        if is_new_face {
            self.mark_face(who, at_ms);
        }
        if is_signup && let Some(account) = self.puppets[who].account {
            self.mark(at_ms, "account", account.text("acct_"), Some(who));
        }
        if let Some(card) = card {
            self.mark(at_ms, "card_hash", card.text("card_"), None);
        }
    }

    /// Tells the truth, once no more comes.
    pub(super) fn reveal(&self, journal: &mut Journal) {
        let all: i64 = self.puppets.iter().flat_map(|puppet| &puppet.gains).map(|gain| gain.credits).sum();
        for mark in &self.marks {
            let gains = mark.who.map(|who| &*self.puppets[who].gains).unwrap_or_default();
            let credits = if mark.who.is_some() { gains.iter().map(|gain| gain.credits).sum() } else { all };
            let is_person = mark.kind == "workspace" || mark.kind == "device" && mark.who.is_some();
            let deed = Deed { scheme: self.id, credits, gains: if is_person { gains } else { &[] } };
            journal.label(mark.at_ms, self.story, (mark.kind, &mark.entity), Some(&deed));
        }
    }

    fn add(&mut self, at_ms: i64, who: Who, act: Act) {
        self.added += 1;
        self.acts.insert((at_ms, self.added), (who, act));
    }

    fn mark(&mut self, at_ms: i64, kind: &'static str, entity: String, who: Option<Who>) {
        if self.marked.insert((kind, entity.clone())) {
            self.marks.push(Mark { at_ms, kind, entity, who });
        }
    }

    fn mark_face(&mut self, who: Who, at_ms: i64) {
        let puppet = &self.puppets[who];
        let (mask, guest, account) = (puppet.mask, puppet.guest, puppet.account);
        let (key, has_wallet) = (puppet.api_key, puppet.has_wallet);
        let workspace = puppet.workspace();
        // An honest customer's own things are not marked: what a thief wears is.
        let own_face = !puppet.is_victim || mask.is_thiefs;
        if has_wallet && own_face {
            self.mark(at_ms, "workspace", workspace.text("ws_"), Some(who));
            match account {
                Some(account) => self.mark(at_ms, "account", account.text("acct_"), Some(who)),
                None => self.mark(at_ms, "guest", guest.text("gst_"), Some(who)),
            }
        }
        match key {
            Some(key) if own_face => self.mark(at_ms, "api_key", key.text("key_"), None),
            None if own_face => {
                self.mark(at_ms, "device", mask.device.id.text("dev_"), (!has_wallet).then_some(who));
            }
            _ => {}
        }
        if mask.is_script() {
            self.mark(at_ms, "ip", mask.address.ip.to_string(), None);
        }
    }

    fn play(&mut self, world: &mut World, who: Who, act: Act, at_ms: i64) {
        match act {
            Act::BindTo(owner) => {
                if let Ok([guest, owner]) = self.puppets.get_disjoint_mut([who, owner]) {
                    owner.absorb(world, guest, at_ms);
                }
            }
            Act::SignUp { mailbox, referrer } => {
                let referrer = referrer.and_then(|referrer| self.puppets[referrer].account);
                self.puppets[who].sign_up(world, mailbox, referrer, at_ms);
            }
            Act::TakeBonus(referee) => {
                if let Some(referee) = self.puppets[referee].account {
                    self.puppets[who].take_bonus(world, referee, at_ms);
                }
            }
            Act::Buy { card } => self.attempt(world, who, (card, PACK.1, 0), at_ms),
            Act::Attempt { card, amount_minor, declined_percent } => {
                self.attempt(world, who, (card, amount_minor, declined_percent), at_ms);
            }
            other => {
                if let Some(generation) = self.puppets[who].act(world, other, at_ms) {
                    let ends_at_ms = generation.ends_at_ms(world);
                    self.add(ends_at_ms, who, Act::Deliver(generation));
                }
            }
        }
    }

    fn attempt(&mut self, world: &mut World, who: Who, (card, amount_minor, percent): (Id, i64, u8), at_ms: i64) {
        let puppet = &self.puppets[who];
        let attempt = puppet.billing(world.journal.id(), card, amount_minor);
        puppet.pay(world, attempt, at_ms);
        let declined = world.dice.below(100) < u64::from(percent);
        let code = world.dice.pick(product::STOLEN_DECLINES);
        let op = if declined { "failed" } else { "succeeded" };
        let billing = Billing { op, decline_code: declined.then_some(code), ..attempt };
        let is_pack = amount_minor == PACK.1;
        let answered_ms = at_ms + world.dice.between(700, 2_600);
        self.add(answered_ms, who, Act::Settle { billing, is_pack });
    }
}

impl Puppet {
    /// Does something that concerns nobody else; returns a generation that will end later.
    fn act(&mut self, world: &mut World, act: Act, at_ms: i64) -> Option<Generation> {
        match act {
            Act::Arrive => self.arrive(world, at_ms),
            Act::Enter { mask, logs_in } => {
                self.mask = mask;
                self.enter(world, logs_in, at_ms);
            }
            Act::Wear(mask) => self.wear(world, mask, at_ms),
            Act::Browse => self.browse(world, at_ms),
            Act::TakePromotion(credits) => {
                let reference = ("promo_", self.guest);
                self.take(world, ("grant", "promo", credits), reference, at_ms);
            }
            Act::Ask(outputs) => return self.ask(world, outputs, at_ms),
            Act::UseUp => return self.use_up(world, at_ms),
            Act::Deliver(generation) => self.receive(world, &generation, at_ms),
            Act::ReadBalance => self.remembered = self.balance,
            Act::Overdraw => {
                let generation = Generation::scripted(world, 1, at_ms);
                let left = self.balance - generation.cost();
                self.gain((-left).clamp(0, generation.cost()), at_ms);
                self.spend(world, &generation, left, at_ms);
                return Some(generation);
            }
            Act::Overlap { share } => {
                let generation = Generation::scripted(world, (self.remembered / share).max(1), at_ms);
                // All but the first of what was sent together is more than there was.
                let over = if self.balance == self.remembered { 0 } else { generation.cost() };
                self.gain(over, at_ms);
                self.spend(world, &generation, self.remembered - generation.cost(), at_ms);
                return Some(generation);
            }
            Act::Settle { billing, is_pack } => self.settle(world, billing, is_pack, at_ms),
            Act::Reverse { purchase, op } => {
                if let Some(billing) = self.purchases.get(purchase) {
                    let code = (op == "disputed").then_some("fraudulent");
                    let reversal = Billing { op, decline_code: code, ..*billing };
                    let used = PACK.0 - self.balance.clamp(0, PACK.0);
                    self.gain(used, at_ms);
                    self.pay(world, reversal, at_ms);
                }
            }
            Act::FailLogin { target } => self.fail_login(world, target, at_ms),
            Act::Leave => self.leave(world, at_ms),
            Act::SignUp { .. } | Act::TakeBonus(_) | Act::BindTo(_) | Act::Attempt { .. } | Act::Buy { .. } => {}
        }
        None
    }

    fn use_up(&mut self, world: &mut World, at_ms: i64) -> Option<Generation> {
        let generation = Generation::of_the_rest(world, self.balance, at_ms)?;
        self.spend(world, &generation, self.balance - generation.cost(), at_ms);
        Some(generation)
    }

    fn ask(&mut self, world: &mut World, outputs: i64, at_ms: i64) -> Option<Generation> {
        let generation = Generation::scripted(world, outputs, at_ms);
        let left = self.balance - generation.cost();
        if left < 0 {
            return None;
        }
        self.spend(world, &generation, left, at_ms);
        Some(generation)
    }
}

impl Act {
    const fn card(&self) -> Option<Id> {
        match self {
            Self::Attempt { card, .. } | Self::Buy { card } => Some(*card),
            _ => None,
        }
    }
}
