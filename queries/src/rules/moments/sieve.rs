//! Where a rule can be true at all. The relaxed plan is asked about a part's whole stretch at once; where it finds something,
//! about eighths of that, and so on down to a few moments. Most parts fall through at the first question, for what one row
//! costs and not one row a moment.

use std::ops::Range;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::logical_expr::LogicalPlan;
use futures::StreamExt;

use crate::engine::Engine;
use crate::error::QueryError;

use super::Moments;
use super::leaf::MOMENT;
use super::replay::{Chunk, Stretch};
use super::rows::Rows;

/// So few moments are asked about themselves.
const FEW: usize = 8;
/// Into so many a span is divided.
const PIECES: usize = 8;

/// Moments of a part, by their place among those of the part.
pub(super) type Span = (usize, Range<usize>);

impl Moments {
    /// Returns the spans of moments at which the rule may be true of something, in the order of parts and time.
    pub(super) async fn sift(
        &self,
        engine: &Engine,
        rows: &Rows,
        (stretch, step): (Stretch, i64),
        progress: impl FnMut(u64, u64) + Send,
    ) -> Result<Vec<Span>, QueryError> {
        let whole = |part: usize| (part, 0..self.moments_of(rows, part, stretch, step).len());
        let Some(relaxed) = &self.relaxed else { return Ok((0..rows.parts).map(whole).collect()) };
        let passing = self.whole_parts(engine, rows, relaxed, stretch, progress).await?;
        let mut left: Vec<Span> = passing.into_iter().map(whole).collect();
        let mut found = Vec::new();
        while !left.is_empty() {
            let (few, many): (Vec<Span>, Vec<Span>) = left.into_iter().partition(|(_, span)| span.len() <= FEW);
            found.extend(few);
            let mut pieces: Vec<Span> = Vec::new();
            let mut asked = Vec::new();
            for of_part in many.chunk_by(|a, b| a.0 == b.0) {
                let part = of_part[0].0;
                let moments = self.moments_of(rows, part, stretch, step);
                for (_, span) in of_part {
                    let length = span.len().div_ceil(PIECES).max(FEW);
                    for start in span.clone().step_by(length) {
                        let piece = start..(start + length).min(span.end);
                        asked.push((part, (moments[start], moments[piece.end - 1])));
                        pieces.push((part, piece));
                    }
                }
            }
            let passing = self.passing(engine, rows, relaxed, &asked, |_, _| {}).await?;
            left = passing.into_iter().map(|place| pieces[place].clone()).collect();
        }
        found.sort_unstable_by_key(|(part, span)| (*part, span.start));
        Ok(found)
    }

    /// Returns the parts of which the relaxed plan finds something in a whole stretch. Of most it does not, so that their moments
    /// need not be known.
    pub(super) async fn whole_parts(
        &self,
        engine: &Engine,
        rows: &Rows,
        relaxed: &LogicalPlan,
        stretch: Stretch,
        progress: impl FnMut(u64, u64) + Send,
    ) -> Result<Vec<usize>, QueryError> {
        let all: Vec<_> = (0..rows.parts).map(|part| (part, (stretch.first, stretch.last))).collect();
        self.passing(engine, rows, relaxed, &all, progress).await
    }

    /// Returns the places of those, among parts from a first to a last time, of which the relaxed plan finds something.
    async fn passing(
        &self,
        engine: &Engine,
        rows: &Rows,
        relaxed: &LogicalPlan,
        asked: &[(usize, (i64, i64))],
        mut progress: impl FnMut(u64, u64) + Send,
    ) -> Result<Vec<usize>, QueryError> {
        let mut passing = Vec::new();
        let mut chunk = Chunk::new(self.leaves.len());
        let mut begun = 0;
        for (place, (part, times)) in asked.iter().enumerate() {
            self.add(rows, *part, *times, &mut chunk);
            if !chunk.is_full() && place + 1 < asked.len() {
                continue;
            }
            let chunk = std::mem::replace(&mut chunk, Chunk::new(self.leaves.len()));
            match self.found(engine, rows, relaxed, chunk).await {
                Ok(numbers) => passing.extend(numbers.into_iter().map(|number| begun + number)),
                // It only spares work: a row that the rule never looks at may be one that it cannot compute.
                Err(error) => {
                    tracing::info!(rule.name = %self.rule.name, %error, "moments could not be sifted");
                    passing.extend(begun..=place);
                }
            }
            begun = place + 1;
            progress(begun as u64, asked.len() as u64);
        }
        Ok(passing)
    }

    /// Returns the numbers of the moments of which the relaxed plan finds something, in order.
    async fn found(
        &self,
        engine: &Engine,
        rows: &Rows,
        relaxed: &LogicalPlan,
        chunk: Chunk,
    ) -> Result<Vec<usize>, QueryError> {
        let mut batches = self.run(engine, rows, relaxed, chunk).await?;
        let mut numbers = Vec::new();
        while let Some(batch) = batches.next().await {
            let batch = batch?;
            let column = batch.column_by_name(MOMENT).map(|column| column.as_primitive::<Int64Type>());
            let told = column.into_iter().flat_map(|column| column.values()).copied();
            numbers.extend(told.filter_map(|number| usize::try_from(number).ok()));
        }
        self.clear();
        numbers.sort_unstable();
        Ok(numbers)
    }
}
