//! Events of every kind become the cells they should.

use super::*;

#[test]
fn a_usage_event_fills_its_cells_and_no_others() {
    let event = r#"{"id":"e-1","kind":"usage","ts":"2026-11-22T09:59:59.123456Z","name":"image.generate","status":"ok",
        "duration_ms":812.0,"account_id":"acct_1","guest_id":"gst_9","device_id":"dev_3","session_id":"s_7",
        "workspace_id":"ws_2","api_key_id":null,"ip":"203.0.113.7","release":"2.4.1","environment":"production",
        "route":"/make?q=1","model":"studio-xl","quantity":1,"properties":{"ratio":"16:9"},
        "user_agent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36"}"#;
    let (rows, head) = admitted(&event.replace('\n', " "), &server());
    assert_eq!(head.kind, Kind::Usage);
    for (column, value) in [
        ("event_id", "e-1"),
        ("trust", "server"),
        ("source", "native"),
        ("name", "image.generate"),
        ("status", "ok"),
        ("account_id", "acct_1"),
        ("guest_id", "gst_9"),
        ("device_id", "dev_3"),
        ("session_id", "s_7"),
        ("workspace_id", "ws_2"),
        ("ip_prefix", "203.0.113.0/24"),
        ("release", "2.4.1"),
        ("environment", "production"),
        ("route", "/make"),
        ("model", "studio-xl"),
        ("properties", r#"{"ratio":"16:9"}"#),
        ("browser", "Chrome"),
        ("browser_version", "129"),
        ("os", "Windows"),
        ("device_class", "desktop"),
    ] {
        assert_eq!(text(&rows, &head, column), Some(value), "{column}");
    }
    assert_eq!(rows.get(&head, "ts"), Some(Value::Time(NOW - 876_544)));
    assert_eq!(rows.get(&head, "duration_ms"), Some(Value::Int(812)));
    assert_eq!(rows.get(&head, "quantity"), Some(Value::Int(1)));
    assert_eq!(rows.get(&head, "is_bot"), Some(Value::Bool(false)));
    assert_eq!(text(&rows, &head, "ip_hash").map(str::len), Some(32));
    for null in ["received_at", "seq", "api_key_id", "country", "asn"] {
        assert_eq!(rows.get(&head, null), None, "{null}");
    }
}

#[test]
fn ledger_billing_and_identity_events() {
    let (rows, head) = admitted(
        r#"{"kind":"credit","op":"grant","amount":9007199254740993,"balance_after":-2,"reason":"guest_grant","ref":"g-1",
            "guest_id":"gst_9","referrer_id":"acct_2"}"#,
        &server(),
    );
    assert_eq!(rows.get(&head, "amount"), Some(Value::Int(9_007_199_254_740_993)), "no float touched it");
    assert_eq!(rows.get(&head, "balance_after"), Some(Value::Int(-2)));
    assert_eq!(text(&rows, &head, "ref"), Some("g-1"));

    let (rows, head) = admitted(
        r#"{"kind":"payment","op":"failed","amount_minor":1900,"currency":"eur","card_hash":"c_1","account_id":"a"}"#,
        &server(),
    );
    assert_eq!(rows.get(&head, "amount_minor"), Some(Value::Int(1900)));
    assert_eq!(text(&rows, &head, "currency"), Some("EUR"));

    let (rows, head) =
        admitted(r#"{"kind":"identity","op":"signup","email":" Jane+1@Mailinator.com","account_id":"a"}"#, &server());
    assert_eq!(text(&rows, &head, "email_domain"), Some("mailinator.com"));
    assert_eq!(rows.get(&head, "email_disposable"), Some(Value::Bool(true)));
    assert_ne!(text(&rows, &head, "email_hash"), text(&rows, &head, "email_root_hash"));
    assert_eq!(text(&rows, &head, "email_hash").map(str::len), Some(32));
}

