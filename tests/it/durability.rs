//! What was acknowledged is never lost and never doubled, however the server ends. The second witness is `lake`, which reads
//! the tables without the program.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::http::{Client, tally};
use crate::lake;
use crate::server::{ADMIN_KEY, NEVER_SETTLES, SETTLES_OFTEN, Server, Site, eventually, files_below};

const EVERY_ID: &str = "select event_id from usage union all select event_id from credits";

/// Returns an event of a kind that the id's number picks.
fn event(client: usize, number: usize) -> Value {
    let id = format!("c{client}-{number}");
    match number % 3 {
        0 => {
            json!({"kind": "credit", "id": id, "op": "spend", "amount": 1, "reason": "generation", "ref": id, "guest_id": "gst_1"})
        }
        _ => {
            json!({"kind": "usage", "id": id, "name": "image.generate", "account_id": "acct_1", "properties": {"note": "x".repeat(number % 200)}})
        }
    }
}

fn events(client: usize, numbers: std::ops::Range<usize>) -> Value {
    Value::Array(numbers.map(|number| event(client, number)).collect())
}

/// A client outside the server: sends batches, repeats those without an answer, and keeps its own durable list.
fn send_until_stopped(client: usize, url: &Mutex<String>, list: &Path, stop: &AtomicBool) {
    let mut random = StdRng::seed_from_u64(client as u64);
    let mut list = File::create(list).unwrap();
    let mut next = 0;
    while !stop.load(Ordering::Relaxed) {
        let end = next + random.random_range(1..=50);
        let body = events(client, next..end).to_string();
        // The same bytes again until they are acknowledged, whichever server that takes.
        while !stop.load(Ordering::Relaxed) {
            let server = Client::new(&url.lock().unwrap().clone(), Some(ADMIN_KEY));
            match server.try_send("POST", "/v1/events", &[], Some(body.as_bytes())) {
                Ok(reply) if reply.status == 200 => {
                    let (stored, duplicate, rejected) = tally(&reply.json());
                    assert_eq!((stored + duplicate, rejected), ((end - next) as u64, 0), "{}", reply.text());
                    let ids: String = (next..end).map(|number| format!("c{client}-{number}\n")).collect();
                    list.write_all(ids.as_bytes()).unwrap();
                    list.sync_data().unwrap();
                    next = end;
                    break;
                }
                Ok(reply) => assert_eq!(reply.status, 503, "{}", reply.text()),
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

fn acknowledged(lists: &[PathBuf]) -> HashSet<String> {
    let mut ids = HashSet::new();
    for list in lists {
        // A client may be writing: what has no line end yet was not acknowledged when we looked.
        let text = std::fs::read_to_string(list).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        ids.extend(whole.lines().map(str::to_owned));
    }
    ids
}

fn counted(ids: impl IntoIterator<Item = String>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    ids.into_iter().for_each(|id| *counts.entry(id).or_default() += 1);
    counts
}

/// Asks for every id over SQL and how often it is there.
fn by_sql(client: &Client) -> BTreeMap<String, u64> {
    let sql = format!("select event_id, count(*) as n from ({EVERY_ID}) as events group by event_id");
    let body = json!({"sql": sql}).to_string();
    let reply = client.send("POST", "/v1/sql", &[("accept", "application/x-ndjson")], Some(body.as_bytes()));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let rows = reply.text();
    let rows = rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| (row["event_id"].as_str().unwrap().to_owned(), row["n"].as_u64().unwrap())).collect()
}

/// Reads every id from the files of a stopped server's tables.
fn by_file(data: &Path) -> BTreeMap<String, u64> {
    counted(["usage", "credits"].iter().flat_map(|table| lake::texts(&data.join("lake").join(table), "event_id")))
}

#[track_caller]
fn assert_exact(present: &BTreeMap<String, u64>, acknowledged: &HashSet<String>, when: &str) {
    let lost: Vec<_> = acknowledged.iter().filter(|id| !present.contains_key(*id)).collect();
    let doubled: Vec<_> = present.iter().filter(|(_, count)| **count != 1).collect();
    let shown = (lost.iter().take(5).collect::<Vec<_>>(), doubled.iter().take(5).collect::<Vec<_>>());
    assert!(lost.is_empty() && doubled.is_empty(), "{when}: {} lost, {} doubled: {shown:?}", lost.len(), doubled.len());
}

fn checkpointed_at(data: &Path) -> Option<SystemTime> {
    std::fs::metadata(data.join("lake/usage/_delta_log/_last_checkpoint")).ok()?.modified().ok()
}

fn segments(data: &Path) -> Vec<PathBuf> {
    files_below(&data.join("wal"))
}

fn wait_until_settled(client: &Client) {
    eventually("everything is in files", || {
        let status = client.get("/v1/status").expect(200);
        let unflushed = |table: &str| status["tables"][table]["unflushed_rows"].as_u64().unwrap();
        (unflushed("usage") + unflushed("credits") == 0).then_some(())
    });
}

fn copy(from: &Path, to: &Path) {
    for file in files_below(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, target).unwrap();
    }
}

#[test]
fn a_killed_server_loses_and_doubles_nothing() {
    let cycles = std::env::var("WEIR_CRASH_CYCLES").map_or(30, |cycles| cycles.parse::<u32>().unwrap());
    let mut random = StdRng::seed_from_u64(8_600);
    let site = Site::with_config("[ingest]\nflush_interval_ms = 50\nsegment_bytes_max = 1048576\n");
    let lists: Vec<PathBuf> = (0..4).map(|client| site.path(&format!("acknowledged-{client}"))).collect();
    let mut server = site.start();
    let url = Arc::new(Mutex::new(server.url().to_owned()));
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = lists
        .iter()
        .cloned()
        .enumerate()
        .map(|(client, list)| {
            let (url, stop) = (Arc::clone(&url), Arc::clone(&stop));
            std::thread::spawn(move || send_until_stopped(client, &url, &list, &stop))
        })
        .collect();
    let mut checkpoints = 0;
    for cycle in 1..=cycles {
        if cycle % 30 == 5 {
            // This one lives until its table's log is checkpointed, which takes fifty commits, and dies right there.
            let before = checkpointed_at(&site.data());
            eventually("a checkpoint", || (checkpointed_at(&site.data()) != before).then_some(()));
            checkpoints += 1;
        } else {
            std::thread::sleep(Duration::from_millis(random.random_range(30..=400)));
        }
        server.kill();
        if cycle % 5 == 0 {
            // Once more, while it replays.
            let replaying = site.start_unready();
            std::thread::sleep(Duration::from_millis(random.random_range(0..=60)));
            replaying.kill();
        }
        server = site.start();
        server.url().clone_into(&mut url.lock().unwrap());
        if cycle % 10 == 0 {
            let acknowledged = acknowledged(&lists);
            assert_exact(&by_sql(&server.admin()), &acknowledged, &format!("after {cycle} cycles"));
        }
    }
    stop.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().unwrap());
    let acknowledged = acknowledged(&lists);
    let present = by_sql(&server.admin());
    assert_exact(&present, &acknowledged, "at the end, by SQL");
    // Right after the load there is a backlog of small segments, and SIGTERM has to settle it.
    println!("{} segments at SIGTERM", segments(&site.data()).len());
    server.stop();
    assert_eq!(segments(&site.data()), Vec::<PathBuf>::new());
    let on_disk = by_file(&site.data());
    assert_exact(&on_disk, &acknowledged, "at the end, by the second reader");
    assert!(on_disk == present, "SQL saw {} ids, the files have {}", present.len(), on_disk.len());
    assert_exact(&by_sql(&site.start().admin()), &acknowledged, "after a last start");
    assert!(acknowledged.len() > 1_000, "only {} ids: nothing was tried", acknowledged.len());
    let sorted =
        files_below(&site.data().join("lake")).iter().filter(|file| file.to_string_lossy().contains("sorted-")).count();
    println!(
        "{cycles} cycles, {} acknowledged ids, 0 lost, 0 doubled; {checkpoints} checkpoints, {sorted} compacted files",
        acknowledged.len()
    );
}

#[test]
fn sigterm_drains_into_files_and_a_restart_has_everything() {
    let site = Site::with_config(NEVER_SETTLES);
    let server = site.start();
    let list = site.path("acknowledged");
    let url = Mutex::new(server.url().to_owned());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| send_until_stopped(0, &url, &list, &stop));
        let lists = [list.clone()];
        eventually("some were acknowledged", || (acknowledged(&lists).len() > 200).then_some(()));
        server.stop();
        stop.store(true, Ordering::Relaxed);
    });
    let acknowledged = acknowledged(&[list]);
    assert_eq!(segments(&site.data()), Vec::<PathBuf>::new());
    assert_exact(&by_file(&site.data()), &acknowledged, "in files");
    assert_exact(&by_sql(&site.start().admin()), &acknowledged, "after a restart");
}

