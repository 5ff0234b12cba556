//! Reads a table's past in the order of the log, in slices of bounded size: what a rebuild and a backtest stream through
//! the live rules' state.

use std::collections::BTreeSet;

use arrow::array::{AsArray, Int64Array, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Int64Type};
use futures::StreamExt;

use crate::engine::{Answer, Engine, Tables};
use crate::error::QueryError;

use super::duration::MINUTE_US;
use super::shape::LiveShape;
use super::text::time_sql;

/// Rows of a slice that are sorted in memory, within what one query may take, or given one by one to many.
pub(crate) const FEW_ROWS: i64 = 400_000;
/// Rows of a slice that are only kept; within the time that one query may take.
pub(crate) const MANY_ROWS: i64 = 2_000_000;

/// Which rows are counted to cut a range into slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// All of the table's, which is quick; the slices hold no more than that.
    All,
    /// Those that fulfil the condition.
    OfCondition,
}

/// A part of one table's past.
pub(crate) struct History<'a> {
    engine: &'a Engine,
    tables: &'a Tables,
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

impl<'a> History<'a> {
    /// Returns what these live rules read of a table's past.
    pub(crate) fn of<'s>(
        engine: &'a Engine,
        tables: &'a Tables,
        table: &'a str,
        shapes: impl Iterator<Item = &'s LiveShape> + Clone,
        range: (i64, i64),
    ) -> Self {
        let columns = shapes.clone().flat_map(|shape| shape.columns().map(str::to_owned)).collect();
        let conditions: Option<Vec<String>> =
            shapes.map(|shape| shape.condition_sql().map(|sql| format!("({sql})"))).collect();
        let condition = conditions.filter(|each| !each.is_empty()).map(|each| each.join(" or "));
        Self::new(engine, tables, table, columns, condition, range)
    }

    /// Returns these columns of a table's past, of rows that fulfil a condition.
    pub(crate) const fn new(
        engine: &'a Engine,
        tables: &'a Tables,
        table: &'a str,
        columns: BTreeSet<String>,
        condition: Option<String>,
        range: (i64, i64),
    ) -> Self {
        Self { engine, tables, table, columns, condition, range }
    }

    /// Cuts the range into slices of so many rows; stretches without rows are in none.
    pub(crate) async fn slices(&self, rows_max: i64, counted: Counted) -> Result<Vec<Slice>, QueryError> {
        let (from, to) = self.range;
        let sql = |history: &Self| {
            let rows = history.rows_sql(from, to, &BTreeSet::new());
            format!(
                "select date_trunc('minute', received_at) as minute, count(*) from {rows} group by minute order by minute"
            )
        };
        let answer = match counted {
            Counted::All => self.without_condition().ask(sql).await?,
            Counted::OfCondition => self.ask(sql).await?,
        };
        let mut slices: Vec<Slice> = Vec::new();
        each_batch(answer, |batch| {
            let ints = |column: usize| cast(batch.column(column), &DataType::Int64).map_err(internal);
            let (minutes, counts) = (ints(0)?, ints(1)?);
            let counts = counts.as_primitive::<Int64Type>().values();
            for (minute, rows) in minutes.as_primitive::<Int64Type>().values().iter().zip(counts) {
                let (from, to) = ((*minute).max(from), (minute + MINUTE_US - 1).min(to));
                match slices.last_mut() {
                    Some(last) if last.rows + rows <= rows_max => (last.to, last.rows) = (to, last.rows + rows),
                    _ => slices.push(Slice { from, to, rows: *rows }),
                }
            }
            Ok(())
        })
        .await?;
        Ok(slices)
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

    /// Hands over the rows of a slice in the order of the log; all rows of one `received_at` come together.
    pub(crate) async fn read_in_order(
        &self,
        slice: &Slice,
        mut take: impl FnMut(&RecordBatch) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let mut columns = self.columns.clone();
        columns.insert("seq".to_owned());
        let sql = |history: &Self| {
            format!("select * from {} order by received_at, seq", history.rows_sql(slice.from, slice.to, &columns))
        };
        let mut held_back: Option<RecordBatch> = None;
        each_batch(self.ask(sql).await?, |batch| {
            let joined = match held_back.take() {
                Some(before) => concat_batches(&batch.schema(), [&before, batch]).map_err(internal)?,
                None => batch.clone(),
            };
            // More rows of the last time may follow.
            let whole = rows_before_last_time(&joined)?;
            if whole > 0 {
                take(&joined.slice(0, whole))?;
            }
            held_back = Some(joined.slice(whole, joined.num_rows() - whole));
            Ok(())
        })
        .await?;
        held_back.map_or(Ok(()), |rest| take(&rest))
    }

    /// Returns what is read, in words of its own: two that read the same say the same.
    pub(crate) fn wording(&self) -> String {
        self.rows_sql(self.range.0, self.range.1, &self.columns)
    }

    /// Asks a question about it.
    async fn ask(&self, sql: impl Fn(&Self) -> String) -> Result<Answer, QueryError> {
        match self.engine.ask_patiently(&sql(self), self.tables.clone()).await {
            // The condition only spares work; a rule is not stopped by one that cannot be planned as it was written.
            Err(QueryError::Invalid { message, .. }) if self.condition.is_some() => {
                tracing::warn!(condition = self.condition, error = message, "a rule's condition has no SQL form");
                self.engine.ask_patiently(&sql(&self.without_condition()), self.tables.clone()).await
            }
            answer => answer,
        }
    }

    fn without_condition(&self) -> Self {
        let Self { engine, tables, table, range, .. } = *self;
        Self { engine, tables, table, range, columns: self.columns.clone(), condition: None }
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

fn rows_before_last_time(batch: &RecordBatch) -> Result<usize, QueryError> {
    let times = batch.column_by_name("received_at").ok_or_else(|| QueryError::Internal("no received_at".into()))?;
    let times = cast(times, &DataType::Int64).map_err(internal)?;
    let times: &Int64Array = times.as_primitive::<Int64Type>();
    let Some(last) = times.len().checked_sub(1).map(|last| times.value(last)) else { return Ok(0) };
    Ok(times.values().partition_point(|time| *time < last))
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
