//! What the page of a rule can be asked for, and how its address says so.

use crate::address;

/// What a URL of the page asks for; empty where nothing was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The rule's name.
    pub name: String,
    /// The backtest to show.
    pub backtest: String,
    /// The versions to compare, the older and the newer.
    pub versions: (String, String),
}

impl Asked {
    /// Writes the address of the page.
    pub fn address(&self) -> String {
        let parameters = [("backtest", &*self.backtest), ("old", &*self.versions.0), ("new", &*self.versions.1)];
        address::with_parameters(&self.plain(), parameters)
    }

    /// Writes the address of the page as such.
    pub fn plain(&self) -> String {
        format!("/rules/{}", address::encode(&self.name))
    }

    /// Writes the address to which a form sends.
    pub fn action(&self, deed: &str) -> String {
        format!("{}/{deed}", self.plain())
    }

    /// Writes the address of another backtest.
    pub fn at_backtest(&self, id: &str) -> String {
        format!("{}#backtest", Self { backtest: id.to_owned(), ..self.clone() }.address())
    }

    /// Writes the address that compares two versions.
    pub fn comparing(&self, old: &str, new: &str) -> String {
        let versions = (old.to_owned(), new.to_owned());
        format!("{}#versions", Self { versions, ..self.clone() }.address())
    }
}
