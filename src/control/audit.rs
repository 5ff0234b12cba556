//! The audit log: who changed what, and when. Each line is written in the transaction of the change it tells of, so that
//! there is neither without the other. What changes outside of this database (a rule's file, a label) has its line first.
//!
//! Lines form a chain: each holds the hash of its own facts and of the line before. The detail, which may name a person,
//! takes part only by a salted commitment, so that detail and salt can be destroyed with the person and the chain still
//! verifies. Whoever keeps a line's hash elsewhere can tell later that nothing up to it was rewritten.

use rusqlite::{OptionalExtension, Row, Transaction, TransactionBehavior, params};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::Value;

use super::{Control, ControlError};
use crate::clock;

/// Lines that are verified at a time; changes wait for no more than these.
const VERIFIED_AT_ONCE: i64 = 5_000;

/// Who makes a change, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct By<'a> {
    /// The name of a key, or one of the words below.
    pub(crate) actor: &'a str,
    /// Microseconds since the Unix epoch.
    pub(crate) at: i64,
}

impl By<'static> {
    /// Weir itself did it.
    pub(crate) const fn weir(at: i64) -> Self {
        Self { actor: "weir", at }
    }

    /// The operator did it, by a file.
    pub(crate) const fn file(at: i64) -> Self {
        Self { actor: "file", at }
    }

    /// The operator did it, by a command on the data directory.
    pub(crate) const fn command(at: i64) -> Self {
        Self { actor: "command", at }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditLine {
    /// Its place, from 1, without gaps.
    pub(crate) seq: i64,
    /// When, microseconds.
    pub(crate) at: i64,
    /// The name of the key that did it; `weir`, `file` or `command`.
    pub(crate) actor: String,
    /// What was done: `rule.mode`, `key.created`, …
    pub(crate) action: String,
    /// To what, as JSON; none once it is destroyed.
    pub(crate) detail: Option<String>,
    salt: Option<[u8; 32]>,
    commitment: [u8; 32],
    hash: [u8; 32],
}

/// Which lines somebody asks for; none: any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AuditFilter {
    /// Only lines before this place.
    pub(crate) before: Option<i64>,
    /// Only what this key did, or `weir`, `file`, `command`.
    pub(crate) actor: Option<String>,
    /// Only this was done.
    pub(crate) action: Option<String>,
    /// Only lines whose detail names this: an entity, a rule, an issue, a key.
    pub(crate) entity: Option<String>,
}

impl Serialize for AuditLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let detail: Option<Value> = self.detail.as_deref().and_then(|detail| serde_json::from_str(detail).ok());
        let mut fields = serializer.serialize_struct("AuditLine", 6)?;
        fields.serialize_field("seq", &self.seq)?;
        fields.serialize_field("at", &clock::rfc3339(self.at))?;
        fields.serialize_field("actor", &self.actor)?;
        fields.serialize_field("action", &self.action)?;
        fields.serialize_field("detail", &detail)?;
        fields.serialize_field("hash", &self.hash_text())?;
        fields.end()
    }
}

impl AuditLine {
    /// Returns the line's hash, as hexadecimal text.
    pub(crate) fn hash_text(&self) -> String {
        blake3::Hash::from_bytes(self.hash).to_hex().to_string()
    }

    fn commitment(salt: &[u8; 32], detail: &str) -> [u8; 32] {
        *blake3::keyed_hash(salt, detail.as_bytes()).as_bytes()
    }

    /// Returns the hash of the line's facts and of the line before.
    fn hash_after(&self, before: &[u8; 32]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(before).update(&self.seq.to_le_bytes()).update(&self.at.to_le_bytes());
        for text in [&self.actor, &self.action] {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        }
        *hasher.update(&self.commitment).finalize().as_bytes()
    }

