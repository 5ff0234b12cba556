//! Segment: single calls (`/v1/track`, …) and batches of them. `track` and `page` become usage, a user and an anonymous id
//! in one `identify` or `alias` become a bind. Traits and advertising are not kept.
//!
//! Source: Segment's HTTP tracking API, and what its libraries for Node, browsers and Python were seen to send.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::clock::{self, Clock};
use super::ids::{IdRules, Role, Who};
use super::list::events;
use super::native::{Native, is_opaque};
use super::{Context, NoEvent, Refused, Translated, Translation, id_text, text};
use crate::kind::Kind;
use crate::limits::BodyError;
use crate::outcome::RejectCode;

/// A call's text.
const CALL_BYTES_MAX: usize = 32 << 10;
/// A request, decompressed.
pub const BODY_BYTES_MAX: usize = 500 << 10;

/// What a path says that its body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `/v1/track`
    Track,
    /// `/v1/identify`
    Identify,
    /// `/v1/alias`
    Alias,
    /// `/v1/page`
    Page,
    /// `/v1/screen`
    Screen,
    /// `/v1/group`
    Group,
    /// `/v1/batch`: its items say what they are.
    Batch,
}

impl Call {
    /// Reads the last part of a path, or its short form, which browsers use.
    #[must_use]
    pub fn from_path(name: &str) -> Option<Self> {
        Some(match name {
            "track" | "t" => Self::Track,
            "identify" | "i" => Self::Identify,
            "alias" | "a" => Self::Alias,
            "page" | "p" => Self::Page,
            "screen" | "s" => Self::Screen,
            "group" | "g" => Self::Group,
            "batch" | "b" => Self::Batch,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Identify => "identify",
            Self::Alias => "alias",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Group => "group",
            Self::Batch => "batch",
        }
    }
}

/// Translates a request.
///
/// # Errors
/// [`BodyError::Unreadable`] when the body is no call and no batch; [`BodyError::TooLarge`] over [`BODY_BYTES_MAX`], or
/// with too many calls.
pub fn translate(body: &[u8], call: Call, context: Context<'_>) -> Result<Translation, BodyError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(BodyError::TooLarge(format!("a Segment request may have at most {BODY_BYTES_MAX} bytes")));
    }
    let unreadable = || BodyError::Unreadable("the body is no Segment call".into());
    let body = std::str::from_utf8(body).map_err(|_| unreadable())?;
    let root: BTreeMap<String, &RawValue> = serde_json::from_str(body).map_err(|_| unreadable())?;
    let field = |name: &str| root.get(name).and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
    let mut request = Request {
        context,
        clock: Clock::new(context.now, field("sentAt").and_then(|at| clock::read(&at))),
        around: Value::Null,
        translation: Translation::default(),
    };
    let Some(batch) = root.get("batch") else {
        request.take(body, Some(call).filter(|call| *call != Call::Batch));
        return Ok(request.translation);
    };
    request.around = field("context").unwrap_or_default();
    for call in events(batch.get(), context.limits, "`batch` is no array")? {
        request.take(call.get(), None);
    }
    Ok(request.translation)
}

struct Request<'a> {
    context: Context<'a>,
    clock: Clock,
    /// The batch's own context, which each call's goes over.
    around: Value,
    translation: Translation,
}

