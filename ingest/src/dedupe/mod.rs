//! Refusing duplicates: fingerprints of (trust, kind, id), held for seven days. Not the event ids themselves.

mod index;
mod sidecar;

pub use index::DedupeStatus;
pub(crate) use index::{DedupeIndex, DedupeLimits, EpochIds, HotIds};
pub(crate) use sidecar::Span;

use crate::kind::Kind;
use crate::row::Trust;

/// A 128-bit keyed hash of (trust, kind, id). Two of 200 million ids share one with odds of 6e-23.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub u128);

/// Makes fingerprints under the data directory's own key, so that nobody can craft two ids that collide.
#[derive(Clone)]
pub struct Fingerprinter {
    key: [u8; 32],
}

impl Fingerprinter {
    /// Makes fingerprints under this key.
    #[must_use]
    pub const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// Returns the fingerprint of an event's identity.
    #[must_use]
    pub fn of(&self, trust: Trust, kind: Kind, id: &str) -> Fingerprint {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&[trust as u8, kind.number()]).update(id.as_bytes());
        let hash = hasher.finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.as_bytes()[..16]);
        Fingerprint(u128::from_be_bytes(bytes))
    }
}
