//! The judge as its callers see it: every code, every kind, and what must never reach a cell.

use std::fmt::Write;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::kind::Kind;
use crate::row::{Head, Trust, Value};
use crate::schema::TableSchema;
use crate::sender::Source;

mod codes;
mod privacy;
mod rows;

/// 2026-11-22T10:00:00Z.
pub(crate) const NOW: i64 = 1_795_341_600_000_000;
const DAY_US: i64 = 86_400_000_000;

pub(crate) fn judge() -> Judge {
    let enricher = Enricher::new([1; 32], Arc::new(|_| [2; 32]), None, None);
    Judge::new(Limits::default(), Fingerprinter::new([3; 32]), Arc::new(enricher))
}

pub(crate) fn server() -> Sender {
    Sender {
        key: "app".into(),
        trust: Trust::Server,
        source: Source::Native,
        historical: false,
        peer: None,
        user_agent: None,
        opted_out: false,
        idempotency_key: None,
        now: NOW,
    }
}

fn browser() -> Sender {
    Sender {
        key: "web".into(),
        trust: Trust::Public,
        peer: Some("198.51.100.9".parse().expect("an address")),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0".into()),
        ..server()
    }
}

fn judged(body: &str, sender: &Sender) -> Judged {
    let judged = judge().judge(body.as_bytes(), sender).unwrap_or_else(|error| panic!("{error}: {body}"));
    assert_balanced(&judged);
    judged
}

/// One outcome an event: `received = rows of its own kind + rejects`, and each reject has its row.
fn assert_balanced(judged: &Judged) {
    let rejected = judged.rows.heads().iter().filter(|head| head.kind == Kind::Rejects).count();
    assert_eq!(rejected, judged.rejects.len());
    assert_eq!(judged.rows.len(), judged.received as usize);
    assert!(judged.rejects.is_sorted_by_key(|reject| reject.index));
}

/// The only row of a body of one event, which must have been admitted.
fn admitted(event: &str, sender: &Sender) -> (Rows, Head) {
    let judged = judged(event, sender);
    assert_eq!(judged.rejects, [], "{event}");
    let head = judged.rows.heads()[0];
    assert!(head.fingerprint.is_some());
    (judged.rows, head)
}

/// The code and message of the only event of a body, which must have been refused.
fn refused(event: &str, sender: &Sender) -> (RejectCode, String) {
    let judged = judged(event, sender);
    let [reject] = &judged.rejects[..] else { panic!("{event} was admitted") };
    (reject.code, reject.message.clone())
}

fn text<'a>(rows: &'a Rows, head: &Head, column: &str) -> Option<&'a str> {
    match rows.get(head, column) {
        Some(Value::Text(text)) => Some(text),
        None => None,
        Some(other) => panic!("{column} is {other:?}"),
    }
}

/// All that a body left behind, as one text.
fn everything(judged: &Judged) -> String {
    let mut all = String::new();
    for head in judged.rows.heads() {
        for (place, value) in judged.rows.cells(head) {
            let column = TableSchema::of(head.kind).columns()[place].name;
            let _ = writeln!(all, "{}.{column} = {value:?}", head.kind.table());
        }
    }
    for reject in &judged.rejects {
        let _ = writeln!(all, "{}", reject.message);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_never_panic_and_always_balance(body in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(judged) = judge().judge(&body, &server()) {
            assert_balanced(&judged);
        }
    }

    #[test]
    fn arbitrary_lines_have_one_outcome_each(events in proptest::collection::vec(arbitrary_event(), 1..12)) {
        let judge = judge();
        for sender in [server(), browser()] {
            let body = events.join("\n");
            match judge.judge(body.as_bytes(), &sender) {
                Ok(judged) => {
                    assert_balanced(&judged);
                    prop_assert_eq!(judged.received as usize, events.len());
                }
                Err(error) => prop_assert!(matches!(error, BodyError::Unreadable(_)), "{}", error),
            }
            if let Ok(judged) = judge.judge(format!("[{}]", events.join(",")).as_bytes(), &sender) {
                assert_balanced(&judged);
            }
        }
    }
}

/// Events that are nearly right: real names, values of every type, now and then a torn line.
fn arbitrary_event() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        "kind|id|ts|name|op|amount|status|message|type|level|account_id|guest_id|ip|email|user_agent|stack|properties|release",
        "[a-z_]{1,12}",
        "\\PC{1,6}",
    ];
    let value = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_filter("JSON", |value| value.is_finite()).prop_map(|value| value.to_string()),
        "usage|error|device|log|credit|payment|identity|session|grant|bind|ok".prop_map(|word| format!("\"{word}\"")),
        "\\PC{0,30}".prop_map(|text| serde_json::Value::String(text).to_string()),
        Just("[]".to_owned()),
        Just("{\"a\":[{\"b\":1}]}".to_owned()),
        Just("\"2026-11-22T09:59:00Z\"".to_owned()),
    ];
    let fields = proptest::collection::vec((name, value), 0..8).prop_map(|fields| {
        let fields: Vec<String> =
            fields.into_iter().map(|(name, value)| format!("{}:{value}", serde_json::Value::String(name))).collect();
        format!("{{{}}}", fields.join(","))
    });
    (fields, 0..20_usize).prop_map(|(event, torn)| if torn == 0 { event[..1].to_owned() } else { event })
}
