//! Which of two releases is the later one, by their names: semantic versions and build numbers. Names that have no order (a
//! commit's hash) are ordered by when they were first seen in an environment, which is the asker's to find out.

use std::cmp::Ordering;

use semver::Prerelease;

/// A release's name, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Version<'r> {
    /// What comes before `@`: `weir@2.4.1`.
    package: &'r str,
    /// The numbers, without zeros at the end: 2.4 is 2.4.0.
    numbers: Vec<u64>,
    pre: Prerelease,
    /// The number after `+`, or at its end.
    build: u64,
}

/// Compares two releases by their names. None where the names have no order.
pub(super) fn compare(one: &str, other: &str) -> Option<Ordering> {
    if one == other {
        return Some(Ordering::Equal);
    }
    let (one, other) = (Version::parse(one)?, Version::parse(other)?);
    if one.package != other.package {
        return None;
    }
    let by_version = one.numbers.cmp(&other.numbers).then_with(|| one.pre.cmp(&other.pre));
    Some(by_version.then_with(|| one.build.cmp(&other.build)))
}

impl<'r> Version<'r> {
    fn parse(release: &'r str) -> Option<Self> {
        let release = release.trim();
        let (package, version) = release.rsplit_once('@').unwrap_or(("", release));
        let version = version.strip_prefix(['v', 'V']).unwrap_or(version);
        let (version, build) =
            version.split_once('+').map_or((version, None), |(version, build)| (version, Some(build)));
        let (core, pre) = version.split_once('-').unwrap_or((version, ""));
        let mut numbers = core.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?;
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        let build = build.map_or(Some(0), |build| build.rsplit(['.', '-']).next()?.parse().ok())?;
        Some(Self { package, numbers, pre: Prerelease::new(pre).ok()?, build })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_build_numbers_have_an_order() {
        for (earlier, later) in [
            ("2.4.1", "2.4.2"),
            ("2.9.0", "2.10.0"),
            ("v2.4", "2.4.1"),
            ("2.4.1-rc.1", "2.4.1"),
            ("2.4.1-rc.2", "2.4.1-rc.10"),
            ("2.4.1+41", "2.4.1+100"),
            ("2.4.1+build.9", "2.4.1+build.10"),
            ("app@1.0.0", "app@1.0.1"),
            ("998", "1042"),
            ("20261101.2", "20261102.1"),
            ("1.2.3.4", "1.2.3.5"),
        ] {
            assert_eq!(compare(earlier, later), Some(Ordering::Less), "{earlier} < {later}");
            assert_eq!(compare(later, earlier), Some(Ordering::Greater), "{later} > {earlier}");
        }
        assert_eq!(compare("2.4", "v2.4.0"), Some(Ordering::Equal));
    }

    #[test]
    fn other_names_have_none() {
        for (one, other) in
            [("9fceb02", "a11bc0d"), ("2.4.1", "main"), ("app@1.0.0", "web@1.0.1"), ("", "1"), ("1+x", "1")]
        {
            assert_eq!(compare(one, other), None, "{one} {other}");
        }
        assert_eq!(compare("main", "main"), Some(Ordering::Equal));
    }
}
