//! Where the columns of a plan come from: for each column of a node, by which expressions over a leaf's rows its value can be
//! found again, and whether it is a time of receipt. Knows nothing of what is asked about it (`meet.rs`, `times.rs`).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, DFSchemaRef, JoinType};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Cast, Expr, Join, LogicalPlan};

use super::super::component::COMPONENT;
use super::leaf::{MOMENT, place_of};
use super::times::{has_marker, is_fine};

/// An expression over the rows of one leaf, by the leaf's place; its columns have no qualifier.
pub(super) type LeafExpr = (usize, Expr);

/// Where the value of a column comes from.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    /// Of the rows behind an output row, one at least has this value by one of these expressions. Empty: not known.
    pub(super) values: Vec<LeafExpr>,
    /// That holds of null, too. It does not on the side of an outer join that may have no row.
    pub(super) is_total: bool,
    /// The leaves whose times of receipt it holds; empty for everything else.
    pub(super) receipt: BTreeSet<usize>,
    /// It is the time of receipt of the one row behind the output row: a condition on it is one on the rows of the leaf.
    pub(super) is_direct: bool,
}

/// The columns of a node.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) schema: DFSchemaRef,
    pub(super) origins: Vec<Origin>,
    /// Columns that full joins below hold equal, of which one at least is not null.
    pairs: Vec<(Column, Column)>,
    /// It has rows of events; a table of constants has none.
    pub(super) has_leaf: bool,
}

