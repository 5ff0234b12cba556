//! The columns of every table, stated once: name, type, purpose and meaning. Arrow schemas, the catalogue at
//! `/v1/tables` and the batch builder all read this list. To add a column, add a line.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use crate::kind::Kind;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// UTF-8 text.
    Text,
    /// JSON in text; read it with the JSON functions.
    Json,
    /// A 64-bit signed integer.
    Int,
    /// A Boolean.
    Bool,
    /// A UTC time in microseconds.
    Time,
    /// Stack frames, newest first: list of struct (module, file, function, line, col, in_app).
    Frames,
}

/// Why a column is kept (TRUST.md). A key's SQL sees only the purposes the key carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Needed to run the product and Weir itself.
    Operate,
    /// Product analytics.
    Product,
    /// Reliability and troubleshooting.
    Reliability,
    /// Credits, plans and billing.
    Billing,
    /// Preventing abuse.
    Abuse,
}

/// One column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The column's name in SQL and in the files.
    pub name: &'static str,
    /// Its type.
    pub ty: ColumnType,
    /// Why it is kept.
    pub purpose: Purpose,
    /// What it means, with units and when it is null.
    pub doc: &'static str,
}

const fn column(name: &'static str, ty: ColumnType, purpose: Purpose, doc: &'static str) -> Column {
    Column { name, ty, purpose, doc }
}

use ColumnType::{Bool, Frames, Int, Json, Text, Time};
use Purpose::{Abuse, Billing, Operate, Product, Reliability};

/// The columns that every table begins with, in order.
pub const COMMON: &[Column] = &[
    column("event_id", Text, Operate, "the sender's id of the event, or ours; unique per trust and kind"),
    column("seq", Int, Operate, "place in the log: orders events of one received_at"),
    column("ts", Time, Product, "when it happened, by the sender's clock"),
    column("received_at", Time, Operate, "when Weir received it; the clock of windows and retention"),
    column("trust", Text, Operate, "server or public: the kind of key that sent it"),
    column("source", Text, Operate, "native, sentry, segment, posthog, otlp, simulate or import"),
    column("account_id", Text, Product, "the signed-in account; opaque"),
    column("guest_id", Text, Product, "the guest workspace's owner before sign-up; opaque"),
    column("device_id", Text, Abuse, "the client device; opaque"),
    column("session_id", Text, Product, "the session; opaque"),
    column("workspace_id", Text, Product, "the workspace; survives a bind"),
    column("api_key_id", Text, Abuse, "the app's API key that made it; null for interactive use"),
    column("ip_prefix", Text, Abuse, "the client network, /24 or /48"),
    column("ip_hash", Text, Abuse, "keyed hash of the client address; the key rotates"),
    column("country", Text, Product, "ISO 3166-1 alpha-2 of the address; null without a country database"),
    column("asn", Int, Abuse, "autonomous system number; null without a network database"),
    column("as_org", Text, Abuse, "the network's organisation; null without a network database"),
    column("browser", Text, Reliability, "browser family"),
    column("browser_version", Text, Reliability, "browser major version"),
    column("os", Text, Reliability, "operating system family"),
    column("device_class", Text, Reliability, "desktop, mobile, tablet, bot or other"),
    column("is_bot", Bool, Abuse, "the user agent names itself a bot"),
    column("release", Text, Reliability, "the app's release"),
    column("environment", Text, Reliability, "production, staging, …"),
    column("properties", Json, Product, "whatever else the sender told, scrubbed"),
];

const USAGE: &[Column] = &[
    column("name", Text, Product, "what was done: image.generate, page.view, …"),
    column("status", Text, Reliability, "ok, error or cancelled"),
    column("duration_ms", Int, Reliability, "how long it took, milliseconds"),
    column("route", Text, Reliability, "the app's route"),
    column("model", Text, Product, "the generation model"),
    column("quantity", Int, Product, "how many"),
];

const ERRORS: &[Column] = &[
    column("type", Text, Reliability, "exception type"),
    column("message", Text, Reliability, "scrubbed message, at most 2 KiB"),
    column("level", Text, Reliability, "debug, info, warning, error or fatal"),
    column("handled", Bool, Reliability, "whether the app caught it"),
    column("culprit", Text, Reliability, "the frame to blame: function in file"),
    column("frames", Frames, Reliability, "the stack, newest frame first"),
    column("breadcrumbs", Json, Reliability, "what happened before, scrubbed"),
    column(
        "hash_app",
        Text,
        Reliability,
        "grouping hash of the app's own frames; of the client's fingerprint, if it gave one",
    ),
    column("hash_sys", Text, Reliability, "grouping hash of all frames"),
    column(
        "hash_msg",
        Text,
        Reliability,
        "grouping hash of type and message without what changes; groups only errors without a stack",
    ),
    column("grouping_version", Int, Reliability, "version of the grouping rules"),
    column("grouping_reason", Text, Reliability, "why it was grouped so"),
    column(
        "issue_id",
        Text,
        Reliability,
        "the issue it belongs to, as of the moment of asking; null in the files and in rules",
    ),
];

