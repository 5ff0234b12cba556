//! `weir rules`: which rules there are, and how each will run. `explain.rs` and `backtest.rs` say more of one.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use queries::{Engine, Rule, RuleCompiler, RuleFiles, RuleReport, rules::LoadedRules};

use super::print_line;
use super::remote::{Remote, RemoteArgs};
use crate::config::Config;
use crate::{rulebook, score, serve};

#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  weir rules list --url http://127.0.0.1:8600 --key $KEY\n  weir rules check\n  \
    weir rules check --rules ./my-rules\n  weir rules explain card_testing\n  weir rules backtest card_testing --since 30d --data ./weir-data")]
pub(super) struct RulesArgs {
    #[command(subcommand)]
    command: RulesCommand,
}

#[derive(Subcommand, Clone, Debug)]
enum RulesCommand {
    /// List the rules: of a server with their modes, or those the files give
    List(Where),
    /// Plan every rule and say how it will run, why, and what its state costs; exit code 1 if a file is wrong
    Check(Where),
    /// Print a rule's page: what it finds, what it asks for, how it runs, and its SQL
    Explain(super::explain::ExplainArgs),
    /// Say what a rule would have found in the past
    Backtest(super::backtest::BacktestArgs),
    // Its help is the arguments' own, which says what the figures mean.
    Score(score::ScoreArgs),
}

#[derive(Args, Clone, Debug)]
struct Where {
    #[command(flatten)]
    remote: RemoteArgs,
    /// The data directory whose own rules are read too
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A directory of rules of your own
    #[arg(long, value_name = "DIR")]
    rules: Vec<PathBuf>,
}

/// Lists or checks.
pub(super) fn run(args: &RulesArgs) -> anyhow::Result<bool> {
    match &args.command {
        RulesCommand::List(place) => match Remote::of(&place.remote)? {
            Some(remote) => {
                let bytes = remote.get("/v1/rules", "application/json")?;
                let answer: serde_json::Value = serde_json::from_slice(&bytes)?;
                let text = |rule: &serde_json::Value, name: &str| match &rule[name] {
                    serde_json::Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                for rule in answer["rules"].as_array().into_iter().flatten() {
                    let [name, mode, way, hits, title] =
                        ["name", "mode", "way", "open_hits", "title"].map(|name| text(rule, name));
                    print_line(format_args!("{name:<24} {mode:<8} {way:<10} {hits:>6} open  {title}"))?;
                }
                Ok(true)
            }
            None => Ok(show(place, false)?),
        },
        RulesCommand::Check(place) => show(place, true),
        RulesCommand::Explain(args) => super::explain::run(args),
        RulesCommand::Backtest(args) => super::backtest::run(args),
        RulesCommand::Score(args) => score::run(args, &mut std::io::stdout().lock()),
    }
}

fn show(place: &Where, all: bool) -> anyhow::Result<bool> {
    let mut config = Config::default();
    if let Some(data) = &place.data {
        config.server.data.clone_from(data);
    }
    config.rules.dirs.clone_from(&place.rules);
    let loaded = load(&config)?;
    for rule in &loaded.rules {
        let report = RuleReport::new(rule, rule.headers.mode);
        print_line(format_args!("{:<24} {:<8} {:<10} {}", report.name, report.mode.name(), report.way, report.title))?;
        if all {
            print_line(describe(&report))?;
        }
    }
    for problem in &loaded.problems {
        eprintln!("{problem}");
    }
    Ok(loaded.problems.is_empty())
}

fn describe(report: &RuleReport) -> String {
    let mut lines = vec![format!("    version {} of {}", report.version, report.file)];
    lines.push(format!(
        "    judges {}; asks for {}, {} points",
        report.entities.join(", "),
        report.verdict,
        report.points
    ));
    if let (Some(window), Some(bucket)) = (&report.window, &report.bucket) {
        lines.push(format!("    window {window} in buckets of {bucket}"));
    }
    match (&report.reason, &report.every, report.state_bytes_per_million) {
        (Some(reason), Some(every), _) => lines.push(format!("    scheduled every {every}: {reason}")),
        (_, _, Some(bytes)) => {
            lines.push(format!("    state: about {} MiB per million entities of a kind", bytes >> 20))
        }
        _ => {}
    }
    lines.join("\n")
}

/// Reads and plans all rules, over tables without rows.
pub(super) fn load(config: &Config) -> anyhow::Result<LoadedRules> {
    with_compiler(|compiler| RuleFiles::new(serve::rule_directories(config)).load(compiler))
}

/// Reads and plans the built-in rules, and no others.
pub(super) fn built_in() -> anyhow::Result<LoadedRules> {
    with_compiler(|compiler| RuleFiles::new(Vec::new()).load(compiler))
}

/// Plans one text.
pub(super) fn compile(name: &str, file: &str, text: &str) -> anyhow::Result<Rule> {
    let compiled = with_compiler(|compiler| compiler.compile(name, file, text))?;
    compiled.map_err(|problem| super::misuse(problem.to_string()))
}

fn with_compiler<T>(work: impl FnOnce(&RuleCompiler) -> T) -> anyhow::Result<T> {
    let spill = std::env::temp_dir().join(format!("weir-check-{}", std::process::id()));
    let engine = Engine::new(queries::EngineConfig::new(&spill), Vec::new())?;
    let done = work(&rulebook::compiler(engine));
    let _ = std::fs::remove_dir_all(spill);
    Ok(done)
}
