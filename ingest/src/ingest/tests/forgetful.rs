//! A disk that forgets: after a power cut only synced bytes under synced names are left.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::*;
use crate::disk::Disk;

/// Remembers what was synced, and can tell at any moment what a power cut would leave.
#[derive(Debug, Default)]
struct Forgetful {
    state: Mutex<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    operations: usize,
    /// By inode: the bytes at the last sync of the file.
    bytes: BTreeMap<u64, Vec<u8>>,
    /// By directory: the names at its last sync, with their inodes.
    names: BTreeMap<PathBuf, BTreeMap<String, u64>>,
    acknowledged: usize,
    images: Vec<Image>,
    image_every: usize,
}

#[derive(Clone, Debug)]
struct Image {
    acknowledged: usize,
    bytes: BTreeMap<u64, Vec<u8>>,
    names: BTreeMap<PathBuf, BTreeMap<String, u64>>,
}

impl Forgetful {
    fn operation(&self, change: impl FnOnce(&mut State) -> io::Result<()>) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        change(&mut state)?;
        state.operations += 1;
        if state.operations.is_multiple_of(state.image_every.max(1)) {
            let image =
                Image { acknowledged: state.acknowledged, bytes: state.bytes.clone(), names: state.names.clone() };
            state.images.push(image);
        }
        Ok(())
    }
}

impl Disk for Forgetful {
    fn sync_file(&self, file: &File, path: &Path) -> io::Result<()> {
        let inode = file.metadata()?.ino();
        let bytes = std::fs::read(path)?;
        self.operation(|state| {
            state.bytes.insert(inode, bytes);
            Ok(())
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut names = BTreeMap::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            if let Ok(metadata) = entry.metadata() {
                names.insert(entry.file_name().to_string_lossy().into_owned(), metadata.ino());
            }
        }
        let path = path.canonicalize()?;
        self.operation(|state| {
            state.names.insert(path, names);
            Ok(())
        })
    }
}

impl Image {
    /// Lays out what is left of `from` in `to`. Directories that exist now are kept when their name was synced.
    fn lay_out(&self, from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for (name, inode) in self.names.get(from).into_iter().flatten() {
            let (source, target) = (from.join(name), to.join(name));
            match self.bytes.get(inode) {
                Some(bytes) => std::fs::write(&target, bytes).unwrap(),
                None if self.names.contains_key(&source) || source.is_dir() => self.lay_out(&source, &target),
                // The name was synced, the bytes never were.
                None => std::fs::write(&target, b"").unwrap(),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_after_any_sync_loses_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("data");
    std::fs::create_dir_all(&root).unwrap();
    let root = root.canonicalize().unwrap();
    let disk = Arc::new(Forgetful::default());
    disk.state.lock().unwrap().image_every = 3;
    let config = |dir: &Path| Config { segment_bytes_max: 6_000, ..config(dir) };
    let ingest = open(Config { disk: Arc::<Forgetful>::clone(&disk), ..config(&root) }).await;
    for round in 0..24_u32 {
        append(&ingest, names(&format!("r{round}"), 0..8)).await;
        disk.state.lock().unwrap().acknowledged += 8;
        if round % 6 == 5 {
            ingest.tables[0].maintain(0);
        }
    }
    ingest.shutdown().await.unwrap();
    let images = std::mem::take(&mut disk.state.lock().unwrap().images);
    assert!(images.len() > 20, "{} images", images.len());
    let mut before_any_ack = 0;
    for (index, image) in images.iter().enumerate() {
        let copy = dir.path().join(format!("image-{index}"));
        image.lay_out(&root, &copy);
        let again = open(config(&copy)).await;
        let found = ids(&again).await;
        let kept = (0..image.acknowledged as u32 / 8)
            .all(|round| names(&format!("r{round}"), 0..8).iter().all(|id| found.contains_key(id)));
        assert!(kept, "image {index}: an acknowledged event is gone; {} of {}", found.len(), image.acknowledged);
        assert!(found.values().all(|count| *count == 1), "image {index}: an event is doubled");
        let repeat = append(&again, names("r0", 0..8)).await;
        assert_eq!(repeat.stored + repeat.duplicate, 8);
        assert!(ids(&again).await.values().all(|count| *count == 1), "image {index}: a repeat was doubled");
        before_any_ack += usize::from(image.acknowledged == 0);
    }
    assert!(before_any_ack < images.len());
}
