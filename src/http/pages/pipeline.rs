//! `/pipeline`: Weir watching itself. What changes is read from memory, so that a page may ask every two seconds; refused
//! events are a stored query, asked with the page.

use ::queries::Params;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use dashboards::pipeline::{Gauge, Health, KeyTally, Latency, Pace, Refused, RuleFigures, TableFigures, Unit};
use dashboards::{Panel, PipelinePage};
use ingest::{DatabaseStatus, Kind, Status};
use serde_json::json;

use super::rows::{self, Row};
use super::{fragment, fragment_reader, frame, html, may_query, panel, problem, reader};
use crate::clock;
use crate::control::Key;
use crate::http::error::Problem;
use crate::http::issues::given;
use crate::http::{App, STREAMS_MAX, Weir, ask, overview};
use crate::pace;
use crate::rulebook::RulesStatus;
use crate::verdict::{DECISIONS_WAITING_MAX, LINKED_GUESTS_MAX, REQUEST_IDS_MAX, VerdictStatus};

/// Reasons of refused events that are listed.
const REASONS_MAX: usize = 50;

/// `GET /pipeline`: the page.
pub(crate) async fn pipeline(State(app): State<App>, request: Request) -> Response {
    let key = match reader(&app, request.headers(), request.uri()) {
        Ok(key) => key,
        Err(instead) => return instead,
    };
    let since = match given(&request, &["since"]) {
        Ok(params) => rows::text(&params, "since"),
        Err(refused) => return problem(&key, refused, "/pipeline"),
    };
    let mut page = live(&app, &key).await;
    page.refused = panel(refused(&app, &key, &since).await);
    page.since = since;
    html(StatusCode::OK, page.page())
}

/// `GET /fragments/pipeline`: what changes of the page.
pub(crate) async fn pipeline_fragment(State(app): State<App>, headers: HeaderMap) -> Response {
    let made = match fragment_reader(&app, &headers, may_query, "query") {
        Ok(key) => Ok(live(&app, &key).await.fragment()),
        Err(refused) => Err(refused),
    };
    fragment(made)
}

async fn refused(app: &Weir, key: &Key, since: &str) -> Result<Vec<Refused>, Problem> {
    let mut params = Params::new();
    params.insert("from".to_owned(), json!(if since.is_empty() { "-24h" } else { since }));
    params.insert("limit".to_owned(), json!(REASONS_MAX));
    let found = ask::ask_stored(app, "rejects_by_code", params, &app.tables(key)?, REASONS_MAX).await?;
    Ok(found.rows.iter().map(to_refused).collect())
}

fn to_refused(row: &Row) -> Refused {
    let event = rows::text(row, "event");
    Refused {
        code: rows::text(row, "code"),
        kind: rows::text(row, "kind"),
        key: rows::text(row, "key"),
        count: rows::count(row, "rejects"),
        share: rows::percent(row, "share"),
        last_at: rows::time(row, "last_at"),
        message: rows::text(row, "message"),
        event: serde_json::from_str(&event).map_or(event, |event| rows::json(Some(&event), true)),
    }
}

/// Reads everything that changes.
async fn live(app: &App, key: &Key) -> PipelinePage {
    let now = clock::now();
    let minutes = app.overview.figures(app, key, now).await.minutes;
    let status = app.ingest.status();
    let verdicts = app.verdicts.status();
    let rules = app.rulebook.status();
    PipelinePage {
        frame: frame(Some(key)),
        now,
        started_at: app.started_at,
        state: overview::state(app).0,
        pace: pace(&app.pace.recent()),
        minutes,
        keys: tallies(&status),
        health: health(app, &status, &verdicts, &rules),
        tables: tables(&status),
        gauges: gauges(app, &status, &verdicts),
        rules: RuleFigures {
            rules: rules.rules as u64,
            open_hits: rules.open_hits as u64,
            live: rules
                .live
                .iter()
                .map(|live| (live.rule.to_string(), live.entities as u64, live.state_bytes))
                .collect(),
        },
        since: String::new(),
        refused: Panel::Loading,
    }
}

fn pace(recent: &pace::Recent) -> Pace {
    let latency = |latency: pace::Latency| {
        let pace::Latency { count, p50_ms, p99_ms } = latency;
        Latency { count, p50_ms, p99_ms }
    };
    let both = |(now, all): (Option<pace::Latency>, Option<pace::Latency>)| (now.map(latency), all.map(latency));
    Pace {
        events_per_s: recent.events_per_s,
        span_s: recent.span_s,
        verdicts: both(recent.verdicts),
        commits: both(recent.commits),
    }
}

