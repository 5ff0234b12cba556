//! The way of decisions into the log: rows of the table `verdicts`, gathered in memory and handed on in batches, so that
//! an answer never waits for the log. Not the log itself.
//!
//! Every throttle and block has its row. Of the allows, those above 1,000 in a second are sampled: one in sixteen has a
//! row, whose `weight` says for how many decisions of its action it stands. The weights of all rows, the decisions lost
//! and those not yet represented add up to the decisions made.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ingest::{Kind, RowWriter, Rows, TableSchema, Value};
use uuid::Uuid;

use super::decisions::{Decision, Reason, Verdict};
use super::request::Question;

/// Hands rows to the log without waiting. An error means that the rows are lost.
pub(crate) type AppendOwn = Arc<dyn Fn(Rows) -> Result<(), String> + Send + Sync>;

/// The allows of a second that all have a row.
pub(crate) const ALLOWS_PER_SECOND_MAX: u32 = 1_000;
/// Of the allows above that, one in so many has a row.
pub(crate) const SAMPLE_ONE_IN: u64 = 16;
/// The most rows that wait. At 60,000 decisions a second, this is over a second's, ten times the time between flushes.
pub(crate) const ROWS_MAX: usize = 100_000;
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Actions beyond this many are sampled as one.
const SAMPLED_ACTIONS_MAX: usize = 256;

/// What the recorder has done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct RecorderStatus {
    /// Rows handed to the log.
    pub(crate) rows: u64,
    /// Decisions that have no row and that no row stands for: the queue was full, or the log refused the rows.
    pub(crate) lost: u64,
    /// Allows that the next sampled row of their action will stand for.
    pub(crate) unrepresented: u64,
    /// Rows that wait.
    pub(crate) waiting: u64,
}

/// Gathers decisions for the log.
pub(crate) struct Recorder {
    queue: Mutex<Queue>,
    /// Held while rows are handed on, so that they reach the log in the order of their flushes.
    flushing: Mutex<()>,
    columns: Columns,
    append_own: AppendOwn,
    rows: AtomicU64,
    lost: AtomicU64,
}

#[derive(Default)]
struct Queue {
    rows: Rows,
    /// The sum of the weights of the rows.
    weight: u64,
    second: i64,
    allows: u32,
    /// Allows since the last row of their action, for the actions that were sampled.
    skipped: Vec<(Box<str>, u64)>,
}

