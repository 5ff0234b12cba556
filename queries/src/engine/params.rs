//! Parameters: `$name` in the text, a JSON value beside it. A value takes its place in the parsed tree as one literal,
//! so it can never become syntax; the text itself is not touched.
//!
//! JSON null, Booleans, numbers and strings are what they are; a list of them is a list. A value whose type JSON cannot
//! tell is an object of one field: `{"timestamp": "2026-11-22T10:00:00Z"}`, `{"date": "2026-11-22"}`,
//! `{"interval": "5 minutes"}`, `{"float": 5}`. A plain string compared with a time is read as that time.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Array, CastKind, DataType, ExactNumberInfo, Expr, Interval, Statement as SqlStatement, TimezoneInfo, UnaryOperator,
    Value, ValueWithSpan, Visit, VisitMut, Visitor, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, Tokenizer};
use serde_json::Value as Json;

use super::diagnose;
use crate::error::QueryError;
use crate::nearest::did_you_mean;

/// Values by name, without the `$`.
pub type Params = serde_json::Map<String, Json>;

/// Elements of a list given as one parameter.
const LIST_MAX: usize = 1_000;
/// Bytes of a text given as a parameter.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// Puts the values in the places of their names. Missing and unused ones are errors, as both hide mistakes.
pub(super) fn bind(statement: &mut Statement, params: &Params) -> Result<(), QueryError> {
    let Some(query) = query_of(statement) else { return Ok(()) };
    let mut used = Used::default();
    let ControlFlow::Continue(()) = Visit::visit(query, &mut used);
    check_names(&used.places, params)?;
    if used.places.is_empty() {
        return Ok(());
    }
    match VisitMut::visit(query, &mut Binder { params }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Returns the names of the parameters that a text uses, each with the line of its first use. Nothing of a text that
/// cannot be read.
pub(crate) fn placeholders(sql: &str) -> Vec<(String, u32)> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location().unwrap_or_default();
    let mut names: Vec<(String, u32)> = Vec::new();
    for token in tokens {
        if let Token::Placeholder(id) = token.token {
            let name = id.trim_start_matches('$');
            if names.iter().all(|(known, _)| known != name) {
                names.push((name.to_owned(), u32::try_from(token.span.start.line).unwrap_or(0)));
            }
        }
    }
    names
}

fn query_of(statement: &mut Statement) -> Option<&mut SqlStatement> {
    match statement {
        Statement::Statement(inner) => Some(inner.as_mut()),
        Statement::Explain(explain) => query_of(explain.statement.as_mut()),
        _ => None,
    }
}

fn check_names(places: &BTreeMap<String, Span>, params: &Params) -> Result<(), QueryError> {
    for (name, span) in places {
        if !params.contains_key(name) {
            let unused = params.keys().map(String::as_str).filter(|given| !places.contains_key(*given));
            let hint = did_you_mean(name, unused).unwrap_or_else(|| format!("give it in `params` as \"{name}\""));
            return Err(diagnose::at_with_hint(format!("the parameter ${name} has no value"), span.start, hint));
        }
    }
    let unused: BTreeSet<&str> = params.keys().map(String::as_str).filter(|name| !places.contains_key(*name)).collect();
    match unused.first() {
        None => Ok(()),
        Some(name) => {
            let hint = did_you_mean(name, places.keys().map(String::as_str))
                .unwrap_or_else(|| format!("remove it, or write ${name} in the statement"));
            Err(QueryError::invalid_with_hint(format!("the parameter \"{name}\" is given but not used"), hint))
        }
    }
}

#[derive(Default)]
struct Used {
    places: BTreeMap<String, Span>,
}

impl Visitor for Used {
    type Break = std::convert::Infallible;

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<Self::Break> {
        if let Value::Placeholder(name) = &value.value {
            self.places.entry(name.trim_start_matches('$').to_owned()).or_insert(value.span);
        }
        ControlFlow::Continue(())
    }
}

struct Binder<'a> {
    params: &'a Params,
}

