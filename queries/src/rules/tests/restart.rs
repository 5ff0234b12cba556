//! After a restart a rule knows what it would have known: its state from the lake, its hits from their table.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::*;
use crate::engine::Params;
use crate::hits::{EntityKind, RESTORE_SQL, RestoredHit, read_restored_hits};

fn restart_rules() -> Vec<Arc<Rule>> {
    let rule = |name, ttl, observed: &str, having: &str| {
        rule(
            name,
            &format!("entity: device; window: 10s; ttl: {ttl}; verdict: block; points: 7"),
            &format!(
                "select device_id as entity, {observed} as observed, 2 as threshold from credits
                 where in_window(received_at) group by device_id having {having}"
            ),
        )
    };
    vec![
        rule("counted", "4s", "count(*)", "count(*) >= 3"),
        rule("distinct", "30s", "count(distinct guest_id)", "count(distinct guest_id) >= 2"),
        rule("few", "15s", "sum(amount)", "sum(amount) between 2 and 5"),
        rule("once", "3s", "sum_once(amount, guest_id)", "sum_once(amount, guest_id) > 3"),
    ]
}

fn events(steps: &[(i64, u8, u8, i64)]) -> Vec<Event> {
    let mut at = START + 77_777;
    let make = |(gap, device, guest, amount): &(i64, u8, u8, i64)| {
        at += gap;
        let values = json!({"device_id": format!("d{device}"), "guest_id": format!("g{guest}"), "amount": amount});
        event("credits", at, values)
    };
    steps.iter().map(make).collect()
}

/// Rows of the table `hits`, as the caller writes them.
fn rows(transitions: &[Transition]) -> Vec<Event> {
    let row = |(seq, transition): (usize, &Transition)| {
        let hit = &transition.hit;
        let values = json!({
            "rule": &*hit.rule, "version": &*hit.version, "entity_kind": hit.entity_kind.name(), "entity": &*hit.entity,
            "state": transition.kind.state(), "mode": hit.mode.name(), "verdict": hit.verdict.name(),
            "observed": hit.observed, "threshold": hit.threshold, "points": hit.points,
            "first_at": hit.first_at, "until": hit.until, "seq": seq,
        });
        event("hits", transition.at, values)
    };
    transitions.iter().enumerate().map(row).collect()
}

/// Returns the hits that a restart reads back, after these transitions were written.
pub(super) async fn restored(told: &[Transition]) -> Vec<RestoredHit> {
    let answer = engine().ask(RESTORE_SQL, &Params::new(), tables(&rows(told))).await.expect("hits");
    read_restored_hits(&answer.collect().await.expect("rows")).expect("columns")
}

/// Everything a rule shows: the open hits in full, and how they go on until all is over.
fn rest(live: &LiveRules, book: &HitBook, now: i64) -> (Vec<String>, Vec<String>) {
    let mut open: Vec<String> = book.list(now).iter().map(|hit| format!("{hit:?}")).collect();
    open.sort_unstable();
    let mut ends: Vec<String> = live
        .tick(now + HOUR)
        .iter()
        .filter(|transition| transition.kind == TransitionKind::Closed)
        .map(|transition| {
            format!("{} {} {} {}", transition.hit.rule, transition.hit.entity, transition.hit.first_at, transition.at)
        })
        .collect();
    ends.sort_unstable();
    (open, ends)
}

#[test]
fn a_rebuilt_rule_equals_one_that_never_stopped() {
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let gap = prop_oneof![4 => 1i64..2 * SECOND, 1 => 0i64..15 * SECOND];
    let steps = prop::collection::vec((gap, 0u8..3, 0u8..4, 0i64..4), 2..50);
    let result = runner.run(&(steps, 0.0f64..1.0, 0i64..12 * SECOND), |(steps, share, pause)| {
        let rules = restart_rules();
        let events = events(&steps);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place"
        )]
        let mut cut = ((events.len() as f64 * share) as usize).clamp(1, events.len() - 1);
        // All events of one time are on one side.
        while cut < events.len() && events[cut].at == events[cut - 1].at {
            cut += 1;
        }
        let (before, after) = events.split_at(cut);
        let up_to = before.last().expect("one at least").at;
        block_on(async {
            let (steady, steady_book) = warm(&rules).await;
            let mut told = observe_all(&steady, before);
            // The log is down for a while after its last event; ticks are lost with it.
            let waking = after.first().map_or(up_to + pause, |event| (up_to + pause).min(event.at - 1)).max(up_to);

            let book = Arc::new(HitBook::new());
            let live = LiveRules::new(Arc::clone(&book), LiveLimits::default());
            let modes: Vec<_> = rules.iter().map(|rule| (Arc::clone(rule), Mode::Live)).collect();
            live.install(&modes, waking);
            let lake = tables(before);
            prop_assert!(live.adopt(restored(&told).await, waking).is_empty());
            prop_assert!(!live.all_warm());
            // Replayed from the log while cold: part of it is in the cut already.
            observe_all(&live, &before[before.len() / 2..]);
            observe_all(&live, &after[..after.len() / 2]);
            live.rebuild(engine(), &lake, up_to).await.expect("a rebuild");
            prop_assert!(live.all_warm());
            observe_all(&live, &after[after.len() / 2..]);

            told.extend(observe_all(&steady, after));
            let now = events.last().expect("one at least").at.max(waking);
            steady.tick(now);
            live.tick(now);
            prop_assert_eq!(rest(&live, &book, now), rest(&steady, &steady_book, now));
            Ok(())
        })
    });
    result.expect("no difference");
}

