//! Rows on their way from the wire to the log: sparse cells in one arena per request. Not yet columns (`columns.rs`).
//!
//! A request's rows share one text buffer and one cell list, so that judging an event allocates nothing of its own, and a
//! column nobody filled costs nothing.

use std::borrow::Cow;
use std::fmt;

use crate::dedupe::Fingerprint;
use crate::kind::Kind;
use crate::schema::{ColumnType, TableSchema};
use crate::traces::Frame;

/// Who vouches for a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Trust {
    /// A server key: facts that rules may believe.
    Server = 0,
    /// A browser key: whatever a client says.
    Public = 1,
}

impl Trust {
    /// Returns the value of the column `trust`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Public => "public",
        }
    }
}

/// One value of one cell, borrowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Text or JSON.
    Text(&'a str),
    /// An integer.
    Int(i64),
    /// A Boolean.
    Bool(bool),
    /// Microseconds since the Unix epoch.
    Time(i64),
    /// Stack frames, newest first.
    Frames(Frames<'a>),
}

/// The frames of one cell.
#[derive(Clone, Copy)]
pub struct Frames<'a> {
    text: &'a str,
    stored: &'a [StoredFrame],
}

impl<'a> Frames<'a> {
    /// Iterates over them.
    pub fn iter(self) -> impl Iterator<Item = Frame<'a>> {
        let read = move |span: Option<Span>| span.map(|span| Cow::Borrowed(span.of(self.text)));
        self.stored.iter().map(move |stored| Frame {
            module: read(stored.module),
            file: read(stored.file),
            function: read(stored.function),
            line: stored.line,
            col: stored.col,
            in_app: stored.in_app,
        })
    }
}

impl fmt::Debug for Frames<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Frames<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// Where a text lies in its rows' buffer.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    len: u32,
}

impl Span {
    fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.start as usize + self.len as usize]
    }
}

#[derive(Clone, Copy, Debug)]
struct StoredFrame {
    module: Option<Span>,
    file: Option<Span>,
    function: Option<Span>,
    line: Option<i64>,
    col: Option<i64>,
    in_app: Option<bool>,
}

#[derive(Clone, Copy, Debug)]
enum Stored {
    Text(Span),
    Int(i64),
    Bool(bool),
    Time(i64),
    Frames { first: u32, count: u32 },
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    column: u16,
    value: Stored,
}

/// What the writer must know of a row besides its cells.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// The table it goes to.
    pub kind: Kind,
    /// The dedupe fingerprint; none for rows Weir itself writes, which cannot repeat.
    pub fingerprint: Option<Fingerprint>,
    first_cell: u32,
    cells: u32,
}

/// The rows of one request, or of one internal writer.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    text: String,
    cells: Vec<Cell>,
    frames: Vec<StoredFrame>,
    heads: Vec<Head>,
}

/// Cells that a usual row has.
const CELLS_USUAL: usize = 28;

impl Rows {
    /// Makes room for the rows of a body of so many bytes, which become about as much text.
    #[must_use]
    pub fn with_room(rows: usize, bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            cells: Vec::with_capacity(rows * CELLS_USUAL),
            frames: Vec::new(),
            heads: Vec::with_capacity(rows),
        }
    }

    /// Begins a row. It counts only once [`RowWriter::finish`] was called; dropped before, it leaves no trace.
    pub fn begin(&mut self, kind: Kind) -> RowWriter<'_> {
        RowWriter {
            kind,
            schema: TableSchema::of(kind),
            text_mark: self.text.len(),
            cell_mark: self.cells.len(),
            frame_mark: self.frames.len(),
            finished: false,
            rows: self,
        }
    }

    /// Returns how many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Tells whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Returns roughly how many bytes the rows hold.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.text.len()
            + self.cells.len() * size_of::<Cell>()
            + self.frames.len() * size_of::<StoredFrame>()
            + self.heads.len() * size_of::<Head>()
    }

    /// Returns the heads, in order.
    #[must_use]
    pub fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// Iterates over the cells of one row as (column place, value).
    pub fn cells(&self, head: &Head) -> impl Iterator<Item = (usize, Value<'_>)> {
        let first = head.first_cell as usize;
        self.cells[first..first + head.cells as usize]
            .iter()
            .map(|cell| (usize::from(cell.column), self.value(cell.value)))
    }

    /// Returns one cell of a row by the column's name, null as `None`.
    #[must_use]
    pub fn get(&self, head: &Head, column: &str) -> Option<Value<'_>> {
        let place = TableSchema::of(head.kind).index(column)?;
        self.cells(head).find(|(column, _)| *column == place).map(|(_, value)| value)
    }

    fn value(&self, stored: Stored) -> Value<'_> {
        match stored {
            Stored::Text(span) => Value::Text(span.of(&self.text)),
            Stored::Frames { first, count } => {
                let stored = &self.frames[first as usize..first as usize + count as usize];
                Value::Frames(Frames { text: &self.text, stored })
            }
            Stored::Int(value) => Value::Int(value),
            Stored::Bool(value) => Value::Bool(value),
            Stored::Time(value) => Value::Time(value),
        }
    }
}

