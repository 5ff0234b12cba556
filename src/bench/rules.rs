//! `weir bench rules`: what rules cost. Live evaluation and state in memory, from an acknowledgement to the verdict,
//! scheduled rules over a day of events, and the restart.

mod actors;
mod feed;
mod fresh;
mod live;
mod restart;
mod scheduled;
pub(crate) mod state;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use datafusion::datasource::empty::EmptyTable;
use ingest::{Kind, TableSchema};
use queries::rules::LiveLimits;
use queries::{Engine, HitBook, LiveRules, Mode, Rule, Tables};

use super::past::{self, Story};
use super::report::Report;
use super::server::Scratch;

#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    /// Simulated events of the history.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Days over which they are spread.
    #[arg(long, default_value_t = 1)]
    days: u16,
    /// Use the events of this data directory, which no server may hold, instead of simulated ones. It is made if it does
    /// not exist, and stays.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A directory of rules of your own.
    #[arg(long, value_name = "DIR")]
    rules: Vec<PathBuf>,
    /// How long live evaluation is measured, about.
    #[arg(long, default_value_t = 30)]
    live_seconds: u64,
    /// Entities of each kind that each live rule holds when its memory is measured.
    #[arg(long, default_value_t = 1_000_000)]
    entities: u32,
    /// How many times a hit is made and its verdict asked for.
    #[arg(long, default_value_t = 100_000)]
    hits: u64,
    /// Only these parts.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Evaluation of live rules.
    Live,
    /// Memory of live rules.
    State,
    /// From an acknowledgement to the verdict.
    Fresh,
    /// Scheduled rules.
    Scheduled,
    /// Reading the state of live rules back.
    Restart,
}

impl RulesArgs {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

/// Runs the workload.
pub(crate) async fn run(args: &RulesArgs, scratch: &Scratch) -> anyhow::Result<Report> {
    let mut report = Report::new("rules");
    if args.wants(Part::State) {
        state::measure(&mut report, args.entities)?;
    }
    if args.wants(Part::Fresh) {
        fresh::measure(&mut report, args.hits, scratch).await?;
    }
    if [Part::Live, Part::Scheduled, Part::Restart].into_iter().any(|part| args.wants(part)) {
        over_history(&mut report, args, scratch).await?;
    }
    Ok(report)
}

async fn over_history(report: &mut Report, args: &RulesArgs, scratch: &Scratch) -> anyhow::Result<()> {
    let story = Story { events: args.events, days: args.days, seed: 1 };
    let lake = past::open_or_make(args.data.as_deref(), story, scratch.path()).await?;
    let (live, scheduled): (Vec<_>, Vec<_>) =
        past::rules(&lake.engine, &args.rules)?.into_iter().partition(|rule| rule.is_live());
    if args.wants(Part::Live) {
        live::measure(report, &lake, &live, args.live_seconds).await?;
    }
    if args.wants(Part::Restart) {
        restart::measure(report, &lake, &live).await?;
    }
    if args.wants(Part::Scheduled) {
        scheduled::measure(report, &lake, &scheduled).await?;
    }
    report.note(match &args.data {
        Some(data) => format!("history: {}", data.display()),
        None => format!("history: {} simulated events over {} days, with abuse", args.events, args.days),
    });
    lake.close().await
}

/// Returns live rules in shadow whose state is complete and empty as of a time, microseconds; their hits go into the book.
async fn warm(engine: &Engine, rules: &[Arc<Rule>], book: &Arc<HitBook>, as_of: i64) -> anyhow::Result<LiveRules> {
    let live = cold(rules, book, as_of);
    live.rebuild(engine, &tables_without_rows(), as_of).await?;
    Ok(live)
}

/// Returns live rules in shadow whose state is still to be read.
fn cold(rules: &[Arc<Rule>], book: &Arc<HitBook>, as_of: i64) -> LiveRules {
    let live = LiveRules::new(Arc::clone(book), LiveLimits::default());
    let in_shadow: Vec<(Arc<Rule>, Mode)> = rules.iter().map(|rule| (Arc::clone(rule), Mode::Shadow)).collect();
    live.install(&in_shadow, as_of);
    live
}

fn tables_without_rows() -> Tables {
    let empty = |kind: Kind| Arc::new(EmptyTable::new(Arc::clone(TableSchema::of(kind).queried()))) as _;
    Kind::ALL.into_iter().map(|kind| (kind.table().to_owned(), empty(kind))).collect()
}
