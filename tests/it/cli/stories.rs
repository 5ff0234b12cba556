//! Commands that make events and move them: `simulate`, `load`, `demo`.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::told;
use crate::events::lines;
use crate::http::Client;
use crate::server::{ADMIN_KEY, Server, Site, eventually, within};

const EVERYTHING: &str = "select sum(n) from (select count(*) as n from usage union all select count(*) from errors union all \
    select count(*) from devices union all select count(*) from logs union all select count(*) from credits union all \
    select count(*) from payments union all select count(*) from identities union all select count(*) from sessions) as counts";

fn simulate(site: &Site, more: &[&str]) -> String {
    let arguments: Vec<&str> =
        ["simulate", "--start", "2026-11-01T00:00:00Z", "--days", "2"].iter().chain(more).copied().collect();
    told(&site.run(&arguments), 0).0
}

#[test]
fn a_story_is_the_same_to_the_byte_for_the_same_seed() {
    let site = Site::new();
    let story = simulate(&site, &["--events", "3000", "--seed", "7", "--labels", "truth.ndjson"]);
    assert_eq!(story.lines().count(), 3_000);
    let kinds: std::collections::BTreeSet<String> = story
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].as_str().unwrap().to_owned())
        .collect();
    assert!(kinds.len() >= 6, "{kinds:?}");
    assert_eq!(simulate(&site, &["--events", "3000", "--seed", "7"]), story);
    assert_ne!(simulate(&site, &["--events", "3000", "--seed", "8"]), story);
    told(
        &site.run(&[
            "simulate",
            "--events",
            "3000",
            "--seed",
            "7",
            "--start",
            "2026-11-01T00:00:00Z",
            "--days",
            "2",
            "--out",
            "story.ndjson",
        ]),
        0,
    );
    assert_eq!(std::fs::read_to_string(site.path("story.ndjson")).unwrap(), story);
    let honest = simulate(&site, &["--events", "3000", "--seed", "7", "--abuse", "off"]);
    assert_eq!(honest.lines().count(), 3_000);
    assert_ne!(honest, story);
    let truth = std::fs::read_to_string(site.path("truth.ndjson")).unwrap();
    let labels: Vec<Value> = truth.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for label in &labels {
        assert!(["entity_kind", "entity", "label"].iter().all(|part| label[part].is_string()), "{label}");
    }
}

#[test]
fn a_story_is_sent_whole_and_sent_again_it_is_nothing_new() {
    let site = Site::new();
    let server = site.start();
    // Old enough to be history, and within every table's retention.
    let start = (chrono::Utc::now() - chrono::TimeDelta::days(9)).date_naive().to_string();
    let send = || {
        let arguments =
            ["simulate", "--events", "2500", "--seed", "3", "--days", "1", "--start", &start, "--historical"];
        let place = ["--send", server.url(), "--key", ADMIN_KEY];
        site.run(&arguments.iter().chain(&place).copied().collect::<Vec<_>>())
    };
    told(&send(), 0);
    let admin = server.admin();
    assert_eq!(admin.count(EVERYTHING), 2_500);
    assert_eq!(admin.count("select count(*) from rejects"), 0);
    assert_eq!(admin.count("select count(*) from events where received_at <> ts"), 0, "received when it happened");
    told(&send(), 0);
    assert_eq!(admin.count(EVERYTHING), 2_500);
    let recent =
        ["simulate", "--events", "700", "--seed", "4", "--days", "1", "--send", server.url(), "--key", ADMIN_KEY];
    told(&site.run(&recent), 0);
    assert_eq!(admin.count(EVERYTHING), 3_200);
    let refused = ["simulate", "--events", "10", "--send", server.url(), "--key", "wk_admin_notTheRightSecret000"];
    told(&site.run(&refused), 1);
}

fn load(site: &Site, server: &Server, file: &str) -> (String, String) {
    told(&site.run(&["load", file, "--url", server.url(), "--key", ADMIN_KEY, "--batch", "200"]), 0)
}

