//! Merging a partition's small files into one that is sorted by person, then time, so that one account's timeline reads a
//! few pages. Not the commit of it (`table.rs`).
//!
//! Limits: a compaction reads at most [`ROWS_MAX`] rows into memory; files that have reached [`TARGET_ROWS`] are left alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{SortColumn, interleave_record_batch, lexsort_to_indices};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::ArrowWriter;

use crate::columns;
use crate::error::IngestError;
use crate::kind::Kind;
use crate::lake::file::{self, DataFile, Spans};
use crate::schema::TableSchema;

/// A file of so many rows is not merged any more.
const TARGET_ROWS: u64 = 256 * 1024;
/// The most rows one compaction reads.
const ROWS_MAX: u64 = 400 * 1024;
/// Files of one size class that are worth merging.
const FILES_MIN: usize = 8;
/// Size classes: each row is rewritten about once a class.
const CLASSES: [u64; 3] = [4 * 1024, 32 * 1024, TARGET_ROWS];
const OUTPUT_ROWS: usize = 8 * 1024;

/// A compaction that is done but not committed.
#[derive(Debug)]
pub(crate) struct Compacted {
    pub(crate) sources: Vec<Arc<DataFile>>,
    pub(crate) file: DataFile,
}

/// Chooses files of one partition to merge, if any are worth it.
pub(crate) fn plan(files: &[Arc<DataFile>]) -> Option<Vec<Arc<DataFile>>> {
    let mut partitions: BTreeMap<i32, Vec<&Arc<DataFile>>> = BTreeMap::new();
    for file in files {
        partitions.entry(file.partition).or_default().push(file);
    }
    for class in CLASSES {
        for files in partitions.values() {
            let mut small: Vec<_> = files.iter().filter(|file| file.rows < class).collect();
            small.sort_by_key(|file| file.received_at.map(|span| span.min));
            let mut rows = 0;
            let chosen: Vec<Arc<DataFile>> = small
                .into_iter()
                .take_while(|file| {
                    rows += file.rows;
                    rows <= ROWS_MAX
                })
                .map(|file| Arc::clone(file))
                .collect();
            let merged: u64 = chosen.iter().map(|file| file.rows).sum();
            if chosen.len() >= FILES_MIN || (chosen.len() > 1 && merged >= TARGET_ROWS) {
                return Some(chosen);
            }
        }
    }
    None
}

/// Merges files into a new one. Returns after fsync; nothing refers to the new file yet.
pub(crate) async fn run(
    kind: Kind,
    store: Arc<dyn ObjectStore>,
    sources: Vec<Arc<DataFile>>,
    now_ms: i64,
) -> Result<Compacted, IngestError> {
    let mut files = Vec::new();
    for source in &sources {
        files.push(store.get(&Path::from(source.path.as_str())).await?.bytes().await?);
    }
    // At low priority, since compaction must not starve ingest.
    let work = move || crate::priority::lowered(move || merge(kind, files));
    let (spans, bytes) = tokio::task::spawn_blocking(work).await.map_err(IngestError::internal)??;
    let partition = sources.first().map_or(0, |source| source.partition);
    let path = file::new_path(kind, partition, true);
    let size = bytes.len() as u64;
    store.put(&Path::from(path.as_str()), bytes.into()).await?;
    Ok(Compacted { sources, file: DataFile::describe(path, size, partition, &spans, now_ms) })
}

fn read(kind: Kind, file: bytes::Bytes) -> Result<Vec<RecordBatch>, IngestError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(OUTPUT_ROWS).build()?;
    // Files of an older version may lack newer columns.
    reader.map(|batch| Ok(columns::widen(kind, &batch?)?)).collect()
}

