use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::artifacts::fixtures::{self, MINIFIED, SOURCE, col_of};

fn parse(map: &Value) -> Result<Map, String> {
    Map::parse(map.to_string().as_bytes(), Some(MINIFIED.as_bytes().to_vec()))
}

fn with(change: impl FnOnce(&mut Value)) -> Result<Map, String> {
    let mut map = fixtures::map();
    change(&mut map);
    parse(&map)
}

fn why(change: impl FnOnce(&mut Value)) -> String {
    match with(change) {
        Err(why) => why,
        Ok(_) => panic!("it was read"),
    }
}

#[test]
fn a_place_has_its_source_function_and_lines() {
    let map = parse(&fixtures::map()).unwrap();
    let found = map.locate(1, col_of("new TypeError"), Some("e")).unwrap();
    assert_eq!((found.file.as_str(), found.line, found.col), ("../main.js", 2, 38));
    assert_eq!(found.function.as_deref(), Some("inner"));
    let lines: Vec<&str> = SOURCE.lines().collect();
    let context = found.context.unwrap();
    assert_eq!((context.before, context.line.as_str()), (vec![lines[0].to_owned()], lines[1]));
    assert_eq!(context.after, [lines[2], ""]);
    let call = map.locate(1, col_of("e(r+1)"), Some("o")).unwrap();
    assert_eq!((call.line, call.function.as_deref()), (1, Some("outer")));
    assert_eq!(call.word, Some(("e".into(), "inner".into())));
    let top = map.locate(1, col_of("o(3)"), None).unwrap();
    assert_eq!((top.line, top.function, top.word), (3, None, Some(("o".into(), "outer".into()))));
}

#[test]
fn places_count_from_one_and_those_of_no_mapping_have_no_source() {
    let map = parse(&fixtures::map()).unwrap();
    // The first mapping is at column 6, which a stack calls 7.
    assert_eq!(map.locate(1, 6, None), None);
    assert_eq!(map.locate(1, 7, None).map(|found| (found.line, found.col)), Some((1, 8)));
    for (line, col) in
        [(0, 9), (2, 1), (3, 1), (99, 9), (-1, 9), (1, 0), (1, -5), (i64::MAX, i64::MAX), (i64::MIN, i64::MIN)]
    {
        assert_eq!(map.locate(line, col, Some("e")), None, "{line}:{col}");
    }
    assert!(map.locate(1, 1_000_000, None).is_some(), "the end of the line is its last mapping's");
}

#[test]
fn an_indexed_map_is_read_section_by_section() {
    let section = |line: u32, column: u32| json!({"offset": {"line": line, "column": column}, "map": fixtures::map()});
    let map = parse(&json!({"version": 3, "sections": [section(0, 0), section(4, 100)]})).unwrap();
    let in_second = map.locate(5, 100 + col_of("new TypeError"), None).unwrap();
    assert_eq!((in_second.line, in_second.col), (2, 38));
    assert_eq!(map.locate(1, col_of("new TypeError"), Some("e")).unwrap().function.as_deref(), Some("inner"));
    assert_eq!(map.locate(3, 10, None), None, "between the sections");
    let elsewhere =
        parse(&json!({"version": 3, "sections": [{"offset": {"line": 0, "column": 0}, "url": "file:///etc/passwd"}]}));
    assert!(elsewhere.is_err_and(|why| why.contains("unresolved")));
    let far = json!({"offset": {"line": u32::MAX, "column": u32::MAX}, "map": fixtures::map()});
    // Either is well, as long as it is an answer.
    if let Ok(map) = parse(&json!({"version": 3, "sections": [far]})) {
        assert_eq!(map.locate(3, 3, None), None);
    }
}

#[test]
fn maps_that_are_none_say_why() {
    let text = fixtures::map().to_string();
    assert!(Map::parse(&text.as_bytes()[..text.len() / 2], None).is_err_and(|why| why.contains("no JSON")));
    assert!(Map::parse(b"", None).is_err() && Map::parse(b")]}'", None).is_err() && Map::parse(b"[]", None).is_err());
    assert!(Map::parse(&[b")]}'\n", text.as_bytes()].concat(), None).is_ok());
    assert!(why(|map| map["sources"] = json!([])).contains("ource"), "mappings of sources that are not there");
    assert!(why(|map| map["names"] = json!([])).contains("ame"));
    why(|map| map["mappings"] = json!("§"));
    why(|map| map["mappings"] = json!("AAA"));
    why(|map| map["mappings"] = json!("gggggggggggggggggggggggggggggg"));
    let many = ";".repeat(MAPPINGS_MAX + 1);
    assert!(why(|map| map["mappings"] = json!(many)).contains("mappings"));
    let hidden = json!({"sections": [{"offset": {"line": 0, "column": 0}, "map": {"mappings": many}}]});
    assert!(parse(&hidden).is_err_and(|why| why.contains("mappings")));
}

