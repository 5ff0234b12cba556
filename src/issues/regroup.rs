//! Another version of the rules by which errors are grouped: what it would make of the errors of the past, and putting it in
//! force. Rows are not rewritten: what is written is which of their present hashes belong together from now on.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use ingest::Ingest;
use ingest::grouping::{FrameRule, Grouper};
use petgraph::unionfind::UnionFind;
use serde::Serialize;
use serde_json::Value;

use super::map::{Hash, Hashes, IssueMap};
use super::review::ReviewError;
use super::{Issues, IssuesError, regrouped};
use crate::control::{By, StoredGrouping};

/// Issues that are named in a preview.
const NAMED_MAX: usize = 100;

/// What another version makes of the errors that are kept.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Regrouping {
    /// The version that is in force, or would be.
    pub(crate) version: i64,
    /// Errors that were looked at.
    pub(crate) events: i64,
    /// Issues that they belong to now.
    pub(crate) before: usize,
    /// Issues that they would belong to.
    pub(crate) after: usize,
    /// Issues that would be one, at most a hundred such.
    pub(crate) merged: Vec<MergedIssues>,
    /// Issues that would be several, at most a hundred such.
    pub(crate) split: Vec<SplitIssue>,
}

/// Issues that another version takes for one.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct MergedIssues {
    /// The one that stays.
    pub(crate) into: String,
    /// Those that end.
    pub(crate) issues: Vec<String>,
}

/// An issue that another version takes for several.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SplitIssue {
    pub(crate) issue: String,
    /// What it becomes; the largest keeps its id.
    pub(crate) into: Vec<String>,
}

/// Errors with the same hashes, by the version of now and by the other one.
struct Group {
    now: Hashes,
    then: Hashes,
    issue: Arc<str>,
    events: i64,
}

/// Which hashes belong to which issue from now on.
type Links = Vec<(Hash, Arc<str>)>;

impl Issues {
    /// Returns what rules would make of the errors that are kept. Nothing changes.
    pub(crate) async fn preview(&self, ingest: &Ingest, rules: Vec<FrameRule>) -> Result<Regrouping, ReviewError> {
        let version = ingest.judge().grouper().version() + 1;
        let grouper = grouper(version, rules)?;
        self.catch_up(ingest).await?;
        let groups = self.regrouped(ingest, Arc::new(grouper)).await?;
        Ok(regroup(&groups, version).0)
    }

    /// Puts rules in force, for errors that come and for those that are kept. Durable once `Ok`.
    pub(crate) async fn regroup(
        &self,
        ingest: &Ingest,
        rules: Vec<FrameRule>,
        by: By<'_>,
    ) -> Result<Regrouping, ReviewError> {
        let _one_at_a_time = self.regrouping.lock().await;
        let before = ingest.judge().grouper();
        let version = before.version() + 1;
        let text = serde_json::to_string(&rules).map_err(|error| ReviewError::Invalid(error.to_string()))?;
        let grouper = Arc::new(grouper(version, rules)?);
        // First, so that no error is grouped by the old rules after the past was read.
        ingest.judge().set_grouper(Arc::clone(&grouper));
        let done = self.put_in_force(ingest, grouper, StoredGrouping::new(version, text, by), by).await;
        if done.is_err() {
            ingest.judge().set_grouper(before);
        }
        done
    }

    async fn put_in_force(
        &self,
        ingest: &Ingest,
        grouper: Arc<Grouper>,
        stored: StoredGrouping,
        by: By<'_>,
    ) -> Result<Regrouping, ReviewError> {
        self.catch_up(ingest).await?;
        let _changing = self.changing.lock().await;
        let groups = self.regrouped(ingest, grouper).await?;
        let (regrouping, links) = regroup(&groups, stored.version);
        let kept = links.clone();
        self.change(by, move |control, by| control.put_grouping(&stored, &kept, by)).await?;
        let mut map = self.map.load_full();
        for (hash, issue) in links {
            Arc::make_mut(&mut map).give(&[hash], &issue);
        }
        self.map.store(map);
        Ok(regrouping)
    }

