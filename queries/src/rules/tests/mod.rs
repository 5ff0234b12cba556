//! Tests of the rule engine as a whole, and what they share: tables, events, and rules made from a few lines.

mod built_in;
mod classify;
mod evidence;
mod faults;
mod load;
mod parity;
mod restart;
mod scheduled;

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::MemTable;
use serde_json::Value;

use super::functions::time_type;
use super::rule::Rule;
use super::{LiveLimits, LiveRules, RuleCompiler};
use crate::engine::{Engine, EngineConfig, Tables};
use crate::hits::{HitBook, Mode, Transition, TransitionKind};

pub(super) const SECOND: i64 = 1_000_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;

/// A whole hour in November 2026.
pub(super) const START: i64 = 1_795_341_600 * SECOND;

const TEXTS: [&str; 15] = [
    "event_id",
    "trust",
    "account_id",
    "guest_id",
    "device_id",
    "session_id",
    "workspace_id",
    "api_key_id",
    "ip_prefix",
    "ip_hash",
    "op",
    "browser",
    "country",
    "as_org",
    "properties",
];

/// The columns of the event tables that the tests need, as SQL sees them; the kinds differ in their last columns.
pub(super) fn schemas() -> Vec<(String, SchemaRef)> {
    let text = |name: &str| Field::new(name, DataType::Utf8View, true);
    let int = |name: &str| Field::new(name, DataType::Int64, true);
    let time = |name: &str| Field::new(name, time_type(), true);
    let flag = |name: &str| Field::new(name, DataType::Boolean, true);
    let table = |name: &str, own: Vec<Field>| {
        let facts = [time("ts"), time("received_at"), int("asn"), int("seq"), flag("is_bot")];
        let common = TEXTS.iter().map(|name| text(name)).chain(facts);
        (name.to_owned(), Arc::new(Schema::new(common.chain(own).collect::<Vec<_>>())) as SchemaRef)
    };
    let hit =
        ["rule", "version", "entity_kind", "entity", "state", "mode", "verdict", "component"].map(text).into_iter();
    let hit = hit.chain(["observed", "threshold", "points"].map(int)).chain(["first_at", "until"].map(time));
    vec![
        table("credits", vec![int("amount"), int("balance_after"), text("reason"), text("ref"), text("referrer_id")]),
        table(
            "payments",
            vec![int("amount_minor"), text("card_hash"), text("decline_code"), text("provider_payment_id")],
        ),
        table("identities", {
            let texts =
                ["method", "email_hash", "email_root_hash", "email_domain", "referrer_id"].map(text).into_iter();
            texts.chain([flag("email_disposable")]).collect()
        }),
        table("usage", vec![text("name"), text("status"), int("quantity")]),
        table("devices", vec![text("fingerprint")]),
        table("hits", hit.collect()),
    ]
}

fn schema(table: &str) -> SchemaRef {
    schemas().into_iter().find(|(name, _)| name == table).expect("a known table").1
}

/// One event: `trust` is `server` unless it says otherwise.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) table: &'static str,
    pub(super) at: i64,
    pub(super) values: Value,
}

pub(super) fn event(table: &'static str, at: i64, values: Value) -> Event {
    Event { table, at, values }
}

/// Builds events of one table as the log hands them on: text as `Utf8`, all-null columns left out.
pub(super) fn batch(events: &[Event]) -> RecordBatch {
    let full = full_batch(events, DataType::Utf8);
    let kept: Vec<usize> =
        (0..full.num_columns()).filter(|place| full.column(*place).null_count() < full.num_rows()).collect();
    full.project(&kept).expect("columns of the batch")
}

