//! The static files: embedded in the program, named after their content, cached for ever. Serving them is the HTTP
//! layer's business; finding the right bytes for a name is ours.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use rust_embed::RustEmbed;

/// The files of `static/`, embedded in debug builds, too: a test sees what a release serves.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/static/"]
struct Static;

/// The prefix under which the program serves [`asset`]s.
pub const PREFIX: &str = "/static/";

/// Our own modules lie here; what they import is named by its content, too.
const SCRIPTS: &str = "js/";

/// Sixteen hex digits: two files of one name never share them by chance.
const HASH_BYTES: usize = 8;

/// A module whose imports have hashed names, and its own hash.
type Linked = (Vec<u8>, String);

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
        && let Some((bytes, digest)) = read(&plain)
    {
        return Some(Asset { bytes, content_type, immutable: digest == hash });
    }
    let (bytes, _) = read(path)?;
    Some(Asset { bytes, content_type, immutable: false })
}

/// Turns `css/weir.css` into `/static/css/weir.<hash>.css`. A file that does not exist keeps its plain name.
pub fn asset_url(name: &str) -> String {
    match (read(name), name.rsplit_once('.')) {
        (Some((_, digest)), Some((stem, extension))) => format!("{PREFIX}{stem}.{digest}.{extension}"),
        _ => format!("{PREFIX}{name}"),
    }
}

/// Reads a file and the hash that its name carries. A script names what it imports by hash, so that a page loads all of
/// its scripts from the browser's cache, and never an import of another build; the hash is that of the text so linked.
/// (An import map would do the same, but the content policy forbids inline ones.)
fn read(name: &str) -> Option<(Cow<'static, [u8]>, String)> {
    let file = Static::get(name)?;
    if !(name.starts_with(SCRIPTS) && name.ends_with(".js")) {
        return Some((file.data, hex(&file.metadata.sha256_hash())));
    }
    // Each module is linked once: the files of a program do not change while it runs.
    static LINKED: LazyLock<Mutex<HashMap<String, Linked>>> = LazyLock::new(Mutex::default);
    let known = LINKED.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
    let (bytes, digest) = known.unwrap_or_else(|| {
        let bytes = link(name, &String::from_utf8_lossy(&file.data)).into_bytes();
        let digest = blake3::hash(&bytes).to_hex()[..2 * HASH_BYTES].to_owned();
        let linked = (bytes, digest);
        LINKED.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), linked.clone());
        linked
    });
    Some((Cow::Owned(bytes), digest))
}

/// Replaces the relative paths that a module imports by absolute ones with a hash. Modules do not import each other in
/// circles; a test sees to it.
fn link(name: &str, text: &str) -> String {
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let imported = |quoted: &str| {
        let is_path = quoted.starts_with('.') && quoted.ends_with(".js") && !quoted.contains(char::is_whitespace);
        is_path.then(|| resolve(folder, quoted)).flatten().filter(|name| Static::get(name).is_some())
    };
    let parts: Vec<Cow<'_, str>> = text
        .split('"')
        .map(|part| imported(part).map_or(Cow::Borrowed(part), |name| Cow::Owned(asset_url(&name))))
        .collect();
    parts.join("\"")
}

/// Resolves `./x.js` and `../x.js` against a folder.
fn resolve(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
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
