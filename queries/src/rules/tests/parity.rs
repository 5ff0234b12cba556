//! Invariant I8: a rule finds the same live as its text finds when it is asked of the tables. Random streams of events go
//! through the live rules; at every moment at which anything could change, the same text is asked of DataFusion over the
//! events received so far. The hits must be those that the answers, folded by the definition, make.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use futures::StreamExt;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::super::answer::AnswerColumns;
use super::super::scheduled::ask;
use super::super::text::Clock;
use super::*;
use crate::engine::Params;
use crate::hits::{EntityKind, Evaluation, Hit};
use crate::rules::Backtest;

/// Rules asked about at once.
const ASKED_TOGETHER: usize = 4;
/// Moments asked about in one statement.
const MOMENTS_TOGETHER: usize = 5;

/// One rule a shape of aggregate; some become true when rows leave, some do not.
const RULES: [(&str, &str, &str); 9] = [
    ("counted", "count(*)", "count(*) >= 3"),
    (
        "distinct",
        "count(distinct guest_id) filter (where amount > 1)",
        "count(distinct guest_id) filter (where amount > 1) >= 2",
    ),
    ("summed", "sum(amount)", "sum(amount) >= 4 and sum(amount) < 9"),
    (
        "averaged",
        "100 * avg(amount) filter (where reason = 'x')",
        "avg(amount) filter (where reason = 'x') > 1.5 and avg(amount) < 4",
    ),
    ("spread", "max(amount) - min(amount)", "max(amount) - min(amount) >= 3"),
    ("flagged", "count(ref)", "bool_or(reason = 'x') and count(ref) >= 1"),
    ("once", "sum_once(amount, ref)", "sum_once(amount, ref) >= 6"),
    (
        "share",
        "100 * count(*) filter (where reason = 'x') / count(*)",
        "2 * count(*) filter (where reason = 'x') >= count(*)",
    ),
    (
        "aged",
        "date_part('epoch', max(received_at) - min(received_at))",
        "max(received_at) - min(received_at) >= interval '4 seconds'",
    ),
];

fn parity_rules(window: &str, ttl: &str) -> Vec<Arc<Rule>> {
    let make = |(name, observed, having): &(&str, &str, &str)| {
        rule(
            name,
            &format!("entity: device; window: {window}; ttl: {ttl}; verdict: block; points: 7"),
            &format!(
                "select device_id as entity, {observed} as observed, 2 as threshold,
                    case when count(*) > 4 then 'throttle' end as verdict, 10 * count(*) as points
                 from credits where op <> 'skipped' and in_window(received_at) group by device_id having {having}"
            ),
        )
    };
    let rules: Vec<Arc<Rule>> = RULES.iter().map(make).collect();
    assert!(rules.iter().all(|rule| rule.is_live()), "{rules:?}");
    rules
}

/// An event, and the time since the one before: often none, sometimes longer than a window.
fn step() -> impl Strategy<Value = (i64, Value)> {
    let gap = prop_oneof![
        3 => Just(0),
        4 => 1i64..3 * SECOND,
        2 => (1i64..9).prop_map(|seconds| seconds * SECOND),
        1 => 9 * SECOND..40 * SECOND,
    ];
    let text = |values: &'static [&'static str]| prop::option::weighted(0.85, prop::sample::select(values));
    (
        gap,
        prop::sample::select(&["d1", "d2", "d3", ""][..]),
        text(&["g1", "g2", "g3"]),
        prop::option::weighted(0.9, 0i64..6),
        text(&["r1", "r2", "r3"]),
        text(&["x", "y"]),
        prop::sample::select(&["grant", "grant", "grant", "skipped"][..]),
        prop::sample::select(&["server", "server", "server", "public"][..]),
    )
        .prop_map(|(gap, device, guest, amount, reference, reason, op, trust)| {
            let device = (!device.is_empty()).then_some(device);
            let values = json!({"device_id": device, "guest_id": guest, "amount": amount, "ref": reference,
                "reason": reason, "op": op, "trust": trust});
            (gap, values)
        })
}

fn stream(steps: Vec<(i64, Value)>) -> Vec<Event> {
    let mut at = START + 123_456;
    let make = |(gap, values)| {
        at += gap;
        event("credits", at, values)
    };
    steps.into_iter().map(make).collect()
}

/// Entities that count for the rules at hand.
fn entity(event: &Event) -> Option<&str> {
    let counts = event.values["op"] != "skipped" && event.values["trust"] == "server";
    event.values["device_id"].as_str().filter(|_| counts)
}

