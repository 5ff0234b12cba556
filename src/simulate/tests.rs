//! What must hold of every story, whatever its seed.

mod cheats;
mod judged;
mod sent;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::clock::DAY_MS;
use super::releases::{CRASHING_RELEASE, Releases};
use super::studio::{PEOPLE_RANGE, Plot, Studio};

/// A Monday.
const START_MS: i64 = 1_795_392_000_000 - 7 * DAY_MS;

fn plot(events: u64, seed: u64) -> Plot {
    Plot { seed, events, exactly: true, start_ms: START_MS, end_ms: START_MS + 7 * DAY_MS, abuse: true }
}

/// A story told to its end.
struct Told {
    text: String,
    events: Vec<Value>,
    labels: Vec<Value>,
}

fn tell(plot: &Plot) -> Told {
    let mut studio = Studio::new(plot, Releases::of_story(plot.start_ms, plot.end_ms));
    while studio.advance(i64::MAX) {}
    let parse = |text: &str| text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let journal = studio.world.journal;
    Told { events: parse(&journal.events), labels: parse(&journal.labels), text: journal.events }
}

fn text<'a>(event: &'a Value, name: &str) -> &'a str {
    event[name].as_str().unwrap_or_default()
}

fn ms(event: &Value) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text(event, "ts")).expect("a time").timestamp_millis()
}

/// Whoever is labelled as cheating, by any identifier.
fn cheats(told: &Told) -> BTreeSet<&str> {
    let abuse = told.labels.iter().filter(|label| text(label, "label") == "confirmed_abuse");
    abuse.map(|label| text(label, "entity")).collect()
}

fn is_honest(event: &Value, cheats: &BTreeSet<&str>) -> bool {
    ["account_id", "guest_id", "device_id", "workspace_id"].iter().all(|name| !cheats.contains(text(event, name)))
}

#[test]
fn the_same_seed_tells_the_same_story_to_the_byte_and_another_seed_another() {
    let first = tell(&plot(5_000, 7)).text;
    assert_eq!(first, tell(&plot(5_000, 7)).text);
    assert_ne!(first, tell(&plot(5_000, 8)).text);
    let ids = |text: &str| -> BTreeSet<String> {
        text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["id"].to_string()).collect()
    };
    assert!(ids(&first).is_disjoint(&ids(&tell(&plot(5_000, 8)).text)), "stories share no ids");
}

#[test]
fn there_are_exactly_as_many_events_as_asked_for_in_order_and_in_time() {
    for (events, seed) in [(1, 1), (37, 2), (1_000, 3), (20_000, 4), (20_000, 5)] {
        let plot = plot(events, seed);
        let told = tell(&plot);
        assert_eq!(told.events.len() as u64, events);
        let times: Vec<i64> = told.events.iter().map(ms).collect();
        assert!(times.is_sorted(), "in order");
        assert!(times[0] >= plot.start_ms && times[times.len() - 1] < plot.end_ms, "seed {seed}");
        if events >= 1_000 {
            assert!(times[times.len() - 1] > plot.end_ms - DAY_MS / 2, "the last day is not empty");
        }
    }
}

#[test]
fn short_and_dense_stories_end_in_time_too() {
    for (events, hours) in [(10_000, 2), (20_000, 24), (300, 1)] {
        let plot = Plot { end_ms: START_MS + hours * DAY_MS / 24, ..plot(events, 6) };
        let told = tell(&plot);
        let last = ms(&told.events[told.events.len() - 1]);
        assert!(last < plot.end_ms, "{events} events in {hours} h end {} ms late", last - plot.end_ms);
    }
}

#[test]
fn every_event_has_a_known_shape() {
    let ops = BTreeMap::from([
        ("credit", vec!["grant", "spend", "refund", "expire", "adjust", "migrate"]),
        (
            "payment",
            vec!["attempt", "succeeded", "failed", "refunded", "disputed", "subscribed", "changed", "cancelled"],
        ),
        ("identity", vec!["guest_created", "signup", "login", "login_failed", "bind", "logout"]),
    ]);
    let reasons = [
        "guest_grant",
        "signup_grant",
        "plan_grant",
        "referral_bonus",
        "promo",
        "purchase",
        "generation",
        "failed_generation",
        "bind",
        "opening",
    ];
    let told = tell(&plot(20_000, 11));
    let mut ids = BTreeSet::new();
    let mut references = BTreeSet::new();
    for event in &told.events {
        assert!(ids.insert(text(event, "id")), "ids are unique");
        let kind = text(event, "kind");
        match kind {
            "credit" => {
                assert!(reasons.contains(&text(event, "reason")), "{event}");
                assert!(event["amount"].as_i64().is_some_and(|amount| amount >= 0), "{event}");
                let reference = (text(event, "workspace_id"), text(event, "op"), text(event, "ref"));
                assert!(references.insert(reference), "counts once: {event}");
            }
            "usage" => {
                let name = text(event, "name");
                let known = name == "page.view" || name.starts_with("ui.") || name.ends_with(".generate");
                assert!(known && ["ok", "error", "cancelled"].contains(&text(event, "status")), "{event}");
            }
            "session" => assert!(["ok", "exited", "crashed", "errored"].contains(&text(event, "status")), "{event}"),
            "error" => assert!(event["stack"][0]["in_app"].as_bool().is_some(), "{event}"),
            "payment" | "identity" | "device" | "log" => {}
            _ => panic!("unknown kind: {event}"),
        }
        if let Some(ops) = ops.get(kind) {
            assert!(ops.contains(&text(event, "op")), "{event}");
        }
        let subjects = ["account_id", "guest_id", "device_id", "session_id"];
        assert!(subjects.iter().any(|subject| event[subject].is_string()), "somebody did it: {event}");
        assert!(event["ip"].is_string() || text(event, "reason") == "referral_bonus", "{event}");
    }
}

