//! What an SDK's body holds, whatever its headers say: posthog-js sends gzip as `text/plain`, old libraries send forms with
//! base64 in them, and proxies decompress without telling. So the bytes are looked at first; headers and the hint in the
//! address count where the bytes say nothing.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

use super::body::decompress;
use super::lz;
use crate::limits::{BodyError, Limits};

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// SDKs send fewer; what comes after them is not looked at.
const FIELDS_MAX: usize = 32;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What a request says of its body.
#[derive(Clone, Debug, Default)]
pub struct BodyHints {
    /// Its `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// The parameter `compression` of its address: gzip-js, lz64 or base64.
    pub compression: Option<String>,
}

/// Returns the JSON that an SDK's body holds: at most one layer of compression and one of base64 or lz-string are taken off.
///
/// # Errors
/// As [`decompress`], and [`BodyError::Unreadable`] when what is left is no JSON text.
pub fn open_sdk_body(body: Bytes, hints: &BodyHints, limits: &Limits) -> Result<Bytes, BodyError> {
    let plain = decompressed(body, hints.content_encoding.as_deref(), limits)?;
    let text = plain.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&plain).trim_ascii();
    if is_json(text) {
        return Ok(plain.slice_ref(text));
    }
    let text = std::str::from_utf8(text).map_err(|_| no_json())?;
    let fields = form(text);
    let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    match field("data") {
        Some(data) => from_text(data, field("compression").or(hints.compression.as_deref()), limits),
        None => from_text(text, hints.compression.as_deref(), limits),
    }
}

/// Returns the text that a body of many lines holds, JSON in its first: compression is taken off, and nothing else, since what
/// is counted in bytes must stay as it is.
///
/// # Errors
/// As [`decompress`].
pub fn open_sdk_envelope(body: Bytes, hints: &BodyHints, limits: &Limits) -> Result<Bytes, BodyError> {
    decompressed(body, hints.content_encoding.as_deref(), limits)
}

fn decompressed(body: Bytes, content_encoding: Option<&str>, limits: &Limits) -> Result<Bytes, BodyError> {
    if body.starts_with(GZIP) {
        return decompress(body, Some("gzip"), limits);
    }
    if body.starts_with(ZSTD) {
        return decompress(body, Some("zstd"), limits);
    }
    match content_encoding {
        // They have no magic bytes, and may look like the beginning of JSON.
        Some("br" | "deflate") => {
            let opened = decompress(body.clone(), content_encoding, limits);
            // Plain JSON may pass for compressed nonsense: some decoders take it, others do not.
            let is_nonsense = match &opened {
                Ok(opened) => !looks_plain(opened),
                Err(error) => matches!(error, BodyError::Unreadable(_)),
            };
            if is_nonsense && looks_plain(&body) { decompress(body, Some("identity"), limits) } else { opened }
        }
        Some(_) if !looks_plain(&body) => decompress(body, content_encoding, limits),
        _ => decompress(body, Some("identity"), limits),
    }
}

fn from_text(text: &str, compression: Option<&str>, limits: &Limits) -> Result<Bytes, BodyError> {
    let text = text.trim_ascii();
    if is_json(text.as_bytes()) {
        return Ok(Bytes::copy_from_slice(text.as_bytes()));
    }
    let opened = if matches!(compression, Some("lz64" | "lz")) {
        Bytes::from(lz::unfold(&standard(text), limits)?)
    } else {
        let bytes = BASE64.decode(standard(text)).map_err(|_| no_json())?;
        decompressed(Bytes::from(bytes), None, limits)?
    };
    if is_json(opened.trim_ascii()) { Ok(opened) } else { Err(no_json()) }
}

/// Returns base64 in the standard alphabet: forms turn `+` into blanks, and some senders use the alphabet for addresses.
fn standard(text: &str) -> String {
    let letter = |char| match char {
        ' ' | '-' => '+',
        '_' => '/',
        other => other,
    };
    text.chars().map(letter).collect()
}

/// Reads what a form says of its data; a text that begins with none of the fields that SDKs send is none.
fn form(text: &str) -> Vec<(String, String)> {
    let is_form = ["data=", "compression=", "api_key=", "ver=", "ip="].iter().any(|name| text.starts_with(name));
    if !is_form {
        return Vec::new();
    }
    let fields = url::form_urlencoded::parse(text.as_bytes()).take(FIELDS_MAX);
    fields
        .filter(|(name, _)| matches!(&**name, "data" | "compression"))
        .map(|(a, b)| (a.into_owned(), b.into_owned()))
        .collect()
}

fn looks_plain(body: &[u8]) -> bool {
    let text = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body).trim_ascii_start();
    is_json(text) || text.starts_with(b"data=")
}

fn is_json(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'{' | b'['))
}

fn no_json() -> BodyError {
    BodyError::Unreadable("the body is neither JSON nor anything known that holds JSON".into())
}

#[cfg(test)]
mod tests;
