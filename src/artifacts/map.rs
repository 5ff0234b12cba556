//! A source map, ready to be asked: which place of which source a place of the served file is, what the function around it was
//! called, and the lines around it. Whoever uploads a map writes it: it is bounded before it is decoded, it is never trusted
//! to be consistent, and what it names is shown, never opened.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};
use sourcemap::{DecodedMap, SourceView};

/// A map as it was uploaded, bytes.
pub(super) const MAP_BYTES_MAX: usize = 32 << 20;
/// A served file as it was uploaded; a larger one is done without.
pub(super) const MINIFIED_BYTES_MAX: usize = 16 << 20;
/// Places that a map tells of: each takes a few bytes in the file, and 28 in memory.
const MAPPINGS_MAX: usize = 4_000_000;
const MAPPING_BYTES: usize = 28;
/// Names, sources and whatever else a map lists: each may be two bytes in the file, and takes up to a hundred in memory.
const VALUES_MAX: usize = 1_000_000;
/// Lines before and after the one in question.
const CONTEXT_LINES: u32 = 5;
const LINE_BYTES_MAX: usize = 256;
const NAME_BYTES_MAX: usize = 512;
/// An identifier in a served file.
const IDENTIFIER_CHARS_MAX: usize = 128;

/// The lines around a place, as its source has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SourceContext {
    /// At most five, in order.
    pub(crate) before: Vec<String>,
    /// The line itself.
    pub(crate) line: String,
    /// At most five, in order.
    pub(crate) after: Vec<String>,
}

/// A place in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Original {
    pub(super) file: String,
    /// From 1, as in a stack.
    pub(super) line: i64,
    pub(super) col: i64,
    /// What the function around the place was called.
    pub(super) function: Option<String>,
    /// The word that stands at the place, as it is served and as it was: what is called here.
    pub(super) word: Option<(String, String)>,
    /// None where the map does not include the source.
    pub(super) context: Option<SourceContext>,
}

/// A decoded map with the file that it is of.
pub(super) struct Map {
    decoded: DecodedMap,
    minified: Option<SourceView>,
    bytes: usize,
}

/// As much of a map as must be known before it is decoded.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow, default)]
    mappings: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    sections: Option<Vec<Section<'a>>>,
}

#[derive(Deserialize)]
struct Section<'a> {
    #[serde(borrow, default)]
    map: Option<Box<Outline<'a>>>,
}

impl Outline<'_> {
    /// Tells whether a section is divided again: each level would be flattened anew.
    fn is_nested(&self) -> bool {
        let mut maps = self.sections.iter().flatten().filter_map(|section| section.map.as_deref());
        maps.any(|map| map.sections.is_some())
    }

    fn mappings(&self) -> usize {
        let own = self.mappings.as_deref().map_or(0, |text| memchr::memchr2_iter(b',', b';', text.as_bytes()).count());
        let of_sections = self.sections.iter().flatten().filter_map(|section| section.map.as_deref());
        own + of_sections.map(Self::mappings).sum::<usize>()
    }
}

impl Map {
    /// Decodes a map; `minified` is the file that it is of.
    ///
    /// # Errors
    /// Why it cannot be used, in words.
    pub(super) fn parse(bytes: &[u8], minified: Option<Vec<u8>>) -> Result<Self, String> {
        // Some servers put a line before JSON that no page may run.
        let json = if bytes.starts_with(b")]}") {
            memchr::memchr(b'\n', bytes).map_or(&[][..], |end| &bytes[end..])
        } else {
            bytes
        };
        if values(json) > VALUES_MAX {
            return Err(format!("it lists more than {VALUES_MAX} things"));
        }
        let outline: Outline<'_> =
            serde_json::from_slice(json).map_err(|error| format!("it is no JSON of a map: {error}"))?;
        if outline.is_nested() {
            return Err("it has sections in sections".to_owned());
        }
        let mappings = outline.mappings();
        if mappings > MAPPINGS_MAX {
            return Err(format!("it has more than {MAPPINGS_MAX} mappings"));
        }
        let decoded = guarded(|| decode(json)).unwrap_or_else(|| Err("it contradicts itself".to_owned()))?;
        let minified = minified.and_then(|bytes| String::from_utf8(bytes).ok());
        let bytes = json.len() + mappings * MAPPING_BYTES + minified.as_ref().map_or(0, String::len);
        Ok(Self { decoded, minified: minified.map(SourceView::from_string), bytes })
    }

