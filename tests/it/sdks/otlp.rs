//! OTLP's paths: encodings, keys, answers in the encoding that was asked in, repeats, and bodies that are torn or hostile.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::{House, OURS};
use crate::http::Reply;
use crate::server::peak_memory;

const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

fn now() -> String {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos().to_string()
}

fn record(message: &str, at: &str) -> Value {
    json!({"timeUnixNano": at, "severityNumber": 9, "body": {"stringValue": message},
        "attributes": [{"key": "user.id", "value": {"stringValue": "acct_1"}}]})
}

fn logs(records: &[Value]) -> String {
    json!({"resourceLogs": [{"scopeLogs": [{"scope": {"name": "app"}, "logRecords": records}]}]}).to_string()
}

/// A message of protobuf: this field, of this content.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut message = vec![number << 3 | 2];
    let mut length = content.len();
    while length > 0x7f {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(content);
    message
}

/// A log record of protobuf that says this, in a request.
fn protobuf(message: &str) -> Vec<u8> {
    field(1, &field(2, &field(2, &field(5, &field(1, message.as_bytes())))))
}

impl House {
    fn otlp(&self, path: &str, content: (&str, &str), body: &[u8]) -> Reply {
        self.send(path, &[("authorization", &format!("Bearer {}", self.app)), content], body)
    }
}

#[test]
fn both_encodings_are_answered_in_kind_and_repeats_are_recognised() {
    let house = House::new("");
    let body = logs(&[record("a", &now()), record("b", &now())]);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(body.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let authorization = format!("Bearer {}", house.app);
    for _ in 0..2 {
        assert_eq!(house.otlp("/v1/logs", JSON, body.as_bytes()).expect(200), json!({}));
        let encoded = [("authorization", authorization.as_str()), JSON, ("content-encoding", "gzip")];
        assert_eq!(house.send("/v1/logs/", &encoded, &gzip).expect(200), json!({}));
        let reply = house.otlp("/v1/logs", PROTOBUF, &protobuf("c"));
        assert_eq!((reply.header("content-type"), reply.body.len()), (Some("application/x-protobuf"), 0));
        reply.expect(200);
    }
    house.otlp("/v1/traces", PROTOBUF, b"").expect(200);
    let rows = house.admin().rows("select message, logger, account_id, trust from logs order by 1");
    let (a, b) = (json!(["a", "app", "acct_1", "server"]), json!(["b", "app", "acct_1", "server"]));
    assert_eq!(rows, [a, b, json!(["c", null, null, "server"])]);
    let outcomes = &house.admin().get("/v1/status").expect(200)["outcomes"]["app"];
    assert_eq!((&outcomes["stored"], &outcomes["duplicate"], &outcomes["rejected"]), (&json!(3), &json!(7), &json!(0)));
}

#[test]
fn refused_records_are_counted_and_the_others_stored() {
    let house = House::new("");
    let body = logs(&[record("kept", &now()), record("old", "1000000000"), json!({"severityNumber": "x"})]);
    let told = house.otlp("/v1/logs", JSON, body.as_bytes()).expect(200);
    assert_eq!(told["partialSuccess"]["rejectedLogRecords"], "2");
    assert!(told["partialSuccess"]["errorMessage"].as_str().unwrap().starts_with("too_old: "), "{told}");
    let codes = house.admin().rows("select code, kind from rejects order by 1");
    assert_eq!(codes, [json!(["invalid_field", "log_record"]), json!(["too_old", "log"])]);
    assert_eq!(house.admin().count("select count(*) from logs"), 1);
}

#[test]
fn refusals_are_statuses_of_the_protocol() {
    let house = House::new("");
    let body = logs(&[record("x", &now())]);
    let refused = |reply: Reply, status: u16, code: i64| {
        let told = reply.expect(status);
        assert_eq!(told["code"], code, "{told}");
        assert!(told["message"].as_str().is_some_and(|message| !message.is_empty()), "{told}");
    };
    refused(house.send("/v1/logs", &[JSON], body.as_bytes()), 401, 16);
    refused(house.send("/v1/logs", &[JSON, ("authorization", "Bearer wk_no_body")], body.as_bytes()), 401, 16);
    refused(house.otlp("/v1/logs", JSON, b"{"), 400, 3);
    for other in [("content-type", "text/plain"), ("x-nothing", "1")] {
        assert_eq!(house.otlp("/v1/logs", other, body.as_bytes()).refusal(415), "unsupported_media_type");
        assert_eq!(house.send("/v1/logs", &[other], body.as_bytes()).refusal(401), "unauthorized");
    }
    let torn = house.otlp("/v1/traces", PROTOBUF, &protobuf("x")[..7]);
    assert_eq!((torn.status, torn.header("content-type")), (400, Some("application/x-protobuf")));
    assert_eq!(torn.body[..2], [8, 3]);
    assert_eq!(house.admin().count("select count(*) from logs"), 0);
}

#[test]
fn pages_may_send_with_a_key_that_names_them() {
    let house = House::new("");
    let authorization = format!("Bearer {}", house.web);
    let send = |origin: &str| {
        let headers = [("authorization", authorization.as_str()), JSON, ("origin", origin)];
        house.send("/v1/logs", &headers, logs(&[record("x", &now())]).as_bytes())
    };
    let reply = send(OURS);
    assert_eq!(reply.header("access-control-allow-origin"), Some(OURS));
    reply.expect(200);
    assert_eq!(send("https://other.example").expect(403)["code"], 7);
    assert_eq!(house.admin().rows("select trust, account_id from logs"), [json!(["public", "acct_1"])]);
}

/// Messages of two bytes become hundreds each once they are decoded.
#[test]
fn a_flood_of_tiny_records_is_refused_before_it_is_decoded() {
    let house = House::new("");
    house.otlp("/v1/logs", PROTOBUF, &protobuf("warm")).expect(200);
    let flood = field(1, &field(2, &[0x12, 0x00].repeat(4 << 20)));
    let before = peak_memory(house.server.pid());
    assert_eq!(house.otlp("/v1/logs", PROTOBUF, &flood).status, 413);
    let empty = field(1, &field(2, &field(2, &[0x32, 0x00].repeat(4 << 20))));
    assert_eq!(house.otlp("/v1/logs", PROTOBUF, &empty).status, 200, "one record, refused for its size");
    let grown = peak_memory(house.server.pid()).saturating_sub(before);
    assert!(grown < 96 << 20, "grew by {grown} bytes");
    assert_eq!(house.admin().rows("select code from rejects"), [json!(["too_large"])]);
}
