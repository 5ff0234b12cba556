//! The static files: embedded in the program, named after their content, cached for ever. Serving them is the HTTP
//! layer's business; finding the right bytes for a name is ours.

use std::borrow::Cow;

use rust_embed::RustEmbed;

/// In a debug build the files are read from the source tree at each look-up, so that an edit shows on reload.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/static/"]
struct Static;

/// The prefix under which the program serves [`asset`]s.
pub const PREFIX: &str = "/static/";

/// Sixteen hex digits: two files of one name never share them by chance.
const HASH_BYTES: usize = 8;

/// A static file as it goes over the wire.
#[derive(Debug, Clone)]
pub struct Asset {
    /// The file.
    pub bytes: Cow<'static, [u8]>,
    /// Its media type, with the character set for text.
    pub content_type: &'static str,
    /// Whether the name carried the hash of these very bytes, so that a copy may be kept for ever.
    pub immutable: bool,
}

impl Asset {
    /// Names the `Cache-Control` this file is served with.
    pub fn cache_control(&self) -> &'static str {
        if self.immutable { "public, max-age=31536000, immutable" } else { "no-cache" }
    }
}

/// Finds a static file by its path below [`PREFIX`], with or without the hash in its name.
///
/// A path with a hash of an older build finds today's file, which then is not `immutable`: a page that was open during
/// an upgrade keeps working.
pub fn asset(path: &str) -> Option<Asset> {
    let content_type = content_type(path)?;
    if let Some((plain, hash)) = split_hash(path)
        && let Some(file) = Static::get(&plain)
    {
        let immutable = hex(&file.metadata.sha256_hash()) == hash;
        return Some(Asset { bytes: file.data, content_type, immutable });
    }
    let file = Static::get(path)?;
    Some(Asset { bytes: file.data, content_type, immutable: false })
}

/// Turns `css/weir.css` into `/static/css/weir.<hash>.css`. A file that does not exist keeps its plain name.
pub fn asset_url(name: &str) -> String {
    match (Static::get(name), name.rsplit_once('.')) {
        (Some(file), Some((stem, extension))) => {
            format!("{PREFIX}{stem}.{}.{extension}", hex(&file.metadata.sha256_hash()))
        }
        _ => format!("{PREFIX}{name}"),
    }
}

/// Lists the plain names of all static files.
pub fn asset_names() -> impl Iterator<Item = Cow<'static, str>> {
    Static::iter()
}

/// Only what has a type here is served: a stray note beside the files stays unseen.
fn content_type(path: &str) -> Option<&'static str> {
    Some(match path.rsplit_once('.')?.1 {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "txt" | "toml" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

fn split_hash(path: &str) -> Option<(String, &str)> {
    let (rest, extension) = path.rsplit_once('.')?;
    let (stem, hash) = rest.rsplit_once('.')?;
    let is_hash = hash.len() == 2 * HASH_BYTES && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| (format!("{stem}.{extension}"), hash))
}

fn hex(digest: &[u8; 32]) -> String {
    digest[..HASH_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
