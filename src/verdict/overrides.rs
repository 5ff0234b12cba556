//! Overrides: an operator's word about one entity, which comes before all evidence. Kept in memory for the verdict path;
//! the control database is what survives a restart.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ingest::scrub_text;
use queries::EntityKind;
use serde::Deserialize;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::decisions::Verdict;
use super::error::VerdictError;
use super::request::{Pseudonyms, check_id, email_hash, read_object};
use crate::clock;
use crate::control::{By, Control};

/// The most overrides there can be.
pub(crate) const OVERRIDES_MAX: usize = 100_000;
const REASON_CHARS_MAX: usize = 500;
const LIFETIME_DAYS_MAX: i64 = 366;
const DAY_US: i64 = 86_400 * 1_000_000;

/// An operator's word about one entity, until a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Override {
    /// The kind of the entity.
    pub(crate) entity_kind: EntityKind,
    /// The entity's id; the hash of an address or an e-mail.
    pub(crate) entity: Arc<str>,
    /// What every request of it is answered.
    pub(crate) verdict: Verdict,
    /// Why, in the operator's words.
    pub(crate) reason: String,
    /// When it lapses, microseconds since the Unix epoch.
    pub(crate) expires_at: i64,
    /// When it was made, microseconds since the Unix epoch.
    pub(crate) created_at: i64,
    /// The name of the key that made it.
    pub(crate) created_by: String,
}

impl Serialize for Override {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Override", 7)?;
        fields.serialize_field("entity_kind", self.entity_kind.name())?;
        fields.serialize_field("entity", &*self.entity)?;
        fields.serialize_field("verdict", self.verdict.name())?;
        fields.serialize_field("reason", &self.reason)?;
        fields.serialize_field("expires_at", &clock::rfc3339(self.expires_at))?;
        fields.serialize_field("created_at", &clock::rfc3339(self.created_at))?;
        fields.serialize_field("created_by", &self.created_by)?;
        fields.end()
    }
}

/// The body of `PUT /v1/overrides`, as it came.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    entity_kind: String,
    entity: String,
    verdict: String,
    reason: String,
    expires_at: serde_json::Value,
}

impl Override {
    /// Reads and checks the body of `PUT /v1/overrides`. An address or an e-mail address is replaced by its hash, since
    /// neither may be kept; the hash of an address changes with its salt (30 days), and an override of it lapses then.
    ///
    /// # Errors
    /// [`VerdictError::Invalid`] naming the field.
    pub(crate) fn parse(body: &[u8], names: &dyn Pseudonyms, key: &str, now: i64) -> Result<Self, VerdictError> {
        let wire: Wire = read_object(body)?;
        let entity_kind = parse_kind(&wire.entity_kind)?;
        let verdict = Verdict::parse(&wire.verdict)
            .ok_or_else(|| VerdictError::field("verdict", "must be allow, throttle or block"))?;
        if (entity_kind, verdict) == (EntityKind::Component, Verdict::Allow) {
            // Whoever shares a device with a member joins it.
            return Err(VerdictError::field(
                "verdict",
                "must be throttle or block for a component; allow its members one by one",
            ));
        }
        Ok(Self {
            reason: read_reason(&wire.reason)?,
            expires_at: read_time("expires_at", &wire.expires_at, LIFETIME_DAYS_MAX, now)?,
            entity_kind,
            entity: entity_name(entity_kind, &wire.entity, names, now)?.into(),
            verdict,
            created_at: now,
            created_by: key.to_owned(),
        })
    }
}

/// Reads why somebody decided something. People paste what they have before them; an address or a card number is scrubbed.
///
/// # Errors
/// [`VerdictError::Invalid`] when there are no words, or too many.
pub(super) fn read_reason(given: &str) -> Result<String, VerdictError> {
    let reason = given.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Err(VerdictError::field("reason", format_args!("must be 1 to {REASON_CHARS_MAX} characters")));
    }
    Ok(scrub_text(reason).into_owned())
}

/// Reads when something ends.
///
/// # Errors
/// [`VerdictError::Invalid`] naming the field, unless it is in the future and within so many days.
pub(super) fn read_time(
    field: &'static str,
    given: &serde_json::Value,
    days_max: i64,
    now: i64,
) -> Result<i64, VerdictError> {
    let at = clock::from_json(given).map_err(|problem| VerdictError::field(field, problem))?;
    if at <= now {
        return Err(VerdictError::field(field, "must be in the future"));
    }
    if at - now > days_max * DAY_US {
        return Err(VerdictError::field(field, format_args!("must be within {days_max} days")));
    }
    Ok(at)
}

/// Reads an entity kind of the API.
///
/// # Errors
/// [`VerdictError::Invalid`] with the kinds there are.
pub(crate) fn parse_kind(name: &str) -> Result<EntityKind, VerdictError> {
    EntityKind::parse(name).ok_or_else(|| {
        let kinds: Vec<&str> = EntityKind::ALL.into_iter().map(EntityKind::name).collect();
        VerdictError::field("entity_kind", format_args!("must be one of {}", kinds.join(", ")))
    })
}

