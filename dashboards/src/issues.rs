//! The list of issues: what is broken, how often, for how many, since when. Tabs, filters, search and how many rows are shown
//! are in the URL; what is decided from here is a form that works without JavaScript.

mod asked;

use askama::Template;

pub use asked::{Asked, IssueState, RANGES, ROWS_MAX, ROWS_USUAL, SORTS, Tab};

use crate::trend::{Buckets, Spark};
use crate::{Frame, PageError, Panel, address, figure};

/// The list at one instant.
#[derive(Debug, Clone, Template)]
#[template(path = "issues.html")]
pub struct IssuesPage {
    /// What surrounds the page.
    pub frame: Frame,
    /// When the answers below were true, in microseconds since the Unix epoch.
    pub now: i64,
    /// What the URL asks for.
    pub asked: Asked,
    /// The rows.
    pub list: Panel<IssueList>,
    /// How many issues are in each state, whatever the tab; empty where that is not known.
    pub counts: Vec<(IssueState, u64)>,
    /// Releases that errors came from, the newest first, to choose from.
    pub releases: Vec<String>,
    /// Environments that errors came from, to choose from.
    pub environments: Vec<String>,
    /// Whether the key of this session may decide about issues.
    pub may_decide: bool,
    /// Whether any error is stored: an empty range reads differently before the first one.
    pub ever_received: bool,
    /// Where senders reach this server: `http://127.0.0.1:8600`.
    pub origin: String,
    /// What was just decided from this page.
    pub done: Option<Done>,
}

/// The rows of the list.
#[derive(Debug, Clone)]
pub struct IssueList {
    /// The rows, in the order that was asked for.
    pub rows: Vec<IssueRow>,
    /// There are more.
    pub is_truncated: bool,
    /// How the drawings of the rows divide the range.
    pub buckets: Buckets,
    /// Why the rows have no drawings; `None` where they have.
    pub no_trend: Option<String>,
}

/// One issue of the list.
#[derive(Debug, Clone)]
pub struct IssueRow {
    /// Its id.
    pub id: String,
    /// The type of its newest error.
    pub kind: String,
    /// The message of its newest error.
    pub message: String,
    /// The frame to blame.
    pub culprit: String,
    /// The level of its newest error.
    pub level: String,
    /// Its state.
    pub state: IssueState,
    /// What was decided, in words: `in 2.4.1`; empty where the state says it all.
    pub decision: String,
    /// Errors in the range.
    pub events: u64,
    /// Those that the app did not catch.
    pub unhandled: u64,
    /// Accounts, guests or sessions that met one.
    pub people: u64,
    /// When its first and its last error in the range came, microseconds.
    pub seen: (i64, i64),
    /// The releases of those two.
    pub releases: (Option<String>, Option<String>),
    /// Its errors by when the columns of the drawing begin.
    pub trend: Vec<(i64, u64)>,
}

/// What was just decided about issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// What they are now.
    pub state: Decided,
    /// About which.
    pub issues: Vec<String>,
}

/// A decision of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// They are resolved altogether.
    Resolved,
    /// They are ignored for good.
    Ignored,
    /// They are open.
    Opened,
}

impl IssueRow {
    /// Writes the address of its page.
    pub fn address(&self, asked: &Asked) -> String {
        address::with_parameters(&format!("/issues/{}", address::encode(&self.id)), [("since", asked.since.as_str())])
    }

    /// Returns what it is called: its type, else the first words of its message.
    pub fn title(&self) -> &str {
        title(&self.kind, &self.message)
    }

    /// Returns its message, unless that is its title already.
    pub fn detail(&self) -> &str {
        if self.kind.is_empty() { "" } else { &self.message }
    }

    /// Draws its errors.
    pub fn spark(&self, buckets: &Buckets) -> Spark {
        Spark::new(&self.trend, *buckets)
    }

    /// Says from which release to which: `2.4.0 → 2.4.1`.
    pub fn release_range(&self) -> Option<String> {
        match (&self.releases.0, &self.releases.1) {
            (Some(first), Some(last)) if first != last => Some(format!("{first} → {last}")),
            (first, last) => last.as_ref().or(first.as_ref()).cloned(),
        }
    }
}

