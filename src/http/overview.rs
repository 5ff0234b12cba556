//! What the Overview shows: three small queries and the state of storage, kept for a second so that many viewers cost no
//! more than one.

mod day;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ::queries::{Params, QueryError, Tables};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use dashboards::{DayPage, MinuteBar, Panel, Readiness, RejectRow, Rejects, StateStrip, VerdictCounts};
use futures::TryStreamExt;
use ingest::{Kind, Purpose, Recovery};
use serde_json::json;

use super::Weir;
use crate::clock;
use crate::control::{Key, Purposes};

const RANGE_US: i64 = 3_600 * 1_000_000;
const KEPT_US: i64 = 1_000_000;

/// The answers of one moment.
#[derive(Clone)]
pub(super) struct Figures {
    pub(super) at: i64,
    pub(super) minutes: Panel<Vec<MinuteBar>>,
    pub(super) verdicts: Panel<VerdictCounts>,
    pub(super) rejects: Panel<Rejects>,
}

/// The latest answers, by whether they include abuse data.
#[derive(Default)]
pub(crate) struct Overview {
    latest: Mutex<HashMap<bool, Figures>>,
    /// The last day, by the purposes of whoever asks.
    days: Mutex<HashMap<Purposes, DayPage>>,
    asking: tokio::sync::Mutex<()>,
}

impl Overview {
    /// Returns the figures, at most a second old.
    pub(super) async fn figures(&self, app: &Weir, key: &Key, now: i64) -> Figures {
        let sees_abuse = key.purposes.has(Purpose::Abuse);
        let kept = self.latest.lock().unwrap_or_else(PoisonError::into_inner).get(&sees_abuse).cloned();
        if let Some(figures) = kept.filter(|figures| now - figures.at < KEPT_US) {
            return figures;
        }
        let figures = ask(app, key, sees_abuse, now).await;
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).insert(sees_abuse, figures.clone());
        figures
    }

    /// Returns the last day, if it was asked for within half a minute.
    pub(super) fn kept_day(&self, key: &Key, now: i64) -> Option<DayPage> {
        let kept = self.days.lock().unwrap_or_else(PoisonError::into_inner).get(&key.purposes).cloned();
        kept.filter(|day| now - day.now < day::KEPT_US)
    }

    fn keep_day(&self, key: &Key, day: &DayPage) {
        self.days.lock().unwrap_or_else(PoisonError::into_inner).insert(key.purposes, day.clone());
    }
}

async fn ask(app: &Weir, key: &Key, sees_abuse: bool, now: i64) -> Figures {
    let tables = match app.tables(key) {
        Ok(tables) => tables,
        Err(_) => {
            let failed = "The tables could not be read; the server's log has the reason.";
            return Figures {
                at: now,
                minutes: Panel::Failed(failed.into()),
                verdicts: Panel::Failed(failed.into()),
                rejects: Panel::Failed(failed.into()),
            };
        }
    };
    let run = |sql: &'static str| rows(app, sql, tables.clone(), now);
    let (minutes, verdicts, rejects) = tokio::join!(
        run(include_str!("overview/minutes.sql")),
        async { if sees_abuse { Some(run(include_str!("overview/verdicts.sql")).await) } else { None } },
        run(include_str!("overview/rejects.sql")),
    );
    let hidden = "This key does not see abuse data. Sign in with a key that carries the purpose abuse.";
    Figures {
        at: now,
        minutes: to_panel(minutes, to_minutes),
        verdicts: verdicts.map_or_else(|| Panel::Failed(hidden.into()), |answer| to_panel(answer, to_verdicts)),
        rejects: to_panel(rejects, to_rejects),
    }
}

async fn rows(app: &Weir, sql: &str, tables: Tables, now: i64) -> Result<Vec<RecordBatch>, QueryError> {
    let mut params = Params::new();
    params.insert("from".into(), json!({"timestamp": clock::rfc3339(now - RANGE_US)}));
    app.engine.ask(sql, &params, tables).await?.into_stream().try_collect().await
}

fn to_panel<T>(answer: Result<Vec<RecordBatch>, QueryError>, read: fn(&[RecordBatch]) -> T) -> Panel<T> {
    match answer {
        Ok(batches) => Panel::Ready(read(&batches)),
        Err(error) => Panel::Failed(error.to_string()),
    }
}

fn to_minutes(batches: &[RecordBatch]) -> Vec<MinuteBar> {
    each_row(batches, |row| {
        let (start, events, errors) = (row.int("minute"), row.count("events"), row.count("errors"));
        MinuteBar { start, events, errors }
    })
}

