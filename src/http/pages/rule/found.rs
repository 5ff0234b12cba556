//! What is known of a rule, as its page shows it.

use std::collections::HashSet;
use std::sync::Arc;

use ::queries::catalogue::SourceProblem;
use ::queries::{Mode, Rule};
use dashboards::rule::{Backtest, PastBacktest, Report, RuleFacts, RuleHit, Snoozed, Told, Trip, Version};
use dashboards::rules::RuleMode;
use serde_json::Value;

use crate::control::{AuditLine, StoredBacktest, StoredMode, StoredText};
use crate::http::App;
use crate::http::pages::rows::{self, Row};
use crate::http::pages::rules::{mode, origin};
use crate::rulebook::RuleView;
use crate::verdict::Snooze;

/// Shapes what the headers of a rule say.
pub(super) fn facts(app: &App, view: &RuleView, set: Option<&StoredMode>, trip: Option<Trip>) -> RuleFacts {
    let report = &view.report;
    RuleFacts {
        name: report.name.to_string(),
        title: report.title.clone(),
        version: report.version.to_string(),
        origin: origin(app, &report.name),
        file: report.file.clone(),
        mode: mode(report.mode),
        mode_set: set.map(|set| (set.set_by.clone(), set.set_at)),
        is_forced: set.is_some_and(|set| set.forced) && report.mode == Mode::Live,
        trip,
        is_warm: view.warm,
        entities: report.entities.iter().map(|kind| (*kind).to_owned()).collect(),
        reads: report.reads.clone(),
        window: report.window.clone().zip(report.bucket.clone()),
        scheduled: report.every.clone().zip(report.reason.clone()),
        state_bytes: report.state_bytes_per_million,
        verdict: report.verdict.to_owned(),
        points: report.points,
        ttl: report.ttl.clone(),
        actions: report.actions.iter().map(|action| action.to_string()).collect(),
        step_up: report.step_up.to_owned(),
        max_block_rate: report.max_block_rate.clone(),
        rollout: report.rollout.clone(),
        uses_browser_facts: report.browser_facts,
        owner: report.owner.clone().unwrap_or_default(),
        open_hits: view.open_hits as u64,
    }
}

/// Tells whether a problem is one of this rule: of its file, or of its runs.
pub(super) fn is_about(problem: &SourceProblem, rule: &Rule) -> bool {
    problem.file == rule.file || problem.file == *rule.name
}

/// Lists the texts: the one in force first, kept or not, then those that are kept.
pub(super) fn versions(rule: &Rule, texts: &[StoredText]) -> Vec<Version> {
    let lines = |text: &str| text.lines().count() as u64;
    let kept = |text: &StoredText| Version {
        version: text.version.clone(),
        by: text.saved_by.clone(),
        at: Some(text.saved_at),
        lines: lines(&text.text),
        is_present: text.version == *rule.version,
        is_kept: true,
    };
    let mut versions: Vec<Version> = texts.iter().map(kept).collect();
    if !versions.iter().any(|version| version.is_present) {
        let present = Version {
            version: rule.version.to_string(),
            by: if rule.file.starts_with("built-in ") { "weir" } else { "file" }.to_owned(),
            at: None,
            lines: lines(&rule.text),
            is_present: true,
            is_kept: false,
        };
        versions.insert(0, present);
    }
    versions
}

/// Shapes a backtest that is kept.
pub(super) fn backtest(kept: StoredBacktest, present: Option<&(Arc<Rule>, Mode)>) -> Backtest {
    Backtest {
        report: Report::read(&kept.report),
        id: kept.id,
        made: (kept.made_at, kept.made_by),
        range: kept.range,
        present: present.map(|(rule, _)| rule.version.to_string()),
        mode: present.map_or(RuleMode::Off, |(_, present)| mode(*present)),
    }
}

/// Shapes a backtest as a line of the list.
pub(super) fn past_backtest(kept: StoredBacktest) -> PastBacktest {
    PastBacktest {
        sentence: Report::read(&kept.report).sentence(),
        id: kept.id,
        at: kept.made_at,
        by: kept.made_by,
        range: kept.range,
        is_approximate: kept.approximate,
    }
}

fn detail(line: &AuditLine) -> Value {
    line.detail.as_deref().and_then(|detail| serde_json::from_str(detail).ok()).unwrap_or_default()
}

