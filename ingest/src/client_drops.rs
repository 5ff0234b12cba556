//! What SDKs say that they dropped before it reached us: the other half of a key's ledger, by what it was and why. Since the
//! start, like all outcomes; a client's word, so nothing is decided by it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// So many of one kind were dropped for one reason. Both are words of a fixed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientDrop {
    /// Why: `network_error`, `ratelimit_backoff`, …
    pub reason: &'static str,
    /// What: `error`, `session`, `log_item`, …
    pub category: &'static str,
    /// How many.
    pub quantity: u64,
}

/// By category, by reason: how many.
pub type DropsByCategory = BTreeMap<&'static str, BTreeMap<&'static str, u64>>;

/// The ledger. As large as there are keys, categories and reasons.
#[derive(Default)]
pub(crate) struct ClientDrops(Mutex<BTreeMap<Arc<str>, DropsByCategory>>);

impl ClientDrops {
    /// Adds what a client of this key told.
    pub(crate) fn note(&self, key: &Arc<str>, drops: &[ClientDrop]) {
        if drops.is_empty() {
            return;
        }
        let mut ledger = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_key = ledger.entry(Arc::clone(key)).or_default();
        for ClientDrop { reason, category, quantity } in drops {
            let total = of_key.entry(category).or_default().entry(reason).or_default();
            *total = total.saturating_add(*quantity);
        }
    }

    /// Returns all of it, by key name.
    pub(crate) fn by_key(&self) -> BTreeMap<String, DropsByCategory> {
        let ledger = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.iter().map(|(key, drops)| (key.to_string(), drops.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_add_up_by_key_category_and_reason() {
        let ledger = ClientDrops::default();
        let drop = |reason, category, quantity| ClientDrop { reason, category, quantity };
        ledger.note(&"app".into(), &[drop("network_error", "error", 2), drop("network_error", "error", 3)]);
        ledger.note(&"app".into(), &[drop("before_send", "error", u64::MAX), drop("before_send", "error", 1)]);
        ledger.note(&"web".into(), &[]);
        let told = ledger.by_key();
        assert_eq!(told["app"]["error"], BTreeMap::from([("before_send", u64::MAX), ("network_error", 5)]));
        assert!(!told.contains_key("web"));
    }
}
