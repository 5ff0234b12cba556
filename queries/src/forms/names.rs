//! Column names that differ: `select a.id, b.id` has two columns `id`, but an object or a file may not.

use std::collections::HashSet;

use arrow::datatypes::Schema;

/// Returns the columns' names, later copies of a name numbered from 2.
pub(super) fn distinct_names(schema: &Schema) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::new();
    let mut names = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let mut name = field.name().clone();
        let mut copy = 2;
        while !taken.insert(name.clone()) {
            name = format!("{}_{copy}", field.name());
            copy += 1;
        }
        names.push(name);
    }
    names
}
