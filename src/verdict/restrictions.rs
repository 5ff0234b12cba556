//! What is known of entities outside a request: the active restrictions, and the state of one entity.

use std::sync::Arc;

use queries::{EntityKind, Hit, HitBook, Mode, Restraint, points_to_score};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::decisions::Verdict;
use super::fold::is_address;
use super::links::Links;
use super::overrides::{Override, Overrides};
use super::snoozes::{Snooze, Snoozes};
use crate::clock;

/// One entity that is throttled or blocked, by a live hit or by an override.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Restriction {
    /// The rule, or `override`.
    pub(crate) rule: Arc<str>,
    /// The rule's version; empty for overrides.
    pub(crate) version: Arc<str>,
    /// The kind of the entity.
    pub(crate) entity_kind: EntityKind,
    /// The entity's id.
    pub(crate) entity: Arc<str>,
    /// Throttle or block.
    pub(crate) verdict: Verdict,
    /// The actions it restrains; empty means all.
    pub(crate) actions: Arc<[Arc<str>]>,
    /// Since when, microseconds since the Unix epoch.
    pub(crate) since: i64,
    /// Until when, microseconds since the Unix epoch.
    pub(crate) until: i64,
}

impl Restriction {
    /// Returns what stays the same while a restriction changes: rule, kind and entity.
    pub(crate) fn key(&self) -> (&str, EntityKind, &str) {
        (&self.rule, self.entity_kind, &self.entity)
    }

    fn of_override(found: &Override, entity_kind: EntityKind, entity: &Arc<str>) -> Self {
        Self {
            rule: "override".into(),
            version: "".into(),
            entity_kind,
            entity: Arc::clone(entity),
            verdict: found.verdict,
            actions: Arc::default(),
            since: found.created_at,
            until: found.expires_at,
        }
    }

    /// Returns the restriction that a live hit is; none where it only adds points.
    pub(super) fn of_hit(hit: &Hit) -> Option<Self> {
        let capped = hit.browser_facts || is_address(hit.entity_kind);
        let verdict = match hit.verdict {
            Restraint::None => return None,
            Restraint::Block if !capped => Verdict::Block,
            Restraint::Block | Restraint::Throttle => Verdict::Throttle,
        };
        Some(Self {
            rule: Arc::clone(&hit.rule),
            version: Arc::clone(&hit.version),
            entity_kind: hit.entity_kind,
            entity: Arc::clone(&hit.entity),
            verdict,
            actions: Arc::clone(&hit.actions),
            since: hit.first_at,
            until: hit.until,
        })
    }
}

impl Serialize for Restriction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Restriction", 8)?;
        fields.serialize_field("entity_kind", self.entity_kind.name())?;
        fields.serialize_field("entity", &*self.entity)?;
        fields.serialize_field("verdict", self.verdict.name())?;
        fields.serialize_field("rule", &*self.rule)?;
        fields.serialize_field("version", &*self.version)?;
        fields.serialize_field("actions", &self.actions)?;
        fields.serialize_field("since", &clock::rfc3339(self.since))?;
        fields.serialize_field("until", &clock::rfc3339(self.until))?;
        fields.end()
    }
}

/// Returns what is restrained at `now`: the overrides first, those of components with all of their members, then the live
/// hits of entities that no override allows.
pub(crate) fn restrictions(hits: &HitBook, overrides: &Overrides, snoozes: &Snoozes, now: i64) -> Vec<Restriction> {
    let denied = |kind, id: &str| overrides.find(kind, id, now).is_some_and(|found| found.verdict > Verdict::Allow);
    let open = hits.list(now);
    let unsnoozed = || open.iter().filter(|hit| !snoozes.silence(hit, now));
    let mut all = Vec::new();
    for found in overrides.list(now).iter().filter(|found| found.verdict > Verdict::Allow) {
        all.push(Restriction::of_override(found, found.entity_kind, &found.entity));
        if found.entity_kind == EntityKind::Component {
            let members = members(unsnoozed(), &found.entity).into_iter();
            let inherit = members.filter(|(kind, entity)| !denied(*kind, entity));
            all.extend(inherit.map(|(kind, entity)| Restriction::of_override(found, kind, &entity)));
        }
    }
    all.extend(
        unsnoozed()
            .filter(|hit| hit.mode == Mode::Live)
            .filter(|hit| {
                let found = overrides.find(hit.entity_kind, &hit.entity, now);
                found.is_none_or(|found| found.verdict > Verdict::Allow)
            })
            .filter_map(|hit| Restriction::of_hit(hit)),
    );
    all
}

