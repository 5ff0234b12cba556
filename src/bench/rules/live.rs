//! How many pairs of an event and a live rule one core evaluates a second.
//!
//! A pair is an event and a rule that reads the event's table: a rule of several kinds of entities is one rule. Time is the
//! CPU time of the thread that observes, as the log's writer does.

use std::sync::Arc;

use queries::{Engine, HitBook, Rule};

use super::super::process::thread_cpu_s;
use super::super::report::Report;
use super::feed::{Batch, Events, in_order};
use crate::score::history::Lake;

/// Events of a batch: what a log writer under load gathers.
const BATCH: usize = 500;
/// Rounds at the least.
const ROUNDS_MIN: usize = 3;
/// A round lasts so long at the least: passes over few events are repeated.
const ROUND_SECONDS_MIN: f64 = 0.25;

/// Measures all live rules together, and each alone.
pub(super) async fn measure(report: &mut Report, lake: &Lake, rules: &[Arc<Rule>], seconds: u64) -> anyhow::Result<()> {
    let mut events = Vec::new();
    for table in tables_of(rules) {
        events.push(Events::read(lake, table).await?);
    }
    let feed = in_order(batches(&events, |_| BATCH)?.into_iter());
    let all: u64 = lake.ingest.status().tables.values().map(|table| table.rows).sum();
    // A record of the log holds events of all kinds; few of its rows are of one table.
    let share = |rows: u64| usize::try_from((BATCH as u64 * rows).div_ceil(all.max(1))).unwrap_or(BATCH);
    let rows_of = |events: &Events| lake.ingest.status().tables.get(events.table()).map_or(0, |table| table.rows);
    let mixed = in_order(batches(&events, |events| share(rows_of(events)))?.into_iter());

    let bench = Bench { engine: &lake.engine, start: lake.range.0 - 1 };
    let warm_up = bench.pass(rules, &feed).await?;
    // Once together, once mixed, which is slower, and once as the sum of all alone.
    let round_seconds = (3.5 * warm_up.seconds).max((rules.len() + 2) as f64 * ROUND_SECONDS_MIN);
    let rounds = ((seconds as f64 / round_seconds) as usize).max(ROUNDS_MIN);
    let together = bench.rounds(rules, &feed, rounds).await?;
    report.add("live rules, batches of 500 of one table", "pairs/s a core", &together, None);
    let together = bench.rounds(rules, &mixed, rounds).await?;
    report.add("  records of 500 events of all kinds", "pairs/s a core", &together, None);
    for rule in rules {
        let rates = bench.rounds(std::slice::from_ref(rule), &feed, rounds).await?;
        report.add(&format!("  {}", rule.name), "pairs/s a core", &rates, None);
    }
    let counts: Vec<String> = events.iter().map(|events| format!("{} {}", events.len(), events.table())).collect();
    report.note(format!("live: {} rules over {}, {} pairs a round", rules.len(), counts.join(", "), warm_up.pairs));
    Ok(())
}

/// Returns the tables that rules read.
fn tables_of(rules: &[Arc<Rule>]) -> Vec<&'static str> {
    let mut tables: Vec<&'static str> = rules.iter().flat_map(|rule| rule.headers.on.iter().copied()).collect();
    tables.sort_unstable();
    tables.dedup();
    tables
}

fn batches(events: &[Events], size: impl Fn(&Events) -> usize) -> anyhow::Result<Vec<Batch>> {
    let mut all = Vec::new();
    for events in events {
        all.extend(events.batches(size(events))?);
    }
    Ok(all)
}

struct Bench<'a> {
    engine: &'a Engine,
    /// Before the first event.
    start: i64,
}

struct Pass {
    pairs: u64,
    seconds: f64,
}

impl Bench<'_> {
    /// Returns pairs a second, round by round.
    async fn rounds(&self, rules: &[Arc<Rule>], feed: &[Batch], rounds: usize) -> anyhow::Result<Vec<f64>> {
        let mut rates = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            let (mut pairs, mut seconds) = (0, 0.0);
            while seconds < ROUND_SECONDS_MIN {
                let pass = self.pass(rules, feed).await?;
                pairs += pass.pairs;
                seconds += pass.seconds;
            }
            rates.push(pairs as f64 / seconds);
        }
        Ok(rates)
    }

    /// Sends all batches through rules that begin without state.
    async fn pass(&self, rules: &[Arc<Rule>], feed: &[Batch]) -> anyhow::Result<Pass> {
        let live = super::warm(self.engine, rules, &Arc::new(HitBook::new()), self.start).await?;
        let readers = |table: &str| rules.iter().filter(|rule| rule.headers.on.contains(&table)).count() as u64;
        let mut pairs = 0;
        // No await from here on: the account is this thread's.
        let before = thread_cpu_s()?;
        for batch in feed.iter().filter(|batch| readers(&batch.table) > 0) {
            std::hint::black_box(live.observe(&batch.table, &batch.rows, batch.at));
            pairs += batch.rows.num_rows() as u64 * readers(&batch.table);
        }
        let seconds = thread_cpu_s()? - before;
        if let Some(failed) = live.status().into_iter().find_map(|status| status.problem) {
            anyhow::bail!("a rule could not be evaluated: {failed}");
        }
        Ok(Pass { pairs, seconds })
    }
}
