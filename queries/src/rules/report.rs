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
    /// How long a hit lasts after it was last true.
    pub ttl: String,
    /// The actions it restrains; empty means all.
    pub actions: Vec<Arc<str>>,
    /// The friction its hits suggest.
    pub step_up: &'static str,
    /// The share of established entities it may block, for example `0.5%`; null without a limit.
    pub max_block_rate: Option<String>,
    /// The share of entities for which live is live.
    pub rollout: String,
    /// The tables it reads.
    pub reads: Vec<String>,
}

/// Writes millionths as per cent: `0.5%`.
fn ppm_to_text(ppm: u32) -> String {
    let digits = format!("{}.{:04}", ppm / 10_000, ppm % 10_000);
    format!("{}%", digits.trim_end_matches('0').trim_end_matches('.'))
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
            ttl: duration_to_text(headers.ttl_us),
            actions: headers.actions.to_vec(),
            step_up: headers.step_up.name(),
            max_block_rate: headers.max_block_rate_ppm.map(ppm_to_text),
            rollout: ppm_to_text(headers.rollout_ppm),
            reads: rule.reads.iter().cloned().collect(),
        }
    }
}
