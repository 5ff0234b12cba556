//! What stands in for the facts that Weir never keeps, as the verdict service asks for it: the same hashes under which
//! the judge stores events.

use std::net::IpAddr;
use std::sync::Arc;

use ingest::Enricher;

use crate::control::Salts;
use crate::verdict::{Address, Pseudonyms};

/// The enricher's hashes for verdict requests.
pub(super) struct Names {
    enricher: Arc<Enricher>,
    salts: Arc<Salts>,
}

impl Names {
    /// Makes them of what the judge works with.
    pub(super) const fn new(enricher: Arc<Enricher>, salts: Arc<Salts>) -> Self {
        Self { enricher, salts }
    }
}

impl Pseudonyms for Names {
    fn address(&self, ip: IpAddr, now: i64) -> Address {
        let facts = self.enricher.address(ip, now);
        let previous_hash = self.salts.before(now).map(|salt| self.enricher.address_salted(ip, &salt).hash);
        Address {
            hash: facts.hash,
            previous_hash,
            prefix: Some(facts.prefix),
            network: facts.asn.map(|asn| asn.to_string()),
        }
    }

    fn email_root(&self, email: &str) -> Option<String> {
        self.enricher.email(email).map(|facts| facts.root_hash)
    }

    fn refuses_id(&self, id: &str) -> Option<&'static str> {
        ingest::id_offence(id).map(|offence| match offence {
            "an e-mail address" => "looks like an e-mail address; ids are opaque",
            "a card number" => "looks like a card number; ids are opaque",
            "an IP address" => "looks like an IP address; ids are opaque",
            _ => "looks like something that must not be kept; ids are opaque",
        })
    }
}
