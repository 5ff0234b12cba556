//! Bodies that no honest sender sends: each gets a clear error, nothing else is affected, and the server lives.

use serde_json::json;

use super::{lines, usage};
use crate::http::{codes, tally};
use crate::server::{Server, Site};

/// Requires that nothing but the given number of usage events is there, and that more are taken.
fn is_unharmed(server: &mut Server, usage_rows: i64) {
    assert!(server.is_alive());
    let admin = server.admin();
    assert_eq!(admin.count("select count(*) from usage"), usage_rows);
    let id = format!("alive{usage_rows}");
    assert_eq!(tally(&admin.events(&usage(&id))), (1, 0, 0));
}

#[test]
fn a_body_that_is_no_events_at_all_is_400() {
    let site = Site::new();
    let mut server = site.start();
    let admin = server.admin();
    let deep = "[".repeat(100_000);
    let bodies: [&[u8]; 15] = [
        b"",
        b"   \n\n ",
        b"[]",
        b"hello",
        b"null",
        b"17",
        b"\"text\"",
        b"{",
        b"[{\"kind\":\"usage\"}",
        b"[{\"kind\":\"usage\",}]",
        b"{\"kind\":\"usage\",\"duration_ms\":NaN}",
        b"[\xff\xfe]",
        b"\xff\xfe\x00\x01",
        b"<events/>",
        deep.as_bytes(),
    ];
    for body in bodies {
        let answer = admin.events_raw(body);
        assert_eq!(answer.status, 400, "{:?}: {}", String::from_utf8_lossy(&body[..body.len().min(40)]), answer.text());
        answer.refusal(400);
    }
    assert_eq!(admin.count("select count(*) from rejects"), 0);
    let deep_event = "{\"a\":".repeat(100_000);
    assert_eq!(codes(&admin.events_raw(deep_event).outcome()), [(0, "too_large".into())]);
    is_unharmed(&mut server, 0);
}

#[test]
fn a_bad_event_spoils_only_itself() {
    let site = Site::new();
    let mut server = site.start();
    let admin = server.admin();
    let field = |text: &str| format!("{{\"kind\":\"usage\",\"name\":\"x\",\"account_id\":\"a\",{text}}}");
    let nested = format!("\"properties\":{{\"a\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    let bad = [
        field("\"duration_ms\":NaN"),
        field("\"duration_ms\":1e400"),
        field("\"duration_ms\":-1"),
        field("\"duration_ms\":1.5"),
        field("\"duration_ms\":\"812\""),
        field("\"duration_ms\":123456789012345678901234567890"),
        field("\"duration_ms\":true"),
        field("\"quantity\":9223372036854775807"),
        field("\"name\":\"again\""),
        field("\"status\":{}"),
        field("\"session_id\":7"),
        field("\"session_id\":\"\""),
        field("\"session_id\":\"tab\\there\""),
        field(&format!("\"session_id\":\"{}\"", "s".repeat(300))),
        field("\"properties\":[]"),
        field("\"properties\":\"text\""),
        field("\"properties\":{\"a\":\"\\ud800\"}"),
        field(&nested),
        field("\"ip\":\"300.1.2.3\""),
        "\"just a string\"".to_owned(),
        "{\"kind\":{\"$ne\":null}}".to_owned(),
        "{\"kind\":\"hit\",\"rule\":\"x\"}".to_owned(),
        "{\"kind\":\"verdict\",\"verdict\":\"allow\",\"account_id\":\"a\"}".to_owned(),
    ];
    let count = bad.len() as u64;
    let answer = admin.events_raw(format!("{}{}\n{}", lines("head", 1), bad.join("\n"), lines("tail", 1))).outcome();
    assert_eq!(tally(&answer), (2, 0, count), "{answer:#}");
    for (index, code) in codes(&answer) {
        assert!(
            ["invalid_json", "invalid_field", "missing_field", "unknown_kind", "too_large"].contains(&&*code),
            "{index} {code}"
        );
    }
    assert_eq!(admin.count("select count(*) from rejects"), i64::try_from(count).unwrap());
    is_unharmed(&mut server, 2);
}

#[test]
fn a_line_that_is_not_utf8_is_one_reject_in_ndjson() {
    let site = Site::new();
    let mut server = site.start();
    let mut body = lines("a", 1).into_bytes();
    body.extend_from_slice(b"{\"kind\":\"usage\",\"name\":\"\xff\xfe\",\"account_id\":\"a\"}\n");
    body.extend_from_slice(lines("b", 1).as_bytes());
    let answer = server.admin().events_raw(body).outcome();
    assert_eq!(codes(&answer), [(1, "invalid_json".into())]);
    is_unharmed(&mut server, 2);
}

