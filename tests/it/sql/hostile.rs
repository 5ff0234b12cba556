//! Statements that mean harm: each is answered within its deadline, and the server and its verdicts live on.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{ask, seed};
use crate::server::{Server, Site, eventually};

/// Two seconds and little memory, so that harm is cut off early.
const TIGHT: &str = "[sql]\ntimeout_ms = 2000\nquery_memory_bytes_max = 67108864\nmemory_bytes_max = 134217728\nspill_bytes_max = 67108864\n";

/// The deadline and what a busy machine may add to it.
const DEADLINE: Duration = Duration::from_secs(12);

fn corpus() -> Vec<(&'static str, String)> {
    let plus = format!("select 1{}", "+1".repeat(20_000));
    let or = format!("select 1 where 1=1{}", " or 1=1".repeat(8_000));
    let deep = format!("select {}1{}", "(".repeat(5_000), ")".repeat(5_000));
    let nested = format!("{}select 1{}", "select * from (".repeat(300), ") t".repeat(300));
    let long = format!("select '{}'", "x".repeat(70_000));
    let many = format!("select {}", vec!["1"; 20_000].join(","));
    let texts = [
        ("plus", plus.as_str()),
        ("or", &or),
        ("deep", &deep),
        ("nested", &nested),
        ("long", &long),
        ("many", &many),
        ("not", &format!("select {}true", "not ".repeat(15_000))),
        ("case", &format!("select {} 1 {}", "case when true then".repeat(2_000), "end".repeat(2_000))),
        ("copy", "copy usage to '/tmp/weir-hostile.csv'"),
        ("external", "create external table t stored as parquet location '/etc'"),
        ("set", "set datafusion.runtime.memory_limit = '100G'"),
        ("show", "show all"),
        ("file", "select * from '/etc/passwd'"),
        ("quoted file", "select * from \"/etc/passwd\""),
        ("url", "select * from 'http://127.0.0.1:1/x.parquet'"),
        ("function file", "select * from read_csv('/etc/passwd')"),
        ("catalogue", "select * from information_schema.df_settings"),
        ("repeat", "select length(repeat('x', 2147483647))"),
        ("repeated repeat", "select length(repeat(repeat('x', 50000), 50000))"),
        ("pad", "select length(lpad('x', 2000000000, 'y'))"),
        ("series", "select count(*) from generate_series(1, 100000000000)"),
        ("range", "select array_length(range(0, 100000000000))"),
        ("cross join", "select count(*) from usage a, usage b, usage c, usage d, usage e, usage f"),
        ("cross rows", "select a.*, b.*, c.*, d.* from usage a, usage b, usage c, usage d, usage e order by 1 desc"),
        ("recursion", "with recursive t as (select 1 as n union all select n + 1 from t) select count(*) from t"),
        (
            "grown text",
            "with recursive t as (select 'x' as s union all select s || s from t) select max(length(s)) from t",
        ),
        (
            "memory",
            "select array_agg(a.event_id || b.event_id || c.event_id || d.event_id || e.event_id) from usage a, usage b, usage c, usage d, usage e",
        ),
        ("pattern", "select regexp_match(repeat('a', 10000), '(a+)+(a+)+(a+)+(a+)+$b')"),
        ("huge pattern", "select 'x' ~ '(((x{1000}){1000}){1000})'"),
    ];
    texts.into_iter().map(|(name, sql)| (name, sql.to_owned())).collect()
}

/// Requires that verdicts are answered at once.
fn verdicts_live(server: &Server) {
    let asked = Instant::now();
    server.admin().post("/v1/verdict", &json!({"action": "login", "account_id": "acct_1"})).expect(200);
    assert!(asked.elapsed() < Duration::from_secs(2), "a verdict took {:?}", asked.elapsed());
}

