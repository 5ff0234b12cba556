use prost::Message;
use serde_json::{Value, json};

use super::message::{AnyValue, KeyValue, Kind, LogRecord, Response};
use super::*;
use crate::adapters::tests::{House, NOW, cell, everything, table};
use crate::judge::Judged;
use crate::row::Trust;
use crate::sender::Source;

const TRACE: &str = "5b8efff798038103d269b633813fc60c";
const SPAN: &str = "eee19b7ec3c1b174";

/// Attributes as the protocol's JSON writes them.
fn attributes(given: &Value) -> Value {
    let value = |value: &Value| match value {
        Value::Bool(_) => json!({ "boolValue": value }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        _ => json!({ "stringValue": value }),
    };
    given.as_object().unwrap().iter().map(|(key, given)| json!({"key": key, "value": value(given)})).collect()
}

fn request(signal: Signal, records: &[Value]) -> Vec<u8> {
    let resource = attributes(&json!({"service.name": "studio", "service.version": "2.4.1", "process.pid": 7,
        "deployment.environment.name": "production", "telemetry.sdk.language": "python"}));
    let (resources, scopes, list) = match signal {
        Signal::Logs => ("resourceLogs", "scopeLogs", "logRecords"),
        Signal::Traces => ("resourceSpans", "scopeSpans", "spans"),
    };
    json!({resources: [{"resource": {"attributes": resource}, scopes: [{"scope": {"name": "app.draw"}, list: records}]}]})
        .to_string()
        .into_bytes()
}

fn translated(house: &House, signal: Signal, records: &[Value]) -> Translation {
    translate(&request(signal, records), signal, Encoding::Json, house.context()).unwrap()
}

fn judged(house: &House, signal: Signal, records: &[Value]) -> Judged {
    house.judged(&translated(house, signal, records), Trust::Server, Source::Otlp)
}

fn nanos(ms: i64) -> String {
    (NOW * 1000 + ms * 1_000_000).to_string()
}

fn log(body: Value, given: Value) -> Value {
    json!({"timeUnixNano": nanos(-5), "severityNumber": 13, "body": body, "traceId": TRACE.to_uppercase(), "spanId": SPAN,
        "attributes": attributes(&given)})
}

fn span(given: Value) -> Value {
    let mut span = json!({"traceId": TRACE, "spanId": SPAN, "name": "GET /gallery?q=cat", "kind": 2,
        "startTimeUnixNano": nanos(-1500), "endTimeUnixNano": nanos(0), "attributes": []});
    span.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
    span
}

fn exception(ty: &str, message: &str) -> Value {
    let stack = "Traceback (most recent call last):\n  File \"/srv/draw.py\", line 3, in draw\nValueError: x\n";
    let given = json!({"exception.type": ty, "exception.message": message, "exception.stacktrace": stack, "exception.escaped": "False"});
    json!({"name": "exception", "timeUnixNano": nanos(-3), "attributes": attributes(&given)})
}

#[test]
fn a_log_record_is_a_log() {
    let house = House::new(Some("^gst_"));
    let given = json!({"user.id": "acct_1", "enduser.pseudo.id": "gst_9", "session.id": "s_1", "slow": true, "count": 3,
        "client.address": "203.0.113.9", "http.request.header.cookie": "secret", "url.full": "https://a.example/x?token=secret",
        "code.function.name": "draw", "gen_ai.prompt": "secret"});
    let rows = judged(&house, Signal::Logs, &[log(json!({"stringValue": "slow model"}), given)]);
    let columns = [
        "level",
        "message",
        "logger",
        "account_id",
        "guest_id",
        "session_id",
        "release",
        "environment",
        "trace_id",
        "span_id",
        "ts",
        "source",
    ];
    let ts = (NOW - 5_000).to_string();
    assert_eq!(
        table(&rows, &columns),
        [[
            "logs",
            "warn",
            "slow model",
            "app.draw",
            "acct_1",
            "gst_9",
            "s_1",
            "2.4.1",
            "production",
            TRACE,
            SPAN,
            &ts,
            "otlp"
        ]]
    );
    let properties = cell(&rows, &rows.rows.heads()[0], "properties").unwrap();
    let properties: Value = serde_json::from_str(&properties).unwrap();
    assert_eq!(
        properties,
        json!({"service.name": "studio", "slow": true, "count": 3, "url.full": "https://a.example/x", "code.function.name": "draw"})
    );
    for gone in ["secret", "203.0.113.9", "process.pid"] {
        assert!(!everything(&rows).contains(gone), "{gone}");
    }
}

#[test]
fn a_body_of_any_kind_is_text() {
    let house = House::new(None);
    let list = json!({"kvlistValue": {"values": [{"key": "a", "value": {"intValue": 1}},
        {"key": "b", "value": {"arrayValue": {"values": [{"doubleValue": 0.5}, {"boolValue": false}]}}}]}});
    let bodies = [list, json!({"bytesValue": "AQI="}), json!({"intValue": "7"})].map(|body| log(body, json!({})));
    let named = json!({"eventName": "session.start", "severityText": "INFO"});
    let rows = judged(&house, Signal::Logs, &[&bodies[..], &[named, json!({"severityNumber": 21})]].concat());
    assert_eq!(
        table(&rows, &["level", "message", "code"]),
        [
            ["logs", "warn", r#"{"a":1,"b":[0.5,false]}"#, "-"],
            ["logs", "warn", "AQI=", "-"],
            ["logs", "warn", "7", "-"],
            ["logs", "info", "session.start", "-"],
            ["rejects", "-", "`body` is missing", "missing_field"],
        ]
    );
}

#[test]
fn a_record_with_an_exception_is_a_log_and_an_error() {
    let house = House::new(None);
    let given = json!({"exception.type": "ValueError", "exception.message": "x",
        "exception.stacktrace": "Traceback (most recent call last):\n  File \"/srv/draw.py\", line 3, in draw\nValueError: x\n"});
    let rows = judged(&house, Signal::Logs, &[log(json!({"stringValue": "cannot draw"}), given)]);
    assert_eq!(
        table(&rows, &["type", "message", "level", "culprit", "release"]),
        [
            ["logs", "-", "cannot draw", "warn", "-", "2.4.1"],
            ["errors", "ValueError", "x", "warning", "draw in /srv/draw.py", "2.4.1"],
        ]
    );
    let ids: Vec<String> = rows.rows.heads().iter().filter_map(|head| cell(&rows, head, "event_id")).collect();
    assert_eq!(ids[1], format!("{}_1", ids[0]));
    let properties = cell(&rows, &rows.rows.heads()[1], "properties").unwrap();
    assert!(properties.contains("\"log\":\"cannot draw\"") && properties.contains(TRACE), "{properties}");
}

#[test]
fn ids_are_those_of_the_bytes_so_that_a_retry_is_a_duplicate() {
    let house = House::new(None);
    let record = |body: &str| log(json!({ "stringValue": body }), json!({}));
    let records = [record("a"), record("b"), record("a")];
    let ids = |translation: Translation| -> Vec<String> {
        translation.events.into_iter().filter_map(|event| event.id).collect()
    };
    let first = ids(translated(&house, Signal::Logs, &records));
    assert_eq!(first, ids(translated(&house, Signal::Logs, &records)), "the same again");
    assert_eq!(first.iter().collect::<HashSet<_>>().len(), 3, "two that are alike are two");
    let text = String::from_utf8(request(Signal::Logs, &records)).unwrap();
    for (from, to) in [("studio", "other"), ("app.draw", "app.other")] {
        let elsewhere = text.replace(from, to);
        let elsewhere = translate(elsewhere.as_bytes(), Signal::Logs, Encoding::Json, house.context()).unwrap();
        assert!(ids(elsewhere).iter().all(|id| !first.contains(id)), "{to} says the same, and is another");
    }
}

#[test]
fn spans_at_which_a_service_begins_are_usage() {
    let house = House::new(None);
    let child = "0102030405060708";
    let spans = [
        span(
            json!({"parentSpanId": "", "attributes": attributes(&json!({"http.route": "/gallery", "enduser.id": "acct_1",
            "user_agent.original": "Mozilla/5.0", "url.query": "q=secret", "gen_ai.request.model": "studio-xl"}))}),
        ),
        // A caller elsewhere, as flags say, and as its kind says.
        span(json!({"parentSpanId": child, "name": "remote", "flags": 0x301})),
        span(json!({"parentSpanId": child, "name": "consumed", "kind": 5, "status": {"code": 2, "message": "boom"}})),
        span(json!({"parentSpanId": "0000000000000000", "name": "", "kind": 1, "startTimeUnixNano": 0})),
        // Within: a caller here, and no server.
        span(json!({"parentSpanId": child, "name": "local", "flags": 0x101})),
        span(json!({"parentSpanId": child, "name": "query", "kind": 3, "flags": 0x301, "events": [{"name": "retry"}]})),
    ];
    let translation = translated(&house, Signal::Traces, &spans);
    assert_eq!(translation.skipped, [("child_span", 2), ("span_event", 1)].into());
    let rows = house.judged(&translation, Trust::Server, Source::Otlp);
    let trace = format!("trace_{TRACE}");
    assert_eq!(
        table(&rows, &["name", "status", "duration_ms", "route", "model", "account_id", "session_id"]),
        [
            ["usage", "GET /gallery", "ok", "1500", "/gallery", "studio-xl", "acct_1", "-"],
            ["usage", "remote", "ok", "1500", "-", "-", "-", &trace],
            ["usage", "consumed", "error", "1500", "-", "-", "-", &trace],
            ["usage", "<unnamed span>", "ok", "-", "-", "-", "-", &trace],
        ]
    );
    assert!(!everything(&rows).contains("secret"));
    let properties = cell(&rows, &rows.rows.heads()[2], "properties").unwrap();
    assert!(properties.contains(r#""kind":"consumer""#) && properties.contains(r#""status_message":"boom""#));
}

#[test]
fn an_exception_of_any_span_is_an_error_once() {
    let house = House::new(None);
    let (child, other) = ("0102030405060708", "0807060504030201");
    let thrown = |message: &str| exception("ValueError", message);
    let spans = [
        span(
            json!({"spanId": child, "parentSpanId": other, "kind": 1, "events": [thrown("x"), thrown("x"), {"name": "exception"}]}),
        ),
        // It went on through the spans around.
        span(json!({"spanId": other, "parentSpanId": SPAN, "kind": 1, "events": [thrown("x")]})),
        span(json!({"events": [thrown("x"), thrown("y")]})),
    ];
    let translation = translated(&house, Signal::Traces, &spans);
    assert_eq!(translation.skipped, [("child_span", 2), ("propagated_exception", 2), ("span_event", 1)].into());
    let rows = house.judged(&translation, Trust::Server, Source::Otlp);
    assert_eq!(
        table(&rows, &["type", "message", "level", "handled", "culprit"]),
        [
            ["errors", "ValueError", "x", "error", "-", "draw in /srv/draw.py"],
            ["errors", "ValueError", "x", "error", "-", "draw in /srv/draw.py"],
            ["usage", "-", "-", "-", "-", "-"],
            ["errors", "ValueError", "y", "error", "-", "draw in /srv/draw.py"],
        ]
    );
    let given = json!({"exception.type": "E", "exception.escaped": "True"});
    let escaped = span(
        json!({"parentSpanId": child, "kind": 1, "events": [{"name": "exception", "attributes": attributes(&given)}]}),
    );
    let rows = judged(&house, Signal::Traces, &[escaped]);
    assert_eq!(table(&rows, &["type", "handled"]), [["errors", "E", "false"]]);
    let many = span(json!({"events": vec![thrown("z"); 50]}));
    let translation = translated(&house, Signal::Traces, &[many]);
    assert_eq!((translation.events.len(), translation.skipped["exception"]), (11, 40));
}

/// A message's field of this number and content, which is short.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    assert!(content.len() < 128);
    [&[number << 3 | 2, content.len() as u8], content].concat()
}

#[test]
fn protobuf_says_the_same_as_json() {
    let house = House::new(None);
    let text = |text: &str| Some(AnyValue { value: Some(Kind::Text(text.into())) });
    let pair = |key: &str, value: &str| KeyValue { key: key.into(), value: text(value) };
    let record = LogRecord {
        time_unix_nano: (NOW * 1000) as u64,
        severity_number: 17,
        body: text("it failed"),
        attributes: vec![pair("user.id", "acct_1")],
        trace_id: vec![0x5b; 16],
        ..LogRecord::default()
    };
    let scope = Scope { name: "app".into() };
    let resource = Resource { attributes: vec![pair("service.version", "1.2.3")] };
    let scope_logs = [field(1, &scope.encode_to_vec()), field(2, &record.encode_to_vec())].concat();
    let resource_logs = [field(1, &resource.encode_to_vec()), field(2, &scope_logs)].concat();
    let body = field(1, &resource_logs);
    let translation = translate(&body, Signal::Logs, Encoding::Protobuf, house.context()).unwrap();
    let rows = house.judged(&translation, Trust::Server, Source::Otlp);
    let trace = "5b".repeat(16);
    assert_eq!(
        table(&rows, &["level", "message", "logger", "account_id", "release", "trace_id"]),
        [["logs", "error", "it failed", "app", "acct_1", "1.2.3", &trace]]
    );
    // Spans where log records are expected are refused one by one, and nothing of them is kept.
    let spans =
        translate(b"\x0a\x06\x12\x04\x12\x02\x0a\x00", Signal::Logs, Encoding::Protobuf, house.context()).unwrap();
    let rows = house.judged(&spans, Trust::Server, Source::Otlp);
    assert_eq!(table(&rows, &["code", "kind"]), [["rejects", "invalid_field", "log_record"]]);
}

#[test]
fn what_cannot_be_read_around_a_record_leaves_the_record() {
    let house = House::new(None);
    let body =
        br#"{"resourceLogs":[{"resource":[],"scopeLogs":[{"scope":7,"logRecords":[{"body":{"stringValue":"x"}}]}]}]}"#;
    let translation = translate(body, Signal::Logs, Encoding::Json, house.context()).unwrap();
    assert_eq!((translation.events.len(), translation.fields_skipped), (1, 2));
    let rows = house.judged(&translation, Trust::Server, Source::Otlp);
    assert_eq!(table(&rows, &["message", "logger"]), [["logs", "x", "-"]]);
}

#[test]
fn too_many_records_or_events_are_refused_as_a_whole() {
    let mut house = House::new(None);
    house.limits.events_max = 3;
    let record = log(json!({"stringValue": "x"}), json!({"exception.type": "E"}));
    for count in [2, 4] {
        let body = request(Signal::Logs, &vec![record.clone(); count]);
        let told = translate(&body, Signal::Logs, Encoding::Json, house.context());
        assert!(matches!(told, Err(BodyError::TooLarge(_))), "{count}");
    }
}

#[test]
fn the_answer_counts_refused_records_in_the_encoding_that_was_asked_in() {
    let house = House::new(None);
    let old = json!({"timeUnixNano": "1", "body": {"stringValue": "x"}, "attributes": attributes(&json!({"exception.type": "E"}))});
    let rows = judged(&house, Signal::Logs, &[old, json!({}), log(json!({"stringValue": "kept"}), json!({}))]);
    assert_eq!(rows.rejects.len(), 3, "two of the old one, which is a log and an error");
    let told: Value = serde_json::from_slice(&taken(Signal::Logs, Encoding::Json, &rows.rejects)).unwrap();
    assert_eq!(told["partialSuccess"]["rejectedLogRecords"], "2");
    assert!(
        told["partialSuccess"]["errorMessage"].as_str().is_some_and(|told| told.starts_with("too_old: ")),
        "{told}"
    );
    let told = Response::decode(&*taken(Signal::Logs, Encoding::Protobuf, &rows.rejects)).unwrap();
    assert_eq!(told.partial_success.map(|partial| partial.rejected), Some(2));
    let told = Response::decode(&*taken(Signal::Traces, Encoding::Protobuf, &rows.rejects)).unwrap();
    assert_eq!(told.partial_success.map(|partial| partial.rejected), Some(2));
    assert_eq!(taken(Signal::Traces, Encoding::Json, &[]), b"{}");
    assert_eq!(taken(Signal::Logs, Encoding::Protobuf, &[]), b"");
    assert_eq!(refused(Encoding::Protobuf, 503, "x"), b"\x08\x0e\x12\x01x");
    assert_eq!(refused(Encoding::Json, 400, "x"), br#"{"code":3,"message":"x"}"#);
}
