//! What is known of a relaxed plan's columns, and what of the expressions over them follows (`relax.rs`): a value is the
//! same as that of the row behind, or no less, or no more, or there at least. Where `guests` is no less, `guests >= 3` holds
//! whenever it holds there.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::utils::{conjunction, disjunction};
use datafusion::logical_expr::{Between, BinaryExpr, Cast, Expr, ExprSchemable, Operator};

use super::super::functions::{AS_OF, IN_WINDOW, as_of, as_of_first};
use super::relax::Relaxed;
use super::times::has_marker;

/// What is known of a column's value, against that of the row behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Same,
    NoLess,
    NoMore,
    /// Null only if the other is.
    Present,
    Unknown,
}

/// One side on which a value may be wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    NoLess,
    NoMore,
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Self::NoLess => Self::NoMore,
            Self::NoMore => Self::NoLess,
        }
    }

    pub(super) const fn mark(self) -> Mark {
        match self {
            Self::NoLess => Mark::NoLess,
            Self::NoMore => Mark::NoMore,
        }
    }
}

impl Relaxed {
    pub(super) fn mark(&self, column: &Column) -> Mark {
        let place = self.plan.schema().maybe_index_of_column(column);
        place.and_then(|place| self.marks.get(place)).copied().unwrap_or(Mark::Unknown)
    }

    /// Tells whether an expression has the same value over a row and the row behind it.
    pub(super) fn is_same(&self, expr: &Expr) -> bool {
        if let Expr::ScalarFunction(call) = expr
            && call.name() == "coalesce"
            && let [Expr::Column(a), Expr::Column(b), ..] = call.args.as_slice()
            && self.pairs.iter().any(|(left, right)| (left, right) == (a, b) || (right, left) == (a, b))
        {
            return call.args[2..].iter().all(|arg| self.is_same(arg));
        }
        let inner = match expr {
            Expr::Alias(alias) => return self.is_same(&alias.expr),
            other => other,
        };
        !has_marker(inner)
            && !inner.is_volatile()
            && inner.column_refs().iter().all(|column| self.mark(column) == Mark::Same)
    }

    /// Returns what a column that is made by an expression becomes.
    pub(super) fn value(&self, expr: &Expr) -> (Option<Expr>, Mark) {
        if self.is_same(expr) {
            return (Some(expr.clone()), Mark::Same);
        }
        if let Expr::Column(column) = expr.clone().unalias()
            && self.mark(&column) == Mark::Present
        {
            return (Some(Expr::Column(column)), Mark::Present);
        }
        for side in [Side::NoLess, Side::NoMore] {
            if let Some(expr) = self.bound(expr, side) {
                return (Some(expr), side.mark());
            }
        }
        (None, Mark::Unknown)
    }

