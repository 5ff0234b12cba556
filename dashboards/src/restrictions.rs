//! Everything that is restrained now, by when it ends, who put it, and the way to take it back.

use askama::Template;

use crate::decided::Decided;
use crate::{Frame, PageError, Panel, address, reason};

/// Rows that are shown at most: what is restrained is looked through, not scrolled through.
pub const ROWS_MAX: usize = 500;

/// The restrictions at one instant.
#[derive(Debug, Clone, Template)]
#[template(path = "restrictions.html")]
pub struct RestrictionsPage {
    /// What surrounds the page.
    pub frame: Frame,
    /// When the answer below was true, in microseconds since the Unix epoch.
    pub now: i64,
    /// What the URL asks for.
    pub asked: Asked,
    /// What is restrained.
    pub list: Panel<Restrictions>,
    /// Rules that restrain somebody, to choose from.
    pub rules: Vec<String>,
    /// How many rules are live: without any, nothing is restrained but by people.
    pub live_rules: usize,
    /// Whether the key may take a restriction back.
    pub may_decide: bool,
    /// What was just decided.
    pub done: Option<Decided>,
}

/// What a URL of the page asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Only entities of this kind.
    pub kind: String,
    /// Only what this rule put; `override` for what people put.
    pub rule: String,
    /// Only throttles or only blocks.
    pub verdict: String,
}

/// What is restrained.
#[derive(Debug, Clone, Default)]
pub struct Restrictions {
    /// The first to end first; at most [`ROWS_MAX`].
    pub rows: Vec<Row>,
    /// How many match.
    pub total: usize,
    /// How many there are, whatever the filters.
    pub active: usize,
}

/// One restriction.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// The kind of the entity.
    pub kind: String,
    /// The entity.
    pub entity: String,
    /// Throttle or block.
    pub verdict: String,
    /// The rule, or `override`.
    pub rule: String,
    /// The actions it restrains; empty means all.
    pub actions: Vec<String>,
    /// Since when, microseconds.
    pub since: i64,
    /// Until when, microseconds.
    pub until: i64,
    /// Who put it and why, where a person did.
    pub by: Option<(String, String)>,
}

impl Row {
    /// Returns the address of the entity's page.
    pub fn address(&self) -> String {
        reason::entity_address(&self.kind, &self.entity)
    }

    /// Returns what the button takes back: `device/dev_3`.
    pub fn whom(&self) -> String {
        format!("{}/{}", self.kind, self.entity)
    }

    /// Tells whether a person put it.
    pub fn is_override(&self) -> bool {
        self.rule == "override"
    }

    /// Says which actions it restrains.
    pub fn actions_words(&self) -> String {
        if self.actions.is_empty() { "all actions".to_owned() } else { self.actions.join(", ") }
    }
}

impl Asked {
    /// Writes its address.
    pub fn address(&self) -> String {
        let parameters = [("kind", self.kind.as_str()), ("rule", &self.rule), ("verdict", &self.verdict)];
        address::with_parameters("/restrictions", parameters)
    }

    /// Tells whether something narrows the list.
    pub fn is_narrowed(&self) -> bool {
        *self != Self::default()
    }
}

impl RestrictionsPage {
    /// Renders the page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }

    /// Returns the path by which the header marks where one is.
    pub fn here(&self) -> &'static str {
        "/restrictions"
    }

    /// Returns the kinds to choose from.
    pub fn kinds(&self) -> [&'static str; 8] {
        ["account", "guest", "device", "card", "email", "ip_prefix", "session", "component"]
    }

    /// Returns the link that asks the same of SQL.
    pub fn as_sql(&self) -> String {
        address::with_parameters("/sql", [("name", "restrictions_by_expiry")])
    }
}

#[cfg(test)]
mod tests;
