//! How much memory the live rules take for a million active entities, in a process of its own: each rule is fed until it
//! holds so many entities of each of its kinds, and resident memory is read before and after.
//!
//! Each entity is active four times, in four buckets of the window. The order is scattered, so that the last round also
//! tells what an evaluation costs when state does not fit into the processor's caches.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::Args;
use queries::rules::Window;
use queries::{Engine, EngineConfig, HitBook, LiveRules, Mode, Rule, RuleReport};
use serde::{Deserialize, Serialize};

use super::super::past;
use super::super::process::{mib, thread_cpu_s, usage_of};
use super::super::report::Report;
use super::actors::{ROUNDS, batch};

const BATCH: u32 = 500;
/// A Sunday midnight in November 2026, UTC: a multiple of every bucket.
const BASE_US: i64 = 1_795_305_600_000_000;
/// So long freed memory may take to go back to the system.
const GIVE_BACK: std::time::Duration = std::time::Duration::from_millis(200);

#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    /// Entities of each kind that each rule holds.
    #[arg(long)]
    entities: u32,
    /// Where the query engine may spill.
    #[arg(long)]
    spill: PathBuf,
}

/// What one rule holds in memory.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Held {
    rule: String,
    kinds: Vec<String>,
    entities: usize,
    hits: usize,
    bytes: u64,
    /// What the rule's report says of so many.
    estimate: u64,
    pairs_per_second: f64,
}

/// Measures in a child process.
pub(super) fn measure(report: &mut Report, entities: u32) -> anyhow::Result<()> {
    let spill = std::env::temp_dir().join(format!("weir-bench-state-{}", std::process::id()));
    let mut child = Command::new(std::env::current_exe()?);
    child.args(["bench", "rules-state", "--entities", &entities.to_string(), "--spill"]).arg(&spill);
    let output = child.output().context("cannot start the child")?;
    let _ = std::fs::remove_dir_all(&spill);
    ensure!(output.status.success(), "the child failed: {}", String::from_utf8_lossy(&output.stderr));
    let held: Vec<Held> = serde_json::from_slice(&output.stdout)?;
    let total: u64 = held.iter().map(|held| held.bytes).sum();
    let estimate: u64 = held.iter().map(|held| held.estimate).sum();
    report.add("state of all live rules", "MiB", &[mib(total)], None);
    let kinds: BTreeSet<&String> = held.iter().flat_map(|held| &held.kinds).collect();
    let millions = kinds.len() as f64 * f64::from(entities) / 1e6;
    report.add("  a million entities, all kinds alike", "MiB", &[mib(total) / millions], None);
    report.add("  as their reports estimate", "MiB", &[mib(estimate)], None);
    for held in &held {
        report.add(&format!("  {}", held.rule), "MiB", &[mib(held.bytes)], None);
        report.add("    as its report estimates", "MiB", &[mib(held.estimate)], None);
        report.add("    evaluated with that state", "pairs/s a core", &[held.pairs_per_second], None);
        report.note(format!(
            "state: {} holds {} entities (kinds: {}) and {} open hits",
            held.rule,
            held.entities,
            held.kinds.join(", "),
            held.hits
        ));
    }
    report.note(format!("state: {entities} entities of each kind, each active {ROUNDS} times in {ROUNDS} buckets"));
    Ok(())
}

/// The child: fills one rule after the other, keeps them all, and prints what each took.
pub(crate) async fn serve(args: &StateArgs) -> anyhow::Result<()> {
    let engine = Engine::new(EngineConfig::new(&args.spill), Vec::new())?;
    let mut kept = Vec::new();
    let mut held = Vec::new();
    for rule in past::rules(&engine, &[])?.iter().filter(|rule| rule.is_live()) {
        let book = Arc::new(HitBook::new());
        let live = super::warm(&engine, std::slice::from_ref(rule), &book, BASE_US - 1).await?;
        let before = resident()?;
        let pairs_per_second = fill(&live, rule, args.entities)?;
        let bytes = resident()?.saturating_sub(before);
        held.push(Held { bytes, pairs_per_second, ..look(rule, &live, &book, args.entities)? });
        kept.push(live);
    }
    println!("{}", serde_json::to_string(&held)?);
    Ok(())
}

fn resident() -> anyhow::Result<u64> {
    std::thread::sleep(GIVE_BACK);
    Ok(usage_of("self")?.rss_bytes)
}

/// Lets every entity be active in each round. Returns the pairs a second of the last round.
fn fill(live: &LiveRules, rule: &Rule, entities: u32) -> anyhow::Result<f64> {
    let window = rule.headers.window.context("live rules have a window")?;
    let mut rate = 0.0;
    for round in 0..ROUNDS {
        let (mut at, mut seconds, mut pairs) = (BASE_US + i64::from(round) * step_us(window), 0.0, 0_u64);
        for first in (0..entities).step_by(BATCH as usize) {
            let places = first..(first + BATCH).min(entities);
            for table in &rule.headers.on {
                let rows = batch(table, round, places.clone(), entities, at)?;
                let before = thread_cpu_s()?;
                live.observe(table, &rows, at);
                seconds += thread_cpu_s()? - before;
                pairs += rows.num_rows() as u64;
                at += 1;
            }
        }
        rate = pairs as f64 / seconds.max(1e-9);
    }
    Ok(rate)
}

/// Returns the time between two rounds: other buckets, and all of them within the window.
fn step_us(window: Window) -> i64 {
    let eighth = window.length_us() / 8;
    (eighth / window.bucket_us()).max(1) * window.bucket_us()
}

/// Tells what a rule holds, once it is sure that it holds what it should.
fn look(rule: &Rule, live: &LiveRules, book: &HitBook, wanted: u32) -> anyhow::Result<Held> {
    let status = live.status();
    let status = status.first().context("the rule is not there")?;
    let kinds: Vec<String> = rule.headers.entities.iter().map(|kind| kind.name().to_owned()).collect();
    ensure!(status.problem.is_none(), "{}: {:?}", rule.name, status.problem);
    ensure!(
        status.entities == kinds.len() * wanted as usize,
        "{} holds {} entities of {kinds:?}, not {wanted} of each: the bench's events do not suit it",
        rule.name,
        status.entities
    );
    let estimate = RuleReport::new(rule, Mode::Shadow).state_bytes_per_million.unwrap_or(0);
    Ok(Held {
        rule: rule.name.to_string(),
        kinds,
        entities: status.entities,
        hits: book.len(),
        estimate: (estimate as f64 * f64::from(wanted) / 1e6) as u64,
        ..Held::default()
    })
}
