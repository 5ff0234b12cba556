//! What people do with issues: decide about one, merge several, split one.

use std::collections::HashSet;
use std::sync::Arc;

use ingest::Ingest;
use thiserror::Error;

use super::map::Hash;
use super::state::{IssueState, Status};
use super::{Issues, IssuesError};
use crate::clock;
use crate::control::{By, ControlError};

/// Issues that are merged at once.
const MERGED_MAX: usize = 100;

/// What somebody decides about an issue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decision {
    pub(crate) status: Status,
    pub(crate) in_release: Option<String>,
    pub(crate) after_release: Option<String>,
    pub(crate) until: Option<i64>,
    pub(crate) until_events: Option<i64>,
}

/// Why it cannot be done.
#[derive(Debug, Error)]
pub(crate) enum ReviewError {
    /// What was asked for makes no sense; the words say why.
    #[error("{0}")]
    Invalid(String),
    /// No error of such an issue is known.
    #[error("there is no issue {0:?}")]
    Unknown(String),
    /// The issues could not be brought up to date.
    #[error(transparent)]
    Behind(#[from] IssuesError),
}

impl From<ControlError> for ReviewError {
    fn from(error: ControlError) -> Self {
        Self::Behind(error.into())
    }
}

impl Issues {
    /// Writes down what somebody decides about an issue. Errors that came before count for nothing. Durable once `Ok`.
    pub(crate) async fn decide(
        &self,
        ingest: &Ingest,
        issue: &str,
        decision: Decision,
        by: By<'_>,
    ) -> Result<IssueState, ReviewError> {
        decision.check(by.at)?;
        self.catch_up(ingest).await?;
        let _changing = self.changing.lock().await;
        self.check_known([issue])?;
        let Decision { status, in_release, after_release, until, until_events } = decision;
        let state = IssueState {
            issue: issue.into(),
            status,
            in_release,
            after_release,
            until,
            until_events,
            changed_at: clock::now(),
            changed_by: by.actor.to_owned(),
            ..IssueState::default()
        };
        let stored = state.clone();
        self.change(by, move |control, by| control.put_issue_state(&stored, by)).await?;
        let mut states = self.states.load_full();
        Arc::make_mut(&mut states).insert(Arc::clone(&state.issue), state.clone());
        self.states.store(states);
        Ok(state)
    }

    /// Makes errors of other issues belong to this one, those that come as well as those of the past. Durable once `Ok`.
    pub(crate) async fn merge(
        &self,
        ingest: &Ingest,
        into: &str,
        others: &[String],
        by: By<'_>,
    ) -> Result<(), ReviewError> {
        if others.is_empty() || others.len() > MERGED_MAX {
            return Err(ReviewError::Invalid(format!(
                "issues: name 1 to {MERGED_MAX} issues to be merged into this one"
            )));
        }
        if others.iter().any(|other| other == into) {
            return Err(ReviewError::Invalid("issues: an issue cannot be merged into itself".into()));
        }
        self.catch_up(ingest).await?;
        let _changing = self.changing.lock().await;
        let merged: HashSet<&str> = others.iter().map(String::as_str).collect();
        self.check_known(merged.iter().copied().chain([into]))?;
        let (target, gone) = (into.to_owned(), others.to_vec());
        self.change(by, move |control, by| control.merge_issues(&target, &gone, by)).await?;
        let (mut map, mut states) = (self.map.load_full(), self.states.load_full());
        Arc::make_mut(&mut map).merge(&merged, into);
        Arc::make_mut(&mut states).retain(|issue, _| !merged.contains(&**issue));
        self.map.store(map);
        self.states.store(states);
        Ok(())
    }

    /// Makes an issue of its own of some of an issue's hashes. Returns its id. Durable once `Ok`.
    pub(crate) async fn split(
        &self,
        ingest: &Ingest,
        issue: &str,
        hashes: &[String],
        by: By<'_>,
    ) -> Result<String, ReviewError> {
        let invalid = |what: String| Err(ReviewError::Invalid(format!("hashes: {what}")));
        let Some(wanted) = hashes.iter().map(|hash| Hash::parse(hash)).collect::<Option<Vec<Hash>>>() else {
            return invalid("each is 32 hexadecimal digits, as the issue lists them".into());
        };
        let Some(first) = wanted.first() else { return invalid("name at least one".into()) };
        self.catch_up(ingest).await?;
        let _changing = self.changing.lock().await;
        self.check_known([issue])?;
        let mut map = self.map.load_full();
        let own = map.hashes_of(issue);
        if let Some(other) = wanted.iter().find(|hash| !own.contains(hash)) {
            return invalid(format!("{} is not of this issue", other.text()));
        }
        if own.iter().all(|hash| wanted.contains(hash)) {
            return invalid("an issue keeps at least one".into());
        }
        let seed = format!("{} {} {}", issue, first.text(), by.at);
        let digest = blake3::derive_key("weir id of a split issue v1", seed.as_bytes());
        let id = Hash::from_bytes(digest).issue();
        let (from, hashes, new) = (issue.to_owned(), wanted.clone(), id.clone());
        self.change(by, move |control, by| control.split_issue(&from, &hashes, &new, by)).await?;
        Arc::make_mut(&mut map).give(&wanted, &id);
        self.map.store(map);
        Ok(id)
    }

    /// Returns what is decided about an issue.
    pub(crate) fn state_of(&self, issue: &str) -> Option<IssueState> {
        self.states.load().get(issue).cloned()
    }

    /// Returns the hashes that lead to an issue.
    pub(crate) fn hashes_of(&self, issue: &str) -> Vec<String> {
        self.map.load().hashes_of(issue).into_iter().map(Hash::text).collect()
    }

    fn check_known<'i>(&self, issues: impl IntoIterator<Item = &'i str>) -> Result<(), ReviewError> {
        match self.map.load().unknown(issues) {
            Some(unknown) => Err(ReviewError::Unknown(unknown.to_owned())),
            None => Ok(()),
        }
    }
}

impl Decision {
    fn check(&self, now: i64) -> Result<(), ReviewError> {
        let invalid = |what: &str| Err(ReviewError::Invalid(what.into()));
        let is_ignored = self.status == Status::Ignored;
        let releases = [&self.in_release, &self.after_release];
        if releases.iter().any(|release| release.is_some()) && self.status != Status::Resolved {
            return invalid("in_release and after_release go with status resolved");
        }
        if releases.iter().all(|release| release.is_some()) {
            return invalid("name in_release or after_release, not both");
        }
        if !is_ignored && (self.until.is_some() || self.until_events.is_some()) {
            return invalid("until and until_events go with status ignored");
        }
        if releases.into_iter().flatten().any(|release| release.trim().is_empty() || release.len() > 512) {
            return invalid("in_release and after_release have 1 to 512 bytes");
        }
        if self.until.is_some_and(|until| until <= now) {
            return invalid("until lies in the past");
        }
        if self.until_events.is_some_and(|events| !(1..=1_000_000_000).contains(&events)) {
            return invalid("until_events must be from 1 to 1000000000");
        }
        Ok(())
    }
}
