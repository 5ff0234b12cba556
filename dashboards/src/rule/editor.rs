//! The text of a rule in its form: as it is, or as somebody wrote it and it could not be saved. And the page on which a new
//! rule is written.

use askama::Template;
use serde::Serialize;

use crate::data::DataBlock;
use crate::{Frame, PageError};

/// What a new rule begins with: it compiles, and says what to change.
pub const TEMPLATE: &str = "--! title: Many spends on one device
--! entity: device               -- whom it judges: device, account, guest, session, ip, card, …
--! on: credit
--! window: 1h
--! mode: shadow
--! verdict: throttle            -- what a hit asks for: none (points only), throttle, block
--! points: 40                   -- what it adds to the entity's score, 0-100
--! ttl: 6h                      -- how long a hit lasts after it was last true
--! actions: generate            -- what it restrains; leave it out for every action
--! max_block_rate: 0.5%         -- above it the rule goes back to shadow by itself

select
    device_id                    as entity,
    count(*)                     as observed,
    30                           as threshold
from credits
where op = 'spend'
    and device_id is not null
    and in_window(received_at)
group by device_id
having count(*) >= 30
";

/// The text, and what came of saving it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Editor {
    /// The text in the form.
    pub text: String,
    /// The text that is in force; none for a new rule.
    pub saved: Option<String>,
    /// Why it was not saved.
    pub wrong: Option<Wrong>,
    /// Why it cannot be saved at all; none where it can.
    pub locked: Option<String>,
}

/// Why a text was not saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// The line to blame, from 1; none when the whole is meant.
    pub line: Option<u32>,
    /// What is wrong.
    pub message: String,
    /// What to do about it; may be empty.
    pub remedy: String,
}

/// The page of a rule that is not there yet.
#[derive(Debug, Clone, Template)]
#[template(path = "rule_new.html")]
pub struct NewRulePage {
    /// What surrounds the page.
    pub frame: Frame,
    /// The name in the form.
    pub name: String,
    /// The text in the form.
    pub editor: Editor,
}

#[derive(Serialize)]
struct Handed<'a> {
    name: &'a str,
    version: &'a str,
    may_query: bool,
    saved: Option<&'a str>,
    wrong: Option<&'a Wrong>,
}

impl Editor {
    /// Returns what the scripts of a page need.
    pub(super) fn data(&self, name: &str, version: &str, frame: &Frame) -> DataBlock {
        let may_query = frame.may_query;
        DataBlock::new(&Handed { name, version, may_query, saved: self.saved.as_deref(), wrong: self.wrong.as_ref() })
    }

    /// Returns how many lines the field shows.
    pub fn rows(&self) -> usize {
        (self.text.lines().count() + 1).clamp(12, 40)
    }
}

impl NewRulePage {
    /// Renders the page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }

    /// Returns the path by which the header marks where one is.
    pub fn here(&self) -> &'static str {
        "/rules"
    }

    /// Returns what the scripts of the page need.
    pub fn data(&self) -> DataBlock {
        self.editor.data("", "", &self.frame)
    }
}
