//! Tests of reading the policy.

use super::super::limits::CHARGES_MAX;
use super::reader::ACTIONS;
use super::*;

fn mistake(text: &str) -> (usize, String, String) {
    match Policy::parse(text) {
        Err(VerdictError::Policy { line, key, message }) => (line, key, message),
        other => panic!("{text} was read: {other:?}"),
    }
}

#[test]
fn the_default_policy_says_what_the_rules_say() {
    let policy = Policy::parse(Policy::default_text()).unwrap();
    for (action, when_degraded) in ACTIONS {
        let action = policy.action(action).unwrap();
        assert_eq!(action.when_degraded, when_degraded);
        assert_eq!((action.throttle_score, action.block_score), (50, 80));
    }
    assert_eq!(policy.other().when_degraded, WhenDegraded::Allow);
    assert_eq!(policy.action("generate").unwrap().limits.len(), 1, "one sensible limit");
    assert!(policy.action("genrate").is_none());
    assert_eq!((policy.cache_ttl_ms(), policy.stale_after_us()), (1_000, 5_000_000));
}

#[test]
fn an_empty_policy_has_the_same_fail_modes_and_no_limits() {
    let policy = Policy::parse("").unwrap();
    assert_eq!(policy.actions(), ["bind", "generate", "grant", "key_use", "login", "pay", "signup"]);
    for (action, when_degraded) in ACTIONS {
        assert_eq!(policy.action(action).unwrap().when_degraded, when_degraded);
        assert!(policy.action(action).unwrap().limits.is_empty());
    }
}

#[test]
fn thresholds_and_fail_modes_are_per_action_with_a_default() {
    let policy = Policy::parse(
        "[default]\nthrottle_score = 40\nblock_score = 101\nwhen_degraded = \"review\"\n\
         [action.pay]\nblock_score = 70\n[action.export]\nwhen_degraded = \"hold\"\n",
    )
    .unwrap();
    let of = |action: &str| {
        let action = policy.action(action).unwrap();
        (action.throttle_score, action.block_score, action.when_degraded)
    };
    assert_eq!(of("pay"), (40, 70, WhenDegraded::Hold));
    assert_eq!(of("export"), (40, 101, WhenDegraded::Hold));
    assert_eq!(of("generate"), (40, 101, WhenDegraded::Throttle), "a known action keeps its own fail mode");
    assert_eq!(policy.other().when_degraded, WhenDegraded::Review);
}

#[test]
fn a_limit_is_read_as_the_documentation_writes_it() {
    let policy = Policy::parse(
        "[[limit]]\naction = \"generate\"\nby = \"guest\"            # whom\nrate = \"30/min\"\nburst = 10\n\
         unit = \"credits\"\nwhen_score_over = 50\n[[limit]]\naction = \"share\"\nby = \"api key\"\nrate = \"5 / h\"\n",
    )
    .unwrap();
    let limit = &policy.action("generate").unwrap().limits[0];
    assert_eq!((&*limit.rule, &*limit.window), ("limit:generate:guest", "30/min"));
    assert_eq!((limit.by, limit.unit, limit.when_score_over), (EntityKind::Guest, Unit::Credits, Some(50)));
    assert_eq!(limit.rate, Rate::new(30, 60_000_000, 10).unwrap());
    let limit = &policy.action("share").unwrap().limits[0];
    assert_eq!((&*limit.rule, limit.rate), ("limit:share:api_key", Rate::new(5, 3_600_000_000, 5).unwrap()));
}

#[test]
fn a_mistake_is_told_with_its_line_and_key() {
    let limit = "[[limit]]\naction = \"pay\"\nby = \"guest\"\nrate = \"1/s\"\n";
    for (text, line, key, said) in [
        ("cache_ttl = 5\n".to_owned(), 1, "cache_ttl", "unknown field `cache_ttl`"),
        ("\n\ncache_ttl_ms = 60001\n".to_owned(), 3, "cache_ttl_ms", "at most 60000"),
        ("cache_ttl_ms = -1\n".to_owned(), 1, "cache_ttl_ms", "invalid value"),
        ("stale_after_ms = \"5s\"\n".to_owned(), 1, "stale_after_ms", "invalid type: string"),
        ("[action.pay]\nthrottle_score = 0\n".to_owned(), 2, "throttle_score", "1 to 100"),
        ("[action.pay]\nblock_score = 102\n".to_owned(), 2, "block_score", "1 to 100"),
        ("[action.pay]\nthrottle_score = 90\n".to_owned(), 2, "throttle_score", "over the block_score"),
        ("[action.pay]\nwhen_degraded = \"panic\"\n".to_owned(), 2, "when_degraded", "unknown variant `panic`"),
        ("[action.pay]\nscore = 9\n".to_owned(), 2, "score", "unknown field `score`"),
        ("[default]\ndegraded_burst = 0\n".to_owned(), 2, "degraded_burst", "at least 1"),
        ("[action.Pay]\n".to_owned(), 1, "[action.Pay]", "action must be"),
        (format!("{limit}[[limit]]\naction = \"pay\"\n"), 5, "[[limit]]", "missing field `by`"),
        (limit.replace("guest", "moon"), 3, "by", "must be guest, account"),
        (limit.replace("1/s", "fast"), 4, "rate", "must read like 30/min"),
        (limit.replace("1/s", "0/s"), 4, "rate", "must read like 30/min"),
        (limit.replace("1/s", "1/fortnight"), 4, "rate", "must read like 30/min"),
        (limit.replace("1/s", "1000000/s"), 4, "rate", "at most 100000/s"),
        (format!("{limit}burst = 0\n"), 5, "burst", "at least 1"),
        (format!("{limit}unit = \"euros\"\n"), 5, "unit", "unknown variant `euros`"),
        (format!("{limit}when_score_over = 100\n"), 5, "when_score_over", "0 to 99"),
        (format!("{limit}window = \"1h\"\n"), 5, "window", "unknown field `window`"),
        (limit.replace("1/s", "1/day") + "burst = 1000\n", 5, "burst", "within a year"),
        (limit.repeat(CHARGES_MAX), CHARGES_MAX * 4 - 2, "action", "at most 15 limits"),
        ("[action.pay\n".to_owned(), 1, "[action.pay", "expected"),
    ] {
        let (at, named, message) = mistake(&text);
        assert_eq!((at, named.as_str()), (line, key), "{text}\n{message}");
        assert!(message.contains(said), "{text}\n  said {message}\n  not  {said}");
    }
}

#[test]
fn the_version_is_of_the_text() {
    let version = |text: &str| Policy::parse(text).unwrap().version().to_string();
    assert_eq!(version("cache_ttl_ms = 1\n"), version("cache_ttl_ms = 1\n"));
    assert_ne!(version("cache_ttl_ms = 1\n"), version("cache_ttl_ms = 2\n"));
    assert_eq!(version("").len(), 16);
}

#[test]
fn a_limit_keeps_its_identity_when_its_rate_changes() {
    let id = |rate: &str| {
        let text = format!("[[limit]]\naction = \"pay\"\nby = \"card\"\nrate = \"{rate}\"\n");
        let again = format!("{text}[[limit]]\naction = \"pay\"\nby = \"card\"\nrate = \"1/h\"\nwhen_score_over = 20\n");
        let policy = Policy::parse(&again).unwrap();
        let limits = &policy.action("pay").unwrap().limits;
        (limits[0].id, limits[1].id)
    };
    assert_eq!(id("5/min"), id("6/min"));
    assert_ne!(id("5/min").0, id("5/min").1, "a tighter quota for the suspicious is another limit");
}
