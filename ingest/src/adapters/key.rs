//! The key in a body: SDKs of browsers cannot all set headers, so they write it beside their events.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The names under which a key stands at the root of a body or of an event.
const NAMES: [&str; 3] = ["api_key", "writeKey", "token"];
/// A key is found at the root, in the properties of an event, or in the first event of a batch: no deeper.
const DEPTH_MAX: usize = 4;

type Fields<'a> = BTreeMap<String, &'a RawValue>;

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
        let events: Vec<&RawValue> = serde_json::from_str(text).ok()?;
        return key_in(events.first()?.get(), depth + 1);
    }
    let fields: Fields<'_> = serde_json::from_str(text).ok()?;
    let at = |name: &str| fields.get(name).and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
    let own = NAMES.into_iter().filter_map(at).find(|key| !key.is_empty());
    own.or_else(|| ["properties", "batch"].into_iter().find_map(|name| key_in(fields.get(name)?.get(), depth + 1)))
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
