//! One value of a column as JSON. Integers are numbers whatever their size; floats that are no numbers are null; times
//! are RFC 3339 in UTC with at least milliseconds; dates `YYYY-MM-DD`; bytes hexadecimal; decimals the nearest double;
//! intervals text; lists and structs JSON of their own.

use std::fmt::Write;

use arrow::array::{Array, AsArray, UnionArray};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// One value of a column.
#[derive(Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) array: &'a dyn Array,
    pub(super) row: usize,
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { array, row } = *self;
        if array.is_null(row) {
            return to.serialize_unit();
        }
        match array.data_type() {
            DataType::Null => to.serialize_unit(),
            DataType::Boolean => to.serialize_bool(array.as_boolean().value(row)),
            DataType::Int8 => to.serialize_i8(array.as_primitive::<Int8Type>().value(row)),
            DataType::Int16 => to.serialize_i16(array.as_primitive::<Int16Type>().value(row)),
            DataType::Int32 => to.serialize_i32(array.as_primitive::<Int32Type>().value(row)),
            DataType::Int64 => to.serialize_i64(array.as_primitive::<Int64Type>().value(row)),
            DataType::UInt8 => to.serialize_u8(array.as_primitive::<UInt8Type>().value(row)),
            DataType::UInt16 => to.serialize_u16(array.as_primitive::<UInt16Type>().value(row)),
            DataType::UInt32 => to.serialize_u32(array.as_primitive::<UInt32Type>().value(row)),
            DataType::UInt64 => to.serialize_u64(array.as_primitive::<UInt64Type>().value(row)),
            DataType::Float16 => float(to, array.as_primitive::<Float16Type>().value(row).to_f64()),
            DataType::Float32 => float(to, f64::from(array.as_primitive::<Float32Type>().value(row))),
            DataType::Float64 => float(to, array.as_primitive::<Float64Type>().value(row)),
            DataType::Utf8 => to.serialize_str(array.as_string::<i32>().value(row)),
            DataType::LargeUtf8 => to.serialize_str(array.as_string::<i64>().value(row)),
            DataType::Utf8View => to.serialize_str(array.as_string_view().value(row)),
            DataType::Timestamp(unit, _) => match time(array, row, *unit) {
                Some(time) => to.serialize_str(&time),
                None => to.serialize_unit(),
            },
            DataType::Date32 => date(to, i64::from(array.as_primitive::<Date32Type>().value(row)) * 86_400),
            DataType::Date64 => date(to, array.as_primitive::<Date64Type>().value(row).div_euclid(1_000)),
            _ => self.serialize_rare(to),
        }
    }
}

impl Cell<'_> {
    /// The types that hold others, and those that are seldom asked for.
    fn serialize_rare<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { array, row } = *self;
        match array.data_type() {
            DataType::Binary => to.serialize_str(&hex(array.as_binary::<i32>().value(row))),
            DataType::LargeBinary => to.serialize_str(&hex(array.as_binary::<i64>().value(row))),
            DataType::BinaryView => to.serialize_str(&hex(array.as_binary_view().value(row))),
            DataType::FixedSizeBinary(_) => to.serialize_str(&hex(array.as_fixed_size_binary().value(row))),
            DataType::List(_) => list(to, array.as_list::<i32>().value(row).as_ref()),
            DataType::LargeList(_) => list(to, array.as_list::<i64>().value(row).as_ref()),
            DataType::ListView(_) => list(to, array.as_list_view::<i32>().value(row).as_ref()),
            DataType::LargeListView(_) => list(to, array.as_list_view::<i64>().value(row).as_ref()),
            DataType::FixedSizeList(..) => list(to, array.as_fixed_size_list().value(row).as_ref()),
            DataType::Struct(fields) => {
                let record = array.as_struct();
                let mut map = to.serialize_map(Some(fields.len()))?;
                for (field, column) in fields.iter().zip(record.columns()) {
                    map.serialize_entry(field.name(), &Cell { array: column.as_ref(), row })?;
                }
                map.end()
            }
            DataType::Map(..) => {
                let entries = array.as_map().value(row);
                let (keys, values) = (entries.column(0), entries.column(1));
                let mut map = to.serialize_map(Some(entries.len()))?;
                for row in 0..entries.len() {
                    map.serialize_entry(&text(keys.as_ref(), row), &Cell { array: values.as_ref(), row })?;
                }
                map.end()
            }
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                let value = dictionary.normalized_keys().get(row).copied().unwrap_or_default();
                Cell { array: dictionary.values().as_ref(), row: value }.serialize(to)
            }
            DataType::Union(..) => match array.as_any().downcast_ref::<UnionArray>() {
                Some(union) => Cell { array: union.value(row).as_ref(), row: 0 }.serialize(to),
                None => to.serialize_unit(),
            },
            DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
                float(to, display(array, row).parse().unwrap_or(f64::NAN))
            }
            _ => to.serialize_str(&display(array, row)),
        }
    }
}

