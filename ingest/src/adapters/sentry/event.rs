//! Errors and messages, and what all of Sentry's events say alike: whom they are about, which client, which release.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use super::lean::{self, Event};
use super::{Native, NoEvent, Request, clock, exception, text};
use crate::adapters::kept::{Kept, PROPERTY_TEXT_BYTES_MAX};
use crate::adapters::native::{cut, without_query};
use crate::kind::Kind;
use crate::scrub;

pub(super) const BREADCRUMBS_MAX: usize = 50;
const BREADCRUMBS_BYTES_MAX: usize = 12 << 10;
const MESSAGE_BYTES_MAX: usize = 4096;
const DEBUG_IMAGES_MAX: usize = 20;
/// What SDKs gather of the machine, the runtime and the trace by themselves; the rest was attached by the app.
const GATHERED: &[&str] = &[
    "app",
    "browser",
    "cloud_resource",
    "culture",
    "device",
    "feedback",
    "flags",
    "gpu",
    "os",
    "otel",
    "profile",
    "replay",
    "response",
    "runtime",
    "state",
    "trace",
    "unity",
];
/// Extras that are about the machine, and may hold keys.
const EXTRAS_LEFT_OUT: &[&str] = &["sys.argv", "__serialized__"];

impl Request<'_> {
    /// Translates an error or a message.
    pub(super) fn error(&mut self, event: &Event<'_>, id: &str) -> Result<Native, NoEvent> {
        let item = &event.item;
        let mut native = self.begin(Kind::Errors, item, id, item.get("timestamp"))?;
        let mut kept = Kept::default();
        let told = exception::read(event);
        native.text("type", told.ty);
        native.put("message", Value::from(cut(&told.message, MESSAGE_BYTES_MAX)));
        if let Some(handled) = told.handled {
            native.put("handled", Value::from(handled));
        }
        if let Some(level) = text(item, "level").and_then(exception::level) {
            native.put("level", Value::from(level));
        }
        native.text("culprit", text(item, "culprit"));
        native.stack(told.stack);
        native.fingerprint(item.get("fingerprint"));
        if let Some(crumbs) = breadcrumbs(&event.breadcrumbs, &told.causes) {
            native.json("breadcrumbs", crumbs);
        }
        kept.text("mechanism", told.mechanism);
        kept.text("log", told.log);
        kept.text("logger", text(item, "logger"));
        let images = debug_images(event);
        if !images.is_empty() {
            kept.put("debug_meta", &serde_json::json!({ "images": images }));
        }
        self.keep(Kind::Errors, item, kept, &mut native);
        Ok(native)
    }

    /// Begins an event of what all of them say.
    pub(super) fn begin(&mut self, kind: Kind, item: &Value, id: &str, at: Option<&Value>) -> Result<Native, NoEvent> {
        let mut native = Native::new(kind, Some(id), self.at("timestamp", at)?);
        let user = item.get("user");
        native.who(self.user(user));
        let headers = item.get("request").and_then(|request| request.get("headers"));
        let address = user.and_then(|user| text(user, "ip_address"));
        native.client(address, headers.and_then(|headers| header(headers, "user-agent")));
        // A server says of itself on which system it runs, not of its user.
        if item.get("server_name").is_none() {
            native.text("os", context(item, "os").and_then(|os| text(os, "name")));
            native.text("browser", context(item, "browser").and_then(|browser| text(browser, "name")));
        }
        native.text("release", text(item, "release"));
        native.text("environment", text(item, "environment"));
        Ok(native)
    }

    /// Returns whom `user` means: by id, else by an address, which becomes a hash. Names are let go.
    pub(super) fn user(&mut self, user: Option<&Value>) -> super::Who {
        let Some(Value::Object(user)) = user else { return super::Who::default() };
        let of = |name: &str| user.get(name).filter(|value| !matches!(value, Value::Null));
        let id = of("id").or_else(|| of("email"));
        let known = user.keys().filter(|name| matches!(name.as_str(), "id" | "ip_address")).count();
        self.translation.fields_skipped += (user.len() - known) as u64;
        self.who(id)
    }

    /// Keeps what the app attached to an event, after what its kind has kept already.
    pub(super) fn keep(&mut self, kind: Kind, item: &Value, mut kept: Kept, native: &mut Native) {
        if let Some(trace) = context(item, "trace") {
            kept.text("trace_id", text(trace, "trace_id"));
            kept.text("span_id", text(trace, "span_id"));
            kept.text("op", text(trace, "op"));
        }
        let (transaction, request) = (text(item, "transaction"), item.get("request"));
        if kind != Kind::Usage {
            kept.text("transaction", transaction.map(without_query));
        }
        kept.text("url", request.and_then(|request| text(request, "url")).map(without_query));
        kept.text("method", request.and_then(|request| text(request, "method")));
        kept.text("dist", text(item, "dist"));
        kept.text("platform", text(item, "platform"));
        kept.text("server_name", text(item, "server_name"));
        kept.text("sdk", sdk(item).as_deref());
        let tags = tags(item.get("tags"));
        native.lift(kind, &tags);
        kept.object("tags", &*tags);
        let attached = |name: &str| item.get(name).and_then(Value::as_object).into_iter().flatten();
        kept.object("contexts", attached("contexts").filter(|(name, _)| !GATHERED.contains(&name.as_str())));
        let is_left_out = |name: &String| EXTRAS_LEFT_OUT.contains(&name.as_str());
        kept.leave_out(attached("extra").filter(|(name, _)| is_left_out(name)).count());
        kept.object("extra", attached("extra").filter(|(name, _)| !is_left_out(name)));
        let (properties, left_out) = kept.finish();
        self.translation.fields_skipped += left_out;
        native.properties(properties);
    }
}

