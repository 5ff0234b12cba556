//! How fast things go now: what was counted, looked at every two seconds and kept for five minutes, so that a page can tell the
//! rate of this moment and the latencies of these minutes without asking SQL.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::histogram::Buckets;

/// Looks that are kept: five minutes of one every two seconds, and the one before them.
const LOOKS_MAX: usize = 151;
/// A rate is that of the last looks: ten seconds.
const RATE_LOOKS: usize = 5;

/// What one look found; all of it counted since the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    /// When, microseconds.
    pub(crate) at: i64,
    /// Events received, whatever became of them.
    pub(crate) received: u64,
    /// How long verdicts took.
    pub(crate) verdicts: Buckets,
    /// How long commits of the log took.
    pub(crate) commits: Buckets,
}

/// The looks of the last minutes.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    looks: Mutex<VecDeque<Look>>,
}

/// How long something took, of so many samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Latency {
    /// Samples.
    pub(crate) count: u64,
    /// Half took less, milliseconds.
    pub(crate) p50_ms: f64,
    /// 99 in 100 took less, milliseconds.
    pub(crate) p99_ms: f64,
}

/// What the looks tell together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Recent {
    /// Events received a second over the last ten; none before there are two looks.
    pub(crate) events_per_s: Option<f64>,
    /// How long the stretch of the latencies is, seconds.
    pub(crate) span_s: u64,
    /// Verdicts of these minutes, and since the start.
    pub(crate) verdicts: (Option<Latency>, Option<Latency>),
    /// Commits of the log, likewise.
    pub(crate) commits: (Option<Latency>, Option<Latency>),
}

impl Look {
    /// Reads a look out of the text of `/metrics`.
    pub(crate) fn new(at: i64, received: u64, metrics: &str) -> Self {
        let verdicts = Buckets::read(metrics, "weir_verdict_seconds");
        Self { at, received, verdicts, commits: Buckets::read(metrics, "weir_log_commit_seconds") }
    }
}

impl Pace {
    /// Takes a look in.
    pub(crate) fn note(&self, look: Look) {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.len() >= LOOKS_MAX {
            looks.pop_front();
        }
        looks.push_back(look);
    }

    /// Returns what the looks tell.
    pub(crate) fn recent(&self) -> Recent {
        let looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(first), Some(last)) = (looks.front(), looks.back()) else { return Recent::default() };
        let before = &looks[looks.len().saturating_sub(1 + RATE_LOOKS)];
        let both = |of: fn(&Look) -> &Buckets| (latency(&of(last).since(of(first))), latency(of(last)));
        Recent {
            events_per_s: rate(before, last),
            span_s: u64::try_from((last.at - first.at) / 1_000_000).unwrap_or(0),
            verdicts: both(|look| &look.verdicts),
            commits: both(|look| &look.commits),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "events of ten seconds are far below 2^52")]
fn rate(before: &Look, last: &Look) -> Option<f64> {
    let span_s = (last.at - before.at) as f64 / 1_000_000.0;
    (span_s > 0.0).then(|| last.received.saturating_sub(before.received) as f64 / span_s)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of samples, which is not negative"
)]
fn latency(buckets: &Buckets) -> Option<Latency> {
    let count = buckets.count();
    let of = |quantile| buckets.quantile_ms(quantile);
    (count >= 1.0).then(|| Latency { count: count as u64, p50_ms: of(0.5), p99_ms: of(0.99) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(second: i64, received: u64, fast: u64, slow: u64) -> Look {
        let metrics = format!(
            "weir_verdict_seconds_bucket{{le=\"0.001\"}} {fast}\nweir_verdict_seconds_bucket{{le=\"0.005\"}} {all}\n\
             weir_verdict_seconds_bucket{{le=\"+Inf\"}} {all}\n",
            all = fast + slow
        );
        Look::new(second * 1_000_000, received, &metrics)
    }

    #[test]
    fn the_rate_is_that_of_the_last_ten_seconds() {
        let pace = Pace::default();
        assert_eq!(pace.recent(), Recent::default());
        pace.note(look(0, 500, 0, 0));
        assert_eq!(pace.recent().events_per_s, None, "one look tells no rate");
        for number in 1_i64..=200 {
            let received = 500 + 100 * u64::try_from(number - 195).unwrap_or(0);
            pace.note(look(2 * number, received, 0, 0));
        }
        let recent = pace.recent();
        assert_eq!((recent.events_per_s, recent.span_s), (Some(50.0), 300));
        assert_eq!(recent.verdicts, (None, None), "nothing was decided");
    }

    #[test]
    fn latencies_are_told_of_these_minutes_and_since_the_start() {
        let pace = Pace::default();
        pace.note(look(0, 0, 100, 0));
        pace.note(look(2, 0, 100, 100));
        let (now, all) = pace.recent().verdicts;
        assert_eq!((now.unwrap().count, all.unwrap().count), (100, 200));
        assert!(now.unwrap().p50_ms > 2.9 && all.unwrap().p50_ms < 1.1, "{now:?} {all:?}");
    }
}
