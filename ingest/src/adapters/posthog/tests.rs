//! PostHog's events, as its libraries write them.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::adapters::tests::{House, NOW, cell, everything, table};
use crate::judge::Judged;
use crate::row::Trust;
use crate::sender::Source;

const SENT_AT: &str = "2026-11-22T10:00:00.000Z";

fn translated(house: &House, body: &Value) -> Translation {
    translate(body.to_string().as_bytes(), &Asked::default(), house.context()).unwrap_or_else(|error| panic!("{error}"))
}

fn judged(house: &House, events: Value) -> (Judged, Vec<&'static str>) {
    let body = json!({"api_key": "wk_web_0123456789abcdef", "batch": events, "sent_at": SENT_AT});
    let translation = translated(house, &body);
    let skipped = translation.events.iter().filter_map(|event| match event.fate {
        Fate::Skipped(what) => Some(what),
        _ => None,
    });
    let skipped = skipped.collect();
    (house.judged(&translation, Trust::Public, Source::Posthog), skipped)
}

/// Returns `op guest account` of each bind.
fn binds(house: &House, events: Value) -> Vec<[String; 3]> {
    let (judged, _) = judged(house, events);
    table(&judged, &["op", "guest_id", "account_id"])
        .into_iter()
        .map(|row| [row[1].clone(), row[2].clone(), row[3].clone()])
        .collect()
}

/// What posthog-js 1.449.2 was seen to send, shortened.
fn of_browser(event: &str, distinct: &str, is_identified: bool, more: Value) -> Value {
    let mut properties = json!({"$os": "Linux", "$browser": "Chrome", "$browser_version": 156, "distinct_id": distinct,
        "$device_id": "01a21e27-ee6d", "$session_id": "s-1", "$is_identified": is_identified, "token": "wk_web_0123456789abcdef",
        "$current_url": "http://app.example/a?prompt=cat", "$pathname": "/a", "title": "A private title", "$lib": "web",
        "$raw_user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36",
        "$initial_utm_source": "newsletter", "utm_campaign": "spring", "$process_person_profile": true});
    properties.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    json!({"uuid": format!("u-{event}"), "event": event, "properties": properties, "timestamp": "2026-11-22T09:59:58.000Z",
        "$set": {"email": "jane@example.com"}, "$set_once": {"$initial_referrer": "$direct"}})
}

#[test]
fn a_browsers_events_know_guest_account_device_and_session() {
    let house = House::new(None);
    let (judged, _) = judged(
        &house,
        json!([
            of_browser("$pageview", "01a21e27-ee6d", false, json!({})),
            of_browser("image.generate", "after-reset", false, json!({"model": "xl", "duration_ms": 5})),
            of_browser("image.generate", "acct_1", true, json!({})),
            of_browser(
                "$autocapture",
                "acct_1",
                true,
                json!({"$event_type": "click", "$el_text": "Send to Jane", "$elements": [{"text": "x"}]})
            ),
        ]),
    );
    assert_eq!(
        table(&judged, &["name", "account_id", "guest_id", "device_id", "session_id", "route", "browser", "ts"]),
        [
            [
                "usage",
                "page.view",
                "-",
                "01a21e27-ee6d",
                "01a21e27-ee6d",
                "s-1",
                "/a",
                "HeadlessChrome",
                &(NOW - 2_000_000).to_string()
            ],
            [
                "usage",
                "image.generate",
                "-",
                "after-reset",
                "01a21e27-ee6d",
                "s-1",
                "/a",
                "HeadlessChrome",
                &(NOW - 2_000_000).to_string()
            ],
            [
                "usage",
                "image.generate",
                "acct_1",
                "-",
                "01a21e27-ee6d",
                "s-1",
                "/a",
                "HeadlessChrome",
                &(NOW - 2_000_000).to_string()
            ],
            [
                "usage",
                "ui.click",
                "acct_1",
                "-",
                "01a21e27-ee6d",
                "s-1",
                "/a",
                "HeadlessChrome",
                &(NOW - 2_000_000).to_string()
            ],
        ]
    );
    let all = everything(&judged);
    for gone in ["jane", "Jane", "Mozilla", "private title", "prompt=cat", "newsletter", "spring", "wk_web"] {
        assert!(!all.contains(gone), "{gone} in {all}");
    }
    assert_eq!(cell(&judged, &judged.rows.heads()[1], "duration_ms").as_deref(), Some("5"));
}

