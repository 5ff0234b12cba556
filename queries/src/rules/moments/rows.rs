//! The rows of a stretch of the past, in memory: read once, and divided into parts that never meet.

use std::hash::BuildHasher;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, StringViewArray};
use arrow::compute::{cast, concat_batches, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::logical_expr::Expr;
use hashbrown::hash_map::Entry;
use hashbrown::{DefaultHashBuilder, HashMap, HashSet};
use petgraph::unionfind::UnionFind;

use crate::error::QueryError;

use super::super::history::{History, Slice, tight};
use super::super::shape::{evaluate, prepare};
use super::study::Link;

/// The rows of all sources, and how each leaf divides them.
pub(crate) struct Rows {
    pub(super) sources: Vec<Arc<SourceRows>>,
    leaves: Vec<Order>,
    pub(super) parts: usize,
}

/// What was read last, by the question: other kinds of entities ask for much of the same.
#[derive(Default)]
pub(crate) struct Shelf(Vec<(String, Arc<SourceRows>)>);

impl Shelf {
    /// Reads sources, or takes what was read before.
    pub(super) async fn read<'p>(
        &mut self,
        past: impl Iterator<Item = &'p (History<'p>, Vec<Slice>)>,
    ) -> Result<Vec<Arc<SourceRows>>, QueryError> {
        let past: Vec<_> = past.map(|(history, slices)| (history.wording(), history, slices)).collect();
        let mut before = std::mem::take(&mut self.0);
        before.retain(|(wording, _)| past.iter().any(|(wanted, ..)| wanted == wording));
        for (wording, history, slices) in past {
            let known = before.iter().find(|(other, _)| *other == wording).map(|(_, rows)| Arc::clone(rows));
            let rows = match known {
                Some(rows) => rows,
                None => Arc::new(SourceRows::read(history, slices, None).await?),
            };
            self.0.push((wording, rows));
        }
        Ok(self.0.iter().map(|(_, rows)| Arc::clone(rows)).collect())
    }
}

/// The rows of one source, in any order.
#[derive(Default)]
pub(super) struct SourceRows {
    pub(super) rows: Option<RecordBatch>,
    /// When each was received.
    pub(super) at: Vec<i64>,
}

/// The rows of a source by part, and in a part by time.
struct Order {
    /// The part of each row.
    labels: Vec<u32>,
    rows: Vec<u32>,
    /// Where each part begins; one more at the end.
    starts: Vec<u32>,
}

impl Rows {
    /// Divides rows by the leaves' links; they are one part if there are none. `source_of` tells the source of each leaf.
    pub(super) fn divide(
        sources: Vec<Arc<SourceRows>>,
        source_of: &[usize],
        links: Option<&[Vec<Link>]>,
    ) -> Result<Self, QueryError> {
        let labels = match links {
            Some(links) => labels(&sources, source_of, links).map_err(failed)?,
            None => source_of.iter().map(|source| vec![0; sources[*source].at.len()]).collect(),
        };
        let parts = labels.iter().flatten().max().map_or(0, |last| *last as usize + 1);
        let orders = source_of.iter().zip(labels).map(|(source, labels)| sources[*source].divide(labels, parts));
        let leaves = orders.collect();
        Ok(Self { sources, leaves, parts })
    }

    /// Returns the sources with the rows of these parts alone, and of the parts that the same rows are of in other leaves.
    pub(super) fn only(&self, parts: &[usize], source_of: &[usize]) -> Result<Vec<Arc<SourceRows>>, QueryError> {
        let mut kept: Vec<Vec<bool>> = self.sources.iter().map(|source| vec![false; source.at.len()]).collect();
        let mut is_known = vec![false; self.parts];
        let mut new = parts.to_vec();
        while let Some(part) = new.pop() {
            if std::mem::replace(&mut is_known[part], true) {
                continue;
            }
            for (leaf, source) in source_of.iter().enumerate() {
                for row in self.of_part(leaf, part) {
                    if std::mem::replace(&mut kept[*source][*row as usize], true) {
                        continue;
                    }
                    let others = source_of.iter().zip(&self.leaves).filter(|(other, _)| *other == source);
                    new.extend(
                        others.map(|(_, leaf)| leaf.labels[*row as usize] as usize).filter(|part| !is_known[*part]),
                    );
                }
            }
        }
        let sources = self.sources.iter().zip(kept).map(|(source, kept)| match &source.rows {
            Some(rows) => {
                SourceRows::new(Some(filter_record_batch(rows, &kept.into()).map_err(internal)?)).map(Arc::new)
            }
            None => Ok(Arc::clone(source)),
        });
        sources.collect()
    }

    /// Returns a leaf's rows of a part, in the order of time.
    pub(super) fn of_part(&self, leaf: usize, part: usize) -> &[u32] {
        let Order { rows, starts, .. } = &self.leaves[leaf];
        &rows[starts[part] as usize..starts[part + 1] as usize]
    }
}

impl SourceRows {
    /// Reads them; where values are given, only the rows that have one of them in that column.
    pub(super) async fn read(
        history: &History<'_>,
        slices: &[Slice],
        of: Option<(&str, &HashSet<String>)>,
    ) -> Result<Self, QueryError> {
        let mut batches: Vec<RecordBatch> = Vec::new();
        for slice in slices {
            let take = |batch: &RecordBatch| {
                let kept = of.and_then(|(column, values)| {
                    let texts = batch.column_by_name(column)?.as_string_view_opt()?;
                    let is_kept = |text: Option<&str>| text.is_some_and(|text| values.contains(text));
                    Some(texts.iter().map(is_kept).collect::<Vec<bool>>())
                });
                let kept = kept.map(|kept| filter_record_batch(batch, &kept.into())).transpose().map_err(internal)?;
                let batch = kept.as_ref().unwrap_or(batch);
                if batch.num_rows() > 0 {
                    batches.push(tight(batch)?);
                }
                Ok(())
            };
            history.read(slice, take).await?;
        }
        let rows = batches.first().map(|first| concat_batches(&first.schema(), &batches));
        Self::new(rows.transpose().map_err(internal)?)
    }

