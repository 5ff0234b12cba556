//! `/issues`: the list, and what is decided from it.

use std::collections::HashMap;

use ::queries::Params;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use dashboards::issues::{Asked, Decided, Done, IssueList, IssueRow, IssueState, ROWS_MAX, ROWS_USUAL, Tab};
use dashboards::trend::Buckets;
use dashboards::{IssuesPage, Panel, address, local_path};
use ingest::{Kind, Purpose};
use serde_json::json;

use super::rows::{self, Row};
use super::{Form, carry_out, field, fields, forbidden, frame, html, origin, panel, problem, reader, reason, reviewed};
use crate::clock;
use crate::control::{By, Key, Scope};
use crate::http::App;
use crate::http::error::Problem;
use crate::http::issues::{Asker, given};
use crate::issues::{Decision, IssueState as Stored, ReviewError, Status};

/// Issues that are decided about at once.
const DECIDED_MAX: usize = ROWS_MAX;
/// Issues that the notice about a decision can open again: more would not fit into an address.
const NAMED_MAX: usize = 100;
/// The parameters of the list's address.
const KNOWN: [&str; 9] = ["tab", "q", "release", "environment", "since", "sort", "limit", "done", "issues"];

/// `GET /issues`: the list.
pub(crate) async fn issues(State(app): State<App>, request: Request) -> Response {
    let key = match reader(&app, request.headers(), request.uri()) {
        Ok(key) => key,
        Err(instead) => return instead,
    };
    if !key.purposes.has(Purpose::Reliability) {
        return forbidden(&key, "query and the purpose reliability");
    }
    let (asked, done) = match given(&request, &KNOWN).and_then(|params| read(&params)) {
        Ok(read) => read,
        Err(refused) => return problem(&key, refused, "/issues"),
    };
    let found = find(&app, &key, &asked).await;
    let page = IssuesPage {
        frame: frame(Some(&key)),
        now: clock::now(),
        may_decide: key.scopes.has(Scope::Review),
        ever_received: app.ingest.status().tables.get(Kind::Errors.table()).is_some_and(|table| table.rows > 0),
        origin: origin(request.headers()),
        list: found.list,
        counts: found.counts,
        releases: found.releases,
        environments: found.environments,
        asked,
        done,
    };
    html(StatusCode::OK, page.page())
}

/// What the page shows beside what it was asked for.
struct Shown {
    list: Panel<IssueList>,
    counts: Vec<(IssueState, u64)>,
    releases: Vec<String>,
    environments: Vec<String>,
}

fn read(params: &Params) -> Result<(Asked, Option<Done>), Problem> {
    let text = |name: &str| rows::text(params, name);
    let tab = Tab::parse(&text("tab"))
        .ok_or_else(|| Problem::invalid("tab is new, regressed, ongoing, resolved, ignored or all"))?;
    let limit = match rows::some_text(params, "limit") {
        None => ROWS_USUAL,
        Some(limit) => limit
            .parse()
            .ok()
            .filter(|limit| (1..=ROWS_MAX).contains(limit))
            .ok_or_else(|| Problem::invalid(format!("limit must be from 1 to {ROWS_MAX}")))?,
    };
    let done = Decided::parse(&text("done")).map(|state| {
        let issues = text("issues");
        Done { state, issues: issues.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect() }
    });
    let asked = Asked {
        tab,
        q: text("q"),
        release: text("release"),
        environment: text("environment"),
        since: text("since"),
        sort: text("sort"),
        limit,
    };
    Ok((asked, done))
}

/// Asks for everything of the page. What is beside the rows may be missing: the rows are what one came for.
async fn find(app: &App, key: &Key, asked: &Asked) -> Shown {
    let failed = |refused: Problem| Shown {
        list: Panel::Failed(reason(refused)),
        counts: Vec::new(),
        releases: Vec::new(),
        environments: Vec::new(),
    };
    let asker = match Asker::new(app, key).await {
        Ok(asker) => asker,
        Err(refused) => return failed(refused),
    };
    let filters = filters(asked);
    let beside = async {
        let counts = asker.ask("issue_counts", filters.clone(), IssueState::ALL.len()).await;
        let mut ranged = filters.clone();
        ranged.retain(|name, _| name == "since");
        (counts, asker.ask("error_releases", ranged, ROWS_MAX).await)
    };
    let (list, (counts, sources)) = tokio::join!(list(&asker, asked, &filters), beside);
    let list = panel(list);
    let counts = counts.map(|found| found.rows).unwrap_or_default();
    let counted = |row: &Row| Some((IssueState::parse(&rows::text(row, "state"))?, rows::count(row, "issues")));
    let mut counts: Vec<(IssueState, u64)> = counts.iter().filter_map(counted).collect();
    if counts.is_empty() && list.value().is_some_and(|list| list.rows.is_empty()) {
        counts = IssueState::ALL.map(|state| (state, 0)).to_vec();
    }
    let sources = sources.map(|found| found.rows).unwrap_or_default();
    Shown { list, counts, releases: releases(&sources), environments: distinct(&sources, "environment") }
}

