//! One PostHog event: whom it is about, when it happened, and what it becomes.

use serde_json::{Map, Value};

use super::{Request, exception, properties};
use crate::adapters::clock::Clock;
use crate::adapters::ids::{Id, IdRules, Role, Who};
use crate::adapters::native::{Native, is_opaque};
use crate::adapters::{NoEvent, text};
use crate::kind::Kind;

/// Events of which nothing is kept: what an SDK recorded of a page, and what is said about persons and groups.
const SKIPPED: &[(&str, &str)] = &[
    ("$set", "person_properties"),
    ("$set_once", "person_properties"),
    ("$unset", "person_properties"),
    ("$delete_person_property", "person_properties"),
    ("$groupidentify", "group"),
    ("$merge_dangerously", "merge_of_accounts"),
    ("$snapshot", "recording"),
    ("$snapshot_items", "recording"),
    ("$$heatmap", "recording"),
    ("$heatmap", "recording"),
    ("$performance_event", "recording"),
    ("$$client_ingestion_warning", "warning_of_the_sdk"),
];

/// Names under which dashboards and rules know what SDKs gather by themselves.
const NAMES: &[(&str, &str)] = &[
    ("$pageview", "page.view"),
    ("$screen", "page.view"),
    ("$pageleave", "page.leave"),
    ("$rageclick", "ui.rageclick"),
    ("$dead_click", "ui.dead_click"),
    ("$copy_autocapture", "ui.copy"),
    ("$web_vitals", "ui.web_vitals"),
];

fn name_in<'n>(names: &[(&str, &'n str)], name: &str) -> Option<&'n str> {
    names.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours)
}

impl Request<'_> {
    /// Translates an event. `skipped` counts the properties that are left out.
    pub(super) fn translate(
        &self,
        item: &Value,
        name: Option<&str>,
        id: Option<&str>,
        skipped: &mut u64,
    ) -> Result<Native, NoEvent> {
        let is_about_person = || ["$set", "$set_once", "$unset"].iter().any(|set| item.get(set).is_some());
        let name = match name {
            Some(name) => name,
            None if is_about_person() => return Err(NoEvent::Skipped("person_properties")),
            None => return Err(NoEvent::missing("event")),
        };
        let given = match item.get("properties") {
            Some(Value::Object(given)) => given,
            None | Some(Value::Null) => &Map::new(),
            Some(_) => return Err(NoEvent::wrong("properties", "must be an object")),
        };
        if let Some(what) = name_in(SKIPPED, name) {
            return Err(NoEvent::Skipped(what));
        }
        let event = Event { item, given, name };
        *skipped += event.person_properties();
        let kind = match name {
            "$exception" => Kind::Errors,
            "$identify" | "$create_alias" => Kind::Identities,
            _ => Kind::Usage,
        };
        let mut native = Native::new(kind, id, self.happened_at(&event)?);
        native.who(self.who(&event)?);
        event.client(&mut native);
        match kind {
            Kind::Identities => native.put("op", Value::from("bind")),
            Kind::Errors => {
                exception::write(given, &mut native)?;
                *skipped += event.keep(kind, &mut native);
            }
            _ => {
                native.put("name", Value::from(event.our_name()));
                *skipped += event.keep(kind, &mut native);
            }
        }
        Ok(native)
    }

    fn happened_at(&self, event: &Event<'_>) -> Result<i64, NoEvent> {
        let clock = if event.is_set("$ignore_sent_at", "disable_skew_correction") == Some(true) {
            self.clock.believed()
        } else {
            self.clock
        };
        match event.item.get("timestamp").or_else(|| event.given.get("timestamp")) {
            None | Some(Value::Null) => Ok(event.without_time(clock)),
            at => clock.of(at).ok_or_else(|| NoEvent::wrong("timestamp", "must be an ISO 8601 time")),
        }
    }

    fn who(&self, event: &Event<'_>) -> Result<Who, NoEvent> {
        let read = |value, role| self.context.ids.read(value, role);
        let distinct = event.item.get("distinct_id").or_else(|| event.given.get("distinct_id"));
        let mut who = match event.name {
            "$identify" => {
                let anonymous = read(event.given.get("$anon_distinct_id"), Role::Guest);
                IdRules::bind(anonymous, read(distinct, Role::Account))?
            }
            "$create_alias" => {
                let alias = event.given.get("alias").or_else(|| event.item.get("alias"));
                let roles = if self.is_python(event) {
                    // Its alias(previous, new) writes the previous id where the others write the one that stays.
                    (Role::Account, Role::Either)
                } else if event.is_anonymous(distinct) {
                    (Role::Either, Role::Guest)
                } else {
                    (Role::Either, Role::Account)
                };
                let distinct = event.given.get("distinct_id").or(distinct);
                IdRules::bind(read(alias, roles.0), read(distinct, roles.1))?
            }
            _ if event.is_anonymous(distinct) => IdRules::who(None, read(distinct, Role::Guest)),
            _ => IdRules::who(read(distinct, Role::Account), None),
        };
        let device = read(event.given.get("$device_id"), Role::Either).map(Id::into_text);
        who.device = device.filter(|id| is_opaque(id)).or(who.device);
        let session = event.given.get("$session_id").or_else(|| event.item.get("session_id")).and_then(Value::as_str);
        who.session = session.filter(|id| is_opaque(id)).map(str::to_owned);
        Ok(who)
    }

    fn is_python(&self, event: &Event<'_>) -> bool {
        let of_header = self.asked.library.as_deref().is_some_and(|library| library.starts_with("posthog-python"));
        of_header || event.property("$lib") == Some("posthog-python")
    }
}