#[test]
fn identify_and_alias_bind_the_right_way_round() {
    let house = House::new(None);
    let bound = |guest: &str, account: &str| vec![["bind".to_owned(), guest.to_owned(), account.to_owned()]];
    let identify = |anonymous: &str, distinct: &str| {
        binds(&house, json!([of_browser("$identify", distinct, true, json!({"$anon_distinct_id": anonymous}))]))
    };
    assert_eq!(identify("01a21e27-ee6d", "acct_1"), bound("01a21e27-ee6d", "acct_1"));
    assert_eq!(identify("acct_1", "acct_1"), [] as [[String; 3]; 0]);
    for nobody in ["guest", "anonymous", "null", "0", "undefined"] {
        assert_eq!(identify(nobody, "acct_1"), [] as [[String; 3]; 0], "{nobody}");
        assert_eq!(identify("01a21e27-ee6d", nobody), [] as [[String; 3]; 0], "{nobody}");
    }
    let alias = |library: &str, distinct: &str, alias: &str| {
        binds(
            &house,
            json!([{"event": "$create_alias", "distinct_id": distinct, "uuid": "u", "timestamp": SENT_AT,
            "properties": {"distinct_id": distinct, "alias": alias, "$lib": library, "$is_server": true}}]),
        )
    };
    // The others merge alias into distinct_id; Python's alias(previous, new) writes the previous id into distinct_id.
    assert_eq!(alias("posthog-node", "acct_1", "anon-1"), bound("anon-1", "acct_1"));
    assert_eq!(alias("posthog-python", "anon-1", "acct_1"), bound("anon-1", "acct_1"));
    assert_eq!(
        binds(&house, json!([of_browser("$create_alias", "01a21e27-ee6d", false, json!({"alias": "acct_1"}))])),
        bound("01a21e27-ee6d", "acct_1"),
        "whoever is anonymous cannot be what a guest is merged into"
    );
    let patterned = House::new(Some("^gst_"));
    let event = json!([{"event": "$create_alias", "uuid": "u", "properties": {"distinct_id": "gst_1", "alias": "acct_1", "$lib": "posthog-node"}}]);
    assert_eq!(binds(&patterned, event), bound("gst_1", "acct_1"), "the pattern wins");
}

#[test]
fn what_says_nothing_that_is_kept_is_skipped_and_counted() {
    let house = House::new(None);
    let server = |event: &str| json!({"event": event, "distinct_id": "acct_1", "uuid": event, "properties": {"$set": {"plan": "pro"}}});
    let (judged, skipped) = judged(
        &house,
        json!([
            server("$identify"),
            server("$set"),
            server("$groupidentify"),
            server("$snapshot"),
            server("$feature_flag_called"),
        ]),
    );
    assert_eq!(skipped, ["merge_of_one_id", "person_properties", "group", "recording"]);
    assert_eq!(table(&judged, &["name"]), [["usage", "$feature_flag_called"]]);
}

