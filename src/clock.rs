//! The wall clock and how times are written. The only place that reads the clock: everything else takes `now` as an
//! argument. Times are microseconds since the Unix epoch, UTC.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

/// Returns the time now, microseconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    Utc::now().timestamp_micros()
}

/// Writes a time as RFC 3339 UTC with milliseconds.
pub(crate) fn rfc3339(at: i64) -> String {
    DateTime::from_timestamp_micros(at).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Reads a time given as RFC 3339 text or as epoch milliseconds.
pub(crate) fn from_json(value: &Value) -> Result<i64, String> {
    match value {
        Value::String(text) => DateTime::parse_from_rfc3339(text)
            .map(|time| time.timestamp_micros())
            .map_err(|error| format!("{text:?} is not an RFC 3339 time ({error})")),
        Value::Number(number) => number
            .as_i64()
            .and_then(|millis| millis.checked_mul(1_000))
            .ok_or_else(|| format!("{number} is not a whole number of epoch milliseconds")),
        other => Err(format!("{other} is not a time; give RFC 3339 text or epoch milliseconds")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_read_in_both_forms_and_written_in_one() {
        let text = from_json(&json!("2026-11-22T10:00:00.123Z")).unwrap();
        assert_eq!(from_json(&json!(text / 1_000)).unwrap(), text);
        assert_eq!(rfc3339(text), "2026-11-22T10:00:00.123Z");
        assert!(from_json(&json!("yesterday")).unwrap_err().contains("yesterday"));
        assert!(from_json(&json!(1.5)).is_err());
    }
}
