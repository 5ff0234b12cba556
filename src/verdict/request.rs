//! A verdict request: the wire fields, and the checks that turn them into a question. Not the answer (`fold.rs`).
//!
//! Bad input is an error that names the field, never a silent allow. Text borrows from the body, so that a request
//! costs no copies.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::net::IpAddr;
use std::ops::Deref;

use queries::EntityKind;
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::error::VerdictError;

/// The largest body of one verdict request, bytes.
pub(crate) const BODY_BYTES_MAX: usize = 16 * 1024;
/// The largest body of a batch, bytes.
pub(crate) const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most requests in a batch.
pub(crate) const BATCH_MAX: usize = 1_000;
const ID_BYTES_MAX: usize = 256;
const EMAIL_BYTES_MAX: usize = 320;
const USER_AGENT_BYTES_MAX: usize = 4_096;
const ACTION_BYTES_MAX: usize = 64;
const COST_CREDITS_MAX: i64 = 1_000_000_000;

/// Text that borrows from the body unless it held escapes.
///
/// `Option<Cow<str>>` would always copy: serde borrows only for a field that is itself a `Cow`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowing;
        impl<'de> Visitor<'de> for Borrowing {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrowing)
    }
}

/// How much an answer tells of its reasons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Explain {
    /// No reasons.
    None,
    /// The rules, limits and overrides behind the answer.
    #[default]
    Codes,
    /// Those and the evidence event ids; needs scope `review`.
    Rows,
}

/// The body of `POST /v1/verdict`, as it came. Unknown fields are refused by name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerdictRequest<'a> {
    #[serde(borrow)]
    pub(crate) action: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) request_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) account_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) guest_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) device_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) session_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) workspace_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) api_key_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) referrer_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) user_agent: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) ip: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) card_hash: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) email: Option<Text<'a>>,
    #[serde(default, deserialize_with = "cost_credits")]
    pub(crate) cost_credits: Option<i64>,
    #[serde(default)]
    pub(crate) dry_run: Option<bool>,
    #[serde(default)]
    pub(crate) explain: Option<Explain>,
}

/// Says which field a number out of range belongs to, which serde's own message does not.
fn cost_credits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Option::<i64>::deserialize(deserializer)
        .map_err(|error| D::Error::custom(format_args!("cost_credits is not a whole number: {error}")))
}

/// What stands in for facts that Weir never keeps. Supplied by the wiring from the ingest enricher, so that a verdict
/// finds an address or an e-mail under the very name its events were stored with.
pub(crate) trait Pseudonyms: Send + Sync {
    /// Returns the names under which events from this address may be stored.
    fn address(&self, ip: IpAddr, now: i64) -> Address;
    /// Returns the keyed hash of the alias-normalised address (`email_root_hash`); none if it is not an address.
    fn email_root(&self, email: &str) -> Option<String>;
    /// Tells why an id must not be kept (it looks like an e-mail address or a card number), if so.
    fn refuses_id(&self, id: &str) -> Option<&'static str>;
}

/// The names of one client address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Address {
    /// `ip_hash` under the current salt.
    pub(crate) hash: String,
    /// `ip_hash` under the previous salt, while hits from before the rotation may be open.
    pub(crate) previous_hash: Option<String>,
    /// `ip_prefix`: the /24 or /48.
    pub(crate) prefix: Option<String>,
    /// The autonomous system's number as text; none without a network database.
    pub(crate) network: Option<String>,
}

/// One entity that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entity<'a> {
    /// What it is.
    pub(crate) kind: EntityKind,
    /// Its id; a hash for addresses and e-mails.
    pub(crate) id: Cow<'a, str>,
}

/// A checked request: what is asked, about whom.
#[derive(Clone, Debug)]
pub(crate) struct Question<'a> {
    /// The wire form, checked. Its `ip`, `email` and `user_agent` go nowhere but into hashes.
    pub(crate) request: &'a VerdictRequest<'a>,
    /// The entities it names.
    pub(crate) entities: Vec<Entity<'a>>,
    /// The names of its address.
    pub(crate) address: Option<Address>,
    /// What it would cost, credits.
    pub(crate) cost_credits: u64,
    /// Whether it neither counts nor is recorded.
    pub(crate) dry_run: bool,
}