impl Request<'_> {
    fn take(&mut self, call: &str, of_path: Option<Call>) {
        let translated = match self.read(call) {
            Ok(item) => {
                let id = id_text(item.get("messageId"));
                let kind = of_path.map(Call::name).or(text(&item, "type"));
                let fate = match self.translate(&item, kind, id.as_deref()) {
                    Ok(native) => super::Fate::Native(native.finish()),
                    Err(none) => none.fate(kind, &without_the_person(&item)),
                };
                Translated { id, fate }
            }
            Err(refused) => Translated { id: None, fate: super::Fate::Refused(refused) },
        };
        self.translation.events.push(translated);
    }

    fn read(&self, call: &str) -> Result<Value, Refused> {
        let refused = |code, message: String| Refused { code, message, kind: None, event: None };
        if call.len() > CALL_BYTES_MAX {
            return Err(refused(
                RejectCode::TooLarge,
                format!("a Segment call may have at most {CALL_BYTES_MAX} bytes"),
            ));
        }
        match serde_json::from_str(call) {
            Ok(item @ Value::Object(_)) => Ok(item),
            Ok(_) => Err(refused(RejectCode::InvalidJson, "a Segment call must be a JSON object".into())),
            Err(error) => Err(refused(RejectCode::InvalidJson, format!("not valid JSON: {error}"))),
        }
    }

    fn translate(&mut self, item: &Value, kind: Option<&str>, id: Option<&str>) -> Result<Native, NoEvent> {
        match kind {
            Some("track") => {
                let name = text(item, "event").ok_or_else(|| NoEvent::missing("event"))?;
                self.usage(item, id, name, item.get("properties"))
            }
            Some("page" | "screen") => self.view(item, id, kind == Some("screen")),
            Some("identify") => {
                let (user, made_up) = (self.user(item), self.anonymous(item));
                if user.is_none() && made_up.is_none() {
                    return Err(NoEvent::missing("userId"));
                }
                self.bind(item, id, IdRules::bind(made_up, user)?)
            }
            Some("alias") => {
                let previous = self.context.ids.read(item.get("previousId"), Role::Either);
                let previous = previous.ok_or_else(|| NoEvent::missing("previousId"))?;
                let user = self.user(item).ok_or_else(|| NoEvent::missing("userId"))?;
                self.bind(item, id, IdRules::bind(Some(previous), Some(user))?)
            }
            Some("group") => Err(NoEvent::Skipped("group")),
            Some(_) => Err(NoEvent::Skipped("unknown_type")),
            None => Err(NoEvent::missing("type")),
        }
    }

    fn usage(
        &mut self,
        item: &Value,
        id: Option<&str>,
        name: &str,
        properties: Option<&Value>,
    ) -> Result<Native, NoEvent> {
        let mut native = self.begin(item, Kind::Usage, id)?;
        native.put("name", Value::from(name));
        let given = match properties {
            Some(Value::Object(given)) => given.clone(),
            None | Some(Value::Null) => Map::new(),
            Some(_) => return Err(NoEvent::wrong("properties", "must be an object")),
        };
        native.text("route", self.of_context(item, &["page", "path"]));
        native.lift(Kind::Usage, &given);
        let kept = self.with_origin(item, given);
        native.properties(kept);
        Ok(native)
    }

    /// A page or a screen. A page's title may be what somebody wrote; it is let go, and so is the query of its address.
    fn view(&mut self, item: &Value, id: Option<&str>, is_screen: bool) -> Result<Native, NoEvent> {
        let mut given = item.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        let before = given.len();
        for gathered in ["title", "search", "name"] {
            given.remove(gathered);
        }
        self.translation.fields_skipped += (before - given.len()) as u64;
        for (field, kept) in [("name", if is_screen { "screen" } else { "page" }), ("category", "category")] {
            if let Some(value) = text(item, field) {
                given.insert(kept.to_owned(), Value::from(value));
            }
        }
        let path = given.get("path").and_then(Value::as_str).map(str::to_owned);
        let mut native = self.usage(item, id, "page.view", Some(&Value::Object(given)))?;
        native.text("route", path.as_deref());
        Ok(native)
    }

    fn bind(&mut self, item: &Value, id: Option<&str>, mut who: Who) -> Result<Native, NoEvent> {
        let mut native = self.begin(item, Kind::Identities, id)?;
        native.put("op", Value::from("bind"));
        who.device = self.device(item);
        native.who(who);
        let traits = item.get("traits").and_then(Value::as_object).map_or(0, Map::len);
        self.translation.fields_skipped += traits as u64;
        Ok(native)
    }

    /// Begins an event of what all calls have.
    fn begin(&self, item: &Value, kind: Kind, id: Option<&str>) -> Result<Native, NoEvent> {
        let sent_at = item.get("sentAt").and_then(clock::read);
        let clock = self.clock.sent(sent_at);
        let at = clock.of(item.get("timestamp").or_else(|| item.get("originalTimestamp")));
        let at = at.ok_or_else(|| NoEvent::wrong("timestamp", "must be an ISO 8601 time"))?;
        let mut native = Native::new(kind, id, at);
        if kind == Kind::Usage {
            let mut who = IdRules::who(self.user(item), self.anonymous(item));
            who.device = self.device(item).or(who.device);
            native.who(who);
        }
        let (address, agent) = (self.of_context(item, &["ip"]), self.of_context(item, &["userAgent"]));
        native.client(address, agent);
        native.text("release", self.of_context(item, &["app", "version"]));
        if agent.is_none() {
            native.text("os", self.of_context(item, &["os", "name"]));
        }
        Ok(native)
    }

    fn user(&self, item: &Value) -> Option<super::ids::Id> {
        self.context.ids.read(item.get("userId"), Role::Account)
    }

    fn anonymous(&self, item: &Value) -> Option<super::ids::Id> {
        self.context.ids.read(item.get("anonymousId"), Role::Guest)
    }

    fn device(&self, item: &Value) -> Option<String> {
        self.of_context(item, &["device", "id"]).filter(|id| is_opaque(id)).map(str::to_owned)
    }

    /// Returns a text of the call's context, or of the batch's where the call says nothing.
    fn of_context<'v>(&'v self, item: &'v Value, path: &[&str]) -> Option<&'v str> {
        let at = |from: Option<&'v Value>| {
            let found = path.iter().try_fold(from?, |value, name| value.get(name))?;
            found.as_str().filter(|text| !text.is_empty())
        };
        at(item.get("context")).or_else(|| at(Some(&self.around)))
    }

    /// Adds which library sent it, and the client's language and time zone.
    fn with_origin(&self, item: &Value, mut properties: Map<String, Value>) -> Map<String, Value> {
        let mut origin = Map::new();
        let known: [(&str, &[&str]); 4] = [
            ("library", &["library", "name"]),
            ("library_version", &["library", "version"]),
            ("locale", &["locale"]),
            ("timezone", &["timezone"]),
        ];
        for (field, path) in known {
            if let Some(text) = self.of_context(item, path) {
                origin.insert(field.to_owned(), Value::from(text));
            }
        }
        if !origin.is_empty() {
            properties.entry("context").or_insert(Value::Object(origin));
        }
        properties
    }
}

/// Returns a call as it may be shown to whoever looks for why it was refused.
fn without_the_person(item: &Value) -> String {
    let mut item = item.clone();
    if let Some(fields) = item.as_object_mut() {
        fields.retain(|name, _| !matches!(name.as_str(), "traits" | "context" | "integrations" | "_metadata"));
    }
    item.to_string()
}

#[cfg(test)]
mod tests;
