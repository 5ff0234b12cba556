//! What can go wrong between a judged event and its table; a variant is what the caller can do about it.

use std::io;

use thiserror::Error;

/// An error of the durable path.
#[derive(Debug, Error)]
pub enum IngestError {
    /// Too much is unflushed; nothing of the request was stored. Retry after the given time.
    #[error("{reason}; retry in {retry_after_ms} ms")]
    Overloaded {
        /// When to try again, milliseconds.
        retry_after_ms: u64,
        /// What is full.
        reason: String,
    },
    /// The log is being replayed, or the process is stopping. Retry soon.
    #[error("not ready: {0}")]
    NotReady(String),
    /// The disk refused a write; nothing of the request was acknowledged. Retry later; the operator must look.
    #[error("the disk refused a write")]
    Disk(#[from] io::Error),
    /// Another process holds the data directory. Stop it first.
    #[error("the data directory {0} is in use by another process")]
    Locked(String),
    /// Stored data cannot be read back as it was written; the message names the file.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
    /// The table format refused.
    #[error("the table format refused")]
    Table(#[from] deltalake_core::DeltaTableError),
    /// The object store refused.
    #[error("the object store refused")]
    Store(#[from] object_store::Error),
    /// Parquet refused.
    #[error("Parquet refused")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// Arrow refused.
    #[error("Arrow refused")]
    Arrow(#[from] arrow::error::ArrowError),
    /// A bug of ours.
    #[error("internal error: {0}")]
    Internal(String),
}

impl IngestError {
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }
}