#[test]
fn an_exception_becomes_an_error() {
    let house = House::new(None);
    let frames = json!([
        {"filename": "node:internal/modules/run_main", "function": "run", "lineno": 117, "colno": 5, "in_app": false},
        {"filename": "/home/jane/app/try.mjs", "function": "draw", "lineno": 6, "colno": 20, "in_app": true, "context_line": "secret()"},
    ]);
    let (judged, _) = judged(
        &house,
        json!([{"event": "$exception", "distinct_id": "acct_1", "uuid": "e-1", "timestamp": SENT_AT,
        "properties": {"$exception_list": [
            {"type": "TypeError", "value": "boom for jane@example.com", "mechanism": {"handled": false}, "stacktrace": {"type": "raw", "frames": frames}},
            {"type": "RangeError", "value": "the cause", "mechanism": {"handled": true}},
        ], "$exception_level": "warning", "$app_version": "2.4.1", "a": 1, "$lib": "posthog-node", "$is_server": true, "$os": "Linux"}}]),
    );
    let head = judged.rows.heads()[0];
    assert_eq!(judged.rejects, []);
    let shown = |column: &str| cell(&judged, &head, column).unwrap_or_default();
    assert_eq!(head.kind.table(), "errors");
    assert_eq!((shown("type").as_str(), shown("message").as_str()), ("TypeError", "boom for [email]"));
    assert_eq!((shown("level").as_str(), shown("handled").as_str()), ("warning", "false"));
    assert_eq!(
        (shown("release").as_str(), shown("account_id").as_str(), shown("event_id").as_str()),
        ("2.4.1", "acct_1", "e-1")
    );
    assert_eq!(shown("culprit"), "draw in /home/[user]/app/try.mjs");
    assert!(shown("frames").starts_with(r#"[{"file":"/home/[user]/app/try.mjs""#), "newest first: {}", shown("frames"));
    assert!(shown("breadcrumbs").contains("RangeError: the cause"));
    assert_eq!(shown("os"), "", "a server's system is not its user's");
    assert!(!everything(&judged).contains("secret()"));
}

#[test]
fn every_shape_of_a_body_is_read() {
    let house = House::new(None);
    let event = json!({"event": "a", "distinct_id": "acct_1", "uuid": "u"});
    for body in [
        event.clone(),
        json!([event]),
        json!({"api_key": "k", "batch": [event], "sent_at": SENT_AT}),
        json!({"created_at": SENT_AT, "batch": [event]}),
        json!({"event": "a", "properties": {"distinct_id": "acct_1", "token": "k"}, "$set": {"x": 1}}),
        json!({"event": "a", "distinct_id": "acct_1", "properties": null, "offset": 500}),
    ] {
        let rows = house.judged(&translated(&house, &body), Trust::Server, Source::Posthog);
        assert_eq!(table(&rows, &["name", "account_id"]), [["usage", "a", "acct_1"]], "{body}");
    }
    let read = |body: &str| translate(body.as_bytes(), &Asked::default(), house.context());
    for body in ["", "{", "7", "[", r#"{"batch":7}"#, "nonsense"] {
        assert!(matches!(read(body), Err(BodyError::Unreadable(_))), "{body}");
    }
}

#[test]
fn clocks_are_corrected_by_body_or_header_unless_asked_not_to() {
    let house = House::new(None);
    let at = |sent_at: Option<&str>, asked: Asked, event: Value| {
        let body = json!({"batch": [event], "sent_at": sent_at}).to_string();
        let translation = translate(body.as_bytes(), &asked, house.context()).unwrap_or_else(|error| panic!("{error}"));
        let judged = house.judged(&translation, Trust::Server, Source::Posthog);
        cell(&judged, &judged.rows.heads()[0], "ts").map(|ts| ts.parse::<i64>().expect("a number") - NOW)
    };
    let old = json!({"event": "a", "distinct_id": "u", "timestamp": "2020-01-01T00:00:00+00:00"});
    assert_eq!(at(Some("2020-01-01T00:00:05+00:00"), Asked::default(), old.clone()), Some(-5_000_000));
    let of_header = Asked { sent_at: Some("2020-01-01T00:00:05+00:00".into()), library: None };
    assert_eq!(at(None, of_header.clone(), old), Some(-5_000_000));
    let recent = json!({"event": "a", "distinct_id": "u", "timestamp": "2026-11-22T09:59:00Z", "options": {"disable_skew_correction": true}});
    assert_eq!(at(None, of_header, recent), Some(-60_000_000));
    assert_eq!(at(None, Asked::default(), json!({"event": "a", "distinct_id": "u", "offset": 1500})), Some(-1_500_000));
}

#[test]
fn what_is_no_event_lands_in_rejects() {
    let house = House::new(None);
    let long = "x".repeat(70_000);
    let (judged, _) = judged(
        &house,
        json!([
            {"distinct_id": "u"}, {"event": "a"}, {"event": "a", "distinct_id": "u", "properties": 7}, 7,
            {"event": "a", "distinct_id": "u", "properties": {"long": long}},
            {"event": "$exception", "distinct_id": "u"},
            {"event": "a", "distinct_id": "u", "timestamp": "soon", "properties": {"$raw_user_agent": "Mozilla/5.0 x", "$el_text": "Dear diary"}, "$set": {"n": "Jane"}},
            {"event": "a", "distinct_id": "u"},
        ]),
    );
    let codes: Vec<String> = table(&judged, &["code"]).into_iter().map(|row| row[1].clone()).collect();
    assert_eq!(
        codes,
        [
            "missing_field",
            "no_subject",
            "invalid_field",
            "invalid_json",
            "too_large",
            "missing_field",
            "invalid_field",
            "-",
        ]
    );
    let all = everything(&judged);
    for gone in ["Mozilla", "diary", "Jane"] {
        assert!(!all.contains(gone), "{gone}: rejects are scrubbed, too");
    }
}

proptest! {
    #[test]
    fn arbitrary_events_have_one_outcome_each(events in proptest::collection::vec(arbitrary_event(), 0..8), sent_at in arbitrary_value()) {
        let house = House::new(Some("^gst_"));
        let translation = translated(&house, &json!({"batch": events, "sent_at": sent_at}));
        prop_assert_eq!(translation.events.len(), events.len());
        house.judged(&translation, Trust::Public, Source::Posthog);
        house.judged(&translated(&house, &Value::Array(events)), Trust::Server, Source::Posthog);
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let house = House::new(None);
        let _ = translate(&body, &Asked::default(), house.context());
    }
}

fn arbitrary_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        "guest|gst_1|acct_1|2026-11-22T09:59:00Z|error|jane@example.com".prop_map(Value::from),
        Just(json!([{"type": "E", "value": 7, "stacktrace": {"frames": [{"lineno": "x"}]}}])),
        Just(json!({"a": {"b": []}})),
    ]
}

fn arbitrary_event() -> impl Strategy<Value = Value> {
    let event = prop_oneof![
        "\\$identify|\\$create_alias|\\$exception|\\$pageview|\\$set|a".prop_map(Value::from),
        arbitrary_value()
    ];
    let name = "distinct_id|\\$device_id|\\$anon_distinct_id|alias|\\$exception_list|\\$exception_level|\\$is_identified|timestamp|x";
    let properties = proptest::collection::vec((name, arbitrary_value()), 0..8)
        .prop_map(|fields| Value::Object(fields.into_iter().collect()));
    (event, properties, arbitrary_value()).prop_map(|(event, properties, distinct_id)| {
        json!({"event": event, "properties": properties, "distinct_id": distinct_id})
    })
}
