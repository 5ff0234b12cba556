//! When a rule's answer can change by the mere passing of time: each place where its plan holds a time of receipt against
//! `$as_of` or the window says by how much later a row crosses it. Pure.

use std::collections::BTreeSet;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Between, BinaryExpr, Cast, Expr, Operator};

use super::super::functions::{AS_OF, AS_OF_FIRST, IN_WINDOW};
use super::super::window::Window;
use super::origin::Scope;

/// What time does to the rows of one leaf.
#[derive(Clone, Debug, Default)]
pub(super) struct Passing {
    /// A row matters anew so long after its receipt, microseconds.
    pub(super) shifts: BTreeSet<i64>,
    /// It matters anew when its bucket leaves the window.
    pub(super) leaves_window: bool,
    /// A row does not matter any more so long after its receipt; none: always.
    pub(super) horizon_us: Option<i64>,
}

/// Why time cannot be told from the plan.
pub(super) type Reason = String;

/// One side of a comparison, as a time plus so many microseconds.
enum Side {
    AsOf(i64),
    Receipt(BTreeSet<usize>, bool, i64),
}

/// Tells whether an expression speaks of the time at which it is asked.
pub(super) fn has_marker(expr: &Expr) -> bool {
    let markers = [AS_OF, AS_OF_FIRST, IN_WINDOW];
    let is_marker = |expr: &Expr| matches!(expr, Expr::ScalarFunction(call) if markers.contains(&call.name()));
    expr.exists(|expr| Ok(is_marker(expr))).unwrap_or(true)
}

/// Notes what time does by an expression over the columns of a scope. `passing` has one entry a leaf.
///
/// # Errors
/// In words, where it speaks of `$as_of` in another way.
pub(super) fn note(expr: &Expr, scope: &Scope, passing: &mut [Passing]) -> Result<(), Reason> {
    let mut reason = None;
    let walked = expr.apply(|expr| {
        let known = match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) => {
                compare(left, right, scope, passing)
            }
            Expr::Between(Between { expr, low, high, .. }) => {
                let (low, high) = (compare(expr, low, scope, passing), compare(expr, high, scope, passing));
                low || high
            }
            Expr::ScalarFunction(call) if call.name() == IN_WINDOW => {
                let Some(Side::Receipt(leaves, _, 0)) = side(&call.args[0], scope) else {
                    reason = Some("`in_window` of something else than a time of receipt".to_owned());
                    return Ok(TreeNodeRecursion::Stop);
                };
                leaves.iter().for_each(|leaf| passing[*leaf].leaves_window = true);
                true
            }
            Expr::ScalarFunction(call) if call.name() == AS_OF => {
                reason = Some("`$as_of` otherwise than compared with a time of receipt".to_owned());
                return Ok(TreeNodeRecursion::Stop);
            }
            _ => false,
        };
        Ok(if known { TreeNodeRecursion::Jump } else { TreeNodeRecursion::Continue })
    });
    walked.map_err(|error| error.strip_backtrace())?;
    reason.map_or(Ok(()), Err)
}

/// Notes how long rows matter by a condition that every output row of the scope fulfils.
pub(super) fn bound(predicate: &Expr, scope: &Scope, window: Option<Window>, passing: &mut [Passing]) {
    for conjunct in split_conjunction(predicate) {
        let (leaves, horizon_us) = match conjunct {
            Expr::ScalarFunction(call) if call.name() == IN_WINDOW => match (side(&call.args[0], scope), window) {
                (Some(Side::Receipt(leaves, true, shift)), Some(window)) => (leaves, window.length_us() - shift),
                _ => continue,
            },
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                match (side(left, scope), op, side(right, scope)) {
                    // One microsecond more where the end itself counts.
                    (Some(Side::Receipt(leaves, true, t)), Operator::Gt | Operator::GtEq, Some(Side::AsOf(a)))
                    | (Some(Side::AsOf(a)), Operator::Lt | Operator::LtEq, Some(Side::Receipt(leaves, true, t))) => {
                        (leaves, t - a + 1)
                    }
                    _ => continue,
                }
            }
            _ => continue,
        };
        for leaf in leaves {
            let horizon = &mut passing[leaf].horizon_us;
            *horizon = Some(horizon.map_or(horizon_us, |other| other.min(horizon_us)));
        }
    }
}

fn compare(left: &Expr, right: &Expr, scope: &Scope, passing: &mut [Passing]) -> bool {
    let (leaves, shift) = match (side(left, scope), side(right, scope)) {
        (Some(Side::AsOf(a)), Some(Side::Receipt(leaves, _, t)))
        | (Some(Side::Receipt(leaves, _, t)), Some(Side::AsOf(a))) => (leaves, t - a),
        (Some(Side::AsOf(_)), Some(Side::AsOf(_))) => return true,
        _ => return false,
    };
    for leaf in leaves {
        // At the very time one kind of comparison turns, just after it another.
        passing[leaf].shifts.extend([shift, shift + 1]);
    }
    true
}

fn side(expr: &Expr, scope: &Scope) -> Option<Side> {
    match expr {
        Expr::Alias(alias) => side(&alias.expr, scope),
        Expr::Cast(Cast { expr, field }) if is_fine(field.data_type()) => side(expr, scope),
        Expr::ScalarFunction(call) if call.name() == AS_OF => Some(Side::AsOf(0)),
        Expr::Column(_) => {
            let origin = scope.trace(expr);
            (!origin.receipt.is_empty()).then_some(Side::Receipt(origin.receipt, origin.is_direct, 0))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::Plus | Operator::Minus), right }) => {
            let by = interval_us(right)? * if *op == Operator::Plus { 1 } else { -1 };
            Some(match side(left, scope)? {
                Side::AsOf(shift) => Side::AsOf(shift + by),
                Side::Receipt(leaves, is_direct, shift) => Side::Receipt(leaves, is_direct, shift + by),
            })
        }
        _ => None,
    }
}

/// Tells whether a type of time is as fine as that of `received_at`.
pub(super) const fn is_fine(ty: &DataType) -> bool {
    matches!(ty, DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond, _))
}

const fn is_comparison(op: Operator) -> bool {
    matches!(op, Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq)
}

/// Returns a constant interval; none for months, which are of no one length.
fn interval_us(expr: &Expr) -> Option<i64> {
    const DAY_US: i64 = 86_400_000_000;
    match expr {
        Expr::Cast(Cast { expr, .. }) => interval_us(expr),
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(value)), _) if value.months == 0 => {
            Some(i64::from(value.days) * DAY_US + value.nanoseconds / 1_000)
        }
        Expr::Literal(ScalarValue::IntervalDayTime(Some(value)), _) => {
            Some(i64::from(value.days) * DAY_US + i64::from(value.milliseconds) * 1_000)
        }
        Expr::Literal(ScalarValue::DurationMicrosecond(Some(value)), _) => Some(*value),
        Expr::Literal(ScalarValue::DurationNanosecond(Some(value)), _) => Some(value / 1_000),
        _ => None,
    }
}
