//! The past, moment by moment: chooses the moments, and asks the plan for many at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::logical_expr::LogicalPlan;
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::engine::Engine;
use crate::error::QueryError;
use crate::hits::{Evaluation, HitBook, Lifecycle, Transition};

use super::super::answer::read_answer;
use super::super::window::Window;
use super::Moments;
use super::answers::{Change, tell};
use super::leaf::MOMENT;
use super::rows::Rows;
use super::sieve::Span;

/// Rows that are asked about at once: enough that planning costs nothing, few enough for one query's memory.
const ROWS_TOGETHER: usize = 400_000;
/// Moments that are asked about at once.
const MOMENTS_TOGETHER: usize = 50_000;
/// Rows that a replay may hand to its plan in all, each as often as it is asked about; past it moments are left out.
const ROWS_ASKED_MAX: u64 = 400_000_000;
/// A stretch that is not divided further.
const SHORT_US: i64 = 3_600_000_000;

/// The moments of one replay: from the first to the last, whole multiples of the pace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) pace: i64,
}

impl Stretch {
    /// Returns what of it whole multiples of the pace begin and end.
    pub(crate) const fn aligned(self) -> Self {
        let first = self.first + (-self.first).rem_euclid(self.pace);
        Self { first, last: self.last - self.last.rem_euclid(self.pace), pace: self.pace }
    }

    /// Returns how many moments it has.
    pub(crate) const fn moments(self) -> u64 {
        let moments = (self.last - self.first).div_euclid(self.pace) + 1;
        if moments > 0 { moments.unsigned_abs() } else { 0 }
    }

    /// Divides it into two, unless it is short.
    pub(crate) fn halves(self) -> Option<(Self, Self)> {
        if self.last - self.first < SHORT_US.max(2 * self.pace) {
            return None;
        }
        let middle = self.first + (self.last - self.first) / 2;
        let middle = middle - middle.rem_euclid(self.pace);
        Some((Self { last: middle, ..self }, Self { first: middle + self.pace, ..self }))
    }
}

/// Moments that are asked about together.
pub(super) struct Chunk {
    /// The first and the last time, and the part of each.
    moments: Vec<((i64, i64), usize)>,
    /// For each leaf the rows, and the moment for which each stands there.
    rows: Vec<(Vec<u32>, Vec<i64>)>,
    size: usize,
}

impl Moments {
    /// Lets hits open, change and end over a stretch of the past. `hits` may have begun before it. Returns whether moments
    /// were left out.
    pub(crate) async fn replay(
        &self,
        engine: &Engine,
        (stretch, rows): (Stretch, &Rows),
        hits: &mut Lifecycle,
        (book, transitions): (&HitBook, &mut Vec<Transition>),
        mut progress: impl FnMut(u64, u64) + Send,
    ) -> Result<bool, QueryError> {
        let begun = std::time::Instant::now();
        let (step, spans, asked) = self.choose(engine, rows, stretch, &mut progress).await?;
        let sifted = begun.elapsed();
        let mut changes = Vec::new();
        let mut chunk = Chunk::new(self.leaves.len());
        let mut was_true = vec![false; rows.parts];
        let total = rows.parts as u64;
        for of_part in spans.chunk_by(|a, b| a.0 == b.0) {
            let part = of_part[0].0;
            let moments = self.moments_of(rows, part, stretch, step);
            let mut next = 0;
            for (_, span) in of_part {
                // Between two spans the rule is true of nothing.
                if span.start > next {
                    chunk.moments.push(((moments[next], moments[next]), part));
                }
                for at in &moments[span.clone()] {
                    self.add(rows, part, (*at, *at), &mut chunk);
                    if chunk.is_full() {
                        self.ask(engine, rows, &mut chunk, &mut changes, &mut was_true).await?;
                        progress(total + part as u64, 2 * total);
                    }
                }
                next = span.end;
            }
            if next < moments.len() {
                chunk.moments.push(((moments[next], moments[next]), part));
            }
        }
        self.ask(engine, rows, &mut chunk, &mut changes, &mut was_true).await?;
        progress(total, total);
        tracing::debug!(
            rule.name = %self.rule.name,
            rows = rows.sources.iter().map(|source| source.at.len()).sum::<usize>(),
            parts = rows.parts,
            parts_left = spans.chunk_by(|a, b| a.0 == b.0).count(),
            moments = spans.iter().map(|(_, span)| span.len()).sum::<usize>(),
            asked,
            sift_ms = sifted.as_millis(),
            ask_ms = (begun.elapsed() - sifted).as_millis(),
            "a stretch was replayed"
        );
        changes.sort_by_key(|change| (change.at, change.part));
        tell(changes, stretch, hits, book, transitions);
        Ok(step > stretch.pace)
    }

