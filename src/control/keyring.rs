//! The keys in memory, as requests meet them: one lookup, one hash, one constant-time comparison, no lock.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use subtle::ConstantTimeEq;

use super::audit::By;
use super::key::{Key, KeyText, LastUse, Purposes, Scopes};
use super::keys::{NewKey, StoredKey, hash_secret};
use super::rate::Quota;
use super::{Control, ControlError};

type Keys = HashMap<Arc<str>, Arc<Key>>;

/// All keys of the process: those of the control database and those fixed at start (`WEIR_ADMIN_KEY`, the demo's).
pub(crate) struct Keyring {
    control: Arc<Control>,
    hash_key: [u8; 32],
    fixed: Vec<Arc<Key>>,
    keys: ArcSwap<Keys>,
}

impl Keyring {
    /// Loads the keys. A fixed key hides a stored one of the same name.
    pub(crate) fn load(control: Arc<Control>, fixed: &[(KeyText, Scopes)], now: i64) -> Result<Self, ControlError> {
        let hash_key = control.secret("keys", now)?;
        let fixed = fixed.iter().map(|(text, scopes)| Arc::new(fixed_key(text, *scopes, &hash_key, now))).collect();
        let ring = Self { control, hash_key, fixed, keys: ArcSwap::default() };
        ring.reload()?;
        Ok(ring)
    }

    /// Tells whether there is no key at all: nobody could sign in.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.load().is_empty()
    }

    /// Returns the key whose whole text this is, unless it has expired.
    pub(crate) fn authenticate(&self, text: &str, now: i64) -> Option<Arc<Key>> {
        let (name, secret) = KeyText::split(text)?;
        let hash = hash_secret(&self.hash_key, secret);
        let keys = self.keys.load();
        let key = keys.get(name)?;
        let matches: bool = key.hash.ct_eq(&hash).into();
        (matches && key.expires_at.is_none_or(|end| now < end)).then(|| {
            key.used.note(now);
            Arc::clone(key)
        })
    }

    /// Returns the key of this name, unless it has expired.
    pub(crate) fn by_name(&self, name: &str, now: i64) -> Option<Arc<Key>> {
        let key = self.keys.load().get(name).filter(|key| key.expires_at.is_none_or(|end| now < end)).cloned()?;
        key.used.note(now);
        Some(key)
    }

    /// Writes down when keys were last used, where that changed. Waits for the control database.
    pub(crate) fn write_uses(&self) -> Result<(), ControlError> {
        let keys = self.keys.load();
        let unwritten = keys.values().filter_map(|key| Some((key.id.as_str(), key.used.take_unwritten()?)));
        let uses: Vec<(&str, i64)> = unwritten.collect();
        if uses.is_empty() { Ok(()) } else { self.control.note_uses(&uses) }
    }

    /// Returns all keys, by name.
    pub(crate) fn list(&self) -> Vec<Arc<Key>> {
        let mut keys: Vec<Arc<Key>> = self.keys.load().values().cloned().collect();
        keys.sort_by(|one, other| one.name.cmp(&other.name));
        keys
    }

    /// Tells whether any key may be used by a page of this origin. Only its yes or no shows, in preflights.
    pub(crate) fn any_allows_origin(&self, origin: &str) -> bool {
        self.keys.load().values().any(|key| key.allows_origin(origin))
    }

    /// Makes a key; usable at once, durable once `Ok`.
    pub(crate) fn create(&self, new: NewKey, by: By<'_>) -> Result<(StoredKey, KeyText), ControlError> {
        if self.fixed.iter().any(|key| *key.name == *new.name) {
            return Err(ControlError::Taken(format!("a key named {:?} exists already", new.name)));
        }
        let made = self.control.create_key(new, &self.hash_key, by)?;
        self.reload()?;
        Ok(made)
    }

    /// Revokes a key; the next request with it is refused.
    pub(crate) fn revoke(&self, id: &str, by: By<'_>) -> Result<bool, ControlError> {
        if self.fixed.iter().any(|key| key.id == id) {
            return Err(ControlError::Invalid("this key was given at start; remove it there and restart".into()));
        }
        let name = self.keys.load().values().find(|key| key.id == id).map(|key| Arc::clone(&key.name));
        let revoked = self.control.revoke_key(id, name.as_deref(), by)?;
        self.reload()?;
        Ok(revoked)
    }

    fn reload(&self) -> Result<(), ControlError> {
        let stored = self.control.keys()?;
        let before = self.keys.load();
        let mut keys = Keys::with_capacity(stored.len() + self.fixed.len());
        for key in stored {
            let name: Arc<str> = key.spec.name.as_str().into();
            let quota = before.get(&name).map_or_else(Arc::default, |key| Arc::clone(&key.quota));
            // The quota is the name's, so that nobody gets a new one by making the key again; a use is the key's own.
            let same = before.get(&name).filter(|known| known.id == key.id).map(|known| Arc::clone(&known.used));
            let used = same.unwrap_or_else(|| Arc::new(LastUse::written_at(key.last_used_at)));
            keys.insert(Arc::clone(&name), Arc::new(live_key(key, name, quota, used)));
        }
        for key in &self.fixed {
            keys.insert(Arc::clone(&key.name), Arc::clone(key));
        }
        self.keys.store(Arc::new(keys));
        Ok(())
    }
}

