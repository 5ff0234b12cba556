//! How large arguments are and how large results may be. Pure arithmetic for `bounded.rs`.

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::ColumnarValue;

/// Bytes of a constant: DataFusion copies some constants once a row.
pub(super) const CONSTANT_BYTES_MAX: u64 = 64 << 10;
/// Bytes of one value in a column.
pub(super) const VALUE_BYTES_MAX: u64 = 1 << 20;
/// Bytes of one result column of one batch.
pub(super) const BATCH_BYTES_MAX: u64 = 64 << 20;
/// Elements of one generated list or series.
pub(super) const ELEMENTS_MAX: u64 = 1_000_000;

/// Returns the bytes of text, or of whatever else, that an argument holds in a row.
pub(super) fn bytes_at(value: &ColumnarValue, row: usize) -> u64 {
    match value {
        ColumnarValue::Scalar(scalar) => scalar_bytes(scalar),
        ColumnarValue::Array(array) if array.is_null(row) => 0,
        ColumnarValue::Array(array) => match array.data_type() {
            DataType::Utf8 => array.as_string::<i32>().value(row).len() as u64,
            DataType::LargeUtf8 => array.as_string::<i64>().value(row).len() as u64,
            DataType::Utf8View => array.as_string_view().value(row).len() as u64,
            _ => slice_bytes(array.slice(row, 1).as_ref()),
        },
    }
}

/// Returns the bytes that an argument holds in all of its rows, a constant counted once a row.
pub(super) fn bytes_in(value: &ColumnarValue, rows: usize) -> u64 {
    match value {
        ColumnarValue::Scalar(scalar) => scalar_bytes(scalar).saturating_mul(rows as u64),
        ColumnarValue::Array(array) => match array.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                (0..array.len()).map(|row| bytes_at(value, row)).sum()
            }
            _ => slice_bytes(array.as_ref()),
        },
    }
}

/// Returns the whole number that an argument holds in a row; null counts as zero.
pub(super) fn int_at(value: &ColumnarValue, row: usize) -> Result<i64> {
    let array = match value {
        ColumnarValue::Scalar(scalar) => match scalar {
            ScalarValue::Int64(number) => return Ok(number.unwrap_or(0)),
            other => cast(&other.to_array()?, &DataType::Int64)?,
        },
        ColumnarValue::Array(array) => cast(&array.slice(row, 1), &DataType::Int64)?,
    };
    Ok(if array.is_null(0) { 0 } else { array.as_primitive::<Int64Type>().value(0) })
}

/// Refuses a value larger than its limit.
pub(super) fn check_value(function: &str, bytes: u64, constant: bool) -> Result<()> {
    let bytes_max = if constant { CONSTANT_BYTES_MAX } else { VALUE_BYTES_MAX };
    if bytes > bytes_max {
        return exec_err!("`{function}` may make a value of {} KiB at most, not {} KiB", bytes_max >> 10, bytes >> 10);
    }
    Ok(())
}

/// Refuses a batch larger than its limit.
pub(super) fn check_batch(function: &str, bytes: u64) -> Result<()> {
    if bytes > BATCH_BYTES_MAX {
        return exec_err!(
            "`{function}` may make {} MiB for one batch of rows at most, not {} MiB",
            BATCH_BYTES_MAX >> 20,
            bytes >> 20
        );
    }
    Ok(())
}

/// Refuses more elements than a list may have.
pub(super) fn check_elements(function: &str, elements: u64) -> Result<()> {
    if elements > ELEMENTS_MAX {
        return exec_err!("`{function}` may make {ELEMENTS_MAX} elements at most, not {elements}");
    }
    Ok(())
}

/// Returns how many elements lie between two numbers.
pub(super) fn steps_between(start: i128, stop: i128, step: i128) -> u64 {
    let span = (stop - start).unsigned_abs();
    let away = step == 0 || (stop >= start) != (step > 0);
    if away { 1 } else { u64::try_from(span / step.unsigned_abs() + 1).unwrap_or(u64::MAX) }
}

fn scalar_bytes(scalar: &ScalarValue) -> u64 {
    match scalar.try_as_str() {
        Some(text) => text.map_or(0, str::len) as u64,
        None => scalar.size() as u64,
    }
}

fn slice_bytes(array: &dyn Array) -> u64 {
    array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_elements_of_a_series() {
        assert_eq!(steps_between(1, 10, 1), 10);
        assert_eq!(steps_between(10, 1, -3), 4);
        assert_eq!(steps_between(1, 10, -1), 1, "a step away from the end makes none");
        assert_eq!(steps_between(1, 10, 0), 1, "refused by the function itself");
        assert_eq!(steps_between(i128::from(i64::MIN), i128::from(i64::MAX), 1), u64::MAX);
    }
}