/// A hit, as the definition makes it.
#[derive(Debug, PartialEq)]
struct Expected {
    entity: String,
    first_at: i64,
    until: i64,
    last: Evaluation,
}

/// Asks a rule as of many moments. The text is the scheduled way's for each of them; they share statements, because each
/// statement costs as much as its answer.
async fn ask_at(rule: &Rule, events: &[Event], moments: &[i64]) -> Vec<BTreeMap<String, Evaluation>> {
    // The whole stream is in the tables: what was received later is not in the window.
    let seen = rule.sight(EntityKind::Device).over(&tables(events)).expect("tables");
    let mut answers = vec![BTreeMap::new(); moments.len()];
    for (chunk, moments) in moments.chunks(MOMENTS_TOGETHER).enumerate() {
        let texts = moments.iter().enumerate().map(|(n, at)| {
            format!("select {n} as moment, t{n}.* from ({}) as t{n}", rule.sql.sql(Clock::At(*at), rule.headers.window))
        });
        let sql = texts.collect::<Vec<_>>().join(" union all ");
        let answer = engine().ask(&sql, &Params::new(), seen.clone()).await.expect("an answer");
        for batch in answer.collect().await.expect("rows") {
            let column = |name: &str| batch.column_by_name(name).expect("selected");
            let evaluations = AnswerColumns {
                observed: column("observed"),
                threshold: column("threshold"),
                verdict: Some(column("verdict")),
                points: Some(column("points")),
            };
            let evaluations = evaluations.read(&rule.headers).expect("numbers");
            let entities = cast(column("entity"), &DataType::Utf8).expect("text");
            let rows = entities.as_string::<i32>().iter().zip(column("moment").as_primitive::<Int64Type>().values());
            for ((entity, moment), evaluation) in rows.zip(evaluations) {
                let Some(entity) = entity else { continue };
                let place = chunk * MOMENTS_TOGETHER + usize::try_from(*moment).expect("a place");
                answers[place].insert(entity.to_owned(), evaluation);
            }
        }
    }
    answers
}

/// Asks a rule at every moment that matters, and folds the answers into hits: the definition, written out.
async fn expect(rule: &Rule, events: &[Event], end: i64) -> (Vec<Expected>, usize) {
    let window = rule.headers.window.expect("a window");
    let mut moments: BTreeMap<i64, BTreeSet<&str>> = BTreeMap::new();
    for event in events {
        let Some(entity) = entity(event) else { continue };
        for moment in [event.at, window.exit(window.bucket(event.at))] {
            moments.entry(moment).or_default().insert(entity);
        }
    }
    let mut hits: Vec<Expected> = Vec::new();
    let moments: Vec<(i64, BTreeSet<&str>)> = moments.into_iter().filter(|(at, _)| *at <= end).collect();
    let answers = ask_at(rule, events, &moments.iter().map(|(at, _)| *at).collect::<Vec<_>>()).await;
    for ((at, entities), found) in moments.iter().zip(&answers) {
        for entity in entities {
            let Some(evaluation) = found.get(*entity) else { continue };
            let until = at + rule.headers.ttl_us;
            match hits.iter_mut().find(|hit| hit.entity == *entity && hit.until >= *at) {
                Some(hit) => (hit.until, hit.last) = (until, *evaluation),
                None => hits.push(Expected { entity: (*entity).to_owned(), first_at: *at, until, last: *evaluation }),
            }
        }
    }
    hits.sort_by(|a, b| (a.first_at, &a.entity).cmp(&(b.first_at, &b.entity)));
    (hits, answers.len())
}

/// The hits that transitions tell of, and that are still open in the book.
fn hits_of(rule: &Rule, transitions: &[Transition], book: &HitBook, end: i64) -> Vec<Expected> {
    let closed = of_kind(transitions, TransitionKind::Closed).into_iter().map(|transition| transition.hit);
    in_order(closed.chain(book.list(end)).filter(|hit| hit.rule == rule.name))
}

fn in_order(hits: impl IntoIterator<Item = Arc<Hit>>) -> Vec<Expected> {
    let mut hits: Vec<Expected> = hits
        .into_iter()
        .map(|hit| Expected {
            entity: hit.entity.to_string(),
            first_at: hit.first_at,
            until: hit.until,
            last: Evaluation {
                observed: hit.observed,
                threshold: hit.threshold,
                verdict: hit.verdict,
                points: hit.points,
            },
        })
        .collect();
    hits.sort_by(|a, b| (a.first_at, &a.entity).cmp(&(b.first_at, &b.entity)));
    hits
}

