//! Countries: how many people come from there, when they wake, and the address blocks of their networks.
//!
//! The blocks are public allocations of large access providers, so that country and network databases recognise them.
//! They only label simulated events: the simulator never sends anything to them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::simulate::clock::{MINUTE_MS, liveliness};
use crate::simulate::dice::Dice;

/// A block of IPv4 addresses.
type Block = ([u8; 4], u32);

/// Who runs a network.
#[derive(Debug)]
pub(crate) struct Network {
    /// Its autonomous system number.
    pub(crate) asn: i64,
    /// The organisation.
    pub(crate) organisation: &'static str,
}

/// Where a client calls from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    /// The address itself.
    pub(crate) ip: IpAddr,
    /// The country's code.
    pub(crate) country: &'static str,
    /// The network.
    pub(crate) network: &'static Network,
}

/// One country.
#[derive(Debug)]
pub(crate) struct Country {
    /// ISO 3166-1 alpha-2.
    pub(crate) code: &'static str,
    /// Share of visits, in thousandths or so.
    pub(crate) weight: u32,
    /// Minutes ahead of UTC (no daylight saving).
    offset_min: i64,
    /// IANA time zone.
    pub(crate) timezone: &'static str,
    /// What browsers there prefer.
    pub(crate) languages: &'static str,
    /// ISO 4217, as the studio bills there.
    pub(crate) currency: &'static str,
    /// Fixed lines.
    homes: &'static [Block],
    /// The mobile network's exits.
    mobile: Block,
    /// Top 32 bits of the IPv6 block of fixed lines, 0 where there is none.
    homes_v6: u32,
    /// Who runs the fixed lines, and who the mobile network.
    networks: (Network, Network),
}

