//! A file of events as a stream of lines: opened, named by its hash, decompressed, cut. Not what a line says.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, bail};

/// The longest line kept; a longer one is told of and skipped. Far above what a server takes, so that it says why.
pub(super) const LINE_BYTES_MAX: usize = 1 << 20;
/// Read at a time.
const CHUNK_BYTES: usize = 256 << 10;
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const PARQUET: &[u8] = b"PAR1";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An open file of events.
pub(super) struct Source {
    /// Hash of the file's bytes, 32 hexadecimal digits.
    pub(super) hash: String,
    /// The file's size, bytes.
    pub(super) bytes: u64,
    /// Bytes of the file read so far.
    pub(super) read: Arc<AtomicU64>,
    reader: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    number: u64,
}

/// One line of a file.
pub(super) enum Line<'a> {
    /// Its number, from 1, and its bytes without the line's end.
    Text(u64, &'a [u8]),
    /// Its number; it was too long to keep.
    TooLong(u64),
}

impl Source {
    /// Opens a file, and reads it once for its hash.
    ///
    /// # Errors
    /// When it is missing, no file, empty, or cannot be read.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => bail!("{name}: there is no such file"),
            Err(error) => return Err(error).with_context(|| format!("cannot open {name}")),
        };
        let metadata = file.metadata().with_context(|| format!("cannot look at {name}"))?;
        if metadata.is_dir() {
            bail!("{name} is a directory: name the files in it");
        }
        if !metadata.is_file() {
            bail!("{name} is no regular file: a load must be able to read it again");
        }
        let mut start = Vec::new();
        (&mut file).take(4).read_to_end(&mut start).with_context(|| format!("cannot read {name}"))?;
        if start.is_empty() {
            bail!("{name} is empty");
        }
        if start == PARQUET {
            bail!("{name} is a Parquet file: weir load takes NDJSON, one JSON object a line");
        }
        let hash = hash(path).with_context(|| format!("cannot read {name}"))?;
        let read = Arc::new(AtomicU64::new(0));
        let counted = Counted { file: File::open(path)?, read: Arc::clone(&read) };
        let reader: Box<dyn BufRead + Send> = if start.starts_with(GZIP) {
            let plain = flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(CHUNK_BYTES, counted));
            Box::new(BufReader::with_capacity(CHUNK_BYTES, plain))
        } else if start == ZSTD {
            Box::new(BufReader::with_capacity(CHUNK_BYTES, zstd::Decoder::new(counted)?))
        } else {
            Box::new(BufReader::with_capacity(CHUNK_BYTES, counted))
        };
        Ok(Self { hash, bytes: metadata.len(), read, reader, line: Vec::new(), number: 0 })
    }

    /// Returns the next line, blank ones included; none at the end.
    ///
    /// # Errors
    /// When the file cannot be read, or ends in the middle of compressed data.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let max = LINE_BYTES_MAX as u64 + 1;
        let read = (&mut self.reader).take(max).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.line.last() != Some(&b'\n') && read as u64 == max {
            self.reader.skip_until(b'\n')?;
            self.line = Vec::new();
            return Ok(Some(Line::TooLong(self.number)));
        }
        let mut line = self.line.trim_ascii();
        if self.number == 1 {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        Ok(Some(Line::Text(self.number, line)))
    }
}

struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

fn hash(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize().to_hex()[..32].to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines(bytes: &[u8]) -> io::Result<Vec<String>> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(bytes)?;
        let mut source = Source::open(file.path()).expect("readable");
        let mut lines = Vec::new();
        while let Some(line) = source.next()? {
            lines.push(match line {
                Line::Text(number, text) => format!("{number}:{}", String::from_utf8_lossy(text)),
                Line::TooLong(number) => format!("{number}:too long"),
            });
        }
        assert_eq!(source.read.load(Ordering::Relaxed), source.bytes, "progress ends at the end");
        Ok(lines)
    }

    fn refusal(path: &Path) -> String {
        Source::open(path).err().map(|error| format!("{error:#}")).unwrap_or_default()
    }

    #[test]
    fn lines_are_the_same_plain_and_compressed() {
        let plain = b"\xef\xbb\xbf{\"a\":1}\r\n\n  {\"b\":2}".as_slice();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(plain).expect("in memory");
        let gzip = gzip.finish().expect("in memory");
        let zstd = zstd::encode_all(plain, 1).expect("in memory");
        for bytes in [plain, &gzip, &zstd] {
            assert_eq!(lines(bytes).expect("readable"), ["1:{\"a\":1}", "2:", "3:{\"b\":2}"]);
        }
    }

    #[test]
    fn several_gzip_members_are_one_file_and_a_torn_one_is_an_error() {
        let member = |text: &[u8]| {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(text).expect("in memory");
            gzip.finish().expect("in memory")
        };
        let whole = [member(b"{}\n"), member(b"[]\n")].concat();
        assert_eq!(lines(&whole).expect("readable"), ["1:{}", "2:[]"]);
        assert!(lines(&whole[..whole.len() - 6]).is_err());
    }

    #[test]
    fn a_line_that_never_ends_is_skipped_in_bounded_memory() {
        let mut bytes = vec![b'x'; 3 * LINE_BYTES_MAX];
        bytes.extend_from_slice(b"\n{}\n");
        assert_eq!(lines(&bytes).expect("readable"), ["1:too long", "2:{}"]);
        let exactly = [vec![b'x'; LINE_BYTES_MAX], b"\n{}".to_vec()].concat();
        assert_eq!(lines(&exactly).expect("readable").len(), 2);
    }

    #[test]
    fn what_is_no_file_of_events_is_said_plainly() {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(refusal(&dir.path().join("none")).contains("no such file"));
        assert!(refusal(dir.path()).contains("directory"));
        let empty = dir.path().join("empty");
        File::create(&empty).expect("writable");
        assert!(refusal(&empty).contains("is empty"));
        let parquet = dir.path().join("data");
        std::fs::write(&parquet, b"PAR1....PAR1").expect("writable");
        assert!(refusal(&parquet).contains("Parquet"));
    }
}
