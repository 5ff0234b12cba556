//! What durability means here: a file's bytes are synced, then the entry in its directory.
//!
//! Every file that Weir promises to keep goes through [`Disk`], so that a test can stand in for the disk and forget what was
//! never synced.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The two calls that make written data survive power loss.
pub trait Disk: Send + Sync + std::fmt::Debug {
    /// Syncs a file's bytes and length (`fdatasync`).
    ///
    /// # Errors
    /// Whatever the system says. After an error the file's unsynced bytes are lost; do not retry on the same descriptor.
    fn sync_file(&self, file: &File, path: &Path) -> io::Result<()>;

    /// Syncs a directory: the names in it.
    ///
    /// # Errors
    /// Whatever the system says.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
}

/// The machine's own disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn sync_file(&self, file: &File, _path: &Path) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

/// The disk of a data directory.
pub type DiskRef = Arc<dyn Disk>;

/// Creates a directory and its missing parents, each entry synced.
///
/// # Errors
/// Whatever the system says.
pub fn create_dir(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_dir(disk, parent)?;
        if let Err(error) = std::fs::create_dir(path)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(error);
        }
        disk.sync_dir(parent)?;
    }
    Ok(())
}

/// Writes a whole file so that it appears at `path` complete or not at all, and survives power loss once this returns.
///
/// # Errors
/// Whatever the system says; `path` is then untouched.
pub fn write_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let staged = path.with_extension("staged");
    let mut file = File::create(&staged)?;
    io::Write::write_all(&mut file, bytes)?;
    disk.sync_file(&file, &staged)?;
    std::fs::rename(&staged, path)?;
    disk.sync_dir(path.parent().expect("a file lies in a directory"))
}