    /// Returns the step at which the moments are few enough, a whole number of paces; the spans of moments to ask about; and
    /// how many rows that is.
    async fn choose(
        &self,
        engine: &Engine,
        rows: &Rows,
        stretch: Stretch,
        progress: &mut (impl FnMut(u64, u64) + Send),
    ) -> Result<(i64, Vec<Span>, u64), QueryError> {
        let mut step = stretch.pace;
        loop {
            let spans = self.sift(engine, rows, (stretch, step), |done, of| progress(done, 2 * of)).await?;
            let mut asked = 0;
            for of_part in spans.chunk_by(|a, b| a.0 == b.0) {
                let part = of_part[0].0;
                let moments = self.moments_of(rows, part, stretch, step);
                let of_moment = |at: &i64| -> u64 {
                    (0..self.leaves.len()).map(|leaf| self.rows_at(rows, part, leaf, (*at, *at)).len() as u64).sum()
                };
                asked += of_part.iter().flat_map(|(_, span)| &moments[span.clone()]).map(of_moment).sum::<u64>();
            }
            if asked <= ROWS_ASKED_MAX {
                return Ok((step, spans, asked));
            }
            let times = i64::try_from(asked.div_ceil(ROWS_ASKED_MAX)).unwrap_or(i64::MAX).max(2);
            step = step.saturating_mul(times);
        }
    }

    /// Returns the moments at which a part's answer can have changed, in order.
    pub(super) fn moments_of(&self, rows: &Rows, part: usize, stretch: Stretch, step: i64) -> Vec<i64> {
        let window = self.rule.headers.window;
        let mut moments = Vec::new();
        for (leaf, passing) in self.study.passing.iter().enumerate() {
            let times = &rows.sources[self.reads[leaf].source].at;
            for row in rows.of_part(leaf, part) {
                let at = times[*row as usize];
                let exit = passing
                    .leaves_window
                    .then_some(window)
                    .flatten()
                    .map(|window: Window| window.exit(window.bucket(at)));
                let crossed = passing.shifts.iter().map(|shift| at + shift).chain(exit).chain([at]);
                // The first multiple not before it.
                let multiples = crossed.map(|time| (time + (-time).rem_euclid(step)).max(stretch.first));
                moments.extend(multiples.filter(|time| *time <= stretch.last));
            }
        }
        moments.sort_unstable();
        moments.dedup();
        moments
    }

