//! One thing behind a verdict, in words: what was observed, held against what.

use crate::{address, figure, moment};

/// A hit, a limit, an override or the score, as a decision or an entity has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reason {
    /// The rule; `override`, `score` or `limit:<action>:<by>` for what is none.
    pub rule: String,
    /// What the rule is called, where it is there.
    pub title: String,
    /// The kind of the entity it is about.
    pub kind: String,
    /// The entity it is about.
    pub entity: String,
    /// What it asks for: allow, throttle, block or none.
    pub verdict: String,
    /// The value observed.
    pub observed: i64,
    /// The value it was held against.
    pub threshold: i64,
    /// The rule's window, or the limit's rate.
    pub window: String,
    /// The points it adds to the score.
    pub points: u64,
    /// When it ends, microseconds.
    pub until: Option<i64>,
}

/// What the built-in rules count, of one and of many.
const MEASURES: [(&str, &str, &str); 17] = [
    (
        "account_sharing",
        "stretch of five minutes with several devices",
        "stretches of five minutes with several devices",
    ),
    ("card_testing", "card tried", "cards tried"),
    ("credential_stuffing", "account with failed logins", "accounts with failed logins"),
    ("device_many_guests", "guest given free credits", "guests given free credits"),
    ("disposable_email", "sign-up with a throw-away address", "sign-ups with a throw-away address"),
    ("email_alias_cluster", "account on one mailbox", "accounts on one mailbox"),
    (
        "guest_reset_loop",
        "guest, new when the last one's credits were gone",
        "guests, each new when the last one's credits were gone",
    ),
    ("impossible_travel", "km between two logins", "km between two logins"),
    ("key_leak", "credit spent", "credits spent"),
    ("ledger_overspend", "credit more spent than there was", "credits more spent than there were"),
    ("linked_accounts", "account with free credits, linked to it", "accounts with free credits, linked to each other"),
    ("new_identity_rush", "guest that spent its grant at once", "guests that spent their grants at once"),
    ("referral_self", "referred account linked to the referrer", "referred accounts linked to the referrer"),
    ("reused_disputed_card", "account on a disputed card", "accounts on a disputed card"),
    ("scripted_generation", "request at an even pace", "requests at an even pace"),
    ("signup_burst", "newcomer from one network", "newcomers from one network"),
    ("spend_then_reverse", "% of the paid credits spent at once", "% of the paid credits spent at once"),
];

/// The rules whose threshold is so many times what is usual.
const TIMES_USUAL: [(&str, i64); 2] = [("key_leak", 5), ("signup_burst", 5)];

impl Reason {
    /// Says what was observed against what: `6 guests given free credits in 24h, threshold 4`.
    pub fn words(&self) -> String {
        match self.rule.as_str() {
            "override" => return "A person decided".to_owned(),
            "score" => return format!("Score {}, acted on from {}", self.observed, self.threshold),
            _ => {}
        }
        if let Some(limit) = self.rule.strip_prefix("limit:") {
            let (action, by) = limit.split_once(':').unwrap_or((limit, "entity"));
            return format!("Limit of {action} by {by}: {} reached", self.window);
        }
        let window = if self.window.is_empty() { String::new() } else { format!(" in {}", self.window) };
        // What gathers credits is told by its guests or, where too few are bound, by the credits that came with them.
        let measure = match (self.rule.as_str(), self.threshold) {
            ("bind_farm", 2) => Some(("guest bound to one account", "guests bound to one account")),
            ("bind_farm", _) => Some(("free credit moved to one account", "free credits moved to one account")),
            (rule, _) => MEASURES.iter().find(|(name, ..)| *name == rule).map(|(_, one, many)| (*one, *many)),
        };
        let observed = match measure {
            Some((one, many)) => {
                let noun = if self.observed == 1 { one } else { many };
                let space = if noun.starts_with('%') { "" } else { " " };
                format!("{}{space}{noun}", number(self.observed))
            }
            None => format!("Observed {}", number(self.observed)),
        };
        format!("{observed}{window}, threshold {}", number(self.threshold))
    }

    /// Returns what is usual, where the rule holds against it.
    pub fn usual(&self) -> Option<String> {
        let (_, times) = TIMES_USUAL.iter().find(|(rule, _)| *rule == self.rule)?;
        // A floor of its own hides what is usual.
        let is_floor = self.rule == "signup_burst" && self.threshold <= 10;
        (!is_floor).then(|| number(self.threshold / times))
    }