    /// Returns about how much memory it takes, bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the source's place for a place of the served file, both from 1; `function` is the name of the function around
    /// it as it is served. None where the map does not tell.
    pub(super) fn locate(&self, line: i64, col: i64, function: Option<&str>) -> Option<Original> {
        // Maps count from 0.
        let line = u32::try_from(line.checked_sub(1)?).ok()?;
        let col = u32::try_from(col.checked_sub(1)?).ok()?;
        guarded(|| self.find(line, col, function)).flatten()
    }

    fn find(&self, line: u32, col: u32, function: Option<&str>) -> Option<Original> {
        let token = self.decoded.lookup_token(line, col)?;
        // The nearest one before may be on another line: then there is none for this place.
        if token.get_dst_line() != line {
            return None;
        }
        let file = token.get_source().filter(|file| !file.is_empty())?;
        let (source_line, source_col) = token.get_src();
        let named = function.and_then(|function| {
            self.decoded.get_original_function_name(line, col, Some(function), self.minified.as_ref())
        });
        let word = self.word_at(line, token.get_dst_col()).zip(token.get_name().map(|name| cut(name, NAME_BYTES_MAX)));
        Some(Original {
            file: cut(file, NAME_BYTES_MAX),
            line: i64::from(source_line) + 1,
            col: i64::from(source_col) + 1,
            function: named.filter(|name| !name.is_empty()).map(|name| cut(name, NAME_BYTES_MAX)),
            word,
            context: token.get_source_view().and_then(|source| context(source, source_line)),
        })
    }

    /// Returns the identifier that stands at a place of the served file. Columns count UTF-16 units.
    fn word_at(&self, line: u32, col: u32) -> Option<String> {
        let text = self.minified.as_ref()?.get_line(line)?;
        let mut units = 0;
        let rest = text.chars().skip_while(|char| {
            let is_before = units < col as usize;
            units += char.len_utf16();
            is_before
        });
        let word: String = rest
            .take_while(|char| char.is_alphanumeric() || matches!(char, '_' | '$'))
            .take(IDENTIFIER_CHARS_MAX)
            .collect();
        Some(word).filter(|word| !word.is_empty())
    }
}

/// Counts the values of a JSON text, lists and objects included, without making any of them.
fn values(json: &[u8]) -> usize {
    let (mut count, mut at) = (0, 0);
    while at < json.len() {
        match json[at] {
            b',' | b'[' | b'{' => count += 1,
            b'"' => at = end_of_string(json, at + 1),
            _ => {}
        }
        at += 1;
    }
    count
}

/// Returns where the string ends that begins here: the place of its quotation mark.
fn end_of_string(json: &[u8], mut at: usize) -> usize {
    while let Some(found) = json.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        if json[at + found] == b'"' {
            return at + found;
        }
        at += found + 2;
    }
    json.len()
}

fn decode(json: &[u8]) -> Result<DecodedMap, String> {
    let decoded = sourcemap::decode_slice(json).map_err(|error| error.to_string())?;
    match decoded {
        // Flat, a token's line is the served file's.
        DecodedMap::Index(index) => index.flatten().map(DecodedMap::Regular).map_err(|error| error.to_string()),
        decoded => Ok(decoded),
    }
}

/// Runs the decoder, which is somebody else's, on what is somebody else's, too: where the two do not agree, it may panic.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

fn context(source: &SourceView, line: u32) -> Option<SourceContext> {
    let at = |line: u32| source.get_line(line).map(|text| cut(text, LINE_BYTES_MAX));
    Some(SourceContext {
        before: (line.saturating_sub(CONTEXT_LINES)..line).filter_map(at).collect(),
        line: at(line)?,
        after: (1..=CONTEXT_LINES).filter_map(|after| at(line.checked_add(after)?)).collect(),
    })
}

fn cut(text: &str, bytes_max: usize) -> String {
    text[..text.floor_char_boundary(bytes_max)].to_owned()
}

#[cfg(test)]
mod tests;
