//! The verdict service: allow, throttle or block, from memory, in microseconds.
//!
//! The way of a verdict: a body becomes a request and a question (`request.rs`), whose entities, with those linked to
//! them (`links.rs`), have hits, snoozes (`snoozes.rs`) and overrides (`overrides.rs`) that fold into an answer
//! (`fold.rs`) under the policy (`policy.rs`) and its limits (`charges.rs`, `limits.rs`). The decision (`decisions.rs`)
//! is remembered for repeats (`recent.rs`) and recorded behind the answer's back (`recorder.rs`). `decide.rs` is the
//! path itself. `standing.rs` tells people how one entity stands.
//!
//! Nothing here waits for disk, for SQL, or for a lock held across either, but for what says so: the changes of
//! overrides and snoozes. Nothing here is async but [`VerdictService::run`].

mod changes;
mod charges;
mod decide;
mod decisions;
mod error;
#[cfg(test)]
mod fixtures;
mod fold;
mod limits;
mod links;
mod overrides;
mod policy;
mod recent;
mod recorder;
mod request;
mod restrictions;
mod snoozes;
mod standing;

use std::collections::HashSet;
use std::hash::RandomState;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use queries::{EntityKind, HitBook};
use uuid::Uuid;

use crate::clock;
use crate::control::Control;
use limits::LimiterStatus;
use recent::Recent;
use recorder::{Recorder, RecorderStatus};
use snoozes::Snoozes;

pub(crate) use changes::{Change, Changes};
pub(crate) use charges::Charges;
pub(crate) use decide::Told;
pub(crate) use decisions::{Decision, Verdict};
pub(crate) use error::VerdictError;
pub(crate) use limits::{ENTRIES_MAX, Limiter};
pub(crate) use links::{GUESTS_MAX as LINKED_GUESTS_MAX, Links};
pub(crate) use overrides::{Override, Overrides, entity_name, parse_kind};
pub(crate) use policy::{ActionPolicy, Limit, Policy, Unit, WhenDegraded};
pub(crate) use recorder::{AppendOwn, ROWS_MAX as DECISIONS_WAITING_MAX};
pub(crate) use request::{Address, BATCH_BYTES_MAX, BODY_BYTES_MAX, Explain, Pseudonyms, Text, VerdictRequest};
pub(crate) use restrictions::{EntityState, Restriction};
pub(crate) use snoozes::Snooze;
pub(crate) use standing::Why;

/// For how long a `request_id` is answered with the same decision, and a decision is found by its id.
const REMEMBERED_US: i64 = 10 * 60 * 1_000_000;
/// The most request ids that are remembered.
pub(crate) const REQUEST_IDS_MAX: usize = 1_000_000;
/// The most decisions that are found by their id.
const DECISIONS_MAX: usize = 100_000;
/// How often decisions are handed to the log: they must be on disk within a second.
const FLUSH_INTERVAL_MS: u64 = 100;

/// How far the state that verdicts read is behind the events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Freshness {
    /// Every live rule has its history back.
    pub(crate) warm: bool,
    /// The time of the last batch of events that counted; none before the first.
    pub(crate) data_as_of: Option<i64>,
    /// Since when the oldest request waits that was received and does not count yet; none if there is none. A quiet
    /// system is not a stale one, so the age of the last batch says nothing.
    pub(crate) behind_since: Option<i64>,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    /// The key's name.
    pub(crate) key: &'a str,
    /// Whether the key has scope `review`.
    pub(crate) review: bool,
}

/// What the service is made of.
pub(crate) struct Parts {
    /// The open hits, as the rules keep them.
    pub(crate) hits: Arc<HitBook>,
    /// The links, as the observer of the log keeps them.
    pub(crate) links: Arc<Links>,
    /// The policy to begin with.
    pub(crate) policy: Policy,
    /// Where overrides and snoozes survive a restart.
    pub(crate) control: Arc<Control>,
    /// The hashes that events are stored under.
    pub(crate) names: Arc<dyn Pseudonyms>,
    /// Tells how fresh the state is; called for every decision, so it must be quick.
    pub(crate) freshness: Arc<dyn Fn() -> Freshness + Send + Sync>,
    /// The way to the log.
    pub(crate) append_own: AppendOwn,
    /// The time now, microseconds since the Unix epoch.
    pub(crate) now: i64,
}

