//! The list of rules, shipped and own: in which mode each is, how it runs, what it finds, and how often it was right. Mode,
//! entity and search are in the URL. Every rule is shown, whether or not its figures could be asked for.

mod asked;
mod figures;

use askama::Template;

pub use asked::{Asked, RuleMode};
pub use figures::{Disagreement, Figures, Precision, RuleFigures};

use crate::{Frame, PageError, Panel, address, figure};

/// The list at one instant.
#[derive(Debug, Clone, Template)]
#[template(path = "rules.html")]
pub struct RulesPage {
    /// What surrounds the page.
    pub frame: Frame,
    /// When the answers below were true, in microseconds since the Unix epoch.
    pub now: i64,
    /// What the URL asks for.
    pub asked: Asked,
    /// All rules, by name.
    pub rules: Vec<RuleRow>,
    /// What they found and how right they were.
    pub figures: Panel<Figures>,
    /// What is wrong with rule files.
    pub problems: Vec<RuleProblem>,
    /// The rule that was just deleted, and its version.
    pub deleted: Option<(String, String)>,
}

/// One rule of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRow {
    /// Its name.
    pub name: String,
    /// What it finds, in one line.
    pub title: String,
    /// The hash of its text.
    pub version: String,
    /// Whose it is.
    pub origin: Origin,
    /// Its mode.
    pub mode: RuleMode,
    /// The brake took it back to shadow, then.
    pub tripped_at: Option<i64>,
    /// It is live without a backtest.
    pub is_forced: bool,
    /// The kinds of entities it judges.
    pub entities: Vec<String>,
    /// The pace of a rule that runs as a query; none for one that runs with the events.
    pub every: Option<String>,
    /// Why it runs as a query.
    pub reason: Option<String>,
    /// It has its state.
    pub is_warm: bool,
    /// Its hits that are open.
    pub open_hits: u64,
}

/// Whose the file of a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It came with the program.
    BuiltIn,
    /// It was saved over HTTP.
    Own,
    /// The operator put it into a directory.
    Operator,
}

/// What is wrong with a rule's file, or with its runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProblem {
    /// The file.
    pub file: String,
    /// The line, from 1; none when the whole is meant.
    pub line: Option<u32>,
    /// What is wrong.
    pub message: String,
    /// What to do about it; may be empty.
    pub remedy: String,
}

impl Origin {
    /// Says it in a word or two.
    pub fn words(self) -> &'static str {
        match self {
            Self::BuiltIn => "built in",
            Self::Own => "saved here",
            Self::Operator => "operator's file",
        }
    }
}

impl RuleRow {
    /// Writes the address of its page.
    pub fn address(&self) -> String {
        format!("/rules/{}", address::encode(&self.name))
    }

    /// Says how it runs.
    pub fn runs(&self) -> String {
        self.every.as_ref().map_or_else(|| "live".to_owned(), |every| format!("every {every}"))
    }

    /// Says why it runs so.
    pub fn why(&self) -> String {
        match &self.reason {
            Some(reason) => format!("Runs as a query: {reason}"),
            None => "Runs with every batch of events, before they are acknowledged".to_owned(),
        }
    }

    /// Lists what it judges.
    pub fn kinds(&self) -> String {
        self.entities.join(", ")
    }
}

impl RulesPage {
    /// Renders the page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }

    /// Returns the path by which the header marks where one is.
    pub fn here(&self) -> &'static str {
        "/rules"
    }

    /// Lists the rules that are asked for.
    pub fn shown(&self) -> Vec<&RuleRow> {
        self.rules.iter().filter(|rule| self.asked.holds(rule)).collect()
    }

    /// Lists the tabs, each with how many rules it has, whatever else narrows the list.
    pub fn tabs(&self) -> Vec<(Option<RuleMode>, u64)> {
        let of = |mode: Option<RuleMode>| {
            let asked = Asked { mode, ..self.asked.clone() };
            self.rules.iter().filter(|rule| asked.holds(rule)).count() as u64
        };
        std::iter::once(None).chain(RuleMode::ALL.map(Some)).map(|mode| (mode, of(mode))).collect()
    }

    /// Lists the kinds of entities that rules judge, to choose from.
    pub fn entities(&self) -> Vec<String> {
        let mut kinds: Vec<String> = self.rules.iter().flat_map(|rule| rule.entities.iter().cloned()).collect();
        kinds.push(self.asked.entity.clone());
        kinds.retain(|kind| !kind.is_empty());
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// Returns what is known of a rule; nothing found is known, too.
    pub fn figures_of(&self, rule: &RuleRow) -> RuleFigures {
        self.figures.value().map(|figures| figures.of(&rule.name)).unwrap_or_default()
    }

    /// Says how the rules stand: `18 rules: 2 live, 16 in shadow`.
    pub fn headline(&self) -> String {
        let of = |mode: RuleMode| self.rules.iter().filter(|rule| rule.mode == mode).count() as u64;
        let open: u64 = self.rules.iter().map(|rule| rule.open_hits).sum();
        format!(
            "{}: {} live, {} in shadow, {} off. {} open.",
            figure::counted(self.rules.len() as u64, "rule"),
            of(RuleMode::Live),
            of(RuleMode::Shadow),
            of(RuleMode::Off),
            figure::counted(open, "hit")
        )
    }

    /// Returns where the deleted rule is saved again.
    pub fn restore(&self) -> String {
        let name = self.deleted.as_ref().map_or("", |(name, _)| name);
        format!("/rules/{}/restore", address::encode(name))
    }

    /// Returns the link that asks the same of SQL.
    pub fn as_sql(&self) -> String {
        address::sql(
            "select\n    rule,\n    mode,\n    count(*) as hits,\n    count(distinct entity) as entities,\n    \
             max(received_at) as last_at\nfrom hits\nwhere state = 'opened'\n    \
             and received_at >= now() - interval '7 days'\ngroup by rule, mode\norder by hits desc\n",
        )
    }
}

#[cfg(test)]
mod tests;
