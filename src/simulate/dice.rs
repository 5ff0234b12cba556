//! The simulator's only source of chance: one named generator, and the few distributions that people follow.
//!
//! No `ln`, `exp` or `cos`: distributions are tables of quantiles read with plain arithmetic, so that the same seed
//! gives the same bytes on every machine and C library.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

/// Quantiles of the exponential distribution of mean 1, at i/32. The last one makes the tail's mean right.
#[expect(clippy::approx_constant, reason = "a table of quantiles, whose median is the logarithm of 2")]
const EXPONENTIAL: [f64; 33] = [
    0.0, 0.03175, 0.06454, 0.09844, 0.13353, 0.16990, 0.20764, 0.24686, 0.28768, 0.33024, 0.37469, 0.42121, 0.47000,
    0.52130, 0.57536, 0.63252, 0.69315, 0.75769, 0.82668, 0.90079, 0.98083, 1.06784, 1.16315, 1.26851, 1.38629,
    1.51983, 1.67398, 1.85630, 2.07944, 2.36712, 2.77259, 3.46574, 5.46600,
];

/// Quantiles of the log-normal distribution of median 1 and sigma 0.7, at i/16, cut at both ends.
const LOG_NORMAL: [f64; 17] = [
    0.186, 0.342, 0.447, 0.537, 0.624, 0.710, 0.800, 0.896, 1.0, 1.116, 1.250, 1.408, 1.603, 1.861, 2.237, 2.927, 7.600,
];

/// A stream of chance.
#[derive(Clone)]
pub(crate) struct Dice(Xoshiro256PlusPlus);

impl Dice {
    /// Makes the stream of this seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Returns 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Returns an integer in `0..bound`. A bound of 0 counts as 1.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound.max(1))) >> 64) as u64
    }

    /// Returns an integer in `low..high`; `low` if the range is empty.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low).max(1) as u64) as i64
    }

    /// Returns a number in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Tells whether something of this probability happens.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Picks one of a list that is never empty.
    pub(crate) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        *self.among(list)
    }

    /// Points at one of a list that is never empty.
    pub(crate) fn among<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len() as u64) as usize]
    }

    /// Picks a place by weight; the weights are never all 0.
    pub(crate) fn weighted(&mut self, weights: impl Iterator<Item = u32> + Clone) -> usize {
        let total: u64 = weights.clone().map(u64::from).sum();
        let mut left = self.below(total);
        for (place, weight) in weights.enumerate() {
            match left.checked_sub(u64::from(weight)) {
                Some(rest) => left = rest,
                None => return place,
            }
        }
        0
    }

    /// Returns a waiting time of this mean, exponentially distributed: how long until the next independent thing.
    pub(crate) fn wait(&mut self, mean: i64) -> i64 {
        (quantile(&EXPONENTIAL, self.unit()) * mean as f64) as i64 + 1
    }

    /// Returns a value around this median with a long right tail: how long a task takes.
    pub(crate) fn around(&mut self, median: i64) -> i64 {
        (quantile(&LOG_NORMAL, self.unit()) * median as f64) as i64
    }

    /// Returns how often a person will come in all: most once, a few for months.
    pub(crate) fn loyalty(&mut self) -> u16 {
        let (low, high) = match self.below(1000) {
            0..580 => (1, 2),
            580..740 => (2, 3),
            740..880 => (3, 7),
            880..970 => (7, 21),
            970..996 => (21, 81),
            _ => (81, 301),
        };
        self.between(low, high) as u16
    }
}

/// Reads a table of evenly spaced quantiles at `unit`, straight lines between them.
fn quantile(table: &[f64], unit: f64) -> f64 {
    let place = unit * (table.len() - 1) as f64;
    let left = (place as usize).min(table.len() - 2);
    let share = place - left as f64;
    table[left] * (1.0 - share) + table[left + 1] * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_have_their_mean_and_tasks_their_median() {
        let mut dice = Dice::new(1);
        let mean = (0..50_000).map(|_| dice.wait(1_000_000)).sum::<i64>() / 50_000;
        assert!((980_000..1_020_000).contains(&mean), "{mean}");
        let mut tasks: Vec<i64> = (0..50_001).map(|_| dice.around(1_000)).collect();
        tasks.sort_unstable();
        assert!((980..1_020).contains(&tasks[25_000]), "{}", tasks[25_000]);
        assert!(tasks[49_900] > 5_000, "a long tail");
    }

    #[test]
    fn weights_are_followed() {
        let mut dice = Dice::new(2);
        let mut seen = [0_u32; 3];
        for _ in 0..30_000 {
            seen[dice.weighted([1, 0, 2].into_iter())] += 1;
        }
        assert_eq!(seen[1], 0);
        assert!((9_500..10_500).contains(&seen[0]), "{seen:?}");
    }

    #[test]
    fn ranges_hold_and_empty_ranges_return_their_low_end() {
        let mut dice = Dice::new(3);
        assert!((0..1_000).all(|_| (-3..4).contains(&dice.between(-3, 4))));
        assert_eq!(dice.between(5, 5), 5);
        assert!((0..1_000).all(|_| (1..301).contains(&dice.loyalty())));
    }
}
