//! The functions that rules have beyond the engine's own: the markers `in_window` and `as_of`, which only a rule's plan
//! contains and nothing ever runs, and the aggregate `sum_once`, which runs everywhere.

use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Builder, ListArray, StringViewBuilder};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Int64Type, TimeUnit};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, create_udaf,
};
use hashbrown::HashMap;

/// The name of the marker that stands for the window's condition.
pub(crate) const IN_WINDOW: &str = "in_window";
/// The name of the marker that stands for `$as_of`.
pub(crate) const AS_OF: &str = "as_of";
/// The name of the marker for the first of the times at which a plan is asked at once; no rule can write it.
pub(crate) const AS_OF_FIRST: &str = "as_of_first";
/// The name of the aggregate that sums one amount a key.
pub(crate) const SUM_ONCE: &str = "sum_once";

/// The type of `received_at`.
pub(crate) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// Returns the aggregate functions that rules and queries share.
///
/// `sum_once(amount, key)`: the sum of one amount a distinct key, the largest if a key has several. Rows without an
/// amount or a key do not count; null without any. So a retried ledger entry counts once.
#[must_use]
pub fn aggregate_functions() -> Vec<AggregateUDF> {
    let list = |ty| DataType::List(Arc::new(Field::new_list_field(ty, true)));
    vec![create_udaf(
        SUM_ONCE,
        vec![DataType::Int64, DataType::Utf8View],
        Arc::new(DataType::Int64),
        Volatility::Immutable,
        Arc::new(|_| Ok(Box::new(SumOnce::default()))),
        Arc::new(vec![list(DataType::Int64), list(DataType::Utf8View)]),
    )]
}

/// Returns the marker functions, for planning only.
pub(crate) fn markers() -> [ScalarUDF; 2] {
    [marker(IN_WINDOW, vec![time_type()], DataType::Boolean), marker(AS_OF, vec![], time_type())]
}

/// Returns the marker for the time at which a plan is asked.
pub(crate) fn as_of() -> Expr {
    marker(AS_OF, vec![], time_type()).call(Vec::new())
}

/// Returns the marker for the first of several such times.
pub(crate) fn as_of_first() -> Expr {
    marker(AS_OF_FIRST, vec![], time_type()).call(Vec::new())
}

fn marker(name: &'static str, arguments: Vec<DataType>, result: DataType) -> ScalarUDF {
    let signature = if arguments.is_empty() {
        Signature::nullary(Volatility::Stable)
    } else {
        Signature::exact(arguments, Volatility::Stable)
    };
    ScalarUDF::from(Marker { name, signature, result })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Marker {
    name: &'static str,
    signature: Signature,
    result: DataType,
}

impl ScalarUDFImpl for Marker {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.result.clone())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        exec_err!("{} has a meaning only in rules", self.name)
    }
}

#[derive(Debug, Default)]
struct SumOnce {
    amounts: HashMap<Box<str>, i64>,
    key_bytes: usize,
}

impl SumOnce {
    fn add(&mut self, amounts: &ArrayRef, keys: &ArrayRef) {
        let (amounts, keys) = (amounts.as_primitive::<Int64Type>(), keys.as_string_view());
        for (amount, key) in amounts.iter().zip(keys) {
            let (Some(amount), Some(key)) = (amount, key) else { continue };
            if let Some(known) = self.amounts.get_mut(key) {
                *known = (*known).max(amount);
            } else {
                self.key_bytes += key.len();
                self.amounts.insert(Box::from(key), amount);
            }
        }
    }
}

impl Accumulator for SumOnce {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(&values[0], &values[1]);
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = self.amounts.values().copied().reduce(i64::wrapping_add);
        Ok(ScalarValue::Int64(sum))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.key_bytes + self.amounts.capacity() * (size_of::<(Box<str>, i64)>() + 1)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut amounts = Int64Builder::with_capacity(self.amounts.len());
        let mut keys = StringViewBuilder::with_capacity(self.amounts.len());
        for (key, amount) in &self.amounts {
            keys.append_value(key);
            amounts.append_value(*amount);
        }
        Ok(vec![list_of(Arc::new(amounts.finish())), list_of(Arc::new(keys.finish()))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (amounts, keys) = (states[0].as_list::<i32>(), states[1].as_list::<i32>());
        for row in 0..amounts.len() {
            self.add(&amounts.value(row), &keys.value(row));
        }
        Ok(())
    }
}

/// Wraps an array as the one element of a list.
fn list_of(values: ArrayRef) -> ScalarValue {
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    ScalarValue::List(Arc::new(ListArray::new(field, offsets, values, None)))
}
