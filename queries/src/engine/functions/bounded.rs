//! Functions whose result can be far larger than what went in, held to the limits of `sizes.rs`.
//!
//! Each is DataFusion's own function behind a check of its arguments. Where the check can only guess (`replace`), the
//! batch is worked off in parts small enough for the guess.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{
    ColumnarValue, Expr, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::sizes::{
    BATCH_BYTES_MAX, VALUE_BYTES_MAX, bytes_at, bytes_in, check_batch, check_elements, check_value, int_at,
};

/// The name under which `||` runs.
pub(super) const TEXT_CONCAT: &str = "text_concat";

/// Returns the function itself, or held to its limits if it needs any.
pub(super) fn bound(function: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    let growth = match function.name() {
        "repeat" => Growth::Repeat,
        "lpad" | "rpad" => Growth::Pad,
        "replace" => Growth::Replace { pattern: false },
        "regexp_replace" => Growth::Replace { pattern: true },
        "array_repeat" => Growth::ArrayRepeat,
        "array_resize" => Growth::ArrayResize,
        "range" | "generate_series" => Growth::Series,
        "concat" | "concat_ws" | "overlay" | "make_array" | "array_append" | "array_prepend" | "array_concat"
        | "array_to_string" | "arrays_zip" | "map" | "struct" | "named_struct" => Growth::Sum,
        _ => return function,
    };
    let makes_text = match growth {
        Growth::Repeat | Growth::Pad | Growth::Replace { .. } => true,
        Growth::Sum => matches!(function.name(), "concat" | "concat_ws" | "overlay" | "array_to_string"),
        Growth::ArrayRepeat | Growth::ArrayResize | Growth::Series => false,
    };
    Arc::new(ScalarUDF::new_from_impl(Bounded { inner: function, growth, makes_text }))
}

/// Returns the function behind `||`: null if either side is null.
pub(super) fn text_concat() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(TextConcat { signature: Signature::any(2, Volatility::Immutable) }))
}

/// How a function's result grows with its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Growth {
    /// Text times a count.
    Repeat,
    /// Up to a length.
    Pad,
    /// Every occurrence by a longer text.
    Replace { pattern: bool },
    /// A value times a count, as a list.
    ArrayRepeat,
    /// A list up to a length.
    ArrayResize,
    /// From start to stop by step, as a list.
    Series,
    /// All arguments together, constants copied to each row.
    Sum,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    growth: Growth,
    makes_text: bool,
}

impl Bounded {
    /// Returns the most bytes that the result of one row can have.
    fn row_bytes(&self, args: &[ColumnarValue], row: usize) -> Result<u64> {
        let name = self.inner.name();
        let bytes = |index: usize| args.get(index).map_or(0, |value| bytes_at(value, row));
        let count = |index: usize| args.get(index).map_or(Ok(0), |value| int_at(value, row)).map(|n| n.max(0) as u64);
        Ok(match self.growth {
            Growth::Repeat => bytes(0).saturating_mul(count(1)?),
            Growth::Pad => count(1)?.saturating_mul(4).max(bytes(0)),
            Growth::Replace { pattern: false } => {
                bytes(0).saturating_add((bytes(0) / bytes(1).max(1) + 1).saturating_mul(bytes(2)))
            }
            Growth::Replace { pattern: true } => {
                // A reference to a group is at least two bytes and may stand for the whole text.
                let references = bytes(2) / 2 + 1;
                bytes(0).saturating_mul(references).saturating_add((bytes(0) + 1).saturating_mul(bytes(2)))
            }
            Growth::ArrayRepeat => {
                check_elements(name, count(1)?)?;
                bytes(0).max(8).saturating_mul(count(1)?)
            }
            Growth::ArrayResize => {
                check_elements(name, count(1)?)?;
                bytes(0).saturating_add(bytes(2).max(8).saturating_mul(count(1)?))
            }
            Growth::Series => {
                let elements = series_elements(name, args, row)?;
                check_elements(name, elements)?;
                elements.saturating_mul(8)
            }
            Growth::Sum => args.iter().map(|value| bytes_at(value, row)).sum(),
        })
    }