/// Returns the entities that one of these hits found in a component, each once.
fn members<'h>(hits: impl Iterator<Item = &'h Arc<Hit>>, component: &str) -> Vec<(EntityKind, Arc<str>)> {
    let found = hits.filter(|hit| hit.component.as_deref() == Some(component));
    let mut members: Vec<_> = found.map(|hit| (hit.entity_kind, Arc::clone(&hit.entity))).collect();
    members.sort_unstable_by(|a, b| (a.0.name(), &a.1).cmp(&(b.0.name(), &b.1)));
    members.dedup();
    members
}

/// What is known of one entity.
#[derive(Clone, Debug)]
pub(crate) struct EntityState {
    /// The score, 0-100.
    pub(crate) score: u8,
    /// The open hits with whether each counts: live and not snoozed.
    pub(crate) hits: Vec<(Arc<Hit>, bool)>,
    /// The override in force.
    pub(crate) overridden_by: Option<Arc<Override>>,
    /// The snoozes in force.
    pub(crate) snoozes: Vec<Arc<Snooze>>,
    /// The entities linked to it by the latest server bind, and the components that hits found it in; of a component,
    /// its members.
    pub(crate) links: Vec<(EntityKind, Arc<str>)>,
}

impl EntityState {
    /// Tells whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.hits.is_empty() && self.overridden_by.is_none() && self.snoozes.is_empty() && self.links.is_empty()
    }
}

impl Serialize for EntityState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Linked<'a> {
            entity_kind: &'static str,
            entity: &'a str,
        }
        let hits: Vec<HitState<'_>> = self.hits.iter().map(|(hit, counts)| HitState { hit, counts: *counts }).collect();
        let links: Vec<Linked<'_>> =
            self.links.iter().map(|(kind, entity)| Linked { entity_kind: kind.name(), entity }).collect();
        let mut fields = serializer.serialize_struct("EntityState", 5)?;
        fields.serialize_field("score", &self.score)?;
        fields.serialize_field("hits", &hits)?;
        fields.serialize_field("override", &self.overridden_by)?;
        fields.serialize_field("snoozes", &self.snoozes)?;
        fields.serialize_field("links", &links)?;
        fields.end()
    }
}

/// One hit of an entity, as the API writes it.
struct HitState<'a> {
    hit: &'a Hit,
    counts: bool,
}

impl Serialize for HitState<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hit = self.hit;
        let mut fields = serializer.serialize_struct("Hit", 15)?;
        fields.serialize_field("rule", &*hit.rule)?;
        fields.serialize_field("version", &*hit.version)?;
        fields.serialize_field("mode", hit.mode.name())?;
        fields.serialize_field("counts", &self.counts)?;
        fields.serialize_field("verdict", hit.verdict.name())?;
        fields.serialize_field("step_up", hit.step_up.name())?;
        fields.serialize_field("points", &hit.points)?;
        fields.serialize_field("observed", &hit.observed)?;
        fields.serialize_field("threshold", &hit.threshold)?;
        fields.serialize_field("window", &*hit.window)?;
        fields.serialize_field("actions", &hit.actions)?;
        fields.serialize_field("browser_facts", &hit.browser_facts)?;
        fields.serialize_field("component", &hit.component.as_deref())?;
        fields.serialize_field("first_at", &clock::rfc3339(hit.first_at))?;
        fields.serialize_field("until", &clock::rfc3339(hit.until))?;
        fields.end()
    }
}

/// Returns the state of an entity at `now`.
pub(crate) fn entity_state(
    (book, overrides, snoozes, links): (&HitBook, &Overrides, &Snoozes, &Links),
    (kind, id): (EntityKind, &str),
    now: i64,
) -> EntityState {
    let hits: Vec<(Arc<Hit>, bool)> = book
        .open(kind, id, now)
        .iter()
        .map(|hit| (Arc::clone(hit), hit.mode == Mode::Live && !snoozes.silence(hit, now)))
        .collect();
    let mut links = linked(links, kind, id);
    if kind == EntityKind::Component {
        links.extend(members(book.list(now).iter(), id));
    } else {
        let mut components: Vec<Arc<str>> = hits.iter().filter_map(|(hit, _)| hit.component.clone()).collect();
        components.sort_unstable();
        components.dedup();
        links.extend(components.into_iter().map(|component| (EntityKind::Component, component)));
    }
    EntityState {
        score: points_to_score(hits.iter().filter(|(_, counts)| *counts).map(|(hit, _)| hit.points)),
        hits,
        overridden_by: overrides.find(kind, id, now),
        snoozes: snoozes.of_entity(kind, id, now),
        links,
    }
}

/// Returns the entities one hop away from an entity.
pub(crate) fn linked(links: &Links, kind: EntityKind, id: &str) -> Vec<(EntityKind, Arc<str>)> {
    match kind {
        EntityKind::Guest => links.account_of(id).map(|account| (EntityKind::Account, account)).into_iter().collect(),
        EntityKind::Account => {
            links.guests_of(id).iter().map(|(_, guest)| (EntityKind::Guest, Arc::clone(guest))).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