#[expect(clippy::too_many_arguments, reason = "a row of the table below, read only there")]
const fn country(
    code: &'static str,
    weight: u32,
    offset_min: i64,
    timezone: &'static str,
    languages: &'static str,
    currency: &'static str,
    homes: &'static [Block],
    mobile: Block,
    homes_v6: u32,
    fixed: (i64, &'static str),
    cellular: (i64, &'static str),
) -> Country {
    let networks = (network(fixed), network(cellular));
    Country { code, weight, offset_min, timezone, languages, currency, homes, mobile, homes_v6, networks }
}

const fn network((asn, organisation): (i64, &'static str)) -> Network {
    Network { asn, organisation }
}

/// Every country with visitors.
#[rustfmt::skip] // One country a line.
pub(crate) const COUNTRIES: &[Country] = &[
    country("US", 250, -300, "America/New_York", "en-US,en", "USD", &[([73, 0, 0, 0], 8), ([71, 160, 0, 0], 12), ([98, 160, 0, 0], 12)], ([172, 56, 0, 0], 16), 0x2601_0000, (7922, "Comcast Cable"), (21928, "T-Mobile USA")),
    country("US", 90, -480, "America/Los_Angeles", "en-US,en", "USD", &[([76, 80, 0, 0], 13), ([24, 4, 0, 0], 14)], ([174, 192, 0, 0], 11), 0x2601_0400, (20001, "Charter Communications"), (6167, "Verizon Wireless")),
    country("DE", 120, 60, "Europe/Berlin", "de-DE,de,en", "EUR", &[([91, 0, 0, 0], 10), ([84, 128, 0, 0], 10), ([95, 88, 0, 0], 14)], ([80, 187, 0, 0], 16), 0x2003_00c0, (3320, "Deutsche Telekom AG"), (3320, "Telekom Deutschland Mobile")),
    country("GB", 85, 0, "Europe/London", "en-GB,en", "GBP", &[([86, 128, 0, 0], 10), ([82, 0, 0, 0], 11)], ([92, 40, 0, 0], 15), 0x2a00_23c0, (2856, "British Telecommunications"), (206067, "Three UK")),
    country("FR", 70, 60, "Europe/Paris", "fr-FR,fr,en", "EUR", &[([90, 0, 0, 0], 10), ([82, 224, 0, 0], 11)], ([92, 184, 96, 0], 19), 0x2a01_0cb0, (3215, "Orange S.A."), (3215, "Orange France Mobile")),
    country("BR", 70, -180, "America/Sao_Paulo", "pt-BR,pt,en", "BRL", &[([189, 0, 0, 0], 11), ([177, 32, 0, 0], 12)], ([179, 208, 0, 0], 13), 0, (27699, "Telefonica Brasil"), (26599, "Vivo Movel")),
    country("IN", 75, 330, "Asia/Kolkata", "en-IN,hi,en", "USD", &[([122, 160, 0, 0], 12)], ([106, 192, 0, 0], 11), 0, (24560, "Bharti Airtel Broadband"), (45609, "Bharti Airtel Mobile")),
    country("JP", 50, 540, "Asia/Tokyo", "ja,en", "JPY", &[([126, 0, 0, 0], 9), ([60, 64, 0, 0], 11)], ([49, 96, 0, 0], 14), 0x2400_4050, (17676, "SoftBank Corp."), (9605, "NTT DOCOMO")),
    country("KR", 28, 540, "Asia/Seoul", "ko-KR,ko,en", "USD", &[([175, 192, 0, 0], 10)], ([223, 32, 0, 0], 12), 0, (4766, "Korea Telecom"), (9644, "SK Telecom")),
    country("ES", 30, 60, "Europe/Madrid", "es-ES,es", "EUR", &[([83, 32, 0, 0], 11)], ([176, 80, 0, 0], 14), 0, (3352, "Telefonica de Espana"), (12479, "Orange Espagne Mobile")),
    country("IT", 30, 60, "Europe/Rome", "it-IT,it", "EUR", &[([79, 0, 0, 0], 11)], ([5, 168, 0, 0], 15), 0, (3269, "Telecom Italia"), (24608, "Wind Tre Mobile")),
    country("NL", 24, 60, "Europe/Amsterdam", "nl-NL,nl,en", "EUR", &[([77, 160, 0, 0], 12)], ([188, 206, 64, 0], 18), 0x2a02_a440, (1136, "KPN B.V."), (1136, "KPN Mobile")),
    country("PL", 24, 60, "Europe/Warsaw", "pl-PL,pl,en", "EUR", &[([83, 0, 0, 0], 11)], ([37, 47, 0, 0], 16), 0, (5617, "Orange Polska"), (5617, "Orange Polska Mobile")),
    country("CA", 34, -300, "America/Toronto", "en-CA,fr-CA,en", "USD", &[([70, 48, 0, 0], 13)], ([99, 224, 0, 0], 12), 0, (577, "Bell Canada"), (812, "Rogers Wireless")),
    country("AU", 26, 600, "Australia/Sydney", "en-AU,en", "USD", &[([101, 160, 0, 0], 11)], ([1, 120, 0, 0], 13), 0, (1221, "Telstra Broadband"), (1221, "Telstra Mobile")),
    country("MX", 24, -360, "America/Mexico_City", "es-MX,es", "USD", &[([187, 128, 0, 0], 10)], ([189, 128, 0, 0], 13), 0, (8151, "UNINET"), (28403, "Telcel")),
    country("ID", 24, 420, "Asia/Jakarta", "id-ID,id,en", "USD", &[([36, 64, 0, 0], 11)], ([114, 120, 0, 0], 13), 0, (7713, "Telkom Indonesia"), (23693, "Telkomsel")),
    country("TR", 20, 180, "Europe/Istanbul", "tr-TR,tr", "USD", &[([78, 160, 0, 0], 11)], ([178, 240, 0, 0], 13), 0, (9121, "Turk Telekom"), (16135, "Turkcell")),
    country("SE", 14, 60, "Europe/Stockholm", "sv-SE,sv,en", "EUR", &[([78, 64, 0, 0], 12)], ([2, 64, 0, 0], 14), 0, (3301, "Telia Company"), (3301, "Telia Mobile")),
    country("NG", 12, 60, "Africa/Lagos", "en-NG,en", "USD", &[([105, 112, 0, 0], 12)], ([102, 88, 0, 0], 13), 0, (36873, "Airtel Nigeria"), (29465, "MTN Nigeria")),
];

/// Blocks of hosting companies, where programs live.
const HOSTING: &[(Block, &str, Network)] = &[
    (([3, 64, 0, 0], 12), "DE", network((16509, "Amazon.com"))),
    (([34, 64, 0, 0], 11), "US", network((396982, "Google LLC"))),
    (([20, 40, 0, 0], 13), "US", network((8075, "Microsoft Corporation"))),
    (([95, 216, 0, 0], 15), "FI", network((24940, "Hetzner Online GmbH"))),
];

/// How many exits a mobile network shows in one country: everybody there shares them.
const MOBILE_EXITS: u64 = 6;

impl Address {
    /// Returns another address of the same little network: a /24, or the line's own /64.
    pub(crate) fn neighbour(self, dice: &mut Dice) -> Self {
        let ip = match self.ip {
            IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from(u32::from(ip) & !0xff | dice.between(1, 255) as u32)),
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from(u128::from(ip) >> 64 << 64 | u128::from(dice.bits()))),
        };
        Self { ip, ..self }
    }
}

impl Country {
    /// Returns the local time there, milliseconds.
    pub(crate) fn local_ms(&self, at_ms: i64) -> i64 {
        at_ms + self.offset_min * MINUTE_MS
    }

    /// Returns the address of a fixed line of its own.
    pub(crate) fn home(&'static self, dice: &mut Dice) -> Address {
        if self.homes_v6 == 0 || !dice.chance(0.35) {
            return self.shared_line(dice);
        }
        Address { ip: home_v6(self.homes_v6, dice), country: self.code, network: &self.networks.0 }
    }

    /// Returns the address of a fixed line that many may share, as only IPv4 makes them.
    pub(crate) fn shared_line(&'static self, dice: &mut Dice) -> Address {
        let ip = within(dice.among(self.homes), dice.bits() as u32);
        Address { ip, country: self.code, network: &self.networks.0 }
    }

    /// Returns one of the few exits that all telephones of the country share.
    pub(crate) fn mobile_exit(&'static self, dice: &mut Dice) -> Address {
        let exit = dice.below(MOBILE_EXITS) as u32;
        let ip = within(&self.mobile, (exit / 3) << 8 | (17 + 31 * exit));
        Address { ip, country: self.code, network: &self.networks.1 }
    }
}

/// Returns an address in a data centre.
pub(crate) fn hosting(dice: &mut Dice) -> Address {
    let (block, country, network) = dice.among(HOSTING);
    Address { ip: within(block, dice.bits() as u32), country, network }
}

/// Picks a country where people are up at this time.
pub(crate) fn awake(at_ms: i64, dice: &mut Dice) -> &'static Country {
    let up = |country: &Country| (f64::from(country.weight) * liveliness(country.local_ms(at_ms)) * 16.0) as u32 + 1;
    &COUNTRIES[dice.weighted(COUNTRIES.iter().map(up))]
}

