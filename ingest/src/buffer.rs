//! What readers see: per table the unflushed chunks and the active files, published together as one cut.
//!
//! Invariant (I3): a reader loads one [`Cut`] and keeps it. A flush replaces a table's chunks by its file in one swap, so that
//! no row is seen twice and none is missing. Cuts are by log sequence number, never by time.

use std::sync::{Arc, Mutex, MutexGuard};

use arc_swap::ArcSwap;
use arrow::array::RecordBatch;
use arrow::error::ArrowError;

use crate::columns;
use crate::kind::Kind;
use crate::lake::DataFile;
use crate::wal::Record;

/// Chunks grow by joining until they have this many rows.
const CHUNK_ROWS: usize = 8 * 1024;
/// A chunk of so many bytes is large enough: to join the next ones to it would copy rows of kilobytes again and again.
const CHUNK_BYTES: usize = 4 << 20;

/// Some rows of one table that are in the log but not in a file yet.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Sparse: only the columns that some row filled.
    pub(crate) batch: RecordBatch,
    /// The commit group's first sequence number, of the oldest group in it.
    pub(crate) first_seq: i64,
    /// The commit group's end, of the newest group in it.
    pub(crate) end_seq: i64,
    pub(crate) bytes: usize,
}

/// A table's files at one Delta version.
#[derive(Debug, Default)]
pub(crate) struct FileSet {
    pub(crate) version: u64,
    /// Rows with a smaller sequence number are in the files, all others are not.
    pub(crate) flushed_seq: i64,
    pub(crate) files: Vec<Arc<DataFile>>,
}

/// One table at one moment.
#[derive(Clone, Debug)]
pub(crate) struct TableCut {
    pub(crate) kind: Kind,
    pub(crate) chunks: Arc<[Arc<Chunk>]>,
    pub(crate) files: Arc<FileSet>,
}

/// All tables at one moment: (Delta versions, buffers). Holding it keeps its files from being deleted.
#[derive(Clone, Debug)]
pub struct Cut {
    pub(crate) tables: Vec<TableCut>,
    /// Every row below this sequence number is in it.
    pub(crate) end_seq: i64,
    /// The newest `received_at` in it, microseconds since the Unix epoch.
    pub(crate) received_at: i64,
}

impl Cut {
    pub(crate) fn table(&self, kind: Kind) -> &TableCut {
        &self.tables[usize::from(kind.number())]
    }

    /// Returns the newest `received_at` in the cut, microseconds since the Unix epoch; 0 when it is empty.
    #[must_use]
    pub const fn received_at(&self) -> i64 {
        self.received_at
    }

    /// Returns the unflushed rows, and the bytes they hold in memory.
    #[must_use]
    pub fn unflushed(&self) -> (u64, u64) {
        self.tables
            .iter()
            .flat_map(|table| table.chunks.iter())
            .fold((0, 0), |(rows, bytes), chunk| (rows + chunk.batch.num_rows() as u64, bytes + chunk.bytes as u64))
    }
}

/// The current cut, and the only place that replaces it.
#[derive(Debug)]
pub(crate) struct Board {
    cut: ArcSwap<Cut>,
    changing: Mutex<()>,
}

impl Board {
    pub(crate) fn new(end_seq: i64) -> Self {
        let tables =
            Kind::ALL.into_iter().map(|kind| TableCut { kind, chunks: Arc::new([]), files: Arc::default() }).collect();
        Self { cut: ArcSwap::from_pointee(Cut { tables, end_seq, received_at: 0 }), changing: Mutex::new(()) }
    }

    pub(crate) fn load(&self) -> Arc<Cut> {
        self.cut.load_full()
    }

    /// Makes a durable record visible. Rows that a table's files hold already are left out (a replay after a crash).
    ///
    /// `epoch_seq` is the first sequence number of the current flush epoch: chunks are joined within it only.
    pub(crate) fn append(&self, record: &Record, epoch_seq: i64) -> Result<(), ArrowError> {
        let _changing = self.lock();
        let mut cut = Cut::clone(&self.cut.load());
        let end_seq = record.end_seq();
        for (kind, batch) in &record.batches {
            let table = &mut cut.tables[usize::from(kind.number())];
            if end_seq <= table.files.flushed_seq {
                continue;
            }
            let mut chunks = table.chunks.to_vec();
            let bytes = columns::bytes_of(batch);
            chunks.push(Arc::new(Chunk { batch: batch.clone(), first_seq: record.first_seq, end_seq, bytes }));
            join_tail(*kind, &mut chunks, epoch_seq)?;
            table.chunks = chunks.into();
        }
        cut.end_seq = cut.end_seq.max(end_seq);
        cut.received_at = cut.received_at.max(record.received_at);
        self.cut.store(Arc::new(cut));
        Ok(())
    }

