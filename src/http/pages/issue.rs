//! `/issues/{id}`: one issue, its parts, and what is done about it.

mod found;
mod review;

use std::sync::Arc;

use ::queries::Params;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use dashboards::issue::{Asked, Done, IssuePage, Part, Samples, Trend};
use dashboards::trend::Buckets;
use dashboards::{IssuePartPage, SampleEventPage};
use ingest::Purpose;
use serde_json::json;

pub(crate) use review::{decide, merge, split};

use super::issues::releases;
use super::rows::{self, Row};
use super::{forbidden, fragment, fragment_reader, frame, html, may_query, panel, problem, reader, reason};
use crate::clock;
use crate::control::{Key, Scope};
use crate::http::address::Named;
use crate::http::error::Problem;
use crate::http::issues::{Asker, given, of_issue};
use crate::http::{App, stack};

/// Events in the list of a page.
const SAMPLES: usize = 20;
/// Rows of what is small.
const ROWS_MAX: usize = 1_000;
/// Points of a chart: the query's own limit.
const POINTS_MAX: usize = 10_000;
/// The parameters of the page's address.
const KNOWN: [&str; 7] = ["since", "event", "before", "release", "environment", "parts", "done"];

/// `GET /issues/{id}`: the page.
pub(crate) async fn issue(State(app): State<App>, Named(id): Named, request: Request) -> Response {
    let key = match reader(&app, request.headers(), request.uri()) {
        Ok(key) => key,
        Err(instead) => return instead,
    };
    if !sees_errors(&key) {
        return forbidden(&key, "query and the purposes reliability and product");
    }
    let params = match given(&request, &KNOWN) {
        Ok(params) => params,
        Err(refused) => return problem(&key, refused, "/issues"),
    };
    match page(&app, &key, asked(&params, id), Done::parse(&rows::text(&params, "done"))).await {
        Ok(page) => html(StatusCode::OK, page.page()),
        Err(refused) => problem(&key, refused, "/issues"),
    }
}

/// Tells whether a key sees what errors are and what clients told with them.
fn sees_errors(key: &Key) -> bool {
    key.purposes.has(Purpose::Reliability) && key.purposes.has(Purpose::Product)
}

fn asked(params: &Params, id: String) -> Asked {
    let text = |name: &str| rows::text(params, name);
    Asked {
        id,
        since: text("since"),
        event: text("event"),
        before: text("before"),
        release: text("release"),
        environment: text("environment"),
        is_whole: text("parts") == "all",
    }
}

/// The parameters of every query about the issue.
fn params(asked: &Asked) -> Params {
    let mut params = of_issue(Params::new(), &asked.id);
    if !asked.since.is_empty() {
        params.insert("since".to_owned(), json!(asked.since));
    }
    params
}

async fn page(app: &App, key: &Key, asked: Asked, done: Option<Done>) -> Result<IssuePage, Problem> {
    let asker = Asker::new(app, key).await?;
    let of_it = params(&asked);
    let Some(row) = asker.ask("issues", of_it.clone(), 1).await?.rows.pop() else {
        let words = format!(
            "no error of the issue {} was received in the {}; it may be older, have been merged into another, or never have been",
            asked.id,
            asked.range()
        );
        return Err(Problem::not_found(words));
    };
    let now = clock::now();
    let buckets = Buckets::new(asker.since(&of_it)?, now);
    // Two at a time: the engine runs a few queries at once, for everybody.
    let (trend, samples) = tokio::join!(trend(&asker, of_it.clone(), buckets), samples(&asker, &asked));
    let (event, newest) = tokio::join!(event(&asker, &asked), newest_release(&asker));
    let mut parts: Vec<Part> = Part::NAMES.into_iter().filter_map(Part::loading).collect();
    if asked.is_whole {
        for part in &mut parts {
            *part = found::part(&asker, part.name(), &of_it).await?;
        }
    }
    Ok(IssuePage {
        frame: frame(Some(key)),
        now,
        issue: found::issue(app, &row, &asked.id, now),
        newest_release: newest,
        may_decide: key.scopes.has(Scope::Review),
        trend: panel(trend),
        event: panel(event),
        samples: panel(samples),
        parts,
        done,
        asked,
    })
}

