//! Reads tables' pasts in slices of bounded size: what a rebuild and a backtest stream through the live rules' state, and
//! what a replay keeps.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{cast, concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Int64Type};
use futures::StreamExt;
use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;

use crate::engine::{Answer, Engine, Tables};
use crate::error::QueryError;

use super::duration::MINUTE_US;
use super::shape::LiveShape;
use super::text::time_sql;

/// Rows of a slice that are given one by one to many.
pub(crate) const FEW_ROWS: i64 = 400_000;
/// Rows of a slice that are sorted in memory.
pub(crate) const SORTED_ROWS: i64 = 1_000_000;
/// Rows of a slice that are only kept; within the time that one query may take.
pub(crate) const MANY_ROWS: i64 = 2_000_000;

/// Rows that are handed over at once, about.
const PIECE_ROWS: usize = 8_192;

/// The tables of one cut, and what is known of how many rows they have.
pub(crate) struct Past<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) tables: &'a Tables,
    /// By table, counted once for all that read it.
    minutes: tokio::sync::Mutex<HashMap<String, Minutes>>,
}

/// How many rows a table has in each minute that has some, from a first to a last time.
struct Minutes {
    from: i64,
    to: i64,
    rows: Vec<(i64, i64)>,
}

/// A part of one table's past.
pub(crate) struct History<'a> {
    past: &'a Past<'a>,
    table: &'a str,
    /// The columns to read; `received_at` is always among them.
    columns: BTreeSet<String>,
    /// A condition that every row of interest fulfils, in SQL.
    condition: Option<String>,
    /// The first and the last `received_at`, microseconds.
    range: (i64, i64),
}

/// A stretch of time with so many rows.
pub(crate) struct Slice {
    from: i64,
    to: i64,
    pub(crate) rows: i64,
}

impl<'a> Past<'a> {
    pub(crate) fn new(engine: &'a Engine, tables: &'a Tables) -> Self {
        Self { engine, tables, minutes: tokio::sync::Mutex::new(HashMap::new()) }
    }

    /// Returns how many rows a table has in each minute of a range; what is not known yet is counted.
    async fn minutes(&self, table: &str, (from, to): (i64, i64)) -> Result<Vec<(i64, i64)>, QueryError> {
        let (from, to) = (minute(from), minute(to) + MINUTE_US - 1);
        let count = async |range| History::new(self, table, BTreeSet::new(), None, range).count().await;
        let mut all = self.minutes.lock().await;
        let known = match all.entry_ref(table) {
            EntryRef::Occupied(known) => known.into_mut(),
            EntryRef::Vacant(new) => new.insert(Minutes { from, to, rows: count((from, to)).await? }),
        };
        if from < known.from {
            known.rows.splice(..0, count((from, known.from - 1)).await?);
            known.from = from;
        }
        if to > known.to {
            known.rows.extend(count((known.to + 1, to)).await?);
            known.to = to;
        }
        let of_range = |times: &&(i64, i64)| (from..=to).contains(&times.0);
        Ok(known.rows.iter().filter(of_range).copied().collect())
    }
}

