//! Programs that call the studio's API with a key: no browser, no session, day and night.

use super::catalogue::{agents, countries, product};
use super::facts::{self, Billing, Entry};
use super::generate::{self, Generation};
use super::ids::Id;
use super::labels::Story;
use super::who::{Context, Who};
use super::world::World;

/// Share of all events that programs bring.
const EVENT_SHARE: f64 = 0.04;
/// Events of one call: a spend and a result.
const CALL_EVENTS: f64 = 2.1;
/// One program for so many events.
const EVENTS_A_PROGRAM: u64 = 40_000;
/// Programs, whatever the number of events.
const PROGRAMS_MAX: u64 = 200;
/// Credit packs bought at once.
const PACKS: i64 = 10;

/// One customer's program.
pub(crate) struct Program {
    who: Who,
    currency: &'static str,
    card: Id,
    balance: i64,
    opened: bool,
    under_way: Option<Generation>,
}

/// Returns how many programs a world of so many events has.
pub(crate) fn count(events: u64) -> u64 {
    (events / EVENTS_A_PROGRAM).clamp(1, PROGRAMS_MAX)
}

impl Program {
    /// Makes a program that has been running since before the story.
    pub(crate) fn new(world: &mut World) -> Self {
        let account = world.journal.id();
        let dice = &mut world.dice;
        let who = Who {
            account: Some(account),
            workspace: Some(account.derived(1)),
            api_key: Some(account.derived(2)),
            address: Some(countries::hosting(dice)),
            user_agent: dice.pick(agents::LIBRARIES),
            ..Who::default()
        };
        let currency = countries::any(dice).currency;
        Self { who, currency, card: account.derived(3), balance: dice.between(40, 900), opened: false, under_way: None }
    }

    /// Goes on; returns when it goes on next. One of `count` programs.
    pub(crate) fn step(&mut self, world: &mut World, count: u64, at_ms: i64) -> i64 {
        let context = self.who.context(world.releases.at(at_ms));
        if !std::mem::replace(&mut self.opened, true) {
            let balance = self.balance;
            self.write(world, &context, ("adjust", "opening", balance), ("open_", self.card.derived(1)), at_ms);
            if let Some(workspace) = self.who.workspace.filter(|_| world.journal.took()) {
                world.journal.label(at_ms, Story::crowd("api_user"), ("workspace", &workspace.text("ws_")), None);
            }
        }
        if let Some(generation) = self.under_way.take() {
            generate::finish(world, &context, &generation, at_ms);
            generation.refund_if_failed(world, &context, &mut self.balance, at_ms);
            let calls_per_ms = EVENT_SHARE / CALL_EVENTS * world.events_per_ms / count as f64;
            return at_ms + world.dice.wait((1.0 / calls_per_ms.max(1e-9)) as i64);
        }
        let model = product::any_model(&mut world.dice);
        if self.balance < model.cost {
            self.top_up(world, &context, at_ms);
        }
        let generation = generate::begin(world, model, 1, at_ms);
        self.balance -= generation.cost();
        generate::spend(world, &context, &generation, self.balance, at_ms);
        let ends_at_ms = generation.ends_at_ms(world);
        self.under_way = Some(generation);
        ends_at_ms
    }

    /// Buys credits; the bank knows the customer and answers at once.
    fn top_up(&mut self, world: &mut World, context: &Context, at_ms: i64) {
        let payment = world.journal.id();
        for op in ["attempt", "succeeded"] {
            let billing = Billing {
                op,
                amount_minor: PACKS * product::PACK.1,
                currency: self.currency,
                plan: product::Plan::Free.name(),
                card: self.card,
                payment,
                decline_code: None,
            };
            facts::payment(&mut world.journal, at_ms, context, &billing, self.card);
        }
        self.balance += PACKS * product::PACK.0;
        self.write(world, context, ("grant", "purchase", PACKS * product::PACK.0), ("pi_", payment), at_ms);
    }

    fn write(
        &self,
        world: &mut World,
        context: &Context,
        (op, reason, amount): (&'static str, &'static str, i64),
        reference: (&'static str, Id),
        at_ms: i64,
    ) {
        let entry = Entry { op, amount, reason, reference, balance_after: self.balance };
        facts::credit(&mut world.journal, at_ms, context, &entry, ("plan", "api"));
    }
}