const DEVICES: &[Column] = &[
    column("fingerprint", Text, Abuse, "the client's fingerprint hash"),
    column("screen", Text, Reliability, "width x height in pixels"),
    column("timezone", Text, Product, "IANA time zone"),
    column("languages", Text, Product, "preferred languages, comma-separated"),
    column("webdriver", Bool, Abuse, "the browser says it is automated"),
    column("storage_cleared", Bool, Abuse, "the client found its storage emptied"),
    column("first_seen_hint", Time, Abuse, "when the client believes it was first seen"),
];

const LOGS: &[Column] = &[
    column("level", Text, Reliability, "debug, info, warn, error or fatal"),
    column("logger", Text, Reliability, "the logger's name"),
    column("message", Text, Reliability, "scrubbed message, at most 2 KiB"),
    column("trace_id", Text, Reliability, "the trace it belongs to"),
    column("span_id", Text, Reliability, "the span it belongs to"),
];

const CREDITS: &[Column] = &[
    column("op", Text, Billing, "grant, spend, refund, expire, adjust or migrate"),
    column("amount", Int, Billing, "credits, not negative but for adjust; op gives the sign"),
    column("balance_after", Int, Billing, "the wallet's balance after it, credits; null if unknown"),
    column("reason", Text, Billing, "guest_grant, generation, purchase, …"),
    column("ref", Text, Billing, "idempotency reference; (wallet, op, ref) counts once"),
    column("referrer_id", Text, Abuse, "who referred the receiver"),
];

const PAYMENTS: &[Column] = &[
    column(
        "op",
        Text,
        Billing,
        "attempt, succeeded, failed, refunded, disputed, dispute_won, subscribed, changed or cancelled",
    ),
    column("amount_minor", Int, Billing, "amount in the currency's minor unit"),
    column("currency", Text, Billing, "ISO 4217"),
    column("plan", Text, Billing, "the plan"),
    column("card_hash", Text, Abuse, "the provider's hash of the card"),
    column("decline_code", Text, Abuse, "why it was declined"),
    column("provider", Text, Billing, "the payment provider"),
    column("provider_payment_id", Text, Billing, "the provider's id of the payment"),
    column("provider_customer_id", Text, Billing, "the provider's id of the customer"),
    column("provider_subscription_id", Text, Billing, "the provider's id of the subscription"),
];

const IDENTITIES: &[Column] = &[
    column("op", Text, Operate, "guest_created, signup, login, login_failed, bind, unbind or logout"),
    column("method", Text, Operate, "how: password, google, …"),
    column("email_hash", Text, Abuse, "keyed hash of the e-mail address"),
    column("email_root_hash", Text, Abuse, "keyed hash of the alias-normalised address"),
    column("email_domain", Text, Abuse, "the address' domain"),
    column("email_disposable", Bool, Abuse, "the domain is on the disposable list"),
    column("referrer_id", Text, Abuse, "who referred the newcomer"),
];

const SESSIONS: &[Column] = &[
    column("status", Text, Reliability, "ok, exited, crashed, abnormal, unhandled or errored"),
    column("started", Time, Reliability, "when it began"),
    column("duration_ms", Int, Reliability, "how long it has lasted, milliseconds"),
    column("errors", Int, Reliability, "errors in it so far"),
    column(
        "quantity",
        Int,
        Reliability,
        "how many sessions this row counts, of which no more is known; null: it is one",
    ),
];

const HITS: &[Column] = &[
    column("rule", Text, Abuse, "the rule's name"),
    column("version", Text, Abuse, "hash of the rule's text"),
    column("entity_kind", Text, Abuse, "guest, account, device, ip, card, …"),
    column("entity", Text, Abuse, "the entity's id"),
    column("state", Text, Abuse, "opened, changed or closed"),
    column("mode", Text, Abuse, "shadow or live, at that time"),
    column("verdict", Text, Abuse, "what the hit asks for: none, throttle or block"),
    column("observed", Int, Abuse, "the value observed"),
    column("threshold", Int, Abuse, "the value it was held against"),
    column("points", Int, Abuse, "points it adds to the score, 0-100"),
    column(
        "component",
        Text,
        Abuse,
        "the component of linked entities it was found in; null where the rule names none",
    ),
    column("first_at", Time, Abuse, "the first true point of this hit"),
    column("until", Time, Abuse, "when it ends unless it becomes true again"),
    column("cause", Text, Abuse, "why it ended: expired, rule_deleted, rule_changed or rule_off; null unless closed"),
];

