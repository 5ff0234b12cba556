//! `POST /v1/rules/{id}/backtest`: what a rule, or a draft of it, would have found; progress line by line, then the result.

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::address::Named;
use super::auth::{Authorized, Review};
use super::error::Problem;
use super::rules::unknown;
use super::{App, blocking};
use crate::backtest::{Range, Report, Work};
use crate::clock;
use crate::control::StoredBacktest;

const BODY_BYTES_MAX: usize = 128 << 10;
const DAY_US: i64 = 86_400_000_000;
const DAYS_DEFAULT: i64 = 30;

/// The body of `POST /v1/rules/{id}/backtest`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// The first time: RFC 3339 or epoch milliseconds; 30 days before `to` if it is left out.
    #[schema(value_type = Option<String>)]
    from: Option<Value>,
    /// The last time; now if it is left out or in the future.
    #[schema(value_type = Option<String>)]
    to: Option<Value>,
    /// The step of the series, such as `1h`. It shapes the series only.
    step: Option<String>,
    /// A draft to test in the place of the rule's text.
    sql: Option<String>,
}

/// Runs a backtest.
#[utoipa::path(post, path = "/v1/rules/{id}/backtest", tag = "rules", summary = "What a rule would have found",
    request_body = Wanted, params(("id" = String, Path)),
    responses((status = 200, content_type = "application/x-ndjson", description = "Lines {\"progress\":{done,total}}, then \
        {\"result\":{backtest_id, rule, version, approximate, entities, hits, series, decisions_changed, labels, credits, \
        overlap, neighbours}} or {\"error\":message}. Disconnecting cancels"),
        (status = 400, description = "A text that is no rule, with its line; a range or step that is none"),
        (status = 404, description = "No such rule, and no draft"), (status = 503, description = "Too many run already")))]
pub(crate) async fn run(
    auth: Authorized<Review>,
    State(app): State<App>,
    Named(id): Named,
    body: Body,
) -> Result<Response, Problem> {
    let wanted: Wanted = app.bodies.read_json(body, BODY_BYTES_MAX).await?;
    let range = wanted.range(clock::now())?;
    let rule = match (&wanted.sql, app.rulebook.get(&id)) {
        (None, None) => return Err(unknown(&id)),
        (None, Some((rule, _))) => rule,
        (Some(sql), _) => {
            let (rulebook, id, sql) = (app.rulebook.clone(), id.clone(), sql.clone());
            let draft = blocking(move || rulebook.draft(&id, &sql)).await?;
            draft?
        }
    };
    // Who may review sees what rules see, whatever the purposes of the key's SQL.
    let tables = app.tables_for(|_| true)?;
    let work = {
        let app = app.clone();
        blocking(move || Work::new(rule, app.rulebook.compiler(), range, app.engine.clone(), tables)).await?
    };
    let (rulebook, made_by) = (app.rulebook.clone(), auth.key.name.to_string());
    let keep = move |report: &Report| {
        let kept = StoredBacktest {
            id: report.backtest_id.clone(),
            rule: report.rule.clone(),
            version: report.version.clone(),
            approximate: report.approximate,
            range: report.range(),
            made_by,
            made_at: clock::now(),
            report: report.summary().to_string(),
        };
        rulebook.keep_backtest(&kept).map_err(|error| format!("the backtest could not be kept: {error}"))
    };
    let lines = app.backtests.start(work, keep).map_err(|error| {
        tracing::warn!(%error, "a backtest was refused");
        Problem::Overloaded { what: "too many backtests are running", retry_after_ms: 5_000 }
    })?;
    let lines = futures::stream::unfold(lines, |mut lines| async move { Some((lines.recv().await?, lines)) });
    let bytes = lines.map(|line| {
        serde_json::to_vec(&line).map(|mut bytes| {
            bytes.push(b'\n');
            bytes
        })
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(bytes)).into_response())
}

impl Wanted {
    fn range(&self, now: i64) -> Result<Range, Problem> {
        let time = |name: &str, value: &Option<Value>| {
            let read = value.as_ref().map(clock::from_json).transpose();
            read.map_err(|error| Problem::invalid(format!("`{name}`: {error}")))
        };
        let to = time("to", &self.to)?.unwrap_or(now).min(now);
        let from = time("from", &self.from)?.unwrap_or(to - DAYS_DEFAULT * DAY_US);
        if from > to {
            return Err(Problem::invalid("`from` must not be after `to`"));
        }
        let step_us = match &self.step {
            Some(step) => {
                Some(::queries::rules::parse_duration_us(step).filter(|us| *us >= 1_000_000).ok_or_else(|| {
                    Problem::invalid(format!("`step`: {step:?} is no duration of at least 1s, such as `10s` or `1h`"))
                })?)
            }
            None => None,
        };
        Ok(Range { from, to, step_us })
    }
}
