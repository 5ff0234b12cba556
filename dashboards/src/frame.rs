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
    /// Whether that key may see verdicts: it may query, and carries the purpose abuse.
    pub may_see_verdicts: bool,
    /// Whether that key may review: see and decide what rules find.
    pub may_review: bool,
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
    /// What a key must be allowed to.
    pub needs: Needs,
}

/// What a page needs of whoever looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// A key.
    Key,
    /// A key that may query.
    Query,
    /// A key that may see verdicts.
    Verdicts,
    /// A key that may review, and not see verdicts: the queue is what it sees of them.
    ReviewAlone,
    /// A key that may see verdicts, or review.
    VerdictsOrReview,
    /// A key that may review.
    Review,
    /// The scope admin.
    Admin,
}

/// All pages, in the order of the header.
const PLACES: &[Place] = &[
    Place { path: "/", name: "Overview", needs: Needs::Key },
    Place { path: "/d", name: "Dashboards", needs: Needs::Query },
    Place { path: "/issues", name: "Issues", needs: Needs::Query },
    Place { path: "/verdicts", name: "Verdicts", needs: Needs::Verdicts },
    Place { path: "/verdicts/review", name: "Review", needs: Needs::ReviewAlone },
    Place { path: "/restrictions", name: "Restrictions", needs: Needs::VerdictsOrReview },
    Place { path: "/rules", name: "Rules", needs: Needs::Review },
    Place { path: "/sql", name: "SQL", needs: Needs::Query },
    Place { path: "/data", name: "Data", needs: Needs::Query },
    Place { path: "/pipeline", name: "Pipeline", needs: Needs::Query },
    Place { path: "/settings", name: "Settings", needs: Needs::Admin },
];

impl Frame {
    /// Lists the pages that this key may see, in the order of the header. Nobody who has not signed in sees any.
    pub fn places(&self) -> Vec<Place> {
        let may = |needs: Needs| match needs {
            Needs::Key => true,
            Needs::Query => self.may_query,
            Needs::Verdicts => self.may_see_verdicts,
            Needs::ReviewAlone => self.may_review && !self.may_see_verdicts,
            Needs::VerdictsOrReview => self.may_see_verdicts || self.may_review,
            Needs::Review => self.may_review,
            Needs::Admin => self.may_admin,
        };
        let may_see = |place: &&Place| self.key.is_some() && may(place.needs);
        PLACES.iter().filter(may_see).copied().collect()
    }
}
