//! The key in a body: SDKs of browsers cannot all set headers, so they write it beside their events.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::list::list;

/// A key is found at the root, in the properties of an event, or in the first event of a batch: no deeper.
const DEPTH_MAX: usize = 4;

/// Where a key may stand in an object; nothing else of it is kept.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    api_key: Option<&'a RawValue>,
    #[serde(borrow, rename = "writeKey")]
    write_key: Option<&'a RawValue>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
    #[serde(borrow)]
    batch: Option<&'a RawValue>,
}

/// Returns the key that stands in a body of JSON, if one does: at its root, in `properties`, or in its first event.
#[must_use]
pub fn key_in_body(body: &[u8]) -> Option<String> {
    key_in(std::str::from_utf8(body).ok()?, 0)
}

fn key_in(text: &str, depth: usize) -> Option<String> {
    if depth == DEPTH_MAX {
        return None;
    }
    if text.starts_with('[') {
        return key_in(list(text, 0).ok()?.first()?.get(), depth + 1);
    }
    let fields: Fields<'_> = serde_json::from_str(text).ok()?;
    let own = [fields.api_key, fields.write_key, fields.token].into_iter().flatten();
    let own = own.filter_map(|raw| serde_json::from_str::<String>(raw.get()).ok()).find(|key| !key.is_empty());
    let inside = [fields.properties, fields.batch].into_iter().flatten();
    own.or_else(|| inside.into_iter().find_map(|raw| key_in(raw.get(), depth + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_wherever_sdks_put_it() {
        for body in [
            r#"{"api_key":"wk_a_b","batch":[]}"#,
            r#"{"batch":[{"event":"x"}],"writeKey":"wk_a_b"}"#,
            r#"{"token":"wk_a_b"}"#,
            r#"{"event":"x","properties":{"token":"wk_a_b"}}"#,
            r#"[{"event":"x","properties":{"token":"wk_a_b"}},{"event":"y"}]"#,
            r#"{"batch":[{"event":"x","properties":{"token":"wk_a_b"}}]}"#,
            r#"{"batch":[{"writeKey":"wk_a_b"}]}"#,
            r#"{"api_key":"","token":"wk_a_b"}"#,
        ] {
            assert_eq!(key_in_body(body.as_bytes()).as_deref(), Some("wk_a_b"), "{body}");
        }
        let deep = format!("{}{}", r#"{"properties":"#.repeat(4), r#"{"token":"wk_a_b"}"#);
        for body in
            ["", "[]", "{}", "{", "[1]", r#"{"api_key":7}"#, r#"{"properties":{"x":{"token":"wk_a_b"}}}"#, &deep]
        {
            assert_eq!(key_in_body(body.as_bytes()), None, "{body}");
        }
        assert_eq!(key_in_body("[".repeat(100_000).as_bytes()), None);
    }
}
