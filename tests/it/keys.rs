//! Keys: who may do what, from where, how often and until when; and that every refusal has the one shape.

use serde_json::{Value, json};

use crate::events::usage;
use crate::http::{Client, tally};
use crate::server::{Site, eventually, files_below};

const SCOPES: [&str; 6] = ["ingest", "ingest_public", "verdict", "query", "review", "admin"];
const ANY: &[&str] = &SCOPES;
const NOBODY_NEED_BE_KNOWN: &[&str] = &[];
const SENDS: &[&str] = &["ingest", "ingest_public"];

/// Every route that programs use, and the scopes of which one is needed.
pub(crate) const ROUTES: &[(&str, &str, &[&str])] = &[
    ("GET", "/healthz", NOBODY_NEED_BE_KNOWN),
    ("POST", "/healthz", NOBODY_NEED_BE_KNOWN),
    ("GET", "/readyz", NOBODY_NEED_BE_KNOWN),
    ("OPTIONS", "/v1/events", NOBODY_NEED_BE_KNOWN),
    ("GET", "/metrics", ANY),
    ("GET", "/openapi.json", ANY),
    ("POST", "/v1/events", SENDS),
    ("POST", "/v1/track", SENDS),
    ("POST", "/api/{project}/envelope", SENDS),
    ("POST", "/api/{project}/store", SENDS),
    ("POST", "/v1/logs", SENDS),
    ("POST", "/v1/traces", SENDS),
    ("POST", "/v1/t", SENDS),
    ("POST", "/v1/identify", SENDS),
    ("POST", "/v1/i", SENDS),
    ("POST", "/v1/alias", SENDS),
    ("POST", "/v1/a", SENDS),
    ("POST", "/v1/page", SENDS),
    ("POST", "/v1/p", SENDS),
    ("POST", "/v1/screen", SENDS),
    ("POST", "/v1/s", SENDS),
    ("POST", "/v1/group", SENDS),
    ("POST", "/v1/g", SENDS),
    ("POST", "/v1/batch", SENDS),
    ("POST", "/v1/b", SENDS),
    ("GET", "/v1/projects/{writeKey}/settings", SENDS),
    ("POST", "/batch", SENDS),
    ("POST", "/e", SENDS),
    ("POST", "/i/v0/e", SENDS),
    ("POST", "/capture", SENDS),
    ("POST", "/track", SENDS),
    ("POST", "/engage", SENDS),
    ("POST", "/i/v1/analytics/events", SENDS),
    ("POST", "/s", SENDS),
    ("GET", "/api/surveys", SENDS),
    ("POST", "/flags", SENDS),
    ("POST", "/decide", SENDS),
    ("GET", "/array/{key}/config", SENDS),
    ("GET", "/array/{key}/config.js", SENDS),
    ("GET", "/api/0/organizations/{org}/", &["ingest"]),
    ("GET", "/api/0/organizations/{org}/chunk-upload/", &["ingest"]),
    ("POST", "/api/0/organizations/{org}/chunk-upload/", &["ingest"]),
    ("POST", "/api/0/organizations/{org}/artifactbundle/assemble/", &["ingest"]),
    ("POST", "/api/0/organizations/{org}/releases/", &["ingest"]),
    ("PUT", "/api/0/organizations/{org}/releases/{version}/", &["ingest"]),
    ("GET", "/v1/events/errors/{event_id}/stack", &["query"]),
    ("GET", "/v1/status", &["query"]),
    ("POST", "/v1/sql", &["query"]),
    ("GET", "/v1/tables", &["query"]),
    ("GET", "/v1/queries", &["query"]),
    ("GET", "/v1/queries/{name}", &["query"]),
    ("PUT", "/v1/queries/{name}", &["query"]),
    ("DELETE", "/v1/queries/{name}", &["query"]),
    ("GET", "/v1/dashboards", &["query"]),
    ("GET", "/v1/dashboards/{name}", &["query"]),
    ("PUT", "/v1/dashboards/{name}", &["query"]),
    ("DELETE", "/v1/dashboards/{name}", &["query"]),
    ("POST", "/v1/dashboards/{name}/panels", &["query"]),
    ("POST", "/v1/verdict", &["verdict"]),
    ("POST", "/v1/verdicts", &["verdict"]),
    ("GET", "/v1/check", &["verdict"]),
    ("POST", "/v1/check", &["verdict"]),
    ("GET", "/v1/check/{path}", &["verdict"]),
    ("POST", "/v1/check/{path}", &["verdict"]),
    ("PUT", "/v1/check/{path}", &["verdict"]),
    ("DELETE", "/v1/check/{path}", &["verdict"]),
    ("PATCH", "/v1/check/{path}", &["verdict"]),
    ("OPTIONS", "/v1/check/{path}", &["verdict"]),
    ("GET", "/v1/verdicts/stream", &["verdict"]),
    ("GET", "/v1/restrictions", &["verdict"]),
    ("GET", "/v1/decisions/{id}", &["review"]),
    ("GET", "/v1/entities/{kind}/{id}", &["review"]),
    ("GET", "/v1/overrides", &["review"]),
    ("PUT", "/v1/overrides", &["review"]),
    ("DELETE", "/v1/overrides", &["review"]),
    ("POST", "/v1/labels", &["review"]),
    ("GET", "/v1/issues", &["query"]),
    ("GET", "/v1/issues/{id}", &["query"]),
    ("PATCH", "/v1/issues/{id}", &["review"]),
    ("GET", "/v1/issues/{id}/events", &["query"]),
    ("POST", "/v1/issues/{id}/merge", &["review"]),
    ("POST", "/v1/issues/{id}/split", &["review"]),
    ("GET", "/v1/grouping", &["query"]),
    ("PUT", "/v1/grouping", &["review"]),
    ("POST", "/v1/grouping/preview", &["review"]),
    ("GET", "/v1/rules", &["review"]),
    ("GET", "/v1/rules/{id}", &["review"]),
    ("PUT", "/v1/rules/{id}", &["review"]),
    ("DELETE", "/v1/rules/{id}", &["review"]),
    ("POST", "/v1/rules/{id}/check", &["review"]),
    ("PUT", "/v1/rules/{id}/mode", &["review"]),
    ("POST", "/v1/rules/{id}/snooze", &["review"]),
    ("DELETE", "/v1/rules/{id}/snooze", &["review"]),
    ("POST", "/v1/rules/{id}/backtest", &["review"]),
    ("GET", "/v1/audit", &["admin"]),
    ("GET", "/v1/keys", &["admin"]),
    ("POST", "/v1/keys", &["admin"]),
    ("DELETE", "/v1/keys/{id}", &["admin"]),
];

