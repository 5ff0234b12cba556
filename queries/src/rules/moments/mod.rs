//! A scheduled rule over the past, to the hit: it is asked at every multiple of its pace at which its answer can have changed,
//! many such moments in one query.
//!
//! The way: the rule's plan gets leaves in the place of its tables (`leaf.rs`) and is studied (`study.rs`): which rows can
//! meet, so that the rows fall into parts that know nothing of each other, and when each row comes to matter (`times.rs`).
//! The rows are read once (`rows.rs`). Each part is asked only when one of its own rows comes, leaves, or crosses a time
//! that the rule speaks of, and only over its own rows, which carry the number of the moment through the plan
//! (`carry.rs`). Before that, a relaxed plan (`relax.rs`) tells where the rule can be true of nothing at all (`sieve.rs`),
//! which is nearly everywhere. What comes back goes through the very lifecycle that live hits go through (`replay.rs`).
//!
//! A plan that cannot be studied says why; such a rule is asked moment by moment (`backtest.rs`).

mod bounds;
mod carry;
mod leaf;
mod origin;
mod relax;
mod replay;
mod rows;
mod sieve;
mod study;
mod times;

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableScan};
use datafusion::optimizer::Optimizer;
use datafusion::optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;

use crate::engine::{Engine, Tables};
use crate::hits::EntityKind;

use super::rule::Rule;
use super::session::plan;
use super::shape::to_sql;
use super::text::Clock;
use carry::Times;
use leaf::{Leaf, MOMENT};
use study::{Link, Study, study};

pub(super) use replay::Stretch;
pub(super) use rows::Shelf;

/// A scheduled rule for one kind of entity, ready to be asked for many moments at once.
pub(super) struct Moments {
    rule: Arc<Rule>,
    leaves: Vec<Leaf>,
    /// What to read for each leaf.
    reads: Vec<Read>,
    sources: Vec<Source>,
    study: Study,
    plan: LogicalPlan,
    /// The plan that tells which moments are worth asking about; its answer is their numbers. None if all are.
    relaxed: Option<LogicalPlan>,
    times: Arc<Times>,
}

/// What a leaf reads.
#[derive(Clone, Debug)]
struct Read {
    /// The place of its source.
    source: usize,
    columns: BTreeSet<String>,
}

/// What is read of a table, for one leaf or for several that want the same rows.
#[derive(Clone, Debug)]
struct Source {
    table: String,
    columns: BTreeSet<String>,
    /// What every row of interest fulfils, in SQL.
    condition: Option<String>,
    late: Option<Late>,
}

/// A source that the relaxed plan does without, and whose rows meet others by one column only: it is read once it is known
/// for which of that column's values. Others of the class have them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Late {
    class: usize,
    column: String,
}

impl Moments {
    /// Prepares a rule.
    ///
    /// # Errors
    /// In words, why it must be asked moment by moment.
    pub(super) fn of(engine: &Engine, tables: &Tables, rule: &Arc<Rule>, kind: EntityKind) -> Result<Self, String> {
        let words = |error: DataFusionError| error.strip_backtrace();
        if rule.headers.ttl_us < rule.headers.pace_us() {
            return Err("its hits end between two of its runs".to_owned());
        }
        let window = rule.headers.window;
        let seen = rule.sight(kind).over(tables).map_err(words)?;
        let state = engine.session(seen.clone()).map_err(|error| error.to_string())?.state();
        let asked = plan(engine, rule.sql.statement(Clock::Marked, window), seen).map_err(words)?;
        let asked = flatten(asked, &state).map_err(words)?;
        let (planted, leaves) = leaf::plant(asked).map_err(words)?;
        let study = study(&planted, leaves.len(), window)?;
        let times = Arc::new(Times::default());
        let carried = carry::carry(&planted, window, &times).map_err(words)?;
        let plan = state.optimize(&carried).map_err(words)?;
        let relaxed = relax::relax(&planted).and_then(|relaxed| {
            let carried = carry::carry(&relaxed, window, &times)?;
            let moment = Expr::Column(Column::new_unqualified(MOMENT));
            state.optimize(&LogicalPlanBuilder::from(carried).project([moment])?.distinct()?.build()?)
        });
        let relaxed = relaxed.inspect_err(|error| {
            tracing::info!(rule.name = %rule.name, reason = error.strip_backtrace(), "all of a rule's moments are asked");
        });
        let relaxed = relaxed.ok();
        let (reads, mut sources) = reads(&plan, relaxed.as_ref(), &leaves, &study).map_err(words)?;
        if let Some(relaxed) = &relaxed {
            let late = late(&plan, relaxed, leaves.len(), &study).map_err(words)?;
            for (place, source) in sources.iter_mut().enumerate() {
                let mut of_source =
                    reads.iter().zip(&late).filter(|(read, _)| read.source == place).map(|(_, late)| late);
                let first = of_source.next().cloned().flatten();
                source.late = first.filter(|first| of_source.all(|other| other.as_ref() == Some(first)));
            }
        }
        Ok(Self { rule: Arc::clone(rule), leaves, reads, sources, study, plan, relaxed, times })
    }
}

#[cfg(test)]
impl Moments {
    /// Tells whether moments at which the rule can be true of nothing are found without asking about each.
    pub(super) const fn is_sifted(&self) -> bool {
        self.relaxed.is_some()
    }

    /// Tells whether something is read only for what is left then.
    pub(super) fn reads_late(&self) -> bool {
        self.sources.iter().any(|source| source.late.is_some())
    }
}

/// Turns subqueries in conditions into joins, and conditions of joins into keys where they are equalities.
fn flatten(plan: LogicalPlan, state: &SessionState) -> Result<LogicalPlan, DataFusionError> {
    let rules = Optimizer::with_rules(vec![
        Arc::new(DecorrelatePredicateSubquery::new()),
        Arc::new(ExtractEquijoinPredicate::new()),
    ]);
    let flat = rules.optimize(plan, state, |_, _| {})?;
    flat.apply(|node| {
        node.apply_expressions(|expr| {
            let is_subquery = |expr: &Expr| {
                Ok(matches!(
                    expr,
                    Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_)
                ))
            };
            if expr.exists(is_subquery)? {
                return Err(DataFusionError::NotImplemented("a subquery that is no join".to_owned()));
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(flat)
}

/// Tells what is read for each leaf: the columns that the plans and the links need, under the conditions right above it.
fn reads(
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
    let reads = reads.collect();
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
            && let Some(place) = leaf::place_of(scan)
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
