//! A scheduled rule over the past, to the hit: it is asked at every multiple of its pace at which its answer can have changed,
//! many such moments in one query.
//!
//! The way: the rule's plan gets leaves in the place of its tables (`leaf.rs`) and is studied (`study.rs`): which rows can
//! meet, so that the rows fall into parts that know nothing of each other, and when each row comes to matter (`times.rs`).
//! The rows are read once (`source.rs`, `rows.rs`). Each part is asked only when one of its own rows comes, leaves, or
//! crosses a time that the rule speaks of, and only over its own rows, which carry the number of the moment through the
//! plan (`carry.rs`). Before that, a relaxed plan (`relax.rs`) tells where the rule can be true of nothing at all (`sieve.rs`),
//! which is nearly everywhere (`replay.rs`). What comes back goes through the very lifecycle that live hits go through
//! (`answers.rs`).
//!
//! A plan that cannot be studied says why; such a rule is asked moment by moment (`backtest.rs`).

mod answers;
mod bounds;
mod carry;
mod leaf;
mod origin;
mod relax;
mod replay;
mod rows;
mod sieve;
mod source;
mod study;
mod times;

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DataFusionError};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::Optimizer;
use datafusion::optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;

use crate::engine::{Engine, Tables};
use crate::hits::EntityKind;

use super::rule::Rule;
use super::session::plan;
use super::text::Clock;
use carry::Times;
use leaf::{Leaf, MOMENT};
use source::{Read, Source};
use study::{Study, study};

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
        let (reads, sources) = source::reads(&plan, relaxed.as_ref(), &leaves, &study).map_err(words)?;
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