/// Reads why the brake took a rule back to shadow.
pub(super) fn trip(line: &AuditLine) -> Option<Trip> {
    if line.action != "rule.tripped" {
        return None;
    }
    let why = &detail(line)["why"];
    let count = |name: &str| why[name].as_u64().unwrap_or(0);
    Some(Trip { at: line.at, entities: count("entities"), blocked: count("blocked") })
}

/// Says what a line of the audit log tells.
pub(super) fn told(line: &AuditLine) -> Told {
    let detail = detail(line);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let what = match line.action.as_str() {
        "rule.saved" => "saved a text".to_owned(),
        "rule.not_saved" => "could not write the file; what was saved before it stays".to_owned(),
        "rule.deleted" => "deleted it".to_owned(),
        "rule.not_deleted" => "could not remove the file".to_owned(),
        "rule.backtested" => format!("ran the backtest {}", text(&detail["backtest_id"])),
        "rule.forced_by_file" => "live by its file, without a backtest".to_owned(),
        "rule.tripped" => format!(
            "took it back to shadow: {} of {} established entities were blocked in an hour",
            detail["why"]["blocked"], detail["why"]["entities"]
        ),
        "rule.mode" => mode_words(&detail),
        other => other.to_owned(),
    };
    Told { at: line.at, by: line.actor.clone(), what, version: text(&detail["version"]) }
}

fn mode_words(detail: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (mode, before) = (text(&detail["mode"]), text(&detail["why"]["before"]));
    let ground = match (detail["forced"] == true, text(&detail["why"]["backtest_id"])) {
        (true, _) => ", without a backtest".to_owned(),
        (false, id) if mode == "live" && !id.is_empty() => format!(", by the backtest {id}"),
        (false, _) => String::new(),
    };
    format!("set it from {before} to {mode}{ground}")
}

/// Shapes a snooze.
pub(super) fn snoozed(snooze: &Snooze) -> Snoozed {
    Snoozed {
        kind: snooze.entity_kind.name().to_owned(),
        entity: snooze.entity.to_string(),
        until: snooze.until,
        reason: snooze.reason.clone().unwrap_or_default(),
        by: snooze.created_by.clone(),
    }
}

/// Returns on whom hits of a rule are open, by the version that found them.
pub(super) fn open_hits(app: &App, rule: &str, now: i64) -> HashSet<Whom> {
    let hits = app.rulebook.hits().list(now);
    let of_rule = hits.iter().filter(|hit| *hit.rule == *rule);
    of_rule.map(|hit| (hit.version.to_string(), hit.entity_kind.name().to_owned(), hit.entity.to_string())).collect()
}

/// A version, and the kind and id of an entity that it hit.
type Whom = (String, String, String);

/// Shapes rows of `rule_hits`, the newest first. Of several hits on one entity only the newest can be open.
pub(super) fn hits(rows: &[Row], version: &str, mut open: HashSet<Whom>) -> Vec<RuleHit> {
    let number = |row: &Row, column: &str| row.get(column).and_then(Value::as_i64).unwrap_or(0);
    let hit = |row: &Row| {
        let whom = (rows::text(row, "version"), rows::text(row, "entity_kind"), rows::text(row, "entity"));
        RuleHit {
            at: rows::time(row, "opened_at"),
            mode: rows::text(row, "mode"),
            verdict: rows::text(row, "verdict"),
            observed: (number(row, "observed"), number(row, "threshold")),
            is_open: open.remove(&whom),
            is_of_former: whom.0 != version,
            kind: whom.1,
            entity: whom.2,
        }
    };
    rows.iter().map(hit).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_several_hits_on_one_entity_the_newest_is_open() {
        let row = |version: &str, entity: &str| {
            json!({"version": version, "entity_kind": "device", "entity": entity}).as_object().unwrap().clone()
        };
        let open = HashSet::from([("v2".to_owned(), "device".to_owned(), "a".to_owned())]);
        let shown = hits(&[row("v2", "b"), row("v2", "a"), row("v2", "a"), row("v1", "a")], "v2", open);
        let told: Vec<(bool, bool)> = shown.iter().map(|hit| (hit.is_open, hit.is_of_former)).collect();
        assert_eq!(told, [(false, false), (true, false), (false, false), (false, true)]);
    }
}
