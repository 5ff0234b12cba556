//! Dashboards of the user's own, saved, added to and deleted over HTTP: files in the data directory. As for stored queries, the
//! audit log has its line first.

use std::path::PathBuf;
use std::sync::{MutexGuard, PoisonError};

use dashboards::board::BoardOrigin;
use dashboards::spec::{Board, PANELS_MAX, SpecProblem, is_word};
use ingest::{Disk, RealDisk, create_dir, write_file};
use queries::Catalogue;
use serde_json::json;

use super::{Boards, FILES_MAX, checked, names};
use crate::control::{By, Control, ControlError};

/// Why a dashboard was not saved or deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnBoardError {
    /// The text is no dashboard, or its name none: correct it.
    #[error("{0}")]
    Text(SpecProblem),
    /// The file is not the user's to change, or there is no room: what to do is told.
    #[error("{0}")]
    Refused(String, &'static str),
    /// There is no such dashboard.
    #[error("there is no dashboard named {0:?}")]
    Unknown(String),
    /// The file could not be written or removed: try again later.
    #[error("the dashboard's file could not be changed: {0}")]
    Disk(#[from] std::io::Error),
    /// The control database could not be used: try again later.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl Boards {
    /// Saves a text as the dashboard of this name, over the one that comes with the program, if there is one. Durable, and shown,
    /// once `Ok`. Waits for the disk.
    ///
    /// # Errors
    /// `Text` with the line, of the file or of one of its panels; `Refused` for a file of the operator's, and when there are too
    /// many; `Disk` and `Control`. Nothing changed.
    pub(crate) fn save(&self, name: &str, text: &str, control: &Control, by: By<'_>) -> Result<(), OwnBoardError> {
        let _changing = self.change();
        self.save_changed(name, text, control, by)
    }

    /// Adds a panel at the end of a dashboard, which is made if there is none of this name; of one that comes with the program, a
    /// copy of one's own. Durable once `Ok`. Waits for the disk.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub(crate) fn add_panel(
        &self,
        (name, title): (&str, &str),
        panel: &str,
        catalogue: &Catalogue,
        control: &Control,
        by: By<'_>,
    ) -> Result<(), OwnBoardError> {
        let _changing = self.change();
        let known = self.find(name);
        if let Some(problem) = known.as_ref().and_then(|file| file.board.as_ref().err()) {
            return Err(OwnBoardError::Text(problem.clone()));
        }
        if known
            .as_ref()
            .and_then(|file| file.board.as_ref().ok())
            .is_some_and(|board| board.panels.len() >= PANELS_MAX)
        {
            return Err(OwnBoardError::Refused(format!("the dashboard has {PANELS_MAX} panels"), "take another"));
        }
        let text = match known {
            Some(file) => file.text + panel,
            None if title.is_empty() => panel.trim_start().to_owned(),
            None => format!("title = {}\n{panel}", toml::Value::from(title)),
        };
        let file = format!("{name}.toml");
        let board = Board::parse(name, &file, &text).map_err(OwnBoardError::Text)?;
        // What was there before may be wrong; what is added must not be.
        if let Some(Ok(added)) = board.panels.last() {
            checked(&file, added, catalogue).map_err(OwnBoardError::Text)?;
        }
        self.save_changed(name, &text, control, by)
    }

    /// Deletes a dashboard of the user's own; one that came with the program is shown again in its place. Durable once `Ok`. Waits
    /// for the disk.
    ///
    /// # Errors
    /// `Unknown`; `Refused` for one that is not the user's; `Disk` and `Control`. Nothing changed.
    pub(crate) fn delete(&self, name: &str, control: &Control, by: By<'_>) -> Result<(), OwnBoardError> {
        let _changing = self.change();
        let known = self.find(name).ok_or_else(|| OwnBoardError::Unknown(name.to_owned()))?;
        if known.origin != BoardOrigin::Own {
            let message = format!("the dashboard {name} {}", known.origin.words());
            return Err(OwnBoardError::Refused(message, "only your own can be deleted here"));
        }
        let detail = json!({"dashboard": name});
        control.note(by, "dashboard.deleted", &detail)?;
        let removed = std::fs::remove_file(self.file(name)).and_then(|()| RealDisk.sync_dir(&self.own));
        control.note_unless_done(&removed, by, "dashboard.not_deleted", &detail);
        Ok(removed?)
    }

    fn save_changed(&self, name: &str, text: &str, control: &Control, by: By<'_>) -> Result<(), OwnBoardError> {
        let file = format!("{name}.toml");
        if !is_word(name) {
            let remedy = "take 1 to 64 of a-z, 0-9 and _".to_owned();
            let message = format!("`{name}` is no name");
            return Err(OwnBoardError::Text(SpecProblem { file, line: 1, message, remedy }));
        }
        let board = Board::parse(name, &file, text).map_err(OwnBoardError::Text)?;
        if let Some(problem) = board.panels.into_iter().find_map(Result::err) {
            return Err(OwnBoardError::Text(problem));
        }
        if self.find(name).is_some_and(|known| known.origin == BoardOrigin::Operator) {
            let message = format!("the dashboard {name} is a file of the operator's");
            return Err(OwnBoardError::Refused(message, "save it under another name"));
        }
        let path = self.file(name);
        if !path.is_file() && names(&self.own).len() >= FILES_MAX {
            return Err(OwnBoardError::Refused(format!("there are {FILES_MAX} dashboards"), "delete some first"));
        }
        let detail = json!({"dashboard": name, "bytes": text.len()});
        control.note(by, "dashboard.saved", &detail)?;
        let written = create_dir(&RealDisk, &self.own).and_then(|()| write_file(&RealDisk, &path, text.as_bytes()));
        control.note_unless_done(&written, by, "dashboard.not_saved", &detail);
        Ok(written?)
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.own.join(format!("{name}.toml"))
    }
}
