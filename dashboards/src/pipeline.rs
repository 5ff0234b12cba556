//! Weir watching itself: how fast events come, what became of them, what waits and how much room is left, and, where something
//! is wrong, what mends it. The block `live` of its template renders in the page and as the fragment that replaces it.

mod check;
mod gauge;
mod refused;

use askama::Template;

pub use check::{Check, Health};
pub use gauge::{Gauge, Unit};
pub use refused::{RANGES, Refused};

use crate::chart::BarChart;
use crate::state::Tone;
use crate::{Frame, MinuteBar, PageError, Panel, StateStrip, address, figure, moment};

/// The page at one instant. Shape: `pipeline.html` renders it whole, its block `live` is the fragment.
#[derive(Debug, Clone, Template)]
#[template(path = "pipeline.html", blocks = ["live"])]
pub struct PipelinePage {
    /// What surrounds the page.
    pub frame: Frame,
    /// When the answers below were true, in microseconds since the Unix epoch.
    pub now: i64,
    /// When the process began to serve: counts without a range begin there.
    pub started_at: i64,
    /// The state of this node.
    pub state: StateStrip,
    /// How fast things go.
    pub pace: Pace,
    /// Events and errors of each minute of the last hour.
    pub minutes: Panel<Vec<MinuteBar>>,
    /// What became of the events of each key.
    pub keys: Vec<KeyTally>,
    /// What else may be wrong.
    pub health: Health,
    /// The tables, in the order of the catalogue.
    pub tables: Vec<TableFigures>,
    /// What waits and what is held, each beside its limit.
    pub gauges: Vec<Gauge>,
    /// What rules hold in memory.
    pub rules: RuleFigures,
    /// The start of the range of refused events, as the queries read it.
    pub since: String,
    /// Refused events by reason; not part of the fragment.
    pub refused: Panel<Vec<Refused>>,
}

/// How fast things go.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pace {
    /// Events received a second over the last ten; none before that is known.
    pub events_per_s: Option<f64>,
    /// How long the stretch of the recent latencies is, seconds.
    pub span_s: u64,
    /// How long verdicts took: in that stretch, and since the start.
    pub verdicts: (Option<Latency>, Option<Latency>),
    /// How long it took to make requests durable, likewise.
    pub commits: (Option<Latency>, Option<Latency>),
}

/// How long something took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Latency {
    /// Of so many samples.
    pub count: u64,
    /// Half took less, milliseconds.
    pub p50_ms: f64,
    /// 99 in 100 took less, milliseconds.
    pub p99_ms: f64,
}

/// What became of a key's events, since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyTally {
    /// The key's name.
    pub key: String,
    /// Events that arrived.
    pub received: u64,
    /// Those that were stored.
    pub accepted: u64,
    /// Those that were stored already.
    pub duplicate: u64,
    /// Those that were refused with a code.
    pub rejected: u64,
    /// What its clients say that they dropped before it reached us.
    pub dropped: u64,
}

/// One table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableFigures {
    /// Its name.
    pub name: String,
    /// Rows: in files and unflushed.
    pub rows: u64,
    /// Rows in the log but in no file yet.
    pub unflushed: u64,
    /// Data files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Its newest row, microseconds; none while it is empty.
    pub newest: Option<i64>,
}

/// What rules hold in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleFigures {
    /// Rules.
    pub rules: u64,
    /// Hits that are open.
    pub open_hits: u64,
    /// Rules that run with each batch of events: name, entities, bytes (an estimate).
    pub live: Vec<(String, u64, u64)>,
}

impl Latency {
    /// Writes the median.
    pub fn p50(&self) -> String {
        millis(self.p50_ms)
    }

    /// Writes what 99 in 100 stay under.
    pub fn p99(&self) -> String {
        millis(self.p99_ms)
    }
}

/// Writes a latency: `0.08 ms`, `12 ms`, `1.2 s`.
fn millis(millis: f64) -> String {
    match millis {
        ..1.0 => format!("{millis:.2} ms"),
        ..10.0 => format!("{millis:.1} ms"),
        ..1_000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.1} s", millis / 1_000.0),
    }
}

impl KeyTally {
    /// Tells whether each event that arrived has exactly one outcome.
    pub fn adds_up(&self) -> bool {
        self.received == self.accepted + self.duplicate + self.rejected
    }

    /// Returns the share of its events that were refused.
    pub fn rejected_share(&self) -> Option<String> {
        figure::share(&self.rejected, &self.received)
    }
}

