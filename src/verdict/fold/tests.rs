//! Tests of the folding: one for every sentence of "From hits to a verdict".

use super::super::fixtures::{HOUR, NOW, SECOND, decree, hit};
use super::super::policy::Policy;
use super::*;

/// Folds entities' hits and overrides (with whether they are linked) about this action under the default thresholds.
fn fold_about(action: &str, hits: &[Hit], overrides: &[(Override, bool)]) -> Folded {
    let policy = Policy::parse("").unwrap();
    let terms = Terms {
        action,
        policy: policy.action(action).unwrap_or(policy.other()),
        policy_version: policy.version(),
        now: NOW,
        jitter_percent: 0,
    };
    let mut fold = Fold::new(terms);
    for (found, linked) in overrides {
        fold.add_override(Arc::new(found.clone()), *linked);
    }
    let hits: Vec<Arc<Hit>> = hits.iter().cloned().map(Arc::new).collect();
    let mut entities: Vec<(EntityKind, Arc<str>)> = Vec::new();
    for hit in &hits {
        let entity = (hit.entity_kind, Arc::clone(&hit.entity));
        if !entities.contains(&entity) {
            entities.push(entity);
        }
    }
    for (kind, entity) in entities {
        fold.add_entity(|| hits.iter().filter(|hit| hit.entity_kind == kind && hit.entity == entity));
    }
    fold.finish()
}

fn fold(hits: &[Hit]) -> Folded {
    fold_about("pay", hits, &[])
}

fn device(rule: &str) -> Hit {
    hit(rule, EntityKind::Device, "d")
}

fn blocking(rule: &str) -> Hit {
    Hit { verdict: Restraint::Block, ..device(rule) }
}

fn pointed(rule: &str, points: u8) -> Hit {
    Hit { verdict: Restraint::None, points, ..device(rule) }
}

#[test]
fn nothing_known_is_allowed() {
    let folded = fold(&[]);
    assert_eq!((folded.verdict, folded.score, folded.step_up), (Verdict::Allow, 0, StepUp::None));
    assert!(folded.reasons.is_empty() && folded.shadow.is_empty());
}

#[test]
fn the_strictest_of_the_hits_decides() {
    assert_eq!(fold(&[device("a")]).verdict, Verdict::Throttle);
    assert_eq!(fold(&[device("a"), blocking("b")]).verdict, Verdict::Block);
    assert_eq!(fold(&[pointed("c", 10)]).verdict, Verdict::Allow);
    let folded = fold(&[pointed("c", 10), device("a"), blocking("b")]);
    let rules: Vec<&str> = folded.reasons.iter().map(|reason| &*reason.rule).collect();
    assert_eq!(rules, ["b", "a", "c"], "the strictest reason first");
    assert_eq!(folded.until, NOW + 6 * HOUR);
}

#[test]
fn only_hits_that_cover_the_action_restrain_it() {
    let covers =
        |actions: &[&str]| Hit { actions: actions.iter().map(|action| Arc::from(*action)).collect(), ..blocking("a") };
    assert_eq!(fold(&[covers(&["grant", "pay"])]).verdict, Verdict::Block);
    assert_eq!(fold(&[covers(&["grant"])]).verdict, Verdict::Allow);
    assert_eq!(fold(&[covers(&[])]).verdict, Verdict::Block, "none named covers all");
}

#[test]
fn the_score_counts_hits_whatever_their_actions() {
    let elsewhere = Hit { actions: Arc::from([Arc::from("grant")]), points: 60, ..device("a") };
    let folded = fold(&[elsewhere]);
    assert_eq!((folded.verdict, folded.score), (Verdict::Throttle, 60));
    assert_eq!(folded.reasons.len(), 2, "the score, and the hit it comes from");
    assert_eq!((&*folded.reasons[0].rule, folded.reasons[0].observed, folded.reasons[0].threshold), ("score", 60, 50));
    assert_eq!((&*folded.reasons[1].rule, folded.reasons[1].verdict, folded.reasons[1].points), ("a", "none", 60));
}

#[test]
fn a_score_throttles_from_fifty_and_blocks_from_eighty() {
    for (points, verdict) in [
        (49, Verdict::Allow),
        (50, Verdict::Throttle),
        (79, Verdict::Throttle),
        (80, Verdict::Block),
        (100, Verdict::Block),
    ] {
        assert_eq!(fold(&[pointed("a", points)]).verdict, verdict, "{points}");
    }
}