async fn trend(asker: &Asker<'_>, mut params: Params, buckets: Buckets) -> Result<Trend, Problem> {
    params.insert("bucket".to_owned(), json!(buckets.interval()));
    let points = asker.ask("issue_releases", params, POINTS_MAX).await?.rows;
    let point = |row: &Row| (rows::time(row, "bucket"), rows::text(row, "release"), rows::count(row, "errors"));
    Ok(Trend { buckets, counts: points.iter().map(point).collect() })
}

async fn samples(asker: &Asker<'_>, asked: &Asked) -> Result<Samples, Problem> {
    let mut params = params(asked);
    for (name, value) in [("before", &asked.before), ("release", &asked.release), ("environment", &asked.environment)] {
        if !value.is_empty() {
            params.insert(name.to_owned(), json!(value));
        }
    }
    let found = asker.ask("issue_events", params, SAMPLES).await?;
    Ok(Samples { rows: found.rows.iter().map(found::sample).collect(), has_more: found.is_truncated })
}

/// Returns the error whose stack is shown: the one that is named, else the newest.
async fn event(asker: &Asker<'_>, asked: &Asked) -> Result<Option<dashboards::issue::Event>, Problem> {
    let mut params = params(asked);
    if !asked.event.is_empty() {
        params.insert("event".to_owned(), json!(asked.event));
    }
    match asker.newest(params).await? {
        None => Ok(None),
        Some(row) => Ok(Some(with_stack(asker, row).await)),
    }
}

async fn with_stack(asker: &Asker<'_>, row: Row) -> dashboards::issue::Event {
    let frames = stack::resolved(asker.app, asker.key, &rows::text(&row, "event_id")).await;
    found::event(row, frames.map(|(_, frames)| frames).map_err(reason))
}

/// Returns the release that was first seen last, of those errors came from.
async fn newest_release(asker: &Asker<'_>) -> Option<String> {
    let found = asker.ask("error_releases", Params::new(), ROWS_MAX).await.ok()?;
    releases(&found.rows).into_iter().next()
}

/// `GET /fragments/issues/{id}/{part}`: a part of the page.
pub(crate) async fn issue_part(
    State(app): State<App>,
    Named((id, part)): Named<(String, String)>,
    request: Request,
) -> Response {
    let read = || -> Result<_, Problem> {
        let key = piece_reader(&app, request.headers())?;
        Ok((key, asked(&given(&request, &["since"])?, id)))
    };
    let made = match read() {
        Ok((key, asked)) => part_page(&app, &key, asked, &part).await,
        Err(refused) => Err(refused),
    };
    fragment(made.map(|page| page.fragment()))
}

async fn part_page(app: &App, key: &Key, asked: Asked, part: &str) -> Result<IssuePartPage, Problem> {
    let asker = Asker::new(app, key).await?;
    let part = found::part(&asker, part, &params(&asked)).await?;
    Ok(IssuePartPage { now: clock::now(), asked, may_decide: key.scopes.has(Scope::Review), part })
}

/// `GET /fragments/issues/{id}/events/{event_id}`: one error of the issue.
pub(crate) async fn issue_event(
    State(app): State<App>,
    Named((id, event)): Named<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let made = match piece_reader(&app, &headers) {
        Ok(key) => event_page(&app, &key, Asked { id, event, ..Asked::default() }).await,
        Err(refused) => Err(refused),
    };
    fragment(made.map(|page| page.fragment()))
}

async fn event_page(app: &App, key: &Key, asked: Asked) -> Result<SampleEventPage, Problem> {
    let event = event(&Asker::new(app, key).await?, &asked).await?;
    event
        .map(|event| SampleEventPage { event })
        .ok_or_else(|| Problem::not_found("there is no such error of this issue"))
}

/// Returns the key of whoever asks for a piece of the page.
fn piece_reader(app: &App, headers: &HeaderMap) -> Result<Arc<Key>, Problem> {
    let may_see = |key: &Key| may_query(key) && sees_errors(key);
    fragment_reader(app, headers, may_see, "query and the purposes reliability and product")
}
