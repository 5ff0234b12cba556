//! What was done about a rule: from this page just now, and ever, as the audit log has it.

/// A line of the rule's story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub at: i64,
    /// Who: the name of a key, or `weir`, `file`, `command`.
    pub by: String,
    /// What: `went live by backtest bt_1`.
    pub what: String,
    /// The version it was about; may be empty.
    pub version: String,
}

/// What was just done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// What.
    pub deed: Deed,
    /// What was before: a mode, a version; may be empty.
    pub was: String,
}

/// What can be done from the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// The mode was set.
    Mode,
    /// A text was saved.
    Saved,
    /// An entity was snoozed.
    Snoozed,
    /// A snooze was ended.
    SnoozeEnded,
}

impl Deed {
    /// Its name in the URL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mode => "mode",
            Self::Saved => "saved",
            Self::Snoozed => "snoozed",
            Self::SnoozeEnded => "snooze_ended",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Mode, Self::Saved, Self::Snoozed, Self::SnoozeEnded].into_iter().find(|deed| deed.name() == name)
    }
}
