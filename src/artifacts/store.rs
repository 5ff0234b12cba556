//! The files: `chunks/`, as they are uploaded, and `bundles/`, made of them. Each is named by the checksum of its content, so
//! that nothing a sender writes becomes a path. A file appears under its name whole, and synced, or not at all.
//!
//! When a file was used last is its time of modification: there is no other state that could disagree.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use ingest::{DiskRef, create_dir};
use rawzip::FileReader;
use sha1::{Digest, Sha1};

use super::checksum::Checksum;
use super::error::ArtifactError;

/// Chunks of an upload that nobody went on with are kept for so long.
const CHUNK_KEPT: Duration = Duration::from_secs(24 * 3_600);
const COPIED_AT_ONCE: usize = 256 << 10;

/// The files of one data directory. Its calls block.
#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    disk: DiskRef,
    bytes_max: u64,
    bytes: AtomicU64,
    /// Held by whoever changes files: one at a time.
    writer: Mutex<()>,
}

/// A bundle or chunk in the store.
#[derive(Debug)]
pub(super) struct StoredFile {
    pub(super) name: Checksum,
    pub(super) bytes: u64,
    pub(super) used_at: SystemTime,
}

impl Store {
    /// Opens a directory, or makes it; what an interrupted upload left half written is removed.
    pub(super) fn open(dir: PathBuf, disk: DiskRef, bytes_max: u64) -> io::Result<Self> {
        let _ = fs::remove_dir_all(dir.join("staged"));
        for part in ["chunks", "bundles", "staged"] {
            create_dir(&*disk, &dir.join(part))?;
        }
        let store = Self { dir, disk, bytes_max, bytes: AtomicU64::new(0), writer: Mutex::new(()) };
        let bytes = store.list("chunks")?.iter().chain(&store.list("bundles")?).map(|file| file.bytes).sum();
        store.bytes.store(bytes, Ordering::Relaxed);
        Ok(store)
    }

    /// Returns how much is stored, bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Tells whether this chunk is here.
    pub(super) fn has_chunk(&self, name: &Checksum) -> bool {
        self.chunk(name).is_file()
    }

    /// Tells whether this bundle is here.
    pub(super) fn has_bundle(&self, name: &Checksum) -> bool {
        self.bundle(name).is_file()
    }

