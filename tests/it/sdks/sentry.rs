//! Sentry's paths: where a DSN's key is found, what is answered, broken envelopes, repeats, and what clients say they dropped.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::{House, OURS};
use crate::http::Reply;
use crate::server::peak_memory;

const ENVELOPE: &str = "/api/1/envelope/";

fn id(number: u32) -> String {
    format!("{number:032x}")
}

fn error(number: u32) -> Value {
    json!({"event_id": id(number), "platform": "node", "user": {"id": "acct_1"}, "exception": {"values": [
        {"type": "RangeError", "value": "inner"}, {"type": "TypeError", "value": "outer", "mechanism": {"handled": true, "type": "generic"}}]}})
}

fn session(sid: &str, status: &str) -> Value {
    json!({"sid": sid, "init": true, "status": status, "errors": 0, "did": "acct_1", "attrs": {"release": "web@1"}})
}

fn envelope(header: &Value, items: &[(&str, Value)]) -> String {
    let items: String = items.iter().map(|(kind, item)| format!("{{\"type\":\"{kind}\"}}\n{item}\n")).collect();
    format!("{header}\n{items}")
}

fn of_error(number: u32) -> String {
    envelope(&json!({"event_id": id(number)}), &[("event", error(number))])
}

impl House {
    fn sentry(&self, body: &str) -> Reply {
        self.send(&format!("{ENVELOPE}?sentry_version=7&sentry_key={}", self.app), &[], body.as_bytes())
    }
}

#[test]
fn a_dsns_key_is_found_wherever_the_sdk_puts_it() {
    let house = House::new("");
    let (app, admin) = (house.app.as_str(), house.admin());
    let auth = format!("Sentry sentry_key={app}, sentry_version=7, sentry_client=sentry.python/2.75.0");
    let with_dsn = |number: u32| {
        let header = json!({"event_id": id(number), "dsn": format!("https://{app}@weir.example/1")});
        envelope(&header, &[("event", error(number))])
    };
    let replies = [
        house.sentry(&of_error(1)),
        house.send(ENVELOPE, &[("x-sentry-auth", &auth)], of_error(2).as_bytes()),
        house.send("/api/7/envelope", &[("authorization", &auth)], of_error(3).as_bytes()),
        house.send(ENVELOPE, &[], with_dsn(4).as_bytes()),
        house.send("/api/1/store/", &[("x-sentry-auth", &auth)], error(5).to_string().as_bytes()),
        house.send(&format!("/api/1/store?sentry_key={app}"), &[], error(6).to_string().as_bytes()),
    ];
    for (number, reply) in (1..).zip(&replies) {
        assert_eq!(reply.expect(200), json!({"id": id(number)}));
    }
    let stored = "select count(*) from errors where type = 'TypeError' and trust = 'server' and source = 'sentry' and account_id = 'acct_1'";
    assert_eq!(admin.count(stored), 6);
    let sessions = envelope(&json!({}), &[("session", session("s-1", "ok"))]);
    assert_eq!(house.sentry(&sessions).expect(200), json!({}), "no event, no id");
}

#[test]
fn without_a_known_key_it_is_403() {
    let house = House::new("");
    let reader = house.server.scope("query").key().to_owned();
    let of_key = |key: &str| house.send(&format!("{ENVELOPE}?sentry_key={key}"), &[], of_error(1).as_bytes());
    for reply in [
        house.send(ENVELOPE, &[], of_error(1).as_bytes()),
        house.send(ENVELOPE, &[], b"no envelope"),
        house.send("/api/1/store/", &[], error(1).to_string().as_bytes()),
        of_key("wk_app_notTheSecretOfTheAppAtAll00000"),
        of_key("public"),
        of_key(&reader),
    ] {
        assert_eq!(reply.status, 403, "{}", reply.text());
        assert!(reply.header("x-sentry-error").is_some() && reply.header("www-authenticate").is_none());
    }
    assert_eq!(house.admin().count("select count(*) from events"), 0);
    assert!(house.metric(&["weir_sdk_refused_total", "sentry", "403"]) >= 6.0);
    house.sentry(&of_error(1)).expect(200);
}