#[test]
fn no_hostile_statement_takes_the_server_down() {
    let site = Site::with_config(TIGHT);
    let mut server = site.start();
    let admin = server.admin();
    seed(&admin);
    for (name, sql) in corpus() {
        let asked = Instant::now();
        let answer = ask(&admin, &sql);
        let took = asked.elapsed();
        assert!(took < DEADLINE, "{name} took {took:?}");
        assert!(server.is_alive(), "{name} ended the server");
        let may_be_answered = ["show", "pattern", "or", "many", "cross join"].contains(&name);
        let is_fine = may_be_answered && answer.status == 200;
        let is_refused = matches!(answer.status, 400 | 403 | 408 | 413 | 507);
        assert!(
            is_fine || is_refused,
            "{name}: {} {}",
            answer.status,
            answer.text().chars().take(300).collect::<String>()
        );
        assert!(!answer.text().contains("root:"), "{name} showed a file");
        assert!(!answer.text().contains(site.path("").to_str().unwrap()), "{name} showed a path: {}", answer.text());
        verdicts_live(&server);
    }
    assert!(!std::path::Path::new("/tmp/weir-hostile.csv").exists());
    let counted = || ask(&admin, "select count(*) from usage");
    let rows = eventually("an honest query is answered", || Some(counted()).filter(|answer| answer.status == 200));
    assert_eq!(rows.json()["rows"], json!([[30]]));
}

#[test]
fn a_query_past_its_time_is_408() {
    let site = Site::with_config(TIGHT);
    let server = site.start();
    seed(&server.admin());
    let asked = Instant::now();
    let endless = "select count(*) from usage a, usage b, usage c, usage d, usage e, usage f where a.name || b.name || c.name <> d.name || e.name";
    ask(&server.admin(), endless).refusal(408);
    assert!((Duration::from_secs(1)..DEADLINE).contains(&asked.elapsed()), "{:?}", asked.elapsed());
}

#[test]
fn too_many_queries_at_once_are_429_with_retry_after() {
    let site = Site::with_config("[sql]\ntimeout_ms = 4000\nconcurrency_max = 2\n");
    let server = site.start_warm();
    seed(&server.admin());
    let endless = "select count(*) from usage a, usage b, usage c, usage d, usage e, usage f where a.name || b.name || c.name <> d.name || e.name";
    let statuses: Vec<(u16, bool)> = std::thread::scope(|scope| {
        let askers: Vec<_> = (0..6)
            .map(|_| {
                let admin = server.admin();
                scope.spawn(move || {
                    let answer = ask(&admin, endless);
                    (answer.status, answer.header("retry-after").is_some())
                })
            })
            .collect();
        verdicts_live(&server);
        askers.into_iter().map(|asker| asker.join().unwrap()).collect()
    });
    // A scheduled rule may have taken a turn.
    let ran = statuses.iter().filter(|(status, _)| *status == 408).count();
    assert!((1..=2).contains(&ran), "{statuses:?}");
    assert_eq!(statuses.iter().filter(|answer| **answer == (429, true)).count(), 6 - ran, "{statuses:?}");
    // Rules that waited meanwhile may go first.
    let admin = server.admin();
    let told = eventually("there is room again", || {
        Some(ask(&admin, "select count(*) from usage")).filter(|answer| answer.status != 429)
    });
    assert_eq!(told.expect(200)["rows"], json!([[30]]));
}

#[test]
fn a_client_that_leaves_ends_its_query() {
    let site = Site::with_config("[sql]\ntimeout_ms = 60000\nconcurrency_max = 1\n");
    let server = site.start();
    let admin = server.admin();
    seed(&admin);
    let endless = "select count(*) from usage a, usage b, usage c, usage d, usage e, usage f where a.name || b.name || c.name <> d.name || e.name";
    let body = json!({"sql": endless}).to_string();
    let request = format!(
        "POST /v1/sql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n{body}",
        admin.key(),
        body.len()
    );
    let mut stream = std::net::TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    eventually("the query runs and fills the house", || (ask(&admin, "select 1").status == 429).then_some(()));
    drop(stream);
    eventually("the query is over", || (ask(&admin, "select 1").status == 200).then_some(()));
}
