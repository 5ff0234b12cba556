//! `weir rules score`: how well the rules tell cheats from honest people, on a simulated history whose truth is known.
//!
//! The way through: `history` makes the story and imports it into a directory of its own; `people` reads who was seen
//! under which entity when; every rule's backtest says which hits it would have had; `restraint` folds them as a verdict
//! would; `truth` knows who cheated; `tally` counts, `table` shows.

pub(crate) mod history;
mod people;
mod restraint;
mod table;
mod tally;
mod truth;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use queries::rules::{Backtest, LoadedRules};
use queries::{Mode, Rule, RuleFiles};

use crate::{rulebook, serve};
use history::Past;
use people::People;
use restraint::{Restraints, RuleHits};
use tally::Scores;
use truth::Truth;

/// Microseconds in a minute.
const MINUTE_US: i64 = 60_000_000;

/// The command line of `weir rules score`.
///
/// Simulates a history with every kind of abuse, imports it into a directory that is removed afterwards, and asks of each
/// rule which hits it would have had, as if all of them were live.
///
/// A person is one wallet: an honest one's, or one false identity's. Somebody is restrained when an entity that names them
/// (account, guest, device, session, card, e-mail, network …) is: by a hit's own verdict, or by the score, to which the
/// points of its open hits add up: 100 * (1 - (1 - p/100) * …), throttle from 50, block from 80. Addresses and networks
/// throttle at most, and only those who are there at the time. A hit counts with the verdict and points that it has at the
/// time, and whatever the action. A restrained entity is right if at least half of the people it names cheat.
/// Leakage is the share of the free credits that cheats spend which they have spent by the time of their first restraint:
/// what was given and lies there can be taken back. `first` is the share that the first false identity of each cheat
/// spends, before which there is nobody to know it by. What they spend of others, or of nothing, is counted apart.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  weir rules score --seed 1\n  weir rules score --seed 2 --rules ./my-rules --json")]
pub(crate) struct ScoreArgs {
    /// The seed of chance
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many events
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    pub(crate) events: u64,
    /// Days over which they are spread, up to the last midnight, UTC
    #[arg(long, value_name = "D", default_value_t = 14)]
    pub(crate) days: u16,
    /// A directory of rules of your own
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Vec<PathBuf>,
    /// Asks scheduled rules only so often, minutes (or half of a shorter window): faster, and hits come later
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pace: Option<u32>,
    /// Writes JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
}

/// Scores the rules. Returns false when a rule is wrong.
///
/// # Errors
/// When the history cannot be made, or a rule fails on it.
pub(crate) fn run(args: &ScoreArgs, out: &mut dyn std::io::Write) -> anyhow::Result<bool> {
    let past = Past::make(args.seed, args.events, args.days)?;
    let truth = Truth::read(past.labels())?;
    let runtime = tokio::runtime::Runtime::new()?;
    let (scores, problems) = runtime.block_on(async {
        let lake = past.open(&args.rules).await?;
        let people = People::read(&lake).await?;
        let loaded = load(&lake);
        let hits = backtest(args, &lake, &loaded).await?;
        lake.close().await?;
        let restraints = Restraints::of(&hits);
        anyhow::Ok((Scores::count(args, &people, &truth, &hits, &restraints), loaded.problems))
    })?;
    problems.iter().for_each(|problem| eprintln!("{problem}"));
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &scores)?;
        writeln!(out)?;
    } else {
        table::write(&scores, out)?;
    }
    Ok(problems.is_empty())
}

fn load(lake: &history::Lake) -> LoadedRules {
    RuleFiles::new(serve::rule_directories(&lake.config)).load(&rulebook::compiler(Arc::clone(&lake.engine)))
}

/// Runs every rule that is not off over the whole past.
async fn backtest(args: &ScoreArgs, lake: &history::Lake, loaded: &LoadedRules) -> anyhow::Result<Vec<RuleHits>> {
    let mut found = Vec::new();
    for rule in loaded.rules.iter().filter(|rule| rule.headers.mode != Mode::Off) {
        let begun = std::time::Instant::now();
        let (from, to) = lake.range;
        let backtest = Backtest { rules: vec![Arc::clone(rule)], from, to, pace_us: pace_us(args, rule) };
        let result = backtest.run(&lake.engine, &lake.tables, |_| {}).await?;
        for result in result {
            eprintln!("{}: {} hits, {} s", rule.name, result.hits.len(), begun.elapsed().as_secs());
            found.push(RuleHits { rule: Arc::clone(&rule.name), found: result });
        }
    }
    Ok(found)
}

/// Returns the pace at which a rule is asked, if another than its own is wished for.
fn pace_us(args: &ScoreArgs, rule: &Rule) -> Option<i64> {
    let pace_us = i64::from(args.pace?) * MINUTE_US;
    let window_us = rule.headers.window.map_or(i64::MAX, |window| window.length_us());
    Some(pace_us.min(window_us / 2).max(rule.headers.every_us.unwrap_or(MINUTE_US)))
}