/// Returns what an issue is called.
pub(crate) fn title<'t>(kind: &'t str, message: &'t str) -> &'t str {
    match (kind, message) {
        ("", "") => "Error without type and message",
        ("", message) => message,
        (kind, _) => kind,
    }
}

impl Decided {
    /// Its name in the URL and in forms.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resolved => "resolve",
            Self::Ignored => "ignore",
            Self::Opened => "open",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Resolved, Self::Ignored, Self::Opened].into_iter().find(|decided| decided.name() == name)
    }
}

impl Done {
    /// Says what happened and what that means.
    pub fn sentence(&self) -> String {
        let issues = figure::counted(self.issues.len() as u64, "issue");
        let are = if self.issues.len() == 1 { "is" } else { "are" };
        match self.state {
            Decided::Resolved => format!("{issues} {are} resolved; the next error of one opens it again."),
            Decided::Ignored => format!("{issues} {are} ignored until somebody opens them."),
            Decided::Opened => format!("{issues} {are} open."),
        }
    }
}

impl IssuesPage {
    /// Renders the page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }

    /// Returns the path by which the header marks where one is.
    pub fn here(&self) -> &'static str {
        "/issues"
    }

    /// Lists the tabs, each with how many issues it has where that is known.
    pub fn tabs(&self) -> Vec<(Tab, Option<u64>)> {
        let held = |tab: Tab| self.counts.iter().filter(|(state, _)| tab.holds(*state)).map(|(_, count)| count).sum();
        Tab::all().map(|tab| (tab, (!self.counts.is_empty()).then(|| held(tab)))).collect()
    }

    /// Tells whether the range is one of those to choose from.
    pub fn is_usual_range(&self) -> bool {
        RANGES.iter().any(|(since, _)| *since == self.asked.since)
    }

    /// Returns the address of the same in every state.
    pub fn all_states(&self) -> String {
        self.asked.at(&Tab::All)
    }

    /// Returns the address of the tab alone.
    pub fn without_filters(&self) -> String {
        Asked { tab: self.asked.tab, limit: ROWS_USUAL, ..Asked::default() }.address()
    }

    /// Returns the address of the same list with more rows; none where it cannot have more.
    pub fn more(&self) -> Option<String> {
        let limit = (self.asked.limit * 4).min(ROWS_MAX);
        (limit > self.asked.limit).then(|| Asked { limit, ..self.asked.clone() }.address())
    }

    /// Returns the link that asks the same of SQL.
    pub fn as_sql(&self) -> String {
        let condition = match self.asked.tab {
            Tab::All => String::new(),
            Tab::Of(IssueState::Regressed) => "where is_regressed\n    and status = 'open'\n".to_owned(),
            Tab::Of(state @ (IssueState::Resolved | IssueState::Ignored)) => {
                format!("where status = {}\n", address::sql_literal(state.name()))
            }
            Tab::Open | Tab::Of(IssueState::New | IssueState::Ongoing) => "where status = 'open'\n".to_owned(),
        };
        address::sql(&format!(
            "select\n    issue_id,\n    status,\n    type,\n    message,\n    culprit,\n    events,\n    people,\n    \
             last_release,\n    last_seen\nfrom issues\n{condition}order by last_seen desc\nlimit 100\n"
        ))
    }

    /// Writes the lines that make an app send its first error: a DSN for Sentry's libraries, and a curl line. Only characters
    /// of an address are taken from `origin`, because the reader pastes them.
    pub fn first_error(&self) -> (String, String) {
        let origin = address::plain_origin(&self.origin);
        let (scheme, host) = origin.split_once("://").unwrap_or(("http", "127.0.0.1:8600"));
        let curl = [
            &format!("curl -sS {origin}/v1/events \\"),
            "  -H \"Authorization: Bearer $WEIR_KEY\" \\",
            "  -H 'Content-Type: application/json' \\",
            "  -d '{\"kind\":\"error\",\"type\":\"TypeError\",\"message\":\"x is undefined\",\"account_id\":\"acct_1\",\"release\":\"1.0.0\",",
            "       \"stack\":[{\"file\":\"app.js\",\"function\":\"draw\",\"line\":3,\"in_app\":true}]}'",
        ];
        (format!("Sentry.init({{ dsn: \"{scheme}://YOUR_KEY@{host}/1\" }});"), curl.join("\n"))
    }
}

#[cfg(test)]
mod tests;
