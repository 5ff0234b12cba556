//! Cuts an envelope: a header line, then items, each a header line and a payload. `length` says how long a payload is; without
//! it the payload ends at the end of its line. Not what items mean.
//!
//! Source: Sentry's description of envelopes, and what its SDKs were seen to send: only those for Python say `length` always.

use serde_json::{Map, Value};

use crate::limits::BodyError;

/// A line that is a header.
const HEADER_BYTES_MAX: usize = 16 << 10;

/// An envelope's first line.
pub(super) type Header = Map<String, Value>;

/// One item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// What its header calls it, and the payload.
    Whole { header: &'a str, payload: &'a [u8] },
    /// From here on the envelope cannot be read; why.
    Torn(&'static str),
}

/// The items of an envelope, in order. After a torn one there are no more: where the next begins is anybody's guess.
pub(super) struct Items<'a> {
    rest: &'a [u8],
    is_torn: bool,
}

/// Takes the header off an envelope.
///
/// # Errors
/// [`BodyError::Unreadable`] when its first line is no JSON object.
pub(super) fn open(body: &[u8]) -> Result<(Header, Items<'_>), BodyError> {
    let (line, rest) = first_line(body.trim_ascii_start());
    if line.len() > HEADER_BYTES_MAX {
        return Err(BodyError::Unreadable(format!(
            "a Sentry envelope's header may have at most {HEADER_BYTES_MAX} bytes"
        )));
    }
    let header = serde_json::from_slice(line).map_err(|_| {
        BodyError::Unreadable("the body is no Sentry envelope: its first line is no JSON object".into())
    })?;
    Ok((header, Items { rest, is_torn: false }))
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        self.rest = self.rest.trim_ascii_start();
        if self.rest.is_empty() || self.is_torn {
            return None;
        }
        Some(self.cut().unwrap_or_else(|problem| {
            self.is_torn = true;
            Item::Torn(problem)
        }))
    }
}

impl<'a> Items<'a> {
    fn cut(&mut self) -> Result<Item<'a>, &'static str> {
        let (line, rest) = first_line(self.rest);
        if line.len() > HEADER_BYTES_MAX {
            return Err("an item's header is too long");
        }
        let header = std::str::from_utf8(line).map_err(|_| "an item's header is no text")?;
        let fields: Header = serde_json::from_str(header).map_err(|_| "an item's header is no JSON object")?;
        let (payload, rest) = match fields.get("length") {
            None | Some(Value::Null) => first_line(rest),
            Some(length) => {
                let length = length.as_u64().and_then(|length| usize::try_from(length).ok());
                let length = length.ok_or("an item's `length` is no number of bytes")?;
                let cut = rest.split_at_checked(length).ok_or("the envelope ends before its item does")?;
                if !matches!(cut.1.first(), None | Some(b'\n' | b'\r')) {
                    return Err("an item's `length` is not the length of its payload");
                }
                cut
            }
        };
        self.rest = rest;
        Ok(Item::Whole { header, payload })
    }
}

/// Returns the first line and what comes after it.
fn first_line(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', text) {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn items(body: &str) -> Vec<String> {
        let (_, items) = open(body.as_bytes()).expect("an envelope");
        items
            .map(|item| match item {
                Item::Whole { header, payload } => format!("{header} {}", String::from_utf8_lossy(payload)),
                Item::Torn(problem) => problem.to_owned(),
            })
            .collect()
    }

    #[test]
    fn a_payload_is_as_long_as_it_says_or_one_line() {
        assert_eq!(
            items("{}\n{\"type\":\"a\"}\n{\"x\":1}\n{\"type\":\"b\"}\n{}"),
            [r#"{"type":"a"} {"x":1}"#, r#"{"type":"b"} {}"#]
        );
        assert_eq!(
            items("{}\n{\"length\":3}\n1\n2\n\n{\"length\":0}\n\n{\"type\":\"c\"}\n"),
            ["{\"length\":3} 1\n2", "{\"length\":0} ", "{\"type\":\"c\"} ",]
        );
        assert_eq!(items("{}"), Vec::<String>::new());
        assert_eq!(
            items("\n{}\r\n{\"length\":2}\r\n{}\r\n\r\n{\"type\":\"d\"}\r\n[]\r\n"),
            ["{\"length\":2}\r {}", "{\"type\":\"d\"}\r []\r"]
        );
    }

    #[test]
    fn what_is_whole_before_a_torn_item_is_kept() {
        let torn = |tail: &str| items(&format!("{{}}\n{{\"type\":\"a\"}}\n{{}}\n{tail}"));
        for (tail, problem) in [
            ("{\"type\":\"ev", "an item's header is no JSON object"),
            ("[]\n{}", "an item's header is no JSON object"),
            ("{\"length\":9}\n{}", "the envelope ends before its item does"),
            ("{\"length\":18446744073709551615}\n{}", "the envelope ends before its item does"),
            ("{\"length\":1}\n{}\n{\"type\":\"a\"}\n{}", "an item's `length` is not the length of its payload"),
            ("{\"length\":-1}\n{}", "an item's `length` is no number of bytes"),
            ("{\"length\":\"2\"}\n{}", "an item's `length` is no number of bytes"),
        ] {
            assert_eq!(torn(tail), ["{\"type\":\"a\"} {}", problem], "{tail}");
        }
        let long = format!("{{\"x\":\"{}\"}}", "x".repeat(HEADER_BYTES_MAX));
        assert_eq!(torn(&format!("{long}\n{{}}")), ["{\"type\":\"a\"} {}", "an item's header is too long"]);
        assert!(open(long.as_bytes()).is_err());
        for body in ["", "hello", "[]\n", "7\n{}\n{}", "\u{1f}"] {
            assert!(open(body.as_bytes()).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_come_to_an_end(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok((_, items)) = open(&[b"{}\n", body.as_slice()].concat()) {
                prop_assert!(items.count() <= body.len() + 1);
            }
        }

        #[test]
        fn what_is_joined_is_cut_again(payloads in proptest::collection::vec("[^\\s]{0,20}", 0..20)) {
            let joined: String = payloads.iter().map(|payload| format!("{{\"length\":{}}}\n{payload}\n", payload.len())).collect();
            let cut = items(&format!("{{}}\n{joined}"));
            let payloads: Vec<String> = payloads.iter().map(|payload| format!("{{\"length\":{}}} {payload}", payload.len())).collect();
            prop_assert_eq!(cut, payloads);
        }
    }
}
