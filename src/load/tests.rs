//! Loads through a server: nothing lost, nothing doubled, nothing hidden.

mod into_directory;
pub(crate) mod stub;

use std::path::{Path, PathBuf};

use clap::Parser;
use ingest::Tally;

use super::{LoadArgs, Summary};
use stub::{Mishap, Stub};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    load: LoadArgs,
}

/// Parses a command line.
fn parse(words: &[&str]) -> Result<LoadArgs, clap::Error> {
    Command::try_parse_from(["load"].iter().chain(words)).map(|command| command.load)
}

fn load(stub: &Stub, files: &[&Path], more: &[&str]) -> anyhow::Result<Summary> {
    let files = files.iter().map(|file| file.to_str().expect("UTF-8"));
    let words: Vec<&str> =
        files.chain(["--url", &stub.url, "--key", "wk_test_secret"]).chain(more.iter().copied()).collect();
    super::run(&parse(&words).expect("a command line"), async |_| anyhow::bail!("no directory is meant"))
}

/// Writes a file of so many events, every third without an id.
fn events(dir: &Path, count: usize) -> PathBuf {
    let line = |number: usize| match number % 3 {
        0 => format!("{{\"kind\":\"usage\",\"name\":\"n{number}\",\"session_id\":\"s\"}}\n"),
        _ => format!("{{\"id\":\"e{number}\",\"kind\":\"usage\",\"name\":\"n\",\"session_id\":\"s\"}}\n"),
    };
    let path = dir.join("events.ndjson");
    std::fs::write(&path, (0..count).map(line).collect::<String>()).expect("writable");
    path
}

fn tally(received: u64, stored: u64, duplicate: u64, rejected: u64) -> Tally {
    Tally { received, stored, duplicate, rejected }
}

#[test]
fn a_repeated_load_stores_nothing_twice_whatever_its_batches() {
    let (stub, dir) = (Stub::start(), tempfile::tempdir().expect("a directory"));
    let file = events(dir.path(), 1_000);
    let first = load(&stub, &[&file], &["--batch", "300"]).expect("loaded");
    assert_eq!(first.tally, tally(1_000, 1_000, 0, 0));
    assert!(first.is_clean());
    let second = load(&stub, &[&file], &["--batch", "77"]).expect("loaded");
    assert_eq!(second.tally, tally(1_000, 0, 1_000, 0));
    let seen = stub.seen();
    assert_eq!(seen.requests[0].2, 300);
    let key = seen.requests[1].1.clone().expect("an idempotency key");
    assert!(key.starts_with("load-") && key.ends_with("-301"), "{key}");
}

#[test]
fn overload_and_lost_connections_are_waited_out() {
    let (stub, dir) = (Stub::start(), tempfile::tempdir().expect("a directory"));
    let file = events(dir.path(), 500);
    stub.seen().mishaps.extend([Mishap::Status(503), Mishap::HangsUp, Mishap::StoresAndHangsUp, Mishap::Status(429)]);
    let summary = load(&stub, &[&file], &["--batch", "250"]).expect("loaded");
    assert_eq!(summary.tally.stored + summary.tally.duplicate, 500, "the answer to one store was lost");
    assert_eq!(summary.tally.received, 500);
    assert_eq!(stub.seen().ids.len(), 500);
}

#[test]
fn a_wrong_key_and_an_absent_server_are_errors_that_say_so() {
    let (stub, dir) = (Stub::start(), tempfile::tempdir().expect("a directory"));
    let file = events(dir.path(), 10);
    let name = file.to_str().expect("UTF-8");
    let with = |url: &str, key: &str| {
        let args = parse(&[name, "--url", url, "--key", key]).expect("a command line");
        super::run(&args, async |_| anyhow::bail!("no directory is meant")).map_err(|error| format!("{error:#}"))
    };
    let refused = with(&stub.url, "wk_wrong_secret").expect_err("refused");
    assert!(refused.contains("401: the key is unknown") && refused.contains("after line 0"), "{refused}");
    assert!(with("not a server", "wk_test_secret").expect_err("no address").contains("no address of a server"));
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
    let absent = with(&port.to_string(), "wk_test_secret").expect_err("nobody there");
    assert!(absent.contains("no answer from") && absent.contains("gave up"), "{absent}");
}

