//! The salts under which client addresses are hashed: one for each 30 days, destroyed 60 days after its first use, so that
//! an old hash can no longer be tried against addresses. The copy in memory is what the hot path reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rusqlite::params;
use serde_json::json;

use super::audit::By;
use super::{Control, ControlError};

const EPOCH_US: i64 = 30 * 86_400 * 1_000_000;

/// The salts that exist, by epoch: the one before, the one in force, and the next.
pub(crate) struct Salts {
    control: Arc<Control>,
    by_epoch: ArcSwap<BTreeMap<i64, [u8; 32]>>,
}

impl Salts {
    /// Loads the salts, making and destroying as the time demands. Durable once `Ok`.
    pub(crate) fn load(control: Arc<Control>, now: i64) -> Result<Self, ControlError> {
        let salts = Self { control, by_epoch: ArcSwap::default() };
        salts.rotate(now)?;
        Ok(salts)
    }

    /// Makes the salts of this and the next epoch, and destroys those of two epochs ago and before.
    pub(crate) fn rotate(&self, now: i64) -> Result<(), ControlError> {
        let epoch = now.div_euclid(EPOCH_US);
        self.by_epoch.store(Arc::new(self.control.rotate_salts(epoch, now)?));
        Ok(())
    }

    /// Returns the salt in force; for a time without one (an import of long ago), the oldest there is.
    pub(crate) fn at(&self, now: i64) -> [u8; 32] {
        let salts = self.by_epoch.load();
        let in_force = salts.range(..=now.div_euclid(EPOCH_US)).next_back().or_else(|| salts.iter().next());
        *in_force.expect("rotation made the salts of this epoch and the next").1
    }

    /// Returns the salt before the one in force, while it exists.
    pub(crate) fn before(&self, now: i64) -> Option<[u8; 32]> {
        self.by_epoch.load().get(&(now.div_euclid(EPOCH_US) - 1)).copied()
    }
}

impl Control {
    fn rotate_salts(&self, epoch: i64, now: i64) -> Result<BTreeMap<i64, [u8; 32]>, ControlError> {
        self.change(By::weir(now), "salts.rotated", &json!({"epoch": epoch}), |transaction| {
            let mut changed = transaction.execute("delete from salts where epoch < ?1", [epoch - 1])?;
            for wanted in [epoch, epoch + 1] {
                let fresh: [u8; 32] = rand::random();
                changed += transaction.execute(
                    "insert into salts (epoch, salt, created_at) values (?1, ?2, ?3) on conflict (epoch) do nothing",
                    params![wanted, fresh, now],
                )?;
            }
            Ok(changed > 0)
        })?;
        let connection = self.connection();
        let mut statement = connection.prepare("select epoch, salt from salts")?;
        let salts = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        Ok(salts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salt_holds_for_thirty_days_and_is_gone_after_sixty() {
        let control = Arc::new(Control::in_memory());
        let start = 700 * EPOCH_US + 5;
        let salts = Salts::load(Arc::clone(&control), start).unwrap();
        let first = salts.at(start);
        assert_eq!(salts.at(701 * EPOCH_US - 1), first);
        let second = salts.at(701 * EPOCH_US);
        assert_ne!(second, first, "the next one is there before it is needed");
        assert_eq!(salts.at(0), first, "long ago");
        salts.rotate(701 * EPOCH_US).unwrap();
        assert_eq!((salts.at(701 * EPOCH_US), salts.before(701 * EPOCH_US)), (second, Some(first)));
        salts.rotate(702 * EPOCH_US).unwrap();
        assert_eq!(salts.before(702 * EPOCH_US), Some(second));
        let kept = Salts::load(control, 702 * EPOCH_US).unwrap();
        assert!(!kept.by_epoch.load().values().any(|salt| *salt == first), "destroyed");
    }
}
