use serde_json::{Value, json};

use super::*;
use crate::adapters::tests::{House, NOW, cell, everything, table};
use crate::client_drops::ClientDrop;
use crate::judge::Judged;
use crate::row::Trust;
use crate::sender::Source;

const ID: &str = "9e88bae4d011424cbe69b5ba49fa4ffb";
/// `NOW`, as JavaScript writes it.
const AT: f64 = 1_795_341_600.0;

/// An envelope of items: what each is called, and its payload.
fn envelope(header: &Value, items: &[(&str, Value)]) -> String {
    let items: String = items.iter().map(|(kind, item)| format!("{{\"type\":\"{kind}\"}}\n{item}\n")).collect();
    format!("{header}\n{items}")
}

fn translated(house: &House, items: &[(&str, Value)]) -> Translation {
    let body = envelope(&json!({"event_id": ID, "sent_at": "2026-11-22T10:00:00.100Z"}), items);
    translate(body.as_bytes(), house.context()).expect("an envelope")
}

fn judged(items: &[(&str, Value)]) -> Judged {
    let house = House::new(None);
    house.judged(&translated(&house, items), Trust::Server, Source::Sentry)
}

/// The only row's cells.
fn row(item: (&str, Value), columns: &[&str]) -> Vec<String> {
    let mut rows = table(&judged(&[item]), columns);
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

fn properties(item: (&str, Value)) -> Value {
    let text = row(item, &["properties"]).remove(1);
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("properties: {text}"))
}

fn exception(ty: &str, value: &str) -> Value {
    json!({"type": ty, "value": value, "mechanism": {"type": "generic", "handled": true},
        "stacktrace": {"frames": [{"filename": "node:main", "function": "run", "in_app": false, "lineno": 1},
            {"filename": "app.js", "function": "draw", "in_app": true, "lineno": 7, "colno": 3, "context_line": "secretCode()"}]}})
}

