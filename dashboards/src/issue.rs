//! The page of one issue: what happened, where in the code, since which release, to whom, and what to do about it. What is
//! slow to work out comes in parts of its own ([`Part`]), which the page asks for when it is looked at; without JavaScript
//! a link shows them all.

mod event;
mod part;

use askama::Template;

pub use event::{Breadcrumb, Cause, Event, Frame as StackFrame, Run, SourceLines};
pub use part::{Facet, Feedback, Grouping, HashOf, Impact, Kin, Part, PayingWorkspace, Tag, Whom};

use crate::issues::{Decided, IssueState, title};
use crate::trend::{Buckets, Stacked};
use crate::{Frame, PageError, Panel, address, figure, moment};

/// The page of one issue at one instant.
#[derive(Debug, Clone, Template)]
#[template(path = "issue.html")]
pub struct IssuePage {
    /// What surrounds the page.
    pub frame: Frame,
    /// When the answers below were true, in microseconds since the Unix epoch.
    pub now: i64,
    /// What the URL asks for.
    pub asked: Asked,
    /// The issue.
    pub issue: Issue,
    /// The release of the app that is newest, as far as errors tell; to resolve in.
    pub newest_release: Option<String>,
    /// Whether the key of this session may decide about issues.
    pub may_decide: bool,
    /// Its errors over time, by release.
    pub trend: Panel<Trend>,
    /// The error whose stack is shown; none where it is not there (any longer).
    pub event: Panel<Option<Event>>,
    /// Its errors, the newest first.
    pub samples: Panel<Samples>,
    /// The rest.
    pub parts: Vec<Part>,
    /// What was just done from this page.
    pub done: Option<Done>,
}

/// What a URL of the page asks for; empty where nothing was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The issue.
    pub id: String,
    /// The start of the range, as the queries read it.
    pub since: String,
    /// The error to show; the newest unless one is named.
    pub event: String,
    /// Only samples before this one's arrival.
    pub before: String,
    /// Only samples of this release.
    pub release: String,
    /// Only samples of this environment.
    pub environment: String,
    /// All parts are to be there at once.
    pub is_whole: bool,
}

/// One issue.
#[derive(Debug, Clone)]
pub struct Issue {
    /// The type of its newest error.
    pub kind: String,
    /// The message of its newest error.
    pub message: String,
    /// The frame to blame.
    pub culprit: String,
    /// The level of its newest error.
    pub level: String,
    /// Its state.
    pub state: IssueState,
    /// What was decided about it; none while nobody has.
    pub decision: Option<Decision>,
    /// Errors in the range.
    pub events: u64,
    /// Those that the app did not catch.
    pub unhandled: u64,
    /// Accounts, guests or sessions that met one.
    pub people: u64,
    /// Workspaces in which one was met.
    pub workspaces: u64,
    /// When its first and its last error in the range came, microseconds.
    pub seen: (i64, i64),
    /// The releases of those two.
    pub releases: (Option<String>, Option<String>),
}

/// What was decided about an issue, and by whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// The release it is resolved in.
    pub in_release: Option<String>,
    /// The last release that has it.
    pub after_release: Option<String>,
    /// Ignored until then, microseconds.
    pub until: Option<i64>,
    /// Ignored until so many more errors.
    pub until_events: Option<u64>,
    /// Those that came meanwhile.
    pub events_since: u64,
    /// When it was decided, microseconds.
    pub at: i64,
    /// By the key of this name; `weir` where an error or the time did.
    pub by: String,
}

/// Errors over time.
#[derive(Debug, Clone)]
pub struct Trend {
    /// How the range is divided.
    pub buckets: Buckets,
    /// When a column begins, the release, errors.
    pub counts: Vec<(i64, String, u64)>,
}

/// Some errors of the issue.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    /// The newest first.
    pub rows: Vec<Sample>,
    /// There are older ones.
    pub has_more: bool,
}

/// One error, in a line.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// Its id.
    pub event_id: String,
    /// When it arrived, microseconds.
    pub at: i64,
    /// The same, exactly as the query wrote it: where the next page begins.
    pub received_at: String,
    /// Its message.
    pub message: String,
    /// The release.
    pub release: String,
    /// The environment.
    pub environment: String,
    /// Who met it: account, else guest, else session.
    pub person: String,
    /// The session it happened in; empty for none.
    pub session: String,
    /// Browser and operating system.
    pub client: String,
}

/// What was just done from the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Something was decided.
    Decided(Decided),
    /// Another issue was merged into this one.
    Merged,
    /// This issue was split off another.
    Split,
}

impl Done {
    /// Its name in the URL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Decided(decided) => decided.name(),
            Self::Merged => "merged",
            Self::Split => "split",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "merged" => Some(Self::Merged),
            "split" => Some(Self::Split),
            name => Decided::parse(name).map(Self::Decided),
        }
    }
}

/// What can be chosen when an issue is ignored: value and words.
pub const IGNORES: [(&str, &str); 8] = [
    ("", "for good"),
    ("1h", "for an hour"),
    ("24h", "for a day"),
    ("7d", "for a week"),
    ("30d", "for 30 days"),
    ("10", "until 10 more errors"),
    ("100", "until 100 more errors"),
    ("1000", "until 1,000 more errors"),
];

impl Asked {
    /// Writes its address.
    pub fn address(&self) -> String {
        let parameters = [
            ("since", self.since.as_str()),
            ("event", &self.event),
            ("before", &self.before),
            ("release", &self.release),
            ("environment", &self.environment),
            ("parts", if self.is_whole { "all" } else { "" }),
        ];
        address::with_parameters(&format!("/issues/{}", address::encode(&self.id)), parameters)
    }

