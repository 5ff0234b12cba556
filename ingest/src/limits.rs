//! The written limits of what a request may bring, and what is answered beyond them.

use thiserror::Error;

/// What one request, and one event of it, may weigh.
#[derive(Clone, Debug)]
pub struct Limits {
    /// A body as sent, bytes.
    pub body_bytes_max: usize,
    /// A body decompressed, bytes.
    pub decoded_bytes_max: usize,
    /// One event, bytes.
    pub event_bytes_max: usize,
    /// Events in one request.
    pub events_max: usize,
    /// Nesting of `properties`.
    pub properties_depth_max: usize,
    /// Nesting of any JSON.
    pub json_depth_max: usize,
    /// How many times a compressed body may grow, once past the first mebibyte.
    pub expansion_ratio_max: usize,
    /// How far back `ts` may lie, milliseconds.
    pub past_ms_max: i64,
    /// How far ahead `ts` may lie, milliseconds.
    pub future_ms_max: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 10 << 20,
            decoded_bytes_max: 50 << 20,
            event_bytes_max: 64 << 10,
            events_max: 20_000,
            properties_depth_max: 10,
            json_depth_max: 32,
            expansion_ratio_max: 100,
            past_ms_max: 30 * 24 * 3_600_000,
            future_ms_max: 10 * 60_000,
        }
    }
}

/// A body that is refused as a whole; nothing of it was stored.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BodyError {
    /// It cannot be read at all. Answer 400.
    #[error("{0}")]
    Unreadable(String),
    /// It is over a limit. Answer 413.
    #[error("{0}")]
    TooLarge(String),
    /// Its Content-Encoding is none that we know. Answer 415.
    #[error("{0}")]
    UnsupportedEncoding(String),
}
