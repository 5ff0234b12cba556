//! What an API key is: its text, scopes and purposes. Not where keys are kept (`keys.rs`) nor how a request finds its
//! key (`keyring.rs`).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ingest::Purpose;
use rand::RngExt;

use super::rate::{Quota, Rate};

/// The shortest secret that a key given by the operator may have.
const SECRET_CHARS_MIN: usize = 16;
/// The length of the secrets we make: 190 bits.
const SECRET_CHARS: usize = 32;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const NAME_CHARS_MAX: usize = 64;

/// One thing that a key may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Scope {
    /// Send events as a server: trusted facts.
    Ingest,
    /// Send events as a browser.
    IngestPublic,
    /// Ask for verdicts.
    Verdict,
    /// Run SQL.
    Query,
    /// Review entities, decisions and rules.
    Review,
    /// Everything else.
    Admin,
}

impl Scope {
    /// Every scope.
    pub(crate) const ALL: [Self; 6] =
        [Self::Ingest, Self::IngestPublic, Self::Verdict, Self::Query, Self::Review, Self::Admin];

    /// Returns the scope as the API spells it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::IngestPublic => "ingest_public",
            Self::Verdict => "verdict",
            Self::Query => "query",
            Self::Review => "review",
            Self::Admin => "admin",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scopes(u8);

impl Scopes {
    /// Every scope.
    pub(crate) const ALL: Self = Self(0b11_1111);

    /// Returns the set of these scopes.
    pub(crate) const fn of(scopes: &[Scope]) -> Self {
        let (mut bits, mut index) = (0, 0);
        while index < scopes.len() {
            bits |= scopes[index].bit();
            index += 1;
        }
        Self(bits)
    }

    /// Reads names into a set.
    pub(crate) fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut bits = 0;
        for name in names {
            let scope = Scope::ALL.into_iter().find(|scope| scope.name() == name).ok_or_else(|| {
                format!("unknown scope {name:?}; scopes are ingest, ingest_public, verdict, query, review and admin")
            })?;
            bits |= scope.bit();
        }
        if bits == 0 { Err("a key needs at least one scope".into()) } else { Ok(Self(bits)) }
    }

    /// Tells whether the set has this scope.
    pub(crate) const fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Tells whether the sets share a scope.
    pub(crate) const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns the names of the scopes, in the API's order.
    pub(crate) fn names(self) -> Vec<&'static str> {
        Scope::ALL.into_iter().filter(|scope| self.has(*scope)).map(Scope::name).collect()
    }
}

/// The purposes whose columns a key's SQL may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Purposes(u8);

impl Purposes {
    const NAMES: [(&'static str, Purpose); 5] = [
        ("operate", Purpose::Operate),
        ("product", Purpose::Product),
        ("reliability", Purpose::Reliability),
        ("billing", Purpose::Billing),
        ("abuse", Purpose::Abuse),
    ];
    /// Every purpose.
    pub(crate) const ALL: Self = Self(0b1_1111);
    /// Every purpose but abuse: what a key has unless it says otherwise.
    pub(crate) const DEFAULT: Self = Self(0b1_1111 & !(1 << Purpose::Abuse as u8));

    /// Reads names into a set.
    pub(crate) fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        // Rows have ids and times of their own whatever they are read for.
        let mut bits = 1 << Purpose::Operate as u8;
        for name in names {
            let (_, purpose) = Self::NAMES.into_iter().find(|(known, _)| *known == name).ok_or_else(|| {
                format!("unknown purpose {name:?}; purposes are operate, product, reliability, billing and abuse")
            })?;
            bits |= 1 << purpose as u8;
        }
        Ok(Self(bits))
    }

    /// Tells whether columns of this purpose may be read.
    pub(crate) const fn has(self, purpose: Purpose) -> bool {
        self.0 & (1 << purpose as u8) != 0
    }

    /// Returns the names of the purposes.
    pub(crate) fn names(self) -> Vec<&'static str> {
        Self::NAMES.into_iter().filter(|(_, purpose)| self.has(*purpose)).map(|(name, _)| name).collect()
    }
}

/// A key's whole text, `wk_<name>_<secret>`. Never logged, never stored.
#[derive(Clone)]
pub(crate) struct KeyText {
    /// The key's name.
    pub(crate) name: String,
    /// The secret part.
    pub(crate) secret: String,
}

impl KeyText {
    /// Makes a key text of this name with a fresh secret.
    pub(crate) fn generate(name: &str) -> Self {
        let mut random = rand::rng();
        let secret = (0..SECRET_CHARS).map(|_| char::from(BASE62[random.random_range(0..BASE62.len())])).collect();
        Self { name: name.to_owned(), secret }
    }

    /// Splits a key text into name and secret without copying; none when it has not the form of one.
    pub(crate) fn split(text: &str) -> Option<(&str, &str)> {
        text.strip_prefix("wk_")?.split_once('_').filter(|(name, secret)| !name.is_empty() && !secret.is_empty())
    }
}

impl fmt::Display for KeyText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "wk_{}_{}", self.name, self.secret)
    }
}

