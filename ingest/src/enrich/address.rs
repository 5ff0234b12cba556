//! What of a client's address may be kept: its network, and a hash under a rotating key.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is known of a client's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressFacts {
    /// The /24 (IPv4) or /48 (IPv6) it lies in: `203.0.113.0/24`.
    pub prefix: String,
    /// Its keyed hash, 32 hexadecimal digits. Equal addresses have equal hashes until the salt rotates.
    pub hash: String,
    /// ISO 3166-1 alpha-2; none without a database, or when it does not know.
    pub country: Option<String>,
    /// Autonomous system number; none without a database, or when it does not know.
    pub asn: Option<i64>,
    /// The autonomous system's organisation.
    pub as_org: Option<String>,
}

/// Returns the network that is kept of an address: /24 or /48.
pub(super) fn prefix(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [first, second, third, _] = address.octets();
            format!("{}/24", Ipv4Addr::new(first, second, third, 0))
        }
        IpAddr::V6(address) => {
            let [first, second, third, ..] = address.segments();
            format!("{}/48", Ipv6Addr::new(first, second, third, 0, 0, 0, 0, 0))
        }
    }
}

/// Hashes an address under a salt: 16 bytes in hexadecimal.
pub(super) fn hash(address: IpAddr, salt: &[u8; 32]) -> String {
    let hash = match address {
        IpAddr::V4(address) => blake3::keyed_hash(salt, &address.octets()),
        IpAddr::V6(address) => blake3::keyed_hash(salt, &address.octets()),
    };
    hash.to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_network_and_no_host() {
        let prefix = |text: &str| prefix(text.parse::<IpAddr>().expect("an address"));
        assert_eq!(prefix("203.0.113.77"), "203.0.113.0/24");
        assert_eq!(prefix("2001:db8:1:2:3::77"), "2001:db8:1::/48");
        assert_eq!(prefix("::1"), "::/48");
    }

    #[test]
    fn hashes_differ_by_address_and_by_salt() {
        let address = |last| IpAddr::from([203, 0, 113, last]);
        assert_eq!(hash(address(1), &[1; 32]), hash(address(1), &[1; 32]));
        assert_ne!(hash(address(1), &[1; 32]), hash(address(2), &[1; 32]));
        assert_ne!(hash(address(1), &[1; 32]), hash(address(1), &[2; 32]));
        assert_eq!(hash(address(1), &[1; 32]).len(), 32);
    }
}
