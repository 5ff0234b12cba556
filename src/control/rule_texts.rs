//! The texts that rules had: what two versions differ by, and what undoing a save or a deletion brings back.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{Control, ControlError};

/// Texts kept of one rule; those that were saved first go first.
const OF_RULE_MAX: i64 = 50;
/// Texts kept in all: with 64 KiB a text, at most 64 MiB.
const KEPT_MAX: i64 = 1_000;
const COLUMNS: &str = "rule, version, text, saved_by, saved_at";

/// The text of one version of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredText {
    /// The rule's name.
    pub(crate) rule: String,
    /// The version: the hash of the text.
    pub(crate) version: String,
    /// The whole text.
    pub(crate) text: String,
    /// The name of the key that saved it; `weir` for a built-in rule, `file` for one that somebody put there.
    pub(crate) saved_by: String,
    /// When it was saved, microseconds; of what was in a file, when it was replaced.
    pub(crate) saved_at: i64,
}

impl Control {
    /// Returns the texts of a rule, the one that was saved last first.
    pub(crate) fn rule_texts(&self, rule: &str) -> Result<Vec<StoredText>, ControlError> {
        let connection = self.connection();
        let mut statement =
            connection.prepare(&format!("select {COLUMNS} from rule_texts where rule = ?1 order by seq desc"))?;
        let texts = statement.query_map([rule], read_text)?;
        Ok(texts.collect::<Result<_, _>>()?)
    }

    /// Returns the text of one version.
    pub(crate) fn rule_text(&self, rule: &str, version: &str) -> Result<Option<StoredText>, ControlError> {
        let sql = format!("select {COLUMNS} from rule_texts where rule = ?1 and version = ?2");
        Ok(self.connection().query_row(&sql, [rule, version], read_text).optional()?)
    }
}

/// Keeps the text that is replaced, unless it is known, and the one that takes its place.
pub(super) fn keep_texts(
    transaction: &Transaction<'_>,
    (former, new): (Option<&StoredText>, &StoredText),
) -> rusqlite::Result<()> {
    if let Some(former) = former {
        keep_former(transaction, former)?;
    }
    // A text that is saved again is the newest again.
    put(transaction, "replace", new)?;
    let of_rule = "delete from rule_texts where rule = ?1
        and seq not in (select seq from rule_texts where rule = ?1 order by seq desc limit ?2)";
    transaction.execute(of_rule, params![new.rule, OF_RULE_MAX])?;
    let all = "delete from rule_texts where seq not in (select seq from rule_texts order by seq desc limit ?1)";
    transaction.execute(all, [KEPT_MAX])?;
    Ok(())
}

/// Keeps a text that goes out of force, unless it is known.
pub(super) fn keep_former(transaction: &Transaction<'_>, former: &StoredText) -> rusqlite::Result<()> {
    put(transaction, "ignore", former)
}

/// Puts a text; `conflict` is what SQLite does when the version is there.
fn put(transaction: &Transaction<'_>, conflict: &str, text: &StoredText) -> rusqlite::Result<()> {
    let sql = format!("insert or {conflict} into rule_texts ({COLUMNS}) values (?1, ?2, ?3, ?4, ?5)");
    transaction.execute(&sql, params![text.rule, text.version, text.text, text.saved_by, text.saved_at])?;
    Ok(())
}

fn read_text(row: &Row<'_>) -> rusqlite::Result<StoredText> {
    Ok(StoredText {
        rule: row.get(0)?,
        version: row.get(1)?,
        text: row.get(2)?,
        saved_by: row.get(3)?,
        saved_at: row.get(4)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::control::By;

    fn text(rule: &str, number: i64) -> StoredText {
        StoredText {
            rule: rule.to_owned(),
            version: format!("v{number}"),
            text: format!("select {number}"),
            saved_by: "ops".to_owned(),
            saved_at: number,
        }
    }

    fn save(control: &Control, former: Option<&StoredText>, new: &StoredText) {
        let by = By { actor: "ops", at: new.saved_at };
        control.note_saved_rule(None, (former, new), by, &json!({"rule": new.rule})).unwrap();
    }

    #[test]
    fn a_rule_keeps_its_newest_texts_and_the_one_it_began_with() {
        let control = Control::in_memory();
        save(&control, Some(&text("a", 0)), &text("a", 1));
        save(&control, Some(&StoredText { saved_by: "file".to_owned(), ..text("a", 1) }), &text("a", 2));
        save(&control, None, &text("b", 1));
        let versions = |rule: &str| -> Vec<String> {
            control.rule_texts(rule).unwrap().into_iter().map(|text| text.version).collect()
        };
        assert_eq!(versions("a"), ["v2", "v1", "v0"]);
        assert_eq!(control.rule_text("a", "v1").unwrap(), Some(text("a", 1)), "whoever saved it is still known");
        save(&control, None, &text("a", 0));
        assert_eq!(versions("a"), ["v0", "v2", "v1"], "what is saved again is the newest");
        for number in 10..10 + OF_RULE_MAX {
            save(&control, None, &text("a", number));
        }
        assert_eq!(versions("a").len() as i64, OF_RULE_MAX);
        assert_eq!(versions("b"), ["v1"], "one rule's texts do not push out another's");
    }
}
