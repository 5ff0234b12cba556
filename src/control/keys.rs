//! API keys in the control database. A key's secret is stored as a keyed hash and cannot be shown again.

use rusqlite::{Row, params};
use serde_json::json;

use super::audit::By;
use super::key::{KeyText, Purposes, Scopes, check_name, random_id};
use super::rate::Rate;
use super::{Control, ControlError};

/// What a new key shall be.
#[derive(Clone, Debug)]
pub(crate) struct NewKey {
    /// Its unique name, `[a-z0-9]+`.
    pub(crate) name: String,
    /// What it may do.
    pub(crate) scopes: Scopes,
    /// Origins of browsers that may use it.
    pub(crate) origins: Vec<String>,
    /// Requests of events that it may send.
    pub(crate) rate: Option<Rate>,
    /// Purposes whose columns its SQL may read.
    pub(crate) purposes: Purposes,
    /// When it ends, microseconds.
    pub(crate) expires_at: Option<i64>,
}

/// A key as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct StoredKey {
    /// Its id.
    pub(crate) id: String,
    /// The keyed hash of its secret.
    pub(crate) hash: [u8; 32],
    /// When it was made, microseconds.
    pub(crate) created_at: i64,
    /// When it was last used, as far as that was written down, microseconds.
    pub(crate) last_used_at: Option<i64>,
    /// The rest.
    pub(crate) spec: NewKey,
}

/// Hashes a secret. A fast hash suffices: secrets are random, and of at least 16 characters.
pub(crate) fn hash_secret(hash_key: &[u8; 32], secret: &str) -> [u8; 32] {
    *blake3::keyed_hash(hash_key, secret.as_bytes()).as_bytes()
}

impl Control {
    /// Makes a key and returns it with its text, which nobody can see again. Durable once `Ok`.
    ///
    /// # Errors
    /// `Invalid` for a bad name, `Taken` when the name is in use.
    pub(crate) fn create_key(
        &self,
        new: NewKey,
        hash_key: &[u8; 32],
        by: By<'_>,
    ) -> Result<(StoredKey, KeyText), ControlError> {
        check_name(&new.name).map_err(ControlError::Invalid)?;
        let text = KeyText::generate(&new.name);
        let hash = hash_secret(hash_key, &text.secret);
        let stored = StoredKey { id: random_id("key_"), hash, created_at: by.at, last_used_at: None, spec: new };
        let spec = &stored.spec;
        let detail = json!({"id": stored.id, "name": spec.name, "scopes": spec.scopes.names()});
        let inserted = self.change(by, "key.created", &detail, |transaction| {
            let inserted = transaction.execute(
                "insert into keys (id, name, hash, scopes, origins, rate, purposes, created_at, expires_at)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) on conflict (name) do nothing",
                params![
                    stored.id,
                    spec.name,
                    stored.hash,
                    spec.scopes.names().join(" "),
                    spec.origins.join(" "),
                    spec.rate.map(|rate| rate.to_string()),
                    spec.purposes.names().join(" "),
                    stored.created_at,
                    spec.expires_at,
                ],
            )?;
            Ok(inserted > 0)
        })?;
        if !inserted {
            return Err(ControlError::Taken(format!("a key named {:?} exists already", stored.spec.name)));
        }
        Ok((stored, text))
    }

    /// Returns all keys, by name.
    pub(crate) fn keys(&self) -> Result<Vec<StoredKey>, ControlError> {
        let connection = self.connection();
        let mut statement = connection.prepare(
            "select id, name, hash, scopes, origins, rate, purposes, created_at, expires_at, last_used_at from keys order by name",
        )?;
        let keys = statement.query_map([], read_key)?.collect::<Result<_, _>>()?;
        Ok(keys)
    }

    /// Writes down when keys were last used. That is no decision, and has no line in the audit log.
    pub(crate) fn note_uses(&self, uses: &[(&str, i64)]) -> Result<(), ControlError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        for (id, at) in uses {
            transaction.execute("update keys set last_used_at = ?2 where id = ?1", params![id, at])?;
        }
        Ok(transaction.commit()?)
    }

    /// Forgets a key. Returns whether there was one. Durable once `Ok`. The name is for the audit log.
    pub(crate) fn revoke_key(&self, id: &str, name: Option<&str>, by: By<'_>) -> Result<bool, ControlError> {
        self.change(by, "key.revoked", &json!({"id": id, "name": name}), |transaction| {
            Ok(transaction.execute("delete from keys where id = ?1", [id])? > 0)
        })
    }
}

fn read_key(row: &Row<'_>) -> rusqlite::Result<StoredKey> {
    let words = |column: usize| -> rusqlite::Result<String> { row.get(column) };
    let bad = |column: usize, message: String| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, message.into())
    };
    let rate: Option<String> = row.get(5)?;
    Ok(StoredKey {
        id: row.get(0)?,
        hash: row.get(2)?,
        created_at: row.get(7)?,
        last_used_at: row.get(9)?,
        spec: NewKey {
            name: row.get(1)?,
            scopes: Scopes::parse(words(3)?.split_whitespace()).map_err(|error| bad(3, error))?,
            origins: words(4)?.split_whitespace().map(str::to_owned).collect(),
            rate: rate.map(|rate| rate.parse()).transpose().map_err(|error| bad(5, error))?,
            purposes: Purposes::parse(words(6)?.split_whitespace()).map_err(|error| bad(6, error))?,
            expires_at: row.get(8)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::super::Scope;
    use super::*;

    #[test]
    fn keys_are_kept_as_hashes_under_unique_names() {
        let control = Control::in_memory();
        let new = NewKey {
            name: "shop".into(),
            scopes: Scopes::of(&[Scope::IngestPublic]),
            origins: vec!["https://shop.example".into()],
            rate: Some("1000/min".parse().unwrap()),
            purposes: Purposes::DEFAULT,
            expires_at: Some(7),
        };
        let (stored, text) = control.create_key(new.clone(), &[1; 32], By::weir(5)).unwrap();
        assert_eq!(stored.hash, hash_secret(&[1; 32], &text.secret));
        assert!(matches!(control.create_key(new, &[1; 32], By::weir(6)), Err(ControlError::Taken(_))));
        let kept = control.keys().unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!(format!("{:?}", kept[0]), format!("{stored:?}"));
        control.note_uses(&[(&stored.id, 8), ("key_gone", 9)]).unwrap();
        assert_eq!(control.keys().unwrap()[0].last_used_at, Some(8));
        let by = By { actor: "ops", at: 7 };
        assert!(control.revoke_key(&stored.id, Some("shop"), by).unwrap());
        assert!(!control.revoke_key(&stored.id, None, by).unwrap());
        let told: Vec<String> = control.audit(None, 9).unwrap().into_iter().map(|line| line.action).collect();
        assert_eq!(told, ["key.revoked", "key.created"], "and nothing of what was refused");
    }
}