#[test]
fn a_browser_key_cannot_forge_facts_that_count() {
    let site = Site::new();
    let server = site.start();
    let browser = server.scope("ingest_public");
    let admin = server.admin();
    let forged = json!([
        {"kind": "credit", "op": "grant", "amount": 1_000_000, "reason": "promo", "guest_id": "thief"},
        {"kind": "payment", "op": "succeeded", "amount_minor": 1, "currency": "EUR", "account_id": "thief"},
        {"kind": "identity", "op": "bind", "guest_id": "victim", "account_id": "thief"},
        {"kind": "session", "session_id": "s", "status": "ok"},
        {"kind": "label", "entity": "thief", "label": "false_positive"},
    ]);
    let answer = browser.events(&forged);
    assert_eq!(tally(&answer), (0, 0, 5));
    let codes: Vec<String> = codes(&answer).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["forbidden_kind", "forbidden_kind", "forbidden_kind", "forbidden_kind", "unknown_kind"]);
    for table in ["credits", "payments", "identities", "sessions", "labels"] {
        assert_eq!(admin.count(&format!("select count(*) from {table}")), 0, "{table}");
    }
    assert_eq!(admin.count("select count(*) from rejects where code = 'forbidden_kind'"), 4);
    let mine = json!([
        {"kind": "usage", "name": "ui.click", "session_id": "s"},
        {"kind": "error", "type": "E", "message": "m", "session_id": "s"},
        {"kind": "device", "device_id": "d", "fingerprint": "f"},
        {"kind": "log", "level": "warn", "message": "m", "session_id": "s"},
    ]);
    assert_eq!(tally(&browser.events(&mine)), (4, 0, 0));
    for table in ["usage", "errors", "devices", "logs"] {
        assert_eq!(admin.count(&format!("select count(*) from {table} where trust = 'public'")), 1, "{table}");
    }
}

#[test]
fn odd_requests_are_refused_before_they_are_read() {
    let site = Site::new();
    let mut server = site.start();
    let admin = server.admin();
    assert_eq!(admin.send("POST", "/v1/events?colour=red", &[], Some(b"{}")).status, 400);
    assert_eq!(admin.send("POST", "/v1/events?historical=maybe", &[], Some(b"{}")).status, 400);
    assert_eq!(
        admin.send("POST", "/v1/events", &[("idempotency-key", "")], Some(b"{}")).refusal(400),
        "invalid_request"
    );
    let long = "k".repeat(300);
    admin.send("POST", "/v1/events", &[("idempotency-key", &long)], Some(b"{}")).refusal(400);
    let begun = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 500\r\nconnection: close\r\n\r\n{{\"ki",
        admin.key()
    );
    // The connection is closed by us in the middle of the body: nothing is stored.
    drop(std::net::TcpStream::connect(server.url().trim_start_matches("http://")).map(|mut stream| {
        std::io::Write::write_all(&mut stream, begun.as_bytes()).unwrap();
    }));
    let nonsense = admin.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 GET / HTTP/9\r\n\r\n");
    assert!(nonsense.is_empty() || nonsense.starts_with("HTTP/1.1 400"), "{nonsense}");
    is_unharmed(&mut server, 0);
}

#[test]
fn historical_events_need_an_admin_and_keep_their_time() {
    let site = Site::new();
    let server = site.start();
    let sender = server.scope("ingest");
    let admin = server.admin();
    let event = |id: &str, ts: &str| json!({"kind": "usage", "id": id, "name": "x", "account_id": "a", "ts": ts});
    let old = json!([event("old", "2026-01-02T03:04:05Z")]);
    sender.send("POST", "/v1/events?historical=true", &[], Some(old.to_string().as_bytes())).refusal(403);
    let answer = admin.send("POST", "/v1/events?historical=true", &[], Some(old.to_string().as_bytes())).outcome();
    assert_eq!(tally(&answer), (1, 0, 0));
    let rows = admin.rows("select ts = received_at, cast(received_at as text), source, day from usage");
    assert!(rows[0][1].as_str().unwrap().starts_with("2026-01-02T03:04:05"), "{rows:?}");
    assert_eq!((&rows[0][0], &rows[0][2], &rows[0][3]), (&json!(true), &json!("import"), &json!("2026-01-02")));
    let log =
        json!([{"kind": "log", "level": "info", "message": "m", "account_id": "a", "ts": "2026-01-02T03:04:05Z"}]);
    let answer = admin.send("POST", "/v1/events?historical=true", &[], Some(log.to_string().as_bytes())).outcome();
    assert_eq!(codes(&answer), [(0, "too_old".into())], "past the 30 days for which logs are kept");
}
