//! Rust's backtraces: those of a panic, of `std::backtrace` and of errors that carry one. A function stands on one line, its
//! place, where it is known, on the next.

use std::borrow::Cow;

use super::Sections;
use super::frame::{Frame, Place, begins, lies_in};

const HEAD: &str = "stack backtrace:";
/// Where Rust's own and others' crates lie.
const FOREIGN_PLACES: &[&str] =
    &["/rustc/", "/rustlib/src/", "cargo/registry/", "cargo/git/", "library/std/", "library/core/", "library/alloc/"];
/// What is known by its name, for backtraces without places.
const FOREIGN_PATHS: &[&str] = &[
    "std::",
    "core::",
    "alloc::",
    "test::",
    "backtrace::",
    "anyhow::",
    "eyre::",
    "color_eyre::",
    "tokio::",
    "futures",
    "hyper::",
    "hyper_util::",
    "tower::",
    "tower_http::",
    "axum::",
    "actix",
    "rayon",
    "rust_begin_unwind",
    "rust_panic",
    "__rust",
    "_rust",
    "__libc",
    "_start",
    "clone3",
    "start_thread",
    "_Unwind",
];
/// How far a function without a number of its own is indented: it was inlined into the one before.
const INLINED_INDENT: usize = 6;

/// Tells whether a line is a function with its number.
pub(super) fn is_frame(line: &str) -> bool {
    numbered(line).is_some()
}

/// Reads a text.
pub(super) fn sections(text: &str) -> Sections<'_> {
    let mut frames: Vec<Frame<'_>> = Vec::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let content = line.trim();
        if indent == 0 && content.to_ascii_lowercase().ends_with(HEAD) {
            // What was numbered before it were causes.
            frames.clear();
        } else if let Some(symbol) = numbered(line) {
            frames.push(frame(symbol));
        } else if let Some(place) = content.strip_prefix("at ") {
            if let Some(last) = frames.last_mut().filter(|last| last.file.is_none()) {
                locate(last, Place::read(place));
            }
        } else if indent >= INLINED_INDENT && !frames.is_empty() && is_symbol(content) {
            frames.push(frame(content));
        } else if indent == 0 && !content.is_empty() && !frames.is_empty() {
            break;
        }
    }
    Sections::of(frames)
}

/// Reads `   3: app::draw`, or `   3:     0x55f7a1b2c3d4 - app::draw`.
fn numbered(line: &str) -> Option<&str> {
    let (number, symbol) = line.trim().split_once(": ")?;
    if !line.starts_with(' ') || number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let symbol = symbol.trim_start();
    let symbol = match symbol.strip_prefix("0x").and_then(|address| address.split_once(" - ")) {
        Some((_, symbol)) => symbol,
        None => symbol,
    };
    is_symbol(symbol).then_some(symbol)
}

/// Tells a function from the causes that errors number the same way.
fn is_symbol(text: &str) -> bool {
    !text.is_empty() && (text.contains("::") || text.starts_with('<') || !text.contains(' '))
}

fn frame(symbol: &str) -> Frame<'_> {
    let symbol = without_hash(symbol);
    let (module, function) = path_and_name(symbol);
    let is_foreign = begins(symbol.trim_start_matches(['<', '&']), FOREIGN_PATHS);
    Frame { in_app: is_foreign.then_some(false), ..Frame::new(module, function) }
}

fn locate<'a>(frame: &mut Frame<'a>, place: Place<'a>) {
    frame.file = Some(Cow::Borrowed(place.file));
    (frame.line, frame.col) = (place.line, place.col);
    // Generic code of others has names of the app in it, and the other way round: the place knows better.
    frame.in_app = Some(!lies_in(place.file, FOREIGN_PLACES));
}

/// Takes off `::h0123456789abcdef`.
fn without_hash(symbol: &str) -> &str {
    let cut = symbol.rsplit_once("::h");
    cut.filter(|(_, hash)| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map_or(symbol, |(symbol, _)| symbol)
}

/// Splits `app::board::draw::{{closure}}` after `board`: closures have no name, and belong to their function.
fn path_and_name(symbol: &str) -> (&str, &str) {
    let bytes = symbol.as_bytes();
    let (mut depth, mut split, mut at) = (0_usize, None, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'<' | b'(' | b'[' => depth += 1,
            // That of `->` closes nothing.
            b'>' if at > 0 && bytes[at - 1] == b'-' => {}
            b'>' | b')' | b']' => depth = depth.saturating_sub(1),
            b':' if depth == 0 && bytes.get(at + 1) == Some(&b':') => {
                if !matches!(bytes.get(at + 2), Some(b'{' | b'<')) {
                    split = Some(at);
                }
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    split.map_or(("", symbol), |split| (&symbol[..split], &symbol[split + 2..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traces::Language;
    use crate::traces::tests::frames;

    #[test]
    fn a_panics_backtrace() {
        let text = "thread 'main' panicked at src/board.rs:5:10:\nboom\nstack backtrace:\n\
            \x20  0: rust_begin_unwind\n             at /rustc/9fc6b431/library/std/src/panicking.rs:692:5\n\
            \x20  1: core::panicking::panic_fmt\n             at /rustc/9fc6b431/library/core/src/panicking.rs:75:14\n\
            \x20  2: app::board::draw::{{closure}}\n             at ./src/board.rs:5:10\n\
            \x20     app::board::inlined\n             at ./src/board.rs:9:1\n\
            \x20  3: <app::Layer as core::ops::drop::Drop>::drop\n             at ./src/layer.rs:7:9\n\
            \x20  4: core::ops::function::FnOnce::call_once\n             at /home/x/.rustup/toolchains/stable/lib/rustlib/src/rust/library/core/src/ops/function.rs:250:5\n\
            note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.\n";
        assert_eq!(
            frames(text, Language::Rust),
            [
                "- /rustc/9fc6b431/library/std/src/panicking.rs rust_begin_unwind 692:5",
                "- core::panicking /rustc/9fc6b431/library/core/src/panicking.rs panic_fmt 75:14",
                "+ app::board ./src/board.rs draw::{{closure}} 5:10",
                "+ app::board ./src/board.rs inlined 9:1",
                "+ <app::Layer as core::ops::drop::Drop> ./src/layer.rs drop 7:9",
                "- core::ops::function::FnOnce /home/x/.rustup/toolchains/stable/lib/rustlib/src/rust/library/core/src/ops/function.rs call_once 250:5",
            ]
        );
    }

    #[test]
    fn causes_are_numbered_too_and_places_may_be_missing() {
        let text = "Error: outer\n\nCaused by:\n    0: inner failed\n    1: gone\n\nStack backtrace:\n\
            \x20  0:     0x55f7a1b2c3d4 - anyhow::error::Error::msg::h0123456789abcdef\n\
            \x20  1:     0x55f7a1b2c3d5 - app::load::h0123456789abcdee\n   2: <unknown>\n";
        assert_eq!(frames(text, Language::Rust), ["- anyhow::error::Error msg", "? app load", "? <unknown>"]);
        assert_eq!(Language::of("Caused by:\n    0: inner failed\n"), None);
    }

    #[test]
    fn a_path_ends_before_its_functions_name() {
        for (symbol, module, function) in [
            ("main", "", "main"),
            ("app::f::{closure#0}::{closure#1}", "app", "f::{closure#0}::{closure#1}"),
            ("app::map<fn(a::B) -> c::D>", "app", "map<fn(a::B) -> c::D>"),
            ("app::f::<T>", "app", "f::<T>"),
            ("::", "", ""),
        ] {
            assert_eq!(path_and_name(symbol), (module, function), "{symbol}");
        }
    }
}
