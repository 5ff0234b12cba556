//! Instants as words. An instant is a count of microseconds since the Unix epoch, always shown in UTC and always with
//! the zone beside it; nothing here reads a clock.

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// One minute in microseconds.
pub const MINUTE: i64 = 60 * MICROS_PER_SECOND;

/// One day in microseconds.
pub const DAY: i64 = SECONDS_PER_DAY * MICROS_PER_SECOND;

/// Writes the time of day: `10:04:05 UTC`.
pub fn clock(at: &i64) -> String {
    let (hour, minute, second) = time_of_day(*at);
    format!("{hour:02}:{minute:02}:{second:02} UTC")
}

/// Writes the day: `2026-11-22`.
pub fn day(at: &i64) -> String {
    date(*at)
}

/// Writes hour and minute for an axis whose title names the zone: `10:04`.
pub fn hour_minute(at: &i64) -> String {
    let (hour, minute, _) = time_of_day(*at);
    format!("{hour:02}:{minute:02}")
}

/// Writes date and time for people: `2026-11-22 10:04:05 UTC`.
pub fn stamp(at: &i64) -> String {
    format!("{} {}", date(*at), clock(at))
}

/// Writes RFC 3339 in UTC with milliseconds, for `<time datetime>`.
pub fn rfc3339(at: &i64) -> String {
    let (hour, minute, second) = time_of_day(*at);
    let millis = at.rem_euclid(MICROS_PER_SECOND) / 1_000;
    format!("{}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z", date(*at))
}

/// Writes how long ago `at` was, seen from `now`, in one unit: `12 s ago`. What lies ahead is `just now`: clocks differ.
pub fn ago(now: &i64, at: &i64) -> String {
    let seconds = now.saturating_sub(*at) / MICROS_PER_SECOND;
    match seconds {
        ..1 => "just now".to_owned(),
        1..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / SECONDS_PER_DAY),
    }
}

fn time_of_day(at: i64) -> (i64, i64, i64) {
    let seconds = at.div_euclid(MICROS_PER_SECOND).rem_euclid(SECONDS_PER_DAY);
    (seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn date(at: i64) -> String {
    let days = at.div_euclid(MICROS_PER_SECOND * SECONDS_PER_DAY) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_known_instants() {
        assert_eq!(stamp(&(0)), "1970-01-01 00:00:00 UTC");
        assert_eq!(rfc3339(&(1_795_341_845_123_456)), "2026-11-22T10:04:05.123Z");
        assert_eq!(stamp(&(951_782_400 * MICROS_PER_SECOND)), "2000-02-29 00:00:00 UTC");
        assert_eq!(rfc3339(&(-1)), "1969-12-31T23:59:59.999Z");
        assert_eq!(hour_minute(&(1_795_341_845_123_456)), "10:04");
    }

    #[test]
    fn survives_the_ends_of_time() {
        for at in [i64::MIN, i64::MAX] {
            assert!(stamp(&at).ends_with("UTC"));
            assert!(!ago(&at, &0).is_empty() && !ago(&0, &at).is_empty());
        }
    }

    #[test]
    fn tells_an_age_in_one_unit() {
        let ages = [(-5, "just now"), (0, "just now"), (59, "59 s ago"), (61, "1 min ago"), (7_300, "2 h ago")];
        for (seconds, words) in ages {
            assert_eq!(ago(&(seconds * MICROS_PER_SECOND), &0), words);
        }
        assert_eq!(ago(&(3 * DAY), &0), "3 d ago");
    }
}
