//! Durations as headers write them: `10s`, `30 min`, `24h`, `7d`. Pure.

/// Microseconds in a second.
pub(crate) const SECOND_US: i64 = 1_000_000;
/// Microseconds in a minute.
pub(crate) const MINUTE_US: i64 = 60 * SECOND_US;
/// Microseconds in an hour.
pub(crate) const HOUR_US: i64 = 60 * MINUTE_US;
/// Microseconds in a day.
pub(crate) const DAY_US: i64 = 24 * HOUR_US;

/// The longest duration that a header may state.
const DAYS_MAX: i64 = 366;

/// Reads a whole number and a unit (s, m or min, h, d) as microseconds. Nothing else is a duration, zero is none either.
#[must_use]
pub fn parse_duration_us(text: &str) -> Option<i64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: i64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim_start() {
        "s" => SECOND_US,
        "m" | "min" => MINUTE_US,
        "h" => HOUR_US,
        "d" => DAY_US,
        _ => return None,
    };
    number.checked_mul(unit).filter(|us| (1..=DAYS_MAX * DAY_US).contains(us))
}

/// Writes a duration of whole seconds in its largest whole unit.
pub(crate) fn duration_to_text(us: i64) -> String {
    for (unit, name) in [(DAY_US, "d"), (HOUR_US, "h"), (MINUTE_US, "min")] {
        if us % unit == 0 && !(unit == DAY_US && us / unit == 1) {
            return format!("{}{name}", us / unit);
        }
    }
    format!("{}s", us / SECOND_US)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_with_units() {
        for (text, us) in [
            ("10s", Some(10 * SECOND_US)),
            ("10m", Some(10 * MINUTE_US)),
            ("10 min", Some(10 * MINUTE_US)),
            ("24h", Some(DAY_US)),
            ("30d", Some(30 * DAY_US)),
            ("0s", None),
            ("367d", None),
            ("99999999999999999999d", None),
            ("10", None),
            ("s", None),
            ("-1s", None),
            ("1.5h", None),
            ("1 day", None),
        ] {
            assert_eq!(parse_duration_us(text), us, "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["45s", "10min", "24h", "36h", "30d"] {
            assert_eq!(parse_duration_us(text).map(duration_to_text).as_deref(), Some(text));
        }
    }
}
