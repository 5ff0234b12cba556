//! `/verdicts`: the live feed, and one decision with what is behind it.

use ::queries::Params;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use dashboards::verdicts::{Asked, Feed, FeedRow, ROWS_MAX, ROWS_USUAL, VERDICTS};
use dashboards::{DecisionPage, VerdictsPage};
use ingest::{Kind, Purpose};
use serde_json::{Value, json};

use super::rows::{self, Row};
use super::{
    decided, forbidden, fragment, fragment_reader, frame, html, origin, panel, problem, queue, reasons, reviewer,
    visitor,
};
use crate::clock;
use crate::control::{Key, Scope};
use crate::http::App;
use crate::http::address::Named;
use crate::http::ask::ask_stored;
use crate::http::error::Problem;
use crate::http::issues::given;
use crate::http::verdict::find_decision;
use crate::verdict::Explain;

/// The parameters of the feed's address.
const KNOWN: [&str; 7] = ["verdict", "action", "rule", "entity", "since", "limit", "done"];
/// The columns that name who was asked about, and the kinds they stand for.
pub(in crate::http) const NAMED: [(&str, &str); 5] = [
    ("account_id", "account"),
    ("guest_id", "guest"),
    ("device_id", "device"),
    ("workspace_id", "workspace"),
    ("session_id", "session"),
];

/// Tells whether a key may see what was decided about whom.
pub(super) fn sees_verdicts(key: &Key) -> bool {
    key.scopes.has(Scope::Query) && key.purposes.has(Purpose::Abuse)
}

/// `GET /verdicts`: the feed.
pub(crate) async fn verdicts(State(app): State<App>, request: Request) -> Response {
    let key = match visitor(&app, request.headers(), request.uri()) {
        Ok(key) => key,
        Err(instead) => return instead,
    };
    if !sees_verdicts(&key) {
        return forbidden(&key, "query and the purpose abuse");
    }
    let page = match given(&request, &KNOWN) {
        Ok(params) => whole(&app, &key, params, origin(request.headers())).await,
        Err(refused) => Err(refused),
    };
    match page {
        Ok(page) => html(StatusCode::OK, page.page()),
        Err(refused) => problem(&key, refused, "/verdicts"),
    }
}

/// `GET /fragments/verdicts`: what changes of the feed.
pub(crate) async fn verdicts_fragment(State(app): State<App>, request: Request) -> Response {
    let key = fragment_reader(&app, request.headers(), sees_verdicts, "query and the purpose abuse");
    let read = key.and_then(|key| Ok((key, given(&request, &KNOWN)?, origin(request.headers()))));
    let made = match read {
        Ok((key, params, origin)) => page(&app, &key, params, origin).await,
        Err(refused) => Err(refused),
    };
    fragment(made.map(|page| page.fragment()))
}

/// Makes the whole page; how many wait is counted for it alone, not for each look at the feed.
async fn whole(app: &App, key: &Key, params: Params, origin: String) -> Result<VerdictsPage, Problem> {
    let mut page = page(app, key, params, origin).await?;
    if page.may_review {
        page.waiting = queue::count(app).await.ok();
    }
    Ok(page)
}

async fn page(app: &App, key: &Key, params: Params, origin: String) -> Result<VerdictsPage, Problem> {
    let (asked, now) = (asked(&params)?, clock::now());
    let may_review = key.scopes.has(Scope::Review);
    let feed = panel(feed(app, key, &asked).await);
    let (rules, _) = app.rulebook.list(now);
    let rules = rules.into_iter().map(|view| view.report.name.to_string()).collect();
    let stored = app.ingest.status().tables.get(Kind::Verdicts.table()).is_some_and(|table| table.rows > 0);
    Ok(VerdictsPage {
        frame: frame(Some(key)),
        now,
        ever_asked: stored || feed.value().is_some_and(|feed| !feed.rows.is_empty()),
        feed,
        waiting: None,
        rules,
        actions: ["signup", "login", "bind", "grant", "generate", "pay", "key_use"].map(str::to_owned).to_vec(),
        may_review,
        origin,
        done: decided::told(app, key, &rows::text(&params, "done")),
        asked,
    })
}

