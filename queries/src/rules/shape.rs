//! The expressions of a live rule, ready to run: rows in, contributions out; aggregates in, evaluations out. They stay
//! DataFusion's `PhysicalExpr`s; only what lies between them, the state in time buckets, is ours (`state.rs`).
//!
//! Batches come sparse (a column that is absent is all null) and with text as `Utf8`. Each is brought to the columns and
//! types that the plan knows, and only the columns that this rule reads are touched.

use std::hash::RandomState;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringViewArray,
    new_null_array,
};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion::sql::unparser::expr_to_sql;

use crate::hits::Evaluation;

use super::answer::AnswerColumns;
use super::contribution::{Contribution, Rows, Shared};
use super::headers::RuleHeaders;
use super::recognise::{Function, LiveAggregate, Parts};
use super::values::Values;

pub(super) type Run = Arc<dyn PhysicalExpr>;

/// A live rule for one kind of entity, ready to run.
pub(crate) struct LiveShape {
    table: String,
    read: SchemaRef,
    condition: Option<Run>,
    /// The condition as SQL, where it can be written so: for those who read the table's past.
    condition_sql: Option<String>,
    key: Run,
    aggregates: Vec<Contribution>,
    shared: Shared,
    aggregated: SchemaRef,
    having: Option<Run>,
    observed: Run,
    threshold: Run,
    verdict: Option<Run>,
    points: Option<Run>,
    is_monotone: bool,
    /// Hashes the values of distinct counts; random, so that nobody can make them collide.
    hasher: RandomState,
}

impl LiveShape {
    /// Prepares the parts of a plan.
    pub(crate) fn new(parts: &Parts) -> Result<Self, DataFusionError> {
        let columns = read_columns(parts);
        let read = DFSchema::try_from(columns)?;
        let below = |expr: &Expr| prepare(expr, &read);
        let above = |expr: &Expr| prepare(expr, &parts.aggregated);
        let output = |name: &str| parts.outputs.iter().find(|(output, _)| output == name).map(|(_, expr)| above(expr));
        let required = |name: &str| {
            output(name).unwrap_or_else(|| Err(DataFusionError::Plan(format!("it does not select `{name}`"))))
        };
        let mut shared = Shared::default();
        let aggregates = parts.aggregates.iter().map(|aggregate| Contribution::new(aggregate, &mut shared, &read));
        let aggregates = aggregates.collect::<Result<_, _>>()?;
        Ok(Self {
            table: parts.table.clone(),
            condition: conjunction(parts.conditions.clone()).as_ref().map(below).transpose()?,
            condition_sql: to_sql(&parts.conditions, &read),
            key: below(&parts.key)?,
            aggregates,
            shared,
            aggregated: Arc::clone(parts.aggregated.inner()),
            having: conjunction(parts.having.clone()).as_ref().map(above).transpose()?,
            observed: required("observed")?,
            threshold: required("threshold")?,
            verdict: output("verdict").transpose()?,
            points: output("points").transpose()?,
            is_monotone: parts.is_monotone,
            read: Arc::clone(read.inner()),
            hasher: RandomState::new(),
        })
    }