/// Returns one of an event's contexts.
pub(super) fn context<'v>(item: &'v Value, name: &str) -> Option<&'v Value> {
    item.get("contexts")?.get(name)
}

fn sdk(item: &Value) -> Option<String> {
    let sdk = item.get("sdk")?;
    Some(format!("{}/{}", text(sdk, "name")?, text(sdk, "version")?))
}

/// Returns a header's value; SDKs write headers as an object, or as pairs.
fn header<'v>(headers: &'v Value, name: &str) -> Option<&'v str> {
    match headers {
        Value::Object(headers) => {
            headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).and_then(|(_, value)| value.as_str())
        }
        Value::Array(pairs) => pairs.iter().find_map(|pair| {
            let given = pair.get(0)?.as_str()?;
            given.eq_ignore_ascii_case(name).then(|| pair.get(1)?.as_str()).flatten()
        }),
        _ => None,
    }
}

/// Returns tags; old SDKs write them as pairs.
fn tags(tags: Option<&Value>) -> Cow<'_, Map<String, Value>> {
    match tags {
        Some(Value::Object(tags)) => Cow::Borrowed(tags),
        Some(Value::Array(pairs)) => Cow::Owned(
            pairs.iter().filter_map(|pair| Some((pair.get(0)?.as_str()?.to_owned(), pair.get(1)?.clone()))).collect(),
        ),
        _ => Cow::Owned(Map::new()),
    }
}

/// Writes the newest breadcrumbs, oldest first, and after them the causes, which matter most.
fn breadcrumbs(crumbs: &[lean::Breadcrumb<'_>], causes: &[Value]) -> Option<String> {
    let newest_first = causes.iter().rev().map(Value::to_string).chain(crumbs.iter().rev().map(breadcrumb));
    let mut bytes = 0;
    let fits = |crumb: &String| {
        bytes += crumb.len() + 1;
        bytes <= BREADCRUMBS_BYTES_MAX
    };
    let mut kept: Vec<String> = newest_first.take(BREADCRUMBS_MAX).take_while(fits).collect();
    kept.reverse();
    (!kept.is_empty()).then(|| format!("[{}]", kept.join(",")))
}

fn breadcrumb(crumb: &lean::Breadcrumb<'_>) -> String {
    #[derive(Serialize)]
    struct Kept<'c> {
        #[serde(skip_serializing_if = "Option::is_none")]
        category: Option<Cow<'c, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        level: Option<Cow<'c, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<Cow<'c, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        timestamp: Option<Value>,
        #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
        ty: Option<Cow<'c, str>>,
    }
    fn kept<'c>(text: &'c Option<Cow<'_, str>>) -> Option<Cow<'c, str>> {
        text.as_deref().map(|text| cut(text, PROPERTY_TEXT_BYTES_MAX))
    }
    let kept = Kept {
        category: kept(&crumb.category),
        data: crate::adapters::kept::pruned(&crumb.data),
        level: kept(&crumb.level),
        message: kept(&crumb.message),
        timestamp: clock::read(&crumb.timestamp).map(clock::write),
        ty: kept(&crumb.ty),
    };
    serde_json::to_string(&kept).expect("texts are JSON")
}

/// Returns which source map belongs to which file, those of files in the stack first: frames have no place for it.
fn debug_images(event: &Event<'_>) -> Vec<Value> {
    let images = event.item.get("debug_meta").and_then(|meta| meta.get("images")).and_then(Value::as_array);
    let stack = exception::files_of(event);
    let of_image = |image: &Value| {
        let (ty, file, debug_id) = (text(image, "type")?, text(image, "code_file")?, text(image, "debug_id")?);
        let file = without_query(file);
        (ty == "sourcemap").then(|| {
            // Scrubbed as the files of frames are, which it must equal.
            let kept_file = scrub::file(scrub::cut(file, 512));
            let kept = serde_json::json!({"type": ty, "code_file": kept_file, "debug_id": scrub::cut(debug_id, 64)});
            (!stack.contains(&file), kept)
        })
    };
    let mut images: Vec<(bool, Value)> = images.into_iter().flatten().filter_map(of_image).collect();
    images.sort_by_key(|(is_elsewhere, _)| *is_elsewhere);
    images.into_iter().take(DEBUG_IMAGES_MAX).map(|(_, image)| image).collect()
}
