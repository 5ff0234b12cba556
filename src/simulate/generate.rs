//! Generations: the request and its spend, then the result, or the failure and its refund.

use super::account;
use super::catalogue::faults;
use super::catalogue::product::{self, Model};
use super::clock::SECOND_MS;
use super::facts::{self, Entry};
use super::ids::Id;
use super::person::Person;
use super::visit::{Done, Visit, view_page};
use super::who::Context;
use super::world::World;

/// A generation that was paid for and has not ended.
#[derive(Clone, Copy)]
pub(crate) struct Generation {
    model: &'static Model,
    outputs: i64,
    cost: i64,
    reference: Id,
    asked_ms: i64,
    status: &'static str,
}

/// Asks for an output, if the credits last; else signs up for more, or puts up with looking around.
pub(crate) fn ask(world: &mut World, visit: &mut Visit, person: &mut Person, at_ms: i64) -> Done {
    let model = product::any_model(&mut world.dice);
    let outputs = if model.cost > 1 && world.dice.chance(0.15) { 2 } else { 1 };
    let cost = model.cost * outputs;
    if person.balance < cost {
        return run_dry(world, visit, person, at_ms);
    }
    let generation = begin(world, model, outputs, at_ms);
    person.balance -= cost;
    spend(world, visit.context(), &generation, person.balance, at_ms);
    Done::Waiting(at_ms + world.dice.around(model.median_ms * outputs).max(180), generation)
}

/// Chooses how a generation will go.
pub(crate) fn begin(world: &mut World, model: &'static Model, outputs: i64, at_ms: i64) -> Generation {
    let status = if world.dice.chance(model.failing) {
        "error"
    } else if world.dice.chance(0.015) {
        "cancelled"
    } else {
        "ok"
    };
    Generation { model, outputs, cost: model.cost * outputs, reference: world.journal.id(), asked_ms: at_ms, status }
}

/// Takes the credits of a generation, which leaves `balance_after`.
pub(crate) fn spend(world: &mut World, context: &Context, generation: &Generation, balance_after: i64, at_ms: i64) {
    let entry = Entry {
        op: "spend",
        amount: generation.cost,
        reason: "generation",
        reference: ("gen_", generation.reference),
        balance_after,
    };
    facts::credit(&mut world.journal, at_ms, context, &entry, ("model", generation.model.name));
}

/// Ends a generation: the result, and for a failure its error report and the refund.
pub(crate) fn deliver(world: &mut World, visit: &mut Visit, person: &mut Person, generation: &Generation, at_ms: i64) {
    finish(world, visit.context(), generation, at_ms);
    if generation.status == "error" {
        visit.errors += 1;
        refund(world, visit.context(), generation, &mut person.balance, at_ms);
    }
}

/// Writes the result of a generation and what the servers have to say about it.
pub(crate) fn finish(world: &mut World, context: &Context, generation: &Generation, at_ms: i64) {
    let dice = &mut world.dice;
    let duration_ms = at_ms - generation.asked_ms;
    let (ratio, queue_ms, seed) = (dice.pick(product::RATIOS), dice.around(90), dice.between(0, 1 << 31));
    let outcome = (generation.status, duration_ms, generation.outputs);
    let reference = generation.reference;
    let picture = generation.model.action == "image.generate";
    facts::generation(&mut world.journal, at_ms, context, generation.model, outcome, |properties| {
        properties.id("generation", "gen_", reference).int("queue_ms", queue_ms);
        if picture {
            properties.text("ratio", ratio).int("seed", seed);
        }
    });
    if generation.status == "error" {
        let fault = faults::any(faults::GENERATION, &mut world.dice);
        facts::error(&mut world.journal, at_ms, context, fault, duration_ms);
    }
    if world.dice.chance(0.08) {
        let remark = world.dice.among(faults::REMARKS);
        let number = world.dice.around(350);
        facts::log(&mut world.journal, at_ms, context, remark, number);
    }
}

/// Gives the credits of a failed generation back.
fn refund(world: &mut World, context: &Context, generation: &Generation, balance: &mut i64, at_ms: i64) {
    *balance += generation.cost;
    let entry = Entry {
        op: "refund",
        amount: generation.cost,
        reason: "failed_generation",
        reference: ("gen_", generation.reference),
        balance_after: *balance,
    };
    facts::credit(&mut world.journal, at_ms, context, &entry, ("model", generation.model.name));
}

/// The credits do not last: some guests sign up, the others look at the prices and soon go.
fn run_dry(world: &mut World, visit: &mut Visit, person: &mut Person, at_ms: i64) -> Done {
    if person.account.is_none() && world.dice.chance(0.3) {
        account::sign_up(world, &mut visit.presence, person, at_ms);
    } else {
        view_page(world, visit, person, "/pricing", at_ms);
        visit.left = visit.left.min(2);
    }
    Done::Idle
}

impl Generation {
    /// Makes one that a script asks for: always the same model, never a failure.
    pub(crate) fn scripted(world: &mut World, outputs: i64, at_ms: i64) -> Self {
        Self::sure(world, &product::MODELS[0], outputs, at_ms)
    }

    /// Makes one of the cheaper pictures for all that is left; none if it buys none.
    pub(crate) fn of_the_rest(world: &mut World, balance: i64, at_ms: i64) -> Option<Self> {
        let model = &product::MODELS[1];
        let outputs = balance / model.cost;
        (outputs > 0).then(|| Self::sure(world, model, outputs, at_ms))
    }

    fn sure(world: &mut World, model: &'static Model, outputs: i64, at_ms: i64) -> Self {
        let reference = world.journal.id();
        Self { model, outputs, cost: model.cost * outputs, reference, asked_ms: at_ms, status: "ok" }
    }

    /// Returns what it costs, credits.
    pub(crate) fn cost(&self) -> i64 {
        self.cost
    }

    /// Returns a plausible time at which it ends.
    pub(crate) fn ends_at_ms(&self, world: &mut World) -> i64 {
        self.asked_ms + world.dice.around(self.model.median_ms).max(SECOND_MS / 5)
    }

    /// Refunds it to a balance if it failed.
    pub(crate) fn refund_if_failed(&self, world: &mut World, context: &Context, balance: &mut i64, at_ms: i64) {
        if self.status == "error" {
            refund(world, context, self, balance, at_ms);
        }
    }
}
