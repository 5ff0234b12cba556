//! One record of the log: a commit group, framed so that any damage shows. Not the files (`segment.rs`).
//!
//! ```text
//! magic "WLR1" | header crc u32 | body crc u32 | length u32 | first_seq i64 | received_at i64 | body (length bytes)
//! body: (kind u8, bytes u32, Arrow IPC stream of one sparse batch)*
//! ```
//! All integers are little-endian, all CRCs CRC32C. The header has a CRC of its own, so that a damaged length cannot pass for
//! a write that a crash cut off. `first_seq` continues the record before it, so that a record that is missing shows too.

use std::io::Cursor;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::ipc::MetadataVersion;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};

use crate::kind::Kind;

const MAGIC: [u8; 4] = *b"WLR1";
/// Bytes before a record's body.
pub(crate) const HEADER_BYTES: usize = 32;
/// A record's body is never larger; a length beyond it is damage, whatever the CRC says.
pub(crate) const BODY_BYTES_MAX: usize = 256 << 20;

/// One commit group.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// The sequence number of its first row.
    pub(crate) first_seq: i64,
    /// When it was received, microseconds since the Unix epoch.
    pub(crate) received_at: i64,
    /// One sparse batch per kind; rows are numbered through, batch after batch.
    pub(crate) batches: Vec<(Kind, RecordBatch)>,
}

impl Record {
    /// Returns how many rows the record holds.
    pub(crate) fn rows(&self) -> i64 {
        self.batches.iter().map(|(_, batch)| batch.num_rows() as i64).sum()
    }

    /// Returns the sequence number after its last row.
    pub(crate) fn end_seq(&self) -> i64 {
        self.first_seq + self.rows()
    }
}

/// What stands at the beginning of some bytes of a log.
#[derive(Debug)]
pub(crate) enum Read {
    /// A whole record and its length in bytes.
    Record(Record, usize),
    /// Nothing: the log ends here.
    End,
    /// No whole record: its header or body is cut off, or it does not match its CRC.
    Damaged(Damage),
}

/// How a record is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// The bytes end before the record does, or were never written (zeros): what a crash leaves of a write under way.
    CutOff,
    /// The record is all there but is not what was written.
    Corrupt,
}

/// Appends a record to `out`.
pub(crate) fn encode(record: &Record, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0; HEADER_BYTES - 4]);
    for (kind, batch) in &record.batches {
        out.push(kind.number());
        let length_at = out.len();
        out.extend_from_slice(&[0; 4]);
        let options = IpcWriteOptions::try_new(8, false, MetadataVersion::V5)?;
        let mut writer = StreamWriter::try_new_with_options(&mut *out, batch.schema_ref(), options)?;
        writer.write(batch)?;
        writer.finish()?;
        let length = u32_of(out.len() - length_at - 4)?;
        out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    }
    let length = u32_of(out.len() - start - HEADER_BYTES)?;
    let body_crc = crc32c::crc32c(&out[start + HEADER_BYTES..]);
    out[start + 8..start + 12].copy_from_slice(&body_crc.to_le_bytes());
    out[start + 12..start + 16].copy_from_slice(&length.to_le_bytes());
    out[start + 16..start + 24].copy_from_slice(&record.first_seq.to_le_bytes());
    out[start + 24..start + 32].copy_from_slice(&record.received_at.to_le_bytes());
    let header_crc = crc32c::crc32c(&out[start + 8..start + HEADER_BYTES]);
    out[start + 4..start + 8].copy_from_slice(&header_crc.to_le_bytes());
    Ok(())
}

fn u32_of(length: usize) -> Result<u32, ArrowError> {
    if length > BODY_BYTES_MAX {
        return Err(ArrowError::InvalidArgumentError(format!("a log record of {length} bytes is over the limit")));
    }
    Ok(u32::try_from(length).expect("below 256 MiB"))
}

