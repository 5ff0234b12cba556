//! The command line: help that teaches, exit codes, and the commands that need no story. Those that make and move events
//! are in `stories`.

mod stories;

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::events::usage;
use crate::server::{ADMIN_KEY, Server, Site, eventually};

/// Requires an exit code, and returns what was written to stdout and stderr.
#[track_caller]
fn told(output: &Output, code: i32) -> (String, String) {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert_eq!(output.status.code(), Some(code), "stdout:\n{out}\nstderr:\n{err}");
    (out, err)
}

#[test]
fn every_help_teaches_by_example() {
    let site = Site::new();
    let (top, _) = told(&site.run(&["--help"]), 0);
    let commands = ["serve", "demo", "simulate", "load", "sql", "query", "rules", "keys", "check", "bench"];
    for command in commands {
        assert!(top.contains(&format!("  {command} ")), "{command} in {top}");
        let (help, _) = told(&site.run(&[command, "--help"]), 0);
        assert!(help.contains("Example"), "{command}: {help}");
        assert!(help.contains(&format!("weir {command}")), "{command}: {help}");
    }
    let (version, _) = told(&site.run(&["--version"]), 0);
    assert_eq!(version, format!("weir {}\n", env!("CARGO_PKG_VERSION")));
    for wrong in [vec!["nothing"], vec!["serve", "--colour"], vec![], vec!["sql"]] {
        let (_, err) = told(&site.run(&wrong), 2);
        assert!(err.contains("Usage"), "{wrong:?}: {err}");
    }
}

#[test]
fn a_check_plans_everything_and_names_the_bad_file() {
    let site = Site::new();
    let (out, _) = told(&site.run(&["check"]), 0);
    for planned in ["configuration", "policy", "card_testing", "device_many_guests", "error_rate_by_route"] {
        assert!(out.contains(planned), "{planned} in {out}");
    }
    let rule = "--! title: Too many\n--! entity: device\n--! on: credit\n--! window: 24h\n--! ttl: 1h\nselect device_id as entity, count(*) as observed, \
        3 as threshold from credits where in_window(received_at) group by device_id having count(*) >= 3\n";
    site.write("good/too_many.sql", rule.as_bytes());
    let (out, _) = told(&site.run(&["check", "--rules", "good"]), 0);
    assert!(out.contains("too_many"), "{out}");
    for (name, text, names) in [
        ("unknown_header", rule.replace("--! on: credit", "--! colour: red"), "colour"),
        ("unknown_column", rule.replace("count(*) as", "count(colour) as"), "colour"),
        ("volatile", rule.replace("count(*) >= 3", "count(*) >= 3 and now() > '2020-01-01'"), "now"),
        ("odd_window", rule.replace("24h", "7 fortnights"), "window"),
        ("broken", "this is no rule".to_owned(), "broken"),
    ] {
        site.write(&format!("{name}/{name}.sql"), text.as_bytes());
        let (_, err) = told(&site.run(&["check", "--rules", name]), 1);
        assert!(err.contains(name) && err.contains(names), "{name}: {err}");
        let (_, err) = told(&site.run(&["rules", "check", "--rules", name]), 1);
        assert!(err.contains(name), "{err}");
    }
    site.write("data/queries/wrong.sql", b"--! title: Wrong\nselect colour from usage\n");
    let (_, err) = told(&site.run(&["check", "--data", "data"]), 1);
    assert!(err.contains("wrong.sql") && err.contains("colour"), "{err}");
}

#[test]
fn a_wrong_configuration_exits_2_with_file_line_and_key() {
    let site = Site::new();
    let (sample, _) = told(&site.run(&["check", "--print-config"]), 0);
    site.write("sample.toml", sample.as_bytes());
    told(&site.run(&["check", "--config", "sample.toml"]), 0);
    for (text, place, key) in [
        ("[sql]\ntimeout_ms = \"soon\"\n", "bad.toml:2", "timeout_ms"),
        ("\n[server]\nlisten = \"127.0.0.1:0\"\ncolour = 1\n", "bad.toml:4", "colour"),
        ("[sql]\nthreads = 0\n", "bad.toml:2", "threads"),
        ("[nonsense]\n", "bad.toml:1", "nonsense"),
        ("[server\n", "bad.toml:1", "server"),
    ] {
        site.write("bad.toml", text.as_bytes());
        for command in ["check", "serve"] {
            let (_, err) = told(&site.run(&[command, "--config", "bad.toml"]), 2);
            assert!(err.contains(place) && err.contains(key), "{command}, {text:?}: {err}");
        }
    }
    told(&site.run(&["check", "--config", "none.toml"]), 2);
    let (_, err) = told(&site.command(&["check"]).env("WEIR_SQL_TIMEOUT_MS", "soon").output().unwrap(), 2);
    assert!(err.contains("WEIR_SQL_TIMEOUT_MS"), "{err}");
    site.write("policy.toml", b"[[limit]]\naction = \"generate\"\nby = \"guest\"\nrate = \"often\"\n");
    site.write("with-policy.toml", b"[verdict]\npolicy = \"policy.toml\"\n");
    let (_, err) = told(&site.run(&["check", "--config", "with-policy.toml"]), 2);
    assert!(err.contains("policy.toml") && err.contains("rate") && err.contains('4'), "{err}");
    let (_, err) = told(&site.command(&["serve"]).env("WEIR_ADMIN_KEY", "wk_admin_short").output().unwrap(), 2);
    assert!(err.contains("WEIR_ADMIN_KEY"), "{err}");
    let (_, err) = told(&site.run(&["serve", "--listen", "0.0.0.0:0"]), 2);
    assert!(err.contains("--behind-proxy"), "{err}");
}

