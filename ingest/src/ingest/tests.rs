//! The durable path as a whole: what is acknowledged is there, once, whatever happens to the process or the disk.

mod forgetful;
mod stalling;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::prelude::SessionContext;

use super::*;
use crate::priority::Priority;
use crate::row::Trust;
use crate::writer::Committed;

const KEY: [u8; 32] = [7; 32];

#[derive(Default)]
struct Watching {
    rows: AtomicU64,
    last: AtomicI64Guard,
}

#[derive(Default)]
struct AtomicI64Guard(std::sync::atomic::AtomicI64);

impl Observer for Watching {
    fn observe(&self, committed: &Committed) -> Rows {
        let before = self.last.0.swap(committed.received_at, Ordering::Relaxed);
        assert!(committed.received_at > before, "received_at always rises");
        let rows: usize = committed.batches.iter().map(|(_, batch)| batch.num_rows()).sum();
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        Rows::default()
    }
}

fn config(dir: &Path) -> Config {
    Config { flush_interval_ms: 60_000, ..Config::new(dir.to_owned(), "node-1".into(), KEY) }
}

fn judge() -> Judge {
    let enricher = crate::enrich::Enricher::new(KEY, Arc::new(|_| KEY), None, None);
    Judge::new(crate::limits::Limits::default(), Fingerprinter::new(KEY), Arc::new(enricher))
}

async fn open(config: Config) -> Arc<Ingest> {
    let ingest = Ingest::open(config, judge(), Arc::new(Watching::default())).await.unwrap();
    while ingest.recovery() != Recovery::Ready {
        assert!(!matches!(ingest.recovery(), Recovery::Failed(_)), "{:?}", ingest.recovery());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    ingest
}

fn usage(ids: impl IntoIterator<Item = String>) -> Judged {
    let fingerprinter = Fingerprinter::new(KEY);
    let mut rows = Rows::default();
    for id in ids {
        let mut row = rows.begin(Kind::Usage);
        let at = chrono::Utc::now().timestamp_micros();
        row.text("event_id", &id).text("trust", "server").text("name", "image.generate").time("ts", at);
        row.text("account_id", &format!("acct_{}", id.len()));
        row.finish(Some(fingerprinter.of(Trust::Server, Kind::Usage, &id)));
    }
    Judged { received: rows.len() as u32, rows, rejects: Vec::new() }
}

async fn append(ingest: &Ingest, ids: impl IntoIterator<Item = String>) -> Receipt {
    ingest.append(&"key".into(), usage(ids)).await.unwrap()
}

async fn sql(ingest: &Ingest, sql: &str) -> Vec<arrow::array::RecordBatch> {
    let context = SessionContext::new();
    let (url, store) = lake_store(ingest.dir()).unwrap();
    context.register_object_store(url.as_ref(), store);
    for (name, provider) in ingest.cut().providers() {
        context.register_table(name, provider).unwrap();
    }
    context.sql(sql).await.unwrap().collect().await.unwrap()
}

async fn number(ingest: &Ingest, query: &str) -> i64 {
    sql(ingest, query).await[0].column(0).as_primitive::<Int64Type>().value(0)
}

async fn ids(ingest: &Ingest) -> BTreeMap<String, i64> {
    let batches = sql(ingest, "select event_id, count(*) from usage group by event_id").await;
    let mut counted = BTreeMap::new();
    for batch in batches {
        let (ids, counts) = (batch.column(0).as_string_view(), batch.column(1).as_primitive::<Int64Type>());
        for row in 0..batch.num_rows() {
            counted.insert(ids.value(row).to_owned(), counts.value(row));
        }
    }
    counted
}

fn names(prefix: &str, range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| format!("{prefix}-{number}")).collect()
}

