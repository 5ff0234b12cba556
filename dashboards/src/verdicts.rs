//! The live feed of verdicts: what was answered, about whom, and why. Its filters are in the URL, and the same block of its
//! template renders the page and the fragment that takes its place every two seconds.

mod asked;

use askama::Template;

pub use asked::{Asked, RANGES, ROWS_MAX, ROWS_USUAL};

use crate::decided::Decided;
use crate::reason::Reason;
use crate::{Frame, PageError, Panel, address};

/// The verdicts a key may filter by.
pub const VERDICTS: [&str; 3] = ["allow", "throttle", "block"];

/// The feed at one instant.
#[derive(Debug, Clone, Template)]
#[template(path = "verdicts.html", blocks = ["live"])]
pub struct VerdictsPage {
    /// What surrounds the page.
    pub frame: Frame,
    /// When the answer below was true, in microseconds since the Unix epoch.
    pub now: i64,
    /// What the URL asks for.
    pub asked: Asked,
    /// The decisions.
    pub feed: Panel<Feed>,
    /// Entities that wait for somebody; none where this key may not review.
    pub waiting: Option<usize>,
    /// The rules, to choose from.
    pub rules: Vec<String>,
    /// The actions, to choose from.
    pub actions: Vec<String>,
    /// Whether any decision is stored.
    pub ever_asked: bool,
    /// Whether the key may look at entities and decisions.
    pub may_review: bool,
    /// Where programs reach this server.
    pub origin: String,
    /// What was just decided.
    pub done: Option<Decided>,
}

/// The decisions of the feed.
#[derive(Debug, Clone, Default)]
pub struct Feed {
    /// The newest first.
    pub rows: Vec<FeedRow>,
    /// There are more.
    pub is_truncated: bool,
}

/// One decision.
#[derive(Debug, Clone, Default)]
pub struct FeedRow {
    /// Its id.
    pub id: String,
    /// When it was made, microseconds.
    pub at: i64,
    /// What was asked about.
    pub action: String,
    /// The answer.
    pub verdict: String,
    /// The friction that was asked for; empty or `none` where none was.
    pub step_up: String,
    /// The score.
    pub score: u64,
    /// Who was named: kind and id.
    pub named: Vec<(String, String)>,
    /// The first thing behind it.
    pub reason: Option<Reason>,
    /// How many more there are.
    pub more: usize,
    /// What a rule in shadow would have asked for.
    pub shadow: Option<Reason>,
    /// How many decisions the row stands for.
    pub weight: u64,
}

impl FeedRow {
    /// Returns the address of the decision's page.
    pub fn address(&self) -> String {
        decision_address(&self.id)
    }

    /// Tells whether the caller was asked to add friction.
    pub fn has_step_up(&self) -> bool {
        !matches!(self.step_up.as_str(), "" | "none")
    }
}

/// Names the chip of the style sheet that belongs to a verdict; `plain` for what asks for nothing by itself.
pub fn tone(verdict: &str) -> &'static str {
    match verdict {
        "allow" => "allow",
        "throttle" => "throttle",
        "block" => "block",
        _ => "plain",
    }
}

/// Writes the address of a decision's page.
pub fn decision_address(id: &str) -> String {
    format!("/verdicts/{}", address::encode(id))
}

impl VerdictsPage {
    /// Renders the page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }

    /// Renders what changes.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn fragment(&self) -> Result<String, PageError> {
        Ok(self.as_live().render()?)
    }

    /// Returns the path by which the header marks where one is.
    pub fn here(&self) -> &'static str {
        "/verdicts"
    }

    /// Returns the line that asks for a first verdict.
    pub fn first_verdict(&self) -> String {
        let origin = address::plain_origin(&self.origin);
        format!(
            "curl -sS {origin}/v1/verdict \\\n  -H \"Authorization: Bearer $WEIR_KEY\" \\\n  \
             -d '{{\"action\":\"generate\",\"account_id\":\"acct_1\",\"device_id\":\"dev_1\"}}'"
        )
    }
}

#[cfg(test)]
mod tests;
