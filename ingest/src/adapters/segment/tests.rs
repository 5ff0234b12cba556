//! Segment's calls, as its libraries write them.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::adapters::tests::{House, NOW, cell, everything, table};
use crate::adapters::{Fate, key_in_body};
use crate::row::Trust;
use crate::sender::Source;

fn translated(house: &House, call: Call, body: &Value) -> Translation {
    translate(body.to_string().as_bytes(), call, house.context()).unwrap_or_else(|error| panic!("{error}"))
}

fn rows(body: &Value, columns: &[&str]) -> Vec<Vec<String>> {
    let house = House::new(None);
    let translation = translated(&house, Call::Batch, body);
    table(&house.judged(&translation, Trust::Server, Source::Segment), columns)
}

fn skipped(translation: &Translation) -> Vec<&'static str> {
    let what = |event: &Translated| match event.fate {
        Fate::Skipped(what) => Some(what),
        _ => None,
    };
    translation.events.iter().filter_map(what).collect()
}

/// A batch of @segment/analytics-node 3.1.0, as it was seen on the wire.
fn batch_of_node() -> Value {
    let context = json!({"library": {"name": "@segment/analytics-node", "version": "3.1.0"}});
    json!({"batch": [
        {"timestamp": "2026-11-22T09:59:57.000Z", "integrations": {}, "event": "image.generate", "type": "track",
            "properties": {"model": "xl", "duration_ms": 812}, "context": context, "anonymousId": "anon-2",
            "messageId": "node-next-1", "_metadata": {"nodeVersion": "v20.20.2"}},
        {"timestamp": "2026-11-22T10:00:00.000Z", "type": "identify", "userId": "acct_2", "anonymousId": "anon-2",
            "traits": {"plan": "pro", "email": "jane@example.com"}, "context": context, "messageId": "node-next-2"},
        {"timestamp": "2026-11-22T10:00:00.000Z", "userId": "acct_3", "type": "alias", "previousId": "anon-3",
            "context": context, "messageId": "node-next-3"},
        {"timestamp": "2026-11-22T10:00:00.000Z", "type": "page", "userId": "acct_2", "name": "Home",
            "properties": {"url": "https://app.example/a?token=b", "path": "/a", "title": "A private title", "search": "?token=b"},
            "context": context, "messageId": "node-next-4"},
        {"timestamp": "2026-11-22T10:00:00.000Z", "type": "group", "userId": "acct_2", "groupId": "g", "messageId": "node-next-5"},
        {"timestamp": "2026-11-22T10:00:00.000Z", "type": "screen", "userId": "acct_2", "name": "Board", "messageId": "node-next-6"},
    ], "writeKey": "wk_srv_0123456789abcdef", "sentAt": "2026-11-22T10:00:00.000Z"})
}

