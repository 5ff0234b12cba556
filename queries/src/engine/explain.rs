//! What EXPLAIN may tell: the plan, not where the files lie.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::DataType;

/// Replaces the file lists in a batch of plan lines by their counts.
pub(super) fn hide_files(batch: RecordBatch) -> RecordBatch {
    let columns = batch.columns().iter().map(|column| match column.data_type() {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>().iter();
            Arc::new(texts.map(|text| text.map(hide_in_text)).collect::<StringArray>()) as ArrayRef
        }
        _ => Arc::clone(column),
    });
    let columns = columns.collect();
    RecordBatch::try_new(batch.schema(), columns).expect("the columns keep their number, types and lengths")
}

/// Replaces each `file_groups={…}` of a plan, and every word that names a Parquet file.
fn hide_in_text(text: &str) -> String {
    const LABEL: &str = "file_groups={";
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = rest.find(LABEL) {
        let (before, list) = rest.split_at(found + LABEL.len());
        shown.push_str(before);
        let end = closing_brace(list);
        let files = list[..end].matches(".parquet").count();
        shown.push_str(&format!("{files} files"));
        rest = &list[end..];
    }
    shown.push_str(rest);
    if !shown.contains(".parquet") {
        return shown;
    }
    shown.split(' ').map(|word| if word.contains(".parquet") { "(a file)" } else { word }).collect::<Vec<_>>().join(" ")
}

/// Returns where the brace closes that stands open before the text.
fn closing_brace(text: &str) -> usize {
    let mut open = 1_usize;
    for (at, character) in text.char_indices() {
        match character {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_lists_become_counts() {
        let plan = "DataSourceExec: file_groups={2 groups: [[lake/day=1/a.parquet:0..9], [b.parquet]]}, projection=[a]";
        assert_eq!(hide_in_text(plan), "DataSourceExec: file_groups={2 files}, projection=[a]");
        assert_eq!(hide_in_text("read /x/y.parquet now"), "read (a file) now");
        assert_eq!(hide_in_text("Filter: route = '/v1/a/b'"), "Filter: route = '/v1/a/b'");
    }
}
