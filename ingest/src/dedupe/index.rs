//! Which ids were stored in the last seven days: hot sets for the log's epochs, sidecars for what is settled.
//!
//! Limits: seven days or 200 million ids, whichever is less, in at most 256 MiB of memory (about 9.4 bits an id). A stranger
//! is taken for a duplicate only when all 128 bits of its fingerprint agree: odds of 6e-31 an event at 200 million ids.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use hashbrown::HashSet;
use serde::Serialize;

use crate::dedupe::Fingerprint;
use crate::dedupe::sidecar::{Sidecar, Span};
use crate::disk::{DiskRef, create_dir};

const EXTENSION: &str = "ids";
/// Files of one size class that are merged once there are so many of them.
const MERGE_FILES: usize = 8;
/// A merge never makes a file of more ids: it bounds the memory of a merge.
const FILE_IDS_MAX: u64 = 16_000_000;

/// How long and how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DedupeLimits {
    pub(crate) age_us_max: i64,
    pub(crate) ids_max: u64,
}

impl Default for DedupeLimits {
    fn default() -> Self {
        Self { age_us_max: 7 * 86_400_000_000, ids_max: 200_000_000 }
    }
}

/// The fingerprints of one flush epoch.
pub(crate) type EpochIds = HashSet<Fingerprint>;

/// The ids that only the log's writer holds: the epochs whose sidecars are not written yet. Owned by one thread.
#[derive(Debug, Default)]
pub(crate) struct HotIds {
    current: EpochIds,
    sealed: VecDeque<(i64, Arc<EpochIds>)>,
}

impl HotIds {
    /// Ends the current epoch, whose last row is `last_seq`, and hands out its ids.
    pub(crate) fn seal(&mut self, last_seq: i64) -> Arc<EpochIds> {
        let ids = Arc::new(std::mem::take(&mut self.current));
        self.sealed.push_back((last_seq, Arc::clone(&ids)));
        ids
    }

    /// Takes an id in that the log holds. Returns false when another record of the log holds it too.
    ///
    /// Sidecars are not asked: they may cover this very segment already, if the crash came before it was deleted.
    pub(crate) fn readmit(&mut self, id: Fingerprint) -> bool {
        !self.sealed.iter().any(|(_, ids)| ids.contains(&id)) && self.current.insert(id)
    }

    /// Forgets ids whose write failed.
    pub(crate) fn forget(&mut self, ids: &[Fingerprint]) {
        for id in ids {
            self.current.remove(id);
        }
    }

    /// Drops the epochs that sidecars cover by now.
    pub(crate) fn drop_settled(&mut self, settled_seq: i64) {
        while self.sealed.front().is_some_and(|(last_seq, _)| *last_seq <= settled_seq) {
            self.sealed.pop_front();
        }
    }
}

/// The settled ids, shared by the log's writer (which asks) and the flusher (which adds).
#[derive(Debug)]
pub(crate) struct DedupeIndex {
    dir: PathBuf,
    disk: DiskRef,
    limits: DedupeLimits,
    sidecars: ArcSwap<Vec<Arc<Sidecar>>>,
    changing: Mutex<()>,
}

/// What `/v1/status` says of it.
#[derive(Clone, Debug, Serialize)]
pub struct DedupeStatus {
    /// Ids held in files.
    pub ids: u64,
    /// Files.
    pub files: usize,
    /// Memory of the files' filters and indexes, bytes.
    pub memory_bytes: usize,
    /// Since when ids are known: RFC 3339, null while there are none.
    pub since: Option<String>,
}

