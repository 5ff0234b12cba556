//! Whom the ids of an SDK mean. SDKs know two: whoever is signed in (an account), and an id that the SDK made up for a
//! browser (a guest). Apps that have guests of their own give these to the SDK as if they were accounts; a pattern tells
//! them apart (`[ids] guest`). Nothing here is believed more than its key: trust is the judge's.

use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{NoEvent, id_text};
use crate::enrich::Enricher;
use crate::scrub;

/// What programs put in the place of an id when they have none. Such an id stands for many people.
const NOBODY: &[&str] = &[
    "0",
    "-1",
    "anonymous",
    "anon",
    "guest",
    "id",
    "distinct_id",
    "distinctid",
    "user_id",
    "userid",
    "email",
    "not_authenticated",
    "unknown",
    "none",
    "null",
    "nil",
    "nan",
    "undefined",
    "true",
    "false",
    "[object object]",
];

/// A pattern may become a program of so many bytes, so that none makes reading an id slow.
const PATTERN_BYTES_MAX: usize = 64 << 10;

/// How ids are read.
pub struct IdRules {
    guest: Option<Regex>,
    enricher: Arc<Enricher>,
}

/// Whom an id stands for, as far as its place in the request tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Whoever is signed in.
    Account,
    /// Somebody before signing in.
    Guest,
    /// One of the two.
    Either,
}

/// An id as it may be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Id {
    text: String,
    role: Role,
    is_nobody: bool,
}

/// The people and things that an event is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Who {
    pub account: Option<String>,
    pub guest: Option<String>,
    pub device: Option<String>,
    pub session: Option<String>,
}

impl IdRules {
    /// Makes the rules. Ids that match the pattern `guest` are guests wherever they stand.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub fn new(guest: Option<&str>, enricher: Arc<Enricher>) -> Result<Self, String> {
        Ok(Self { guest: guest.map(pattern).transpose()?, enricher })
    }

    /// Tells what is wrong with a pattern, if something is.
    #[must_use]
    pub fn problem_of(guest: &str) -> Option<String> {
        pattern(guest).err()
    }

    /// Reads an id, if there is one.
    pub(super) fn read(&self, value: Option<&Value>, role: Role) -> Option<Id> {
        let text = id_text(value)?;
        let bare = text.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
        let is_nobody = bare.is_empty() || NOBODY.contains(&bare.as_str());
        let role = if self.guest.as_ref().is_some_and(|guest| guest.is_match(&text)) { Role::Guest } else { role };
        Some(Id { text: self.opaque(text), role, is_nobody })
    }

    /// Makes an id of an e-mail address opaque, so that an app which uses addresses as ids is not refused wholesale.
    pub(super) fn opaque(&self, text: String) -> String {
        if !scrub::holds_email(&text) {
            return text;
        }
        metrics::counter!("weir_sdk_ids_hashed_total").increment(1);
        self.enricher.email_id(&text)
    }

    /// Tells whom an event is about that names a user, and the id that the SDK made up for the client.
    pub(super) fn who(user: Option<Id>, made_up: Option<Id>) -> Who {
        let mut who = Who::default();
        let somebody = |id: &Option<Id>| id.as_ref().is_some_and(|id| !id.is_nobody);
        // An id that stands for nobody is better than none at all, and worse than any other.
        let user = user.filter(|user| !user.is_nobody || !somebody(&made_up));
        let made_up = made_up.filter(|id| !id.is_nobody || user.is_none());
        match user {
            Some(user) if user.role == Role::Guest => {
                who.guest = Some(user.text);
                // The app has guests of its own; what the SDK made up then tells one client from another.
                who.device = made_up.filter(|id| who.guest.as_ref() != Some(&id.text)).map(|id| id.text);
            }
            user => {
                who.account = user.map(|user| user.text);
                who.guest = made_up.map(|id| id.text);
            }
        }
        who
    }

    /// Tells whom it is about that two ids are one person's: a guest, and the account it belongs to. Accounts are never
    /// merged, nor guests, nor whoever has no id.
    pub(super) fn bind(one: Option<Id>, other: Option<Id>) -> Result<Who, NoEvent> {
        let (Some(one), Some(other)) = (one, other) else { return Err(NoEvent::Skipped("merge_of_one_id")) };
        if one.is_nobody || other.is_nobody {
            return Err(NoEvent::Skipped("merge_of_nobody"));
        }
        if one.text == other.text {
            return Err(NoEvent::Skipped("merge_with_itself"));
        }
        let (guest, account) = match (one.role, other.role) {
            (Role::Guest, Role::Guest) => return Err(NoEvent::Skipped("merge_of_guests")),
            (Role::Account, Role::Account) => return Err(NoEvent::Skipped("merge_of_accounts")),
            (Role::Guest, _) | (Role::Either, Role::Account | Role::Either) => (one, other),
            (Role::Account, Role::Either) | (_, Role::Guest) => (other, one),
        };
        Ok(Who { account: Some(account.text), guest: Some(guest.text), ..Who::default() })
    }
}

fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build().map_err(|error| {
        // The first lines repeat the pattern.
        let told = error.to_string();
        told.lines().last().unwrap_or_default().trim().to_owned()
    })
}

