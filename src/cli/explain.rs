//! `weir rules explain`: a rule's page, as Markdown. The pages in `docs/rules` are what it writes of the built-in rules; a
//! test here fails when they are not.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use queries::{Mode, Rule, RuleReport};
use serde_json::Value;

use super::remote::{Remote, RemoteArgs};
use super::rules::{built_in, compile, load};
use crate::config::Config;

/// What a page that was written by the command begins with: only such files are ever replaced or removed.
const MARK: &str = "<!-- Written by `weir rules explain --all`; change the rule, not this page. -->\n\n";

#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  weir rules explain card_testing\n  weir rules explain ./my_rule.sql\n  \
    weir rules explain card_testing --url http://127.0.0.1:8600 --key $KEY\n  weir rules explain --all --out docs/rules")]
pub(super) struct ExplainArgs {
    /// A rule's name, or a file
    #[arg(required_unless_present = "all")]
    rule: Option<String>,
    /// Every built-in rule, and an index of them
    #[arg(long, requires = "out", conflicts_with = "rule")]
    all: bool,
    /// The directory that all pages are written to
    #[arg(long, value_name = "DIR", requires = "all")]
    out: Option<PathBuf>,
    #[command(flatten)]
    remote: RemoteArgs,
    /// The data directory whose own rules are read too
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A directory of rules of your own
    #[arg(long, value_name = "DIR")]
    rules: Vec<PathBuf>,
}

/// Prints one page, or writes all.
pub(super) fn run(args: &ExplainArgs) -> anyhow::Result<bool> {
    if let Some(dir) = &args.out {
        write_all(dir)?;
        return Ok(true);
    }
    let name = args.rule.as_deref().unwrap_or_default();
    let (rule, mode) = match Remote::of(&args.remote)? {
        Some(remote) => ask(&remote, name)?,
        None => find(args, name)?,
    };
    super::print(page(&rule, mode))?;
    Ok(true)
}

fn ask(remote: &Remote, name: &str) -> anyhow::Result<(Rule, Mode)> {
    let answer: Value = serde_json::from_slice(&remote.get(&format!("/v1/rules/{name}"), "application/json")?)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rule = compile(name, &text(&answer["rule"]["file"]), &text(&answer["text"]))?;
    let mode = Mode::parse(&text(&answer["rule"]["mode"])).unwrap_or(rule.headers.mode);
    Ok((rule, mode))
}

fn find(args: &ExplainArgs, name: &str) -> anyhow::Result<(Rule, Mode)> {
    let path = Path::new(name);
    let (name, file, text) = if path.extension().is_some_and(|extension| extension == "sql") {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), name.to_owned(), text)
    } else {
        let mut config = Config::default();
        if let Some(data) = &args.data {
            config.server.data.clone_from(data);
        }
        config.rules.dirs.clone_from(&args.rules);
        let found = load(&config)?.rules.into_iter().find(|rule| *rule.name == *name);
        let found = found
            .ok_or_else(|| super::misuse(format!("there is no rule named {name:?}; `weir rules list` lists them")))?;
        (name.to_owned(), found.file.clone(), found.text.to_string())
    };
    let rule = compile(&name, &file, &text)?;
    let mode = rule.headers.mode;
    Ok((rule, mode))
}

