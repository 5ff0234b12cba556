//! Tables for tests, written as NDJSON: each line is a row and names its `table`. A table that no line names is there, and
//! empty. All have the same columns, whose meaning is the lake's to say: a test needs only their types.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use arrow::json::ReaderBuilder;
use datafusion::catalog::{MemTable, TableProvider};
use serde_json::{Map, Value};

use crate::engine::Tables;

const TABLES: &[&str] = &[
    "credits",
    "devices",
    "errors",
    "hits",
    "identities",
    "issue_states",
    "labels",
    "logs",
    "payments",
    "rejects",
    "sessions",
    "usage",
    "verdicts",
];
const TEXTS: &[&str] = &[
    "account_id",
    "action",
    "api_key_id",
    "as_org",
    "breadcrumbs",
    "browser",
    "browser_version",
    "card_hash",
    "code",
    "component",
    "country",
    "culprit",
    "currency",
    "device_class",
    "device_id",
    "email_root_hash",
    "entity",
    "entity_kind",
    "environment",
    "event",
    "event_id",
    "grouping_reason",
    "guest_id",
    "hash_app",
    "hash_msg",
    "hash_sys",
    "in_release",
    "ip_hash",
    "ip_prefix",
    "issue_id",
    "key",
    "kind",
    "label",
    "level",
    "logger",
    "message",
    "method",
    "mode",
    "model",
    "name",
    "note",
    "op",
    "os",
    "plan",
    "properties",
    "reason",
    "reasons",
    "ref",
    "release",
    "route",
    "rule",
    "session_id",
    "shadow",
    "source",
    "state",
    "status",
    "step_up",
    "trust",
    "type",
    "verdict",
    "version",
    "workspace_id",
];
const INTEGERS: &[&str] = &[
    "amount",
    "amount_minor",
    "asn",
    "balance_after",
    "cost_credits",
    "duration_ms",
    "errors",
    "grouping_version",
    "latency_us",
    "observed",
    "points",
    "quantity",
    "score",
    "seq",
    "threshold",
    "weight",
];
const TIMES: &[&str] = &["first_at", "observed_at", "received_at", "started", "ts", "until"];
const FLAGS: &[&str] = &["degraded", "handled", "is_bot", "is_regressed"];

fn schema(hidden: &[&str]) -> SchemaRef {
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let of = |names: &[&'static str], ty: DataType| {
        let shown = names.iter().filter(|name| !hidden.contains(name));
        shown.map(|name| Field::new(*name, ty.clone(), true)).collect::<Vec<_>>()
    };
    let texts = of(TEXTS, DataType::Utf8View);
    let fields = [of(TIMES, utc), of(INTEGERS, DataType::Int64), of(FLAGS, DataType::Boolean), texts];
    let frame = ["module", "file", "function"].map(|name| Field::new(name, DataType::Utf8, true)).into_iter();
    let frame = frame.chain(["line", "col"].map(|name| Field::new(name, DataType::Int64, true)));
    let frame = frame.chain([Field::new("in_app", DataType::Boolean, true)]).collect::<Fields>();
    let frames = DataType::List(Arc::new(Field::new_struct("item", frame, true)));
    Arc::new(Schema::new([fields.concat(), of(&["frames"], frames)].concat()))
}

/// Returns the tables that hold these rows.
pub(crate) fn tables(ndjson: &str) -> Tables {
    tables_without(&[], ndjson)
}

/// Returns the tables that hold these rows, without some columns.
pub(crate) fn tables_without(hidden: &[&str], ndjson: &str) -> Tables {
    let mut lines: BTreeMap<String, String> = TABLES.iter().map(|table| ((*table).to_owned(), String::new())).collect();
    for line in ndjson.lines() {
        let mut row: Map<String, Value> = serde_json::from_str(line).expect(line);
        let table = row.remove("table");
        let table = table.as_ref().and_then(Value::as_str).expect("a line names its table");
        let rows = lines.get_mut(table).expect("one of the tables");
        rows.push_str(&serde_json::to_string(&row).unwrap());
        rows.push('\n');
    }
    let schema = schema(hidden);
    let table = |(name, rows): (String, String)| {
        let reader = ReaderBuilder::new(Arc::clone(&schema)).with_strict_mode(hidden.is_empty());
        let batches: Vec<RecordBatch> = reader.build(rows.as_bytes()).unwrap().map(|batch| batch.unwrap()).collect();
        let table = MemTable::try_new(Arc::clone(&schema), vec![batches]).unwrap();
        (name, Arc::new(table) as Arc<dyn TableProvider>)
    };
    lines.into_iter().map(table).collect()
}
