//! What the overview shows, asked by SQL with the signed-in key's own view of the tables.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use axum::http::{HeaderMap, header};
use dashboards::{MinuteBar, OverviewPage, Panel, Readiness, RejectRow, Rejects, StateStrip, VerdictCounts};
use ingest::{Kind, Recovery};
use ::queries::Params;
use serde_json::Value;

use super::{Weir, pages};
use crate::clock;
use crate::control::Key;

const RANGE_US: i64 = 3_600_000_000;

const MINUTES: &str = "
select date_trunc('minute', received_at) as minute, count(*) as events,
    sum(case when kind = 'errors' then 1 else 0 end) as errors
from (
    select received_at, 'usage' as kind from usage where received_at >= $from
    union all select received_at, 'errors' as kind from errors where received_at >= $from
    union all select received_at, 'devices' as kind from devices where received_at >= $from
    union all select received_at, 'logs' as kind from logs where received_at >= $from
    union all select received_at, 'credits' as kind from credits where received_at >= $from
    union all select received_at, 'payments' as kind from payments where received_at >= $from
    union all select received_at, 'identities' as kind from identities where received_at >= $from
) as events
group by date_trunc('minute', received_at)
order by minute
limit 100";

const VERDICTS: &str = "
select verdict, cast(sum(weight) as bigint) as decisions
from verdicts
where received_at >= $from
group by verdict
order by verdict
limit 10";

const REJECTS: &str = "
select received_at, key, code, message
from rejects
where received_at >= $from
order by received_at desc
limit 10";

const REJECTS_TOTAL: &str = "select count(*) as total from rejects where received_at >= $from";

/// Fills the overview in. A part that cannot be answered says so in its place; the others show.
pub(super) async fn build(app: &Weir, key: &Key, headers: &HeaderMap, now: i64) -> OverviewPage {
    let from = now - RANGE_US;
    let (minutes, verdicts, rejects, total) = tokio::join!(
        ask(app, key, MINUTES, from),
        ask(app, key, VERDICTS, from),
        ask(app, key, REJECTS, from),
        ask(app, key, REJECTS_TOTAL, from),
    );
    let rejects = rejects.and_then(|rows| Ok(Rejects { total: first_number(&total?), rows: reject_rows(&rows) }));
    let status = app.ingest.status();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1:8600");
    OverviewPage {
        frame: pages::frame(Some(key)),
        now,
        state: StateStrip {
            readiness: readiness(app, &status),
            unflushed_events: status.tables.values().map(|table| table.unflushed_rows).sum(),
            unflushed_bytes: status.unflushed_bytes,
            unflushed_age_ms: status.unflushed_age_ms,
            lost_records: status.loss.rows,
        },
        ever_received: Kind::ALL
            .iter()
            .filter(|kind| !matches!(kind, Kind::Hits | Kind::Verdicts | Kind::Labels | Kind::Rejects))
            .any(|kind| status.tables.get(kind.table()).is_some_and(|table| table.rows > 0)),
        origin: format!("http://{host}"),
        minutes: panel(minutes.map(|rows| minute_bars(&rows))),
        verdicts: panel(verdicts.map(|rows| verdict_counts(&rows))),
        rejects: panel(rejects),
    }
}

fn readiness(app: &Weir, status: &ingest::Status) -> Readiness {
    match app.ingest.recovery() {
        Recovery::Replaying { bytes_done, bytes_total } => Readiness::Replaying { bytes_done, bytes_total },
        Recovery::Failed(why) => Readiness::Failed(why),
        Recovery::Ready if status.flush_failing => {
            Readiness::Degraded("Events cannot be settled into their tables; the server's log says why.".into())
        }
        Recovery::Ready if !app.rulebook.is_warm() => {
            Readiness::Degraded("Rules are reading their history; verdicts say degraded until they are done.".into())
        }
        Recovery::Ready => Readiness::Ready,
    }
}

async fn ask(app: &Weir, key: &Key, sql: &str, from: i64) -> Result<Vec<RecordBatch>, String> {
    let tables = app.tables(key).map_err(|_| "The tables cannot be read now.".to_owned())?;
    let params = Params::from_iter([("from".to_owned(), Value::String(clock::rfc3339(from)))]);
    let answer = app.engine.ask(sql, &params, tables).await.map_err(|error| error.to_string())?;
    answer.collect().await.map_err(|error| error.to_string())
}

fn panel<T>(answer: Result<T, String>) -> Panel<T> {
    match answer {
        Ok(value) => Panel::Ready(value),
        Err(message) => Panel::Failed(message),
    }
}

fn first_number(batches: &[RecordBatch]) -> u64 {
    let batch = batches.iter().find(|batch| batch.num_rows() > 0);
    batch.map_or(0, |batch| numbers(batch, 0).first().copied().unwrap_or(0))
}

fn numbers(batch: &RecordBatch, column: usize) -> Vec<u64> {
    let cast = arrow::compute::cast(batch.column(column), &arrow::datatypes::DataType::Int64);
    cast.map(|column| column.as_primitive::<Int64Type>().values().iter().map(|value| (*value).max(0) as u64).collect())
        .unwrap_or_default()
}

fn times(batch: &RecordBatch, column: usize) -> Vec<i64> {
    let micros = arrow::datatypes::DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None);
    let cast = arrow::compute::cast(batch.column(column), &micros);
    cast.map(|column| column.as_primitive::<TimestampMicrosecondType>().values().to_vec()).unwrap_or_default()
}

fn texts(batch: &RecordBatch, column: usize) -> Vec<String> {
    let cast = arrow::compute::cast(batch.column(column), &arrow::datatypes::DataType::Utf8);
    cast.map(|column| column.as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_owned()).collect())
        .unwrap_or_default()
}

fn minute_bars(batches: &[RecordBatch]) -> Vec<MinuteBar> {
    let bars = |batch: &RecordBatch| {
        let columns = times(batch, 0).into_iter().zip(numbers(batch, 1)).zip(numbers(batch, 2));
        columns.map(|((start, events), errors)| MinuteBar { start, events, errors }).collect::<Vec<_>>()
    };
    batches.iter().flat_map(bars).collect()
}

fn verdict_counts(batches: &[RecordBatch]) -> VerdictCounts {
    let mut counts = VerdictCounts::default();
    for batch in batches {
        for (verdict, decisions) in texts(batch, 0).into_iter().zip(numbers(batch, 1)) {
            match verdict.as_str() {
                "allow" => counts.allow += decisions,
                "throttle" => counts.throttle += decisions,
                _ => counts.block += decisions,
            }
        }
    }
    counts
}

fn reject_rows(batches: &[RecordBatch]) -> Vec<RejectRow> {
    let rows = |batch: &RecordBatch| {
        let (keys, codes, messages) = (texts(batch, 1), texts(batch, 2), texts(batch, 3));
        let texts = keys.into_iter().zip(codes).zip(messages);
        let rows = times(batch, 0).into_iter().zip(texts);
        rows.map(|(at, ((key, code), message))| RejectRow { at, key, code, message }).collect::<Vec<_>>()
    };
    batches.iter().flat_map(rows).collect()
}