    /// Tells what is wrong with the line, which should come behind this place and hash.
    fn check(&self, seq: i64, before: &[u8; 32]) -> Result<(), String> {
        if self.seq != seq + 1 {
            return Err(format!("line {} is missing", seq + 1));
        }
        let keeps_word = match (&self.salt, &self.detail) {
            (Some(salt), Some(detail)) => Self::commitment(salt, detail) == self.commitment,
            (_, detail) => detail.is_none(),
        };
        if !keeps_word {
            return Err(format!("the detail of line {} was changed", self.seq));
        }
        if self.hash_after(before) != self.hash {
            return Err(format!("line {} was changed, or does not belong behind the line before it", self.seq));
        }
        Ok(())
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            at: row.get(1)?,
            actor: row.get(2)?,
            action: row.get(3)?,
            detail: row.get(4)?,
            salt: row.get(5)?,
            commitment: row.get(6)?,
            hash: row.get(7)?,
        })
    }
}

impl Control {
    /// Makes a change together with its line: both or neither. Durable once `Ok`. `change` tells whether it changed
    /// anything; if not, there is no line, and what it wrote is undone.
    pub(super) fn change(
        &self,
        by: By<'_>,
        action: &str,
        detail: &Value,
        change: impl FnOnce(&Transaction<'_>) -> Result<bool, ControlError>,
    ) -> Result<bool, ControlError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if !change(&transaction)? {
            return Ok(false);
        }
        append(&transaction, by, action, detail)?;
        transaction.commit()?;
        Ok(true)
    }

    /// Writes a line about a change of something that is not in this database. Durable once `Ok`.
    pub(crate) fn note(&self, by: By<'_>, action: &str, detail: &Value) -> Result<(), ControlError> {
        self.change(by, action, detail, |_| Ok(true)).map(drop)
    }

    /// Takes back, as far as a log can, what a line foretold of a file that then did not change.
    pub(crate) fn note_unless_done(&self, done: &std::io::Result<()>, by: By<'_>, action: &str, detail: &Value) {
        if done.is_err()
            && let Err(error) = self.note(by, action, detail)
        {
            tracing::error!(%error, action, "the audit log could not be told that a file did not change");
        }
    }

    /// Returns lines, the newest first; those before a place, if one is given.
    #[cfg(test)]
    pub(crate) fn audit(&self, before: Option<i64>, limit: u32) -> Result<Vec<AuditLine>, ControlError> {
        self.audit_of(&AuditFilter { before, ..AuditFilter::default() }, limit)
    }

