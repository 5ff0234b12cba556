//! Runs every built-in query that has a case: `AREA/cases/NAME/events.ndjson` in (each line names its `table`),
//! `params.json` bound, `expected.txt` out. With `WEIR_WRITE_CASES=1` the answers are written instead of compared.

use std::fs;
use std::path::{Path, PathBuf};

use arrow::util::pretty::pretty_format_batches;
use tempfile::TempDir;

use super::*;
use crate::engine::{Engine, EngineConfig};
use crate::sample::tables;

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
    assert!(cases.len() >= 8, "{cases:?}");
    for (name, dir) in cases {
        let query = catalogue.get(&name).unwrap_or_else(|| panic!("{name} is no query"));
        let given = fs::read_to_string(dir.join("params.json")).unwrap();
        let given: Params = serde_json::from_str(&given).unwrap();
        let params = query.bind(&given, NOW).unwrap();
        let events = fs::read_to_string(dir.join("events.ndjson")).unwrap();
        let answer = engine.ask(&query.sql, &params, tables(&events)).await;
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
    for query in catalogue.list() {
        assert!(cases.contains(&query.name), "{} has no case", query.name);
        let params = query.bind_to_plan(NOW).unwrap();
        engine.check(&query.sql, &params, tables("")).await.unwrap_or_else(|error| panic!("{}: {error:?}", query.name));
    }
}
