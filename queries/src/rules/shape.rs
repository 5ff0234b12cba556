//! The expressions of a live rule, ready to run: rows in, contributions out; aggregates in, evaluations out. They stay
//! DataFusion's `PhysicalExpr`s; only what lies between them, the state in time buckets, is ours (`state.rs`).
//!
//! Batches come sparse (a column that is absent is all null) and with text as `Utf8`. Each is brought to the columns and
//! types that the plan knows, and only the columns that this rule reads are touched.

use std::hash::{BuildHasher, RandomState};
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
use super::headers::RuleHeaders;
use super::picked::Value;
use super::recognise::{Function, LiveAggregate, Parts, Picked};
use super::state::Values;

pub(super) type Run = Arc<dyn PhysicalExpr>;

/// A live rule for one kind of entity, ready to run.
pub(crate) struct LiveShape {
    table: String,
    read: SchemaRef,
    condition: Option<Run>,
    /// The condition as SQL, where it can be written so: for those who read the table's past.
    condition_sql: Option<String>,
    key: Run,
    aggregates: Vec<Aggregate>,
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

struct Aggregate {
    function: Function,
    argument: Option<Run>,
    key: Option<Run>,
    filter: Option<Run>,
    ignores_nulls: bool,
}

/// The rows of a batch that count, as what they add to each aggregate.
pub(crate) struct Rows {
    /// The entities; rows without one are gone.
    pub(crate) keys: StringViewArray,
    /// When each was received, if the batch says so.
    pub(crate) received_at: Option<Int64Array>,
    /// One an aggregate.
    pub(crate) inputs: Vec<Input>,
    /// Rows that fulfilled the conditions but named no entity.
    pub(crate) without_entity: usize,
}

/// What rows add to one aggregate: null adds nothing.
pub(crate) struct Input {
    pub(crate) values: Int64Array,
    /// The hashed values of a distinct count, the hashed keys of `sum_once`.
    pub(crate) hashes: Option<Vec<u64>>,
    /// The rows that one may be picked of.
    pub(crate) picks: Option<PickInput>,
}

/// Rows of which the first or the last gives its value.
pub(crate) struct PickInput {
    counts: Vec<bool>,
    seq: Option<Int64Array>,
    values: PickValues,
}

enum PickValues {
    Numbers(Int64Array),
    Texts(StringViewArray),
}

impl PickInput {
    /// Returns a row's place among those of its time, and its value; none if it does not count.
    pub(crate) fn at(&self, row: usize) -> Option<(i64, Option<Value>)> {
        if !self.counts[row] {
            return None;
        }
        let seq = self.seq.as_ref().map_or(0, |seq| if seq.is_valid(row) { seq.value(row) } else { 0 });
        let value = match &self.values {
            PickValues::Numbers(numbers) => numbers.is_valid(row).then(|| Value::Number(numbers.value(row))),
            PickValues::Texts(texts) => texts.is_valid(row).then(|| Value::Text(Arc::from(texts.value(row)))),
        };
        Some((seq, value))
    }
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
        let aggregates = parts.aggregates.iter().map(|aggregate| {
            Ok(Aggregate {
                function: aggregate.function,
                argument: aggregate.argument.as_ref().map(below).transpose()?,
                key: aggregate.key.as_ref().map(below).transpose()?,
                filter: aggregate.filter.as_ref().map(below).transpose()?,
                ignores_nulls: aggregate.ignores_nulls,
            })
        });
        Ok(Self {
            table: parts.table.clone(),
            condition: conjunction(parts.conditions.clone()).as_ref().map(below).transpose()?,
            condition_sql: to_sql(&parts.conditions, &read),
            key: below(&parts.key)?,
            aggregates: aggregates.collect::<Result<_, DataFusionError>>()?,
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
    pub(crate) fn rows(&self, batch: &RecordBatch, received_at: Option<i64>) -> Result<Rows, DataFusionError> {
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
        let inputs = self.aggregates.iter().map(|aggregate| self.input(aggregate, &batch));
        let inputs = inputs.collect::<Result<_, _>>()?;
        Ok(Rows { keys: keys.as_string_view().clone(), received_at, inputs, without_entity })
    }

    /// Judges entities by their aggregates: `columns` holds one a function, in order, each as long as `keys`.
    /// Returns an evaluation for each of which the rule is true.
    pub(crate) fn judge(
        &self,
        keys: Vec<&str>,
        columns: Vec<Values>,
        headers: &RuleHeaders,
    ) -> Result<Vec<Option<Evaluation>>, DataFusionError> {
        let count = keys.len();
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(StringViewArray::from(keys))];
        let functions = self.aggregates.iter().map(|aggregate| aggregate.function);
        arrays.extend(functions.zip(columns).map(|(function, values)| to_array(function, values)));
        let fields = self.aggregated.fields();
        let arrays = arrays.iter().zip(fields).map(|(array, field)| cast(array, field.data_type()));
        // Nothing here is nullable or not by type: an aggregate over no rows is null.
        let fields = fields.iter().map(|field| field.as_ref().clone().with_nullable(true)).collect::<Vec<Field>>();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays.collect::<Result<_, _>>()?)?;
        let is_true = match &self.having {
            Some(having) => truths(&evaluate(having, &batch)?),
            None => BooleanArray::from(vec![true; count]),
        };
        let mut found = vec![None; count];
        if is_true.true_count() == 0 {
            return Ok(found);
        }
        let batch = filter_record_batch(&batch, &is_true)?;
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
        Ok(found)
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

    fn input(&self, aggregate: &Aggregate, batch: &RecordBatch) -> Result<Input, DataFusionError> {
        let count = batch.num_rows();
        let filter = aggregate.filter.as_ref().map(|filter| evaluate(filter, batch)).transpose()?;
        let filter = filter.as_ref().map(truths);
        let passes = |row: usize| filter.as_ref().is_none_or(|filter| filter.value(row));
        let argument = aggregate.argument.as_ref().map(|run| evaluate(run, batch)).transpose()?;
        let key = aggregate.key.as_ref().map(|run| evaluate(run, batch)).transpose()?;
        let is_valid = |column: &Option<ArrayRef>, row| column.as_ref().is_none_or(|column| column.is_valid(row));
        let counts = |row: &usize| passes(*row) && is_valid(&argument, *row) && is_valid(&key, *row);
        if let (Function::Pick(_, picked), Some(argument)) = (aggregate.function, &argument) {
            let counts = (0..count).map(|row| passes(row) && !(aggregate.ignores_nulls && argument.is_null(row)));
            let seq = batch.column_by_name("seq").map(|seq| cast(seq, &DataType::Int64)).transpose()?;
            let picks = PickInput {
                counts: counts.collect(),
                seq: seq.map(|seq| seq.as_primitive::<Int64Type>().clone()),
                values: match picked {
                    Picked::Number => PickValues::Numbers(cast(argument, &DataType::Int64)?.as_primitive().clone()),
                    Picked::Text => PickValues::Texts(cast(argument, &DataType::Utf8View)?.as_string_view().clone()),
                },
            };
            return Ok(Input { values: Int64Array::new_null(count), hashes: None, picks: Some(picks) });
        }
        let values: Int64Array = match (aggregate.function, &argument) {
            (Function::Count | Function::Distinct, _) | (_, None) => {
                (0..count).map(|row| counts(&row).then_some(1)).collect()
            }
            (_, Some(argument)) => {
                let ints = cast(argument, &DataType::Int64)?;
                let ints = ints.as_primitive::<Int64Type>();
                (0..count).map(|row| counts(&row).then(|| ints.value(row))).collect()
            }
        };
        let hashes = match aggregate.function {
            Function::Distinct => argument.as_ref().map(|values| self.hash(values)).transpose()?,
            Function::SumOnce => key.as_ref().map(|keys| self.hash(keys)).transpose()?,
            _ => None,
        };
        Ok(Input { values, hashes, picks: None })
    }

    /// Hashes values; those of null rows mean nothing.
    fn hash(&self, values: &ArrayRef) -> Result<Vec<u64>, DataFusionError> {
        Ok(match values.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                let texts = cast(values, &DataType::Utf8View)?;
                let texts = texts.as_string_view();
                (0..texts.len()).map(|row| self.hasher.hash_one(texts.value(row))).collect()
            }
            _ => {
                let ints = cast(values, &DataType::Int64)?;
                ints.as_primitive::<Int64Type>().values().iter().map(|value| self.hasher.hash_one(value)).collect()
            }
        })
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
fn truths(column: &ArrayRef) -> BooleanArray {
    let truths = column.as_boolean();
    match truths.nulls() {
        Some(nulls) => BooleanArray::new(truths.values() & nulls.inner(), None),
        None => truths.clone(),
    }
}
