//! The policy's canary: personal data in every field leaves no trace in any cell, admitted or refused.

use super::*;

/// What must be nowhere, each in a form that scrubbing is to know.
const CANARIES: [&str; 6] = [
    "canary.jane@example.com",
    "4242424242424242",
    "203.0.113.77",
    "2001:db8:aa::77",
    "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2ln",
];

const KINDS: [(&str, &str); 8] = [
    ("usage", r#""name":"a","account_id":"a""#),
    ("error", r#""type":"E""#),
    ("device", r#""device_id":"d""#),
    ("log", r#""message":"m""#),
    ("credit", r#""op":"grant","amount":1,"account_id":"a""#),
    ("payment", r#""op":"failed","account_id":"a""#),
    ("identity", r#""op":"signup","account_id":"a""#),
    ("session", r#""status":"ok","session_id":"s""#),
];

const NAMES: [&str; 49] = [
    "id",
    "account_id",
    "guest_id",
    "device_id",
    "session_id",
    "workspace_id",
    "api_key_id",
    "ip",
    "user_agent",
    "release",
    "environment",
    "name",
    "status",
    "route",
    "model",
    "type",
    "message",
    "level",
    "culprit",
    "fingerprint",
    "screen",
    "timezone",
    "languages",
    "logger",
    "trace_id",
    "span_id",
    "op",
    "reason",
    "ref",
    "referrer_id",
    "currency",
    "plan",
    "card_hash",
    "decline_code",
    "provider",
    "provider_payment_id",
    "provider_customer_id",
    "provider_subscription_id",
    "method",
    "email",
    "country",
    "as_org",
    "browser",
    "browser_version",
    "os",
    "device_class",
    "ts",
    "kind",
    "unknown_field",
];

fn assert_traceless(judged: &Judged, canary: &str, event: &str) {
    let all = everything(judged);
    assert!(!all.contains(canary), "{canary} of {event} is in\n{all}");
    let digits: String = canary.chars().filter(char::is_ascii_digit).collect();
    assert!(digits.len() < 13 || !all.contains(&digits), "{canary} of {event} is in\n{all}");
}

/// The kind's own event with this field added, or put in place of the one it has.
fn with_field(kind: &str, own: &str, name: &str, json: &str) -> String {
    let mut event: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&format!(r#"{{"kind":"{kind}",{own}}}"#)).expect("JSON");
    event.insert(name.to_owned(), serde_json::from_str(json).expect("JSON"));
    serde_json::Value::Object(event).to_string()
}

#[test]
fn no_canary_in_any_field_of_any_kind_reaches_a_cell() {
    let judge = judge();
    for (kind, own) in KINDS {
        for name in NAMES {
            for canary in CANARIES {
                for text in [canary.to_owned(), format!("see {canary}, please")] {
                    let event = with_field(kind, own, name, &format!("\"{text}\""));
                    for sender in [server(), browser()] {
                        let judged = judge.judge(event.as_bytes(), &sender).expect("an object");
                        assert_balanced(&judged);
                        assert_traceless(&judged, canary, &event);
                    }
                }
            }
        }
    }
}

#[test]
fn no_canary_in_anything_nested_reaches_a_cell() {
    let judge = judge();
    for canary in CANARIES {
        for shape in [
            r#""properties":{"a":"CANARY"}"#,
            r#""properties":{"a":{"b":["x","CANARY"]}}"#,
            r#""properties":{"CANARY":1}"#,
            r#""properties":{"a\u0062":"say CANARY"}"#,
            r#""stack":[{"file":"CANARY","function":"CANARY","module":"at CANARY","vars":{"x":"CANARY"}}]"#,
            r#""stack":[{"file":"https://x.example/a.js?u=CANARY"}]"#,
            r#""breadcrumbs":[{"message":"CANARY","data":{"url":"/x?u=CANARY"},"CANARY":1}]"#,
            r#""CANARY":1"#,
            r#""colour":{"a":["CANARY"]}"#,
        ] {
            let event = format!(r#"{{"kind":"error","message":"m",{}}}"#, shape.replace("CANARY", canary));
            let judged = judge.judge(event.as_bytes(), &server()).expect("an object");
            assert_traceless(&judged, canary, &event);
        }
    }
}

#[test]
fn what_people_wrote_is_dropped_by_the_name_of_its_field() {
    for name in
        ["prompt", "text", "content", "message", "body", "full_name", "password", "cookie", "utm_source", "gclid"]
    {
        let event = format!(
            r#"{{"kind":"usage","name":"chat.send","account_id":"a","properties":{{"{name}":"canary words","size":12}}}}"#
        );
        let judged = judged(&event, &server());
        assert_eq!(judged.rejects, []);
        assert!(!everything(&judged).contains("canary"), "{name}");
        assert!(everything(&judged).contains(r#"\"size\":12"#), "what may stay stays");
    }
    let refused = r#"{"kind":"usage","account_id":"a","prompt":"canary words"}"#;
    assert!(!everything(&judged(refused, &server())).contains("canary"));
}

#[test]
fn address_agent_and_email_are_never_stored() {
    let event = r#"{"kind":"identity","op":"signup","account_id":"a","ip":"203.0.113.77","email":"canary@example.com",
        "user_agent":"Canary/1.0 (secret build 77)"}"#;
    let admitted = judged(event, &server());
    let refused = judged(&event.replace("signup", "nonsense"), &server());
    assert_eq!((admitted.rejects.len(), refused.rejects.len()), (0, 1));
    for gone in ["203.0.113.77", "canary@", "Canary/1.0", "secret build"] {
        assert!(!everything(&admitted).contains(gone), "{gone}");
        assert!(!everything(&refused).contains(gone), "{gone}");
    }
}

#[test]
fn who_opted_out_leaves_only_errors_without_device_session_or_address() {
    let sender = Sender { opted_out: true, ..browser() };
    let error = r#"{"kind":"error","message":"x","device_id":"dev_canary","session_id":"ses_canary","guest_id":"g"}"#;
    let (rows, head) = admitted(error, &sender);
    for null in ["device_id", "session_id", "ip_prefix", "ip_hash", "country", "asn"] {
        assert_eq!(rows.get(&head, null), None, "{null}");
    }
    assert_eq!(text(&rows, &head, "guest_id"), Some("g"));
    for event in [
        r#"{"kind":"usage","name":"a","guest_id":"gst_canary"}"#,
        r#"{"kind":"device","device_id":"dev_canary"}"#,
        r#"{"kind":"log","message":"canary","session_id":"ses_canary"}"#,
    ] {
        let judged = judged(event, &sender);
        assert_eq!(judged.rejects[0].code, RejectCode::ForbiddenKind);
        assert!(judged.rejects[0].message.contains("opted out"));
        assert!(!everything(&judged).contains("canary"), "the row of the refusal holds nothing of it");
    }
    let server = Sender { opted_out: true, ..server() };
    admitted(r#"{"kind":"usage","name":"a","guest_id":"g"}"#, &server);
}

#[test]
fn a_rejects_row_keeps_no_secret_of_the_event() {
    let event = r#"{"kind":"me@example.com","account_id":"me@example.com","note":"card 4242 4242 4242 4242"}"#;
    let judged = judged(event, &server());
    assert!(!everything(&judged).contains("me@example.com") && !everything(&judged).contains("4242"));
    let long = format!(r#"{{"kind":"usage","colour":"{}"}}"#, "x".repeat(5000));
    let judged = super::judged(&long, &server());
    assert_eq!(text(&judged.rows, &judged.rows.heads()[0], "event"), None, "too long to keep");
}
