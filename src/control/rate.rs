//! A rate such as `1000/min`, and the quota that enforces it: GCRA in one atomic number, nothing to clean up.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};

/// So many in so long; as many at once as the rate allows in one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    count: i64,
    period_us: i64,
}

impl Rate {
    const UNITS: [(&'static str, i64); 8] = [
        ("s", 1_000_000),
        ("sec", 1_000_000),
        ("min", 60_000_000),
        ("m", 60_000_000),
        ("hour", 3_600_000_000),
        ("h", 3_600_000_000),
        ("day", 86_400_000_000),
        ("d", 86_400_000_000),
    ];
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("rate {text:?} is not like \"1000/min\" (per s, min, hour or day, 1 to 1000000000)");
        let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
        let count: i64 = count.trim().parse().map_err(|_| wrong())?;
        let period_us = Self::UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(wrong)?.1;
        if !(1..=1_000_000_000).contains(&count) {
            return Err(wrong());
        }
        Ok(Self { count, period_us })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = Self::UNITS.iter().find(|(_, period)| *period == self.period_us).map_or("s", |(name, _)| *name);
        write!(out, "{}/{unit}", self.count)
    }
}

/// What is left of a rate: the theoretical arrival time of GCRA, microseconds. Lives as long as the process.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    arrival: AtomicI64,
}

impl Quota {
    /// Spends one of the rate, or returns how long to wait for one, milliseconds.
    pub(crate) fn spend(&self, rate: Rate, now: i64) -> Result<(), u64> {
        let cost = (rate.period_us / rate.count).max(1);
        let mut arrival = self.arrival.load(Ordering::Relaxed);
        loop {
            let next = arrival.max(now) + cost;
            let early = next - now - rate.period_us;
            if early > 0 {
                return Err(u64::try_from(early).unwrap_or(0).div_ceil(1_000));
            }
            match self.arrival.compare_exchange_weak(arrival, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(current) => arrival = current,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written() {
        assert_eq!("1000/min".parse::<Rate>().unwrap().to_string(), "1000/min");
        assert_eq!("5/s".parse::<Rate>().unwrap().to_string(), "5/s");
        for wrong in ["1000", "0/min", "-1/s", "1/fortnight", "many/s"] {
            assert!(wrong.parse::<Rate>().unwrap_err().contains(wrong));
        }
    }

    #[test]
    fn a_quota_allows_its_count_at_once_and_then_one_at_a_time() {
        let (quota, rate) = (Quota::default(), "3/min".parse().unwrap());
        let now = 1_000_000_000_000;
        for _ in 0..3 {
            assert_eq!(quota.spend(rate, now), Ok(()));
        }
        assert_eq!(quota.spend(rate, now), Err(20_000));
        assert_eq!(quota.spend(rate, now + 20_000_000), Ok(()));
        assert!(quota.spend(rate, now + 20_000_000).is_err());
    }
}
