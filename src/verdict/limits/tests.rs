//! Tests of the rate limits.

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_795_341_600_000_000;
const SECOND: i64 = 1_000_000;

fn per_minute(units: u64, burst: u64) -> Rate {
    Rate::new(units, 60_000_000, burst).unwrap()
}

fn charge(limit: u64, rate: Rate, entity: &str, units: u64) -> Charge<'_> {
    Charge { limit, rate, entity, units }
}

#[test]
fn a_burst_passes_at_once_and_then_the_rate() {
    let limiter = Limiter::new(1_024);
    let one = [charge(1, per_minute(30, 10), "g", 1)];
    for _ in 0..10 {
        assert_eq!(limiter.take(&one, NOW, true), Ok(()));
    }
    let refusal = limiter.take(&one, NOW, true).unwrap_err();
    assert_eq!(refusal, Refusal { charge: 0, retry_after_us: 2_000_000, observed: 11 });
    assert!(limiter.take(&one, NOW + 2 * SECOND - 1, true).is_err(), "refusals spend nothing, nor do they forgive");
    assert_eq!(limiter.take(&one, NOW + 2 * SECOND, true), Ok(()));
    assert!(limiter.take(&one, NOW + 2 * SECOND, true).is_err());
    let another = [charge(1, per_minute(30, 10), "h", 1)];
    assert_eq!(limiter.take(&another, NOW, true), Ok(()), "another entity has its own quota");
}

#[test]
fn credits_spend_as_many_units_as_they_are() {
    let limiter = Limiter::new(1_024);
    let rate = per_minute(60, 100);
    assert_eq!(limiter.take(&[charge(1, rate, "a", 70)], NOW, true), Ok(()));
    let refusal = limiter.take(&[charge(1, rate, "a", 40)], NOW, true).unwrap_err();
    assert_eq!((refusal.retry_after_us, refusal.observed), (10_000_000, 110));
    assert_eq!(limiter.take(&[charge(1, rate, "a", 30)], NOW, true), Ok(()));
    assert_eq!(limiter.take(&[charge(1, rate, "a", 0)], NOW, true), Ok(()), "what costs nothing always passes");
    let hopeless = limiter.take(&[charge(1, rate, "b", 101)], NOW, true).unwrap_err();
    assert_eq!(hopeless.retry_after_us, HOPELESS_RETRY_US, "more than a burst never passes");
}

#[test]
fn all_charges_are_spent_or_none() {
    let limiter = Limiter::new(1_024);
    let wide = charge(1, per_minute(100, 100), "guest", 1);
    let tight = charge(2, per_minute(1, 2), "device", 1);
    for _ in 0..2 {
        assert_eq!(limiter.take(&[wide, tight], NOW, true), Ok(()));
    }
    for _ in 0..500 {
        assert_eq!(limiter.take(&[wide, tight], NOW, true).unwrap_err().charge, 1);
    }
    for _ in 0..98 {
        assert_eq!(limiter.take(&[wide], NOW, true), Ok(()), "the wide one lost nothing to refusals of the tight one");
    }
    assert!(limiter.take(&[wide], NOW, true).is_err());
}

#[test]
fn the_refusal_that_lasts_longest_is_told() {
    let limiter = Limiter::new(1_024);
    let slow = charge(1, per_minute(1, 1), "a", 1);
    let fast = charge(2, per_minute(60, 1), "a", 1);
    assert_eq!(limiter.take(&[fast, slow], NOW, true), Ok(()));
    let refusal = limiter.take(&[fast, slow], NOW, true).unwrap_err();
    assert_eq!((refusal.charge, refusal.retry_after_us), (1, 60_000_000));
}

#[test]
fn checking_alone_spends_nothing() {
    let limiter = Limiter::new(1_024);
    let one = [charge(1, per_minute(1, 1), "a", 1)];
    for _ in 0..5 {
        assert_eq!(limiter.take(&one, NOW, false), Ok(()));
    }
    assert_eq!(limiter.status().entries, 0);
    assert_eq!(limiter.take(&one, NOW, true), Ok(()));
    assert!(limiter.take(&one, NOW, false).is_err());
}

#[test]
fn a_clock_set_back_costs_at_most_a_burst() {
    let limiter = Limiter::new(1_024);
    let one = [charge(1, per_minute(60, 5), "a", 1)];
    assert_eq!(limiter.take(&one, NOW + 3_600 * SECOND, true), Ok(()));
    let refusal = limiter.take(&one, NOW, true).unwrap_err();
    assert_eq!(refusal.retry_after_us, 1_000_000, "not an hour");
}

#[test]
fn a_lowered_burst_takes_hold_at_once() {
    let limiter = Limiter::new(1_024);
    assert_eq!(limiter.take(&[charge(1, per_minute(1, 100), "a", 100)], NOW, true), Ok(()));
    let refusal = limiter.take(&[charge(1, per_minute(1, 2), "a", 1)], NOW, true).unwrap_err();
    assert_eq!(refusal.retry_after_us, 60_000_000, "not a hundred minutes");
}

