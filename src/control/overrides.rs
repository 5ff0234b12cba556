//! Overrides in the control database: what a person decided about an entity, why, and until when. What they mean, and
//! the copy in memory that verdicts read, is `verdict/overrides.rs`.

use queries::EntityKind;
use rusqlite::{Row, params};

use super::{Control, ControlError};
use crate::verdict::{Override, OverrideStore, Verdict};

impl Control {
    fn overrides(&self) -> Result<Vec<Override>, ControlError> {
        let connection = self.connection();
        let mut statement = connection.prepare(
            "select entity_kind, entity, verdict, reason, created_by, created_at, expires_at from overrides",
        )?;
        let overrides = statement.query_map([], read_override)?.collect::<Result<_, _>>()?;
        Ok(overrides)
    }

    fn put_override(&self, new: &Override) -> Result<(), ControlError> {
        self.connection().execute(
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
        Ok(())
    }

    fn delete_override(&self, kind: EntityKind, entity: &str) -> Result<bool, ControlError> {
        let deleted = self
            .connection()
            .execute("delete from overrides where entity_kind = ?1 and entity = ?2", [kind.name(), entity])?;
        Ok(deleted > 0)
    }
}

impl OverrideStore for Control {
    fn list(&self) -> Result<Vec<Override>, String> {
        self.overrides().map_err(|error| error.to_string())
    }

    fn put(&self, new: &Override) -> Result<(), String> {
        self.put_override(new).map_err(|error| error.to_string())
    }

    fn delete(&self, kind: EntityKind, entity: &str) -> Result<bool, String> {
        self.delete_override(kind, entity).map_err(|error| error.to_string())
    }
}

fn read_override(row: &Row<'_>) -> rusqlite::Result<Override> {
    let unknown = |column: usize, word: String| {
        let message = format!("{word:?} is a word that this version does not know");
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, message.into())
    };
    let (kind, verdict): (String, String) = (row.get(0)?, row.get(2)?);
    let entity: String = row.get(1)?;
    Ok(Override {
        entity_kind: EntityKind::parse(&kind).ok_or_else(|| unknown(0, kind))?,
        entity: entity.into(),
        verdict: Verdict::parse(&verdict).ok_or_else(|| unknown(2, verdict))?,
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
        control.put(&put).unwrap();
        put.verdict = Verdict::Allow;
        control.put(&put).unwrap();
        assert_eq!(control.list().unwrap(), [put]);
        assert!(control.delete(EntityKind::Device, "dev_3").unwrap());
        assert!(!control.delete(EntityKind::Device, "dev_3").unwrap());
    }
}
