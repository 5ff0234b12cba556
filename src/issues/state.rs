//! What people decided about an issue, and what events and time make of it.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::release;

/// Whether somebody has to look at an issue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// Nobody is done with it.
    #[default]
    Open,
    /// It is mended, in a release or altogether.
    Resolved,
    /// It is to be left alone, for a while or for good.
    Ignored,
}

impl Status {
    /// Its name in JSON, SQL and the control database.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::Ignored => "ignored",
        }
    }

    /// Reads it.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Open, Self::Resolved, Self::Ignored].into_iter().find(|status| status.name() == name)
    }
}

/// What is decided about one issue. Times are microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct IssueState {
    /// The issue's id.
    pub(crate) issue: Arc<str>,
    /// What was decided.
    pub(crate) status: Status,
    /// It is open because it came back.
    pub(crate) is_regressed: bool,
    /// The release it is mended in; none: altogether.
    pub(crate) in_release: Option<String>,
    /// The last release that has it, where the one that mends it has no name yet.
    pub(crate) after_release: Option<String>,
    /// Ignored until then.
    pub(crate) until: Option<i64>,
    /// Ignored until so many more events.
    pub(crate) until_events: Option<i64>,
    /// Events since it was decided, counted while `until_events` asks for it.
    pub(crate) events_since: i64,
    /// When it was decided.
    pub(crate) changed_at: i64,
    /// By whom: the name of a key, or `weir`.
    pub(crate) changed_by: String,
}

/// Errors of one issue, release and environment that came since the last look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub(super) release: Option<&'a str>,
    pub(super) environment: Option<&'a str>,
    pub(super) events: i64,
    pub(super) last_at: i64,
}

/// What errors make of a state.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    None,
    /// More events are counted.
    Counted(IssueState),
    /// It is open again: it came back after it was mended, or came as often as it was to be ignored.
    Reopened(IssueState),
    /// Whether it came back depends on which of two releases is later, and their names do not tell.
    Asks {
        /// The release it is mended in.
        mended_in: String,
    },
}

impl IssueState {
    /// Returns the status at a moment: what was ignored until then is open.
    pub(crate) fn status_at(&self, now: i64) -> Status {
        match (self.status, self.until) {
            (Status::Ignored, Some(until)) if until <= now => Status::Open,
            (status, _) => status,
        }
    }

    /// Tells what errors that came make of it. `is_later` is whether their release is later than the one it is mended in,
    /// where their names do not tell; none: not asked yet.
    pub(super) fn after(&self, seen: Seen<'_>, is_later: Option<bool>) -> Effect {
        if seen.last_at <= self.changed_at {
            return Effect::None;
        }
        match self.status {
            Status::Open => Effect::None,
            Status::Resolved => match self.came_back(seen, is_later) {
                Some(true) => Effect::Reopened(self.reopened(seen.last_at, true)),
                Some(false) => Effect::None,
                None => Effect::Asks { mended_in: self.boundary().unwrap_or_default().to_owned() },
            },
            Status::Ignored => self.counted(seen),
        }
    }

    /// The release that decides whether an error is an old one.
    fn boundary(&self) -> Option<&str> {
        self.in_release.as_deref().or(self.after_release.as_deref())
    }

    /// An error comes back in the release that should have been without it, or a later one. One that tells no release may be
    /// of an old one.
    fn came_back(&self, seen: Seen<'_>, is_later: Option<bool>) -> Option<bool> {
        let Some(boundary) = self.boundary() else { return Some(true) };
        let Some(release) = seen.release else { return Some(false) };
        let is_back =
            |order| if self.in_release.is_some() { order != Ordering::Less } else { order == Ordering::Greater };
        release::compare(release, boundary).map(is_back).or(is_later)
    }

    fn counted(&self, seen: Seen<'_>) -> Effect {
        if self.until.is_some_and(|until| seen.last_at >= until) {
            return Effect::Reopened(self.reopened(seen.last_at, false));
        }
        let Some(until_events) = self.until_events else { return Effect::None };
        let events_since = self.events_since.saturating_add(seen.events);
        if events_since >= until_events {
            return Effect::Reopened(self.reopened(seen.last_at, false));
        }
        Effect::Counted(Self { events_since, ..self.clone() })
    }

