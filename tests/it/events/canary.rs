//! Canaries: secrets planted in every field and header, and not one byte of them under the data directory afterwards.

use std::path::Path;

use serde_json::{Value, json};

use crate::lake;
use crate::server::{NEVER_SETTLES, Server, Site, files_below};

/// What must never be kept, wherever it is written.
const SECRETS: [&str; 12] = [
    "kanarie.vogel@canary-mail.example",
    "198.51.100.77",
    "2001:db8:ca:fe::77",
    "4111111111111111",
    "4111 1111 1111 1111",
    "DE89370400440532013000",
    "Bearer c4n4ryTokenOfAccess99",
    "sk-live-c4n4ry0123456789",
    "eyJhbGciOiJIUzI1NiJ9.eyJjIjoiY2FuYXJ5In0.c4n4rySignature",
    "wk_other_c4n4rySecretOfAKey0123456789",
    "https://app.example/cb?code=c4n4ryQueryOfAnAddress",
    "Cookie: sid=c4n4ryCookie77",
];

/// Pieces of the secrets that must be in no byte: what would be left if only part of one were taken out.
const TRACES: [&str; 22] = [
    "kanarie.vogel",
    "@canary-mail",
    "198.51.100.77",
    "2001:db8:ca:fe::77",
    "4111111111111111",
    "4111 1111 1111 1111",
    "DE89370400440532013000",
    "c4n4ryTokenOfAccess99",
    "c4n4ry0123456789",
    "c4n4rySignature",
    "c4n4rySecretOfAKey",
    "c4n4ryQueryOfAnAddress",
    "c4n4ryCookie77",
    "c4n4ryPromptOfAPerson",
    "c4n4ryPasswordOfAPerson",
    "c4n4ryUserAgent",
    "c4n4ryHeader",
    "c4n4ryAdvertising",
    "c4n4ryBox",
    "c4n4ryUser@",
    "c4n4ryHome",
    "keyOfTheTestsAndNobodyElse0",
];

fn with_secret(secret: &str) -> Vec<Value> {
    let person = json!({"account_id": "acct_1"});
    let of = |kind: &str, fields: Value| {
        let mut event = person.clone();
        event["kind"] = json!(kind);
        event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        event
    };
    let text = format!("could not draw for {secret} today");
    // An id may be an address of a page: ids are opaque.
    let id = if secret.starts_with("https:") { "kanarie.vogel@canary-mail.example" } else { secret };
    let properties = json!({
        "note": text, "list": [text, {"deep": secret}], secret: "a name", "prompt": "c4n4ryPromptOfAPerson", "password": "c4n4ryPasswordOfAPerson",
        "email": secret, "ip": secret, "gclid": "c4n4ryAdvertising", "utm_source": "c4n4ryAdvertising", "authorization": secret
    });
    let frame = json!({"file": format!("/home/c4n4ryHome/app.js?{secret}"), "function": text, "line": 3, "in_app": true, "module": text});
    let crumbs = json!([{"message": text, "category": "ui", "data": {"to": secret, "cookie": "c4n4ryCookie77"}}]);
    vec![
        of("usage", json!({"name": text, "route": format!("/draw?{secret}"), "model": text, "properties": properties})),
        of(
            "usage",
            json!({"name": "x", "release": text, "environment": text, "browser": text, "os": text, "as_org": text}),
        ),
        of(
            "error",
            json!({"type": text, "message": text, "stack": [frame], "culprit": text, "breadcrumbs": crumbs, "properties": properties}),
        ),
        of(
            "error",
            json!({"type": "E", "message": format!("GET https://c4n4ryUser:c4n4ryBox@app.example/x {secret}")}),
        ),
        of("log", json!({"level": "warn", "message": text, "logger": text, "properties": properties})),
        of(
            "device",
            json!({"device_id": "d", "fingerprint": "f", "screen": text, "timezone": text, "languages": [text]}),
        ),
        of("credit", json!({"op": "grant", "amount": 1, "reason": text})),
        of(
            "payment",
            json!({"op": "failed", "amount_minor": 1, "currency": "EUR", "decline_code": text, "plan": text, "provider": text}),
        ),
        of("identity", json!({"op": "signup", "method": text, "properties": properties})),
        // Refused, hence kept in `rejects`: ids that are no ids, fields that are none.
        of("usage", json!({"name": "x", "session_id": id, "workspace_id": id, "properties": properties})),
        of("usage", json!({"name": "x", "note": text})),
        of("usage", json!({"name": "x", secret: 1})),
        of(secret, json!({"name": "x"})),
        of("credit", json!({"op": secret, "amount": 1, "ref": id})),
    ]
}

