//! Invariant I8: a rule finds the same live, in a backtest, over a restart, and asked of the tables.
//!
//! Random rules of the supported grammar (`grammar.rs`) go over random streams of events. What they must find is computed the
//! plain way from the events: at each moment at which anything could change, from all the rows in the window. The live rules,
//! a backtest, one of the second half, and live rules that were restarted in the middle must find just that; and the
//! rule's text, asked of DataFusion, must say the same as the plain way at moments drawn from all of them.
//!
//! `WEIR_PARITY_EVALUATIONS=10000000` makes it long; an evaluation is one event judged by one rule.

mod grammar;
mod scheduled;

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::super::answer::read_answer;
use super::super::scheduled::ask;
use super::super::text::Clock;
use super::restart::restored;
use super::*;
use crate::engine::Params;
use crate::hits::{EntityKind, Evaluation, Hit, Restraint};
use crate::rules::Backtest;
use grammar::{Said, Spec, spec, step};

/// Evaluations of an ordinary run.
const EVALUATIONS: u64 = 300_000;
const RULES: usize = 5;
const EVENTS: usize = 700;
/// Moments of a rule at which its text is asked, in one statement.
const ASKED: usize = 4;

/// A hit, as the definition makes it.
#[derive(Clone, Debug, PartialEq)]
struct Expected {
    entity: String,
    first_at: i64,
    until: i64,
    last: Said,
}

impl Expected {
    fn of(hit: &Hit) -> Self {
        let last = Said { observed: hit.observed, blocks: hit.verdict == Restraint::Block, points: hit.points };
        Self { entity: hit.entity.to_string(), first_at: hit.first_at, until: hit.until, last }
    }
}

/// A moment, and what the rule must say then of every entity.
type Answer = (i64, BTreeMap<String, Said>);

fn evaluations() -> u64 {
    let wished = std::env::var("WEIR_PARITY_EVALUATIONS").ok();
    wished.map_or(EVALUATIONS, |number| number.replace('_', "").parse().expect("a number of evaluations"))
}

fn kind_of(spec: &Spec) -> EntityKind {
    if spec.key == "device_id" { EntityKind::Device } else { EntityKind::Guest }
}

fn stream(steps: Vec<(i64, Value)>) -> Vec<Event> {
    let mut at = START + 123_456;
    let make = |(seq, (gap, mut values)): (usize, (i64, Value))| {
        at += gap;
        values["seq"] = json!(seq);
        event("credits", at, values)
    };
    steps.into_iter().enumerate().map(make).collect()
}

/// The rows of each entity that count, in the order of the log.
fn by_entity<'e>(spec: &Spec, events: &'e [Event]) -> BTreeMap<&'e str, Vec<&'e Event>> {
    let mut rows: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        if let Some(entity) = spec.entity(event) {
            rows.entry(entity).or_default().push(event);
        }
    }
    rows
}

fn in_window<'e>(rows: &[&'e Event], window: crate::rules::Window, at: i64) -> Vec<&'e Event> {
    rows.iter().copied().filter(|event| window.contains(event.at, at)).collect()
}

/// The definition, written out: each entity is judged at its events and when a bucket of its leaves the window.
fn expect(spec: &Spec, rule: &Rule, events: &[Event], end: i64) -> Vec<Expected> {
    let window = rule.headers.window.expect("a window");
    let mut hits: Vec<Expected> = Vec::new();
    for (entity, rows) in by_entity(spec, events) {
        let mut moments: Vec<i64> =
            rows.iter().flat_map(|event| [event.at, window.exit(window.bucket(event.at))]).collect();
        moments.sort_unstable();
        moments.dedup();
        let mut open: Option<Expected> = None;
        for at in moments.into_iter().filter(|at| *at <= end) {
            let Some(said) = spec.judge(&in_window(&rows, window, at)) else { continue };
            let until = at + rule.headers.ttl_us;
            match open.as_mut().filter(|hit| hit.until >= at) {
                Some(hit) => (hit.until, hit.last) = (until, said),
                None => {
                    hits.extend(open.replace(Expected { entity: entity.to_owned(), first_at: at, until, last: said }))
                }
            }
        }
        hits.extend(open);
    }
    in_order(hits)
}

fn in_order(mut hits: Vec<Expected>) -> Vec<Expected> {
    hits.sort_by(|a, b| (a.first_at, &a.entity).cmp(&(b.first_at, &b.entity)));
    hits
}

