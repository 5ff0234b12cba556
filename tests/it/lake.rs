//! A second reader of the tables, which shares nothing with the program: the Delta log as its specification has it, and the
//! Parquet files it names.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::json::LineDelimitedWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

/// Returns the data files that are part of a table's newest version.
pub(crate) fn active_files(table: &Path) -> Vec<PathBuf> {
    let log = table.join("_delta_log");
    let mut active = BTreeSet::new();
    let mut apply = |action: &Value| {
        if let Some(path) = action["add"]["path"].as_str() {
            assert!(active.insert(path.to_owned()), "{path} is added twice");
        }
        if let Some(path) = action["remove"]["path"].as_str() {
            active.remove(path);
        }
    };
    let mut next = 0;
    if let Ok(pointer) = std::fs::read(log.join("_last_checkpoint")) {
        let pointer: Value = serde_json::from_slice(&pointer).unwrap();
        let version = pointer["version"].as_u64().unwrap();
        assert!(pointer["parts"].is_null(), "checkpoints have one part");
        rows(&log.join(format!("{version:020}.checkpoint.parquet"))).iter().for_each(&mut apply);
        next = version + 1;
    }
    while let Ok(commit) = std::fs::read_to_string(log.join(format!("{next:020}.json"))) {
        assert!(!commit.is_empty(), "commit {next} is empty");
        commit.lines().for_each(|line| apply(&serde_json::from_str(line).unwrap()));
        next += 1;
    }
    assert!(next > 0, "{} has no log", table.display());
    active.into_iter().map(|path| table.join(path)).collect()
}

/// Returns every value of a text column over the files of a table's newest version.
pub(crate) fn texts(table: &Path, column: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for file in active_files(table) {
        texts.extend(rows(&file).iter().filter_map(|row| row[column].as_str().map(str::to_owned)));
    }
    texts
}

/// Returns the rows of a Parquet file as JSON objects; nulls are left out.
pub(crate) fn rows(file: &Path) -> Vec<Value> {
    let lines = as_ndjson(file);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns everything that is in a Parquet file as lines of JSON.
pub(crate) fn as_ndjson(file: &Path) -> String {
    let open = File::open(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let reader = ParquetRecordBatchReaderBuilder::try_new(open).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let mut writer = LineDelimitedWriter::new(Vec::new());
    writer.write_batches(&batches.iter().collect::<Vec<_>>()).unwrap();
    writer.finish().unwrap();
    String::from_utf8(writer.into_inner()).unwrap()
}