    /// Returns the event table that it reads.
    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// Returns the columns that it reads, `received_at` included if it needs it.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.read.fields().iter().map(|field| field.name().as_str())
    }

    /// Returns what every row fulfils that counts, in SQL over the table's columns. None: nothing can be said.
    pub(crate) fn condition_sql(&self) -> Option<&str> {
        self.condition_sql.as_deref()
    }

    /// Returns the aggregates' functions, in order.
    pub(crate) fn functions(&self) -> Vec<Function> {
        self.aggregates.iter().map(|aggregate| aggregate.function).collect()
    }

    /// Tells whether rows that leave the window can only make it less true.
    pub(crate) const fn is_monotone(&self) -> bool {
        self.is_monotone
    }

    /// Reads a batch of events. Rows of one `received_at` may lack that column; it is then `received_at`.
    ///
    /// Rows on which an expression fails are left out, so that nobody can silence a rule by one event; the first failure
    /// is told beside the rest.
    pub(crate) fn rows(
        &self,
        batch: &RecordBatch,
        received_at: Option<i64>,
    ) -> Result<(Rows, Option<DataFusionError>), DataFusionError> {
        let failure = match self.all_rows(batch, received_at) {
            Ok(rows) => return Ok((rows, None)),
            Err(error) => error,
        };
        let mut sound = vec![false; batch.num_rows()];
        self.find_sound(batch, received_at, 0, &mut sound);
        let rest = filter_record_batch(batch, &BooleanArray::from(sound))?;
        Ok((self.all_rows(&rest, received_at)?, Some(failure)))
    }

    /// Marks the rows on which nothing fails, by halves.
    fn find_sound(&self, batch: &RecordBatch, received_at: Option<i64>, first: usize, sound: &mut [bool]) {
        let count = batch.num_rows();
        if self.all_rows(batch, received_at).is_ok() {
            sound[first..first + count].fill(true);
        } else if count > 1 {
            let half = count / 2;
            self.find_sound(&batch.slice(0, half), received_at, first, sound);
            self.find_sound(&batch.slice(half, count - half), received_at, first + half, sound);
        }
    }

    fn all_rows(&self, batch: &RecordBatch, received_at: Option<i64>) -> Result<Rows, DataFusionError> {
        let time = batch.column_by_name("received_at").map(|column| cast(column, &DataType::Int64)).transpose()?;
        let time = time.or_else(|| received_at.map(|us| Arc::new(Int64Array::from_value(us, batch.num_rows())) as _));
        let mut batch = self.project(batch, time.as_ref())?;
        if let Some(condition) = &self.condition {
            let kept = evaluate(condition, &batch)?;
            batch = filter_record_batch(&batch, &truths(&kept))?;
        }
        let keys = cast(&evaluate(&self.key, &batch)?, &DataType::Utf8View)?;
        let without_entity = keys.null_count();
        let (batch, keys) = if without_entity == 0 {
            (batch, keys)
        } else {
            let named = arrow::compute::is_not_null(&keys)?;
            (filter_record_batch(&batch, &named)?, arrow::compute::filter(&keys, &named)?)
        };
        let times = batch.column(batch.num_columns() - 1);
        let received_at =
            (!times.is_empty() && times.null_count() == 0).then(|| times.as_primitive::<Int64Type>().clone());
        let mut made = self.shared.evaluate(&batch)?;
        let inputs = self.aggregates.iter().map(|aggregate| aggregate.input(&batch, &mut made, &self.hasher));
        let inputs = inputs.collect::<Result<_, _>>()?;
        Ok(Rows { keys: keys.as_string_view().clone(), received_at, inputs, without_entity })
    }

    /// Judges entities by their aggregates: `columns` holds one a function, in order, each as long as `keys`.
    /// Returns an evaluation for each of which the rule is true. Of entities on which an expression fails it says nothing;
    /// the first failure is told beside the rest.
    pub(crate) fn judge(
        &self,
        keys: Vec<&str>,
        columns: Vec<Values>,
        headers: &RuleHeaders,
    ) -> Result<(Vec<Option<Evaluation>>, Option<DataFusionError>), DataFusionError> {
        let mut found = vec![None; keys.len()];
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(StringViewArray::from(keys))];
        let functions = self.aggregates.iter().map(|aggregate| aggregate.function);
        arrays.extend(functions.zip(columns).map(|(function, values)| to_array(function, values)));
        let fields = self.aggregated.fields();
        let arrays = arrays.iter().zip(fields).map(|(array, field)| cast(array, field.data_type()));
        // Nothing here is nullable or not by type: an aggregate over no rows is null.
        let fields = fields.iter().map(|field| field.as_ref().clone().with_nullable(true)).collect::<Vec<Field>>();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays.collect::<Result<_, _>>()?)?;
        let mut failure = None;
        self.judge_by_halves(&batch, headers, &mut found, &mut failure);
        Ok((found, failure))
    }

    fn judge_by_halves(
        &self,
        batch: &RecordBatch,
        headers: &RuleHeaders,
        found: &mut [Option<Evaluation>],
        failure: &mut Option<DataFusionError>,
    ) {
        let count = batch.num_rows();
        match self.judge_all(batch, headers, found) {
            Ok(()) => {}
            Err(error) if count <= 1 => *failure = Some(failure.take().unwrap_or(error)),
            Err(_) => {
                let half = count / 2;
                let (first, second) = found.split_at_mut(half);
                self.judge_by_halves(&batch.slice(0, half), headers, first, failure);
                self.judge_by_halves(&batch.slice(half, count - half), headers, second, failure);
            }
        }
    }

    fn judge_all(
        &self,
        batch: &RecordBatch,
        headers: &RuleHeaders,
        found: &mut [Option<Evaluation>],
    ) -> Result<(), DataFusionError> {
        let count = batch.num_rows();
        let is_true = match &self.having {
            Some(having) => truths(&evaluate(having, batch)?),
            None => BooleanArray::from(vec![true; count]),
        };
        if is_true.true_count() == 0 {
            return Ok(());
        }
        let batch = filter_record_batch(batch, &is_true)?;
        let optional = |run: &Option<Run>| run.as_ref().map(|run| evaluate(run, &batch)).transpose();
        let (verdict, points) = (optional(&self.verdict)?, optional(&self.points)?);
        let answer = AnswerColumns {
            observed: &evaluate(&self.observed, &batch)?,
            threshold: &evaluate(&self.threshold, &batch)?,
            verdict: verdict.as_ref(),
            points: points.as_ref(),
            component: None,
        };
        let evaluations = answer.read(headers).map_err(DataFusionError::Execution)?;
        let places = (0..count).filter(|place| is_true.value(*place));
        for (place, evaluation) in places.zip(evaluations) {
            found[place] = Some(evaluation);
        }
        Ok(())
    }

    /// Brings a batch to the columns and types of the plan, and adds the times as its last column.
    fn project(&self, batch: &RecordBatch, time: Option<&ArrayRef>) -> Result<RecordBatch, DataFusionError> {
        let count = batch.num_rows();
        let column = |field: &Arc<Field>| match batch.column_by_name(field.name()) {
            Some(column) => cast(column, field.data_type()),
            None if field.name() == "received_at" => {
                time.map_or_else(|| Ok(new_null_array(field.data_type(), count)), |time| cast(time, field.data_type()))
            }
            None => Ok(new_null_array(field.data_type(), count)),
        };
        let mut columns: Vec<ArrayRef> = self.read.fields().iter().map(column).collect::<Result<_, _>>()?;
        columns.push(time.cloned().unwrap_or_else(|| new_null_array(&DataType::Int64, count)));
        let mut fields: Vec<Field> =
            self.read.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
        fields.push(Field::new("received_at_us", DataType::Int64, true));
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?)
    }
}

