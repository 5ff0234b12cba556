//! What the reader of a dashboard chooses: the range of time and parameters of its queries.

use crate::address;
use crate::spec::title_of;

/// The ranges that are offered, each up to now.
pub const RANGES: [(&str, &str); 7] = [
    ("-1h", "Last hour"),
    ("-6h", "Last 6 hours"),
    ("-24h", "Last 24 hours"),
    ("-7d", "Last 7 days"),
    ("-30d", "Last 30 days"),
    ("-56d", "Last 8 weeks"),
    ("-90d", "Last 90 days"),
];

/// What was chosen. Texts as the address has them; empty: not chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The start of the range.
    pub from: String,
    /// Its end.
    pub to: String,
    /// The range that the dashboard shows by itself, as a start: `-24h`.
    pub usual: String,
    /// Parameters by name.
    pub values: Vec<(String, String)>,
}

/// One choice, as a field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlField {
    /// The parameter.
    pub name: String,
    /// What was chosen; empty for nothing.
    pub value: String,
    /// What there is to choose from; empty when it is to be written.
    pub options: Vec<String>,
    /// What it means.
    pub doc: String,
}

impl Chosen {
    /// Returns the start of the range, chosen or usual.
    pub fn start(&self) -> &str {
        if self.from.is_empty() { &self.usual } else { &self.from }
    }

    /// Writes a path with the choices.
    pub fn address(&self, path: &str) -> String {
        address::with_parameters(path, self.pairs())
    }

    /// Returns the choices as they stand in an address.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let values = self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        [("from", self.from.as_str()), ("to", self.to.as_str())].into_iter().chain(values)
    }

    /// Lists the ranges to choose from, with whether each is in force; one that is not offered stands first.
    pub fn ranges(&self) -> Vec<(String, String, bool)> {
        let is_offered = self.to.is_empty() && RANGES.iter().any(|(start, _)| *start == self.start());
        let other = (!is_offered).then(|| (self.start().to_owned(), self.words(), true));
        let offered = RANGES
            .iter()
            .map(|(start, words)| ((*start).to_owned(), (*words).to_owned(), is_offered && *start == self.start()));
        other.into_iter().chain(offered).collect()
    }

    /// Says which range it is.
    pub fn words(&self) -> String {
        let offered = RANGES.iter().find(|(start, _)| self.to.is_empty() && *start == self.start());
        match (offered, self.to.as_str()) {
            (Some((_, words)), _) => (*words).to_owned(),
            (None, "") => format!("Since {}", self.start()),
            (None, to) => format!("{} to {to}", self.start()),
        }
    }
}

impl ControlField {
    /// Tells whether an option is the one that was chosen.
    pub fn is_chosen(&self, option: &str) -> bool {
        self.value == option
    }

    /// Returns its name as people read it.
    pub fn label(&self) -> String {
        title_of(&self.name)
    }
}