/// Returns a value as text: a text as it is, any other as its JSON, without quotes if it is one word. Null is empty.
pub(super) fn text(array: &dyn Array, row: usize) -> String {
    if array.is_null(row) {
        return String::new();
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).to_owned(),
        DataType::Utf8View => array.as_string_view().value(row).to_owned(),
        DataType::Union(..) => match array.as_any().downcast_ref::<UnionArray>() {
            Some(union) => text(union.value(row).as_ref(), 0),
            None => String::new(),
        },
        _ => match serde_json::to_value(Cell { array, row }) {
            Ok(serde_json::Value::String(text)) => text,
            Ok(serde_json::Value::Null) | Err(_) => String::new(),
            Ok(other) => other.to_string(),
        },
    }
}

fn float<S: Serializer>(to: S, value: f64) -> Result<S::Ok, S::Error> {
    if value.is_finite() { to.serialize_f64(value) } else { to.serialize_unit() }
}

fn list<S: Serializer>(to: S, items: &dyn Array) -> Result<S::Ok, S::Error> {
    let mut sequence = to.serialize_seq(Some(items.len()))?;
    for row in 0..items.len() {
        sequence.serialize_element(&Cell { array: items, row })?;
    }
    sequence.end()
}

fn date<S: Serializer>(to: S, seconds: i64) -> Result<S::Ok, S::Error> {
    match DateTime::<Utc>::from_timestamp(seconds, 0) {
        Some(time) => to.collect_str(&time.date_naive()),
        None => to.serialize_unit(),
    }
}

fn time(array: &dyn Array, row: usize, unit: TimeUnit) -> Option<String> {
    let time = match unit {
        TimeUnit::Second => DateTime::from_timestamp(array.as_primitive::<TimestampSecondType>().value(row), 0)?,
        TimeUnit::Millisecond => {
            DateTime::from_timestamp_millis(array.as_primitive::<TimestampMillisecondType>().value(row))?
        }
        TimeUnit::Microsecond => {
            DateTime::from_timestamp_micros(array.as_primitive::<TimestampMicrosecondType>().value(row))?
        }
        TimeUnit::Nanosecond => {
            DateTime::from_timestamp_nanos(array.as_primitive::<TimestampNanosecondType>().value(row))
        }
    };
    let nanoseconds = time.timestamp_subsec_nanos();
    let precision = match nanoseconds {
        whole if whole % 1_000_000 == 0 => SecondsFormat::Millis,
        whole if whole % 1_000 == 0 => SecondsFormat::Micros,
        _ => SecondsFormat::Nanos,
    };
    Some(time.to_rfc3339_opts(precision, true))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn display(array: &dyn Array, row: usize) -> String {
    let formatter = ArrayFormatter::try_new(array, &FormatOptions::default());
    formatter.map(|formatter| formatter.value(row).to_string()).unwrap_or_default()
}
