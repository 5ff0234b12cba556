//! The forms of an answer: the same rows in JSON, NDJSON, CSV, Arrow and Parquet.

use std::io::Cursor;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow::ipc::reader::StreamReader;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use super::seed;
use crate::http::Reply;
use crate::server::{Server, Site};

const SQL: &str = "select event_id, duration_ms, status, account_id = 'acct_1' as mine from usage order by event_id";

/// Reads an Arrow stream.
pub(super) fn read_arrow(bytes: &[u8]) -> Vec<RecordBatch> {
    StreamReader::try_new(Cursor::new(bytes), None).unwrap().map(Result::unwrap).collect()
}

fn read_parquet(bytes: &[u8]) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes)).unwrap();
    reader.build().unwrap().map(Result::unwrap).collect()
}

fn accepting(server: &Server, accept: &str) -> Reply {
    let body = json!({"sql": SQL}).to_string();
    let answer = server.admin().send("POST", "/v1/sql", &[("accept", accept)], Some(body.as_bytes()));
    assert_eq!(answer.status, 200, "{accept}: {}", answer.text());
    answer
}

fn durations(batches: &[RecordBatch]) -> Vec<i64> {
    let column = |batch: &RecordBatch| {
        batch.column_by_name("duration_ms").unwrap().as_primitive::<Int64Type>().values().to_vec()
    };
    batches.iter().flat_map(column).collect()
}

#[test]
fn every_form_holds_the_same_rows() {
    let site = Site::new();
    let server = site.start();
    seed(&server.admin());
    let expected: Vec<i64> = (0..30).map(|number| number * 10).collect();
    for accept in ["application/json", "*/*", "text/html, application/json;q=0.9"] {
        let answer = accepting(&server, accept);
        assert!(answer.header("content-type").unwrap().starts_with("application/json"));
        let found: Vec<i64> =
            answer.json()["rows"].as_array().unwrap().iter().map(|row| row[1].as_i64().unwrap()).collect();
        assert_eq!(found, expected);
    }
    let lines = accepting(&server, "application/x-ndjson");
    assert!(lines.header("content-type").unwrap().starts_with("application/x-ndjson"));
    let rows: Vec<Value> = lines.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows[1], json!({"event_id": "e01", "duration_ms": 10, "status": "ok", "mine": true}));
    assert_eq!(rows.iter().map(|row| row["duration_ms"].as_i64().unwrap()).collect::<Vec<_>>(), expected);
    let csv = accepting(&server, "text/csv");
    assert!(csv.header("content-type").unwrap().starts_with("text/csv"));
    let text = csv.text();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("event_id,duration_ms,status,mine"));
    assert_eq!(lines.next(), Some("e00,0,error,false"));
    assert_eq!(lines.count(), 29);
    let arrow = accepting(&server, "application/vnd.apache.arrow.stream");
    assert_eq!(durations(&read_arrow(&arrow.body)), expected);
    let parquet = accepting(&server, "application/vnd.apache.parquet");
    assert_eq!(durations(&read_parquet(&parquet.body)), expected);
}

#[test]
fn an_answer_without_rows_is_whole_in_every_form() {
    let site = Site::new();
    let server = site.start();
    seed(&server.admin());
    let body = json!({"sql": "select event_id, duration_ms from usage where event_id = 'none'"}).to_string();
    let ask = |accept| server.admin().send("POST", "/v1/sql", &[("accept", accept)], Some(body.as_bytes()));
    let json = ask("application/json").expect(200);
    assert_eq!((&json["rows"], &json["row_count"]), (&json!([]), &json!(0)));
    assert_eq!(json["columns"].as_array().unwrap().len(), 2);
    assert_eq!(ask("application/x-ndjson").text(), "");
    assert_eq!(ask("text/csv").text().trim_end(), "event_id,duration_ms");
    let stream = StreamReader::try_new(Cursor::new(ask("application/vnd.apache.arrow.stream").body), None).unwrap();
    assert_eq!(stream.schema().fields().len(), 2);
    let parquet = Bytes::from(ask("application/vnd.apache.parquet").body);
    assert_eq!(ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap().schema().fields().len(), 2);
}

#[test]
fn a_spreadsheet_takes_no_cell_for_a_formula() {
    let site = Site::new();
    let server = site.start();
    let sql = r#"{"sql":"select '=1+1' as a, '+2' as b, '-3' as c, '@x' as d, 'a,b' as e, 'say \"hi\"' as f, -5 as g, null as h"}"#;
    let csv = server.admin().send("POST", "/v1/sql", &[("accept", "text/csv")], Some(sql.as_bytes())).text();
    let line = csv.lines().nth(1).unwrap();
    for formula in ["=1+1", "+2", "-3", "@x"] {
        assert!(line.contains(&format!("'{formula}")), "{formula} in {line}");
    }
    assert!(line.contains("\"a,b\"") && line.contains("\"say \"\"hi\"\"\"") && line.contains(",-5,"), "{line}");
}

#[test]
fn an_error_has_its_status_in_every_form() {
    let site = Site::new();
    let server = site.start();
    for accept in
        ["application/x-ndjson", "text/csv", "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"]
    {
        let answer = server.admin().send(
            "POST",
            "/v1/sql",
            &[("accept", accept)],
            Some(br#"{"sql":"select nothing from usage"}"#),
        );
        answer.refusal(400);
        let forbidden =
            server.admin().send("POST", "/v1/sql", &[("accept", accept)], Some(br#"{"sql":"drop table usage"}"#));
        forbidden.refusal(403);
    }
}

#[test]
fn a_long_answer_streams_without_being_gathered() {
    let site = Site::new();
    let server = site.start();
    let sql = json!({"sql": "select a.value * 1000 + b.value as number from generate_series(1, 400) a, generate_series(1, 500) b"}).to_string();
    let answer = server.admin().send("POST", "/v1/sql", &[("accept", "text/csv")], Some(sql.as_bytes()));
    assert_eq!(answer.status, 200, "{}", answer.text().chars().take(500).collect::<String>());
    assert_eq!(answer.text().lines().count(), 200_001);
}