#[test]
fn error_device_log_and_session_events() {
    let (rows, head) = admitted(
        r#"{"kind":"error","type":"TypeError","message":"x is undefined","handled":false,
            "stack":[{"file":"v.js","function":"call"},{"file":"app.js","function":"draw","line":3,"in_app":true}],
            "breadcrumbs":[{"category":"ui"}]}"#,
        &server(),
    );
    assert_eq!(text(&rows, &head, "level"), Some("error"), "the default");
    assert_eq!(text(&rows, &head, "culprit"), Some("draw in app.js"));
    let Some(Value::Frames(frames)) = rows.get(&head, "frames") else { panic!("no frames") };
    assert_eq!(frames.iter().map(|frame| frame.line).collect::<Vec<_>>(), [None, Some(3)]);
    assert_eq!(text(&rows, &head, "breadcrumbs"), Some(r#"[{"category":"ui"}]"#));
    assert_eq!(rows.get(&head, "handled"), Some(Value::Bool(false)));

    let (rows, head) = admitted(
        r#"{"kind":"device","fingerprint":"fp_1","screen":"1512x982","timezone":"Europe/Berlin","languages":["de","en"],
            "webdriver":false,"first_seen_hint":1700000000000,"device_id":"dev_3"}"#,
        &server(),
    );
    assert_eq!(text(&rows, &head, "languages"), Some("de,en"));
    assert_eq!(rows.get(&head, "first_seen_hint"), Some(Value::Time(1_700_000_000_000_000)));

    let (rows, head) = admitted(r#"{"kind":"log","level":"WARNING","message":"slow","trace_id":"t1"}"#, &server());
    assert_eq!(text(&rows, &head, "level"), Some("warn"));

    let event = r#"{"kind":"session","status":"crashed","session_id":"s","started":"2026-11-22T09:00:00Z","errors":2}"#;
    let (rows, head) = admitted(event, &server());
    assert_eq!(text(&rows, &head, "status"), Some("crashed"));
    assert_eq!(rows.get(&head, "errors"), Some(Value::Int(2)));
}

#[test]
fn messages_are_cut_at_a_characters_end_after_scrubbing() {
    let message = format!("{}jane@example.com", "é".repeat(1023));
    let (rows, head) = admitted(&format!(r#"{{"kind":"log","message":"{message}"}}"#), &server());
    let kept = text(&rows, &head, "message").expect("kept");
    assert!(kept.len() <= 2048 && !kept.contains("jane@"), "{}", kept.len());
    let (rows, head) = admitted(&format!(r#"{{"kind":"log","message":"{}"}}"#, "é".repeat(5000)), &server());
    assert_eq!(text(&rows, &head, "message").map(str::len), Some(2048));
}

#[test]
fn a_browsers_address_and_agent_are_the_requests_own() {
    let event =
        r#"{"kind":"usage","name":"page.view","guest_id":"g","ip":"8.8.8.8","country":"US","asn":15169,"is_bot":true}"#;
    let (rows, head) = admitted(event, &browser());
    assert_eq!(text(&rows, &head, "trust"), Some("public"));
    assert_eq!(text(&rows, &head, "ip_prefix"), Some("198.51.100.0/24"), "not the one it claims");
    assert_eq!(rows.get(&head, "country"), None);
    assert_eq!(rows.get(&head, "asn"), None);
    assert_eq!(rows.get(&head, "is_bot"), Some(Value::Bool(false)));
    assert_eq!(text(&rows, &head, "browser"), Some("Firefox"));

    let through_server = Sender { user_agent: Some("curl/8".into()), peer: browser().peer, ..server() };
    let (rows, head) = admitted(r#"{"kind":"usage","name":"page.view","guest_id":"g"}"#, &through_server);
    assert_eq!(rows.get(&head, "ip_prefix"), None, "a server's own address says nothing of the person");
    assert_eq!(rows.get(&head, "device_class"), None);
}

#[test]
fn a_servers_word_goes_before_what_is_looked_up() {
    let event = r#"{"kind":"usage","name":"a","guest_id":"g","ip":"203.0.113.7","country":"de","asn":64500,"as_org":"Net",
        "browser":"App","is_bot":true,"user_agent":"curl/8.5.0"}"#;
    let (rows, head) = admitted(event, &server());
    assert_eq!(text(&rows, &head, "country"), Some("DE"));
    assert_eq!(rows.get(&head, "asn"), Some(Value::Int(64500)));
    assert_eq!(text(&rows, &head, "browser"), Some("App"));
    assert_eq!(rows.get(&head, "is_bot"), Some(Value::Bool(true)));
    assert_eq!(text(&rows, &head, "device_class"), Some("other"));
}

#[test]
fn ids_are_made_and_the_same_again_under_an_idempotency_key() {
    let body = "{\"kind\":\"log\",\"message\":\"a\"}\n{\"kind\":\"log\",\"message\":\"a\"}\n{\"id\":\"own\",\"kind\":\"log\",\"message\":\"a\"}";
    let ids = |sender: &Sender| -> Vec<String> {
        let judged = judged(body, sender);
        let id = |head| text(&judged.rows, head, "event_id").expect("an id").to_owned();
        judged.rows.heads().iter().map(id).collect()
    };
    let keyed = Sender { idempotency_key: Some("K".into()), ..server() };
    let first = ids(&keyed);
    assert_eq!(first, ids(&keyed));
    assert_eq!(first[2], "own");
    assert_ne!(first[0], first[1]);
    assert_ne!(first[0], ids(&Sender { key: "other".into(), ..keyed.clone() })[0]);
    assert_ne!(first[0], ids(&Sender { idempotency_key: Some("L".into()), ..keyed })[0]);
    let fresh = ids(&server());
    assert_ne!(fresh[0], fresh[1]);
    assert!(fresh[0].as_bytes()[14] == b'7', "{}", fresh[0]);
}

#[test]
fn the_fingerprint_is_of_trust_kind_and_id() {
    let of = |event: &str, sender: &Sender| admitted(event, sender).1.fingerprint;
    let log = r#"{"id":"x","kind":"log","message":"a"}"#;
    assert_eq!(of(log, &server()), of(&log.replace("\"a\"", "\"b\""), &server()));
    assert_ne!(of(log, &server()), of(log, &browser()));
    assert_ne!(of(log, &server()), of(r#"{"id":"x","kind":"error","message":"a"}"#, &server()));
    assert_eq!(of(log, &server()), Some(Fingerprinter::new([3; 32]).of(Trust::Server, Kind::Logs, "x")));
}

#[test]
fn a_missing_time_is_now() {
    let (rows, head) = admitted(r#"{"kind":"log","message":"a"}"#, &server());
    assert_eq!(rows.get(&head, "ts"), Some(Value::Time(NOW)));
}
