//! A server on a disk of the test's own: what only shows when storage does not do as it should.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Condvar, Mutex};

use ingest::{Disk, Judged, Kind, Rows};

use super::*;
use crate::clock;
use crate::verdict::{Caller, Verdict, VerdictRequest};

/// Syncs nothing while it is stalled.
#[derive(Debug, Default)]
struct Stalling {
    is_stalled: Mutex<bool>,
    changed: Condvar,
}

impl Stalling {
    fn set(&self, is_stalled: bool) {
        *self.is_stalled.lock().unwrap() = is_stalled;
        self.changed.notify_all();
    }
}

impl Disk for Stalling {
    fn sync_file(&self, file: &File, _path: &Path) -> io::Result<()> {
        let is_stalled = self.is_stalled.lock().unwrap();
        drop(self.changed.wait_while(is_stalled, |is_stalled| *is_stalled).unwrap());
        file.sync_data()
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

fn is_degraded(weir: &Weir) -> bool {
    let request = VerdictRequest::parse(br#"{"action":"grant","account_id":"a","dry_run":true}"#).unwrap();
    let decision = weir.verdicts.decide(&request, Caller { key: "app", review: false }, clock::now()).unwrap();
    assert_eq!(decision.verdict, Verdict::Allow);
    decision.degraded
}

async fn until(is_true: impl Fn() -> bool) {
    while !is_true() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_are_degraded_while_storage_stalls_and_recover() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.server.data = dir.path().join("data");
    std::fs::create_dir(&config.server.data).unwrap();
    std::fs::write(config.server.data.join("policy.toml"), "stale_after_ms = 200\n").unwrap();
    let disk = Arc::new(Stalling::default());
    let options = Options { disk: Some(Arc::<Stalling>::clone(&disk)), ..Options::default() };
    let weir = open::open(config, &options).await.unwrap();
    let background = watch::start(&weir);
    until(|| !is_degraded(&weir)).await;

    disk.set(true);
    let mut rows = Rows::default();
    let mut row = rows.begin(Kind::Usage);
    row.text("event_id", "u").text("trust", "server").time("ts", clock::now());
    row.finish(None);
    let waiting = {
        let ingest = Arc::clone(&weir.ingest);
        let judged = Judged { rows, received: 1, rejects: Vec::new() };
        tokio::spawn(async move { ingest.append(&"app".into(), judged).await })
    };
    let since = clock::now();
    until(|| is_degraded(&weir)).await;
    assert!(clock::now() - since >= 150_000, "not before its time");
    assert!(!waiting.is_finished(), "nobody was told that it is stored");

    disk.set(false);
    until(|| !is_degraded(&weir)).await;
    waiting.await.unwrap().unwrap();
    background.stop().await;
    weir.ingest.shutdown().await.unwrap();
}
