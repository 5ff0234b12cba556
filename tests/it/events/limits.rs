//! The written limits of a request: at the limit it is taken, past it refused clearly, and nothing of it is stored.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::{encoded, lines, usage};
use crate::http::{codes, tally};
use crate::server::{Site, eventually, peak_memory, within};

#[test]
fn bodies_over_ten_mebibytes_are_413() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    let mut body = lines("x", 10).into_bytes();
    body.resize(10 << 20, b' ');
    assert_eq!(tally(&admin.events_raw(&body).outcome()), (10, 0, 0), "exactly 10 MiB");
    body.push(b' ');
    assert_eq!(admin.events_raw(&body).refusal(413), "too_large");
    assert_eq!(admin.count("select count(*) from usage"), 10);
}

#[test]
fn requests_of_more_than_20000_events_are_413_and_leave_nothing() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    let small = |count: usize| -> String {
        (0..count)
            .map(|number| format!("{{\"kind\":\"usage\",\"id\":\"{number}\",\"name\":\"x\",\"guest_id\":\"g\"}}\n"))
            .collect()
    };
    assert_eq!(admin.events_raw(small(20_001)).refusal(413), "too_large");
    let array = format!("[{}]", small(20_001).trim_end().replace('\n', ","));
    assert_eq!(admin.events_raw(array).refusal(413), "too_large");
    assert_eq!(admin.count("select count(*) from usage"), 0);
    assert_eq!(admin.count("select count(*) from rejects"), 0);
    assert_eq!(tally(&admin.events_raw(small(20_000)).outcome()), (20_000, 0, 0));
}

#[test]
fn an_event_over_64_kib_is_rejected_alone() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    let padded = |id: &str, bytes: usize| {
        let mut event = json!({"kind": "usage", "id": id, "name": "x", "account_id": "a", "properties": {"p": ""}});
        let missing = bytes - event.to_string().len();
        event["properties"]["p"] = Value::String("y ".repeat(missing / 2 + 1)[..missing].to_owned());
        assert_eq!(event.to_string().len(), bytes);
        event.to_string()
    };
    let body = format!("{}\n{}\n{}", padded("at", 65_536), padded("over", 65_537), usage("after"));
    let answer = admin.events_raw(body).outcome();
    assert_eq!(tally(&answer), (2, 0, 1));
    assert_eq!(codes(&answer), [(1, "too_large".into())]);
}

#[test]
fn properties_may_nest_ten_levels() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    let nested = |levels: usize, open: &str, close: &str| {
        let properties = format!("{}1{}", open.repeat(levels - 1), close.repeat(levels - 1));
        format!("{{\"kind\":\"usage\",\"name\":\"x\",\"account_id\":\"a\",\"properties\":{{\"a\":{properties}}}}}")
    };
    let body =
        [nested(10, "{\"a\":", "}"), nested(11, "{\"a\":", "}"), nested(10, "[", "]"), nested(11, "[", "]")].join("\n");
    let answer = admin.events_raw(body).outcome();
    assert_eq!(tally(&answer), (2, 0, 2));
    assert_eq!(codes(&answer), [(1, "too_large".into()), (3, "too_large".into())]);
}

#[test]
fn an_unfolded_body_is_capped_by_size_and_by_ratio() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    let send =
        |encoding: &str, body: &[u8]| admin.send("POST", "/v1/events", &[("content-encoding", encoding)], Some(body));
    // Numbers do not compress a hundredfold, so it is the size that stops this one.
    let mut text = String::with_capacity(52 << 20);
    let mut number = 1_u64;
    while text.len() <= 50 << 20 {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!("{number:x}").repeat(12));
    }
    let large = zstd::encode_all(text.as_bytes(), 1).unwrap();
    assert!(large.len() < 10 << 20 && large.len() * 100 > text.len(), "{} of {}", large.len(), text.len());
    assert_eq!(send("zstd", &large).refusal(413), "too_large");
    let repetitive = encoded("zstd", &vec![b' '; 8 << 20]);
    assert_eq!(send("zstd", &repetitive).refusal(413), "too_large");
    // A mebibyte may unfold at any ratio: honest small bodies are very repetitive.
    let mut honest = usage("honest").to_string().into_bytes();
    honest.resize(1 << 20, b'\n');
    assert_eq!(tally(&send("zstd", &encoded("zstd", &honest)).outcome()), (1, 0, 0));
}

