//! The rows of a stretch of the past, in memory: read once, in the order of the log, and divided into parts that never meet.

use std::hash::BuildHasher;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use datafusion::common::DFSchema;
use hashbrown::{DefaultHashBuilder, HashMap};
use petgraph::unionfind::UnionFind;

use crate::error::QueryError;

use super::super::history::{History, Slice};
use super::super::shape::{evaluate, prepare};
use super::replay::Past;
use super::study::Link;

/// The rows of all leaves.
pub(super) struct Rows {
    pub(super) leaves: Vec<LeafRows>,
    pub(super) parts: usize,
}

/// The rows of one leaf, in the order of the log.
pub(super) struct LeafRows {
    pub(super) rows: Option<RecordBatch>,
    /// When each was received.
    pub(super) at: Vec<i64>,
    /// The rows by part, and in a part by time.
    order: Vec<u32>,
    /// Where each part begins in that order; one more at the end.
    starts: Vec<u32>,
}

impl LeafRows {
    /// Returns the rows of a part, in the order of time.
    pub(super) fn of_part(&self, part: usize) -> &[u32] {
        &self.order[self.starts[part] as usize..self.starts[part + 1] as usize]
    }

    fn len(&self) -> usize {
        self.at.len()
    }

    fn divide(&mut self, parts: &[u32], count: usize) {
        let mut starts = vec![0_u32; count + 1];
        parts.iter().for_each(|part| starts[*part as usize + 1] += 1);
        for part in 0..count {
            starts[part + 1] += starts[part];
        }
        let mut next = starts.clone();
        self.order = vec![0; parts.len()];
        for (row, part) in (0_u32..).zip(parts) {
            let place = &mut next[*part as usize];
            self.order[*place as usize] = row;
            *place += 1;
        }
        self.starts = starts;
    }
}

impl Rows {
    /// Reads what matters to a stretch, and divides it by the leaves' links; it is one part if there are none.
    pub(super) async fn read(past: Past<'_>, links: Option<&[Vec<Link>]>) -> Result<Self, QueryError> {
        let mut leaves = Vec::with_capacity(past.len());
        for (history, slices) in past {
            leaves.push(read_leaf(&history, &slices).await?);
        }
        let mut rows = Self { leaves, parts: 1 };
        match links {
            Some(links) => rows.divide(links).map_err(|error| QueryError::Internal(error.strip_backtrace()))?,
            None => rows.leaves.iter_mut().for_each(|leaf| leaf.divide(&vec![0; leaf.len()], 1)),
        }
        Ok(rows)
    }

    fn divide(&mut self, links: &[Vec<Link>]) -> Result<(), datafusion::common::DataFusionError> {
        let count: usize = self.leaves.iter().map(LeafRows::len).sum();
        let mut sets = UnionFind::<u32>::new(count);
        let mut met: HashMap<(usize, u64), u32> = HashMap::new();
        let hasher = DefaultHashBuilder::default();
        let mut first = 0_u32;
        for (leaf, links) in self.leaves.iter().zip(links) {
            let Some(rows) = &leaf.rows else { continue };
            for link in links {
                let values = values_of(link, rows)?;
                for (row, value) in (first..).zip(values.iter()) {
                    let Some(hash) = value.map(|value| hasher.hash_one(value)).or(link.nulls_meet.then_some(0)) else {
                        continue;
                    };
                    let other = *met.entry((link.class, hash)).or_insert(row);
                    sets.union(other, row);
                }
            }
            first += u32::try_from(leaf.len()).expect("bounded by what a replay may read");
        }
        // Names of sets become numbers without gaps.
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        let named = sets.into_labeling();
        let mut labels = named.into_iter().map(|name| {
            let next = u32::try_from(numbers.len()).expect("no more parts than rows");
            *numbers.entry(name).or_insert(next)
        });
        let labels: Vec<Vec<u32>> = self.leaves.iter().map(|leaf| labels.by_ref().take(leaf.len()).collect()).collect();
        self.parts = numbers.len();
        for (leaf, labels) in self.leaves.iter_mut().zip(&labels) {
            leaf.divide(labels, self.parts);
        }
        Ok(())
    }
}

fn values_of(link: &Link, rows: &RecordBatch) -> Result<StringViewArray, datafusion::common::DataFusionError> {
    let schema = DFSchema::try_from(rows.schema().as_ref().clone())?;
    let values = evaluate(&prepare(&link.value, &schema)?, rows)?;
    Ok(cast(&values, &DataType::Utf8View)?.as_string_view().clone())
}

async fn read_leaf(history: &History<'_>, slices: &[Slice]) -> Result<LeafRows, QueryError> {
    let mut batches: Vec<RecordBatch> = Vec::new();
    for slice in slices {
        history
            .read_in_order(slice, |batch| {
                batches.push(tight(batch)?);
                Ok(())
            })
            .await?;
    }
    let internal = |error: arrow::error::ArrowError| QueryError::Internal(format!("rows could not be joined: {error}"));
    let schema: Option<SchemaRef> = batches.first().map(RecordBatch::schema);
    let rows = schema.map(|schema| concat_batches(&schema, &batches)).transpose().map_err(internal)?;
    let at = match rows.as_ref().and_then(|rows| rows.column_by_name("received_at")) {
        Some(times) => cast(times, &DataType::Int64).map_err(internal)?.as_primitive::<Int64Type>().values().to_vec(),
        None => Vec::new(),
    };
    Ok(LeafRows { rows, at, order: Vec::new(), starts: Vec::new() })
}

/// Lets go of what texts share with rows that are not here.
fn tight(batch: &RecordBatch) -> Result<RecordBatch, QueryError> {
    let tight = |column: &ArrayRef| match column.as_string_view_opt() {
        Some(texts) => std::sync::Arc::new(texts.gc()) as ArrayRef,
        None => column.clone(),
    };
    RecordBatch::try_new(batch.schema(), batch.columns().iter().map(tight).collect())
        .map_err(|error| QueryError::Internal(format!("rows could not be kept: {error}")))
}
