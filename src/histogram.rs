//! What the server says of its own latencies: a histogram of `/metrics`, as the difference of two looks.

/// A cumulative histogram: upper bounds in seconds, and how many samples lie at or below each.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Buckets(Vec<(f64, f64)>);

impl Buckets {
    /// Reads one out of the text of `/metrics`.
    pub(crate) fn read(text: &str, name: &str) -> Self {
        let bucket = |line: &str| {
            let line = line.strip_prefix(name)?.strip_prefix("_bucket{")?;
            let (_, rest) = line.split_once("le=\"")?;
            let (bound, rest) = rest.split_once('"')?;
            let count = rest.split_whitespace().next_back()?.parse::<f64>().ok()?;
            Some((bound.parse().unwrap_or(f64::INFINITY), count))
        };
        Self(text.lines().filter_map(bucket).collect())
    }

    /// Returns what came since an earlier look.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let earlier = |bound: f64| before.0.iter().find(|(other, _)| *other == bound).map_or(0.0, |(_, count)| *count);
        Self(self.0.iter().map(|(bound, count)| (*bound, count - earlier(*bound))).collect())
    }

    /// Returns how many samples there are.
    pub(crate) fn count(&self) -> f64 {
        self.0.last().map_or(0.0, |(_, count)| *count)
    }

    /// Returns a quantile in milliseconds, on a straight line within its bucket; NaN of no samples.
    pub(crate) fn quantile_ms(&self, quantile: f64) -> f64 {
        let total = self.count();
        let wanted = quantile * total;
        let (mut low, mut below) = (0.0, 0.0);
        for (bound, count) in self.0.iter().filter(|_| total > 0.0) {
            if *count >= wanted {
                let share = if *count > below { (wanted - below) / (count - below) } else { 1.0 };
                let high = if bound.is_finite() { *bound } else { low };
                return 1_000.0 * (low + share * (high - low));
            }
            (low, below) = (*bound, *count);
        }
        f64::NAN
    }

    /// Returns the share of samples above a bound that is one of the buckets'.
    pub(crate) fn share_above(&self, bound_s: f64) -> f64 {
        let total = self.count();
        let below = self.0.iter().find(|(bound, _)| *bound >= bound_s).map_or(total, |(_, count)| *count);
        if total > 0.0 { (total - below) / total } else { f64::NAN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "# TYPE weir_verdict_seconds histogram\nweir_verdict_seconds_bucket{le=\"0.001\"} 10\n\
        weir_verdict_seconds_bucket{le=\"0.005\"} 10\nweir_verdict_seconds_bucket{le=\"+Inf\"} 10\n\
        weir_verdict_seconds_sum 1\nweir_other_bucket{le=\"1\"} 7\n";

    #[test]
    fn a_quantile_is_that_of_the_time_between_two_looks() {
        let after = BEFORE.replace("\"0.001\"} 10", "\"0.001\"} 100").replace("\"0.005\"} 10", "\"0.005\"} 110");
        let after = after.replace("\"+Inf\"} 10", "\"+Inf\"} 110");
        let name = "weir_verdict_seconds";
        let since = Buckets::read(&after, name).since(&Buckets::read(BEFORE, name));
        assert_eq!(since.0, [(0.001, 90.0), (0.005, 100.0), (f64::INFINITY, 100.0)]);
        assert!((since.quantile_ms(0.45) - 0.5).abs() < 1e-9);
        assert!((since.quantile_ms(0.95) - 3.0).abs() < 1e-9);
        assert!((since.share_above(0.001) - 0.1).abs() < 1e-9);
        assert!(Buckets::default().quantile_ms(0.5).is_nan());
    }
}
