//! The page for what cannot be shown: missing, not allowed, or broken. What happened, then one next action.

use askama::Template;

use crate::{Frame, PageError};

/// A problem page.
#[derive(Debug, Clone, Template)]
#[template(path = "problem.html")]
pub struct ProblemPage {
    /// What surrounds the page.
    pub frame: Frame,
    /// The HTTP status it is answered with.
    pub status: u16,
    /// What happened, in a few words.
    pub title: String,
    /// What happened, in a sentence.
    pub message: String,
    /// The next action, in a sentence; empty when there is none but going back.
    pub hint: String,
    /// Where to go from here: a path on this server.
    pub back: String,
}

impl ProblemPage {
    /// Makes the page for a path that does not exist.
    pub fn not_found(frame: Frame, path: &str) -> Self {
        ProblemPage {
            frame,
            status: 404,
            title: "There is no such page".to_owned(),
            message: format!("Nothing is at {path}."),
            hint: "Check the address, or start from the overview.".to_owned(),
            back: "/".to_owned(),
        }
    }

    /// Makes the page for something the key of this session may not see.
    pub fn forbidden(frame: Frame, scope: &str) -> Self {
        ProblemPage {
            frame,
            status: 403,
            title: "This key may not see that".to_owned(),
            message: format!("The page needs a key with the scope {scope}."),
            hint: "Sign out and sign in with a key that has it. Whoever has a key with the scope admin makes one under Settings, or with weir keys create NAME --scope SCOPE."
                .to_owned(),
            back: "/".to_owned(),
        }
    }

    /// Makes the page for a request that came from another site or without what proves that it did not.
    pub fn foreign_origin(frame: Frame) -> Self {
        ProblemPage {
            frame,
            status: 403,
            title: "This request came from another site".to_owned(),
            message: "Weir takes changes only from its own pages.".to_owned(),
            hint: "Open Weir under the address you signed in at and try again.".to_owned(),
            back: "/".to_owned(),
        }
    }

    /// Makes the page for a failure on our side; `reference` is what the log calls it.
    pub fn internal(frame: Frame, reference: &str) -> Self {
        ProblemPage {
            frame,
            status: 500,
            title: "Something went wrong in Weir".to_owned(),
            message: format!("The page could not be made. The server's log has the reason under {reference}."),
            hint: "Try again; events and verdicts are not affected.".to_owned(),
            back: "/".to_owned(),
        }
    }

    /// Returns the path the header marks as the current one: none.
    pub fn here(&self) -> &'static str {
        ""
    }

    /// Renders the page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }
}
