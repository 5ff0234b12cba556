use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::artifacts::archive::FILES_MAX;
use crate::artifacts::fixtures::{self, DEBUG_ID, MINIFIED, manifest, zipped};

const UNPACKED_MAX: u64 = 1 << 20;

fn check(bytes: &[u8]) -> Result<Bundle, ArtifactError> {
    check_bundle(bytes, bytes.len() as u64, UNPACKED_MAX)
}

fn refused(bytes: &[u8]) -> String {
    match check(bytes) {
        Err(ArtifactError::Invalid(message)) => message,
        other => panic!("{other:?}"),
    }
}

fn too_large(bytes: &[u8]) -> String {
    match check(bytes) {
        Err(ArtifactError::TooLarge(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_and_its_map_are_found_by_debug_id_and_by_url() {
    let bytes = fixtures::bundle(Some(DEBUG_ID), Some("studio@1"));
    let bundle = check(&bytes).unwrap();
    let url = Some("~/static/main.js".to_owned());
    let entry = MapEntry { debug_id: Uuid::parse_str(DEBUG_ID).ok(), url, map: 1, minified: Some(0) };
    assert_eq!(bundle, Bundle { release: Some("studio@1".into()), maps: vec![entry] });
    assert_eq!(read_bundle(&*bytes, bytes.len() as u64).unwrap(), bundle);
    let read = |place, max| read_file(&*bytes, bytes.len() as u64, place, max).unwrap();
    assert_eq!(read(0, MINIFIED.len()).as_deref(), Some(MINIFIED.as_bytes()));
    assert_eq!(read(0, MINIFIED.len() - 1), None);
    assert!(read_file(&*bytes, bytes.len() as u64, 3, 1_000).is_err());
}

#[test]
fn a_map_without_its_file_and_a_file_that_names_no_map_have_a_debug_id() {
    let mut manifest = manifest(Some(DEBUG_ID), None);
    manifest["files"]["files/_/_/main.js"]["headers"].as_object_mut().unwrap().remove("sourcemap");
    let of = |manifest: &serde_json::Value| check(&fixtures::bundle_of(&fixtures::map(), manifest)).unwrap().maps;
    assert_eq!((of(&manifest)[0].map, of(&manifest)[0].minified), (1, Some(0)));
    manifest["files"].as_object_mut().unwrap().remove("files/_/_/main.js");
    let alone = &of(&manifest)[0];
    assert_eq!((alone.debug_id.is_some(), alone.url.as_deref(), alone.minified), (true, None, None));
    manifest["files"]["files/_/_/main.js.map"]["headers"] = json!({"Debug-Id": "no id"});
    assert!(of(&manifest).is_empty());
}

#[test]
fn what_is_no_bundle_is_refused_in_words() {
    let good = fixtures::bundle(Some(DEBUG_ID), None);
    for wrong in [&b""[..], b"SYSB", b"PK\x03\x04", b"SYSB\x09\0\0\0", &good[8..]] {
        assert!(refused(wrong).contains("no bundle"));
    }
    assert!(refused(b"SYSB\x02\0\0\0no zip at all").contains("no ZIP"));
    assert!(refused(&good[..good.len() - 30]).contains("no ZIP"));
    assert!(refused(&zipped(&[("a.js", b"1")])).contains("no manifest.json"));
    assert!(refused(&zipped(&[("manifest.json", b"{")])).contains("manifest.json cannot be read"));
    let lacking = json!({"files": {"a.js": {"type": "source_map", "url": "~/a.js"}}}).to_string();
    assert!(refused(&zipped(&[("manifest.json", lacking.as_bytes())])).contains("lacks \"a.js\""));
    let mut damaged = good.clone();
    damaged[60] ^= 0xff;
    assert!(refused(&damaged).contains("cannot be unpacked"));
}

#[test]
fn names_that_lead_out_of_the_bundle_are_refused() {
    for name in ["../../etc/passwd", "files/../../x", "/etc/passwd", "a\\..\\b"] {
        let message = refused(&zipped(&[(name, b"1"), ("manifest.json", b"{}")]));
        assert!(message.contains("outside of itself"), "{name}: {message}");
    }
    assert!(check(&zipped(&[("files/..a/b", b"1"), ("manifest.json", b"{}")])).is_ok());
}

#[test]
fn a_bundle_that_unpacks_to_too_much_is_refused() {
    let zeros = vec![0; 1 << 20];
    let bomb = zipped(&[("a", &zeros), ("manifest.json", b"{}")]);
    assert!(bomb.len() < 16_000);
    assert!(too_large(&bomb).contains("unpacks to more than"));
    // One that does not say how much it is.
    let honest = zipped(&[("a", &zeros[..500_000]), ("manifest.json", b"{}")]);
    let mut lying = honest.clone();
    let size = 500_000_u32.to_le_bytes();
    let places: Vec<usize> = (0..honest.len() - 4).filter(|at| honest[*at..at + 4] == size).collect();
    assert!(!places.is_empty());
    for at in places {
        lying[at..at + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    assert!(matches!(check(&lying), Err(ArtifactError::Invalid(_))), "{:?}", check(&lying));
    let release = json!({"release": "r".repeat(NAME_BYTES_MAX + 1)}).to_string();
    assert!(too_large(&zipped(&[("manifest.json", release.as_bytes())])).contains("name over"));
}

#[test]
fn a_bundle_has_so_many_files_and_no_more() {
    let names: Vec<String> = (0..FILES_MAX).map(|number| format!("f{number}")).collect();
    let mut files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    files[0] = ("manifest.json", b"{}");
    assert!(check(&zipped(&files)).is_ok());
    files.push(("one more", b""));
    assert!(too_large(&zipped(&files)).contains("more than 20000 files"));
    // A directory that announces more than it has.
    let mut torn = zipped(&[("manifest.json", b"{}")]);
    let end = torn.len() - 22;
    torn[end + 10] = 2;
    assert!(refused(&torn).contains("torn"));
    let long = "n".repeat(NAME_BYTES_MAX + 1);
    assert!(too_large(&zipped(&[(&long, b""), ("manifest.json", b"{}")])).contains("name over"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_is_sent_is_answered(bytes in proptest::collection::vec(any::<u8>(), 0..2_000), is_named: bool) {
        let head: &[u8] = if is_named { b"SYSB\x02\0\0\0" } else { b"" };
        prop_assert!(check(&[head, &bytes].concat()).is_err());
    }

    #[test]
    fn a_damaged_bundle_is_refused_or_reads_as_it_was_checked(
        damages in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        length in any::<prop::sample::Index>(),
        is_cut: bool,
    ) {
        let mut bytes = fixtures::bundle(Some(DEBUG_ID), Some("r"));
        for (at, byte) in damages {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(length.index(bytes.len()));
        }
        if let Ok(bundle) = check(&bytes) {
            for entry in &bundle.maps {
                prop_assert!(read_file(&*bytes, bytes.len() as u64, entry.map, 1 << 20).is_ok());
            }
            prop_assert_eq!(read_bundle(&*bytes, bytes.len() as u64).unwrap(), bundle);
        }
    }
}
