//! The ZIP inside of a bundle, read without believing it: how many files it has, how they are called and to how much they
//! unpack are bounded, and what is unpacked must be what the directory says.

use std::collections::HashMap;
use std::io::{self, Read};

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, RECOMMENDED_BUFFER_SIZE, ReaderAt, ZipArchive, ZipArchiveEntryWayfinder, ZipLocator};

use super::error::ArtifactError;

const MAGIC: &[u8; 4] = b"SYSB";
/// Both have the same layout.
const VERSIONS: [u32; 2] = [1, 2];
/// Files in one bundle.
pub(super) const FILES_MAX: usize = 20_000;
/// The name of a file, and of anything else in a bundle.
pub(super) const NAME_BYTES_MAX: usize = 1_024;

/// A ZIP whose directory was read.
pub(super) struct Archive<R> {
    zip: ZipArchive<R>,
    files: Vec<(ZipArchiveEntryWayfinder, CompressionMethod)>,
    by_name: HashMap<Box<[u8]>, usize>,
}

impl<R: ReaderAt> Archive<R> {
    /// Opens a bundle of so many bytes.
    ///
    /// # Errors
    /// `Invalid` when it is none; `TooLarge` when it has too many files, or a name is too long.
    pub(super) fn open(reader: R, bytes: u64) -> Result<Self, ArtifactError> {
        let mut head = [0; 8];
        let whole = reader.read_exact_at(&mut head, 0);
        let [m0, m1, m2, m3, version @ ..] = head;
        if whole.is_err() || [m0, m1, m2, m3] != *MAGIC || !VERSIONS.contains(&u32::from_le_bytes(version)) {
            return Err(ArtifactError::invalid("this is no bundle: it does not begin with SYSB and version 1 or 2"));
        }
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let located = ZipLocator::new().locate_in_reader(reader, &mut buffer, bytes);
        let zip = located.map_err(|(_, error)| no_zip(error))?;
        let (mut files, mut by_name) = (Vec::new(), HashMap::new());
        let mut entries = zip.entries(&mut buffer);
        while let Some(entry) = entries.next_entry().map_err(no_zip)? {
            let name = entry.file_path().as_bytes();
            check_name(name)?;
            if files.len() == FILES_MAX {
                return Err(ArtifactError::TooLarge(format!("the bundle has more than {FILES_MAX} files")));
            }
            by_name.insert(name.into(), files.len());
            files.push((entry.wayfinder(), entry.compression_method()));
        }
        if files.len() as u64 != zip.entries_hint() {
            return Err(ArtifactError::invalid("the bundle is no ZIP: its directory is torn"));
        }
        Ok(Self { zip, files, by_name })
    }

    /// Returns the place of a file.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.by_name.get(name.as_bytes()).copied()
    }

    /// Unpacks one file of at most so many bytes; none where it is larger.
    ///
    /// # Errors
    /// `Invalid` where there is no such file, or it is not what the directory says.
    pub(super) fn unpack(&self, place: usize, bytes_max: u64) -> Result<Option<Vec<u8>>, ArtifactError> {
        let mut bytes = Vec::new();
        self.reader(place)?.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(Some(bytes).filter(|bytes| bytes.len() as u64 <= bytes_max))
    }

    /// Unpacks all files, to no end but to know that they can be.
    ///
    /// # Errors
    /// `TooLarge` when they are over so many bytes together, else as [`unpack`](Self::unpack).
    pub(super) fn check_all(&self, bytes_max: u64) -> Result<(), ArtifactError> {
        let mut left = bytes_max;
        for place in 0..self.files.len() {
            let mut file = self.reader(place)?.take(left.saturating_add(1));
            let unpacked = io::copy(&mut file, &mut io::sink()).map_err(unreadable)?;
            left = left
                .checked_sub(unpacked)
                .ok_or_else(|| ArtifactError::TooLarge(format!("the bundle unpacks to more than {bytes_max} bytes")))?;
        }
        Ok(())
    }

    /// Returns a reader of one file, which fails when its size or checksum is not the directory's.
    fn reader(&self, place: usize) -> Result<Box<dyn Read + '_>, ArtifactError> {
        let (way, method) =
            self.files.get(place).ok_or_else(|| ArtifactError::invalid("the bundle has no such file"))?;
        let entry = self.zip.get_entry(*way).map_err(unreadable)?;
        let packed = entry.reader();
        match *method {
            CompressionMethod::STORE => Ok(Box::new(entry.verifying_reader(packed))),
            CompressionMethod::DEFLATE => Ok(Box::new(entry.verifying_reader(DeflateDecoder::new(packed)))),
            other => Err(unreadable(format!("compression {other:?} is not known here"))),
        }
    }
}

/// Refuses names that would lead out of a directory. None becomes a path here; a bundle that has one is made to harm.
fn check_name(name: &[u8]) -> Result<(), ArtifactError> {
    if name.len() > NAME_BYTES_MAX {
        return Err(ArtifactError::TooLarge(format!("the bundle has a name over {NAME_BYTES_MAX} bytes")));
    }
    let leads_out = name.split(|byte| *byte == b'/').any(|part| part == b"..");
    if leads_out || name.starts_with(b"/") || name.iter().any(|byte| matches!(byte, b'\\' | 0)) {
        let name = String::from_utf8_lossy(name);
        return Err(ArtifactError::Invalid(format!("the bundle names a file outside of itself: {name:?}")));
    }
    Ok(())
}

fn no_zip(error: rawzip::Error) -> ArtifactError {
    ArtifactError::Invalid(format!("the bundle is no ZIP: {error}"))
}

fn unreadable(error: impl std::fmt::Display) -> ArtifactError {
    ArtifactError::Invalid(format!("a file in the bundle cannot be unpacked: {error}"))
}
