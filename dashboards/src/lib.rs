//! Answers in, pages out: what a person sees of Weir. This crate knows no HTTP, no SQL and no clock; the program fills
//! the structs below and writes out the HTML they render to.
//!
//! The way through it: [`OverviewPage`] and its siblings are typed structs, each beside its template in `templates/`.
//! [`frame`] is what surrounds a page, [`panel`] the states a part of a page can be in, [`chart`] and [`trend`] turn
//! numbers into the geometry of a drawing, [`address`] writes links, [`moment`] and [`figure`] turn instants and numbers into words, and [`assets`] hands out
//! the style sheet, the scripts and the vendored libraries under names that carry a hash of their content.
//!
//! Every page works under a content policy without inline scripts or styles, and reads without JavaScript.

pub mod address;
pub mod assets;
pub mod chart;
pub mod data;
pub mod figure;
pub mod frame;
pub mod issue;
pub mod issues;
pub mod moment;
pub mod overview;
pub mod panel;
pub mod problem;
#[cfg(test)]
mod proof;
pub mod rule;
pub mod rules;
pub mod sign_in;
pub mod sql;
pub mod state;
pub mod trend;

pub use assets::{Asset, asset, asset_url};
pub use data::DataBlock;
pub use frame::Frame;
pub use issue::{IssuePage, IssuePartPage, SampleEventPage};
pub use issues::IssuesPage;
pub use overview::{MinuteBar, OverviewPage, RejectRow, Rejects, VerdictCounts};
pub use panel::Panel;
pub use problem::ProblemPage;
pub use rule::{BacktestPage, NewRulePage, RulePage};
pub use rules::RulesPage;
pub use sign_in::{SignInError, SignInPage, local_path};
pub use sql::SqlPage;
pub use state::{Readiness, StateStrip};

/// The policy every page is written for; the program sends it as `Content-Security-Policy`.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// Why a page could not be rendered. There is nothing to retry: the caller answers with a plain 500.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// A template refused its values.
    #[error("a page could not be rendered")]
    Render(#[from] askama::Error),
}
