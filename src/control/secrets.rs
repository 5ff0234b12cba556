//! Secrets of the data directory: made once from the system's randomness, never shown, never leaving the file.

use rusqlite::{OptionalExtension, params};
use serde_json::json;

use super::audit::By;
use super::{Control, ControlError};

impl Control {
    /// Returns the secret of this name, making it at the first call. Durable before it is returned.
    pub(crate) fn secret(&self, name: &str, now: i64) -> Result<[u8; 32], ControlError> {
        let stored: Option<[u8; 32]> = self
            .connection()
            .query_row("select value from secrets where name = ?1", [name], |row| row.get(0))
            .optional()?;
        if let Some(secret) = stored {
            return Ok(secret);
        }
        let secret: [u8; 32] = rand::random();
        self.change(By::weir(now), "secret.made", &json!({"name": name}), |transaction| {
            let sql = "insert into secrets (name, value, created_at) values (?1, ?2, ?3)";
            Ok(transaction.execute(sql, params![name, secret, now])? > 0)
        })?;
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_differs_by_name() {
        let control = Control::in_memory();
        let first = control.secret("keys", 1).unwrap();
        assert_eq!(control.secret("keys", 2).unwrap(), first);
        assert_ne!(control.secret("fingerprints", 2).unwrap(), first);
    }
}