impl<'a> History<'a> {
    /// Returns what these live rules read of a table's past.
    pub(crate) fn of<'s>(
        past: &'a Past<'a>,
        table: &'a str,
        shapes: impl Iterator<Item = &'s LiveShape> + Clone,
        range: (i64, i64),
    ) -> Self {
        let columns = shapes.clone().flat_map(|shape| shape.columns().map(str::to_owned)).collect();
        let conditions: Option<Vec<String>> =
            shapes.map(|shape| shape.condition_sql().map(|sql| format!("({sql})"))).collect();
        let condition = conditions.filter(|each| !each.is_empty()).map(|each| each.join(" or "));
        Self::new(past, table, columns, condition, range)
    }

    /// Returns these columns of a table's past, of rows that fulfil a condition.
    pub(crate) const fn new(
        past: &'a Past<'a>,
        table: &'a str,
        columns: BTreeSet<String>,
        condition: Option<String>,
        range: (i64, i64),
    ) -> Self {
        Self { past, table, columns, condition, range }
    }

    /// Cuts the range into slices that hold so many rows of the table at most, or as much as a minute; stretches without
    /// rows are in none.
    pub(crate) async fn slices(&self, rows_max: i64) -> Result<Vec<Slice>, QueryError> {
        Ok(self.cut(&self.past.minutes(self.table, self.range).await?, rows_max))
    }

    /// Does likewise by the rows that fulfil the condition alone, which takes a look at all.
    pub(crate) async fn slices_of_condition(&self, rows_max: i64) -> Result<Vec<Slice>, QueryError> {
        Ok(self.cut(&self.count().await?, rows_max))
    }

    fn cut(&self, minutes: &[(i64, i64)], rows_max: i64) -> Vec<Slice> {
        let mut slices: Vec<Slice> = Vec::new();
        for (minute, rows) in minutes {
            let (from, to) = ((*minute).max(self.range.0), (minute + MINUTE_US - 1).min(self.range.1));
            match slices.last_mut() {
                Some(last) if last.rows + rows <= rows_max => (last.to, last.rows) = (to, last.rows + rows),
                _ => slices.push(Slice { from, to, rows: *rows }),
            }
        }
        slices
    }

    /// Counts the rows that fulfil the condition, minute by minute.
    async fn count(&self) -> Result<Vec<(i64, i64)>, QueryError> {
        let sql = |history: &Self| {
            let rows = history.rows_sql(self.range.0, self.range.1, &BTreeSet::new());
            format!(
                "select date_trunc('minute', received_at) as minute, count(*) from {rows} group by minute order by minute"
            )
        };
        let mut minutes = Vec::new();
        each_batch(self.ask(sql).await?, |batch| {
            let ints = |column: usize| cast(batch.column(column), &DataType::Int64).map_err(internal);
            let (times, counts) = (ints(0)?, ints(1)?);
            let counts = counts.as_primitive::<Int64Type>().values();
            minutes.extend(times.as_primitive::<Int64Type>().values().iter().copied().zip(counts.iter().copied()));
            Ok(())
        })
        .await?;
        Ok(minutes)
    }

    /// Hands over the rows of a slice in any order.
    pub(crate) async fn read(
        &self,
        slice: &Slice,
        take: impl FnMut(&RecordBatch) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let sql = |history: &Self| format!("select * from {}", history.rows_sql(slice.from, slice.to, &self.columns));
        each_batch(self.ask(sql).await?, take).await
    }

    /// Hands over the rows of a slice in the order of the log, piece by piece; all rows of one `received_at` come together.
    pub(crate) async fn read_in_order(
        &self,
        slice: &Slice,
        mut take: impl FnMut(&RecordBatch) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let mut columns = self.columns.clone();
        columns.insert("seq".to_owned());
        let mut batches: Vec<RecordBatch> = Vec::new();
        let keep = |batch: &RecordBatch| {
            batches.push(tight(batch)?);
            Ok(())
        };
        Self { columns, condition: self.condition.clone(), ..*self }.read(slice, keep).await?;
        let Some(first) = batches.first() else { return Ok(()) };
        let rows = concat_batches(&first.schema(), &batches).map_err(internal)?;
        drop(batches);
        let order = order_of_log(&rows)?;
        let mut rest = order.as_slice();
        while !rest.is_empty() {
            let least = rest.len().min(PIECE_ROWS);
            let same = rest[least..].iter().take_while(|(at, ..)| *at == rest[least - 1].0).count();
            let (piece, after) = rest.split_at(least + same);
            let places = UInt32Array::from_iter_values(piece.iter().map(|(_, _, place)| *place));
            take(&take_record_batch(&rows, &places).map_err(internal)?)?;
            tokio::task::yield_now().await;
            rest = after;
        }
        Ok(())
    }

    /// Returns what is read, in words of its own: two that read the same say the same.
    pub(crate) fn wording(&self) -> String {
        self.rows_sql(self.range.0, self.range.1, &self.columns)
    }

    /// Asks a question about it.
    async fn ask(&self, sql: impl Fn(&Self) -> String) -> Result<Answer, QueryError> {
        match self.past.engine.ask_patiently(&sql(self), self.past.tables.clone()).await {
            // The condition only spares work; a rule is not stopped by one that cannot be planned as it was written.
            Err(QueryError::Invalid { message, .. }) if self.condition.is_some() => {
                tracing::warn!(condition = self.condition, error = message, "a rule's condition has no SQL form");
                self.past.engine.ask_patiently(&sql(&self.without_condition()), self.past.tables.clone()).await
            }
            answer => answer,
        }
    }

    fn without_condition(&self) -> Self {
        Self { columns: self.columns.clone(), condition: None, ..*self }
    }

    fn rows_sql(&self, from: i64, to: i64, columns: &BTreeSet<String>) -> String {
        let columns = columns.iter().filter(|name| *name != "received_at").map(|name| format!(", \"{name}\""));
        let condition = self.condition.as_ref().map(|condition| format!(" and ({condition})")).unwrap_or_default();
        format!(
            "(select received_at{} from \"{}\" where received_at >= {} and received_at <= {}{condition}) as rows",
            columns.collect::<String>(),
            self.table,
            time_sql(from),
            time_sql(to),
        )
    }
}

/// Returns the minute that a time lies in.
const fn minute(at: i64) -> i64 {
    at - at.rem_euclid(MINUTE_US)
}

/// Returns the order of the log: time of receipt, sequence, place.
fn order_of_log(rows: &RecordBatch) -> Result<Vec<(i64, i64, u32)>, QueryError> {
    let ints = |name: &str| {
        let column = rows.column_by_name(name).ok_or_else(|| QueryError::Internal(format!("no {name}")))?;
        Ok::<_, QueryError>(cast(column, &DataType::Int64).map_err(internal)?.as_primitive::<Int64Type>().clone())
    };
    let (times, seqs) = (ints("received_at")?, ints("seq")?);
    let seqs = seqs.iter().map(|seq| seq.unwrap_or(i64::MAX));
    let keyed = times.values().iter().zip(seqs).zip(0..).map(|((at, seq), place)| (*at, seq, place));
    let mut order: Vec<(i64, i64, u32)> = keyed.collect();
    order.sort_unstable();
    Ok(order)
}

/// Lets go of what texts share with rows that are not here.
pub(crate) fn tight(batch: &RecordBatch) -> Result<RecordBatch, QueryError> {
    let tight = |column: &ArrayRef| match column.as_string_view_opt() {
        Some(texts) => Arc::new(texts.gc()) as ArrayRef,
        None => Arc::clone(column),
    };
    RecordBatch::try_new(batch.schema(), batch.columns().iter().map(tight).collect()).map_err(internal)
}

fn internal(error: arrow::error::ArrowError) -> QueryError {
    QueryError::Internal(format!("history could not be read: {error}"))
}

async fn each_batch(
    answer: Answer,
    mut take: impl FnMut(&RecordBatch) -> Result<(), QueryError>,
) -> Result<(), QueryError> {
    let mut batches = answer.into_stream();
    while let Some(batch) = batches.next().await {
        take(&batch?)?;
        // Each batch is some milliseconds of work; others on this thread get their turn in between.
        tokio::task::yield_now().await;
    }
    Ok(())
}
