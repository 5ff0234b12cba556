//! One visit of one person: arriving, doing one thing after another, leaving. What the things are is beside it
//! (`generate`, `account`, `billing`).

use super::billing::Purchase;
use super::catalogue::{faults, product};
use super::clock::{DAY_MS, SECOND_MS};
use super::facts::{self, Entry};
use super::generate::Generation;
use super::person::Person;
use super::releases::{CRASHING_BROWSER, CRASHING_RELEASE};
use super::who::{Context, Presence, Who};
use super::world::World;
use super::{account, billing, generate};

/// Share of pages with the crashing release, on its browser, that go down when a canvas opens.
const CRASH_SHARE: f64 = 0.55;

/// A visit under way.
pub(crate) struct Visit {
    /// Who is there, as the events name them.
    pub(crate) presence: Presence,
    /// Things still to do.
    pub(crate) left: u16,
    /// Errors so far.
    pub(crate) errors: i64,
    next: Next,
}

/// What the visit waits for.
enum Next {
    /// The person to do something.
    Act,
    /// A generation to end.
    Deliver(Generation),
    /// The bank to answer.
    Settle(Purchase),
}

/// What came of one thing done.
pub(crate) enum Done {
    /// The person looks around for a moment.
    Idle,
    /// A generation is under way until then.
    Waiting(i64, Generation),
    /// A payment is under way until then.
    Paying(i64, Purchase),
}

impl Visit {
    /// Begins a visit and writes its first events.
    pub(crate) fn arrive(world: &mut World, person: &mut Person, who: Who, at_ms: i64) -> Self {
        let release = world.release(at_ms);
        let left = 1 + world.dice.around(i64::from(person.eagerness) * 2).min(200) as u16;
        let visit = Self { presence: Presence::new(who, release, at_ms), left, errors: 0, next: Next::Act };
        let first = person.visits == 0;
        if first && !person.veteran {
            visit.greet_guest(world, person, at_ms);
        } else if first {
            let entry = Entry {
                op: "adjust",
                amount: person.balance,
                reason: "opening",
                reference: ("open_", person.workspace),
                balance_after: person.balance,
            };
            facts::credit(&mut world.journal, at_ms, visit.context(), &entry, ("plan", person.plan.name()));
        }
        if person.account.is_some() && world.dice.chance(0.25) {
            account::log_in(world, visit.context(), at_ms);
        }
        if !first && world.dice.chance(0.12) || first && person.veteran {
            let snapshot = person.device.snapshot(person.country);
            facts::device(&mut world.journal, at_ms, visit.context(), &snapshot, person.device.first_seen_ms);
        }
        facts::session(&mut world.journal, at_ms, visit.context(), "ok", at_ms, 0);
        view_page(world, &visit, person, "/studio", at_ms);
        person.visits = person.visits.saturating_add(1);
        visit
    }

    /// Goes on with the visit; returns when it goes on next, none once it is over.
    pub(crate) fn step(&mut self, world: &mut World, person: &mut Person, at_ms: i64) -> Option<i64> {
        let done = match std::mem::replace(&mut self.next, Next::Act) {
            Next::Deliver(generation) => {
                generate::deliver(world, self, person, &generation, at_ms);
                Done::Idle
            }
            Next::Settle(purchase) => billing::settle(world, self, person, purchase, at_ms),
            Next::Act if self.left == 0 => {
                self.leave(world, person, at_ms);
                return None;
            }
            Next::Act => {
                self.left -= 1;
                if self.crashes(world, person, at_ms) {
                    return None;
                }
                act(world, self, person, at_ms)
            }
        };
        Some(match done {
            Done::Idle => at_ms + 2 * SECOND_MS + world.dice.wait(22 * SECOND_MS),
            Done::Waiting(until_ms, generation) => {
                self.next = Next::Deliver(generation);
                until_ms
            }
            Done::Paying(until_ms, purchase) => {
                self.next = Next::Settle(purchase);
                until_ms
            }
        })
    }