/// Makes a column of what the state tells of one aggregate.
fn to_array(function: Function, values: Values) -> ArrayRef {
    let float = |bits: i64| f64::from_bits(bits.cast_unsigned());
    match (function, values) {
        (_, Values::Texts(texts)) => Arc::new(texts.into_iter().collect::<StringViewArray>()),
        (Function::Avg, Values::Numbers(bits)) => {
            Arc::new(bits.into_iter().map(|bits| bits.map(float)).collect::<Float64Array>())
        }
        (_, Values::Numbers(numbers)) => Arc::new(Int64Array::from(numbers)),
    }
}

/// Returns the columns that the parts read, in the table's order and types.
fn read_columns(parts: &Parts) -> Schema {
    let aggregates = parts.aggregates.iter();
    let of_aggregate = |aggregate: &LiveAggregate| {
        [aggregate.argument.clone(), aggregate.key.clone(), aggregate.filter.clone()].into_iter().flatten()
    };
    let picks = parts.aggregates.iter().any(|aggregate| matches!(aggregate.function, Function::Pick(..)));
    let exprs: Vec<Expr> =
        parts.conditions.iter().cloned().chain([parts.key.clone()]).chain(aggregates.flat_map(of_aggregate)).collect();
    let is_read = |name: &str| {
        (picks && name == "seq") || exprs.iter().any(|expr| expr.column_refs().iter().any(|column| column.name == name))
    };
    let fields = parts.columns.fields().iter().filter(|field| is_read(field.name()));
    Schema::new(fields.cloned().collect::<Vec<_>>())
}

/// Writes conditions as SQL, those that can be. A change of one text type into another is left out: planning the SQL makes
/// it again.
pub(super) fn to_sql(conditions: &[Expr], read: &DFSchema) -> Option<String> {
    let is_text = |expr: &Expr| expr.get_type(read).is_ok_and(|ty| ty.is_string());
    let written = conditions.iter().filter_map(|condition| {
        let plain = condition.clone().transform_up(|expr| {
            Ok(match expr {
                Expr::Cast(Cast { expr, field }) if field.data_type().is_string() && is_text(&expr) => {
                    Transformed::yes(*expr)
                }
                other => Transformed::no(other),
            })
        });
        Some(format!("({})", expr_to_sql(&plain.ok()?.data).ok()?))
    });
    let written: Vec<String> = written.collect();
    (!written.is_empty()).then(|| written.join(" and "))
}

/// Makes an expression run.
pub(super) fn prepare(expr: &Expr, schema: &DFSchema) -> Result<Run, DataFusionError> {
    // Some functions (coalesce among them) exist only until they are simplified.
    let context = SimplifyContext::builder().with_schema(Arc::new(schema.clone())).build();
    let expr = ExprSimplifier::new(context).simplify(expr.clone().unalias_nested().data)?;
    create_physical_expr(&expr, schema, &ExecutionProps::new(), &PhysicalPlanningContext::default())
}

/// Runs it over a batch.
pub(super) fn evaluate(run: &Run, batch: &RecordBatch) -> Result<ArrayRef, DataFusionError> {
    run.evaluate(batch)?.into_array(batch.num_rows())
}

/// Returns the rows that are true: neither false nor null.
pub(super) fn truths(column: &ArrayRef) -> BooleanArray {
    let truths = column.as_boolean();
    match truths.nulls() {
        Some(nulls) => BooleanArray::new(truths.values() & nulls.inner(), None),
        None => truths.clone(),
    }
}
