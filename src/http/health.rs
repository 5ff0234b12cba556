//! Whether the process is alive, whether it is ready, and its metrics: what supervisors and monitors ask.

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use ingest::Recovery;
use serde_json::json;

use super::auth::{AnyKey, Authorized};
use super::error::Problem;
use super::{App, Weir};
use crate::clock;

/// A body that a health check may bring, bytes.
const DRAINED_BYTES_MAX: usize = 1 << 20;

/// Says that the process is alive.
#[utoipa::path(get, path = "/healthz", tag = "operations", summary = "Alive",
    responses((status = 200, description = "The process is alive")))]
pub(crate) async fn alive() -> Response {
    super::json(&json!({"status": "ok"}))
}

/// Says that the process is alive after reading the body: some monitors post one.
#[utoipa::path(post, path = "/healthz", tag = "operations", summary = "Alive; drains a body",
    responses((status = 200, description = "The process is alive")))]
pub(crate) async fn alive_after_body(State(app): State<App>, body: Body) -> Result<Response, Problem> {
    app.bodies.read(body, DRAINED_BYTES_MAX).await?;
    Ok(super::json(&json!({"status": "ok"})))
}

/// Says whether events are taken and queries see everything.
#[utoipa::path(get, path = "/readyz", tag = "operations", summary = "Ready",
    responses((status = 200, description = "Events are taken and queries see everything"),
        (status = 503, description = "Replaying, with progress; rules reading their history (10 s at most); or storage failed")))]
pub(crate) async fn ready(State(app): State<App>) -> Response {
    match app.ingest.recovery() {
        Recovery::Ready if !app.rulebook.is_ready(clock::now()) => {
            unready("not_ready", "the rules are reading their history", &serde_json::Value::Null)
        }
        Recovery::Ready => super::json(&json!({"ready": true, "rules_warm": app.rulebook.is_warm()})),
        Recovery::Replaying { bytes_done, bytes_total } => {
            let progress = json!({"bytes_done": bytes_done, "bytes_total": bytes_total});
            let message = format!("the log is being replayed: {bytes_done} of {bytes_total} bytes");
            unready("not_ready", &message, &progress)
        }
        Recovery::Failed(why) => {
            tracing::debug!(why, "Asked for readiness after storage failed");
            unready("storage_failed", "storage failed; the log tells why", &serde_json::Value::Null)
        }
    }
}

fn unready(code: &str, message: &str, progress: &serde_json::Value) -> Response {
    let body = json!({"ready": false, "progress": progress, "error": {"code": code, "message": message, "hint": null}});
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::RETRY_AFTER, "1")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, body.to_string()).into_response()
}

/// Shows the metrics in Prometheus' text form.
#[utoipa::path(get, path = "/metrics", tag = "operations", summary = "Metrics for Prometheus",
    responses((status = 200, description = "Prometheus text format", content_type = "text/plain")))]
pub(crate) async fn metrics(_auth: Authorized<AnyKey>, State(app): State<App>) -> Response {
    gauge_storage(&app);
    let text = app.metrics.render();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// Storage keeps its own numbers; they are read when somebody looks.
#[expect(clippy::cast_precision_loss, reason = "gauges are floats; the counts are far below 2^52")]
fn gauge_storage(app: &Weir) {
    let status = app.ingest.status();
    for (table, state) in &status.tables {
        metrics::gauge!("weir_table_rows", "table" => *table).set(state.rows as f64);
        metrics::gauge!("weir_table_files", "table" => *table).set(state.files as f64);
        metrics::gauge!("weir_table_bytes", "table" => *table).set(state.bytes as f64);
        metrics::gauge!("weir_table_unflushed_rows", "table" => *table).set(state.unflushed_rows as f64);
    }
    for (key, tally) in &status.outcomes {
        for (outcome, count) in [("stored", tally.stored), ("duplicate", tally.duplicate), ("rejected", tally.rejected)]
        {
            metrics::counter!("weir_key_events_total", "key" => key.clone(), "outcome" => outcome).absolute(count);
        }
    }
    metrics::gauge!("weir_unflushed_bytes").set(status.unflushed_bytes as f64);
    metrics::gauge!("weir_unflushed_age_seconds").set(status.unflushed_age_ms as f64 / 1_000.0);
    metrics::counter!("weir_lost_rows_total").absolute(status.loss.rows);
    metrics::counter!("weir_lost_bytes_total").absolute(status.loss.bytes);
    metrics::counter!("weir_wal_failures_total").absolute(status.wal_failures);
    metrics::counter!("weir_flush_failures_total").absolute(status.flush_failures);
    metrics::gauge!("weir_open_hits").set(app.rulebook.hits().len() as f64);
    let artifacts = app.artifacts.figures();
    metrics::gauge!("weir_source_map_bundles").set(artifacts.bundles as f64);
    metrics::gauge!("weir_source_map_bytes").set(artifacts.bytes as f64);
}

/// Says what the metrics above mean; called once.
pub(crate) fn describe_metrics() {
    metrics::describe_counter!("weir_events_total", "Events by what became of them");
    metrics::describe_histogram!(
        "weir_log_commit_seconds",
        metrics::Unit::Seconds,
        "Time to make a commit group durable"
    );
    metrics::describe_histogram!("weir_log_commit_rows", "Rows of a commit group");
    metrics::describe_histogram!(
        "weir_flush_seconds",
        metrics::Unit::Seconds,
        "Time to settle an epoch into its tables"
    );
    metrics::describe_histogram!("weir_table_commit_seconds", metrics::Unit::Seconds, "Time of a Delta commit");
    metrics::describe_gauge!("weir_table_rows", "Rows of a table: in files and unflushed");
    metrics::describe_gauge!("weir_table_files", "Data files of a table");
    metrics::describe_gauge!("weir_table_bytes", metrics::Unit::Bytes, "Size of a table's data files");
    metrics::describe_gauge!("weir_table_unflushed_rows", "Rows of a table that are in the log but in no file yet");
    metrics::describe_counter!("weir_key_events_total", "Events by the key that sent them and what became of them");
    metrics::describe_gauge!("weir_unflushed_bytes", metrics::Unit::Bytes, "Unflushed rows in memory");
    metrics::describe_gauge!("weir_unflushed_age_seconds", metrics::Unit::Seconds, "Age of the oldest unflushed row");
    metrics::describe_counter!("weir_lost_rows_total", "Acknowledged rows that damage destroyed; must stay 0");
    metrics::describe_counter!(
        "weir_lost_bytes_total",
        metrics::Unit::Bytes,
        "Damaged bytes of the log, kept in quarantine"
    );
    metrics::describe_counter!("weir_wal_failures_total", "Commit groups that could not be made durable");
    metrics::describe_counter!("weir_flush_failures_total", "Flushes that failed and were tried again");
    metrics::describe_gauge!("weir_open_hits", "Hits that are open");
    super::sdk::describe_metrics();
    super::artifacts::describe_metrics();
    metrics::describe_counter!("weir_http_responses_total", "HTTP answers by class of status");
    metrics::describe_gauge!("weir_http_connections", "HTTP connections that are open");
}
