//! Snoozes: hits of one rule on one entity that count for nothing for a while. A whole rule is silenced by its mode. Kept
//! in memory for the verdict path; the control database is what survives a restart.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use queries::{EntityKind, Hit};
use serde::Deserialize;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::error::VerdictError;
use super::overrides::{parse_kind, read_reason, read_time};
use super::request::read_object;
use super::{VerdictService, entity_name};
use crate::clock;
use crate::control::By;

/// The most snoozes there can be.
const SNOOZES_MAX: usize = 10_000;
const LIFETIME_DAYS_MAX: i64 = 180;

/// One snooze.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snooze {
    /// The rule's name; its versions come and go under it.
    pub(crate) rule: Arc<str>,
    /// The kind of the entity.
    pub(crate) entity_kind: EntityKind,
    /// The entity's id; the hash of an address or an e-mail.
    pub(crate) entity: Arc<str>,
    /// When it ends, microseconds since the Unix epoch.
    pub(crate) until: i64,
    /// Why, in the words of whoever set it.
    pub(crate) reason: Option<String>,
    /// The name of the key that set it.
    pub(crate) created_by: String,
    /// When it was set, microseconds since the Unix epoch.
    pub(crate) created_at: i64,
}

impl Snooze {
    fn is_of(&self, rule: &str, kind: EntityKind) -> bool {
        *self.rule == *rule && self.entity_kind == kind
    }
}

impl Serialize for Snooze {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Snooze", 7)?;
        fields.serialize_field("rule", &*self.rule)?;
        fields.serialize_field("entity_kind", self.entity_kind.name())?;
        fields.serialize_field("entity", &*self.entity)?;
        fields.serialize_field("until", &clock::rfc3339(self.until))?;
        fields.serialize_field("reason", &self.reason)?;
        fields.serialize_field("created_at", &clock::rfc3339(self.created_at))?;
        fields.serialize_field("created_by", &self.created_by)?;
        fields.end()
    }
}

/// The body of `POST /v1/rules/{id}/snooze`, as it came.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    entity_kind: String,
    entity: String,
    until: serde_json::Value,
    reason: Option<String>,
}

/// A set of snoozes. It does not change; another one takes its place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snoozes {
    /// By entity; the few of one entity are of several rules, or of kinds that share an id.
    by_entity: HashMap<Arc<str>, Vec<Arc<Snooze>>>,
    count: usize,
}

impl FromIterator<Snooze> for Snoozes {
    fn from_iter<I: IntoIterator<Item = Snooze>>(snoozes: I) -> Self {
        let mut all = Self::default();
        snoozes.into_iter().for_each(|snooze| all.put(Arc::new(snooze)));
        all
    }
}

impl Snoozes {
    /// Tells whether a hit counts for nothing at `now`. One lookup; none when there are no snoozes.
    pub(crate) fn silence(&self, hit: &Hit, now: i64) -> bool {
        let silences = |snooze: &Arc<Snooze>| snooze.is_of(&hit.rule, hit.entity_kind) && snooze.until > now;
        !self.by_entity.is_empty() && self.by_entity.get(&hit.entity).is_some_and(|list| list.iter().any(silences))
    }

    /// Returns those of an entity that are in force, by rule.
    pub(crate) fn of_entity(&self, kind: EntityKind, entity: &str, now: i64) -> Vec<Arc<Snooze>> {
        let list = self.by_entity.get(entity).into_iter().flatten();
        sorted(list.filter(|snooze| snooze.entity_kind == kind && snooze.until > now))
    }

    /// Returns those of a rule that are in force, by entity.
    pub(crate) fn of_rule(&self, rule: &str, now: i64) -> Vec<Arc<Snooze>> {
        sorted(self.by_entity.values().flatten().filter(|snooze| *snooze.rule == *rule && snooze.until > now))
    }

    fn put(&mut self, new: Arc<Snooze>) {
        self.remove(&new.rule, new.entity_kind, &new.entity);
        self.by_entity.entry(Arc::clone(&new.entity)).or_default().push(new);
        self.count += 1;
    }

    fn remove(&mut self, rule: &str, kind: EntityKind, entity: &str) {
        let Some(list) = self.by_entity.get_mut(entity) else { return };
        let before = list.len();
        list.retain(|snooze| !snooze.is_of(rule, kind));
        self.count -= before - list.len();
        if list.is_empty() {
            self.by_entity.remove(entity);
        }
    }

    fn in_force(&self, now: i64) -> Self {
        let all = self.by_entity.values().flatten().filter(|snooze| snooze.until > now);
        let mut in_force = Self::default();
        all.for_each(|snooze| in_force.put(Arc::clone(snooze)));
        in_force
    }
}

fn sorted<'a>(snoozes: impl Iterator<Item = &'a Arc<Snooze>>) -> Vec<Arc<Snooze>> {
    let mut list: Vec<Arc<Snooze>> = snoozes.cloned().collect();
    list.sort_by(|a, b| (&a.rule, a.entity_kind, &a.entity).cmp(&(&b.rule, b.entity_kind, &b.entity)));
    list
}

impl VerdictService {
    /// Reads and checks the body of `POST /v1/rules/{id}/snooze`, and puts it in force. Waits for the control database.
    ///
    /// # Errors
    /// [`VerdictError::Invalid`] naming the field, [`VerdictError::Full`], and [`VerdictError::Store`]; nothing changed.
    pub(crate) fn snooze(&self, rule: &str, body: &[u8], key: &str, now: i64) -> Result<Arc<Snooze>, VerdictError> {
        let wire: Wire = read_object(body)?;
        let entity_kind = parse_kind(&wire.entity_kind)?;
        let new = Arc::new(Snooze {
            rule: rule.into(),
            entity_kind,
            entity: entity_name(entity_kind, &wire.entity, &*self.names, now)?.into(),
            until: read_time("until", &wire.until, LIFETIME_DAYS_MAX, now)?,
            reason: wire.reason.map(|reason| read_reason(&reason)).transpose()?,
            created_by: key.to_owned(),
            created_at: now,
        });
        let _one_at_a_time = self.snoozing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut snoozes = self.snoozes.load().in_force(now);
        snoozes.put(Arc::clone(&new));
        if snoozes.count > SNOOZES_MAX {
            return Err(VerdictError::Full("there are 10000 snoozes; end some first"));
        }
        self.control.put_snooze(&new)?;
        self.snoozes.store(Arc::new(snoozes));
        Ok(new)
    }

    /// Ends a snooze. Waits for the control database.
    ///
    /// # Errors
    /// [`VerdictError::NotFound`]; [`VerdictError::Store`], and then nothing changed.
    pub(crate) fn end_snooze(
        &self,
        rule: &str,
        (kind, entity): (EntityKind, &str),
        by: By<'_>,
    ) -> Result<(), VerdictError> {
        let _one_at_a_time = self.snoozing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.control.end_snooze(rule, (kind, entity), by)? {
            return Err(VerdictError::NotFound("the rule is not snoozed for this entity"));
        }
        let mut snoozes = self.snoozes.load().in_force(by.at);
        snoozes.remove(rule, kind, entity);
        self.snoozes.store(Arc::new(snoozes));
        Ok(())
    }

    /// Returns a rule's snoozes that are in force.
    pub(crate) fn snoozes_of(&self, rule: &str, now: i64) -> Vec<Arc<Snooze>> {
        self.snoozes.load().of_rule(rule, now)
    }
}

#[cfg(test)]
mod tests;
