//! `POST /v1/events`: forms of a body, encodings, outcomes, receipts. Not limits, repeats, or what the columns hold.

mod bodies;
mod canary;
mod columns;
mod idempotency;
mod limits;

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use serde_json::{Value, json};

use crate::http::{Reply, codes, tally};
use crate::server::{Server, Site};

/// Returns a plain usage event.
pub(crate) fn usage(id: &str) -> Value {
    json!({"kind": "usage", "id": id, "name": "image.generate", "account_id": "acct_1"})
}

/// Returns so many usage events, one a line.
pub(crate) fn lines(prefix: &str, count: usize) -> String {
    (0..count).map(|number| format!("{}\n", usage(&format!("{prefix}{number}")))).collect()
}

fn encoded(encoding: &str, body: &[u8]) -> Vec<u8> {
    match encoding {
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "zlib" => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "zstd" => zstd::encode_all(body, 3).unwrap(),
        "br" => brotli_stored(body),
        other => panic!("no encoder for {other}"),
    }
}

/// Writes brotli without compressing (RFC 7932, section 9.2): a window of 64 KiB, one uncompressed meta-block, an empty last.
fn brotli_stored(body: &[u8]) -> Vec<u8> {
    assert!((1..=1 << 16).contains(&body.len()));
    // Bits from the lowest: WBITS 0, ISLAST 0, MNIBBLES 00, MLEN - 1 in 16 bits, ISUNCOMPRESSED 1.
    let header = ((body.len() as u32 - 1) << 4) | (1 << 20);
    let mut stream = header.to_le_bytes()[..3].to_vec();
    stream.extend_from_slice(body);
    stream.push(0b11);
    stream
}

fn send(server: &Server, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    server.admin().send("POST", "/v1/events", headers, Some(body))
}

#[test]
fn an_object_an_array_and_ndjson_are_all_read() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    assert_eq!(tally(&admin.events_raw(usage("o1").to_string()).outcome()), (1, 0, 0));
    let pretty = serde_json::to_string_pretty(&usage("o2")).unwrap();
    assert_eq!(tally(&admin.events_raw(pretty).outcome()), (1, 0, 0));
    assert_eq!(tally(&admin.events(&json!([usage("a1"), usage("a2")]))), (2, 0, 0));
    assert_eq!(tally(&admin.events_raw(lines("n", 3)).outcome()), (3, 0, 0));
    let untidy = format!("\u{feff}\r\n{}\r\n\n  {}  \n\n", usage("u1"), usage("u2"));
    assert_eq!(tally(&admin.events_raw(untidy).outcome()), (2, 0, 0));
    assert_eq!(admin.count("select count(*) from usage"), 9);
    assert_eq!(admin.count("select count(distinct event_id) from usage"), 9);
}

