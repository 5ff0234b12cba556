//! What is stored about people, and who looked or changed something: tables with their sizes, the catalogue of fields with the
//! purpose of each, and the audit log. Each is a tab with an address of its own.

mod access;
mod fields;

use askama::Template;

pub use access::{Access, AccessAsked, AccessLine};
pub use fields::{Field, Fields, FieldsAsked, PURPOSES, Purpose};

use crate::{Frame, PageError, Panel, address, figure};

/// The page at one instant. Shape: `data.html`.
#[derive(Debug, Clone, Template)]
#[template(path = "data.html")]
pub struct DataPage {
    /// What surrounds the page.
    pub frame: Frame,
    /// When the answers below were true, in microseconds since the Unix epoch.
    pub now: i64,
    /// What is looked at.
    pub view: View,
}

/// What the page shows.
#[derive(Debug, Clone)]
pub enum View {
    /// The tables.
    Tables(Vec<StoredTable>),
    /// The catalogue of fields.
    Fields(Fields),
    /// The audit log.
    Access(Box<Panel<Access>>, AccessAsked),
    /// The audit log, for a key that may not see it.
    NoAccess,
}

/// One table as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredTable {
    /// Its name.
    pub name: String,
    /// What a row is.
    pub doc: String,
    /// Rows: in files and unflushed.
    pub rows: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// Its files.
    pub files: u64,
    /// Its oldest and its newest row, microseconds; none while it is empty.
    pub span: Option<(i64, i64)>,
    /// For how many days events of it are taken.
    pub retention_days: u64,
    /// How its files are divided.
    pub partition: String,
}

impl StoredTable {
    /// Returns the address of its fields.
    pub fn fields(&self) -> String {
        FieldsAsked { table: self.name.clone(), ..FieldsAsked::default() }.address()
    }

    /// Returns the link that shows its newest rows.
    pub fn as_sql(&self) -> String {
        address::sql(&format!("select *\nfrom {}\norder by received_at desc\nlimit 100\n", self.name))
    }

    /// Writes the retention.
    pub fn retention(&self) -> String {
        figure::counted(self.retention_days, "day")
    }

    /// Tells whether its oldest row is older than events of it are taken.
    pub fn is_past_retention(&self, now: &i64) -> bool {
        let days = i64::try_from(self.retention_days).unwrap_or(i64::MAX);
        self.span.is_some_and(|(oldest, _)| (now - oldest) / crate::moment::DAY > days)
    }
}

impl DataPage {
    /// Renders the page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }

    /// Returns the path by which the header marks where one is.
    pub fn here(&self) -> &'static str {
        "/data"
    }

    /// Lists the tabs: address, what it says, whether it is this one.
    pub fn tabs(&self) -> [(&'static str, &'static str, bool); 3] {
        let is = |view: fn(&View) -> bool| view(&self.view);
        [
            ("/data", "Tables", is(|view| matches!(view, View::Tables(_)))),
            ("/data?tab=fields", "Fields", is(|view| matches!(view, View::Fields(_)))),
            ("/data?tab=access", "Access log", is(|view| matches!(view, View::Access(..) | View::NoAccess))),
        ]
    }

    /// Adds rows, bytes and files of tables up.
    pub fn total(&self) -> StoredTable {
        let View::Tables(tables) = &self.view else { return StoredTable::default() };
        tables.iter().fold(StoredTable::default(), |sum, table| StoredTable {
            rows: sum.rows + table.rows,
            bytes: sum.bytes + table.bytes,
            files: sum.files + table.files,
            ..sum
        })
    }
}

#[cfg(test)]
mod tests;
