//! Snoozes in the control database. What they mean, and the copy in memory that verdicts read, is `verdict/snoozes.rs`.

use queries::EntityKind;
use rusqlite::{Row, params};
use serde_json::json;

use super::audit::By;
use super::{Control, ControlError, read_word};
use crate::clock;
use crate::verdict::Snooze;

impl Control {
    /// Returns all of them, lapsed ones too.
    pub(crate) fn snoozes(&self) -> Result<Vec<Snooze>, ControlError> {
        let connection = self.connection();
        let mut statement = connection
            .prepare("select rule, entity_kind, entity, until, reason, created_by, created_at from snoozes")?;
        let snoozes = statement.query_map([], read_snooze)?.collect::<Result<_, _>>()?;
        Ok(snoozes)
    }

    /// Puts one in the place of the rule's former one for this entity. Durable once `Ok`.
    pub(crate) fn put_snooze(&self, new: &Snooze) -> Result<(), ControlError> {
        let detail = json!({
            "rule": &*new.rule,
            "entity_kind": new.entity_kind.name(),
            "entity": &*new.entity,
            "until": clock::rfc3339(new.until),
            "reason": new.reason,
        });
        let by = By { actor: &new.created_by, at: new.created_at };
        let put = self.change(by, "snooze.set", &detail, |transaction| {
            transaction.execute(
                "insert or replace into snoozes (rule, entity_kind, entity, until, reason, created_by, created_at)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    &*new.rule,
                    new.entity_kind.name(),
                    &*new.entity,
                    new.until,
                    new.reason,
                    new.created_by,
                    new.created_at
                ],
            )?;
            Ok(true)
        });
        put.map(drop)
    }

    /// Ends one. Returns whether there was one. Durable once `Ok`.
    pub(crate) fn end_snooze(
        &self,
        rule: &str,
        (kind, entity): (EntityKind, &str),
        by: By<'_>,
    ) -> Result<bool, ControlError> {
        let detail = json!({"rule": rule, "entity_kind": kind.name(), "entity": entity});
        self.change(by, "snooze.ended", &detail, |transaction| {
            let sql = "delete from snoozes where rule = ?1 and entity_kind = ?2 and entity = ?3";
            Ok(transaction.execute(sql, [rule, kind.name(), entity])? > 0)
        })
    }
}

fn read_snooze(row: &Row<'_>) -> rusqlite::Result<Snooze> {
    let (rule, entity): (String, String) = (row.get(0)?, row.get(2)?);
    Ok(Snooze {
        rule: rule.into(),
        entity_kind: read_word(row, 1, EntityKind::parse)?,
        entity: entity.into(),
        until: row.get(3)?,
        reason: row.get(4)?,
        created_by: row.get(5)?,
        created_at: row.get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_has_one_snooze_an_entity_until_it_ends_or_lapses() {
        let control = Control::in_memory();
        let snooze = |entity: &str, until| Snooze {
            rule: "r".into(),
            entity_kind: EntityKind::Device,
            entity: entity.into(),
            until,
            reason: None,
            created_by: "ops".into(),
            created_at: 10,
        };
        control.put_snooze(&snooze("a", 50)).unwrap();
        control.put_snooze(&snooze("a", 90)).unwrap();
        control.put_snooze(&snooze("b", 60)).unwrap();
        assert_eq!(control.snoozes().unwrap(), [snooze("a", 90), snooze("b", 60)]);
        control.drop_lapsed(60).unwrap();
        assert_eq!(control.snoozes().unwrap(), [snooze("a", 90)]);
        let by = By { actor: "ops", at: 70 };
        assert!(control.end_snooze("r", (EntityKind::Device, "a"), by).unwrap());
        assert!(!control.end_snooze("r", (EntityKind::Device, "a"), by).unwrap());
        let told: Vec<String> = control.audit(None, 2).unwrap().into_iter().map(|line| line.action).collect();
        assert_eq!(told, ["snooze.ended", "lapsed.dropped"]);
    }
}