#[test]
fn a_batch_becomes_usage_and_binds() {
    let house = House::new(None);
    let translation = translated(&house, Call::Batch, &batch_of_node());
    assert_eq!(skipped(&translation), ["group"]);
    let judged = house.judged(&translation, Trust::Server, Source::Segment);
    let columns = ["event_id", "name", "op", "account_id", "guest_id", "route", "source", "trust"];
    assert_eq!(
        table(&judged, &columns),
        [
            ["usage", "node-next-1", "image.generate", "-", "-", "anon-2", "-", "segment", "server"],
            ["identities", "node-next-2", "-", "bind", "acct_2", "anon-2", "-", "segment", "server"],
            ["identities", "node-next-3", "-", "bind", "acct_3", "anon-3", "-", "segment", "server"],
            ["usage", "node-next-4", "page.view", "-", "acct_2", "-", "/a", "segment", "server"],
            ["usage", "node-next-6", "page.view", "-", "acct_2", "-", "-", "segment", "server"],
        ]
    );
    let first = judged.rows.heads()[0];
    assert_eq!(cell(&judged, &first, "duration_ms").as_deref(), Some("812"));
    assert_eq!(cell(&judged, &first, "model").as_deref(), Some("xl"));
    assert_eq!(cell(&judged, &first, "ts"), Some((NOW - 3_000_000).to_string()));
    let all = everything(&judged);
    for gone in ["jane", "token=b", "private title", "pro\""] {
        assert!(!all.contains(gone), "{gone} in {all}");
    }
    assert!(all.contains(r#"\"page\":\"Home\""#) && all.contains(r#"\"screen\":\"Board\""#), "{all}");
    assert!(translation.fields_skipped >= 4, "traits, title and query are counted: {}", translation.fields_skipped);
    assert_eq!(key_in_body(batch_of_node().to_string().as_bytes()).as_deref(), Some("wk_srv_0123456789abcdef"));
}

#[test]
fn a_path_says_what_a_single_call_is() {
    let house = House::new(None);
    let call = json!({"event": "x", "userId": 7, "messageId": "m", "sentAt": "2026-11-22T10:00:00Z", "writeKey": "k"});
    for (path, expected) in [("track", 1), ("t", 1), ("group", 0), ("g", 0)] {
        let translation = translated(&house, Call::from_path(path).expect("a path"), &call);
        let judged = house.judged(&translation, Trust::Public, Source::Segment);
        assert_eq!(judged.rows.len(), expected, "{path}");
    }
    let translation = translated(&house, Call::Track, &call);
    let judged = house.judged(&translation, Trust::Public, Source::Segment);
    assert_eq!(table(&judged, &["account_id", "trust"]), [["usage", "7", "public"]]);
    assert_eq!(Call::from_path("import"), None);
}

#[test]
fn a_batch_context_stands_behind_each_calls_own() {
    let body = json!({"context": {"ip": "203.0.113.7", "app": {"version": "2.4.1"}, "page": {"path": "/batch"}, "device": {"id": "dev_1"}},
    "batch": [
        {"type": "track", "event": "a", "userId": "u"},
        {"type": "track", "event": "b", "userId": "u", "context": {"page": {"path": "/own"}, "app": {"name": "x"}, "device": {"id": "dev_2"}}},
    ]});
    assert_eq!(
        rows(&body, &["name", "release", "route", "ip_prefix", "device_id"]),
        [
            ["usage", "a", "2.4.1", "/batch", "203.0.113.0/24", "dev_1"],
            ["usage", "b", "2.4.1", "/own", "203.0.113.0/24", "dev_2"],
        ]
    );
}

#[test]
fn clocks_that_are_wrong_are_corrected_and_lies_refused() {
    let at = |timestamp: Value, sent_at: Value| {
        let body = json!({"batch": [{"type": "track", "event": "a", "userId": "u", "timestamp": timestamp}], "sentAt": sent_at});
        rows(&body, &["ts", "code"])[0][1..].to_vec()
    };
    let five_ago = vec![(NOW - 5_000_000).to_string(), "-".into()];
    assert_eq!(at(json!("2020-01-01T00:00:00Z"), json!("2020-01-01T00:00:05Z")), five_ago, "six years behind");
    assert_eq!(at(json!("2031-01-01T00:00:00Z"), json!("2031-01-01T00:00:05Z")), five_ago, "years ahead");
    assert_eq!(at(json!("2026-11-22T09:59:55Z"), json!(null)), five_ago, "no sentAt: believed");
    assert_eq!(at(json!(null), json!("2020-01-01T00:00:00Z"))[0], NOW.to_string());
    assert_eq!(at(json!("2026-11-22T09:59:55Z"), json!("1970-01-01T00:00:00Z"))[1], "too_new");
    assert_eq!(at(json!("1999-11-22T09:59:55Z"), json!("2026-11-22T10:00:00Z"))[1], "too_old");
    assert_eq!(at(json!("soon"), json!("2026-11-22T10:00:00Z"))[1], "invalid_field");
}

#[test]
fn what_is_no_call_lands_in_rejects_and_harms_no_other() {
    let long = "x".repeat(CALL_BYTES_MAX);
    let body = json!({"batch": [
        {"type": "track", "userId": "u"},
        {"type": "track", "event": "a"},
        {"type": "track", "event": "a", "userId": "u", "properties": [1]},
        {"event": "a", "userId": "u"},
        {"type": "track", "event": "a", "userId": "u", "properties": {"long": long}},
        7,
        {"type": "alias", "userId": "u"},
        {"type": "identify", "traits": {"name": "Jane Doe"}},
        {"type": "track", "event": "a", "userId": "u", "messageId": "good"},
        {"type": "delete", "userId": "u"},
    ]});
    let codes: Vec<String> = rows(&body, &["code"]).into_iter().map(|row| row[1].clone()).collect();
    assert_eq!(
        codes,
        [
            "missing_field",
            "no_subject",
            "invalid_field",
            "missing_field",
            "too_large",
            "invalid_json",
            "missing_field",
            "missing_field",
            "-",
        ]
    );
    let house = House::new(None);
    let translation = translated(&house, Call::Batch, &body);
    assert_eq!(skipped(&translation), ["unknown_type"]);
    let judged = house.judged(&translation, Trust::Server, Source::Segment);
    assert!(!everything(&judged).contains("Jane"), "rejects are scrubbed, too");
    let indexes: Vec<u32> = judged.rejects.iter().map(|reject| reject.index).collect();
    assert_eq!(indexes, [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_body_that_is_none_is_refused_as_a_whole() {
    let house = House::new(None);
    let read = |body: &str| translate(body.as_bytes(), Call::Batch, house.context());
    for body in ["", "{", "7", "[]", r#"{"batch":7}"#, r#"{"batch":{}}"#] {
        assert!(matches!(read(body), Err(BodyError::Unreadable(_))), "{body}");
    }
    let large = json!({"batch": [], "filler": "x".repeat(BODY_BYTES_MAX)}).to_string();
    assert!(matches!(read(&large), Err(BodyError::TooLarge(_))));
    assert!(matches!(translate(&[0xff, b'{'], Call::Batch, house.context()), Err(BodyError::Unreadable(_))));
    let deep = format!(r#"{{"batch":[{}]}}"#, "[".repeat(50_000));
    assert!(matches!(read(&deep), Err(BodyError::Unreadable(_))));
}

#[test]
fn an_address_as_an_id_is_hashed_and_nobody_is_refused_for_it() {
    let body = json!({"batch": [
        {"type": "track", "event": "a", "userId": "jane@example.com"},
        {"type": "identify", "userId": "Jane@Example.com", "anonymousId": "anon-1"},
    ]});
    let rows = rows(&body, &["account_id"]);
    assert!(rows[0][1].starts_with("h_") && rows[0][1] == rows[1][1], "{rows:?}");
}

proptest! {
    #[test]
    fn arbitrary_calls_have_one_outcome_each(
        calls in proptest::collection::vec(arbitrary_call(), 0..8),
        context in arbitrary_value(),
        sent_at in arbitrary_value(),
    ) {
        let house = House::new(Some("^gst_"));
        let body = json!({"batch": calls, "context": context, "sentAt": sent_at});
        let translation = translated(&house, Call::Batch, &body);
        prop_assert_eq!(translation.events.len(), calls.len());
        house.judged(&translation, Trust::Public, Source::Segment);
        for call in &calls {
            house.judged(&translated(&house, Call::Identify, call), Trust::Server, Source::Segment);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let house = House::new(None);
        let _ = translate(&body, Call::Track, house.context());
    }
}

fn arbitrary_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        "track|identify|alias|page|guest|gst_1|acct_1|2026-11-22T09:59:00Z|203.0.113.7".prop_map(Value::from),
        Just(json!({"page": {"path": "/a?b"}, "ip": "::", "device": {"id": 7}, "app": []})),
        Just(json!([[{"a": [1]}]])),
    ]
}

fn arbitrary_call() -> impl Strategy<Value = Value> {
    let name = "type|event|userId|anonymousId|previousId|messageId|timestamp|sentAt|properties|context|name|traits";
    let fields = proptest::collection::vec((name, arbitrary_value()), 0..8);
    fields.prop_map(|fields| Value::Object(fields.into_iter().collect()))
}
