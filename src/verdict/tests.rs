//! Tests of the service as a whole: a body in, a decision out.

use std::collections::HashSet;
use std::sync::Mutex;

use queries::{Hit, Mode, Restraint, StepUp};

use super::fixtures::{APP, HOUR, House, NOW, SECOND, decree, hit, snooze};
use super::*;
use crate::control::By;

const TIGHT: &str = "[[limit]]\naction = \"generate\"\nby = \"guest\"\nrate = \"30/min\"\nburst = 2\n";

fn degrade(house: &House) {
    house.freshness.lock().unwrap().warm = false;
}

#[test]
fn an_unknown_entity_is_allowed_and_may_be_remembered_for_a_second() {
    let house = House::new("");
    let decision = house.ask(r#"{"action":"pay","account_id":"a"}"#);
    assert_eq!((decision.verdict, decision.score, decision.retry_after_ms), (Verdict::Allow, 0, None));
    assert_eq!((decision.cache_ttl_ms, decision.expires_at), (1_000, NOW + SECOND));
    assert_eq!((decision.data_as_of, decision.degraded), (Some(NOW), false));
    assert_eq!(decision.policy_version, *house.service.policy().version());
    let limited = House::new(TIGHT).ask(r#"{"action":"generate","guest_id":"g"}"#);
    assert_eq!(limited.cache_ttl_ms, 0, "an allow that spends a limit must be asked for every time");
}

#[test]
fn an_action_that_nobody_configured_is_refused() {
    let house = House::new("[action.export]\n");
    let refused = house.ask_at(r#"{"action":"genrate","account_id":"a"}"#, NOW).unwrap_err();
    assert!(refused.to_string().contains("\"genrate\" is not configured"), "{refused}");
    house.ask(r#"{"action":"export","account_id":"a"}"#);
    house.service.set_rule_actions(["genrate"]);
    house.ask(r#"{"action":"genrate","account_id":"a"}"#);
}

#[test]
fn explaining_by_rows_needs_scope_review() {
    let house = House::new("");
    let body = br#"{"action":"pay","account_id":"a","explain":"rows"}"#;
    assert!(matches!(house.service.decide_body(body, APP, NOW), Err(VerdictError::Forbidden(_))));
    let reviewer = Caller { key: "ops", review: true };
    assert_eq!(house.service.decide_body(body, reviewer, NOW).unwrap().1, Explain::Rows);
}

#[test]
fn a_hit_on_any_named_entity_counts() {
    let house = House::new("");
    for (kind, id, body) in [
        (EntityKind::Device, "d", r#"{"action":"pay","account_id":"a","device_id":"d"}"#),
        (EntityKind::Wallet, "w", r#"{"action":"pay","account_id":"a","workspace_id":"w"}"#),
        (EntityKind::Ip, "old hash of 203.0.113.7", r#"{"action":"pay","ip":"203.0.113.7"}"#),
        (EntityKind::IpPrefix, "203.0.113.0/24", r#"{"action":"pay","ip":"203.0.113.9"}"#),
        (EntityKind::Email, "hash of joe at example.com", r#"{"action":"pay","email":"JOE@example.com"}"#),
    ] {
        assert_eq!(house.ask(body).verdict, Verdict::Allow, "{body}");
        let hit = Arc::new(hit("r", kind, id));
        house.hits.put(Arc::clone(&hit));
        let decision = house.ask(body);
        assert_eq!((decision.verdict, decision.retry_after_ms), (Verdict::Throttle, Some(60_000)), "{body}");
        assert_eq!((decision.cache_ttl_ms, decision.expires_at), (1_000, NOW + 60 * SECOND));
        house.hits.remove(&hit);
    }
}

#[test]
fn hits_reach_over_the_latest_bind_and_no_further() {
    let house = House::new("");
    house.links.bind("g1", "a", (1, 0));
    house.links.bind("g2", "a", (2, 0));
    house.hits.put(Arc::new(Hit { verdict: Restraint::Block, points: 60, ..hit("r", EntityKind::Guest, "g1") }));
    assert_eq!(house.ask(r#"{"action":"pay","account_id":"a"}"#).verdict, Verdict::Block);
    assert_eq!(house.ask(r#"{"action":"pay","guest_id":"g2"}"#).verdict, Verdict::Allow, "two hops away");
    let twice = house.ask(r#"{"action":"pay","guest_id":"g1","account_id":"a"}"#);
    assert_eq!((twice.score, twice.reasons.iter().filter(|reason| &*reason.rule == "r").count()), (60, 1));
    house.hits.put(Arc::new(hit("s", EntityKind::Account, "a")));
    let twice = house.ask(r#"{"action":"pay","guest_id":"g2","account_id":"a"}"#);
    assert_eq!(twice.reasons.iter().filter(|reason| &*reason.rule == "s").count(), 1, "named and linked counts once");
    house.hits.remove(&hit("s", EntityKind::Account, "a"));
    house.links.unbind("g1", Some("a"), (3, 0));
    assert_eq!(house.ask(r#"{"action":"pay","account_id":"a"}"#).verdict, Verdict::Allow, "undone");
}

#[test]
fn what_is_decided_of_a_component_holds_for_all_that_was_found_in_it() {
    let house = House::new("");
    let found = |entity| Hit {
        component: Some("c".into()),
        mode: Mode::Shadow,
        verdict: Restraint::None,
        ..hit("ring", EntityKind::Account, entity)
    };
    house.hits.put(Arc::new(found("a")));
    house.hits.put(Arc::new(found("b")));
    house.links.bind("g", "b", (1, 0));
    let ask = |body| house.ask(body).verdict;
    let (member, guest) = (r#"{"action":"pay","account_id":"a"}"#, r#"{"action":"pay","guest_id":"g"}"#);
    assert_eq!((ask(member), ask(guest)), (Verdict::Allow, Verdict::Allow));
    house.hits.put(Arc::new(Hit { verdict: Restraint::Throttle, ..hit("r", EntityKind::Component, "c") }));
    assert_eq!((ask(member), ask(guest)), (Verdict::Throttle, Verdict::Throttle), "a hit of the component");
    house.service.overrides().put(decree(EntityKind::Component, "c", Verdict::Block), NOW).unwrap();
    assert_eq!((ask(member), ask(guest)), (Verdict::Block, Verdict::Block), "an override");
    assert_eq!(ask(r#"{"action":"pay","account_id":"other"}"#), Verdict::Allow);
    house.service.snoozes.store(Arc::new([snooze("ring", "a", NOW + HOUR)].into_iter().collect()));
    assert_eq!((ask(member), ask(guest)), (Verdict::Allow, Verdict::Block), "wrongly found there");
}

#[test]
fn snoozed_hits_count_for_nothing() {
    let house = House::new("");
    house.hits.put(Arc::new(Hit { points: 90, ..hit("r", EntityKind::Account, "a") }));
    house.service.snoozes.store(Arc::new([snooze("r", "a", NOW + HOUR)].into_iter().collect()));
    let decision = house.ask(r#"{"action":"pay","account_id":"a"}"#);
    assert_eq!((decision.verdict, decision.score, decision.reasons.len()), (Verdict::Allow, 0, 0));
    assert_eq!(house.ask_at(r#"{"action":"pay","account_id":"a"}"#, NOW + HOUR).unwrap().verdict, Verdict::Block);
}

#[test]
fn limits_throttle_and_only_what_is_allowed_spends_them() {
    let house = House::new(TIGHT);
    let body = r#"{"action":"generate","guest_id":"g","device_id":"d"}"#;
    house.hits.put(Arc::new(Hit { until: NOW + SECOND, ..hit("r", EntityKind::Device, "d") }));
    for _ in 0..5 {
        assert_eq!(house.ask(body).verdict, Verdict::Throttle, "by the hit, which spends nothing");
    }
    let later = NOW + SECOND;
    for _ in 0..2 {
        assert_eq!(house.ask_at(body, later).unwrap().verdict, Verdict::Allow);
    }
    let decision = house.ask_at(body, later).unwrap();
    assert_eq!((decision.verdict, decision.retry_after_ms), (Verdict::Throttle, Some(2_000)));
    assert_eq!((&*decision.reasons[0].rule, &*decision.reasons[0].entity), ("limit:generate:guest", "g"));
    assert_eq!(decision.expires_at, later + 2 * SECOND);
    let other = house.ask_at(r#"{"action":"generate","account_id":"a"}"#, later).unwrap();
    assert_eq!(other.verdict, Verdict::Allow, "a request that names no guest is not limited by guest");
    assert_eq!(house.ask_at(r#"{"action":"pay","guest_id":"g"}"#, later).unwrap().verdict, Verdict::Allow);
}

#[test]
fn a_limit_may_be_for_the_suspicious_only() {
    let house = House::new(&format!("{TIGHT}when_score_over = 30\n"));
    let body = r#"{"action":"generate","guest_id":"g"}"#;
    let points = |points| Arc::new(Hit { points, verdict: Restraint::None, ..hit("r", EntityKind::Guest, "g") });
    house.hits.put(points(30));
    assert!((0..5).all(|_| house.ask(body).verdict == Verdict::Allow));
    house.hits.put(points(31));
    let verdicts: Vec<Verdict> = (0..3).map(|_| house.ask(body).verdict).collect();
    assert_eq!(verdicts, [Verdict::Allow, Verdict::Allow, Verdict::Throttle]);
}

#[test]
fn the_allow_list_skips_limits_and_the_fail_mode() {
    let house = House::new(TIGHT);
    let body = r#"{"entity_kind":"guest","entity":"g","verdict":"allow","reason":"load test","expires_at":"2026-11-22T11:00:00Z"}"#;
    house.service.put_override(body.as_bytes(), "ops", NOW).unwrap();
    degrade(&house);
    for _ in 0..10 {
        let decision = house.ask(r#"{"action":"generate","guest_id":"g"}"#);
        assert_eq!((decision.verdict, decision.step_up), (Verdict::Allow, StepUp::None));
        assert_eq!(&*decision.reasons[0].rule, "override");
    }
    house.service.overrides().delete(EntityKind::Guest, "g", By { actor: "ops", at: NOW }).unwrap();
    let verdicts: Vec<Verdict> = (0..3).map(|_| house.ask(r#"{"action":"generate","guest_id":"g"}"#).verdict).collect();
    assert_eq!(verdicts, [Verdict::Allow, Verdict::Allow, Verdict::Throttle], "none was spent before");
}

#[test]
fn cold_state_follows_each_actions_fail_mode() {
    let house = House::new("[action.generate]\ndegraded_rate = \"6/min\"\ndegraded_burst = 2\n");
    degrade(&house);
    for (action, step_up) in [
        ("signup", StepUp::None),
        ("login", StepUp::Review),
        ("bind", StepUp::Hold),
        ("grant", StepUp::Hold),
        ("pay", StepUp::Hold),
        ("key_use", StepUp::None),
    ] {
        let decision = house.ask(&format!(r#"{{"action":"{action}","account_id":"a"}}"#));
        assert_eq!((decision.verdict, decision.step_up), (Verdict::Allow, step_up), "{action}");
        assert!(decision.degraded && decision.cache_ttl_ms == 0);
    }
    let generate = || house.ask(r#"{"action":"generate","guest_id":"g"}"#);
    assert!((0..2).all(|_| generate().verdict == Verdict::Allow));
    let throttled = generate();
    assert_eq!((throttled.verdict, throttled.retry_after_ms), (Verdict::Throttle, Some(10_000)));
    assert_eq!(&*throttled.reasons[0].rule, "limit:generate:degraded");
    house.freshness.lock().unwrap().warm = true;
    assert_eq!(generate().verdict, Verdict::Allow);
    assert!(!generate().degraded);
}

#[test]
fn what_is_known_still_restrains_in_cold_state() {
    let house = House::new("");
    degrade(&house);
    house.hits.put(Arc::new(Hit { verdict: Restraint::Block, ..hit("r", EntityKind::Account, "a") }));
    let decision = house.ask(r#"{"action":"pay","account_id":"a"}"#);
    assert_eq!((decision.verdict, decision.step_up, decision.degraded), (Verdict::Block, StepUp::None, true));
}

#[test]
fn waiting_events_make_answers_stale_but_quiet_does_not() {
    let house = House::new("stale_after_ms = 2000\n");
    let ask = || house.ask(r#"{"action":"pay","account_id":"a"}"#).degraded;
    house.freshness.lock().unwrap().data_as_of = Some(NOW - 24 * HOUR);
    assert!(!ask(), "nothing happened for a day, and nothing waits");
    house.freshness.lock().unwrap().behind_since = Some(NOW - 2 * SECOND);
    assert!(!ask());
    house.freshness.lock().unwrap().behind_since = Some(NOW - 2 * SECOND - 1);
    assert!(ask());
}

#[test]
fn a_dry_run_neither_spends_nor_records() {
    let house = House::new(TIGHT);
    let dry = r#"{"action":"generate","guest_id":"g","request_id":"r","dry_run":true}"#;
    for _ in 0..5 {
        let decision = house.ask(dry);
        assert_eq!(decision.verdict, Verdict::Allow);
        assert!(house.service.decision(decision.id, NOW).is_none());
    }
    assert_eq!(house.rows(), 0);
    assert_eq!(house.service.status().request_ids, 0);
    let wet = r#"{"action":"generate","guest_id":"g"}"#;
    assert!((0..2).all(|_| house.ask(wet).verdict == Verdict::Allow));
    assert_eq!(house.ask(dry).verdict, Verdict::Throttle, "but it sees what is spent");
    assert_eq!(house.rows(), 2);
}

#[test]
fn a_repeated_request_id_returns_the_same_decision() {
    let house = House::new(TIGHT);
    let body = r#"{"action":"generate","guest_id":"g","request_id":"r1"}"#;
    let first = house.ask(body);
    for _ in 0..5 {
        let again = house.ask_at(r#"{"request_id":"r1", "guest_id":"g", "action":"generate"}"#, NOW + SECOND).unwrap();
        assert_eq!(again, first, "nothing new is spent or decided");
    }
    assert_eq!(house.rows(), 1);
    let another = r#"{"action":"generate","guest_id":"h","request_id":"r1"}"#;
    assert_eq!(house.ask_at(another, NOW), Err(VerdictError::Conflict));
    let request = VerdictRequest::parse(another.as_bytes()).unwrap();
    let stranger = Caller { key: "other", review: false };
    assert_ne!(house.service.decide(&request, stranger, NOW).unwrap().id, first.id, "another key's ids are its own");
    let later = NOW + 600 * SECOND;
    assert_ne!(house.ask_at(body, later - 1).map(|decision| decision.id), Err(VerdictError::Conflict));
    assert_eq!(house.ask_at(body, later - 1).unwrap().id, first.id);
    assert_ne!(house.ask_at(body, later).unwrap().id, first.id, "forgotten after ten minutes");
}

#[test]
fn of_many_with_one_request_id_only_one_decides() {
    let house = House::new(TIGHT);
    let ids: HashSet<Uuid> = std::thread::scope(|scope| {
        let ask = || house.ask(r#"{"action":"generate","guest_id":"g","request_id":"r"}"#).id;
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!((ids.len(), house.rows()), (1, 1));
    assert_eq!(house.ask(r#"{"action":"generate","guest_id":"g"}"#).verdict, Verdict::Allow, "one was spent");
    assert_eq!(house.ask(r#"{"action":"generate","guest_id":"g"}"#).verdict, Verdict::Throttle);
}

#[test]
fn a_limit_is_never_overspent_by_many_at_a_time() {
    let policy = "[[limit]]\naction = \"generate\"\nby = \"guest\"\nrate = \"1/min\"\nburst = 100\n\
                  [[limit]]\naction = \"generate\"\nby = \"account\"\nrate = \"10/min\"\nburst = 1000\nunit = \"credits\"\n";
    let house = House::new(policy);
    let allowed = Mutex::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (house, allowed) = (&house, &allowed);
            scope.spawn(move || {
                let body = format!(
                    r#"{{"action":"generate","guest_id":"g{}","account_id":"a","cost_credits":7}}"#,
                    thread % 4
                );
                for _ in 0..200 {
                    if house.ask(&body).verdict == Verdict::Allow {
                        *allowed.lock().unwrap() += 1;
                    }
                }
            });
        }
    });
    assert_eq!(*allowed.lock().unwrap(), 142, "142 times 7 credits fit into 1,000, whoever asks");
}

#[test]
fn a_batch_is_answered_in_order_and_one_bad_request_spoils_only_itself() {
    let house = House::new(TIGHT);
    let body = br#"[{"action":"generate","guest_id":"g"},{"action":"generate"},{"action":"generate","guest_id":"g"},
        7,{"action":"generate","guest_id":"g"}]"#;
    let answers = house.service.decide_batch(body, APP, NOW).unwrap();
    let verdicts: Vec<Option<Verdict>> =
        answers.iter().map(|answer| answer.as_ref().ok().map(|(decision, _)| decision.verdict)).collect();
    assert_eq!(verdicts, [Some(Verdict::Allow), None, Some(Verdict::Allow), None, Some(Verdict::Throttle)]);
    assert!(house.service.decide_batch(b"{}", APP, NOW).is_err());
}

#[test]
fn a_decision_is_found_by_its_id_for_ten_minutes() {
    let house = House::new("");
    let decision = house.ask(r#"{"action":"pay","account_id":"a"}"#);
    assert_eq!(house.service.decision(decision.id, NOW + 599 * SECOND), Some(Arc::clone(&decision)));
    assert_eq!(house.service.decision(decision.id, NOW + 600 * SECOND), None);
    assert_eq!(house.service.decision(Uuid::nil(), NOW), None);
}

#[test]
fn another_policy_holds_from_the_next_request_on_and_forgives_nothing() {
    let house = House::new(TIGHT);
    let body = r#"{"action":"generate","guest_id":"g"}"#;
    assert!((0..2).all(|_| house.ask(body).verdict == Verdict::Allow));
    house.service.set_policy(Policy::parse(&TIGHT.replace("burst = 2", "burst = 3")).unwrap());
    assert_eq!(house.ask(body).verdict, Verdict::Allow, "one more");
    let decision = house.ask(body);
    assert_eq!((decision.verdict, &decision.policy_version), (Verdict::Throttle, house.service.policy().version()));
    house.service.set_policy(Policy::parse("").unwrap());
    assert_eq!(house.ask(body).verdict, Verdict::Allow);
}

#[test]
fn an_erased_entity_is_forgotten() {
    let house = House::new("");
    house.links.bind("g", "a", (1, 0));
    let body = r#"{"action":"pay","guest_id":"g","request_id":"r"}"#;
    let decision = house.ask(body);
    let other = house.ask(r#"{"action":"pay","guest_id":"h"}"#);
    house.service.forget(EntityKind::Guest, "g");
    assert!(house.service.decision(decision.id, NOW).is_none());
    assert!(house.service.decision(other.id, NOW).is_some());
    assert!(house.links.account_of("g").is_none());
    assert_ne!(house.ask(body).id, decision.id);
}

#[test]
fn shadow_hits_are_told_apart() {
    let house = House::new("");
    house.hits.put(Arc::new(Hit {
        mode: Mode::Shadow,
        verdict: Restraint::Block,
        points: 90,
        ..hit("r", EntityKind::Account, "a")
    }));
    let decision = house.ask(r#"{"action":"pay","account_id":"a"}"#);
    assert_eq!((decision.verdict, decision.score, decision.reasons.len()), (Verdict::Allow, 0, 0));
    assert_eq!((decision.shadow[0].verdict, decision.shadow[0].points), ("block", 90));
    assert!(house.service.restrictions(NOW).is_empty());
}

#[tokio::test]
async fn decisions_reach_the_log_without_being_asked_and_at_the_stop() {
    let house = House::new("");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(Arc::clone(&house.service).run(async {
        let _ = stopped.await;
    }));
    house.ask(r#"{"action":"pay","account_id":"a"}"#);
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while house.recorded.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.expect("the flusher hands the row on");
    house.ask(r#"{"action":"pay","account_id":"b"}"#);
    stop.send(()).unwrap();
    running.await.unwrap();
    let rows: usize = house.recorded.lock().unwrap().iter().map(ingest::Rows::len).sum();
    assert_eq!(rows, 2, "the stop flushes what is left");
}
