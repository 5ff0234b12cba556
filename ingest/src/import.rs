//! A trusted import's rows as columns: `received_at` is `ts`, in time order, ready to be committed past the log.

use arrow::array::RecordBatch;
use arrow::compute::{SortColumn, lexsort_to_indices, take_record_batch};

use crate::columns::{BatchBuilder, Stamp};
use crate::error::IngestError;
use crate::kind::Kind;
use crate::row::Rows;

/// Builds one batch per kind, ordered by (`received_at`, place in the source).
pub(crate) fn batches(rows: &Rows, first_seq: i64) -> Result<Vec<(Kind, RecordBatch)>, IngestError> {
    let mut builders: [Option<BatchBuilder>; Kind::ALL.len()] = Default::default();
    for head in rows.heads() {
        let place = usize::from(head.kind.number());
        builders[place].get_or_insert_with(|| BatchBuilder::new(head.kind)).append(rows, head);
    }
    let built = Kind::ALL.into_iter().zip(builders).filter_map(|(kind, builder)| Some((kind, builder?)));
    built
        .map(|(kind, builder)| {
            let batch = builder.finish(first_seq, Stamp::OwnTime)?;
            let keys = ["received_at", "seq"].map(|name| SortColumn {
                values: batch.column_by_name(name).expect("the builder stamps it").clone(),
                options: None,
            });
            let order = lexsort_to_indices(&keys, None)?;
            Ok((kind, take_record_batch(&batch, &order)?))
        })
        .collect()
}
