//! Reads times: RFC 3339, or epoch milliseconds. Not whether they are too old.

const SECOND_US: i64 = 1_000_000;
/// The years 0001 to 9999, which every reader of our files can show.
const EARLIEST_US: i64 = -62_135_596_800 * SECOND_US;
const LATEST_US: i64 = 253_402_300_800 * SECOND_US - 1;

/// Reads RFC 3339 (`2026-11-22T10:00:00.123Z`, any offset) as microseconds since the Unix epoch.
pub(crate) fn rfc3339_to_us(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let separators = bytes.len() >= 20
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && matches!(bytes[10], b'T' | b't' | b' ')
        && bytes[13] == b':'
        && bytes[16] == b':';
    if !separators {
        return None;
    }
    let (year, month, day) = (number(&bytes[..4])?, number(&bytes[5..7])?, number(&bytes[8..10])?);
    let (hour, minute, second) = (number(&bytes[11..13])?, number(&bytes[14..16])?, number(&bytes[17..19])?);
    let in_range = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !in_range {
        return None;
    }
    let (fraction_us, rest) = fraction(&bytes[19..])?;
    let offset_s = offset_seconds(rest)?;
    let days = days_from_civil(year, month, day);
    // A leap second is the last microsecond before the next minute.
    let second_us = if second == 60 { 60 * SECOND_US - 1 } else { second * SECOND_US + fraction_us };
    let us = ((days * 24 + hour) * 60 + minute) * 60 * SECOND_US + second_us - offset_s * SECOND_US;
    (EARLIEST_US..=LATEST_US).contains(&us).then_some(us)
}

/// Reads epoch milliseconds, written as any JSON number.
pub(crate) fn epoch_ms_to_us(number: &str) -> Option<i64> {
    let us = match number.parse::<i64>() {
        Ok(ms) => ms.checked_mul(1000)?,
        // Saturating: what is out of range is refused below.
        Err(_) => (number.parse::<f64>().ok().filter(|ms| !ms.is_nan())? * 1000.0).floor() as i64,
    };
    (EARLIEST_US..=LATEST_US).contains(&us).then_some(us)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

/// Reads `.123…`, to the microsecond; more digits are cut off.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = bytes.strip_prefix(b".") else { return Some((0, bytes)) };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let us = (0..6).fold(0, |us, place| {
        let digit = if place < count { i64::from(digits[place] - b'0') } else { 0 };
        us * 10 + digit
    });
    Some((us, &digits[count..]))
}

fn offset_seconds(bytes: &[u8]) -> Option<i64> {
    match bytes {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            let seconds = (hours * 60 + minutes) * 60;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 of the proleptic Gregorian calendar: years begin in March, so that the leap day is last.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_every_spelling() {
        let us = 1_795_341_600_123_000;
        for text in [
            "2026-11-22T10:00:00.123Z",
            "2026-11-22t10:00:00.123z",
            "2026-11-22 10:00:00.123000Z",
            "2026-11-22T11:30:00.123+01:30",
            "2026-11-22T02:00:00.1230004-08:00",
        ] {
            assert_eq!(rfc3339_to_us(text), Some(us), "{text}");
        }
        assert_eq!(rfc3339_to_us("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(rfc3339_to_us("2024-02-29T23:59:59Z"), Some(1_709_251_199_000_000));
        assert_eq!(rfc3339_to_us("2016-12-31T23:59:60Z"), Some(1_483_228_799_999_999));
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "yesterday",
            "2026-11-22",
            "2026-11-22T10:00:00",
            "2026-13-22T10:00:00Z",
            "2026-02-29T10:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T10:60:00Z",
            "2026-11-22T10:00:61Z",
            "2026-11-22T10:00:00.Z",
            "2026-11-22T10:00:00+0100",
            "2026-11-22T10:00:00+24:00",
            "2026-11-22T10:00:00ZZ",
            "1795341600123",
            "0000-01-01T00:00:00Z",
            "é026-11-22T10:00:00Z",
        ] {
            assert_eq!(rfc3339_to_us(text), None, "{text}");
        }
        for number in ["1e300", "-1e300", "9223372036854775807", "253402300800000", "nan"] {
            assert_eq!(epoch_ms_to_us(number), None, "{number}");
        }
        assert_eq!(epoch_ms_to_us("1795341600123"), Some(1_795_341_600_123_000));
        assert_eq!(epoch_ms_to_us("1795341600123.5"), Some(1_795_341_600_123_500));
        assert_eq!(epoch_ms_to_us("1.5e12"), Some(1_500_000_000_000_000));
    }

    proptest! {
        #[test]
        fn agrees_with_chrono(us in EARLIEST_US..=LATEST_US, offset_min in -1439..1440_i32) {
            let offset = chrono::FixedOffset::east_opt(offset_min * 60).expect("within a day");
            let time = chrono::DateTime::from_timestamp_micros(us).expect("in range").with_timezone(&offset);
            prop_assume!((1..=9999).contains(&chrono::Datelike::year(&time)));
            prop_assert_eq!(rfc3339_to_us(&time.to_rfc3339()), Some(us), "{}", time);
        }

        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,40}") {
            let _ = (rfc3339_to_us(&text), epoch_ms_to_us(&text));
        }
    }
}
