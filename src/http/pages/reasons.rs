//! Reasons of decisions, and hits, as what pages show.

use ::queries::Hit;
use dashboards::decision::{EventRow, Proof};
use dashboards::reason::Reason;
use serde_json::Value;

use super::rows;
use crate::http::App;

/// Reads a list of reasons that the tables keep as JSON text.
pub(in crate::http) fn from_text(app: &App, text: &str) -> Vec<Reason> {
    let list: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
    list.iter().map(|reason| from_json(app, reason)).collect()
}

/// Reads one reason as the API writes it.
pub(super) fn from_json(app: &App, reason: &Value) -> Reason {
    let text = |name: &str| reason[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| reason[name].as_i64().unwrap_or(0);
    let rule = text("rule");
    Reason {
        title: title(app, &rule),
        rule,
        kind: text("entity_kind"),
        entity: text("entity"),
        verdict: text("verdict"),
        observed: number("observed"),
        threshold: number("threshold"),
        window: text("window"),
        points: reason["points"].as_u64().unwrap_or(0),
        until: rows::some_time(reason.get("until")),
    }
}

/// Returns the reason that a hit is.
pub(super) fn of_hit(app: &App, hit: &Hit) -> Reason {
    Reason {
        title: title(app, &hit.rule),
        rule: hit.rule.to_string(),
        kind: hit.entity_kind.name().to_owned(),
        entity: hit.entity.to_string(),
        verdict: hit.verdict.name().to_owned(),
        observed: hit.observed,
        threshold: hit.threshold,
        window: hit.window.to_string(),
        points: u64::from(hit.points),
        until: Some(hit.until),
    }
}

/// Reads a reason with its evidence, as `explain=rows` has it.
pub(super) fn proof(app: &App, reason: &Value) -> Proof {
    let events = reason["evidence"].as_array().map(Vec::as_slice).unwrap_or_default();
    Proof {
        reason: from_json(app, reason),
        events: events.iter().map(event).collect(),
        is_truncated: reason["evidence_truncated"].as_bool().unwrap_or(false),
        note: reason["evidence_note"].as_str().unwrap_or_default().to_owned(),
    }
}

/// Reads an event of evidence.
fn event(event: &Value) -> EventRow {
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    EventRow {
        at: rows::some_time(event.get("received_at")).unwrap_or(0),
        table: text("table"),
        what: text("what"),
        id: text("event_id"),
        trust: text("trust"),
    }
}

/// Returns the title of a rule; nothing for what is none, an override or a limit.
pub(in crate::http) fn title(app: &App, rule: &str) -> String {
    app.rulebook.get(rule).map(|(rule, _)| rule.headers.title.to_string()).unwrap_or_default()
}