#[test]
fn every_promised_encoding_is_read_and_others_are_415() {
    let site = Site::new();
    let server = site.start();
    for (number, (header, encoder)) in [
        ("gzip", "gzip"),
        ("deflate", "zlib"),
        ("deflate", "deflate"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("GZIP", "gzip"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = encoded(encoder, lines(&format!("{encoder}{number}x"), 5).as_bytes());
        let answer = send(&server, &[("content-encoding", header)], &body).outcome();
        assert_eq!(tally(&answer), (5, 0, 0), "{header}");
    }
    let plain = lines("identity", 5);
    assert_eq!(tally(&send(&server, &[("content-encoding", "identity")], plain.as_bytes()).outcome()), (5, 0, 0));
    for unknown in ["compress", "lzma", "gzip, gzip", "x"] {
        assert_eq!(
            send(&server, &[("content-encoding", unknown)], plain.as_bytes()).refusal(415),
            "unsupported_encoding"
        );
    }
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        let whole = encoded(encoding, plain.as_bytes());
        send(&server, &[("content-encoding", encoding)], &whole[..whole.len() / 2]).refusal(400);
        send(&server, &[("content-encoding", encoding)], plain.as_bytes()).refusal(400);
    }
    assert_eq!(server.admin().count("select count(*) from usage"), 35);
}

#[test]
fn each_reject_has_its_code_its_place_and_a_row() {
    let site = Site::new();
    let server = site.start();
    let browser = server.scope("ingest_public");
    let admin = server.admin();
    let month_ms = 31 * 86_400_000_i64;
    let now_ms = chrono::Utc::now().timestamp_millis();
    let cases = [
        ("unknown_kind", json!({"kind": "purchase", "id": "r0", "account_id": "a"})),
        ("missing_field", json!({"kind": "credit", "id": "r1", "op": "grant", "account_id": "a"})),
        ("missing_field", json!({"id": "r2", "account_id": "a"})),
        ("invalid_field", json!({"kind": "usage", "id": "r3", "name": "x", "account_id": "a", "status": "great"})),
        ("invalid_field", json!({"kind": "usage", "id": "r4", "name": "x", "account_id": "a", "colour": "red"})),
        (
            "too_large",
            json!({"kind": "usage", "id": "r5", "name": "x", "account_id": "a", "properties": {"p": "y".repeat(66_000)}}),
        ),
        ("too_old", json!({"kind": "usage", "id": "r6", "name": "x", "account_id": "a", "ts": now_ms - month_ms})),
        ("too_new", json!({"kind": "usage", "id": "r7", "name": "x", "account_id": "a", "ts": now_ms + 11 * 60_000})),
        ("no_subject", json!({"kind": "usage", "id": "r8", "name": "x", "workspace_id": "w"})),
    ];
    let mut body: String = cases.iter().map(|(_, event)| format!("{event}\n")).collect();
    body.push_str("{\"kind\":\"usage\",\n[1,2]\n");
    body.push_str(&lines("fine", 2));
    let answer = admin.events_raw(&body).outcome();
    assert_eq!(tally(&answer), (2, 0, 11));
    let mut expected: Vec<(u64, String)> = (0..).zip(cases.iter().map(|(code, _)| (*code).to_owned())).collect();
    expected.extend([(9, "invalid_json".into()), (10, "invalid_json".into())]);
    assert_eq!(codes(&answer), expected);
    for reject in answer["rejects"].as_array().unwrap().iter().filter(|reject| reject["code"] != "invalid_json") {
        let index = reject["index"].as_u64().unwrap();
        if reject["code"] != "too_large" {
            assert_eq!(reject["id"], format!("r{index}"));
        }
        assert!(!reject["message"].as_str().unwrap().is_empty());
    }
    let forged = json!({"kind": "credit", "id": "f", "op": "grant", "amount": 9, "guest_id": "g"});
    let refused = browser.events(&forged);
    assert_eq!(codes(&refused), [(0, "forbidden_kind".into())]);
    assert_eq!(refused["rejects"][0]["message"], "credit events need a server key");
    let kept = admin.rows("select code, count(*) from rejects group by 1 order by 1");
    let wanted = json!([
        ["forbidden_kind", 1],
        ["invalid_field", 2],
        ["invalid_json", 2],
        ["missing_field", 2],
        ["no_subject", 1],
        ["too_large", 1],
        ["too_new", 1],
        ["too_old", 1],
        ["unknown_kind", 1]
    ]);
    assert_eq!(json!(kept), wanted);
    assert_eq!(admin.count("select count(*) from rejects where key = 'onlyingestpublic'"), 1);
}

#[test]
fn every_event_has_one_outcome_also_in_the_ledger_of_its_key() {
    let site = Site::new();
    let server = site.start();
    let keys = [
        server.key(&json!({"name": "left", "scopes": ["ingest"]})),
        server.key(&json!({"name": "right", "scopes": ["ingest"]})),
    ];
    for (number, key) in keys.iter().enumerate() {
        let mixed = json!([usage("twice"), usage("twice"), usage(&format!("own{number}")), {"kind": "usage"}, 7]);
        let answer = key.events(&mixed);
        assert_eq!(answer["received"], 5);
        assert_eq!(tally(&answer), if number == 0 { (2, 1, 2) } else { (1, 2, 2) });
    }
    let ledger = server.admin().get("/v1/status").expect(200)["outcomes"].clone();
    assert_eq!(ledger["left"], json!({"received": 5, "stored": 2, "duplicate": 1, "rejected": 2}));
    assert_eq!(ledger["right"], json!({"received": 5, "stored": 1, "duplicate": 2, "rejected": 2}));
    let metrics = server.admin().get("/metrics").text();
    assert!(metrics.contains("weir_key_events_total{key=\"left\",outcome=\"duplicate\"} 1"), "{metrics}");
}

#[test]
fn receipts_are_accepted_by_every_read() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    let receipt = admin.events(&usage("first"))["receipt"].as_str().unwrap().to_owned();
    let sql = json!({"sql": "select count(*) from usage"}).to_string();
    let after = |receipt: &str| admin.send("POST", "/v1/sql", &[("weir-after", receipt)], Some(sql.as_bytes()));
    assert_eq!(after(&receipt).expect(200)["rows"], json!([[1]]));
    let reads = ["/v1/tables", "/v1/status", "/v1/queries", "/v1/rules", "/v1/restrictions"];
    for path in reads {
        assert_eq!(admin.send("GET", path, &[("weir-after", &receipt)], None).status, 200, "{path}");
    }
    for nonsense in ["", "r_", "r_zz-", "17", "r_99999999999999999999999"] {
        after(nonsense).refusal(400);
    }
    let future = "r_7fffffff";
    assert_eq!(after(future).refusal(504), "not_caught_up");
    for path in reads {
        assert_eq!(admin.send("GET", path, &[("weir-after", future)], None).refusal(504), "not_caught_up", "{path}");
    }
}

