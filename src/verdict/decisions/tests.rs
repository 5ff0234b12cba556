//! Tests of how decisions are written.

use serde_json::json;

use super::super::fixtures::{HOUR, NOW, hit};
use super::*;

fn decision() -> Decision {
    let shadow = hit("shadowy", EntityKind::Guest, "gst_9");
    let live = Hit { points: 40, ..hit("device_many_guests", EntityKind::Device, "dev_3") };
    Decision {
        id: Uuid::from_u128(0x0193_4f00_0000_7000_8000_0000_0000_0001),
        at: NOW,
        verdict: Verdict::Throttle,
        step_up: StepUp::Challenge,
        score: 63,
        retry_after_ms: Some(1_200),
        expires_at: NOW + 1_200_000,
        cache_ttl_ms: 1_000,
        reasons: Box::new([Reason::of_hit(&live, "throttle")]),
        shadow: Box::new([Reason::of_hit(&shadow, "block")]),
        policy_version: "p1".into(),
        data_as_of: Some(NOW - 5_000),
        degraded: false,
        subject: "generate\naccount\tacct_1\nip\thash of x".into(),
    }
}

#[test]
fn an_answer_is_written_as_the_contract_says() {
    let answer = serde_json::to_value(decision().answer(Explain::Codes)).unwrap();
    assert_eq!(
        answer,
        json!({
            "decision_id": "01934f00-0000-7000-8000-000000000001", "verdict": "throttle", "step_up": "challenge",
            "score": 63, "retry_after_ms": 1200, "expires_at": "2026-11-22T10:00:01.200Z", "cache_ttl_ms": 1000,
            "reasons": [{"rule": "device_many_guests", "version": "v1", "entity_kind": "device", "entity": "dev_3",
                "verdict": "throttle", "observed": 6, "threshold": 4, "window": "24h", "points": 40,
                "until": "2026-11-22T16:00:00.000Z"}],
            "shadow": [{"rule": "shadowy", "version": "v1", "entity_kind": "guest", "entity": "gst_9",
                "verdict": "block", "observed": 6, "threshold": 4, "window": "24h", "points": 0,
                "until": "2026-11-22T16:00:00.000Z"}],
            "policy_version": "p1", "data_as_of": "2026-11-22T09:59:59.995Z", "degraded": false
        })
    );
}

#[test]
fn explaining_nothing_leaves_the_reasons_out() {
    let answer = serde_json::to_value(decision().answer(Explain::None)).unwrap();
    assert_eq!((&answer["reasons"], &answer["shadow"]), (&json!([]), &json!([])));
    let cold = Decision { retry_after_ms: None, data_as_of: None, ..decision() };
    let answer = serde_json::to_value(cold.answer(Explain::None)).unwrap();
    assert_eq!((&answer["retry_after_ms"], &answer["data_as_of"]), (&json!(null), &json!(null)));
}

#[test]
fn a_decision_is_shown_with_what_was_asked() {
    let shown = serde_json::to_value(decision().detailed()).unwrap();
    assert_eq!(shown["action"], "generate");
    assert_eq!(shown["decided_at"], "2026-11-22T10:00:00.000Z");
    assert_eq!(
        shown["entities"],
        json!([{"entity_kind": "account", "entity": "acct_1"}, {"entity_kind": "ip", "entity": "hash of x"}])
    );
}

#[test]
fn a_decision_names_whom_it_was_asked_about_and_whom_its_reasons_blame() {
    let decision = decision();
    assert!(decision.names(EntityKind::Account, "acct_1"));
    assert!(decision.names(EntityKind::Device, "dev_3"));
    assert!(decision.names(EntityKind::Guest, "gst_9"), "in shadow too");
    assert!(!decision.names(EntityKind::Guest, "acct_1"));
}

#[test]
fn ids_are_unique_and_in_the_order_of_time() {
    let mut ids: Vec<Uuid> = (0..1_000).map(|_| new_id(NOW)).collect();
    assert!(ids.iter().all(|id| id.get_version_num() == 7 && *id < new_id(NOW + HOUR)));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 1_000);
}