fn plant(server: &Server) {
    let agent = "Mozilla/5.0 (c4n4ryUserAgent) Chrome/131.0.0.0 Safari/537.36";
    let headers = [
        ("user-agent", agent),
        ("cookie", "sid=c4n4ryCookie77"),
        ("referer", "https://app.example/?c4n4ryHeader"),
        ("x-forwarded-for", "198.51.100.77"),
        ("forwarded", "for=198.51.100.77"),
        ("accept-language", "c4n4ryHeader"),
        ("x-request-id", "c4n4ryHeader"),
    ];
    let admin = server.admin();
    let browser = server.scope("ingest_public");
    for (number, secret) in SECRETS.into_iter().enumerate() {
        let events = json!(with_secret(secret));
        let repeat = format!("c4n4ryHeader{number}");
        let headers: Vec<(&str, &str)> = headers.into_iter().chain([("idempotency-key", &*repeat)]).collect();
        for client in [&admin, &browser] {
            let answer = client.send("POST", "/v1/events", &headers, Some(events.to_string().as_bytes())).outcome();
            assert_eq!(answer["duplicate"], 0, "each secret is sent in events of its own");
        }
    }
    let known = json!([
        {"kind": "identity", "op": "login", "account_id": "a", "email": "kanarie.vogel@canary-mail.example", "ip": "198.51.100.77", "user_agent": agent},
        {"kind": "usage", "name": "x", "account_id": "a", "ip": "2001:db8:ca:fe::77", "user_agent": agent},
    ]);
    assert_eq!(crate::http::tally(&admin.events(&known)), (2, 0, 0));
    let mut question = json!({"action": "login", "account_id": "a", "email": "kanarie.vogel@canary-mail.example", "ip": "198.51.100.77", "user_agent": agent});
    admin.send("POST", "/v1/verdict", &headers, Some(question.to_string().as_bytes())).expect(200);
    for secret in SECRETS {
        question["session_id"] = json!(secret);
        if !secret.starts_with("https:") {
            admin.post("/v1/verdict", &question);
        }
        let statement = json!({"sql": "select $secret as it", "params": {"secret": secret}});
        admin.post("/v1/sql", &statement);
    }
    for (kind, entity) in [("email", "kanarie.vogel@canary-mail.example"), ("ip", "198.51.100.77")] {
        let until = (chrono::Utc::now() + chrono::TimeDelta::hours(1)).to_rfc3339();
        let wanted = json!({"entity_kind": kind, "entity": entity, "verdict": "throttle", "reason": "a test", "expires_at": until});
        let put = admin.put("/v1/overrides", &wanted);
        put.expect(200);
        assert!(!put.text().contains(entity), "{}", put.text());
    }
}

/// Returns where which trace was found, in raw bytes and in decoded Parquet.
fn traces(data: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in files_below(data) {
        let bytes = std::fs::read(&file).unwrap();
        let decoded = if file.extension().is_some_and(|ending| ending == "parquet") {
            lake::as_ndjson(&file)
        } else {
            String::new()
        };
        for trace in TRACES {
            let raw = trace.as_bytes();
            if bytes.windows(raw.len()).any(|window| window == raw) || decoded.contains(trace) {
                let line = decoded.lines().find(|line| line.contains(trace)).unwrap_or_default();
                found.push(format!("{trace} in {}: {line}", file.strip_prefix(data).unwrap().display()));
            }
        }
    }
    found
}

#[test]
fn no_planted_secret_is_in_the_data_directory() {
    let site = Site::new();
    let server = site.start();
    plant(&server);
    assert!(server.admin().count("select count(*) from rejects") > 0);
    server.stop();
    let found = traces(&site.data());
    assert!(found.is_empty(), "{}", found.join("\n"));
    let marks = lake::texts(&site.data().join("lake/errors"), "message").concat();
    assert!(marks.contains("could not draw for") && marks.contains("[email]") && marks.contains("[card]"), "{marks}");
}

#[test]
fn no_planted_secret_is_in_the_log_before_it_settles() {
    let site = Site::with_config(NEVER_SETTLES);
    let server = site.start();
    plant(&server);
    server.kill();
    let logged = files_below(&site.data().join("wal"));
    assert!(logged.iter().any(|file| std::fs::metadata(file).unwrap().len() > 10_000), "there is a log: {logged:?}");
    let found = traces(&site.data());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_log_of_the_program_names_no_secret() {
    let site = Site::new();
    let server = site.start();
    plant(&server);
    let log = server.log();
    for trace in TRACES {
        assert!(!log.contains(trace), "{trace} in the log:\n{log}");
    }
}