/// The parameters that narrow every query of the page alike.
fn filters(asked: &Asked) -> Params {
    let given =
        [("q", &asked.q), ("release", &asked.release), ("environment", &asked.environment), ("since", &asked.since)];
    given
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect()
}

async fn list(asker: &Asker<'_>, asked: &Asked, filters: &Params) -> Result<IssueList, Problem> {
    let mut params = filters.clone();
    match asked.tab {
        Tab::Open => drop(params.insert("status".to_owned(), json!("open"))),
        Tab::Of(state) => drop(params.insert("state".to_owned(), json!(state.name()))),
        Tab::All => {}
    }
    if !asked.sort.is_empty() {
        params.insert("sort".to_owned(), json!(asked.sort));
    }
    let found = asker.ask("issues", params, asked.limit).await?;
    let now = clock::now();
    let buckets = Buckets::new(asker.since(filters)?, now);
    let mut rows: Vec<IssueRow> = found.rows.iter().map(|row| to_row(asker.app, row, now)).collect();
    let no_trend = match rows.is_empty() {
        true => None,
        false => draw(asker, &mut rows, buckets, filters.clone()).await.err().map(reason),
    };
    Ok(IssueList { rows, is_truncated: found.is_truncated, buckets, no_trend })
}

/// Gives each row its errors over time: one query for all.
async fn draw(asker: &Asker<'_>, rows: &mut [IssueRow], buckets: Buckets, mut params: Params) -> Result<(), Problem> {
    const POINTS_MAX: usize = 100_000;
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    params.insert("issues".to_owned(), json!(ids.join(",")));
    params.insert("bucket".to_owned(), json!(buckets.interval()));
    let points = asker.ask("issues_trend", params, POINTS_MAX).await?.rows;
    let mut by_issue: HashMap<String, Vec<(i64, u64)>> = HashMap::new();
    for point in &points {
        let counted = (rows::time(point, "bucket"), rows::count(point, "errors"));
        by_issue.entry(rows::text(point, "issue_id")).or_default().push(counted);
    }
    for row in rows {
        row.trend = by_issue.remove(&row.id).unwrap_or_default();
    }
    Ok(())
}

fn to_row(app: &App, row: &Row, now: i64) -> IssueRow {
    let id = rows::text(row, "issue_id");
    let decision = app.issues.state_of(&id).map(|stored| decision_words(&stored, now)).unwrap_or_default();
    IssueRow {
        kind: rows::text(row, "type"),
        message: rows::text(row, "message"),
        culprit: rows::text(row, "culprit"),
        level: rows::text(row, "level"),
        state: state(row),
        decision,
        events: rows::count(row, "events"),
        unhandled: rows::count(row, "unhandled"),
        people: rows::count(row, "people"),
        seen: (rows::time(row, "first_seen"), rows::time(row, "last_seen")),
        releases: (rows::some_text(row, "first_release"), rows::some_text(row, "last_release")),
        trend: Vec::new(),
        id,
    }
}

/// Reads the state of a row of `issues`.
pub(super) fn state(row: &Row) -> IssueState {
    IssueState::parse(&rows::text(row, "state")).unwrap_or(IssueState::Ongoing)
}

/// Says in a few words what was decided.
fn decision_words(stored: &Stored, now: i64) -> String {
    match (stored.status_at(now), &stored.in_release, &stored.after_release, stored.until, stored.until_events) {
        (Status::Resolved, Some(release), ..) => format!("in {release}"),
        (Status::Resolved, _, Some(release), ..) => format!("after {release}"),
        (Status::Ignored, _, _, Some(until), _) => format!("until {}", dashboards::moment::day(&until)),
        (Status::Ignored, _, _, _, Some(events)) => format!("{} of {events} errors", stored.events_since),
        _ => String::new(),
    }
}

/// Lists the releases of rows of `error_releases`, the newest first: by when the first error of each came, in whatever
/// environment.
pub(super) fn releases(found: &[Row]) -> Vec<String> {
    let mut first_seen: HashMap<String, i64> = HashMap::new();
    for row in found {
        let at = rows::time(row, "first_seen");
        if let Some(release) = rows::some_text(row, "release") {
            first_seen.entry(release).and_modify(|first| *first = at.min(*first)).or_insert(at);
        }
    }
    let mut releases: Vec<(String, i64)> = first_seen.into_iter().collect();
    releases.sort_by(|(one, one_at), (other, other_at)| other_at.cmp(one_at).then_with(|| one.cmp(other)));
    releases.into_iter().map(|(release, _)| release).collect()
}

