//! Cuts a decompressed body into raw events: one object, an array of them, or one a line (NDJSON). Not their fields.

use serde::de::{Deserializer as _, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::limits::{BodyError, Limits};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One event of a body, not yet looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Text that should be a JSON object.
    Text(&'a str),
    /// A line that is not UTF-8.
    NotText,
}

/// The events of a body, in order.
#[derive(Debug)]
pub(crate) struct Pieces<'a> {
    /// Each event.
    pub list: Vec<Piece<'a>>,
    /// Whether the lines were only presumed to be events: if none of them is an object, the body was no NDJSON at all.
    pub presumed: bool,
}

/// Cuts a body. Nothing is parsed twice but the first line of a body of several.
///
/// # Errors
/// [`BodyError::Unreadable`] when it is empty or a broken array; [`BodyError::TooLarge`] over `events_max`.
pub(crate) fn split<'a>(body: &'a [u8], limits: &Limits) -> Result<Pieces<'a>, BodyError> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body).trim_ascii();
    let text = std::str::from_utf8(body);
    let pieces = match (body.first(), text) {
        (None, _) => Pieces { list: Vec::new(), presumed: false },
        (Some(b'['), Ok(text)) => split_array(text, limits)?,
        (Some(b'['), Err(error)) => {
            return Err(BodyError::Unreadable(format!("the array is not UTF-8 after byte {}", error.valid_up_to())));
        }
        (Some(b'{'), Ok(text)) if is_one_object_over_lines(text) => {
            Pieces { list: vec![Piece::Text(text)], presumed: false }
        }
        (Some(_), text) => split_lines(body, text.ok(), limits)?,
    };
    if pieces.list.is_empty() {
        return Err(BodyError::Unreadable("the body holds no events".into()));
    }
    Ok(pieces)
}

/// Tells a pretty-printed object from NDJSON: its first line is no JSON by itself, but all of it is.
fn is_one_object_over_lines(text: &str) -> bool {
    let Some(end) = memchr::memchr(b'\n', text.as_bytes()) else { return false };
    serde_json::from_str::<&RawValue>(&text[..end]).is_err() && serde_json::from_str::<&RawValue>(text).is_ok()
}

fn split_lines<'a>(body: &'a [u8], text: Option<&'a str>, limits: &Limits) -> Result<Pieces<'a>, BodyError> {
    let mut list = Vec::new();
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', body).chain([body.len()]) {
        let line = body[start..end].trim_ascii();
        let offset = start + body[start..end].len() - body[start..end].trim_ascii_start().len();
        start = (end + 1).min(body.len());
        if line.is_empty() {
            continue;
        }
        if list.len() == limits.events_max {
            return Err(too_many(limits));
        }
        list.push(match text {
            Some(text) => Piece::Text(&text[offset..offset + line.len()]),
            None => std::str::from_utf8(line).map_or(Piece::NotText, Piece::Text),
        });
    }
    Ok(Pieces { list, presumed: true })
}

fn split_array<'a>(text: &'a str, limits: &Limits) -> Result<Pieces<'a>, BodyError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let elements = Elements { events_max: limits.events_max };
    let read = reader.deserialize_seq(elements).and_then(|list| reader.end().map(|()| list));
    match read {
        Ok(list) => Ok(Pieces { list, presumed: false }),
        // Raw elements fit any type, so the only error about data is our own, of too many.
        Err(error) if error.is_data() => Err(too_many(limits)),
        Err(error) => Err(BodyError::Unreadable(format!("the array cannot be read: {error}"))),
    }
}

fn too_many(limits: &Limits) -> BodyError {
    BodyError::TooLarge(format!("a request may hold at most {} events", limits.events_max))
}

struct Elements {
    events_max: usize,
}

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<Piece<'de>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element::<&RawValue>()? {
            if list.len() == self.events_max {
                return Err(A::Error::custom("too many events"));
            }
            list.push(Piece::Text(element.get()));
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests;
