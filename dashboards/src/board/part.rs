//! One panel of a dashboard: where it is, and how much of its answer is known.

use super::Chosen;
use super::content::Content;
use crate::address;
use crate::panel::Notice;
use crate::spec::{Chart, SpecProblem};
use crate::{Panel, moment};

/// A panel.
#[derive(Debug, Clone)]
pub struct PanelPart {
    /// Where it is, and what is known of it before it is asked.
    pub place: Place,
    /// Its answer.
    pub panel: Panel<Content>,
    /// When it was asked, microseconds.
    pub now: i64,
}

/// What is known of a panel before it is asked.
#[derive(Debug, Clone)]
pub struct Place {
    /// The dashboard.
    pub board: String,
    /// The panel.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// What it answers, if the title does not say it all.
    pub doc: String,
    /// What is drawn.
    pub chart: Chart,
    /// Its width, of twelve.
    pub width: u8,
    /// The stored query; empty for a text.
    pub query: String,
    /// What was chosen.
    pub chosen: Chosen,
    /// The parameters that its query gets, as text.
    pub params: Vec<(String, String)>,
    /// Whether it stands alone.
    pub is_single: bool,
    /// What is wrong with it, if it cannot be shown.
    pub bad: Option<SpecProblem>,
}

impl PanelPart {
    /// Returns what stands in the content's place when it could not be had.
    pub fn notice(&self) -> Option<Notice<'_>> {
        if self.place.bad.is_some() { None } else { self.panel.notice() }
    }

    /// Says when it asks: when it is first looked at, when it is told to.
    pub fn trigger(&self) -> &'static str {
        if self.panel.is_loading() { "revealed, weir:retry, weir:refresh" } else { "weir:retry, weir:refresh" }
    }

    /// Returns when the answer was true, for people.
    pub fn as_of(&self) -> String {
        moment::clock(&self.now)
    }
}

impl Place {
    /// Returns the path of the panel alone.
    pub fn own_path(&self) -> String {
        format!("/d/{}/{}", self.board, self.slug)
    }

    /// Returns the address of the panel alone, with what was chosen.
    pub fn own(&self) -> String {
        self.chosen.address(&self.own_path())
    }

    /// Returns where its answer is had in another form.
    pub fn export(&self, form: &str) -> String {
        self.chosen.address(&format!("{}.{form}", self.own_path()))
    }

    /// Returns where the panel itself is asked for.
    pub fn fragment(&self) -> String {
        let path = format!("/fragments/d/{}/{}", self.board, self.slug);
        if self.is_single {
            let pairs = self.chosen.pairs().chain([("single", "1")]);
            return address::with_parameters(&path, pairs);
        }
        self.chosen.address(&path)
    }

    /// Returns where its question is opened as SQL.
    pub fn sql(&self) -> String {
        let params: Vec<(String, &str)> =
            self.params.iter().map(|(name, value)| (format!("p.{name}"), value.as_str())).collect();
        let pairs = params.iter().map(|(name, value)| (name.as_str(), *value));
        address::with_parameters("/sql", [("name", self.query.as_str())].into_iter().chain(pairs))
    }

    /// Tells whether it has a question that can be asked elsewhere.
    pub fn is_asked(&self) -> bool {
        !self.query.is_empty() && self.bad.is_none()
    }
}
