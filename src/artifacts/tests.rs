use std::fs::File;
use std::path::Path;
use std::slice::from_ref;

use ingest::{Disk, RealDisk};
use tempfile::TempDir;

use super::*;
use fixtures::DEBUG_ID;

const NOW: i64 = 1_790_000_000_000_000;
const DAY: i64 = 86_400_000_000;

fn limits() -> ArtifactLimits {
    ArtifactLimits { bundle_bytes_max: 1 << 20, stored_bytes_max: 1 << 21, retention: Duration::from_secs(90 * 86_400) }
}

fn open_with(dir: &TempDir, disk: DiskRef, limits: ArtifactLimits) -> Artifacts {
    let artifacts = Artifacts::open(dir.path().join("artifacts"), disk, limits).unwrap();
    artifacts.load(&artifacts.stored().unwrap());
    artifacts.set_loaded();
    artifacts
}

fn open(dir: &TempDir) -> Artifacts {
    open_with(dir, Arc::new(RealDisk), limits())
}

fn files(dir: &TempDir) -> Vec<String> {
    let mut files = Vec::new();
    for part in ["chunks", "bundles", "staged"] {
        for entry in std::fs::read_dir(dir.path().join("artifacts").join(part)).unwrap() {
            files.push(format!("{part}/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
    }
    files
}

fn knows(artifacts: &Artifacts) -> bool {
    artifacts.index().of_id(uuid::Uuid::parse_str(DEBUG_ID).unwrap()).is_some()
}

/// Uploads a bundle in chunks of so many bytes.
fn upload(artifacts: &Artifacts, bundle: &[u8], chunk_bytes: usize, now: i64) -> Result<Assembly, ArtifactError> {
    let chunks: Vec<(Checksum, Vec<u8>)> =
        bundle.chunks(chunk_bytes).map(|chunk| (Checksum::of(chunk), chunk.to_vec())).collect();
    artifacts.put_chunks(&chunks, now)?;
    let names: Vec<Checksum> = chunks.iter().map(|(name, _)| *name).collect();
    artifacts.assemble(&Checksum::of(bundle), &names, now)
}

#[test]
fn chunks_become_a_bundle_that_is_found_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let artifacts = open(&dir);
    let bundle = fixtures::bundle(Some(DEBUG_ID), None);
    let (name, missing) = (Checksum::of(&bundle), Checksum::of(b"missing"));
    assert_eq!(artifacts.assemble(&name, &[missing, missing], NOW).unwrap(), Assembly::Missing(vec![missing]));
    assert_eq!(upload(&artifacts, &bundle, 300, NOW).unwrap(), Assembly::Done);
    assert!(knows(&artifacts));
    assert_eq!(files(&dir), [format!("bundles/{name}")], "the chunks are gone");
    let figures = ArtifactFigures { bytes: bundle.len() as u64, bundles: 1 };
    assert_eq!(artifacts.figures(), figures);
    assert_eq!(artifacts.assemble(&name, &[missing], NOW).unwrap(), Assembly::Done, "again, it needs no chunk");
    std::fs::write(dir.path().join("artifacts/staged/bundle"), b"half").unwrap();
    std::fs::write(dir.path().join("artifacts/bundles/README"), b"not ours").unwrap();
    let artifacts = open(&dir);
    assert!(knows(&artifacts) && artifacts.figures() == figures);
    assert!(!files(&dir).iter().any(|file| file.starts_with("staged")));
}

#[test]
fn what_is_refused_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let artifacts = open(&dir);
    let bomb = fixtures::zipped(&[("a", &vec![0; 9 << 20]), ("manifest.json", b"{}")]);
    for (bytes, is_large) in [(b"no bundle".to_vec(), false), (bomb, true), (vec![7; (1 << 20) + 1], true)] {
        let error = upload(&artifacts, &bytes, 1 << 19, NOW).unwrap_err();
        assert_eq!(matches!(error, ArtifactError::TooLarge(_)), is_large, "{error}");
        assert!(files(&dir).is_empty() && artifacts.figures().bytes == 0, "{:?}", files(&dir));
    }
    let bundle = fixtures::bundle(Some(DEBUG_ID), None);
    let chunk = Checksum::of(&bundle);
    artifacts.put_chunks(&[(chunk, bundle)], NOW).unwrap();
    let error = artifacts.assemble(&Checksum::of(b"another"), &[chunk], NOW).unwrap_err();
    assert!(matches!(&error, ArtifactError::Invalid(why) if why.contains("checksum")), "{error}");
    assert!(files(&dir).is_empty() && !knows(&artifacts));
}

#[test]
fn there_is_room_for_so_much_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let bundle = fixtures::bundle(Some(DEBUG_ID), None);
    let (name, bytes) = (Checksum::of(&bundle), bundle.len() as u64);
    // Room for the chunk, and not for the bundle beside it.
    let small = ArtifactLimits { stored_bytes_max: 2 * bytes - 1, ..limits() };
    let artifacts = open_with(&dir, Arc::new(RealDisk), small);
    assert!(matches!(upload(&artifacts, &bundle, 1 << 20, NOW), Err(ArtifactError::Full(_))));
    let other = (Checksum::of(&vec![1; bundle.len()]), vec![1; bundle.len()]);
    assert!(matches!(artifacts.put_chunks(&[other], NOW), Err(ArtifactError::Full(_))));
    assert_eq!(files(&dir), [format!("chunks/{name}")], "what was sent is there for when there is room");
    let artifacts = open_with(&dir, Arc::new(RealDisk), ArtifactLimits { stored_bytes_max: 2 * bytes, ..limits() });
    assert_eq!(artifacts.assemble(&name, &[name], NOW).unwrap(), Assembly::Done);
    assert_eq!(artifacts.figures().bytes, bytes);
}

