//! The command line of `weir simulate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// A switch, spelt out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

/// Writes the events of a simulated studio as NDJSON, or sends them to a server.
///
/// The same options and seed give the same bytes, given an explicit --start: without one the story ends now.
#[derive(Args, Clone, Debug)]
pub(crate) struct SimulateArgs {
    /// How many events, exactly
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) events: u64,
    /// The seed of chance
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Days over which the events are spread; fractions are fine
    #[arg(long, value_name = "D", default_value_t = 7.0, value_parser = parse_days)]
    pub(crate) days: f64,
    /// When the story begins: RFC 3339, a date, or epoch milliseconds [default: so that it ends now]
    #[arg(long, value_name = "T", value_parser = parse_start)]
    pub(crate) start: Option<i64>,
    /// Whether somebody cheats
    #[arg(long, value_name = "on|off", default_value = "on")]
    pub(crate) abuse: Switch,
    /// Writes the ground truth here: one line an entity that cheats (its family, how it is played, since when, of which
    /// scheme, credits gained), or that belongs to an honest crowd
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// Writes the events here instead of to standard output
    #[arg(long, value_name = "FILE", conflicts_with = "send")]
    pub(crate) out: Option<PathBuf>,
    /// Sends the events to the server at this address instead of writing them
    #[arg(long, value_name = "URL", requires = "key")]
    pub(crate) send: Option<String>,
    /// The server key to send with (scope ingest; admin with --historical)
    #[arg(long, value_name = "K", env = "WEIR_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
    /// Events a second to send at most
    #[arg(long, value_name = "N", requires = "send", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: Option<u32>,
    /// Sends as a trusted import: events of any age, received when they happened
    #[arg(long, requires = "send")]
    pub(crate) historical: bool,
}

/// The longest story, days.
const DAYS_MAX: f64 = 3_660.0;

fn parse_days(text: &str) -> Result<f64, String> {
    let days: f64 = text.parse().map_err(|_| format!("{text} is not a number of days"))?;
    if days > 0.0 && days <= DAYS_MAX { Ok(days) } else { Err(format!("days are more than 0 and at most {DAYS_MAX}")) }
}

fn parse_start(text: &str) -> Result<i64, String> {
    if let Ok(ms) = text.parse::<i64>() {
        return Ok(ms);
    }
    if let Ok(at) = chrono::DateTime::parse_from_rfc3339(text) {
        return Ok(at.timestamp_millis());
    }
    let date = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d");
    let midnight = date.ok().and_then(|date| date.and_hms_opt(0, 0, 0)).map(|at| at.and_utc().timestamp_millis());
    midnight.ok_or_else(|| format!("{text} is no time: write 2026-11-22, 2026-11-22T10:00:00Z or epoch milliseconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_read_in_three_spellings() {
        assert_eq!(parse_start("1795341600000"), Ok(1_795_341_600_000));
        assert_eq!(parse_start("2026-11-22T10:00:00Z"), Ok(1_795_341_600_000));
        assert_eq!(parse_start("2026-11-22"), Ok(1_795_305_600_000));
        assert!(parse_start("yesterday").expect_err("no time").contains("epoch milliseconds"));
    }

    #[test]
    fn days_are_positive_and_bounded() {
        assert_eq!(parse_days("0.5"), Ok(0.5));
        assert!(["0", "-1", "nan", "1e9", "week"].iter().all(|text| parse_days(text).is_err()));
    }
}