impl<'a> VerdictRequest<'a> {
    /// Reads one request.
    ///
    /// # Errors
    /// [`VerdictError::Invalid`] when it is not one JSON object with just these fields and types.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, VerdictError> {
        if body.len() > BODY_BYTES_MAX {
            return Err(VerdictError::body(format!("a verdict request is at most {BODY_BYTES_MAX} bytes")));
        }
        read_object(body)
    }

    /// Splits the body of a batch into its requests, unread.
    ///
    /// # Errors
    /// [`VerdictError::Invalid`] when it is not a JSON array, or holds more than [`BATCH_MAX`] requests.
    pub(crate) fn split_batch(body: &'a [u8]) -> Result<Vec<&'a RawValue>, VerdictError> {
        if body.len() > BATCH_BYTES_MAX {
            return Err(VerdictError::body(format!("a batch is at most {BATCH_BYTES_MAX} bytes")));
        }
        let requests: Vec<&RawValue> = serde_json::from_slice(body)
            .map_err(|error| VerdictError::body(format!("a batch is a JSON array of verdict requests: {error}")))?;
        if requests.len() > BATCH_MAX {
            return Err(VerdictError::body(format!("a batch holds at most {BATCH_MAX} requests")));
        }
        Ok(requests)
    }

    /// Checks the request and names its entities. Whether the action is configured is the policy's to say.
    ///
    /// # Errors
    /// [`VerdictError::Invalid`] naming the field.
    pub(crate) fn question<'q>(&'q self, names: &dyn Pseudonyms, now: i64) -> Result<Question<'q>, VerdictError> {
        check_action(&self.action)?;
        let cost_credits = self.cost_credits.unwrap_or(0);
        if !(0..=COST_CREDITS_MAX).contains(&cost_credits) {
            return Err(VerdictError::field("cost_credits", format_args!("must be 0 to {COST_CREDITS_MAX}")));
        }
        if let Some(user_agent) = &self.user_agent
            && user_agent.len() > USER_AGENT_BYTES_MAX
        {
            return Err(VerdictError::field("user_agent", format_args!("is over {USER_AGENT_BYTES_MAX} bytes")));
        }
        if let Some(request_id) = &self.request_id {
            check_id("request_id", request_id, names)?;
        }
        let mut entities = Vec::with_capacity(12);
        self.name_ids(names, &mut entities)?;
        let address = self.name_address(names, now, &mut entities)?;
        if let Some(email) = &self.email {
            let hash = email_hash(email, names)?;
            entities.push(Entity { kind: EntityKind::Email, id: Cow::Owned(hash) });
        }
        if entities.is_empty() {
            return Err(VerdictError::body(
                "name at least one entity: account_id, guest_id, device_id, session_id, workspace_id, api_key_id, \
                 referrer_id, ip, card_hash or email",
            ));
        }
        Ok(Question {
            request: self,
            entities,
            address,
            cost_credits: u64::try_from(cost_credits).expect("checked to be at least 0"),
            dry_run: self.dry_run.unwrap_or(false),
        })
    }

    /// Returns a keyed hash of everything that decides the answer; `explain` only shapes it.
    pub(crate) fn fingerprint(&self, key: &impl BuildHasher) -> u64 {
        let mut hasher = key.build_hasher();
        self.action.hash(&mut hasher);
        for id in [
            &self.account_id,
            &self.guest_id,
            &self.device_id,
            &self.session_id,
            &self.workspace_id,
            &self.api_key_id,
            &self.referrer_id,
            &self.user_agent,
            &self.ip,
            &self.card_hash,
            &self.email,
        ] {
            id.hash(&mut hasher);
        }
        self.cost_credits.unwrap_or(0).hash(&mut hasher);
        hasher.finish()
    }

    fn name_ids<'q>(&'q self, names: &dyn Pseudonyms, entities: &mut Vec<Entity<'q>>) -> Result<(), VerdictError> {
        for (field, kind, id) in [
            ("account_id", EntityKind::Account, &self.account_id),
            ("guest_id", EntityKind::Guest, &self.guest_id),
            ("device_id", EntityKind::Device, &self.device_id),
            ("session_id", EntityKind::Session, &self.session_id),
            ("workspace_id", EntityKind::Workspace, &self.workspace_id),
            ("api_key_id", EntityKind::ApiKey, &self.api_key_id),
            ("referrer_id", EntityKind::Referrer, &self.referrer_id),
            ("card_hash", EntityKind::Card, &self.card_hash),
        ] {
            if let Some(id) = id {
                check_id(field, id, names)?;
                entities.push(Entity { kind, id: Cow::Borrowed(id) });
            }
        }
        // A wallet is the workspace, else the account, else the guest.
        if let Some(wallet) = self.workspace_id.as_ref().or(self.account_id.as_ref()).or(self.guest_id.as_ref()) {
            entities.push(Entity { kind: EntityKind::Wallet, id: Cow::Borrowed(wallet) });
        }
        Ok(())
    }

    fn name_address(
        &self,
        names: &dyn Pseudonyms,
        now: i64,
        entities: &mut Vec<Entity<'_>>,
    ) -> Result<Option<Address>, VerdictError> {
        let Some(ip) = &self.ip else { return Ok(None) };
        let ip: IpAddr = ip.parse().map_err(|_| VerdictError::field("ip", "is not an IPv4 or IPv6 address"))?;
        let address = names.address(ip.to_canonical(), now);
        let mut name = |kind: EntityKind, id: &Option<String>| {
            if let Some(id) = id {
                entities.push(Entity { kind, id: Cow::Owned(id.clone()) });
            }
        };
        name(EntityKind::Ip, &Some(address.hash.clone()));
        name(EntityKind::Ip, &address.previous_hash);
        name(EntityKind::IpPrefix, &address.prefix);
        name(EntityKind::Network, &address.network);
        Ok(Some(address))
    }
}

