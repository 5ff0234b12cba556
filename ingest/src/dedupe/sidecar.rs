//! A sorted file of fingerprints beside the lake: the ids of one or more flush epochs.
//!
//! ```text
//! header (4096 bytes): magic "WDI1" | count u64 | first_received_at i64 | last_received_at i64 | last_seq i64 |
//!                      filter words u64 | hashes u32 | crc of the tail u32 | crc of the header u32
//! blocks: 256 fingerprints of 16 bytes each, big-endian, ascending
//! tail:   per block (first 8 bytes of its first fingerprint u64, crc32c of the block u32); then the filter's words
//! ```
//! In memory stay the tail's index and filter, about 9.4 bits an id; a fingerprint that passes the filter (1.3 % of strangers
//! do) is confirmed by reading one block.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use fastbloom::BloomFilter;

use crate::dedupe::Fingerprint;
use crate::disk::DiskRef;

const MAGIC: [u8; 4] = *b"WDI1";
const HEADER_BYTES: u64 = 4096;
const ID_BYTES: usize = 16;
const BLOCK_IDS: usize = 256;
const BITS_PER_ID: usize = 9;
const HASHES: u32 = 6;

/// What a sidecar covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first_received_at: i64,
    pub(crate) last_received_at: i64,
    /// The last log sequence number whose ids are in it.
    pub(crate) last_seq: i64,
}

impl Span {
    fn join(self, other: Self) -> Self {
        Self {
            first_received_at: self.first_received_at.min(other.first_received_at),
            last_received_at: self.last_received_at.max(other.last_received_at),
            last_seq: self.last_seq.max(other.last_seq),
        }
    }
}

/// An open sidecar.
#[derive(Debug)]
pub(crate) struct Sidecar {
    file: File,
    path: PathBuf,
    count: u64,
    span: Span,
    blocks: Vec<(u64, u32)>,
    filter: BloomFilter,
}

impl Sidecar {
    /// Writes fingerprints, which must be sorted and free of repeats, and opens what was written.
    /// Returns after fsync.
    pub(crate) fn write(path: &Path, sorted: &[Fingerprint], span: Span, disk: &DiskRef) -> io::Result<Self> {
        let mut writer = Writer::create(path, sorted.len())?;
        for fingerprint in sorted {
            writer.push(*fingerprint)?;
        }
        writer.finish(span, disk)
    }

    /// Merges several sidecars into one. Returns after fsync; the sources stay as they are.
    pub(crate) fn merge(path: &Path, sources: &[&Self], disk: &DiskRef) -> io::Result<Self> {
        let most: u64 = sources.iter().map(|source| source.count).sum();
        let mut writer = Writer::create(path, most as usize)?;
        let mut cursors = sources.iter().map(|source| Cursor::new(source)).collect::<io::Result<Vec<_>>>()?;
        while let Some(least) = cursors.iter().filter_map(Cursor::peek).min() {
            writer.push(least)?;
            for cursor in &mut cursors {
                if cursor.peek() == Some(least) {
                    cursor.advance()?;
                }
            }
        }
        let span = sources.iter().map(|source| source.span).reduce(Span::join);
        writer.finish(span.ok_or_else(|| damaged(path, "nothing to merge"))?, disk)
    }

    /// Opens a sidecar, checking its header and tail.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut header = [0; 60];
        file.read_exact(&mut header)?;
        let wide = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
        let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
        if header[..4] != MAGIC || crc32c::crc32c(&header[..56]) != word(56) {
            return Err(damaged(path, "its header"));
        }
        let (count, filter_words, hashes) = (wide(4), wide(36) as usize, word(44));
        let block_count = (count as usize).div_ceil(BLOCK_IDS);
        file.seek(SeekFrom::Start(HEADER_BYTES + count * ID_BYTES as u64))?;
        let mut tail = Vec::with_capacity(block_count * 12 + filter_words * 8);
        file.read_to_end(&mut tail)?;
        if tail.len() != block_count * 12 + filter_words * 8 || crc32c::crc32c(&tail) != word(48) {
            return Err(damaged(path, "its index"));
        }
        let (index, words) = tail.split_at(block_count * 12);
        let blocks = index
            .chunks_exact(12)
            .map(|entry| {
                let first = u64::from_le_bytes(entry[..8].try_into().expect("eight bytes"));
                (first, u32::from_le_bytes(entry[8..].try_into().expect("four bytes")))
            })
            .collect();
        let words =
            words.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes"))).collect();
        let filter = BloomFilter::from_vec(words).seed(&0).hashes(hashes);
        let span =
            Span { first_received_at: wide(12) as i64, last_received_at: wide(20) as i64, last_seq: wide(28) as i64 };
        Ok(Self { file, path: path.to_owned(), count, span, blocks, filter })
    }

    /// Tells whether the fingerprint is in the file. Reads at most one block.
    pub(crate) fn contains(&self, fingerprint: Fingerprint) -> io::Result<bool> {
        let top = top_of(fingerprint);
        if !self.filter.contains_hash(top) {
            return Ok(false);
        }
        // Blocks whose first id shares these 64 bits may begin before the last of them.
        let mut block = self.blocks.partition_point(|(first, _)| *first <= top);
        while block > 0 {
            block -= 1;
            if self.block(block)?.binary_search(&fingerprint).is_ok() {
                return Ok(true);
            }
            if self.blocks[block].0 < top {
                break;
            }
        }
        Ok(false)
    }

    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    pub(crate) const fn span(&self) -> Span {
        self.span
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the bytes it holds in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<(u64, u32)>() + self.filter.as_slice().len() * 8
    }

    fn block(&self, block: usize) -> io::Result<Vec<Fingerprint>> {
        let first = block * BLOCK_IDS;
        let ids = BLOCK_IDS.min(self.count as usize - first);
        let mut bytes = [0; BLOCK_IDS * ID_BYTES];
        let bytes = &mut bytes[..ids * ID_BYTES];
        self.file.read_exact_at(bytes, HEADER_BYTES + (first * ID_BYTES) as u64)?;
        if crc32c::crc32c(bytes) != self.blocks[block].1 {
            return Err(damaged(&self.path, "a block of it"));
        }
        Ok(bytes
            .chunks_exact(ID_BYTES)
            .map(|id| Fingerprint(u128::from_be_bytes(id.try_into().expect("sixteen bytes"))))
            .collect())
    }
}

