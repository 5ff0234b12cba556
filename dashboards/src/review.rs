//! The queue of entities that wait for somebody's word: what speaks against each, how sure that is, and one key to decide.

use askama::Template;

use crate::decided::Decided;
use crate::reason::{self, Reason};
use crate::{Frame, PageError, Panel, address, figure};

/// Rows of the queue that are shown unless more are asked for.
pub const ROWS_USUAL: usize = 20;
/// Rows that are shown at most.
pub const ROWS_MAX: usize = 200;

/// The queue at one instant.
#[derive(Debug, Clone, Template)]
#[template(path = "review.html")]
pub struct ReviewPage {
    /// What surrounds the page.
    pub frame: Frame,
    /// When the answer below was true, in microseconds since the Unix epoch.
    pub now: i64,
    /// What the URL asks for.
    pub asked: Asked,
    /// Who waits.
    pub queue: Panel<Queue>,
    /// Rules that have something in the queue.
    pub rules: Vec<String>,
    /// What was just decided.
    pub done: Option<Decided>,
    /// The last decision of this key that can still be undone.
    pub last: Option<Decided>,
}

/// What a URL of the queue asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Only entities of this kind.
    pub kind: String,
    /// Only entities that this rule hit.
    pub rule: String,
    /// Rows to show.
    pub limit: usize,
}

/// Who waits.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    /// The highest score first.
    pub rows: Vec<Waiting>,
    /// How many wait in all.
    pub total: usize,
}

/// One entity that waits.
#[derive(Debug, Clone, Default)]
pub struct Waiting {
    /// Its kind.
    pub kind: String,
    /// Its id.
    pub entity: String,
    /// Its score by hits of live rules, which is what verdicts see.
    pub score: u64,
    /// What the score would be if the rules in shadow were live, too.
    pub with_shadow: u64,
    /// What speaks against it, the weightiest first; whether each counts.
    pub evidence: Vec<(Reason, bool)>,
    /// Since when, microseconds.
    pub since: i64,
}

impl Waiting {
    /// Returns the address of its page.
    pub fn address(&self) -> String {
        reason::entity_address(&self.kind, &self.entity)
    }

    /// Returns what a button decides: `allow/device/dev_3`.
    pub fn decision(&self, what: &str) -> String {
        format!("{what}/{}/{}", self.kind, self.entity)
    }

    /// Says how sure it is, by how much speaks against it.
    pub fn certainty(&self) -> &'static str {
        certainty(self.with_shadow, self.evidence.len())
    }

    /// Says whether it restrains anybody yet.
    pub fn effect(&self) -> &'static str {
        if self.evidence.iter().any(|(_, counts)| *counts) { "counts now" } else { "shadow: restrains nobody" }
    }
}

/// Says how sure the evidence makes it: many independent signs are hard to come by innocently, one is not.
pub fn certainty(score: u64, signs: usize) -> &'static str {
    match (score, signs) {
        (80.., 2..) => "Very likely: several independent signs",
        (80.., _) => "Likely: one strong sign",
        (50.., 2..) => "Likely: more than one sign",
        (50.., _) => "Possible: one sign",
        _ => "Weak: look before you decide",
    }
}

impl Asked {
    /// Writes its address.
    pub fn address(&self) -> String {
        let limit = if matches!(self.limit, 0 | ROWS_USUAL) { String::new() } else { self.limit.to_string() };
        let parameters = [("kind", self.kind.as_str()), ("rule", &self.rule), ("limit", &limit)];
        address::with_parameters("/verdicts/review", parameters)
    }

    /// Tells whether something narrows the queue.
    pub fn is_narrowed(&self) -> bool {
        !self.kind.is_empty() || !self.rule.is_empty()
    }

    /// Returns the address of the same with more rows; none where it cannot have more.
    pub fn more(&self) -> Option<String> {
        let limit = (self.limit * 4).min(ROWS_MAX);
        (limit > self.limit).then(|| Self { limit, ..self.clone() }.address())
    }
}

impl Queue {
    /// Says how many wait.
    pub fn words(&self) -> String {
        match self.total {
            1 => "1 entity waits".to_owned(),
            total => format!("{} entities wait", figure::count(&(total as u64))),
        }
    }
}

impl ReviewPage {
    /// Renders the page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }

    /// Returns the path by which the header marks where one is.
    pub fn here(&self) -> &'static str {
        "/verdicts"
    }

    /// Returns the kinds to choose from.
    pub fn kinds(&self) -> [&'static str; 7] {
        ["account", "guest", "device", "card", "email", "ip_prefix", "session"]
    }

    /// Returns the link that asks the same of SQL.
    pub fn as_sql(&self) -> String {
        address::with_parameters("/sql", [("name", "top_entities"), ("p.mode", "shadow")])
    }
}

#[cfg(test)]
mod tests;