    /// Returns the rows of a part that matter at some time from the first to the last.
    fn rows_at<'r>(&self, rows: &'r Rows, part: usize, leaf: usize, (first, last): (i64, i64)) -> &'r [u32] {
        let from = self.from(leaf, first);
        let at = &rows.sources[self.reads[leaf].source].at;
        let of_part = rows.of_part(leaf, part);
        let start = of_part.partition_point(|row| at[*row as usize] < from);
        let end = of_part.partition_point(|row| at[*row as usize] <= last);
        &of_part[start..end.max(start)]
    }

    /// Adds a moment, or all from a first to a last one, to those that are asked about together.
    pub(super) fn add(&self, rows: &Rows, part: usize, times: (i64, i64), chunk: &mut Chunk) {
        let number = i64::try_from(chunk.moments.len()).expect("bounded by MOMENTS_TOGETHER");
        chunk.moments.push((times, part));
        for leaf in 0..self.leaves.len() {
            let here = self.rows_at(rows, part, leaf, times);
            let (indices, numbers) = &mut chunk.rows[leaf];
            indices.extend_from_slice(here);
            numbers.resize(indices.len(), number);
            chunk.size += here.len();
        }
    }

    /// Asks for the moments of a chunk, and empties it.
    async fn ask(
        &self,
        engine: &Engine,
        rows: &Rows,
        chunk: &mut Chunk,
        changes: &mut Vec<Change>,
        was_true: &mut [bool],
    ) -> Result<(), QueryError> {
        let asked = std::mem::replace(chunk, Chunk::new(self.leaves.len()));
        let moments = asked.moments.clone();
        let mut found: Vec<Vec<(Arc<str>, Evaluation)>> = vec![Vec::new(); moments.len()];
        if asked.size > 0 {
            let mut batches = self.run(engine, rows, &self.plan, asked).await?;
            while let Some(batch) = batches.next().await {
                self.take(&batch?, &mut found).map_err(QueryError::invalid)?;
            }
            self.clear();
        }
        for (((at, _), part), found) in moments.into_iter().zip(found) {
            let is_true = !found.is_empty();
            if is_true || was_true[part] {
                changes.push(Change { at, part, found });
            }
            was_true[part] = is_true;
        }
        Ok(())
    }

    /// Puts the rows of a chunk in place and runs a plan over them.
    pub(super) async fn run(
        &self,
        engine: &Engine,
        rows: &Rows,
        plan: &LogicalPlan,
        asked: Chunk,
    ) -> Result<BoxStream<'static, Result<RecordBatch, QueryError>>, QueryError> {
        for ((leaf, read), (indices, numbers)) in self.leaves.iter().zip(&self.reads).zip(asked.rows) {
            let source = rows.sources[read.source].rows.as_ref();
            match source.map(|rows| with_moments(rows, &read.columns, indices, numbers)).transpose() {
                Ok(Some(Some(batch))) => leaf.put(batch),
                Ok(Some(None) | None) => leaf.clear(),
                Err(error) => return Err(QueryError::Internal(format!("rows could not be picked: {error}"))),
            }
        }
        self.times.put(asked.moments.iter().map(|(times, _)| *times).collect());
        Ok(engine.ask_plan_patiently(plan).await?.into_stream())
    }

    /// Takes the rows away again.
    pub(super) fn clear(&self) {
        self.leaves.iter().for_each(super::leaf::Leaf::clear);
    }

    fn take(&self, batch: &RecordBatch, found: &mut [Vec<(Arc<str>, Evaluation)>]) -> Result<(), String> {
        let moments = batch.column_by_name(MOMENT).ok_or("the answer tells no moment")?;
        let moments = moments.as_primitive::<Int64Type>();
        for (row, entity, evaluation) in read_answer(batch, &self.rule)? {
            let moment = usize::try_from(moments.value(row)).ok().and_then(|moment| found.get_mut(moment));
            moment.ok_or("the answer tells an unknown moment")?.push((entity, evaluation));
        }
        Ok(())
    }
}

impl Chunk {
    pub(super) fn new(leaves: usize) -> Self {
        Self { moments: Vec::new(), rows: vec![(Vec::new(), Vec::new()); leaves], size: 0 }
    }

    pub(super) fn is_full(&self) -> bool {
        self.size >= ROWS_TOGETHER || self.moments.len() >= MOMENTS_TOGETHER
    }
}

/// Picks some columns of some rows, each row with the number of its moment.
fn with_moments(
    rows: &RecordBatch,
    columns: &BTreeSet<String>,
    indices: Vec<u32>,
    numbers: Vec<i64>,
) -> Result<Option<RecordBatch>, arrow::error::ArrowError> {
    if indices.is_empty() {
        return Ok(None);
    }
    let indices = UInt32Array::from(indices);
    let (mut fields, mut picked) = (Vec::new(), Vec::new());
    for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
        if columns.contains(field.name()) {
            fields.push(Arc::clone(field));
            picked.push(take(column, &indices, None)?);
        }
    }
    fields.push(Arc::new(Field::new(MOMENT, DataType::Int64, false)));
    picked.push(Arc::new(Int64Array::from(numbers)));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), picked).map(Some)
}
