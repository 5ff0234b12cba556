//! A scheduled rule over the past, to the hit: it is asked at every multiple of its pace at which its answer can have changed,
//! many such moments in one query.
//!
//! The way: the rule's plan gets leaves in the place of its tables (`leaf.rs`) and is studied (`study.rs`): which rows can
//! meet, so that the rows fall into parts that know nothing of each other, and when each row comes to matter (`times.rs`).
//! The rows are read once (`rows.rs`). Each part is asked only when one of its own rows comes, leaves, or crosses a time
//! that the rule speaks of, and only over its own rows, which carry the number of the moment through the plan
//! (`carry.rs`). What comes back goes through the very lifecycle that live hits go through (`replay.rs`).
//!
//! A plan that cannot be studied says why; such a rule is asked moment by moment (`backtest.rs`).

mod carry;
mod leaf;
mod origin;
mod replay;
mod rows;
mod study;
mod times;

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan};
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
use study::{Study, study};

pub(super) use replay::Stretch;

/// A scheduled rule for one kind of entity, ready to be asked for many moments at once.
pub(super) struct Moments {
    rule: Arc<Rule>,
    leaves: Vec<Leaf>,
    /// What to read of each leaf's table.
    reads: Vec<Read>,
    study: Study,
    plan: LogicalPlan,
    times: Arc<Times>,
}

/// What is read of a table.
#[derive(Clone, Debug, Default)]
struct Read {
    columns: BTreeSet<String>,
    /// What every row of interest fulfils, in SQL.
    condition: Option<String>,
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
        let reads = reads(&plan, leaves.len(), &study).map_err(words)?;
        Ok(Self { rule: Arc::clone(rule), leaves, reads, study, plan, times })
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

/// Tells what is read of each leaf: the columns that the plan and the links need, under the conditions right above it.
fn reads(plan: &LogicalPlan, leaves: usize, study: &Study) -> Result<Vec<Read>, DataFusionError> {
    let mut reads = vec![Read::default(); leaves];
    plan.apply(|node| {
        let LogicalPlan::TableScan(scan) = node else { return Ok(TreeNodeRecursion::Continue) };
        let Some(place) = leaf::place_of(scan) else { return Ok(TreeNodeRecursion::Continue) };
        let read = &mut reads[place];
        let names = scan.projected_schema.fields().iter().map(|field| field.name().clone());
        read.columns.extend(names.filter(|name| name != MOMENT));
        let conditions = scan.filters.iter().filter_map(unqualified).collect::<Vec<_>>();
        let schema = DFSchema::try_from(scan.source.schema().as_ref().clone())?;
        read.condition = to_sql(&conditions, &schema);
        Ok(TreeNodeRecursion::Continue)
    })?;
    for (read, links) in reads.iter_mut().zip(study.links.iter().flatten()) {
        let columns = links.iter().flat_map(|link| link.value.column_refs());
        read.columns.extend(columns.map(|column| column.name.clone()));
    }
    Ok(reads)
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
