//! The name of what is uploaded: the SHA-1 of its bytes, as Sentry's tools reckon it. It names content, and guards against
//! damage; it is no proof against somebody who makes two contents of one name, and whoever may upload needs no such trick.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha1::{Digest, Sha1};

/// A SHA-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Checksum([u8; 20]);

impl Checksum {
    /// Returns the checksum of these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self::finish(Sha1::new().chain_update(bytes))
    }

    /// Returns the checksum of what the hasher was fed.
    pub(super) fn finish(hasher: Sha1) -> Self {
        Self(hasher.finalize().into())
    }
}

impl FromStr for Checksum {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a checksum is a SHA-1: 40 hexadecimal digits".to_owned();
        // Hexadecimal digits only: `from_str_radix` would take a sign as well.
        if text.len() != 40 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut bytes = [0; 20];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl Serialize for Checksum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_reads_back_what_it_writes_and_nothing_else() {
        let empty = Checksum::of(b"");
        assert_eq!(empty.to_string(), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!("DA39A3EE5E6B4B0D3255BFEF95601890AFD80709".parse(), Ok(empty));
        for wrong in ["", "da39", "../../../../../../../../../../etc/passwd", &"+f".repeat(20), &"é".repeat(20)] {
            assert!(wrong.parse::<Checksum>().is_err(), "{wrong}");
        }
    }
}
