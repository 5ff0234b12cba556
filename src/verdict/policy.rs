//! The policy: what follows from scores, limits and cold state, per action. Read from `policy.toml`, versioned by its
//! hash, never changed in place.

mod reader;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use queries::EntityKind;
use serde::Deserialize;

use super::decisions::Verdict;
use super::error::VerdictError;
use super::limits::Rate;

/// What an otherwise allowed request gets while the state is cold or stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WhenDegraded {
    /// Allowed, marked degraded.
    Allow,
    /// Allowed up to a rate that needs no history; throttled beyond.
    Throttle,
    /// Allowed with step-up `hold`.
    Hold,
    /// Allowed with step-up `review`.
    Review,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unit {
    /// Requests that were allowed.
    #[default]
    Requests,
    /// The `cost_credits` of requests that were allowed.
    Credits,
}

/// One rate limit.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    /// Its identity, the same under every version of the policy that has it.
    pub(crate) id: u64,
    /// Whom it counts for.
    pub(crate) by: EntityKind,
    /// Its rate and burst.
    pub(crate) rate: Rate,
    /// What it counts.
    pub(crate) unit: Unit,
    /// Applies only to requests with a higher score.
    pub(crate) when_score_over: Option<u8>,
    /// Its name in reasons: `limit:<action>:<by>`.
    pub(crate) rule: Arc<str>,
    /// Its rate as written.
    pub(crate) window: Arc<str>,
}

/// What holds for one action.
#[derive(Clone, Debug)]
pub(crate) struct ActionPolicy {
    /// The score from which throttle follows; 101 is never.
    pub(crate) throttle_score: u8,
    /// The score from which block follows; 101 is never.
    pub(crate) block_score: u8,
    /// What an otherwise allowed request gets while the state is cold or stale.
    pub(crate) when_degraded: WhenDegraded,
    /// The local limit of [`WhenDegraded::Throttle`]; it counts for the first entity a request names.
    pub(crate) degraded_limit: Limit,
    /// The limits of the action.
    pub(crate) limits: Vec<Limit>,
    /// Counts the decisions.
    pub(crate) decided: Decided,
}

/// The counters of one action's decisions. Made at the first decision: a policy may be read before there is anything
/// that counters could report to.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    action: Arc<str>,
    counters: OnceLock<[metrics::Counter; 3]>,
}

impl Decided {
    /// Counts one decision.
    pub(crate) fn count(&self, verdict: Verdict) {
        let counters = self.counters.get_or_init(|| {
            Verdict::ALL.map(|verdict| {
                let action = self.action.to_string();
                metrics::counter!("weir_decisions_total", "action" => action, "verdict" => verdict.name())
            })
        });
        counters[verdict as usize].increment(1);
    }
}

/// A whole policy.
#[derive(Debug)]
pub(crate) struct Policy {
    version: Arc<str>,
    cache_ttl_ms: u64,
    stale_after_us: i64,
    actions: HashMap<Box<str>, ActionPolicy>,
    other: ActionPolicy,
}

impl Policy {
    /// Returns the documented policy that a new data directory starts with.
    pub(crate) const fn default_text() -> &'static str {
        include_str!("policy.toml")
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// [`VerdictError::Policy`] with the line and the key of the first mistake.
    pub(crate) fn parse(text: &str) -> Result<Self, VerdictError> {
        reader::read(text)
    }

    /// Returns the hash of the text.
    pub(crate) const fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// Returns for how long an answer may be reused, milliseconds.
    pub(crate) const fn cache_ttl_ms(&self) -> u64 {
        self.cache_ttl_ms
    }

    /// Returns for how long events may wait to be counted before answers are degraded, microseconds.
    pub(crate) const fn stale_after_us(&self) -> i64 {
        self.stale_after_us
    }

    /// Returns what holds for an action; none if neither Weir nor this policy knows it.
    pub(crate) fn action(&self, name: &str) -> Option<&ActionPolicy> {
        self.actions.get(name)
    }

    /// Returns what holds for an action that only a rule knows.
    pub(crate) const fn other(&self) -> &ActionPolicy {
        &self.other
    }

    /// Returns the names of the known actions, in order.
    pub(crate) fn actions(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.actions.keys().map(|name| &**name).collect();
        names.sort_unstable();
        names
    }
}

#[cfg(test)]
mod tests;
