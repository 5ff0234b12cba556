//! Source maps: uploaded by Sentry's tools in bundles, kept in `DIR/artifacts`, and read when somebody looks at a stack.
//!
//! An upload is chunks (`store.rs`), which become a bundle once it is checked (`bundle.rs`, `archive.rs`). `index.rs` finds the
//! map of a file, `map.rs` decodes it, `resolve.rs` puts a stack into the words of its sources. Knows nothing of HTTP. All
//! calls may block.

mod archive;
mod bundle;
mod checksum;
mod error;
#[cfg(test)]
mod fixtures;
mod index;
mod map;
mod resolve;
mod store;
mod url;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, SystemTime};

use ingest::DiskRef;
use moka::sync::Cache;

pub(crate) use checksum::Checksum;
pub(crate) use error::ArtifactError;
pub(crate) use resolve::{DebugImage, Frame, ResolvedFrame};

use index::{Index, Place};
use map::{MAP_BYTES_MAX, MINIFIED_BYTES_MAX, Map};
use store::Store;

/// Decoded maps that are kept in memory, bytes.
const CACHE_BYTES_MAX: u64 = 64 << 20;
/// A bundle may unpack to so many times what a bundle may have.
const UNPACKED_TIMES_MAX: u64 = 8;
/// A bundle's time of use is written at most so often.
const TOUCHED_EVERY: Duration = Duration::from_secs(3_600);

/// What uploads may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ArtifactLimits {
    /// One bundle, bytes.
    pub(crate) bundle_bytes_max: u64,
    /// All that is stored, bytes.
    pub(crate) stored_bytes_max: u64,
    /// How long a bundle is kept after it was used last.
    pub(crate) retention: Duration,
}

/// The uploaded source maps of one data directory.
pub(crate) struct Artifacts {
    store: Store,
    limits: ArtifactLimits,
    index: RwLock<Index>,
    is_loaded: AtomicBool,
    maps: Cache<Place, Arc<Loaded>>,
}

/// A map that was looked at.
enum Loaded {
    Map(Box<Map>),
    /// Why it is of no use.
    Broken(String),
}

impl Loaded {
    /// Returns about how much memory it takes, bytes.
    fn bytes(&self) -> usize {
        match self {
            Self::Map(map) => map.bytes(),
            Self::Broken(why) => why.len(),
        }
    }
}

/// What became of a request to make a bundle of chunks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Assembly {
    /// These are not here yet.
    Missing(Vec<Checksum>),
    /// The bundle is here, synced, and its maps can be found.
    Done,
}

/// What is kept, for monitors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ArtifactFigures {
    /// Bytes on disk.
    pub(crate) bytes: u64,
    /// Bundles that are known.
    pub(crate) bundles: usize,
}

impl Artifacts {
    /// Opens the directory. What is in it is found after [`load`](Self::load).
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(crate) fn open(dir: PathBuf, disk: DiskRef, limits: ArtifactLimits) -> io::Result<Self> {
        let maps = Cache::builder()
            .max_capacity(CACHE_BYTES_MAX)
            .weigher(|_, loaded: &Arc<Loaded>| u32::try_from(loaded.bytes()).unwrap_or(u32::MAX))
            .build();
        let store = Store::open(dir, disk, limits.stored_bytes_max)?;
        Ok(Self { store, limits, index: RwLock::default(), is_loaded: AtomicBool::new(false), maps })
    }

