//! One line of a file before it is sent: is it JSON, and has it an id? What the event says is the server's to judge.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

/// Why a line is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// What is wrong, for the person who wrote it.
    pub(super) message: String,
}

/// What of an event is looked at.
#[derive(Deserialize)]
struct Head {
    #[serde(default, deserialize_with = "present")]
    id: bool,
}

fn present<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

/// Appends the event and a line's end. One without an id gets it from the file and its place in it, so that it is
/// known again whenever and however the file is loaded.
///
/// # Errors
/// When the line is not one JSON object; nothing is appended then.
pub(super) fn append(line: &[u8], file_hash: &str, number: u64, body: &mut Vec<u8>) -> Result<(), Malformed> {
    let has_id = match line.first() {
        Some(b'{') => serde_json::from_slice::<Head>(line).map_err(|error| broken(&error))?.id,
        Some(b'[') => return Err(malformed("it is a JSON array: write its events one a line (jq -c '.[]')")),
        _ => return Err(malformed("it is not a JSON object")),
    };
    if has_id {
        body.extend_from_slice(line);
    } else {
        let fields = line[1..].trim_ascii_start();
        let comma = if fields.first() == Some(&b'}') { "" } else { "," };
        body.extend_from_slice(format!("{{\"id\":\"load-{file_hash}-{number}\"{comma}").as_bytes());
        body.extend_from_slice(fields);
    }
    body.push(b'\n');
    Ok(())
}

fn malformed(message: &str) -> Malformed {
    Malformed { message: message.to_owned() }
}

/// Says where a line breaks; the parser's own line number is always 1 and would mislead.
fn broken(error: &serde_json::Error) -> Malformed {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    malformed(&format!("it is broken JSON at column {}: {what}", error.column()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appended(line: &str) -> Result<String, Malformed> {
        let mut body = Vec::new();
        append(line.as_bytes(), "abc", 7, &mut body)?;
        Ok(String::from_utf8(body).expect("UTF-8"))
    }

    #[test]
    fn events_keep_their_id_or_get_one() {
        assert_eq!(appended(r#"{"id":"a","kind":"log"}"#).as_deref(), Ok("{\"id\":\"a\",\"kind\":\"log\"}\n"));
        assert_eq!(appended(r#"{ "kind":"log"}"#).as_deref(), Ok("{\"id\":\"load-abc-7\",\"kind\":\"log\"}\n"));
        assert_eq!(appended("{}").as_deref(), Ok("{\"id\":\"load-abc-7\"}\n"));
        let nested = appended(r#"{"properties":{"id":"x"}}"#).expect("JSON");
        assert!(nested.starts_with("{\"id\":\"load-abc-7\","), "an id inside is not the event's: {nested}");
        assert!(appended(r#"{"id":null}"#).expect("JSON").starts_with("{\"id\":null"), "the server judges that one");
    }

    #[test]
    fn broken_lines_say_where() {
        let message = |line: &str| appended(line).expect_err("malformed").message;
        assert!(message(r#"{"kind":"log"#).contains("column"));
        assert!(message("hello").contains("not a JSON object"));
        assert!(message("[1]").contains("array"));
        assert!(message("{} {}").contains("trailing"));
        let mut body = b"kept\n".to_vec();
        assert!(append(b"{\"a\":\xff\"}", "abc", 1, &mut body).is_err());
        assert_eq!(body, b"kept\n");
    }
}
