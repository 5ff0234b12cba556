//! `GET /v1/status`: everything an operator asks of a running Weir, in one answer.

use axum::extract::State;
use axum::response::Response;
use ingest::Recovery;
use serde::Serialize;

use super::auth::{Authorized, Query};
use super::{App, Weir, json};
use crate::clock;
use crate::verdict::VerdictStatus;

#[derive(Serialize)]
struct Status<'a> {
    version: &'static str,
    started_at: String,
    uptime_s: i64,
    ready: bool,
    recovery: Progress,
    #[serde(flatten)]
    storage: ingest::Status,
    geo: ingest::EnricherStatus,
    verdicts: VerdictStatus,
    rules: &'a crate::rulebook::RulesStatus,
}

#[derive(Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Progress {
    Replaying { bytes_done: u64, bytes_total: u64 },
    Ready,
    Failed,
}

/// Shows the state of everything.
#[utoipa::path(get, path = "/v1/status", tag = "operations", summary = "State of tables, keys, rules and verdicts",
    responses((status = 200, description = "Per table: rows, files, bytes, oldest and newest, unflushed; per key: the \
        outcome ledger, and what its clients say that they dropped; dedupe, loss, geo databases, rules, verdicts, version and uptime")))]
pub(crate) async fn show(_auth: Authorized<Query>, State(app): State<App>) -> Response {
    let rules = app.rulebook.status();
    json(&status(&app, &rules, clock::now()))
}

fn status<'a>(app: &Weir, rules: &'a crate::rulebook::RulesStatus, now: i64) -> Status<'a> {
    let recovery = match app.ingest.recovery() {
        Recovery::Replaying { bytes_done, bytes_total } => Progress::Replaying { bytes_done, bytes_total },
        Recovery::Ready => Progress::Ready,
        Recovery::Failed(_) => Progress::Failed,
    };
    Status {
        version: env!("CARGO_PKG_VERSION"),
        started_at: clock::rfc3339(app.started_at),
        uptime_s: (now - app.started_at) / 1_000_000,
        ready: matches!(recovery, Progress::Ready),
        recovery,
        storage: app.ingest.status(),
        geo: app.enricher.status(),
        verdicts: app.verdicts.status(),
        rules,
    }
}