    /// Keeps chunks. Returns after they and their names are synced.
    pub(super) fn put_chunks(&self, chunks: &[(Checksum, Vec<u8>)], now: SystemTime) -> Result<(), ArtifactError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, bytes) in chunks {
            if self.has_chunk(name) {
                touch(&self.chunk(name), now)?;
                continue;
            }
            self.check_room(bytes.len() as u64)?;
            let staged = Staged(self.dir.join("staged/chunk"));
            let mut file = File::create(&staged.0)?;
            file.write_all(bytes)?;
            file.set_modified(now)?;
            self.publish(&file, &staged, &self.chunk(name))?;
            self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        // Also for a chunk that was here: whoever wrote it may have been cut off before its name was synced.
        self.disk.sync_dir(&self.dir.join("chunks"))?;
        Ok(())
    }

    /// Makes a bundle of its chunks, of at most so many bytes. They are then gone, as they are when the bundle is refused.
    /// Returns what `check` finds in it, after the bundle is synced.
    pub(super) fn assemble<T>(
        &self,
        name: &Checksum,
        (chunks, bytes_max): (&[Checksum], u64),
        now: SystemTime,
        check: impl FnOnce(FileReader, u64) -> Result<T, ArtifactError>,
    ) -> Result<T, ArtifactError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = chunks.iter().map(|chunk| Ok(fs::metadata(self.chunk(chunk))?.len())).sum::<io::Result<u64>>()?;
        if bytes > bytes_max {
            chunks.iter().for_each(|chunk| self.remove(&self.chunk(chunk)));
            return Err(ArtifactError::TooLarge(format!("the bundle has {bytes} bytes, {bytes_max} are allowed")));
        }
        self.check_room(bytes)?;
        let staged = Staged(self.dir.join("staged/bundle"));
        let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&staged.0)?;
        let joined = self.join(chunks, &mut file)?;
        let checked = if joined == *name {
            check(file.try_clone()?.into(), bytes)
        } else {
            Err(ArtifactError::invalid("the bundle's checksum is not the one that was announced"))
        };
        if checked.is_ok() {
            file.set_modified(now)?;
            let path = self.bundle(name);
            // One that is here already was damaged, or it would not be made again.
            self.remove(&path);
            self.publish(&file, &staged, &path)?;
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
            if let Err(error) = self.disk.sync_dir(&self.dir.join("bundles")) {
                self.remove(&path);
                return Err(error.into());
            }
        }
        if !matches!(checked, Err(ArtifactError::Disk(_) | ArtifactError::Full(_))) {
            chunks.iter().for_each(|chunk| self.remove(&self.chunk(chunk)));
        }
        checked
    }

    /// Opens a bundle; tells how many bytes it has.
    pub(super) fn open_bundle(&self, name: &Checksum) -> io::Result<(FileReader, u64)> {
        let file = File::open(self.bundle(name))?;
        let bytes = file.metadata()?.len();
        Ok((file.into(), bytes))
    }

    /// Tells when a bundle was used last.
    pub(super) fn bundle_used_at(&self, name: &Checksum) -> io::Result<SystemTime> {
        fs::metadata(self.bundle(name))?.modified()
    }

    /// Makes sure that a bundle which is here will be: whoever made it may have been cut off before its name was synced.
    pub(super) fn confirm_bundle(&self, name: &Checksum, now: SystemTime) -> io::Result<()> {
        self.touch_bundle(name, now)?;
        self.disk.sync_dir(&self.dir.join("bundles"))
    }

    /// Notes that a bundle was used.
    pub(super) fn touch_bundle(&self, name: &Checksum, now: SystemTime) -> io::Result<()> {
        touch(&self.bundle(name), now)
    }

    /// Returns the bundles, the one used last at the end.
    pub(super) fn bundles(&self) -> io::Result<Vec<StoredFile>> {
        let mut bundles = self.list("bundles")?;
        bundles.sort_by_key(|bundle| (bundle.used_at, bundle.name));
        Ok(bundles)
    }

    /// Removes chunks that nobody asked for in a day, and bundles that were not used for so long. Returns the latter.
    pub(super) fn sweep(&self, now: SystemTime, retention: Duration) -> io::Result<Vec<Checksum>> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |file: &StoredFile, kept| now.duration_since(file.used_at).is_ok_and(|age| age > kept);
        for chunk in self.list("chunks")?.iter().filter(|chunk| is_old(chunk, CHUNK_KEPT)) {
            self.remove(&self.chunk(&chunk.name));
        }
        let bundles = self.list("bundles")?;
        let gone: Vec<Checksum> =
            bundles.iter().filter(|bundle| is_old(bundle, retention)).map(|bundle| bundle.name).collect();
        gone.iter().for_each(|name| self.remove(&self.bundle(name)));
        self.disk.sync_dir(&self.dir.join("bundles"))?;
        Ok(gone)
    }

    fn join(&self, chunks: &[Checksum], into: &mut File) -> io::Result<Checksum> {
        let (mut hasher, mut buffer) = (Sha1::new(), vec![0; COPIED_AT_ONCE]);
        for chunk in chunks {
            let mut chunk = File::open(self.chunk(chunk))?;
            loop {
                let read = chunk.read(&mut buffer)?;
                if read == 0 {
                    break;
                }
                hasher.update(&buffer[..read]);
                into.write_all(&buffer[..read])?;
            }
        }
        Ok(Checksum::finish(hasher))
    }

    fn publish(&self, file: &File, staged: &Staged, path: &Path) -> io::Result<()> {
        self.disk.sync_file(file, &staged.0)?;
        fs::rename(&staged.0, path)
    }

    fn check_room(&self, bytes: u64) -> Result<(), ArtifactError> {
        if self.bytes().saturating_add(bytes) <= self.bytes_max {
            return Ok(());
        }
        let message =
            format!("there is room for {} bytes of source maps; see [artifacts] in weir.toml", self.bytes_max);
        Err(ArtifactError::Full(message))
    }

    fn remove(&self, path: &Path) {
        let bytes = fs::metadata(path).map_or(0, |metadata| metadata.len());
        match fs::remove_file(path) {
            Ok(()) => {
                self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            }
            // One chunk may stand in a bundle twice.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, "a file of uploaded source maps could not be removed"),
        }
    }

    /// Returns what lies in a part. What has no checksum for a name is none of ours, and is left alone.
    fn list(&self, part: &str) -> io::Result<Vec<StoredFile>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.dir.join(part))? {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let metadata = entry.metadata()?;
            files.push(StoredFile { name, bytes: metadata.len(), used_at: metadata.modified()? });
        }
        Ok(files)
    }

    fn chunk(&self, name: &Checksum) -> PathBuf {
        self.dir.join("chunks").join(name.to_string())
    }

    fn bundle(&self, name: &Checksum) -> PathBuf {
        self.dir.join("bundles").join(name.to_string())
    }
}

/// A file that is not published yet; removed unless it was.
struct Staged(PathBuf);

impl Drop for Staged {
    fn drop(&mut self) {
        // After a rename there is nothing of this name.
        let _ = fs::remove_file(&self.0);
    }
}

fn touch(path: &Path, now: SystemTime) -> io::Result<()> {
    File::options().write(true).open(path)?.set_modified(now)
}
