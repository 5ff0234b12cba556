//! The first page: is it healthy, is anyone stealing? The same block of its template renders the whole page and the
//! fragment that replaces its content every two seconds.

pub mod day;

use askama::Template;

use crate::chart::{self, BarChart};
use crate::figure;
use crate::{Frame, PageError, Panel, Readiness, StateStrip, address};

pub use day::DayPage;

/// The least length of a bar that is not nothing, in a drawing 100 wide.
const LENGTH_MIN: f64 = 1.0;

/// The overview at one instant. Shape: `overview.html` renders it whole, its block `live` is the fragment.
#[derive(Debug, Clone, Template)]
#[template(path = "overview.html", blocks = ["live"])]
pub struct OverviewPage {
    /// What surrounds the page.
    pub frame: Frame,
    /// When the answers below were true, in microseconds since the Unix epoch. The range is the hour before it.
    pub now: i64,
    /// The state of this node.
    pub state: StateStrip,
    /// Whether any event was ever stored: an empty hour reads differently before the first one.
    pub ever_received: bool,
    /// Where senders reach this server, for the first curl line: `http://127.0.0.1:8600`.
    pub origin: String,
    /// Events and errors of each minute, in any order; minutes without events may be missing.
    pub minutes: Panel<Vec<MinuteBar>>,
    /// The verdicts of the range by outcome.
    pub verdicts: Panel<VerdictCounts>,
    /// What was refused in the range.
    pub rejects: Panel<Rejects>,
    /// The last day, if it is known already; else it comes by itself.
    pub day: Option<DayPage>,
    /// Whether all of this is a demonstration.
    pub is_demo: bool,
}

/// The events of one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinuteBar {
    /// The start of the minute, in microseconds since the Unix epoch.
    pub start: i64,
    /// Events of all kinds stored in it, the errors included.
    pub events: u64,
    /// Events of kind `error` among them.
    pub errors: u64,
}

/// Verdicts of the range by outcome, sampled ones counted with their weight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerdictCounts {
    /// How often the answer was allow.
    pub allow: u64,
    /// How often it was throttle.
    pub throttle: u64,
    /// How often it was block.
    pub block: u64,
}

/// What was refused in the range.
#[derive(Debug, Clone, Default)]
pub struct Rejects {
    /// How many events were refused.
    pub total: u64,
    /// The latest of them, newest first.
    pub rows: Vec<RejectRow>,
}

/// One refused event.
#[derive(Debug, Clone)]
pub struct RejectRow {
    /// When it arrived, in microseconds since the Unix epoch.
    pub at: i64,
    /// The name of the key that sent it.
    pub key: String,
    /// Why, as a code of the contract: `forbidden_kind`.
    pub code: String,
    /// Why, in words.
    pub message: String,
}

/// One line of the verdict table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The outcome's name, which is also the name of its mark.
    pub name: &'static str,
    /// How often it was answered.
    pub count: u64,
    /// Its share of all, in words; `None` of nothing.
    pub share: Option<String>,
    /// The length of its bar in a drawing 100 wide.
    pub length: String,
}

/// The counts of the range, added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Events of all kinds.
    pub events: u64,
    /// Errors among them.
    pub errors: u64,
    /// Events of the last minute that is over.
    pub last_minute: u64,
}

impl VerdictCounts {
    /// Adds the outcomes up.
    pub fn total(&self) -> u64 {
        self.allow.saturating_add(self.throttle).saturating_add(self.block)
    }

    /// Lists the outcomes, mildest first.
    pub fn outcomes(&self) -> [Outcome; 3] {
        let total = self.total();
        [("allow", self.allow), ("throttle", self.throttle), ("block", self.block)].map(|(name, count)| Outcome {
            name,
            count,
            share: figure::share(&count, &total),
            length: format!("{:.1}", length(count, total)),
        })
    }
}

/// Measures a bar in a drawing 100 wide: in proportion, but what is there is wide enough to be seen.
fn length(count: u64, total: u64) -> f64 {
    if count == 0 { 0.0 } else { (count as f64 * 100.0 / total as f64).max(LENGTH_MIN) }
}

impl OverviewPage {
    /// Renders the whole page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }

    /// Renders what changes, for `/fragments/overview`.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn fragment(&self) -> Result<String, PageError> {
        Ok(self.as_live().render()?)
    }

    /// Returns the page's own path, by which the header marks where one is.
    pub fn here(&self) -> &'static str {
        "/"
    }

    /// Renders the last day, if it is known.
    pub fn day_html(&self) -> Option<String> {
        self.day.as_ref()?.fragment().ok()
    }

    /// Tells whether some part has no answer yet, so that the page asks again at once instead of in two seconds.
    pub fn is_loading(&self) -> bool {
        self.minutes.is_loading() || self.verdicts.is_loading() || self.rejects.is_loading()
    }

    /// Says in one sentence how things stand, the worst thing first.
    pub fn headline(&self) -> String {
        match &self.state.readiness {
            Readiness::Failed(_) => return "Weir takes no events.".to_owned(),
            Readiness::Replaying { .. } => {
                let done = self.state.readiness.progress().unwrap_or(0);
                return format!("Weir is reading its log again: {done}% done.");
            }
            Readiness::Degraded(_) => return "Weir takes events, but something needs a look.".to_owned(),
            Readiness::Ready => {}
        }
        if self.state.lost_records > 0 {
            let lost = figure::counted(self.state.lost_records, "acknowledged record");
            return format!("Weir takes events, but {lost} could not be read back.");
        }
        if !self.ever_received {
            return "Ready for the first event.".to_owned();
        }
        match self.totals() {
            Some(Totals { events: 0, .. }) => "No event in the last 60 minutes.".to_owned(),
            Some(totals) => format!("{} in the last 60 minutes.", figure::counted(totals.events, "event")),
            None => "Weir takes events.".to_owned(),
        }
    }

    /// Adds the minutes of the range up.
    pub fn totals(&self) -> Option<Totals> {
        let minutes = self.minutes.value()?;
        let range = chart::whole_range(minutes, self.now);
        let last_minute = range.iter().rev().nth(1).map_or(0, |minute| minute.events);
        Some(Totals {
            events: range.iter().fold(0, |sum, minute| sum.saturating_add(minute.events)),
            errors: range.iter().fold(0, |sum, minute| sum.saturating_add(minute.errors)),
            last_minute,
        })
    }

    /// Works out the drawing of the given minutes.
    pub fn chart(&self, minutes: &[MinuteBar]) -> BarChart {
        BarChart::new(minutes, self.now)
    }

    /// Writes the command that sends a first event. Only characters of an address are taken from `origin`, because the
    /// reader pastes the line into a shell.
    pub fn first_event(&self) -> String {
        let origin = address::plain_origin(&self.origin);
        [
            &format!("curl -sS {origin}/v1/events \\"),
            "  -H \"Authorization: Bearer $WEIR_KEY\" \\",
            "  -H 'Content-Type: application/json' \\",
            "  -d '{\"kind\":\"usage\",\"name\":\"image.generate\",\"status\":\"ok\",\"duration_ms\":812,\"account_id\":\"acct_1\"}'",
        ]
        .join("\n")
    }
}

#[cfg(test)]
mod tests;
