//! What rules found in a week, how often they were right, and what those in shadow would have changed.

use std::collections::HashMap;

use crate::figure;
use crate::trend::{Buckets, Spark};

/// The figures of all rules.
#[derive(Debug, Clone)]
pub struct Figures {
    /// How the drawings divide the week.
    pub buckets: Buckets,
    /// By the rule's name; one that found nothing has none.
    pub by_rule: HashMap<String, RuleFigures>,
}

/// The figures of one rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleFigures {
    /// Hits that opened in the last seven days.
    pub hits: u64,
    /// They by when the columns of the drawing begin.
    pub trend: Vec<(i64, u64)>,
    /// How often it was right in the last thirty days.
    pub precision: Precision,
    /// What it would have changed in the last seven days, had it been live.
    pub disagreement: Disagreement,
}

/// Entities that a rule hit, by what is known of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Precision {
    /// Labelled as abuse.
    pub right: u64,
    /// Labelled as no abuse.
    pub wrong: u64,
    /// Without a label.
    pub unlabelled: u64,
    /// The ends of Wilson's interval, 95 %, in percent.
    pub interval: Option<(f64, f64)>,
}

/// Decisions that a rule in shadow would have made stricter.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Disagreement {
    /// How many.
    pub decisions: u64,
    /// Of these, those it would have blocked.
    pub blocks: u64,
    /// Of all decisions, in percent.
    pub share: Option<f64>,
}

impl Figures {
    /// Returns the figures of a rule.
    pub fn of(&self, name: &str) -> RuleFigures {
        self.by_rule.get(name).cloned().unwrap_or_default()
    }
}

impl RuleFigures {
    /// Draws its hits.
    pub fn spark(&self, buckets: &Buckets) -> Spark {
        Spark::new(&self.trend, *buckets)
    }
}

impl Precision {
    /// Returns how many labels there are.
    pub fn labels(&self) -> u64 {
        self.right + self.wrong
    }

    /// Writes the share that was right: `66.7%`; nothing without labels.
    pub fn share(&self) -> Option<String> {
        figure::share(&self.right, &self.labels())
    }

    /// Says how sure that is: `20.8% to 93.9%`.
    pub fn interval_words(&self) -> Option<String> {
        self.interval.map(|(low, high)| format!("{low:.1}% to {high:.1}%"))
    }

    /// Says all of it, for a title.
    pub fn words(&self) -> String {
        let entities = figure::counted(self.labels() + self.unlabelled, "entity").replace("entitys", "entities");
        let sure = self.interval_words().map(|words| format!("; 95% interval {words}")).unwrap_or_default();
        format!(
            "Last 30 days, {entities} hit: {} labelled as abuse, {} as no abuse, {} without a label{sure}",
            figure::count(&self.right),
            figure::count(&self.wrong),
            figure::count(&self.unlabelled)
        )
    }
}

impl Disagreement {
    /// Says what would have changed, for a title.
    pub fn words(&self) -> String {
        let share = self.share.map(|share| format!(" ({share:.1}% of all)")).unwrap_or_default();
        format!(
            "Last 7 days: had it been live, {}{share} would have been stricter, {} of them blocked",
            figure::counted(self.decisions, "decision"),
            figure::count(&self.blocks)
        )
    }
}
