//! What can go wrong in the verdict service, by what the caller can do about it. Not HTTP statuses (`http/error.rs`).

use crate::control::ControlError;

/// Why a verdict, an override or a policy was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VerdictError {
    /// The request is malformed: correct it (400).
    #[error("{message}")]
    Invalid {
        /// The field to blame, where there is one.
        field: Option<&'static str>,
        /// What is wrong, naming the field.
        message: String,
    },
    /// The `request_id` was used with another body in the last ten minutes (409).
    #[error("request_id was used with another body in the last 10 minutes")]
    Conflict,
    /// The key lacks a scope (403).
    #[error("{0}")]
    Forbidden(&'static str),
    /// There is no such override (404).
    #[error("{0}")]
    NotFound(&'static str),
    /// The policy text is wrong: the old policy stays (400).
    #[error("policy.toml line {line}: {key}: {message}")]
    Policy {
        /// The line, from 1.
        line: usize,
        /// The key, or the table it stands in.
        key: String,
        /// What is wrong with it.
        message: String,
    },
    /// A written limit is reached: remove something first (507).
    #[error("{0}")]
    Full(&'static str),
    /// The control database refused the change; nothing changed (503).
    #[error("the change could not be stored: {0}")]
    Store(String),
}

impl From<ControlError> for VerdictError {
    fn from(error: ControlError) -> Self {
        Self::Store(error.to_string())
    }
}

impl VerdictError {
    /// Makes an error that blames one field; the message begins with its name.
    pub(crate) fn field(field: &'static str, problem: impl std::fmt::Display) -> Self {
        Self::Invalid { field: Some(field), message: format!("{field} {problem}") }
    }

    /// Makes an error that blames the body as a whole.
    pub(crate) fn body(message: impl Into<String>) -> Self {
        Self::Invalid { field: None, message: message.into() }
    }

    /// Returns the code of the API's error shape.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid_request",
            Self::Conflict => "request_id_conflict",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::Policy { .. } => "invalid_policy",
            Self::Full(_) => "full",
            Self::Store(_) => "not_stored",
        }
    }
}
