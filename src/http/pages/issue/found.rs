//! What queries found about an issue, as its page shows it.

use std::collections::BTreeMap;

use ::queries::Params;
use dashboards::figure;
use dashboards::issue::{
    Breadcrumb, Cause, Decision, Event, Facet, Feedback, Grouping, HashOf, Impact, Issue, Kin, Part, PayingWorkspace,
    Sample, SourceLines, StackFrame, Tag, Whom,
};
use serde_json::{Value, json};

use super::ROWS_MAX;
use crate::artifacts::{Frame, ResolvedFrame};
use crate::http::App;
use crate::http::error::Problem;
use crate::http::issues::{Asker, event as parsed};
use crate::http::pages::issues::state;
use crate::http::pages::panel;
use crate::http::pages::rows::{self, Row};

/// Paying workspaces that are listed.
const PAYING_MAX: usize = 20;
/// Issues that are offered to merge into.
const KIN_MAX: usize = 8;

/// Shapes a row of `issues`, with what was decided.
pub(super) fn issue(app: &App, row: &Row, id: &str, now: i64) -> Issue {
    let decision = app.issues.state_of(id).map(|stored| Decision {
        in_release: stored.in_release,
        after_release: stored.after_release,
        until: stored.until,
        until_events: stored.until_events.and_then(|events| u64::try_from(events).ok()),
        events_since: u64::try_from(stored.events_since).unwrap_or(0),
        at: stored.until.filter(|until| *until <= now).unwrap_or(stored.changed_at),
        by: if stored.until.is_some_and(|until| until <= now) { "weir".to_owned() } else { stored.changed_by },
    });
    Issue {
        kind: rows::text(row, "type"),
        message: rows::text(row, "message"),
        culprit: rows::text(row, "culprit"),
        level: rows::text(row, "level"),
        state: state(row),
        decision,
        events: rows::count(row, "events"),
        unhandled: rows::count(row, "unhandled"),
        people: rows::count(row, "people"),
        workspaces: rows::count(row, "workspaces"),
        seen: (rows::time(row, "first_seen"), rows::time(row, "last_seen")),
        releases: (rows::some_text(row, "first_release"), rows::some_text(row, "last_release")),
    }
}

/// Shapes a row of `issue_events` as a line of the list.
pub(super) fn sample(row: &Row) -> Sample {
    Sample {
        event_id: rows::text(row, "event_id"),
        at: rows::time(row, "received_at"),
        received_at: rows::text(row, "received_at"),
        message: rows::text(row, "message"),
        release: rows::text(row, "release"),
        environment: rows::text(row, "environment"),
        person: rows::first_text(row, &["account_id", "guest_id", "session_id"]),
        session: rows::text(row, "session_id"),
        client: words(row, &["browser", "browser_version", "os"]),
    }
}

fn words(row: &Row, columns: &[&str]) -> String {
    let words: Vec<String> = columns.iter().filter_map(|column| rows::some_text(row, column)).collect();
    words.join(" ")
}