impl Recorder {
    /// Makes a recorder that hands its rows to `append_own`.
    pub(crate) fn new(append_own: AppendOwn) -> Self {
        Self {
            queue: Mutex::default(),
            flushing: Mutex::default(),
            columns: Columns::find(),
            append_own,
            rows: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    /// Takes in one decision. Neither waits for the log nor fails: what finds no room is counted as lost.
    pub(crate) fn record(&self, decision: &Decision, question: &Question<'_>, latency_us: u64) {
        // Written before the lock is taken; most decisions have neither.
        let reasons = reasons_to_json(&decision.reasons);
        let shadow = reasons_to_json(&decision.shadow);
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(weight) = queue.weigh(decision, question) else { return };
        if queue.rows.len() >= ROWS_MAX || queue.rows.bytes() >= BYTES_MAX {
            drop(queue);
            self.lose(weight);
            return;
        }
        queue.weight += weight;
        let row = queue.rows.begin(Kind::Verdicts);
        self.columns.write(row, decision, question, [reasons.as_deref(), shadow.as_deref()], latency_us, weight);
    }

    /// Hands the waiting rows to the log. Does not wait for the disk.
    pub(crate) fn flush(&self) {
        let _in_order = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.rows.is_empty() {
            return;
        }
        let rows = std::mem::take(&mut queue.rows);
        let weight = std::mem::take(&mut queue.weight);
        drop(queue);
        let count = rows.len() as u64;
        match (self.append_own)(rows) {
            Ok(()) => {
                self.rows.fetch_add(count, Ordering::Relaxed);
            }
            Err(error) => {
                self.lose(weight);
                tracing::warn!(decisions.lost = weight, error, "decisions could not be recorded");
            }
        }
    }

    /// Returns what it has done.
    pub(crate) fn status(&self) -> RecorderStatus {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        RecorderStatus {
            rows: self.rows.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            unrepresented: queue.skipped.iter().map(|(_, skipped)| skipped).sum(),
            waiting: queue.rows.len() as u64,
        }
    }

    fn lose(&self, decisions: u64) {
        self.lost.fetch_add(decisions, Ordering::Relaxed);
        metrics::counter!("weir_decisions_lost_total").increment(decisions);
    }
}

impl Queue {
    /// Returns the weight of the decision's row; none if another row will stand for it.
    fn weigh(&mut self, decision: &Decision, question: &Question<'_>) -> Option<u64> {
        if decision.verdict != Verdict::Allow {
            return Some(1);
        }
        let second = decision.at.div_euclid(1_000_000);
        if second != self.second {
            self.second = second;
            self.allows = 0;
        }
        self.allows = self.allows.saturating_add(1);
        let above = self.allows > ALLOWS_PER_SECOND_MAX;
        let action = &*question.request.action;
        let Some(place) = self.skipped.iter().position(|(sampled, _)| **sampled == *action) else {
            if above && self.skipped.len() < SAMPLED_ACTIONS_MAX {
                self.skipped.push((action.into(), 1));
                return None;
            }
            return Some(1);
        };
        let skipped = &mut self.skipped[place].1;
        if above && *skipped + 1 < SAMPLE_ONE_IN {
            *skipped += 1;
            return None;
        }
        Some(std::mem::take(skipped) + 1)
    }
}

/// Writes reasons as the column keeps them; none if there are none.
fn reasons_to_json(reasons: &[Reason]) -> Option<String> {
    if reasons.is_empty() {
        return None;
    }
    Some(serde_json::to_string(reasons).expect("reasons are text and numbers"))
}

/// The places of the columns, looked up once.
struct Columns {
    event_id: usize,
    ts: usize,
    trust: usize,
    source: usize,
    account_id: usize,
    guest_id: usize,
    device_id: usize,
    session_id: usize,
    workspace_id: usize,
    api_key_id: usize,
    ip_prefix: usize,
    ip_hash: usize,
    asn: usize,
    action: usize,
    verdict: usize,
    step_up: usize,
    score: usize,
    reasons: usize,
    shadow: usize,
    latency_us: usize,
    policy_version: usize,
    degraded: usize,
    request_id: usize,
    cost_credits: usize,
    weight: usize,
}

impl Columns {
    fn find() -> Self {
        let schema = TableSchema::of(Kind::Verdicts);
        let place = |name: &str| schema.index(name).expect("the schema of verdicts has the column");
        Self {
            event_id: place("event_id"),
            ts: place("ts"),
            trust: place("trust"),
            source: place("source"),
            account_id: place("account_id"),
            guest_id: place("guest_id"),
            device_id: place("device_id"),
            session_id: place("session_id"),
            workspace_id: place("workspace_id"),
            api_key_id: place("api_key_id"),
            ip_prefix: place("ip_prefix"),
            ip_hash: place("ip_hash"),
            asn: place("asn"),
            action: place("action"),
            verdict: place("verdict"),
            step_up: place("step_up"),
            score: place("score"),
            reasons: place("reasons"),
            shadow: place("shadow"),
            latency_us: place("latency_us"),
            policy_version: place("policy_version"),
            degraded: place("degraded"),
            request_id: place("request_id"),
            cost_credits: place("cost_credits"),
            weight: place("weight"),
        }
    }

    fn write(
        &self,
        mut row: RowWriter<'_>,
        decision: &Decision,
        question: &Question<'_>,
        [reasons, shadow]: [Option<&str>; 2],
        latency_us: u64,
        weight: u64,
    ) {
        let mut id = Uuid::encode_buffer();
        row.put(self.event_id, Value::Text(decision.id.hyphenated().encode_lower(&mut id)));
        row.put(self.ts, Value::Time(decision.at));
        row.put(self.trust, Value::Text(ingest::Trust::Server.name()));
        row.put(self.source, Value::Text(ingest::Source::Native.name()));
        let request = question.request;
        let address = question.address.as_ref();
        for (column, text) in [
            (self.account_id, request.account_id.as_deref()),
            (self.guest_id, request.guest_id.as_deref()),
            (self.device_id, request.device_id.as_deref()),
            (self.session_id, request.session_id.as_deref()),
            (self.workspace_id, request.workspace_id.as_deref()),
            (self.api_key_id, request.api_key_id.as_deref()),
            (self.ip_prefix, address.and_then(|address| address.prefix.as_deref())),
            (self.ip_hash, address.map(|address| &*address.hash)),
            (self.request_id, request.request_id.as_deref()),
            (self.reasons, reasons),
            (self.shadow, shadow),
        ] {
            if let Some(text) = text {
                row.put(column, Value::Text(text));
            }
        }
        if let Some(asn) = address.and_then(|address| address.network.as_ref()?.parse().ok()) {
            row.put(self.asn, Value::Int(asn));
        }
        row.put(self.action, Value::Text(&request.action));
        row.put(self.verdict, Value::Text(decision.verdict.name()));
        row.put(self.step_up, Value::Text(decision.step_up.name()));
        row.put(self.score, Value::Int(i64::from(decision.score)));
        row.put(self.latency_us, Value::Int(i64::try_from(latency_us).unwrap_or(i64::MAX)));
        row.put(self.policy_version, Value::Text(&decision.policy_version));
        row.put(self.degraded, Value::Bool(decision.degraded));
        if request.cost_credits.is_some() {
            row.put(self.cost_credits, Value::Int(i64::try_from(question.cost_credits).unwrap_or(i64::MAX)));
        }
        row.put(self.weight, Value::Int(i64::try_from(weight).unwrap_or(i64::MAX)));
        row.finish(None);
    }
}

#[cfg(test)]
mod tests;
