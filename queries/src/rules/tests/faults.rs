//! Rules that fail on some rows or entities: contained, told of with their line, and no harm to anybody else.

use serde_json::json;

use super::*;
use crate::hits::EntityKind;
use crate::rules::Backtest;

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