fn write_all(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let pages = pages()?;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let is_ours = fs::read_to_string(&path).is_ok_and(|text| text.starts_with(MARK));
        if is_ours && !pages.iter().any(|(name, _)| path.ends_with(name)) {
            fs::remove_file(&path)?;
        }
    }
    for (name, text) in pages {
        let path = dir.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Returns the pages of all built-in rules and their index, by file name.
fn pages() -> anyhow::Result<Vec<(String, String)>> {
    let rules = built_in()?.rules;
    let mut index = format!(
        "{MARK}# The built-in rules\n\nEach is one SQL file in `queries/rules`; its thresholds are starting points. They ship in \
         `shadow`.\n\n| rule | judges | asks for | points | window | runs |\n|---|---|---|---|---|---|\n"
    );
    let mut pages = Vec::with_capacity(rules.len() + 1);
    for rule in &rules {
        let report = RuleReport::new(rule, rule.headers.mode);
        let RuleReport { name, title, .. } = &report;
        let runs = report.every.as_ref().map_or_else(|| "live".to_owned(), |every| format!("every {every}"));
        let _ = writeln!(
            index,
            "| [{name}]({name}.md): {title} | {} | {} | {} | {} | {runs} |",
            report.entities.join(", "),
            report.verdict,
            report.points,
            report.window.as_deref().unwrap_or("none"),
        );
        pages.push((format!("{name}.md"), format!("{MARK}{}", page(rule, rule.headers.mode))));
    }
    pages.push(("README.md".to_owned(), index));
    Ok(pages)
}

/// Writes a rule's page.
fn page(rule: &Rule, mode: Mode) -> String {
    let report = RuleReport::new(rule, mode);
    let (paragraphs, sql) = divide(&rule.text);
    let mut page = format!("# {}\n\n`{}`\n\n", report.title, report.name);
    paragraphs.iter().for_each(|paragraph| page.push_str(&format!("{paragraph}\n\n")));
    page.push_str("| | |\n|---|---|\n");
    for (name, value) in facts(&report) {
        let _ = writeln!(page, "| {name} | {} |", value.replace('|', "\\|"));
    }
    let _ = write!(page, "\n## How it runs\n\n{}\n\n## SQL\n\n```sql\n{}\n```\n", runs(&report), sql.trim_end());
    page
}

fn facts(report: &RuleReport) -> Vec<(&'static str, String)> {
    let window = match (&report.window, &report.bucket) {
        (Some(window), Some(bucket)) => format!("{window}, in buckets of {bucket}"),
        _ => "none".to_owned(),
    };
    let actions = if report.actions.is_empty() { "every action".to_owned() } else { report.actions.join(", ") };
    let brake = report.max_block_rate.as_ref();
    let brake = brake.map_or_else(
        || "none".to_owned(),
        |rate| format!("back to shadow when it blocks more than {rate} of established entities"),
    );
    let trust = if report.browser_facts { "browser facts too; it never blocks" } else { "server facts only" };
    vec![
        ("judges", report.entities.join(", ")),
        ("reads", report.reads.join(", ")),
        ("asks for", format!("{}, where its text says nothing else", report.verdict)),
        ("points", report.points.to_string()),
        ("lasts", format!("{} after it was last true", report.ttl)),
        ("actions", actions),
        ("step-up", report.step_up.to_owned()),
        ("window", window),
        ("mode", report.mode.name().to_owned()),
        ("rollout", report.rollout.clone()),
        ("max_block_rate", brake),
        ("trust", trust.to_owned()),
        ("owner", report.owner.clone().unwrap_or_else(|| "nobody".to_owned())),
        ("version", report.version.to_string()),
    ]
}

fn runs(report: &RuleReport) -> String {
    match (&report.reason, &report.every, report.state_bytes_per_million) {
        (Some(reason), Some(every), _) => format!(
            "Scheduled, every {every}, as a query off the hot path, because {reason}. It keeps no state of its own."
        ),
        (_, _, bytes) => format!(
            "Live: with each batch of events, before they are acknowledged. Its state takes about {} MiB for a million \
             entities of a kind.",
            bytes.unwrap_or(0) >> 20
        ),
    }
}

/// Divides a rule's text into the paragraphs of the comment that leads it, and its SQL.
fn divide(text: &str) -> (Vec<String>, &str) {
    let mut paragraphs = vec![String::new()];
    let mut rest = text;
    while let Some((line, behind)) = rest.split_once('\n') {
        let line = line.trim();
        match line.strip_prefix("--") {
            Some(header) if header.starts_with('!') => {}
            Some(comment) if !comment.trim().is_empty() => {
                let paragraph = paragraphs.last_mut().expect("there is one at least");
                paragraph.push_str(if paragraph.is_empty() { "" } else { "\n" });
                paragraph.push_str(comment.trim());
            }
            Some(_) => paragraphs.push(String::new()),
            None if line.is_empty() => paragraphs.push(String::new()),
            None => break,
        }
        rest = behind;
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    (paragraphs, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_divided_into_its_words_and_its_sql() {
        let text =
            "--! title: T\n--! ttl: 1h -- a note\n\n-- One\n-- goes on.\n--\n-- Two.\nselect 1 -- three\nfrom usage\n";
        let (paragraphs, sql) = divide(text);
        assert_eq!(paragraphs, ["One\ngoes on.", "Two."]);
        assert_eq!(sql, "select 1 -- three\nfrom usage\n");
        assert_eq!(divide("select 1"), (Vec::new(), "select 1"));
    }

    #[test]
    fn the_pages_in_docs_are_what_the_command_writes() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules");
        let mut expected = pages().unwrap();
        expected.sort();
        let mut found: Vec<(String, String)> = fs::read_dir(&dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap()))
            .collect();
        found.sort();
        let stale: Vec<&String> = expected
            .iter()
            .filter(|page| !found.contains(page))
            .chain(found.iter().filter(|page| !expected.contains(page)))
            .map(|(name, _)| name)
            .collect();
        assert!(
            stale.is_empty(),
            "docs/rules is not what the rules say: {stale:?}; run `cargo run --workspace -- rules explain --all --out docs/rules`"
        );
    }
}
