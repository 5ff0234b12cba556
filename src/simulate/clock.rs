//! Simulated time: the hours people keep, and times written as the API wants them. Not the wall clock.

/// One second, in milliseconds.
pub(crate) const SECOND_MS: i64 = 1_000;
/// One minute, in milliseconds.
pub(crate) const MINUTE_MS: i64 = 60 * SECOND_MS;
/// One hour, in milliseconds.
pub(crate) const HOUR_MS: i64 = 60 * MINUTE_MS;
/// One day, in milliseconds.
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// How lively a working day is at each full hour, local time.
const WEEKDAY: [f64; 24] = [
    0.40, 0.24, 0.14, 0.09, 0.09, 0.13, 0.27, 0.55, 0.92, 1.32, 1.62, 1.66, 1.44, 1.50, 1.66, 1.66, 1.55, 1.34, 1.18,
    1.28, 1.44, 1.38, 1.04, 0.70,
];
/// The same for Saturday and Sunday: later, flatter, less.
const WEEKEND: [f64; 24] = [
    0.48, 0.34, 0.22, 0.13, 0.09, 0.09, 0.13, 0.24, 0.42, 0.66, 0.88, 1.00, 1.00, 1.02, 1.08, 1.10, 1.08, 1.02, 0.98,
    1.04, 1.12, 1.06, 0.88, 0.64,
];

/// Tells the day of the week of a local time, Monday being 0.
pub(crate) fn weekday(local_ms: i64) -> i64 {
    (local_ms.div_euclid(DAY_MS) + 3).rem_euclid(7)
}

/// Tells the local hour, 0 to 23.
pub(crate) fn hour(local_ms: i64) -> i64 {
    local_ms.rem_euclid(DAY_MS) / HOUR_MS
}

/// Tells whether people are at work or at school: Monday to Friday, 9 to 17.
pub(crate) fn working_hours(local_ms: i64) -> bool {
    weekday(local_ms) < 5 && (9..17).contains(&hour(local_ms))
}

/// Tells how lively people are at a local time: about 1 on average over a week, a tenth at night.
pub(crate) fn liveliness(local_ms: i64) -> f64 {
    let table = if weekday(local_ms) < 5 { &WEEKDAY } else { &WEEKEND };
    let within = local_ms.rem_euclid(DAY_MS);
    let left = (within / HOUR_MS) as usize;
    let share = (within % HOUR_MS) as f64 / HOUR_MS as f64;
    table[left] * (1.0 - share) + table[(left + 1) % 24] * share
}

/// Writes times, remembering the day's text.
#[derive(Clone, Default)]
pub(crate) struct Stamp {
    day: i64,
    date: String,
}

impl Stamp {
    /// Writes a time in milliseconds since the epoch as RFC 3339 UTC with milliseconds.
    pub(crate) fn write(&mut self, at_ms: i64, out: &mut String) {
        let day = at_ms.div_euclid(DAY_MS);
        if self.date.is_empty() || day != self.day {
            self.day = day;
            self.date = date(day);
        }
        let within = at_ms.rem_euclid(DAY_MS);
        out.push_str(&self.date);
        out.push('T');
        push_digits(within / HOUR_MS, 2, out);
        out.push(':');
        push_digits(within / MINUTE_MS % 60, 2, out);
        out.push(':');
        push_digits(within / SECOND_MS % 60, 2, out);
        out.push('.');
        push_digits(within % SECOND_MS, 3, out);
        out.push('Z');
    }
}

/// Writes a day since the epoch as `2026-11-22`.
fn date(day: i64) -> String {
    let at = chrono::DateTime::from_timestamp(day * (DAY_MS / 1000), 0);
    at.map(|at| at.format("%Y-%m-%d").to_string()).unwrap_or_default()
}

fn push_digits(value: i64, digits: u32, out: &mut String) {
    for place in (0..digits).rev() {
        let digit = (value / 10_i64.pow(place) % 10) as u8;
        out.push(char::from(b'0' + digit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_averages_to_about_one_and_nights_are_quiet() {
        let total: f64 = (0..7 * 24 * 4).map(|quarter| liveliness(quarter * 15 * MINUTE_MS)).sum();
        let mean = total / (7.0 * 96.0);
        assert!((0.85..1.0).contains(&mean), "{mean}");
        let monday = 4 * DAY_MS;
        assert_eq!(weekday(monday), 0);
        assert!(liveliness(monday + 11 * HOUR_MS) > 10.0 * liveliness(monday + 4 * HOUR_MS));
        assert!(working_hours(monday + 9 * HOUR_MS) && !working_hours(monday + 17 * HOUR_MS));
        assert!(!working_hours(monday - DAY_MS + 10 * HOUR_MS), "Sunday");
    }

    #[test]
    fn times_are_written_as_rfc_3339() {
        let mut stamp = Stamp::default();
        let mut out = String::new();
        for at_ms in [1_795_341_600_123, 1_795_391_999_999, 0, -1] {
            out.clear();
            stamp.write(at_ms, &mut out);
            let parsed = chrono::DateTime::parse_from_rfc3339(&out).expect("RFC 3339");
            assert_eq!(parsed.timestamp_millis(), at_ms, "{out}");
        }
    }
}