#[test]
fn a_page_may_send_with_a_key_that_names_it() {
    let house = House::new("");
    let path = format!("{ENVELOPE}?sentry_key={}", house.web);
    let items = [
        ("event", error(1)),
        ("session", session("s-1", "ok")),
        ("log", json!({"items": [{"body": "hello", "level": "info"}]})),
    ];
    let body = envelope(&json!({"event_id": id(1)}), &items);
    let ours = house.send(&path, &[("origin", OURS), ("content-type", "text/plain;charset=UTF-8")], body.as_bytes());
    ours.expect(200);
    assert_eq!(ours.header("access-control-allow-origin"), Some(OURS));
    assert!(ours.header("access-control-expose-headers").unwrap().contains("x-sentry-rate-limits"));
    house.send(&path, &[("origin", "https://evil.example")], of_error(2).as_bytes()).refusal(403);
    let asked = [("origin", OURS), ("access-control-request-method", "POST")];
    assert_eq!(house.server.anonymous().send("OPTIONS", ENVELOPE, &asked, None).status, 204);
    let kept = "select 'error', trust from errors union all select 'session', trust from sessions union all select 'log', trust from logs order by 1";
    let public = |table: &str| json!([table, "public"]);
    assert_eq!(house.admin().rows(kept), [public("error"), public("log"), public("session")]);
}

#[test]
fn a_repeat_is_recognised() {
    let house = House::new("");
    let admin = house.admin();
    let span = json!({"items": [{"name": "GET /gallery", "is_segment": true, "trace_id": "6ae374ac2c5f4433bb6521f94ba758df", "span_id": "967565f116c37507"}]});
    let transaction =
        json!({"event_id": id(2), "type": "transaction", "transaction": "render", "user": {"id": "acct_1"}});
    let body = |sent_at: &str| {
        envelope(
            &json!({"event_id": id(1), "sent_at": sent_at}),
            &[
                ("event", error(1)),
                ("transaction", transaction.clone()),
                ("session", session("s-1", "ok")),
                ("session", session("s-1", "exited")),
                ("log", json!({"items": [{"body": "a", "level": "info"}, {"body": "a", "level": "info"}]})),
                ("span", span.clone()),
                (
                    "feedback",
                    json!({"event_id": id(3), "contexts": {"feedback": {"message": "broken", "associated_event_id": id(1)}}}),
                ),
            ],
        )
    };
    let now = chrono::Utc::now().to_rfc3339();
    for _ in 0..3 {
        house.sentry(&body(&now)).expect(200);
    }
    for (table, rows) in [("errors", 1), ("usage", 2), ("sessions", 2), ("logs", 3)] {
        assert_eq!(admin.count(&format!("select count(*) from {table}")), rows, "{table}");
    }
    let tally = &admin.get("/v1/status").expect(200)["outcomes"]["app"];
    assert_eq!(tally, &json!({"received": 24, "stored": 8, "duplicate": 16, "rejected": 0}));
    let latest = "select status from sessions where session_id = 's-1' order by ts desc, seq desc limit 1";
    assert_eq!(admin.value(latest), "exited");
    let linked =
        format!("select message from logs where logger = 'feedback' and properties->>'event_id' = '{}'", id(1));
    assert_eq!(admin.value(&linked), "broken");
}

#[test]
fn broken_envelopes_are_answered_counted_and_harm_nothing_else() {
    let house = House::new("");
    let admin = house.admin();
    for body in ["hello", "[]\n{}", "{\"event_id\"", ""] {
        let refused = house.sentry(body);
        assert_eq!(refused.refusal(400), "unreadable_body", "{body}");
        assert!(refused.header("x-sentry-error").is_some());
    }
    let whole = of_error(1);
    for (torn, problem) in [
        ("{\"type\":\"event\",\"length\":9000}\n{\"event_id\":", "the envelope ends before its item does"),
        ("{\"type\":\"event\",\"length\":3}\n{\"a\":1}\n", "an item's `length` is not the length of its payload"),
        ("{\"type\":\"event\",\"length\":-1}\n{}", "an item's `length` is no number of bytes"),
        ("{\"type\":\"ev", "an item's header is no JSON object"),
    ] {
        house.sentry(&format!("{whole}{torn}")).expect(200);
        let told = format!(
            "select count(*) from rejects where code = 'invalid_json' and source = 'sentry' and message = '{}'",
            problem.replace('\'', "''")
        );
        assert_eq!(admin.count(&told), 1, "{problem}");
    }
    assert_eq!(admin.count("select count(*) from errors"), 1, "what was whole before is kept, once");
    let skipped = "{\"type\":\"attachment\",\"length\":5}\n\n\n\n\n\n\n{\"type\":\"replay_event\"}\n{}\n{\"type\":\"quantum\"}\n?\n";
    house.sentry(&format!("{{}}\n{skipped}")).expect(200);
    for what in ["attachment", "replay", "unknown_type"] {
        assert_eq!(house.metric(&["weir_sdk_skipped_total", "sentry", what]), 1.0, "{what}");
    }
    let large = json!({"event_id": id(2), "message": "x".repeat(1 << 20)});
    house.sentry(&envelope(&json!({}), &[("event", large), ("event", error(3))])).expect(200);
    assert_eq!(admin.count("select count(*) from errors"), 2);
    assert_eq!(admin.count("select count(*) from rejects where code = 'too_large'"), 1);
    let many: Vec<(&str, Value)> =
        (0..120).map(|number| ("session", session(&format!("s{number}"), "exited"))).collect();
    house.sentry(&envelope(&json!({}), &many)).expect(200);
    assert_eq!(admin.count("select count(*) from sessions"), 100);
}