fn top_of(fingerprint: Fingerprint) -> u64 {
    (fingerprint.0 >> 64) as u64
}

fn damaged(path: &Path, what: &str) -> io::Error {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    io::Error::new(io::ErrorKind::InvalidData, format!("the dedupe file {name} is damaged: {what}"))
}

/// Reads a sidecar's fingerprints in order, a block at a time.
struct Cursor<'a> {
    sidecar: &'a Sidecar,
    next_block: usize,
    block: std::vec::IntoIter<Fingerprint>,
    head: Option<Fingerprint>,
}

impl<'a> Cursor<'a> {
    fn new(sidecar: &'a Sidecar) -> io::Result<Self> {
        let mut cursor = Self { sidecar, next_block: 0, block: Vec::new().into_iter(), head: None };
        cursor.advance()?;
        Ok(cursor)
    }

    fn peek(&self) -> Option<Fingerprint> {
        self.head
    }

    fn advance(&mut self) -> io::Result<()> {
        self.head = self.block.next();
        if self.head.is_none() && self.next_block < self.sidecar.blocks.len() {
            self.block = self.sidecar.block(self.next_block)?.into_iter();
            self.next_block += 1;
            self.head = self.block.next();
        }
        Ok(())
    }
}

/// Writes a sidecar from ascending fingerprints.
struct Writer {
    path: PathBuf,
    staged: PathBuf,
    file: BufWriter<File>,
    filter: BloomFilter,
    blocks: Vec<(u64, u32)>,
    block: Vec<u8>,
    block_first: u64,
    count: u64,
}

impl Writer {
    fn create(path: &Path, expected: usize) -> io::Result<Self> {
        let staged = path.with_extension("staged");
        let mut file = BufWriter::with_capacity(256 << 10, File::create(&staged)?);
        file.write_all(&[0; HEADER_BYTES as usize])?;
        Ok(Self {
            path: path.to_owned(),
            staged,
            file,
            filter: BloomFilter::with_num_bits((expected * BITS_PER_ID).max(512)).seed(&0).hashes(HASHES),
            blocks: Vec::with_capacity(expected.div_ceil(BLOCK_IDS)),
            block: Vec::with_capacity(BLOCK_IDS * ID_BYTES),
            block_first: 0,
            count: 0,
        })
    }

    fn push(&mut self, fingerprint: Fingerprint) -> io::Result<()> {
        if self.block.is_empty() {
            self.block_first = top_of(fingerprint);
        }
        self.filter.insert_hash(top_of(fingerprint));
        self.block.extend_from_slice(&fingerprint.0.to_be_bytes());
        self.count += 1;
        if self.block.len() == BLOCK_IDS * ID_BYTES { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> io::Result<()> {
        if !self.block.is_empty() {
            self.blocks.push((self.block_first, crc32c::crc32c(&self.block)));
            self.file.write_all(&self.block)?;
            self.block.clear();
        }
        Ok(())
    }

    fn finish(mut self, span: Span, disk: &DiskRef) -> io::Result<Sidecar> {
        self.end_block()?;
        let words = self.filter.as_slice();
        let mut tail = Vec::with_capacity(self.blocks.len() * 12 + words.len() * 8);
        for (first, crc) in &self.blocks {
            tail.extend_from_slice(&first.to_le_bytes());
            tail.extend_from_slice(&crc.to_le_bytes());
        }
        for word in words {
            tail.extend_from_slice(&word.to_le_bytes());
        }
        self.file.write_all(&tail)?;
        let mut header = Vec::with_capacity(60);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&self.count.to_le_bytes());
        for value in [span.first_received_at, span.last_received_at, span.last_seq] {
            header.extend_from_slice(&value.to_le_bytes());
        }
        header.extend_from_slice(&(words.len() as u64).to_le_bytes());
        header.extend_from_slice(&HASHES.to_le_bytes());
        header.extend_from_slice(&crc32c::crc32c(&tail).to_le_bytes());
        header.extend_from_slice(&[0; 4]);
        header.extend_from_slice(&crc32c::crc32c(&header).to_le_bytes());
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header)?;
        disk.sync_file(&file, &self.staged)?;
        std::fs::rename(&self.staged, &self.path)?;
        disk.sync_dir(self.path.parent().expect("a sidecar lies in a directory"))?;
        Sidecar::open(&self.path)
    }
}
