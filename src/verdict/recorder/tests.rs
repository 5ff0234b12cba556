//! Tests of the recording of decisions.

use std::sync::Mutex;

use queries::StepUp;

use super::super::fixtures::{NOW, PlainNames, SECOND};
use super::super::request::VerdictRequest;
use super::*;

type Taken = Arc<Mutex<Vec<Rows>>>;

fn recorder() -> (Recorder, Taken) {
    let taken = Taken::default();
    let recorder = Recorder::new({
        let taken = Arc::clone(&taken);
        Arc::new(move |rows| {
            taken.lock().unwrap().push(rows);
            Ok(())
        })
    });
    (recorder, taken)
}

fn decision(verdict: Verdict, at: i64) -> Decision {
    Decision {
        id: super::super::decisions::new_id(at),
        at,
        verdict,
        step_up: StepUp::Review,
        score: 63,
        retry_after_ms: None,
        expires_at: at,
        cache_ttl_ms: 0,
        reasons: Box::default(),
        shadow: Box::default(),
        policy_version: "p1".into(),
        data_as_of: None,
        degraded: true,
        subject: "pay".into(),
    }
}

fn weights(taken: &Taken, verdict: &str) -> (usize, i64) {
    let taken = taken.lock().unwrap();
    let weights: Vec<i64> = taken
        .iter()
        .flat_map(|rows| rows.heads().iter().map(move |head| (rows, head)))
        .filter(|(rows, head)| rows.get(head, "verdict") == Some(Value::Text(verdict)))
        .map(|(rows, head)| match rows.get(head, "weight") {
            Some(Value::Int(weight)) => weight,
            other => panic!("weight is {other:?}"),
        })
        .collect();
    (weights.len(), weights.iter().sum())
}

#[test]
fn a_decision_becomes_a_row_with_every_column() {
    let (recorder, taken) = recorder();
    let request = VerdictRequest::parse(
        br#"{"action":"pay","request_id":"r","account_id":"a","guest_id":"g","device_id":"d","session_id":"s",
            "workspace_id":"w","api_key_id":"k","ip":"203.0.113.7","card_hash":"c","cost_credits":4}"#,
    )
    .unwrap();
    let question = request.question(&PlainNames, NOW).unwrap();
    let reason = Reason {
        rule: "many".into(),
        version: "v".into(),
        entity_kind: queries::EntityKind::Card,
        entity: "c".into(),
        verdict: "throttle",
        observed: 6,
        threshold: 4,
        window: "24h".into(),
        points: 40,
        until: NOW,
    };
    let decision = Decision { reasons: Box::new([reason]), ..decision(Verdict::Throttle, NOW) };
    recorder.record(&decision, &question, 3);
    assert_eq!(recorder.status().waiting, 1);
    recorder.flush();
    let taken = taken.lock().unwrap();
    let head = taken[0].heads()[0];
    let id = decision.id.to_string();
    for (column, value) in [
        ("event_id", Some(Value::Text(&id))),
        ("ts", Some(Value::Time(NOW))),
        ("received_at", None),
        ("trust", Some(Value::Text("server"))),
        ("source", Some(Value::Text("native"))),
        ("account_id", Some(Value::Text("a"))),
        ("guest_id", Some(Value::Text("g"))),
        ("device_id", Some(Value::Text("d"))),
        ("session_id", Some(Value::Text("s"))),
        ("workspace_id", Some(Value::Text("w"))),
        ("api_key_id", Some(Value::Text("k"))),
        ("ip_hash", Some(Value::Text("hash of 203.0.113.7"))),
        ("ip_prefix", Some(Value::Text("203.0.113.0/24"))),
        ("asn", Some(Value::Int(64_500))),
        ("action", Some(Value::Text("pay"))),
        ("verdict", Some(Value::Text("throttle"))),
        ("step_up", Some(Value::Text("review"))),
        ("score", Some(Value::Int(63))),
        ("shadow", None),
        ("latency_us", Some(Value::Int(3))),
        ("policy_version", Some(Value::Text("p1"))),
        ("degraded", Some(Value::Bool(true))),
        ("request_id", Some(Value::Text("r"))),
        ("cost_credits", Some(Value::Int(4))),
        ("weight", Some(Value::Int(1))),
    ] {
        assert_eq!(taken[0].get(&head, column), value, "{column}");
    }
    let Some(Value::Text(reasons)) = taken[0].get(&head, "reasons") else { panic!("no reasons") };
    let reasons: serde_json::Value = serde_json::from_str(reasons).unwrap();
    assert_eq!((&reasons[0]["rule"], &reasons[0]["entity_kind"]), (&"many".into(), &"card".into()));
}

#[test]
fn allows_above_a_thousand_a_second_are_sampled_and_weights_add_up() {
    let (recorder, taken) = recorder();
    let ask = |action: &str| format!(r#"{{"action":"{action}","account_id":"a"}}"#);
    let (pay, bind) = (ask("pay"), ask("bind"));
    let requests = [&pay, &bind].map(|body| VerdictRequest::parse(body.as_bytes()).unwrap());
    let questions = requests.each_ref().map(|request| request.question(&PlainNames, NOW).unwrap());
    for number in 0..20_000_usize {
        let verdict = if number % 10 == 0 { Verdict::Block } else { Verdict::Allow };
        recorder.record(&decision(verdict, NOW + number as i64), &questions[number % 2], 1);
    }
    recorder.flush();
    assert_eq!(weights(&taken, "block"), (2_000, 2_000), "every block has its own row");
    let (rows, weight) = weights(&taken, "allow");
    let unrepresented = recorder.status().unrepresented;
    assert_eq!(weight as u64 + unrepresented, 18_000);
    assert!(unrepresented < 2 * SAMPLE_ONE_IN, "less than one group an action waits: {unrepresented}");
    assert_eq!(rows, 1_000 + 17_000 / 16, "the first thousand, and one in sixteen of the others");
    for question in &questions {
        recorder.record(&decision(Verdict::Allow, NOW + SECOND), question, 1);
    }
    recorder.flush();
    assert_eq!(weights(&taken, "allow").1, 18_002, "the next row stands for those that waited");
    assert_eq!(recorder.status().unrepresented, 0);
}

#[test]
fn a_second_within_bounds_is_not_sampled() {
    let (recorder, taken) = recorder();
    let request = VerdictRequest::parse(br#"{"action":"pay","account_id":"a"}"#).unwrap();
    let question = request.question(&PlainNames, NOW).unwrap();
    for number in 0..3_000 {
        recorder.record(&decision(Verdict::Allow, NOW + number / 1_000 * SECOND), &question, 1);
    }
    recorder.flush();
    assert_eq!(weights(&taken, "allow"), (3_000, 3_000));
}

#[test]
fn what_finds_no_room_or_is_refused_is_counted() {
    let refusing = Recorder::new(Arc::new(|_| Err("overloaded".to_owned())));
    let request = VerdictRequest::parse(br#"{"action":"pay","account_id":"a"}"#).unwrap();
    let question = request.question(&PlainNames, NOW).unwrap();
    let block = decision(Verdict::Block, NOW);
    for _ in 0..ROWS_MAX + 5 {
        refusing.record(&block, &question, 1);
    }
    let status = refusing.status();
    assert_eq!((status.waiting, status.lost), (ROWS_MAX as u64, 5));
    refusing.flush();
    let status = refusing.status();
    assert_eq!((status.waiting, status.lost, status.rows), (0, ROWS_MAX as u64 + 5, 0));
}