impl Scope {
    /// Returns the scope of a node, given those of its inputs. A node of an unknown kind has columns of unknown origin.
    pub(super) fn of(plan: &LogicalPlan, inputs: Vec<Self>) -> Self {
        let has_leaf = inputs.iter().any(|input| input.has_leaf);
        let unknown = |schema: &DFSchemaRef| vec![Origin::default(); schema.fields().len()];
        let mut inputs = inputs.into_iter();
        let scope = |schema: &DFSchemaRef, origins, pairs| Self { schema: schema.clone(), origins, pairs, has_leaf };
        match (plan, inputs.next(), inputs.next()) {
            (LogicalPlan::TableScan(scan), ..) => {
                let place = place_of(scan);
                // The moment is no column of the rule's own.
                let own = scan.projected_schema.iter().filter(|(_, field)| field.name() != MOMENT);
                let own: Vec<_> = own.map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field))).collect();
                let origins = own.iter().map(|(_, field)| of_scan(place, field.name())).collect();
                let schema = DFSchema::new_with_metadata(own, HashMap::new());
                let schema = schema.map_or_else(|_| Arc::clone(&scan.projected_schema), Arc::new);
                Self { schema, origins, pairs: Vec::new(), has_leaf: place.is_some() }
            }
            (LogicalPlan::Projection(projection), Some(input), _) => {
                let origins = projection.expr.iter().map(|expr| input.trace(expr)).collect();
                scope(&projection.schema, origins, Vec::new())
            }
            (LogicalPlan::Filter(_) | LogicalPlan::Sort(_), Some(input), _) => input,
            (LogicalPlan::Distinct(_), Some(input), _) => {
                let origins = input.origins.iter().map(Origin::behind_many).collect();
                scope(&input.schema, origins, Vec::new())
            }
            (LogicalPlan::SubqueryAlias(alias), Some(input), _) => scope(&alias.schema, input.origins, Vec::new()),
            (LogicalPlan::Aggregate(aggregate), Some(input), _) => {
                let groups = aggregate.group_expr.iter().map(|expr| input.trace(expr).behind_many());
                let aggregates = aggregate.aggr_expr.iter().map(|expr| input.trace_aggregate(expr));
                scope(&aggregate.schema, groups.chain(aggregates).collect(), Vec::new())
            }
            (LogicalPlan::Window(window), Some(input), _) => {
                // A condition above may not be moved below: the functions see the rows that it drops.
                let kept = input.origins.iter().map(|origin| Origin { is_direct: false, ..origin.clone() });
                let made = window.window_expr.iter().map(|expr| input.trace_window(expr));
                scope(&window.schema, kept.chain(made).collect(), Vec::new())
            }
            (LogicalPlan::Join(join), Some(left), Some(right)) => Self::of_join(join, left, right),
            (LogicalPlan::Union(union), Some(first), second) => {
                let mut origins = first.origins;
                for other in second.into_iter().chain(inputs) {
                    origins.iter_mut().zip(other.origins).for_each(|(origin, other)| origin.join(other));
                }
                scope(&union.schema, origins, Vec::new())
            }
            (other, ..) => scope(other.schema(), unknown(other.schema()), Vec::new()),
        }
    }

    fn of_join(join: &Join, left: Self, right: Self) -> Self {
        let outer = |mut scope: Self, may_lack: bool| {
            if may_lack {
                let lack = |origin: &mut Origin| (origin.is_total, origin.is_direct) = (false, false);
                scope.origins.iter_mut().for_each(lack);
            }
            scope
        };
        let has_leaf = left.has_leaf || right.has_leaf;
        let (left_may_lack, right_may_lack) = match join.join_type {
            JoinType::Inner => (false, false),
            JoinType::Left => (false, true),
            JoinType::Right => (true, false),
            JoinType::Full => (true, true),
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => {
                return Self { schema: join.schema.clone(), has_leaf, ..left }.padded();
            }
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => {
                return Self { schema: join.schema.clone(), has_leaf, ..right }.padded();
            }
        };
        let (left, right) = (outer(left, left_may_lack), outer(right, right_may_lack));
        let mut pairs = left.pairs;
        pairs.extend(right.pairs);
        if join.join_type == JoinType::Full {
            pairs.extend(join.on.iter().filter_map(|on| match on {
                (Expr::Column(left), Expr::Column(right)) => Some((left.clone(), right.clone())),
                _ => None,
            }));
        }
        let origins = left.origins.into_iter().chain(right.origins).collect();
        Self { schema: join.schema.clone(), origins, pairs, has_leaf }
    }

    /// Adds the column that a mark join makes.
    fn padded(mut self) -> Self {
        self.origins.resize(self.schema.fields().len(), Origin::default());
        self
    }

    /// Returns where the value of an expression over the columns comes from.
    pub(super) fn trace(&self, expr: &Expr) -> Origin {
        match expr {
            Expr::Column(column) => {
                let place = self.schema.maybe_index_of_column(column);
                place.and_then(|place| self.origins.get(place)).cloned().unwrap_or_default()
            }
            Expr::Alias(alias) => self.trace(&alias.expr),
            Expr::ScalarFunction(call) if call.name() == "coalesce" => self.trace_coalesce(expr, &call.args),
            Expr::Cast(Cast { expr: inner, field }) if is_fine(field.data_type()) => {
                // Another type of time is the same time.
                let origin = self.trace(inner);
                Origin { receipt: origin.receipt, is_direct: origin.is_direct, ..self.trace_function(expr) }
            }
            other => self.trace_function(other),
        }
    }

    fn trace_coalesce(&self, expr: &Expr, args: &[Expr]) -> Origin {
        let traced: Vec<Origin> = args.iter().map(|arg| self.trace(arg)).collect();
        let is_known = traced.iter().all(|origin| !origin.values.is_empty());
        if !is_known {
            return self.trace_function(expr);
        }
        let is_pair = |a: &Expr, b: &Expr| match (a, b) {
            (Expr::Column(a), Expr::Column(b)) => {
                self.pairs.iter().any(|pair| (&pair.0, &pair.1) == (a, b) || (&pair.1, &pair.0) == (a, b))
            }
            _ => false,
        };
        let is_total =
            traced.iter().any(|origin| origin.is_total) || args.windows(2).any(|two| is_pair(&two[0], &two[1]));
        let is_receipt = traced.iter().all(|origin| !origin.receipt.is_empty());
        let mut all = Origin { is_total, ..Origin::default() };
        for origin in traced {
            all.add_values(origin.values);
            if is_receipt {
                all.receipt.extend(origin.receipt);
            }
        }
        all
    }

    /// Any other expression: known if it is made of one leaf's values alone.
    fn trace_function(&self, expr: &Expr) -> Origin {
        let columns = expr.column_refs();
        let origins: Vec<Origin> = columns.iter().map(|column| self.trace(&Expr::Column((*column).clone()))).collect();
        let Some((place, _)) = origins.first().and_then(|origin| origin.values.first()) else {
            return Origin::default();
        };
        let place = *place;
        let of_one_leaf = origins
            .iter()
            .all(|origin| origin.is_total && matches!(origin.values.as_slice(), [(of, _)] if *of == place));
        if !of_one_leaf || has_marker(expr) {
            return Origin::default();
        }
        let written = expr.clone().transform_up(|expr| match &expr {
            Expr::Column(column) => {
                let origin = self.trace(&Expr::Column(column.clone()));
                let value = origin.values.into_iter().next();
                Ok(value.map_or(Transformed::no(expr), |(_, value)| Transformed::yes(value)))
            }
            _ => Ok(Transformed::no(expr)),
        });
        written.map_or_else(
            |_| Origin::default(),
            |written| Origin { values: vec![(place, written.data)], is_total: true, ..Origin::default() },
        )
    }

    /// The least or the first of some values is one of them.
    fn trace_aggregate(&self, expr: &Expr) -> Origin {
        match expr {
            Expr::Alias(alias) => self.trace_aggregate(&alias.expr),
            Expr::AggregateFunction(AggregateFunction { func, params }) if picks_one(func.name()) => {
                self.picked(params.args.first(), params.filter.is_none())
            }
            _ => Origin::default(),
        }
    }

    fn trace_window(&self, expr: &Expr) -> Origin {
        match expr {
            Expr::Alias(alias) => self.trace_window(&alias.expr),
            Expr::WindowFunction(call) if call.fun.name() == COMPONENT => {
                // A component is named after one of its nodes, and has a row of that node.
                self.picked(call.params.args.first(), true)
            }
            // There may be no row before the first, or none in the frame.
            Expr::WindowFunction(call) if picks_one(call.fun.name()) => self.picked(call.params.args.first(), false),
            _ => Origin::default(),
        }
    }

    fn picked(&self, argument: Option<&Expr>, is_total: bool) -> Origin {
        let origin = argument.map(|argument| self.trace(argument)).unwrap_or_default();
        Origin { is_total: is_total && origin.is_total, is_direct: false, ..origin }
    }
}

