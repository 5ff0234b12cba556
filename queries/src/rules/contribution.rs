//! What rows add to the aggregates of a live rule, as numbers, hashes and picked values that its state can keep. Which rows
//! count and for whom is `shape.rs`'s to say; how they are kept is `state.rs`'s.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::DataFusionError;

use super::recognise::{Function, Picked};
use super::shape::{Run, evaluate, truths};
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

/// One aggregate, ready to read rows.
pub(super) struct Contribution {
    pub(super) function: Function,
    pub(super) argument: Option<Run>,
    pub(super) key: Option<Run>,
    pub(super) filter: Option<Run>,
    pub(super) ignores_nulls: bool,
}

/// What the expressions of one aggregate make of a batch.
struct Columns {
    passes: Option<arrow::array::BooleanArray>,
    argument: Option<ArrayRef>,
    key: Option<ArrayRef>,
}

impl Contribution {
    /// Reads what rows add.
    pub(super) fn input(&self, batch: &RecordBatch, hasher: &RandomState) -> Result<Input, DataFusionError> {
        let run = |run: &Option<Run>| run.as_ref().map(|run| evaluate(run, batch)).transpose();
        let columns = Columns {
            passes: run(&self.filter)?.as_ref().map(truths),
            argument: run(&self.argument)?,
            key: run(&self.key)?,
        };
        let count = batch.num_rows();
        if let (Function::Pick(_, picked), Some(argument)) = (self.function, &columns.argument) {
            let picks = self.picks(batch, &columns, argument, picked)?;
            return Ok(Input { values: Int64Array::new_null(count), hashes: None, picks: Some(picks) });
        }
        let values: Int64Array = match (self.function, &columns.argument) {
            (Function::Count | Function::Distinct, _) | (_, None) => {
                (0..count).map(|row| columns.counts(row).then_some(1)).collect()
            }
            (_, Some(argument)) => {
                let ints = cast(argument, &DataType::Int64)?;
                let ints = ints.as_primitive::<Int64Type>();
                (0..count).map(|row| columns.counts(row).then(|| ints.value(row))).collect()
            }
        };
        let hashed = match self.function {
            Function::Distinct => columns.argument.as_ref(),
            Function::SumOnce => columns.key.as_ref(),
            _ => None,
        };
        Ok(Input { values, hashes: hashed.map(|values| hash(values, hasher)).transpose()?, picks: None })
    }

    fn picks(
        &self,
        batch: &RecordBatch,
        columns: &Columns,
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

impl Columns {
    fn passes(&self, row: usize) -> bool {
        self.passes.as_ref().is_none_or(|passes| passes.value(row))
    }

    fn counts(&self, row: usize) -> bool {
        let is_valid = |column: &Option<ArrayRef>| column.as_ref().is_none_or(|column| column.is_valid(row));
        self.passes(row) && is_valid(&self.argument) && is_valid(&self.key)
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
