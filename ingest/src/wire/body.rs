//! Decompresses one layer of a request's body, with the caps held while decoding, so that a bomb costs little more than
//! the first mebibyte it unfolds to.

use std::cell::Cell;
use std::io::{self, BufRead, Read};

use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::limits::{BodyError, Limits};

/// Up to here a body may expand at any ratio.
const FREE_EXPANSION_BYTES: usize = 1 << 20;
const CHUNK_BYTES: usize = 64 << 10;
/// Bounds the memory a zstd frame may ask for its window: 8 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Raw,
    Gzip,
    Zlib,
    Deflate,
    Brotli,
    Zstd,
}

/// Decompresses a body by its `Content-Encoding`, or by gzip's magic bytes when it names none.
///
/// # Errors
/// [`BodyError::UnsupportedEncoding`] for an unknown coding or more than one; [`BodyError::TooLarge`] when the body is over
/// `body_bytes_max`, or unfolds to more than `decoded_bytes_max`, or by more than `expansion_ratio_max` once past 1 MiB;
/// [`BodyError::Unreadable`] when the compressed data is broken or cut short.
pub fn decompress(body: Bytes, content_encoding: Option<&str>, limits: &Limits) -> Result<Bytes, BodyError> {
    if body.len() > limits.body_bytes_max {
        return Err(BodyError::TooLarge(format!("a body may have at most {} bytes", limits.body_bytes_max)));
    }
    let coding = coding_of(&body, content_encoding)?;
    let consumed = Cell::new(0);
    let metered = Metered { rest: &body, consumed: &consumed };
    let decoded = match coding {
        Coding::Raw if body.len() > limits.decoded_bytes_max => Err(too_large(limits)),
        Coding::Raw => return Ok(body),
        Coding::Gzip => read_capped(MultiGzDecoder::new(metered), &consumed, limits),
        Coding::Zlib => read_capped(ZlibDecoder::new(metered), &consumed, limits),
        Coding::Deflate => read_capped(DeflateDecoder::new(metered), &consumed, limits),
        Coding::Brotli => read_capped(brotli::Decompressor::new(metered, 4096), &consumed, limits),
        Coding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(metered).map_err(|error| broken(&error))?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|error| broken(&error))?;
            read_capped(decoder, &consumed, limits)
        }
    };
    decoded.map(Bytes::from)
}

fn coding_of(body: &[u8], content_encoding: Option<&str>) -> Result<Coding, BodyError> {
    let named = content_encoding.unwrap_or("").trim().to_ascii_lowercase();
    match named.as_str() {
        "" | "identity" if body.starts_with(&[0x1f, 0x8b]) => Ok(Coding::Gzip),
        "" | "identity" => Ok(Coding::Raw),
        "gzip" | "x-gzip" => Ok(Coding::Gzip),
        "deflate" if looks_like_zlib(body) => Ok(Coding::Zlib),
        "deflate" => Ok(Coding::Deflate),
        "br" => Ok(Coding::Brotli),
        "zstd" => Ok(Coding::Zstd),
        _ if named.contains(',') => Err(BodyError::UnsupportedEncoding("only one layer of compression is read".into())),
        _ => Err(BodyError::UnsupportedEncoding("Content-Encoding must be gzip, deflate, br, zstd or identity".into())),
    }
}

/// RFC 1950: compression method 8, and a header that is a multiple of 31. Some senders mean raw RFC 1951 by `deflate`.
fn looks_like_zlib(body: &[u8]) -> bool {
    match body {
        [first, second, ..] => first & 0x0f == 8 && u16::from_be_bytes([*first, *second]) % 31 == 0,
        _ => false,
    }
}

fn read_capped(mut decoder: impl Read, consumed: &Cell<usize>, limits: &Limits) -> Result<Vec<u8>, BodyError> {
    let mut decoded = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = match decoder.read(&mut chunk) {
            Ok(0) => return Ok(decoded),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken(&error)),
        };
        let total = decoded.len() + read;
        if total > limits.decoded_bytes_max {
            return Err(too_large(limits));
        }
        if total > FREE_EXPANSION_BYTES && total / limits.expansion_ratio_max > consumed.get() {
            let ratio = limits.expansion_ratio_max;
            return Err(BodyError::TooLarge(format!("a body may expand at most {ratio} times when decompressed")));
        }
        decoded.extend_from_slice(&chunk[..read]);
    }
}

fn too_large(limits: &Limits) -> BodyError {
    BodyError::TooLarge(format!("a body may have at most {} bytes when decompressed", limits.decoded_bytes_max))
}

fn broken(error: &io::Error) -> BodyError {
    BodyError::Unreadable(format!("the compressed body cannot be read: {error}"))
}

/// The compressed body, telling how much of it the decoder has taken.
struct Metered<'a> {
    rest: &'a [u8],
    consumed: &'a Cell<usize>,
}

impl Read for Metered<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.rest.read(into)?;
        self.consumed.set(self.consumed.get() + read);
        Ok(read)
    }
}

impl BufRead for Metered<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.rest)
    }

    fn consume(&mut self, amount: usize) {
        self.rest = &self.rest[amount..];
        self.consumed.set(self.consumed.get() + amount);
    }
}

#[cfg(test)]
mod tests;
