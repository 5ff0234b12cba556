//! Bodies: repeats, clocks, wrappings, and what is too large, torn or a lie. Each refusal harms nothing else.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::{House, OURS, capture, track};
use crate::server::peak_memory;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_retry_is_recognised_though_its_time_of_sending_differs() {
    let house = House::new("");
    let admin = house.admin();
    let segment =
        |sent_at: &str| json!({"batch": [track("m1"), track("m2")], "writeKey": house.app, "sentAt": sent_at});
    let posthog =
        |sent_at: &str| json!({"batch": [capture("u1"), capture("u2")], "api_key": house.web, "sent_at": sent_at});
    for second in 0..3 {
        let sent_at = format!("2026-11-22T10:00:0{second}Z");
        assert_eq!(house.post("/v1/batch", &segment(&sent_at)).expect(200), json!({"success": true}));
        assert_eq!(house.post("/e/", &posthog(&sent_at)).expect(200), json!({"status": 1}));
    }
    assert_eq!(admin.count("select count(*) from usage"), 4);
    assert_eq!(admin.count("select count(distinct event_id) from usage"), 4);
    let status = admin.get("/v1/status").expect(200);
    for key in ["app", "web"] {
        let outcomes = &status["outcomes"][key];
        let tally = |name: &str| outcomes[name].as_u64().unwrap();
        assert_eq!((tally("received"), tally("stored"), tally("duplicate")), (6, 2, 4), "{key}: {outcomes}");
    }
}

#[test]
fn times_are_by_our_clock() {
    let house = House::new("");
    let years_ago = "2001-01-01T00:00:00Z";
    let mut call = track("m");
    call["timestamp"] = json!("2000-12-31T23:59:50Z");
    house.post("/v1/batch", &json!({"batch": [call], "writeKey": house.app, "sentAt": years_ago})).expect(200);
    let mut event = capture("u");
    event["timestamp"] = json!("2000-12-31T23:59:50Z");
    house.post("/e/", &json!({"batch": [event], "api_key": house.app, "sent_at": years_ago})).expect(200);
    let ages = "select event_id from usage where received_at - ts between interval '9 seconds' and interval '40 seconds' order by 1";
    assert_eq!(house.admin().rows(ages), [json!(["m"]), json!(["u"])]);
}

#[test]
fn every_wrapping_of_posthogs_is_opened() {
    let house = House::new("");
    let body = |id: &str| json!({"api_key": house.web, "batch": [capture(id)]}).to_string();
    let base64 = |id: &str| STANDARD.encode(body(id));
    let form = |data: &str| format!("data={}", url_encoded(data));
    let sent: Vec<(&str, &str, Vec<u8>)> = vec![
        // What posthog-js does: gzip that calls itself plain text.
        ("/e/", "text/plain", gzip(body("1").as_bytes())),
        ("/e/?compression=gzip-js&ver=1.449.2", "text/plain", gzip(body("2").as_bytes())),
        ("/e/?compression=base64", "application/x-www-form-urlencoded", form(&base64("3")).into_bytes()),
        ("/capture/", "application/x-www-form-urlencoded", form(&base64("4")).into_bytes()),
        ("/batch/", "application/json", body("5").into_bytes()),
    ];
    for (path, content_type, body) in &sent {
        house.send(path, &[("content-type", content_type), ("origin", OURS)], body).expect(200);
    }
    house.send("/batch/", &[("content-encoding", "gzip")], &gzip(body("6").as_bytes())).expect(200);
    house.send("/batch/", &[("content-encoding", "gzip")], body("7").as_bytes()).expect(200);
    house
        .send("/batch/", &[("content-encoding", "zstd")], &zstd::encode_all(body("8").as_bytes(), 3).unwrap())
        .expect(200);
    assert_eq!(house.admin().count("select count(distinct event_id) from usage where source = 'posthog'"), 8);
}

