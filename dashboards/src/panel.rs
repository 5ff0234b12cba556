//! The states a part of a page can be in. An error stays inside its panel: the others still show what they know.

/// One part of a page and how much of it is known.
#[derive(Debug, Clone)]
pub enum Panel<T> {
    /// The answer is not there yet; the next refresh brings it.
    Loading,
    /// The answer, as of the page's `now`.
    Ready(T),
    /// The last answer that could be had, and why there is no newer one.
    Stale {
        /// The last answer.
        value: T,
        /// When it was true, in microseconds since the Unix epoch.
        as_of: i64,
        /// What kept the newer answer away, in words a reader can act on.
        reason: String,
    },
    /// No answer, and what went wrong, in words a reader can act on.
    Failed(String),
}

impl<T> Panel<T> {
    /// Returns the newest answer there is.
    pub fn value(&self) -> Option<&T> {
        match self {
            Panel::Ready(value) | Panel::Stale { value, .. } => Some(value),
            Panel::Loading | Panel::Failed(_) => None,
        }
    }

    /// Tells whether the answer is still being worked out.
    pub fn is_loading(&self) -> bool {
        matches!(self, Panel::Loading)
    }

    /// Returns what stands above the content when it is not today's: text, and the instant it refers to.
    pub fn notice(&self) -> Option<Notice<'_>> {
        match self {
            Panel::Loading | Panel::Ready(_) => None,
            Panel::Stale { as_of, reason, .. } => Some(Notice { as_of: Some(*as_of), text: reason }),
            Panel::Failed(message) => Some(Notice { as_of: None, text: message }),
        }
    }
}

/// Why a panel does not show the answer of this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice<'a> {
    /// When the shown answer was true; `None` when none is shown.
    pub as_of: Option<i64>,
    /// What happened.
    pub text: &'a str,
}