/// Lists the values of a column, each once, in the order of the rows.
fn distinct(found: &[Row], column: &str) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for value in found.iter().filter_map(|row| rows::some_text(row, column)) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

/// `POST /issues/decide`: resolves, ignores or opens the issues that are selected.
pub(crate) async fn decide(State(app): State<App>, request: Request) -> Response {
    let (key, form) = match reviewed::<Form>(&app, request).await {
        Ok(reviewed) => reviewed,
        Err(instead) => return instead,
    };
    let back = list_address(field(&form, "back"));
    let issues = fields(&form, "issue");
    let decided = match Decided::parse(field(&form, "action")) {
        Some(decided) if (1..=DECIDED_MAX).contains(&issues.len()) => decided,
        Some(_) => return problem(&key, Problem::invalid(format!("select 1 to {DECIDED_MAX} issues first")), &back),
        None => return problem(&key, Problem::invalid("an issue is resolved, ignored or opened"), &back),
    };
    let status = status_of(decided);
    let actor = key.name.clone();
    let work = async move {
        let mut named = Vec::new();
        for issue in issues {
            let by = By { actor: &actor, at: clock::now() };
            match app.issues.decide(&app.ingest, &issue, Decision { status, ..Decision::default() }, by).await {
                Ok(_) => named.push(issue),
                // Somebody merged it meanwhile: the others are decided about none the less.
                Err(ReviewError::Unknown(_)) => {}
                Err(refused) => return Err(refused),
            }
        }
        if named.is_empty() {
            Err(ReviewError::Invalid("none of these issues is there any longer".into()))
        } else {
            Ok(named)
        }
    };
    let told = |named: Vec<String>| told(&back, decided, &named[..named.len().min(NAMED_MAX)].join(","));
    carry_out(&key, &back, work, told).await
}

/// Returns what is decided by a button.
pub(super) fn status_of(decided: Decided) -> Status {
    match decided {
        Decided::Resolved => Status::Resolved,
        Decided::Ignored => Status::Ignored,
        Decided::Opened => Status::Open,
    }
}

/// Returns the address to go back to, if it is one of the list.
fn list_address(back: &str) -> String {
    let is_list = back == "/issues" || back.starts_with("/issues?");
    if is_list { local_path(back).to_owned() } else { "/issues".to_owned() }
}

/// Adds to an address what was just done.
fn told(back: &str, decided: Decided, issues: &str) -> String {
    let told = address::with_parameters("", [("done", decided.name()), ("issues", issues)]);
    if back.contains('?') { format!("{back}&{}", &told[1..]) } else { format!("{back}{told}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_back_to_the_list_alone_and_is_told_what_was_done() {
        let back = |text: &str| told(&list_address(text), Decided::Ignored, "iss_1,iss_2");
        assert_eq!(back("/issues?tab=new"), "/issues?tab=new&done=ignore&issues=iss_1%2Ciss_2");
        for foreign in ["//evil.example", "/issuesx", "https://evil.example/issues?", ""] {
            assert_eq!(back(foreign), "/issues?done=ignore&issues=iss_1%2Ciss_2", "{foreign}");
        }
    }

    #[test]
    fn the_newest_release_is_the_one_whose_first_error_came_last_anywhere() {
        let row = |release: &str, environment: &str, day: u8| {
            let at = format!("2026-11-{day:02}T00:00:00Z");
            let row = json!({"release": release, "environment": environment, "first_seen": at});
            row.as_object().unwrap().clone()
        };
        let found = [row("2.4.0", "staging", 27), row("2.4.1", "production", 23), row("2.4.0", "production", 20)];
        assert_eq!(releases(&found), ["2.4.1", "2.4.0"], "an old release that reaches staging late is old");
    }

    #[test]
    fn what_was_decided_is_told_in_a_few_words() {
        let words = |stored: Stored| decision_words(&stored, 10);
        let resolved = Stored { status: Status::Resolved, ..Stored::default() };
        assert_eq!(words(Stored { in_release: Some("2".into()), ..resolved.clone() }), "in 2");
        assert_eq!(words(Stored { after_release: Some("2".into()), ..resolved.clone() }), "after 2");
        assert_eq!(words(resolved), "");
        let ignored = Stored { status: Status::Ignored, until_events: Some(5), events_since: 3, ..Stored::default() };
        assert_eq!(words(ignored.clone()), "3 of 5 errors");
        assert_eq!(words(Stored { until: Some(9), ..ignored }), "", "the time is over");
    }
}
