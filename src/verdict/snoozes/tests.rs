//! Tests of the snoozes.

use super::super::fixtures::{HOUR, House, NOW, hit, snooze};
use super::*;

fn body(kind: &str, entity: &str) -> String {
    format!(r#"{{"entity_kind":"{kind}","entity":"{entity}","until":"2026-11-23T10:00:00Z","reason":" a school "}}"#)
}

#[test]
fn a_snooze_silences_its_rule_on_its_entity_until_it_ends() {
    let snoozes: Snoozes = [snooze("r", "a", NOW + HOUR)].into_iter().collect();
    let silent = |rule: &str, kind, entity: &str, now| snoozes.silence(&hit(rule, kind, entity), now);
    assert!(silent("r", EntityKind::Account, "a", NOW));
    assert!(!silent("r", EntityKind::Account, "a", NOW + HOUR), "over");
    assert!(!silent("r", EntityKind::Guest, "a", NOW), "of another kind");
    assert!(!silent("r", EntityKind::Account, "b", NOW), "another's");
    assert!(!silent("s", EntityKind::Account, "a", NOW), "another rule's");
    assert!(!Snoozes::default().silence(&hit("r", EntityKind::Account, "a"), NOW));
}

#[test]
fn a_snooze_is_in_force_at_once_and_survives_a_restart() {
    let house = House::new("");
    let set = house.service.snooze("r", body("account", "a").as_bytes(), "ops", NOW).unwrap();
    assert_eq!((set.until, set.reason.as_deref()), (NOW + 24 * HOUR, Some("a school")));
    assert_eq!(house.service.snoozes_of("r", NOW), [Arc::clone(&set)]);
    assert!(house.service.snoozes_of("s", NOW).is_empty());
    let again = house.restarted(NOW + HOUR);
    assert_eq!(again.snoozes_of("r", NOW), [set]);
    assert!(house.restarted(NOW + 24 * HOUR).snoozes_of("r", NOW).is_empty(), "lapsed meanwhile");
    let by = By { actor: "ops", at: NOW };
    house.service.snooze("r", body("account", "b").as_bytes(), "ops", NOW).unwrap();
    house.service.end_snooze("r", (EntityKind::Account, "b"), by).unwrap();
    let ended = house.service.end_snooze("r", (EntityKind::Account, "b"), by);
    assert!(matches!(ended, Err(VerdictError::NotFound(_))));
}

#[test]
fn mistakes_are_told_by_field() {
    let house = House::new("");
    let good = body("device", "d");
    for (text, named) in [
        (body("moon", "d"), "entity_kind must be one of guest, account"),
        (body("device", ""), "entity is empty"),
        (good.replace("\"entity\":\"d\",", ""), "missing field `entity`"),
        (good.replace("2026-11-23", "2026-11-22"), "until must be in the future"),
        (good.replace("2026-11-23", "2027-11-23"), "until must be within 180 days"),
        (good.replace(" a school ", " "), "reason must be 1 to 500"),
        (good.replace("until", "expires_at"), "unknown field `expires_at`"),
    ] {
        match house.service.snooze("r", text.as_bytes(), "ops", NOW) {
            Err(VerdictError::Invalid { message, .. }) => assert!(message.contains(named), "{message}: {named}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    let hashed = house.service.snooze("r", body("email", "Joe@example.com").as_bytes(), "ops", NOW).unwrap();
    assert_eq!(&*hashed.entity, "hash of joe at example.com");
}

#[test]
fn there_is_a_limit_and_the_lapsed_make_room() {
    let house = House::new("");
    let all = (0..SNOOZES_MAX).map(|n| snooze("r", &format!("a{n}"), NOW + HOUR));
    house.service.snoozes.store(Arc::new(all.collect()));
    let put = |now| house.service.snooze("r", body("device", "d").as_bytes(), "ops", now);
    assert!(matches!(put(NOW), Err(VerdictError::Full(_))));
    assert!(put(NOW + HOUR).is_ok());
    assert_eq!(house.service.snoozes.load().count, 1);
}

#[test]
fn what_the_database_refuses_does_not_happen() {
    let house = House::new("");
    house.control.refuse_writes();
    let refused = house.service.snooze("r", body("device", "d").as_bytes(), "ops", NOW);
    assert!(matches!(refused, Err(VerdictError::Store(_))), "{refused:?}");
    assert!(house.service.snoozes_of("r", NOW).is_empty());
}