#[test]
fn live_hits_are_those_of_the_same_text_asked_of_the_tables() {
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let asked = std::cell::Cell::new(0);
    let cases = (
        prop::collection::vec(step(), 1..45),
        prop::sample::select(&[("10s", "7s"), ("98s", "20s"), ("3s", "3s")][..]),
        any::<bool>(),
    );
    let result = runner.run(&cases, |(steps, (window, ttl), ticks)| {
        let events = stream(steps);
        let rules = parity_rules(window, ttl);
        let end = events.last().expect("one at least").at + 5 * SECOND;
        block_on(async {
            let (live, book) = warm(&rules).await;
            let mut transitions = Vec::new();
            for together in events.chunk_by(|a, b| a.at == b.at) {
                let at = together[0].at;
                if ticks {
                    // Between two batches the clock may be told at any time before the next.
                    transitions.extend(live.tick(at - 1));
                }
                transitions.extend(live.observe("credits", &batch(together), at));
            }
            transitions.extend(live.tick(end));
            let whole = Backtest { rules: rules.clone(), from: START, to: end, step_us: None };
            let half = Backtest { from: START + (end - START) / 2, ..whole.clone() };
            let replayed = whole.run(engine(), &tables(&events), |_| {}).await.expect("a result");
            let of_half = half.run(engine(), &tables(&events), |_| {}).await.expect("a result");
            let answers = rules.iter().map(|rule| expect(rule, &events, end));
            // The engine answers a few questions at once and refuses further ones.
            let answers: Vec<_> = futures::stream::iter(answers).buffered(ASKED_TOGETHER).collect().await;
            for ((rule, (expected, count)), (whole, of_half)) in
                rules.iter().zip(answers).zip(replayed.iter().zip(&of_half))
            {
                asked.set(asked.get() + count);
                prop_assert_eq!(&hits_of(rule, &transitions, &book, end), &expected, "{}", rule.name);
                prop_assert_eq!(&in_order(whole.hits.clone()), &expected, "{} replayed", rule.name);
                // What is open in the second half is found from there alone, but for when it began.
                let open = |hit: &&Expected| hit.until > half.from;
                let ends = |hits: &[Expected]| {
                    let mut ends: Vec<_> = hits
                        .iter()
                        .filter(open)
                        .map(|hit| (hit.until, hit.entity.clone(), hit.last.observed))
                        .collect();
                    ends.sort();
                    ends
                };
                prop_assert_eq!(ends(&in_order(of_half.hits.clone())), ends(&expected), "{} from half", rule.name);
            }
            Ok(())
        })
    });
    result.expect("the two ways agree");
    assert!(asked.get() > 2_000, "{} evaluations are too few to tell", asked.get());
}

#[test]
fn a_distinct_count_past_the_cap_reads_as_the_cap_both_ways() {
    let many = rule(
        "many",
        "entity: device; window: 10s",
        "select device_id as entity, count(distinct guest_id) as observed, 1 as threshold from credits
         where in_window(received_at) group by device_id",
    );
    let events: Vec<Event> = (0..1_500)
        .map(|n| event("credits", START + n * 4 * 1_000, json!({"device_id": "d", "guest_id": format!("g{n}")})))
        .collect();
    block_on(async {
        let (live, book) = warm(&[Arc::clone(&many)]).await;
        for (end, expected) in [(900, 900), (1_500, 1_000)] {
            observe_all(&live, &events[if end == 900 { 0..900 } else { 900..1_500 }]);
            let at = events[end - 1].at;
            let hit = book.open(EntityKind::Device, "d", at).iter().next().cloned().expect("a hit");
            assert_eq!(hit.observed, expected);
            let found = ask(engine(), &tables(&events), &many, EntityKind::Device, at).await.expect("an answer");
            assert_eq!(found["d"].observed, expected);
        }
        // What was received before the fifth second has left.
        let at = START + 14 * SECOND;
        live.tick(at);
        let hit = book.open(EntityKind::Device, "d", at).iter().next().cloned().expect("a hit");
        let found = ask(engine(), &tables(&events), &many, EntityKind::Device, at).await.expect("an answer");
        assert_eq!((hit.observed, found["d"].observed), (250, 250));
    });
}