    /// Shows a table's new files in place of the chunks they hold, in one swap.
    pub(crate) fn publish(&self, kind: Kind, files: Arc<FileSet>) {
        let _changing = self.lock();
        let mut cut = Cut::clone(&self.cut.load());
        let newest = files.files.iter().filter_map(|file| file.received_at).map(|span| span.max).max().unwrap_or(0);
        cut.received_at = cut.received_at.max(newest);
        cut.end_seq = cut.end_seq.max(files.flushed_seq);
        let table = &mut cut.tables[usize::from(kind.number())];
        table.chunks = table.chunks.iter().filter(|chunk| chunk.end_seq > files.flushed_seq).cloned().collect();
        table.files = files;
        self.cut.store(Arc::new(cut));
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Joins the newest chunks so that there are few, each row being copied a logarithmic number of times.
fn join_tail(kind: Kind, chunks: &mut Vec<Arc<Chunk>>, epoch_seq: i64) -> Result<(), ArrowError> {
    while let [.., older, newer] = chunks.as_slice() {
        let (rows, more) = (older.batch.num_rows(), newer.batch.num_rows());
        let is_large = rows + more > CHUNK_ROWS || older.bytes + newer.bytes > CHUNK_BYTES;
        if older.first_seq < epoch_seq || is_large || more * 2 < rows {
            break;
        }
        let batch = columns::join(kind, &[&older.batch, &newer.batch])?;
        let bytes = columns::bytes_of(&batch);
        let joined = Chunk { batch, first_seq: older.first_seq, end_seq: newer.end_seq, bytes };
        chunks.truncate(chunks.len() - 2);
        chunks.push(Arc::new(joined));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wal::frame::tests::record;

    fn rows(cut: &Cut) -> usize {
        cut.table(Kind::Usage).chunks.iter().map(|chunk| chunk.batch.num_rows()).sum()
    }

    #[test]
    fn joins_small_chunks_and_keeps_every_row() {
        let board = Board::new(0);
        for seq in 0..1_000 {
            board.append(&record(seq, &["a"]), 0).unwrap();
        }
        let cut = board.load();
        assert_eq!(rows(&cut), 1_000);
        assert!(cut.table(Kind::Usage).chunks.len() <= 20, "{}", cut.table(Kind::Usage).chunks.len());
        assert_eq!(cut.end_seq, 1_000);
    }

    #[test]
    fn chunks_of_large_rows_stay_small_in_bytes() {
        let board = Board::new(0);
        let wide = "x".repeat(64 << 10);
        for seq in 0..400 {
            board.append(&record(seq, &[wide.as_str()]), 0).unwrap();
        }
        let cut = board.load();
        assert_eq!(rows(&cut), 400);
        let chunks = &cut.table(Kind::Usage).chunks;
        assert!(chunks.iter().all(|chunk| chunk.bytes <= CHUNK_BYTES), "no row is copied into more");
        assert!(chunks.len() <= 30, "{}", chunks.len());
    }

    #[test]
    fn publishing_files_drops_just_the_chunks_they_hold() {
        let board = Board::new(0);
        board.append(&record(0, &["a", "b"]), 0).unwrap();
        let before = board.load();
        board.append(&record(2, &["c"]), 2).unwrap();
        board.publish(Kind::Usage, Arc::new(FileSet { version: 1, flushed_seq: 2, files: Vec::new() }));
        assert_eq!(rows(&board.load()), 1);
        assert_eq!(rows(&before), 2, "an older cut keeps what it showed");
        board.append(&record(0, &["a", "b"]), 0).unwrap();
        assert_eq!(rows(&board.load()), 1, "a replay of flushed rows is left out");
    }
}
