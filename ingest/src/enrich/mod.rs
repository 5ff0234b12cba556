//! What Weir adds to an event: country and network of the address (`geo`), its prefix and keyed hash (`address`), browser,
//! system and device class of the user agent (`agent`), hashes of an e-mail address (`email`). The originals stay in
//! memory for the length of the call; none of them is in what comes back.

mod address;
mod agent;
mod email;
mod geo;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

pub use address::AddressFacts;
pub use agent::AgentFacts;
pub use email::EmailFacts;
pub use geo::DatabaseStatus;

use agent::Agents;
use geo::{Database, Layout};

/// Gives the salt under which addresses are hashed. It rotates every 30 days, and old ones are destroyed.
pub trait SaltSource: Send + Sync {
    /// Returns the salt in force at this time (microseconds since the Unix epoch). Must not block.
    fn salt(&self, now: i64) -> [u8; 32];
}

impl<F: Fn(i64) -> [u8; 32] + Send + Sync> SaltSource for F {
    fn salt(&self, now: i64) -> [u8; 32] {
        self(now)
    }
}

/// Adds facts to events and to requests for a verdict.
pub struct Enricher {
    email_key: [u8; 32],
    salts: Arc<dyn SaltSource>,
    country: Database,
    network: Database,
    agents: Agents,
}

/// What the enricher works with.
#[derive(Clone, Debug, Serialize)]
pub struct EnricherStatus {
    /// Address to country.
    pub country: DatabaseStatus,
    /// Address to autonomous system.
    pub network: DatabaseStatus,
    /// User agents remembered.
    pub agents_cached: u64,
}

impl Enricher {
    /// Makes an enricher and loads the databases that are configured. One that cannot be loaded leaves its columns null
    /// and is tried again by [`Enricher::reload_if_changed`].
    #[must_use]
    pub fn new(
        email_key: [u8; 32],
        salts: Arc<dyn SaltSource>,
        country_db: Option<PathBuf>,
        network_db: Option<PathBuf>,
    ) -> Self {
        let enricher = Self {
            email_key,
            salts,
            country: Database::new(Layout::Country, country_db),
            network: Database::new(Layout::Network, network_db),
            agents: Agents::new(),
        };
        enricher.reload_if_changed();
        enricher
    }

    /// Builds what is otherwise built at first use: the user agent parser and the scrubbing patterns. Takes a moment;
    /// call it on a thread of its own.
    pub fn warm(&self) {
        crate::scrub::warm();
        self.agents.warm();
    }

    /// Loads a database anew if its file's size or time changed. A file that is broken leaves the one before in place.
    /// Reads files; call it on a thread that may block.
    pub fn reload_if_changed(&self) {
        self.country.reload_if_changed();
        self.network.reload_if_changed();
    }

    /// Tells which databases are loaded.
    #[must_use]
    pub fn status(&self) -> EnricherStatus {
        EnricherStatus {
            country: self.country.status(),
            network: self.network.status(),
            agents_cached: self.agents.cached(),
        }
    }

    /// Returns the salt in force, for [`Enricher::address_salted`].
    #[must_use]
    pub fn salt(&self, now: i64) -> [u8; 32] {
        self.salts.salt(now)
    }

    /// Tells what is known of a client's address.
    #[must_use]
    pub fn address(&self, address: IpAddr, now: i64) -> AddressFacts {
        self.address_salted(address, &self.salt(now))
    }

    /// The same under a salt that was asked for before, for many addresses of one time.
    #[must_use]
    pub fn address_salted(&self, address: IpAddr, salt: &[u8; 32]) -> AddressFacts {
        let address = address.to_canonical();
        let country = self.country.country(address);
        let (asn, as_org) = self.network.network(address);
        AddressFacts { prefix: address::prefix(address), hash: address::hash(address, salt), country, asn, as_org }
    }

    /// Tells what a user agent says of its browser, system and device.
    #[must_use]
    pub fn agent(&self, user_agent: &str) -> Arc<AgentFacts> {
        self.agents.of(user_agent)
    }

    /// Hashes an e-mail address; none if it is no address.
    #[must_use]
    pub fn email(&self, email: &str) -> Option<EmailFacts> {
        email::facts(email, &self.email_key)
    }

    /// Returns the id that stands for an e-mail address where an opaque one should have been: `h_` and the address' hash,
    /// the one that `email_hash` holds. What only holds an address is hashed as it is written.
    #[must_use]
    pub fn email_id(&self, text: &str) -> String {
        let hash = self.email(text).map(|facts| facts.hash);
        format!("h_{}", hash.unwrap_or_else(|| email::hash_text(text, &self.email_key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_mapped_into_ipv6_is_the_same_address() {
        let enricher = Enricher::new([1; 32], Arc::new(|now: i64| [now as u8; 32]), None, None);
        let address = |text: &str, now| enricher.address(text.parse().expect("an address"), now);
        assert_eq!(address("::ffff:203.0.113.7", 1), address("203.0.113.7", 1));
        assert_ne!(address("203.0.113.7", 1).hash, address("203.0.113.7", 2).hash, "the salt is asked for by time");
        assert_eq!(address("203.0.113.7", 1).country, None);
        let status = serde_json::to_value(enricher.status()).expect("JSON");
        assert_eq!(status["country"]["loaded"], false);
    }
}