    fn reopened(&self, at: i64, is_regressed: bool) -> Self {
        Self {
            issue: Arc::clone(&self.issue),
            status: Status::Open,
            is_regressed,
            changed_at: at,
            changed_by: "weir".into(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(in_release: Option<&str>) -> IssueState {
        IssueState {
            issue: "i".into(),
            status: Status::Resolved,
            in_release: in_release.map(str::to_owned),
            changed_at: 100,
            ..IssueState::default()
        }
    }

    fn seen(release: Option<&str>, last_at: i64) -> Seen<'_> {
        Seen { release, environment: Some("production"), events: 3, last_at }
    }

    fn reopens(state: &IssueState, seen: Seen<'_>) -> bool {
        matches!(state.after(seen, None), Effect::Reopened(IssueState { status: Status::Open, is_regressed: true, .. }))
    }

    #[test]
    fn what_was_mended_comes_back_only_in_that_release_or_a_later_one() {
        let state = resolved(Some("2.4.1"));
        assert!(reopens(&state, seen(Some("2.4.1"), 101)));
        assert!(reopens(&state, seen(Some("2.5.0"), 101)));
        assert!(!reopens(&state, seen(Some("2.4.0"), 101)));
        assert!(!reopens(&state, seen(None, 101)));
        assert!(!reopens(&state, seen(Some("2.5.0"), 100)), "it came before it was resolved");
        assert!(reopens(&resolved(None), seen(None, 101)));
    }

    #[test]
    fn what_the_next_release_mends_stays_resolved_in_the_last_one_that_has_it() {
        let state = IssueState { after_release: Some("2.4.1".into()), ..resolved(None) };
        assert!(!reopens(&state, seen(Some("2.4.1"), 101)));
        assert!(!reopens(&state, seen(None, 101)));
        assert!(reopens(&state, seen(Some("2.4.2-rc.1"), 101)));
        let unordered = IssueState { after_release: Some("9fceb02".into()), ..resolved(None) };
        assert!(!reopens(&unordered, seen(Some("9fceb02"), 101)));
        assert_eq!(unordered.after(seen(Some("a11bc0d"), 101), None), Effect::Asks { mended_in: "9fceb02".into() });
    }

    #[test]
    fn releases_without_an_order_are_asked_for() {
        let state = resolved(Some("9fceb02"));
        assert_eq!(state.after(seen(Some("a11bc0d"), 101), None), Effect::Asks { mended_in: "9fceb02".into() });
        assert_eq!(state.after(seen(Some("a11bc0d"), 101), Some(false)), Effect::None);
        assert!(matches!(state.after(seen(Some("a11bc0d"), 101), Some(true)), Effect::Reopened(_)));
        assert!(reopens(&state, seen(Some("9fceb02"), 101)));
    }

    #[test]
    fn what_is_ignored_is_open_after_so_many_events_or_so_long() {
        let ignored = IssueState { status: Status::Ignored, until_events: Some(5), ..resolved(None) };
        let Effect::Counted(once) = ignored.after(seen(None, 101), None) else { panic!("three of five") };
        assert_eq!(once.events_since, 3);
        let Effect::Reopened(open) = once.after(seen(None, 102), None) else { panic!("six of five") };
        assert_eq!((open.status, open.is_regressed, open.until_events), (Status::Open, false, None));
        let timed = IssueState { until: Some(500), until_events: None, ..ignored };
        assert_eq!((timed.status_at(499), timed.status_at(500)), (Status::Ignored, Status::Open));
        assert_eq!(timed.after(seen(None, 499), None), Effect::None);
        assert!(matches!(timed.after(seen(None, 500), None), Effect::Reopened(_)));
        let for_good = IssueState { until: None, ..timed };
        assert_eq!(for_good.after(seen(None, i64::MAX), None), Effect::None);
        assert_eq!(for_good.status_at(i64::MAX), Status::Ignored);
    }
}