fn ask(client: &Client, method: &str, path: &str) -> crate::http::Reply {
    // A stream that is asked for rightly has no end.
    let path = path.replace("{id}", "none").replace("{name}", "none").replace("{path}", "none");
    let path = path.replace("{kind}", "none").replace("{project}", "1").replace("{event_id}", "none");
    let path = path.replace("{org}", "none").replace("{version}", "none");
    // SDKs show their key in these.
    let path = path.replace("{key}", client.key_or_none()).replace("{writeKey}", client.key_or_none());
    let path = path.replace("/stream", "/stream?none=1");
    let body = matches!(method, "POST" | "PUT" | "PATCH").then_some(b"{".as_slice());
    client.send(method, &path, &[], body)
}

#[test]
fn every_route_opens_to_its_scopes_alone() {
    let site = Site::new();
    let server = site.start();
    let strangers = [
        server.anonymous(),
        server.with_key("wk_admin_notTheSecretOfTheAdminKey000"),
        server.with_key("wk_nobody_notTheSecretOfAnybody0000000"),
        server.with_key("nonsense"),
    ];
    let guarded = ROUTES.iter().filter(|(_, _, scopes)| !scopes.is_empty());
    for (method, path, _) in guarded.clone() {
        for stranger in &strangers {
            let answer = ask(stranger, method, path);
            // Sentry's libraries know a wrong key by 403.
            if path.starts_with("/api/{project}") {
                answer.refusal(403);
                continue;
            }
            assert_eq!(answer.refusal(401), "unauthorized", "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    for scope in SCOPES {
        let client = server.scope(scope);
        for (method, path, opened_by) in guarded.clone() {
            let answer = ask(&client, method, path);
            if opened_by.contains(&scope) {
                assert!(!matches!(answer.status, 401 | 403), "{scope}: {method} {path}: {}", answer.text());
            } else {
                assert_eq!(answer.refusal(403), "forbidden", "{scope}: {method} {path}");
            }
        }
    }
}

#[test]
fn the_matrix_above_names_every_documented_route() {
    let site = Site::new();
    let server = site.start();
    let document = server.admin().get("/openapi.json").expect(200);
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let listed = ROUTES.iter().any(|(m, p, _)| m.eq_ignore_ascii_case(method) && p == path);
            assert!(listed, "{method} {path} is in no line of the matrix");
        }
    }
}