fn live_key(stored: StoredKey, name: Arc<str>, quota: Arc<Quota>, used: Arc<LastUse>) -> Key {
    let StoredKey { id, hash, created_at, spec, last_used_at: _ } = stored;
    let NewKey { scopes, origins, rate, purposes, expires_at, .. } = spec;
    Key { id, name, hash, scopes, origins, rate, quota, used, purposes, created_at, expires_at }
}

fn fixed_key(text: &KeyText, scopes: Scopes, hash_key: &[u8; 32], now: i64) -> Key {
    Key {
        id: format!("{}{}", Key::FIXED_PREFIX, text.name),
        name: text.name.as_str().into(),
        hash: hash_secret(hash_key, &text.secret),
        scopes,
        origins: Vec::new(),
        rate: None,
        quota: Arc::default(),
        used: Arc::default(),
        purposes: Purposes::ALL,
        created_at: now,
        expires_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scope;
    use super::*;

    fn ring(fixed: &[(KeyText, Scopes)]) -> Keyring {
        Keyring::load(Arc::new(Control::in_memory()), fixed, 1).unwrap()
    }

    fn new_key(name: &str, expires_at: Option<i64>) -> NewKey {
        let scopes = Scopes::of(&[Scope::Query]);
        NewKey { name: name.into(), scopes, origins: vec![], rate: None, purposes: Purposes::DEFAULT, expires_at }
    }

    #[test]
    fn only_the_whole_text_of_a_living_key_opens() {
        let ring = ring(&[]);
        assert!(ring.is_empty());
        let (stored, text) = ring.create(new_key("bi", Some(100)), By::weir(1)).unwrap();
        let text = text.to_string();
        assert_eq!(*ring.authenticate(&text, 99).unwrap().name, *"bi");
        assert!(ring.authenticate(&text, 100).is_none(), "expired");
        let other = if text.ends_with('a') { "b" } else { "a" };
        assert!(ring.authenticate(&format!("{}{other}", &text[..text.len() - 1]), 1).is_none());
        assert!(ring.authenticate(&text[..text.len() - 1], 1).is_none());
        assert!(ring.authenticate("wk_nobody_0123456789abcdef", 1).is_none());
        assert!(ring.revoke(&stored.id, By::weir(2)).unwrap());
        assert!(ring.authenticate(&text, 1).is_none(), "revoked at once");
    }

    #[test]
    fn the_last_use_of_a_key_outlives_a_restart_but_not_the_key() {
        let control = Arc::new(Control::in_memory());
        let load = || Keyring::load(Arc::clone(&control), &[], 1).unwrap();
        let ring = load();
        let (stored, text) = ring.create(new_key("bi", None), By::weir(1)).unwrap();
        assert_eq!(ring.list()[0].used.at(), None);
        ring.authenticate(&text.to_string(), 5_000_000);
        ring.authenticate(&text.to_string(), 5_400_000);
        ring.write_uses().unwrap();
        ring.create(new_key("other", None), By::weir(1)).unwrap();
        assert_eq!(ring.list()[0].used.at(), Some(5_000_000), "another key changed nothing");
        assert_eq!(load().list()[0].used.at(), Some(5_000_000));
        ring.revoke(&stored.id, By::weir(2)).unwrap();
        ring.create(new_key("bi", None), By::weir(3)).unwrap();
        assert_eq!(ring.list()[0].used.at(), None, "a new key of the same name was never used");
    }

    #[test]
    fn fixed_keys_are_never_stored_nor_revoked() {
        let text: KeyText = "wk_root_0123456789abcdef".parse().unwrap();
        let ring = ring(&[(text.clone(), Scopes::ALL)]);
        assert!(ring.authenticate(&text.to_string(), 1).unwrap().scopes.has(Scope::Admin));
        assert!(ring.control.keys().unwrap().is_empty());
        assert!(ring.revoke("fixed_root", By::weir(2)).is_err());
        assert!(matches!(ring.create(new_key("root", None), By::weir(1)), Err(ControlError::Taken(_))));
    }
}
