//! What surrounds every page: who is signed in, where one can go, which version this is.

/// The frame of a page.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// The name of the key this session was opened with; `None` before signing in.
    pub key: Option<String>,
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
}

impl Frame {
    /// Lists the pages that exist, in the order of the header. Nobody who has not signed in sees them.
    pub fn places(&self) -> &'static [Place] {
        if self.key.is_none() {
            return &[];
        }
        &[Place { path: "/", name: "Overview" }, Place { path: "/sql", name: "SQL" }]
    }
}
