//! Overrides in the control database: what a person decided about an entity, why, and until when. What they mean, and
//! the copy in memory that verdicts read, is `verdict/overrides.rs`.

use queries::EntityKind;
use rusqlite::{Row, params};
use serde_json::json;

use super::audit::By;
use super::{Control, ControlError, read_word};
use crate::clock;
use crate::verdict::{Override, Verdict};

impl Control {
    /// Returns all of them, lapsed ones too.
    pub(crate) fn overrides(&self) -> Result<Vec<Override>, ControlError> {
        let connection = self.connection();
        let mut statement = connection.prepare(
            "select entity_kind, entity, verdict, reason, created_by, created_at, expires_at from overrides",
        )?;
        let overrides = statement.query_map([], read_override)?.collect::<Result<_, _>>()?;
        Ok(overrides)
    }

    /// Puts one in the place of the entity's former one. Durable once `Ok`.
    pub(crate) fn put_override(&self, new: &Override) -> Result<(), ControlError> {
        let detail = json!({
            "entity_kind": new.entity_kind.name(),
            "entity": &*new.entity,
            "verdict": new.verdict.name(),
            "reason": new.reason,
            "expires_at": clock::rfc3339(new.expires_at),
        });
        let by = By { actor: &new.created_by, at: new.created_at };
        let put = self.change(by, "override.set", &detail, |transaction| {
            transaction.execute(
                "insert or replace into overrides (entity_kind, entity, verdict, reason, created_by, created_at, expires_at)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    new.entity_kind.name(),
                    &*new.entity,
                    new.verdict.name(),
                    new.reason,
                    new.created_by,
                    new.created_at,
                    new.expires_at
                ],
            )?;
            Ok(true)
        });
        put.map(drop)
    }

    /// Ends the entity's. Returns whether there was one. Durable once `Ok`.
    pub(crate) fn end_override(&self, kind: EntityKind, entity: &str, by: By<'_>) -> Result<bool, ControlError> {
        let detail = json!({"entity_kind": kind.name(), "entity": entity});
        self.change(by, "override.ended", &detail, |transaction| {
            let sql = "delete from overrides where entity_kind = ?1 and entity = ?2";
            Ok(transaction.execute(sql, [kind.name(), entity])? > 0)
        })
    }

    /// Forgets the overrides and snoozes that have lapsed. Durable once `Ok`.
    pub(crate) fn drop_lapsed(&self, now: i64) -> Result<(), ControlError> {
        let dropped = self.change(By::weir(now), "lapsed.dropped", &json!({}), |transaction| {
            let overrides = transaction.execute("delete from overrides where expires_at <= ?1", [now])?;
            let snoozes = transaction.execute("delete from snoozes where until <= ?1", [now])?;
            Ok(overrides + snoozes > 0)
        });
        dropped.map(drop)
    }
}

fn read_override(row: &Row<'_>) -> rusqlite::Result<Override> {
    let entity: String = row.get(1)?;
    Ok(Override {
        entity_kind: read_word(row, 0, EntityKind::parse)?,
        entity: entity.into(),
        verdict: read_word(row, 2, Verdict::parse)?,
        reason: row.get(3)?,
        created_by: row.get(4)?,
        created_at: row.get(5)?,
        expires_at: row.get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_has_one_override_at_a_time() {
        let control = Control::in_memory();
        let mut put = Override {
            entity_kind: EntityKind::Device,
            entity: "dev_3".into(),
            verdict: Verdict::Block,
            reason: "ring".into(),
            created_by: "ops".into(),
            created_at: 10,
            expires_at: 100,
        };
        control.put_override(&put).unwrap();
        put.verdict = Verdict::Allow;
        control.put_override(&put).unwrap();
        assert_eq!(control.overrides().unwrap(), [put]);
        let by = By { actor: "ops", at: 20 };
        assert!(control.end_override(EntityKind::Device, "dev_3", by).unwrap());
        assert!(!control.end_override(EntityKind::Device, "dev_3", by).unwrap());
        let told: Vec<String> = control.audit(None, 9).unwrap().into_iter().map(|line| line.action).collect();
        assert_eq!(told, ["override.ended", "override.set", "override.set"]);
    }
}
