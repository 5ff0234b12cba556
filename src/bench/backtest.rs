//! `weir bench backtest`: every built-in rule over a simulated month, all in one backtest or each by itself. What the hits
//! would have changed is not asked: that is SQL over hits.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use queries::Rule;
use queries::rules::{Backtest, BacktestHits, BacktestProgress};

use super::past::{self, Story};
use super::process::{mib, usage_of};
use super::report::Report;
use super::server::{Scratch, bytes_on_disk};
use crate::score::history::Lake;

#[derive(Debug, Args)]
pub(crate) struct BacktestArgs {
    /// Simulated events.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Days over which they are spread.
    #[arg(long, default_value_t = 30)]
    days: u16,
    /// Use the events of this data directory, which no server may hold, instead of simulated ones. It is made if it does
    /// not exist, and stays.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A directory of rules of your own.
    #[arg(long, value_name = "DIR")]
    rules: Vec<PathBuf>,
    /// Only these rules.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// One rule after the other, each by itself: what each costs.
    #[arg(long)]
    each: bool,
    /// How long one rule may take, or all of them that many times as long; then they are stopped, and that is told.
    #[arg(long, default_value_t = 900)]
    rule_seconds: u64,
}

/// Runs the workload.
pub(crate) async fn run(args: &BacktestArgs, scratch: &Scratch) -> anyhow::Result<Report> {
    let mut report = Report::new("backtest");
    let story = Story { events: args.events, days: args.days, seed: 1 };
    let lake = past::open_or_make(args.data.as_deref(), story, scratch.path()).await?;
    let (mut events, mut seconds, mut cpu) = (0, 0.0, 0.0);
    for table in ["usage", "errors", "devices", "logs", "credits", "payments", "identities", "sessions"] {
        events += past::rows_of(&lake, table).await?;
    }
    let mut rules = past::rules(&lake.engine, &args.rules)?;
    rules.retain(|rule| args.only.is_empty() || args.only.iter().any(|name| **name == *rule.name));
    let together = if args.each { 1 } else { rules.len().max(1) };
    for rules in rules.chunks(together) {
        let limit = Duration::from_secs(args.rule_seconds * rules.len() as u64);
        let tested = test(&lake, rules, limit).await?;
        seconds += tested.seconds;
        cpu += tested.cpu_s;
        tell(&mut report, rules, &tested);
    }
    report.add("all rules", "s", &[seconds], None);
    report.add("  CPU", "s", &[cpu], None);
    report.add("  events a second", "1/s", &[events as f64 / seconds], None);
    report.add("peak RSS", "MiB", &[mib(usage_of("self")?.peak_rss_bytes)], None);
    let days = (lake.range.1 - lake.range.0) as f64 / 86_400e6;
    let bytes = mib(bytes_on_disk(&lake.config.server.data.join("lake")));
    report.note(format!("{events} events over {days:.1} days, {bytes:.0} MiB of tables"));
    lake.close().await?;
    Ok(report)
}

struct Tested {
    seconds: f64,
    cpu_s: f64,
    /// What each rule found, or when it took too long, the share that was done, per cent.
    found: Result<Vec<BacktestHits>, f64>,
}

async fn test(lake: &Lake, rules: &[Arc<Rule>], limit: Duration) -> anyhow::Result<Tested> {
    let (from, to) = lake.range;
    let backtest = Backtest { rules: rules.to_vec(), from, to, pace_us: None };
    let (began, used) = (Instant::now(), usage_of("self")?.cpu_us);
    let mut done = 0.0;
    let tell = |progress: BacktestProgress| done = 100.0 * progress.done as f64 / progress.total.max(1) as f64;
    let found = tokio::time::timeout(limit, backtest.run(&lake.engine, &lake.tables, tell)).await;
    let seconds = began.elapsed().as_secs_f64();
    let cpu_s = (usage_of("self")?.cpu_us - used) as f64 / 1e6;
    let found = match found {
        Ok(found) => Ok(found?),
        Err(_) => Err(done),
    };
    // A long run: whoever waits sees that it goes on.
    let names: Vec<&str> = rules.iter().map(|rule| &*rule.name).collect();
    let end = found.as_ref().map_or_else(
        |done| format!("stopped at {done:.1} %"),
        |found| format!("hits: {}", found.iter().map(|found| found.hits.len()).sum::<usize>()),
    );
    eprintln!("{}: {seconds:.2} s, {cpu_s:.2} s of CPU, {end}", names.join(", "));
    Ok(Tested { seconds, cpu_s, found })
}

fn tell(report: &mut Report, rules: &[Arc<Rule>], tested: &Tested) {
    let way = |rule: &Rule| if rule.is_live() { "live" } else { "scheduled" };
    let found = match &tested.found {
        Ok(found) => found,
        Err(done) => {
            report.note(format!("STOPPED at {done:.1} %: the sums are less than they would be"));
            return;
        }
    };
    for (rule, found) in rules.iter().zip(found) {
        let exactness = if found.approximate { "approximate" } else { "exact" };
        let name = format!("{} ({}, {exactness})", rule.name, way(rule));
        report.add(&name, "hits", &[found.hits.len() as f64], None);
    }
    if let [_] = rules {
        report.add("  time", "s", &[tested.seconds], None);
        report.add("  CPU", "s", &[tested.cpu_s], None);
    }
}
