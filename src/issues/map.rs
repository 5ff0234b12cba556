//! Which issue a hash belongs to. What people merge or split changes this, and never a row of `errors`: an error's issue is
//! looked up when it is asked for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Hashes that are kept. Beyond, an error's issue is still told by its own first hash; it only joins no other by a second.
pub(crate) const HASHES_MAX: usize = 1_000_000;
/// An issue's id is this, and the first half of the hash it was found by.
const PREFIX: &str = "iss_";

/// A hash of `errors`: 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hash(u128);

impl Hash {
    /// Reads it as the tables and the API write it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        u128::from_str_radix(text, 16).ok().filter(|_| digits).map(Self)
    }

    /// Makes one of random bytes.
    pub(super) fn from_bytes(bytes: [u8; 32]) -> Self {
        let (half, _) = bytes.split_at(16);
        Self(half.iter().fold(0, |number, byte| number << 8 | u128::from(*byte)))
    }

    /// Makes another of it, for a part that is to have an id of its own.
    pub(super) fn part_of(self, version: i64) -> Self {
        Self::from_bytes(blake3::derive_key(
            "weir id of a split issue v1",
            format!("{} {version}", self.text()).as_bytes(),
        ))
    }

    /// Writes it so.
    pub(crate) fn text(self) -> String {
        format!("{:032x}", self.0)
    }

    /// Returns the id of an issue that begins with this hash.
    pub(super) fn issue(self) -> String {
        format!("{PREFIX}{:016x}", self.0 >> 64)
    }
}

/// The hashes of one error, in the order in which they are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Hashes {
    first: Option<Hash>,
    second: Option<Hash>,
    /// All three in one, by which errors of other rules than those of now are known.
    together: Option<Hash>,
}

impl Hashes {
    /// The message groups only errors of which neither stack counts.
    pub(super) fn new(app: Option<&str>, sys: Option<&str>, msg: Option<&str>) -> Self {
        let [app, sys, msg] = [app, sys, msg].map(|text| text.and_then(Hash::parse));
        let first = app.or(sys).or(msg);
        let part = |hash: Option<Hash>, turn: u32| hash.map_or(0, |hash| hash.0.rotate_left(turn));
        let together = first.map(|_| Hash(part(app, 23) ^ part(sys, 61) ^ part(msg, 101)));
        Self { first, second: sys.filter(|_| app.is_some() && sys != app), together }
    }

    /// Returns what stands for all of them at once.
    pub(super) fn together(self) -> Option<Hash> {
        self.together
    }

    /// Returns those that lead to an issue.
    pub(super) fn iter(self) -> impl Iterator<Item = Hash> {
        self.first.into_iter().chain(self.second)
    }
}

/// Hash to issue.
#[derive(Clone, Debug, Default)]
pub(super) struct IssueMap {
    issues: HashMap<Hash, Arc<str>>,
}

impl IssueMap {
    /// Makes it of what is stored.
    pub(super) fn new(stored: impl IntoIterator<Item = (Hash, String)>) -> Self {
        Self { issues: stored.into_iter().map(|(hash, issue)| (hash, issue.into())).collect() }
    }

    /// Returns the issue that knows one of these hashes.
    fn known(&self, hashes: Hashes) -> Option<&Arc<str>> {
        hashes.together.into_iter().chain(hashes.iter()).find_map(|hash| self.issues.get(&hash))
    }

    /// Tells whether there is nothing to learn of these hashes.
    pub(super) fn knows_all(&self, hashes: Hashes) -> bool {
        hashes.iter().all(|hash| self.issues.contains_key(&hash))
    }

    /// Returns the issue an error of these hashes belongs to: one that knows it, else the one it begins. None for an error
    /// that has none.
    pub(super) fn issue_of(&self, hashes: Hashes) -> Option<Arc<str>> {
        self.known(hashes).cloned().or_else(|| Some(hashes.first?.issue().into()))
    }

    /// Returns the issue of one hash.
    pub(super) fn issue_of_hash(&self, hash: Hash) -> Option<&Arc<str>> {
        self.issues.get(&hash)
    }