    /// Returns an expression whose value is no less, or no more, than that of the given one is over the row behind at any
    /// time of the stretch; none if there is none. It is null only if that is.
    fn bound(&self, expr: &Expr, side: Side) -> Option<Expr> {
        if self.is_same(expr) {
            return Some(expr.clone());
        }
        match expr {
            Expr::Column(column) => (self.mark(column) == side.mark()).then(|| expr.clone()),
            Expr::Alias(alias) => self.bound(&alias.expr, side),
            Expr::Cast(Cast { expr: inner, field }) => {
                let has_order = |ty: &DataType| {
                    use DataType::{Date32, Date64, Duration, Timestamp};
                    // A time of day begins anew.
                    ty.is_numeric() || matches!(ty, Date32 | Date64 | Duration(_) | Timestamp(..))
                };
                let keeps_order = inner.get_type(self.plan.schema()).is_ok_and(|ty| has_order(&ty));
                let inner = (keeps_order && has_order(field.data_type())).then(|| self.bound(inner, side)).flatten()?;
                Some(Expr::Cast(Cast { expr: Box::new(inner), field: Arc::clone(field) }))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let (left, right) = match op {
                    Operator::Plus => (self.bound(left, side)?, self.bound(right, side)?),
                    Operator::Minus => (self.bound(left, side)?, self.bound(right, side.other())?),
                    Operator::Multiply if is_positive(left) => ((**left).clone(), self.bound(right, side)?),
                    Operator::Multiply | Operator::Divide if is_positive(right) => {
                        (self.bound(left, side)?, (**right).clone())
                    }
                    _ => return None,
                };
                Some(Expr::BinaryExpr(BinaryExpr { left: Box::new(left), op: *op, right: Box::new(right) }))
            }
            Expr::ScalarFunction(call) => match (call.name(), side) {
                (AS_OF, Side::NoLess) => Some(as_of()),
                (AS_OF, Side::NoMore) => Some(as_of_first()),
                ("greatest", Side::NoMore) | ("least", Side::NoLess) => {
                    // Fewer to choose from: no more, or no less. What may be null may not be chosen there.
                    let is_there = |arg: &&Expr| matches!(arg.nullable(self.plan.schema()), Ok(false));
                    let fewer = call.args.iter().filter(is_there).filter_map(|arg| self.bound(arg, side));
                    let fewer: Vec<Expr> = fewer.collect();
                    (!fewer.is_empty()).then(|| call.func.call(fewer))
                }
                ("greatest" | "least" | "ceil" | "floor", _) => {
                    let bound = call.args.iter().map(|arg| self.bound(arg, side)).collect::<Option<Vec<_>>>()?;
                    Some(call.func.call(bound))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns a condition that holds of a row wherever the given one holds of the row behind it at some time of the
    /// stretch; none if nothing can be said.
    pub(super) fn kept(&self, expr: &Expr) -> Option<Expr> {
        if self.is_same(expr) {
            return Some(expr.clone());
        }
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                conjunction([self.kept(left), self.kept(right)].into_iter().flatten())
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                disjunction([self.kept(left)?, self.kept(right)?])
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => self.comparison(left, *op, right),
            Expr::Between(Between { expr, negated: false, low, high }) => {
                let low = self.comparison(expr, Operator::GtEq, low);
                conjunction([low, self.comparison(expr, Operator::LtEq, high)].into_iter().flatten())
            }
            Expr::IsNotNull(inner) => {
                let Expr::Column(column) = &**inner else { return None };
                (self.mark(column) != Mark::Unknown).then(|| expr.clone())
            }
            Expr::Column(column) => (self.mark(column) == Mark::NoLess).then(|| expr.clone()),
            Expr::Alias(alias) => self.kept(&alias.expr),
            Expr::ScalarFunction(call) if call.name() == IN_WINDOW => {
                let at = call.args.first()?;
                match self.is_same(at) {
                    true => Some(expr.clone()),
                    false => Some(self.bound(at, Side::NoMore)?.lt_eq(as_of())),
                }
            }
            _ => None,
        }
    }

    /// Returns a condition under which the given one holds at every time of the stretch; none if there is none.
    pub(super) fn held(&self, expr: &Expr) -> Option<Expr> {
        if self.is_same(expr) {
            return Some(expr.clone());
        }
        match expr {
            Expr::Not(inner) if has_marker(inner) => match &**inner {
                // It is in the window at none of the times.
                Expr::ScalarFunction(call) if call.name() == IN_WINDOW => self.kept(inner).map(|kept| !kept),
                _ => None,
            },
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let first = match op {
                    Operator::Gt | Operator::GtEq => Side::NoMore,
                    Operator::Lt | Operator::LtEq => Side::NoLess,
                    _ => return None,
                };
                self.compare(left, *op, right, first)
            }
            _ => None,
        }
    }

    /// Compares what is wrong on one side at most with what is wrong on the other.
    fn compare(&self, left: &Expr, op: Operator, right: &Expr, first: Side) -> Option<Expr> {
        let (left, right) = (self.bound(left, first)?, self.bound(right, first.other())?);
        Some(Expr::BinaryExpr(BinaryExpr { left: Box::new(left), op, right: Box::new(right) }))
    }

    fn comparison(&self, left: &Expr, op: Operator, right: &Expr) -> Option<Expr> {
        let compare = |first: Side, op: Operator| self.compare(left, op, right, first);
        let compared = match op {
            Operator::Gt | Operator::GtEq => compare(Side::NoLess, op),
            Operator::Lt | Operator::LtEq => compare(Side::NoMore, op),
            Operator::Eq => conjunction(
                [compare(Side::NoLess, Operator::GtEq), compare(Side::NoMore, Operator::LtEq)].into_iter().flatten(),
            ),
            Operator::NotEq => None,
            _ => return None,
        };
        // Nothing compares with null.
        compared.or_else(|| conjunction([self.present(left), self.present(right)].into_iter().flatten()))
    }

    /// Returns that a value is there, if it is a column whose presence is known.
    fn present(&self, expr: &Expr) -> Option<Expr> {
        match expr {
            Expr::Column(column) if self.mark(column) == Mark::Present => Some(expr.clone().is_not_null()),
            Expr::Cast(Cast { expr, .. }) => self.present(expr),
            _ => None,
        }
    }

    /// Returns an aggregate that is no less, or no more.
    pub(super) fn aggregate(&self, expr: &Expr) -> Option<(Expr, Side)> {
        let Expr::AggregateFunction(call) = expr.clone().unalias() else { return None };
        let AggregateFunction { func, mut params } = call;
        if !params.order_by.is_empty() || params.null_treatment.is_some() {
            return None;
        }
        let argument = params.args.first();
        let side = match func.name() {
            "count" if (params.distinct || self.counts) && params.args.iter().all(|arg| self.is_same(arg)) => {
                Side::NoLess
            }
            "max" => {
                params.args = vec![self.bound(argument?, Side::NoLess)?];
                Side::NoLess
            }
            "min" => {
                params.args = vec![self.bound(argument?, Side::NoMore)?];
                Side::NoMore
            }
            "bool_or" => {
                // What is left of it may be null where all of it is false.
                params.args = vec![self.kept(argument?)?.is_true()];
                Side::NoLess
            }
            _ => return None,
        };
        params.filter = params.filter.and_then(|filter| self.kept(&filter)).map(Box::new);
        Some((Expr::AggregateFunction(AggregateFunction { func, params }), side))
    }
}

fn is_positive(expr: &Expr) -> bool {
    let Expr::Literal(value, _) = expr else { return false };
    value.data_type().is_numeric()
        && ScalarValue::new_zero(&value.data_type())
            .is_ok_and(|zero| value.partial_cmp(&zero).is_some_and(|o| o.is_gt()))
}
