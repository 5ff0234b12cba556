//! The page as HTML: one snapshot a state a reader can meet, what each fault says, and hostile text in every field.

use super::*;
use crate::Readiness;
use crate::moment::MINUTE;
use crate::proof::{HOSTILE, adds_no_tag, has_nothing_inline, plain_names};

const NOW: i64 = 1_795_341_845_000_000;

fn quiet_state() -> StateStrip {
    StateStrip {
        readiness: Readiness::Ready,
        unflushed_events: 0,
        unflushed_bytes: 0,
        unflushed_age_ms: 0,
        lost_records: 0,
    }
}

fn gauge(used: u64) -> Gauge {
    Gauge {
        name: "Log queue",
        used,
        max: 134_217_728,
        unit: Unit::Bytes,
        when_full: "events are refused with 503",
        fix: "Send more slowly.",
    }
}

fn empty() -> PipelinePage {
    PipelinePage {
        frame: Frame { key: Some("ops".to_owned()), may_query: true, version: "0.1.0".to_owned(), ..Frame::default() },
        now: NOW,
        started_at: NOW - 3 * 60 * MINUTE,
        state: quiet_state(),
        pace: Pace::default(),
        minutes: Panel::Ready(Vec::new()),
        keys: Vec::new(),
        health: Health::default(),
        tables: vec![TableFigures { name: "usage".to_owned(), ..TableFigures::default() }],
        gauges: vec![gauge(0)],
        rules: RuleFigures { rules: 18, ..RuleFigures::default() },
        since: String::new(),
        refused: Panel::Ready(Vec::new()),
    }
}

fn typical() -> PipelinePage {
    let running = NOW - NOW.rem_euclid(MINUTE);
    let latency = |count, p50_ms, p99_ms| Some(Latency { count, p50_ms, p99_ms });
    let own = |text: &str| text.to_owned();
    PipelinePage {
        state: StateStrip {
            unflushed_events: 1_204,
            unflushed_bytes: 1_234_567,
            unflushed_age_ms: 3_250,
            ..quiet_state()
        },
        pace: Pace {
            events_per_s: Some(1_204.4),
            span_s: 300,
            verdicts: (latency(900, 0.031, 0.094), latency(9_000, 0.03, 0.2)),
            commits: (latency(100, 1.2, 12.4), latency(1_000, 1.2, 12.4)),
        },
        minutes: Panel::Ready(vec![MinuteBar { start: running - MINUTE, events: 1_480, errors: 17 }]),
        keys: vec![
            KeyTally { key: own("app"), received: 1_209, accepted: 1_204, duplicate: 3, rejected: 2, dropped: 0 },
            KeyTally { key: own("web"), received: 7, accepted: 7, ..KeyTally::default() },
        ],
        tables: vec![
            TableFigures {
                name: own("usage"),
                rows: 9_000,
                unflushed: 1_204,
                files: 7,
                bytes: 1_234_567,
                newest: Some(NOW),
            },
            TableFigures { name: own("errors"), ..TableFigures::default() },
        ],
        gauges: vec![gauge(1_000_000)],
        rules: RuleFigures {
            rules: 18,
            open_hits: 12,
            live: vec![(own("card_testing"), 40, 9_000), (own("key_leak"), 900, 200_000), (own("cold"), 0, 0)],
        },
        refused: Panel::Ready(vec![Refused {
            code: own("missing_field"),
            kind: own("usage"),
            key: own("app"),
            count: 2,
            share: Some(100.0),
            last_at: NOW - MINUTE,
            message: own("`name` is missing"),
            event: own("{\n  \"kind\": \"usage\"\n}"),
        }]),
        ..empty()
    }
}

fn troubled() -> PipelinePage {
    let own = |text: &str| text.to_owned();
    PipelinePage {
        state: StateStrip {
            readiness: Readiness::Failed(own("Storage failed. The server's log tells why.")),
            ..quiet_state()
        },
        pace: Pace { verdicts: (Some(Latency { count: 9, p50_ms: 1.0, p99_ms: 40.0 }), None), ..Pace::default() },
        minutes: Panel::Failed(own("The query took longer than 30 s.")),
        keys: vec![KeyTally { key: own("app"), received: 3, accepted: 1, dropped: 9, ..KeyTally::default() }],
        health: Health {
            lost_rows: 3,
            lost_bytes: 4_096,
            torn_bytes: 12,
            wal_failures: 1,
            flush_failures: 2,
            is_flush_failing: true,
            lost_decisions: 5,
            forgiven: 7,
            rule_problems: vec![own("mine.sql:3: no such column")],
            cold_rules: 1,
            geo_problems: vec![own("country.mmdb is torn")],
        },
        gauges: vec![gauge(134_217_728), gauge(120_000_000)],
        refused: Panel::Failed(own("The query took longer than 30 s.")),
        ..typical()
    }
}