impl Id {
    /// Returns the id.
    pub(super) fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules(guest: Option<&str>) -> IdRules {
        let enricher = Enricher::new([1; 32], Arc::new(|_| [2; 32]), None, None);
        IdRules::new(guest, Arc::new(enricher)).expect("a pattern")
    }

    fn pair(rules: &IdRules, one: (&Value, Role), other: (&Value, Role)) -> Result<(String, String), &'static str> {
        let read = |(value, role): (&Value, Role)| rules.read(Some(value), role);
        match IdRules::bind(read(one), read(other)) {
            Ok(who) => Ok((who.guest.expect("a guest"), who.account.expect("an account"))),
            Err(NoEvent::Skipped(what)) => Err(what),
            Err(NoEvent::Refused(_, message)) => panic!("{message}"),
        }
    }

    #[test]
    fn a_guest_is_bound_to_an_account_and_nothing_else_is_merged() {
        let plain = rules(None);
        let (guest, account) = (json!("anon-1"), json!("acct_1"));
        let bound = Ok(("anon-1".to_owned(), "acct_1".to_owned()));
        assert_eq!(pair(&plain, (&guest, Role::Guest), (&account, Role::Account)), bound);
        assert_eq!(pair(&plain, (&account, Role::Account), (&guest, Role::Guest)), bound, "whatever the order");
        assert_eq!(pair(&plain, (&guest, Role::Either), (&account, Role::Account)), bound);
        assert_eq!(pair(&plain, (&account, Role::Either), (&guest, Role::Guest)), bound);
        assert_eq!(pair(&plain, (&guest, Role::Guest), (&account, Role::Guest)), Err("merge_of_guests"));
        assert_eq!(pair(&plain, (&guest, Role::Account), (&account, Role::Account)), Err("merge_of_accounts"));
        assert_eq!(pair(&plain, (&account, Role::Account), (&account, Role::Guest)), Err("merge_with_itself"));
        assert_eq!(pair(&plain, (&account, Role::Account), (&json!(null), Role::Guest)), Err("merge_of_one_id"));
    }

    #[test]
    fn the_pattern_wins_over_the_place() {
        let patterned = rules(Some("^gst_"));
        let (guest, account) = (json!("gst_1"), json!("acct_1"));
        let bound = Ok(("gst_1".to_owned(), "acct_1".to_owned()));
        assert_eq!(pair(&patterned, (&account, Role::Either), (&guest, Role::Account)), bound, "written the wrong way");
        let user = patterned.read(Some(&guest), Role::Account);
        let who = IdRules::who(user, patterned.read(Some(&json!("made-up")), Role::Guest));
        assert_eq!((who.account, who.guest.as_deref()), (None, Some("gst_1")));
        assert_eq!(who.device.as_deref(), Some("made-up"));
    }

    #[test]
    fn ids_of_nobody_never_merge_and_name_nobody_where_another_id_does() {
        let rules = rules(None);
        let account = json!("acct_1");
        for nobody in
            ["guest", "anonymous", "null", "0", "undefined", "NULL", " Guest ", "\"undefined\"", "[object Object]"]
        {
            let nobody = json!(nobody);
            assert_eq!(
                pair(&rules, (&nobody, Role::Guest), (&account, Role::Account)),
                Err("merge_of_nobody"),
                "{nobody}"
            );
            assert_eq!(
                pair(&rules, (&json!("g"), Role::Guest), (&nobody, Role::Account)),
                Err("merge_of_nobody"),
                "{nobody}"
            );
            let read = |value: &Value, role| rules.read(Some(value), role);
            let who = IdRules::who(read(&nobody, Role::Account), read(&json!("anon-1"), Role::Guest));
            assert_eq!((who.account, who.guest.as_deref()), (None, Some("anon-1")));
            let who = IdRules::who(read(&account, Role::Account), read(&nobody, Role::Guest));
            assert_eq!((who.account.as_deref(), who.guest), (Some("acct_1"), None));
            assert!(IdRules::who(read(&nobody, Role::Account), None).account.is_some(), "no event is lost for it");
        }
        assert_eq!(pair(&rules, (&json!(0), Role::Guest), (&account, Role::Account)), Err("merge_of_nobody"));
    }

    #[test]
    fn a_pattern_that_is_none_is_told() {
        assert!(IdRules::problem_of("^gst_").is_none());
        assert!(IdRules::problem_of("gst_(").is_some_and(|problem| problem.contains("unclosed")));
        assert!(IdRules::problem_of("(x{1000}){1000}").is_some());
    }

    #[test]
    fn an_address_becomes_a_hash_whatever_its_spelling() {
        let rules = rules(None);
        let id = |text: &str| rules.read(Some(&json!(text)), Role::Account).expect("an id").into_text();
        assert_eq!(id("Jane@Example.com "), id("jane@example.com"));
        assert!(id("jane@example.com").starts_with("h_") && id("jane@example.com").len() == 34);
        assert_ne!(id("jane@example.com"), id("john@example.com"));
        assert!(id("Jane <jane@example.com>").starts_with("h_"));
        for kept in ["acct_1", "01a21e27-ee6d-7ab8-9637-fbbb43c91961", "a@b", "@handle"] {
            assert_eq!(id(kept), kept);
        }
        assert!(scrub::id_offence(&id("jane@example.com")).is_none());
    }
}