/// What a SIGKILL leaves: the directory's bytes as they are now.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else if let Err(error) = std::fs::copy(&path, &target) {
            // A staged file may be renamed while we copy; a crash would see either name.
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_event_is_visible_before_and_after_its_flush() {
    let dir = tempfile::tempdir().unwrap();
    let ingest = open(config(dir.path())).await;
    let receipt = append(&ingest, names("a", 0..3)).await;
    assert_eq!((receipt.stored, receipt.duplicate), (3, 0));
    assert_eq!(ingest.caught_up(&receipt.id), Some(true));
    assert_eq!(ingest.caught_up("r_ffffff"), Some(false));
    assert_eq!(ingest.caught_up("nonsense"), None);
    assert_eq!(number(&ingest, "select count(*) from usage where account_id = 'acct_3'").await, 3);
    assert_eq!(ingest.status().tables["usage"].unflushed_rows, 3);
    ingest.shutdown().await.unwrap();
    assert_eq!(number(&ingest, "select count(*) from usage where account_id = 'acct_3'").await, 3);
    let status = ingest.status();
    assert_eq!((status.tables["usage"].unflushed_rows, status.tables["usage"].files), (0, 1));
    assert_eq!(status.unflushed_bytes, 0);
    assert!(segment_count(dir.path()) == 0, "a settled segment is deleted");
    let late = ingest.append(&"key".into(), usage(names("b", 0..1))).await;
    assert!(matches!(late, Err(IngestError::NotReady(_))));
}