#[test]
fn no_spelling_of_a_path_gets_past_the_key() {
    let site = Site::new();
    let server = site.start();
    let anonymous = server.anonymous();
    for path in [
        "//v1/status",
        "/v1//status",
        "/v1%2fstatus",
        "/v1/./status",
        "/healthz/../v1/status",
        "/v1/status/",
        "/V1/STATUS",
        "/v1/status%00",
        "/static/../v1/status",
        "/static/..%2fv1%2fstatus",
        "/static/..%2f..%2fCargo.toml",
        "/v1/status;x=1",
        "/v1/keys?x=/healthz",
    ] {
        let raw = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = anonymous.raw(raw.as_bytes());
        let status = answer.get(9..12).unwrap_or_default();
        assert!(["400", "401", "404"].contains(&status), "{path}: {answer}");
        assert!(!answer.contains("workspace"), "{path}: {answer}");
    }
}

#[test]
fn a_key_is_shown_once_and_is_one_word() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    let made = admin.post("/v1/keys", &json!({"name": "shop1", "scopes": ["ingest", "verdict"]})).expect(200);
    let names: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 4, "{made}");
    assert_eq!((&made["name"], &made["scopes"]), (&json!("shop1"), &json!(["ingest", "verdict"])));
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("wk_shop1_"));
    assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{key} matches \\w+");
    let secret = key.rsplit('_').next().unwrap();
    assert!(secret.len() >= 24, "{key}");
    let list = admin.get("/v1/keys");
    assert!(!list.text().contains(secret) && list.text().contains("shop1"), "{}", list.text());
    assert_eq!(tally(&server.with_key(key).events(&usage("one"))), (1, 0, 0));
    let altered = format!("{}{}", &key[..key.len() - 1], if key.ends_with('x') { 'y' } else { 'x' });
    server.with_key(&altered).events_raw("{}").refusal(401);
    server.stop();
    for file in files_below(&site.data()) {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "the secret stands in {}", file.display());
    }
    let server = site.start();
    assert_eq!(tally(&server.with_key(key).events(&usage("two"))), (1, 0, 0), "a key outlives a restart");
}

#[test]
fn names_are_unique_and_plain_and_unknown_fields_are_named() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    let make = |body: Value| admin.post("/v1/keys", &body);
    make(json!({"name": "shop", "scopes": ["ingest"]})).expect(200);
    make(json!({"name": "shop", "scopes": ["query"]})).refusal(409);
    for name in ["", "Shop", "a-b", "a_b", "a b", "ä", "../x"] {
        make(json!({"name": name, "scopes": ["ingest"]})).refusal(400);
    }
    make(json!({"name": "x", "scopes": []})).refusal(400);
    make(json!({"name": "x", "scopes": ["root"]})).refusal_naming(400, "root");
    make(json!({"name": "x", "scopes": ["ingest"], "colour": "red"})).refusal_naming(400, "colour");
    make(json!({"name": "x"})).refusal_naming(400, "scopes");
    make(json!({"name": "x", "scopes": ["ingest"], "rate": "many"})).refusal_naming(400, "many");
    make(json!({"name": "x", "scopes": ["ingest"], "expires_at": "2020-01-01T00:00:00Z"}))
        .refusal_naming(400, "expires_at");
    make(json!({"name": "x", "scopes": ["ingest_public"], "origins": ["app.example"]}))
        .refusal_naming(400, "app.example");
    let listed = admin.get("/v1/keys").expect(200);
    let shops = listed["keys"].as_array().unwrap().iter().filter(|key| key["name"] == "shop").count();
    assert_eq!(shops, 1, "{listed}");
    admin.delete("/v1/keys/none").refusal(404);
}

#[test]
fn a_revoked_key_is_refused_at_once_and_its_name_is_free() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    let made = admin.post("/v1/keys", &json!({"name": "gone", "scopes": ["ingest"]})).expect(200);
    let client = server.with_key(made["key"].as_str().unwrap());
    client.events(&usage("before"));
    let revoked = admin.delete(&format!("/v1/keys/{}", made["id"].as_str().unwrap()));
    assert_eq!(revoked.status, 204);
    client.events_raw(usage("after").to_string()).refusal(401);
    assert_eq!(admin.count("select count(*) from usage"), 1);
    server.kill();
    let server = site.start();
    server.with_key(client.key()).events_raw(usage("later").to_string()).refusal(401);
}

