//! One session, told in its order: what was done, what failed, what it cost, and what was decided about it.

mod happening;

use askama::Template;

pub use happening::{Happening, Kind};

use crate::{Frame, PageError, Panel, address, figure, moment};

/// Rows of a timeline.
pub const ROWS_MAX: usize = 500;
/// Rows of the page as it is first shown.
pub const ROWS_USUAL: usize = 80;

/// The page of one session. Shape: `session.html`.
#[derive(Debug, Clone, Template)]
#[template(path = "session.html")]
pub struct SessionPage {
    /// What surrounds the page.
    pub frame: Frame,
    /// When the answers below were true, in microseconds since the Unix epoch.
    pub now: i64,
    /// What the URL asks for.
    pub asked: Asked,
    /// What is known of the session; none where nothing names it.
    pub facts: Panel<Option<Facts>>,
    /// Its devices; none for a key that may not see them.
    pub devices: Option<Vec<String>>,
    /// What happened, oldest first.
    pub timeline: Panel<Timeline>,
    /// What of it the key may not see, in words: `credits need the purpose billing`.
    pub unseen: Vec<&'static str>,
    /// Whether the key may look at entities.
    pub may_review: bool,
}

/// What a URL of the page asks for; empty where nothing was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The session.
    pub id: String,
    /// The start of the range, as the queries read it.
    pub since: String,
    /// Only what is of this kind.
    pub kind: Option<Kind>,
    /// All rows that a page can show, not only as many as are soon read.
    pub is_long: bool,
}

/// What is known of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its first and its last event, microseconds.
    pub span: (i64, i64),
    /// How long it lasted as its updates say, milliseconds.
    pub duration_ms: Option<u64>,
    /// How it ended, as its updates say.
    pub status: String,
    /// The account; empty for none.
    pub account: String,
    /// How many accounts there were.
    pub accounts: u64,
    /// The guest; empty for none.
    pub guest: String,
    /// The workspace; empty for none.
    pub workspace: String,
    /// Name and value of what else is known: browser, system, country, release.
    pub others: Vec<(&'static str, String)>,
    /// Things done, errors, entries of wallets.
    pub counts: (u64, u64, u64),
}

/// What happened.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// The rows, oldest first.
    pub rows: Vec<Happening>,
    /// How many rows there are of each kind, as far as they were read.
    pub counts: Vec<(Kind, u64)>,
    /// There are more than were read.
    pub is_truncated: bool,
}

impl Asked {
    /// Writes its address.
    pub fn address(&self) -> String {
        let path = format!("/sessions/{}", address::encode(&self.id));
        let kind = self.kind.map(Kind::name).unwrap_or_default();
        let rows = if self.is_long { "all" } else { "" };
        address::with_parameters(&path, [("since", self.since.as_str()), ("kind", kind), ("rows", rows)])
    }

    /// Returns how many rows are shown.
    pub fn rows_max(&self) -> usize {
        if self.is_long { ROWS_MAX } else { ROWS_USUAL }
    }

    /// Writes the address with all rows that a page can show.
    pub fn long(&self) -> String {
        Self { is_long: true, ..self.clone() }.address()
    }

    /// Writes the address with only what is of a kind, or all.
    pub fn of(&self, kind: Option<Kind>) -> String {
        Self { kind, ..self.clone() }.address()
    }

    /// Says the range.
    pub fn range(&self) -> String {
        match self.since.as_str() {
            "" => "last 30 days".to_owned(),
            since => match since.strip_prefix('-') {
                Some(span) => format!("last {span}"),
                None => format!("since {since}"),
            },
        }
    }
}

impl Facts {
    /// Says how long it lasted: as its updates say, else from the first to the last event.
    pub fn duration(&self) -> String {
        let between = u64::try_from((self.span.1 - self.span.0) / 1_000).unwrap_or(0);
        match self.duration_ms {
            Some(told) => figure::span_ms(told.max(1)),
            None if between == 0 => "one moment".to_owned(),
            None => figure::span_ms(between),
        }
    }

    /// Returns whose it was, the surest first: kind and id.
    pub fn people(&self) -> Vec<(&'static str, &'static str, &str)> {
        let all = [("Account", "account", &self.account), ("Guest", "guest", &self.guest)];
        all.into_iter().filter(|(_, _, id)| !id.is_empty()).map(|(name, kind, id)| (name, kind, id.as_str())).collect()
    }

    /// Names the chip of how it ended.
    pub fn tone(&self) -> &'static str {
        match self.status.as_str() {
            "crashed" | "abnormal" | "unhandled" => "block",
            "errored" => "throttle",
            "ok" | "exited" => "allow",
            _ => "plain",
        }
    }
}

impl SessionPage {
    /// Renders the page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }

    /// Returns the path by which the header marks where one is: none of its own.
    pub fn here(&self) -> &'static str {
        ""
    }

    /// Returns the address of an entity's page; none for a key that may not look.
    pub fn entity(&self, kind: &str, id: &str) -> Option<String> {
        self.may_review.then(|| format!("/e/{kind}/{}", address::encode(id)))
    }

    /// Lists the filters: address, words, count, whether it is this one.
    pub fn filters(&self) -> Vec<(String, &'static str, u64, bool)> {
        let counts = self.timeline.value().map(|timeline| timeline.counts.as_slice()).unwrap_or_default();
        let all = counts.iter().map(|(_, count)| count).sum();
        let every = (self.asked.of(None), "All", all, self.asked.kind.is_none());
        let each = counts
            .iter()
            .map(|(kind, count)| (self.asked.of(Some(*kind)), kind.title(), *count, self.asked.kind == Some(*kind)));
        std::iter::once(every).chain(each).collect()
    }

    /// Tells whether there is a timeline to show: not of a session that nothing names.
    pub fn has_something(&self) -> bool {
        !matches!(self.facts.value(), Some(None))
    }

    /// Returns the link that asks for the same by SQL.
    pub fn as_sql(&self) -> String {
        let mut parameters = vec![("name", "session_timeline"), ("p.session", self.asked.id.as_str())];
        if !self.asked.since.is_empty() {
            parameters.push(("p.since", self.asked.since.as_str()));
        }
        address::with_parameters("/sql", parameters)
    }

    /// Returns the address of the verdicts about whoever it was.
    pub fn verdicts(&self) -> String {
        let facts = self.facts.value().and_then(Option::as_ref);
        let person = facts.and_then(|facts| facts.people().first().map(|(_, _, id)| (*id).to_owned()));
        address::with_parameters("/verdicts", [("entity", person.as_deref().unwrap_or(&self.asked.id))])
    }

    /// Writes when a row was, from the beginning of the session: `+0:12.3`.
    pub fn offset(&self, row: &Happening) -> String {
        let began = self.facts.value().and_then(Option::as_ref).map_or(row.at, |facts| facts.span.0);
        let tenths = (row.at - began).max(0) / 100_000;
        let (hours, minutes, seconds) = (tenths / 36_000, tenths / 600 % 60, tenths / 10 % 60);
        match hours {
            0 => format!("+{minutes}:{seconds:02}.{}", tenths % 10),
            _ => format!("+{hours}:{minutes:02}:{seconds:02}"),
        }
    }

    /// Writes the day and time at which it began.
    pub fn began(&self, facts: &Facts) -> String {
        moment::stamp(&facts.span.0)
    }
}

#[cfg(test)]
mod tests;
