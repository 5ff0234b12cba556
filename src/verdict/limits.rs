//! Rate limits: GCRA over one `u64` per (limit, entity), in a table of fixed size. Which limits apply is the policy's
//! to say (`policy.rs`).
//!
//! The `u64` is the theoretical arrival time, in nanoseconds since the Unix epoch (microseconds would round a fast rate
//! by per cents). A request of `n` units moves it on by `n` emission intervals and conforms if it then is at most a
//! burst ahead of the clock. Source: ITU-T I.371, "virtual scheduling".
//!
//! The table is set-associative like a processor's cache: a keyed hash picks a set of sixteen places. A full set gives
//! up the place whose time is smallest, which is an idle one (equal to no entry at all) if there is any. So the memory
//! is bounded, nothing is ever rehashed, and nobody can aim at a set.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The default number of (limit, entity) pairs that are remembered.
pub(crate) const ENTRIES_MAX: usize = 2 * 1024 * 1024;
/// The most limits that can apply to one request.
pub(crate) const CHARGES_MAX: usize = 16;
const WAYS: usize = 16;
const SHARDS: usize = 64;
const NANOS: u64 = 1_000;
/// What a request is told that costs more than the whole burst, and so never passes.
const HOPELESS_RETRY_US: u64 = 60_000_000;

/// A rate and its burst, as intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    units: u64,
    period_ns: u64,
    burst: u64,
}

impl Rate {
    /// Stands where no rate is read.
    pub(crate) const UNUSED: Self = Self { units: 1, period_ns: NANOS, burst: 1 };

    /// Makes a rate of `units` per `period_us`; none if a unit lasts under 10 us (the clock's grain would show), the
    /// burst is 0, or an empty bucket would take over a year to fill.
    pub(crate) fn new(units: u64, period_us: u64, burst: u64) -> Option<Self> {
        const YEAR_NS: u64 = 366 * 86_400 * 1_000_000_000;
        if units == 0 || burst == 0 || period_us / units < 10 {
            return None;
        }
        let rate = Self { units, period_ns: period_us.checked_mul(NANOS)?, burst };
        (rate.span_ns(burst) <= YEAR_NS).then_some(rate)
    }

    /// Returns the burst, units.
    pub(crate) const fn burst(&self) -> u64 {
        self.burst
    }

    /// Returns how long it takes to earn this many units.
    fn span_ns(&self, units: u64) -> u64 {
        let span = u128::from(units) * u128::from(self.period_ns) / u128::from(self.units);
        u64::try_from(span).unwrap_or(u64::MAX / 4).min(u64::MAX / 4)
    }

    /// Decides one arrival. `arrival_ns` is what was stored, 0 if nothing.
    fn judge(&self, arrival_ns: u64, units: u64, now_ns: u64) -> Judgement {
        let burst_ns = self.span_ns(self.burst);
        // No time further ahead than a burst can have been earned: the clock was set back, or the burst was lowered.
        let arrival_ns = arrival_ns.clamp(now_ns, now_ns + burst_ns);
        let cost_ns = self.span_ns(units);
        let next_ns = arrival_ns + cost_ns;
        if next_ns <= now_ns + burst_ns {
            return Judgement::Conforms { next_ns };
        }
        let outstanding =
            (u128::from(arrival_ns - now_ns) * u128::from(self.units)).div_ceil(u128::from(self.period_ns));
        let retry_after_us =
            if cost_ns > burst_ns { HOPELESS_RETRY_US } else { (next_ns - now_ns - burst_ns).div_ceil(NANOS) };
        Judgement::Exceeds { retry_after_us, observed: units.saturating_add(u64::try_from(outstanding).unwrap_or(0)) }
    }
}

enum Judgement {
    Conforms { next_ns: u64 },
    Exceeds { retry_after_us: u64, observed: u64 },
}

/// What one request would spend of one limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge<'a> {
    /// The limit's identity; a changed rate keeps it.
    pub(crate) limit: u64,
    /// The limit's rate.
    pub(crate) rate: Rate,
    /// Whom it counts for.
    pub(crate) entity: &'a str,
    /// How much it spends: 1, or the credits.
    pub(crate) units: u64,
}

/// Why a request does not conform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The place of the failing charge.
    pub(crate) charge: usize,
    /// When the same request would conform, microseconds from now.
    pub(crate) retry_after_us: u64,
    /// The units spent and not yet earned back, with those asked for.
    pub(crate) observed: u64,
}

/// The spent quotas of every (limit, entity).
pub(crate) struct Limiter {
    seed: RandomState,
    shards: Box<[Mutex<Vec<u64>>]>,
    sets: usize,
    entries: AtomicU64,
    evicted_idle: AtomicU64,
    evicted_active: AtomicU64,
}

/// How full the limiter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct LimiterStatus {
    /// Places in use.
    pub(crate) entries: u64,
    /// Places there are.
    pub(crate) entries_max: u64,
    /// Idle entries that made room: no harm.
    pub(crate) evicted_idle: u64,
    /// Entries that made room before their time: their entities were forgiven early.
    pub(crate) evicted_active: u64,
}