#[test]
fn a_key_ends_when_it_expires() {
    let site = Site::new();
    let server = site.start();
    let end = chrono::Utc::now().timestamp_millis() + 2_500;
    let client = server.key(&json!({"name": "short", "scopes": ["query"], "expires_at": end}));
    client.get("/v1/tables").expect(200);
    eventually("the key has expired", || (client.get("/v1/tables").status == 401).then_some(()));
    assert!(chrono::Utc::now().timestamp_millis() >= end, "not before its time");
}

#[test]
fn only_the_origins_of_a_key_may_use_it_from_a_page() {
    let site = Site::new();
    let server = site.start();
    let (ours, theirs) = ("https://app.example", "https://evil.example");
    let browser = server.key(&json!({"name": "web", "scopes": ["ingest_public"], "origins": [ours]}));
    let plain = server.scope("ingest");
    let preflight = |origin| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type"),
        ];
        server.anonymous().send("OPTIONS", "/v1/events", &headers, None)
    };
    let allowed = preflight(ours);
    assert!(matches!(allowed.status, 200 | 204));
    assert_eq!(allowed.header("access-control-allow-origin"), Some(ours));
    assert!(allowed.header("access-control-allow-methods").unwrap().contains("POST"));
    let headers = allowed.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
    for name in ["authorization", "content-type", "content-encoding", "idempotency-key"] {
        assert!(headers.contains(name), "{headers}");
    }
    assert!(allowed.header("access-control-allow-credentials").is_none());
    assert_eq!(preflight(theirs).header("access-control-allow-origin"), None);
    let event = usage("x").to_string();
    let from =
        |client: &Client, origin| client.send("POST", "/v1/events", &[("origin", origin)], Some(event.as_bytes()));
    let sent = from(&browser, ours);
    assert_eq!(tally(&sent.outcome()), (1, 0, 0));
    assert_eq!(sent.header("access-control-allow-origin"), Some(ours));
    assert!(sent.header("vary").unwrap().to_ascii_lowercase().contains("origin"));
    for (client, origin) in [(&browser, theirs), (&browser, "null"), (&plain, ours), (&plain, theirs)] {
        let refused = from(client, origin);
        refused.refusal(403);
        assert_eq!(refused.header("access-control-allow-origin"), None, "{origin}");
    }
    for path in ["/v1/sql", "/v1/verdict", "/v1/keys"] {
        let answer = server.admin().send("POST", path, &[("origin", ours)], Some(b"{}"));
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path} is not for pages of others");
    }
}

#[test]
fn a_key_over_its_rate_is_told_when_to_come_back() {
    let site = Site::new();
    let server = site.start();
    let slow = server.key(&json!({"name": "slow", "scopes": ["ingest"], "rate": "3/min"}));
    let free = server.key(&json!({"name": "free", "scopes": ["ingest"]}));
    for number in 0..3 {
        slow.events(&usage(&format!("s{number}")));
    }
    let refused = slow.events_raw(usage("s3").to_string());
    refused.refusal(429);
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    free.events(&usage("f"));
    assert_eq!(server.admin().count("select count(*) from usage"), 4);
}

#[test]
fn columns_beyond_a_keys_purposes_are_not_there() {
    let site = Site::new();
    let server = site.start();
    let plain = server.scope("query");
    let full = server.key(&json!({"name": "full", "scopes": ["query"], "purposes": ["operate", "product", "reliability", "billing", "abuse"]}));
    server
        .admin()
        .events(&json!({"kind": "usage", "name": "x", "account_id": "a", "device_id": "d", "ip": "203.0.113.7"}));
    let statement = |sql: &str| json!({"sql": sql});
    for sql in [
        "select device_id from usage",
        "select count(*) from usage where ip_hash is not null",
        "select u.account_id from usage u order by u.device_id",
        "select device_id from events",
    ] {
        assert_eq!(full.post("/v1/sql", &statement(sql)).status, 200, "{sql}");
        plain.post("/v1/sql", &statement(sql)).refusal(400);
    }
    let star = plain.post("/v1/sql", &statement("select * from usage")).expect(200);
    assert!(!star["columns"].to_string().contains("device_id") && star["columns"].to_string().contains("account_id"));
    let tables = plain.get("/v1/tables").expect(200);
    let usage = tables["tables"].as_array().unwrap().iter().find(|table| table["name"] == "usage").unwrap();
    let column =
        |name: &str| usage["columns"].as_array().unwrap().iter().find(|column| column["name"] == name).unwrap().clone();
    assert_eq!((&column("device_id")["visible"], &column("account_id")["visible"]), (&json!(false), &json!(true)));
}

