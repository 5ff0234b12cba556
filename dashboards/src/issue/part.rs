//! The parts of an issue's page that take a query of their own: what is unlike the usual, tags, whom it touches, what people
//! wrote, why it was grouped.

use crate::issue::Asked;
use crate::panel::Notice;
use crate::{Panel, address, figure};

/// The longest bar of a facet, in a drawing 100 wide.
const LENGTH_MAX: f64 = 100.0;
/// What differs by less, in percent points, is as usual.
const UNLIKE_MIN: f64 = 5.0;

/// One part, and how much of it is known.
#[derive(Debug, Clone)]
pub enum Part {
    /// What is more, or less, frequent in the issue than in all other errors.
    Facets(Panel<Vec<Facet>>),
    /// The tags of its errors.
    Tags(Panel<Vec<Tag>>),
    /// Whom it touches, and what it costs.
    Impact(Panel<Impact>),
    /// What people wrote.
    Feedback(Panel<Vec<Feedback>>),
    /// Why its errors are one issue, and how to change that.
    Grouping(Panel<Grouping>),
}

/// A value that errors of the issue have.
#[derive(Debug, Clone, Default)]
pub struct Facet {
    /// What it is a value of: browser, release, …
    pub facet: String,
    /// The value.
    pub value: String,
    /// Errors of the issue that have it.
    pub events: u64,
    /// Of the issue's errors, percent.
    pub share: f64,
    /// Of all other errors, percent; none where there are none.
    pub baseline: Option<f64>,
}

/// A tag that errors of the issue have.
#[derive(Debug, Clone, Default)]
pub struct Tag {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Errors that have it.
    pub events: u64,
    /// Of the issue's errors, percent.
    pub share: f64,
}

/// Whom an issue touches.
#[derive(Debug, Clone, Default)]
pub struct Impact {
    /// What it costs; none for keys that may not see bills.
    pub costs: Option<Whom>,
    /// Paying workspaces that met it, the last first.
    pub paying: Vec<PayingWorkspace>,
    /// There are more.
    pub has_more: bool,
}

/// Whom an issue touches, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whom {
    /// Accounts that met it.
    pub accounts: u64,
    /// Those that ever paid.
    pub paying_accounts: u64,
    /// Workspaces in which it was met.
    pub workspaces: u64,
    /// Those in which an account that ever paid met it.
    pub paying_workspaces: u64,
    /// Credits spent shortly before.
    pub credits_spent: u64,
    /// Credits refunded shortly after.
    pub credits_refunded: u64,
}

/// A paying workspace that met the issue.
#[derive(Debug, Clone, Default)]
pub struct PayingWorkspace {
    /// The workspace.
    pub workspace: String,
    /// The account that met it.
    pub account: String,
    /// Its plan.
    pub plan: String,
    /// When, microseconds.
    pub at: i64,
    /// The last debit before it: what for and how much; empty where there was none.
    pub debit: String,
}

/// What somebody wrote.
#[derive(Debug, Clone, Default)]
pub struct Feedback {
    /// When it arrived, microseconds.
    pub at: i64,
    /// What they wrote.
    pub message: String,
    /// Who: account, else guest.
    pub person: String,
    /// The error it is about.
    pub event_id: String,
}

/// Why errors are one issue.
#[derive(Debug, Clone, Default)]
pub struct Grouping {
    /// The hashes that lead to the issue.
    pub hashes: Vec<HashOf>,
    /// Issues that may be the same bug.
    pub kin: Vec<Kin>,
}

/// A hash that leads to the issue.
#[derive(Debug, Clone, Default)]
pub struct HashOf {
    /// The hash.
    pub hash: String,
    /// What it stands for, in words; empty where no error in the range has it.
    pub reasons: Vec<String>,
    /// Errors in the range that have it.
    pub events: u64,
    /// The last of them, microseconds; none without any.
    pub last_seen: Option<i64>,
}

/// An issue that may be the same bug.
#[derive(Debug, Clone, Default)]
pub struct Kin {
    /// Its id.
    pub id: String,
    /// Its type and message.
    pub title: String,
    /// The frame to blame.
    pub culprit: String,
    /// Errors in the range.
    pub events: u64,
}