#[test]
fn honest_balances_add_up_and_never_go_below_zero() {
    let told = tell(&plot(24_000, 12));
    let cheats = cheats(&told);
    let mut balances: BTreeMap<&str, i64> = BTreeMap::new();
    let mut entries = 0;
    for event in told.events.iter().filter(|event| text(event, "kind") == "credit" && is_honest(event, &cheats)) {
        let amount = event["amount"].as_i64().expect("an amount");
        let change = match text(event, "op") {
            "grant" | "refund" | "adjust" => amount,
            "spend" | "expire" => -amount,
            _ => 0,
        };
        let balance = balances.entry(text(event, "workspace_id")).or_default();
        *balance += change;
        assert_eq!(event["balance_after"].as_i64(), Some(*balance), "{event}");
        assert!(*balance >= 0, "{event}");
        entries += 1;
    }
    assert!(entries > 5_000, "{entries}");
}

#[test]
fn the_mix_and_the_size_are_those_of_a_studio() {
    let told = tell(&plot(30_000, 13));
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    told.events.iter().for_each(|event| *kinds.entry(text(event, "kind")).or_default() += 1);
    let share = |kind: &str| kinds[kind] as f64 / told.events.len() as f64;
    assert!((0.40..0.60).contains(&share("usage")), "{kinds:?}");
    assert!((0.20..0.38).contains(&share("credit")), "{kinds:?}");
    assert!((0.06..0.18).contains(&share("session")), "{kinds:?}");
    for kind in ["identity", "device", "log", "error", "payment"] {
        assert!((0.004..0.06).contains(&share(kind)), "{kind}: {kinds:?}");
    }
    let bytes = told.text.len() / told.events.len();
    assert!((600..=700).contains(&bytes), "{bytes} bytes an event");
    let mut wallets: BTreeMap<&str, usize> = BTreeMap::new();
    told.events.iter().for_each(|event| *wallets.entry(text(event, "workspace_id")).or_default() += 1);
    let mut sizes: Vec<usize> = wallets.into_values().collect();
    sizes.sort_unstable();
    let (median, top) = (sizes[sizes.len() / 2], sizes[sizes.len() - sizes.len() / 100 - 1]);
    assert!(top > 6 * median, "a few people do much: median {median}, top hundredth {top}");
}

#[test]
fn days_and_nights_weeks_and_weekends_differ() {
    let told = tell(&plot(24_000, 14));
    let (mut by_hour, mut by_day) = ([0; 24], [0; 7]);
    for event in &told.events {
        let since = ms(event) - START_MS;
        by_hour[(since % DAY_MS / (DAY_MS / 24)) as usize] += 1;
        by_day[(since / DAY_MS) as usize] += 1;
    }
    let (low, high) = (by_hour.iter().min().expect("24"), by_hour.iter().max().expect("24"));
    assert!(high * 10 > low * 15, "{by_hour:?}");
    assert!(by_day[1] > by_day[6], "Tuesdays are busier than Sundays: {by_day:?}");
}

#[test]
fn the_crashing_release_takes_down_one_browser_and_is_repaired() {
    let told = tell(&plot(30_000, 15));
    let crashed: Vec<&Value> = told.events.iter().filter(|event| text(event, "level") == "fatal").collect();
    assert!(crashed.len() > 8, "{}", crashed.len());
    for crash in &crashed {
        assert_eq!(text(crash, "release"), CRASHING_RELEASE);
        assert!(text(crash, "user_agent").contains("Version/") && !text(crash, "user_agent").contains("Mobile"));
    }
    let last = told.events.last().expect("events");
    assert_ne!(text(last, "release"), CRASHING_RELEASE);
    let sessions = told.events.iter().filter(|event| text(event, "status") == "crashed").count();
    assert_eq!(sessions, crashed.len(), "each crash ends a session");
}

#[test]
fn memory_is_bounded_however_long_the_story() {
    let plot = Plot { end_ms: START_MS + 60 * DAY_MS, ..plot(120_000, 16) };
    let mut studio = Studio::new(&plot, Releases::of_story(plot.start_ms, plot.end_ms));
    let people_max = (plot.events / 40).clamp(PEOPLE_RANGE.0, PEOPLE_RANGE.1) as usize;
    let (mut seen, mut visits_max) = (0, 0);
    while studio.advance(i64::MAX) {
        let (people, visits) = studio.remembered();
        assert!(people <= people_max + visits + 1, "{people} people");
        visits_max = visits_max.max(visits);
        if studio.world.journal.events.len() > 1 << 20 {
            seen += studio.world.journal.events.lines().filter(|line| line.contains("\"guest_created\"")).count();
            studio.world.journal.events.clear();
        }
    }
    assert!(visits_max < 100, "{visits_max} at a time");
    assert!(seen > 1_000, "people come and go: {seen}");
}
