//! Reads what a rule selected, `observed`, `threshold` and perhaps `verdict`, `points` and `component`, into evaluations. Both ways a
//! rule runs end here, so that they agree about nulls, ranges and defaults.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};

use crate::hits::{Evaluation, Restraint};

use super::headers::RuleHeaders;
use super::rule::Rule;

/// The columns that a rule must select, and those that it may; any other is evidence for people.
pub(crate) const REQUIRED: [&str; 3] = ["entity", "observed", "threshold"];

/// The columns of an answer, the entity left out.
pub(crate) struct AnswerColumns<'a> {
    pub(crate) observed: &'a ArrayRef,
    pub(crate) threshold: &'a ArrayRef,
    pub(crate) verdict: Option<&'a ArrayRef>,
    pub(crate) points: Option<&'a ArrayRef>,
    pub(crate) component: Option<&'a ArrayRef>,
}

impl AnswerColumns<'_> {
    /// Returns one evaluation a row. Values that are no whole numbers are cut to them, a null observed value or threshold
    /// is 0, points are held to 0-100, and a null verdict or null points are the header's.
    ///
    /// Errors: in words, a column of another type or an unknown verdict.
    pub(crate) fn read(&self, headers: &RuleHeaders) -> Result<Vec<Evaluation>, String> {
        let int = |name: &str, column: &ArrayRef| {
            cast(column, &DataType::Int64).map_err(|error| format!("`{name}` is not a number: {error}"))
        };
        let observed = int("observed", self.observed)?;
        let threshold = int("threshold", self.threshold)?;
        let points = self.points.map(|column| int("points", column)).transpose()?;
        let verdict = self
            .verdict
            .map(|column| cast(column, &DataType::Utf8).map_err(|error| format!("`verdict` is not a text: {error}")))
            .transpose()?;
        let component = self
            .component
            .map(|column| cast(column, &DataType::Utf8).map_err(|error| format!("`component` is not a text: {error}")))
            .transpose()?;
        let text_at =
            |column: &ArrayRef, row: usize| column.is_valid(row).then(|| column.as_string::<i32>().value(row).into());
        (0..observed.len())
            .map(|row| {
                Ok(Evaluation {
                    observed: int_at(&observed, row).unwrap_or(0),
                    threshold: int_at(&threshold, row).unwrap_or(0),
                    verdict: headers.hold_back(verdict_at(verdict.as_ref(), row)?.unwrap_or(headers.verdict)),
                    points: points.as_ref().and_then(|points| int_at(points, row)).map_or(headers.points, clamp_points),
                    component: component.as_ref().and_then(|component| text_at(component, row)),
                })
            })
            .collect()
    }
}

/// Reads the rows of an answer to a rule's whole text: the row's place, the entity, and what was found of it. Rows without an
/// entity are left out and counted.
///
/// Errors: in words, as [`AnswerColumns::read`].
pub(crate) fn read_answer(batch: &RecordBatch, rule: &Rule) -> Result<Vec<(usize, Arc<str>, Evaluation)>, String> {
    let column = |name: &str| batch.column_by_name(name);
    let required = |name: &str| column(name).ok_or_else(|| format!("it does not select `{name}`"));
    let entities =
        cast(required("entity")?, &DataType::Utf8).map_err(|error| format!("`entity` is not a text: {error}"))?;
    let columns = AnswerColumns {
        observed: required("observed")?,
        threshold: required("threshold")?,
        verdict: column("verdict"),
        points: column("points"),
        component: column("component"),
    };
    let evaluations = columns.read(&rule.headers)?;
    let without_entity = entities.null_count();
    if without_entity > 0 {
        let count = u64::try_from(without_entity).unwrap_or(u64::MAX);
        metrics::counter!("weir_rule_null_entities_total", "rule" => rule.name.to_string()).increment(count);
    }
    let rows = entities.as_string::<i32>().iter().zip(evaluations).enumerate();
    Ok(rows.filter_map(|(row, (entity, evaluation))| Some((row, Arc::from(entity?), evaluation))).collect())
}

fn int_at(column: &ArrayRef, row: usize) -> Option<i64> {
    column.is_valid(row).then(|| column.as_primitive::<Int64Type>().value(row))
}

fn verdict_at(column: Option<&ArrayRef>, row: usize) -> Result<Option<Restraint>, String> {
    let Some(column) = column.filter(|column| column.is_valid(row)) else { return Ok(None) };
    let text = column.as_string::<i32>().value(row);
    let verdict = Restraint::parse(text);
    verdict.map(Some).ok_or_else(|| format!("`verdict` is `{text}`, not `none`, `throttle` or `block`"))
}

fn clamp_points(points: i64) -> u8 {
    u8::try_from(points.clamp(0, 100)).expect("clamped to a byte")
}
