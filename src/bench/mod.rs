//! `weir bench`: drives a server in a child process and a yardstick beside it, and prints both; rules over a past it runs
//! itself. Never a timed test: figures mean something only as ratios of one call (see ARCHITECTURE.md, "How speed is
//! measured").

mod backtest;
mod client;
mod envelopes;
mod errors;
mod events;
mod ingest;
mod load;
mod past;
mod process;
mod query;
mod report;
mod rules;
mod server;
mod verdict;
mod yardstick;

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Measures this machine: prints a table, and JSON with `--json`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  weir bench ingest --seconds 60\n  weir bench verdict --entities 1000000 --json verdict.json\n  \
    weir bench query --events 1000000\n  weir bench errors --rounds 5\n  weir bench rules --events 10000000 --only scheduled,restart\n  \
    weir bench backtest --events 10000000\n\nRun it with a release build on an otherwise idle machine."
)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    workload: Workload,
    /// Also write the figures as JSON to this file.
    #[arg(long, global = true)]
    json: Option<PathBuf>,
    /// Use this scratch directory instead of one under the system's temporary directory; it is emptied and removed.
    #[arg(long, global = true)]
    scratch: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Workload {
    /// Durable ingest of ~640-byte events, sustained, including flush, commits and compaction.
    Ingest(ingest::IngestArgs),
    /// Verdicts over keep-alive connections with many tracked entities, alone and beside ingest.
    Verdict(verdict::VerdictArgs),
    /// The stored queries over simulated events, against DuckDB over the same Parquet files.
    Query(query::QueryArgs),
    /// Durable errors: Sentry envelopes of ~30 KB, against a bare server that reads the same bodies.
    Errors(errors::ErrorsArgs),
    /// What rules cost: live evaluation, memory, freshness of verdicts, scheduled runs, restart.
    Rules(rules::RulesArgs),
    /// All built-in rules over a simulated month.
    Backtest(backtest::BacktestArgs),
    /// The memory of live rules, in a process of its own, for the bench itself.
    #[command(hide = true)]
    RulesState(rules::state::StateArgs),
    /// The yardstick servers, for the bench itself.
    #[command(hide = true)]
    Yardstick(yardstick::YardstickArgs),
}

/// Runs a workload to its end.
///
/// # Errors
/// When a server cannot be started, an answer is wrong, or counts do not add up: a figure is printed for correct answers only.
pub(crate) fn run(args: BenchArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let workload = match args.workload {
        Workload::Yardstick(args) => return runtime.block_on(yardstick::serve(args)),
        Workload::RulesState(args) => return runtime.block_on(rules::state::serve(&args)),
        workload => workload,
    };
    let scratch = server::Scratch::create(args.scratch)?;
    let report = match workload {
        Workload::Ingest(args) => runtime.block_on(ingest::run(&args, &scratch))?,
        Workload::Verdict(args) => runtime.block_on(verdict::run(&args, &scratch))?,
        Workload::Query(args) => runtime.block_on(query::run(&args, &scratch))?,
        Workload::Errors(args) => runtime.block_on(errors::run(&args, &scratch))?,
        Workload::Rules(args) => runtime.block_on(rules::run(&args, &scratch))?,
        Workload::Backtest(args) => runtime.block_on(backtest::run(&args, &scratch))?,
        Workload::Yardstick(_) | Workload::RulesState(_) => return Ok(()),
    };
    print!("{}", report.table());
    if let Some(path) = args.json {
        std::fs::write(&path, serde_json::to_vec_pretty(&report)?)?;
    }
    Ok(())
}
