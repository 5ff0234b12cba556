//! Each form is written by a real engine and read back by another reader.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringViewArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::catalog::MemTable;
use futures::StreamExt;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::engine::{Engine, EngineConfig, Params, Tables};

fn tables() -> Tables {
    let times =
        TimestampMicrosecondArray::from(vec![1_795_341_600_123_000, 1_795_341_600_123_456]).with_timezone("UTC");
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("n", Arc::new(Int64Array::from(vec![Some(9_007_199_254_740_993), None]))),
        ("f", Arc::new(Float64Array::from(vec![1.5, f64::NAN]))),
        ("t", Arc::new(StringViewArray::from(vec!["=1+1", "a \"b\",\r\nc"]))),
        ("b", Arc::new(BooleanArray::from(vec![true, false]))),
        ("at", Arc::new(times)),
        ("d", Arc::new(Date32Array::from(vec![20_779, 0]))),
        ("x", Arc::new(BinaryArray::from(vec![&[0xde, 0xad][..], &[]]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    vec![("t".to_owned(), Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap()))]
}

async fn ask(sql: &str) -> (Answer, Arc<Engine>, TempDir) {
    let dir = TempDir::new().unwrap();
    let engine = Engine::new(EngineConfig::new(dir.path()), Vec::new()).unwrap();
    let answer = engine.ask(sql, &Params::new(), tables()).await.unwrap();
    (answer, engine, dir)
}

async fn encoded(form: Form, sql: &str) -> Vec<u8> {
    let (answer, _engine, _dir) = ask(sql).await;
    let mut stream = encode(form, answer);
    let mut bytes = Vec::new();
    while let Some(part) = stream.next().await {
        bytes.extend_from_slice(&part.unwrap());
    }
    bytes
}

const ALL: &str = "select n, f, t, b, at, d, x, [n, 1] as l, named_struct('a', b) as s from t order by at";

#[tokio::test]
async fn json_has_columns_rows_and_measures() {
    let (answer, _engine, _dir) = ask(ALL).await;
    let table = serde_json::to_value(json(answer, 10).await.unwrap()).unwrap();
    assert_eq!(
        table["columns"],
        json!([
            {"name": "n", "type": "bigint"}, {"name": "f", "type": "double"}, {"name": "t", "type": "text"},
            {"name": "b", "type": "boolean"}, {"name": "at", "type": "timestamptz"}, {"name": "d", "type": "date"},
            {"name": "x", "type": "bytea"}, {"name": "l", "type": "bigint[]"}, {"name": "s", "type": "record"},
        ])
    );
    assert_eq!(
        table["rows"],
        json!([
            [9_007_199_254_740_993_i64, 1.5, "=1+1", true, "2026-11-22T10:00:00.123Z", "2026-11-22", "dead",
             [9_007_199_254_740_993_i64, 1], {"a": true}],
            [null, null, "a \"b\",\r\nc", false, "2026-11-22T10:00:00.123456Z", "1970-01-01", "",
             [null, 1], {"a": false}],
        ])
    );
    assert_eq!((&table["row_count"], &table["truncated"]), (&json!(2), &json!(false)));
    assert!(table["elapsed_ms"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn json_is_cut_at_its_limit_and_says_so() {
    let (answer, _engine, _dir) = ask("select value from generate_series(1, 500000)").await;
    let table = json(answer, 100).await.unwrap();
    assert_eq!((table.row_count, table.truncated, table.rows.len()), (100, true, 100));
    let (answer, _engine, _dir) = ask("select value from generate_series(1, 100)").await;
    assert!(!json(answer, 100).await.unwrap().truncated, "a limit that is just met cuts nothing");
    let (answer, _engine, _dir) = ask("select value from generate_series(1, 200000)").await;
    assert_eq!(json(answer, usize::MAX).await.unwrap().row_count, ROWS_MAX);
}

#[tokio::test]
async fn json_carries_the_error_of_a_query_that_fails_while_it_runs() {
    let (answer, _engine, _dir) = ask("select 1 / (n - n) from t where n is not null").await;
    assert!(matches!(json(answer, 10).await, Err(QueryError::Invalid { .. })));
}

#[tokio::test]
async fn csv_quotes_and_disarms() {
    let csv = encoded(Form::Csv, "select t, n, -1 as neg, '-1' as text, at, [1, 2] as l from t order by at").await;
    assert_eq!(
        String::from_utf8(csv).unwrap(),
        "t,n,neg,text,at,l\r\n\
         '=1+1,9007199254740993,-1,'-1,2026-11-22T10:00:00.123Z,\"[1,2]\"\r\n\
         \"a \"\"b\"\",\r\nc\",,-1,'-1,2026-11-22T10:00:00.123456Z,\"[1,2]\"\r\n"
    );
    assert_eq!(encoded(Form::Csv, "select n as \"@n\" from t where false").await, b"'@n\r\n", "a header without rows");
}

#[tokio::test]
async fn ndjson_is_one_object_a_row() {
    let lines = encoded(Form::Ndjson, "select a.n, b.n, a.f from t a join t b on a.n = b.n").await;
    let rows: Vec<serde_json::Value> = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(rows, [json!({"n": 9_007_199_254_740_993_i64, "n_2": 9_007_199_254_740_993_i64, "f": 1.5})]);
}

#[tokio::test]
async fn arrow_is_read_back() {
    let bytes = encoded(Form::Arrow, ALL).await;
    let reader = arrow::ipc::reader::StreamReader::try_new(std::io::Cursor::new(bytes), None).unwrap();
    assert_eq!(reader.schema().field(2).data_type(), &DataType::Utf8, "no views in files");
    let batches: Vec<RecordBatch> = reader.map(|batch| batch.unwrap()).collect();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
    assert_eq!(batches[0].column(0).as_primitive::<Int64Type>().value(0), 9_007_199_254_740_993);
    let empty = encoded(Form::Arrow, "select n from t where false").await;
    let reader = arrow::ipc::reader::StreamReader::try_new(std::io::Cursor::new(empty), None).unwrap();
    assert_eq!(reader.schema().field(0).name(), "n");
}

#[tokio::test]
async fn parquet_is_read_back() {
    for (sql, rows) in [
        (ALL, 2),
        ("select n from t where false", 0),
        ("select value, repeat('text', 10) || value as t from generate_series(1, 300000)", 300_000),
        ("select interval '1 day' as i, null as nothing from t", 2),
    ] {
        let bytes = encoded(Form::Parquet, sql).await;
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap().build().unwrap();
        assert_eq!(reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), rows, "{sql}");
    }
}

#[test]
fn forms_are_found_by_what_callers_write() {
    for (accept, form) in [
        ("", Some(Form::Json)),
        ("*/*", Some(Form::Json)),
        ("text/csv", Some(Form::Csv)),
        ("text/html, application/xhtml+xml, */*;q=0.8", Some(Form::Json)),
        ("application/json;q=0.5, text/csv", Some(Form::Csv)),
        ("application/vnd.apache.arrow.stream", Some(Form::Arrow)),
        ("application/vnd.apache.parquet", Some(Form::Parquet)),
        ("Application/X-NDJSON", Some(Form::Ndjson)),
        ("image/png", None),
        ("text/csv;q=0", None),
    ] {
        assert_eq!(Form::from_accept(accept), form, "{accept}");
    }
    for form in Form::ALL {
        assert_eq!(Form::from_extension(form.extension()), Some(form));
    }
    assert_eq!(Form::from_extension("exe"), None);
}