impl DedupeIndex {
    /// Opens the sidecars of a directory. A damaged one is an error naming it: without it duplicates would pass in silence.
    pub(crate) fn open(dir: &Path, disk: DiskRef, limits: DedupeLimits) -> io::Result<Self> {
        create_dir(disk.as_ref(), dir)?;
        let mut sidecars = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                sidecars.push(Arc::new(Sidecar::open(&path)?));
            } else if path.extension().is_some_and(|extension| extension == "staged") {
                std::fs::remove_file(&path)?;
            }
        }
        sidecars.sort_by_key(|sidecar| (sidecar.span().last_seq, sidecar.count()));
        let index = Self { dir: dir.to_owned(), disk, limits, sidecars: ArcSwap::default(), changing: Mutex::new(()) };
        index.sidecars.store(Arc::new(sidecars));
        Ok(index)
    }

    /// Tells whether this is a stranger, and remembers it as one of the current epoch if so.
    ///
    /// # Errors
    /// When a sidecar cannot be read; the id is then not remembered and the event must not be stored.
    pub(crate) fn admit(&self, hot: &mut HotIds, id: Fingerprint) -> io::Result<bool> {
        if hot.current.contains(&id) || hot.sealed.iter().any(|(_, ids)| ids.contains(&id)) {
            return Ok(false);
        }
        for sidecar in self.sidecars.load().iter().rev() {
            if sidecar.contains(id)? {
                return Ok(false);
            }
        }
        hot.current.insert(id);
        Ok(true)
    }

    /// Settles the ids of epochs in a file. Returns after fsync.
    pub(crate) fn settle(&self, epochs: &[Arc<EpochIds>], span: Span) -> io::Result<()> {
        let mut sorted: Vec<Fingerprint> = epochs.iter().flat_map(|ids| ids.iter().copied()).collect();
        if sorted.is_empty() {
            return Ok(());
        }
        let _changing = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        sorted.sort_unstable();
        let path = self.dir.join(format!("{:020}.{EXTENSION}", span.last_seq));
        let sidecar = Arc::new(Sidecar::write(&path, &sorted, span, &self.disk)?);
        let mut sidecars: Vec<_> =
            self.sidecars.load().iter().filter(|other| other.path() != path).map(Arc::clone).collect();
        sidecars.push(sidecar);
        self.sidecars.store(Arc::new(sidecars));
        Ok(())
    }

    /// Merges small files and drops what is past the limits. Long work: call it off the hot path, one at a time.
    pub(crate) fn maintain(&self, now: i64) -> io::Result<()> {
        let _changing = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut sidecars = self.sidecars.load().to_vec();
        let mut dropped = Vec::new();
        while let Some(first) = merge_from(&sidecars) {
            let sources: Vec<Arc<Sidecar>> = sidecars.split_off(first);
            let borrowed: Vec<&Sidecar> = sources.iter().map(Arc::as_ref).collect();
            let newest = borrowed.iter().map(|source| source.span().last_seq).max().unwrap_or_default();
            // Named apart from its sources, so that a crash leaves either all of them or the merged file beside them.
            let path =
                self.dir.join(format!("{newest:020}-{}.{EXTENSION}", borrowed.len() + self.generation(&sources)));
            sidecars.push(Arc::new(Sidecar::merge(&path, &borrowed, &self.disk)?));
            dropped.extend(sources);
        }
        let mut total: u64 = sidecars.iter().map(|sidecar| sidecar.count()).sum();
        while let Some(oldest) = sidecars.first() {
            let expired = oldest.span().last_received_at < now - self.limits.age_us_max;
            if !expired && total <= self.limits.ids_max {
                break;
            }
            total -= oldest.count();
            dropped.push(sidecars.remove(0));
        }
        if dropped.is_empty() {
            return Ok(());
        }
        self.sidecars.store(Arc::new(sidecars));
        for sidecar in dropped {
            std::fs::remove_file(sidecar.path())?;
        }
        self.disk.sync_dir(&self.dir)
    }

    /// Returns the last sequence number that sidecars cover.
    pub(crate) fn settled_seq(&self) -> i64 {
        self.sidecars.load().iter().map(|sidecar| sidecar.span().last_seq).max().unwrap_or(-1)
    }

    pub(crate) fn status(&self) -> DedupeStatus {
        let sidecars = self.sidecars.load();
        let since = sidecars.iter().map(|sidecar| sidecar.span().first_received_at).min();
        DedupeStatus {
            ids: sidecars.iter().map(|sidecar| sidecar.count()).sum(),
            files: sidecars.len(),
            memory_bytes: sidecars.iter().map(|sidecar| sidecar.memory_bytes()).sum(),
            since: since.and_then(chrono::DateTime::from_timestamp_micros).map(|since| since.to_rfc3339()),
        }
    }

    /// Returns a number that no earlier merge ending at the same sequence number used.
    fn generation(&self, sources: &[Arc<Sidecar>]) -> usize {
        sources
            .iter()
            .filter_map(|source| source.path().file_stem()?.to_str()?.split_once('-')?.1.parse::<usize>().ok())
            .max()
            .unwrap_or_default()
    }
}

