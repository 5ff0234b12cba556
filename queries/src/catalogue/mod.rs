//! The catalogue of stored queries: one SQL file, one question. Built-in files lie in this crate's directories, one an
//! area (`reliability/`, `errors/`, …); the user's own in a directory of theirs, where the same name overrides.
//!
//! `header.rs` reads the `--!` lines (rules share it), `stored.rs` one file, `param.rs` types and binds parameters,
//! `files.rs` finds the files, `loose.rs` reads texts that are no stored queries yet. A file that cannot be read is reported, and the others go on.

mod files;
mod header;
mod loose;
mod param;
mod stored;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub use header::{Header, Headers, SourceProblem};
pub use loose::{params_of, value_from_text};
pub use param::{Param, ParamType};
pub use stored::{ColumnDoc, StoredQuery, Unit};

/// All stored queries, by name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    queries: Vec<Arc<StoredQuery>>,
}

impl Catalogue {
    /// Loads the built-in queries and those of the user's directory (its `*.sql` files and those one directory below,
    /// `rules` left out). Returns the problems of the files that could not be taken.
    #[must_use]
    pub fn load(user_dir: Option<&Path>) -> (Self, Vec<SourceProblem>) {
        let mut problems = Vec::new();
        let mut by_name: BTreeMap<String, Arc<StoredQuery>> = BTreeMap::new();
        let user = user_dir.map(|dir| files::user(dir, &mut problems)).unwrap_or_default();
        for source in files::built_in().into_iter().chain(user) {
            match StoredQuery::parse(&source.area, &source.file, &source.text) {
                Ok(query) => {
                    by_name.insert(query.name.clone(), Arc::new(query));
                }
                Err(problem) => problems.push(problem),
            }
        }
        let mut queries: Vec<_> = by_name.into_values().collect();
        queries.sort_by(|a, b| (&a.area, &a.name).cmp(&(&b.area, &b.name)));
        (Self { queries }, problems)
    }

    /// Returns all queries, by area, then name.
    #[must_use]
    pub fn list(&self) -> &[Arc<StoredQuery>] {
        &self.queries
    }

    /// Returns the query of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<StoredQuery>> {
        self.queries.iter().find(|query| query.name == name)
    }

    /// Returns advice for a name that does not exist, if one is near.
    #[must_use]
    pub fn hint(&self, name: &str) -> Option<String> {
        crate::nearest::did_you_mean(name, self.queries.iter().map(|query| query.name.as_str()))
    }
}
