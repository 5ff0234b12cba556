//! Writes the smallest MaxMind database there can be: one that says the same of every IPv4 address.
//!
//! Source: the MaxMind DB file format specification 2.0.

/// A value of the format's data section.
enum Datum<'a> {
    Text(&'a str),
    Short(u16),
    Number(u32),
    Long(u64),
    Map(Vec<(&'a str, Datum<'a>)>),
    List(Vec<Datum<'a>>),
}

impl Datum<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => {
                head(2, text.len(), out);
                out.extend_from_slice(text.as_bytes());
            }
            Self::Short(number) => {
                head(5, 2, out);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Self::Number(number) => {
                head(6, 4, out);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Self::Long(number) => {
                head(9, 8, out);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Self::Map(entries) => {
                head(7, entries.len(), out);
                for (key, value) in entries {
                    Datum::Text(key).write(out);
                    value.write(out);
                }
            }
            Self::List(values) => {
                head(11, values.len(), out);
                values.iter().for_each(|value| value.write(out));
            }
        }
    }
}

/// Writes the control byte; types over 7 have a second one, and so have sizes over 28.
fn head(kind: u8, size: usize, out: &mut Vec<u8>) {
    let size = u8::try_from(size).unwrap();
    if kind <= 7 {
        out.push(kind << 5 | size.min(29));
    } else {
        out.extend([size.min(29), kind - 7]);
    }
    out.extend(size.checked_sub(29));
}

/// Returns a database in which every address is in this country.
pub(crate) fn country(code: &str) -> Vec<u8> {
    database("Country", Datum::Map(vec![("country", Datum::Map(vec![("iso_code", Datum::Text(code))]))]))
}

/// Returns a database in which every address belongs to this autonomous system.
pub(crate) fn network(number: u32, organisation: &str) -> Vec<u8> {
    let facts = vec![
        ("autonomous_system_number", Datum::Number(number)),
        ("autonomous_system_organization", Datum::Text(organisation)),
    ];
    database("ASN", Datum::Map(facts))
}

fn database(kind: &str, datum: Datum<'_>) -> Vec<u8> {
    // One node, both of whose records point past it and the 16 bytes of the separator, at the first datum.
    let record = [0, 0, 1 + 16];
    let mut out = [record, record].concat();
    out.extend([0; 16]);
    datum.write(&mut out);
    out.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = vec![
        ("binary_format_major_version", Datum::Short(2)),
        ("binary_format_minor_version", Datum::Short(0)),
        ("build_epoch", Datum::Long(1_790_000_000)),
        ("database_type", Datum::Text(kind)),
        ("description", Datum::Map(Vec::new())),
        ("ip_version", Datum::Short(4)),
        ("languages", Datum::List(Vec::new())),
        ("node_count", Datum::Number(1)),
        ("record_size", Datum::Short(24)),
    ];
    Datum::Map(metadata).write(&mut out);
    out
}
