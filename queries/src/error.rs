//! What can go wrong with a query, by what its sender can do about it. Messages are public: they name no file, no path
//! and no machine. What only operators may know is logged where it is found.

/// A query that did not give its answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The text, a name, a type or a value is wrong: change the query. HTTP 400.
    #[error("{message}")]
    Invalid {
        /// What is wrong.
        message: String,
        /// Line of the text, from 1, where the engine knows it.
        line: Option<u32>,
        /// Column of that line, in characters from 1.
        column: Option<u32>,
        /// What to do instead, often the nearest names.
        hint: Option<String>,
    },
    /// A statement that only reads is wanted, and this is another. HTTP 403.
    #[error("{0}")]
    Forbidden(String),
    /// It took longer than allowed: narrow it, or ask when less runs. HTTP 408.
    #[error("the query ran longer than {timeout_ms} ms and was stopped; narrow its time range or read fewer columns")]
    Timeout {
        /// The time it was given, milliseconds.
        timeout_ms: u64,
    },
    /// Too many queries run at once: ask again shortly. HTTP 429.
    #[error("too many queries are running; try again shortly")]
    Busy,
    /// It needs more memory or spill space than it may have: narrow it. HTTP 507.
    #[error("{0}")]
    Memory(String),
    /// Weir's own fault, or the data's; the log tells more. HTTP 500.
    #[error("{0}")]
    Internal(String),
}

impl QueryError {
    /// Builds an `Invalid` without a place or a hint.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), line: None, column: None, hint: None }
    }

    /// Builds an `Invalid` with advice.
    #[must_use]
    pub fn invalid_with_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), line: None, column: None, hint: Some(hint.into()) }
    }
}