#[test]
fn a_first_start_shows_an_admin_key_once() {
    let site = Site::new();
    let serve = || Server::spawn(site.command(&["serve", "--listen", "127.0.0.1:0", "--data", "data"]));
    let server = serve();
    let find = |log: &str| log.split_whitespace().find(|word| word.starts_with("wk_admin_")).map(str::to_owned);
    let key = eventually("the key is shown", || find(&server.log()));
    let admin = server.with_key(&key);
    eventually("the key opens", || (admin.get("/v1/keys").status == 200).then_some(()));
    server.stop();
    let server = serve();
    eventually("it is ready", || (server.anonymous().get("/readyz").status == 200).then_some(()));
    server.with_key(&key).get("/v1/keys").expect(200);
    assert_eq!(find(&server.log()), None);
}

#[test]
fn a_second_process_on_a_directory_says_so_and_ends() {
    let site = Site::new();
    let server = site.start();
    server.admin().events(&usage("held"));
    for command in [
        vec!["serve", "--listen", "127.0.0.1:0", "--data", "data"],
        vec!["sql", "select 1", "--data", "data"],
        vec!["keys", "list", "--data", "data"],
    ] {
        let (_, err) = told(&site.run(&command), 1);
        assert!(err.contains("data") && (err.contains("use") || err.contains("process")), "{command:?}: {err}");
    }
    assert_eq!(server.admin().count("select count(*) from usage"), 1, "the first one is not disturbed");
}

#[test]
fn sql_answers_in_every_form_with_and_without_a_server() {
    let site = Site::new();
    let server = site.start();
    server.admin().events(&json!([usage("one"), usage("two")]));
    let url = server.url().to_owned();
    let remote = ["--url", &url, "--key", ADMIN_KEY];
    let sql = "select event_id, 7 as n from usage order by event_id";
    let ask = |place: &[&str], more: &[&str]| -> Output {
        let arguments: Vec<&str> = ["sql", sql].iter().chain(place).chain(more).copied().collect();
        site.run(&arguments)
    };
    let in_every_form = |place: &[&str]| {
        let (table, _) = told(&ask(place, &[]), 0);
        assert!(table.contains("event_id") && table.contains("| one "), "{table}");
        let (csv, _) = told(&ask(place, &["--format", "csv"]), 0);
        assert_eq!(csv.lines().collect::<Vec<_>>(), ["event_id,n", "one,7", "two,7"]);
        let (lines, _) = told(&ask(place, &["--format", "ndjson"]), 0);
        assert_eq!(lines, "{\"event_id\":\"one\",\"n\":7}\n{\"event_id\":\"two\",\"n\":7}\n");
        let (answer, _) = told(&ask(place, &["--format", "json"]), 0);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((&answer["rows"], &answer["row_count"]), (&json!([["one", 7], ["two", 7]]), &json!(2)));
        told(&ask(place, &["--format", "parquet"]), 2);
        told(&ask(place, &["--format", "parquet", "-o", "out.parquet"]), 0);
        assert_eq!(crate::lake::rows(&site.path("out.parquet")).len(), 2);
    };
    in_every_form(&remote);
    let bound = [
        "sql",
        "select count(*) as n from usage where event_id = $id and 5 > $least",
        "--param",
        "id=one",
        "--param",
        "least=4",
        "--format",
        "csv",
    ];
    let bound: Vec<&str> = bound.iter().chain(&remote).copied().collect();
    assert_eq!(told(&site.run(&bound), 0).0.lines().collect::<Vec<_>>(), ["n", "1"]);
    let wrong: Vec<&str> = ["sql", "select colour from usage"].iter().chain(&remote).copied().collect();
    assert!(told(&site.run(&wrong), 1).1.contains("colour"));
    told(&site.run(&["sql", "select 1", "--url", "http://127.0.0.1:1", "--key", ADMIN_KEY]), 1);
    told(&site.run(&["sql", "select 1", "--url", &url]), 2);
    told(&site.run(&["sql", "select 1", "--url", &url, "--key", "wk_admin_notTheRightSecret000"]), 1);
    let stored: Vec<&str> = ["query", "latency_by_route", "--format", "csv"].iter().chain(&remote).copied().collect();
    assert!(told(&site.run(&stored), 0).0.starts_with("route,"));
    server.stop();
    in_every_form(&["--data", "data"]);
    told(&site.run(&["sql", "select 1", "--data", "nowhere"]), 2);
    let (list, _) = told(&site.run(&["query", "list"]), 0);
    assert!(list.contains("error_rate_by_route"), "{list}");
    told(&site.run(&["query", "none", "--data", "data"]), 2);
}

