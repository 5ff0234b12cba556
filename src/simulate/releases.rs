//! The app's releases over the simulated time, one of which takes one browser down.

use super::clock::DAY_MS;

/// Releases before the bad one, oldest first.
const BEFORE: &[&str] = &["2.2.0", "2.2.1", "2.3.0", "2.3.1", "2.4.0"];
/// The release that crashes.
pub(crate) const CRASHING_RELEASE: &str = "2.5.0";
/// The browser it crashes on.
pub(crate) const CRASHING_BROWSER: &str = "Safari";
/// Releases after the bad one, the repair first.
const AFTER: &[&str] = &["2.5.1", "2.5.2", "2.6.0"];
/// For how long the bad release is out before it is repaired.
const REPAIR_AFTER_MS: i64 = DAY_MS;

/// When which release went out.
pub(crate) struct Releases(Vec<(i64, &'static str)>);

impl Releases {
    /// Plans the releases of a whole story: the bad one after two thirds of the time, repaired a day later at most.
    pub(crate) fn of_story(start_ms: i64, end_ms: i64) -> Self {
        let span = end_ms - start_ms;
        let bad = start_ms + span * 2 / 3;
        let mut plan = Self::until_bad(start_ms, bad);
        let repaired = bad + (span / 8).min(REPAIR_AFTER_MS);
        let left = end_ms - repaired;
        for (place, name) in AFTER.iter().enumerate() {
            plan.0.push((repaired + left * place as i64 / AFTER.len() as i64, name));
        }
        plan
    }

    /// Plans the releases of a story that is not over: nobody has repaired the bad one yet.
    pub(crate) fn unrepaired(start_ms: i64, bad_ms: i64) -> Self {
        Self::until_bad(start_ms, bad_ms)
    }

    /// Returns the release that was out at a time.
    pub(crate) fn at(&self, at_ms: i64) -> &'static str {
        let later = self.0.partition_point(|(from, _)| *from <= at_ms);
        self.0[later.saturating_sub(1)].1
    }

    fn until_bad(start_ms: i64, bad_ms: i64) -> Self {
        let mut plan = Vec::with_capacity(BEFORE.len() + 1 + AFTER.len());
        for (place, name) in BEFORE.iter().enumerate() {
            plan.push((start_ms + (bad_ms - start_ms) * place as i64 / BEFORE.len() as i64, *name));
        }
        plan.push((bad_ms, CRASHING_RELEASE));
        Self(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bad_release_comes_late_and_is_repaired_unless_the_story_is_open() {
        let releases = Releases::of_story(0, 12 * DAY_MS);
        assert_eq!(releases.at(0), BEFORE[0]);
        assert_eq!(releases.at(8 * DAY_MS), CRASHING_RELEASE);
        assert_eq!(releases.at(9 * DAY_MS), AFTER[0]);
        assert_eq!(releases.at(12 * DAY_MS), AFTER[2]);
        assert_eq!(releases.at(-1), BEFORE[0]);
        assert_eq!(Releases::unrepaired(0, DAY_MS).at(99 * DAY_MS), CRASHING_RELEASE);
    }
}
