//! The open hits, where the verdict path reads them: sharded, from any thread, without allocating, and without a lock that
//! is held across anything but a hash lookup. Not their history (the table `hits`) and not their rules.

use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hashbrown::{DefaultHashBuilder, Equivalent, HashMap};

use super::hit::{EntityKind, Hit, Transition, TransitionKind};

/// A power of two, so that a shard is picked by a mask.
const SHARDS: usize = 64;

#[derive(PartialEq, Eq, Hash)]
struct Key {
    kind: EntityKind,
    entity: Box<str>,
}

/// The borrowed form of [`Key`]: field for field the same hash.
#[derive(Hash)]
struct Lookup<'a> {
    kind: EntityKind,
    entity: &'a str,
}

impl Equivalent<Key> for Lookup<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.kind == key.kind && *self.entity == *key.entity
    }
}

type Shard = HashMap<Key, Arc<[Arc<Hit>]>, DefaultHashBuilder>;

/// The open hits of one entity, as they were when they were asked for.
#[derive(Clone, Debug, Default)]
pub struct HitsOf {
    hits: Option<Arc<[Arc<Hit>]>>,
    now: i64,
}

impl HitsOf {
    /// Returns the hits, one a rule.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Hit>> {
        let now = self.now;
        self.hits.iter().flat_map(|hits| hits.iter()).filter(move |hit| hit.until > now)
    }

    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// The open hits of all entities.
///
/// Limits: holds what its rules opened; a rule's state, and with it the number of its hits, is bounded by the rule engine.
pub struct HitBook {
    hasher: DefaultHashBuilder,
    shards: Vec<RwLock<Shard>>,
}

impl Default for HitBook {
    fn default() -> Self {
        Self::new()
    }
}