fn to_verdicts(batches: &[RecordBatch]) -> VerdictCounts {
    let mut counts = VerdictCounts::default();
    for (verdict, decisions) in each_row(batches, |row| (row.text("verdict"), row.count("decisions"))) {
        match verdict.as_str() {
            "throttle" => counts.throttle += decisions,
            "block" => counts.block += decisions,
            _ => counts.allow += decisions,
        }
    }
    counts
}

fn to_rejects(batches: &[RecordBatch]) -> Rejects {
    let rows = each_row(batches, |row| {
        let (at, key, code, message) = (row.int("received_at"), row.text("key"), row.text("code"), row.text("message"));
        (row.count("total"), RejectRow { at, key, code, message })
    });
    Rejects { total: rows.first().map_or(0, |(total, _)| *total), rows: rows.into_iter().map(|(_, row)| row).collect() }
}

/// One row of an answer, by column name. A column that is missing or null reads as nothing.
struct Row<'a> {
    batch: &'a RecordBatch,
    place: usize,
}

fn each_row<T>(batches: &[RecordBatch], read: impl Fn(&Row<'_>) -> T) -> Vec<T> {
    batches
        .iter()
        .flat_map(|batch| (0..batch.num_rows()).map(|place| read(&Row { batch, place })).collect::<Vec<_>>())
        .collect()
}

impl Row<'_> {
    /// Reads a number, or a time in microseconds.
    fn int(&self, column: &str) -> i64 {
        let one = self.batch.column_by_name(column).map(|column| column.slice(self.place, 1));
        let number = one.and_then(|one| {
            let micros = match one.data_type() {
                DataType::Timestamp(_, zone) => {
                    cast(&one, &DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, zone.clone())).ok()?
                }
                _ => one,
            };
            cast(&micros, &DataType::Int64).ok()
        });
        number.filter(|number| number.is_valid(0)).map_or(0, |number| number.as_primitive::<Int64Type>().value(0))
    }

    fn count(&self, column: &str) -> u64 {
        u64::try_from(self.int(column)).unwrap_or(0)
    }

    fn text(&self, column: &str) -> String {
        let one = self.batch.column_by_name(column).map(|column| column.slice(self.place, 1));
        let text = one.and_then(|one| cast(&one, &DataType::Utf8).ok()).filter(|text| text.is_valid(0));
        text.map(|text| text.as_string::<i32>().value(0).to_owned()).unwrap_or_default()
    }
}

/// Returns the state of this node, and whether it ever received an event.
pub(in crate::http) fn state(app: &Weir) -> (StateStrip, bool) {
    let status = app.ingest.status();
    let readiness = match app.ingest.recovery() {
        Recovery::Replaying { bytes_done, bytes_total } => Readiness::Replaying { bytes_done, bytes_total },
        Recovery::Failed(_) => Readiness::Failed("Storage failed. The server's log tells why.".into()),
        Recovery::Ready if status.flush_failing => Readiness::Degraded(
            "Buffers cannot be written to Parquet. Check the disk; the server's log tells why.".into(),
        ),
        Recovery::Ready if !app.rulebook.is_warm() => {
            Readiness::Degraded("Rules are reading their history; verdicts say degraded until they are done.".into())
        }
        Recovery::Ready => Readiness::Ready,
    };
    let strip = StateStrip {
        readiness,
        unflushed_events: status.tables.values().map(|table| table.unflushed_rows).sum(),
        unflushed_bytes: status.unflushed_bytes,
        unflushed_age_ms: status.unflushed_age_ms,
        lost_records: status.loss.rows,
    };
    let sent = |kind: &&Kind| !matches!(kind, Kind::Hits | Kind::Verdicts | Kind::Labels | Kind::Rejects);
    let ever_received =
        Kind::ALL.iter().filter(sent).any(|kind| status.tables.get(kind.table()).is_some_and(|table| table.rows > 0));
    (strip, ever_received)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMillisecondArray};
    use std::sync::Arc;

    #[test]
    fn answers_become_figures_whatever_their_exact_types() {
        let minutes = RecordBatch::try_from_iter([
            ("minute", Arc::new(TimestampMillisecondArray::from(vec![60_000])) as ArrayRef),
            ("events", Arc::new(Int64Array::from(vec![7]))),
            ("errors", Arc::new(Int64Array::from(vec![None]))),
        ])
        .unwrap();
        assert_eq!(to_minutes(&[minutes]), [MinuteBar { start: 60_000_000, events: 7, errors: 0 }]);
        let verdicts = RecordBatch::try_from_iter([
            ("verdict", Arc::new(StringArray::from(vec!["allow", "block"])) as ArrayRef),
            ("decisions", Arc::new(Int64Array::from(vec![5, 2]))),
        ])
        .unwrap();
        assert_eq!(to_verdicts(&[verdicts]), VerdictCounts { allow: 5, throttle: 0, block: 2 });
        assert_eq!(to_rejects(&[]).total, 0);
    }
}