/// The hits that transitions tell of, and that are still open in the book.
fn hits_of(rule: &Rule, transitions: &[Transition], book: &HitBook, end: i64) -> Vec<Expected> {
    let closed = of_kind(transitions, TransitionKind::Closed).into_iter().map(|transition| transition.hit);
    in_order(closed.chain(book.list(end)).filter(|hit| hit.rule == rule.name).map(|hit| Expected::of(&hit)).collect())
}

/// What a restart may change of a hit that is over by then: the table was not told the last value.
fn without_last(hits: &[Expected]) -> Vec<(&str, i64, i64)> {
    hits.iter().map(|hit| (&*hit.entity, hit.first_at, hit.until)).collect()
}

/// Asks a rule's text as of some moments, in one statement.
async fn ask_text(rule: &Rule, kind: EntityKind, events: &[Event], moments: &[i64]) -> Vec<Answer> {
    let seen = rule.sight(kind).over(&tables(events)).expect("tables");
    let texts = moments.iter().enumerate().map(|(n, at)| {
        format!("select {n} as moment, t{n}.* from ({}) as t{n}", rule.sql.sql(Clock::At(*at), rule.headers.window))
    });
    let sql = texts.collect::<Vec<_>>().join(" union all ");
    let mut answers: Vec<Answer> = moments.iter().map(|at| (*at, BTreeMap::new())).collect();
    let answer = engine().ask(&sql, &Params::new(), seen).await.expect("an answer");
    for batch in answer.collect().await.expect("rows") {
        let places = batch.column_by_name("moment").expect("selected").as_primitive::<Int64Type>().clone();
        for (row, entity, found) in read_answer(&batch, rule).expect("numbers") {
            let place = usize::try_from(places.value(row)).expect("a place");
            answers[place].1.insert(entity.to_string(), said(&found));
        }
    }
    answers
}

fn said(found: &Evaluation) -> Said {
    Said { observed: found.observed, blocks: found.verdict == Restraint::Block, points: found.points }
}

fn answer_plainly(spec: &Spec, rule: &Rule, events: &[Event], at: i64) -> Answer {
    let window = rule.headers.window.expect("a window");
    let said = by_entity(spec, events)
        .into_iter()
        .filter_map(|(entity, rows)| Some((entity.to_owned(), spec.judge(&in_window(&rows, window, at))?)));
    (at, said.collect())
}

/// One stream under several rules.
struct Case {
    specs: Vec<Spec>,
    rules: Vec<Arc<Rule>>,
    events: Vec<Event>,
    /// Where the restart comes.
    cut: usize,
    /// The clock is told of between two batches.
    ticks: bool,
    end: i64,
}

impl Case {
    fn draw(runner: &mut TestRunner) -> Self {
        let strategy =
            (prop::collection::vec(spec(), RULES), prop::collection::vec(step(), EVENTS), 1..EVENTS - 1, any::<bool>());
        let (specs, steps, mut cut, ticks) = strategy.new_tree(runner).expect("a case").current();
        let events = stream(steps);
        // All events of one time are on one side.
        while cut < events.len() && events[cut].at == events[cut - 1].at {
            cut += 1;
        }
        let make = |(n, spec): (usize, Spec)| {
            let kind = kind_of(&spec).name();
            let headers =
                format!("entity: {kind}; window: {}; ttl: {}; verdict: throttle; points: 7", spec.window, spec.ttl);
            match try_rule(&format!("rule{n}"), &headers, &spec.sql()) {
                Ok(rule) => Some((spec, Arc::new(rule))),
                // DataFusion names aggregates after their text without its parentheses, and refuses two of one name.
                Err(problem) if problem.contains("duplicate unqualified field name") => None,
                Err(problem) => panic!("{problem}\n{}", spec.sql()),
            }
        };
        let (specs, rules): (Vec<Spec>, Vec<Arc<Rule>>) = specs.into_iter().enumerate().filter_map(make).unzip();
        for rule in &rules {
            assert!(rule.is_live(), "{rule:?}\n{}", rule.text);
        }
        let end = events.last().expect("many").at + 5 * SECOND;
        Self { specs, rules, events, cut, ticks, end }
    }

    fn observe(&self, live: &LiveRules, events: &[Event]) -> Vec<Transition> {
        let mut transitions = Vec::new();
        for together in events.chunk_by(|a, b| a.at == b.at) {
            let at = together[0].at;
            if self.ticks {
                transitions.extend(live.tick(at - 1));
            }
            transitions.extend(live.observe("credits", &batch(together), at));
        }
        transitions
    }

