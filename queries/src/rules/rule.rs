//! A rule: its file, its headers, its text, and the way it runs. Immutable; a new text is a new rule of another version.
//! How it is read is `load.rs` and `compile.rs`; what is true of whom is state (`live.rs`, `scheduled.rs`).

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::catalogue::SourceProblem;
use crate::hits::{EndCause, EntityKind, Mode, Terms};

use super::headers::RuleHeaders;
use super::session::Sight;
use super::shape::LiveShape;
use super::text::RuleText;

/// A rule that was read and planned.
pub struct Rule {
    /// Its name: the file's, without `.sql`.
    pub name: Arc<str>,
    /// The first 16 hex digits of the BLAKE3 hash of its text.
    pub version: Arc<str>,
    /// The file, as its author knows it; built-in ones begin with `built-in`.
    pub file: String,
    /// The whole text, headers included.
    pub text: Arc<str>,
    /// What its headers say.
    pub headers: RuleHeaders,
    /// The tables that it reads, views resolved, by name.
    pub reads: BTreeSet<String>,
    /// The way it runs.
    pub way: Way,
    pub(crate) sql: RuleText,
    /// The live form, one a kind of entity and in the order of the header; empty for a scheduled rule.
    pub(crate) shapes: Vec<Arc<LiveShape>>,
}

/// The way a rule runs outside of backtests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// With each batch of events, before they are acknowledged.
    Live {
        /// Memory that its state takes for a million entities of each of its kinds, roughly.
        state_bytes_per_million: u64,
    },
    /// As a query, off the hot path.
    Scheduled {
        /// Why it cannot run live.
        reason: String,
        /// The pace, milliseconds.
        every_ms: u64,
    },
}

impl Rule {
    /// Returns how the rule sees the tables when it judges this kind of entity.
    pub(crate) fn sight(&self, kind: EntityKind) -> Sight {
        Sight {
            browser_facts: self.headers.browser_facts,
            entity_id: self.sql.uses_entity_id.then_some(kind),
            as_of: None,
        }
    }

    /// Returns what all its hits on one kind of entity have in common.
    pub(crate) fn terms(&self, entity_kind: EntityKind, mode: Mode) -> Terms {
        Terms {
            rule: Arc::clone(&self.name),
            version: Arc::clone(&self.version),
            entity_kind,
            mode,
            step_up: self.headers.step_up,
            window: Arc::clone(&self.headers.window_text),
            actions: Arc::clone(&self.headers.actions),
            browser_facts: self.headers.browser_facts,
            ttl_us: self.headers.ttl_us,
            rollout_ppm: self.headers.rollout_ppm,
        }
    }

    /// Returns the threshold, if it is one constant that the `having` holds something against.
    #[must_use]
    pub fn threshold(&self) -> Option<i64> {
        self.sql.threshold()
    }

    /// Returns the text of a rule that is the same but for its threshold; none where [`Self::threshold`] is none.
    #[must_use]
    pub fn with_threshold(&self, threshold: i64) -> Option<String> {
        let headers = self.text.lines().filter(|line| line.trim_start().starts_with("--!"));
        let sql = self.sql.with_threshold(threshold)?;
        Some(headers.chain([sql.as_str()]).collect::<Vec<_>>().join("\n"))
    }

    /// Tells what went wrong when it was evaluated, with the line where that can be told.
    pub(crate) fn problem(&self, message: String) -> SourceProblem {
        let divides = message.to_lowercase().contains("divide by zero");
        let line = self.sql.divisions().first().copied().filter(|_| divides).unwrap_or(0);
        let remedy = divides.then(|| "write `/ nullif(…, 0)`".to_owned());
        SourceProblem::new(&self.file, line, message, remedy)
    }

    /// Tells whether it runs live.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self.way, Way::Live { .. })
    }
}

/// Returns why the hits of a version of a rule end once these rules are in force, among which it does not run.
#[must_use]
pub fn end_cause(rules: &[(Arc<Rule>, Mode)], name: &str, version: &str) -> EndCause {
    match rules.iter().find(|(rule, _)| *rule.name == *name) {
        None => EndCause::RuleDeleted,
        Some((rule, _)) if *rule.version != *version => EndCause::RuleChanged,
        Some(_) => EndCause::RuleOff,
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("name", &self.name)
            .field("version", &self.version)
            .field("file", &self.file)
            .field("way", &self.way)
            .finish_non_exhaustive()
    }
}
