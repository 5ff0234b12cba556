//! The command line: one file a command. Exit codes: 0 well, 1 failed, 2 bad usage or configuration.

mod backtest;
mod check;
mod demo;
mod directory;
mod explain;
mod keys;
mod query;
mod remote;
mod rules;
mod serve;
mod sql;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{bench, load, simulate};

/// Gathers an app's events into Parquet, answers SQL about them, and decides per request: allow, throttle or block.
#[derive(Parser)]
#[command(
    name = "weir",
    version,
    after_help = "First steps:\n  weir demo                      the product with a story to look at\n  weir serve --data ./weir-data  \
        your own; prints an admin key once\n\nEvery command's --help has examples."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How the log on stderr is written
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, env = "WEIR_LOG_FORMAT")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::ServeArgs),
    /// Run the server on a throw-away directory with simulated history and live traffic
    Demo(demo::DemoArgs),
    /// Write or send the events of a simulated studio
    #[command(after_help = "Examples:\n  weir simulate --events 1000 --seed 7 --start 2026-11-01 > events.ndjson\n  \
        weir simulate --events 100000 --labels truth.ndjson --out events.ndjson\n  \
        weir simulate --send http://127.0.0.1:8600 --key $KEY --rate 500")]
    Simulate(simulate::SimulateArgs),
    /// Load NDJSON files through a server or into a data directory
    #[command(after_help = "Examples:\n  weir load events.ndjson.gz --url http://127.0.0.1:8600 --key $KEY\n  \
        weir load 2025-*.ndjson.zst --data ./weir-data --historical")]
    Load(load::LoadArgs),
    /// Run one SQL query
    Sql(sql::SqlArgs),
    /// Run a stored query, or list them
    Query(query::QueryArgs),
    /// List, check, explain and backtest rules
    Rules(rules::RulesArgs),
    /// Create, list and revoke API keys
    Keys(keys::KeysArgs),
    /// Plan every query and rule and validate the configuration, without running; for CI
    Check(check::CheckArgs),
    /// Measure this machine
    Bench(bench::BenchArgs),
}

/// A wrong command line or configuration: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Misuse(String);

fn misuse(message: impl std::fmt::Display) -> anyhow::Error {
    Misuse(message.to_string()).into()
}

/// Writes to standard output. A reader that has seen enough (`| head`) makes this an error, and [`run`] a success.
fn print(text: impl std::fmt::Display) -> anyhow::Result<()> {
    use std::io::Write;
    Ok(write!(std::io::stdout().lock(), "{text}")?)
}

/// The same with an end of line.
fn print_line(text: impl std::fmt::Display) -> anyhow::Result<()> {
    print(format_args!("{text}\n"))
}

/// Runs the program.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    start_log(cli.log_format);
    let outcome = match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Simulate(args) => run_simulate(&args),
        Command::Load(args) => run_load(&args),
        Command::Sql(args) => sql::run(&args),
        Command::Query(args) => query::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Bench(args) => bench::run(args).map(|()| true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weir: {error:#}");
            let is_misuse = error.downcast_ref::<Misuse>().is_some()
                || error.downcast_ref::<crate::config::ConfigError>().is_some();
            ExitCode::from(if is_misuse { 2 } else { 1 })
        }
    }
}

fn run_simulate(args: &simulate::SimulateArgs) -> anyhow::Result<bool> {
    let stdout = std::io::stdout();
    let mut out = std::io::BufWriter::with_capacity(1 << 20, stdout.lock());
    let summary = simulate::run(args, &mut out)?;
    std::io::Write::flush(&mut out)?;
    Ok(summary.is_clean())
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.into_iter().any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn run_load(args: &load::LoadArgs) -> anyhow::Result<bool> {
    Ok(load::run(args, crate::serve::open_directory)?.is_clean())
}

fn start_log(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("WEIR_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,weir=info,ingest=info,queries=info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let builder = builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound_and_every_command_teaches() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        for sub in command.get_subcommands_mut() {
            let help = sub.render_long_help().to_string();
            assert!(help.contains("xample"), "weir {} --help has no example", sub.get_name());
        }
    }
}
