//! Open hits, read back from the table `hits` after a restart. Not the rules' state: that is `rules/rebuild.rs`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};

use super::hit::{EndCause, EntityKind, Hit, Mode, Restraint, StepUp, Transition};

/// The question whose answer [`read_restored_hits`] reads: the last row of every hit that no row closed, those included
/// whose written end has passed (a hit that stayed true was prolonged without a row; its rule will tell).
///
/// Order: by time, so that a reader that keeps the last of each rule and entity is right as well. Limits: one million.
pub const RESTORE_SQL: &str = "
select rule, version, entity_kind, entity, mode, verdict, component, observed, threshold, points, first_at, until
from (
    select
        rule, version, entity_kind, entity, state, mode, verdict, component, observed, threshold, points, first_at,
        until,
        received_at, seq,
        row_number() over (
            partition by rule, version, entity_kind, entity
            order by received_at desc, seq desc nulls last
        ) as newest
    from hits
) as rows
where newest = 1 and state <> 'closed'
order by received_at, seq
limit 1000000";

/// A hit as the table knows it: what its rule's headers say (step, window, actions) is not in the table and empty here.
pub type RestoredHit = Hit;

/// Reads the answer to [`RESTORE_SQL`]. A row that lacks a value or holds an unknown name is left out and counted in
/// `weir_hits_unreadable_total`.
///
/// Errors: the name of the first column that is missing or has another type.
pub fn read_restored_hits(batches: &[RecordBatch]) -> Result<Vec<RestoredHit>, String> {
    let mut hits = Vec::new();
    for batch in batches {
        read_batch(batch, &mut hits)?;
    }
    Ok(hits)
}

/// Returns the transitions that close restored hits which no rule took over: their rules are gone or have a new text, as
/// `cause` tells, unless their time was over before. The book never had them.
pub fn close_orphans(hits: Vec<RestoredHit>, now: i64, cause: impl Fn(&RestoredHit) -> EndCause) -> Vec<Transition> {
    let close = |hit: RestoredHit| {
        let at = hit.until.min(now);
        let cause = if hit.until <= now { EndCause::Expired } else { cause(&hit) };
        Transition::closed(Arc::new(hit), at, cause)
    };
    hits.into_iter().map(close).collect()
}

fn read_batch(batch: &RecordBatch, hits: &mut Vec<RestoredHit>) -> Result<(), String> {
    let column = |name: &'static str, ty: DataType| -> Result<ArrayRef, String> {
        let column = batch.column_by_name(name).ok_or_else(|| format!("hits lack the column {name}"))?;
        cast(column, &ty).map_err(|error| format!("column {name} of hits: {error}"))
    };
    let text = |name| column(name, DataType::Utf8);
    let int = |name| column(name, DataType::Int64);
    let time = |name| column(name, DataType::Timestamp(TimeUnit::Microsecond, None));
    let [rule, version, kind, entity] = [text("rule")?, text("version")?, text("entity_kind")?, text("entity")?];
    let [mode, verdict, component] = [text("mode")?, text("verdict")?, text("component")?];
    let [observed, threshold, points] = [int("observed")?, int("threshold")?, int("points")?];
    let [first_at, until] = [time("first_at")?, time("until")?];
    let str_at = |column: &ArrayRef, row: usize| -> Option<Arc<str>> {
        column.is_valid(row).then(|| Arc::from(column.as_string::<i32>().value(row)))
    };
    let int_at = |column: &ArrayRef, row: usize| -> Option<i64> {
        column.is_valid(row).then(|| column.as_primitive::<Int64Type>().value(row))
    };
    let time_at = |column: &ArrayRef, row: usize| -> Option<i64> {
        column.is_valid(row).then(|| column.as_primitive::<TimestampMicrosecondType>().value(row))
    };
    for row in 0..batch.num_rows() {
        let read = || -> Option<RestoredHit> {
            Some(Hit {
                rule: str_at(&rule, row)?,
                version: str_at(&version, row)?,
                entity_kind: EntityKind::parse(&str_at(&kind, row)?)?,
                entity: str_at(&entity, row)?,
                mode: Mode::parse(&str_at(&mode, row)?)?,
                verdict: Restraint::parse(&str_at(&verdict, row)?)?,
                step_up: StepUp::None,
                points: u8::try_from(int_at(&points, row)?).ok()?.min(100),
                observed: int_at(&observed, row)?,
                threshold: int_at(&threshold, row)?,
                window: Arc::from(""),
                actions: Arc::from([]),
                browser_facts: false,
                component: str_at(&component, row),
                first_at: time_at(&first_at, row)?,
                until: time_at(&until, row)?,
            })
        };
        match read() {
            Some(hit) => hits.push(hit),
            None => metrics::counter!("weir_hits_unreadable_total").increment(1),
        }
    }
    Ok(())
}
