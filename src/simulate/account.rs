//! Signing up, which binds the guest, and logging in.

use super::catalogue::{names, product};
use super::facts::{self, Entry};
use super::ids::Id;
use super::person::Person;
use super::who::{Context, Presence};
use super::world::World;

/// How people prove who they are.
const METHODS: &[&str] = &["google", "google", "password", "password", "apple", "magic_link"];
/// Share of newcomers whom somebody brought.
const REFERRED_SHARE: f64 = 0.05;

/// Makes a guest an account: signup, bind, the guest's credits migrated, the grant for signing up.
pub(crate) fn sign_up(world: &mut World, presence: &mut Presence, person: &mut Person, at_ms: i64) {
    let email = names::email(person.guest, &mut world.dice);
    let referrer = if world.dice.chance(REFERRED_SHARE) { world.any_advocate() } else { None };
    let method = world.dice.pick(METHODS);
    let account = person.guest.derived(4);
    enter(world, presence, account, (method, &email), referrer.map(|(_, referrer)| referrer), at_ms);
    person.account = Some(account);
    credit_signup(world, presence, person.guest, &mut person.balance, at_ms);
    if let Some((place, referrer)) = referrer {
        world.bonuses.push((place, referrer, account));
    }
}

/// Writes the signup and the bind, and names later events after the account from here on.
pub(crate) fn enter(
    world: &mut World,
    presence: &mut Presence,
    account: Id,
    (method, email): (&str, &str),
    referrer: Option<Id>,
    at_ms: i64,
) {
    presence.who.account = Some(account);
    presence.rename();
    let journal = &mut world.journal;
    facts::identity(journal, at_ms, &presence.context, "signup", |event| {
        event.text("method", method).text("email", email);
        if let Some(referrer) = referrer {
            event.id("referrer_id", "acct_", referrer);
        }
    });
    facts::identity(journal, at_ms, &presence.context, "bind", |_| {});
}

/// Migrates what the guest had and grants what signing up is worth; afterwards only the account is named.
pub(crate) fn credit_signup(world: &mut World, presence: &mut Presence, guest: Id, balance: &mut i64, at_ms: i64) {
    let migrated =
        Entry { op: "migrate", amount: *balance, reason: "bind", reference: ("bind_", guest), balance_after: *balance };
    facts::credit(&mut world.journal, at_ms, &presence.context, &migrated, ("plan", "free"));
    presence.who.guest = None;
    presence.rename();
    *balance += product::SIGNUP_GRANT;
    let granted = Entry {
        op: "grant",
        amount: product::SIGNUP_GRANT,
        reason: "signup_grant",
        reference: ("signup_", guest),
        balance_after: *balance,
    };
    facts::credit(&mut world.journal, at_ms, &presence.context, &granted, ("plan", "free"));
}

/// Logs in, sometimes at the second try.
pub(crate) fn log_in(world: &mut World, context: &Context, at_ms: i64) {
    let method = world.dice.pick(METHODS);
    if world.dice.chance(0.06) {
        facts::identity(&mut world.journal, at_ms, context, "login_failed", |event| {
            event.text("method", "password");
        });
    }
    facts::identity(&mut world.journal, at_ms, context, "login", |event| {
        event.text("method", method);
    });
}
