//! What there is to say about each rule: the data behind `weir rules list`, `weir rules check` and `/v1/rules`.

use std::sync::Arc;

use crate::hits::{EntityKind, Mode};

use super::duration::duration_to_text;
use super::rule::{Rule, Way};
use super::window::Window;

/// One rule, as lists and checks show it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RuleReport {
    /// The rule's name.
    pub name: Arc<str>,
    /// What it finds, in one line.
    pub title: String,
    /// The hash of its text.
    pub version: Arc<str>,
    /// Its file.
    pub file: String,
    /// The mode it is in.
    pub mode: Mode,
    /// `live` or `scheduled`.
    pub way: &'static str,
    /// Why it is scheduled; null for a live rule.
    pub reason: Option<String>,
    /// The kinds of entities it judges.
    pub entities: Vec<&'static str>,
    /// Its window; null without one.
    pub window: Option<String>,
    /// The buckets of its window; null without one.
    pub bucket: Option<String>,
    /// The pace of a scheduled rule; null for a live one.
    pub every: Option<String>,
    /// Memory of a live rule's state for a million entities of each of its kinds, bytes; null for a scheduled one.
    pub state_bytes_per_million: Option<u64>,
    /// What its hits ask for unless its text says otherwise.
    pub verdict: &'static str,
    /// What they add to the score unless its text says otherwise.
    pub points: u8,
    /// Who looks after it.
    pub owner: Option<String>,
    /// It may read what browsers sent, and never blocks.
    pub browser_facts: bool,
}

impl RuleReport {
    /// Describes a rule that is in this mode.
    #[must_use]
    pub fn new(rule: &Rule, mode: Mode) -> Self {
        let headers = &rule.headers;
        let (way, reason, every, state_bytes_per_million) = match &rule.way {
            Way::Live { state_bytes_per_million } => ("live", None, None, Some(*state_bytes_per_million)),
            Way::Scheduled { reason, .. } => {
                ("scheduled", Some(reason.clone()), Some(duration_to_text(headers.pace_us())), None)
            }
        };
        let window = headers.window.map(Window::length_us);
        Self {
            name: Arc::clone(&rule.name),
            title: headers.title.clone(),
            version: Arc::clone(&rule.version),
            file: rule.file.clone(),
            mode,
            way,
            reason,
            entities: headers.entities.iter().copied().map(EntityKind::name).collect(),
            window: window.map(duration_to_text),
            bucket: headers.window.map(|window| duration_to_text(window.bucket_us())),
            every,
            state_bytes_per_million,
            verdict: headers.verdict.name(),
            points: headers.points,
            owner: headers.owner.clone(),
            browser_facts: headers.browser_facts,
        }
    }
}
