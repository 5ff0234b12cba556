//! Money: subscriptions, renewals, packs of credits, cards that are declined, changes of mind.

use super::catalogue::product::{self, Plan};
use super::clock::{DAY_MS, SECOND_MS};
use super::facts::{self, Billing, Entry};
use super::ids::Id;
use super::person::Person;
use super::visit::{Done, Visit, view_page};
use super::world::World;

/// A month, as subscriptions count.
const MONTH_MS: i64 = 30 * DAY_MS;
/// Credits of a plan that may be kept into the next month.
const KEPT_CREDITS: i64 = 200;
/// How often an honest person tries again after a decline.
const RETRIES_MAX: u8 = 2;
/// Fewer credits than this make people think of paying.
const FEW_CREDITS: i64 = 20;

/// Something being paid for. A plan of `Free` stands for a pack of credits.
#[derive(Clone, Copy)]
pub(crate) struct Purchase {
    plan: Plan,
    renewal: bool,
    payment: Id,
    tries: u8,
    asked: bool,
}

/// Decides whether the person pays for something now, and asks the bank.
pub(crate) fn considers(world: &mut World, visit: &Visit, person: &mut Person, at_ms: i64) -> Option<(i64, Purchase)> {
    person.account?;
    if at_ms >= person.renews_at_ms {
        person.renews_at_ms = at_ms + MONTH_MS;
        if world.dice.chance(0.06) {
            cancel(world, visit, person, at_ms);
            return None;
        }
        let purchase = Purchase::new(world, person.plan, true);
        return Some(ask_bank(world, visit, person, purchase, at_ms));
    }
    let wish = world.dice.unit();
    let short = person.balance < FEW_CREDITS;
    let plan = match person.plan {
        Plan::Free if wish < if short { 0.03 } else { 0.002 } => {
            view_page(world, visit, person, "/settings/billing", at_ms);
            [Plan::Free, Plan::Creator, Plan::Creator, Plan::Studio][world.dice.below(4) as usize]
        }
        Plan::Creator | Plan::Studio if short && wish < 0.3 => Plan::Free,
        Plan::Creator | Plan::Studio if wish > 0.9995 => {
            write(world, visit, person, ("refunded", None), (person.plan, None), at_ms);
            cancel(world, visit, person, at_ms);
            return None;
        }
        Plan::Creator if wish > 0.9985 => {
            person.plan = Plan::Studio;
            write(world, visit, person, ("changed", None), (Plan::Studio, None), at_ms);
            return None;
        }
        _ => return None,
    };
    let purchase = Purchase::new(world, plan, false);
    Some(ask_bank(world, visit, person, purchase, at_ms))
}

/// Hears the bank's answer: credits, another try, or nothing.
pub(crate) fn settle(world: &mut World, visit: &Visit, person: &mut Person, purchase: Purchase, at_ms: i64) -> Done {
    if !purchase.asked {
        let (until_ms, purchase) = ask_bank(world, visit, person, purchase, at_ms);
        return Done::Paying(until_ms, purchase);
    }
    if !world.dice.chance(if purchase.tries == 0 { 0.07 } else { 0.35 }) {
        write(world, visit, person, ("succeeded", None), (purchase.plan, Some(purchase.payment)), at_ms);
        credit(world, visit, person, purchase, at_ms);
        return Done::Idle;
    }
    let code = world.dice.pick(product::DECLINES);
    write(world, visit, person, ("failed", Some(code)), (purchase.plan, Some(purchase.payment)), at_ms);
    if purchase.tries < RETRIES_MAX && world.dice.chance(0.6) {
        if world.dice.chance(0.3) {
            person.card = person.card.derived(5);
        }
        let again = Purchase { tries: purchase.tries + 1, ..Purchase::new(world, purchase.plan, purchase.renewal) };
        return Done::Paying(at_ms + world.dice.around(25 * SECOND_MS), again);
    }
    if purchase.renewal {
        cancel(world, visit, person, at_ms);
    }
    Done::Idle
}

impl Purchase {
    fn new(world: &mut World, plan: Plan, renewal: bool) -> Self {
        Self { plan, renewal, payment: world.journal.id(), tries: 0, asked: false }
    }
}

/// Writes the attempt; returns when the bank will have answered.
fn ask_bank(world: &mut World, visit: &Visit, person: &Person, purchase: Purchase, at_ms: i64) -> (i64, Purchase) {
    write(world, visit, person, ("attempt", None), (purchase.plan, Some(purchase.payment)), at_ms);
    (at_ms + world.dice.around(2_200).max(300), Purchase { asked: true, ..purchase })
}

/// Gives the credits that were paid for.
fn credit(world: &mut World, visit: &Visit, person: &mut Person, purchase: Purchase, at_ms: i64) {
    if purchase.plan == Plan::Free {
        grant(world, visit, person, ("purchase", product::PACK.0, purchase.payment), at_ms);
        return;
    }
    if !purchase.renewal {
        person.plan = purchase.plan;
        person.renews_at_ms = at_ms + MONTH_MS;
        write(world, visit, person, ("subscribed", None), (purchase.plan, Some(purchase.payment)), at_ms);
    } else if person.balance > KEPT_CREDITS {
        let entry = Entry {
            op: "expire",
            amount: person.balance - KEPT_CREDITS,
            reason: "plan_grant",
            reference: ("pi_", purchase.payment),
            balance_after: KEPT_CREDITS,
        };
        person.balance = KEPT_CREDITS;
        facts::credit(&mut world.journal, at_ms, visit.context(), &entry, ("plan", person.plan.name()));
    }
    grant(world, visit, person, ("plan_grant", purchase.plan.credits(), purchase.payment), at_ms);
}

fn grant(
    world: &mut World,
    visit: &Visit,
    person: &mut Person,
    (reason, amount, payment): (&'static str, i64, Id),
    at_ms: i64,
) {
    person.balance += amount;
    let entry = Entry { op: "grant", amount, reason, reference: ("pi_", payment), balance_after: person.balance };
    facts::credit(&mut world.journal, at_ms, visit.context(), &entry, ("plan", person.plan.name()));
}

fn cancel(world: &mut World, visit: &Visit, person: &mut Person, at_ms: i64) {
    write(world, visit, person, ("cancelled", None), (person.plan, None), at_ms);
    person.plan = Plan::Free;
    person.renews_at_ms = i64::MAX;
}

fn write(
    world: &mut World,
    visit: &Visit,
    person: &Person,
    (op, decline_code): (&'static str, Option<&'static str>),
    (plan, payment): (Plan, Option<Id>),
    at_ms: i64,
) {
    let amount_minor = if plan == Plan::Free { product::PACK.1 } else { plan.price_minor() };
    let billing = Billing {
        op,
        amount_minor,
        currency: person.country.currency,
        plan: plan.name(),
        card: person.card,
        payment: payment.unwrap_or_else(|| world.journal.id()),
        decline_code,
    };
    facts::payment(&mut world.journal, at_ms, visit.context(), &billing, person.workspace);
}