    /// Returns the bundles that are stored, the one used last at the end.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(crate) fn stored(&self) -> io::Result<Vec<Checksum>> {
        Ok(self.store.bundles()?.iter().map(|bundle| bundle.name).collect())
    }

    /// Reads which maps are in these bundles. One that cannot be read is told of and left out.
    pub(crate) fn load(&self, bundles: &[Checksum]) {
        for name in bundles {
            match self.read_bundle(name) {
                Ok(bundle) => self.index_mut(|index| index.add(*name, bundle)),
                Err(error) => {
                    tracing::warn!(bundle = %name, %error, "a bundle of source maps cannot be read and is left out");
                }
            }
        }
    }

    /// Says that all that was stored was read: from now on a map that is not found is not there.
    pub(crate) fn set_loaded(&self) {
        self.is_loaded.store(true, Ordering::Release);
    }

    /// Keeps chunks whose names are the checksums of their content. Durable once `Ok`.
    ///
    /// # Errors
    /// `Full`, `Disk`.
    pub(crate) fn put_chunks(&self, chunks: &[(Checksum, Vec<u8>)], now: i64) -> Result<(), ArtifactError> {
        self.store.put_chunks(chunks, system_time(now))
    }

    /// Makes a bundle of chunks, unless it is here already. Durable once `Done`.
    ///
    /// # Errors
    /// `Invalid` and `TooLarge` when it is no bundle or over a limit; then the chunks are gone as well. `Full`, `Disk`.
    pub(crate) fn assemble(&self, name: &Checksum, chunks: &[Checksum], now: i64) -> Result<Assembly, ArtifactError> {
        let now = system_time(now);
        // One that could not be read is made again; before all are read, nobody knows.
        let is_usable = !self.is_loaded() || self.index().knows(name);
        if is_usable && self.store.has_bundle(name) {
            self.store.confirm_bundle(name, now)?;
            return Ok(Assembly::Done);
        }
        let mut missing: Vec<Checksum> = chunks.iter().filter(|chunk| !self.store.has_chunk(chunk)).copied().collect();
        if !missing.is_empty() {
            missing.sort_unstable();
            missing.dedup();
            return Ok(Assembly::Missing(missing));
        }
        let bytes_max = self.limits.bundle_bytes_max;
        let bundle = self.store.assemble(name, (chunks, bytes_max), now, |file, bytes| {
            let unpacked_max = bytes_max.saturating_mul(UNPACKED_TIMES_MAX);
            let bundle = bundle::check_bundle(file, bytes, unpacked_max)?;
            if !self.index().has_room_for(&bundle) {
                return Err(ArtifactError::Full(format!("there is room for {} source maps in all", index::PLACES_MAX)));
            }
            Ok(bundle)
        })?;
        tracing::info!(bundle = %name, maps = bundle.maps.len(), release = bundle.release, "source maps were uploaded");
        self.index_mut(|index| index.add(*name, bundle));
        Ok(Assembly::Done)
    }

    /// Removes what nobody used for the retention, and chunks of uploads that were given up.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(crate) fn sweep(&self, now: i64) -> io::Result<()> {
        let gone = self.store.sweep(system_time(now), self.limits.retention)?;
        if !gone.is_empty() {
            tracing::info!(bundles = gone.len(), "source maps that nobody used were removed");
            self.index_mut(|index| index.remove(&gone));
        }
        Ok(())
    }

    /// Returns the largest bundle that is taken, bytes.
    pub(crate) fn bundle_bytes_max(&self) -> u64 {
        self.limits.bundle_bytes_max
    }

    /// Returns what is kept.
    pub(crate) fn figures(&self) -> ArtifactFigures {
        ArtifactFigures { bytes: self.store.bytes(), bundles: self.index().counts().0 }
    }

    fn is_loaded(&self) -> bool {
        self.is_loaded.load(Ordering::Acquire)
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_mut(&self, change: impl FnOnce(&mut Index)) {
        change(&mut self.index.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn read_bundle(&self, name: &Checksum) -> Result<bundle::Bundle, ArtifactError> {
        let (file, bytes) = self.store.open_bundle(name)?;
        bundle::read_bundle(file, bytes)
    }

    /// Returns a map, from memory if it is there. Several who ask for one at once wait for one reading.
    fn load_map(&self, place: Place, now: i64) -> Arc<Loaded> {
        self.note_use(&place.bundle, system_time(now));
        let loaded = self.maps.try_get_with(place, || {
            self.read_map(place).map(|map| Arc::new(map.map_or_else(Loaded::Broken, |map| Loaded::Map(Box::new(map)))))
        });
        loaded.unwrap_or_else(|error| {
            tracing::warn!(bundle = %place.bundle, %error, "an uploaded source map cannot be read");
            // Not remembered: the disk may be well again by the next time.
            Arc::new(Loaded::Broken("its bundle cannot be read".to_owned()))
        })
    }

    fn read_map(&self, place: Place) -> Result<Result<Map, String>, ArtifactError> {
        let read = |place_in_it: u32, bytes_max| {
            let (file, bytes) = self.store.open_bundle(&place.bundle)?;
            bundle::read_file(file, bytes, place_in_it, bytes_max)
        };
        let Some(map) = read(place.map, MAP_BYTES_MAX)? else {
            return Ok(Err(format!("it is over {MAP_BYTES_MAX} bytes")));
        };
        let minified = place.minified.map(|file| read(file, MINIFIED_BYTES_MAX)).transpose()?.flatten();
        Ok(Map::parse(&map, minified))
    }

    fn note_use(&self, bundle: &Checksum, now: SystemTime) {
        let used_at = self.store.bundle_used_at(bundle);
        if used_at.is_ok_and(|used_at| now.duration_since(used_at).is_ok_and(|age| age > TOUCHED_EVERY))
            && let Err(error) = self.store.touch_bundle(bundle, now)
        {
            tracing::warn!(%error, "the use of a bundle of source maps could not be noted");
        }
    }
}

/// Turns microseconds since the Unix epoch into what files have.
fn system_time(at: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(at).unwrap_or(0))
}

#[cfg(test)]
mod tests;
