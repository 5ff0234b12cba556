//! Issues in the control database: which hash belongs to which, and what was decided. What they mean is `issues/`.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, Transaction, TransactionBehavior, params};
use serde_json::{Value, json};

use super::audit::{self, By};
use super::{Control, ControlError, read_word};
use crate::clock;
use crate::issues::{Hash, IssueState, Round, Status};

/// A version of the rules of frames that somebody set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredGrouping {
    pub(crate) version: i64,
    /// As JSON.
    pub(crate) rules: String,
    /// The name of the key that set it.
    pub(crate) set_by: String,
    /// When, microseconds.
    pub(crate) set_at: i64,
}

impl StoredGrouping {
    /// Makes one.
    pub(crate) fn new(version: i64, rules: String, by: By<'_>) -> Self {
        Self { version, rules, set_by: by.actor.to_owned(), set_at: by.at }
    }
}

/// The name of the place up to which errors were read.
const READ_UNTIL: &str = "issues";

impl Control {
    /// Returns all hashes and their issues.
    pub(crate) fn issue_hashes(&self) -> Result<Vec<(Hash, String)>, ControlError> {
        let connection = self.connection();
        let mut statement = connection.prepare("select hash, issue from issue_hashes")?;
        let rows = statement.query_map([], |row| Ok((read_word(row, 0, Hash::parse)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns all states.
    pub(crate) fn issue_states(&self) -> Result<Vec<IssueState>, ControlError> {
        let connection = self.connection();
        let mut statement = connection.prepare(
            "select issue, status, regressed, in_release, after_release, until, until_events, events_since, changed_at,
             changed_by from issue_states",
        )?;
        let rows = statement.query_map([], read_state)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns the `received_at` up to which errors were read; none before the first round.
    pub(crate) fn issues_read_until(&self) -> Result<Option<i64>, ControlError> {
        let sql = "select place from cursors where name = ?1";
        Ok(self.connection().query_row(sql, [READ_UNTIL], |row| row.get(0)).optional()?)
    }

    /// Keeps what a round found, all or nothing. Hashes follow from the events and have no line in the audit log; an issue
    /// that is open again has one. Durable once `Ok`.
    pub(crate) fn keep_issue_round(&self, round: &Round, now: i64) -> Result<(), ControlError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare("insert or ignore into issue_hashes (hash, issue) values (?1, ?2)")?;
            for (hash, issue) in &round.links {
                insert.execute(params![hash.text(), &**issue])?;
            }
        }
        for state in &round.states {
            put_state(&transaction, state)?;
            if state.status == Status::Open {
                let action = if state.is_regressed { "issue.regressed" } else { "issue.reopened" };
                audit::append(&transaction, By::weir(now), action, &json!({"issue": &*state.issue}))?;
            }
        }
        transaction.execute(
            "insert or replace into cursors (name, place) values (?1, ?2)",
            params![READ_UNTIL, round.read_until],
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// Puts a decision in the place of the former one. Durable once `Ok`.
    pub(crate) fn put_issue_state(&self, state: &IssueState, by: By<'_>) -> Result<(), ControlError> {
        let detail = json!({
            "issue": &*state.issue,
            "status": state.status.name(),
            "in_release": state.in_release,
            "after_release": state.after_release,
            "until": state.until.map(clock::rfc3339),
            "until_events": state.until_events,
        });
        let put = self.change(by, "issue.decided", &detail, |transaction| {
            put_state(transaction, state)?;
            Ok(true)
        });
        put.map(drop)
    }

    /// Gives the hashes of other issues to one, and forgets what was decided about the others. Durable once `Ok`.
    pub(crate) fn merge_issues(&self, into: &str, others: &[String], by: By<'_>) -> Result<(), ControlError> {
        let detail = json!({"issue": into, "merged": others});
        let merged = self.change(by, "issue.merged", &detail, |transaction| {
            for other in others {
                transaction.execute("update issue_hashes set issue = ?1 where issue = ?2", [into, other])?;
                transaction.execute("delete from issue_states where issue = ?1", [other])?;
            }
            Ok(true)
        });
        merged.map(drop)
    }

    /// Returns the rules of frames that were set last.
    pub(crate) fn grouping(&self) -> Result<Option<StoredGrouping>, ControlError> {
        let sql = "select version, rules, set_by, set_at from groupings order by version desc limit 1";
        let read = |row: &Row<'_>| {
            Ok(StoredGrouping { version: row.get(0)?, rules: row.get(1)?, set_by: row.get(2)?, set_at: row.get(3)? })
        };
        Ok(self.connection().query_row(sql, [], read).optional()?)
    }

    /// Keeps a version of the rules of frames, and which hashes belong together by it. Durable once `Ok`.
    pub(crate) fn put_grouping(
        &self,
        grouping: &StoredGrouping,
        links: &[(Hash, Arc<str>)],
        by: By<'_>,
    ) -> Result<(), ControlError> {
        let rules: Value = serde_json::from_str(&grouping.rules).unwrap_or_default();
        let put =
            self.change(by, "grouping.set", &json!({"version": grouping.version, "rules": rules}), |transaction| {
                transaction.execute(
                    "insert into groupings (version, rules, set_by, set_at) values (?1, ?2, ?3, ?4)",
                    params![grouping.version, grouping.rules, grouping.set_by, grouping.set_at],
                )?;
                let mut insert =
                    transaction.prepare("insert or replace into issue_hashes (hash, issue) values (?1, ?2)")?;
                for (hash, issue) in links {
                    insert.execute(params![hash.text(), &**issue])?;
                }
                Ok(true)
            });
        put.map(drop)
    }

    /// Gives some hashes of an issue to a new one. Durable once `Ok`.
    pub(crate) fn split_issue(&self, from: &str, hashes: &[Hash], new: &str, by: By<'_>) -> Result<(), ControlError> {
        let texts: Vec<String> = hashes.iter().map(|hash| hash.text()).collect();
        let detail: Value = json!({"issue": from, "split": new, "hashes": texts});
        let split = self.change(by, "issue.split", &detail, |transaction| {
            for hash in &texts {
                transaction.execute("update issue_hashes set issue = ?1 where hash = ?2", [new, hash])?;
            }
            Ok(true)
        });
        split.map(drop)
    }
}

fn put_state(transaction: &Transaction<'_>, state: &IssueState) -> Result<(), ControlError> {
    transaction.execute(
        "insert or replace into issue_states
         (issue, status, regressed, in_release, after_release, until, until_events, events_since, changed_at, changed_by)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            &*state.issue,
            state.status.name(),
            state.is_regressed,
            state.in_release,
            state.after_release,
            state.until,
            state.until_events,
            state.events_since,
            state.changed_at,
            state.changed_by
        ],
    )?;
    Ok(())
}

fn read_state(row: &Row<'_>) -> rusqlite::Result<IssueState> {
    let issue: String = row.get(0)?;
    Ok(IssueState {
        issue: Arc::from(issue),
        status: read_word(row, 1, Status::parse)?,
        is_regressed: row.get(2)?,
        in_release: row.get(3)?,
        after_release: row.get(4)?,
        until: row.get(5)?,
        until_events: row.get(6)?,
        events_since: row.get(7)?,
        changed_at: row.get(8)?,
        changed_by: row.get(9)?,
    })
}