#[test]
fn what_is_rejected_is_kept_with_its_line_and_the_rest_is_loaded() {
    let (stub, dir) = (Stub::start(), tempfile::tempdir().expect("a directory"));
    let file = dir.path().join("mixed.ndjson");
    let text = "{\"id\":\"a\",\"kind\":\"log\"}\n\nnot json\n{\"id\":\"b\",\"kind\":\"nonsense\"}\n{\"id\":\"c\",\n{\"kind\":\"log\"}";
    std::fs::write(&file, text).expect("writable");
    let summary = load(&stub, &[&file], &[]).expect("loaded");
    assert_eq!(summary.tally, tally(5, 2, 0, 3));
    assert!(!summary.is_clean());
    let rejects = std::fs::read_to_string(dir.path().join("mixed.ndjson.rejects.ndjson")).expect("kept");
    let codes: Vec<(u64, String)> = rejects
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .map(|reject| (reject["line"].as_u64().expect("a line"), reject["code"].as_str().expect("a code").to_owned()))
        .collect();
    let expected = [(3, "invalid_json"), (5, "invalid_json"), (4, "unknown_kind")];
    assert_eq!(codes, expected.map(|(line, code)| (line, code.to_owned())));
}

#[test]
fn an_unreadable_file_does_not_keep_the_others_from_being_loaded() {
    let (stub, dir) = (Stub::start(), tempfile::tempdir().expect("a directory"));
    let file = events(dir.path(), 30);
    let torn = dir.path().join("torn.zst");
    let whole = zstd::encode_all(std::fs::read(&file).expect("readable").as_slice(), 1).expect("in memory");
    std::fs::write(&torn, &whole[..whole.len() - 3]).expect("writable");
    let missing = dir.path().join("missing.ndjson");
    let summary = load(&stub, &[&missing, dir.path(), &torn, &file], &[]).expect("loaded");
    assert_eq!((summary.files, summary.failed), (1, 3));
    assert!(!summary.is_clean());
    assert!(stub.seen().ids.len() >= 30);
}

#[test]
fn bodies_that_are_too_large_are_sent_in_parts() {
    let (stub, dir) = (Stub::start(), tempfile::tempdir().expect("a directory"));
    let file = events(dir.path(), 100);
    stub.seen().body_bytes_max = 1_500;
    assert_eq!(load(&stub, &[&file], &[]).expect("loaded").tally, tally(100, 100, 0, 0));
    stub.seen().body_bytes_max = 20;
    let alone = load(&stub, &[&file], &[]).expect("loaded");
    assert_eq!(alone.tally, tally(100, 0, 0, 100), "no event fits");
}

#[test]
fn an_import_names_its_file_and_where_it_stands() {
    let (stub, dir) = (Stub::start(), tempfile::tempdir().expect("a directory"));
    let file = events(dir.path(), 25_000);
    load(&stub, &[&file], &["--historical"]).expect("loaded");
    let seen = stub.seen();
    let targets: Vec<&str> = seen.requests.iter().map(|(target, ..)| target.as_str()).collect();
    assert_eq!(targets.len(), 2);
    let source = targets[0].strip_prefix("/v1/events?historical=true&import=").expect("an import");
    let (source, offset) = source.split_once("&offset=").expect("an offset");
    assert!(source.len() == 32 && source.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!((offset, targets[1].ends_with("&offset=25000")), ("20000", true));
}

#[test]
fn command_lines_that_make_no_sense_are_refused() {
    let refused = |words: &[&str]| parse(words).expect_err("refused").to_string();
    assert!(refused(&["f"]).contains("--url"));
    assert!(refused(&["f", "--url", "u", "--key", "k", "--data", "d"]).contains("cannot be used"));
    assert!(refused(&["f", "--data", "d", "--batch", "0"]).contains("0"));
    assert!(refused(&["f", "--data", "d", "--batch", "9", "--historical"]).contains("cannot be used"));
    assert!(refused(&["--data", "d"]).contains("FILE"));
}
