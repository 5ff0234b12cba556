//! What took time: a transaction, or the span at the head of a segment, is one `usage`. The spans within are the app's inner
//! life (queries, loaded files); they are counted.

use serde_json::Value;

use super::event::context;
use super::log::Attributes;
use super::{Native, NoEvent, Request, duration_ms, text};
use crate::adapters::kept::Kept;
use crate::adapters::native::without_query;
use crate::kind::Kind;

const UNLABELED: &str = "<unlabeled transaction>";
/// A hundred years.
const DURATION_MS_MAX: i64 = 3_200_000_000_000;

impl Request<'_> {
    /// Translates a transaction.
    pub(super) fn transaction(&mut self, item: &Value, id: &str) -> Result<Native, NoEvent> {
        let mut native = self.begin(Kind::Usage, item, id, item.get("timestamp"))?;
        let trace = context(item, "trace");
        let name = text(item, "transaction").unwrap_or(UNLABELED);
        let took = duration_ms(item.get("start_timestamp"), item.get("timestamp"));
        named(&mut native, name, took, trace.and_then(|trace| text(trace, "status")));
        native.trace_as_subject(trace.and_then(|trace| text(trace, "trace_id")));
        let spans = item.get("spans").and_then(Value::as_array).map_or(0, Vec::len);
        self.skip_many("child_span", spans as u64);
        let mut kept = Kept::default();
        kept.put("measurements", item.get("measurements").unwrap_or(&Value::Null));
        self.keep(Kind::Usage, item, kept, &mut native);
        Ok(native)
    }

    /// Translates a span of a container.
    pub(super) fn span(&mut self, item: &Value, id: &str) -> Result<Native, NoEvent> {
        let is_head = item.get("is_segment").or_else(|| item.get("is_remote")).and_then(Value::as_bool);
        if !is_head.unwrap_or_else(|| text(item, "parent_span_id").is_none()) {
            return Err(NoEvent::Skipped("child_span"));
        }
        let (from, to) = (item.get("start_timestamp"), item.get("end_timestamp"));
        let mut native = Native::new(Kind::Usage, Some(id), self.at("end_timestamp", to.or(from))?);
        let mut attributes = Attributes::of(item);
        named(&mut native, text(item, "name").unwrap_or(UNLABELED), duration_ms(from, to), text(item, "status"));
        native.text("route", attributes.take("http.route").as_deref());
        self.about(&mut native, &mut attributes);
        native.trace_as_subject(text(item, "trace_id"));
        for name in ["trace_id", "span_id"] {
            if let Some(id) = text(item, name) {
                attributes.0.insert(name.to_owned(), Value::from(id));
            }
        }
        if let Some(op) = attributes.take("sentry.op") {
            attributes.0.insert("op".to_owned(), Value::from(op));
        }
        self.keep_attributes(Kind::Usage, attributes, &mut native);
        Ok(native)
    }
}

fn named(native: &mut Native, name: &str, took_ms: Option<i64>, status: Option<&str>) {
    let name = without_query(name);
    native.text("name", Some(if name.is_empty() { UNLABELED } else { name }));
    // `GET /gallery`, or the path alone.
    native.text("route", name.split(' ').find(|part| part.starts_with('/')));
    if let Some(took) = took_ms.filter(|took| *took <= DURATION_MS_MAX) {
        native.put("duration_ms", Value::from(took));
    }
    let status = match status {
        None | Some("unset" | "unknown") => None,
        Some("ok") => Some("ok"),
        Some("cancelled" | "aborted") => Some("cancelled"),
        Some(_) => Some("error"),
    };
    native.text("status", status);
}