fn javascript() -> Value {
    json!({"event_id": ID, "timestamp": AT, "level": "error", "platform": "node", "release": "studio@1.2.3",
        "environment": "production", "server_name": "vm", "transaction": "GET /gallery?prompt=cat",
        "exception": {"values": [exception("RangeError", "inner"), exception("TypeError", "outer for jane@example.com")]},
        "user": {"id": "acct_1", "email": "jane@example.com", "username": "Jane Doe", "ip_address": "203.0.113.7"},
        "tags": {"feature": "gallery", "workspace_id": "ws_1"},
        "breadcrumbs": [{"timestamp": AT, "category": "ui", "message": "clicked", "data": {"n": 1}}],
        "contexts": {"trace": {"trace_id": "6ae374ac2c5f4433bb6521f94ba758df", "span_id": "b39142799a0d8b79"},
            "os": {"name": "Debian"}, "order": {"size": 3}},
        "fingerprint": ["{{ default }}", "gallery"], "extra": {"attempt": 2}, "modules": {"x": "1"},
        "request": {"url": "https://app.example/gallery?prompt=cat", "headers": {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) \
            AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"}, "cookies": "session=abc"},
        "debug_meta": {"images": [{"type": "sourcemap", "code_file": "other.js", "debug_id": "1c2d"},
            {"type": "sourcemap", "code_file": "app.js", "debug_id": "1a2b"}, {"type": "elf"}]},
        "sdk": {"name": "sentry.javascript.node", "version": "11.12.0", "packages": []}})
}

#[test]
fn an_error_of_javascript_fills_its_row() {
    let columns = [
        "event_id",
        "type",
        "message",
        "level",
        "handled",
        "culprit",
        "account_id",
        "workspace_id",
        "release",
        "environment",
        "ip_prefix",
        "os",
        "source",
        "ts",
    ];
    let filled = row(("event", javascript()), &columns);
    let ts = (NOW).to_string();
    assert_eq!(
        filled,
        [
            "errors",
            ID,
            "TypeError",
            "outer for [email]",
            "error",
            "true",
            "draw in app.js",
            "acct_1",
            "ws_1",
            "studio@1.2.3",
            "production",
            "203.0.113.0/24",
            "Linux",
            "sentry",
            &ts,
        ]
    );
    let more = row(("event", javascript()), &["frames", "breadcrumbs"]);
    let frames: Value = serde_json::from_str(&more[1]).expect("JSON");
    assert_eq!(
        frames[0],
        json!({"file": "app.js", "function": "draw", "line": 7, "col": 3, "in_app": true}),
        "newest first"
    );
    let crumbs: Value = serde_json::from_str(&more[2]).expect("JSON");
    assert_eq!(
        (&crumbs[0]["message"], &crumbs[0]["timestamp"]),
        (&json!("clicked"), &json!("2026-11-22T10:00:00.000000Z"))
    );
    assert_eq!((&crumbs[1]["category"], &crumbs[1]["message"]), (&json!("cause"), &json!("RangeError: inner")));
    assert_eq!(crumbs[1]["data"]["function"], "draw");
}

#[test]
fn what_the_app_attached_is_kept_and_what_is_personal_is_not() {
    let kept = properties(("event", javascript()));
    assert_eq!(kept["tags"]["feature"], "gallery");
    assert_eq!(kept["fingerprint"], Value::Null, "it is a field of its own");
    assert_eq!((&kept["contexts"], &kept["extra"]), (&json!({"order": {"size": 3}}), &json!({"attempt": 2})));
    assert_eq!((&kept["transaction"], &kept["url"]), (&json!("GET /gallery"), &json!("https://app.example/gallery")));
    assert_eq!(kept["sdk"], "sentry.javascript.node/11.12.0");
    let images: Vec<&str> = kept["debug_meta"]["images"]
        .as_array()
        .expect("images")
        .iter()
        .filter_map(|image| image["debug_id"].as_str())
        .collect();
    assert_eq!(images, ["1a2b", "1c2d"], "those of files in the stack first");
    let all = everything(&judged(&[("event", javascript())]));
    for gone in ["jane@", "Jane", "203.0.113.7", "prompt", "=cat", "session=abc", "Mozilla", "secretCode", "Debian"] {
        assert!(!all.contains(gone), "{gone} in {all}");
    }
}

/// The name of whoever owns a home directory was taken out of frames, and stayed in the list of source maps: it was kept,
/// and the two no longer named the same file.
#[test]
fn a_file_has_one_name_in_the_stack_and_among_the_source_maps() {
    let file = "/home/jane/app/main.js";
    let frames = json!([{"filename": file, "function": "f", "lineno": 1, "colno": 2}]);
    let event = json!({"event_id": ID, "exception": {"values": [{"type": "E", "stacktrace": {"frames": frames}}]},
        "debug_meta": {"images": [{"type": "sourcemap", "code_file": file, "debug_id": "1a2b"}]}});
    let kept = properties(("event", event.clone()));
    let frames: Value = serde_json::from_str(&row(("event", event), &["frames"])[1]).expect("JSON");
    assert_eq!(kept["debug_meta"]["images"][0]["code_file"], "/home/[user]/app/main.js");
    assert_eq!(frames[0]["file"], "/home/[user]/app/main.js");
}

#[test]
fn messages_are_errors_without_a_type() {
    let columns = ["type", "message", "level", "handled", "culprit"];
    let javascript = json!({"event_id": ID, "level": "warning", "message": "hello", "exception": {"values": [
        {"value": "hello", "mechanism": {"type": "generic", "handled": true, "synthetic": true}, "stacktrace": exception("", "")["stacktrace"]}]}});
    assert_eq!(row(("event", javascript), &columns), ["errors", "-", "hello", "warning", "-", "draw in app.js"]);
    let python = json!({"event_id": ID, "level": "error", "logger": "app",
        "logentry": {"message": "logged %s", "formatted": "logged x", "params": ["x"]}});
    assert_eq!(row(("event", python), &columns), ["errors", "-", "logged x", "error", "-", "-"]);
    let old = json!({"event_id": ID, "message": {"message": "plain"}});
    assert_eq!(row(("event", old), &columns), ["errors", "-", "plain", "error", "-", "-"]);
    assert_eq!(row(("event", json!({})), &columns)[2], "<unlabeled event>", "nothing is lost");
}

#[test]
fn an_error_of_python_fills_its_row() {
    let python = json!({"event_id": "285fd11d-0f84-41a7-ace8-6369f4c02678", "timestamp": "2026-11-22T09:59:59.914522Z", "level": "error",
        "exception": {"values": [exception("KeyError", "'x'"), exception("ValueError", "outer")]},
        "logentry": {"message": "render %s", "formatted": "render failed"},
        "breadcrumbs": {"values": [{"type": "log", "message": "logged", "timestamp": "2026-11-22T09:59:59Z"}]},
        "extra": {"sys.argv": ["app.py", "--token=hunter2"]}, "server_name": "vm"});
    let columns = ["event_id", "type", "message", "handled", "ts", "account_id"];
    let ts = (NOW - 85_478).to_string();
    let filled = row(("event", python.clone()), &columns);
    assert_eq!(filled, ["errors", "285fd11d0f8441a7ace86369f4c02678", "ValueError", "outer", "true", &ts, "-"]);
    assert_eq!(properties(("event", python.clone()))["log"], "render failed");
    let all = everything(&judged(&[("event", python)]));
    assert!(all.contains("logged") && all.contains("KeyError") && !all.contains("hunter2"), "{all}");
}

#[test]
fn one_unhandled_cause_makes_it_unhandled() {
    let mut cause = exception("A", "a");
    cause["mechanism"]["handled"] = json!(false);
    let event = json!({"event_id": ID, "exception": {"values": [cause, exception("B", "b")]}});
    assert_eq!(row(("event", event), &["type", "handled"]), ["errors", "B", "false"]);
    let single = json!({"event_id": ID, "exception": {"type": "C", "value": {"code": 7}}});
    assert_eq!(row(("event", single), &["type", "message", "handled"]), ["errors", "C", "{\"code\":7}", "-"]);
}

#[test]
fn ids_mean_whom_they_mean_elsewhere() {
    let of =
        |user: Value| row(("event", json!({"message": "m", "user": user})), &["account_id", "guest_id"]).split_off(1);
    assert_eq!(of(json!({"id": 7})), ["7", "-"]);
    assert!(of(json!({"email": "jane@example.com"}))[0].starts_with("h_"));
    assert_eq!(of(json!({"id": null, "username": "jane"})), ["-", "-"]);
    assert_eq!(of(json!({"id": "203.0.113.7"})), ["-", "-"], "no error is lost for a bad id");
    let house = House::new(Some("^gst_"));
    let guest = translated(&house, &[("event", json!({"message": "m", "user": {"id": "gst_1"}}))]);
    let judged = house.judged(&guest, Trust::Server, Source::Sentry);
    assert_eq!(table(&judged, &["account_id", "guest_id"]), [["errors", "-", "gst_1"]]);
}

#[test]
fn what_is_huge_is_cut_and_stored() {
    let frames: Vec<Value> =
        (0..10_000).map(|number| json!({"function": format!("f{number}"), "in_app": true})).collect();
    let chain: Vec<Value> = (0..3_000)
        .map(|number| json!({"type": "E", "value": number.to_string(), "mechanism": {"exception_id": number, "parent_id": (number + 1) % 3_000}}))
        .collect();
    let mut event = json!({"event_id": ID, "exception": {"values": chain},
        "breadcrumbs": vec![json!({"message": "y".repeat(700)}); 300],
        "tags": (0..500).map(|number| (format!("t{number}"), json!("z".repeat(100)))).collect::<serde_json::Map<_, _>>()});
    event["exception"]["values"][2_999]["stacktrace"] = json!({"frames": frames});
    event["extra"] = (0..60).fold(json!("deep"), |inner, _| json!({ "a": inner }));
    let filled = row(("event", event), &["type", "message", "culprit", "frames", "breadcrumbs"]);
    assert_eq!(filled[..4], ["errors", "E", "2999", "f9999"]);
    assert!(filled[4].matches("function").count() <= 100 && filled[5].contains("2998") && !filled[5].contains("2980"));
    let large = json!({"event_id": ID, "message": "x".repeat(EVENT_BYTES_MAX)});
    let refused = judged(&[("event", large), ("event", json!({"message": "next"}))]);
    assert_eq!(table(&refused, &["code", "message"])[0][..2], ["rejects", "too_large"]);
    assert_eq!(table(&refused, &["message"])[1], ["errors", "next"]);
}

#[test]
fn sessions_tell_their_state_each_time() {
    let update = |seq: Value, status: &str, at: &str| {
        json!({"sid": "s-1", "seq": seq, "init": true, "started": "2026-11-22T09:59:00Z", "timestamp": at, "status": status,
            "errors": 1, "did": "acct_1", "duration": 12.3456, "attrs": {"release": "web@1", "environment": "production", "ip_address": "{{auto}}"}})
    };
    let items = [
        ("session", update(json!(null), "ok", "2026-11-22T09:59:10Z")),
        ("session", update(json!(null), "ok", "2026-11-22T09:59:10Z")),
        ("session", update(json!(null), "unhandled", "2026-11-22T09:59:12Z")),
        ("session", update(json!(7), "crashed", "2026-11-22T09:59:13Z")),
        ("session", json!({"started": AT, "status": "ok"})),
        ("session", update(json!(null), "sideways", "2026-11-22T09:59:12Z")),
    ];
    let judged = judged(&items);
    let rows = table(&judged, &["session_id", "account_id", "status", "duration_ms", "errors", "release", "quantity"]);
    assert_eq!(rows[0], ["sessions", "s-1", "acct_1", "ok", "12346", "1", "web@1", "-"]);
    assert_eq!(rows[3][3], "crashed");
    assert_eq!((rows[4][0].as_str(), rows[5][0].as_str()), ("rejects", "rejects"));
    let ids: Vec<String> =
        judged.rows.heads().iter().take(4).map(|head| cell(&judged, head, "event_id").expect("an id")).collect();
    assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
    assert_eq!(ids[3], "s-1:7");
    assert_eq!(cell(&judged, &judged.rows.heads()[3], "properties").as_deref(), Some(r#"{"init":true,"seq":7}"#));
}

#[test]
fn counts_of_sessions_stand_for_many() {
    let groups = json!({"attrs": {"release": "api@2"}, "aggregates": [
        {"started": "2026-11-22T09:59:00Z", "exited": 40, "errored": 2, "crashed": 0}, {"started": AT, "exited": 1, "did": "acct_1"}]});
    let first = judged(&[("sessions", groups.clone())]);
    let rows = table(&first, &["status", "quantity", "account_id", "release"]);
    assert_eq!(
        rows,
        [
            ["sessions", "exited", "40", "-", "api@2"],
            ["sessions", "errored", "2", "-", "api@2"],
            ["sessions", "exited", "1", "acct_1", "api@2"],
        ]
    );
    let ids = |judged: &Judged| table(judged, &["event_id"]);
    assert_eq!(ids(&first), ids(&judged(&[("sessions", groups.clone())])), "a repeat is recognised");
    let house = House::new(None);
    let body = envelope(&json!({}), &[("sessions", groups)]);
    let anew =
        || house.judged(&translate(body.as_bytes(), house.context()).expect("one"), Trust::Server, Source::Sentry);
    assert_ne!(ids(&anew()), ids(&anew()), "without a time of sending, two processes that counted alike both count");
}

#[test]
fn an_envelope_holds_a_hundred_sessions() {
    let session = |number: usize| ("session", json!({"sid": format!("s{number}"), "status": "ok", "started": AT}));
    let many: Vec<(&str, Value)> = (0..130).map(session).collect();
    let judged = judged(&many);
    assert_eq!((judged.received, judged.rejects.len()), (130, 30));
    assert!(judged.rejects.iter().all(|reject| reject.code == RejectCode::TooLarge));
}

#[test]
fn log_records_lose_their_types() {
    let attribute = |value: Value| json!({"value": value, "type": "string"});
    let logs = json!({"version": 2, "items": [
        {"timestamp": AT, "level": "trace", "body": "a log line", "trace_id": "6ae374ac2c5f4433bb6521f94ba758df", "severity_number": 9,
            "attributes": {"n": {"value": 7, "type": "integer"}, "user.id": attribute(json!("acct_1")), "user.email": attribute(json!("jane@example.com")),
                "user.name": attribute(json!("Jane")), "sentry.release": attribute(json!("studio@1")), "logger.name": attribute(json!("app")),
                "sentry.environment": attribute(json!("production")), "sentry.message.template": attribute(json!("a log %s"))}},
        {"timestamp": AT, "level": "info", "body": "again"}, {"timestamp": AT, "level": "info", "body": "again"}, {"timestamp": AT}, 7]});
    let logged = judged(&[("log", logs.clone())]);
    let rows = table(&logged, &["message", "level", "logger", "account_id", "release", "environment", "trace_id"]);
    assert_eq!(
        rows[0],
        ["logs", "a log line", "debug", "app", "acct_1", "studio@1", "production", "6ae374ac2c5f4433bb6521f94ba758df"]
    );
    assert_eq!((rows.len(), rows[3][0].as_str(), rows[4][0].as_str()), (5, "rejects", "rejects"));
    let ids = table(&logged, &["event_id"]);
    assert_ne!(ids[1], ids[2], "two equal records are two");
    assert_eq!(ids[..3], table(&judged(&[("log", logs)]), &["event_id"])[..3], "and a repeat is none");
    let all = everything(&logged);
    assert!(all.contains("a log %s") && !all.contains("Jane") && !all.contains("jane@"), "{all}");
}

#[test]
fn transactions_and_heads_of_segments_are_usage() {
    let transaction = json!({"type": "transaction", "event_id": ID, "transaction": "GET /gallery?x=1", "start_timestamp": AT - 0.25, "timestamp": AT,
        "contexts": {"trace": {"trace_id": "585d2f9124d74a589eb435ef0d799828", "span_id": "9a97d4ff635febb7", "op": "http.server", "status": "internal_error"}},
        "spans": [{}, {}], "user": {"id": "acct_1"}});
    let columns = ["name", "status", "duration_ms", "route", "account_id", "session_id"];
    let filled = row(("transaction", transaction), &columns);
    assert_eq!(filled, ["usage", "GET /gallery", "error", "250", "/gallery", "acct_1", "-"]);
    let span = |is_head: bool| {
        json!({"name": "render", "span_id": "8d65177f5c9b2829", "trace_id": "6ae374ac2c5f4433bb6521f94ba758df", "start_timestamp": AT - 1.0,
            "end_timestamp": AT, "is_segment": is_head, "status": "ok", "attributes": {"sentry.op": {"value": "ui.render", "type": "string"}}})
    };
    let house = House::new(None);
    let spans = translated(&house, &[("span", json!({"version": 2, "items": [span(false), span(true), span(false)]}))]);
    assert_eq!(spans.skipped.get("child_span"), Some(&2));
    let judged = house.judged(&spans, Trust::Public, Source::Sentry);
    let rows = table(&judged, &columns);
    assert_eq!(rows, [["usage", "render", "ok", "1000", "-", "-", "trace_6ae374ac2c5f4433bb6521f94ba758df"]]);
}

#[test]
fn feedback_is_a_log_that_names_its_error() {
    let feedback = json!({"event_id": "bc485a81cc47431899a45dec9b35cf24", "timestamp": AT, "type": "feedback", "user": {"id": "acct_1"},
        "contexts": {"feedback": {"contact_email": "jane@example.com", "name": "Jane", "message": "it is broken", "associated_event_id": ID}}});
    let columns = ["event_id", "message", "level", "logger", "account_id"];
    let filled = row(("feedback", feedback.clone()), &columns);
    assert_eq!(filled, ["logs", "bc485a81cc47431899a45dec9b35cf24", "it is broken", "info", "feedback", "acct_1"]);
    assert_eq!(properties(("feedback", feedback))["event_id"], ID);
    let report =
        json!({"event_id": ID, "name": "Jane", "email": "jane@example.com", "comments": "broken for jane@example.com"});
    assert_eq!(
        row(("user_report", report.clone()), &["message", "logger"]),
        ["logs", "broken for [email]", "feedback"]
    );
    assert_eq!(properties(("user_report", report)), json!({"event_id": ID}));
}

#[test]
fn what_clients_dropped_is_counted_in_known_words() {
    let house = House::new(None);
    let line = |reason: &str, category: &str, quantity: Value| json!({"reason": reason, "category": category, "quantity": quantity});
    let report = json!({"timestamp": AT, "discarded_events": [line("network_error", "error", json!(3)), line("x".repeat(90).as_str(), "mine", json!(1)),
        line("before_send", "error", json!(0)), line("before_send", "error", json!(-1)), line("sample_rate", "span", json!(u64::MAX)), 7]});
    let told = translated(&house, &[("client_report", report), ("client_report", json!({}))]);
    let drop = |reason, category, quantity| ClientDrop { reason, category, quantity };
    let expected =
        [drop("network_error", "error", 3), drop("other", "other", 1), drop("sample_rate", "span", 1_000_000_000)];
    assert_eq!(told.client_drops, expected);
    assert_eq!(house.judged(&told, Trust::Public, Source::Sentry).rejects.len(), 1);
}

#[test]
fn what_weir_does_not_keep_is_counted_and_harms_nothing() {
    let house = House::new(None);
    let attachment = "{\"type\":\"attachment\",\"length\":4,\"filename\":\"a.png\"}\n\n\u{0}\n\u{1}\n";
    let unknown = "{\"type\":\"quantum\"}\n{}\n{}\nnothing\n";
    let event = "{\"type\":\"event\",\"length\":15}\n{\"message\":\"m\"}\n";
    let torn = "{\"type\":\"event\",\"length\":900}\n{\"message\":\"cut";
    let body = format!("{{}}\n{attachment}{unknown}{event}{torn}");
    let taken = translate(body.as_bytes(), house.context()).expect("an envelope");
    let skipped: Vec<&str> = taken
        .events
        .iter()
        .filter_map(|event| if let Fate::Skipped(what) = event.fate { Some(what) } else { None })
        .collect();
    assert_eq!(skipped, ["attachment", "unknown_type", "unknown_type"]);
    let judged = house.judged(&taken, Trust::Public, Source::Sentry);
    assert_eq!(table(&judged, &["message"])[0], ["errors", "m"]);
    assert_eq!(judged.rejects.len(), 1);
    assert_eq!(judged.rejects[0].message, "the envelope ends before its item does");
    let id = taken.request_id.expect("one that the event's text gives");
    assert_eq!((id.len(), cell(&judged, &judged.rows.heads()[0], "event_id")), (32, Some(id)));
    let flood = format!("{{}}\n{}", "{\"type\":\"quantum\"}\n\n".repeat(house.limits.events_max + 1));
    assert!(matches!(translate(flood.as_bytes(), house.context()), Err(BodyError::TooLarge(_))));
}

#[test]
fn a_bare_event_is_taken_from_store() {
    let house = House::new(None);
    let taken = translate_store(javascript().to_string().as_bytes(), house.context()).expect("an event");
    assert_eq!(taken.request_id.as_deref(), Some(ID));
    let judged = house.judged(&taken, Trust::Server, Source::Sentry);
    assert_eq!(table(&judged, &["type"]), [["errors", "TypeError"]]);
    let transaction = json!({"type": "transaction", "transaction": "t", "user": {"id": "a"}}).to_string();
    let judged = house.judged(
        &translate_store(transaction.as_bytes(), house.context()).expect("one"),
        Trust::Server,
        Source::Sentry,
    );
    assert_eq!(table(&judged, &["name"]), [["usage", "t"]]);
    for body in ["[]", "", "7"] {
        assert!(translate_store(body.as_bytes(), house.context()).is_err(), "{body}");
    }
}

#[test]
fn a_clock_that_is_wrong_is_put_right() {
    let house = House::new(None);
    let body = |sent_at: &str, at: &str| {
        let body = envelope(&json!({"sent_at": sent_at}), &[("event", json!({"message": "m", "timestamp": at}))]);
        let judged =
            house.judged(&translate(body.as_bytes(), house.context()).expect("one"), Trust::Server, Source::Sentry);
        table(&judged, &["ts"]).remove(0).remove(1)
    };
    assert_eq!(body("2001-01-01T00:00:10Z", "2001-01-01T00:00:00Z"), (NOW - 10_000_000).to_string());
    assert_eq!(body("2026-11-22T10:00:30Z", "2026-11-22T10:00:00Z"), NOW.to_string(), "what lies between is the way");
}

#[test]
fn the_key_is_the_user_of_the_dsn() {
    let of = |header: Value| key_in_envelope(format!("{header}\n{{}}\n{{}}").as_bytes());
    assert_eq!(of(json!({"dsn": "https://wk_web_abc@weir.example/1"})).as_deref(), Some("wk_web_abc"));
    assert_eq!(of(json!({"dsn": "https://weir.example/1"})), None);
    assert_eq!(of(json!({"dsn": 7})), None);
    assert_eq!(key_in_envelope(b"{"), None);
}

#[test]
fn a_refused_item_shows_nothing_that_was_gathered() {
    let event = r#"{"timestamp":"bad","request":{"headers":[["Cookie","sid=abc"]],"data":"a story"},
        "exception":{"values":[{"type":"E","stacktrace":{"frames":[{"vars":{"draft":"x"}}]}}]},"user":"Jane","type":"E"}"#;
    assert_eq!(shown(event), r#"{"timestamp":"bad","type":"E"}"#);
    assert_eq!(shown("[1]"), "");
}