fn segment_count(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("wal")).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let ingest = open(config(&dir.path().join("first"))).await;
    append(&ingest, names("a", 0..100)).await;
    append(&ingest, names("b", 0..50)).await;
    let mut from = dir.path().join("first");
    for round in 0..3 {
        let to = dir.path().join(format!("copy-{round}"));
        copy(&from, &to);
        let again = open(config(&to)).await;
        assert_eq!(ids(&again).await.len(), 150 + round as usize);
        let repeat = append(&again, names("a", 0..100)).await;
        assert_eq!((repeat.stored, repeat.duplicate), (0, 100), "ids are known after a crash, round {round}");
        append(&again, names("later", round..round + 1)).await;
        assert!(ids(&again).await.values().all(|count| *count == 1));
        if round == 1 {
            again.shutdown().await.unwrap();
        }
        from = to;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_sees_every_row_once_while_epochs_are_flushed() {
    let dir = tempfile::tempdir().unwrap();
    let ingest = open(Config { segment_bytes_max: 4_096, ..config(dir.path()) }).await;
    let mut sent = 0;
    for round in 0..60 {
        sent += 20;
        append(&ingest, names(&format!("r{round}"), 0..20)).await;
        assert_eq!(number(&ingest, "select count(*) from usage").await, sent);
        assert_eq!(number(&ingest, "select count(distinct event_id) from usage").await, sent);
    }
    ingest.shutdown().await.unwrap();
    assert_eq!(number(&ingest, "select count(*) from usage").await, sent);
    assert!(ingest.status().tables["usage"].files > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn small_files_are_merged_and_sorted_and_deleted_only_when_unread() {
    let dir = tempfile::tempdir().unwrap();
    let ingest = open(Config { segment_bytes_max: 1, ..config(dir.path()) }).await;
    for round in 0..10 {
        append(&ingest, names(&"x".repeat(10 - round), 0..5)).await;
        wait_until(|| ingest.status().unflushed_bytes == 0).await;
    }
    let before = ingest.cut();
    ingest.tables[0].maintain(0);
    wait_until(|| ingest.status().tables["usage"].files < 8).await;
    assert_eq!(number(&ingest, "select count(*) from usage").await, 50);
    let merged = ingest.cut();
    assert!(merged.table(Kind::Usage).files.files.iter().any(|file| file.path.contains("/sorted-")));
    drop(merged);
    ingest.tables[0].maintain(i64::MAX / 2);
    ingest.tables[0].settle(Vec::new(), 0, Priority::Normal).await.unwrap();
    let files = || {
        std::fs::read_dir(dir.path().join("lake/usage"))
            .unwrap()
            .flatten()
            .map(|day| std::fs::read_dir(day.path()).unwrap().count())
            .max()
            .unwrap()
    };
    assert!(files() >= 10, "a cut still reads the small files");
    drop(before);
    ingest.tables[0].maintain(i64::MAX / 2);
    ingest.tables[0].settle(Vec::new(), 0, Priority::Normal).await.unwrap();
    let remaining = std::fs::read_dir(dir.path().join("lake/usage"))
        .unwrap()
        .flatten()
        .filter(|day| day.file_name().to_string_lossy().starts_with("day="))
        .map(|day| std::fs::read_dir(day.path()).unwrap().count())
        .sum::<usize>();
    assert_eq!(remaining as u64, ingest.status().tables["usage"].files);
    let order = sql(&ingest, "select account_id from usage").await;
    assert_eq!(order.iter().map(|batch| batch.num_rows()).sum::<usize>(), 50);
}

async fn wait_until(condition: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "the condition never came true");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_committed_once_and_partitioned_by_its_own_time() {
    let dir = tempfile::tempdir().unwrap();
    let ingest = open(config(dir.path())).await;
    let import = || {
        let mut rows = Rows::default();
        for day in 0..3_i64 {
            let mut row = rows.begin(Kind::Usage);
            row.text("event_id", &format!("old-{day}")).time("ts", (20_000 - day) * 86_400_000_000 + 5);
            row.finish(None);
        }
        Judged { received: 3, rows, rejects: Vec::new() }
    };
    let origin = ImportOrigin { id: "file".into(), offset: 3 };
    assert_eq!(ingest.import(import(), &origin).await.unwrap(), (3, 0));
    assert_eq!(ingest.import(import(), &origin).await.unwrap(), (0, 3), "a repeat is not committed again");
    assert_eq!(number(&ingest, "select count(distinct day) from usage").await, 3);
    assert_eq!(
        number(&ingest, "select count(*) from usage where day = date '2024-10-04' and received_at = ts").await,
        1
    );
}

/// An observer that answers each record with a row of its own, as live rules do when a hit opens.
struct Echo;

impl Observer for Echo {
    fn observe(&self, committed: &Committed) -> Rows {
        let mut rows = Rows::default();
        if committed.batches.iter().any(|(kind, _)| *kind == Kind::Usage) {
            let mut row = rows.begin(Kind::Hits);
            row.text("event_id", "hit").text("rule", "echo").time("ts", committed.received_at);
            row.finish(None);
        }
        rows
    }
}

/// The rows of the observer were once subtracted from the queue's gauge without ever being added: it wrapped around, and
/// from the first hit on every request was told that the queue is full.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_the_observer_do_not_count_as_queued() {
    let dir = tempfile::tempdir().unwrap();
    let ingest = Ingest::open(config(dir.path()), judge(), Arc::new(Echo)).await.unwrap();
    wait_until(|| ingest.recovery() == Recovery::Ready).await;
    for round in 0..20 {
        append(&ingest, names(&format!("r{round}"), 0..5)).await;
    }
    wait_until(|| ingest.status().tables["hits"].unflushed_rows > 0).await;
    append(&ingest, names("later", 0..5)).await;
    assert_eq!(ingest.gauges.queued_bytes.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_held_by_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(config(dir.path())).await;
    let second = Ingest::open(config(dir.path()), judge(), Arc::new(Watching::default())).await;
    assert!(matches!(second, Err(IngestError::Locked(_))));
    drop(first);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_unflushed_is_refused_and_nothing_of_it_stored() {
    let dir = tempfile::tempdir().unwrap();
    let ingest = open(Config { unflushed_bytes_max: 1, ..config(dir.path()) }).await;
    append(&ingest, names("a", 0..10)).await;
    let refused = ingest.append(&"key".into(), usage(names("b", 0..10))).await;
    assert!(matches!(refused, Err(IngestError::Overloaded { .. })), "{refused:?}");
    assert_eq!(number(&ingest, "select count(*) from usage").await, 10);
}
