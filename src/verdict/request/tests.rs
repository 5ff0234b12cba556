//! Tests of reading and checking requests.

use std::borrow::Cow;
use std::hash::RandomState;

use super::super::fixtures::{NOW, PlainNames};
use super::*;

fn problem(body: &str) -> String {
    let checked = VerdictRequest::parse(body.as_bytes())
        .and_then(|request| request.question(&PlainNames, NOW).map(|question| format!("allowed: {question:?}")));
    match checked {
        Err(VerdictError::Invalid { message, .. }) => message,
        other => panic!("{body} was not refused as invalid: {other:?}"),
    }
}

#[test]
fn bad_input_is_refused_and_names_the_field() {
    let long = "x".repeat(257);
    for (body, named) in [
        (r#"{"action":"pay","account":"a"}"#.to_owned(), "unknown field `account`"),
        (r#"{"account_id":"a"}"#.to_owned(), "missing field `action`"),
        (r#"{"action":null,"account_id":"a"}"#.to_owned(), "expected text"),
        (r#"{"action":"pay","action":"pay","account_id":"a"}"#.to_owned(), "duplicate field `action`"),
        (r#"{"action":"Pay","account_id":"a"}"#.to_owned(), "action must be"),
        (r#"{"action":"","account_id":"a"}"#.to_owned(), "action must be"),
        (format!(r#"{{"action":"{}","account_id":"a"}}"#, "a".repeat(65)), "action must be"),
        (r#"{"action":"pay"}"#.to_owned(), "name at least one entity"),
        (r#"{"action":"pay","account_id":null,"user_agent":"x"}"#.to_owned(), "name at least one entity"),
        (r#"{"action":"pay","account_id":""}"#.to_owned(), "account_id is empty"),
        (format!(r#"{{"action":"pay","device_id":"{long}"}}"#), "device_id is over 256 bytes"),
        (r#"{"action":"pay","guest_id":"a\nb"}"#.to_owned(), "guest_id holds a control character"),
        (r#"{"action":"pay","guest_id":"joe@example.com"}"#.to_owned(), "guest_id looks like an e-mail"),
        (r#"{"action":"pay","guest_id":7}"#.to_owned(), "expected text"),
        (r#"{"action":"pay","account_id":"a","request_id":""}"#.to_owned(), "request_id is empty"),
        (r#"{"action":"pay","ip":"203.0.113"}"#.to_owned(), "ip is not an IPv4 or IPv6 address"),
        (r#"{"action":"pay","ip":"203.0.113.7:80"}"#.to_owned(), "ip is not an IPv4 or IPv6 address"),
        (r#"{"action":"pay","email":"nobody"}"#.to_owned(), "email is not an e-mail address"),
        (r#"{"action":"pay","account_id":"a","cost_credits":-1}"#.to_owned(), "cost_credits must be 0 to"),
        (r#"{"action":"pay","account_id":"a","cost_credits":1000000001}"#.to_owned(), "cost_credits must be 0 to"),
        (r#"{"action":"pay","account_id":"a","cost_credits":1.5}"#.to_owned(), "cost_credits is not a whole number"),
        (r#"{"action":"pay","account_id":"a","cost_credits":"4"}"#.to_owned(), "cost_credits is not a whole number"),
        (r#"{"action":"pay","account_id":"a","cost_credits":99999999999999999999}"#.to_owned(), "cost_credits is not"),
        (r#"{"action":"pay","account_id":"a","explain":"all"}"#.to_owned(), "unknown variant `all`"),
        (r#"{"action":"pay","account_id":"a","dry_run":"yes"}"#.to_owned(), "invalid type: string \"yes\""),
        (r#"["pay",null,"a"]"#.to_owned(), "not a JSON object"),
        (String::new(), "not a JSON object"),
        (r#"{"action":"pay","account_id":"a"} x"#.to_owned(), "trailing characters"),
        (r#"{"action":"pay","account_id":"a""#.to_owned(), "EOF"),
        (format!(r#"{{"action":"pay","account_id":"a","user_agent":"{}"}}"#, "x".repeat(4_097)), "user_agent is over"),
        (format!("{{{}", " ".repeat(BODY_BYTES_MAX)), "at most 16384 bytes"),
    ] {
        let message = problem(&body);
        assert!(message.contains(named), "{body}\n  said {message}\n  not  {named}");
    }
}

#[test]
fn every_field_of_the_contract_is_read() {
    let body = r#"{"action":"generate","request_id":"r","account_id":"acct_1","guest_id":"gst_9","device_id":"dev_3",
        "session_id":"s_7","workspace_id":"ws_2","api_key_id":"k","referrer_id":"f","user_agent":"Mozilla/5.0",
        "ip":"203.0.113.7","card_hash":"c","email":"Joe@example.com","cost_credits":4,"dry_run":true,"explain":"rows"}"#;
    let request = VerdictRequest::parse(body.as_bytes()).unwrap();
    let question = request.question(&PlainNames, NOW).unwrap();
    let entities: Vec<(&str, &str)> =
        question.entities.iter().map(|entity| (entity.kind.name(), &*entity.id)).collect();
    assert_eq!(
        entities,
        [
            ("account", "acct_1"),
            ("guest", "gst_9"),
            ("device", "dev_3"),
            ("session", "s_7"),
            ("workspace", "ws_2"),
            ("api_key", "k"),
            ("referrer", "f"),
            ("card", "c"),
            ("wallet", "ws_2"),
            ("ip", "hash of 203.0.113.7"),
            ("ip", "old hash of 203.0.113.7"),
            ("ip_prefix", "203.0.113.0/24"),
            ("network", "64500"),
            ("email", "hash of joe at example.com"),
        ]
    );
    assert_eq!(question.id_of(EntityKind::Ip), Some("hash of 203.0.113.7"), "limits count under the current salt");
    assert_eq!((question.cost_credits, question.dry_run), (4, true));
    assert_eq!(request.explain, Some(Explain::Rows));
}

#[test]
fn a_wallet_is_the_workspace_else_the_account_else_the_guest() {
    for (ids, wallet) in [
        (r#""workspace_id":"w","account_id":"a","guest_id":"g""#, "w"),
        (r#""account_id":"a","guest_id":"g""#, "a"),
        (r#""guest_id":"g""#, "g"),
    ] {
        let body = format!(r#"{{"action":"pay",{ids}}}"#);
        let request = VerdictRequest::parse(body.as_bytes()).unwrap();
        let question = request.question(&PlainNames, NOW).unwrap();
        assert_eq!(question.id_of(EntityKind::Wallet), Some(wallet), "{ids}");
    }
}

#[test]
fn text_is_copied_only_where_it_holds_escapes() {
    let request = VerdictRequest::parse(br#"{"action":"pay","account_id":"plain","guest_id":"\u0061b"}"#).unwrap();
    assert!(matches!(request.account_id, Some(Text(Cow::Borrowed("plain")))));
    assert_eq!(request.guest_id, Some(Text(Cow::Owned("ab".to_owned()))));
}

#[test]
fn an_address_in_either_form_is_the_same_address() {
    let request = VerdictRequest::parse(br#"{"action":"pay","ip":"::ffff:203.0.113.7"}"#).unwrap();
    let question = request.question(&PlainNames, NOW).unwrap();
    assert_eq!(question.id_of(EntityKind::Ip), Some("hash of 203.0.113.7"));
}

#[test]
fn the_fingerprint_is_of_the_meaning_not_of_the_text() {
    let key = RandomState::new();
    let print = |body: &str| VerdictRequest::parse(body.as_bytes()).unwrap().fingerprint(&key);
    let first = print(r#"{"action":"pay","account_id":"a","cost_credits":4}"#);
    assert_eq!(first, print(r#"{ "cost_credits": 4, "account_id": "\u0061", "explain":"none", "action":"pay"}"#));
    assert_ne!(first, print(r#"{"action":"pay","account_id":"a","cost_credits":5}"#));
    assert_ne!(first, print(r#"{"action":"pay","guest_id":"a","cost_credits":4}"#));
    assert_ne!(first, print(r#"{"action":"bind","account_id":"a","cost_credits":4}"#));
}

#[test]
fn a_batch_is_an_array_of_at_most_a_thousand() {
    assert_eq!(VerdictRequest::split_batch(b"[]").unwrap().len(), 0);
    assert_eq!(VerdictRequest::split_batch(br#"[{"a":1}, 7]"#).unwrap()[1].get(), "7");
    let many = format!("[{}]", vec!["{}"; 1_001].join(","));
    assert!(VerdictRequest::split_batch(&many.as_bytes()[..many.len() - 4]).is_err(), "cut off");
    for refused in [many.as_str(), r#"{"action":"pay"}"#, "", "[{}"] {
        assert!(matches!(VerdictRequest::split_batch(refused.as_bytes()), Err(VerdictError::Invalid { .. })));
    }
}
