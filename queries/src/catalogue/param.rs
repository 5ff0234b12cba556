//! Parameters of stored queries: `--! param: name type[?] [= default] [unit] -- doc`.
//!
//! Values come as JSON or, from forms and addresses, as text; both are read here into what the engine binds. Times may
//! be RFC 3339, a day, milliseconds since 1970, or an offset from now: `now`, `-24h`, `now-7d`.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::stored::Unit;
use crate::hits::EntityKind;
use crate::nearest::did_you_mean;

/// The type of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamType {
    /// A point in time, UTC.
    Timestamp,
    /// A length of time.
    Interval,
    /// A 64-bit integer.
    Int,
    /// A double.
    Float,
    /// A text.
    Text,
    /// A Boolean.
    Bool,
    /// One of these words.
    Enum(Vec<String>),
    /// The id of an entity of this kind.
    Entity(EntityKind),
}

impl ParamType {
    /// Reads a type as headers write it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(inner) = text.strip_prefix("enum(").and_then(|rest| rest.strip_suffix(')')) {
            let words: Vec<String> = inner.split(['|', ',']).map(|word| word.trim().to_owned()).collect();
            if words.iter().any(String::is_empty) {
                return Err("an enum lists its words: enum(a|b)".into());
            }
            return Ok(Self::Enum(words));
        }
        if let Some(inner) = text.strip_prefix("entity(").and_then(|rest| rest.strip_suffix(')')) {
            return EntityKind::parse(inner.trim())
                .map(Self::Entity)
                .ok_or_else(|| format!("`{}` is no kind of entity", inner.trim()));
        }
        Ok(match text {
            "timestamp" => Self::Timestamp,
            "interval" => Self::Interval,
            "int" => Self::Int,
            "float" => Self::Float,
            "text" => Self::Text,
            "bool" => Self::Bool,
            other => {
                let known = ["timestamp", "interval", "int", "float", "text", "bool", "enum(a|b)", "entity(kind)"];
                let hint = did_you_mean(other, known).unwrap_or_else(|| format!("types are {}", known.join(", ")));
                return Err(format!("`{other}` is no type; {hint}"));
            }
        })
    }

    /// Returns the words that an enum allows; none for other types.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Enum(words) => words.clone(),
            _ => Vec::new(),
        }
    }

    /// Returns the type as headers write it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Timestamp => "timestamp".into(),
            Self::Interval => "interval".into(),
            Self::Int => "int".into(),
            Self::Float => "float".into(),
            Self::Text => "text".into(),
            Self::Bool => "bool".into(),
            Self::Enum(words) => format!("enum({})", words.join("|")),
            Self::Entity(kind) => format!("entity({})", kind.name()),
        }
    }

    /// Reads a given value into what the engine binds. `now` in microseconds.
    pub(super) fn read(&self, value: &Value, now: i64) -> Result<Value, String> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return Err(self.wanted()),
        };
        let read = match self {
            Self::Timestamp => time_from_text(&text, now).map(|time| json!({ "timestamp": time_to_text(time) })),
            Self::Interval => interval_from_text(&text).map(|us| json!({ "interval": interval_to_text(us) })),
            Self::Int => text.parse::<i64>().ok().map(Value::from),
            Self::Float => {
                text.parse::<f64>().ok().filter(|value| value.is_finite()).map(|value| json!({ "float": value }))
            }
            Self::Bool => match text.as_str() {
                "true" | "1" | "on" => Some(Value::Bool(true)),
                "false" | "0" | "off" => Some(Value::Bool(false)),
                _ => None,
            },
            Self::Enum(words) => words.contains(&text).then(|| Value::String(text.clone())),
            Self::Text | Self::Entity(_) => match value {
                Value::String(text) => Some(Value::String(text.clone())),
                _ => Some(Value::String(text.clone())),
            },
        };
        read.ok_or_else(|| self.wanted())
    }

    /// Returns null in this type.
    pub(super) fn null(&self) -> Value {
        match self {
            Self::Timestamp => json!({ "timestamp": null }),
            Self::Float => json!({ "float": null }),
            _ => Value::Null,
        }
    }

    fn wanted(&self) -> String {
        match self {
            Self::Timestamp => "a time is wanted: 2026-11-22T10:00:00Z, 2026-11-22, milliseconds, now or -24h".into(),
            Self::Interval => "a length of time is wanted: 30s, 5m, 1h, 7d".into(),
            Self::Int => "a whole number is wanted".into(),
            Self::Float => "a number is wanted".into(),
            Self::Bool => "true or false is wanted".into(),
            Self::Enum(words) => format!("one of {} is wanted", words.join(", ")),
            Self::Text => "a text is wanted".into(),
            Self::Entity(kind) => format!("the id of a {} is wanted", kind.name()),
        }
    }
}