/// What `/v1/status` tells of the service.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct VerdictStatus {
    /// The version of the policy.
    pub(crate) policy_version: Arc<str>,
    /// How decisions reach the log.
    pub(crate) decisions: RecorderStatus,
    /// How full the limits' memory is.
    pub(crate) limits: LimiterStatus,
    /// Guests whose links are known.
    pub(crate) links: usize,
    /// Guests whose links were forgotten to make room.
    pub(crate) links_evicted: u64,
    /// Request ids that are remembered.
    pub(crate) request_ids: usize,
}

/// Answers verdict requests. Shared by all threads.
pub(crate) struct VerdictService {
    hits: Arc<HitBook>,
    links: Arc<Links>,
    policy: ArcSwap<Policy>,
    /// Actions that rules restrain, known though the policy does not name them.
    rule_actions: ArcSwap<HashSet<Box<str>>>,
    snoozes: ArcSwap<Snoozes>,
    /// Held while snoozes change, so that memory and database change in the same order. Not by readers.
    snoozing: Mutex<()>,
    overrides: Overrides,
    control: Arc<Control>,
    changes: Changes,
    names: Arc<dyn Pseudonyms>,
    freshness: Arc<dyn Fn() -> Freshness + Send + Sync>,
    limiter: Limiter,
    recorder: Recorder,
    /// By (key, request id): the fingerprint of the request, and its decision.
    repeats: Recent<(u64, Arc<Decision>)>,
    decisions: Recent<Arc<Decision>>,
    /// Two seeds make a 128-bit key of a request id.
    seeds: [RandomState; 2],
    /// Made at the first decision, like [`policy::Decided`].
    latency: OnceLock<metrics::Histogram>,
}

impl VerdictService {
    /// Makes the service. Waits for the control database once, for the overrides and snoozes.
    ///
    /// # Errors
    /// [`VerdictError::Store`].
    pub(crate) fn new(parts: Parts) -> Result<Arc<Self>, VerdictError> {
        let (control, now) = (parts.control, parts.now);
        control.drop_lapsed(now)?;
        Ok(Arc::new(Self {
            hits: parts.hits,
            links: parts.links,
            policy: ArcSwap::from_pointee(parts.policy),
            rule_actions: ArcSwap::default(),
            snoozes: ArcSwap::from_pointee(control.snoozes()?.into_iter().collect()),
            snoozing: Mutex::default(),
            overrides: Overrides::load(Arc::clone(&control), now)?,
            control,
            changes: Changes::default(),
            names: parts.names,
            freshness: parts.freshness,
            limiter: Limiter::new(ENTRIES_MAX),
            recorder: Recorder::new(parts.append_own),
            repeats: Recent::new(REQUEST_IDS_MAX, REMEMBERED_US),
            decisions: Recent::new(DECISIONS_MAX, REMEMBERED_US),
            seeds: [RandomState::new(), RandomState::new()],
            latency: OnceLock::new(),
        }))
    }

