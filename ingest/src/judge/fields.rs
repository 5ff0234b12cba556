//! The fields an event may have on the wire, per kind: name, column, check. To add a field, add a line.

use std::sync::LazyLock;

use crate::kind::Kind;
use crate::schema::TableSchema;

/// What a field's value must be, and what is done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// `kind`, read before all others.
    Kind,
    /// The event's id.
    Id,
    /// When it happened.
    Ts,
    /// An opaque id that names a person or client: account, guest, device or session.
    Subject(Subject),
    /// An opaque id, token or hash.
    Opaque,
    /// Short free text, scrubbed.
    Text,
    /// The app's release: free text in which a four-part version is no address.
    Release,
    /// A long text, scrubbed and cut at 2 KiB.
    Message,
    /// A path, its query cut off.
    Route,
    /// Free text, or a list of it that is joined by commas.
    TextList,
    /// Three letters, stored in upper case.
    Currency,
    /// Two letters, stored in upper case; a server's word only.
    Country,
    /// A text that only a server's word counts for.
    ServerText,
    /// A number that only a server's word counts for.
    ServerInt,
    /// A Boolean that only a server's word counts for.
    ServerBool,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// The operation of a credit, payment or identity event: one of these words.
    Op(&'static [&'static str]),
    /// A severity: (word on the wire, word stored), any case.
    Level(&'static [(&'static str, &'static str)]),
    /// An integer in this range.
    Int { min: i64, max: i64 },
    /// Credits: an integer, negative only for `adjust`.
    Amount,
    /// A Boolean.
    Bool,
    /// A time of no bounded age.
    Time,
    /// A stack of frames.
    Stack,
    /// What an error's client wants it to be grouped by: a list of texts, of which only a hash is kept.
    GroupedBy,
    /// What happened before an error.
    Breadcrumbs,
    /// The client's address, never stored.
    Address,
    /// The client's user agent, never stored.
    Agent,
    /// An e-mail address, never stored.
    Email,
    /// Whatever else: an object.
    Properties,
}

/// The ids that can be an event's subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Account,
    Guest,
    Device,
    Session,
}

/// One field of one kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    /// Its name on the wire.
    pub name: &'static str,
    /// The place of its column; none when it has no column of its own.
    pub place: Option<usize>,
    /// What it must be.
    pub check: Check,
}

/// The fields of one kind, found by name.
pub(super) struct FieldTable {
    fields: Vec<Field>,
    /// Where in `fields` the names of each length begin; names are few, and their lengths tell most apart.
    by_length: [u8; NAME_BYTES_MAX + 2],
    required: Vec<Vec<usize>>,
}

const NAME_BYTES_MAX: usize = 31;
/// Amounts stay far below the largest integer, so that their sums do not overflow.
const AMOUNT_MAX: i64 = 10_000_000_000_000_000;
const COUNT: Check = Check::Int { min: 0, max: 999_999_999_999 };
const MONEY: Check = Check::Int { min: 0, max: AMOUNT_MAX };
const BALANCE: Check = Check::Int { min: -AMOUNT_MAX, max: AMOUNT_MAX };

impl Check {
    /// The range of an amount of credits; its sign is held against `op` once both are read.
    pub(super) const AMOUNT_RANGE: (i64, i64) = (-AMOUNT_MAX, AMOUNT_MAX);
}

/// (name on the wire, its column or "", check).
type Line = (&'static str, &'static str, Check);

/// A kind's own fields, and groups of fields of which one each must be there.
type OfKind = (Kind, &'static [Line], &'static [&'static [&'static str]]);

const COMMON: &[Line] = &[
    ("kind", "", Check::Kind),
    ("id", "", Check::Id),
    ("ts", "", Check::Ts),
    ("account_id", "account_id", Check::Subject(Subject::Account)),
    ("guest_id", "guest_id", Check::Subject(Subject::Guest)),
    ("device_id", "device_id", Check::Subject(Subject::Device)),
    ("session_id", "session_id", Check::Subject(Subject::Session)),
    ("workspace_id", "workspace_id", Check::Opaque),
    ("api_key_id", "api_key_id", Check::Opaque),
    ("ip", "", Check::Address),
    ("user_agent", "", Check::Agent),
    ("country", "country", Check::Country),
    ("asn", "asn", Check::ServerInt),
    ("as_org", "as_org", Check::ServerText),
    ("browser", "browser", Check::Text),
    ("browser_version", "browser_version", Check::Release),
    ("os", "os", Check::Text),
    ("device_class", "device_class", Check::OneOf(&["desktop", "mobile", "tablet", "bot", "other"])),
    ("is_bot", "is_bot", Check::ServerBool),
    ("release", "release", Check::Release),
    ("environment", "environment", Check::Text),
    ("properties", "properties", Check::Properties),
];