impl HitBook {
    /// Returns an empty book.
    #[must_use]
    pub fn new() -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::new(Shard::default())).collect();
        Self { hasher: DefaultHashBuilder::default(), shards }
    }

    /// Returns the hits of an entity that are open at `now`. Neither allocates nor waits for more than a hash lookup.
    #[must_use]
    pub fn open(&self, kind: EntityKind, entity: &str, now: i64) -> HitsOf {
        let lookup = Lookup { kind, entity };
        let hits = self.read(self.shard(&lookup)).get(&lookup).cloned();
        HitsOf { hits, now }
    }

    /// Records a transition: the hit is put, replaced or removed. A transition of a hit that another version of the
    /// rule opened replaces nothing of that version.
    pub fn apply(&self, transition: &Transition) {
        match transition.kind {
            TransitionKind::Opened | TransitionKind::Changed => self.put(Arc::clone(&transition.hit)),
            TransitionKind::Closed => self.remove(&transition.hit),
        }
    }

    /// Puts a hit in the place of the same rule's and version's, or beside the others.
    pub fn put(&self, hit: Arc<Hit>) {
        let lookup = Lookup { kind: hit.entity_kind, entity: &hit.entity };
        let mut shard = self.write(self.shard(&lookup));
        if let Some(hits) = shard.get_mut(&lookup) {
            let others = hits.iter().filter(|other| !is_same(other, &hit)).cloned();
            *hits = others.chain([Arc::clone(&hit)]).collect();
        } else {
            let key = Key { kind: hit.entity_kind, entity: Box::from(&*hit.entity) };
            shard.insert(key, Arc::from([hit]));
        }
    }

    /// Removes the hit of this rule and version from its entity.
    pub fn remove(&self, hit: &Hit) {
        let lookup = Lookup { kind: hit.entity_kind, entity: &hit.entity };
        let mut shard = self.write(self.shard(&lookup));
        let Some(hits) = shard.get_mut(&lookup) else { return };
        let left: Arc<[Arc<Hit>]> = hits.iter().filter(|other| !is_same(other, hit)).cloned().collect();
        if left.is_empty() {
            shard.remove(&lookup);
        } else {
            *hits = left;
        }
    }

    /// Removes every hit of an entity and returns them: for erasure.
    pub fn forget(&self, kind: EntityKind, entity: &str) -> Vec<Arc<Hit>> {
        let lookup = Lookup { kind, entity };
        self.write(self.shard(&lookup)).remove(&lookup).map_or_else(Vec::new, |hits| hits.to_vec())
    }

    /// Returns all hits that are open at `now`, the longest open first.
    #[must_use]
    pub fn list(&self, now: i64) -> Vec<Arc<Hit>> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = self.read(shard);
            all.extend(shard.values().flat_map(|hits| hits.iter()).filter(|hit| hit.until > now).cloned());
        }
        all.sort_by(|a, b| (a.first_at, &a.rule, &a.entity).cmp(&(b.first_at, &b.rule, &b.entity)));
        all
    }

    /// Returns the number of hits in the book, those included that end before the next tick.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| self.read(shard).values().map(|hits| hits.len()).sum::<usize>()).sum()
    }

    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| self.read(shard).is_empty())
    }

    fn shard(&self, lookup: &Lookup<'_>) -> &RwLock<Shard> {
        let hash = self.hasher.hash_one(lookup);
        // The high bits: the map of the shard itself uses the low ones of its own hash.
        let index = usize::try_from(hash >> 58).expect("six bits fit") & (SHARDS - 1);
        &self.shards[index]
    }

    // A panic while a shard is locked cannot leave it half changed: every change is one insert, remove or assignment.
    fn read<'a>(&self, shard: &'a RwLock<Shard>) -> RwLockReadGuard<'a, Shard> {
        shard.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<'a>(&self, shard: &'a RwLock<Shard>) -> RwLockWriteGuard<'a, Shard> {
        shard.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_same(a: &Hit, b: &Hit) -> bool {
    a.rule == b.rule && a.version == b.version
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hits::hit::{EndCause, Mode, Restraint, StepUp};

    fn hit(rule: &str, entity: &str, until: i64) -> Arc<Hit> {
        Arc::new(Hit {
            rule: Arc::from(rule),
            version: Arc::from("v1"),
            entity_kind: EntityKind::Device,
            entity: Arc::from(entity),
            mode: Mode::Live,
            verdict: Restraint::Throttle,
            step_up: StepUp::None,
            points: 40,
            observed: 4,
            threshold: 4,
            window: Arc::from("24h"),
            actions: Arc::from([]),
            browser_facts: false,
            component: None,
            first_at: 1,
            until,
        })
    }

    fn names(hits: &HitsOf) -> Vec<&str> {
        hits.iter().map(|hit| &*hit.rule).collect()
    }

    #[test]
    fn a_hit_is_found_by_its_entity_until_it_ends() {
        let book = HitBook::new();
        book.apply(&Transition::opened(hit("a", "d1", 100), 1));
        book.apply(&Transition::opened(hit("b", "d1", 200), 1));
        assert_eq!(names(&book.open(EntityKind::Device, "d1", 99)), ["a", "b"]);
        assert_eq!(names(&book.open(EntityKind::Device, "d1", 100)), ["b"], "open before `until`, not at it");
        assert!(book.open(EntityKind::Device, "d1", 200).is_empty());
        assert!(book.open(EntityKind::Guest, "d1", 1).is_empty(), "another kind of entity is another entity");
        assert!(book.open(EntityKind::Device, "d2", 1).is_empty());
        assert_eq!((book.len(), book.list(150).len()), (2, 1));
    }

    #[test]
    fn a_change_replaces_and_a_close_removes() {
        let book = HitBook::new();
        book.apply(&Transition::opened(hit("a", "d1", 100), 1));
        book.apply(&Transition::changed(hit("a", "d1", 300), 2));
        assert_eq!(book.open(EntityKind::Device, "d1", 1).iter().map(|hit| hit.until).collect::<Vec<_>>(), [300]);
        book.apply(&Transition::closed(hit("a", "d1", 300), 300, EndCause::Expired));
        assert!(book.is_empty());
        book.put(hit("a", "d1", 5));
        assert_eq!(book.forget(EntityKind::Device, "d1").len(), 1);
        assert_eq!(book.len(), 0);
    }
}
