//! Runs every built-in query that has a case: `AREA/cases/NAME/events.ndjson` in (each line names its `table`),
//! `params.json` bound, `expected.txt` out. With `WEIR_WRITE_CASES=1` the answers are written instead of compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use arrow::json::ReaderBuilder;
use arrow::util::pretty::pretty_format_batches;
use datafusion::catalog::MemTable;
use tempfile::TempDir;

use super::*;
use crate::engine::{Engine, EngineConfig, Tables};

/// The columns that the queries read. Their meaning is the lake's to say; a case needs only their types.
const TEXTS: &[&str] = &[
    "account_id",
    "breadcrumbs",
    "browser",
    "browser_version",
    "country",
    "culprit",
    "device_class",
    "environment",
    "event_id",
    "grouping_reason",
    "guest_id",
    "hash_app",
    "hash_msg",
    "hash_sys",
    "in_release",
    "issue_id",
    "level",
    "logger",
    "message",
    "model",
    "name",
    "op",
    "os",
    "plan",
    "properties",
    "reason",
    "ref",
    "release",
    "route",
    "session_id",
    "status",
    "trust",
    "type",
    "workspace_id",
];
const NUMBERS: &[&str] = &["amount", "duration_ms", "grouping_version", "quantity", "seq"];

fn schema() -> SchemaRef {
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let frame = ["module", "file", "function"].map(|name| Field::new(name, DataType::Utf8, true)).into_iter();
    let frame = frame.chain(["line", "col"].map(|name| Field::new(name, DataType::Int64, true)));
    let frame = frame.chain([Field::new("in_app", DataType::Boolean, true)]);
    let mut fields = vec![
        Field::new("ts", utc.clone(), true),
        Field::new("received_at", utc, true),
        Field::new("handled", DataType::Boolean, true),
        Field::new("is_regressed", DataType::Boolean, true),
        Field::new(
            "frames",
            DataType::List(Arc::new(Field::new_struct("item", frame.collect::<Fields>(), true))),
            true,
        ),
    ];
    fields.extend(NUMBERS.iter().map(|name| Field::new(*name, DataType::Int64, true)));
    fields.extend(TEXTS.iter().map(|name| Field::new(*name, DataType::Utf8View, true)));
    Arc::new(Schema::new(fields))
}

/// Reads a case's rows into tables. A table that no line names is there, and empty.
fn tables(events: &Path) -> Tables {
    let always = ["credits", "errors", "identities", "issue_states", "logs", "payments", "usage"];
    let mut lines: BTreeMap<String, String> = always.map(|table| (table.to_owned(), String::new())).into();
    for line in fs::read_to_string(events).unwrap().lines() {
        let mut row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).expect(line);
        let table =
            row.remove("table").and_then(|table| table.as_str().map(str::to_owned)).expect("a line names its table");
        let rows = lines.entry(table).or_default();
        rows.push_str(&serde_json::to_string(&row).unwrap());
        rows.push('\n');
    }
    let table = |(name, rows): (String, String)| {
        let reader = ReaderBuilder::new(schema()).with_strict_mode(true).build(rows.as_bytes()).unwrap();
        let batches: Vec<RecordBatch> = reader.map(|batch| batch.unwrap()).collect();
        let table: Arc<dyn datafusion::catalog::TableProvider> =
            Arc::new(MemTable::try_new(schema(), vec![batches]).unwrap());
        (name, table)
    };
    lines.into_iter().map(table).collect()
}

fn case_dirs() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut dirs = Vec::new();
    for area in ["reliability", "errors", "product", "credits", "abuse", "pipeline"] {
        let Ok(cases) = fs::read_dir(root.join(area).join("cases")) else { continue };
        for case in cases {
            let path = case.unwrap().path();
            dirs.push((path.file_name().unwrap().to_string_lossy().into_owned(), path));
        }
    }
    dirs.sort();
    dirs
}

#[tokio::test]
async fn every_case_gives_its_expected_answer() {
    let (catalogue, _) = Catalogue::load(None);
    let scratch = TempDir::new().unwrap();
    let engine = Engine::new(EngineConfig::new(scratch.path()), Vec::new()).unwrap();
    let cases = case_dirs();
    assert!(cases.len() >= 5, "{cases:?}");
    for (name, dir) in cases {
        let query = catalogue.get(&name).unwrap_or_else(|| panic!("{name} is no query"));
        let given = fs::read_to_string(dir.join("params.json")).unwrap();
        let given: Params = serde_json::from_str(&given).unwrap();
        let params = query.bind(&given, NOW).unwrap();
        let answer = engine.ask(&query.sql, &params, tables(&dir.join("events.ndjson"))).await;
        let answer = answer.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let documented: Vec<&str> = query.columns.iter().map(|column| column.name.as_str()).collect();
        let columns: Vec<&str> = answer.schema().fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(columns, documented, "{name}: the headers describe the columns, in order");
        let drawn = format!("{}\n", pretty_format_batches(&answer.collect().await.unwrap()).unwrap());
        let expected = dir.join("expected.txt");
        if std::env::var_os("WEIR_WRITE_CASES").is_some() {
            fs::write(&expected, drawn).unwrap();
        } else {
            assert_eq!(drawn, fs::read_to_string(&expected).unwrap(), "{name}");
        }
    }
}

#[tokio::test]
async fn every_query_has_a_case_and_plans_with_its_defaults() {
    let (catalogue, _) = Catalogue::load(None);
    let scratch = TempDir::new().unwrap();
    let engine = Engine::new(EngineConfig::new(scratch.path()), Vec::new()).unwrap();
    let cases: Vec<String> = case_dirs().into_iter().map(|(name, _)| name).collect();
    let empty = scratch.path().join("none.ndjson");
    fs::write(&empty, "").unwrap();
    for query in catalogue.list() {
        assert!(cases.contains(&query.name), "{} has no case", query.name);
        let mut given = Params::new();
        for param in query.params.iter().filter(|param| param.name == "issue") {
            given.insert(param.name.clone(), json!("iss_a"));
        }
        let params = query.bind(&given, NOW).unwrap();
        engine
            .check(&query.sql, &params, tables(&empty))
            .await
            .unwrap_or_else(|error| panic!("{}: {error:?}", query.name));
    }
}