    /// Reads all errors, grouped by their hashes of now and by those of other rules, the oldest first.
    async fn regrouped(&self, ingest: &Ingest, grouper: Arc<Grouper>) -> Result<Vec<Group>, IssuesError> {
        let map = self.map.load_full();
        let cut = ingest.cut();
        let tables = regrouped::errors(cut.providers(), grouper)
            .map_err(|error| queries::QueryError::Internal(error.to_string()))?;
        let rows = self.groups(tables, include_str!("regrouped.sql"), []).await?;
        let groups = rows.iter().filter_map(|row| {
            let text = |column: &str| row.get(column).and_then(Value::as_str);
            let now = Hashes::new(text("hash_app"), text("hash_sys"), text("hash_msg"));
            let mut then = text("regrouped")?.split(' ').map(|hash| Some(hash).filter(|hash| !hash.is_empty()));
            let then = Hashes::new(then.next()?, then.next()?, then.next()?);
            let events = row.get("events").and_then(Value::as_i64).unwrap_or(0);
            Some(Group { now, then, issue: map.issue_of(now)?, events })
        });
        Ok(groups.collect())
    }
}

fn grouper(version: i64, rules: Vec<FrameRule>) -> Result<Grouper, ReviewError> {
    Grouper::new(version, rules).map_err(|error| ReviewError::Invalid(format!("rules: {error}")))
}

/// Finds which groups are one issue by the other rules, and which id each such issue goes on under: the one that most of its
/// errors have, unless another issue has more of it.
fn regroup(groups: &[Group], version: i64) -> (Regrouping, Links) {
    let issue_of_group = joined(groups);
    let home_of_group = homes(groups, &issue_of_group);
    let mut events: BTreeMap<(usize, &str), i64> = BTreeMap::new();
    for (group, issue) in groups.iter().zip(&home_of_group) {
        *events.entry((*issue, &group.issue)).or_default() += group.events;
    }
    let mut by_events: Vec<((usize, &str), i64)> = events.iter().map(|(key, events)| (*key, *events)).collect();
    by_events.sort_by_key(|((issue, old), events)| (-events, *issue, *old));
    let mut ids: HashMap<usize, Arc<str>> = HashMap::new();
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    for ((issue, old), _) in by_events {
        if !ids.contains_key(&issue) && taken.insert(old) {
            ids.insert(issue, old.into());
        }
    }
    // Parts that keep no id begin under the first hash they have.
    for (group, issue) in groups.iter().zip(&issue_of_group) {
        if let Some(hash) = group.then.iter().next().filter(|_| !ids.contains_key(issue)) {
            let id = hash.issue();
            let id = if taken.contains(id.as_str()) { hash.part_of(version).issue() } else { id };
            ids.insert(*issue, id.into());
        }
    }
    let links = links(groups, &issue_of_group, &home_of_group, &ids);
    (told(groups, &home_of_group, &ids, version), links)
}

/// Returns for each group which issue its rows go to: rows with the same hashes are told apart by nothing, and stay together
/// where most of them belong. Only errors that come are told apart.
fn homes(groups: &[Group], issue_of_group: &[usize]) -> Vec<usize> {
    let mut events: HashMap<Hashes, BTreeMap<usize, i64>> = HashMap::new();
    for (group, issue) in groups.iter().zip(issue_of_group) {
        *events.entry(group.now).or_default().entry(*issue).or_default() += group.events;
    }
    let most = |group: &Group| {
        let issues = &events[&group.now];
        issues.iter().max_by_key(|(issue, events)| (**events, Reverse(**issue))).map_or(0, |(issue, _)| *issue)
    };
    groups.iter().map(most).collect()
}

/// Returns for each group which of the issues it is in, by the other rules: an error joins the issue that knows either of its
/// hashes.
fn joined(groups: &[Group]) -> Vec<usize> {
    let mut sets = UnionFind::<usize>::new(groups.len());
    let mut first: HashMap<Hash, usize> = HashMap::new();
    for (place, group) in groups.iter().enumerate() {
        // The first that is known decides, as it does when errors come one by one.
        let known = group.then.iter().find_map(|hash| first.get(&hash).copied());
        let member = known.unwrap_or(place);
        if known.is_some() {
            sets.union(member, place);
        }
        for hash in group.then.iter() {
            first.entry(hash).or_insert(member);
        }
    }
    sets.into_labeling()
}

fn links(groups: &[Group], issue_of_group: &[usize], home_of_group: &[usize], ids: &HashMap<usize, Arc<str>>) -> Links {
    let mut map = IssueMap::default();
    let mut links = Links::new();
    for ((group, issue), home) in groups.iter().zip(issue_of_group).zip(home_of_group) {
        let (Some(id), Some(home)) = (ids.get(issue), ids.get(home)) else { continue };
        for hash in group.then.iter() {
            if map.issue_of_hash(hash).is_none() {
                map.give(&[hash], id);
                links.push((hash, Arc::clone(id)));
            }
        }
        // Rows of the past keep their hashes: all of them together say which issue they are in now.
        if group.now != group.then || group.issue != *home {
            links.extend(group.now.together().map(|hash| (hash, Arc::clone(home))));
        }
    }
    links
}

