//! One decision: what was asked, what was answered, and the events behind each reason.

use askama::Template;

use crate::reason::Reason;
use crate::verdicts::decision_address;
use crate::{Frame, PageError};

/// The page of one decision.
#[derive(Debug, Clone, Template)]
#[template(path = "decision.html")]
pub struct DecisionPage {
    /// What surrounds the page.
    pub frame: Frame,
    /// When the page was made, in microseconds since the Unix epoch.
    pub now: i64,
    /// Its id.
    pub id: String,
    /// When it was made, microseconds.
    pub at: i64,
    /// What was asked about.
    pub action: String,
    /// The answer.
    pub verdict: String,
    /// The friction that was asked for.
    pub step_up: String,
    /// The score.
    pub score: u64,
    /// It was decided on cold or stale state.
    pub is_degraded: bool,
    /// Who was named: kind and id.
    pub named: Vec<(String, String)>,
    /// What was behind it.
    pub reasons: Vec<Proof>,
    /// What rules in shadow would have asked for.
    pub shadow: Vec<Proof>,
}

/// A reason with the events that it rests on.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// The reason.
    pub reason: Reason,
    /// The events, the newest first.
    pub events: Vec<EventRow>,
    /// There are more.
    pub is_truncated: bool,
    /// Why there are none; empty where there are, or where none are to be had.
    pub note: String,
}

/// One event, in a line.
#[derive(Debug, Clone, Default)]
pub struct EventRow {
    /// When it arrived, microseconds.
    pub at: i64,
    /// Its table.
    pub table: String,
    /// What it is, in a word.
    pub what: String,
    /// Its id.
    pub id: String,
    /// Who sent it: server or public.
    pub trust: String,
}

impl DecisionPage {
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

    /// Returns its own address.
    pub fn address(&self) -> String {
        decision_address(&self.id)
    }
}

#[cfg(test)]
mod tests;