const USAGE: &[Line] = &[
    ("name", "name", Check::Text),
    ("status", "status", Check::OneOf(&["ok", "error", "cancelled"])),
    ("duration_ms", "duration_ms", COUNT),
    ("route", "route", Check::Route),
    ("model", "model", Check::Text),
    ("quantity", "quantity", COUNT),
];

const ERRORS: &[Line] = &[
    ("type", "type", Check::Text),
    ("message", "message", Check::Message),
    (
        "level",
        "level",
        Check::Level(&[
            ("debug", "debug"),
            ("trace", "debug"),
            ("info", "info"),
            ("log", "info"),
            ("warning", "warning"),
            ("warn", "warning"),
            ("error", "error"),
            ("fatal", "fatal"),
            ("critical", "fatal"),
        ]),
    ),
    ("handled", "handled", Check::Bool),
    ("culprit", "culprit", Check::Text),
    ("stack", "frames", Check::Stack),
    ("fingerprint", "", Check::GroupedBy),
    ("breadcrumbs", "breadcrumbs", Check::Breadcrumbs),
];

const DEVICES: &[Line] = &[
    ("fingerprint", "fingerprint", Check::Opaque),
    ("screen", "screen", Check::Text),
    ("timezone", "timezone", Check::Text),
    ("languages", "languages", Check::TextList),
    ("webdriver", "webdriver", Check::Bool),
    ("storage_cleared", "storage_cleared", Check::Bool),
    ("first_seen_hint", "first_seen_hint", Check::Time),
];

const LOGS: &[Line] = &[
    (
        "level",
        "level",
        Check::Level(&[
            ("debug", "debug"),
            ("trace", "debug"),
            ("info", "info"),
            ("warn", "warn"),
            ("warning", "warn"),
            ("error", "error"),
            ("fatal", "fatal"),
            ("critical", "fatal"),
        ]),
    ),
    ("logger", "logger", Check::Text),
    ("message", "message", Check::Message),
    ("trace_id", "trace_id", Check::Opaque),
    ("span_id", "span_id", Check::Opaque),
];

const CREDITS: &[Line] = &[
    ("op", "op", Check::Op(&["grant", "spend", "refund", "expire", "adjust", "migrate"])),
    ("amount", "amount", Check::Amount),
    ("balance_after", "balance_after", BALANCE),
    ("reason", "reason", Check::Text),
    ("ref", "ref", Check::Opaque),
    ("referrer_id", "referrer_id", Check::Opaque),
];

const PAYMENTS: &[Line] = &[
    (
        "op",
        "op",
        Check::Op(&[
            "attempt",
            "succeeded",
            "failed",
            "refunded",
            "disputed",
            "dispute_won",
            "subscribed",
            "changed",
            "cancelled",
        ]),
    ),
    ("amount_minor", "amount_minor", MONEY),
    ("currency", "currency", Check::Currency),
    ("plan", "plan", Check::Text),
    ("card_hash", "card_hash", Check::Opaque),
    ("decline_code", "decline_code", Check::Text),
    ("provider", "provider", Check::Text),
    ("provider_payment_id", "provider_payment_id", Check::Opaque),
    ("provider_customer_id", "provider_customer_id", Check::Opaque),
    ("provider_subscription_id", "provider_subscription_id", Check::Opaque),
];

const IDENTITIES: &[Line] = &[
    ("op", "op", Check::Op(&["guest_created", "signup", "login", "login_failed", "bind", "unbind", "logout"])),
    ("method", "method", Check::Text),
    ("email", "", Check::Email),
    ("referrer_id", "referrer_id", Check::Opaque),
];

