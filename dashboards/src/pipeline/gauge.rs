//! How full something is that has a limit.

use crate::figure;
use crate::state::Tone;

/// From this share of its limit on, something is told of, percent.
const WARN_PERCENT: u64 = 80;

/// What a gauge counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Millis,
}

/// Something that has a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gauge {
    /// What it is.
    pub name: &'static str,
    /// How much there is.
    pub used: u64,
    /// How much there may be.
    pub max: u64,
    /// What is counted.
    pub unit: Unit,
    /// What happens when it is full.
    pub when_full: &'static str,
    /// What to do before it is.
    pub fix: &'static str,
}

impl Gauge {
    /// Returns how full it is, percent; what exists is never nothing.
    pub fn percent(&self) -> u64 {
        match (self.used, self.max) {
            (0, _) => 0,
            (_, 0) => 100,
            (used, max) => u64::try_from(u128::from(used) * 100 / u128::from(max)).unwrap_or(100).clamp(1, 100),
        }
    }

    /// Returns the mark of how full it is.
    pub fn tone(&self) -> Tone {
        match self.percent() {
            100 => Tone::Bad,
            WARN_PERCENT.. => Tone::Warn,
            _ => Tone::Good,
        }
    }

    /// Writes how much there is.
    pub fn used_words(&self) -> String {
        self.words(self.used)
    }

    /// Writes how much there may be.
    pub fn max_words(&self) -> String {
        self.words(self.max)
    }

    fn words(&self, amount: u64) -> String {
        match self.unit {
            Unit::Count => figure::count(&amount),
            Unit::Bytes => figure::bytes(amount),
            Unit::Millis => figure::span_ms(amount),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge(used: u64, max: u64) -> Gauge {
        Gauge { name: "queue", used, max, unit: Unit::Count, when_full: "", fix: "" }
    }

    #[test]
    fn what_is_there_is_seen_and_what_is_full_is_marked() {
        for (used, max, percent, tone) in [
            (0, 100, 0, Tone::Good),
            (1, 1_000_000, 1, Tone::Good),
            (79, 100, 79, Tone::Good),
            (80, 100, 80, Tone::Warn),
            (100, 100, 100, Tone::Bad),
            (500, 100, 100, Tone::Bad),
            (0, 0, 0, Tone::Good),
            (u64::MAX, u64::MAX, 100, Tone::Bad),
        ] {
            assert_eq!((gauge(used, max).percent(), gauge(used, max).tone()), (percent, tone), "{used} of {max}");
        }
    }
}
