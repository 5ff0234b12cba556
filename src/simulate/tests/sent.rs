//! Stories sent to a server, and the demo's live traffic.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;

use super::text;
use crate::load::tests::stub::{Mishap, Seen, Stub};
use crate::simulate::demo::{self, Keys};
use crate::simulate::{SimulateArgs, Summary};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    simulate: SimulateArgs,
}

fn parse(words: &[&str]) -> Result<SimulateArgs, clap::Error> {
    Command::try_parse_from(["simulate"].iter().chain(words)).map(|command| command.simulate)
}

fn run(words: &[&str]) -> anyhow::Result<(Summary, String)> {
    let mut out = Vec::new();
    let summary = crate::simulate::run(&parse(words).expect("a command line"), &mut out)?;
    Ok((summary, String::from_utf8(out).expect("UTF-8")))
}

#[test]
fn a_story_is_written_with_its_truth() {
    let dir = tempfile::tempdir().expect("a directory");
    let (labels, out) = (dir.path().join("labels.ndjson"), dir.path().join("events.ndjson"));
    let (labels, out) = (labels.to_str().expect("UTF-8"), out.to_str().expect("UTF-8"));
    let story = ["--events", "9000", "--seed", "3", "--start", "2026-11-16", "--labels", labels];
    let (summary, text) = run(&story).expect("written");
    assert_eq!((summary.events, text.lines().count()), (9_000, 9_000));
    assert!(summary.is_clean() && text.contains("\"ts\":\"2026-11-16T00:0"));
    let truth = std::fs::read_to_string(labels).expect("written");
    assert!(truth.contains("confirmed_abuse") && truth.contains("benign"));
    run(&[&story[..], &["--out", out]].concat()).expect("written");
    assert_eq!(std::fs::read_to_string(out).expect("written"), text);
    let (_, honest) = run(&[&story[..6], &["--abuse", "off"]].concat()).expect("written");
    assert_ne!(honest, text);
}

#[test]
fn a_story_is_sent_through_mishaps_and_sent_again_without_harm() {
    let stub = Stub::start();
    let words = [
        "--events",
        "2000",
        "--start",
        "2026-11-16",
        "--send",
        &stub.url,
        "--key",
        "wk_test_secret",
        "--rate",
        "100000",
    ];
    stub.seen().mishaps.extend([Mishap::Status(503), Mishap::HangsUp, Mishap::Status(429)]);
    let sent = run(&words).expect("sent").0.sent.expect("a tally");
    assert_eq!((sent.received, sent.stored, sent.rejected), (2_000, 2_000, 0));
    let again = run(&words).expect("sent").0.sent.expect("a tally");
    assert_eq!((again.stored, again.duplicate), (0, 2_000));
    assert!(stub.seen().requests.len() >= 8, "about 500 events a request");
    let import = [&words[..8], &["--historical"]].concat();
    run(&import).expect("sent");
    let target = stub.seen().requests.last().expect("requests").0.clone();
    assert!(target.contains("historical=true&import=simulate") && target.ends_with("offset=2000"), "{target}");
}

#[test]
fn sending_keeps_the_pace() {
    let stub = Stub::start();
    let begun = Instant::now();
    run(&["--events", "300", "--send", &stub.url, "--key", "wk_test_secret", "--rate", "200"]).expect("sent");
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[test]
fn a_refusal_is_an_error_and_command_lines_are_checked() {
    let stub = Stub::start();
    let refused = run(&["--events", "10", "--send", &stub.url, "--key", "wk_wrong_key"]).expect_err("refused");
    assert!(format!("{refused:#}").contains("401"));
    for words in [&["--rate", "5"][..], &["--historical"], &["--events", "-1"], &["--abuse", "some"], &["--days", "0"]]
    {
        assert!(parse(words).is_err(), "{words:?}");
    }
}

#[test]
fn live_traffic_asks_first_heeds_the_answer_and_stops_when_told() {
    let stub = Stub::start();
    let now = chrono::Utc::now().timestamp_micros() - 3_000_000;
    let live = demo::history(now).live();
    let stop = AtomicBool::new(false);
    stub.seen().blocked = Some("generate");
    let keys = Keys { ingest: "wk_test_secret", verdict: "wk_test_secret" };
    std::thread::scope(|scope| {
        let driving = scope.spawn(|| demo::drive(live, &stub.url, keys, &stop));
        let patience = Instant::now();
        let asked = |seen: &Seen| seen.questions.iter().any(|asked| asked["action"] == "generate");
        while stub.seen().ids.len() < 10 || !asked(&stub.seen()) {
            assert!(patience.elapsed() < Duration::from_secs(60), "no traffic");
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
        driving.join().expect("no panic").expect("an address");
    });
    let seen = stub.seen();
    let known = ["generate", "grant", "pay", "signup", "login", "bind", "key_use"];
    for asked in &seen.questions {
        let (action, event) = (text(asked, "action"), text(asked, "request_id"));
        assert!(known.contains(&action), "{asked}");
        assert!(action != "generate" || !seen.ids.contains(event), "what is blocked does not happen: {asked}");
    }
}
