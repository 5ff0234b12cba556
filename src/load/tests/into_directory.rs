//! Loads straight into a data directory, through the real log and the real tables.

use std::path::Path;
use std::sync::Arc;

use ingest::{Committed, Config, Enricher, Fingerprinter, Ingest, Judge, Limits, Observer, Rows};

use super::{Summary, events, parse, tally};

struct Nobody;

impl Observer for Nobody {
    fn observe(&self, _committed: &Committed) -> Rows {
        Rows::default()
    }
}

async fn open(dir: &Path) -> anyhow::Result<Arc<Ingest>> {
    let salts = |_now: i64| [1; 32];
    let enricher = Arc::new(Enricher::new([2; 32], Arc::new(salts), None, None));
    let judge = Judge::new(Limits::default(), Fingerprinter::new([3; 32]), enricher);
    let config = Config::new(dir.to_owned(), "test".to_owned(), [3; 32]);
    Ok(Ingest::open(config, judge, Arc::new(Nobody)).await?)
}

fn load(file: &Path, data: &Path, more: &[&str]) -> anyhow::Result<Summary> {
    let mut words = vec![file.to_str().expect("UTF-8"), "--data", data.to_str().expect("UTF-8")];
    words.extend(more);
    super::super::run(&parse(&words).expect("a command line"), open)
}

#[test]
fn a_directory_takes_a_file_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    std::fs::create_dir(&data).expect("writable");
    let file = events(dir.path(), 600);
    assert_eq!(load(&file, &data, &["--batch", "250"]).expect("loaded").tally, tally(600, 600, 0, 0));
    assert_eq!(load(&file, &data, &["--batch", "400"]).expect("loaded").tally, tally(600, 0, 600, 0));
}

#[test]
fn an_import_of_any_age_is_taken_once_and_its_rejects_are_counted() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    std::fs::create_dir(&data).expect("writable");
    let file = dir.path().join("old.ndjson");
    let old = "{\"id\":\"a\",\"kind\":\"credit\",\"op\":\"grant\",\"amount\":5,\"guest_id\":\"g\",\"ts\":\"2025-03-01T00:00:00Z\"}\n";
    std::fs::write(&file, format!("{old}{{\"id\":\"b\",\"kind\":\"nonsense\"}}\n")).expect("writable");
    let young = load(&file, &data, &[]).expect("loaded");
    assert_eq!(young.tally, tally(2, 0, 0, 2), "too old for a load that is no import");
    assert_eq!(load(&file, &data, &["--historical"]).expect("loaded").tally, tally(2, 1, 0, 1));
    assert_eq!(load(&file, &data, &["--historical"]).expect("loaded").tally, tally(2, 0, 1, 1));
}

#[test]
fn a_directory_that_is_held_is_said_to_be() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    std::fs::create_dir(&data).expect("writable");
    let file = events(dir.path(), 3);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _held = runtime.block_on(open(&data)).expect("free");
    let refused = format!("{:#}", load(&file, &data, &[]).expect_err("held"));
    assert!(refused.contains("in use by another process"), "{refused}");
}
