//! What is read of the tables for a rule's leaves, and when: leaves that want the same rows share a source, and a source
//! that only the answer needs is read late, for those of whom the rule may be true.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DataFusionError};
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan};

use crate::error::QueryError;

use super::super::history::{History, MANY_ROWS, Past, Slice};
use super::super::shape::to_sql;
use super::Moments;
use super::leaf::{Leaf, MOMENT, place_of};
use super::replay::Stretch;
use super::rows::{Rows, Shelf, SourceRows, values_of_class};
use super::study::{Link, Study};

/// Rows that a replay may hold.
const ROWS_HELD_MAX: u64 = 6_000_000;

/// What matters to a stretch, source by source: what of its table's past, and the slices that hold rows.
type Wanted<'a> = Vec<(History<'a>, Vec<Slice>)>;

/// What a leaf reads.
#[derive(Clone, Debug)]
pub(super) struct Read {
    /// The place of its source.
    pub(super) source: usize,
    pub(super) columns: BTreeSet<String>,
}

/// What is read of a table, for one leaf or for several that want the same rows.
#[derive(Clone, Debug)]
pub(super) struct Source {
    table: String,
    columns: BTreeSet<String>,
    /// What every row of interest fulfils, in SQL.
    condition: Option<String>,
    pub(super) late: Option<Late>,
}

/// A source that the relaxed plan does without, and whose rows meet others by one column only: it is read once it is known
/// for which of that column's values. Others of the class have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Late {
    class: usize,
    column: String,
}

impl Moments {
    /// Returns the first time of receipt of a leaf that matters at a moment.
    pub(super) fn from(&self, leaf: usize, as_of: i64) -> i64 {
        self.study.passing[leaf].horizon_us.map_or(0, |horizon| as_of - horizon)
    }

    /// Reads what matters to a stretch, and divides it into parts. None if it is more rows than can be held.
    pub(crate) async fn read(
        &self,
        past: &Past<'_>,
        stretch: Stretch,
        shelf: &mut Shelf,
    ) -> Result<Option<Rows>, QueryError> {
        let Some(wanted) = self.look(past, stretch).await? else { return Ok(None) };
        let source_of: Vec<usize> = self.reads.iter().map(|read| read.source).collect();
        let links = self.study.links.as_deref();
        let is_late = |place: usize| self.sources[place].late.is_some();
        let (early, late): (Vec<_>, Vec<_>) = wanted.into_iter().enumerate().partition(|(place, _)| !is_late(*place));
        let nothing = Arc::new(SourceRows::default());
        let mut sources: Vec<_> = self.sources.iter().map(|_| Arc::clone(&nothing)).collect();
        for ((place, _), rows) in early.iter().zip(shelf.read(early.iter().map(|(_, wanted)| wanted)).await?) {
            sources[*place] = rows;
        }
        let rows = Rows::divide(sources, &source_of, links)?;
        let Some(relaxed) = self.relaxed.as_ref().filter(|_| !late.is_empty()) else { return Ok(Some(rows)) };
        let parts = self.whole_parts(past.engine, &rows, relaxed, stretch, |_, _| {}).await?;
        let mut sources = rows.only(&parts, &source_of)?;
        let mut held: u64 = sources.iter().map(|source| source.at.len() as u64).sum();
        for (place, (history, slices)) in late {
            let Some(Late { class, column }) = &self.sources[place].late else { continue };
            let values = values_of_class(&sources, &source_of, links.unwrap_or_default(), *class)?;
            let rows = SourceRows::read(&history, &slices, Some((column, &values))).await?;
            held += rows.at.len() as u64;
            sources[place] = Arc::new(rows);
        }
        (held <= ROWS_HELD_MAX).then(|| Rows::divide(sources, &source_of, links)).transpose()
    }

    /// Returns the pasts of the sources. None if they are more rows than can be held.
    async fn look<'a>(&'a self, past: &'a Past<'a>, stretch: Stretch) -> Result<Option<Wanted<'a>>, QueryError> {
        let mut wanted = Vec::with_capacity(self.sources.len());
        for (place, source) in self.sources.iter().enumerate() {
            let leaves = (0..self.leaves.len()).filter(|leaf| self.reads[*leaf].source == place);
            let first = leaves.map(|leaf| self.from(leaf, stretch.first)).min().unwrap_or(stretch.first);
            let (columns, condition) = (source.columns.clone(), source.condition.clone());
            let history = History::new(past, &source.table, columns, condition, (first, stretch.last));
            let slices = history.slices(MANY_ROWS).await?;
            wanted.push((history, slices));
        }
        let is_early = |place: usize| self.sources[place].late.is_none();
        let rows = |wanted: &Wanted<'_>| -> u64 {
            let early = wanted.iter().enumerate().filter(|(place, _)| is_early(*place));
            early.flat_map(|(_, (_, slices))| slices).map(|slice| slice.rows.unsigned_abs()).sum()
        };
        if rows(&wanted) > ROWS_HELD_MAX {
            for (place, (history, slices)) in wanted.iter_mut().enumerate() {
                if is_early(place) {
                    *slices = history.slices_of_condition(MANY_ROWS).await?;
                }
            }
        }
        Ok((rows(&wanted) <= ROWS_HELD_MAX).then_some(wanted))
    }
}