#[test]
fn what_nobody_uses_expires() {
    let dir = tempfile::tempdir().unwrap();
    let artifacts = open(&dir);
    let bundle = fixtures::bundle(Some(DEBUG_ID), None);
    upload(&artifacts, &bundle, 1 << 20, NOW).unwrap();
    artifacts.put_chunks(&[(Checksum::of(b"given up"), b"given up".to_vec())], NOW).unwrap();
    artifacts.sweep(NOW + DAY - 1).unwrap();
    assert_eq!(files(&dir).len(), 2);
    artifacts.sweep(NOW + DAY + 1).unwrap();
    assert_eq!(files(&dir).len(), 1, "a chunk lives for a day");
    // Somebody looks at a stack, much later.
    let frame = Frame { file: Some("a.js".into()), line: Some(1), col: Some(7), ..Frame::default() };
    let image = DebugImage { kind: "sourcemap".into(), code_file: "a.js".into(), debug_id: DEBUG_ID.into() };
    let look = |now| artifacts.resolve(from_ref(&frame), from_ref(&image), None, now)[0].minified.is_some();
    assert!(look(NOW + 80 * DAY));
    artifacts.sweep(NOW + 169 * DAY).unwrap();
    assert!(look(NOW + 80 * DAY), "kept for ninety days since");
    artifacts.sweep(NOW + 171 * DAY).unwrap();
    assert!(!look(NOW + 171 * DAY) && files(&dir).is_empty());
    assert_eq!(artifacts.figures(), ArtifactFigures { bytes: 0, bundles: 0 });
}

#[test]
fn a_bundle_that_was_damaged_is_left_out_until_it_is_uploaded_again() {
    let dir = tempfile::tempdir().unwrap();
    let bundle = fixtures::bundle(Some(DEBUG_ID), None);
    upload(&open(&dir), &bundle, 1 << 20, NOW).unwrap();
    std::fs::write(dir.path().join("artifacts/bundles").join(Checksum::of(&bundle).to_string()), b"damaged").unwrap();
    let artifacts = open(&dir);
    assert!(!knows(&artifacts) && artifacts.figures().bundles == 0);
    assert_eq!(files(&dir).len(), 1);
    assert_eq!(upload(&artifacts, &bundle, 1 << 20, NOW).unwrap(), Assembly::Done);
    assert!(knows(&artifacts));
    assert_eq!(artifacts.figures(), ArtifactFigures { bytes: bundle.len() as u64, bundles: 1 });
}

/// Refuses to sync files, or directories.
#[derive(Debug)]
struct Refusing {
    files: bool,
}

impl Disk for Refusing {
    fn sync_file(&self, _file: &File, _path: &Path) -> io::Result<()> {
        if self.files { Err(io::Error::other("refused")) } else { Ok(()) }
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // What is made when the directory is opened may be synced.
        let is_made = path.ends_with("chunks") || path.ends_with("bundles");
        if !self.files && is_made { Err(io::Error::other("refused")) } else { Ok(()) }
    }
}

#[test]
fn nothing_is_acknowledged_before_it_is_synced() {
    let bundle = fixtures::bundle(Some(DEBUG_ID), None);
    let name = Checksum::of(&bundle);
    for files_refused in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        open(&dir).put_chunks(&[(name, bundle.clone())], NOW).unwrap();
        let artifacts = open_with(&dir, Arc::new(Refusing { files: files_refused }), limits());
        let other = [(Checksum::of(b"other"), b"other".to_vec())];
        assert!(matches!(artifacts.put_chunks(&other, NOW), Err(ArtifactError::Disk(_))));
        assert!(matches!(artifacts.assemble(&name, &[name], NOW), Err(ArtifactError::Disk(_))));
        assert!(!knows(&artifacts) && !files(&dir).contains(&format!("bundles/{name}")));
        assert!(files(&dir).contains(&format!("chunks/{name}")), "to try again");
    }
}
