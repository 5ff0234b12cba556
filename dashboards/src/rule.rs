//! One rule: what it says in words, its mode and what going live needs, its text with an editor, its versions and how they
//! differ, backtests, hits and snoozes. The address holds which backtest and which two versions are shown.

mod asked;
mod backtest;
mod diff;
mod editor;
mod facts;
mod told;

use askama::Template;

pub use asked::Asked;
pub use backtest::{Backtest, BacktestPage, Neighbour, Report, range_words};
pub use diff::{Diff, Hunk, Line, LineKind};
pub use editor::{Editor, NewRulePage, TEMPLATE, Wrong};
pub use facts::{RuleFacts, Trip};
pub use told::{Deed, Done, Told};

use crate::data::DataBlock;
use crate::rules::{Disagreement, Precision, RuleMode, RuleProblem};
use crate::trend::{Buckets, Stacked};
use crate::{Frame, PageError, Panel, address, figure};

/// For how long an entity can be snoozed, as forms send it, and what that is called.
pub const SNOOZES: [(&str, &str); 4] = [("1d", "1 day"), ("7d", "7 days"), ("30d", "30 days"), ("180d", "180 days")];
/// Ranges of a backtest in days, and what they are called; 0 is one to be written.
pub const RANGES: [(u32, &str); 5] =
    [(1, "last 24 hours"), (7, "last 7 days"), (30, "last 30 days"), (90, "last 90 days"), (0, "from … to …")];

/// A rule at one instant.
#[derive(Debug, Clone, Template)]
#[template(path = "rule.html")]
pub struct RulePage {
    /// What surrounds the page.
    pub frame: Frame,
    /// When the answers below were true, in microseconds since the Unix epoch.
    pub now: i64,
    /// What the URL asks for.
    pub asked: Asked,
    /// What the rule says.
    pub rule: RuleFacts,
    /// Its text, or what somebody wrote in its place and could not be saved.
    pub editor: Editor,
    /// What is wrong with its file or its runs.
    pub problems: Vec<RuleProblem>,
    /// Whether this key may go live without a backtest.
    pub may_force: bool,
    /// Its hits of the last week.
    pub hits: Panel<RuleHits>,
    /// How often it was right.
    pub precision: Panel<Precision>,
    /// What it would have changed.
    pub disagreement: Panel<Disagreement>,
    /// The backtests of this version that are kept, the newest first.
    pub backtests: Vec<PastBacktest>,
    /// The backtest that the address names, if it is kept.
    pub backtest: Option<Backtest>,
    /// The texts that are kept, the newest first.
    pub versions: Vec<Version>,
    /// How the two versions that the address names differ.
    pub diff: Option<Diff>,
    /// What was done about it, the newest first.
    pub told: Vec<Told>,
    /// Whom it is snoozed for.
    pub snoozes: Vec<Snoozed>,
    /// What was just done from this page.
    pub done: Option<Done>,
}

/// Hits of a rule.
#[derive(Debug, Clone)]
pub struct RuleHits {
    /// How many of the last seven days by when the columns begin, and in which mode.
    pub counts: Vec<(i64, String, u64)>,
    /// How the drawing divides the week.
    pub buckets: Buckets,
    /// The newest of the last thirty days.
    pub rows: Vec<RuleHit>,
    /// There are more.
    pub is_truncated: bool,
}

/// A hit that opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleHit {
    /// When.
    pub at: i64,
    /// The kind of the entity.
    pub kind: String,
    /// The entity.
    pub entity: String,
    /// live or shadow, at that time.
    pub mode: String,
    /// What it asked for.
    pub verdict: String,
    /// The value observed, and the one it was held against.
    pub observed: (i64, i64),
    /// It is open now.
    pub is_open: bool,
    /// The version that found it is not the present one.
    pub is_of_former: bool,
}

/// A backtest of this version.
#[derive(Debug, Clone, PartialEq)]
pub struct PastBacktest {
    /// Its id.
    pub id: String,
    /// When it was run.
    pub at: i64,
    /// The name of the key that ran it.
    pub by: String,
    /// The range it tested, microseconds.
    pub range: (i64, i64),
    /// It cannot promote.
    pub is_approximate: bool,
    /// What it found, in a sentence.
    pub sentence: String,
}

/// A text that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its hash.
    pub version: String,
    /// The name of the key that saved it; `weir` for a built-in rule, `file` for a file's; empty where it is not known.
    pub by: String,
    /// When it was saved, or replaced; none where it is not known.
    pub at: Option<i64>,
    /// Its lines.
    pub lines: u64,
    /// It is the one in force.
    pub is_present: bool,
    /// It is kept, so that it can be saved again.
    pub is_kept: bool,
}

/// An entity for which hits of the rule count for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snoozed {
    /// The kind of the entity.
    pub kind: String,
    /// The entity.
    pub entity: String,
    /// Until when.
    pub until: i64,
    /// Why; may be empty.
    pub reason: String,
    /// The name of the key that set it.
    pub by: String,
}

/// Shortens a version for a line: its first eight digits.
pub fn short(version: &str) -> &str {
    version.get(..8).unwrap_or(version)
}

