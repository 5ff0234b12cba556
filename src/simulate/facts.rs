//! The events of the studio, one function a kind of fact: which fields it has and what they are called.

use super::catalogue::faults::{Fault, Remark};
use super::catalogue::product::Model;
use super::ids::Id;
use super::journal::Journal;
use super::line::{Object, push_int};
use super::who::Context;

/// One entry of the ledger.
pub(crate) struct Entry {
    /// What it does: grant, spend, refund, …
    pub(crate) op: &'static str,
    /// Credits.
    pub(crate) amount: i64,
    /// Why.
    pub(crate) reason: &'static str,
    /// Its reference: a prefix and an identifier.
    pub(crate) reference: (&'static str, Id),
    /// Credits left afterwards.
    pub(crate) balance_after: i64,
}

/// One fact about a payment.
#[derive(Clone, Copy)]
pub(crate) struct Billing {
    /// attempt, succeeded, failed, …
    pub(crate) op: &'static str,
    /// Minor units.
    pub(crate) amount_minor: i64,
    /// ISO 4217.
    pub(crate) currency: &'static str,
    /// The plan paid for, `free` for a pack of credits.
    pub(crate) plan: &'static str,
    /// The card.
    pub(crate) card: Id,
    /// The payment: its attempt and its end share it.
    pub(crate) payment: Id,
    /// Why the bank declined.
    pub(crate) decline_code: Option<&'static str>,
}

/// A snapshot of a client.
pub(crate) struct Snapshot {
    /// The fingerprint.
    pub(crate) fingerprint: Id,
    /// The screen.
    pub(crate) screen: &'static str,
    /// The time zone.
    pub(crate) timezone: &'static str,
    /// Preferred languages.
    pub(crate) languages: &'static str,
    /// Whether a program drives the browser.
    pub(crate) webdriver: bool,
    /// Whether the client found its storage emptied.
    pub(crate) storage_cleared: bool,
}

/// Somebody looked at a page, or clicked.
pub(crate) fn interface(
    journal: &mut Journal,
    at_ms: i64,
    context: &Context,
    name: &str,
    route: &str,
    properties: impl FnOnce(&mut Object<'_>),
) {
    journal.event(at_ms, "usage", context.fields(), |event, _| {
        event.text("name", name).text("status", "ok").text("route", route).object("properties", properties);
    });
}

/// A generation came to an end.
pub(crate) fn generation(
    journal: &mut Journal,
    at_ms: i64,
    context: &Context,
    model: &Model,
    outcome: (&str, i64, i64),
    properties: impl FnOnce(&mut Object<'_>),
) {
    let (status, duration_ms, quantity) = outcome;
    journal.event(at_ms, "usage", context.fields(), |event, _| {
        event
            .text("name", model.action)
            .text("status", status)
            .int("duration_ms", duration_ms)
            .text("route", model.route)
            .text("model", model.name)
            .int("quantity", quantity)
            .object("properties", properties);
    });
}

/// Credits moved.
pub(crate) fn credit(journal: &mut Journal, at_ms: i64, context: &Context, entry: &Entry, note: (&str, &str)) {
    journal.event(at_ms, "credit", context.fields(), |event, _| {
        event
            .text("op", entry.op)
            .int("amount", entry.amount)
            .text("reason", entry.reason)
            .id("ref", entry.reference.0, entry.reference.1)
            .int("balance_after", entry.balance_after);
        if !note.0.is_empty() {
            event.object("properties", |properties| {
                properties.text(note.0, note.1);
            });
        }
    });
}

/// A bonus for bringing `referee`: the reference names the newcomer.
pub(crate) fn bonus(
    journal: &mut Journal,
    at_ms: i64,
    context: &Context,
    referrer: Id,
    referee: Id,
    credits: (i64, i64),
) {
    journal.event(at_ms, "credit", context.fields(), |event, _| {
        event
            .text("op", "grant")
            .int("amount", credits.0)
            .text("reason", "referral_bonus")
            .id("ref", "acct_", referee)
            .int("balance_after", credits.1)
            .id("referrer_id", "acct_", referrer);
    });
}

/// Something about a payment.
pub(crate) fn payment(journal: &mut Journal, at_ms: i64, context: &Context, billing: &Billing, customer: Id) {
    journal.event(at_ms, "payment", context.fields(), |event, _| {
        event.text("op", billing.op).int("amount_minor", billing.amount_minor).text("currency", billing.currency);
        if billing.plan != "free" {
            event.text("plan", billing.plan);
            event.id("provider_subscription_id", "sub_", customer.derived(3));
        }
        event.id("card_hash", "card_", billing.card);
        if let Some(code) = billing.decline_code {
            event.text("decline_code", code);
        }
        event.text("provider", "stripe").id("provider_payment_id", "pi_", billing.payment).id(
            "provider_customer_id",
            "cus_",
            customer.derived(2),
        );
    });
}

/// Somebody became, entered, or left something.
pub(crate) fn identity(
    journal: &mut Journal,
    at_ms: i64,
    context: &Context,
    op: &str,
    more: impl FnOnce(&mut Object<'_>),
) {
    journal.event(at_ms, "identity", context.fields(), |event, _| {
        event.text("op", op);
        more(event);
    });
}

/// A client was looked at.
pub(crate) fn device(journal: &mut Journal, at_ms: i64, context: &Context, snapshot: &Snapshot, first_seen_ms: i64) {
    journal.event(at_ms, "device", context.fields(), |event, stamp| {
        event
            .id("fingerprint", "fp_", snapshot.fingerprint)
            .text("screen", snapshot.screen)
            .text("timezone", snapshot.timezone)
            .text("languages", snapshot.languages)
            .bool("webdriver", snapshot.webdriver)
            .bool("storage_cleared", snapshot.storage_cleared)
            .time("first_seen_hint", first_seen_ms, stamp);
    });
}

/// A session began, or ended.
pub(crate) fn session(
    journal: &mut Journal,
    at_ms: i64,
    context: &Context,
    status: &str,
    started_ms: i64,
    errors: i64,
) {
    journal.event(at_ms, "session", context.fields(), |event, stamp| {
        event
            .text("status", status)
            .time("started", started_ms, stamp)
            .int("duration_ms", at_ms - started_ms)
            .int("errors", errors);
    });
}

/// Something broke.
pub(crate) fn error(journal: &mut Journal, at_ms: i64, context: &Context, fault: &Fault, number: i64) {
    let message = around(fault.message, number);
    journal.event(at_ms, "error", context.fields(), |event, _| {
        event
            .text("type", fault.class)
            .text("message", &message)
            .text("level", fault.level)
            .bool("handled", fault.handled)
            .raw("stack", fault.stack);
    });
}

/// A server logged a line.
pub(crate) fn log(journal: &mut Journal, at_ms: i64, context: &Context, remark: &Remark, number: i64) {
    let message = around(remark.message, number);
    let trace = journal.id();
    journal.event(at_ms, "log", context.fields(), |event, _| {
        event
            .text("level", remark.level)
            .text("logger", remark.logger)
            .text("message", &message)
            .text("trace_id", &trace_hex(trace, 32))
            .text("span_id", &trace_hex(trace.derived(1), 16));
    });
}

fn around(parts: (&str, &str), number: i64) -> String {
    let mut message = String::with_capacity(parts.0.len() + parts.1.len() + 8);
    message.push_str(parts.0);
    push_int(number, &mut message);
    message.push_str(parts.1);
    message
}

/// Hexadecimal in which every second digit is a letter, so that it cannot pass for a card number.
fn trace_hex(id: Id, digits: u32) -> String {
    let halves = [id.number(), id.derived(7).number()];
    (0..digits)
        .map(|place| {
            let nibble = (halves[place as usize / 16] >> (4 * (place % 16))) as usize & 15;
            let alphabet: &[u8] = if place % 2 == 0 { b"abcdef" } else { b"0123456789abcdef" };
            char::from(alphabet[nibble % alphabet.len()])
        })
        .collect()
}
