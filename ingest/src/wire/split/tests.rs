//! Bodies of every shape, and the broken ones.

use super::*;
use proptest::prelude::*;

fn texts(body: &[u8]) -> Vec<&str> {
    let pieces = split(body, &Limits::default()).expect("readable");
    pieces.list.into_iter().map(|piece| if let Piece::Text(text) = piece { text } else { "not text" }).collect()
}

fn unreadable(body: &[u8]) -> String {
    match split(body, &Limits::default()) {
        Err(BodyError::Unreadable(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn cuts_an_object_an_array_and_lines() {
    assert_eq!(texts(b"{\"a\":1}"), ["{\"a\":1}"]);
    assert_eq!(texts(b" [ {\"a\":1} , 2,\n[3] ] \n"), ["{\"a\":1}", "2", "[3]"]);
    assert_eq!(texts(b"{\"a\":1}\r\n\r\n  \n\t{\"a\":2} \r\n"), ["{\"a\":1}", "{\"a\":2}"]);
    assert_eq!(texts("\u{feff}{\"a\":\"\u{e9}\"}\n{}".as_bytes()), ["{\"a\":\"\u{e9}\"}", "{}"]);
}

#[test]
fn a_pretty_printed_object_is_one_event() {
    let pretty = "{\n  \"a\": {},\n  \"b\": 2\n}\n";
    assert_eq!(texts(pretty.as_bytes()), [pretty.trim()]);
}

#[test]
fn a_broken_line_does_not_swallow_its_neighbours() {
    assert_eq!(texts(b"{broken\n{\"a\":1}\nnonsense"), ["{broken", "{\"a\":1}", "nonsense"]);
    assert_eq!(texts(b"{\"a\":1}\n\"\xff\"\n{\"a\":2}"), ["{\"a\":1}", "not text", "{\"a\":2}"]);
}

#[test]
fn broken_arrays_and_empty_bodies_are_unreadable() {
    assert!(unreadable(b"[{\"a\":1},").contains("column"), "tells the position");
    assert!(unreadable(b"[{}] x").contains("trailing"));
    assert!(unreadable(b"[\"\xff\"]").contains("byte 2"));
    for empty in [&b""[..], b" \n\r\n", b"[]", b"[ ]", BYTE_ORDER_MARK] {
        assert!(unreadable(empty).contains("no events"));
    }
}

#[test]
fn too_many_events_are_too_large() {
    let limits = Limits { events_max: 2, ..Limits::default() };
    assert!(split(b"{}\n{}\n\n", &limits).is_ok());
    assert!(split(b"[1,2]", &limits).is_ok());
    for body in [&b"{}\n{}\n{}"[..], b"[1,2,3]", b"[1,2,3,"] {
        assert!(matches!(split(body, &limits), Err(BodyError::TooLarge(_))));
    }
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let deep = format!("[{}{}]", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(texts(deep.as_bytes()).len(), 1);
    assert!(unreadable("[".repeat(200_000).as_bytes()).contains("EOF"));
    let object = format!("{{\n\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(texts(object.as_bytes()).len(), 1);
}

proptest! {
    #[test]
    fn lines_come_back_as_they_went_in(lines in proptest::collection::vec("[a-z{}\"é: ]{1,20}", 1..20)) {
        let body = lines.join("\n");
        if let Ok(pieces) = split(body.as_bytes(), &Limits::default()) && pieces.presumed {
            let expected: Vec<&str> = lines.iter().map(|line| line.trim_ascii()).filter(|line| !line.is_empty()).collect();
            prop_assert_eq!(texts(body.as_bytes()), expected);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = split(&body, &Limits::default());
    }
}
