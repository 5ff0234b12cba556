//! A database of two records, written here, in each of the shapes that are read; and files that change under us.

use std::time::Duration;

use super::*;

const FIRST: &str = "203.0.113.7";
const OTHER: &str = "8.8.8.8";

/// A value of the MaxMind DB format (its specification, "Output Data Section").
enum Data<'a> {
    Text(&'a str),
    Short(u16),
    Number(u32),
    Long(u64),
    Map(Vec<(&'a str, Data<'a>)>),
    List(Vec<Data<'a>>),
}

fn encode(data: &Data<'_>, into: &mut Vec<u8>) {
    let control = |ty: u8, size: usize, into: &mut Vec<u8>| {
        assert!(size < 29 + 256);
        let (size, more) = if size < 29 { (size as u8, None) } else { (29, Some((size - 29) as u8)) };
        into.push(if ty < 8 { ty << 5 | size } else { size });
        into.extend((ty >= 8).then(|| ty - 7));
        into.extend(more);
    };
    match data {
        Data::Text(text) => {
            control(2, text.len(), into);
            into.extend_from_slice(text.as_bytes());
        }
        Data::Number(number) => {
            control(6, 4, into);
            into.extend_from_slice(&number.to_be_bytes());
        }
        Data::Short(number) => {
            control(5, 2, into);
            into.extend_from_slice(&number.to_be_bytes());
        }
        Data::Long(number) => {
            control(9, 8, into);
            into.extend_from_slice(&number.to_be_bytes());
        }
        Data::Map(pairs) => {
            control(7, pairs.len(), into);
            for (name, value) in pairs {
                encode(&Data::Text(name), into);
                encode(value, into);
            }
        }
        Data::List(values) => {
            control(11, values.len(), into);
            values.iter().for_each(|value| encode(value, into));
        }
    }
}

/// Writes an IPv4 database in which 128.0.0.0/1 leads to `record`, and everything else nowhere.
fn database(record: &Data<'_>, build_epoch: u32) -> Vec<u8> {
    const NODES: u8 = 1;
    let mut file = vec![0, 0, NODES, 0, 0, NODES + 16];
    file.extend([0; 16]);
    encode(record, &mut file);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = Data::Map(vec![
        ("binary_format_major_version", Data::Short(2)),
        ("binary_format_minor_version", Data::Short(0)),
        ("build_epoch", Data::Long(u64::from(build_epoch))),
        ("database_type", Data::Text("test")),
        // Some publishers leave it empty, which the reader's `verify` refuses; their databases must load all the same.
        ("description", Data::Map(Vec::new())),
        ("ip_version", Data::Short(4)),
        ("languages", Data::List(vec![Data::Text("en")])),
        ("node_count", Data::Number(u32::from(NODES))),
        ("record_size", Data::Short(24)),
    ]);
    encode(&metadata, &mut file);
    file
}

fn at(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn loaded(layout: Layout, record: &Data<'_>) -> Database {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("geo.mmdb");
    fs::write(&path, database(record, 1_700_000_000)).expect("written");
    let database = Database::new(layout, Some(path));
    database.reload_if_changed();
    assert_eq!(database.status().problem, None);
    database
}

#[test]
fn reads_a_country_in_either_shape() {
    let flat = Data::Map(vec![("country_code", Data::Text("de"))]);
    let nested = Data::Map(vec![("country", Data::Map(vec![("iso_code", Data::Text("DE"))]))]);
    for record in [flat, nested] {
        let database = loaded(Layout::Country, &record);
        assert_eq!(database.country(at(FIRST)).as_deref(), Some("DE"));
        assert_eq!(database.country(at(OTHER)), None);
        assert_eq!(database.country(at("2001:db8::1")), None, "an IPv4 database knows no IPv6");
        assert_eq!(database.status().built_at.as_deref(), Some("2023-11-14T22:13:20Z"));
    }
}

#[test]
fn reads_a_network_with_its_number_as_number_or_text() {
    for number in [Data::Number(64500), Data::Text("64500")] {
        let record = Data::Map(vec![
            ("autonomous_system_number", number),
            ("autonomous_system_organization", Data::Text("Example Net")),
        ]);
        let database = loaded(Layout::Network, &record);
        assert_eq!(database.network(at(FIRST)), (Some(64500), Some("Example Net".to_owned())));
        assert_eq!(database.network(at(OTHER)), (None, None));
    }
}

#[test]
fn a_changed_file_is_taken_and_a_broken_one_is_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("country.mmdb");
    let record = |code| Data::Map(vec![("country_code", Data::Text(code))]);
    let mut clock = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let mut write = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("written");
        clock += Duration::from_secs(1);
        fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(clock)).expect("touched");
    };
    let database_file = Database::new(Layout::Country, Some(path.clone()));
    database_file.reload_if_changed();
    assert!(!database_file.status().loaded && database_file.status().problem.is_some(), "there is no file yet");

    write(&database(&record("DE"), 1));
    database_file.reload_if_changed();
    assert_eq!(database_file.country(at(FIRST)).as_deref(), Some("DE"));

    write(b"not a database");
    database_file.reload_if_changed();
    assert_eq!(database_file.country(at(FIRST)).as_deref(), Some("DE"), "the old one stays");
    assert!(database_file.status().loaded && database_file.status().problem.is_some());

    let whole = database(&record("FR"), 2);
    write(&whole[..whole.len() - 40]);
    database_file.reload_if_changed();
    assert_eq!(database_file.country(at(FIRST)).as_deref(), Some("DE"), "a torn file is broken");

    write(&whole);
    database_file.reload_if_changed();
    assert_eq!(database_file.country(at(FIRST)).as_deref(), Some("FR"));
    assert_eq!(database_file.status().problem, None);
}

#[test]
fn without_a_file_everything_is_unknown_and_says_why() {
    let database = Database::new(Layout::Country, None);
    database.reload_if_changed();
    assert_eq!(database.country(at(FIRST)), None);
    assert_eq!(database.status().problem.as_deref(), Some("no file is configured"));
}