#[test]
fn memory_is_bounded_and_idle_entries_go_first() {
    let limiter = Limiter::new(WAYS * SHARDS);
    let rate = per_minute(60, 1);
    let names: Vec<String> = (0..20_000).map(|number| format!("e{number}")).collect();
    for name in &names[..10_000] {
        assert_eq!(limiter.take(&[charge(1, rate, name, 1)], NOW, true), Ok(()));
    }
    let status = limiter.status();
    assert_eq!((status.entries, status.entries_max), (1_024, 1_024), "full, and no fuller");
    assert_eq!(status.evicted_idle, 0);
    assert_eq!(status.evicted_active, 10_000 - 1_024);
    let later = NOW + 10 * SECOND;
    for name in names[10_000..].iter().take(100) {
        assert_eq!(limiter.take(&[charge(1, rate, name, 1)], later, true), Ok(()));
    }
    let status = limiter.status();
    assert_eq!(status.evicted_idle, 100, "all the old ones are idle by now");
    assert_eq!(status.evicted_active, 10_000 - 1_024);
    assert!(limiter.take(&[charge(1, rate, &names[10_099], 1)], later, true).is_err(), "the active ones stayed");
}

#[test]
fn nothing_is_overspent_by_many_at_a_time() {
    let limiter = Limiter::new(4_096);
    let rates = [per_minute(1, 500), per_minute(1, 700), per_minute(1, 900)];
    let spent = [const { AtomicU64::new(0) }; 3];
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let (limiter, spent) = (&limiter, &spent);
            scope.spawn(move || {
                for round in 0..2_000_u64 {
                    // Every subset of the three, in every order, so that locks are asked for crosswise.
                    let places: Vec<usize> = match (round + thread) % 4 {
                        0 => vec![0, 1, 2],
                        1 => vec![2, 1, 0],
                        2 => vec![1, 0],
                        _ => vec![2, 0],
                    };
                    let charges: Vec<Charge<'_>> =
                        places.iter().map(|place| charge(*place as u64, rates[*place], "all", 1)).collect();
                    if limiter.take(&charges, NOW, true).is_ok() {
                        for place in places {
                            spent[place].fetch_add(1, Ordering::SeqCst);
                        }
                    }
                }
            });
        }
    });
    let spent = spent.map(AtomicU64::into_inner);
    assert_eq!(spent[0], 500, "every kind of request spends the first: it is spent to the last unit");
    assert!(spent[1] <= 700 && spent[2] <= 900, "{spent:?}");
}

/// The leaky bucket, replayed from its whole history for every request.
struct Bucket {
    rate: Rate,
    passed: Vec<(i64, u64)>,
}

impl Bucket {
    fn passes(&mut self, now: i64, units: u64) -> bool {
        let (mut level_ns, mut last) = (0_i128, i64::MIN);
        for (at, units) in &self.passed {
            level_ns = (level_ns - i128::from(*at).saturating_sub(i128::from(last)) * 1_000).max(0);
            level_ns += i128::from(self.rate.span_ns(*units));
            last = *at;
        }
        level_ns = (level_ns - (i128::from(now) - i128::from(last)) * 1_000).max(0);
        let passes = level_ns + i128::from(self.rate.span_ns(units)) <= i128::from(self.rate.span_ns(self.rate.burst));
        if passes {
            self.passed.push((now, units));
        }
        passes
    }
}

proptest! {
    #[test]
    fn agrees_with_a_bucket_replayed_from_its_history(
        units in 1_u64..200,
        burst in 1_u64..50,
        arrivals in prop::collection::vec((0_i64..3_000_000, 0_u64..6, 0_usize..3), 1..120),
    ) {
        let rate = per_minute(units, burst);
        let limiter = Limiter::new(1_024);
        let mut buckets: Vec<Bucket> = (0..3).map(|_| Bucket { rate, passed: Vec::new() }).collect();
        let mut now = NOW;
        for (gap, units, entity) in arrivals {
            now += gap;
            let name = ["a", "b", "c"][entity];
            let took = limiter.take(&[charge(9, rate, name, units)], now, true);
            prop_assert_eq!(took.is_ok(), buckets[entity].passes(now, units), "{:?}", took);
            if let Err(refusal) = took && refusal.retry_after_us != HOPELESS_RETRY_US {
                let then = now + i64::try_from(refusal.retry_after_us).unwrap();
                prop_assert!(limiter.take(&[charge(9, rate, name, units)], then, false).is_ok(), "obeying succeeds");
                let before = limiter.take(&[charge(9, rate, name, units)], then - 1, false);
                prop_assert!(before.is_err(), "and no sooner");
            }
        }
        for bucket in &buckets {
            for (first, (from, _)) in bucket.passed.iter().enumerate() {
                for last in first..bucket.passed.len() {
                    let sum: u64 = bucket.passed[first..=last].iter().map(|(_, units)| units).sum();
                    let earned = (bucket.passed[last].0 - from) as f64 * units as f64 / 60e6;
                    prop_assert!(sum as f64 <= burst as f64 + earned + 1e-3, "in no span more than a burst and the rate");
                }
            }
        }
    }
}
