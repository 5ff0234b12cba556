//! Tests of the restrictions and of entities' states.

use super::super::fixtures::{HOUR, NOW, decree, hit, snooze};
use super::*;
use crate::control::Control;

fn overrides(put: &[Override]) -> Overrides {
    let overrides = Overrides::load(Arc::new(Control::in_memory()), NOW).unwrap();
    for new in put {
        overrides.put(new.clone(), NOW).unwrap();
    }
    overrides
}

fn book(hits: Vec<Hit>) -> HitBook {
    let book = HitBook::new();
    for hit in hits {
        book.put(Arc::new(hit));
    }
    book
}

#[test]
fn lists_what_is_restrained_and_nothing_else() {
    let hits = book(vec![
        hit("throttles", EntityKind::Device, "d1"),
        Hit { verdict: Restraint::Block, ..hit("blocks", EntityKind::Device, "d2") },
        Hit { verdict: Restraint::Block, ..hit("address", EntityKind::Ip, "i") },
        Hit { verdict: Restraint::Block, browser_facts: true, ..hit("browser", EntityKind::Device, "d3") },
        Hit { verdict: Restraint::None, ..hit("points", EntityKind::Device, "d4") },
        Hit { mode: Mode::Shadow, ..hit("shadow", EntityKind::Device, "d5") },
        Hit { until: NOW, ..hit("over", EntityKind::Device, "d6") },
        hit("forgiven", EntityKind::Device, "d7"),
        hit("snoozed", EntityKind::Account, "d8"),
    ]);
    let overrides = overrides(&[
        decree(EntityKind::Device, "d7", Verdict::Allow),
        decree(EntityKind::Account, "a", Verdict::Block),
    ]);
    let snoozes = [snooze("snoozed", "d8", NOW + HOUR)].into_iter().collect();
    let restricted: Vec<(String, String, &str)> = restrictions(&hits, &overrides, &snoozes, NOW)
        .iter()
        .map(|restriction| (restriction.rule.to_string(), restriction.entity.to_string(), restriction.verdict.name()))
        .collect();
    let named = |rule: &str, entity: &str, verdict| (rule.to_owned(), entity.to_owned(), verdict);
    assert_eq!(
        restricted,
        [
            named("override", "a", "block"),
            named("address", "i", "throttle"),
            named("blocks", "d2", "block"),
            named("browser", "d3", "throttle"),
            named("throttles", "d1", "throttle"),
        ]
    );
}

#[test]
fn what_is_decreed_of_a_component_restrains_its_members() {
    let found =
        |rule, entity, mode| Hit { component: Some("c".into()), mode, ..hit(rule, EntityKind::Account, entity) };
    let hits = book(vec![
        found("ring", "a1", Mode::Shadow),
        found("other", "a1", Mode::Shadow),
        found("ring", "a2", Mode::Shadow),
        found("ring", "denied", Mode::Shadow),
        found("ring", "snoozed", Mode::Shadow),
        Hit { component: Some("d".into()), ..found("ring", "elsewhere", Mode::Shadow) },
    ]);
    let overrides = overrides(&[
        decree(EntityKind::Component, "c", Verdict::Block),
        decree(EntityKind::Account, "denied", Verdict::Throttle),
    ]);
    let snoozes = [snooze("ring", "snoozed", NOW + HOUR)].into_iter().collect();
    let all = restrictions(&hits, &overrides, &snoozes, NOW);
    let mut named: Vec<(&str, &str)> = all.iter().map(|found| (&*found.entity, found.verdict.name())).collect();
    named.sort_unstable();
    assert_eq!(named, [("a1", "block"), ("a2", "block"), ("c", "block"), ("denied", "throttle")]);

    let links = Links::default();
    let parts = (&hits, &overrides, &Snoozes::default(), &links);
    let ring = entity_state(parts, (EntityKind::Component, "c"), NOW).links;
    let ids: Vec<&str> = ring.iter().map(|(_, entity)| &**entity).collect();
    assert_eq!(ids, ["a1", "a2", "denied", "snoozed"]);
    let member = entity_state(parts, (EntityKind::Account, "a1"), NOW);
    assert_eq!(member.links, [(EntityKind::Component, "c".into())]);
    assert_eq!(serde_json::to_value(&member).unwrap()["hits"][0]["component"], "c");
}

#[test]
fn a_restriction_is_written_with_its_times() {
    let hits = book(vec![hit("throttles", EntityKind::Device, "d1")]);
    let all = restrictions(&hits, &overrides(&[]), &Snoozes::default(), NOW);
    assert_eq!(all[0].key(), ("throttles", EntityKind::Device, "d1"));
    assert_eq!(
        serde_json::to_value(&all).unwrap(),
        serde_json::json!([{"entity_kind": "device", "entity": "d1", "verdict": "throttle", "rule": "throttles",
            "version": "v1", "actions": [], "since": "2026-11-22T09:00:00.000Z", "until": "2026-11-22T16:00:00.000Z"}])
    );
}

#[test]
fn an_entity_is_shown_with_each_contribution_to_its_score() {
    let hits = book(vec![
        Hit { points: 40, ..hit("a", EntityKind::Account, "acct") },
        Hit { points: 40, ..hit("b", EntityKind::Account, "acct") },
        Hit { points: 40, mode: Mode::Shadow, ..hit("c", EntityKind::Account, "acct") },
        Hit { points: 90, ..hit("d", EntityKind::Account, "acct") },
    ]);
    let links = Links::default();
    links.bind("g", "acct", (1, 0));
    let overrides = overrides(&[decree(EntityKind::Account, "acct", Verdict::Throttle)]);
    let snoozed = |entity| [snooze("d", entity, NOW + 1)].into_iter().collect::<Snoozes>();
    let snoozes = snoozed("acct");
    let state = entity_state((&hits, &overrides, &snoozes, &links), (EntityKind::Account, "acct"), NOW);
    assert_eq!(state.score, 64);
    let shown = serde_json::to_value(&state).unwrap();
    let counting: Vec<(&str, bool)> = shown["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| (hit["rule"].as_str().unwrap(), hit["counts"].as_bool().unwrap()))
        .collect();
    assert_eq!(counting, [("a", true), ("b", true), ("c", false), ("d", false)]);
    assert_eq!(shown["override"]["verdict"], "throttle");
    assert_eq!(shown["links"], serde_json::json!([{"entity_kind": "guest", "entity": "g"}]));
    let elsewhere = snoozed("other");
    let state = entity_state((&hits, &overrides, &elsewhere, &links), (EntityKind::Account, "acct"), NOW);
    assert_eq!(state.score, 96, "another's snooze");
    let state = entity_state((&hits, &overrides, &snoozes, &links), (EntityKind::Account, "acct"), NOW + 1);
    assert_eq!(state.score, 96, "the snooze is over");
    assert_eq!(linked(&links, EntityKind::Guest, "g"), [(EntityKind::Account, "acct".into())]);
}
