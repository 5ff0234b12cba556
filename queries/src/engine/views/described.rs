//! What a view's file says of itself: `--! title: …`, and `--! column: name type[?] -- what it means` for each column. Types
//! are those of SQL, as answers name them; `?` says that a value may be null.

use super::View;
use crate::catalogue::{Header, Headers, SourceProblem};

/// One column of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewColumn {
    /// Its name in SQL.
    pub name: String,
    /// Its type in SQL.
    pub ty: String,
    /// Whether it can be null.
    pub nullable: bool,
    /// What it means, with units and when it is null.
    pub doc: String,
}

/// Makes a view of a file that is built in.
pub(super) fn view(name: &'static str, reads: &'static [&'static str], sql: &'static str) -> View {
    let (title, columns) = read(name, sql).expect("the headers of built-in views are in order, which a test reads");
    View { name, title, columns, reads, sql }
}

fn read(name: &str, sql: &str) -> Result<(String, Vec<ViewColumn>), SourceProblem> {
    let headers = Headers::parse(&format!("views/{name}.sql"), sql)?;
    headers.refuse_unknown(&["title", "column"])?;
    let title = headers.required("title")?.value.clone();
    let column = |header: &Header| {
        column(header)
            .ok_or_else(|| headers.problem(header.line, "a view's column is `name type[?] -- what it means`", None))
    };
    Ok((title, headers.all("column").map(column).collect::<Result<_, _>>()?))
}

fn column(header: &Header) -> Option<ViewColumn> {
    let (name, ty) = header.value.split_once(' ')?;
    let (ty, nullable) = ty.strip_suffix('?').map_or((ty, false), |ty| (ty, true));
    Some(ViewColumn { name: name.to_owned(), ty: ty.trim().to_owned(), nullable, doc: header.note.clone()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_each_column_is() {
        let sql =
            "--! title: T\n--! column: n bigint -- how many\n--! column: at timestamptz? -- null before\nselect 1";
        let (title, columns) = read("v", sql).unwrap();
        assert_eq!((title.as_str(), columns.len()), ("T", 2));
        assert_eq!(
            (columns[1].ty.as_str(), columns[1].nullable, columns[1].doc.as_str()),
            ("timestamptz", true, "null before")
        );
        assert!(!columns[0].nullable);
    }

    #[test]
    fn a_file_that_leaves_something_open_is_refused() {
        for sql in [
            "select 1",
            "--! title: T\n--! column: n -- how many\nselect 1",
            "--! title: T\n--! column: n bigint\nselect 1",
            "--! title: T\n--! param: n int -- what\nselect 1",
        ] {
            assert!(read("v", sql).is_err(), "{sql}");
        }
    }
}
