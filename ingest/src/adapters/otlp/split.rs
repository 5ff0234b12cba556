//! A request cut into its records or spans, each with what it stands in. Nothing is decoded here: a record of two bytes would
//! become hundreds in memory, so there is one at a time, and how many there are is known before the first.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Encoding;
use crate::adapters::list::list;
use crate::limits::{BodyError, Limits};

/// A record or span, as it was sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Piece<'a> {
    /// What sent it; empty where nothing is said.
    pub resource: &'a [u8],
    /// The library or logger that made it; empty where nothing is said.
    pub scope: &'a [u8],
    /// The record.
    pub record: &'a [u8],
}

/// Cuts a request. Logs and traces are built alike: resources, scopes in them, records in these.
///
/// # Errors
/// [`BodyError::Unreadable`] when it is torn or of another shape; [`BodyError::TooLarge`] with too many records.
pub(super) fn pieces<'a>(body: &'a [u8], encoding: Encoding, limits: &Limits) -> Result<Vec<Piece<'a>>, BodyError> {
    let mut pieces = Pieces { list: Vec::new(), max: limits.events_max };
    match encoding {
        Encoding::Protobuf => of_protobuf(body, &mut pieces)?,
        Encoding::Json => of_json(body, &mut pieces)?,
    }
    Ok(pieces.list)
}

struct Pieces<'a> {
    list: Vec<Piece<'a>>,
    max: usize,
}

impl<'a> Pieces<'a> {
    fn push(&mut self, piece: Piece<'a>) -> Result<(), BodyError> {
        if self.list.len() == self.max {
            return Err(too_many(self.max));
        }
        self.list.push(piece);
        Ok(())
    }
}

fn too_many(max: usize) -> BodyError {
    BodyError::TooLarge(format!("a request may hold at most {max} records or spans"))
}

fn torn() -> BodyError {
    BodyError::Unreadable("the body is no OTLP request, or is cut short".into())
}

/// The numbers that the fields have in all of these messages.
const CONTEXT: u64 = 1;
const LIST: u64 = 2;

fn of_protobuf<'a>(body: &'a [u8], pieces: &mut Pieces<'a>) -> Result<(), BodyError> {
    for resource in messages(body, CONTEXT) {
        let resource = resource?;
        let around = last(resource)?;
        for scope in messages(resource, LIST) {
            let scope = scope?;
            let of_scope = last(scope)?;
            for record in messages(scope, LIST) {
                pieces.push(Piece { resource: around, scope: of_scope, record: record? })?;
            }
        }
    }
    Ok(())
}

/// Returns what a message's records stand in. It may come after them, and the last one counts.
fn last(message: &[u8]) -> Result<&[u8], BodyError> {
    messages(message, CONTEXT).last().unwrap_or(Ok(&[]))
}

/// Returns the fields of a message that have this number and a length of their own.
fn messages(message: &[u8], wanted: u64) -> impl Iterator<Item = Result<&[u8], BodyError>> {
    Fields(message).filter_map(move |field| match field {
        Ok((number, content)) => content.filter(|_| number == wanted).map(Ok),
        Err(error) => Some(Err(error)),
    })
}

/// The fields of a message, their numbers and, of those with a length, their contents. Ends after the first error.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Option<&'a [u8]>)> {
        let key = self.varint()?;
        let content = match key & 7 {
            0 => self.varint().map(|_| None)?,
            1 => self.bytes(8).map(|_| None)?,
            2 => {
                let length = self.varint()?;
                Some(self.bytes(usize::try_from(length).ok()?)?)
            }
            5 => self.bytes(4).map(|_| None)?,
            // Groups are not part of this protocol, and nothing else is part of the encoding.
            _ => return None,
        };
        Some((key >> 3, content))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Option<&'a [u8]>), BodyError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or_else(torn))
    }
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default, rename = "resourceLogs", alias = "resourceSpans")]
    resources: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OfResource<'a> {
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "scopeLogs", alias = "scopeSpans")]
    scopes: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OfScope<'a> {
    #[serde(borrow, default)]
    scope: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "logRecords", alias = "spans")]
    records: Option<&'a RawValue>,
}

