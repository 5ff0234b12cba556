//! The batches that wait for rules whose state is being rebuilt. Bounded by bytes: past it the oldest leave, and the
//! queue remembers through when it lost some, because a rebuild that reaches that far misses nothing.

use std::collections::{BTreeSet, VecDeque};

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::Schema;
use std::sync::Arc;

/// Batches in the order of time.
pub(super) struct Queue {
    batches: VecDeque<Waiting>,
    bytes: usize,
    bytes_max: usize,
    lost_through: Option<i64>,
}

/// A batch that waits.
#[derive(Clone)]
pub(super) struct Waiting {
    pub(super) table: String,
    pub(super) batch: RecordBatch,
    pub(super) received_at: i64,
}

impl Queue {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { batches: VecDeque::new(), bytes: 0, bytes_max, lost_through: None }
    }

    /// Adds these columns of a batch.
    pub(super) fn push(&mut self, table: &str, batch: &RecordBatch, columns: &BTreeSet<String>, received_at: i64) {
        let batch = narrow(batch, columns);
        self.bytes += batch.get_array_memory_size();
        self.batches.push_back(Waiting { table: table.to_owned(), batch, received_at });
        while self.bytes > self.bytes_max {
            let Some(oldest) = self.batches.pop_front() else { break };
            self.bytes -= oldest.batch.get_array_memory_size();
            self.lost_through = self.lost_through.max(Some(oldest.received_at));
        }
    }

    /// Returns the batches received after `at`, or nothing if some of them were lost.
    pub(super) fn since(&self, at: i64) -> Option<Vec<Waiting>> {
        if self.lost_through.is_some_and(|lost| lost > at) {
            return None;
        }
        Some(self.batches.iter().filter(|waiting| waiting.received_at > at).cloned().collect())
    }

    /// Forgets everything: nobody waits any more.
    pub(super) fn clear(&mut self) {
        (self.batches, self.bytes, self.lost_through) = (VecDeque::new(), 0, None);
    }
}

fn narrow(batch: &RecordBatch, columns: &BTreeSet<String>) -> RecordBatch {
    let schema = batch.schema();
    let places: Vec<usize> =
        (0..batch.num_columns()).filter(|place| columns.contains(schema.field(*place).name())).collect();
    let fields: Vec<_> = places.iter().map(|place| Arc::clone(&schema.fields()[*place])).collect();
    let arrays = places.iter().map(|place| Arc::clone(batch.column(*place))).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .expect("columns of one batch are of one length and of their fields' types")
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array};

    use super::*;

    fn batch() -> RecordBatch {
        let column = || Arc::new(Int64Array::from(vec![1; 1_000])) as ArrayRef;
        RecordBatch::try_from_iter([("a", column()), ("b", column())]).expect("two columns")
    }

    #[test]
    fn keeps_the_newest_and_knows_what_it_lost() {
        let columns = BTreeSet::from(["a".to_owned()]);
        let mut queue = Queue::new(20_000);
        for at in 1..=4 {
            queue.push("usage", &batch(), &columns, at);
        }
        let times =
            |waiting: Option<Vec<Waiting>>| waiting.map(|all| all.iter().map(|w| w.received_at).collect::<Vec<_>>());
        assert_eq!(times(queue.since(0)), None, "the first ones are lost");
        assert_eq!(times(queue.since(2)), Some(vec![3, 4]));
        assert_eq!(queue.since(3).expect("nothing lost")[0].batch.num_columns(), 1, "only what is needed is kept");
        queue.clear();
        assert_eq!(times(queue.since(0)), Some(vec![]));
    }
}