#[test]
fn points_of_one_entity_add_up_and_the_highest_entity_counts() {
    let other = Hit { entity: "e".into(), ..pointed("c", 45) };
    let folded = fold(&[pointed("a", 40), pointed("b", 40), other.clone()]);
    assert_eq!(
        (folded.score, folded.verdict),
        (64, Verdict::Throttle),
        "100 * (1 - 0.6 * 0.6), and not with the other"
    );
    let folded = fold(&[pointed("a", 40), other]);
    assert_eq!((folded.score, folded.verdict), (45, Verdict::Allow));
}

#[test]
fn browser_facts_never_block_by_verdict() {
    let folded = fold(&[Hit { browser_facts: true, ..blocking("a") }]);
    assert_eq!(folded.verdict, Verdict::Throttle);
    assert_eq!(folded.reasons[0].verdict, "throttle", "the reason says what it led to");
}

#[test]
fn browser_facts_never_block_by_score() {
    let browser = Hit { browser_facts: true, ..pointed("a", 95) };
    assert_eq!(fold(std::slice::from_ref(&browser)).verdict, Verdict::Throttle);
    assert_eq!(
        fold(&[browser.clone(), pointed("b", 79)]).verdict,
        Verdict::Throttle,
        "nor do they help others to block"
    );
    let folded = fold(&[browser, pointed("b", 80)]);
    assert_eq!((folded.verdict, folded.score), (Verdict::Block, 99), "server facts alone are enough here");
    assert_eq!(folded.reasons[0].observed, 80, "what blocks is the score without browser facts");
}

#[test]
fn evidence_about_addresses_alone_never_blocks() {
    for kind in [EntityKind::Ip, EntityKind::IpPrefix, EntityKind::Network] {
        let address = Hit { entity_kind: kind, points: 95, ..blocking("a") };
        assert_eq!(fold(std::slice::from_ref(&address)).verdict, Verdict::Throttle, "{kind:?}");
        let by_points = Hit { verdict: Restraint::None, ..address.clone() };
        let folded = fold(&[by_points]);
        assert_eq!((folded.verdict, folded.score), (Verdict::Throttle, 95), "it adds points: {kind:?}");
        assert_eq!(fold(&[address.clone(), device("b")]).verdict, Verdict::Throttle);
        assert_eq!(fold(&[address, blocking("b")]).verdict, Verdict::Block, "other evidence still blocks");
    }
}

#[test]
fn hits_in_shadow_say_what_they_would_have_said_and_nothing_more() {
    let shadow = Hit { mode: Mode::Shadow, points: 90, step_up: StepUp::Hold, ..blocking("a") };
    let folded = fold(&[shadow, Hit { mode: Mode::Off, ..blocking("b") }]);
    assert_eq!((folded.verdict, folded.score, folded.step_up), (Verdict::Allow, 0, StepUp::None));
    assert!(folded.reasons.is_empty());
    assert_eq!(folded.shadow.len(), 1);
    assert_eq!((&*folded.shadow[0].rule, folded.shadow[0].verdict), ("a", "block"));
}

#[test]
fn a_throttle_lasts_as_its_hit_but_asks_for_a_minute_at_most() {
    assert_eq!(fold(&[device("a")]).retry_after_us, 60 * SECOND);
    let soon = Hit { until: NOW + 1_200_000, ..device("a") };
    assert_eq!(fold(std::slice::from_ref(&soon)).retry_after_us, 1_200_000);
    let sooner = Hit { until: NOW + 200_000, ..device("b") };
    assert_eq!(fold(&[soon, sooner]).retry_after_us, 1_200_000, "until the last of them ends");
    assert_eq!(fold(&[blocking("a")]).retry_after_us, 0, "only throttles tell when to retry");
}

#[test]
fn a_throttle_by_score_is_shortened_by_up_to_a_tenth() {
    let policy = Policy::parse("").unwrap();
    let retry = |jitter_percent: u8| {
        let policy_version = policy.version();
        let terms = Terms { action: "x", policy: policy.other(), policy_version, now: NOW, jitter_percent };
        let mut fold = Fold::new(terms);
        let hits = [Arc::new(Hit { until: NOW + 10 * SECOND, ..pointed("a", 60) }), Arc::new(pointed("b", 10))];
        fold.add_entity(|| hits.iter());
        fold.finish().retry_after_us
    };
    assert_eq!(retry(0), 10 * SECOND, "the score falls when the first of its hits ends");
    assert_eq!(retry(10), 9 * SECOND);
}