#[test]
fn while_it_replays_it_says_so_and_an_event_is_refused_or_kept() {
    let site = Site::with_config(NEVER_SETTLES);
    let server = site.start();
    for batch in 0..20 {
        server.admin().events(&events(0, batch * 2_000..(batch + 1) * 2_000));
    }
    server.kill();
    let server = site.start_unready();
    let (anonymous, client) = (server.anonymous(), server.admin());
    let (mut kept, mut unready, mut refused) = (HashSet::new(), 0, 0);
    for attempt in 0.. {
        let ready = anonymous.get("/readyz");
        let reply = client.events_raw(event(1, attempt).to_string());
        match reply.status {
            200 => assert!(kept.insert(format!("c1-{attempt}"))),
            503 => {
                assert!(reply.header("retry-after").is_some());
                reply.refusal(503);
                refused += 1;
            }
            other => panic!("{other}: {}", reply.text()),
        }
        if ready.status == 200 {
            assert_eq!(ready.json()["ready"], true);
            break;
        }
        ready.refusal(503);
        // After the log, the rules read their history, which has no progress to tell.
        let body = ready.json();
        let replaying = body["error"]["message"].as_str().unwrap().contains("replayed");
        assert_eq!(body["progress"]["bytes_total"].as_u64().is_some_and(|bytes| bytes > 0), replaying, "{body}");
        unready += 1;
    }
    println!("/readyz said 503 {unready} times; {refused} events were refused, {} kept", kept.len());
    kept.extend((0..40_000).map(|number| format!("c0-{number}")));
    assert_exact(&by_sql(&client), &kept, "after the replay");
}