    /// Returns what it is called: the rule's title, else its name.
    pub fn name(&self) -> &str {
        if self.title.is_empty() { &self.rule } else { &self.title }
    }

    /// Tells whether a rule is behind it.
    pub fn is_rule(&self) -> bool {
        !matches!(self.rule.as_str(), "override" | "score") && !self.rule.starts_with("limit:")
    }

    /// Returns the address of its entity's page.
    pub fn address(&self) -> String {
        entity_address(&self.kind, &self.entity)
    }

    /// Says until when it holds.
    pub fn until_words(&self) -> String {
        self.until.map(|until| moment::stamp(&until)).unwrap_or_default()
    }
}

fn number(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}", figure::count(&value.unsigned_abs()))
}

/// Writes the address of an entity's page.
pub fn entity_address(kind: &str, entity: &str) -> String {
    format!("/e/{}/{}", address::encode(kind), address::encode(entity))
}

/// Shortens an id mid-way, so that its beginning and its end can be told apart from others'.
pub fn short_id(id: &str) -> String {
    const WHOLE: usize = 20;
    const HEAD: usize = 11;
    const TAIL: usize = 6;
    let letters: Vec<char> = id.chars().collect();
    if letters.len() <= WHOLE {
        return id.to_owned();
    }
    let (head, tail) = (&letters[..HEAD], &letters[letters.len() - TAIL..]);
    format!("{}…{}", head.iter().collect::<String>(), tail.iter().collect::<String>())
}

/// Says how long from now something ends, in one unit, rounded: `in 6 d`.
pub fn in_words(now: &i64, at: &i64) -> String {
    let seconds = at.saturating_sub(*now) / 1_000_000;
    match seconds {
        ..=0 => "over".to_owned(),
        1..60 => format!("in {seconds} s"),
        60..3_600 => format!("in {} min", seconds / 60),
        3_600..86_400 => format!("in {} h", (seconds + 1_800) / 3_600),
        _ => format!("in {} d", (seconds + 43_200) / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(rule: &str, observed: i64, threshold: i64, window: &str) -> Reason {
        Reason { rule: rule.to_owned(), observed, threshold, window: window.to_owned(), ..Reason::default() }
    }

    #[test]
    fn what_was_observed_is_told_against_its_threshold() {
        let words = |rule: &str, observed, threshold, window: &str| reason(rule, observed, threshold, window).words();
        assert_eq!(words("device_many_guests", 6, 4, "24h"), "6 guests given free credits in 24h, threshold 4");
        assert_eq!(words("device_many_guests", 1, 1, "24h"), "1 guest given free credits in 24h, threshold 1");
        assert_eq!(
            words("spend_then_reverse", 95, 80, "30d"),
            "95% of the paid credits spent at once in 30d, threshold 80"
        );
        assert_eq!(words("bind_farm", 3, 2, "7d"), "3 guests bound to one account in 7d, threshold 2");
        assert_eq!(words("bind_farm", 90, 51, "7d"), "90 free credits moved to one account in 7d, threshold 51");
        assert_eq!(words("our_own", -1_200, 4, ""), "Observed -1,200, threshold 4");
        assert_eq!(words("limit:generate:guest", 31, 30, "30/min"), "Limit of generate by guest: 30/min reached");
        assert_eq!(words("score", 83, 80, ""), "Score 83, acted on from 80");
        assert_eq!(reason("key_leak", 900, 500, "1h").usual().as_deref(), Some("100"));
        assert_eq!(reason("signup_burst", 12, 10, "10min").usual(), None);
    }

    #[test]
    fn long_ids_keep_both_ends() {
        assert_eq!(short_id("dev_3"), "dev_3");
        assert_eq!(short_id("dev_0123456789abcdefghij"), "dev_0123456…efghij");
        assert_eq!(short_id(&"é".repeat(30)).chars().count(), 18);
        assert_eq!(entity_address("device", "a/b"), "/e/device/a%2Fb");
    }

    #[test]
    fn what_lies_ahead_is_told_in_one_unit() {
        const HOUR: i64 = 3_600_000_000;
        assert_eq!(
            (in_words(&0, &(5 * HOUR)), in_words(&0, &(167 * HOUR))),
            ("in 5 h".to_owned(), "in 7 d".to_owned())
        );
        assert_eq!(in_words(&HOUR, &0), "over");
    }
}