#[test]
fn times_are_read_in_both_forms_and_default_to_now() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    let now = chrono::Utc::now();
    let at = |ts: Value, id: &str| json!({"kind": "usage", "id": id, "name": "x", "account_id": "a", "ts": ts});
    let hour_ago = now - chrono::TimeDelta::hours(1);
    let berlin = hour_ago.with_timezone(&chrono::FixedOffset::east_opt(3_600).unwrap());
    let answer = admin.events(&json!([
        at(json!(hour_ago.timestamp_millis()), "epoch"),
        at(json!(hour_ago.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)), "utc"),
        at(json!(berlin.to_rfc3339_opts(chrono::SecondsFormat::Millis, false)), "offset"),
        at(Value::Null, "null"),
        at(json!(now.timestamp_millis() + 9 * 60_000), "ahead"),
        at(json!(now.timestamp_millis() - 29 * 86_400_000), "behind"),
        at(json!("yesterday"), "word"),
        at(json!("2026-11-22T10:00:00"), "zoneless"),
        at(json!("2026-02-30T10:00:00Z"), "impossible"),
        at(json!(now.timestamp()), "seconds"),
        at(json!(1e300), "endless"),
    ]));
    assert_eq!(tally(&answer), (6, 0, 5));
    let codes: Vec<String> = codes(&answer).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["invalid_field", "invalid_field", "invalid_field", "too_old", "invalid_field"]);
    let ms = |id: &str| {
        admin.count(&format!("select cast(extract(epoch from ts) * 1000 as bigint) from usage where event_id = '{id}'"))
    };
    assert!((ms("epoch") - hour_ago.timestamp_millis()).abs() <= 1);
    assert!((ms("utc") - ms("epoch")).abs() <= 1 && (ms("offset") - ms("epoch")).abs() <= 1);
    assert!((ms("null") - now.timestamp_millis()).abs() < 60_000);
    let received = "select count(*) from usage where received_at between now() - interval '5 minutes' and now()";
    assert_eq!(admin.count(received), 6, "received_at is ours, whatever ts says");
}