impl Origin {
    /// Returns it for an output row that stands for many.
    fn behind_many(&self) -> Self {
        Self { is_direct: false, ..self.clone() }
    }

    /// Takes in what the same column of another input of a union comes from.
    fn join(&mut self, other: Self) {
        self.is_total &= other.is_total;
        self.is_direct &= other.is_direct;
        if self.values.is_empty() || other.values.is_empty() {
            self.values.clear();
        } else {
            self.add_values(other.values);
        }
        if self.receipt.is_empty() || other.receipt.is_empty() {
            self.receipt.clear();
        } else {
            self.receipt.extend(other.receipt);
        }
    }

    fn add_values(&mut self, values: Vec<LeafExpr>) {
        for value in values {
            if !self.values.contains(&value) {
                self.values.push(value);
            }
        }
    }
}

/// Functions whose value is one of their arguments' values.
fn picks_one(function: &str) -> bool {
    matches!(function, "min" | "max" | "first_value" | "last_value" | "lag" | "lead" | "nth_value")
}

fn of_scan(place: Option<usize>, name: &str) -> Origin {
    let Some(place) = place else { return Origin::default() };
    let is_receipt = name == "received_at";
    Origin {
        values: vec![(place, Expr::Column(Column::new_unqualified(name)))],
        is_total: true,
        receipt: if is_receipt { BTreeSet::from([place]) } else { BTreeSet::new() },
        is_direct: is_receipt,
    }
}