impl Serialize for ParamType {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.name())
    }
}

/// One parameter of a stored query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Param {
    /// Its name, without the `$`.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: ParamType,
    /// Whether it may be left out, which means null.
    pub optional: bool,
    /// What it is when it is left out, as the file writes it.
    pub default: Option<String>,
    /// Its unit, for numbers.
    pub unit: Option<Unit>,
    /// What it means.
    pub doc: String,
}

impl Param {
    /// Builds a text that must be given, of which nothing else is known.
    pub(super) fn text(name: String) -> Self {
        Self { name, ty: ParamType::Text, optional: false, default: None, unit: None, doc: String::new() }
    }

    /// Reads the value of a `param` header.
    pub(super) fn parse(value: &str, note: Option<&str>) -> Result<Self, String> {
        let shape = "write `name type[?] [= default] [unit] -- doc`";
        let (name, rest) = value.split_once(char::is_whitespace).ok_or(shape)?;
        let is_name = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !is_name {
            return Err(format!("`{name}` is no name of a parameter: lower-case letters, digits and _"));
        }
        let (ty, rest) = split_type(rest.trim_start());
        let (ty, optional) = ty.strip_suffix('?').map_or((ty, false), |ty| (ty, true));
        let ty = ParamType::parse(ty)?;
        let (default, rest) = split_default(rest.trim_start())?;
        let unit = match rest.trim() {
            "" => None,
            unit => Some(Unit::parse(unit)?),
        };
        let doc = note.ok_or("a parameter says what it means: ` -- …`")?.to_owned();
        if let Some(default) = &default {
            // Any moment will do: only whether it can be read is asked.
            ty.read(&Value::String(default.clone()), 0)
                .map_err(|wanted| format!("the default `{default}`: {wanted}"))?;
        }
        Ok(Self { name: name.to_owned(), ty, optional, default, unit, doc })
    }
}

/// Divides `enum(a | b)? = a` after the type.
fn split_type(text: &str) -> (&str, &str) {
    let mut open = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '(' => open += 1,
            ')' => open = open.saturating_sub(1),
            _ if open == 0 && (character.is_whitespace() || character == '=') => return text.split_at(at),
            _ => {}
        }
    }
    (text, "")
}

/// Divides `= default unit`; a default with spaces stands in single quotes.
fn split_default(text: &str) -> Result<(Option<String>, &str), String> {
    let Some(rest) = text.strip_prefix('=') else { return Ok((None, text)) };
    let rest = rest.trim_start();
    if let Some(quoted) = rest.strip_prefix('\'') {
        let (default, rest) = quoted.split_once('\'').ok_or("the quote of the default does not end")?;
        return Ok((Some(default.to_owned()), rest));
    }
    let (default, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if default.is_empty() {
        return Err("after `=` stands the default".into());
    }
    Ok((Some(default.to_owned()), rest))
}

/// Reads a time as microseconds since 1970.
fn time_from_text(text: &str, now: i64) -> Option<i64> {
    let offset = text.strip_prefix("now").unwrap_or(text).trim();
    if offset.is_empty() && !text.is_empty() {
        return Some(now);
    }
    if let Some(us) = offset.strip_prefix('-').and_then(interval_from_text) {
        return now.checked_sub(us);
    }
    if let Some(us) = offset.strip_prefix('+').and_then(interval_from_text) {
        return now.checked_add(us);
    }
    if let Ok(milliseconds) = text.parse::<i64>() {
        return milliseconds.checked_mul(1_000);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_micros());
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        return day.and_hms_opt(0, 0, 0).map(|time| time.and_utc().timestamp_micros());
    }
    // What a browser's field for a date and time sends.
    let local = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%.f"];
    local.iter().find_map(|form| Some(NaiveDateTime::parse_from_str(text, form).ok()?.and_utc().timestamp_micros()))
}

fn time_to_text(us: i64) -> Option<String> {
    DateTime::<Utc>::from_timestamp_micros(us).map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// Reads a whole number and a unit as microseconds.
fn interval_from_text(text: &str) -> Option<i64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: i64 = text[..digits].parse().ok()?;
    let unit_us = match text[digits..].trim() {
        "ms" | "millisecond" | "milliseconds" => 1_000,
        "s" | "sec" | "second" | "seconds" => 1_000_000,
        "m" | "min" | "minute" | "minutes" => 60_000_000,
        "h" | "hour" | "hours" => 3_600_000_000,
        "d" | "day" | "days" => 86_400_000_000,
        "w" | "week" | "weeks" => 604_800_000_000,
        _ => return None,
    };
    number.checked_mul(unit_us).filter(|us| *us > 0)
}

fn interval_to_text(us: i64) -> String {
    format!("{} milliseconds", us / 1_000)
}
