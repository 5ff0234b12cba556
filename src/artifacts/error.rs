//! Why an upload was refused; a variant is what the uploader can do about it.

use std::io;

use thiserror::Error;

/// An error of the artifacts. Nothing of the upload is kept.
#[derive(Debug, Error)]
pub(crate) enum ArtifactError {
    /// What was sent is not what it should be. Mend it.
    #[error("{0}")]
    Invalid(String),
    /// What was sent is over a limit. Send less.
    #[error("{0}")]
    TooLarge(String),
    /// There is no room for it until something expires. Raise the limit, or remove what is old.
    #[error("{0}")]
    Full(String),
    /// The disk refused. Try again; the operator must look.
    #[error("the disk refused")]
    Disk(#[from] io::Error),
}

impl ArtifactError {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }
}
