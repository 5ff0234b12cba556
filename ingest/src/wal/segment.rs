//! The files of the log: one segment is one flush epoch, named by the sequence number of its first row.
//!
//! Invariant: after `append` returned `Ok`, the record survives power loss. Not the decision what goes into a record
//! (`writer.rs`), nor when a segment may be deleted (`flush.rs`).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::disk::{DiskRef, create_dir};
use crate::wal::frame::{self, Damage, Read, Record};

const EXTENSION: &str = "wal";

/// The segment that is being written.
pub(crate) struct Segment {
    file: File,
    path: PathBuf,
    disk: DiskRef,
    bytes: u64,
    buffer: Vec<u8>,
}

impl Segment {
    /// Creates an empty segment; its directory entry is synced.
    pub(crate) fn create(dir: &Path, first_seq: i64, disk: &DiskRef) -> io::Result<Self> {
        create_dir(disk.as_ref(), dir)?;
        let path = dir.join(format!("{first_seq:020}.{EXTENSION}"));
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(&path)?;
        disk.sync_dir(dir)?;
        Ok(Self { file, path, disk: DiskRef::clone(disk), bytes: 0, buffer: Vec::new() })
    }

    /// Appends a record and syncs it. After an error nothing more may be written to this segment.
    pub(crate) fn append(&mut self, record: &Record) -> io::Result<()> {
        self.buffer.clear();
        frame::encode(record, &mut self.buffer).map_err(io::Error::other)?;
        let written = self.file.write_all(&self.buffer).and_then(|()| self.disk.sync_file(&self.file, &self.path));
        if let Err(error) = written {
            // Nobody was promised this record: leave no trace of it, as far as the disk still obeys.
            let _ = self.file.set_len(self.bytes);
            return Err(error);
        }
        self.bytes += self.buffer.len() as u64;
        Ok(())
    }

    /// Returns the length in bytes.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Lists the segments of a directory, oldest first.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<PathBuf>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// What was read from one segment.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    /// Its whole records, in order.
    pub(crate) records: Vec<Record>,
    /// Bytes of a write that a crash cut off at the end: never acknowledged, dropped.
    pub(crate) torn_bytes: u64,
    /// Ranges of bytes that were written once and cannot be read any more.
    pub(crate) corrupt: Vec<std::ops::Range<usize>>,
    /// Rows that should stand between two records and do not.
    pub(crate) missing_rows: i64,
}

/// Reads a segment. Damage is never passed over in silence: it is in the answer.
pub(crate) fn replay(path: &Path) -> io::Result<Replay> {
    let bytes = std::fs::read(path)?;
    let mut replay = Replay::default();
    let mut at = 0;
    while at < bytes.len() {
        match frame::decode(&bytes[at..]) {
            Read::Record(record, length) => {
                if let Some(before) = replay.records.last() {
                    replay.missing_rows += (record.first_seq - before.end_seq()).max(0);
                }
                replay.records.push(record);
                at += length;
            }
            Read::End => break,
            Read::Damaged(damage) => match frame::resync(&bytes[at..]) {
                Some(offset) => {
                    replay.corrupt.push(at..at + offset);
                    at += offset;
                }
                None if damage == Damage::CutOff => {
                    replay.torn_bytes = (bytes.len() - at) as u64;
                    break;
                }
                None => {
                    replay.corrupt.push(at..bytes.len());
                    break;
                }
            },
        }
    }
    Ok(replay)
}

/// Keeps damaged bytes of a segment for inspection instead of deleting them with it.
pub(crate) fn quarantine(path: &Path, ranges: &[std::ops::Range<usize>], dir: &Path, disk: &DiskRef) -> io::Result<()> {
    create_dir(disk.as_ref(), dir)?;
    let bytes = std::fs::read(path)?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    for range in ranges {
        let kept = dir.join(format!("{stem}-{}.damaged", range.start));
        crate::disk::write_file(disk.as_ref(), &kept, &bytes[range.clone()])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::disk::RealDisk;
    use crate::wal::frame::tests::{encoded, record};

    fn disk() -> DiskRef {
        Arc::new(RealDisk)
    }

    #[test]
    fn replays_only_whole_records_wherever_the_log_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let records = [record(1, &["a", "b"]), record(3, &["c"]), record(4, &["d", "e", "f"])];
        let mut segment = Segment::create(dir.path(), 1, &disk()).unwrap();
        let mut ends = vec![0];
        for record in &records {
            segment.append(record).unwrap();
            ends.push(segment.bytes() as usize);
        }
        let bytes = std::fs::read(segment.path()).unwrap();
        let cut = dir.path().join("cut.wal");
        for end in 0..=bytes.len() {
            std::fs::write(&cut, &bytes[..end]).unwrap();
            let replay = replay(&cut).unwrap();
            let whole = ends.iter().filter(|boundary| **boundary <= end).count() - 1;
            assert_eq!(replay.records.len(), whole, "cut at {end}");
            assert_eq!(replay.torn_bytes as usize, end - ends[whole], "cut at {end}");
            assert!(replay.corrupt.is_empty() && replay.missing_rows == 0, "cut at {end}");
        }
    }

    #[test]
    fn damage_in_the_middle_is_reported_and_the_rest_read() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second, third) = (record(1, &["a"]), record(2, &["b", "c"]), record(4, &["d"]));
        let mut bytes = encoded(&first);
        let damaged_at = bytes.len();
        bytes.extend(encoded(&second));
        let third_at = bytes.len();
        bytes.extend(encoded(&third));
        bytes[damaged_at + 40] ^= 0x10;
        let path = dir.path().join("damaged.wal");
        std::fs::write(&path, &bytes).unwrap();
        let replay = replay(&path).unwrap();
        assert_eq!(replay.corrupt, vec![damaged_at..third_at]);
        assert_eq!(replay.missing_rows, 2);
        assert_eq!(replay.torn_bytes, 0);
        assert_eq!(replay.records.len(), 2);
        quarantine(&path, &replay.corrupt, &dir.path().join("quarantine"), &disk()).unwrap();
        let kept = std::fs::read_dir(dir.path().join("quarantine")).unwrap().next().unwrap().unwrap().path();
        assert_eq!(std::fs::read(kept).unwrap(), bytes[damaged_at..third_at]);
    }

    #[test]
    fn a_flipped_bit_in_the_last_record_counts_as_loss_not_as_a_torn_tail() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("last.wal");
        let whole = encoded(&record(1, &["a", "b"]));
        for bit in (0..whole.len() * 8).step_by(7) {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &bytes).unwrap();
            let replay = replay(&path).unwrap();
            assert!(replay.records.is_empty());
            assert_eq!(replay.corrupt, vec![0..whole.len()], "bit {bit}");
        }
    }
}