const SESSIONS: &[Line] = &[
    ("status", "status", Check::OneOf(&["ok", "exited", "crashed", "abnormal", "unhandled", "errored"])),
    ("started", "started", Check::Time),
    ("duration_ms", "duration_ms", COUNT),
    ("errors", "errors", COUNT),
    ("quantity", "quantity", COUNT),
];

/// The kinds a sender may write.
const KINDS: [OfKind; 8] = [
    (Kind::Usage, USAGE, &[&["name"]]),
    (Kind::Errors, ERRORS, &[&["type", "message"]]),
    (Kind::Devices, DEVICES, &[]),
    (Kind::Logs, LOGS, &[&["message"]]),
    (Kind::Credits, CREDITS, &[&["op"], &["amount"]]),
    (Kind::Payments, PAYMENTS, &[&["op"]]),
    (Kind::Identities, IDENTITIES, &[&["op"]]),
    (Kind::Sessions, SESSIONS, &[&["status"]]),
];

static TABLES: LazyLock<Vec<FieldTable>> =
    LazyLock::new(|| KINDS.iter().map(|(kind, own, required)| FieldTable::build(*kind, own, required)).collect());

impl FieldTable {
    /// Returns the table of a kind that senders may write.
    pub(super) fn of(kind: Kind) -> &'static Self {
        &TABLES[usize::from(kind.number())]
    }

    /// Finds a field and its number.
    pub(super) fn find(&self, name: &str) -> Option<(usize, &Field)> {
        let length = name.len();
        if length > NAME_BYTES_MAX {
            return None;
        }
        let (from, to) = (usize::from(self.by_length[length]), usize::from(self.by_length[length + 1]));
        let found = self.fields[from..to].iter().position(|field| field.name == name)?;
        Some((from + found, &self.fields[from + found]))
    }

    /// Returns the first group of required fields of which none was given, by the set of numbers that were.
    pub(super) fn missing(&self, given: u64) -> Option<String> {
        let group = self.required.iter().find(|group| group.iter().all(|number| given >> number & 1 == 0))?;
        let names: Vec<String> = group.iter().map(|number| format!("`{}`", self.fields[*number].name)).collect();
        Some(names.join(" or "))
    }

    fn build(kind: Kind, own: &[Line], required: &[&[&str]]) -> Self {
        let schema = TableSchema::of(kind);
        let place = |column| schema.index(column).expect("fields name columns of their table, which a test builds");
        let mut fields: Vec<Field> = COMMON
            .iter()
            .chain(own)
            .map(|&(name, column, check)| Field { name, place: (!column.is_empty()).then(|| place(column)), check })
            .collect();
        fields.sort_by_key(|field| field.name.len());
        let mut by_length = [0; NAME_BYTES_MAX + 2];
        for (length, start) in by_length.iter_mut().enumerate() {
            *start = fields.partition_point(|field| field.name.len() < length) as u8;
        }
        let number = |name: &str| {
            fields.iter().position(|field| field.name == name).expect("required fields are fields, which a test builds")
        };
        let required = required.iter().map(|group| group.iter().map(|name| number(name)).collect()).collect();
        Self { fields, by_length, required }
    }
}

/// Tells whether any kind has a field of this name.
pub(super) fn is_wire_name(name: &str) -> bool {
    TABLES.iter().any(|table| table.find(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name_and_no_other() {
        for (index, (kind, ..)) in KINDS.iter().enumerate() {
            assert_eq!(usize::from(kind.number()), index, "tables stand at their kind's number");
            let table = FieldTable::of(*kind);
            assert!(table.fields.len() <= 64, "given fields are a set of 64 bits");
            for (number, field) in table.fields.iter().enumerate() {
                assert!(field.name.len() <= NAME_BYTES_MAX);
                assert_eq!(table.find(field.name).map(|(found, _)| found), Some(number), "{}", field.name);
            }
            for name in ["", "colour", "Kind", "received_at", "trust", "a name of more than thirty-one bytes"] {
                assert!(table.find(name).is_none(), "{name}");
            }
        }
    }

    #[test]
    fn tells_what_is_missing() {
        let errors = FieldTable::of(Kind::Errors);
        assert_eq!(errors.missing(0).as_deref(), Some("`type` or `message`"));
        let message = errors.find("message").expect("a field").0;
        assert_eq!(errors.missing(1 << message), None);
        assert_eq!(FieldTable::of(Kind::Devices).missing(0), None);
    }
}
