//! Backtests that were run: the proof that a version of a rule was tested before it goes live.

use rusqlite::{OptionalExtension, Row, params};
use serde_json::json;

use super::audit::By;
use super::{Control, ControlError};

/// Backtests kept; the oldest go first.
const KEPT_MAX: i64 = 1_000;
const COLUMNS: &str = "id, rule, version, approximate, range_from, range_to, made_by, made_at, report";

/// A backtest of one version of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredBacktest {
    /// Its id.
    pub(crate) id: String,
    /// The rule's name.
    pub(crate) rule: String,
    /// The version (hash of the text) that was tested.
    pub(crate) version: String,
    /// Asked less often than the rule would be: no ground for going live.
    pub(crate) approximate: bool,
    /// The range, microseconds.
    pub(crate) range: (i64, i64),
    /// The name of the key that ran it.
    pub(crate) made_by: String,
    /// When, microseconds.
    pub(crate) made_at: i64,
    /// The report without its entities, JSON.
    pub(crate) report: String,
}

impl Control {
    /// Keeps a backtest. Durable once `Ok`.
    pub(crate) fn put_backtest(&self, backtest: &StoredBacktest) -> Result<(), ControlError> {
        let by = By { actor: &backtest.made_by, at: backtest.made_at };
        let detail = json!({"backtest_id": backtest.id, "rule": backtest.rule, "version": backtest.version});
        let kept = self.change(by, "rule.backtested", &detail, |transaction| {
            transaction.execute(
                "insert into backtests (id, rule, version, approximate, range_from, range_to, made_by, made_at, report)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    backtest.id,
                    backtest.rule,
                    backtest.version,
                    backtest.approximate,
                    backtest.range.0,
                    backtest.range.1,
                    backtest.made_by,
                    backtest.made_at,
                    backtest.report
                ],
            )?;
            transaction.execute(
                "delete from backtests where id not in (select id from backtests order by made_at desc, id desc limit ?1)",
                params![KEPT_MAX],
            )?;
            Ok(true)
        });
        kept.map(drop)
    }

    /// Returns a backtest by its id.
    pub(crate) fn backtest(&self, id: &str) -> Result<Option<StoredBacktest>, ControlError> {
        let connection = self.connection();
        let mut statement = connection.prepare(&format!("select {COLUMNS} from backtests where id = ?1"))?;
        Ok(statement.query_row([id], read_backtest).optional()?)
    }

    /// Returns the newest backtests of a version of a rule, the newest first.
    pub(crate) fn backtests_of(
        &self,
        rule: &str,
        version: &str,
        limit: u32,
    ) -> Result<Vec<StoredBacktest>, ControlError> {
        let connection = self.connection();
        let mut statement = connection.prepare(&format!(
            "select {COLUMNS} from backtests where rule = ?1 and version = ?2 order by made_at desc, id desc limit ?3"
        ))?;
        let found = statement.query_map(params![rule, version, limit], read_backtest)?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}

fn read_backtest(row: &Row<'_>) -> rusqlite::Result<StoredBacktest> {
    Ok(StoredBacktest {
        id: row.get(0)?,
        rule: row.get(1)?,
        version: row.get(2)?,
        approximate: row.get(3)?,
        range: (row.get(4)?, row.get(5)?),
        made_by: row.get(6)?,
        made_at: row.get(7)?,
        report: row.get(8)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backtest_is_found_by_its_id_and_the_oldest_go() {
        let control = Control::in_memory();
        let backtest = |n: i64| StoredBacktest {
            id: format!("bt_{n}"),
            rule: "r".into(),
            version: "v".into(),
            approximate: false,
            range: (1, 2),
            made_by: "admin".into(),
            made_at: n,
            report: "{}".into(),
        };
        for n in 0..=KEPT_MAX {
            control.put_backtest(&backtest(n)).unwrap();
        }
        assert_eq!(control.backtest("bt_0").unwrap(), None);
        assert_eq!(control.backtest("bt_1").unwrap(), Some(backtest(1)));
        let newest = [backtest(KEPT_MAX), backtest(KEPT_MAX - 1)];
        assert_eq!(control.backtests_of("r", "v", 2).unwrap(), newest);
        assert_eq!(control.backtests_of("r", "another", 2).unwrap(), []);
    }
}
