//! The small state that is not events: keys, overrides, snoozes, rule modes and the data directory's secrets, in one SQLite file.
//! Every write is durable when its call returns (`synchronous = FULL`), and deleted rows are overwritten
//! (`secure_delete`), and has a line in the audit log (`audit.rs`). Calls block for a few milliseconds; the hot paths read
//! copies in memory.

mod audit;
mod backtests;
mod issues;
mod key;
mod keyring;
mod keys;
mod modes;
mod overrides;
mod rate;
mod rule_texts;
mod salts;
mod secrets;
mod snoozes;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Row};
use thiserror::Error;

pub(crate) use audit::{AuditFilter, AuditLine, By};
pub(crate) use backtests::StoredBacktest;
pub(crate) use issues::StoredGrouping;
pub(crate) use key::{Key, KeyText, Purposes, Scope, Scopes, random_id};
pub(crate) use keyring::Keyring;
pub(crate) use keys::{NewKey, StoredKey};
pub(crate) use modes::StoredMode;
pub(crate) use rate::Rate;
pub(crate) use rule_texts::StoredText;
pub(crate) use salts::Salts;

/// The version of the tables below. A newer file is refused rather than guessed at.
const SCHEMA_VERSION: i64 = 3;

const SCHEMA: &str = "
create table if not exists keys (
    id text primary key, name text not null unique, hash blob not null, scopes text not null, origins text not null,
    rate text, purposes text not null, created_at integer not null, expires_at integer, last_used_at integer
) strict;
create table if not exists overrides (
    entity_kind text not null, entity text not null, verdict text not null, reason text not null,
    created_by text not null, created_at integer not null, expires_at integer not null,
    primary key (entity_kind, entity)
) strict;
create table if not exists snoozes (
    rule text not null, entity_kind text not null, entity text not null, until integer not null, reason text,
    created_by text not null, created_at integer not null, primary key (rule, entity_kind, entity)
) strict;
create table if not exists rule_modes (
    rule text not null, version text not null, mode text not null, forced integer not null, set_by text not null,
    set_at integer not null, primary key (rule, version)
) strict;
create table if not exists rule_texts (
    seq integer primary key autoincrement, rule text not null, version text not null, text text not null,
    saved_by text not null, saved_at integer not null, unique (rule, version)
) strict;
create table if not exists backtests (
    id text primary key, rule text not null, version text not null, approximate integer not null,
    range_from integer not null, range_to integer not null, made_by text not null, made_at integer not null,
    report text not null
) strict;
create table if not exists salts (epoch integer primary key, salt blob not null, created_at integer not null) strict;
create table if not exists audit (
    seq integer primary key autoincrement, at integer not null, actor text not null, action text not null, detail text,
    salt blob, commitment blob not null, hash blob not null
) strict;
create table if not exists issue_hashes (hash text primary key, issue text not null) strict, without rowid;
create index if not exists issue_hashes_by_issue on issue_hashes (issue);
create table if not exists issue_states (
    issue text primary key, status text not null, regressed integer not null, in_release text, until integer,
    until_events integer, events_since integer not null, changed_at integer not null, changed_by text not null,
    after_release text
) strict;
create table if not exists groupings (
    version integer primary key, rules text not null, set_by text not null, set_at integer not null
) strict;
create table if not exists cursors (name text primary key, place integer not null) strict;
create table if not exists secrets (name text primary key, value blob not null, created_at integer not null) strict;
";

/// Why the control state could not answer.
#[derive(Debug, Error)]
pub(crate) enum ControlError {
    /// The caller asked for something that cannot be. Answer 400 and say what.
    #[error("{0}")]
    Invalid(String),
    /// Something of that name is there already. Answer 409.
    #[error("{0}")]
    Taken(String),
    /// The file cannot be read or written.
    #[error("the control database failed: {0}")]
    Storage(#[from] rusqlite::Error),
    /// A newer Weir wrote the file.
    #[error("control.sqlite has version {0}, this program knows versions up to {SCHEMA_VERSION}; use a newer weir")]
    TooNew(i64),
}

/// The control database of one data directory.
pub(crate) struct Control {
    connection: Mutex<Connection>,
}

impl Control {
    /// Opens, or creates, `control.sqlite` in the data directory.
    ///
    /// # Errors
    /// When the file cannot be opened or is of a newer version.
    pub(crate) fn open(dir: &Path) -> Result<Self, ControlError> {
        Self::prepare(Connection::open(dir.join("control.sqlite"))?)
    }

    /// Opens a database that lives in memory only.
    #[cfg(test)]
    pub(crate) fn in_memory() -> Self {
        Self::prepare(Connection::open_in_memory().expect("SQLite opens in memory")).expect("the schema is valid")
    }

    fn prepare(connection: Connection) -> Result<Self, ControlError> {
        connection.execute_batch(
            "pragma journal_mode = truncate; pragma synchronous = full; pragma secure_delete = on; pragma busy_timeout = 5000;",
        )?;
        let version: i64 = connection.query_row("pragma user_version", [], |row| row.get(0))?;
        if version > SCHEMA_VERSION {
            return Err(ControlError::TooNew(version));
        }
        connection.execute_batch(SCHEMA)?;
        add_column(&connection, "issue_states", "after_release text")?;
        add_column(&connection, "keys", "last_used_at integer")?;
        connection.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Makes every write fail from now on.
    #[cfg(test)]
    pub(crate) fn refuse_writes(&self) {
        self.connection().execute_batch("pragma query_only = on").expect("SQLite takes the setting");
    }

    /// A panic while the lock was held leaves no half-done write: SQLite rolls an open transaction back.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds a column that a file of an earlier program lacks. That program writes the file as before: it names its columns.
fn add_column(connection: &Connection, table: &str, column: &str) -> Result<(), ControlError> {
    let name = column.split(' ').next();
    let sql = "select count(*) from pragma_table_info(?1) where name = ?2";
    let known: i64 = connection.query_row(sql, rusqlite::params![table, name], |row| row.get(0))?;
    if known == 0 {
        connection.execute_batch(&format!("alter table {table} add column {column}"))?;
    }
    Ok(())
}

/// Reads a column that holds one of our own words.
fn read_word<T>(row: &Row<'_>, column: usize, parse: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let word: String = row.get(column)?;
    parse(&word).ok_or_else(|| {
        let message = format!("{word:?} is a word that this version does not know");
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, message.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_from_before_a_column_gets_it_and_keeps_its_rows() {
        let dir = tempfile::tempdir().unwrap();
        Control::open(dir.path()).unwrap();
        let connection = Connection::open(dir.path().join("control.sqlite")).unwrap();
        let earlier = "alter table issue_states drop column after_release;
            insert into issue_states (issue, status, regressed, in_release, events_since, changed_at, changed_by)
            values ('iss_1', 'resolved', 0, '2.4.1', 0, 7, 'ops')";
        connection.execute_batch(earlier).unwrap();
        drop(connection);
        let states = Control::open(dir.path()).unwrap().issue_states().unwrap();
        let kept = (states[0].in_release.as_deref(), states[0].after_release.as_deref(), states[0].changed_at);
        assert_eq!(kept, (Some("2.4.1"), None, 7));
    }

    #[test]
    fn a_file_of_a_newer_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        Control::open(dir.path()).unwrap();
        Control::open(dir.path()).unwrap();
        let connection = Connection::open(dir.path().join("control.sqlite")).unwrap();
        connection.pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
        drop(connection);
        assert!(matches!(Control::open(dir.path()), Err(ControlError::TooNew(_))));
    }
}
