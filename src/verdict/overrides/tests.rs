//! Tests of the overrides.

use super::super::fixtures::{HOUR, NOW, PlainNames, decree};
use super::*;

fn parse(body: &str) -> Result<Override, VerdictError> {
    Override::parse(body.as_bytes(), &PlainNames, "ops", NOW)
}

fn body(kind: &str, entity: &str) -> String {
    format!(
        r#"{{"entity_kind":"{kind}","entity":"{entity}","verdict":"block","reason":" ring 7 ",
            "expires_at":"2026-11-23T10:00:00Z"}}"#
    )
}

#[test]
fn an_override_is_read_with_its_reason_and_expiry() {
    let read = parse(&body("device", "dev_3")).unwrap();
    assert_eq!((read.entity_kind, &*read.entity, read.verdict), (EntityKind::Device, "dev_3", Verdict::Block));
    assert_eq!((read.reason.as_str(), read.created_by.as_str()), ("ring 7", "ops"));
    assert_eq!((read.created_at, read.expires_at), (NOW, NOW + 24 * HOUR));
    let millis = body("device", "dev_3").replace("\"2026-11-23T10:00:00Z\"", "1795428000000");
    assert_eq!(parse(&millis).unwrap().expires_at, NOW + 24 * HOUR);
}

#[test]
fn addresses_and_e_mails_are_kept_as_their_hashes() {
    assert_eq!(&*parse(&body("ip", "::ffff:203.0.113.7")).unwrap().entity, "hash of 203.0.113.7");
    assert_eq!(&*parse(&body("ip", "ab12")).unwrap().entity, "ab12", "a hash is taken as it is");
    assert_eq!(&*parse(&body("email", "Joe@example.com")).unwrap().entity, "hash of joe at example.com");
    assert!(parse(&body("account", "joe@example.com")).is_err());
}

#[test]
fn mistakes_are_told_by_field() {
    let good = body("device", "d");
    for (text, named) in [
        (body("moon", "d"), "entity_kind must be one of guest, account"),
        (body("device", ""), "entity is empty"),
        (good.replace("block", "ban"), "verdict must be allow, throttle or block"),
        (body("component", "c").replace("block", "allow"), "allow its members one by one"),
        (good.replace(" ring 7 ", "  "), "reason must be 1 to 500"),
        (good.replace(" ring 7 ", &"x".repeat(501)), "reason must be 1 to 500"),
        (good.replace("\"reason\":\" ring 7 \",", ""), "missing field `reason`"),
        (good.replace("\"2026-11-23T10:00:00Z\"", "null"), "expires_at"),
        (good.replace("2026-11-23T10:00:00Z", "tomorrow"), "expires_at"),
        (good.replace("2026-11-23", "2026-11-22"), "expires_at must be in the future"),
        (good.replace("2026-11-23", "2028-11-23"), "expires_at must be within 366 days"),
        (good.replace("entity_kind", "kind"), "unknown field `kind`"),
        (format!("[{good}]"), "not a JSON object"),
    ] {
        match parse(&text) {
            Err(VerdictError::Invalid { message, .. }) => assert!(message.contains(named), "{message}: {named}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn an_override_holds_from_its_making_to_its_end() {
    let control = Arc::new(Control::in_memory());
    let overrides = Overrides::load(control.clone(), NOW).unwrap();
    let by = By { actor: "ops", at: NOW };
    assert!(overrides.find(EntityKind::Guest, "g", NOW).is_none());
    overrides.put(decree(EntityKind::Guest, "g", Verdict::Block), NOW).unwrap();
    assert_eq!(overrides.find(EntityKind::Guest, "g", NOW).unwrap().verdict, Verdict::Block);
    assert!(overrides.find(EntityKind::Account, "g", NOW).is_none(), "of another kind");
    assert!(overrides.find(EntityKind::Guest, "g", NOW + HOUR).is_none(), "lapsed");
    overrides.put(decree(EntityKind::Guest, "g", Verdict::Allow), NOW).unwrap();
    assert_eq!(overrides.list(NOW).len(), 1, "replaced");
    let reloaded = Overrides::load(control.clone(), NOW).unwrap();
    assert_eq!(reloaded.list(NOW), overrides.list(NOW), "it survives a restart");
    assert!(Overrides::load(control, NOW + HOUR).unwrap().list(NOW).is_empty(), "unless it lapsed meanwhile");
    overrides.delete(EntityKind::Guest, "g", by).unwrap();
    assert!(overrides.find(EntityKind::Guest, "g", NOW).is_none());
    assert!(matches!(overrides.delete(EntityKind::Guest, "g", by), Err(VerdictError::NotFound(_))));
}

#[test]
fn what_the_database_refuses_does_not_happen() {
    let control = Arc::new(Control::in_memory());
    let overrides = Overrides::load(control.clone(), NOW).unwrap();
    overrides.put(decree(EntityKind::Guest, "g", Verdict::Block), NOW).unwrap();
    control.refuse_writes();
    let refused = overrides.put(decree(EntityKind::Guest, "g", Verdict::Allow), NOW);
    assert!(matches!(refused, Err(VerdictError::Store(_))), "{refused:?}");
    assert!(overrides.delete(EntityKind::Guest, "g", By { actor: "ops", at: NOW }).is_err());
    assert_eq!(overrides.find(EntityKind::Guest, "g", NOW).unwrap().verdict, Verdict::Block);
}