fn tallies(status: &Status) -> Vec<KeyTally> {
    let mut keys: Vec<&String> = status.outcomes.keys().chain(status.dropped_by_clients.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let tally = |key: &String| {
        let outcomes = status.outcomes.get(key).copied().unwrap_or_default();
        let dropped = status.dropped_by_clients.get(key);
        KeyTally {
            key: key.clone(),
            received: outcomes.received,
            accepted: outcomes.stored,
            duplicate: outcomes.duplicate,
            rejected: outcomes.rejected,
            dropped: dropped.map_or(0, |drops| drops.values().flat_map(|reasons| reasons.values()).sum()),
        }
    };
    keys.into_iter().map(tally).collect()
}

fn tables(status: &Status) -> Vec<TableFigures> {
    let figures = |kind: Kind| {
        let table = status.tables.get(kind.table())?;
        let newest = table.newest.as_ref().and_then(|at| clock::from_json(&json!(at)).ok());
        Some(TableFigures {
            name: kind.table().to_owned(),
            rows: table.rows,
            unflushed: table.unflushed_rows,
            files: table.files,
            bytes: table.bytes,
            newest,
        })
    };
    Kind::ALL.into_iter().filter_map(figures).collect()
}

fn health(app: &Weir, status: &Status, verdicts: &VerdictStatus, rules: &RulesStatus) -> Health {
    let geo = app.enricher.status();
    let problem = |database: DatabaseStatus| database.problem.filter(|_| database.path.is_some());
    Health {
        lost_rows: status.loss.rows,
        lost_bytes: status.loss.bytes,
        torn_bytes: status.torn_bytes,
        wal_failures: status.wal_failures,
        flush_failures: status.flush_failures,
        is_flush_failing: status.flush_failing,
        lost_decisions: verdicts.decisions.lost,
        forgiven: verdicts.limits.evicted_active,
        rule_problems: rules.problems.iter().map(ToString::to_string).collect(),
        cold_rules: rules.live.iter().filter(|live| !live.warm).count() as u64,
        geo_problems: [geo.country, geo.network].into_iter().filter_map(problem).collect(),
    }
}

fn gauges(app: &Weir, status: &Status, verdicts: &VerdictStatus) -> Vec<Gauge> {
    let gauge = |name, (used, max): (u64, u64), unit, when_full, fix| Gauge { name, used, max, unit, when_full, fix };
    let of = |(used, max): (usize, usize)| (used as u64, max as u64);
    let load = app.engine.load();
    let config = &app.config.ingest;
    let streams = (STREAMS_MAX.saturating_sub(app.streams.available_permits()), STREAMS_MAX);
    const SLOWER: &str = "Send more slowly, or give Weir a faster disk: the log waits for it.";
    const QUERIES: &str = "Narrow the range of queries, or raise the limits in [sql] of weir.toml.";
    vec![
        gauge(
            "Log queue",
            (status.queued_bytes, status.queued_bytes_max),
            Unit::Bytes,
            "events are refused with 503",
            SLOWER,
        ),
        gauge(
            "Unflushed bytes",
            (status.unflushed_bytes, config.unflushed_bytes_max),
            Unit::Bytes,
            "events are refused with 503 until buffers are in Parquet",
            "Look at the disk and at flushes; more room is [ingest] unflushed_bytes_max.",
        ),
        gauge(
            "Oldest unflushed event",
            (status.unflushed_age_ms, config.unflushed_age_ms_max),
            Unit::Millis,
            "events are refused with 503 until buffers are in Parquet",
            "Look at the disk and at flushes; more time is [ingest] unflushed_age_ms_max.",
        ),
        gauge(
            "Bodies being read",
            of(app.bodies.memory()),
            Unit::Bytes,
            "large bodies are refused with 503",
            "Send smaller batches, or fewer at once.",
        ),
        gauge(
            "Large bodies to decode",
            of(app.decoders.places()),
            Unit::Count,
            "large bodies are refused with 503",
            "Send smaller batches, or raise [ingest] decoders_queued_max.",
        ),
        gauge(
            "Decisions to record",
            (verdicts.decisions.waiting, DECISIONS_WAITING_MAX as u64),
            Unit::Count,
            "decisions are answered, but not recorded",
            SLOWER,
        ),
        gauge(
            "Entities of rate limits",
            (verdicts.limits.entries, verdicts.limits.entries_max),
            Unit::Count,
            "the idlest are forgotten",
            "Nothing, while only idle ones are forgotten; else limit by fewer kinds of entities in policy.toml.",
        ),
        gauge(
            "Linked guests",
            (verdicts.links as u64, LINKED_GUESTS_MAX as u64),
            Unit::Count,
            "the oldest links are forgotten by verdicts, not by SQL",
            "Nothing: rules and SQL still know them.",
        ),
        gauge(
            "Remembered requests",
            (verdicts.request_ids as u64, REQUEST_IDS_MAX as u64),
            Unit::Count,
            "the oldest are forgotten: a repeat is decided anew",
            "Nothing, unless callers repeat requests after minutes.",
        ),
        gauge(
            "Queries at once",
            of((load.queries, load.queries_max)),
            Unit::Count,
            "more are refused with 429",
            QUERIES,
        ),
        gauge(
            "Memory of queries",
            of((load.reserved_bytes, load.reserved_bytes_max)),
            Unit::Bytes,
            "the query that wants more ends with 507",
            QUERIES,
        ),
        gauge(
            "Memory of the process",
            (load.resident_bytes.unwrap_or(0), load.resident_bytes_max),
            Unit::Bytes,
            "the heaviest query is stopped",
            QUERIES,
        ),
        gauge(
            "Streams of restrictions",
            of(streams),
            Unit::Count,
            "more are refused with 503",
            "Let callers share a stream, or read GET /v1/restrictions.",
        ),
        gauge(
            "Source maps",
            (app.artifacts.figures().bytes, app.config.artifacts.stored_bytes_max),
            Unit::Bytes,
            "uploads are refused with 507",
            "Raise [artifacts] stored_bytes_max, or keep them for fewer days.",
        ),
    ]
}
