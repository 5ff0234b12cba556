//! Merging a partition's small files into one that is sorted by person, then time, so that one account's timeline reads a
//! few pages. Not the commit of it (`table.rs`).
//!
//! Text that repeats is read as dictionaries: that takes a fraction of the memory, and text is not hashed row by row again.
//!
//! Limits: a compaction reads at most [`ROWS_MAX`] rows into memory; files that have reached [`TARGET_ROWS`] are left alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{SortColumn, cast, concat, is_not_null, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{DataType, FieldRef, Fields, Schema};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use crate::columns;
use crate::error::IngestError;
use crate::kind::Kind;
use crate::lake::file::{self, DataFile, Spans};
use crate::priority::Priority;
use crate::schema::TableSchema;

/// A file of so many rows is not merged any more.
const TARGET_ROWS: u64 = 256 * 1024;
/// The most rows one compaction reads.
const ROWS_MAX: u64 = 400 * 1024;
/// Files of one size class that are worth merging.
const FILES_MIN: usize = 8;
/// Size classes: each row is rewritten about once a class.
const CLASSES: [u64; 3] = [4 * 1024, 32 * 1024, TARGET_ROWS];
const INPUT_ROWS: usize = 64 * 1024;
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
    let (spans, bytes) =
        Priority::Low.run("weir-compact", move || merge(kind, files)).await.map_err(IngestError::internal)??;
    let partition = sources.first().map_or(0, |source| source.partition);
    let path = file::new_path(kind, partition, true);
    let size = bytes.len() as u64;
    store.put(&Path::from(path.as_str()), bytes.into()).await?;
    Ok(Compacted { sources, file: DataFile::describe(path, size, partition, &spans, now_ms) })
}

/// The columns of some rows in the stored schema's order; none where an older file lacks a column.
type Columns = Vec<Option<ArrayRef>>;

fn read(schema: &Schema, file: bytes::Bytes) -> Result<Vec<(usize, Columns)>, IngestError> {
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
    let as_wanted = |field: &FieldRef| match schema.field_with_name(field.name()) {
        Ok(wanted) => Arc::new(wanted.clone()),
        Err(_) => Arc::clone(field),
    };
    let there: Fields = metadata.schema().fields().iter().map(as_wanted).collect();
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(there)));
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)?;
    let reader =
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata).with_batch_size(INPUT_ROWS).build()?;
    reader
        .map(|batch| {
            let batch = batch?;
            let columns = schema.fields().iter().map(|field| batch.column_by_name(field.name()).cloned());
            Ok((batch.num_rows(), columns.collect()))
        })
        .collect()
}

/// Returns the stored schema with the text that repeats as dictionaries.
fn merging_schema(kind: Kind) -> Schema {
    let fields = TableSchema::of(kind).stored().fields().iter().map(|field| {
        let repeats = *field.data_type() == DataType::Utf8 && !file::is_unique(field.name());
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        if repeats { Arc::new(field.as_ref().clone().with_data_type(dictionary)) } else { Arc::clone(field) }
    });
    Schema::new(fields.collect::<Fields>())
}

fn merge(kind: Kind, files: Vec<bytes::Bytes>) -> Result<(Spans, Vec<u8>), IngestError> {
    let schema = merging_schema(kind);
    let mut parts = Vec::new();
    for file in files {
        parts.extend(read(&schema, file)?);
    }
    // Column by column, so that the parts of one are let go before the next is joined.
    let mut columns = Vec::with_capacity(schema.fields().len());
    for (place, field) in schema.fields().iter().enumerate() {
        let of_column = |(rows, part): &mut (usize, Columns)| {
            part[place].take().unwrap_or_else(|| new_null_array(field.data_type(), *rows))
        };
        let arrays: Vec<ArrayRef> = parts.iter_mut().map(of_column).collect();
        columns.push(concat(&arrays.iter().map(AsRef::as_ref).collect::<Vec<_>>())?);
    }
    let whole = RecordBatch::try_new(Arc::new(schema), columns)?;
    let mut spans = Spans::default();
    spans.add(&whole);
    let order = order(&whole)?;
    let mut writer = file::writer(kind, whole.schema_ref(), order.len())?;
    for start in (0..order.len()).step_by(OUTPUT_ROWS) {
        let rows = order.slice(start, OUTPUT_ROWS.min(order.len() - start));
        writer.write(&take_record_batch(&whole, &rows)?)?;
    }
    Ok((spans, writer.into_inner()?))
}

/// Returns the rows' order: by person, then time.
fn order(batch: &RecordBatch) -> Result<UInt32Array, IngestError> {
    let column = |values: ArrayRef| SortColumn { values, options: None };
    let received_at = Arc::new(columns::received_at(batch)?.clone());
    let seq = Arc::new(columns::seq(batch)?.clone());
    Ok(lexsort_to_indices(&[column(person(batch)?), column(received_at), column(seq)], None)?)
}

/// Returns whom each row is about: the account, else the guest, else the device, else nobody.
fn person(batch: &RecordBatch) -> Result<ArrayRef, IngestError> {
    let mut persons: ArrayRef = new_null_array(&DataType::Utf8, batch.num_rows());
    for name in ["device_id", "guest_id", "account_id"] {
        let Some(ids) = batch.column_by_name(name) else { continue };
        let ids = cast(ids, &DataType::Utf8)?;
        persons = zip(&is_not_null(&ids)?, &ids, &persons)?;
    }
    Ok(persons)
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;

    use super::*;
    use crate::columns::{BatchBuilder, Stamp};
    use crate::lake::file::Span;
    use crate::row::Rows;

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

    /// Returns a file of usage rows: (account, received at), one release for all.
    fn file_of(rows: &[(&str, i64)], release: Option<&str>) -> bytes::Bytes {
        let mut sparse = Rows::default();
        for (account, _) in rows {
            let mut row = sparse.begin(Kind::Usage);
            row.text("event_id", account).text("account_id", account).text_if("release", release);
            row.finish(None);
        }
        let batches = sparse.heads().iter().zip(rows).map(|(head, (_, at))| {
            let mut builder = BatchBuilder::new(Kind::Usage);
            builder.append(&sparse, head);
            columns::widen(Kind::Usage, &builder.finish(*at, Stamp::Record(*at)).unwrap()).unwrap()
        });
        file::encode(Kind::Usage, &batches.collect::<Vec<_>>()).unwrap().into()
    }

    #[test]
    fn merges_into_the_stored_schema_by_person_then_time() {
        let one = file_of(&[("b", 1), ("a", 2), ("c", 3)], Some("2.4.1"));
        let other = file_of(&[("a", 4), ("b", 5)], None);
        let (spans, bytes) = merge(Kind::Usage, vec![other, one]).unwrap();
        assert_eq!((spans.rows, spans.received_at), (5, Some(Span { min: 1, max: 5 })));
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
        assert_eq!(reader.schema(), TableSchema::of(Kind::Usage).stored());
        let merged: RecordBatch = reader.build().unwrap().next().unwrap().unwrap();
        let accounts: Vec<_> = merged["account_id"].as_string::<i32>().iter().flatten().collect();
        assert_eq!(accounts, ["a", "a", "b", "b", "c"]);
        assert_eq!(columns::received_at(&merged).unwrap().values(), &[2, 4, 1, 5, 3]);
        let releases: Vec<_> = merged["release"].as_string::<i32>().iter().collect();
        assert_eq!(releases, [Some("2.4.1"), None, Some("2.4.1"), None, Some("2.4.1")]);
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
