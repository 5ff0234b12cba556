//! What an SDK says that it dropped itself: the only honest figure of what never arrived. Its words are few and known; others
//! count as `other`, so that nobody fills our metrics with names.

use serde_json::Value;

use super::{NoEvent, Request, object, text};
use crate::client_drops::ClientDrop;

/// Of one line of a report; more is no honest count.
const QUANTITY_MAX: u64 = 1_000_000_000;
const LINES_MAX: usize = 200;

const REASONS: &[&str] = &[
    "backpressure",
    "before_send",
    "buffer_overflow",
    "cache_overflow",
    "callback_error",
    "event_processor",
    "ignored",
    "insufficient_data",
    "internal_sdk_error",
    "invalid",
    "network_error",
    "no_parent_span",
    "queue_overflow",
    "ratelimit_backoff",
    "sample_rate",
    "send_error",
    "too_big",
];
const CATEGORIES: &[&str] = &[
    "attachment",
    "crash",
    "default",
    "error",
    "feedback",
    "internal",
    "log_byte",
    "log_item",
    "metric",
    "metric_bucket",
    "monitor",
    "profile",
    "profile_chunk",
    "replay",
    "security",
    "session",
    "span",
    "statsd",
    "trace_metric",
    "trace_metric_byte",
    "transaction",
    "unknown",
];

impl Request<'_> {
    /// Takes a report.
    pub(super) fn client_report(&mut self, payload: &str) {
        let Some(item) = self.read("client_report", payload, object) else { return };
        let Some(lines) = item.get("discarded_events").and_then(Value::as_array) else {
            let none = Err(NoEvent::missing("discarded_events"));
            return self.put(None, "client_report", payload, none);
        };
        let drops = lines.iter().take(LINES_MAX).filter_map(|line| {
            let quantity = line.get("quantity").and_then(Value::as_u64).filter(|quantity| *quantity > 0)?;
            Some(ClientDrop {
                reason: known(REASONS, text(line, "reason")),
                category: known(CATEGORIES, text(line, "category")),
                quantity: quantity.min(QUANTITY_MAX),
            })
        });
        self.translation.client_drops.extend(drops);
    }
}

fn known(words: &[&'static str], word: Option<&str>) -> &'static str {
    words.iter().find(|known| Some(**known) == word).copied().unwrap_or("other")
}
