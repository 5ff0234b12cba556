//! A disk that stalls: what waits for it is known to wait, and since when.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Condvar, Mutex};

use super::*;
use crate::disk::Disk;

/// Syncs nothing of the log while it is stalled.
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
        let mut is_stalled = self.is_stalled.lock().unwrap();
        while *is_stalled {
            is_stalled = self.changed.wait(is_stalled).unwrap();
        }
        drop(is_stalled);
        file.sync_data()
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

async fn until(is_true: impl Fn() -> bool) {
    while !is_true() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_stalled_disk_is_told_with_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Stalling::default());
    let ingest = open(Config { disk: Arc::<Stalling>::clone(&disk), ..config(dir.path()) }).await;
    append(&ingest, names("a", 0..1)).await;
    until(|| ingest.waiting_since().is_none()).await;

    disk.set(true);
    let before = chrono::Utc::now().timestamp_micros();
    let send = |name: &'static str| {
        let ingest = Arc::clone(&ingest);
        tokio::spawn(async move { append(&ingest, names(name, 0..1)).await })
    };
    let first = send("b");
    until(|| ingest.waiting_since().is_some()).await;
    let since = ingest.waiting_since().unwrap();
    assert!((before..=chrono::Utc::now().timestamp_micros()).contains(&since));
    // Weir's own rows wait as well, and neither they nor later requests make it look younger.
    let second = send("c");
    ingest.append_own(usage(names("own", 0..1)).rows).unwrap();
    until(|| ingest.gauges.queued_bytes.load(Ordering::Relaxed) > 0).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(ingest.waiting_since(), Some(since));
    assert!(!first.is_finished() && !second.is_finished());

    disk.set(false);
    assert_eq!((first.await.unwrap().stored, second.await.unwrap().stored), (1, 1));
    until(|| ingest.waiting_since().is_none()).await;
    ingest.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_it_moves_on_and_comes_to_rest() {
    let dir = tempfile::tempdir().unwrap();
    let ingest = open(config(dir.path())).await;
    let begun = chrono::Utc::now().timestamp_micros();
    let senders: Vec<_> = (0..8)
        .map(|sender| {
            let ingest = Arc::clone(&ingest);
            tokio::spawn(async move {
                for round in 0..50 {
                    append(&ingest, names(&format!("s{sender}-{round}"), 0..2)).await;
                    // What waits now was queued after this one was.
                    let since = ingest.waiting_since();
                    assert!(since.is_none_or(|since| since >= begun));
                }
                chrono::Utc::now().timestamp_micros()
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    until(|| ingest.waiting_since().is_none()).await;
    ingest.shutdown().await.unwrap();
}
