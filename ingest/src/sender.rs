//! Who sends a request, as far as judging its events needs to know.

use std::net::IpAddr;
use std::sync::Arc;

use crate::row::Trust;

/// The way an event came in; the column `source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `POST /v1/events`.
    Native,
    /// A Sentry SDK.
    Sentry,
    /// A Segment library.
    Segment,
    /// A PostHog library.
    Posthog,
    /// An OTLP exporter.
    Otlp,
    /// `weir simulate`.
    Simulate,
    /// A trusted historical import.
    Import,
}

impl Source {
    /// Returns the value of the column `source`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Sentry => "sentry",
            Self::Segment => "segment",
            Self::Posthog => "posthog",
            Self::Otlp => "otlp",
            Self::Simulate => "simulate",
            Self::Import => "import",
        }
    }
}

/// One request's sender.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The key's name.
    pub key: Arc<str>,
    /// Whether the key is a server's or a browser's.
    pub trust: Trust,
    /// The way it came in.
    pub source: Source,
    /// Whether `ts` may be of any age (an import by an admin key).
    pub historical: bool,
    /// The client's address; the default of `ip` for public keys.
    pub peer: Option<IpAddr>,
    /// The request's own User-Agent; the default of `user_agent` for public keys.
    pub user_agent: Option<String>,
    /// The person asked not to be measured (`Sec-GPC: 1`).
    pub opted_out: bool,
    /// The request's Idempotency-Key.
    pub idempotency_key: Option<String>,
    /// The time of the request, microseconds since the Unix epoch.
    pub now: i64,
}