    /// Returns the fields that the visit's events share.
    pub(crate) fn context(&self) -> &Context {
        &self.presence.context
    }

    fn greet_guest(&self, world: &mut World, person: &mut Person, at_ms: i64) {
        let journal = &mut world.journal;
        facts::identity(journal, at_ms, self.context(), "guest_created", |_| {});
        let snapshot = person.device.snapshot(person.country);
        facts::device(journal, at_ms, self.context(), &snapshot, person.device.first_seen_ms);
        person.balance += product::GUEST_GRANT;
        let entry = Entry {
            op: "grant",
            amount: product::GUEST_GRANT,
            reason: "guest_grant",
            reference: ("grant_", person.guest),
            balance_after: person.balance,
        };
        facts::credit(journal, at_ms, self.context(), &entry, ("plan", "guest"));
    }

    fn crashes(&mut self, world: &mut World, person: &Person, at_ms: i64) -> bool {
        let struck = self.context().release() == CRASHING_RELEASE
            && person.device.agent.browser == CRASHING_BROWSER
            && at_ms - self.presence.since_ms < DAY_MS
            && world.dice.chance(CRASH_SHARE);
        if struck {
            let layer = world.dice.between(1, 9);
            self.errors += 1;
            facts::error(&mut world.journal, at_ms, self.context(), &faults::CRASH, layer);
            facts::session(&mut world.journal, at_ms, self.context(), "crashed", self.presence.since_ms, self.errors);
        }
        struck
    }

    fn leave(&self, world: &mut World, person: &Person, at_ms: i64) {
        if person.account.is_some() && world.dice.chance(0.04) {
            facts::identity(&mut world.journal, at_ms, self.context(), "logout", |_| {});
        }
        let status = if self.errors > 0 { "errored" } else { "exited" };
        facts::session(&mut world.journal, at_ms, self.context(), status, self.presence.since_ms, self.errors);
    }
}

/// Does the next thing that comes to a person's mind.
fn act(world: &mut World, visit: &mut Visit, person: &mut Person, at_ms: i64) -> Done {
    if person.account.is_none() && world.dice.chance(0.012) {
        account::sign_up(world, &mut visit.presence, person, at_ms);
        return Done::Idle;
    }
    if let Some((until_ms, purchase)) = billing::considers(world, visit, person, at_ms) {
        return Done::Paying(until_ms, purchase);
    }
    match world.dice.below(100) {
        0..27 => {
            let route = product::any_page(&mut world.dice);
            view_page(world, visit, person, route, at_ms);
            Done::Idle
        }
        27..40 => {
            click(world, visit, at_ms);
            Done::Idle
        }
        40..41 => {
            visit.errors += 1;
            let fault = faults::any(faults::PAGE, &mut world.dice);
            let number = world.dice.between(1, 400);
            facts::error(&mut world.journal, at_ms, visit.context(), fault, number);
            Done::Idle
        }
        _ => generate::ask(world, visit, person, at_ms),
    }
}

/// Looks at a page.
pub(crate) fn view_page(world: &mut World, visit: &Visit, person: &Person, route: &str, at_ms: i64) {
    let load_ms = world.dice.around(740);
    let referrer = world.dice.pick(product::REFERRERS);
    facts::interface(&mut world.journal, at_ms, visit.context(), "page.view", route, |properties| {
        properties
            .text("referrer_host", referrer)
            .text("viewport", person.device.screen)
            .text("locale", &person.country.languages[..2])
            .text("plan", person.plan.name())
            .int("load_ms", load_ms)
            .int("visit", i64::from(person.visits) + 1);
    });
}

fn click(world: &mut World, visit: &Visit, at_ms: i64) {
    let name = world.dice.pick(product::CLICKS);
    let (x, layers) = (world.dice.between(0, 1600), world.dice.between(1, 24));
    facts::interface(&mut world.journal, at_ms, visit.context(), name, "/studio", |properties| {
        properties.int("x", x).int("layers", layers).text("surface", "canvas").text("input", "pointer");
    });
}