    /// Learns of an error's hashes: those that nobody knows belong to its issue. Returns what is new.
    pub(super) fn learn(&mut self, hashes: Hashes) -> Vec<(Hash, Arc<str>)> {
        let Some(issue) = self.issue_of(hashes) else { return Vec::new() };
        let unknown: Vec<Hash> = hashes.iter().filter(|hash| !self.issues.contains_key(hash)).collect();
        if self.issues.len() + unknown.len() > HASHES_MAX {
            return Vec::new();
        }
        for hash in &unknown {
            self.issues.insert(*hash, Arc::clone(&issue));
        }
        unknown.into_iter().map(|hash| (hash, Arc::clone(&issue))).collect()
    }

    /// Gives hashes to an issue, whose they were before or nobody's.
    pub(super) fn give(&mut self, hashes: &[Hash], issue: &str) {
        let issue: Arc<str> = issue.into();
        for hash in hashes {
            self.issues.insert(*hash, Arc::clone(&issue));
        }
    }

    /// Gives all hashes of some issues to another.
    pub(super) fn merge(&mut self, issues: &HashSet<&str>, into: &str) {
        let into: Arc<str> = into.into();
        for issue in self.issues.values_mut().filter(|issue| issues.contains(&***issue)) {
            *issue = Arc::clone(&into);
        }
    }

    /// Returns one of these issues to which no hash leads.
    pub(super) fn unknown<'i>(&self, issues: impl IntoIterator<Item = &'i str>) -> Option<&'i str> {
        let mut unknown: HashSet<&str> = issues.into_iter().collect();
        for issue in self.issues.values() {
            unknown.remove(&**issue);
            if unknown.is_empty() {
                return None;
            }
        }
        unknown.into_iter().min()
    }

    /// Returns an issue's hashes.
    pub(super) fn hashes_of(&self, issue: &str) -> Vec<Hash> {
        let mut hashes: Vec<Hash> =
            self.issues.iter().filter(|(_, of)| &***of == issue).map(|(hash, _)| *hash).collect();
        hashes.sort_by_key(|hash| hash.0);
        hashes
    }

    /// Returns how many hashes there are.
    pub(super) fn len(&self) -> usize {
        self.issues.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u128) -> String {
        Hash(number << 64 | number).text()
    }

    fn of(app: u128, sys: u128) -> Hashes {
        Hashes::new(Some(&hash(app)), Some(&hash(sys)), Some(&hash(99)))
    }

    #[test]
    fn either_hash_joins_an_issue_and_the_first_goes_first() {
        let mut map = IssueMap::default();
        assert_eq!(map.issue_of(of(1, 2)).as_deref(), Some("iss_0000000000000001"));
        assert_eq!(map.learn(of(1, 2)).len(), 2);
        assert!(map.learn(of(1, 2)).is_empty());
        assert_eq!(map.issue_of(of(3, 2)).as_deref(), Some("iss_0000000000000001"), "by all frames");
        assert_eq!(map.learn(of(3, 2)).len(), 1);
        assert_eq!(map.issue_of(of(3, 4)).as_deref(), Some("iss_0000000000000001"), "by the app's, learnt meanwhile");
        map.learn(of(5, 6));
        assert_eq!(map.issue_of(of(5, 2)).as_deref(), Some("iss_0000000000000005"), "the app's frames go first");
        assert_eq!(map.hashes_of("iss_0000000000000001").len(), 3);
    }

    #[test]
    fn a_message_groups_only_what_has_no_stack() {
        let mut map = IssueMap::default();
        map.learn(Hashes::new(None, None, Some(&hash(9))));
        assert_eq!(map.issue_of(Hashes::new(None, None, Some(&hash(9)))).as_deref(), Some("iss_0000000000000009"));
        assert_eq!(map.known(Hashes::new(None, Some(&hash(7)), Some(&hash(9)))), None);
        assert_eq!(map.issue_of(Hashes::default()), None);
        assert_eq!(map.issue_of(Hashes::new(Some("no hash"), None, None)), None);
    }

    #[test]
    fn hashes_go_from_one_issue_to_another() {
        let mut map = IssueMap::default();
        map.learn(of(1, 2));
        map.give(&[Hash::parse(&hash(1)).unwrap()], "iss_other");
        assert_eq!(map.issue_of(of(1, 2)).as_deref(), Some("iss_other"));
        assert_eq!(map.issue_of(of(8, 2)).as_deref(), Some("iss_0000000000000001"));
    }
}
