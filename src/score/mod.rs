//! `weir rules score`: how well the rules tell cheats from honest people, on a simulated history whose truth is known.
//!
//! The way through: `history` makes the story and imports it into a directory of its own; `people` reads who was seen
//! under which entity when, `ledger` what was spent; every rule's backtest says which hits it would have had; `restraint`
//! folds them as a verdict would, and `fate` knows whose each restraint is; `play` plays a policy's limits, and `price`
//! says what they cost honest people; `truth` knows who cheated; `tally` counts, `table` shows.

mod fate;
pub(crate) mod history;
mod ledger;
mod people;
mod play;
mod price;
mod restraint;
mod table;
mod tally;
mod truth;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use queries::rules::{Backtest, LoadedRules};
use queries::{Mode, Rule, RuleFiles};

use crate::verdict::Policy;
use crate::{rulebook, serve};
use history::Past;
use people::People;
use play::Play;
use restraint::{Points, Restraints, RuleHits};
use tally::{Case, Scores};
use truth::Truth;

/// Microseconds in a minute.
const MINUTE_US: i64 = 60_000_000;

/// Score the rules on a simulated history with every kind of abuse
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
/// spends, before which there is nobody to know it by; `later` is how much of what the others spend leaks. What they spend
/// of others, or of nothing, is counted apart.
///
/// The policy's limits on `generate` are played, too: every spend asks, as the app would, naming its guest, account,
/// device, session and API key, and its network for the address. A limit only delays: a refused spend waits, and is tried
/// again as soon as the limit lets it through, in the order of the person's wishes and under the names that the person has
/// by then. It leaks if it gets through before the first restraint and the end of the history; after the restraint a cheat
/// is refused. A spend greater than the burst of a limit never passes: `too large` is the share of the cheats' free credits
/// that this holds back for good. `when_score_over` looks at the score of the entities named, not of those linked to them.
/// Of a policy nothing but its limits is played, and rules see the history as it was: a hit that rests on spends opens no
/// later for their delay.
///
/// The price is what this costs honest people: the share of whom a spend is delayed, how long delayed spends wait (the
/// median, and what 95 % stay under), the share of their free credits that wait, and how many spends never pass.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  weir rules score --seed 1\n  weir rules score --seed 2 --rules ./my-rules --json\n  \
    weir rules score --policy ./policy.toml --policy ./tighter.toml"
)]
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
    /// A policy whose limits are played, instead of the built-in one; of several, the tables are the first's, and the
    /// others have a line each
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Vec<PathBuf>,
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
/// When a policy is wrong, the history cannot be made, or a rule fails on it.
pub(crate) fn run(args: &ScoreArgs, out: &mut dyn std::io::Write) -> anyhow::Result<bool> {
    let policies = policies(args)?;
    let past = Past::make(args.seed, args.events, args.days)?;
    let truth = Truth::read(past.labels())?;
    let runtime = tokio::runtime::Runtime::new()?;
    let (scores, problems) = runtime.block_on(async {
        let lake = past.open(&args.rules).await?;
        let people = People::read(&lake).await?;
        let spends = ledger::read(&lake, &people).await?;
        let loaded = load(&lake);
        let hits = backtest(args, &lake, &loaded).await?;
        let (_, until) = lake.range;
        lake.close().await?;
        let restraints = Restraints::of(&hits);
        let fates = fate::fates(&people, &restraints);
        let (stops, points) = (fate::stops(&people, &truth, &fates), Points::of(&hits));
        let plays: Vec<Play> = policies.iter().map(|policy| Play::of(policy, &spends, &stops, &points)).collect();
        let (people, truth, spends) = (&people, &truth, &spends[..]);
        let case = Case { people, truth, spends, hits: &hits, restraints: &restraints, fates: &fates, until };
        anyhow::Ok((Scores::count(args, &case, &plays), loaded.problems))
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

/// Reads the policies, each with its name.
fn policies(args: &ScoreArgs) -> anyhow::Result<Vec<(String, Policy)>> {
    if args.policy.is_empty() {
        return Ok(vec![("built-in".to_owned(), Policy::parse(Policy::default_text())?)]);
    }
    let read = |file: &PathBuf| {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
        let policy = Policy::parse(&text).with_context(|| format!("{name} is wrong"))?;
        Ok((name, policy))
    };
    args.policy.iter().map(read).collect()
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