/// Shapes a row of `issue_events`, with its stack by source maps or why there is none.
pub(super) fn event(row: Row, frames: Result<Vec<ResolvedFrame>, String>) -> Event {
    let facts = [
        ("Release", "release"),
        ("Environment", "environment"),
        ("Account", "account_id"),
        ("Guest", "guest_id"),
        ("Session", "session_id"),
        ("Workspace", "workspace_id"),
        ("Country", "country"),
        ("Level", "level"),
    ];
    let mut facts: Vec<(&'static str, String)> =
        facts.into_iter().filter_map(|(name, column)| Some((name, rows::some_text(&row, column)?))).collect();
    let client = words(&row, &["browser", "browser_version"]);
    for (name, value) in [("Browser", client), ("System", rows::text(&row, "os"))] {
        if !value.is_empty() {
            facts.push((name, value));
        }
    }
    if let Some(handled) = row.get("handled").and_then(Value::as_bool) {
        facts.push(("Caught", if handled { "yes" } else { "no" }.to_owned()));
    }
    let row = parsed(row);
    let row = row.as_object().cloned().unwrap_or_default();
    let crumbs = row.get("breadcrumbs").and_then(Value::as_array).cloned().unwrap_or_default();
    let (causes, crumbs): (Vec<Value>, Vec<Value>) = crumbs.into_iter().partition(|crumb| crumb["category"] == "cause");
    let (frames, no_stack) = match frames {
        Ok(frames) => (frames.into_iter().map(frame).collect(), None),
        Err(reason) => (Vec::new(), Some(reason)),
    };
    Event {
        event_id: rows::text(&row, "event_id"),
        received_at: rows::time(&row, "received_at"),
        ts: rows::time(&row, "ts"),
        kind: rows::text(&row, "type"),
        message: rows::text(&row, "message"),
        facts,
        frames,
        no_stack,
        // The first cause was written first; the nearest is what one reads first.
        causes: causes.iter().rev().filter_map(Value::as_object).map(cause).collect(),
        breadcrumbs: crumbs.iter().filter_map(Value::as_object).map(breadcrumb).collect(),
        properties: rows::json(row.get("properties"), true),
    }
}

fn frame(resolved: ResolvedFrame) -> StackFrame {
    let ResolvedFrame { frame, context, minified, missing } = resolved;
    let as_sent = minified.map(|sent| shape(&sent)).map(|sent| format!("{} ({})", sent.name(), sent.place()));
    StackFrame {
        context: context.map(|lines| SourceLines { before: lines.before, line: lines.line, after: lines.after }),
        minified: as_sent.unwrap_or_default(),
        missing: missing.unwrap_or_default(),
        ..shape(&frame)
    }
}

fn shape(frame: &Frame) -> StackFrame {
    StackFrame {
        function: frame.function.clone().unwrap_or_default(),
        file: frame.file.clone().or_else(|| frame.module.clone()).unwrap_or_default(),
        line: frame.line,
        col: frame.col,
        is_own: frame.in_app == Some(true),
        ..StackFrame::default()
    }
}

fn cause(crumb: &Row) -> Cause {
    let blamed = crumb.get("data").and_then(|frame| serde_json::from_value::<Frame>(frame.clone()).ok());
    let place = blamed.map(|blamed| shape(&blamed)).filter(|blamed| !blamed.file.is_empty());
    Cause {
        message: rows::text(crumb, "message"),
        place: place.map(|frame| format!("{} ({})", frame.name(), frame.place())).unwrap_or_default(),
    }
}

fn breadcrumb(crumb: &Row) -> Breadcrumb {
    Breadcrumb {
        at: rows::some_time(crumb.get("timestamp")),
        category: rows::first_text(crumb, &["category", "type"]),
        level: rows::text(crumb, "level"),
        message: rows::text(crumb, "message"),
        data: rows::json(crumb.get("data"), false),
    }
}

/// Asks for a part of the page. A query that fails is the part's to tell.
///
/// # Errors
/// `NotFound` for a part that is none.
pub(super) async fn part(asker: &Asker<'_>, name: &str, params: &Params) -> Result<Part, Problem> {
    let ask = async |query: &str| Ok::<_, Problem>(asker.ask(query, params.clone(), ROWS_MAX).await?.rows);
    Ok(match name {
        "facets" => Part::Facets(panel(ask("issue_facets").await.map(|rows| rows.iter().map(facet).collect()))),
        "tags" => Part::Tags(panel(ask("issue_tags").await.map(|rows| rows.iter().map(tag).collect()))),
        "feedback" => {
            Part::Feedback(panel(ask("issue_feedback").await.map(|rows| rows.iter().map(feedback).collect())))
        }
        "impact" => Part::Impact(panel(impact(asker, params).await)),
        "grouping" => Part::Grouping(panel(grouping(asker, params).await)),
        _ => return Err(Problem::not_found("an issue has no such part")),
    })
}

fn facet(row: &Row) -> Facet {
    Facet {
        facet: rows::text(row, "facet"),
        value: rows::text(row, "value"),
        events: rows::count(row, "events"),
        share: rows::percent(row, "share").unwrap_or(0.0),
        baseline: rows::percent(row, "baseline"),
    }
}

fn tag(row: &Row) -> Tag {
    Tag {
        name: rows::text(row, "tag"),
        value: rows::text(row, "value"),
        events: rows::count(row, "events"),
        share: rows::percent(row, "share").unwrap_or(0.0),
    }
}

fn feedback(row: &Row) -> Feedback {
    Feedback {
        at: rows::time(row, "received_at"),
        message: rows::text(row, "message"),
        person: rows::first_text(row, &["account_id", "guest_id"]),
        event_id: rows::text(row, "error_id"),
    }
}

async fn impact(asker: &Asker<'_>, params: &Params) -> Result<Impact, Problem> {
    let Some(costs) = asker.impact(params.clone()).await? else { return Ok(Impact::default()) };
    let paying = asker.ask("paying_workspaces_hit", params.clone(), PAYING_MAX).await?;
    let of = |column: &str| rows::count(&costs, column);
    Ok(Impact {
        costs: Some(Whom {
            accounts: of("accounts"),
            paying_accounts: of("paying_accounts"),
            workspaces: of("workspaces"),
            paying_workspaces: of("paying_workspaces"),
            credits_spent: of("credits_spent"),
            credits_refunded: of("credits_refunded"),
        }),
        paying: paying.rows.iter().map(paying_workspace).collect(),
        has_more: paying.is_truncated,
    })
}

fn paying_workspace(row: &Row) -> PayingWorkspace {
    let debit = rows::some_text(row, "debit_ref").map(|reference| {
        let credits = figure::counted(rows::count(row, "debit_credits"), "credit");
        format!("{credits} for {} ({reference})", rows::text(row, "debit_reason"))
    });
    PayingWorkspace {
        workspace: rows::text(row, "workspace_id"),
        account: rows::text(row, "account_id"),
        plan: rows::text(row, "plan"),
        at: rows::time(row, "met_at"),
        debit: debit.unwrap_or_default(),
    }
}

async fn grouping(asker: &Asker<'_>, params: &Params) -> Result<Grouping, Problem> {
    let id = rows::text(params, "issue");
    let groupings = asker.ask("issue_groupings", params.clone(), ROWS_MAX).await?.rows;
    let hashes = asker.app.issues.hashes_of(&id);
    Ok(Grouping { hashes: explained(hashes, &groupings), kin: kin(asker, params, &id).await? })
}

/// Says of each hash which errors it leads here. An error has three hashes, of which one or two count.
fn explained(hashes: Vec<String>, groupings: &[Row]) -> Vec<HashOf> {
    let mut by_hash: BTreeMap<String, HashOf> =
        hashes.into_iter().map(|hash| (hash.clone(), HashOf { hash, ..HashOf::default() })).collect();
    for row in groupings {
        let own = ["hash_app", "hash_sys", "hash_msg"].map(|column| rows::text(row, column));
        for hash in own.iter().enumerate().filter(|(place, hash)| !own[..*place].contains(hash)).map(|(_, hash)| hash) {
            let Some(known) = by_hash.get_mut(hash) else { continue };
            known.events += rows::count(row, "events");
            known.last_seen = known.last_seen.max(Some(rows::time(row, "last_seen")));
            let reason = rows::text(row, "reason");
            if !known.reasons.contains(&reason) {
                known.reasons.push(reason);
            }
        }
    }
    let mut explained: Vec<HashOf> = by_hash.into_values().collect();
    explained.sort_by_key(|one| std::cmp::Reverse(one.events));
    explained
}

/// Returns issues whose errors have the same type, else the same message, the last seen first.
async fn kin(asker: &Asker<'_>, params: &Params, id: &str) -> Result<Vec<Kin>, Problem> {
    let Some(own) = asker.ask("issues", params.clone(), 1).await?.rows.pop() else { return Ok(Vec::new()) };
    let mut params = params.clone();
    params.remove("issue");
    params.insert("q".to_owned(), json!(rows::first_text(&own, &["type", "message"])));
    let found = asker.ask("issues", params, KIN_MAX + 1).await?.rows;
    let others = found.iter().filter(|row| rows::text(row, "issue_id") != id).take(KIN_MAX);
    let kin = |row: &Row| Kin {
        id: rows::text(row, "issue_id"),
        title: [rows::text(row, "type"), rows::text(row, "message")].join(": "),
        culprit: rows::text(row, "culprit"),
        events: rows::count(row, "events"),
    };
    Ok(others.map(kin).collect())
}
