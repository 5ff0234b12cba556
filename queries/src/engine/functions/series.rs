//! `generate_series` and `range` as tables, held to a number of rows.

use std::sync::Arc;

use datafusion::catalog::{TableFunction, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::Expr;

use super::sizes::{check_elements, steps_between};

const MICROSECONDS_A_DAY: i128 = 86_400_000_000;

/// Returns the table functions.
pub(super) fn functions() -> Vec<Arc<TableFunction>> {
    SessionStateDefaults::default_table_functions()
        .into_iter()
        .filter(|function| matches!(function.name(), "generate_series" | "range"))
        .map(|inner| Arc::new(TableFunction::new(inner.name().to_owned(), Arc::new(Series { inner }))))
        .collect()
}

#[derive(Debug)]
struct Series {
    inner: Arc<TableFunction>,
}

impl TableFunctionImpl for Series {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        let literal = |index: usize| match args.exprs().get(index) {
            Some(Expr::Literal(value, _)) => Some(value),
            _ => None,
        };
        let (start, stop) = match args.exprs().len() {
            1 => (None, literal(0)),
            _ => (literal(0), literal(1)),
        };
        check_elements(self.inner.name(), elements(self.inner.name(), start, stop, literal(2)))?;
        self.inner.create_table_provider_with_args(args)
    }
}

/// Returns about how many elements a series has: `range` leaves out its end, `generate_series` does not. Ends of
/// another type than number, day or time are the function's to refuse.
pub(super) fn elements(
    function: &str,
    start: Option<&ScalarValue>,
    stop: Option<&ScalarValue>,
    step: Option<&ScalarValue>,
) -> u64 {
    let Some(stop) = stop.and_then(position) else { return 0 };
    let with_end = steps_between(start.and_then(position).unwrap_or(0), stop, step.and_then(position).unwrap_or(1));
    with_end - u64::from(function == "range")
}

/// Returns a number as it is, and a day, a time or an interval in microseconds (a month as 28 days: never too long).
fn position(value: &ScalarValue) -> Option<i128> {
    match value {
        ScalarValue::Date32(days) => days.map(|days| i128::from(days) * MICROSECONDS_A_DAY),
        ScalarValue::TimestampSecond(at, _) => at.map(|at| i128::from(at) * 1_000_000),
        ScalarValue::TimestampMillisecond(at, _) => at.map(|at| i128::from(at) * 1_000),
        ScalarValue::TimestampMicrosecond(at, _) => at.map(i128::from),
        ScalarValue::TimestampNanosecond(at, _) => at.map(|at| i128::from(at) / 1_000),
        ScalarValue::IntervalMonthDayNano(interval) => interval.map(|interval| {
            let days = i128::from(interval.months) * 28 + i128::from(interval.days);
            days * MICROSECONDS_A_DAY + i128::from(interval.nanoseconds) / 1_000
        }),
        ScalarValue::IntervalDayTime(interval) => interval
            .map(|interval| i128::from(interval.days) * MICROSECONDS_A_DAY + i128::from(interval.milliseconds) * 1_000),
        ScalarValue::IntervalYearMonth(months) => months.map(|months| i128::from(months) * 28 * MICROSECONDS_A_DAY),
        ScalarValue::Int64(number) => number.map(i128::from),
        ScalarValue::UInt64(number) => number.map(i128::from),
        ScalarValue::Int32(number) => number.map(i128::from),
        _ => None,
    }
}
