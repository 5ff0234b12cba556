//! The form in which chunks come: parts `file` or `file_gzip`, each named by the checksum of its content.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use futures::executor::block_on;
use futures::stream;
use multer::{Constraints, Field, Multipart, SizeLimit};

use crate::artifacts::{ArtifactError, Checksum};

/// One chunk, bytes. Tools cut bundles into chunks of this size.
pub(super) const CHUNK_BYTES_MAX: usize = 8 << 20;
/// Chunks in one request.
pub(super) const CHUNKS_MAX: usize = 16;
/// The chunks of one request, bytes; and as sent, with what is around them.
pub(super) const REQUEST_BYTES_MAX: usize = 16 << 20;
pub(super) const BODY_BYTES_MAX: usize = REQUEST_BYTES_MAX + (64 << 10);
/// The chunks of one request as they unpack: more than tools put into one, which count before they compress.
const UNPACKED_BYTES_MAX: usize = 32 << 20;

/// Reads the chunks of a form that is in memory. It may unpack much, and is not for threads that serve requests.
///
/// # Errors
/// `Invalid` and `TooLarge`: no chunk of the form is to be kept then.
pub(super) fn read_chunks(body: &Bytes, boundary: &str) -> Result<Vec<(Checksum, Vec<u8>)>, ArtifactError> {
    let whole = stream::iter([Ok::<_, std::convert::Infallible>(body.clone())]);
    let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(BODY_BYTES_MAX as u64));
    let mut form = Multipart::with_constraints(whole, boundary, limits);
    let (mut chunks, mut unpacked) = (Vec::new(), 0);
    // Nothing is waited for: the body is here.
    while let Some(field) = block_on(form.next_field()).map_err(torn)? {
        if chunks.len() == CHUNKS_MAX {
            return Err(ArtifactError::TooLarge(format!("a request may bring {CHUNKS_MAX} chunks")));
        }
        let (name, bytes) = read_chunk(field)?;
        unpacked += bytes.len();
        if unpacked > UNPACKED_BYTES_MAX {
            return Err(ArtifactError::TooLarge(format!("the chunks unpack to more than {UNPACKED_BYTES_MAX} bytes")));
        }
        chunks.push((name, bytes));
    }
    Ok(chunks)
}

fn read_chunk(field: Field<'_>) -> Result<(Checksum, Vec<u8>), ArtifactError> {
    let is_gzip = match field.name() {
        Some("file") => false,
        Some("file_gzip") => true,
        _ => return Err(ArtifactError::invalid("a chunk's part is named file or file_gzip")),
    };
    let name: Checksum = field.file_name().unwrap_or_default().parse().map_err(ArtifactError::Invalid)?;
    let sent = block_on(field.bytes()).map_err(torn)?;
    let mut bytes = Vec::new();
    if is_gzip {
        let unpacked = MultiGzDecoder::new(&sent[..]).take(CHUNK_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
        unpacked.map_err(|error| ArtifactError::invalid(format!("chunk {name} cannot be unpacked: {error}")))?;
    } else {
        bytes.extend_from_slice(&sent);
    }
    if bytes.len() > CHUNK_BYTES_MAX {
        return Err(ArtifactError::TooLarge(format!("chunk {name} is over {CHUNK_BYTES_MAX} bytes")));
    }
    let actual = Checksum::of(&bytes);
    if actual != name {
        return Err(ArtifactError::invalid(format!("chunk {name} has the checksum {actual}")));
    }
    Ok((name, bytes))
}

fn torn(error: multer::Error) -> ArtifactError {
    ArtifactError::invalid(format!("the form cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn form(parts: &[(&str, &str, &[u8])]) -> Bytes {
        let mut body = Vec::new();
        for (name, file, bytes) in parts {
            let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--b--\r\n");
        body.into()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn chunks_come_plain_and_packed() {
        let (one, two) = (Checksum::of(b"one"), Checksum::of(b"two"));
        let body = form(&[("file", &one.to_string(), b"one"), ("file_gzip", &two.to_string(), &gzip(b"two"))]);
        assert_eq!(read_chunks(&body, "b").unwrap(), [(one, b"one".to_vec()), (two, b"two".to_vec())]);
    }

    #[test]
    fn a_chunk_that_is_not_what_its_name_says_is_refused() {
        let name = Checksum::of(b"one").to_string();
        let packed = gzip(b"one");
        let torn = form(&[("file", &name, b"one")]);
        let torn = torn.slice(..torn.len() - 12);
        for (body, why) in [
            (form(&[("file", &name, b"two")]), "has the checksum"),
            (form(&[("file_gzip", &name, b"one")]), "cannot be unpacked"),
            (form(&[("file_gzip", &name, &packed[..packed.len() - 4])]), "cannot be unpacked"),
            (form(&[("file", "../../etc/passwd", b"one")]), "40 hexadecimal digits"),
            (form(&[("other", &name, b"one")]), "file_gzip"),
            (torn, "form cannot be read"),
        ] {
            let Err(ArtifactError::Invalid(message)) = read_chunks(&body, "b") else { panic!("{why}: it was read") };
            assert!(message.contains(why), "{message}");
        }
    }

    #[test]
    fn chunks_are_bounded_each_and_together() {
        let zeros = vec![0; CHUNK_BYTES_MAX];
        let (name, packed) = (Checksum::of(&zeros).to_string(), gzip(&zeros));
        let of = |count: usize| form(&vec![("file_gzip", name.as_str(), packed.as_slice()); count]);
        assert_eq!(read_chunks(&of(4), "b").unwrap().len(), 4);
        let bomb = gzip(&vec![0; CHUNK_BYTES_MAX + 1]);
        let small = Checksum::of(b"x").to_string();
        let many = form(&vec![("file", small.as_str(), b"x".as_slice()); CHUNKS_MAX + 1]);
        for body in [of(5), form(&[("file_gzip", &name, &bomb)]), many] {
            assert!(matches!(read_chunks(&body, "b"), Err(ArtifactError::TooLarge(_))));
        }
    }
}