    /// Returns lines that pass a filter, the newest first.
    pub(crate) fn audit_of(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<AuditLine>, ControlError> {
        let connection = self.connection();
        let mut statement = connection.prepare(
            "select seq, at, actor, action, detail, salt, commitment, hash from audit
             where seq < ?1 and (?2 is null or actor = ?2) and (?3 is null or action = ?3)
                and (?4 is null or exists (select 1 from json_tree(audit.detail) where atom = ?4))
             order by seq desc limit ?5",
        )?;
        let AuditFilter { before, actor, action, entity } = filter;
        let given = params![before.unwrap_or(i64::MAX), actor, action, entity, limit];
        Ok(statement.query_map(given, AuditLine::read)?.collect::<Result<_, _>>()?)
    }

    /// Returns who has done something, and what was done, each once and in order: what a filter can ask for.
    pub(crate) fn audit_words(&self) -> Result<(Vec<String>, Vec<String>), ControlError> {
        let connection = self.connection();
        let words = |sql: &str| -> Result<Vec<String>, ControlError> {
            let mut statement = connection.prepare(sql)?;
            let words = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(words)
        };
        let actors = words("select distinct actor from audit order by actor limit 1000")?;
        Ok((actors, words("select distinct action from audit order by action limit 1000")?))
    }

    /// Returns the newest lines about a rule, the newest first: its texts, modes, backtests and trips.
    pub(crate) fn audit_of_rule(&self, rule: &str, limit: u32) -> Result<Vec<AuditLine>, ControlError> {
        let connection = self.connection();
        let mut statement = connection.prepare(
            "select seq, at, actor, action, detail, salt, commitment, hash from audit
             where action like 'rule.%' and detail ->> '$.rule' = ?1 order by seq desc limit ?2",
        )?;
        let lines = statement.query_map(params![rule, limit], AuditLine::read)?;
        Ok(lines.collect::<Result<_, _>>()?)
    }

    /// Returns the detail of the newest line about an action.
    pub(crate) fn last_noted(&self, action: &str) -> Result<Option<Value>, ControlError> {
        let sql = "select detail from audit where action = ?1 order by seq desc limit 1";
        let detail: Option<Option<String>> = self.connection().query_row(sql, [action], |row| row.get(0)).optional()?;
        Ok(detail.flatten().and_then(|detail| serde_json::from_str(&detail).ok()))
    }

    /// Verifies the whole chain. Returns the number of lines, or in words what is wrong first.
    pub(crate) fn verify_audit(&self) -> Result<Result<i64, String>, ControlError> {
        let (mut seq, mut hash) = (0, [0; 32]);
        loop {
            let connection = self.connection();
            let mut statement = connection.prepare(
                "select seq, at, actor, action, detail, salt, commitment, hash from audit where seq > ?1 order by seq limit ?2",
            )?;
            let lines: Vec<AuditLine> =
                statement.query_map([seq, VERIFIED_AT_ONCE], AuditLine::read)?.collect::<Result<_, _>>()?;
            if lines.is_empty() {
                // SQLite keeps the highest number ever given, which tells when the newest lines are gone.
                let sql = "select seq from sqlite_sequence where name = 'audit'";
                let given: Option<i64> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
                let missing = given.is_some_and(|given| given > seq);
                return Ok(if missing { Err(format!("line {} is missing", seq + 1)) } else { Ok(seq) });
            }
            for line in lines {
                if let Err(problem) = line.check(seq, &hash) {
                    return Ok(Err(problem));
                }
                (seq, hash) = (line.seq, line.hash);
            }
        }
    }
}

/// Writes a line within a change.
pub(super) fn append(
    transaction: &Transaction<'_>,
    by: By<'_>,
    action: &str,
    detail: &Value,
) -> Result<(), ControlError> {
    let last = "select seq, hash from audit order by seq desc limit 1";
    let last: Option<(i64, [u8; 32])> =
        transaction.query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (last_seq, before) = last.unwrap_or_default();
    let (salt, detail): ([u8; 32], String) = (rand::random(), detail.to_string());
    let mut line = AuditLine {
        seq: last_seq + 1,
        at: by.at,
        actor: by.actor.to_owned(),
        action: action.to_owned(),
        commitment: AuditLine::commitment(&salt, &detail),
        detail: Some(detail),
        salt: Some(salt),
        hash: [0; 32],
    };
    line.hash = line.hash_after(&before);
    transaction.execute(
        "insert into audit (seq, at, actor, action, detail, salt, commitment, hash) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![line.seq, line.at, line.actor, line.action, line.detail, line.salt, line.commitment, line.hash],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn control() -> Control {
        let control = Control::in_memory();
        for number in 1..=4 {
            let by = By { actor: "ops", at: number };
            control.note(by, "label.set", &json!({"entity": format!("acct_{number}")})).unwrap();
        }
        control
    }

    fn verified_after(sql: &str) -> Result<i64, String> {
        let control = control();
        control.connection().execute_batch(sql).unwrap();
        control.verify_audit().unwrap()
    }

    #[test]
    fn lines_are_read_from_the_newest_and_the_chain_verifies() {
        let control = control();
        let lines = control.audit(None, 2).unwrap();
        assert_eq!(lines.iter().map(|line| line.seq).collect::<Vec<_>>(), [4, 3]);
        assert_eq!(control.audit(Some(3), 10).unwrap().len(), 2);
        let shown = serde_json::to_value(&lines[0]).unwrap();
        assert_eq!((&shown["actor"], &shown["detail"]), (&json!("ops"), &json!({"entity": "acct_4"})));
        assert_eq!(shown["hash"].as_str().unwrap().len(), 64);
        assert_eq!(control.verify_audit().unwrap(), Ok(4));
        assert_eq!(control.last_noted("label.set").unwrap(), Some(json!({"entity": "acct_4"})));
        assert_eq!(Control::in_memory().verify_audit().unwrap(), Ok(0));
    }

    #[test]
    fn lines_are_found_by_who_did_what_to_whom() {
        let control = control();
        control.note(By::file(5), "policy.changed", &json!({"version": "v1", "of": {"rules": ["acct_2"]}})).unwrap();
        control.note(By::file(6), "policy.changed", &json!("a text")).unwrap();
        let found = |filter: AuditFilter| -> Vec<i64> {
            control.audit_of(&filter, 10).unwrap().into_iter().map(|line| line.seq).collect()
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(found(AuditFilter { actor: text("file"), ..AuditFilter::default() }), [6, 5]);
        assert_eq!(found(AuditFilter { action: text("label.set"), before: Some(3), ..AuditFilter::default() }), [2, 1]);
        assert_eq!(
            found(AuditFilter { entity: text("acct_2"), ..AuditFilter::default() }),
            [5, 2],
            "wherever it stands"
        );
        assert!(found(AuditFilter { entity: text("acct"), ..AuditFilter::default() }).is_empty(), "whole names alone");
        assert!(found(AuditFilter { entity: text("' or 1=1 --"), ..AuditFilter::default() }).is_empty());
        let (actors, actions) = control.audit_words().unwrap();
        assert_eq!((actors.join(" "), actions.join(" ")), ("file ops".into(), "label.set policy.changed".into()));
    }

    #[test]
    fn the_story_of_a_rule_is_told_from_its_lines_alone() {
        let control = control();
        for (at, action, rule) in
            [(5, "rule.saved", "a"), (6, "rule.mode", "b"), (7, "rule.tripped", "a"), (8, "snooze.set", "a")]
        {
            control.note(By { actor: "ops", at }, action, &json!({"rule": rule})).unwrap();
        }
        let told: Vec<String> = control.audit_of_rule("a", 9).unwrap().into_iter().map(|line| line.action).collect();
        assert_eq!(told, ["rule.tripped", "rule.saved"]);
        assert_eq!(control.audit_of_rule("a", 1).unwrap().len(), 1);
    }

    #[test]
    fn a_changed_a_removed_and_a_reordered_line_are_found() {
        for (sql, found) in [
            ("update audit set actor = 'nobody' where seq = 2", "line 2 was changed"),
            ("update audit set action = 'key.revoked' where seq = 2", "line 2 was changed"),
            ("update audit set at = 9 where seq = 4", "line 4 was changed"),
            ("update audit set detail = '{}' where seq = 3", "the detail of line 3"),
            ("update audit set salt = null where seq = 3", "the detail of line 3"),
            ("delete from audit where seq = 1", "line 1 is missing"),
            ("delete from audit where seq = 3", "line 3 is missing"),
            ("delete from audit where seq = 4", "line 4 is missing"),
            ("delete from audit", "line 1 is missing"),
            (
                "update audit set seq = 9 where seq = 2; update audit set seq = 2 where seq = 3; \
              update audit set seq = 3 where seq = 9",
                "line 2 was changed",
            ),
            ("delete from audit where seq = 2; update audit set seq = seq - 1 where seq > 2", "line 2 was changed"),
        ] {
            let problem = verified_after(sql).unwrap_err();
            assert!(problem.contains(found), "{sql}: {problem}");
        }
    }

    #[test]
    fn the_detail_of_an_erased_person_can_be_destroyed() {
        assert_eq!(verified_after("update audit set detail = null, salt = null where seq = 2"), Ok(4));
        assert_eq!(verified_after("update audit set detail = null where seq = 2"), Ok(4));
    }

    #[test]
    fn what_did_not_change_or_failed_has_no_line() {
        let control = control();
        let by = By::weir(9);
        assert!(!control.change(by, "override.ended", &json!({}), |_| Ok(false)).unwrap());
        let failed = control.change(by, "key.created", &json!({}), |_| Err(ControlError::Taken("x".into())));
        assert!(matches!(failed, Err(ControlError::Taken(_))));
        assert_eq!(control.verify_audit().unwrap(), Ok(4));
    }
}