fn merge(kind: Kind, files: Vec<bytes::Bytes>) -> Result<(Spans, Vec<u8>), IngestError> {
    let mut batches = Vec::new();
    for file in files {
        batches.extend(read(kind, file)?);
    }
    let mut spans = Spans::default();
    for batch in &batches {
        spans.add(batch);
    }
    let order = order(&batches)?;
    let properties = file::writer_properties(kind, order.len());
    let mut writer = ArrowWriter::try_new(Vec::new(), TableSchema::of(kind).stored().clone(), Some(properties))?;
    let borrowed: Vec<&RecordBatch> = batches.iter().collect();
    for places in order.chunks(OUTPUT_ROWS) {
        writer.write(&interleave_record_batch(&borrowed, places)?)?;
    }
    Ok((spans, writer.into_inner()?))
}

/// Returns the rows' places (batch, row), ordered by person, then time.
fn order(batches: &[RecordBatch]) -> Result<Vec<(usize, usize)>, IngestError> {
    let mut places = Vec::new();
    for (batch, rows) in batches.iter().map(RecordBatch::num_rows).enumerate() {
        places.extend((0..rows).map(|row| (batch, row)));
    }
    let persons = batches.iter().map(person).collect::<Vec<ArrayRef>>();
    let column = |arrays: Vec<ArrayRef>| -> Result<SortColumn, IngestError> {
        let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
        Ok(SortColumn { values: arrow::compute::concat(&arrays)?, options: None })
    };
    let seqs = batches.iter().map(|batch| Ok(Arc::new(columns::seq(batch)?.clone()) as ArrayRef));
    let received = batches.iter().map(|batch| Ok(Arc::new(columns::received_at(batch)?.clone()) as ArrayRef));
    let keys = [
        column(persons)?,
        column(received.collect::<Result<_, IngestError>>()?)?,
        column(seqs.collect::<Result<_, IngestError>>()?)?,
    ];
    let indices: UInt32Array = lexsort_to_indices(&keys, None)?;
    Ok(indices.values().iter().map(|index| places[*index as usize]).collect())
}

/// Returns whom each row is about: the account, else the guest, else the device, else nobody.
fn person(batch: &RecordBatch) -> ArrayRef {
    let text = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    let (account, guest, device) = (text("account_id"), text("guest_id"), text("device_id"));
    let value = |column: Option<&'_ StringArray>, row: usize| {
        column.filter(|column| column.is_valid(row)).map(|column| column.value(row).to_owned())
    };
    let persons: StringArray = (0..batch.num_rows())
        .map(|row| value(account, row).or_else(|| value(guest, row)).or_else(|| value(device, row)))
        .collect();
    Arc::new(persons)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::file::Span;

    fn data_file(partition: i32, rows: u64, at: i64) -> Arc<DataFile> {
        Arc::new(DataFile {
            path: format!("day/{at}"),
            bytes: rows,
            rows,
            partition,
            received_at: Some(Span { min: at, max: at }),
            ts: None,
            modified_ms: 0,
        })
    }

    #[test]
    fn merges_many_small_files_of_one_partition_oldest_first() {
        let few: Vec<_> = (0..7).map(|at| data_file(1, 100, at)).collect();
        assert!(plan(&few).is_none());
        let mut many: Vec<_> = (0..9).rev().map(|at| data_file(1, 100, at)).collect();
        many.push(data_file(2, 100, 3));
        let chosen = plan(&many).unwrap();
        assert_eq!(chosen.len(), 9);
        assert!(chosen.iter().all(|file| file.partition == 1));
        assert_eq!(chosen[0].path, "day/0");
    }

    #[test]
    fn leaves_files_alone_that_are_large_enough_and_bounds_what_it_reads() {
        let large: Vec<_> = (0..20).map(|at| data_file(1, TARGET_ROWS, at)).collect();
        assert!(plan(&large).is_none());
        let middling: Vec<_> = (0..20).map(|at| data_file(1, 130_000, at)).collect();
        let rows: u64 = plan(&middling).unwrap().iter().map(|file| file.rows).sum();
        assert!((TARGET_ROWS..=ROWS_MAX).contains(&rows));
    }
}
