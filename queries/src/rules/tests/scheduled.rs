//! Scheduled rules: when they run, and how their answers become hits.

use serde_json::json;

use super::super::ScheduledRules;
use super::*;
use crate::hits::EntityKind;

fn scheduled_rule(having: &str) -> Arc<Rule> {
    rule(
        "busy",
        "entity: device; window: 1min; every: 10s; ttl: 25s; verdict: throttle",
        &format!(
            "select device_id as entity, count(*) as observed, 2 as threshold from credits
             where in_window(received_at) group by device_id having {having}"
        ),
    )
}

fn set(rule: &Arc<Rule>) -> (ScheduledRules, Arc<HitBook>) {
    let book = Arc::new(HitBook::new());
    let rules = ScheduledRules::new(Arc::clone(&book));
    assert_eq!(rules.install(&[(Arc::clone(rule), Mode::Live)], START), []);
    (rules, book)
}

#[test]
fn a_rule_runs_once_at_each_multiple_of_its_pace_and_its_hits_follow() {
    let (rules, book) = set(&scheduled_rule("count(*) >= 2"));
    let spend = |at: i64| event("credits", at, json!({"device_id": "d"}));
    let events = [spend(START + SECOND), spend(START + 2 * SECOND), spend(START + 21 * SECOND)];
    let run = async |at: i64| {
        let seen: Vec<Event> = events.iter().filter(|event| event.at <= at).cloned().collect();
        let transitions = rules.run_due(engine(), &tables(&seen), at).await;
        let times: Vec<i64> = transitions.iter().map(|transition| (transition.at - START) / SECOND).collect();
        (told(&transitions), times)
    };
    block_on(async {
        assert_eq!(run(START + 9 * SECOND).await, (vec![], vec![]), "as of the start there was nothing");
        let opened = run(START + 12 * SECOND).await;
        assert_eq!(opened, (vec!["opened d 2 throttle".to_owned()], vec![10]), "as of the multiple, not of the clock");
        assert_eq!(run(START + 19 * SECOND).await, (vec![], vec![]), "not due again");
        assert_eq!(run(START + 30 * SECOND).await, (vec!["changed d 3 throttle".to_owned()], vec![30]));
        let hit = book.open(EntityKind::Device, "d", START + 31 * SECOND).iter().next().cloned().expect("open");
        assert_eq!((hit.first_at, hit.until), (START + 10 * SECOND, START + 55 * SECOND));
        // The two first ones left after a minute; the answer was true until then, and the hit ends 25 s later.
        for at in [40, 50, 60] {
            assert_eq!(run(START + at * SECOND).await, (vec![], vec![]), "what only prolongs a hit has no row");
        }
        let edge = run(START + 70 * SECOND).await;
        assert_eq!(edge, (vec!["changed d 3 throttle".to_owned()], vec![70]), "the end moved since it was written");
        assert_eq!(run(START + 84 * SECOND).await.0, [] as [&str; 0]);
        assert_eq!(run(START + 85 * SECOND).await, (vec!["closed d 3 throttle".to_owned()], vec![85]));
        assert!(book.is_empty());
    });
}

#[test]
fn an_error_stays_with_its_rule_and_keeps_its_hits() {
    let failing = scheduled_rule("count(*) >= 2 and 6 / (3 - count(*)) > 0");
    let (rules, book) = set(&failing);
    let spends = |count: i64| -> Tables {
        tables(&(0..count).map(|n| event("credits", START + n, json!({"device_id": "d"}))).collect::<Vec<_>>())
    };
    block_on(async {
        let opened = rules.run_due(engine(), &spends(2), START + 10 * SECOND).await;
        assert_eq!(told(&opened), ["opened d 2 throttle"]);
        assert_eq!(rules.run_due(engine(), &spends(3), START + 20 * SECOND).await, []);
        let problem = rules.problems().pop().expect("a problem");
        assert_eq!(problem.file, "busy.sql");
        assert!(problem.message.to_lowercase().contains("divi"), "{problem}");
        assert_eq!(book.len(), 1, "its hits last until they end");
        let closed = rules.run_due(engine(), &spends(3), START + 40 * SECOND).await;
        assert_eq!(told(&closed), ["closed d 2 throttle"]);
        rules.run_due(engine(), &spends(2), START + 50 * SECOND).await;
        assert_eq!(rules.problems(), [], "it is well again");
    });
}

#[test]
fn restored_hits_go_on_if_the_first_answer_has_them() {
    let rule = scheduled_rule("count(*) >= 2");
    let (first, book) = set(&rule);
    let spends = |names: &[&str]| -> Tables {
        let events: Vec<Event> = names
            .iter()
            .flat_map(|name| [START, START + 1].map(|at| event("credits", at, json!({"device_id": name}))))
            .collect();
        tables(&events)
    };
    block_on(async {
        first.run_due(engine(), &spends(&["stays", "goes"]), START + 10 * SECOND).await;
        let hits: Vec<_> = book.list(START).iter().map(|hit| (**hit).clone()).collect();
        let (second, book) = set(&rule);
        assert!(second.adopt(hits, START + 30 * SECOND).is_empty());
        assert_eq!(book.len(), 2, "verdicts know them at once");
        // Longer away than the hits last: what is still true went on, the other ended when it said.
        let told_by = second.run_due(engine(), &spends(&["stays"]), START + 41 * SECOND).await;
        let [closed] = told_by.as_slice() else { panic!("{told_by:?}") };
        assert_eq!((told(&told_by), closed.at), (vec!["closed goes 2 throttle".to_owned()], START + 35 * SECOND));
        let stays = book.open(EntityKind::Device, "stays", START + 42 * SECOND).iter().next().cloned().expect("open");
        assert_eq!((stays.first_at, stays.until), (START + 10 * SECOND, START + 65 * SECOND));
    });
}

#[test]
fn hits_on_browser_facts_never_block() {
    let browser = rule(
        "seen",
        "entity: device; trust: any; verdict: block; points: 90",
        "select device_id as entity, count(*) as observed, 1 as threshold, 'block' as verdict from usage group by device_id",
    );
    let (rules, book) = set(&browser);
    let lake = tables(&[
        event("usage", START, json!({"device_id": "d", "trust": "public"})),
        event("usage", START, json!({"name": "x"})),
    ]);
    let opened = block_on(rules.run_due(engine(), &lake, START + 10 * SECOND));
    assert_eq!(told(&opened), ["opened d 1 throttle"], "and the row without a device is dropped");
    assert!(book.list(START).iter().all(|hit| hit.browser_facts));
}

#[test]
fn the_window_reaches_the_tables_as_a_plain_range() {
    use super::super::text::Clock;
    let rule = scheduled_rule("count(*) >= 2");
    let seen = rule.sight(EntityKind::Device).over(&tables(&[])).expect("tables");
    let sql = rule.sql.sql(Clock::At(START), rule.headers.window);
    let plan = block_on(async {
        let session = engine().session(seen).expect("a session");
        session.sql(&sql).await.expect("a plan").into_optimized_plan().expect("optimised").to_string()
    });
    let range = "received_at >= TimestampMicrosecond(1795341541000000, Some(\"UTC\")) \
                 AND credits.received_at <= TimestampMicrosecond(1795341600000000, Some(\"UTC\"))";
    assert!(plan.contains(range), "files are pruned by bare columns only: {plan}");
    assert!(plan.contains("credits.trust = Utf8View(\"server\")"), "{plan}");
}
