//! The configuration and the policy in force, each value with where it comes from.

use crate::figure;

/// One section of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigSection {
    /// Its name.
    pub name: String,
    /// Its values, in the order of the documented file.
    pub values: Vec<ConfigValue>,
}

/// One value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigValue {
    /// Its key; the unit is its last word.
    pub key: String,
    /// The value as the file would have it; none where an optional one is not given.
    pub value: Option<String>,
    /// The number it is, if it is one.
    pub number: Option<u64>,
    /// What it means.
    pub doc: String,
    /// Where it comes from; empty: it is the default.
    pub source: String,
    /// The variable that overrides it.
    pub variable: String,
}

/// The policy in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyView {
    /// Its version, which is on every verdict.
    pub version: String,
    /// Its file; none: the built-in policy.
    pub file: Option<String>,
    /// For how long a caller may reuse an answer, milliseconds.
    pub cache_ttl_ms: u64,
    /// From when on waiting events make answers degraded, milliseconds.
    pub stale_after_ms: u64,
    /// Its actions, by name; last what holds for any other.
    pub actions: Vec<PolicyAction>,
}

/// What holds for one action.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyAction {
    /// Its name.
    pub name: String,
    /// The score from which throttle follows; none: never.
    pub throttle_score: Option<u8>,
    /// The score from which block follows; none: never.
    pub block_score: Option<u8>,
    /// What an otherwise allowed request gets while the state is cold or stale.
    pub when_degraded: String,
    /// Its limits.
    pub limits: Vec<PolicyLimit>,
}

/// One rate limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyLimit {
    /// Whom it counts for.
    pub by: String,
    /// Its rate as written.
    pub rate: String,
    /// How much may come at once.
    pub burst: u64,
    /// What it counts.
    pub unit: String,
    /// Only requests with a higher score.
    pub when_score_over: Option<u8>,
}

impl ConfigSection {
    /// Tells whether somebody set any of it.
    pub fn is_changed(&self) -> bool {
        self.values.iter().any(ConfigValue::is_changed)
    }
}

impl ConfigValue {
    /// Tells whether somebody set it.
    pub fn is_changed(&self) -> bool {
        !self.source.is_empty()
    }

    /// Returns its unit, as its key says.
    pub fn unit(&self) -> &'static str {
        let has = |word: &str| self.key.split('_').any(|part| part == word);
        match self.number {
            None => "",
            Some(_) if has("bytes") && self.key.contains("per_s") => "bytes/s",
            Some(_) if has("bytes") => "bytes",
            Some(_) if has("ms") => "ms",
            Some(_) if has("days") => "days",
            Some(_) => "",
        }
    }

    /// Writes a large number so that it can be read; nothing where the value reads well as it is.
    pub fn in_words(&self) -> Option<String> {
        let number = self.number?;
        match self.unit() {
            "bytes" | "bytes/s" if number >= 1_000 => Some(binary(number)),
            "ms" if number >= 86_400_000 && number % 86_400_000 == 0 => {
                Some(figure::counted(number / 86_400_000, "day"))
            }
            "ms" if number >= 1_000 => Some(figure::span_ms(number)),
            _ => None,
        }
    }
}

/// Writes bytes as limits are given: in powers of two.
fn binary(number: u64) -> String {
    const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let whole = UNITS.into_iter().find(|(_, bits)| number >= 1 << bits && number.is_multiple_of(1 << bits));
    whole.map_or_else(|| figure::bytes(number), |(unit, bits)| format!("{} {unit}", number >> bits))
}

impl PolicyAction {
    /// Says from which scores on it is restrained.
    pub fn scores(&self) -> String {
        let from = |score: Option<u8>, word: &str| score.map(|score| format!("{word} from {score}"));
        let both: Vec<String> =
            [from(self.throttle_score, "throttle"), from(self.block_score, "block")].into_iter().flatten().collect();
        if both.is_empty() { "never by score".to_owned() } else { both.join(", ") }
    }
}

impl PolicyLimit {
    /// Says the limit in words: `60/min by guest, burst 60`.
    pub fn words(&self) -> String {
        let unit = if self.unit == "credits" { " credits" } else { "" };
        let over = self.when_score_over.map(|score| format!(", only over score {score}")).unwrap_or_default();
        format!("{}{unit} by {}, burst {}{over}", self.rate, self.by, figure::count(&self.burst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_unit_of_their_key_and_read_well() {
        let value =
            |key: &str, number| ConfigValue { key: key.to_owned(), number: Some(number), ..ConfigValue::default() };
        for (key, number, unit, words) in [
            ("body_bytes_max", 10_485_760, "bytes", Some("10 MiB")),
            ("body_bytes_max", 1_500, "bytes", Some("1.5 kB")),
            ("body_bytes_per_s_min", 16_384, "bytes/s", Some("16 KiB")),
            ("past_ms_max", 2_592_000_000, "ms", Some("30 days")),
            ("timeout_ms", 30_000, "ms", Some("30.0 s")),
            ("tick_ms", 250, "ms", None),
            ("retention_days", 90, "days", None),
            ("threads", 2, "", None),
        ] {
            let value = value(key, number);
            assert_eq!((value.unit(), value.in_words().as_deref()), (unit, words), "{key}");
        }
        assert_eq!(ConfigValue { key: "data_bytes".to_owned(), ..ConfigValue::default() }.unit(), "");
    }

    #[test]
    fn a_policy_reads_as_sentences() {
        let limit = PolicyLimit {
            by: "guest".to_owned(),
            rate: "60/min".to_owned(),
            burst: 1_000,
            unit: "credits".to_owned(),
            when_score_over: Some(30),
        };
        assert_eq!(limit.words(), "60/min credits by guest, burst 1,000, only over score 30");
        assert_eq!(PolicyAction { throttle_score: Some(50), ..PolicyAction::default() }.scores(), "throttle from 50");
        assert_eq!(PolicyAction::default().scores(), "never by score");
    }
}