const VERDICTS: &[Column] = &[
    column("action", Text, Abuse, "what was asked about: generate, grant, …"),
    column("verdict", Text, Abuse, "allow, throttle or block"),
    column("step_up", Text, Abuse, "none, challenge, hold or review"),
    column("score", Int, Abuse, "the score, 0-100"),
    column("reasons", Json, Abuse, "the hits and limits behind it"),
    column("shadow", Json, Abuse, "what shadow rules would have said"),
    column("latency_us", Int, Reliability, "time to decide, microseconds"),
    column("policy_version", Text, Operate, "version of the policy"),
    column("degraded", Bool, Operate, "decided on cold or stale state"),
    column("request_id", Text, Operate, "the caller's idempotency id"),
    column("cost_credits", Int, Billing, "credits the request would cost"),
    column("weight", Int, Operate, "how many decisions this row stands for"),
];

const LABELS: &[Column] = &[
    column("entity_kind", Text, Abuse, "guest, account, device, ip, card, …"),
    column("entity", Text, Abuse, "the entity's id"),
    column(
        "label",
        Text,
        Abuse,
        "chargeback, refund, confirmed_abuse, false_positive or appeal_upheld; withdrawn takes back what was said",
    ),
    column("effective_at", Time, Abuse, "when it became true"),
    column("observed_at", Time, Abuse, "when it became known"),
    column("note", Text, Abuse, "why, scrubbed"),
];

const REJECTS: &[Column] = &[
    column("kind", Text, Operate, "the kind the sender gave, if it was readable"),
    column("code", Text, Operate, "why it was refused: a reject code of the API"),
    column("message", Text, Operate, "what was wrong with it"),
    column("key", Text, Operate, "name of the key that sent it"),
    column("event", Json, Operate, "the event, scrubbed; null if it was not readable JSON"),
];

/// The columns of one table: the common ones, then its own.
pub struct TableSchema {
    columns: Vec<Column>,
    stored: SchemaRef,
    queried: SchemaRef,
}

static SCHEMAS: LazyLock<Vec<TableSchema>> = LazyLock::new(|| Kind::ALL.into_iter().map(TableSchema::build).collect());

impl TableSchema {
    /// Returns the schema of this kind's table.
    #[must_use]
    pub fn of(kind: Kind) -> &'static Self {
        &SCHEMAS[usize::from(kind.number())]
    }

    /// Returns the columns in order, the partition column left out.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns a column's place, by name.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Returns the schema of the log, the buffer and the data files: text as `Utf8`, no partition column.
    #[must_use]
    pub fn stored(&self) -> &SchemaRef {
        &self.stored
    }

    /// Returns the schema that SQL sees: text as `Utf8View`, the partition column (`Date32`) last.
    #[must_use]
    pub fn queried(&self) -> &SchemaRef {
        &self.queried
    }

    fn build(kind: Kind) -> Self {
        let own = match kind {
            Kind::Usage => USAGE,
            Kind::Errors => ERRORS,
            Kind::Devices => DEVICES,
            Kind::Logs => LOGS,
            Kind::Credits => CREDITS,
            Kind::Payments => PAYMENTS,
            Kind::Identities => IDENTITIES,
            Kind::Sessions => SESSIONS,
            Kind::Hits => HITS,
            Kind::Verdicts => VERDICTS,
            Kind::Labels => LABELS,
            Kind::Rejects => REJECTS,
        };
        let columns: Vec<Column> = COMMON.iter().chain(own).copied().collect();
        let field = |column: &Column, text: DataType| {
            let data_type = match column.ty {
                Text | Json => text,
                Int => DataType::Int64,
                Bool => DataType::Boolean,
                Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
                Frames => DataType::List(Arc::new(Field::new("item", DataType::Struct(frame_fields()), true))),
            };
            Field::new(column.name, data_type, true)
        };
        let stored: Vec<Field> = columns.iter().map(|column| field(column, DataType::Utf8)).collect();
        let mut queried: Vec<Field> = columns.iter().map(|column| field(column, DataType::Utf8View)).collect();
        queried.push(Field::new(kind.partition().column(), DataType::Date32, true));
        Self { columns, stored: Arc::new(Schema::new(stored)), queried: Arc::new(Schema::new(queried)) }
    }
}

/// Returns the fields of one stack frame.
pub(crate) fn frame_fields() -> Fields {
    Fields::from(vec![
        Field::new("module", DataType::Utf8, true),
        Field::new("file", DataType::Utf8, true),
        Field::new("function", DataType::Utf8, true),
        Field::new("line", DataType::Int64, true),
        Field::new("col", DataType::Int64, true),
        Field::new("in_app", DataType::Boolean, true),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_names_are_unique_in_every_table() {
        for kind in Kind::ALL {
            let schema = TableSchema::of(kind);
            for (index, column) in schema.columns().iter().enumerate() {
                assert_eq!(schema.index(column.name), Some(index), "{} in {}", column.name, kind.table());
            }
        }
    }
}