/// Tells what is read for each leaf, and from which source: the columns that the plans and the links need, under the
/// conditions right above it.
pub(super) fn reads(
    plan: &LogicalPlan,
    relaxed: Option<&LogicalPlan>,
    leaves: &[Leaf],
    study: &Study,
) -> Result<(Vec<Read>, Vec<Source>), DataFusionError> {
    let mut columns = vec![BTreeSet::new(); leaves.len()];
    let mut conditions = vec![None; leaves.len()];
    each_leaf(plan, |place, scan| {
        let own = scan.filters.iter().filter_map(unqualified).collect::<Vec<_>>();
        conditions[place] = to_sql(&own, &DFSchema::try_from(scan.source.schema().as_ref().clone())?);
        Ok(())
    })?;
    for plan in std::iter::once(plan).chain(relaxed) {
        each_leaf(plan, |place, scan| {
            let names = scan.projected_schema.fields().iter().map(|field| field.name().clone());
            columns[place].extend(names.filter(|name| name != MOMENT));
            Ok(())
        })?;
    }
    let linked = study.links.iter().flatten();
    for (columns, links) in columns.iter_mut().zip(linked) {
        let names = links.iter().flat_map(|link| link.value.column_refs()).map(|column| column.name.clone());
        columns.extend(names);
    }
    let mut sources: Vec<Source> = Vec::new();
    let reads = leaves.iter().zip(columns).zip(conditions).map(|((leaf, columns), condition)| {
        let is_same = |source: &Source| source.table == leaf.table && source.condition == condition;
        let source = sources.iter().position(is_same).unwrap_or_else(|| {
            let (table, columns) = (leaf.table.clone(), BTreeSet::new());
            sources.push(Source { table, columns, condition: condition.clone(), late: None });
            sources.len() - 1
        });
        sources[source].columns.extend(columns.iter().cloned());
        Read { source, columns }
    });
    let reads: Vec<Read> = reads.collect();
    if let Some(relaxed) = relaxed {
        let late = late(plan, relaxed, leaves.len(), study)?;
        for (place, source) in sources.iter_mut().enumerate() {
            let mut of_source = reads.iter().zip(&late).filter(|(read, _)| read.source == place).map(|(_, late)| late);
            let first = of_source.next().cloned().flatten();
            source.late = first.filter(|first| of_source.all(|other| other.as_ref() == Some(first)));
        }
    }
    Ok((reads, sources))
}

/// Tells which leaves can be read late: those that meet others in one way only, by a column of text, and among these one
/// that is read before.
fn late(
    plan: &LogicalPlan,
    relaxed: &LogicalPlan,
    leaves: usize,
    study: &Study,
) -> Result<Vec<Option<Late>>, DataFusionError> {
    let Some(links) = &study.links else { return Ok(vec![None; leaves]) };
    let mut columns: Vec<Option<String>> = vec![None; leaves];
    each_leaf(plan, |place, scan| {
        let Some(Link { value: Expr::Column(column), .. }) = links[place].first() else { return Ok(()) };
        let is_text =
            scan.source.schema().field_with_name(&column.name).is_ok_and(|field| field.data_type().is_string());
        let is_only = links[place].iter().all(|link| link.value == links[place][0].value);
        columns[place] = (is_text && is_only).then(|| column.name.clone());
        Ok(())
    })?;
    each_leaf(relaxed, |place, _| {
        columns[place] = None;
        Ok(())
    })?;
    // What stays without a column here is read early. A leaf that meets several others may bring together what does not
    // meet without it, so it is read early as well, and that may be what another one waits for.
    let meets = |leaf: usize, class: usize| links[leaf].iter().any(|link| link.class == class);
    loop {
        let way = |leaf: usize| {
            let classes: BTreeSet<usize> = links[leaf].iter().map(|link| link.class).collect();
            let others = |class: usize| (0..leaves).filter(move |other| *other != leaf && meets(*other, class));
            let mut ways = classes.into_iter().filter(|class| others(*class).next().is_some());
            let class = ways.next()?;
            (ways.next().is_none() && others(class).any(|other| columns[other].is_none())).then_some(class)
        };
        let ways: Vec<Option<usize>> = (0..leaves).map(way).collect();
        let early = (0..leaves).find(|leaf| columns[*leaf].is_some() && ways[*leaf].is_none());
        match early {
            Some(leaf) => columns[leaf] = None,
            None => {
                let late = columns.into_iter().zip(ways);
                return Ok(late.map(|(column, class)| Some(Late { class: class?, column: column? })).collect());
            }
        }
    }
}

fn each_leaf(
    plan: &LogicalPlan,
    mut tell: impl FnMut(usize, &TableScan) -> Result<(), DataFusionError>,
) -> Result<(), DataFusionError> {
    plan.apply(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(place) = place_of(scan)
        {
            tell(place, scan)?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// Returns a condition without its columns' qualifiers; none if it speaks of the moment.
fn unqualified(expr: &Expr) -> Option<Expr> {
    if expr.column_refs().iter().any(|column| column.name == MOMENT) {
        return None;
    }
    let plain = expr.clone().transform_up(|expr| match expr {
        Expr::Column(column) => Ok(Transformed::yes(Expr::Column(Column::new_unqualified(column.name)))),
        other => Ok(Transformed::no(other)),
    });
    plain.ok().map(|plain| plain.data)
}
