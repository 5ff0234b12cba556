//! By whose clock a time is: SDKs say when an event happened and when they sent it, both by a clock that may be wrong by
//! years. What they agree on is the time between, so an event happened that long before we received it.

use serde_json::Value;

use crate::judge::time::{epoch_ms_to_us, rfc3339_to_us};

/// Numbers below this are seconds: as milliseconds they would lie in the first weeks of 1970.
const SECONDS_MAX: f64 = 1e10;

/// The clock of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// When we received it.
    now: i64,
    /// When it was sent, by the sender's clock.
    sent_at: Option<i64>,
}

impl Clock {
    /// Makes one. Without a time of sending, times are believed as they are.
    pub(super) fn new(now: i64, sent_at: Option<i64>) -> Self {
        Self { now, sent_at }
    }

    /// Returns the time of an event by our clock, microseconds.
    pub(super) fn corrected(self, at: i64) -> i64 {
        match self.sent_at {
            Some(sent_at) => at.saturating_add(self.now.saturating_sub(sent_at)),
            None => at,
        }
    }

    /// Returns when something happened, by our clock: as the sender says, else now. None if what it says is no time.
    pub(super) fn of(self, at: Option<&Value>) -> Option<i64> {
        match at {
            None | Some(Value::Null) => Some(self.now),
            Some(at) => read(at).map(|at| self.corrected(at)),
        }
    }

    /// Returns when we received the request.
    pub(super) fn now(self) -> i64 {
        self.now
    }

    /// Returns the same clock for an item that says itself when it was sent.
    pub(super) fn sent(self, sent_at: Option<i64>) -> Self {
        Self { sent_at: sent_at.or(self.sent_at), ..self }
    }

    /// Returns the clock of a sender that asks not to be corrected.
    pub(super) fn believed(self) -> Self {
        Self { sent_at: None, ..self }
    }
}

/// Reads a time as SDKs write it: RFC 3339, the same without an offset (UTC), or the epoch in seconds or milliseconds.
pub(super) fn read(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => read_text(text),
        Value::Number(number) => {
            let number = number.as_f64()?;
            let ms = if number.abs() < SECONDS_MAX { number * 1000.0 } else { number };
            epoch_ms_to_us(&ms.to_string())
        }
        _ => None,
    }
}

/// Reads a time that stands in a header or an address.
pub(super) fn read_text(text: &str) -> Option<i64> {
    let text = text.trim();
    rfc3339_to_us(text)
        .or_else(|| rfc3339_to_us(&format!("{text}Z")))
        .or_else(|| text.parse::<f64>().ok().and_then(|number| read(&Value::from(number))))
}

/// Writes a time as the judge reads it.
pub(super) fn write(at: i64) -> Value {
    chrono::DateTime::from_timestamp_micros(at)
        .map(|time| Value::String(time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)))
        // Out of every calendar: the judge refuses it as a time of no bounded age.
        .unwrap_or_else(|| Value::from(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_795_341_600_000_000;

    #[test]
    fn a_clock_that_is_wrong_still_tells_how_long_ago() {
        let year_ahead = NOW + 31_536_000_000_000;
        let clock = Clock::new(NOW, Some(year_ahead));
        assert_eq!(clock.corrected(year_ahead - 5_000_000), NOW - 5_000_000);
        assert_eq!(Clock::new(NOW, None).corrected(year_ahead), year_ahead, "believed as it is");
        assert_eq!(clock.believed().corrected(NOW - 7), NOW - 7);
        assert_eq!(clock.sent(Some(NOW)).corrected(NOW - 7), NOW - 7, "the item's own word");
        assert_eq!(Clock::new(NOW, Some(i64::MIN)).corrected(i64::MAX), i64::MAX, "lies do not overflow");
    }

    #[test]
    fn times_are_read_as_sdks_write_them() {
        for value in [
            json!("2026-11-22T10:00:00.000Z"),
            json!("2026-11-22T10:00:00.000000+00:00"),
            json!("2026-11-22T10:00:00"),
            json!(1_795_341_600_000_i64),
            json!(1_795_341_600),
            json!(1_795_341_600.0),
            json!("1795341600000"),
        ] {
            assert_eq!(read(&value), Some(NOW), "{value}");
        }
        for value in [json!("yesterday"), json!(null), json!(""), json!(1e300), json!({})] {
            assert_eq!(read(&value), None, "{value}");
        }
        assert_eq!(write(NOW + 123), json!("2026-11-22T10:00:00.000123Z"));
    }
}