/// Returns the name an entity is kept under: an address or an e-mail address given in clear becomes its hash.
///
/// # Errors
/// [`VerdictError::Invalid`] when it is no valid id.
pub(crate) fn entity_name(
    kind: EntityKind,
    given: &str,
    names: &dyn Pseudonyms,
    now: i64,
) -> Result<String, VerdictError> {
    if kind == EntityKind::Ip
        && let Ok(ip) = given.parse::<IpAddr>()
    {
        return Ok(names.address(ip.to_canonical(), now).hash);
    }
    if kind == EntityKind::Email && given.contains('@') {
        return email_hash(given, names);
    }
    check_id("entity", given, names)?;
    Ok(given.to_owned())
}

type ByEntity = HashMap<Box<str>, Arc<Override>>;

/// The overrides in force.
pub(crate) struct Overrides {
    control: Arc<Control>,
    /// Held while a change is written, so that memory and database change in the same order. Not by readers.
    changing: Mutex<()>,
    /// By kind, in the order of [`EntityKind::ALL`].
    book: RwLock<Vec<ByEntity>>,
    /// So that nobody waits for an empty book.
    count: AtomicUsize,
}

impl Overrides {
    /// Reads the overrides in force. Waits for the database.
    ///
    /// # Errors
    /// [`VerdictError::Store`].
    pub(crate) fn load(control: Arc<Control>, now: i64) -> Result<Self, VerdictError> {
        let mut book: Vec<ByEntity> = EntityKind::ALL.iter().map(|_| ByEntity::new()).collect();
        let mut count = 0;
        for stored in control.overrides()?.into_iter().filter(|stored| stored.expires_at > now) {
            let entity: Box<str> = Box::from(&*stored.entity);
            if book[stored.entity_kind as usize].insert(entity, Arc::new(stored)).is_none() {
                count += 1;
            }
        }
        Ok(Self { control, changing: Mutex::new(()), book: RwLock::new(book), count: AtomicUsize::new(count) })
    }

    /// Returns the override of an entity, if one is in force.
    pub(crate) fn find(&self, kind: EntityKind, entity: &str, now: i64) -> Option<Arc<Override>> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let book = self.book.read().unwrap_or_else(PoisonError::into_inner);
        book[kind as usize].get(entity).filter(|found| found.expires_at > now).cloned()
    }

    /// Returns those in force, the newest first.
    pub(crate) fn list(&self, now: i64) -> Vec<Arc<Override>> {
        let book = self.book.read().unwrap_or_else(PoisonError::into_inner);
        let mut list: Vec<Arc<Override>> =
            book.iter().flat_map(HashMap::values).filter(|found| found.expires_at > now).cloned().collect();
        drop(book);
        list.sort_by(|a, b| (b.created_at, &a.entity).cmp(&(a.created_at, &b.entity)));
        list
    }

    /// Makes an override, or replaces the entity's. In force and durable once `Ok`. Waits for the database.
    ///
    /// # Errors
    /// [`VerdictError::Full`] beyond [`OVERRIDES_MAX`]; [`VerdictError::Store`], and then nothing changed.
    pub(crate) fn put(&self, new: Override, now: i64) -> Result<Arc<Override>, VerdictError> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.count.load(Ordering::Relaxed) >= OVERRIDES_MAX {
            self.drop_lapsed(now)?;
        }
        let known = self.book.read().unwrap_or_else(PoisonError::into_inner)[new.entity_kind as usize]
            .contains_key(&*new.entity);
        if !known && self.count.load(Ordering::Relaxed) >= OVERRIDES_MAX {
            return Err(VerdictError::Full("there are 100000 overrides; delete some first"));
        }
        self.control.put_override(&new)?;
        let new = Arc::new(new);
        let mut book = self.book.write().unwrap_or_else(PoisonError::into_inner);
        if book[new.entity_kind as usize].insert(Box::from(&*new.entity), Arc::clone(&new)).is_none() {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(new)
    }

    /// Ends an override. Waits for the database.
    ///
    /// # Errors
    /// [`VerdictError::NotFound`]; [`VerdictError::Store`], and then nothing changed.
    pub(crate) fn delete(&self, kind: EntityKind, entity: &str, by: By<'_>) -> Result<(), VerdictError> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.control.end_override(kind, entity, by)? {
            return Err(VerdictError::NotFound("there is no override of this entity"));
        }
        let mut book = self.book.write().unwrap_or_else(PoisonError::into_inner);
        if book[kind as usize].remove(entity).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn drop_lapsed(&self, now: i64) -> Result<(), VerdictError> {
        self.control.drop_lapsed(now)?;
        let mut book = self.book.write().unwrap_or_else(PoisonError::into_inner);
        book.iter_mut().for_each(|of_kind| of_kind.retain(|_, found| found.expires_at > now));
        self.count.store(book.iter().map(HashMap::len).sum(), Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
