//! What the list of issues can be asked for, and how its address says so.

use crate::address;

/// Rows that are shown unless more are asked for.
pub const ROWS_USUAL: usize = 50;
/// Rows that are shown at most.
pub const ROWS_MAX: usize = 1_000;

/// What the range can be, and what that is called.
pub const RANGES: [(&str, &str); 5] =
    [("-1h", "1 hour"), ("-24h", "24 hours"), ("-7d", "7 days"), ("-14d", "14 days"), ("", "30 days")];
/// What can come first, and what that is called.
pub const SORTS: [(&str, &str); 4] =
    [("", "Last seen"), ("first_seen", "First seen"), ("events", "Most events"), ("people", "Most people")];

/// What is to be done about an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueState {
    /// None of its errors is older than a week.
    New,
    /// It came back after it was resolved.
    Regressed,
    /// Nobody is done with it.
    Ongoing,
    /// It is mended.
    Resolved,
    /// It is left alone.
    Ignored,
}

/// What the list can be narrowed to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tab {
    /// What somebody has to look at.
    #[default]
    Open,
    /// One state alone.
    Of(IssueState),
    /// Everything.
    All,
}

/// What a URL of the list asks for. Texts are as the reader wrote them; empty where nothing was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The tab.
    pub tab: Tab,
    /// Text to search for.
    pub q: String,
    /// Only this release.
    pub release: String,
    /// Only this environment.
    pub environment: String,
    /// The start of the range, as the queries read it: `-24h`.
    pub since: String,
    /// What comes first.
    pub sort: String,
    /// Rows to show.
    pub limit: usize,
}

impl IssueState {
    /// All of them, in the order of the tabs.
    pub const ALL: [Self; 5] = [Self::New, Self::Regressed, Self::Ongoing, Self::Resolved, Self::Ignored];

    /// Its name, as the queries have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Regressed => "regressed",
            Self::Ongoing => "ongoing",
            Self::Resolved => "resolved",
            Self::Ignored => "ignored",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Names the chip of the style sheet, and the mark in it.
    pub fn tone(self) -> &'static str {
        match self {
            Self::New => "throttle",
            Self::Regressed => "block",
            Self::Resolved => "allow",
            Self::Ongoing | Self::Ignored => "plain",
        }
    }

    /// Tells whether somebody has to look at it.
    pub fn is_open(self) -> bool {
        matches!(self, Self::New | Self::Regressed | Self::Ongoing)
    }
}

impl Tab {
    /// All of them, in their order.
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::Open).chain(IssueState::ALL.map(Self::Of)).chain([Self::All])
    }

    /// Its name in the URL; the usual one has none.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "",
            Self::Of(state) => state.name(),
            Self::All => "all",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::all().find(|tab| tab.name() == name)
    }

    /// What the tab says.
    pub fn title(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Of(IssueState::New) => "New",
            Self::Of(IssueState::Regressed) => "Regressed",
            Self::Of(IssueState::Ongoing) => "Ongoing",
            Self::Of(IssueState::Resolved) => "Resolved",
            Self::Of(IssueState::Ignored) => "Ignored",
            Self::All => "All",
        }
    }

    /// What belongs to it, in a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Open => "New, regressed and ongoing issues: somebody has to look at them",
            Self::Of(IssueState::New) => "Open, and none of their errors is older than 7 days",
            Self::Of(IssueState::Regressed) => "Came back after they were resolved",
            Self::Of(IssueState::Ongoing) => "Open for longer than 7 days",
            Self::Of(IssueState::Resolved) => "Mended, as far as anybody knows",
            Self::Of(IssueState::Ignored) => "Left alone, for a while or for good",
            Self::All => "Every issue of the range",
        }
    }

    /// Tells whether issues in this state belong to it.
    pub(crate) fn holds(self, state: IssueState) -> bool {
        match self {
            Self::Open => state.is_open(),
            Self::Of(own) => own == state,
            Self::All => true,
        }
    }
}

impl Asked {
    /// Writes its address.
    pub fn address(&self) -> String {
        let limit = if self.limit == ROWS_USUAL { String::new() } else { self.limit.to_string() };
        let parameters = [
            ("tab", self.tab.name()),
            ("q", &self.q),
            ("release", &self.release),
            ("environment", &self.environment),
            ("since", &self.since),
            ("sort", &self.sort),
            ("limit", &limit),
        ];
        address::with_parameters("/issues", parameters)
    }

    /// Writes the address of another tab.
    pub fn at(&self, tab: &Tab) -> String {
        Self { tab: *tab, limit: ROWS_USUAL, ..self.clone() }.address()
    }

    /// Tells whether something beside the tab narrows the list.
    pub fn is_narrowed(&self) -> bool {
        [&self.q, &self.release, &self.environment, &self.since].iter().any(|text| !text.is_empty())
    }

    /// Says the range: `24 hours`, or `since 2026-11-20`.
    pub fn range(&self) -> String {
        match RANGES.iter().find(|(since, _)| *since == self.since) {
            Some((_, words)) => format!("last {words}"),
            None => format!("since {}", self.since),
        }
    }
}
