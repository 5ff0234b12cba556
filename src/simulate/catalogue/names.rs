//! E-mail addresses nobody has: two words and the person's own identifier.

use crate::simulate::dice::Dice;
use crate::simulate::ids::{Id, push_letters};

const WORDS: &[&str] = &[
    "amber", "birch", "cedar", "coral", "dune", "ember", "fable", "fern", "flint", "grove", "harbor", "indigo",
    "ivory", "juniper", "lark", "linen", "maple", "meadow", "mica", "moss", "north", "ochre", "olive", "opal",
    "pebble", "pine", "quill", "raven", "river", "sable", "sage", "slate", "tidal", "umber", "velvet", "willow",
];

/// Domains and how common they are.
const DOMAINS: &[(&str, u32)] = &[
    ("gmail.com", 560),
    ("outlook.com", 120),
    ("icloud.com", 110),
    ("yahoo.com", 60),
    ("hotmail.com", 40),
    ("proton.me", 30),
    ("gmx.de", 30),
    ("web.de", 20),
    ("orange.fr", 15),
    ("naver.com", 15),
];

/// Domains that give anyone an address for ten minutes.
const DISPOSABLE: &[&str] = &["mailinator.com", "guerrillamail.com", "10minutemail.com", "yopmail.com"];

/// Returns an ordinary person's address.
pub(crate) fn email(person: Id, dice: &mut Dice) -> String {
    let mut address = local_part(person, dice);
    address.push('@');
    address.push_str(DOMAINS[dice.weighted(DOMAINS.iter().map(|(_, weight)| *weight))].0);
    address
}

/// Returns the `number`th alias of one mailbox: another address, the same reader.
pub(crate) fn alias(mailbox: Id, number: u32) -> String {
    let mut address = String::from("studio.");
    push_letters(mailbox.number(), 6, &mut address);
    address.push_str(&format!("+art{number}@gmail.com"));
    address
}

/// Returns the `number`th address on a domain of somebody's own, where every address works.
pub(crate) fn catch_all(domain: Id, number: u32) -> String {
    let word = |place: u64| WORDS[(domain.derived(place).number() % WORDS.len() as u64) as usize];
    let first = WORDS[number as usize % WORDS.len()];
    let mut address = format!("{first}{number}@{}-{}-", word(1), word(2));
    push_letters(domain.number(), 4, &mut address);
    address.push_str(".net");
    address
}

/// Returns an address of a disposable domain.
pub(crate) fn disposable(person: Id, dice: &mut Dice) -> String {
    let mut address = local_part(person, dice);
    address.push('@');
    address.push_str(dice.pick(DISPOSABLE));
    address
}

fn local_part(person: Id, dice: &mut Dice) -> String {
    let mut part = format!("{}.{}.", dice.pick(WORDS), dice.pick(WORDS));
    push_letters(person.number(), 6, &mut part);
    part
}
