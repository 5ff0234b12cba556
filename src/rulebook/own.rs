//! Rules of the user's own, saved and deleted over HTTP: files in the data directory, where the next start, and whoever
//! looks, finds them. They begin in shadow.
//!
//! The audit log has its line first: a crash in between leaves a line about a file that is not there, never a file that
//! nobody is on record for, nor one that says `live` and is believed.

use std::path::{Path, PathBuf};

use ingest::{Disk, Ingest, RealDisk, create_dir, write_file};
use queries::catalogue::SourceProblem;
use queries::rules::{RULE_FILES_MAX, check_rule_name};
use queries::{Mode, Rule, RuleFiles};
use serde_json::json;
use tracing::info;

use super::Rulebook;
use super::modes::stored;
use crate::control::{By, ControlError, StoredText};

/// Why a rule was not saved or deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnRuleError {
    /// The name is not a rule's: take another.
    #[error("{0:?} is not a rule's name")]
    Name(String, &'static str),
    /// The text is no rule: correct it.
    #[error("{0}")]
    Text(SourceProblem),
    /// The file is not the user's to change, or there are too many: what to do is told.
    #[error("{0}")]
    Refused(String, &'static str),
    /// There is no such rule.
    #[error("there is no rule named {0:?}")]
    Unknown(String),
    /// The file could not be written or removed: try again later.
    #[error("the rule's file could not be changed: {0}")]
    Disk(#[from] std::io::Error),
    /// The control database could not be used: try again later.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// Whose the file of a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It came with the program.
    BuiltIn,
    /// The user saved it here.
    Own,
    /// It lies in a directory given by --rules.
    Operator,
}

impl Rulebook {
    /// Saves a rule's text and puts it in force, in shadow unless a mode was set for this very text before. Durable once
    /// `Ok`. Waits for the disk.
    ///
    /// # Errors
    /// Those of [`OwnRuleError`]; nothing changed.
    pub(crate) fn save_own(&self, ingest: &Ingest, name: &str, text: &str, by: By<'_>) -> Result<(), OwnRuleError> {
        check_rule_name(name).map_err(|remedy| OwnRuleError::Name(name.to_owned(), remedy))?;
        let mut files = self.files();
        let path = self.own_file(name);
        if self.is_operators(name) {
            let message =
                format!("a directory given by --rules has a file {name}.sql, which would come before this one");
            return Err(OwnRuleError::Refused(message, "change that file, or take another name"));
        }
        let rule = self.compiler.compile(name, &path.display().to_string(), text).map_err(OwnRuleError::Text)?;
        if !path.is_file() && std::fs::read_dir(&self.own).is_ok_and(|dir| dir.count() >= RULE_FILES_MAX) {
            let message = format!("there are {RULE_FILES_MAX} rules of your own");
            return Err(OwnRuleError::Refused(message, "delete some first"));
        }
        let shadow = (rule.headers.mode == Mode::Live).then(|| stored(&rule, Mode::Shadow, by.actor, by.at));
        let detail = json!({"rule": name, "version": &*rule.version, "bytes": text.len()});
        let former = self.get(name).map(|(former, _)| Self::former_text(&former, by.at));
        let kept = StoredText { saved_by: by.actor.to_owned(), ..Self::former_text(&rule, by.at) };
        self.control.note_saved_rule(shadow.as_ref(), (former.as_ref(), &kept), by, &detail)?;
        let written = create_dir(&RealDisk, &self.own).and_then(|()| write_file(&RealDisk, &path, text.as_bytes()));
        self.control.note_unless_done(&written, by, "rule.not_saved", &detail);
        written?;
        info!(rule.name = name, rule.version = &*rule.version, "a rule was saved");
        self.reload(&mut files, ingest, by.at)
    }

    /// Deletes a rule of the user's own. Its hits end; a built-in rule of the same name is in force again. Durable once
    /// `Ok`. Waits for the disk.
    ///
    /// # Errors
    /// `Unknown`; `Refused` for a rule that is built in or the operator's; `Disk` and `Control`. Nothing changed.
    pub(crate) fn delete_own(&self, ingest: &Ingest, name: &str, by: By<'_>) -> Result<(), OwnRuleError> {
        let mut files = self.files();
        let path = self.own_file(name);
        if check_rule_name(name).is_err() || !path.is_file() {
            return Err(self.not_own(name));
        }
        let in_force = self.get(name).filter(|(rule, _)| *rule.file == *path.display().to_string());
        let version = in_force.as_ref().map(|(rule, _)| rule.version.to_string());
        let detail = json!({"rule": name, "version": version});
        // Its text is kept, so that saving it again undoes this.
        let kept = in_force.map(|(rule, _)| Self::former_text(&rule, by.at));
        self.control.note_deleted_rule(kept.as_ref(), by, &detail)?;
        let removed = std::fs::remove_file(&path).and_then(|()| RealDisk.sync_dir(&self.own));
        self.control.note_unless_done(&removed, by, "rule.not_deleted", &detail);
        removed?;
        info!(rule.name = name, "a rule was deleted");
        self.reload(&mut files, ingest, by.at)
    }

    /// Returns the version of a rule of the user's own that a text is kept of.
    ///
    /// # Errors
    /// When the control database cannot be read.
    pub(crate) fn kept_text(&self, name: &str, version: &str) -> Result<Option<StoredText>, ControlError> {
        self.control.rule_text(name, version)
    }

    /// Returns whose the file of a rule is.
    pub(crate) fn origin(&self, rule: &Rule) -> Origin {
        if is_built_in(rule) {
            Origin::BuiltIn
        } else if *rule.file == *self.own_file(&rule.name).display().to_string() {
            Origin::Own
        } else {
            Origin::Operator
        }
    }

    fn former_text(rule: &Rule, now: i64) -> StoredText {
        StoredText {
            rule: rule.name.to_string(),
            version: rule.version.to_string(),
            text: rule.text.to_string(),
            saved_by: if is_built_in(rule) { "weir" } else { "file" }.to_owned(),
            saved_at: now,
        }
    }

    fn not_own(&self, name: &str) -> OwnRuleError {
        if self.get(name).is_none() {
            return OwnRuleError::Unknown(name.to_owned());
        }
        let whose = if self.is_operators(name) { "lies in a directory given by --rules" } else { "is built in" };
        let hint = "PUT /v1/rules/{id}/mode with {\"mode\":\"off\"} switches it off";
        OwnRuleError::Refused(format!("the rule {name} {whose}"), hint)
    }

    fn own_file(&self, name: &str) -> PathBuf {
        file_in(&self.own, name)
    }

    fn is_operators(&self, name: &str) -> bool {
        self.operators.iter().any(|dir| *dir != self.own && file_in(dir, name).is_file())
    }

    fn reload(&self, files: &mut RuleFiles, ingest: &Ingest, now: i64) -> Result<(), OwnRuleError> {
        let transitions = self.put_in_force(files.load(&self.compiler), now)?;
        self.record(ingest, &transitions);
        Ok(())
    }
}

fn is_built_in(rule: &Rule) -> bool {
    rule.file.starts_with("built-in ")
}

fn file_in(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.sql"))
}
