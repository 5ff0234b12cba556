//! One row of a timeline.

use crate::{address, figure};

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Something was done.
    Usage,
    /// Something failed.
    Error,
    /// Credits moved.
    Credit,
    /// Something was paid, or was not.
    Payment,
    /// Something was decided.
    Verdict,
    /// Who is who.
    Identity,
    /// A log record.
    Log,
    /// The session told how it goes.
    Session,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// When, microseconds.
    pub at: i64,
    /// What kind of thing.
    pub kind: Kind,
    /// Its event.
    pub event_id: String,
    /// What it was.
    pub title: String,
    /// More of it.
    pub detail: String,
    /// How it went: `ok`, `error`, a verdict.
    pub status: String,
    /// How long it took, milliseconds.
    pub duration_ms: Option<u64>,
    /// The issue it belongs to; empty for none.
    pub issue: String,
    /// A page said so, which anybody could.
    pub is_public: bool,
}

impl Kind {
    /// All of them, in the order of the filters.
    pub const ALL: [Self; 8] = [
        Self::Usage,
        Self::Error,
        Self::Credit,
        Self::Payment,
        Self::Verdict,
        Self::Identity,
        Self::Log,
        Self::Session,
    ];

    /// Its name, in the URL and in queries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Error => "error",
            Self::Credit => "credit",
            Self::Payment => "payment",
            Self::Verdict => "verdict",
            Self::Identity => "identity",
            Self::Log => "log",
            Self::Session => "session",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What a filter says.
    pub fn title(self) -> &'static str {
        match self {
            Self::Usage => "Usage",
            Self::Error => "Errors",
            Self::Credit => "Credits",
            Self::Payment => "Payments",
            Self::Verdict => "Verdicts",
            Self::Identity => "Who is who",
            Self::Log => "Log",
            Self::Session => "Updates",
        }
    }
}

impl Happening {
    /// Names the chip or word of how it went; empty where nothing is to be seen.
    pub fn tone(&self) -> &'static str {
        match (self.kind, self.status.as_str()) {
            (Kind::Verdict, "allow") => "allow",
            (Kind::Verdict, "throttle") | (Kind::Log, "warn") | (Kind::Session, "errored") => "throttle",
            (Kind::Verdict, "block")
            | (Kind::Usage, "error")
            | (Kind::Session, "crashed" | "abnormal" | "unhandled") => "block",
            (Kind::Error, "warning" | "info" | "debug") | (Kind::Payment, "failed" | "disputed") => "throttle",
            (Kind::Error, _) | (Kind::Log, "error" | "fatal") => "block",
            (_, "" | "ok" | "info" | "debug") => "",
            _ => "plain",
        }
    }

    /// Writes how long it took; nothing where that is not known.
    pub fn took(&self) -> String {
        self.duration_ms.map(figure::span_ms).unwrap_or_default()
    }

    /// Returns the address of its issue.
    pub fn issue_address(&self) -> Option<String> {
        (!self.issue.is_empty()).then(|| {
            let path = format!("/issues/{}", address::encode(&self.issue));
            address::with_parameters(&path, [("event", self.event_id.as_str())])
        })
    }
}