fn full_batch(events: &[Event], text: DataType) -> RecordBatch {
    let schema = schema(events[0].table);
    let columns = schema.fields().iter().map(|field| column(field, events, &text));
    let columns: Vec<ArrayRef> = columns.collect();
    let fields = schema.fields().iter().zip(&columns);
    let fields: Vec<Field> =
        fields.map(|(field, array)| Field::new(field.name(), array.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns of one length")
}

fn column(field: &Field, events: &[Event], text: &DataType) -> ArrayRef {
    let values = events.iter().map(|event| &event.values[field.name()]);
    match (field.name().as_str(), field.data_type()) {
        ("received_at" | "ts", _) => {
            let times: TimestampMicrosecondArray = events.iter().map(|event| Some(event.at)).collect();
            Arc::new(times.with_timezone("UTC"))
        }
        ("trust", _) => {
            let trust: StringArray = values.map(|value| Some(value.as_str().unwrap_or("server"))).collect();
            cast(&trust, text).expect("text")
        }
        (_, DataType::Int64) => Arc::new(values.map(Value::as_i64).collect::<Int64Array>()),
        (_, DataType::Boolean) => Arc::new(values.map(Value::as_bool).collect::<BooleanArray>()),
        (_, DataType::Timestamp(..)) => {
            let times: TimestampMicrosecondArray = values.map(Value::as_i64).collect();
            Arc::new(times.with_timezone("UTC"))
        }
        _ => cast(&values.map(Value::as_str).collect::<StringArray>(), text).expect("text"),
    }
}

/// The lake: all tables, holding these events.
pub(super) fn tables(events: &[Event]) -> Tables {
    let table = |(name, schema): (String, SchemaRef)| {
        let of_table: Vec<Event> = events.iter().filter(|event| event.table == name).cloned().collect();
        let batches = if of_table.is_empty() {
            vec![]
        } else {
            vec![full_batch(&of_table, DataType::Utf8View).with_schema(Arc::clone(&schema)).expect("the same types")]
        };
        let provider = MemTable::try_new(schema, vec![batches]).expect("batches of the schema");
        (name, Arc::new(provider) as _)
    };
    schemas().into_iter().map(table).collect()
}

/// One engine for all tests: it owns threads.
pub(super) fn engine() -> &'static Arc<Engine> {
    static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| {
        let spill = std::env::temp_dir().join(format!("weir-rules-test-{}", std::process::id()));
        Engine::new(EngineConfig { timeout_ms: 120_000, ..EngineConfig::new(spill) }, vec![]).expect("an engine")
    });
    &ENGINE
}

pub(super) fn compiler() -> RuleCompiler {
    RuleCompiler::new(Arc::clone(engine()), &schemas())
}

/// Compiles a rule of these headers (a title and a ttl of 1h are added) and this text.
pub(super) fn rule(name: &str, headers: &str, sql: &str) -> Arc<Rule> {
    Arc::new(try_rule(name, headers, sql).expect("a good rule"))
}

pub(super) fn try_rule(name: &str, headers: &str, sql: &str) -> Result<Rule, String> {
    let ttl = if headers.contains("ttl:") { "" } else { "--! ttl: 1h\n" };
    let headers: String = headers.split(';').map(|header| format!("--! {}\n", header.trim())).collect();
    let text = format!("--! title: T\n{ttl}{headers}{sql}");
    compiler().compile(name, &format!("{name}.sql"), &text).map_err(|problem| problem.to_string())
}

/// Live rules that are warm over an empty lake.
pub(super) async fn warm(rules: &[Arc<Rule>]) -> (LiveRules, Arc<HitBook>) {
    let book = Arc::new(HitBook::new());
    let live = LiveRules::new(Arc::clone(&book), LiveLimits::default());
    let modes: Vec<_> = rules.iter().map(|rule| (Arc::clone(rule), Mode::Live)).collect();
    live.install(&modes, 0);
    live.rebuild(engine(), &tables(&[]), 0).await.expect("an empty lake");
    (live, book)
}

/// Observes events in the order of time, those of one time and table together.
pub(super) fn observe_all(live: &LiveRules, events: &[Event]) -> Vec<Transition> {
    events
        .chunk_by(|a, b| a.at == b.at && a.table == b.table)
        .flat_map(|together| live.observe(together[0].table, &batch(together), together[0].at))
        .collect()
}

/// Writes transitions as `opened d1 4 throttle`.
pub(super) fn told(transitions: &[Transition]) -> Vec<String> {
    let tell = |transition: &Transition| {
        let hit = &transition.hit;
        format!("{} {} {} {}", transition.kind.state(), hit.entity, hit.observed, hit.verdict.name())
    };
    transitions.iter().map(tell).collect()
}

pub(super) fn of_kind(transitions: &[Transition], kind: TransitionKind) -> Vec<Transition> {
    transitions.iter().filter(|transition| transition.kind == kind).cloned().collect()
}

pub(super) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}