#[test]
fn a_bomb_of_an_envelope_is_413_and_costs_little() {
    let house = House::new("");
    let gzip = |body: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    };
    let path = format!("{ENVELOPE}?sentry_key={}", house.app);
    // Python says gzip in a header, others do not.
    house.send(&path, &[("content-encoding", "gzip")], &gzip(of_error(1).as_bytes())).expect(200);
    house.send(&path, &[], &gzip(of_error(2).as_bytes())).expect(200);
    assert_eq!(house.admin().count("select count(*) from errors"), 2);
    let bomb = gzip(&[b"{}\n{\"type\":\"event\"}\n".as_slice(), &vec![b' '; 200 << 20]].concat());
    let before = peak_memory(house.server.pid());
    assert_eq!(house.send(&path, &[], &bomb).refusal(413), "too_large");
    let grown = peak_memory(house.server.pid()).saturating_sub(before);
    assert!(grown < 64 << 20, "grew by {grown} bytes");
    let flood = format!("{{}}\n{}", "{\"type\":\"session\"}\n{}\n".repeat(30_000));
    assert_eq!(house.sentry(&flood).refusal(413), "too_large");
}

#[test]
fn a_used_up_rate_tells_how_long_to_be_silent() {
    let house = House::new("");
    let slow =
        house.server.key(&json!({"name": "slow", "scopes": ["ingest_public"], "rate": "1/min", "origins": [OURS]}));
    let path = format!("{ENVELOPE}?sentry_key={}", slow.key());
    let send = |number: u32| house.send(&path, &[("origin", OURS)], of_error(number).as_bytes());
    send(1).expect(200);
    let refused = send(2);
    assert_eq!(refused.refusal(429), "quota_exceeded");
    let after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(refused.header("x-sentry-rate-limits"), Some(format!("{after}::key:rate").as_str()));
    assert!(after >= 1);
    assert_eq!(refused.header("access-control-allow-origin"), Some(OURS), "the page reads it");
    house.sentry(&of_error(2)).expect(200);
}

#[test]
fn overload_is_503_with_a_time_to_come_back() {
    let house = House::new(
        "[ingest]\nunflushed_bytes_max = 1048576\nflush_interval_ms = 600000\nunflushed_age_ms_max = 1200000\n",
    );
    let refused = (0..2_000).find_map(|number| {
        let mut event = error(number);
        event["extra"] = (0..12)
            .map(|field| (format!("x{field}"), json!("y ".repeat(500))))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let reply = house.sentry(&envelope(&json!({}), &[("event", event)]));
        (reply.status != 200).then_some(reply)
    });
    let refused = refused.unwrap();
    assert_eq!(refused.refusal(503), "overloaded");
    assert!(refused.header("retry-after").is_some() && refused.header("x-sentry-rate-limits").is_none());
}

#[test]
fn what_clients_dropped_stands_beside_what_arrived() {
    let house = House::new("");
    let line = |reason: &str, category: &str, quantity: u32| json!({"reason": reason, "category": category, "quantity": quantity});
    let report = |lines: Vec<Value>| {
        envelope(&json!({}), &[("client_report", json!({"timestamp": 1.5, "discarded_events": lines}))])
    };
    house.sentry(&report(vec![line("network_error", "error", 3), line("ratelimit_backoff", "session", 1)])).expect(200);
    house.sentry(&report(vec![line("network_error", "error", 2), line("my own", "error", 1)])).expect(200);
    let status = house.admin().get("/v1/status").expect(200);
    assert_eq!(
        status["dropped_by_clients"],
        json!({"app": {"error": {"network_error": 5, "other": 1}, "session": {"ratelimit_backoff": 1}}})
    );
    assert_eq!(house.metric(&["weir_sdk_dropped_by_client_total", "sentry", "\"error\"", "network_error"]), 5.0);
}

#[test]
fn whoever_opted_out_of_sentry_is_not_measured() {
    let house = House::new("");
    let items = [("event", error(1)), ("session", session("s-1", "ok"))];
    let path = format!("{ENVELOPE}?sentry_key={}", house.web);
    house.send(&path, &[("sec-gpc", "1"), ("origin", OURS)], envelope(&json!({}), &items).as_bytes()).expect(200);
    let admin = house.admin();
    assert_eq!((admin.count("select count(*) from errors"), admin.count("select count(*) from sessions")), (1, 0));
}