impl Limiter {
    /// Makes a limiter of this many places, rounded up to a power of two. The memory (16 bytes a place) is touched
    /// only as it is used.
    pub(crate) fn new(entries_max: usize) -> Self {
        let sets = entries_max.div_ceil(WAYS * SHARDS).next_power_of_two();
        Self {
            seed: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::new(vec![0; sets * WAYS * 2])).collect(),
            sets,
            entries: AtomicU64::new(0),
            evicted_idle: AtomicU64::new(0),
            evicted_active: AtomicU64::new(0),
        }
    }

    /// Checks all charges and, with `spend`, spends them all or none. Nobody else can spend in between: the shards of
    /// all charges are locked, in order, before the first is checked.
    ///
    /// # Errors
    /// The refusal that lasts longest; then nothing was spent.
    pub(crate) fn take(&self, charges: &[Charge<'_>], now: i64, spend: bool) -> Result<(), Refusal> {
        debug_assert!(charges.len() <= CHARGES_MAX, "the policy bounds the limits of an action");
        let now_ns = u64::try_from(now).unwrap_or(0).saturating_mul(NANOS);
        let mut keys = [0; CHARGES_MAX];
        for (key, charge) in keys.iter_mut().zip(charges) {
            *key = self.seed.hash_one((charge.limit, charge.entity)).max(1);
        }
        let keys = &keys[..charges.len().min(CHARGES_MAX)];
        let mut locked = self.lock(keys);

        let mut worst: Option<Refusal> = None;
        let mut next = [0; CHARGES_MAX];
        for (place, (key, charge)) in keys.iter().zip(charges).enumerate() {
            let arrival_ns = find(self.set(*key, locked.shard(*key)), *key);
            match charge.rate.judge(arrival_ns, charge.units, now_ns) {
                Judgement::Conforms { next_ns } => next[place] = next_ns,
                Judgement::Exceeds { retry_after_us, observed } => {
                    if worst.is_none_or(|worst| worst.retry_after_us < retry_after_us) {
                        worst = Some(Refusal { charge: place, retry_after_us, observed });
                    }
                }
            }
        }
        if let Some(refusal) = worst {
            return Err(refusal);
        }
        if spend {
            for (key, next_ns) in keys.iter().zip(next) {
                let stored = store(self.set(*key, locked.shard(*key)), *key, next_ns, now_ns);
                self.count(stored);
            }
        }
        Ok(())
    }

    /// Returns how full it is.
    pub(crate) fn status(&self) -> LimiterStatus {
        LimiterStatus {
            entries: self.entries.load(Ordering::Relaxed),
            entries_max: (self.sets * WAYS * SHARDS) as u64,
            evicted_idle: self.evicted_idle.load(Ordering::Relaxed),
            evicted_active: self.evicted_active.load(Ordering::Relaxed),
        }
    }

    fn set<'s>(&self, key: u64, shard: &'s mut [u64]) -> &'s mut [u64] {
        let set = (key as usize / SHARDS) & (self.sets - 1);
        &mut shard[set * WAYS * 2..(set + 1) * WAYS * 2]
    }

    fn lock(&self, keys: &[u64]) -> Locked<'_> {
        let mut guards: Vec<(usize, MutexGuard<'_, Vec<u64>>)> = Vec::with_capacity(keys.len());
        let mut shards = [usize::MAX; CHARGES_MAX];
        for (shard, key) in shards.iter_mut().zip(keys) {
            *shard = shard_of(*key);
        }
        let shards = &mut shards[..keys.len()];
        shards.sort_unstable();
        for shard in shards {
            if guards.last().is_none_or(|(last, _)| last != shard) {
                guards.push((*shard, self.shards[*shard].lock().unwrap_or_else(PoisonError::into_inner)));
            }
        }
        Locked { guards }
    }

    fn count(&self, stored: Stored) {
        match stored {
            Stored::Updated => return,
            Stored::Added => &self.entries,
            Stored::EvictedIdle => &self.evicted_idle,
            Stored::EvictedActive => &self.evicted_active,
        }
        .fetch_add(1, Ordering::Relaxed);
    }
}

/// The locked shards of one request.
struct Locked<'a> {
    guards: Vec<(usize, MutexGuard<'a, Vec<u64>>)>,
}

impl Locked<'_> {
    fn shard(&mut self, key: u64) -> &mut [u64] {
        let shard = shard_of(key);
        let (_, guard) =
            self.guards.iter_mut().find(|(locked, _)| *locked == shard).expect("every key's shard was locked");
        guard
    }
}

const fn shard_of(key: u64) -> usize {
    key as usize % SHARDS
}

enum Stored {
    Updated,
    Added,
    EvictedIdle,
    EvictedActive,
}

/// A set is its keys, then their arrival times; key 0 is an empty place.
fn find(set: &[u64], key: u64) -> u64 {
    let (keys, arrivals) = set.split_at(WAYS);
    keys.iter().position(|stored| *stored == key).map_or(0, |place| arrivals[place])
}

fn store(set: &mut [u64], key: u64, arrival_ns: u64, now_ns: u64) -> Stored {
    let (keys, arrivals) = set.split_at_mut(WAYS);
    let (place, stored) = if let Some(place) = keys.iter().position(|stored| *stored == key) {
        (place, Stored::Updated)
    } else if let Some(place) = keys.iter().position(|stored| *stored == 0) {
        (place, Stored::Added)
    } else {
        let place = (0..WAYS).min_by_key(|place| arrivals[*place]).expect("a set has places");
        (place, if arrivals[place] > now_ns { Stored::EvictedActive } else { Stored::EvictedIdle })
    };
    keys[place] = key;
    arrivals[place] = arrival_ns;
    stored
}

#[cfg(test)]
mod tests;