#[test]
fn the_strictest_friction_of_the_covering_hits_is_asked_for() {
    let stepping = |step_up: StepUp| Hit { step_up, verdict: Restraint::None, ..device(step_up.name()) };
    let all = [StepUp::Challenge, StepUp::Hold, StepUp::Review].map(stepping);
    assert_eq!(fold(&all).step_up, StepUp::Hold);
    assert_eq!(fold(&all[..1]).step_up, StepUp::Challenge);
    assert_eq!(fold(&[all[0].clone(), all[2].clone()]).step_up, StepUp::Review);
    let elsewhere = Hit { actions: Arc::from([Arc::from("grant")]), ..stepping(StepUp::Hold) };
    assert_eq!(fold(&[elsewhere]).step_up, StepUp::None);
}

#[test]
fn the_deny_list_comes_before_all() {
    let deny = decree(EntityKind::Device, "d", Verdict::Block);
    let allow = decree(EntityKind::Account, "a", Verdict::Allow);
    let folded = fold_about("pay", &[device("a")], &[(allow, false), (deny, false)]);
    assert_eq!((folded.verdict, folded.by_override, folded.until), (Verdict::Block, true, NOW + HOUR));
    assert_eq!((&*folded.reasons[0].rule, folded.reasons[0].verdict), ("override", "block"));
}

#[test]
fn an_override_to_throttle_is_the_answer_whatever_the_hits_say() {
    let deny = decree(EntityKind::Device, "d", Verdict::Throttle);
    let folded = fold_about("pay", &[blocking("a")], &[(deny, false)]);
    assert_eq!((folded.verdict, folded.retry_after_us), (Verdict::Throttle, 60 * SECOND));
    assert_eq!(&*folded.reasons[0].rule, "override");
}

#[test]
fn the_allow_list_comes_before_hits_and_score() {
    let allow = decree(EntityKind::Account, "a", Verdict::Allow);
    let hits = [Hit { points: 100, step_up: StepUp::Hold, ..blocking("a") }];
    let folded = fold_about("pay", &hits, &[(allow, false)]);
    assert_eq!((folded.verdict, folded.step_up, folded.by_override), (Verdict::Allow, StepUp::None, true));
    assert_eq!(folded.score, 100, "it is still told");
    assert_eq!(folded.reasons.len(), 1);
}

#[test]
fn a_denial_reaches_over_links_and_an_allowance_does_not() {
    let deny = decree(EntityKind::Guest, "g", Verdict::Block);
    assert_eq!(fold_about("pay", &[], &[(deny, true)]).verdict, Verdict::Block);
    let allow = decree(EntityKind::Guest, "g", Verdict::Allow);
    assert_eq!(fold_about("pay", &[blocking("a")], &[(allow, true)]).verdict, Verdict::Block);
}

#[test]
fn a_limit_throttles_what_was_allowed_and_lengthens_what_was_throttled() {
    let policy = Policy::parse("[[limit]]\naction = \"pay\"\nby = \"card\"\nrate = \"1/min\"\n").unwrap();
    let limit = &policy.action("pay").unwrap().limits[0];
    let refused = |retry_after_us: u64| Limited {
        limit,
        entity_kind: EntityKind::Card,
        entity: "c",
        observed: 2,
        retry_after_us,
    };
    let mut folded = fold(&[]);
    folded.refuse(&refused(1_500), policy.version(), NOW);
    assert_eq!((folded.verdict, folded.retry_after_us), (Verdict::Throttle, 1_500));
    let reason = &folded.reasons[0];
    assert_eq!((&*reason.rule, &*reason.window, reason.verdict), ("limit:pay:card", "1/min", "throttle"));
    assert_eq!((reason.observed, reason.threshold, reason.until), (2, 1, NOW + 1_500));
    let mut folded = fold(&[Hit { until: NOW + SECOND, ..device("a") }]);
    folded.refuse(&refused(2_000_000), policy.version(), NOW);
    assert_eq!((folded.retry_after_us, folded.reasons.len()), (2 * SECOND, 2));
}

#[test]
fn reasons_are_bounded_and_the_strictest_are_kept() {
    let mut hits: Vec<Hit> = (0..200).map(|number| device(&format!("r{number}"))).collect();
    hits.push(blocking("worst"));
    let folded = fold(&hits);
    assert_eq!(folded.reasons.len(), REASONS_MAX);
    assert_eq!(&*folded.reasons[0].rule, "worst");
}
