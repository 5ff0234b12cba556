//! Stored queries of the user's own, saved and deleted over HTTP: files in the data directory, where the next start, and
//! whoever looks, finds them.
//!
//! The audit log has its line first, as for rules: a crash in between leaves a line about a file that is not there, never
//! a file that nobody is on record for. Built-in queries and those of the operator's subdirectories are not for them to
//! replace: dashboards and reports ask by name.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use ingest::{Disk, RealDisk, create_dir, write_file};
use queries::catalogue::SourceProblem;
use queries::{Catalogue, StoredQuery};
use serde_json::json;
use tracing::{info, warn};

use crate::control::{By, Control, ControlError};

/// The most bytes of one query's text, headers included.
pub(crate) const QUERY_BYTES_MAX: usize = 64 << 10;
/// The most letters of a name.
const NAME_MAX: usize = 64;
/// The most files in the user's own directory.
const FILES_MAX: usize = 1_000;

/// Why a query was not saved or deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnQueryError {
    /// The text is no stored query, or its name none: correct it.
    #[error("{0}")]
    Text(SourceProblem),
    /// The file is not the user's to change, or there are too many: what to do is told.
    #[error("{0}")]
    Refused(String, &'static str),
    /// There is no such query.
    #[error("there is no stored query named {0:?}")]
    Unknown(String),
    /// The file could not be written or removed: try again later.
    #[error("the query's file could not be changed: {0}")]
    Disk(#[from] std::io::Error),
    /// The control database could not be used: try again later.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// The directory of the user's own queries.
pub(crate) struct OwnQueries {
    dir: PathBuf,
    /// One change at a time: what is looked at stays true until the file is written.
    changes: Mutex<()>,
}

impl OwnQueries {
    /// Makes it for a directory, which need not exist.
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir, changes: Mutex::new(()) }
    }

    /// Reads a text as the query of this name.
    ///
    /// # Errors
    /// `Text`, with the line.
    pub(crate) fn read(name: &str, text: &str) -> Result<StoredQuery, OwnQueryError> {
        if name.len() > NAME_MAX {
            let remedy = format!("at most {NAME_MAX} letters");
            return Err(OwnQueryError::Text(SourceProblem::new("", 0, "the name is too long", Some(remedy))));
        }
        let query = StoredQuery::parse("own", &format!("{name}.sql"), text).map_err(OwnQueryError::Text)?;
        // A name with a slash in it would be that of a file elsewhere.
        if query.name != name {
            let remedy = "take small letters, digits and _".to_owned();
            return Err(OwnQueryError::Text(SourceProblem::new("", 0, format!("`{name}` is no name"), Some(remedy))));
        }
        Ok(query)
    }

    /// Saves a query that was read and planned. Durable, and found by its name, once `Ok`. Waits for the disk.
    ///
    /// # Errors
    /// Those of [`OwnQueryError`]; nothing changed.
    pub(crate) fn save(
        &self,
        query: &StoredQuery,
        catalogue: &ArcSwap<Catalogue>,
        control: &Control,
        by: By<'_>,
    ) -> Result<(), OwnQueryError> {
        let _changing = self.change();
        let name = &query.name;
        if let Some(known) = catalogue.load().get(name).filter(|known| !known.is_own()) {
            return Err(not_own(known));
        }
        let path = self.file(name);
        if !path.is_file() && std::fs::read_dir(&self.dir).is_ok_and(|dir| dir.count() >= FILES_MAX) {
            return Err(OwnQueryError::Refused(format!("there are {FILES_MAX} saved queries"), "delete some first"));
        }
        let detail = json!({"query": name, "bytes": query.sql.len()});
        control.note(by, "query.saved", &detail)?;
        let written =
            create_dir(&RealDisk, &self.dir).and_then(|()| write_file(&RealDisk, &path, query.sql.as_bytes()));
        control.note_unless_done(&written, by, "query.not_saved", &detail);
        written?;
        info!(query.name = name, "a query was saved");
        self.reload(catalogue);
        Ok(())
    }

    /// Deletes a query of the user's own. Durable once `Ok`. Waits for the disk.
    ///
    /// # Errors
    /// `Unknown`; `Refused` for one that is built in or the operator's; `Disk` and `Control`. Nothing changed.
    pub(crate) fn delete(
        &self,
        name: &str,
        catalogue: &ArcSwap<Catalogue>,
        control: &Control,
        by: By<'_>,
    ) -> Result<(), OwnQueryError> {
        let _changing = self.change();
        let known = catalogue.load().get(name).cloned();
        let Some(known) = known else { return Err(OwnQueryError::Unknown(name.to_owned())) };
        if !known.is_own() {
            return Err(not_own(&known));
        }
        let detail = json!({"query": name});
        control.note(by, "query.deleted", &detail)?;
        let removed = std::fs::remove_file(self.file(name)).and_then(|()| RealDisk.sync_dir(&self.dir));
        control.note_unless_done(&removed, by, "query.not_deleted", &detail);
        removed?;
        info!(query.name = name, "a query was deleted");
        self.reload(catalogue);
        Ok(())
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.sql"))
    }

    fn reload(&self, catalogue: &ArcSwap<Catalogue>) {
        catalogue.store(Arc::new(load(&self.dir)));
    }
}

/// Reads the stored queries: built-in ones, then the operator's over them. A bad file is told of and left out.
pub(crate) fn load(dir: &Path) -> Catalogue {
    let (catalogue, problems) = Catalogue::load(Some(dir));
    for problem in &problems {
        warn!(%problem, "a stored query is left out");
    }
    catalogue
}

fn not_own(query: &StoredQuery) -> OwnQueryError {
    let message = format!("the query {} is built in, or a file of the operator's in {}/", query.name, query.area);
    OwnQueryError::Refused(message, "save it under another name")
}
