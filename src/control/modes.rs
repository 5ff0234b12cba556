//! The modes of rules that people set, each bound to one version: a changed text starts at its header's mode.

use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::audit::By;
use super::rule_texts::{StoredText, keep_former, keep_texts};
use super::{Control, ControlError};

/// A mode that somebody set for one version of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredMode {
    /// The rule's name.
    pub(crate) rule: String,
    /// The version (hash of the text) it holds for.
    pub(crate) version: String,
    /// off, shadow or live.
    pub(crate) mode: String,
    /// Set live without a backtest.
    pub(crate) forced: bool,
    /// The name of the key that set it.
    pub(crate) set_by: String,
    /// When it was set, microseconds.
    pub(crate) set_at: i64,
}

impl Control {
    /// Returns all modes that were set, by rule and version.
    pub(crate) fn rule_modes(&self) -> Result<Vec<StoredMode>, ControlError> {
        let connection = self.connection();
        let mut statement = connection
            .prepare("select rule, version, mode, forced, set_by, set_at from rule_modes order by rule, version")?;
        let rows = statement.query_map([], |row| {
            Ok(StoredMode {
                rule: row.get(0)?,
                version: row.get(1)?,
                mode: row.get(2)?,
                forced: row.get(3)?,
                set_by: row.get(4)?,
                set_at: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Writes the line about a rule that is about to be saved, and with it the mode that its version begins with, unless
    /// it has one, and the texts: the former one, if nobody kept it yet, and the new one. Durable once `Ok`.
    pub(crate) fn note_saved_rule(
        &self,
        mode: Option<&StoredMode>,
        texts: (Option<&StoredText>, &StoredText),
        by: By<'_>,
        detail: &Value,
    ) -> Result<(), ControlError> {
        let noted = self.change(by, "rule.saved", detail, |transaction| {
            if let Some(mode) = mode {
                insert_mode(transaction, "ignore", mode)?;
            }
            keep_texts(transaction, texts)?;
            Ok(true)
        });
        noted.map(drop)
    }

    /// Writes the line about a rule that is about to be deleted, and keeps its text. Durable once `Ok`.
    pub(crate) fn note_deleted_rule(
        &self,
        text: Option<&StoredText>,
        by: By<'_>,
        detail: &Value,
    ) -> Result<(), ControlError> {
        let noted = self.change(by, "rule.deleted", detail, |transaction| {
            if let Some(text) = text {
                keep_former(transaction, text)?;
            }
            Ok(true)
        });
        noted.map(drop)
    }

    /// Sets the mode of one version of a rule. Durable once `Ok`. `why` joins the audit log's line.
    pub(crate) fn put_rule_mode(&self, mode: &StoredMode, action: &str, why: &Value) -> Result<(), ControlError> {
        let detail =
            json!({"rule": mode.rule, "version": mode.version, "mode": mode.mode, "forced": mode.forced, "why": why});
        let by = By { actor: &mode.set_by, at: mode.set_at };
        let set = self.change(by, action, &detail, |transaction| {
            insert_mode(transaction, "replace", mode)?;
            Ok(true)
        });
        set.map(drop)
    }
}

/// Puts a mode; `conflict` is what SQLite does when the version has one.
fn insert_mode(connection: &Connection, conflict: &str, mode: &StoredMode) -> rusqlite::Result<usize> {
    connection.execute(
        &format!(
            "insert or {conflict} into rule_modes (rule, version, mode, forced, set_by, set_at)
             values (?1, ?2, ?3, ?4, ?5, ?6)"
        ),
        params![mode.rule, mode.version, mode.mode, mode.forced, mode.set_by, mode.set_at],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_holds_for_its_version_only() {
        let control = Control::in_memory();
        let mode = |version: &str, mode: &str| StoredMode {
            rule: "bind_farm".into(),
            version: version.into(),
            mode: mode.into(),
            forced: true,
            set_by: "ops".into(),
            set_at: 3,
        };
        control.put_rule_mode(&mode("v1", "live"), "rule.mode", &Value::Null).unwrap();
        control.put_rule_mode(&mode("v2", "shadow"), "rule.mode", &Value::Null).unwrap();
        control.put_rule_mode(&mode("v1", "off"), "rule.mode", &Value::Null).unwrap();
        assert_eq!(control.rule_modes().unwrap(), [mode("v1", "off"), mode("v2", "shadow")]);
    }
}