#[test]
fn a_load_that_was_interrupted_goes_on_and_stores_nothing_twice() {
    let site = Site::new();
    let server = site.start();
    // Without ids of their own: the loader must give the same ones each time.
    let text: String = (0..12_000)
        .map(|number| format!("{{\"kind\":\"usage\",\"name\":\"n{number}\",\"account_id\":\"a\"}}\n"))
        .collect();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    site.write("events.ndjson.gz", &encoder.finish().unwrap());
    let arguments = ["load", "events.ndjson.gz", "--url", server.url(), "--key", ADMIN_KEY, "--batch", "50"];
    let mut first = site.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let admin = server.admin();
    let usage = |client: &Client| client.count("select count(*) from usage");
    eventually("some events are there", || (usage(&admin) > 100).then_some(()));
    first.kill().unwrap();
    first.wait().unwrap();
    load(&site, &server, "events.ndjson.gz");
    assert_eq!(usage(&admin), 12_000);
    assert_eq!(admin.count("select count(distinct name) from usage"), 12_000);
    load(&site, &server, "events.ndjson.gz");
    assert_eq!(usage(&admin), 12_000);
}

#[test]
fn what_a_load_rejects_is_kept_beside_the_file() {
    let site = Site::new();
    let server = site.start();
    let text = format!("{}not json\n{{\"kind\":\"usage\"}}\n{}", lines("a", 3), lines("b", 2));
    site.write("mixed.ndjson", &zstd::encode_all(text.as_bytes(), 3).unwrap());
    std::fs::rename(site.path("mixed.ndjson"), site.path("mixed.ndjson.zst")).unwrap();
    told(&site.run(&["load", "mixed.ndjson.zst", "--url", server.url(), "--key", ADMIN_KEY]), 1);
    assert_eq!(server.admin().count("select count(*) from usage"), 5);
    let rejects = std::fs::read_to_string(site.path("mixed.ndjson.zst.rejects.ndjson")).unwrap();
    let rejects: Vec<Value> = rejects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let places: Vec<(&Value, &Value)> = rejects.iter().map(|reject| (&reject["line"], &reject["code"])).collect();
    assert_eq!(places, [(&json!(4), &json!("invalid_json")), (&json!(5), &json!("missing_field"))], "{rejects:?}");
    told(&site.run(&["load", "none.ndjson", "--url", server.url(), "--key", ADMIN_KEY]), 1);
    told(&site.run(&["load", "mixed.ndjson.zst"]), 2);
}

#[test]
fn a_historical_load_into_a_directory_keeps_the_time_and_is_resumable() {
    let site = Site::new();
    let text: String = (0..300)
        .map(|number| {
            let ts = format!("2025-0{}-10T12:00:00Z", 1 + number % 9);
            format!(
                "{}\n",
                json!({"kind": "credit", "op": "grant", "amount": 1, "reason": "promo", "account_id": "a", "ts": ts})
            )
        })
        .collect();
    site.write("old.ndjson", text.as_bytes());
    for _ in 0..2 {
        told(&site.run(&["load", "old.ndjson", "--data", "data", "--historical"]), 0);
    }
    let server = site.start();
    let admin = server.admin();
    assert_eq!(admin.count("select count(*) from credits"), 300);
    assert_eq!(admin.count("select count(*) from credits where received_at = ts and source = 'import'"), 300);
    assert_eq!(admin.count("select count(distinct month) from credits"), 9);
    told(&site.run(&["load", "old.ndjson", "--url", server.url(), "--key", ADMIN_KEY, "--historical"]), 0);
    assert_eq!(admin.count("select count(*) from credits"), 300, "the same file, over HTTP this time");
}

#[test]
fn the_demo_says_where_it_is_and_cleans_up_after_itself() {
    let site = Site::new();
    let mut command = site.command(&["demo", "--listen", "127.0.0.1:0"]);
    command.env("TMPDIR", site.path(""));
    let server = Server::spawn(command);
    let url = server.url().to_owned();
    // A week of events is made, judged and committed first.
    let log = within(Duration::from_secs(120), "the tour is told", || {
        Some(server.log()).filter(|log| log.contains(&format!("{url}/")))
    });
    let key = log.split(['\'', ' ', '\n']).find(|word| word.starts_with("wk_demo_")).unwrap().to_owned();
    let client = server.with_key(&key);
    assert!(client.count("select count(*) from usage") > 1_000);
    let ring = "select device_id, count(distinct guest_id) from credits where reason = 'guest_grant' group by 1 order by 2 desc limit 1";
    assert!(client.rows(ring)[0][1].as_i64().unwrap() >= 4, "a ring of guests on a device is planted");
    let crash = "select release, browser, count(*) from errors group by 1, 2 order by 3 desc limit 1";
    assert!(client.rows(crash)[0][2].as_i64().unwrap() > 10, "a release that crashes on one browser is planted");
    eventually("live traffic arrives", || (client.count("select count(*) from verdicts") > 0).then_some(()));
    server.stop();
    let left: Vec<_> = std::fs::read_dir(site.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("demo")), "{left:?}");
}