/// A row being filled.
pub struct RowWriter<'a> {
    rows: &'a mut Rows,
    kind: Kind,
    schema: &'static TableSchema,
    text_mark: usize,
    cell_mark: usize,
    frame_mark: usize,
    finished: bool,
}

impl RowWriter<'_> {
    /// Sets the cell at this column's place. Each column is set at most once a row.
    ///
    /// # Panics
    /// In debug builds, when the value's type is not the column's or the column was set before.
    pub fn put(&mut self, column: usize, value: Value<'_>) {
        let stored = match value {
            Value::Text(text) => Stored::Text(self.push_text(text)),
            Value::Int(value) => Stored::Int(value),
            Value::Bool(value) => Stored::Bool(value),
            Value::Time(value) => Stored::Time(value),
            Value::Frames(frames) => return self.frames(column, &frames.iter().collect::<Vec<_>>()),
        };
        self.set(column, stored);
    }

    /// Sets a cell of stack frames, newest first.
    ///
    /// # Panics
    /// As [`put`](Self::put).
    pub fn frames(&mut self, column: usize, frames: &[Frame<'_>]) {
        let first = self.rows.frames.len() as u32;
        for frame in frames {
            let mut push = |text: &Option<Cow<'_, str>>| text.as_deref().map(|text| self.push_text(text));
            let (module, file, function) = (push(&frame.module), push(&frame.file), push(&frame.function));
            let Frame { line, col, in_app, .. } = *frame;
            self.rows.frames.push(StoredFrame { module, file, function, line, col, in_app });
        }
        self.set(column, Stored::Frames { first, count: frames.len() as u32 });
    }

    fn set(&mut self, column: usize, value: Stored) {
        debug_assert!(
            matches!(
                (self.schema.columns()[column].ty, value),
                (ColumnType::Text | ColumnType::Json, Stored::Text(_))
                    | (ColumnType::Int, Stored::Int(_))
                    | (ColumnType::Bool, Stored::Bool(_))
                    | (ColumnType::Time, Stored::Time(_))
                    | (ColumnType::Frames, Stored::Frames { .. })
            ),
            "{} of {} does not take {value:?}",
            self.schema.columns()[column].name,
            self.kind.table()
        );
        debug_assert!(
            self.rows.cells[self.cell_mark..].iter().all(|cell| usize::from(cell.column) != column),
            "{} is set twice",
            self.schema.columns()[column].name
        );
        self.rows.cells.push(Cell { column: column as u16, value });
    }

    /// Sets a text cell by column name, chaining.
    pub fn text(&mut self, column: &str, value: &str) -> &mut Self {
        self.named(column, Value::Text(value))
    }

    /// Sets a text cell by column name if there is a value, chaining.
    pub fn text_if(&mut self, column: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(column, value),
            None => self,
        }
    }

    /// Returns the text of a cell that was set, by column name.
    #[must_use]
    pub fn text_of(&self, column: &str) -> Option<&str> {
        let place = self.schema.index(column)?;
        let cell = self.rows.cells[self.cell_mark..].iter().find(|cell| usize::from(cell.column) == place)?;
        match self.rows.value(cell.value) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Sets an integer cell by column name, chaining.
    pub fn int(&mut self, column: &str, value: i64) -> &mut Self {
        self.named(column, Value::Int(value))
    }

    /// Sets a Boolean cell by column name, chaining.
    pub fn bool(&mut self, column: &str, value: bool) -> &mut Self {
        self.named(column, Value::Bool(value))
    }

    /// Sets a time cell (microseconds since the Unix epoch) by column name, chaining.
    pub fn time(&mut self, column: &str, value: i64) -> &mut Self {
        self.named(column, Value::Time(value))
    }

    /// Makes the row count. `fingerprint` is none for rows that cannot repeat.
    pub fn finish(mut self, fingerprint: Option<Fingerprint>) {
        self.finished = true;
        let first_cell = self.cell_mark as u32;
        let cells = (self.rows.cells.len() - self.cell_mark) as u32;
        self.rows.heads.push(Head { kind: self.kind, fingerprint, first_cell, cells });
    }

    fn named(&mut self, column: &str, value: Value<'_>) -> &mut Self {
        let place = self.schema.index(column).expect("internal writers name columns of the schema");
        self.put(place, value);
        self
    }

    fn push_text(&mut self, text: &str) -> Span {
        let start = self.rows.text.len() as u32;
        self.rows.text.push_str(text);
        Span { start, len: text.len() as u32 }
    }
}

impl Drop for RowWriter<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.rows.text.truncate(self.text_mark);
            self.rows.cells.truncate(self.cell_mark);
            self.rows.frames.truncate(self.frame_mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abandoned_row_leaves_no_trace() {
        let mut rows = Rows::default();
        let mut kept = rows.begin(Kind::Usage);
        kept.text("name", "page.view").int("duration_ms", 3);
        kept.finish(None);
        let bytes = rows.bytes();
        rows.begin(Kind::Logs).text("message", "never mind");
        assert_eq!(rows.bytes(), bytes);
        assert_eq!(rows.len(), 1);
        let head = rows.heads()[0];
        assert_eq!(rows.get(&head, "name"), Some(Value::Text("page.view")));
        assert_eq!(rows.get(&head, "status"), None);
    }
}
