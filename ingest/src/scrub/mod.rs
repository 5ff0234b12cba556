//! Takes personal data out of text: by value (e-mail and network addresses, card and account numbers, tokens and keys,
//! the queries of URLs) and, in `properties`, by field name. Not which fields exist (`judge`).
//!
//! Most text is clean, so it is first only looked at byte by byte (`gate`); patterns run where something may be found.

mod gate;
mod id;
mod json;
mod names;
mod numbers;
mod patterns;
mod secrets;

use std::borrow::Cow;

pub use id::id_offence;
pub(crate) use json::{NameMemo, breadcrumbs, properties, refused_event};

/// Cuts a text at a character's end, to at most so many bytes.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// Tells whether a text is, or holds, an e-mail address.
pub(crate) fn holds_email(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'@' | b'%')) && patterns::holds_email(text)
}

/// Counts fields from which something was taken out.
fn count(fields: u64) {
    metrics::counter!("weir_scrubbed_fields_total").increment(fields);
}

/// Compiles the patterns, so that no request waits for it.
pub(crate) fn warm() {
    patterns::warm();
}

/// Scrubs free text, and counts it if something was taken out. Returns it borrowed when nothing was.
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    let scrubbed = uncounted(text);
    if matches!(scrubbed, Cow::Owned(_)) {
        count(1);
    }
    scrubbed
}

/// Scrubs a message: as text, and names of people in paths below their home directories.
pub(crate) fn message(message: &str) -> Cow<'_, str> {
    match patterns::home_directory(message) {
        Cow::Borrowed(message) => text(message),
        Cow::Owned(message) => Cow::Owned(text(&message).into_owned()),
    }
}

fn uncounted(text: &str) -> Cow<'_, str> {
    let signs = gate::signs(text);
    // Times show the signs of much, are in most of what SDKs send, and are nothing of it.
    if signs.none() || gate::is_time(text) { Cow::Borrowed(text) } else { patterns::scrub(text, signs) }
}

/// Scrubs a release's name: four small numbers are a version here, and a network address elsewhere.
pub(crate) fn release(release: &str) -> Cow<'_, str> {
    let version = release.rsplit('@').next().unwrap_or(release);
    let is_version = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    if version.split('.').count() == 4 && version.split('.').all(is_version) && !release.contains(' ') {
        let name = &release[..release.len() - version.len()];
        if matches!(text(name), Cow::Borrowed(_)) {
            return Cow::Borrowed(release);
        }
    }
    text(release)
}

/// Scrubs a route: its query and fragment are cut off, the rest is free text.
pub(crate) fn route(route: &str) -> Cow<'_, str> {
    let end = memchr::memchr2(b'?', b'#', route.as_bytes()).unwrap_or(route.len());
    text(&route[..end])
}

/// Scrubs the path of a source file: its query goes, and the name of the person whose home directory it lies in.
pub(crate) fn file(file: &str) -> Cow<'_, str> {
    match patterns::home_directory(file) {
        Cow::Borrowed(file) => route(file),
        Cow::Owned(file) => Cow::Owned(route(&file).into_owned()),
    }
}

#[cfg(test)]
mod tests;