    /// Hands decisions to the log until `stop` completes, and then once more.
    pub(crate) async fn run(self: Arc<Self>, stop: impl Future<Output = ()>) {
        describe_metrics();
        let mut stop = std::pin::pin!(stop);
        let mut ticks = tokio::time::interval(Duration::from_millis(FLUSH_INTERVAL_MS));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut flushes: u64 = 0;
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = ticks.tick() => self.recorder.flush(),
            }
            flushes += 1;
            if flushes.is_multiple_of(600) {
                let now = clock::now();
                self.repeats.expire(now);
                self.decisions.expire(now);
            }
            if flushes.is_multiple_of(10) {
                self.gauge();
            }
        }
        self.recorder.flush();
    }

    /// Hands the decisions that wait to the log now. Does not wait for the disk.
    #[cfg(test)]
    pub(crate) fn flush(&self) {
        self.recorder.flush();
    }

    /// Returns a decision of the last ten minutes.
    pub(crate) fn decision(&self, id: Uuid, now: i64) -> Option<Arc<Decision>> {
        self.decisions.get(id.as_u128(), now)
    }

    /// Returns the policy in force.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Puts another policy in force, at once for every request that comes after. Spent quotas stay spent.
    pub(crate) fn set_policy(&self, policy: Policy) {
        tracing::info!(policy.version = &**policy.version(), "policy in force");
        self.policy.store(Arc::new(policy));
    }

    /// Makes the actions known that rules name in their headers.
    pub(crate) fn set_rule_actions(&self, actions: impl IntoIterator<Item = impl Into<Box<str>>>) {
        self.rule_actions.store(Arc::new(actions.into_iter().map(Into::into).collect()));
    }

    /// Returns the overrides. Reading them waits for nothing; changing them waits for the control database.
    pub(crate) const fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    /// Reads and checks the body of `PUT /v1/overrides`, and puts it in force. Waits for the control database.
    ///
    /// # Errors
    /// Those of [`Override::parse`] and [`Overrides::put`].
    pub(crate) fn put_override(&self, body: &[u8], key: &str, now: i64) -> Result<Arc<Override>, VerdictError> {
        self.overrides.put(Override::parse(body, &*self.names, key, now)?, now)
    }

    /// Returns the name an entity is kept under: the hash of an address or an e-mail address given in clear.
    ///
    /// # Errors
    /// [`VerdictError::Invalid`] when it is no valid id.
    pub(crate) fn entity_name(&self, kind: EntityKind, given: &str, now: i64) -> Result<String, VerdictError> {
        entity_name(kind, given, &*self.names, now)
    }

    /// Returns what is restrained now.
    pub(crate) fn restrictions(&self, now: i64) -> Vec<Restriction> {
        restrictions::restrictions(&self.hits, &self.overrides, &self.snoozes.load(), now)
    }

    /// Returns the log of what changes among the restrictions.
    pub(crate) const fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Compares the restrictions with those of the last time, if somebody follows them. Lists them all.
    pub(crate) fn compare_restrictions(&self, now: i64) {
        if self.changes.is_wanted() {
            self.changes.compare(self.restrictions(now));
        }
    }

    /// Returns what is known of one entity, by the name it is kept under.
    pub(crate) fn entity(&self, kind: EntityKind, id: &str, now: i64) -> EntityState {
        let snoozes = self.snoozes.load();
        restrictions::entity_state((&self.hits, &self.overrides, &snoozes, &self.links), (kind, id), now)
    }

    /// Forgets an entity that is erased: its links and the remembered decisions that name it. Its override and its hits
    /// are their keepers' to drop. Decisions that wait for the log are handed on first.
    #[cfg_attr(not(test), expect(dead_code, reason = "erasure will call it; until then only tests do"))]
    pub(crate) fn forget(&self, kind: EntityKind, id: &str) {
        self.recorder.flush();
        self.repeats.forget(|(_, decision)| decision.names(kind, id));
        self.decisions.forget(|decision| decision.names(kind, id));
        if matches!(kind, EntityKind::Guest | EntityKind::Account) {
            self.links.forget(id);
        }
    }

    /// Returns the state of the service.
    pub(crate) fn status(&self) -> VerdictStatus {
        let (links, links_evicted) = self.links.counts();
        VerdictStatus {
            policy_version: Arc::clone(self.policy.load().version()),
            decisions: self.recorder.status(),
            limits: self.limiter.status(),
            links,
            links_evicted,
            request_ids: self.repeats.len(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floats; the counts are far below 2^52")]
    fn gauge(&self) {
        let status = self.status();
        metrics::gauge!("weir_decisions_waiting").set(status.decisions.waiting as f64);
        metrics::gauge!("weir_limit_entries").set(status.limits.entries as f64);
        metrics::gauge!("weir_links").set(status.links as f64);
        metrics::gauge!("weir_request_ids").set(status.request_ids as f64);
        metrics::counter!("weir_limit_evictions_total", "state" => "idle").absolute(status.limits.evicted_idle);
        metrics::counter!("weir_limit_evictions_total", "state" => "active").absolute(status.limits.evicted_active);
        metrics::counter!("weir_link_evictions_total").absolute(status.links_evicted);
    }
}

fn describe_metrics() {
    metrics::describe_counter!("weir_decisions_total", "Decisions made, by action and verdict; dry runs left out");
    metrics::describe_counter!("weir_decisions_lost_total", "Decisions that were answered but not recorded");
    metrics::describe_gauge!("weir_decisions_waiting", "Rows of decisions that wait for the log");
    metrics::describe_histogram!("weir_verdict_seconds", metrics::Unit::Seconds, "Time to decide");
    metrics::describe_gauge!("weir_limit_entries", "Entities whose spent quotas are remembered, per limit");
    metrics::describe_counter!("weir_limit_evictions_total", "Spent quotas forgotten to make room; active: too early");
    metrics::describe_gauge!("weir_links", "Guests whose account is remembered");
    metrics::describe_counter!("weir_link_evictions_total", "Guests whose account was forgotten to make room");
    metrics::describe_gauge!("weir_request_ids", "Request ids whose decision is remembered");
}

#[cfg(test)]
mod tests;