/// Returns from which file on the newest ones should be merged: the smallest size class that has enough of them.
fn merge_from(sidecars: &[Arc<Sidecar>]) -> Option<usize> {
    (0..8_u32).find_map(|class| {
        let most = 1_u64 << (15 + 3 * class).min(62);
        let tail = sidecars.iter().rev().take_while(|sidecar| sidecar.count() <= most.min(FILE_IDS_MAX / 2)).count();
        let first = sidecars.len() - tail;
        let total: u64 = sidecars[first..].iter().map(|sidecar| sidecar.count()).sum();
        (tail >= MERGE_FILES && total <= FILE_IDS_MAX).then_some(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    fn id(number: u64) -> Fingerprint {
        // Spread like hashes are.
        let bytes = blake3::hash(&number.to_le_bytes());
        Fingerprint(u128::from_be_bytes(bytes.as_bytes()[..16].try_into().unwrap()))
    }

    fn index(dir: &Path, limits: DedupeLimits) -> DedupeIndex {
        DedupeIndex::open(dir, Arc::new(RealDisk), limits).unwrap()
    }

    fn settle(index: &DedupeIndex, hot: &mut HotIds, numbers: std::ops::Range<u64>, last_seq: i64, at: i64) {
        for number in numbers {
            assert!(index.admit(hot, id(number)).unwrap(), "{number} is a stranger");
        }
        let ids = hot.seal(last_seq);
        index.settle(&[ids], Span { first_received_at: at, last_received_at: at, last_seq }).unwrap();
        hot.drop_settled(index.settled_seq());
    }

    #[test]
    fn remembers_ids_across_merges_and_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let limits = DedupeLimits::default();
        let first = index(dir.path(), limits);
        let mut hot = HotIds::default();
        for epoch in 0..20_u64 {
            settle(&first, &mut hot, epoch * 700..(epoch + 1) * 700, epoch as i64, 1_000 + epoch as i64);
            first.maintain(2_000).unwrap();
        }
        assert!(first.status().files < MERGE_FILES, "small files are merged: {:?}", first.status());
        assert_eq!(first.status().ids, 14_000);
        let again = index(dir.path(), limits);
        let mut hot = HotIds::default();
        for number in 0..14_000 {
            assert!(!again.admit(&mut hot, id(number)).unwrap(), "{number} was stored before");
        }
        for number in 14_000..28_000 {
            assert!(again.admit(&mut hot, id(number)).unwrap(), "{number} was never stored");
        }
        assert!(again.status().memory_bytes < 14_000 * 2);
    }

    #[test]
    fn forgets_what_is_too_old_or_too_many() {
        let dir = tempfile::tempdir().unwrap();
        let index = index(dir.path(), DedupeLimits { age_us_max: 100, ids_max: 1_000 });
        let mut hot = HotIds::default();
        settle(&index, &mut hot, 0..600, 1, 1_000);
        settle(&index, &mut hot, 600..1_200, 2, 1_050);
        index.maintain(1_060).unwrap();
        assert_eq!(index.status().ids, 600, "1,200 ids are over the limit of 1,000");
        assert!(index.admit(&mut hot, id(5)).unwrap());
        index.maintain(1_151).unwrap();
        assert_eq!(index.status().ids, 0, "the other ids are over 100 us old");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_failed_write_forgets_its_ids_again() {
        let dir = tempfile::tempdir().unwrap();
        let index = index(dir.path(), DedupeLimits::default());
        let mut hot = HotIds::default();
        assert!(index.admit(&mut hot, id(1)).unwrap());
        assert!(!index.admit(&mut hot, id(1)).unwrap());
        hot.forget(&[id(1)]);
        assert!(index.admit(&mut hot, id(1)).unwrap());
    }

    #[test]
    fn a_damaged_sidecar_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let limits = DedupeLimits::default();
        settle(&index(dir.path(), limits), &mut HotIds::default(), 0..300, 7, 1);
        let path = dir.path().join("00000000000000000007.ids");
        let whole = std::fs::read(&path).unwrap();
        for at in [5, 4_100, whole.len() - 3] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            let outcome = DedupeIndex::open(dir.path(), Arc::new(RealDisk), limits).and_then(|index| {
                (0..300).try_for_each(|number| index.admit(&mut HotIds::default(), id(number)).map(|_| ()))
            });
            assert!(outcome.unwrap_err().to_string().contains("00000000000000000007.ids"), "byte {at}");
        }
    }
}
