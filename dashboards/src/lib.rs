//! Answers in, pages out: what a person sees of Weir. This crate knows no HTTP, no SQL and no clock; the program fills
//! the structs below and writes out the HTML they render to.
//!
//! The way through it: [`OverviewPage`] and its siblings are typed structs, each beside its template in `templates/`.
//! [`spec`] reads dashboard files, [`board`] shows them. [`frame`] is what surrounds a page, [`panel`] the states a part of a page can
//! be in, [`chart`] and [`trend`] turn numbers into the geometry of a drawing, [`reason`] says what speaks against whom, [`address`] writes
//! links, [`moment`], [`figure`] and [`unit`] turn instants, numbers and values into words, and [`assets`] hands out
//! the style sheet, the scripts and the vendored libraries under names that carry a hash of their content.
//!
//! Every page works under a content policy without inline scripts or styles, and reads without JavaScript.

pub mod address;
pub mod assets;
pub mod board;
pub mod chart;
pub mod data;
pub mod decided;
pub mod decision;
pub mod entity;
pub mod figure;
pub mod frame;
pub mod issue;
pub mod issues;
pub mod moment;
pub mod overview;
pub mod panel;
pub mod pipeline;
pub mod privacy;
pub mod problem;
#[cfg(test)]
mod proof;
pub mod reason;
pub mod restrictions;
pub mod review;
pub mod rule;
pub mod rules;
pub mod session;
pub mod settings;
pub mod sign_in;
pub mod spec;
pub mod sql;
pub mod state;
pub mod trend;
pub mod unit;
pub mod verdicts;

pub use assets::{Asset, asset, asset_url};
pub use board::{BoardPage, BoardPanelPage, BoardsPage};
pub use data::DataBlock;
pub use decision::DecisionPage;
pub use entity::{EntityPage, EvidencePage};
pub use frame::Frame;
pub use issue::{IssuePage, IssuePartPage, SampleEventPage};
pub use issues::IssuesPage;
pub use overview::{DayPage, MinuteBar, OverviewPage, RejectRow, Rejects, VerdictCounts};
pub use panel::Panel;
pub use pipeline::PipelinePage;
pub use privacy::DataPage;
pub use problem::ProblemPage;
pub use restrictions::RestrictionsPage;
pub use review::ReviewPage;
pub use rule::{BacktestPage, NewRulePage, RulePage};
pub use rules::RulesPage;
pub use session::SessionPage;
pub use settings::{KeyMadePage, SettingsPage};
pub use sign_in::{SignInError, SignInPage, local_path};
pub use sql::SqlPage;
pub use state::{Readiness, StateStrip};
pub use verdicts::VerdictsPage;

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