#[test]
fn decompression_bombs_cost_neither_memory_nor_the_server() {
    let site = Site::new();
    let mut server = site.start_warm();
    let admin = server.admin();
    // What is built at first use is built before memory is measured.
    let mut before = usage("before");
    before["user_agent"] = json!("Mozilla/5.0 (X11; Linux x86_64) Chrome/131.0.0.0 Safari/537.36");
    admin.events(&before);
    // Gzip and zstd allow streams one after another: gigabytes of blanks, without minutes of compressing them.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b' '; 1 << 20]).unwrap();
    let gzip = encoder.finish().unwrap().repeat(1_000);
    let zstd = zstd::encode_all(&*vec![b' '; 1 << 20], 3).unwrap().repeat(10_000);
    let nested = encoded("gzip", &gzip);
    let send =
        |encoding: &str, body: &[u8]| admin.send("POST", "/v1/events", &[("content-encoding", encoding)], Some(body));
    // One layer is undone, and what is under it is no JSON.
    send("gzip", &nested).refusal(400);
    // What is built behind the answers (patterns, the first scheduled rules, a flush) is built before memory is measured.
    let mut steady = (peak_memory(server.pid()), Instant::now());
    within(Duration::from_secs(120), "memory is steady for 12 s", || {
        let peak = peak_memory(server.pid());
        if peak > steady.0 {
            steady = (peak, Instant::now());
        }
        (steady.1.elapsed() >= Duration::from_secs(12)).then_some(())
    });
    let before = peak_memory(server.pid());
    for (encoding, body) in [("gzip", &gzip), ("zstd", &zstd)] {
        assert_eq!(send(encoding, body).refusal(413), "too_large", "{encoding}");
        let grown = (peak_memory(server.pid()) - before) >> 20;
        assert!(grown <= 16, "{grown} MiB more after {} KiB of {encoding}", body.len() >> 10);
    }
    assert!(server.is_alive());
    assert_eq!(admin.count("select count(*) from usage"), 1);
}

#[test]
fn too_much_unflushed_is_503_until_it_has_settled() {
    let config = "[ingest]\nunflushed_bytes_max = 1048576\nflush_interval_ms = 2000\nsegment_bytes_max = 67108864\n";
    let site = Site::with_config(config);
    let server = site.start();
    let admin = server.admin();
    let (mut stored, mut round) = (0, 0);
    let refused = loop {
        let answer = admin.events_raw(lines(&format!("r{round}-"), 2_000));
        if answer.status != 200 {
            break answer;
        }
        stored += tally(&answer.outcome()).0;
        round += 1;
        assert!(round < 200, "no end to what is taken");
    };
    assert_eq!(refused.refusal(503), "overloaded");
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(admin.count("select count(*) from usage"), i64::try_from(stored).unwrap(), "a refusal stores nothing");
    admin.post("/v1/verdict", &json!({"action": "login", "account_id": "a"})).expect(200);
    let again = || Some(admin.events_raw(lines(&format!("r{round}-"), 2_000))).filter(|answer| answer.status == 200);
    assert_eq!(tally(&eventually("there is room again", again).outcome()), (2_000, 0, 0));
}

#[test]
fn clients_that_take_too_long_are_let_go() {
    let site =
        Site::with_config("[server]\nheader_timeout_ms = 300\nbody_timeout_ms = 300\nbody_bytes_per_s_min = 1000000\n");
    let server = site.start();
    let admin = server.admin();
    let begun = Instant::now();
    let silent = admin.raw(b"POST /v1/events HTTP/1.1\r\nhost: x\r\n");
    assert!(silent.is_empty() || silent.starts_with("HTTP/1.1 408"), "{silent}");
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 9\r\n\r\n{{",
        admin.key()
    );
    let stalled = admin.raw(head.as_bytes());
    assert!(stalled.starts_with("HTTP/1.1 408") && stalled.contains("\"code\""), "{stalled}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(tally(&admin.events(&usage("prompt"))), (1, 0, 0));
}