fn told(groups: &[Group], home_of_group: &[usize], ids: &HashMap<usize, Arc<str>>, version: i64) -> Regrouping {
    let mut olds: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut news: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (group, issue) in groups.iter().zip(home_of_group) {
        let Some(id) = ids.get(issue) else { continue };
        olds.entry(&group.issue).or_default().insert(id);
        news.entry(id).or_default().insert(&group.issue);
    }
    let owned = |ids: &BTreeSet<&str>, but: &str| -> Vec<String> {
        ids.iter().filter(|id| **id != but).map(|id| (*id).to_owned()).collect()
    };
    let merged = news.iter().filter(|(_, olds)| olds.len() > 1).take(NAMED_MAX);
    let split = olds.iter().filter(|(_, news)| news.len() > 1).take(NAMED_MAX);
    Regrouping {
        version,
        events: groups.iter().map(|group| group.events).sum(),
        before: olds.len(),
        after: news.len(),
        merged: merged
            .map(|(into, olds)| MergedIssues { into: (*into).to_owned(), issues: owned(olds, into) })
            .collect(),
        split: split.map(|(issue, news)| SplitIssue { issue: (*issue).to_owned(), into: owned(news, "") }).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(app: u32, sys: u32) -> Hashes {
        let text = |number: u32| format!("{number:08x}{number:024x}");
        Hashes::new(Some(&text(app)), Some(&text(sys)), None)
    }

    fn group(now: (u32, u32), then: (u32, u32), issue: &str, events: i64) -> Group {
        Group { now: hashes(now.0, now.1), then: hashes(then.0, then.1), issue: issue.into(), events }
    }

    fn applied(groups: &[Group]) -> (Regrouping, IssueMap) {
        let (regrouping, links) = regroup(groups, 2);
        let mut map = IssueMap::default();
        for group in groups {
            map.give(&group.now.iter().collect::<Vec<_>>(), &group.issue);
        }
        for (hash, issue) in links {
            map.give(&[hash], &issue);
        }
        (regrouping, map)
    }

    #[test]
    fn issues_that_are_one_go_on_under_the_id_of_most_errors() {
        let (told, map) = applied(&[group((1, 2), (9, 2), "iss_a", 3), group((3, 4), (9, 4), "iss_b", 5)]);
        assert_eq!((told.before, told.after, told.events), (2, 1, 8));
        assert_eq!(told.merged, [MergedIssues { into: "iss_b".into(), issues: vec!["iss_a".into()] }]);
        for of in [hashes(1, 2), hashes(3, 4), hashes(9, 7)] {
            assert_eq!(map.issue_of(of).as_deref(), Some("iss_b"), "of the past as of what comes");
        }
    }

    #[test]
    fn an_issue_that_is_several_is_split_for_the_past_as_well() {
        let groups =
            [group((1, 2), (5, 2), "iss_a", 9), group((1, 3), (6, 3), "iss_a", 2), group((1, 4), (5, 4), "iss_a", 1)];
        let (told, map) = applied(&groups);
        assert_eq!((told.before, told.after), (1, 2));
        assert_eq!(told.split[0].issue, "iss_a");
        let of = |app, sys| map.issue_of(hashes(app, sys)).unwrap();
        assert_eq!((&*of(1, 2), &*of(1, 4), &*of(5, 2)), ("iss_a", "iss_a", "iss_a"));
        assert_eq!(of(1, 3), of(6, 3));
        assert_ne!(&*of(1, 3), "iss_a");
    }

    #[test]
    fn rows_that_nothing_tells_apart_stay_together_and_new_errors_do_not() {
        let groups = [group((1, 1), (5, 5), "iss_a", 2), group((1, 1), (6, 6), "iss_a", 3)];
        let (told, map) = applied(&groups);
        assert_eq!((told.before, told.after), (1, 1));
        let of = |hash| map.issue_of(hashes(hash, hash)).unwrap();
        assert_eq!((&*of(1), &*of(6)), ("iss_a", "iss_a"));
        assert_ne!(&*of(5), "iss_a");
    }

    #[test]
    fn rules_that_change_nothing_change_nothing() {
        let groups = [group((1, 2), (1, 2), "iss_merged", 3), group((3, 4), (3, 4), "iss_b", 5)];
        let (told, map) = applied(&groups);
        assert_eq!((told.before, told.after), (2, 2));
        assert!(told.merged.is_empty() && told.split.is_empty());
        assert_eq!(map.issue_of(hashes(1, 2)).as_deref(), Some("iss_merged"));
    }
}