fn hostile(text: &str) -> PipelinePage {
    let own = || text.to_owned();
    let refused = Refused { code: own(), kind: own(), key: own(), message: own(), event: own(), ..Refused::default() };
    PipelinePage {
        frame: Frame { key: Some(own()), may_query: true, version: own(), ..Frame::default() },
        state: StateStrip { readiness: Readiness::Degraded(own()), ..quiet_state() },
        minutes: Panel::Stale { value: Vec::new(), as_of: NOW, reason: own() },
        keys: vec![KeyTally { key: own(), received: 1, dropped: 1, ..KeyTally::default() }],
        health: Health { rule_problems: vec![own()], geo_problems: vec![own()], ..Health::default() },
        tables: vec![TableFigures { name: own(), ..TableFigures::default() }],
        rules: RuleFigures { live: vec![(own(), 1, 1)], ..RuleFigures::default() },
        since: own(),
        refused: Panel::Stale { value: vec![refused], as_of: NOW, reason: own() },
        ..typical()
    }
}

#[test]
fn draws_every_state_a_reader_can_meet() {
    let html = |page: PipelinePage| plain_names(&page.page().unwrap());
    insta::assert_snapshot!("empty", html(empty()));
    insta::assert_snapshot!("typical", html(typical()));
    insta::assert_snapshot!("troubled", html(troubled()));
}

#[test]
fn the_fragment_is_what_changes_and_nothing_else() {
    let (page, fragment) = (typical().page().unwrap(), typical().fragment().unwrap());
    assert!(page.contains(fragment.trim()));
    assert!(!fragment.contains("<html") && !fragment.contains("panel-refused"), "{fragment}");
}

#[test]
fn whatever_is_wrong_names_its_fix_and_the_worst_comes_first() {
    let troubles = troubled().troubles();
    assert!(troubles.iter().all(|check| !check.fix.is_empty() && !check.finding.is_empty()), "{troubles:?}");
    let names: Vec<&str> = troubles.iter().map(|check| check.name).collect();
    for name in ["Storage", "Loss counter", "Outcome ledger", "Flushes to Parquet", "Record of decisions", "Rules"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let bad = troubles.iter().take_while(|check| check.tone == Tone::Bad).count();
    assert_eq!(bad, troubles.iter().filter(|check| check.tone == Tone::Bad).count());
    assert!(typical().troubles().is_empty(), "{:?}", typical().troubles());
    assert!(typical().headline().starts_with("Everything that was looked at is fine; 1,204 events a second"));
    assert!(troubled().headline().starts_with("Storage failed."), "{}", troubled().headline());
}

#[test]
fn the_ledger_adds_up_or_says_so() {
    let total = typical().total();
    assert_eq!((total.received, total.accepted, total.duplicate, total.rejected), (1_216, 1_211, 3, 2));
    assert!(total.adds_up() && !troubled().total().adds_up());
    let page = typical().page().unwrap();
    assert!(page.contains("1,211 accepted + 3 duplicate + 2 rejected = 1,216 received."), "{page}");
}

#[test]
fn latencies_and_rates_are_written_with_as_many_digits_as_they_deserve() {
    for (value, words) in [(0.094, "0.09 ms"), (1.24, "1.2 ms"), (12.4, "12 ms"), (1_240.0, "1.2 s")] {
        assert_eq!(millis(value), words);
    }
    let with = |rate| PipelinePage { pace: Pace { events_per_s: rate, ..Pace::default() }, ..empty() }.rate();
    assert_eq!([with(None), with(Some(0.0)), with(Some(0.24)), with(Some(12.6))], ["no", "0", "0.2", "13"]);
}

#[test]
fn hostile_text_adds_no_tag_and_no_attribute() {
    adds_no_tag(&hostile(HOSTILE).page().unwrap(), &hostile("text").page().unwrap());
}

#[test]
fn nothing_is_inline_so_that_the_content_policy_holds() {
    for page in [empty(), typical(), troubled(), hostile("text")] {
        has_nothing_inline(&page.page().unwrap());
    }
}