#[test]
fn a_view_of_columns_beyond_a_keys_purposes_is_not_there_and_says_so() {
    let site = Site::new();
    let server = site.start();
    let plain =
        server.key(&json!({"name": "product", "scopes": ["query"], "purposes": ["operate", "product", "reliability"]}));
    server.admin().events(&json!([
        {"kind": "credit", "op": "grant", "amount": 50, "ref": "g-1", "guest_id": "g"},
        {"kind": "identity", "op": "bind", "guest_id": "g", "account_id": "a"},
        {"kind": "session", "session_id": "s", "status": "exited", "account_id": "a"},
    ]));
    let ask = |key: &Client, sql: &str| key.post("/v1/sql", &json!({"sql": sql}));
    let refused = ask(&plain, "select wallet, balance from ledger");
    refused.refusal_naming(400, "the view ledger is not there");
    assert!(refused.text().contains("operate, product, reliability"), "{}", refused.text());
    assert_eq!(ask(&server.admin(), "select wallet, balance from ledger").expect(200)["rows"], json!([["g", 50]]));
    // Views that need no such column are whole.
    assert_eq!(ask(&plain, "select person_id from people where id = 'g'").expect(200)["rows"], json!([["a"]]));
    assert_eq!(ask(&plain, "select sessions, users from release_health").expect(200)["rows"], json!([[1, 1]]));
    ask(&plain, "select device_id from events").refusal_naming(400, "device_id");
    assert!(ask(&plain, "select count(*) from events").expect(200)["rows"][0][0].is_u64());

    let tables = plain.get("/v1/tables").expect(200);
    let view =
        |name: &str| tables["views"].as_array().unwrap().iter().find(|view| view["name"] == name).unwrap().clone();
    assert_eq!((&view("ledger")["visible"], &view("people")["visible"]), (&json!(false), &json!(true)));
    let column = |view: &Value, name: &str| {
        view["columns"].as_array().unwrap().iter().find(|column| column["name"] == name).unwrap().clone()
    };
    let events = view("events");
    assert_eq!(
        (&column(&events, "device_id")["visible"], &column(&events, "ts")["visible"]),
        (&json!(false), &json!(true))
    );
    let balance = column(&view("ledger"), "balance");
    assert_eq!(
        (&balance["type"], &balance["nullable"], &balance["visible"]),
        (&json!("bigint"), &json!(false), &json!(false))
    );
    assert!(balance["doc"].as_str().unwrap().contains("credits left"));
}

#[test]
fn every_refusal_has_the_one_shape() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    admin.get("/nothing/here").refusal(404);
    admin.get("/v1/queries/no_such_query").refusal(404);
    for (method, path) in [("DELETE", "/v1/events"), ("PUT", "/v1/sql"), ("PATCH", "/v1/keys"), ("POST", "/v1/status")]
    {
        let answer = admin.send(method, path, &[], None);
        answer.refusal(405);
        assert!(answer.header("allow").is_some(), "{method} {path}");
    }
    admin.send("POST", "/v1/sql", &[], Some(b"{\"sql\":")).refusal(400);
    admin.post("/v1/sql", &json!({"sql": "select 1", "timeout": 5})).refusal_naming(400, "timeout");
    admin.post("/v1/sql", &json!({"statement": "select 1"})).refusal_naming(400, "statement");
    admin.post("/v1/verdict", &json!({"action": "generate", "guest_id": "g", "guest": 1})).refusal_naming(400, "guest");
    admin.send("POST", "/v1/sql", &[("accept", "image/png")], Some(b"{\"sql\":\"select 1\"}")).refusal(406);
    admin.send("POST", "/v1/events", &[("content-encoding", "rot13")], Some(b"{}")).refusal(415);
    admin.send("POST", "/v1/verdict", &[], Some(&[b' '; 40_000])).refusal(413);
    server.anonymous().get("/v1/status").refusal(401);
    server.scope("verdict").get("/v1/status").refusal(403);
}
