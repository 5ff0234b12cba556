//! What rows add to the aggregates of a live rule, as numbers, hashes and picked values that its state can keep. Which rows
//! count and for whom is `shape.rs`'s to say; how they are kept is `state.rs`'s.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringViewArray};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::logical_expr::Expr;

use super::recognise::{Function, LiveAggregate, Picked};
use super::shape::{Run, evaluate, prepare, truths};
use super::values::Value;

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
    pub(crate) hashes: Option<Arc<Vec<u64>>>,
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

/// The expressions of a rule's aggregates, each but once: aggregates share conditions and keys.
#[derive(Default)]
pub(super) struct Shared {
    exprs: Vec<Expr>,
    runs: Vec<Run>,
}

/// What they make of a batch.
pub(super) struct Evaluated {
    columns: Vec<ArrayRef>,
    /// The hashes of those that were asked for.
    hashes: Vec<Option<Arc<Vec<u64>>>>,
}

/// One aggregate, ready to read rows; its expressions by their places among the shared ones.
pub(super) struct Contribution {
    pub(super) function: Function,
    argument: Option<usize>,
    key: Option<usize>,
    filter: Option<usize>,
    ignores_nulls: bool,
}

/// What the expressions of one aggregate make of a batch.
struct Columns<'a> {
    passes: Option<arrow::array::BooleanArray>,
    argument: Option<&'a ArrayRef>,
    key: Option<&'a ArrayRef>,
}

impl Shared {
    fn place(&mut self, expr: &Expr, schema: &DFSchema) -> Result<usize, DataFusionError> {
        if let Some(place) = self.exprs.iter().position(|other| other == expr) {
            return Ok(place);
        }
        self.runs.push(prepare(expr, schema)?);
        self.exprs.push(expr.clone());
        Ok(self.runs.len() - 1)
    }

    pub(super) fn evaluate(&self, batch: &RecordBatch) -> Result<Evaluated, DataFusionError> {
        let columns = self.runs.iter().map(|run| evaluate(run, batch)).collect::<Result<Vec<_>, _>>()?;
        Ok(Evaluated { hashes: vec![None; columns.len()], columns })
    }
}

impl Evaluated {
    fn hashes(&mut self, place: usize, hasher: &RandomState) -> Result<Arc<Vec<u64>>, DataFusionError> {
        if let Some(known) = &self.hashes[place] {
            return Ok(Arc::clone(known));
        }
        let hashed = Arc::new(hash(&self.columns[place], hasher)?);
        self.hashes[place] = Some(Arc::clone(&hashed));
        Ok(hashed)
    }
}

impl Contribution {
    /// Prepares an aggregate; its expressions go to those that are shared.
    pub(super) fn new(
        aggregate: &LiveAggregate,
        shared: &mut Shared,
        schema: &DFSchema,
    ) -> Result<Self, DataFusionError> {
        let mut place = |expr: &Option<Expr>| expr.as_ref().map(|expr| shared.place(expr, schema)).transpose();
        Ok(Self {
            function: aggregate.function,
            argument: place(&aggregate.argument)?,
            key: place(&aggregate.key)?,
            filter: place(&aggregate.filter)?,
            ignores_nulls: aggregate.ignores_nulls,
        })
    }

    /// Reads what rows add.
    pub(super) fn input(
        &self,
        batch: &RecordBatch,
        made: &mut Evaluated,
        hasher: &RandomState,
    ) -> Result<Input, DataFusionError> {
        let hashed = match self.function {
            Function::Distinct => self.argument,
            Function::SumOnce => self.key,
            _ => None,
        };
        let hashes = hashed.map(|place| made.hashes(place, hasher)).transpose()?;
        let column = |place: Option<usize>| place.map(|place| &made.columns[place]);
        let columns =
            Columns { passes: column(self.filter).map(truths), argument: column(self.argument), key: column(self.key) };
        let count = batch.num_rows();
        if let (Function::Pick(_, picked), Some(argument)) = (self.function, columns.argument) {
            let picks = self.picks(batch, &columns, argument, picked)?;
            return Ok(Input { values: Int64Array::new_null(count), hashes: None, picks: Some(picks) });
        }
        let values = match (self.function, columns.argument) {
            (Function::Count | Function::Distinct, _) | (_, None) => vec![1; count].into(),
            (_, Some(argument)) => cast(argument, &DataType::Int64)?.as_primitive::<Int64Type>().values().clone(),
        };
        Ok(Input { values: Int64Array::new(values, columns.counted()), hashes, picks: None })
    }

    fn picks(
        &self,
        batch: &RecordBatch,
        columns: &Columns<'_>,
        argument: &ArrayRef,
        picked: Picked,
    ) -> Result<PickInput, DataFusionError> {
        let counts = |row: usize| columns.passes(row) && !(self.ignores_nulls && argument.is_null(row));
        let seq = batch.column_by_name("seq").map(|seq| cast(seq, &DataType::Int64)).transpose()?;
        Ok(PickInput {
            counts: (0..batch.num_rows()).map(counts).collect(),
            seq: seq.map(|seq| seq.as_primitive::<Int64Type>().clone()),
            values: match picked {
                Picked::Number => PickValues::Numbers(cast(argument, &DataType::Int64)?.as_primitive().clone()),
                Picked::Text => PickValues::Texts(cast(argument, &DataType::Utf8View)?.as_string_view().clone()),
            },
        })
    }
}

impl Columns<'_> {
    fn passes(&self, row: usize) -> bool {
        self.passes.as_ref().is_none_or(|passes| passes.value(row))
    }

    /// Returns the rows that count, as those that are not null; none if all do.
    fn counted(&self) -> Option<NullBuffer> {
        let passes = self.passes.as_ref().map(|passes| NullBuffer::new(passes.values().clone()));
        let valid = |column: Option<&ArrayRef>| column.and_then(|column| column.logical_nulls());
        let both = NullBuffer::union(passes.as_ref(), valid(self.argument).as_ref());
        NullBuffer::union(both.as_ref(), valid(self.key).as_ref())
    }
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

/// Hashes values; those of null rows mean nothing.
fn hash(values: &ArrayRef, hasher: &RandomState) -> Result<Vec<u64>, DataFusionError> {
    if values.data_type().is_string() {
        let texts = cast(values, &DataType::Utf8View)?;
        let texts = texts.as_string_view();
        return Ok((0..texts.len()).map(|row| hasher.hash_one(texts.value(row))).collect());
    }
    let ints = cast(values, &DataType::Int64)?;
    Ok(ints.as_primitive::<Int64Type>().values().iter().map(|value| hasher.hash_one(value)).collect())
}