    /// Checks everything, and returns the number of evaluations.
    async fn check(&self) -> u64 {
        let (live, book) = warm(&self.rules).await;
        let (before, after) = self.events.split_at(self.cut);
        let told_before = self.observe(&live, before);
        let mut told = told_before.clone();
        told.extend(self.observe(&live, after));
        told.extend(live.tick(self.end));
        let (restarted, restarted_book) = self.restart(&told_before).await;
        let middle = START + (self.end - START) / 2;
        let whole = Backtest { rules: self.rules.clone(), from: START, to: self.end, pace_us: None };
        let half = Backtest { from: middle, ..whole.clone() };
        let lake = tables(&self.events);
        let whole = whole.run(engine(), &lake, |_| {}).await.expect("a result");
        let half = half.run(engine(), &lake, |_| {}).await.expect("a result");
        for (n, (spec, rule)) in self.specs.iter().zip(&self.rules).enumerate() {
            let expected = expect(spec, rule, &self.events, self.end);
            let text = &rule.text;
            assert_eq!(hits_of(rule, &told, &book, self.end), expected, "live\n{text}");
            let replayed = |hits: &[Arc<Hit>]| in_order(hits.iter().map(|hit| Expected::of(hit)).collect());
            assert_eq!(replayed(&whole[n].hits), expected, "backtest\n{text}");
            // What is open in the second half is found from there alone, but for when it began.
            let ends = |hits: Vec<Expected>| {
                let open = hits.into_iter().filter(|hit| hit.until > middle);
                let mut ends: Vec<_> = open.map(|hit| (hit.until, hit.entity, hit.last.observed)).collect();
                ends.sort();
                ends
            };
            assert_eq!(ends(replayed(&half[n].hits)), ends(expected.clone()), "backtest of half\n{text}");
            let after_restart = hits_of(rule, &restarted, &restarted_book, self.end);
            assert_eq!(without_last(&after_restart), without_last(&expected), "restarted at {}\n{text}", self.cut);
            self.check_text(spec, rule).await;
        }
        (self.events.len() * self.rules.len()) as u64
    }

    /// Returns what is told by rules that were restarted at the cut, with what was told before.
    async fn restart(&self, told_before: &[Transition]) -> (Vec<Transition>, Arc<HitBook>) {
        let (before, after) = self.events.split_at(self.cut);
        let up_to = before.last().expect("some").at;
        let book = Arc::new(HitBook::new());
        let live = LiveRules::new(Arc::clone(&book), LiveLimits::default());
        let modes: Vec<_> = self.rules.iter().map(|rule| (Arc::clone(rule), Mode::Live)).collect();
        live.install(&modes, up_to);
        assert!(live.adopt(restored(told_before).await, up_to).is_empty());
        let mut told = told_before.to_vec();
        // Part of what came meanwhile waits.
        let waiting = after.len() / 3;
        let waiting =
            (waiting..after.len()).find(|n| *n == 0 || after[*n].at != after[*n - 1].at).unwrap_or(after.len());
        told.extend(self.observe(&live, &after[..waiting]));
        told.extend(live.rebuild(engine(), &tables(before), up_to).await.expect("a rebuild"));
        told.extend(self.observe(&live, &after[waiting..]));
        told.extend(live.tick(self.end));
        (told, book)
    }

    async fn check_text(&self, spec: &Spec, rule: &Rule) {
        let window = rule.headers.window.expect("a window");
        let step = (self.events.len() / ASKED).max(1);
        let moments: Vec<i64> = (0..ASKED)
            .map(|n| {
                let at = self.events[(n * step + n) % self.events.len()].at;
                if n % 2 == 0 { at } else { window.exit(window.bucket(at)) }
            })
            .collect();
        let expected: Vec<Answer> = moments.iter().map(|at| answer_plainly(spec, rule, &self.events, *at)).collect();
        assert_eq!(ask_text(rule, kind_of(spec), &self.events, &moments).await, expected, "asked\n{}", rule.text);
    }
}

#[test]
fn a_rule_finds_the_same_live_in_backtests_over_a_restart_and_asked_of_the_tables() {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let (mut done, wanted) = (0, evaluations());
    let mut hits = 0;
    while done < wanted {
        let case = Case::draw(&mut runner);
        hits += case
            .specs
            .iter()
            .zip(&case.rules)
            .map(|(spec, rule)| expect(spec, rule, &case.events, case.end).len())
            .sum::<usize>();
        let before = done;
        done += block_on(case.check());
        if done / 1_000_000 > before / 1_000_000 {
            eprintln!("{done} evaluations so far");
        }
    }
    println!("{done} evaluations, {hits} hits, no difference");
    assert!(hits > 100, "{hits} hits are too few to tell");
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
