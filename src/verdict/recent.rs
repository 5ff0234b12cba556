//! A memory of recent things that forgets by age and by number: the decisions of the last ten minutes. Not a cache of
//! something kept elsewhere.
//!
//! Everything lives equally long, so the oldest is the first to go, and a queue beside the map is all the bookkeeping.
//! Time is an argument, as everywhere in what decides.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 64;

/// Takes a key that is random already as its own hash.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only u128 keys are hashed");
    }

    fn write_u128(&mut self, key: u128) {
        // Both halves: the first bits of a time-ordered id are alike.
        self.0 = (key as u64) ^ ((key >> 64) as u64);
    }
}

struct Shard<V> {
    entries: HashMap<u128, (i64, V), BuildHasherDefault<AsIs>>,
    /// (when it is forgotten, key), the oldest first.
    order: VecDeque<(i64, u128)>,
}

/// What was remembered less than `ttl_us` ago, at most `entries_max` of it.
pub(crate) struct Recent<V> {
    shards: Box<[Mutex<Shard<V>>]>,
    shard_max: usize,
    ttl_us: i64,
}

impl<V: Clone> Recent<V> {
    /// Makes an empty memory.
    pub(crate) fn new(entries_max: usize, ttl_us: i64) -> Self {
        let shard = || Mutex::new(Shard { entries: HashMap::default(), order: VecDeque::new() });
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), shard_max: entries_max.div_ceil(SHARDS), ttl_us }
    }

    /// Returns what is remembered under a key. Keys must be random in their low bits.
    pub(crate) fn get(&self, key: u128, now: i64) -> Option<V> {
        let shard = self.lock(key);
        shard.entries.get(&key).filter(|(until, _)| *until > now).map(|(_, value)| value.clone())
    }

    /// Remembers something.
    pub(crate) fn insert(&self, key: u128, value: V, now: i64) {
        self.lock(key).insert(key, value, now, now + self.ttl_us, self.shard_max);
    }

    /// Returns what is remembered, or makes it and remembers it. Whoever asks for the same key meanwhile waits and gets
    /// the same: `make` runs under the shard's lock, so it must be quick and must not come back here.
    pub(crate) fn get_or_insert_with(&self, key: u128, now: i64, make: impl FnOnce() -> V) -> (V, bool) {
        let mut shard = self.lock(key);
        if let Some((until, value)) = shard.entries.get(&key)
            && *until > now
        {
            return (value.clone(), false);
        }
        let value = make();
        shard.insert(key, value.clone(), now, now + self.ttl_us, self.shard_max);
        (value, true)
    }

    /// Forgets what `forget` says, shard by shard.
    pub(crate) fn forget(&self, forget: impl Fn(&V) -> bool) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.entries.retain(|_, (_, value)| !forget(value));
        }
    }

    /// Forgets what is too old, shard by shard: for idle times, when nothing new pushes it out.
    pub(crate) fn expire(&self, now: i64) {
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).make_room(now, usize::MAX);
        }
    }

    /// Returns how many there are, those included that are about to be forgotten.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).entries.len()).sum()
    }

    fn lock(&self, key: u128) -> MutexGuard<'_, Shard<V>> {
        self.shards[key as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Shard<V> {
    fn insert(&mut self, key: u128, value: V, now: i64, until: i64, max: usize) {
        self.make_room(now, max);
        self.entries.insert(key, (until, value));
        self.order.push_back((until, key));
    }

    /// Drops what is too old, and the oldest until one more has room.
    fn make_room(&mut self, now: i64, max: usize) {
        while let Some((until, key)) = self.order.front().copied() {
            if until > now && self.order.len() < max {
                break;
            }
            self.order.pop_front();
            // A key that was remembered anew stands further back once more.
            if self.entries.get(&key).is_some_and(|(stored, _)| *stored == until) {
                self.entries.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_by_age_and_by_number() {
        let recent = Recent::new(128, 1_000);
        recent.insert(64, "a", 0);
        assert_eq!(recent.get(64, 999), Some("a"));
        assert_eq!(recent.get(64, 1_000), None, "too old, though still held");
        for key in 0..1_000_u128 {
            recent.insert(key * 64, "b", 1_500);
        }
        assert_eq!(recent.len(), 2, "two a shard, and all keys fell into one");
        assert_eq!(recent.get(999 * 64, 1_600), Some("b"), "the newest stays");
        recent.expire(2_500);
        assert_eq!(recent.len(), 0);
    }

    #[test]
    fn a_key_remembered_anew_outlives_its_first_time() {
        let recent = Recent::new(SHARDS * 8, 1_000);
        recent.insert(1, "old", 0);
        recent.insert(1, "new", 900);
        recent.expire(1_100);
        assert_eq!(recent.get(1, 1_100), Some("new"));
    }

    #[test]
    fn makes_a_thing_once_for_all_who_ask_at_a_time() {
        let recent = Recent::new(1_000, 1_000);
        let made = std::sync::atomic::AtomicU32::new(0);
        let ask = || recent.get_or_insert_with(7, 0, || made.fetch_add(1, std::sync::atomic::Ordering::SeqCst)).0;
        let answers = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(answers, [0; 8]);
        recent.forget(|value| *value == 0);
        assert_eq!(recent.get(7, 0), None);
    }
}