/// Reads the record at the beginning of `bytes`.
pub(crate) fn decode(bytes: &[u8]) -> Read {
    if bytes.is_empty() {
        return Read::End;
    }
    if bytes.len() < HEADER_BYTES {
        return Read::Damaged(Damage::CutOff);
    }
    let field = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let wide = |at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let length = field(12) as usize;
    if bytes[..4] != MAGIC || crc32c::crc32c(&bytes[8..HEADER_BYTES]) != field(4) || length > BODY_BYTES_MAX {
        return Read::Damaged(if unwritten(&bytes[..HEADER_BYTES]) { Damage::CutOff } else { Damage::Corrupt });
    }
    let Some(framed) = bytes.get(..HEADER_BYTES + length) else {
        return Read::Damaged(Damage::CutOff);
    };
    if crc32c::crc32c(&framed[HEADER_BYTES..]) != field(8) {
        let last_block = &framed[framed.len() - length.min(512)..];
        return Read::Damaged(if unwritten(last_block) { Damage::CutOff } else { Damage::Corrupt });
    }
    match decode_body(&framed[HEADER_BYTES..]) {
        Some(batches) => Read::Record(Record { first_seq: wide(16), received_at: wide(24), batches }, framed.len()),
        None => Read::Damaged(Damage::Corrupt),
    }
}

/// After a crash a file may have grown before its last blocks were written; those read as zeros.
fn unwritten(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

fn decode_body(mut body: &[u8]) -> Option<Vec<(Kind, RecordBatch)>> {
    let mut batches = Vec::new();
    while let Some((kind, rest)) = body.split_first() {
        let kind = Kind::from_number(*kind)?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (stream, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let mut reader = StreamReader::try_new(Cursor::new(stream), None).ok()?;
        batches.push((kind, reader.next()?.ok()?));
        body = rest;
    }
    Some(batches)
}

/// Finds the next whole record after the beginning of `bytes`: its offset.
pub(crate) fn resync(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(&bytes[bytes.len().min(1)..], &MAGIC)
        .map(|at| at + 1)
        .find(|at| matches!(decode(&bytes[*at..]), Read::Record(..)))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::columns::{BatchBuilder, Stamp};
    use crate::row::Rows;

    /// A record of `ids.len()` usage rows.
    pub(crate) fn record(first_seq: i64, ids: &[&str]) -> Record {
        let mut rows = Rows::default();
        let mut builder = BatchBuilder::new(Kind::Usage);
        for id in ids {
            let mut row = rows.begin(Kind::Usage);
            row.text("event_id", id).text("name", "image.generate").time("ts", 7).text("trust", "server");
            row.finish(None);
        }
        for head in rows.heads() {
            builder.append(&rows, head);
        }
        let batch = builder.finish(first_seq, Stamp::Record(first_seq * 10)).unwrap();
        Record { first_seq, received_at: first_seq * 10, batches: vec![(Kind::Usage, batch)] }
    }

    pub(crate) fn encoded(record: &Record) -> Vec<u8> {
        let mut out = Vec::new();
        encode(record, &mut out).unwrap();
        out
    }

    #[test]
    fn every_flipped_bit_is_detected() {
        let bytes = encoded(&record(1, &["a", "b", "c"]));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(decode(&flipped), Read::Damaged(Damage::Corrupt)), "bit {bit} went unnoticed");
        }
    }

    #[test]
    fn a_record_cut_at_any_byte_is_cut_off() {
        let bytes = encoded(&record(1, &["a", "b"]));
        assert!(matches!(decode(&[]), Read::End));
        for end in 1..bytes.len() {
            assert!(matches!(decode(&bytes[..end]), Read::Damaged(Damage::CutOff)), "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn records_read_back_as_written(ids in prop::collection::vec("[a-zé\"]{0,20}", 1..40), seq in 0_i64..1 << 50) {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let written = record(seq, &ids);
            let bytes = encoded(&written);
            match decode(&bytes) {
                Read::Record(read, length) => {
                    prop_assert_eq!(length, bytes.len());
                    prop_assert_eq!(read.first_seq, seq);
                    prop_assert_eq!(&read.batches[0].1, &written.batches[0].1);
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&bytes);
            let _ = resync(&bytes);
            let mut headed = MAGIC.to_vec();
            headed.extend_from_slice(&bytes);
            prop_assert!(!matches!(decode(&headed), Read::Record(..)));
        }
    }
}
