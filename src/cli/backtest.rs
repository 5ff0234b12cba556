//! `weir rules backtest`: what a rule would have found, of a server or of a data directory.

use std::io::{BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use queries::rules::parse_duration_us;
use queries::{Rule, RuleFiles};
use serde_json::{Value, json};

use super::directory::Directory;
use super::print_line;
use super::remote::{Remote, RemoteArgs};
use crate::backtest::{Range, Runner, Work};
use crate::config::Config;
use crate::{clock, rulebook, serve};

/// Entities that the text form lists.
const ENTITIES_SHOWN: usize = 10;

#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  weir rules backtest card_testing --since 30d --data ./weir-data\n  \
    weir rules backtest ./my_rule.sql --since 7d --url http://127.0.0.1:8600 --key $KEY --json")]
pub(super) struct BacktestArgs {
    /// A rule's name, or a file
    rule: String,
    #[command(flatten)]
    remote: RemoteArgs,
    /// The data directory; no server may hold it
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    data: Option<PathBuf>,
    /// A directory of rules of your own
    #[arg(long, value_name = "DIR")]
    rules: Vec<PathBuf>,
    /// How far back from the end
    #[arg(long, value_name = "DURATION", default_value = "30d", conflicts_with = "from")]
    since: String,
    /// The first time, RFC 3339
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// The last time, RFC 3339; now if it is left out
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// The step of the series, such as 1h
    #[arg(long, value_name = "DURATION")]
    step: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(super) fn run(args: &BacktestArgs) -> anyhow::Result<bool> {
    let range = args.range()?;
    let result = match Remote::of(&args.remote)? {
        Some(remote) => args.ask(&remote, range)?,
        None => args.replay(range)?,
    };
    if args.json {
        print_line(serde_json::to_string_pretty(&result)?)?;
    } else {
        print_line(describe(&result))?;
    }
    Ok(true)
}

impl BacktestArgs {
    fn range(&self) -> anyhow::Result<Range> {
        let time = |text: &String| clock::from_json(&Value::String(text.clone())).map_err(super::misuse);
        let duration = |name: &str, text: &String| {
            parse_duration_us(text)
                .ok_or_else(|| super::misuse(format!("--{name}: {text:?} is no duration such as 30d")))
        };
        let now = clock::now();
        let to = self.to.as_ref().map(time).transpose()?.unwrap_or(now).min(now);
        let from = match &self.from {
            Some(from) => time(from)?,
            None => to - duration("since", &self.since)?,
        };
        let step_us = self.step.as_ref().map(|step| duration("step", step)).transpose()?;
        if from > to {
            return Err(super::misuse("the range ends before it begins"));
        }
        Ok(Range { from, to, step_us })
    }

    /// Returns the name of the rule, and its text if a file was named.
    fn named(&self) -> anyhow::Result<(String, Option<String>)> {
        let path = Path::new(&self.rule);
        if path.extension().is_none_or(|extension| extension != "sql") {
            return Ok((self.rule.clone(), None));
        }
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok((name, Some(text)))
    }

    fn ask(&self, remote: &Remote, range: Range) -> anyhow::Result<Value> {
        let (name, text) = self.named()?;
        let mut body = json!({"from": clock::rfc3339(range.from), "to": clock::rfc3339(range.to)});
        if let Some(step) = &self.step {
            body["step"] = json!(step);
        }
        if let Some(text) = text {
            body["sql"] = json!(text);
        }
        let lines = remote.post_streamed(&format!("/v1/rules/{name}/backtest"), "application/x-ndjson", &body)?;
        let mut last = Value::Null;
        for line in BufReader::new(lines).lines() {
            last = serde_json::from_str(&line.context("the answer broke off")?)?;
            tell(&last["progress"]);
        }
        finish(&last)
    }

    fn replay(&self, range: Range) -> anyhow::Result<Value> {
        let dir = self.data.clone().unwrap_or_else(|| Config::default().server.data);
        tokio::runtime::Runtime::new()?.block_on(async {
            let directory = Directory::open(&dir).await?;
            let mut config = directory.config.clone();
            config.rules.dirs.clone_from(&self.rules);
            let compiler = rulebook::compiler(Arc::clone(&directory.engine));
            let rule = self.find(&config, &compiler)?;
            let work = Work::new(rule, &compiler, range, Arc::clone(&directory.engine), directory.tables.clone());
            let mut lines = Runner::new().start(work, |_| Ok(()))?;
            let mut last = Value::Null;
            while let Some(line) = lines.recv().await {
                last = serde_json::to_value(line)?;
                tell(&last["progress"]);
            }
            directory.close().await?;
            finish(&last)
        })
    }

    fn find(&self, config: &Config, compiler: &queries::RuleCompiler) -> anyhow::Result<Arc<Rule>> {
        let (name, text) = self.named()?;
        if let Some(text) = text {
            let compiled = compiler.compile(&name, &self.rule, &text);
            return compiled.map(Arc::new).map_err(|problem| super::misuse(problem.to_string()));
        }
        let loaded = RuleFiles::new(serve::rule_directories(config)).load(compiler);
        let found = loaded.rules.into_iter().find(|rule| *rule.name == name);
        found.ok_or_else(|| super::misuse(format!("there is no rule named {name:?}; `weir rules list` lists them")))
    }
}

/// Tells on a terminal how far it is.
fn tell(progress: &Value) {
    if let (Some(done), Some(total)) = (progress["done"].as_u64(), progress["total"].as_u64())
        && std::io::stderr().is_terminal()
    {
        eprint!("\r{:>3} %", done * 100 / total.max(1));
        if done == total {
            eprintln!();
        }
    }
}

fn finish(last: &Value) -> anyhow::Result<Value> {
    match (&last["result"], last["error"].as_str()) {
        (_, Some(error)) => bail!("{error}"),
        (Value::Null, None) => bail!("the backtest broke off"),
        (result, None) => Ok(result.clone()),
    }
}

fn describe(result: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let percent =
        |value: &Value| value.as_f64().map_or_else(|| "unknown".to_owned(), |v| format!("{:.2} %", v * 100.0));
    let mut lines = vec![
        format!(
            "{} version {} from {} to {}",
            text(&result["rule"]),
            text(&result["version"]),
            text(&result["from"]),
            text(&result["to"])
        ),
        format!(
            "backtest {}{}",
            text(&result["backtest_id"]),
            if result["approximate"] == true { " (approximate: it cannot promote)" } else { "" }
        ),
        format!("{} hits on {} entities", result["hits"], result["entity_count"]),
        format!(
            "decisions that would be stricter: {} of {} ({})",
            result["decisions_changed"]["changed"],
            result["decisions_changed"]["total"],
            percent(&result["decisions_changed"]["share"])
        ),
        format!(
            "labelled abusive {}, legitimate {}, unknown {}; precision {}, recall {}",
            result["labels"]["true"],
            result["labels"]["false"],
            result["labels"]["unknown"],
            percent(&result["labels"]["precision"]),
            percent(&result["labels"]["recall"])
        ),
        format!(
            "credits saved {}, credits of good people stopped {}",
            result["credits"]["saved"], result["credits"]["stopped"]
        ),
    ];
    let listed = |name: &str| result[name].as_array().cloned().unwrap_or_default();
    lines.extend(listed("neighbours").iter().map(|other| format!("  {}", text(&other["summary"]))));
    lines.extend(
        listed("overlap")
            .iter()
            .map(|other| format!("  also hit by {}: {} entities", text(&other["rule"]), other["entities"])),
    );
    for entity in listed("entities").iter().take(ENTITIES_SHOWN) {
        lines.push(format!(
            "  {:<10} {:<28} {} - {}  observed {}",
            text(&entity["entity_kind"]),
            text(&entity["entity"]),
            text(&entity["first_at"]),
            text(&entity["last_at"]),
            entity["observed"]
        ));
    }
    lines.join("\n")
}
