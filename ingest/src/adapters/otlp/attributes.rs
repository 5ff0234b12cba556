//! Attributes, of a record, a span or what sent it: whom they name, what of them fills columns, and what is kept.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::Request;
use super::message::{AnyValue, KeyValue, Kind};
use crate::adapters::ids::{IdRules, Role};
use crate::adapters::kept::Kept;
use crate::adapters::native::{Native, is_opaque, without_query};
use crate::kind::Kind as Table;

/// What is left out: who somebody is and where, what they wrote, what a request carried, and what machine it ran on. What
/// fills a column has been taken out before.
const LEFT_OUT: &[&str] = &[
    "user.",
    "enduser.",
    "client.",
    "source.",
    "session.",
    "device.",
    "exception.",
    "network.peer.",
    "network.local.",
    "net.peer.",
    "net.sock.",
    "net.host.",
    "http.client_ip",
    "http.user_agent",
    "http.request.header.",
    "http.response.header.",
    "http.request.body",
    "user_agent.",
    "url.query",
    "url.fragment",
    "db.statement",
    "db.query.",
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.input.",
    "gen_ai.output.",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.",
    "process.",
    "thread.",
];
const ADDRESSES: &[&str] = &["url.full", "url.original", "url.path", "http.url", "http.target"];

/// Attributes by their names; of two with one name, the last counts.
#[derive(Default)]
pub(super) struct Attributes(Map<String, Value>);

impl Attributes {
    /// Reads them.
    pub(super) fn of(attributes: Vec<KeyValue>) -> Self {
        Self(attributes.into_iter().map(|pair| (pair.key, pair.value.map_or(Value::Null, plain))).collect())
    }

    /// Returns a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// Tells whether something is said to be so; some SDKs write Booleans as texts.
    pub(super) fn flag(&self, name: &str) -> bool {
        match self.0.get(name) {
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            flag => flag == Some(&Value::Bool(true)),
        }
    }
}

/// Returns a value as JSON: bytes in base64, numbers that JSON has none for as texts.
pub(super) fn plain(value: AnyValue) -> Value {
    match value.value {
        Some(Kind::Text(text)) => Value::String(text),
        Some(Kind::Bool(flag)) => Value::Bool(flag),
        Some(Kind::Int(number)) => Value::from(number),
        Some(Kind::Double(number)) if number.is_finite() => Value::from(number),
        Some(Kind::Double(number)) => Value::from(number.to_string()),
        Some(Kind::Array(array)) => array.values.into_iter().map(plain).collect(),
        Some(Kind::List(list)) => Value::Object(Attributes::of(list.values).0),
        Some(Kind::Bytes(bytes)) => Value::from(STANDARD.encode(bytes)),
        None => Value::Null,
    }
}

impl Request<'_> {
    /// Returns a text of the attributes, or of what sent them, by the first of these names that is there.
    fn told<'v>(&'v self, attributes: &'v Attributes, names: &[&str]) -> Option<&'v str> {
        let of = |from: &'v Attributes| names.iter().find_map(|name| from.text(name));
        of(attributes).or_else(|| of(&self.resource))
    }

    /// Says whom it is about, which client, which release.
    pub(super) fn about(&mut self, native: &mut Native, attributes: &Attributes) {
        let id = |names: &[&str], role| {
            let value = self.told(attributes, names).map(Value::from);
            self.context.ids.read(value.as_ref(), role)
        };
        let (user, made_up) = (id(&["enduser.id", "user.id"], Role::Account), id(&["enduser.pseudo.id"], Role::Guest));
        let mut who = IdRules::who(user, made_up);
        let opaque = |names: &[&str]| Some(self.context.ids.opaque(self.told(attributes, names)?.to_owned()));
        who.session = opaque(&["session.id"]);
        who.device = opaque(&["device.id", "app.installation.id"]).or(who.device);
        for id in [&mut who.account, &mut who.guest, &mut who.device, &mut who.session] {
            // One that the judge would refuse is passed over: no record is lost for it.
            if id.as_ref().is_some_and(|id| !is_opaque(id)) {
                *id = None;
                self.translation.fields_skipped += 1;
            }
        }
        native.who(who);
        native.client(
            self.told(attributes, &["client.address", "http.client_ip"]),
            self.told(attributes, &["user_agent.original", "http.user_agent"]),
        );
        native.text("release", self.resource.text("service.version"));
        let environment = ["deployment.environment.name", "deployment.environment"];
        native.text("environment", environment.into_iter().find_map(|name| self.resource.text(name)));
    }

    /// Begins the properties with what sent it.
    pub(super) fn origin(&self) -> Kept {
        let mut kept = Kept::default();
        kept.text("service.name", self.resource.text("service.name"));
        kept.text("service.namespace", self.resource.text("service.namespace"));
        kept
    }

    /// Keeps what attributes are worth keeping, after what is kept already.
    pub(super) fn keep(&mut self, kind: Table, attributes: &Attributes, mut kept: Kept, native: &mut Native) {
        native.lift(kind, &attributes.0);
        for (name, value) in &attributes.0 {
            match value {
                _ if LEFT_OUT.iter().any(|left_out| name.starts_with(left_out)) => kept.leave_out(1),
                Value::String(address) if ADDRESSES.contains(&name.as_str()) => {
                    kept.text(name, Some(without_query(address)));
                }
                value => kept.put(name, value),
            }
        }
        let (properties, left_out) = kept.finish();
        self.translation.fields_skipped += left_out;
        native.properties(properties);
    }
}
