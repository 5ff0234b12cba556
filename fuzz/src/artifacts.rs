//! What reads uploads of source maps. It is part of the program, which is no library, and is compiled here once more from
//! its own files.

// The program uses more of them than the targets.
#![allow(dead_code)]

#[path = "../../src/artifacts/archive.rs"]
mod archive;
#[path = "../../src/artifacts/bundle.rs"]
mod bundle;
#[path = "../../src/artifacts/checksum.rs"]
mod checksum;
#[path = "../../src/artifacts/error.rs"]
mod error;
#[path = "../../src/http/artifacts/form.rs"]
mod form;
#[path = "../../src/artifacts/url.rs"]
mod url;

use bytes::Bytes;
use rawzip::path::EntryPath;
use rawzip::{CompressionMethod, ZipArchiveWriter};

use checksum::Checksum;
use error::ArtifactError;

/// Bytes that a bundle may unpack to here.
const UNPACKED_BYTES_MAX: u64 = 64 << 20;
/// A file of it, bytes.
const FILE_BYTES_MAX: usize = 1 << 20;

/// Reads a form of chunks whose boundary is `b`: what comes out of it is what its name says.
pub fn read_form(body: &[u8]) {
    let Ok(chunks) = form::read_chunks(&Bytes::copy_from_slice(body), "b") else { return };
    assert!(chunks.len() <= form::CHUNKS_MAX);
    for (name, bytes) in chunks {
        assert!(bytes.len() <= form::CHUNK_BYTES_MAX);
        assert_eq!(Checksum::of(&bytes), name);
    }
}

/// Checks a bundle. One that passes can be read again, to the same end, and so can each map that it names.
pub fn read_bundle(bytes: &[u8]) {
    let length = bytes.len() as u64;
    let Ok(checked) = bundle::check_bundle(bytes, length, UNPACKED_BYTES_MAX) else { return };
    let stored = bundle::read_bundle(bytes, length).expect("it was read before");
    assert_eq!(checked, stored);
    for place in checked.maps.iter().flat_map(|entry| [Some(entry.map), entry.minified]).flatten() {
        let file = bundle::read_file(bytes, length, place, FILE_BYTES_MAX).expect("it was unpacked before");
        assert!(file.is_none_or(|file| file.len() <= FILE_BYTES_MAX));
    }
}

/// Reads a bundle of a map and its file that has this manifest: no checksum in it keeps the fuzzer away from what reads it.
pub fn read_manifest(text: &[u8]) {
    let files: [(&str, &[u8]); 3] = [("manifest.json", text), ("a.js", b"a()"), ("a.js.map", b"{}")];
    read_bundle(&zipped(&files).expect("memory takes what is written"));
}

fn zipped(files: &[(&str, &[u8])]) -> Result<Vec<u8>, rawzip::Error> {
    let mut zip = ZipArchiveWriter::builder().with_offset(8).build(b"SYSB\x02\0\0\0".to_vec());
    for (name, bytes) in files {
        let file = zip.new_file(EntryPath::verbatim(name.as_bytes())).compression_method(CompressionMethod::STORE);
        let (mut entry, config) = file.start()?;
        let mut data = config.wrap(&mut entry);
        std::io::Write::write_all(&mut data, bytes)?;
        let (_, descriptor) = data.finish()?;
        entry.finish(descriptor)?;
    }
    zip.finish()
}
