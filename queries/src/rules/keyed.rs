//! The aggregates that remember keys: distinct counts and `sum_once`. Each entry is a key's hash and a bucket, so that
//! what leaves the window can be taken back exactly. Pure memory, a part of `state.rs`.

use std::mem::size_of;

use super::text::DISTINCT_MAX;

/// The most keys that `sum_once` keeps for an entity; past it the oldest leave and their amounts with them.
const ONCE_MAX: usize = 10_000;

/// Adds to a list of which there are a million, most of them of one entry: room grows by halves and not from four.
fn push_tight<T>(list: &mut Vec<T>, entry: T) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 2).max(1));
    }
    list.push(entry);
}

/// The distinct values of an entity: each with the last bucket it was seen in.
///
/// Past the cap, the values seen least recently leave. That loses nothing: each of the others was seen since, so while
/// the lost one would still count there are as many as the cap without it.
#[derive(Default)]
pub(super) struct Seen(Vec<Value>);

struct Value {
    hash: u64,
    bucket: u32,
    slot: u8,
}

impl Seen {
    pub(super) const ENTRY_BYTES: usize = size_of::<Value>();

    pub(super) fn add(&mut self, slot: u8, hash: u64, bucket: u32) {
        let mut count = 0;
        for value in self.0.iter_mut().filter(|value| value.slot == slot) {
            if value.hash == hash {
                value.bucket = value.bucket.max(bucket);
                return;
            }
            count += 1;
        }
        if count >= DISTINCT_MAX {
            let of_slot = self.0.iter_mut().filter(|value| value.slot == slot);
            if let Some(oldest) = of_slot.min_by_key(|value| value.bucket)
                && oldest.bucket <= bucket
            {
                (oldest.hash, oldest.bucket) = (hash, bucket);
            }
            return;
        }
        push_tight(&mut self.0, Value { hash, bucket, slot });
    }

    pub(super) fn count(&self, slot: u8) -> i64 {
        let count = self.0.iter().filter(|value| value.slot == slot).count();
        i64::try_from(count).expect("at most the cap")
    }

    pub(super) fn drop_through(&mut self, bucket: u32) {
        self.0.retain(|value| value.bucket > bucket);
    }
}

/// The amounts of `sum_once`: one a key, the largest in the window.
///
/// A key that comes again with a smaller amount is kept twice, because the larger one leaves the window first: its entries
/// form stairs, later and smaller. Only the largest counts, the others are covered.
#[derive(Default)]
pub(super) struct Once(Vec<Amount>);

#[derive(Clone, Copy)]
struct Amount {
    hash: u64,
    amount: i64,
    bucket: u32,
    slot: u8,
    is_covered: bool,
}

impl Once {
    pub(super) const ENTRY_BYTES: usize = size_of::<Amount>();

    pub(super) fn add(&mut self, slot: u8, hash: u64, bucket: u32, amount: i64) {
        let is_same = |other: &Amount| other.hash == hash && other.slot == slot;
        let mut same = self.0.iter().filter(|other| is_same(other)).peekable();
        if same.peek().is_some() {
            if same.any(|other| other.bucket >= bucket && other.amount >= amount) {
                return;
            }
            self.0.retain(|other| !(is_same(other) && other.bucket <= bucket && other.amount <= amount));
        } else if self.0.len() >= ONCE_MAX {
            metrics::counter!("weir_rule_keys_evicted_total").increment(1);
            if let Some(oldest) = (0..self.0.len()).min_by_key(|index| self.0[*index].bucket) {
                self.0.swap_remove(oldest);
            }
        }
        push_tight(&mut self.0, Amount { hash, amount, bucket, slot, is_covered: false });
        self.cover(slot, hash);
    }

    pub(super) fn sum(&self, slot: u8) -> Option<i64> {
        let amounts = self.0.iter().filter(|amount| amount.slot == slot && !amount.is_covered);
        amounts.map(|amount| amount.amount).reduce(i64::wrapping_add)
    }

    pub(super) fn drop_through(&mut self, bucket: u32) {
        self.0.retain(|amount| amount.bucket > bucket);
        let covered: Vec<Amount> = self.0.iter().filter(|amount| amount.is_covered).copied().collect();
        for amount in covered {
            self.cover(amount.slot, amount.hash);
        }
    }

    /// Marks all but the largest entry of a key as covered.
    fn cover(&mut self, slot: u8, hash: u64) {
        let mut same: Vec<&mut Amount> =
            self.0.iter_mut().filter(|other| other.hash == hash && other.slot == slot).collect();
        let Some(largest) = same.iter().map(|other| other.amount).max() else { return };
        for other in &mut same {
            // Stairs: no two entries of a key have one amount.
            other.is_covered = other.amount != largest;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn distinct_values_past_the_cap_read_as_the_cap_until_too_few_are_left() {
        let mut seen = Seen::default();
        let cap = u64::try_from(DISTINCT_MAX).expect("small");
        for value in 0..cap + 500 {
            seen.add(0, value, u32::try_from(value / 100).expect("small"));
        }
        assert_eq!(seen.count(0), 1_000, "1,500 values read as the cap");
        seen.drop_through(4);
        assert_eq!(seen.count(0), 1_000, "1,000 of the 1,500 are left");
        seen.drop_through(6);
        assert_eq!(seen.count(0), 800, "exact below the cap, though 500 values were never kept together");
        assert_eq!(seen.count(1), 0, "another aggregate's values are its own");
    }

    proptest! {
        #[test]
        fn sum_once_equals_its_definition(
            rows in prop::collection::vec((0u64..4, 0u32..6, -3i64..9), 0..40),
            through in 0u32..6,
        ) {
            let mut once = Once::default();
            for (hash, bucket, amount) in &rows {
                once.add(0, *hash, *bucket, *amount);
            }
            let expected = |after: Option<u32>| {
                let largest = |key: u64| {
                    let of_key = rows.iter().filter(|row| row.0 == key && after.is_none_or(|after| row.1 > after));
                    of_key.map(|row| row.2).max()
                };
                (0..4).filter_map(largest).reduce(|a, b| a + b)
            };
            prop_assert_eq!(once.sum(0), expected(None));
            once.drop_through(through);
            prop_assert_eq!(once.sum(0), expected(Some(through)));
        }
    }
}