impl FromStr for KeyText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, secret) = Self::split(text).ok_or("a key reads wk_<name>_<secret>")?;
        check_name(name)?;
        if !secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err("a key's secret has only letters, digits and underscores".into());
        }
        if secret.len() < SECRET_CHARS_MIN {
            return Err(format!("a key's secret needs at least {SECRET_CHARS_MIN} characters"));
        }
        Ok(Self { name: name.to_owned(), secret: secret.to_owned() })
    }
}

/// Checks that a key's name matches `[a-z0-9]+`.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if name.is_empty() || !plain || name.len() > NAME_CHARS_MAX {
        return Err(format!("a key's name has 1 to {NAME_CHARS_MAX} of a-z and 0-9; {name:?} has not"));
    }
    Ok(())
}

/// Makes an id of 16 characters.
pub(crate) fn random_id(prefix: &str) -> String {
    let mut random = rand::rng();
    let tail: String = (0..16).map(|_| char::from(BASE62[random.random_range(0..BASE62.len())])).collect();
    format!("{prefix}{tail}")
}

/// A key as requests meet it.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its id, for management.
    pub(crate) id: String,
    /// Its unique name.
    pub(crate) name: Arc<str>,
    /// The keyed hash of its secret.
    pub(crate) hash: [u8; 32],
    /// What it may do.
    pub(crate) scopes: Scopes,
    /// Origins of browsers that may use it; `*` allows all. Empty: not for browsers.
    pub(crate) origins: Vec<String>,
    /// Requests of events that it may send.
    pub(crate) rate: Option<Rate>,
    /// What is left of the rate.
    pub(crate) quota: Arc<Quota>,
    /// When it was last used.
    pub(crate) used: Arc<LastUse>,
    /// Purposes whose columns its SQL may read.
    pub(crate) purposes: Purposes,
    /// When it was made, microseconds.
    pub(crate) created_at: i64,
    /// When it ends, microseconds.
    pub(crate) expires_at: Option<i64>,
}

/// When a key was last used, exact to a second: requests meet it in memory, and it is written down now and then.
#[derive(Debug, Default)]
pub(crate) struct LastUse {
    at: AtomicI64,
    written: AtomicI64,
}

impl LastUse {
    const GRAIN_US: i64 = 1_000_000;

    /// Makes one of what was written down.
    pub(crate) fn written_at(at: Option<i64>) -> Self {
        let at = at.unwrap_or(0);
        Self { at: AtomicI64::new(at), written: AtomicI64::new(at) }
    }

    /// Notes a use.
    pub(crate) fn note(&self, now: i64) {
        // Most requests of a busy key only read.
        if now - self.at.load(Ordering::Relaxed) >= Self::GRAIN_US {
            self.at.store(now, Ordering::Relaxed);
        }
    }

    /// Returns the last use; none if there never was one.
    pub(crate) fn at(&self) -> Option<i64> {
        Some(self.at.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    /// Returns the last use if it was not written down yet, and takes it as written.
    pub(crate) fn take_unwritten(&self) -> Option<i64> {
        let at = self.at()?;
        (self.written.swap(at, Ordering::Relaxed) != at).then_some(at)
    }
}

impl Key {
    /// The ids of keys that were given at start begin so.
    pub(crate) const FIXED_PREFIX: &str = "fixed_";

    /// Tells whether the key was given at start, and is revoked there.
    pub(crate) fn is_fixed(&self) -> bool {
        self.id.starts_with(Self::FIXED_PREFIX)
    }

    /// Tells whether a page of this origin may use the key.
    pub(crate) fn allows_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_keys_are_words_and_read_back() {
        let key = KeyText::generate("shop1");
        let text = key.to_string();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "matches \\w+");
        assert_eq!(text.len(), "wk_shop1_".len() + 32);
        let again: KeyText = text.parse().unwrap();
        assert_eq!((again.name, again.secret), (key.name, key.secret));
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        for wrong in
            ["", "wk_", "wk_a", "wk_a_", "wk__0123456789abcdef", "sk_a_0123456789abcdef", "wk_A_0123456789abcdef"]
        {
            assert!(wrong.parse::<KeyText>().is_err(), "{wrong}");
        }
        assert!("wk_a_0123456789abcde".parse::<KeyText>().is_err_and(|error| error.contains("at least 16")));
        assert!("wk_a_0123456789abcd-f".parse::<KeyText>().is_err());
        assert!("wk_a_0123456789_abcdef".parse::<KeyText>().is_ok());
    }

    #[test]
    fn scopes_and_purposes_read_their_names_back() {
        let scopes = Scopes::parse(["query", "ingest"]).unwrap();
        assert_eq!(scopes.names(), ["ingest", "query"]);
        assert!(scopes.has(Scope::Query) && !scopes.has(Scope::Admin));
        assert!(Scopes::parse(["root"]).unwrap_err().contains("root"));
        assert!(Scopes::parse([]).is_err());
        assert_eq!(Scopes::ALL.names().len(), Scope::ALL.len());
        assert!(!Purposes::DEFAULT.has(Purpose::Abuse) && Purposes::DEFAULT.has(Purpose::Billing));
        assert_eq!(Purposes::parse(["abuse"]).unwrap().names(), ["operate", "abuse"]);
    }
}