fn url_encoded(text: &str) -> String {
    text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

#[test]
fn bodies_that_are_torn_too_large_or_lies_are_refused_and_counted_alone() {
    let house = House::new("");
    let segment = |calls: Vec<Value>| json!({"batch": calls, "writeKey": house.app}).to_string();
    let key = format!("Bearer {}", house.app);
    let known: &[(&str, &str)] = &[("authorization", &key)];
    let whole = gzip(segment(vec![track("torn")]).as_bytes());
    assert_eq!(house.send("/v1/batch", known, &whole[..whole.len() / 2]).refusal(400), "unreadable_body");
    assert_eq!(house.send("/v1/batch", known, b"{\"batch\":[{").refusal(400), "unreadable_body");
    assert_eq!(house.send("/v1/batch", known, b"[]").refusal(400), "unreadable_body");
    assert_eq!(house.send("/e/", known, b"hello").refusal(400), "unreadable_body");
    let lie: &[(&str, &str)] = &[("authorization", &key), ("content-encoding", "br")];
    assert_eq!(house.send("/e/", lie, b"\xff\xff\xff").refusal(400), "unreadable_body");
    // A batch over 500 KB, and one call over 32 KB among others.
    let filler = |id: &str, bytes: usize| {
        let mut call = track(id);
        call["properties"] = json!({"x": "y".repeat(bytes)});
        call
    };
    let large: Vec<Value> = (0..20).map(|number| filler(&format!("l{number}"), 30_000)).collect();
    assert_eq!(house.send("/v1/batch", known, segment(large).as_bytes()).refusal(413), "too_large");
    house
        .send("/v1/batch", known, segment(vec![track("good1"), filler("big", 33_000), track("good2")]).as_bytes())
        .expect(200);
    let admin = house.admin();
    assert_eq!(admin.rows("select event_id from usage order by 1"), [json!(["good1"]), json!(["good2"])]);
    assert_eq!(admin.rows("select code, source, key from rejects"), [json!(["too_large", "segment", "app"])]);
    assert_eq!(house.metric(&["weir_sdk_refused_total", "segment", "400"]), 3.0);
    assert_eq!(house.metric(&["weir_sdk_refused_total", "segment", "413"]), 1.0);
    assert_eq!(house.metric(&["weir_sdk_refused_total", "posthog", "400"]), 2.0);
}

#[test]
fn a_bomb_is_413_and_costs_little() {
    let house = House::new("");
    let key = format!("Bearer {}", house.app);
    let bomb = gzip(&vec![b' '; 200 << 20]);
    let before = peak_memory(house.server.pid());
    assert_eq!(house.send("/v1/batch", &[("authorization", &key)], &bomb).refusal(413), "too_large");
    let form = format!("data={}", url_encoded(&STANDARD.encode(&bomb)));
    assert_eq!(house.send("/e/", &[("authorization", &key)], form.as_bytes()).refusal(413), "too_large");
    house.send("/e/", &[], &bomb).refusal(401);
    let grown = peak_memory(house.server.pid()).saturating_sub(before);
    assert!(grown < 64 << 20, "grew by {grown} bytes");
}

#[test]
fn a_used_up_rate_is_429_and_nothing_else_is() {
    let house = House::new("");
    let slow = house.server.key(&json!({"name": "slow", "scopes": ["ingest_public"], "rate": "2/min"}));
    let send = |id: &str| house.post("/e/", &json!({"api_key": slow.key(), "batch": [capture(id)]}));
    send("1").expect(200);
    send("2").expect(200);
    let refused = send("3");
    assert_eq!(refused.refusal(429), "quota_exceeded");
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    house.post("/e/", &json!({"api_key": house.web, "batch": [capture("4")]})).expect(200);
}

#[test]
fn overload_is_503_with_a_time_to_come_back() {
    let house = House::new(
        "[ingest]\nunflushed_bytes_max = 1048576\nflush_interval_ms = 600000\nunflushed_age_ms_max = 1200000\n",
    );
    let filler = "y".repeat(20_000);
    let refused = (0..2_000).find_map(|number| {
        let mut event = capture(&number.to_string());
        event["properties"]["x"] = json!(filler);
        let body = json!({"api_key": house.web, "batch": [event]}).to_string();
        let reply = house.send("/e/", &[("origin", OURS)], body.as_bytes());
        (reply.status != 200).then_some(reply)
    });
    let refused = refused.unwrap();
    assert_eq!(refused.refusal(503), "overloaded");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused.header("access-control-allow-origin"), Some(OURS), "the page reads when to come back");
}