    fn new(rows: Option<RecordBatch>) -> Result<Self, QueryError> {
        let times = rows.as_ref().and_then(|rows| rows.column_by_name("received_at"));
        let times = times.map(|times| cast(times, &DataType::Int64)).transpose().map_err(internal)?;
        let at = times.map_or_else(Vec::new, |times| times.as_primitive::<Int64Type>().values().to_vec());
        Ok(Self { rows, at })
    }

    fn divide(&self, parts: Vec<u32>, count: usize) -> Order {
        let mut starts = vec![0_u32; count + 1];
        parts.iter().for_each(|part| starts[*part as usize + 1] += 1);
        for part in 0..count {
            starts[part + 1] += starts[part];
        }
        let mut next = starts.clone();
        let mut rows = vec![0; parts.len()];
        for (row, part) in (0..).zip(&parts) {
            let place = &mut next[*part as usize];
            rows[*place as usize] = row;
            *place += 1;
        }
        // Rows of one part mostly lie in the order of time already.
        for bounds in starts.windows(2) {
            rows[bounds[0] as usize..bounds[1] as usize].sort_by_key(|row: &u32| self.at[*row as usize]);
        }
        Order { labels: parts, rows, starts }
    }
}

/// Returns the part of each row, leaf by leaf. Parts are numbered without gaps.
fn labels(
    sources: &[Arc<SourceRows>],
    source_of: &[usize],
    links: &[Vec<Link>],
) -> Result<Vec<Vec<u32>>, DataFusionError> {
    let mut firsts = Vec::with_capacity(source_of.len());
    let mut count = 0;
    for source in source_of {
        firsts.push(u32::try_from(count).expect("bounded by what a replay may read"));
        count += sources[*source].at.len();
    }
    let mut sets = UnionFind::<u32>::new(count);
    let hasher = DefaultHashBuilder::default();
    let mut hashes: HashMap<(usize, &Expr), Vec<Option<u64>>> = HashMap::new();
    let classes = links.iter().flatten().map(|link| link.class + 1).max().unwrap_or(0);
    let mut met: HashMap<u64, u32> = HashMap::new();
    for class in 0..classes {
        met.clear();
        for ((source, links), first) in source_of.iter().zip(links).zip(&firsts) {
            let Some(rows) = &sources[*source].rows else { continue };
            for link in links.iter().filter(|link| link.class == class) {
                let hashes = match hashes.entry((*source, &link.value)) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => new.insert(hashes_of(&link.value, rows, &hasher)?),
                };
                // Rows of one person mostly lie side by side.
                let mut before = None;
                for (row, hash) in (*first..).zip(hashes) {
                    let Some(hash) = hash.or(link.nulls_meet.then_some(0)) else { continue };
                    let other = match before {
                        Some((same, other)) if same == hash => other,
                        _ => *met.entry(hash).or_insert(row),
                    };
                    sets.union(other, row);
                    before = Some((hash, row));
                }
            }
        }
    }
    // Names of sets become numbers without gaps.
    let mut numbers = vec![u32::MAX; count];
    let mut next = 0;
    let mut labels = sets.into_labeling().into_iter().map(|name| {
        let number = &mut numbers[name as usize];
        if *number == u32::MAX {
            *number = next;
            next += 1;
        }
        *number
    });
    Ok(source_of.iter().map(|source| labels.by_ref().take(sources[*source].at.len()).collect()).collect())
}

/// Returns the values that a class meets by, of the rows there are.
pub(super) fn values_of_class(
    sources: &[Arc<SourceRows>],
    source_of: &[usize],
    links: &[Vec<Link>],
    class: usize,
) -> Result<HashSet<String>, QueryError> {
    let mut values = HashSet::new();
    for (source, links) in source_of.iter().zip(links) {
        let Some(rows) = &sources[*source].rows else { continue };
        for link in links.iter().filter(|link| link.class == class) {
            let texts = texts_of(&link.value, rows).map_err(failed)?;
            values.extend(texts.iter().flatten().map(str::to_owned));
        }
    }
    Ok(values)
}

fn hashes_of(
    value: &Expr,
    rows: &RecordBatch,
    hasher: &DefaultHashBuilder,
) -> Result<Vec<Option<u64>>, DataFusionError> {
    Ok(texts_of(value, rows)?.iter().map(|value| value.map(|value| hasher.hash_one(value))).collect())
}

fn texts_of(value: &Expr, rows: &RecordBatch) -> Result<StringViewArray, DataFusionError> {
    let schema = DFSchema::try_from(rows.schema().as_ref().clone())?;
    let values = evaluate(&prepare(value, &schema)?, rows)?;
    Ok(cast(&values, &DataType::Utf8View)?.as_string_view().clone())
}

fn internal(error: arrow::error::ArrowError) -> QueryError {
    QueryError::Internal(format!("rows could not be kept: {error}"))
}

fn failed(error: DataFusionError) -> QueryError {
    QueryError::Internal(error.strip_backtrace())
}