#[test]
fn a_map_lists_no_more_than_fits_into_memory() {
    assert_eq!(values(br#"{"a":[1,"x,[{\",",2],"b":{}}"#), 6);
    assert_eq!(values(br#"["torn,"#), 1);
    assert_eq!(values(b"\"\\"), 0);
    let long = vec![0; VALUES_MAX];
    for name in ["names", "file", "x_facebook_offsets", "anything"] {
        assert!(why(|map| map[name] = json!(long)).contains("more than 1000000"), "{name}");
    }
    let section = json!({"offset": {"line": 0, "column": 0}, "map": {"version": 3, "sections": []}});
    assert!(
        parse(&json!({"version": 3, "sections": [section]})).is_err_and(|why| why.contains("sections in sections"))
    );
}

#[test]
fn what_a_map_names_is_shown_and_never_opened() {
    for source in ["../../../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "webpack://app/./src/main.ts"] {
        let map = with(|map| {
            map["sources"] = json!([source]);
            map.as_object_mut().unwrap().remove("sourcesContent");
        });
        let found = map.unwrap().locate(1, 7, None).unwrap();
        assert_eq!((found.file.as_str(), found.context), (source, None));
    }
    let rooted = with(|map| {
        map["sources"] = json!(["main.js"]);
        map["sourceRoot"] = json!("src");
    });
    assert_eq!(rooted.unwrap().locate(1, 7, None).unwrap().file, "src/main.js");
    let without = with(|map| map["sourcesContent"] = json!([null]));
    assert_eq!(without.unwrap().locate(1, 7, None).unwrap().context, None);
    let shorter = with(|map| map["sourcesContent"] = json!(["one line"]));
    assert_eq!(shorter.unwrap().locate(1, col_of("new TypeError"), None).unwrap().context, None);
}

#[test]
fn what_is_shown_is_cut() {
    let map = with(|map| {
        map["sources"] = json!(["ä".repeat(2_000)]);
        map["sourcesContent"] = json!([format!("{}\nx", "ö".repeat(2_000))]);
    });
    let found = map.unwrap().locate(1, 7, None).unwrap();
    assert_eq!((found.file.len(), found.context.unwrap().line.len()), (NAME_BYTES_MAX, LINE_BYTES_MAX));
}

#[test]
fn a_map_that_the_decoder_stumbles_over_is_no_answer() {
    // A range that begins further right than the place it is the nearest before: the crate subtracts the two.
    let map = with(|map| {
        map["mappings"] = json!("gGAAA;");
        map["rangeMappings"] = json!("B");
    });
    assert!(map.is_ok_and(|map| map.locate(2, 1, None).is_none()));
}

#[test]
fn a_map_without_its_file_tells_places_alone() {
    for minified in [None, Some(vec![0xff, 0xfe])] {
        let map = Map::parse(fixtures::map().to_string().as_bytes(), minified).unwrap();
        let found = map.locate(1, col_of("new TypeError"), Some("e")).unwrap();
        assert_eq!((found.line, found.function, found.word), (2, None, None));
    }
}

proptest! {
    #[test]
    fn whatever_a_map_says_is_answered(
        mappings in "[A-Za-z0-9+/,;]{0,60}",
        ranges in "[A-Za-z0-9+/;]{0,20}",
        place in (any::<i64>(), any::<i64>()),
        near in (0_i64..6, 0_i64..200),
    ) {
        let map = with(|map| {
            map["mappings"] = json!(mappings);
            map["rangeMappings"] = json!(ranges);
        });
        if let Ok(map) = map {
            for (line, col) in [place, near] {
                let _ = map.locate(line, col, Some("e"));
            }
        }
    }

    #[test]
    fn a_damaged_map_is_answered(at in any::<prop::sample::Index>(), byte: u8, col in 0_i64..150) {
        let mut text = fixtures::map().to_string().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        if let Ok(map) = Map::parse(&text, Some(MINIFIED.as_bytes().to_vec())) {
            let _ = map.locate(1, col, Some("e"));
        }
    }
}