    /// Runs the function on rows whose results may be large, in parts that cannot be.
    fn invoke_in_parts(&self, args: &ScalarFunctionArgs, row_bytes: &[u64]) -> Result<ColumnarValue> {
        let (mut parts, mut made, mut from) = (Vec::<ArrayRef>::new(), 0_u64, 0);
        while from < args.number_rows {
            let (mut until, mut planned) = (from, 0_u64);
            while until < args.number_rows && (until == from || planned + row_bytes[until] <= BATCH_BYTES_MAX) {
                planned += row_bytes[until];
                until += 1;
            }
            let mut part = args.clone();
            part.number_rows = until - from;
            for value in &mut part.args {
                if let ColumnarValue::Array(array) = value {
                    *array = array.slice(from, until - from);
                }
            }
            let result = self.inner.invoke_with_args(part)?.into_array(until - from)?;
            made += bytes_in(&ColumnarValue::Array(Arc::clone(&result)), until - from);
            check_batch(self.inner.name(), made)?;
            parts.push(result);
            from = until;
        }
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        Ok(ColumnarValue::Array(concat(&parts)?))
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.schema_name(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let name = self.inner.name();
        let constant = args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        if constant {
            let bytes = self.row_bytes(&args.args, 0)?;
            if self.makes_text {
                check_value(name, bytes, true)?
            } else {
                check_batch(name, bytes)?
            }
            return self.inner.invoke_with_args(args);
        }
        if self.growth == Growth::Sum {
            check_sum(name, &args.args, args.number_rows, self.makes_text)?;
            return self.inner.invoke_with_args(args);
        }
        let rows: Vec<u64> = (0..args.number_rows).map(|row| self.row_bytes(&args.args, row)).collect::<Result<_>>()?;
        if rows.iter().fold(0_u64, |sum, bytes| sum.saturating_add(*bytes)) <= BATCH_BYTES_MAX {
            return self.inner.invoke_with_args(args);
        }
        let guessed = matches!(self.growth, Growth::Replace { .. });
        match rows.iter().max() {
            Some(largest) if self.makes_text && !guessed => check_value(name, *largest, false)?,
            Some(largest) => check_batch(name, *largest)?,
            None => {}
        }
        self.invoke_in_parts(&args, &rows)
    }
}

/// Checks a function that puts its arguments together: the batch, and each text if the batch has room for a long one.
fn check_sum(function: &str, args: &[ColumnarValue], rows: usize, makes_text: bool) -> Result<()> {
    let bytes = args.iter().map(|value| bytes_in(value, rows)).sum();
    check_batch(function, bytes)?;
    if makes_text && bytes > VALUE_BYTES_MAX {
        for row in 0..rows {
            check_value(function, args.iter().map(|value| bytes_at(value, row)).sum(), false)?;
        }
    }
    Ok(())
}

/// Returns how many elements `range` or `generate_series` makes in a row.
fn series_elements(function: &str, args: &[ColumnarValue], row: usize) -> Result<u64> {
    let value = |index: usize| -> Result<Option<ScalarValue>> {
        args.get(index)
            .map(|value| match value {
                ColumnarValue::Scalar(scalar) => Ok(scalar.clone()),
                ColumnarValue::Array(array) => ScalarValue::try_from_array(array, row),
            })
            .transpose()
    };
    let (first, second, step) = (value(0)?, value(1)?, value(2)?);
    let (start, stop) = match (first, second) {
        (Some(stop), None) => (None, Some(stop)),
        (start, stop) => (start, stop),
    };
    Ok(super::series::elements(function, start.as_ref(), stop.as_ref(), step.as_ref()))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TextConcat {
    signature: Signature,
}

impl ScalarUDFImpl for TextConcat {
    fn name(&self) -> &str {
        TEXT_CONCAT
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let [left, right] = arg_types else { return exec_err!("`||` joins two values, not {}", arg_types.len()) };
        BinaryTypeCoercer::new(left, &Operator::StringConcat, right).get_result_type()
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, nullable)))
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (rows, return_type) = (args.number_rows, args.return_field.data_type().clone());
        let constant = args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        if constant {
            check_value("||", args.args.iter().map(|value| bytes_at(value, 0)).sum(), true)?;
        } else {
            check_sum("||", &args.args, rows, true)?;
        }
        let [left, right] = <[ColumnarValue; 2]>::try_from(args.args)
            .or_else(|args| exec_err!("`||` joins two values, not {}", args.len()))?;
        let rows = if constant { 1 } else { rows };
        let text = |value: ColumnarValue| value.cast_to(&DataType::Utf8View, None)?.into_array(rows);
        let (left, right) = (text(left)?, text(right)?);
        let mut joined = arrow::array::StringViewBuilder::with_capacity(rows);
        for (left, right) in left.as_string_view().iter().zip(right.as_string_view().iter()) {
            joined.append_option(left.zip(right).map(|(left, right)| [left, right].concat()));
        }
        let joined = cast(&joined.finish(), &return_type)?;
        Ok(if constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&joined, 0)?)
        } else {
            ColumnarValue::Array(joined)
        })
    }
}