#[test]
fn a_flipped_byte_of_the_log_is_told_quarantined_and_costs_one_record() {
    let site = Site::with_config(NEVER_SETTLES);
    let server = site.start();
    for batch in 0..20 {
        server.admin().events(&events(0, batch * 5..(batch + 1) * 5));
    }
    server.kill();
    let segment = segments(&site.data()).into_iter().max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&segment, bytes).unwrap();

    let server = site.start();
    let client = server.admin();
    let loss = client.get("/v1/status").expect(200)["loss"].clone();
    assert_eq!(loss["rows"], 5, "{loss}");
    assert!(loss["bytes"].as_u64().unwrap() > 0, "{loss}");
    let metrics = client.get("/metrics").text();
    assert!(metrics.lines().any(|line| line == "weir_lost_rows_total 5"), "{metrics}");
    let kept: u64 =
        files_below(&site.data().join("quarantine")).iter().map(|path| path.metadata().unwrap().len()).sum();
    assert_eq!(loss["bytes"], kept);
    let present = by_sql(&client);
    assert_eq!(present.len(), 95);
    // Sent again, the lost ones are new and the others are not.
    let (stored, duplicate, _) = tally(&client.events(&events(0, 0..100)));
    assert_eq!((stored, duplicate), (5, 95));
    server.stop();
    let all = (0..100).map(|number| format!("c0-{number}")).collect();
    assert_exact(&by_file(&site.data()), &all, "sent again");
}

/// Makes a directory as a crash leaves it between a flush's commits and the deletion of its segment: the tables have the
/// rows and the log has them, too.
fn crashed_in_a_flush() -> (Site, HashSet<String>) {
    let site = Site::with_config(NEVER_SETTLES);
    let server = site.start();
    server.admin().events(&events(0, 0..100));
    server.kill();
    let crashed = Site::with_config(NEVER_SETTLES);
    copy(&site.data(), &crashed.data());
    site.start().stop();
    assert_eq!(by_file(&site.data()).len(), 100);
    std::fs::remove_dir_all(crashed.path("data/lake")).unwrap();
    copy(&site.path("data/lake"), &crashed.path("data/lake"));
    assert!(!segments(&crashed.data()).is_empty());
    (crashed, (0..100).map(|number| format!("c0-{number}")).collect())
}

fn assert_recovers(site: &Site, ids: &HashSet<String>) {
    let server = site.start();
    let client = server.admin();
    assert_exact(&by_sql(&client), ids, "after the start");
    assert_eq!(tally(&client.events(&events(0, 0..100))), (0, 100, 0));
    assert_eq!(client.get("/v1/status").expect(200)["loss"], json!({"rows": 0, "bytes": 0}));
    server.stop();
    assert_exact(&by_file(&site.data()), ids, "in files");
    assert_eq!(by_file(&site.data()).len(), ids.len());
    assert_exact(&by_sql(&site.start().admin()), ids, "after another start");
}

#[test]
fn a_crash_between_commit_and_deletion_doubles_nothing() {
    let (site, ids) = crashed_in_a_flush();
    assert_recovers(&site, &ids);
}

#[test]
fn a_commit_that_a_crash_left_empty_is_made_again_from_the_log() {
    let (site, ids) = crashed_in_a_flush();
    let log = files_below(&site.path("data/lake/usage/_delta_log"));
    let newest = log.iter().filter(|path| path.extension().is_some_and(|kind| kind == "json")).max().unwrap();
    assert!(std::fs::read_to_string(newest).unwrap().contains("\"add\""), "{}", newest.display());
    File::create(newest).unwrap();
    assert_recovers(&site, &ids);
}

#[test]
fn repeats_are_told_across_a_kill_after_their_flush() {
    let site = Site::with_config(SETTLES_OFTEN);
    let server = site.start();
    server.admin().events(&events(0, 0..100));
    wait_until_settled(&server.admin());
    eventually("the log's segments are gone", || {
        segments(&site.data()).iter().all(|path| path.metadata().is_ok_and(|file| file.len() == 0)).then_some(())
    });
    server.kill();
    let server: Server = site.start();
    let client = server.admin();
    assert_eq!(tally(&client.events(&events(0, 0..110))), (10, 100, 0));
    assert_eq!(client.count(&format!("select count(*) from ({EVERY_ID}) as events")), 110);
}