/// Picks a country by its size alone.
pub(crate) fn any(dice: &mut Dice) -> &'static Country {
    &COUNTRIES[dice.weighted(COUNTRIES.iter().map(|country| country.weight))]
}

fn within(block: &Block, bits: u32) -> IpAddr {
    let (base, prefix) = block;
    let host = bits & (u32::MAX >> prefix);
    let last = (host & 0xff).clamp(1, 254);
    IpAddr::V4(Ipv4Addr::from(u32::from_be_bytes(*base) | (host & !0xff) | last))
}

/// Returns an address of a line's own /64, as privacy extensions make it.
fn home_v6(block: u32, dice: &mut Dice) -> IpAddr {
    let network = u64::from(block) << 32 | (dice.bits() & 0x0fff_ffff);
    IpAddr::V6(Ipv6Addr::from(u128::from(network) << 64 | u128::from(dice.bits())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stay_in_their_country_and_telephones_share_a_few() {
        let mut dice = Dice::new(5);
        let germany = COUNTRIES.iter().find(|country| country.code == "DE").expect("listed");
        let mut exits: Vec<IpAddr> = (0..500).map(|_| germany.mobile_exit(&mut dice).ip).collect();
        exits.sort_unstable();
        exits.dedup();
        assert_eq!(exits.len() as u64, MOBILE_EXITS);
        for _ in 0..500 {
            match germany.home(&mut dice).ip {
                IpAddr::V4(address) => assert!(matches!(address.octets()[0], 84..=95), "{address}"),
                IpAddr::V6(address) => assert_eq!(address.segments()[0], 0x2003, "{address}"),
            }
        }
    }

    #[test]
    fn blocks_begin_where_their_prefix_says() {
        let blocks = COUNTRIES.iter().flat_map(|country| country.homes.iter().chain([&country.mobile]));
        let blocks = blocks.chain(HOSTING.iter().map(|(block, ..)| block));
        for (base, prefix) in blocks {
            assert_eq!(u32::from_be_bytes(*base) & (u32::MAX >> prefix), 0, "{base:?}/{prefix}");
        }
    }
}
