//! The command line: help with examples, exit codes, and the commands that work on a directory without a server.

use crate::server::{ADMIN_KEY, Site};

/// Runs a command that must exit with this code; returns stdout and stderr.
#[track_caller]
fn exits(site: &Site, code: i32, arguments: &[&str]) -> (String, String) {
    let output = site.run(arguments);
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
    (out, err)
}

#[test]
fn every_help_has_an_example_and_misuse_exits_with_2() {
    let site = Site::new();
    for command in ["serve", "demo", "simulate", "load", "sql", "query", "rules", "keys", "check", "bench"] {
        let (out, _) = exits(&site, 0, &[command, "--help"]);
        let example = out.split_once("Example").map_or("", |(_, rest)| rest);
        assert!(example.contains(&format!("weir {command}")), "{command}: {out}");
    }
    exits(&site, 2, &["dance"]);
    exits(&site, 2, &["serve", "--colour", "red"]);
    exits(&site, 2, &["serve", "--listen", "0.0.0.0:0"]);
    exits(&site, 2, &["serve", "--pg-listen", "127.0.0.1:0"]);
}

#[test]
fn check_tells_good_from_bad_and_where() {
    let site = Site::new();
    let (out, _) = exits(&site, 0, &["check"]);
    assert!(out.contains("errors_over_time") && out.contains("card_testing"), "{out}");
    site.write("rules/broken.sql", b"--! title: Broken\nselect nothing from nowhere\n");
    let (_, err) = exits(&site, 1, &["check", "--rules", "rules"]);
    assert!(err.contains("broken"), "{err}");
    for (toml, place, key) in [
        ("[sql]\n\ncolour = 1\n", "bad.toml:3", "colour"),
        ("[ingest]\nevents_max = \"many\"\n", "bad.toml:2", "events_max"),
    ] {
        site.write("bad.toml", toml.as_bytes());
        for command in ["check", "serve"] {
            let (_, err) = exits(&site, 2, &[command, "--config", "bad.toml"]);
            assert!(err.contains(place) && err.contains(key), "{command} {toml:?}: {err}");
        }
    }
}

#[test]
fn simulated_events_are_the_seeds_alone() {
    let site = Site::new();
    let simulate =
        |seed: &str| site.run(&["simulate", "--events", "500", "--seed", seed, "--start", "2026-11-01"]).stdout;
    let first = simulate("7");
    assert_eq!(first.iter().filter(|byte| **byte == b'\n').count(), 500);
    assert!(first == simulate("7"), "the same seed gave other events");
    assert!(first != simulate("8"), "another seed gave the same events");
}

#[test]
fn simulated_events_are_sent_and_loaded_ones_not_twice() {
    let site = Site::new();
    let server = site.start();
    let url = server.url().to_owned();
    exits(&site, 0, &["simulate", "--events", "2000", "--days", "2", "--send", &url, "--key", ADMIN_KEY]);
    let admin = server.admin();
    let events = "select count(*) from (select event_id from usage union all select event_id from errors \
                  union all select event_id from devices union all select event_id from logs \
                  union all select event_id from credits union all select event_id from payments \
                  union all select event_id from identities union all select event_id from sessions) as events";
    assert_eq!(admin.count(events), 2_000);
    exits(&site, 0, &["simulate", "--events", "300", "--seed", "9", "--days", "1", "--out", "events.ndjson"]);
    let load = ["load", "events.ndjson", "--url", &url, "--key", ADMIN_KEY];
    exits(&site, 0, &load);
    assert_eq!(admin.count(events), 2_300);
    exits(&site, 0, &load);
    assert_eq!(admin.count(events), 2_300, "a repeat stores nothing");
}

#[test]
fn a_directory_without_a_server_can_be_keyed_asked_and_held_by_one() {
    let site = Site::new();
    let (key, _) = exits(&site, 0, &["keys", "create", "backend", "--scope", "ingest", "--data", "data"]);
    assert!(key.starts_with("wk_backend_"), "{key}");
    let (list, _) = exits(&site, 0, &["keys", "list", "--data", "data"]);
    assert!(list.contains("backend") && !list.contains(key.trim()), "{list}");
    let server = site.start();
    let stored = server.with_key(key.trim()).events(&serde_json::json!([{"kind": "log", "message": "hello"}]));
    assert_eq!(stored["stored"], 1);
    let (_, err) = exits(&site, 1, &["sql", "select 1", "--data", "data"]);
    assert!(err.contains("in use by another process"), "{err}");
    server.stop();
    let (csv, _) = exits(&site, 0, &["sql", "select message from logs", "--data", "data", "--format", "csv"]);
    assert_eq!(csv.lines().nth(1), Some("hello"), "{csv}");
    let (table, _) = exits(&site, 0, &["query", "list"]);
    assert!(table.contains("errors_over_time"), "{table}");
}