    /// Writes the address of what is done to the issue: `decide`, `merge`, `split`.
    pub fn action(&self, action: &str) -> String {
        format!("/issues/{}/{action}", address::encode(&self.id))
    }

    /// Writes the address that shows this error's stack.
    pub fn at_event(&self, event: &str) -> String {
        format!("{}#event", Self { event: event.to_owned(), ..self.clone() }.address())
    }

    /// Writes the address of one error's stack as a fragment.
    pub fn event_fragment(&self, event: &str) -> String {
        format!("/fragments/issues/{}/events/{}", address::encode(&self.id), address::encode(event))
    }

    /// Writes the address of the samples of a release; of all, where it is empty.
    pub fn of_release(&self, release: &str) -> String {
        format!("{}#samples", Self { release: release.to_owned(), before: String::new(), ..self.clone() }.address())
    }

    /// Writes the address of the samples after a sample; of the newest, where it is empty.
    pub fn from(&self, received_at: &str) -> String {
        format!("{}#samples", Self { before: received_at.to_owned(), ..self.clone() }.address())
    }

    /// Writes the address with every part.
    pub fn whole(&self) -> String {
        Self { is_whole: true, ..self.clone() }.address()
    }

    /// Writes the address of the list in the same range.
    pub fn list(&self) -> String {
        address::with_parameters("/issues", [("since", self.since.as_str())])
    }

    /// Says the range.
    pub fn range(&self) -> String {
        crate::issues::Asked { since: self.since.clone(), ..crate::issues::Asked::default() }.range()
    }
}

impl Issue {
    /// Returns what it is called.
    pub fn title(&self) -> &str {
        title(&self.kind, &self.message)
    }

    /// Returns its message, unless that is its title already.
    pub fn detail(&self) -> &str {
        if self.kind.is_empty() { "" } else { &self.message }
    }

    /// Says how things stand, why, and what ends it.
    pub fn status(&self) -> String {
        let decision = self.decision.clone().unwrap_or_default();
        match self.state {
            IssueState::New => "Open. None of its errors is older than 7 days.".to_owned(),
            IssueState::Ongoing => "Open.".to_owned(),
            IssueState::Regressed => "Open: it came back after it was resolved.".to_owned(),
            IssueState::Resolved => match (decision.in_release, decision.after_release) {
                (Some(release), _) => {
                    format!("Resolved in {release}. An error of it or a later release opens it again.")
                }
                (None, Some(release)) => {
                    format!("Resolved in the release after {release}. An error of a later release opens it again.")
                }
                (None, None) => "Resolved. The next error opens it again.".to_owned(),
            },
            IssueState::Ignored => match (decision.until, decision.until_events) {
                (Some(until), _) => format!("Ignored until {}.", moment::stamp(&until)),
                (None, Some(events)) => format!(
                    "Ignored until {}; {} came so far.",
                    figure::counted(events, "more error"),
                    figure::count(&decision.events_since)
                ),
                (None, None) => "Ignored until somebody opens it.".to_owned(),
            },
        }
    }
}

impl Trend {
    /// Draws it.
    pub fn chart(&self) -> Stacked {
        Stacked::new(&self.counts, self.buckets)
    }
}

impl IssuePage {
    /// Renders the page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }

    /// Returns the path by which the header marks where one is.
    pub fn here(&self) -> &'static str {
        "/issues"
    }

    /// Returns the link that opens the issue's errors in SQL.
    pub fn as_sql(&self) -> String {
        let id = address::sql_literal(&self.asked.id);
        address::sql(&format!(
            "select\n    received_at,\n    release,\n    environment,\n    type,\n    message,\n    account_id,\n    \
             guest_id,\n    stack_text(frames)    as stack\nfrom errors\nwhere issue_id = {id}\norder by received_at desc\n\
             limit 100\n"
        ))
    }

    /// Returns the address of the samples without their filters.
    pub fn all_samples(&self) -> String {
        Asked { release: String::new(), environment: String::new(), before: String::new(), ..self.asked.clone() }
            .from("")
    }

    /// Says what was just done.
    pub fn done_sentence(&self) -> String {
        match self.done {
            None => String::new(),
            Some(Done::Decided(_)) => self.issue.status(),
            Some(Done::Merged) => {
                "The other issue's errors belong to this one now. To undo it, split its hashes off below.".to_owned()
            }
            Some(Done::Split) => {
                "These errors are an issue of their own now. To undo it, merge it into the other one below.".to_owned()
            }
        }
    }
}

/// One part of the page alone.
#[derive(Debug, Clone, Template)]
#[template(path = "issue_part.html")]
pub struct IssuePartPage {
    /// When the answer was true, in microseconds since the Unix epoch.
    pub now: i64,
    /// What the page asked for.
    pub asked: Asked,
    /// Whether the key of this session may decide about issues.
    pub may_decide: bool,
    /// The part.
    pub part: Part,
}

/// The stack of one error alone.
#[derive(Debug, Clone, Template)]
#[template(path = "issue_event.html")]
pub struct SampleEventPage {
    /// The error.
    pub event: Event,
}

impl IssuePartPage {
    /// Renders the part.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn fragment(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }
}

impl SampleEventPage {
    /// Renders the error.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn fragment(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }
}

#[cfg(test)]
mod tests;
