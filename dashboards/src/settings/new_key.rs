//! The form for a new key, and what it offers.

/// What a key may be allowed to do, and what that means.
pub const SCOPES: [(&str, &str); 6] = [
    ("ingest", "send events as a server; what it says is believed"),
    ("ingest_public", "send events from a page; anybody can read it there, so nothing is decided by it"),
    ("verdict", "ask for verdicts, follow restrictions"),
    ("query", "read: SQL, stored queries, issues, the pages here"),
    ("review", "decide: entities, rules, overrides, labels, issues"),
    ("admin", "everything else: keys, settings, the access log"),
];

/// When a key may end: days, and what that is called.
pub const ENDS: [(&str, &str); 5] =
    [("", "never"), ("1", "in a day"), ("30", "in 30 days"), ("90", "in 90 days"), ("365", "in a year")];

/// What was filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewKeyForm {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// What the columns are kept for that it may read.
    pub purposes: Vec<String>,
    /// Pages that may use it, one a line or divided by spaces.
    pub origins: String,
    /// Requests of events it may send: `1000/min`.
    pub rate: String,
    /// In how many days it ends; empty: never.
    pub ends: String,
}

impl NewKeyForm {
    /// Makes the form that a reader meets first: a server's key, with the purposes that keys have unless they say otherwise.
    pub fn usual() -> Self {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            scopes: own(&["ingest"]),
            purposes: own(&["operate", "product", "reliability", "billing"]),
            ..Self::default()
        }
    }

    /// Tells whether a scope is chosen.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|chosen| chosen == scope)
    }

    /// Tells whether a purpose is chosen. Every key has operate.
    pub fn has_purpose(&self, purpose: &str) -> bool {
        purpose == "operate" || self.purposes.iter().any(|chosen| chosen == purpose)
    }
}