fn of_json<'a>(body: &'a [u8], pieces: &mut Pieces<'a>) -> Result<(), BodyError> {
    let body = std::str::from_utf8(body).map_err(|_| torn())?;
    let request: Request<'a> = object(body)?;
    for resource in elements(request.resources, pieces.max)? {
        let of_resource: OfResource<'a> = object(resource.get())?;
        let around = of_resource.resource.map_or(&[][..], |resource| resource.get().as_bytes());
        for scope in elements(of_resource.scopes, pieces.max)? {
            let of_scope: OfScope<'a> = object(scope.get())?;
            let scope = of_scope.scope.map_or(&[][..], |scope| scope.get().as_bytes());
            for record in elements(of_scope.records, pieces.max)? {
                pieces.push(Piece { resource: around, scope, record: record.get().as_bytes() })?;
            }
        }
    }
    Ok(())
}

/// Reads an object; serde would take an array for one, its fields in their order.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, BodyError> {
    let is_object = text.trim_start().starts_with('{');
    serde_json::from_str(text).ok().filter(|_| is_object).ok_or_else(torn)
}

fn elements(array: Option<&RawValue>, max: usize) -> Result<Vec<&RawValue>, BodyError> {
    let Some(array) = array else { return Ok(Vec::new()) };
    let elements = list(array.get(), max).map_err(|_| torn())?;
    if elements.len() > max { Err(too_many(max)) } else { Ok(elements) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pieces: &[Piece<'_>]) -> Vec<[String; 3]> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        pieces.iter().map(|piece| [text(piece.resource), text(piece.scope), text(piece.record)]).collect()
    }

    #[test]
    fn records_know_what_they_stand_in_whichever_comes_first() {
        // Field 1 is "R" and "S"; fields of other numbers and kinds stand between.
        let scope = b"\x12\x01a\x0a\x01S\x18\x07\x12\x01b\x25abcd\x29abcdefgh";
        let mut resource = vec![0x12, scope.len() as u8];
        resource.extend_from_slice(scope);
        resource.extend_from_slice(b"\x0a\x01R\x1a\x01u");
        let mut body = vec![0x0a, resource.len() as u8];
        body.extend_from_slice(&resource);
        let limits = Limits::default();
        let cut = pieces(&body, Encoding::Protobuf, &limits).unwrap();
        assert_eq!(texts(&cut), [["R", "S", "a"], ["R", "S", "b"]]);
        for end in 1..body.len() {
            assert!(pieces(&body[..end], Encoding::Protobuf, &limits).is_err(), "cut at {end}");
        }
        let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[1,{"a":[2]}],"scope":"S","new":{}},{"scope":null}],
            "resource":"R"},{"scopeSpans":null},{}]}"#;
        let cut = pieces(json, Encoding::Json, &limits).unwrap();
        assert_eq!(texts(&cut), [["\"R\"", "\"S\"", "1"], ["\"R\"", "\"S\"", r#"{"a":[2]}"#]]);
    }

    #[test]
    fn nothing_is_a_request_without_records_and_too_many_are_refused() {
        let limits = Limits { events_max: 2, ..Limits::default() };
        for (body, encoding) in [(&b""[..], Encoding::Protobuf), (b"{}", Encoding::Json)] {
            assert_eq!(pieces(body, encoding, &limits), Ok(Vec::new()));
        }
        for (body, encoding) in [
            (&b"\x0a\x08\x12\x06\x12\x00\x12\x00\x12\x00"[..], Encoding::Protobuf),
            (br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[1,2,3]}]}]}"#, Encoding::Json),
            (br#"{"resourceLogs":[1,2,3]}"#, Encoding::Json),
        ] {
            assert!(matches!(pieces(body, encoding, &limits), Err(BodyError::TooLarge(_))));
        }
        for (body, encoding) in [
            (&b"\xff"[..], Encoding::Protobuf),
            (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", Encoding::Protobuf),
            (b"\x0b\x0c", Encoding::Protobuf),
            (b"", Encoding::Json),
            (b"[]", Encoding::Json),
            (br#"{"resourceLogs":{}}"#, Encoding::Json),
            (br#"{"resourceLogs":[1]}"#, Encoding::Json),
            (br#"{"resourceLogs":[[null,[]]]}"#, Encoding::Json),
            (b"{\"resourceLogs\":\"\xff\"}", Encoding::Json),
        ] {
            assert!(matches!(pieces(body, encoding, &limits), Err(BodyError::Unreadable(_))), "{body:?}");
        }
    }
}