fn asked(params: &Params) -> Result<Asked, Problem> {
    let text = |name: &str| rows::text(params, name);
    let verdict = text("verdict");
    if !verdict.is_empty() && !VERDICTS.contains(&verdict.as_str()) {
        return Err(Problem::invalid("verdict is allow, throttle or block"));
    }
    let limit = limit(params, ROWS_USUAL, ROWS_MAX)?;
    Ok(Asked {
        verdict,
        action: text("action"),
        rule: text("rule"),
        entity: text("entity"),
        since: text("since"),
        limit,
    })
}

/// Reads how many rows are asked for.
pub(super) fn limit(params: &Params, usual: usize, most: usize) -> Result<usize, Problem> {
    let Some(limit) = rows::some_text(params, "limit") else { return Ok(usual) };
    let read = limit.parse().ok().filter(|limit| (1..=most).contains(limit));
    read.ok_or_else(|| Problem::invalid(format!("limit must be from 1 to {most}")))
}

async fn feed(app: &App, key: &Key, asked: &Asked) -> Result<Feed, Problem> {
    let given = [
        ("verdict", &asked.verdict),
        ("action", &asked.action),
        ("rule", &asked.rule),
        ("entity", &asked.entity),
        ("from", &asked.since),
    ];
    let given = given.into_iter().filter(|(_, value)| !value.is_empty());
    let mut params: Params = given.map(|(name, value)| (name.to_owned(), json!(value))).collect();
    // One more than is shown tells whether there are more.
    params.insert("limit".to_owned(), json!(asked.limit + 1));
    let found = ask_stored(app, "verdict_feed", params, &app.tables(key)?, asked.limit).await?;
    Ok(Feed { rows: found.rows.iter().map(|row| to_row(app, row)).collect(), is_truncated: found.is_truncated })
}

fn to_row(app: &App, row: &Row) -> FeedRow {
    let list = |column: &str| reasons::from_text(app, &rows::text(row, column));
    let mut reasons = list("reasons").into_iter();
    let named = |(column, kind): &(&str, &str)| Some(((*kind).to_owned(), rows::some_text(row, column)?));
    FeedRow {
        id: rows::text(row, "id"),
        at: rows::time(row, "at"),
        action: rows::text(row, "action"),
        verdict: rows::text(row, "verdict"),
        step_up: rows::text(row, "step_up"),
        score: rows::count(row, "score"),
        // Whoever has an account, a guest or a device need not be named by workspace and session, too.
        named: NAMED.iter().filter_map(named).take(3).collect(),
        reason: reasons.next(),
        more: reasons.count(),
        shadow: list("shadow").into_iter().next(),
        weight: rows::count(row, "weight"),
    }
}

/// `GET /verdicts/{id}`: one decision.
pub(crate) async fn decision(State(app): State<App>, Named(id): Named, headers: HeaderMap, uri: Uri) -> Response {
    let key = match reviewer(&app, &headers, &uri) {
        Ok(key) => key,
        Err(instead) => return instead,
    };
    match find_decision(&app, &id, Explain::Rows).await {
        Ok(found) => html(StatusCode::OK, decision_page(&app, &key, &found).page()),
        Err(refused) => problem(&key, refused, "/verdicts"),
    }
}

fn decision_page(app: &App, key: &Key, found: &Value) -> DecisionPage {
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
    let list = |name: &str| found[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = |named: &Value| Some((named["entity_kind"].as_str()?.to_owned(), named["entity"].as_str()?.to_owned()));
    DecisionPage {
        frame: frame(Some(key)),
        now: clock::now(),
        id: text("decision_id"),
        at: rows::some_time(found.get("decided_at")).unwrap_or(0),
        action: text("action"),
        verdict: text("verdict"),
        step_up: text("step_up"),
        score: found["score"].as_u64().unwrap_or(0),
        is_degraded: found["degraded"].as_bool().unwrap_or(false),
        named: list("entities").iter().filter_map(named).collect(),
        reasons: list("reasons").iter().map(|reason| reasons::proof(app, reason)).collect(),
        shadow: list("shadow").iter().map(|reason| reasons::proof(app, reason)).collect(),
    }
}
