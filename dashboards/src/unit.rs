//! Values with their units, as people read them: `12,304`, `99.4%`, `350 ms`.

use serde_json::Value;

use crate::figure;
use crate::reason::short_id;

/// Letters of a value that a cell or a headline shows.
const LETTERS_MAX: usize = 120;

/// The unit of a column, as stored queries state it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Hundredths.
    Percent,
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
    /// Bytes.
    Bytes,
    /// Credits.
    Credits,
    /// An amount in the currency's minor unit.
    Money,
    /// A point in time.
    Time,
    /// Words.
    Text,
    /// An id.
    Id,
    /// True or false.
    Bool,
}

impl Unit {
    const ALL: [(&'static str, Self); 11] = [
        ("count", Self::Count),
        ("percent", Self::Percent),
        ("ms", Self::Ms),
        ("s", Self::S),
        ("bytes", Self::Bytes),
        ("credits", Self::Credits),
        ("money", Self::Money),
        ("time", Self::Time),
        ("text", Self::Text),
        ("id", Self::Id),
        ("bool", Self::Bool),
    ];

    /// Reads a unit's name; what is not known reads as words.
    pub fn from_name(name: &str) -> Self {
        Self::ALL.iter().find(|(known, _)| *known == name).map_or(Self::Text, |(_, unit)| *unit)
    }

    /// Returns its name, as queries and drawings have it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, unit)| *unit == self).map_or("text", |(name, _)| name)
    }

    /// Tells whether its values are numbers.
    pub fn is_number(self) -> bool {
        !matches!(self, Self::Time | Self::Text | Self::Id | Self::Bool)
    }

    /// Writes a value; nothing for null.
    pub fn write(self, value: &Value) -> String {
        match (value, value.as_f64()) {
            (Value::Null, _) => String::new(),
            (_, Some(number)) if self.is_number() => self.write_number(number),
            (Value::Bool(is), _) => if *is { "yes" } else { "no" }.to_owned(),
            (Value::String(text), _) => self.write_text(text),
            (other, _) => shortened(&other.to_string(), LETTERS_MAX),
        }
    }

    /// Writes a number in this unit.
    pub fn write_number(self, number: f64) -> String {
        match self {
            Self::Percent => percent(number),
            Self::Ms if number.abs() >= 1_000.0 => format!("{} s", decimals(number / 1_000.0, 2)),
            Self::Ms => format!("{} ms", decimals(number, if number.abs() < 10.0 { 2 } else { 0 })),
            Self::S if number.abs() >= 3_600.0 => format!("{} h", decimals(number / 3_600.0, 1)),
            Self::S if number.abs() >= 60.0 => format!("{} min", decimals(number / 60.0, 1)),
            Self::S => format!("{} s", decimals(number, 1)),
            Self::Bytes if number >= 0.0 => figure::bytes(number as u64),
            Self::Money => decimals_kept(number / 100.0, 2),
            _ => decimals(number, 2),
        }
    }

    fn write_text(self, text: &str) -> String {
        match self {
            Self::Time => time_words(text),
            Self::Id => short_id(text),
            _ => shortened(text, LETTERS_MAX),
        }
    }
}

/// Writes a share: what is there is never nothing, and what is not all never everything.
fn percent(number: f64) -> String {
    match number {
        _ if number == 0.0 => "0%".to_owned(),
        _ if number > 0.0 && number < 0.05 => "<0.1%".to_owned(),
        _ if (99.95..100.0).contains(&number) => format!("{}%", decimals((number * 1_000.0).floor() / 1_000.0, 3)),
        _ => format!("{}%", decimals(number, 1)),
    }
}

/// Writes a number with at most so many digits after the point, thousands apart.
fn decimals(number: f64, digits: usize) -> String {
    let written = decimals_kept(number, digits);
    if !written.contains('.') {
        return written;
    }
    written.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn decimals_kept(number: f64, digits: usize) -> String {
    let written = format!("{:.digits$}", number.abs());
    let (whole, fraction) = written.split_once('.').unwrap_or((&written, ""));
    let grouped = whole.parse::<u64>().map_or_else(|_| whole.to_owned(), |whole| figure::count(&whole));
    let is_nothing = written.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let sign = if number < 0.0 && !is_nothing { "−" } else { "" };
    if fraction.is_empty() { format!("{sign}{grouped}") } else { format!("{sign}{grouped}.{fraction}") }
}

/// Writes an instant of JSON without what every instant has: `2026-11-22 10:00`; a day stays a day.
fn time_words(text: &str) -> String {
    let Some((day, time)) = text.split_once('T') else { return shortened(text, LETTERS_MAX) };
    let minutes: String = time.chars().take(5).collect();
    if time.bytes().all(|byte| matches!(byte, b'0' | b':' | b'.' | b'Z')) {
        return day.to_owned();
    }
    format!("{day} {minutes}")
}

fn shortened(text: &str, letters_max: usize) -> String {
    if text.chars().count() <= letters_max {
        return text.to_owned();
    }
    text.chars().take(letters_max).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_written_in_their_unit() {
        let written = [
            (Unit::Count, 12_304.0, "12,304"),
            (Unit::Count, 0.333_33, "0.33"),
            (Unit::Credits, -1_200.0, "−1,200"),
            (Unit::Percent, 99.42, "99.4%"),
            (Unit::Percent, 99.996, "99.996%"),
            (Unit::Percent, 0.01, "<0.1%"),
            (Unit::Percent, 100.0, "100%"),
            (Unit::Ms, 3.456, "3.46 ms"),
            (Unit::Ms, 350.4, "350 ms"),
            (Unit::Ms, 12_340.0, "12.34 s"),
            (Unit::S, 90.0, "1.5 min"),
            (Unit::Money, 123_450.0, "1,234.50"),
            (Unit::Bytes, 1_234_567.0, "1.2 MB"),
        ];
        for (unit, number, words) in written {
            assert_eq!(unit.write_number(number), words, "{unit:?} {number}");
        }
    }

    #[test]
    fn other_values_are_short_and_null_is_nothing() {
        assert_eq!(Unit::Count.write(&Value::Null), "");
        assert_eq!(Unit::Bool.write(&json!(true)), "yes");
        assert_eq!(Unit::Time.write(&json!("2026-11-22T10:04:05.123Z")), "2026-11-22 10:04");
        assert_eq!(Unit::Time.write(&json!("2026-11-22T00:00:00Z")), "2026-11-22");
        assert_eq!(Unit::Time.write(&json!("2026-11-22T00:00:00.000000Z")), "2026-11-22");
        assert_eq!(Unit::Time.write(&json!("2026-11-22")), "2026-11-22");
        assert_eq!(Unit::Id.write(&json!("acct_0123456789abcdefghijklmn")), "acct_012345…ijklmn");
        assert_eq!(Unit::Text.write(&json!("é".repeat(500))).chars().count(), LETTERS_MAX + 1);
    }
}