impl Question<'_> {
    /// Returns the id that a limit by this kind counts for: an address counts under its current hash only.
    pub(crate) fn id_of(&self, kind: EntityKind) -> Option<&str> {
        self.entities.iter().find(|entity| entity.kind == kind).map(|entity| &*entity.id)
    }
}

/// Reads a JSON object. Without the check, serde would also read an array, taking the fields by position.
pub(crate) fn read_object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, VerdictError> {
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(VerdictError::body("the body is not a JSON object"));
    }
    serde_json::from_slice(body).map_err(|error| VerdictError::body(error.to_string()))
}

/// Checks an action's name: 1 to 64 of `a-z 0-9 _ .`.
pub(crate) fn check_action(action: &str) -> Result<(), VerdictError> {
    let letters = action.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.'));
    if action.is_empty() || action.len() > ACTION_BYTES_MAX || !letters {
        return Err(VerdictError::field("action", "must be 1 to 64 characters of a-z, 0-9, _ and ."));
    }
    Ok(())
}

/// Checks an opaque id: 1 to 256 bytes, no control characters, nothing personal.
pub(crate) fn check_id(field: &'static str, id: &str, names: &dyn Pseudonyms) -> Result<(), VerdictError> {
    if id.is_empty() {
        return Err(VerdictError::field(field, "is empty; leave it out or send null"));
    }
    if id.len() > ID_BYTES_MAX {
        return Err(VerdictError::field(field, format_args!("is over {ID_BYTES_MAX} bytes")));
    }
    if id.chars().any(char::is_control) {
        return Err(VerdictError::field(field, "holds a control character"));
    }
    match names.refuses_id(id) {
        Some(why) => Err(VerdictError::field(field, why)),
        None => Ok(()),
    }
}

/// Hashes an e-mail address; the address itself is not kept.
pub(crate) fn email_hash(email: &str, names: &dyn Pseudonyms) -> Result<String, VerdictError> {
    if email.len() > EMAIL_BYTES_MAX {
        return Err(VerdictError::field("email", format_args!("is over {EMAIL_BYTES_MAX} bytes")));
    }
    names.email_root(email).ok_or_else(|| VerdictError::field("email", "is not an e-mail address"))
}

#[cfg(test)]
mod tests;
