//! Stored queries.
mod header;
pub use header::{Header, Headers, SourceProblem};