impl VisitorMut for Binder<'_> {
    type Break = QueryError;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<QueryError> {
        let Expr::Value(ValueWithSpan { value: Value::Placeholder(id), span }) = expr else {
            return ControlFlow::Continue(());
        };
        let name = id.trim_start_matches('$');
        let Some(value) = self.params.get(name) else { return ControlFlow::Continue(()) };
        match literal(name, value, *span) {
            Ok(bound) => {
                *expr = bound;
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }
    }
}

/// Builds the literal of a value.
fn literal(name: &str, value: &Json, span: Span) -> Result<Expr, QueryError> {
    let plain = |value: Value| Expr::Value(ValueWithSpan { value, span });
    let refused = |what: &str| Err(diagnose::at(format!("the parameter ${name} {what}"), span.start));
    Ok(match value {
        Json::Null => plain(Value::Null),
        Json::Bool(value) => plain(Value::Boolean(*value)),
        Json::String(text) if text.len() > TEXT_BYTES_MAX => return refused("is too long a text"),
        Json::String(text) => plain(Value::SingleQuotedString(text.clone())),
        Json::Number(number) => signed(&number.to_string(), span),
        Json::Array(values) if values.len() > LIST_MAX => {
            return refused(&format!("has more than {LIST_MAX} elements"));
        }
        Json::Array(values) => {
            let elem = values
                .iter()
                .map(|value| match value {
                    Json::Array(_) => refused("is a list of lists; a list of plain values is allowed"),
                    value => literal(name, value, span),
                })
                .collect::<Result<Vec<Expr>, QueryError>>()?;
            Expr::Array(Array { elem, named: true })
        }
        Json::Object(fields) => match fields.iter().next() {
            Some((kind, inner)) if fields.len() == 1 => typed(name, kind, inner, span)?,
            _ => {
                return refused(
                    "is an object; write {\"timestamp\": …}, {\"date\": …}, {\"interval\": …} or a plain value",
                );
            }
        },
    })
}

/// Builds a number; a sign is an operator in SQL.
fn signed(digits: &str, span: Span) -> Expr {
    let number = |digits: &str| Expr::Value(ValueWithSpan { value: Value::Number(digits.to_owned(), false), span });
    match digits.strip_prefix('-') {
        Some(positive) => Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(number(positive)) },
        None => number(digits),
    }
}

/// Builds the literal of a value whose type is stated.
fn typed(name: &str, kind: &str, inner: &Json, span: Span) -> Result<Expr, QueryError> {
    let refused = || Err(diagnose::at(format!("the parameter ${name} is no {kind}"), span.start));
    let value = match (kind, inner) {
        ("timestamp" | "date" | "interval", Json::String(text)) => {
            Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text.clone()), span })
        }
        ("timestamp" | "date" | "interval" | "float", Json::Null) => {
            Expr::Value(ValueWithSpan { value: Value::Null, span })
        }
        ("float", Json::Number(number)) => signed(&number.to_string(), span),
        ("timestamp" | "date" | "interval" | "float", _) => return refused(),
        _ => {
            let message = format!("the parameter ${name} has the unknown type {kind:?}");
            return Err(diagnose::at_with_hint(
                message,
                span.start,
                "known are timestamp, date, interval, float".into(),
            ));
        }
    };
    let data_type = match kind {
        "timestamp" => DataType::Timestamp(Some(6), TimezoneInfo::WithTimeZone),
        "date" => DataType::Date,
        "float" => DataType::Double(ExactNumberInfo::None),
        _ if inner.is_null() => return Ok(value),
        _ => return Ok(interval(value)),
    };
    Ok(Expr::Cast { kind: CastKind::Cast, expr: Box::new(value), data_type, array: false, format: None })
}

fn interval(value: Expr) -> Expr {
    Expr::Interval(Interval {
        value: Box::new(value),
        leading_field: None,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    })
}