/// Writes the address of an entity's page.
pub fn entity_address(kind: &str, entity: &str) -> String {
    format!("/e/{}/{}", address::encode(kind), address::encode(entity))
}

/// Names the chip of a verdict.
pub fn tone(verdict: &str) -> &'static str {
    match verdict {
        "block" => "block",
        "throttle" => "throttle",
        _ => "plain",
    }
}

impl RuleHits {
    /// Draws the hits of the week.
    pub fn chart(&self) -> Stacked {
        Stacked::new(&self.counts, self.buckets)
    }

    /// Writes how many hits the week had.
    pub fn total_words(&self) -> String {
        figure::count(&self.total())
    }

    /// Counts the hits of the week.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|(_, _, count)| count).sum()
    }
}

impl RulePage {
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

    /// Returns the backtest that lets this version go live: the newest that is exact.
    pub fn ground(&self) -> Option<&PastBacktest> {
        self.backtests.iter().find(|test| !test.is_approximate)
    }

    /// Says what going live lacks.
    pub fn lacks(&self) -> String {
        let version = short(&self.rule.version);
        if self.backtests.is_empty() {
            return format!("Going live needs a backtest of this very version ({version}); none was run yet.");
        }
        format!(
            "Going live needs an exact backtest of this very version ({version}); {} run so far {} approximate. A \
             shorter range is exact.",
            if self.backtests.len() == 1 { "the one" } else { "all those" },
            if self.backtests.len() == 1 { "is" } else { "are" }
        )
    }

    /// Lists the modes other than the present one and live.
    pub fn milder(&self) -> Vec<RuleMode> {
        [RuleMode::Shadow, RuleMode::Off].into_iter().filter(|mode| *mode != self.rule.mode).collect()
    }

    /// Returns the mode that the undoing of what was just done sets, if it can be undone by that.
    pub fn former_mode(&self) -> Option<RuleMode> {
        let Some(Done { deed: Deed::Mode, was }) = &self.done else { return None };
        let former = RuleMode::parse(was).filter(|mode| *mode != self.rule.mode)?;
        (former != RuleMode::Live || self.ground().is_some()).then_some(former)
    }

    /// Returns the version that the undoing of a save brings back, if it is kept.
    pub fn former_version(&self) -> Option<&Version> {
        let Some(Done { deed: Deed::Saved, was }) = &self.done else { return None };
        self.versions.iter().find(|version| version.version == *was && version.is_kept && !version.is_present)
    }

    /// Returns the versions that are offered for comparing: those asked for, else the present one and the one before it.
    pub fn compared(&self) -> (&str, &str) {
        let (old, new) = (self.asked.versions.0.as_str(), self.asked.versions.1.as_str());
        if !old.is_empty() {
            return (old, new);
        }
        let former = self.versions.iter().find(|version| !version.is_present);
        (former.map_or("", |former| former.version.as_str()), self.rule.version.as_str())
    }

    /// Says what was just done and what that means.
    pub fn done_sentence(&self) -> String {
        match self.done.as_ref().map(|done| done.deed) {
            Some(Deed::Mode) => match self.rule.mode {
                RuleMode::Live => "The rule is live: its hits restrain from now on.".to_owned(),
                RuleMode::Shadow => "The rule is in shadow: it finds, and restrains nobody.".to_owned(),
                RuleMode::Off => "The rule is off: it does not run, and its hits have ended.".to_owned(),
            },
            Some(Deed::Saved) => {
                format!("Saved as version {}; it is in {}.", short(&self.rule.version), self.rule.mode.name())
            }
            Some(Deed::Snoozed) => "Snoozed: hits on that entity count for nothing until then.".to_owned(),
            Some(Deed::SnoozeEnded) => "The snooze has ended: hits on that entity count again.".to_owned(),
            None => String::new(),
        }
    }

    /// Returns the link that asks for its hits by SQL.
    pub fn as_sql(&self) -> String {
        address::sql(&format!(
            "select\n    received_at,\n    state,\n    mode,\n    entity_kind,\n    entity,\n    verdict,\n    observed,\n    \
             threshold\nfrom hits\nwhere rule = {}\norder by received_at desc\nlimit 1000\n",
            address::sql_literal(&self.rule.name)
        ))
    }

    /// Returns what the scripts of the page need.
    pub fn data(&self) -> DataBlock {
        self.editor.data(&self.rule.name, &self.rule.version, &self.frame)
    }

    /// Says how often it was right, in a few words.
    pub fn precision_words(&self, precision: &Precision) -> String {
        match precision.share() {
            Some(share) => share,
            None => "–".to_owned(),
        }
    }

    /// Counts the labels in words.
    pub fn label_words(&self, precision: &Precision) -> String {
        match (precision.labels(), precision.interval_words()) {
            (0, _) => "no labels yet".to_owned(),
            (labels, Some(interval)) => format!("{}, {interval}", figure::counted(labels, "label")),
            (labels, None) => figure::counted(labels, "label"),
        }
    }
}

#[cfg(test)]
mod tests;