struct Event<'v> {
    item: &'v Value,
    given: &'v Map<String, Value>,
    name: &'v str,
}

impl<'v> Event<'v> {
    fn property(&self, name: &str) -> Option<&'v str> {
        self.given.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// Returns a Boolean that is a property, or in newer requests an option.
    fn is_set(&self, property: &str, option: &str) -> Option<bool> {
        let of_option = || self.item.get("options").and_then(|options| options.get(option));
        self.given.get(property).or_else(of_option).and_then(Value::as_bool)
    }

    /// Tells whether the SDK made the id up: it says so, or the id is the device's, or it is one without a profile.
    fn is_anonymous(&self, distinct: Option<&Value>) -> bool {
        match self.given.get("$is_identified").and_then(Value::as_bool) {
            Some(is_identified) => !is_identified,
            None => {
                let is_device = distinct.is_some() && self.given.get("$device_id") == distinct;
                is_device || self.is_set("$process_person_profile", "process_person_profile") == Some(false)
            }
        }
    }

    /// Returns when an event without a time happened: old libraries say how many milliseconds ago.
    fn without_time(&self, clock: Clock) -> i64 {
        let ago_ms = self.item.get("offset").and_then(Value::as_i64).filter(|ago| *ago >= 0);
        clock.now().saturating_sub(ago_ms.unwrap_or(0).saturating_mul(1000))
    }

    fn our_name(&self) -> String {
        match (self.name, self.property("$event_type")) {
            ("$autocapture", Some(what)) => format!("ui.{what}"),
            ("$autocapture", None) => "ui.autocapture".into(),
            (name, _) => name_in(NAMES, name).unwrap_or(name).to_owned(),
        }
    }

    /// Says what is known of the client. What a server says of itself is not said of its user.
    fn client(&self, native: &mut Native) {
        let agent = ["$raw_user_agent", "$user_agent", "$useragent"].into_iter().find_map(|name| self.property(name));
        native.client(self.property("$ip").or_else(|| text(self.item, "ip")), agent);
        let is_server = self.given.get("$is_server").and_then(Value::as_bool) == Some(true);
        if agent.is_none() && !is_server {
            native.text("os", self.property("$os"));
            native.text("browser", self.property("$browser"));
        }
        native.text("release", self.property("$app_version").or_else(|| self.property("$release")));
        native.text("environment", self.property("$environment"));
    }

    /// Keeps what may be kept of the properties, and returns how many were not.
    fn keep(&self, kind: Kind, native: &mut Native) -> u64 {
        if kind == Kind::Usage {
            native.text("route", self.property("$pathname"));
            native.text("model", self.property("$ai_model"));
        }
        let (kept, left_out) = properties::kept(self.given);
        native.lift(kind, &kept);
        native.properties(kept);
        left_out
    }

    fn person_properties(&self) -> u64 {
        let of = |place: Option<&Value>| place.and_then(Value::as_object).map_or(0, Map::len) as u64;
        ["$set", "$set_once"].into_iter().map(|name| of(self.item.get(name)) + of(self.given.get(name))).sum()
    }
}