impl Part {
    /// Lists the names of all parts, in their order.
    pub const NAMES: [&'static str; 5] = ["facets", "tags", "impact", "feedback", "grouping"];

    /// Makes a part whose answer is not there yet; none for an unknown name.
    pub fn loading(name: &str) -> Option<Self> {
        Some(match name {
            "facets" => Self::Facets(Panel::Loading),
            "tags" => Self::Tags(Panel::Loading),
            "impact" => Self::Impact(Panel::Loading),
            "feedback" => Self::Feedback(Panel::Loading),
            "grouping" => Self::Grouping(Panel::Loading),
            _ => return None,
        })
    }

    /// Returns its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Facets(_) => "facets",
            Self::Tags(_) => "tags",
            Self::Impact(_) => "impact",
            Self::Feedback(_) => "feedback",
            Self::Grouping(_) => "grouping",
        }
    }

    /// Returns its heading.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Facets(_) => "Unlike other errors",
            Self::Tags(_) => "Tags",
            Self::Impact(_) => "Paying customers and credits",
            Self::Feedback(_) => "What people wrote",
            Self::Grouping(_) => "Why these errors are one issue",
        }
    }

    /// Returns what stands above it because it is not known.
    pub fn notice(&self) -> Option<Notice<'_>> {
        self.told().1
    }

    /// Tells whether its answer is still to be asked for.
    pub fn is_loading(&self) -> bool {
        self.told().0
    }

    fn told(&self) -> (bool, Option<Notice<'_>>) {
        fn of<T>(panel: &Panel<T>) -> (bool, Option<Notice<'_>>) {
            (panel.is_loading(), panel.notice())
        }
        match self {
            Self::Facets(panel) => of(panel),
            Self::Tags(panel) => of(panel),
            Self::Impact(panel) => of(panel),
            Self::Feedback(panel) => of(panel),
            Self::Grouping(panel) => of(panel),
        }
    }

    /// Writes the address of the part alone.
    pub fn address(&self, asked: &Asked) -> String {
        let path = format!("/fragments/issues/{}/{}", address::encode(&asked.id), self.name());
        address::with_parameters(&path, [("since", asked.since.as_str())])
    }
}

impl Facet {
    /// Tells whether it sets the issue apart from other errors.
    pub fn is_unlike(&self) -> bool {
        self.baseline.is_some_and(|baseline| (self.share - baseline).abs() >= UNLIKE_MIN)
    }

    /// Says what it is a value of.
    pub fn facet_words(&self) -> String {
        self.facet.replace('_', " ")
    }

    /// Says how many errors have it.
    pub fn events_words(&self) -> String {
        figure::counted(self.events, "event")
    }

    /// Says how it compares: `+78.0`.
    pub fn difference(&self) -> Option<String> {
        self.baseline.map(|baseline| format!("{:+.1}", self.share - baseline))
    }

    /// Writes its share among other errors.
    pub fn baseline_words(&self) -> String {
        self.baseline.map_or_else(|| "no other errors".to_owned(), percent)
    }

    /// Writes its share.
    pub fn share_words(&self) -> String {
        percent(self.share)
    }

    /// Returns the lengths of the bars of both shares in a drawing 100 wide.
    pub fn lengths(&self) -> (String, String) {
        let length = |share: f64| format!("{:.1}", share.clamp(0.0, LENGTH_MAX));
        (length(self.share), length(self.baseline.unwrap_or(0.0)))
    }
}

impl Kin {
    /// Says how many errors it has.
    pub fn events_words(&self) -> String {
        figure::counted(self.events, "event")
    }
}

impl Tag {
    /// Writes its share.
    pub fn share_words(&self) -> String {
        percent(self.share)
    }
}

impl Whom {
    /// Lists what is counted, with what each means.
    pub fn figures(&self) -> [(&'static str, String, &'static str); 6] {
        let count = |number: &u64| figure::count(number);
        [
            ("Accounts", count(&self.accounts), "Guests count as the account they are bound to"),
            ("Paying accounts", count(&self.paying_accounts), "Accounts that ever paid"),
            ("Workspaces", count(&self.workspaces), "Workspaces in which it was met"),
            (
                "Paying workspaces",
                count(&self.paying_workspaces),
                "Workspaces in which an account that ever paid met it",
            ),
            ("Credits spent", count(&self.credits_spent), "In those wallets, within 10 minutes before an error"),
            ("Credits refunded", count(&self.credits_refunded), "To those wallets, within an hour after an error"),
        ]
    }
}

fn percent(share: f64) -> String {
    format!("{share:.1}%")
}
