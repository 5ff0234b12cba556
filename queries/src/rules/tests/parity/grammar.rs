//! Random rules of the grammar that runs live: as SQL, and as what that SQL means, computed the plain way from the events
//! themselves. The meaning knows nothing of DataFusion, of buckets or of state.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Value as Json;

use super::super::Event;

/// A rule: what its text says.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) key: &'static str,
    pub(super) window: &'static str,
    pub(super) ttl: &'static str,
    conditions: Vec<Condition>,
    having: Truth,
    observed: Number,
    blocks: Option<Truth>,
    points: Option<Number>,
}

/// A condition on one row.
#[derive(Clone, Debug)]
enum Condition {
    Is(&'static str, &'static str),
    IsNull(&'static str),
    AmountOver(i64),
    Not(Box<Condition>),
    Either(Box<Condition>, Box<Condition>),
}

/// An aggregate over the rows of an entity.
#[derive(Clone, Debug)]
struct Aggregate {
    function: Function,
    filter: Option<Condition>,
}

#[derive(Clone, Debug)]
enum Function {
    CountAll,
    Count(&'static str),
    Distinct(&'static str),
    Sum,
    Avg,
    Min,
    Max,
    Once,
    First,
    Last,
}

#[derive(Clone, Debug)]
enum Number {
    Of(Aggregate),
    OrElse(Aggregate, i64),
    Constant(i64),
    Sum(Box<Number>, Box<Number>),
    Times(Box<Number>, i64),
}

#[derive(Clone, Debug)]
enum Truth {
    Compare(Number, &'static str, Number),
    Any(Condition),
    Picked(bool, &'static str, Option<Condition>, &'static str),
    SpanAtLeast(i64),
    Both(Box<Truth>, Box<Truth>),
    Either(Box<Truth>, Box<Truth>),
    Not(Box<Truth>),
}

/// A number of SQL.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Int(i64),
    Float(f64),
    Null,
}

const TEXTS: [&str; 3] = ["guest_id", "ref", "reason"];

pub(super) fn spec() -> impl Strategy<Value = Spec> {
    let lengths = prop::sample::select(&[("10s", "7s"), ("98s", "20s"), ("3s", "3s"), ("2min", "90s")][..]);
    (
        prop::sample::select(&["device_id", "guest_id"][..]),
        lengths,
        prop::collection::vec(condition(), 0..3),
        truth(),
        number(),
        prop::option::of(truth()),
        prop::option::of(number()),
    )
        .prop_map(|(key, (window, ttl), conditions, having, observed, blocks, points)| Spec {
            key,
            window,
            ttl,
            conditions,
            having,
            observed,
            blocks,
            points,
        })
}

fn condition() -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![
        prop::sample::select(&[("op", "grant"), ("op", "spend"), ("reason", "x"), ("ref", "r1")][..])
            .prop_map(|(column, text)| Condition::Is(column, text)),
        prop::sample::select(&["reason", "ref", "amount", "guest_id"][..]).prop_map(Condition::IsNull),
        (0i64..5).prop_map(Condition::AmountOver),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| Condition::Not(Box::new(one))),
            (inner.clone(), inner).prop_map(|(one, other)| Condition::Either(Box::new(one), Box::new(other))),
        ]
    })
}

fn aggregate() -> impl Strategy<Value = Aggregate> {
    let function = prop_oneof![
        2 => Just(Function::CountAll),
        1 => prop::sample::select(&TEXTS[..]).prop_map(Function::Count),
        2 => prop::sample::select(&TEXTS[..]).prop_map(Function::Distinct),
        2 => Just(Function::Sum),
        1 => Just(Function::Avg),
        1 => Just(Function::Min),
        1 => Just(Function::Max),
        1 => Just(Function::Once),
        1 => Just(Function::First),
        1 => Just(Function::Last),
    ];
    (function, prop::option::weighted(0.3, condition())).prop_map(|(function, filter)| Aggregate { function, filter })
}

fn number() -> impl Strategy<Value = Number> {
    let leaf = prop_oneof![
        4 => aggregate().prop_map(Number::Of),
        2 => (aggregate(), -2i64..4).prop_map(|(of, or_else)| Number::OrElse(of, or_else)),
        1 => (0i64..12).prop_map(Number::Constant),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| Number::Sum(Box::new(one), Box::new(other))),
            (inner, 2i64..5).prop_map(|(of, times)| Number::Times(Box::new(of), times)),
        ]
    })
}