impl RuleFigures {
    /// Adds the memory of all rules up.
    pub fn bytes(&self) -> u64 {
        self.live.iter().map(|(_, _, bytes)| bytes).sum()
    }

    /// Lists the rules that hold something, the largest first: name, entities, size.
    pub fn largest(&self) -> Vec<(&str, String, String)> {
        let mut largest: Vec<_> = self.live.iter().filter(|(_, entities, _)| *entities > 0).collect();
        largest.sort_by(|one, other| other.2.cmp(&one.2).then_with(|| one.0.cmp(&other.0)));
        largest
            .into_iter()
            .map(|(name, entities, size)| (name.as_str(), figure::count(entities), figure::bytes(*size)))
            .collect()
    }
}

impl PipelinePage {
    /// Renders the whole page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }

    /// Renders what changes, for `/fragments/pipeline`.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn fragment(&self) -> Result<String, PageError> {
        Ok(self.as_live().render()?)
    }

    /// Returns the path by which the header marks where one is.
    pub fn here(&self) -> &'static str {
        "/pipeline"
    }

    /// Adds the keys up.
    pub fn total(&self) -> KeyTally {
        let mut total = KeyTally { key: "All keys".to_owned(), ..KeyTally::default() };
        for key in &self.keys {
            total.received += key.received;
            total.accepted += key.accepted;
            total.duplicate += key.duplicate;
            total.rejected += key.rejected;
            total.dropped += key.dropped;
        }
        total
    }

    /// Adds the tables up.
    pub fn all_tables(&self) -> TableFigures {
        let mut all = TableFigures::default();
        for table in &self.tables {
            all.rows += table.rows;
            all.unflushed += table.unflushed;
            all.files += table.files;
            all.bytes += table.bytes;
        }
        all
    }

    /// Lists what was looked at, what is wrong first.
    pub fn checks(&self) -> Vec<Check> {
        check::all(self)
    }

    /// Lists what is wrong.
    pub fn troubles(&self) -> Vec<Check> {
        self.checks().into_iter().filter(|check| check.tone != Tone::Good).collect()
    }

    /// Names what was found to be fine.
    pub fn fine(&self) -> String {
        let fine: Vec<&str> =
            self.checks().iter().filter(|check| check.tone == Tone::Good).map(|check| check.name).collect();
        fine.join(", ")
    }

    /// Says in one sentence how things stand, the worst thing first.
    pub fn headline(&self) -> String {
        let troubles = self.troubles();
        match troubles.first() {
            None => format!("Everything that was looked at is fine; {} events a second.", self.rate()),
            Some(worst) if troubles.len() == 1 => worst.finding.clone(),
            Some(worst) => format!(
                "{} {} more below.",
                worst.finding,
                if troubles.len() == 2 { "One".to_owned() } else { (troubles.len() - 1).to_string() }
            ),
        }
    }

    /// Writes the rate of this moment.
    pub fn rate(&self) -> String {
        match self.pace.events_per_s {
            None => "no".to_owned(),
            Some(rate) if rate > 0.0 && rate < 10.0 => format!("{rate:.1}"),
            Some(rate) => figure::count(&(rate.round() as u64)),
        }
    }

    /// Says of which stretch the recent latencies are.
    pub fn stretch(&self) -> String {
        if self.pace.span_s >= 60 {
            format!("last {} min", self.pace.span_s / 60)
        } else {
            format!("last {} s", self.pace.span_s)
        }
    }

    /// Works out the drawing of the given minutes.
    pub fn chart(&self, minutes: &[MinuteBar]) -> BarChart {
        BarChart::new(minutes, self.now)
    }

    /// Returns the address of the page with another range of refused events.
    pub fn at(&self, since: &str) -> String {
        address::with_parameters("/pipeline", [("since", since)])
    }

    /// Returns the range of refused events in words.
    pub fn range(&self) -> String {
        match RANGES.iter().find(|(since, _)| *since == self.since) {
            Some((_, words)) => format!("last {words}"),
            None => format!("since {}", self.since),
        }
    }

    /// Returns the link that asks for the refused events by SQL.
    pub fn refused_as_sql(&self) -> String {
        address::sql(
            "select\n    received_at,\n    key,\n    code,\n    message,\n    event\nfrom rejects\norder by received_at desc\nlimit 100\n",
        )
    }

    /// Tells for how long it has served.
    pub fn since_start(&self) -> String {
        moment::ago(&self.now, &self.started_at)
    }
}

#[cfg(test)]
mod tests;
