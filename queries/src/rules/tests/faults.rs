//! Rules that fail on some rows or entities: contained, told of with their line, and no harm to anybody else.

use serde_json::json;

use super::*;
use crate::hits::EntityKind;
use crate::rules::{Backtest, ScheduledRules};

fn counted() -> Arc<Rule> {
    rule(
        "counted",
        "entity: device; window: 1h",
        "select device_id as entity, count(*) as observed, 2 as threshold from credits
         where in_window(received_at) group by device_id having count(*) >= 2",
    )
}

/// Divides by what one entity has none of.
fn dividing() -> Arc<Rule> {
    rule(
        "dividing",
        "entity: device; window: 1h",
        "select device_id as entity, count(*) as observed, 2 as threshold from credits
         where in_window(received_at) group by device_id
         having 100 * sum(amount)
             / count(ref) >= 50",
    )
}

/// Divides by what one row has none of.
fn dividing_rows() -> Arc<Rule> {
    rule(
        "dividing_rows",
        "entity: device; window: 1h",
        "select device_id as entity, count(*) as observed, 1 as threshold from credits
         where in_window(received_at) and 10 / amount >= 2 group by device_id",
    )
}

fn spend(n: i64, device: &str, amount: i64, reference: Option<&str>) -> Event {
    event("credits", START + n, json!({"device_id": device, "amount": amount, "ref": reference}))
}

#[test]
fn an_entity_that_makes_a_rule_fail_silences_it_for_nobody_else() {
    let rules = [dividing(), dividing_rows(), counted()];
    let events = [
        spend(0, "bad", 0, None),
        spend(0, "good", 1, Some("r")),
        spend(1, "bad", 0, None),
        spend(1, "good", 1, Some("s")),
    ];
    block_on(async {
        let (live, book) = warm(&rules).await;
        observe_all(&live, &events);
        let hits = |device: &str| {
            let hits = book.open(EntityKind::Device, device, START + 2);
            hits.iter().map(|hit| hit.rule.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(hits("good"), ["dividing", "dividing_rows", "counted"].map(str::to_owned));
        assert_eq!(hits("bad"), ["counted"]);
        let problems = live.problems();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(told[0].starts_with("dividing.sql:7: ") && told[0].contains("nullif"), "{told:?}");
        assert!(told[1].starts_with("dividing_rows.sql:6: "), "{told:?}");
        assert_eq!(told.len(), 2, "{told:?}");
    });
}

#[test]
fn a_rule_that_fails_on_its_past_keeps_no_other_cold() {
    let rules = [dividing(), dividing_rows(), counted()];
    let past = [
        spend(0, "bad", 0, None),
        spend(1, "bad", 0, None),
        spend(1, "good", 1, Some("r")),
        spend(2, "good", 1, Some("s")),
    ];
    block_on(async {
        let book = Arc::new(HitBook::new());
        let live = LiveRules::new(Arc::clone(&book), LiveLimits::default());
        live.install(&rules.clone().map(|rule| (rule, Mode::Live)), START);
        live.rebuild(engine(), &tables(&past), START + 2).await.expect("a rebuild");
        assert!(live.all_warm());
        let found = book.list(START + 3).iter().map(|hit| format!("{} {}", hit.rule, hit.entity)).collect::<Vec<_>>();
        assert_eq!(found.len(), 4, "{found:?}");
        // A backtest is there to be believed: it fails with the line.
        let backtest = Backtest { rules: vec![dividing()], from: START, to: START + HOUR, pace_us: None };
        let error = backtest.run(engine(), &tables(&past), |_| {}).await.expect_err("it divides by zero");
        assert!(error.to_string().contains("dividing.sql:7"), "{error}");
    });
}

#[test]
fn a_division_by_nothing_is_refused() {
    let refused = try_rule(
        "never",
        "entity: device; window: 1h",
        "select device_id as entity, count(*) / 0 as observed, 1 as threshold from credits
         where in_window(received_at) group by device_id",
    );
    assert_eq!(refused.expect_err("refused"), "never.sql:5: it divides by zero; divide by something else");
}

#[test]
fn a_scheduled_rule_that_finds_too_much_or_never_ends_keeps_nobody_else_from_running() {
    let headers = "entity: device; window: 1h; every: 10s";
    let from = "from credits as a cross join credits as b";
    let million = rule(
        "million",
        headers,
        &format!(
            "select concat(a.device_id, b.device_id) as entity, 1 as observed, 1 as threshold {from}
             where in_window(a.received_at) and in_window(b.received_at)"
        ),
    );
    let endless = rule(
        "endless",
        headers,
        &format!(
            "select a.device_id as entity, count(*) as observed, 1 as threshold
             {from} cross join credits as c cross join credits as d
             where in_window(a.received_at) and in_window(b.received_at) and a.amount + c.amount + d.amount <> b.amount
             group by a.device_id"
        ),
    );
    let paired = rule(
        "paired",
        headers,
        "select a.device_id as entity, count(*) as observed, 1 as threshold
         from credits as a inner join credits as b on a.device_id = b.device_id
         where in_window(a.received_at) and in_window(b.received_at) group by a.device_id",
    );
    let events: Vec<Event> = (0..1_000).map(|n| spend(0, &format!("d{n}"), 1, None)).collect();
    block_on(async {
        let book = Arc::new(HitBook::new());
        let scheduled = ScheduledRules::new(Arc::clone(&book));
        let rules = [million, endless, paired].map(|rule| (rule, Mode::Live));
        scheduled.install(&rules, START);
        let spill = std::env::temp_dir().join(format!("weir-rules-test-short-{}", std::process::id()));
        let hasty = Engine::new(EngineConfig { timeout_ms: 2_000, ..EngineConfig::new(&spill) }, vec![]).unwrap();
        scheduled.run_due(&hasty, &tables(&events), START + 10_000_000).await;
        let mut of_rules: Vec<String> = book.list(START + 10_000_000).iter().map(|hit| hit.rule.to_string()).collect();
        assert_eq!(of_rules.len(), 1_000);
        of_rules.dedup();
        assert_eq!(of_rules, ["paired"]);
        let told: Vec<String> = scheduled.problems().iter().map(ToString::to_string).collect();
        assert!(told[0].starts_with("million.sql") && told[0].contains("more than 100000 entities"), "{told:?}");
        assert!(told[1].starts_with("endless.sql") && told[1].contains("2"), "{told:?}");
        assert_eq!(told.len(), 2, "{told:?}");
        drop(hasty);
        let _ = std::fs::remove_dir_all(spill);
    });
}