fn truth() -> impl Strategy<Value = Truth> {
    let operator = prop::sample::select(&[">", ">=", "<", "<=", "=", "<>"][..]);
    let leaf = prop_oneof![
        5 => (number(), operator, number()).prop_map(|(one, op, other)| Truth::Compare(one, op, other)),
        // Most rules of people are of this form.
        4 => (aggregate(), 1i64..5).prop_map(|(of, least)| Truth::Compare(Number::Of(of), ">=", Number::Constant(least))),
        1 => condition().prop_map(Truth::Any),
        1 => (any::<bool>(), prop::sample::select(&TEXTS[..]), prop::option::of(condition()), prop::sample::select(&["g1", "x", "r2"][..]))
            .prop_map(|(last, column, filter, text)| Truth::Picked(last, column, filter, text)),
        1 => (1i64..9).prop_map(Truth::SpanAtLeast),
    ];
    leaf.prop_recursive(2, 5, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| Truth::Both(Box::new(one), Box::new(other))),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| Truth::Either(Box::new(one), Box::new(other))),
            inner.prop_map(|one| Truth::Not(Box::new(one))),
        ]
    })
}

/// What a rule says of an entity: verdict, points, observed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Said {
    pub(super) observed: i64,
    pub(super) blocks: bool,
    pub(super) points: u8,
}

impl Spec {
    pub(super) fn sql(&self) -> String {
        let conditions: String =
            self.conditions.iter().map(|condition| format!(" and ({})", condition.sql())).collect();
        let verdict =
            self.blocks.as_ref().map(|truth| format!(", case when {} then 'block' end as verdict", truth.sql()));
        let points = self.points.as_ref().map(|points| format!(", {} as points", points.sql()));
        format!(
            "select {key} as entity, {} as observed, 2 as threshold{}{} from credits
             where in_window(received_at){conditions} group by {key} having {}",
            self.observed.sql(),
            verdict.unwrap_or_default(),
            points.unwrap_or_default(),
            self.having.sql(),
            key = self.key,
        )
    }

    /// Tells whether a row counts, and for whom.
    pub(super) fn entity<'e>(&self, event: &'e Event) -> Option<&'e str> {
        let counts = event.values["trust"] == "server"
            && self.conditions.iter().all(|condition| condition.of(event) == Some(true));
        event.values[self.key].as_str().filter(|_| counts)
    }

    /// Judges an entity by its rows in the window, in the order of the log. None: the rule is not true of it.
    pub(super) fn judge(&self, rows: &[&Event]) -> Option<Said> {
        if rows.is_empty() || self.having.of(rows) != Some(true) {
            return None;
        }
        let points = self.points.as_ref().and_then(|points| to_int(points.of(rows)));
        let clamp = |points: i64| u8::try_from(points.clamp(0, 100)).expect("clamped");
        Some(Said {
            observed: to_int(self.observed.of(rows)).unwrap_or(0),
            blocks: self.blocks.as_ref().is_some_and(|truth| truth.of(rows) == Some(true)),
            points: points.map_or(7, clamp),
        })
    }
}

/// Cuts to a whole number, as an answer is read.
fn to_int(value: Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "averages of small numbers")]
    match value {
        Value::Int(value) => Some(value),
        Value::Float(value) => Some(value as i64),
        Value::Null => None,
    }
}

impl Condition {
    fn sql(&self) -> String {
        match self {
            Self::Is(column, text) => format!("{column} = '{text}'"),
            Self::IsNull(column) => format!("{column} is null"),
            Self::AmountOver(amount) => format!("amount > {amount}"),
            Self::Not(one) => format!("not ({})", one.sql()),
            Self::Either(one, other) => format!("({} or {})", one.sql(), other.sql()),
        }
    }

    fn of(&self, event: &Event) -> Option<bool> {
        match self {
            Self::Is(column, text) => event.values[*column].as_str().map(|value| value == *text),
            Self::IsNull(column) => Some(event.values[*column].is_null()),
            Self::AmountOver(amount) => event.values["amount"].as_i64().map(|value| value > *amount),
            Self::Not(one) => one.of(event).map(|is| !is),
            Self::Either(one, other) => either(one.of(event), other.of(event)),
        }
    }
}

fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

fn passes(filter: &Option<Condition>, event: &Event) -> bool {
    filter.as_ref().is_none_or(|filter| filter.of(event) == Some(true))
}

impl Aggregate {
    fn sql(&self) -> String {
        let call = match self.function {
            Function::CountAll => "count(*)".to_owned(),
            Function::Count(column) => format!("count({column})"),
            Function::Distinct(column) => format!("count(distinct {column})"),
            Function::Sum => "sum(amount)".to_owned(),
            Function::Avg => "avg(amount)".to_owned(),
            Function::Min => "min(amount)".to_owned(),
            Function::Max => "max(amount)".to_owned(),
            Function::Once => "sum_once(amount, ref)".to_owned(),
            Function::First => "first_value(amount order by received_at, seq)".to_owned(),
            Function::Last => "last_value(amount order by received_at, seq)".to_owned(),
        };
        let filter = self.filter.as_ref().map(|filter| format!(" filter (where {})", filter.sql()));
        format!("{call}{}", filter.unwrap_or_default())
    }

    fn of(&self, rows: &[&Event]) -> Value {
        let rows: Vec<&Event> = rows.iter().copied().filter(|row| passes(&self.filter, row)).collect();
        let texts = |column: &str| {
            rows.iter().filter_map(|row| row.values[column].as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        let amounts: Vec<i64> = rows.iter().filter_map(|row| row.values["amount"].as_i64()).collect();
        let count = |count: usize| Value::Int(i64::try_from(count).expect("few rows"));
        let some = |value: Option<i64>| value.map_or(Value::Null, Value::Int);
        match self.function {
            Function::CountAll => count(rows.len()),
            Function::Count(column) => count(texts(column).len()),
            Function::Distinct(column) => count(texts(column).into_iter().collect::<BTreeSet<_>>().len()),
            Function::Sum => some(amounts.iter().copied().reduce(|a, b| a + b)),
            Function::Min => some(amounts.iter().copied().min()),
            Function::Max => some(amounts.iter().copied().max()),
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            Function::Avg if !amounts.is_empty() => {
                Value::Float(amounts.iter().sum::<i64>() as f64 / amounts.len() as f64)
            }
            Function::Avg => Value::Null,
            Function::Once => {
                let mut largest: BTreeMap<String, i64> = BTreeMap::new();
                for row in &rows {
                    if let (Some(key), Some(amount)) = (row.values["ref"].as_str(), row.values["amount"].as_i64()) {
                        largest
                            .entry(key.to_owned())
                            .and_modify(|known| *known = (*known).max(amount))
                            .or_insert(amount);
                    }
                }
                some(largest.into_values().reduce(|a, b| a + b))
            }
            Function::First => some(rows.first().and_then(|row| row.values["amount"].as_i64())),
            Function::Last => some(rows.last().and_then(|row| row.values["amount"].as_i64())),
        }
    }
}

impl Number {
    fn sql(&self) -> String {
        match self {
            Self::Of(aggregate) => aggregate.sql(),
            Self::OrElse(aggregate, or_else) => format!("coalesce({}, {or_else})", aggregate.sql()),
            Self::Constant(value) => value.to_string(),
            Self::Sum(one, other) => format!("({} + {})", one.sql(), other.sql()),
            Self::Times(one, times) => format!("({} * {times})", one.sql()),
        }
    }

    fn of(&self, rows: &[&Event]) -> Value {
        match self {
            Self::Of(aggregate) => aggregate.of(rows),
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            Self::OrElse(aggregate, or_else) => match (aggregate.of(rows), &aggregate.function) {
                (Value::Null, Function::Avg) => Value::Float(*or_else as f64),
                (Value::Null, _) => Value::Int(*or_else),
                (value, _) => value,
            },
            Self::Constant(value) => Value::Int(*value),
            Self::Sum(one, other) => combine(one.of(rows), other.of(rows), |a, b| a + b, |a, b| a + b),
            Self::Times(one, times) => combine(one.of(rows), Value::Int(*times), |a, b| a * b, |a, b| a * b),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn combine(one: Value, other: Value, ints: fn(i64, i64) -> i64, floats: fn(f64, f64) -> f64) -> Value {
    match (one, other) {
        (Value::Null, _) | (_, Value::Null) => Value::Null,
        (Value::Int(a), Value::Int(b)) => Value::Int(ints(a, b)),
        (Value::Int(a), Value::Float(b)) => Value::Float(floats(a as f64, b)),
        (Value::Float(a), Value::Int(b)) => Value::Float(floats(a, b as f64)),
        (Value::Float(a), Value::Float(b)) => Value::Float(floats(a, b)),
    }
}

impl Truth {
    fn sql(&self) -> String {
        match self {
            Self::Compare(one, op, other) => format!("{} {op} {}", one.sql(), other.sql()),
            Self::Any(condition) => format!("bool_or({})", condition.sql()),
            Self::Picked(last, column, filter, text) => {
                let function = if *last { "last_value" } else { "first_value" };
                let filter = filter.as_ref().map(|filter| format!(" filter (where {})", filter.sql()));
                format!("{function}({column} order by received_at, seq){} = '{text}'", filter.unwrap_or_default())
            }
            Self::SpanAtLeast(seconds) => {
                format!("max(received_at) - min(received_at) >= interval '{seconds} seconds'")
            }
            Self::Both(one, other) => format!("({} and {})", one.sql(), other.sql()),
            Self::Either(one, other) => format!("({} or {})", one.sql(), other.sql()),
            Self::Not(one) => format!("not ({})", one.sql()),
        }
    }

    fn of(&self, rows: &[&Event]) -> Option<bool> {
        match self {
            Self::Compare(one, op, other) => compare(one.of(rows), op, other.of(rows)),
            Self::Any(condition) => {
                let truths = rows.iter().filter_map(|row| condition.of(row));
                truths.reduce(|a, b| a || b)
            }
            Self::Picked(last, column, filter, text) => {
                let mut counted = rows.iter().filter(|row| passes(filter, row));
                let picked = if *last { counted.next_back() } else { counted.next() };
                picked.and_then(|row| row.values[*column].as_str()).map(|value| value == *text)
            }
            Self::SpanAtLeast(seconds) => {
                let (first, last) = (rows.first()?.at, rows.last()?.at);
                Some(last - first >= seconds * 1_000_000)
            }
            Self::Both(one, other) => match (one.of(rows), other.of(rows)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Either(one, other) => either(one.of(rows), other.of(rows)),
            Self::Not(one) => one.of(rows).map(|is| !is),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn compare(one: Value, op: &str, other: Value) -> Option<bool> {
    let float = |value| match value {
        Value::Int(value) => Some(value as f64),
        Value::Float(value) => Some(value),
        Value::Null => None,
    };
    let (one, other) = (float(one)?, float(other)?);
    Some(match op {
        ">" => one > other,
        ">=" => one >= other,
        "<" => one < other,
        "<=" => one <= other,
        "=" => one == other,
        _ => one != other,
    })
}

/// An event of a stream, and the time since the one before: often none, sometimes longer than a window.
pub(super) fn step() -> impl Strategy<Value = (i64, Json)> {
    const SECOND: i64 = 1_000_000;
    let gap = prop_oneof![
        18 => Just(0),
        5 => 1i64..3 * SECOND,
        2 => (1i64..9).prop_map(|seconds| seconds * SECOND),
        1 => 9 * SECOND..160 * SECOND,
    ];
    let text = |values: &'static [&'static str]| prop::option::weighted(0.85, prop::sample::select(values));
    (
        gap,
        text(&["d1", "d2", "d3", "d4"]),
        text(&["g1", "g2", "g3"]),
        prop::option::weighted(0.9, 0i64..6),
        text(&["r1", "r2", "r3"]),
        text(&["x", "y"]),
        prop::sample::select(&["grant", "spend"][..]),
        prop::sample::select(&["server", "server", "server", "public"][..]),
    )
        .prop_map(|(gap, device, guest, amount, reference, reason, op, trust)| {
            let values = serde_json::json!({"device_id": device, "guest_id": guest, "amount": amount, "ref": reference,
                "reason": reason, "op": op, "trust": trust});
            (gap, values)
        })
}