#[test]
fn a_cold_rule_says_so_and_waits_for_its_past() {
    let rule = &restart_rules()[0];
    let past = events(&[(0, 1, 1, 1), (SECOND, 1, 2, 1)]);
    let next = event("credits", past[1].at + SECOND, json!({"device_id": "d1"}));
    block_on(async {
        let book = Arc::new(HitBook::new());
        let live = LiveRules::new(Arc::clone(&book), LiveLimits::default());
        live.install(&[(Arc::clone(rule), Mode::Live)], START);
        assert!(!live.warm("counted") && live.warm("another"));
        assert_eq!(live.observe("credits", &batch(std::slice::from_ref(&next)), next.at), []);
        let told_by = live.rebuild(engine(), &tables(&past), past[1].at).await.expect("a rebuild");
        assert_eq!(told(&told_by), ["opened d1 3 block"], "two events of the lake and one that waited");
        assert!(live.warm("counted"));
        assert_eq!(live.status()[0].entities, 1);
    });
}

#[test]
fn a_queue_that_overflows_asks_for_a_newer_cut() {
    let rule = &restart_rules()[0];
    let events: Vec<Event> = (0..50).map(|n| event("credits", START + n, json!({"device_id": "d1"}))).collect();
    block_on(async {
        let limits = LiveLimits { queue_bytes_max: 4_000, ..LiveLimits::default() };
        let live = LiveRules::new(Arc::new(HitBook::new()), limits);
        live.install(&[(Arc::clone(rule), Mode::Live)], START);
        observe_all(&live, &events);
        let early = live.rebuild(engine(), &tables(&events[..1]), events[0].at).await;
        assert_eq!(early.expect_err("too early"), crate::rules::RebuildError::Overrun);
        assert!(!live.all_warm());
        let late = live.rebuild(engine(), &tables(&events), events[49].at).await.expect("a newer cut");
        assert_eq!(told(&late), ["opened d1 50 block"]);
    });
}

#[test]
fn too_many_entities_leave_the_least_recently_touched_first() {
    let rule = &restart_rules()[0];
    let touch = |at: i64, device: &str| event("credits", at, json!({"device_id": device}));
    block_on(async {
        let book = Arc::new(HitBook::new());
        let live = LiveRules::new(Arc::clone(&book), LiveLimits { entities_max: 2, ..LiveLimits::default() });
        live.install(&[(Arc::clone(rule), Mode::Live)], START);
        live.rebuild(engine(), &tables(&[]), 0).await.expect("a rebuild");
        let devices = ["a", "a", "b", "a", "c", "b", "b", "b"];
        let events: Vec<Event> = (0..).zip(devices).map(|(n, device)| touch(START + n, device)).collect();
        let told = told(&observe_all(&live, &events));
        // `b` left for `c`, so its first event is forgotten and it takes three new ones.
        assert_eq!(told, ["opened a 3 block", "opened b 3 block"]);
        assert_eq!(live.status()[0].entities, 2);
        assert_eq!(book.open(EntityKind::Device, "a", START + 8).iter().count(), 1, "a hit outlives the state");
    });
}

#[test]
fn modes_and_versions_change_under_open_hits() {
    let [counted, _, few, _] = restart_rules().try_into().expect("four");
    let events: Vec<Event> = (0..3).map(|n| event("credits", START + n, json!({"device_id": "d"}))).collect();
    block_on(async {
        let (live, book) = warm(&[Arc::clone(&counted)]).await;
        observe_all(&live, &events);
        let now = START + 10;
        let mode = |book: &HitBook| book.open(EntityKind::Device, "d", now).iter().next().map(|hit| hit.mode);
        assert_eq!(mode(&book), Some(Mode::Live));
        let changed = live.install(&[(Arc::clone(&counted), Mode::Shadow)], now);
        assert_eq!((told(&changed), mode(&book)), (vec!["changed d 3 block".to_owned()], Some(Mode::Shadow)));
        assert!(live.all_warm(), "the same version keeps its state");
        let closed = live.install(&[(Arc::clone(&few), Mode::Live)], now + 1);
        assert_eq!((told(&closed), mode(&book)), (vec!["closed d 3 block".to_owned()], None));
        assert!(!live.all_warm(), "another rule starts cold");
        assert_eq!(live.install(&[(few, Mode::Off)], now + 2), []);
        assert!(live.status().is_empty());
    });
}

#[test]
fn an_erased_entity_is_forgotten_at_once() {
    let rule = &restart_rules()[0];
    let events: Vec<Event> = (0..3).map(|n| event("credits", START + n, json!({"device_id": "d"}))).collect();
    block_on(async {
        let (live, book) = warm(&[Arc::clone(rule)]).await;
        observe_all(&live, &events);
        live.forget(EntityKind::Device, "d");
        assert!(book.is_empty());
        assert_eq!(live.status()[0].entities, 0);
        assert_eq!(live.tick(START + HOUR), [], "nothing is told of it any more");
    });
}