#[test]
fn keys_are_made_listed_and_revoked_with_and_without_a_server() {
    let site = Site::new();
    let run = |arguments: &[&str], place: &[&str], code: i32| {
        let all: Vec<&str> = ["keys"].iter().chain(arguments).chain(place).copied().collect();
        told(&site.run(&all), code)
    };
    let live_through = |place: &[&str], name: &str| -> String {
        let (key, hint) = run(&["create", name, "--scope", "ingest", "--scope", "query"], place, 0);
        let key = key.trim().to_owned();
        assert!(key.starts_with(&format!("wk_{name}_")), "{key}");
        let id = hint
            .split_whitespace()
            .map(|word| word.trim_end_matches('.'))
            .find(|word| word.starts_with("key_"))
            .unwrap()
            .to_owned();
        let (list, _) = run(&["list"], place, 0);
        let line = list.lines().find(|line| line.contains(name)).unwrap();
        assert!(line.contains(&id) && line.contains("ingest,query") && !list.contains(&key), "{list}");
        assert_eq!(run(&["create", name, "--scope", "ingest"], place, 1).0, "", "the name is taken");
        run(&["revoke", &id], place, 0);
        assert!(!run(&["list"], place, 0).0.contains(name));
        run(&["revoke", &id], place, 1);
        key
    };
    live_through(&["--data", "data"], "offline");
    let (kept, _) = run(&["create", "kept", "--scope", "query"], &["--data", "data"], 0);
    let server = site.start();
    server.with_key(kept.trim()).get("/v1/tables").expect(200);
    let url = server.url().to_owned();
    let revoked = live_through(&["--url", &url, "--key", ADMIN_KEY], "online");
    server.with_key(&revoked).get("/v1/tables").refusal(401);
}

#[test]
fn rules_are_listed_with_how_they_run() {
    let site = Site::new();
    let (checked, _) = told(&site.run(&["rules", "check"]), 0);
    for said in ["device_many_guests", "live", "scheduled", "bytes", "million"] {
        let bytes_or_mib = said == "bytes" && checked.contains("MiB");
        assert!(checked.contains(said) || bytes_or_mib, "{said} in {checked}");
    }
    let server = site.start();
    let (listed, _) = told(&site.run(&["rules", "list", "--url", server.url(), "--key", ADMIN_KEY]), 0);
    assert!(listed.lines().any(|line| line.contains("card_testing") && line.contains("shadow")), "{listed}");
}

#[test]
fn a_rule_is_explained_by_name_by_file_and_by_a_server() {
    let site = Site::new();
    let (page, _) = told(&site.run(&["rules", "explain", "device_many_guests"]), 0);
    for said in [
        "# Many guest workspaces on one device",
        "| lasts | 6h",
        "| mode | shadow |",
        "## How it runs",
        "Live",
        "```sql\nselect",
    ] {
        assert!(page.contains(said), "{said} in {page}");
    }
    assert!(!page.contains("--!"), "{page}");
    let text = "--! title: Mine\n--! entity: guest\n--! ttl: 1h\n\n-- Words of its own.\nselect guest_id as entity, 1 as observed, 1 as threshold from usage\n";
    site.write("mine.sql", text.as_bytes());
    let (page, _) = told(&site.run(&["rules", "explain", "mine.sql"]), 0);
    assert!(page.contains("Words of its own.") && page.contains("Scheduled, every 10s"), "{page}");
    site.write("bad.sql", b"select 1");
    told(&site.run(&["rules", "explain", "bad.sql"]), 2);
    told(&site.run(&["rules", "explain", "nobody"]), 2);
    told(&site.run(&["rules", "explain"]), 2);

    let server = site.start();
    server.admin().put("/v1/rules/card_testing/mode", &json!({"mode": "live", "force": true})).expect(200);
    let (page, _) =
        told(&site.run(&["rules", "explain", "card_testing", "--url", server.url(), "--key", ADMIN_KEY]), 0);
    assert!(page.contains("| mode | live |"), "{page}");
    site.write("pages/kept.md", b"# Mine");
    site.write(
        "pages/gone.md",
        b"<!-- Written by `weir rules explain --all`; change the rule, not this page. -->\n\n# Old",
    );
    told(&site.run(&["rules", "explain", "--all", "--out", "pages"]), 0);
    let is_there = |name: &str| site.path("pages").join(name).is_file();
    assert!(is_there("card_testing.md") && is_there("README.md") && is_there("kept.md") && !is_there("gone.md"));
}

/// Starts a command whose stdout nobody reads to the end, as `| head` does.
#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let site = Site::new();
    let binary = env!("CARGO_BIN_EXE_weir");
    let script = format!("set -o pipefail; '{binary}' simulate --events 20000 --seed 1 --start 2026-11-01 | head -n 1");
    let output = Command::new("bash").args(["-c", &script]).current_dir(site.path("")).output().unwrap();
    let (line, err) = told(&output, 0);
    assert!(line.starts_with('{') && line.lines().count() == 1, "{line} {err}");
}
