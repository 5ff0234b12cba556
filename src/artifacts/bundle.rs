//! A bundle as Sentry's tools build it: `SYSB`, a version, and a ZIP whose `manifest.json` says which file is what. Here it
//! is only read: names in it are looked up inside of it, and never become paths on a disk.
//!
//! [`check_bundle`] is for what somebody sends, [`read_bundle`] for what was checked before it was stored.

use std::collections::HashMap;

use rawzip::ReaderAt;
use serde::Deserialize;
use uuid::Uuid;

use super::archive::{Archive, NAME_BYTES_MAX};
use super::error::ArtifactError;
use super::url::sibling;

const MANIFEST_BYTES_MAX: u64 = 16 << 20;

/// What is worth knowing of a bundle.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Bundle {
    /// The release that it was uploaded for.
    pub(crate) release: Option<String>,
    /// The source maps in it.
    pub(crate) maps: Vec<MapEntry>,
}

/// A source map in a bundle, and the file that it is of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MapEntry {
    /// What the file and its map have in common.
    pub(crate) debug_id: Option<Uuid>,
    /// Where the file is served, `~` for any host: `~/static/app.js`.
    pub(crate) url: Option<String>,
    /// The map's place in the ZIP.
    pub(crate) map: u32,
    /// The file's.
    pub(crate) minified: Option<u32>,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    files: HashMap<String, File>,
    release: Option<String>,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    url: String,
    #[serde(default)]
    headers: HashMap<String, String>,
}

impl File {
    fn header(&self, names: &[&str]) -> Option<&str> {
        let found = self.headers.iter().find(|(given, _)| names.iter().any(|name| given.eq_ignore_ascii_case(name)));
        found.map(|(_, value)| value.as_str())
    }

    fn debug_id(&self) -> Option<Uuid> {
        Uuid::parse_str(self.header(&["debug-id"])?).ok()
    }
}

/// Checks a bundle of so many bytes that somebody sends, whole: every file in it unpacks to what it declares, and all of
/// them to no more than `unpacked_bytes_max`.
///
/// # Errors
/// `Invalid` and `TooLarge`, in words for its sender.
pub(crate) fn check_bundle(
    reader: impl ReaderAt,
    bytes: u64,
    unpacked_bytes_max: u64,
) -> Result<Bundle, ArtifactError> {
    let archive = Archive::open(reader, bytes)?;
    let bundle = read_index(&archive)?;
    archive.check_all(unpacked_bytes_max)?;
    Ok(bundle)
}

/// Reads what a bundle holds.
///
/// # Errors
/// `Invalid` where it is none.
pub(crate) fn read_bundle(reader: impl ReaderAt, bytes: u64) -> Result<Bundle, ArtifactError> {
    read_index(&Archive::open(reader, bytes)?)
}

/// Reads one file of a bundle, of at most so many bytes; none where it is larger.
///
/// # Errors
/// `Invalid` where there is no such file, or where it does not unpack.
pub(crate) fn read_file(
    reader: impl ReaderAt,
    bytes: u64,
    place: u32,
    bytes_max: usize,
) -> Result<Option<Vec<u8>>, ArtifactError> {
    Archive::open(reader, bytes)?.unpack(place as usize, bytes_max as u64)
}

fn read_index(archive: &Archive<impl ReaderAt>) -> Result<Bundle, ArtifactError> {
    let place =
        archive.place("manifest.json").ok_or_else(|| ArtifactError::invalid("the bundle has no manifest.json"))?;
    let text = archive.unpack(place, MANIFEST_BYTES_MAX)?.ok_or_else(|| {
        ArtifactError::TooLarge(format!("the bundle's manifest.json is over {MANIFEST_BYTES_MAX} bytes"))
    })?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|error| ArtifactError::Invalid(format!("the bundle's manifest.json cannot be read: {error}")))?;
    let is_long = |name: &str| name.len() > NAME_BYTES_MAX;
    if manifest.release.as_deref().is_some_and(is_long) || manifest.files.values().any(|file| is_long(&file.url)) {
        return Err(ArtifactError::TooLarge(format!("the bundle has a name over {NAME_BYTES_MAX} bytes")));
    }
    let mut maps = Vec::new();
    let mut minified = Vec::new();
    for (path, file) in &manifest.files {
        let place = archive.place(path).and_then(|place| u32::try_from(place).ok());
        let place =
            place.ok_or_else(|| ArtifactError::Invalid(format!("the bundle lacks {path:?}, which it lists")))?;
        match file.kind.as_deref() {
            Some("source_map") => maps.push((place, file)),
            Some("minified_source") => minified.push((place, file)),
            _ => {}
        }
    }
    Ok(Bundle { release: manifest.release.filter(|release| !release.is_empty()), maps: pair(&maps, &minified) })
}

/// Finds each file's map: the one it names, else the one of its debug id. A map of no file may still have a debug id.
fn pair(maps: &[(u32, &File)], minified: &[(u32, &File)]) -> Vec<MapEntry> {
    let by_url: HashMap<&str, usize> = maps.iter().enumerate().map(|(at, (_, file))| (file.url.as_str(), at)).collect();
    let by_id: HashMap<Uuid, usize> =
        maps.iter().enumerate().filter_map(|(at, (_, file))| Some((file.debug_id()?, at))).collect();
    let mut is_paired = vec![false; maps.len()];
    let mut entries = Vec::new();
    for (place, file) in minified {
        let named = file.header(&["sourcemap", "x-sourcemap"]).and_then(|named| sibling(&file.url, named));
        let of_name = named.and_then(|url| by_url.get(url.as_str()));
        let Some(at) = of_name.or_else(|| by_id.get(&file.debug_id()?)).copied() else { continue };
        is_paired[at] = true;
        let (map, of_map) = maps[at];
        let debug_id = file.debug_id().or_else(|| of_map.debug_id());
        let url = Some(file.url.clone()).filter(|url| !url.is_empty());
        entries.push(MapEntry { debug_id, url, map, minified: Some(*place) });
    }
    let alone = maps.iter().zip(is_paired).filter(|(_, is_paired)| !is_paired);
    entries.extend(alone.filter_map(|((map, file), _)| {
        Some(MapEntry { debug_id: Some(file.debug_id()?), url: None, map: *map, minified: None })
    }));
    entries.sort_by_key(|entry| (entry.map, entry.minified));
    entries
}

#[cfg(test)]
mod tests;
