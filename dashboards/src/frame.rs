//! What surrounds every page: who is signed in, where one can go, which version this is.

/// The frame of a page.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// The name of the key this session was opened with; `None` before signing in.
    pub key: Option<String>,
    /// Whether that key may ask about what is stored.
    pub may_query: bool,
    /// Whether that key may see keys and settings.
    pub may_admin: bool,
    /// The program's version, shown in the footer.
    pub version: String,
}

/// One entry of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Where it leads.
    pub path: &'static str,
    /// What it says.
    pub name: &'static str,
    /// Only for keys that may query.
    pub needs_query: bool,
}

/// All pages, in the order of the header.
const PLACES: &[Place] = &[
    Place { path: "/", name: "Overview", needs_query: false },
    Place { path: "/d", name: "Dashboards", needs_query: true },
    Place { path: "/issues", name: "Issues", needs_query: true },
    Place { path: "/verdicts", name: "Verdicts", needs_query: true },
    Place { path: "/restrictions", name: "Restrictions", needs_query: true },
    Place { path: "/sql", name: "SQL", needs_query: true },
    Place { path: "/data", name: "Data", needs_query: true },
    Place { path: "/pipeline", name: "Pipeline", needs_query: true },
];

/// The last of them: for those who make keys.
const SETTINGS: Place = Place { path: "/settings", name: "Settings", needs_query: false };

impl Frame {
    /// Lists the pages that this key may see, in the order of the header. Nobody who has not signed in sees any.
    pub fn places(&self) -> Vec<Place> {
        let may_see = |place: &&Place| self.key.is_some() && (self.may_query || !place.needs_query);
        let settings = (self.key.is_some() && self.may_admin).then_some(SETTINGS);
        PLACES.iter().filter(may_see).copied().chain(settings).collect()
    }
}
