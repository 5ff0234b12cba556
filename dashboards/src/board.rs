//! Dashboards: the list of them, one with its panels, one panel alone. The page is there at once; each panel asks for its answer
//! when it is looked at, and again as often as the dashboard's file says. All choices are in the address.

pub mod content;
mod controls;
mod part;

use askama::Template;

use crate::spec::SpecProblem;
use crate::{Frame, PageError, figure};

pub use content::{AnswerColumn, Answered, Content};
pub use controls::{Chosen, ControlField, RANGES};
pub use part::{PanelPart, Place};

/// The list of dashboards. Shape: `boards.html`.
#[derive(Debug, Clone, Template)]
#[template(path = "boards.html")]
pub struct BoardsPage {
    /// What surrounds the page.
    pub frame: Frame,
    /// The dashboards, by name.
    pub boards: Vec<BoardEntry>,
    /// Where files of one's own lie.
    pub directory: String,
}

/// One dashboard of the list.
#[derive(Debug, Clone)]
pub struct BoardEntry {
    /// Its name in addresses.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// Where its file is from.
    pub origin: BoardOrigin,
    /// How many panels it has.
    pub panels: usize,
    /// What is wrong with its file or its panels.
    pub problems: Vec<SpecProblem>,
}

/// Where a dashboard's file is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoardOrigin {
    /// It came with the program.
    Shipped,
    /// It is the user's own, saved in the data directory.
    Own,
    /// It lies in a directory of the operator's.
    Operator,
}

impl BoardOrigin {
    /// Says it in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Shipped => "comes with Weir",
            Self::Own => "your own",
            Self::Operator => "a file of the operator's",
        }
    }
}

/// One dashboard, or one of its panels. Shape: `board.html`.
#[derive(Debug, Clone, Template)]
#[template(path = "board.html")]
pub struct BoardPage {
    /// What surrounds the page.
    pub frame: Frame,
    /// Its name in addresses.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// Where its file is from.
    pub origin: BoardOrigin,
    /// What its reader chose.
    pub chosen: Chosen,
    /// What its reader may choose.
    pub controls: Vec<ControlField>,
    /// Whether the range is to be chosen.
    pub has_range: bool,
    /// How often it asks again, in seconds; 0: when it is asked to.
    pub refresh_s: u32,
    /// Its panels, in order.
    pub panels: Vec<PanelPart>,
    /// Whether it shows one panel alone.
    pub is_single: bool,
    /// What is wrong with the file as a whole.
    pub problem: Option<SpecProblem>,
}

/// One panel, as it takes the place of the one that was asked for. Shape: `board_panel.html`.
#[derive(Debug, Clone, Template)]
#[template(path = "board_panel.html")]
pub struct BoardPanelPage {
    /// The panel.
    pub part: PanelPart,
}

impl BoardEntry {
    /// Says how many panels it has.
    pub fn panels_words(&self) -> String {
        figure::counted(self.panels as u64, "panel")
    }
}

impl BoardsPage {
    /// Returns the path the header marks as the current one.
    pub fn here(&self) -> &'static str {
        "/d"
    }

    /// Renders the page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }
}

impl BoardPage {
    /// Returns the path the header marks as the current one.
    pub fn here(&self) -> &'static str {
        "/d"
    }

    /// Renders the page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }

    /// Returns the address of the whole dashboard with the same choices.
    pub fn whole(&self) -> String {
        self.chosen.address(&format!("/d/{}", self.name))
    }

    /// Returns where the form of its choices leads.
    pub fn action(&self) -> String {
        match (self.is_single, self.panels.first()) {
            (true, Some(part)) => part.place.own_path(),
            _ => format!("/d/{}", self.name),
        }
    }

    /// Tells whether anything was chosen that can be taken back.
    pub fn is_chosen(&self) -> bool {
        !self.chosen.from.is_empty() || !self.chosen.to.is_empty() || !self.chosen.values.is_empty()
    }

    /// Tells whether scripts draw any of its panels.
    pub fn has_drawings(&self) -> bool {
        self.panels.iter().any(|part| part.place.chart.is_drawn())
    }
}

impl BoardPanelPage {
    /// Renders the panel.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn fragment(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }
}

#[cfg(test)]
mod tests;
