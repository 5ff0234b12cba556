//! Numbers as words: thousands separated, units beside the number, and never a rounding that hides something rare.

/// Writes a count with thousands separated by commas: `1,204`.
pub fn count(number: &u64) -> String {
    let digits = number.to_string();
    let mut written = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

/// Writes a count and its noun: `1 event`, `1,204 events`.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(&number))
}

/// Writes `part` of `whole` in percent, one digit after the point; `None` of nothing. What exists is never `0.0%`, and
/// what is not all is never `100.0%`.
pub fn share(part: &u64, whole: &u64) -> Option<String> {
    let (part, whole) = (*part, *whole);
    if whole == 0 {
        return None;
    }
    let percent = part as f64 * 100.0 / whole as f64;
    Some(match percent {
        _ if part == 0 => "0%".to_owned(),
        _ if part >= whole => "100%".to_owned(),
        ..0.05 => "<0.1%".to_owned(),
        99.95.. => ">99.9%".to_owned(),
        _ => format!("{percent:.1}%"),
    })
}

/// Writes bytes in decimal units: `1.2 MB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if number < 1_000 {
        return format!("{number} B");
    }
    let mut scaled = number as f64 / 1_000.0;
    let mut unit = 0;
    while scaled >= 999.95 && unit + 1 < UNITS.len() {
        scaled /= 1_000.0;
        unit += 1;
    }
    format!("{scaled:.1} {}", UNITS[unit])
}

/// Writes a span of milliseconds: `350 ms`, `3.2 s`, `4 min`.
pub fn span_ms(millis: u64) -> String {
    match millis {
        ..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{:.1} s", (millis / 100) as f64 / 10.0),
        60_000..3_600_000 => format!("{} min", millis / 60_000),
        _ => format!("{} h", count(&(millis / 3_600_000))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separates_thousands() {
        for (number, words) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(&number), words);
        }
        assert_eq!(count(&u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!((counted(1, "event"), counted(0, "event")), ("1 event".to_owned(), "0 events".to_owned()));
    }

    #[test]
    fn never_rounds_something_to_nothing_or_to_all() {
        let shares = [(0, 7, "0%"), (1, 9_000, "<0.1%"), (1, 3, "33.3%"), (8_999, 9_000, ">99.9%"), (7, 7, "100%")];
        for (part, whole, words) in shares {
            assert_eq!(share(&part, &whole).as_deref(), Some(words));
        }
        assert_eq!(share(&0, &0), None);
    }

    #[test]
    fn keeps_units_short() {
        for (number, words) in [(0, "0 B"), (999, "999 B"), (1_234_567, "1.2 MB"), (999_999, "1.0 MB")] {
            assert_eq!(bytes(number), words);
        }
        assert_eq!(bytes(u64::MAX), "18446.7 PB");
        for (millis, words) in [(350, "350 ms"), (3_250, "3.2 s"), (59_999, "59.9 s"), (250_000, "4 min")] {
            assert_eq!(span_ms(millis), words);
        }
    }
}
