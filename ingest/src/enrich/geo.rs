//! Looks addresses up in MaxMind-format databases, held in memory and swapped when their files change.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use maxminddb::{PathElement, Reader, path};
use serde::Serialize;

/// Which facts a database is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Country,
    Network,
}

/// How one database stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DatabaseStatus {
    /// The configured file.
    pub path: Option<PathBuf>,
    /// Whether addresses are looked up.
    pub loaded: bool,
    /// When the database was built, RFC 3339.
    pub built_at: Option<String>,
    /// Why it is not loaded, or why a newer file was not taken; none if all is well.
    pub problem: Option<String>,
}

/// One database: its file, if configured, and what was loaded of it.
pub(super) struct Database {
    layout: Layout,
    path: Option<PathBuf>,
    loaded: ArcSwapOption<Reader<Vec<u8>>>,
    seen: Mutex<Seen>,
}

/// What the last look at the file found.
#[derive(Default)]
struct Seen {
    mark: Option<(u64, SystemTime)>,
    problem: Option<String>,
}

impl Database {
    pub(super) fn new(layout: Layout, path: Option<PathBuf>) -> Self {
        Self { layout, path, loaded: ArcSwapOption::empty(), seen: Mutex::default() }
    }

    /// Loads the file if its size or time differ from those last seen. A file that cannot be used changes nothing else.
    pub(super) fn reload_if_changed(&self) {
        let Some(path) = &self.path else { return };
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mark = match fs::metadata(path).and_then(|meta| Ok((meta.len(), meta.modified()?))) {
            Ok(mark) => mark,
            Err(error) => return self.note_problem(&mut seen, None, &error.to_string()),
        };
        if seen.mark == Some(mark) {
            return;
        }
        match load(path) {
            Ok(reader) => {
                tracing::info!(
                    db.layout = ?self.layout,
                    db.built_s = reader.metadata().build_epoch,
                    "loaded an address database"
                );
                self.loaded.store(Some(reader.into()));
                *seen = Seen { mark: Some(mark), problem: None };
            }
            Err(problem) => self.note_problem(&mut seen, Some(mark), &problem),
        }
    }

    fn note_problem(&self, seen: &mut Seen, mark: Option<(u64, SystemTime)>, problem: &str) {
        if seen.problem.as_deref() != Some(problem) {
            tracing::warn!(db.layout = ?self.layout, error = problem, "an address database cannot be loaded");
        }
        *seen = Seen { mark, problem: Some(problem.to_owned()) };
    }

    pub(super) fn status(&self) -> DatabaseStatus {
        let loaded = self.loaded.load();
        let seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let not_configured = || self.path.is_none().then(|| "no file is configured".to_owned());
        DatabaseStatus {
            path: self.path.clone(),
            loaded: loaded.is_some(),
            built_at: loaded.as_ref().and_then(|reader| built_at(reader)),
            problem: seen.problem.clone().or_else(not_configured),
        }
    }

    /// Returns the country of an address: `{country_code}` or MaxMind's `{country: {iso_code}}`.
    pub(super) fn country(&self, address: IpAddr) -> Option<String> {
        let reader = self.loaded.load();
        let reader = reader.as_ref()?;
        let place: [&[PathElement<'_>]; 3] =
            [&path!["country_code"], &path!["country", "iso_code"], &path!["registered_country", "iso_code"]];
        let code = place.into_iter().find_map(|place| text_at(reader, address, place))?;
        (code.len() == 2 && code.is_ascii()).then(|| code.to_ascii_uppercase())
    }

    /// Returns number and organisation of the autonomous system that announces an address.
    pub(super) fn network(&self, address: IpAddr) -> (Option<i64>, Option<String>) {
        let reader = self.loaded.load();
        let Some(reader) = reader.as_ref() else { return (None, None) };
        let number = || {
            let place = path!["autonomous_system_number"];
            let number = reader.lookup(address).ok()?.decode_path::<u32>(&place).ok().flatten();
            // Some publishers write the number as text.
            number.or_else(|| text_at(reader, address, &place)?.parse().ok()).map(i64::from)
        };
        (number(), text_at(reader, address, &path!["autonomous_system_organization"]))
    }
}

fn text_at(reader: &Reader<Vec<u8>>, address: IpAddr, place: &[PathElement<'_>]) -> Option<String> {
    let found = reader.lookup(address).ok()?;
    found.decode_path::<&str>(place).ok().flatten().map(ToOwned::to_owned)
}

/// Reads a database, and looks up an address in every eighth /8 network of it. The reader's own `verify` is not asked: it
/// refuses databases of other publishers for an empty description.
fn load(path: &Path) -> Result<Reader<Vec<u8>>, String> {
    let reader = Reader::from_source(fs::read(path).map_err(|error| error.to_string())?);
    let reader = reader.map_err(|error| error.to_string())?;
    for first in (0..=u8::MAX).step_by(8) {
        let found = reader.lookup(IpAddr::from([first, 7, 7, 7])).map_err(|error| error.to_string())?;
        found.decode::<serde::de::IgnoredAny>().map_err(|error| error.to_string())?;
    }
    Ok(reader)
}

fn built_at(reader: &Reader<Vec<u8>>) -> Option<String> {
    let seconds = i64::try_from(reader.metadata().build_epoch).ok()?;
    let built = chrono::DateTime::from_timestamp(seconds, 0)?;
    Some(built.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}

#[cfg(test)]
mod tests;
