//! Spans. Those at which a service's own part of a trace begins are usage; those within are the app's inner life, and counted.
//! An exception is an error whichever span it was recorded on.

use serde_json::Value;

use super::attributes::Attributes;
use super::message::{Event, Span};
use super::{NoEvent, Request, exception, hex_id, id_within};
use crate::adapters::native::{Native, without_query};
use crate::kind::Kind;

/// What a span did, by the protocol's numbers, from 1.
const KINDS: [&str; 5] = ["internal", "server", "client", "producer", "consumer"];
const SERVER: i32 = 2;
const CONSUMER: i32 = 5;
/// The status of what failed.
const ERROR: i32 = 2;
/// Flags: whether the parent is elsewhere is known, and whether it is.
const KNOWS_PARENTS_PLACE: u32 = 0x100;
const PARENT_IS_REMOTE: u32 = 0x200;
const UNNAMED: &str = "<unnamed span>";
/// Exceptions of one span that are errors; a loop that catches records as many as it likes.
const EXCEPTIONS_MAX: usize = 10;
/// A hundred years.
const DURATION_MS_MAX: u64 = 3_200_000_000_000;

/// What all errors of a span say alike.
struct Place {
    name: String,
    trace_id: Option<String>,
    span_id: Option<String>,
    parent_id: Vec<u8>,
    own_id: Vec<u8>,
}

impl Request<'_> {
    /// Translates a span.
    pub(super) fn span(&mut self, span: &[u8], id: &str) -> Result<(), NoEvent> {
        let mut span: Span = super::decode::read(span, self.encoding)?;
        let attributes = Attributes::of(std::mem::take(&mut span.attributes));
        let events = std::mem::take(&mut span.events);
        if begins_here(&span) {
            let native = self.usage(&span, &attributes, id);
            self.push(id, native);
        } else {
            self.skip("child_span");
        }
        let place = Place {
            name: named(&span).to_owned(),
            trace_id: hex_id(&span.trace_id, 16),
            span_id: hex_id(&span.span_id, 8),
            parent_id: span.parent_span_id,
            own_id: span.span_id,
        };
        let mut errors = 0;
        for event in events {
            if event.name != "exception" {
                self.skip("span_event");
            } else if errors == EXCEPTIONS_MAX {
                self.skip("exception");
            } else {
                let id = id_within(id, errors + 1);
                errors += usize::from(self.thrown(event, &place, &attributes, &id));
            }
        }
        Ok(())
    }

    fn usage(&mut self, span: &Span, attributes: &Attributes, id: &str) -> Native {
        let (from, to) = (span.start_time_unix_nano, span.end_time_unix_nano);
        let mut native = Native::new(Kind::Usage, Some(id), self.at(if to == 0 { from } else { to }));
        native.text("name", Some(named(span)));
        // What is not said to have failed has not: SDKs leave the status of what went well unset.
        let has_failed = span.status.as_ref().is_some_and(|status| status.code == ERROR);
        native.text("status", Some(if has_failed { "error" } else { "ok" }));
        let took_ms = to.checked_sub(from).filter(|_| from > 0).map(|took| took.saturating_add(500_000) / 1_000_000);
        if let Some(took_ms) = took_ms.filter(|took| *took <= DURATION_MS_MAX) {
            native.put("duration_ms", Value::from(took_ms));
        }
        let route = ["http.route", "url.path", "http.target"].into_iter().find_map(|name| attributes.text(name));
        native.text("route", route.map(without_query));
        native.text("model", attributes.text("gen_ai.request.model"));
        self.about(&mut native, attributes);
        let trace_id = hex_id(&span.trace_id, 16);
        native.trace_as_subject(trace_id.as_deref());
        let mut kept = self.origin();
        kept.text("trace_id", trace_id.as_deref());
        kept.text("span_id", hex_id(&span.span_id, 8).as_deref());
        kept.text("kind", kind_name(span.kind));
        kept.text("status_message", span.status.as_ref().map(|status| status.message.as_str()));
        self.keep(Kind::Usage, attributes, kept, &mut native);
        native
    }

    /// Makes an error of an exception. Returns whether it is one.
    fn thrown(&mut self, event: Event, place: &Place, around: &Attributes, id: &str) -> bool {
        let at = self.at(event.time_unix_nano);
        let attributes = Attributes::of(event.attributes);
        let Some(thrown) = exception::read(&attributes) else {
            self.skip("span_event");
            return false;
        };
        if self.has_propagated(place, &thrown) {
            self.skip("propagated_exception");
            return false;
        }
        let mut native = Native::new(Kind::Errors, Some(id), at);
        thrown.write(self.resource.text("telemetry.sdk.language"), None, &mut native);
        self.about(&mut native, around);
        let mut kept = self.origin();
        kept.text("span", Some(&place.name));
        kept.text("trace_id", place.trace_id.as_deref());
        kept.text("span_id", place.span_id.as_deref());
        self.keep(Kind::Errors, &attributes, kept, &mut native);
        self.push(id, native);
        true
    }

    /// Tells whether an exception was recorded by a span within already: SDKs record it on each span that it leaves, the
    /// innermost first, and it happened once.
    fn has_propagated(&mut self, place: &Place, thrown: &exception::Thrown<'_>) -> bool {
        let mark = |span_id: &[u8]| {
            let told = [place.trace_id.as_deref(), thrown.ty, thrown.message].map(|text| text.unwrap_or_default());
            super::hash_of(&[told[0].as_bytes(), span_id, told[1].as_bytes(), told[2].as_bytes()])
        };
        let has_propagated = self.left.contains(&mark(&place.own_id));
        if !place.parent_id.is_empty() {
            self.left.insert(mark(&place.parent_id));
        }
        has_propagated
    }
}

/// Tells whether a service's part of a trace begins here: nothing in the service called it. That is a span without a parent,
/// and one that serves a call from elsewhere. The caller is a browser or a gateway that may well send its own spans to nobody,
/// or it is another service, whose usage this is another's; `properties` names the service, so that one can be
/// counted without the other. Where an SDK does not say that the parent is elsewhere, who serves a call has one elsewhere.
fn begins_here(span: &Span) -> bool {
    if span.parent_span_id.iter().all(|byte| *byte == 0) {
        return true;
    }
    let is_known = span.flags & KNOWS_PARENTS_PLACE != 0;
    [SERVER, CONSUMER].contains(&span.kind) && (!is_known || span.flags & PARENT_IS_REMOTE != 0)
}

/// Returns a span's name without a query, which careless instrumentation leaves in it.
fn named(span: &Span) -> &str {
    Some(without_query(&span.name)).filter(|name| !name.is_empty()).unwrap_or(UNNAMED)
}

fn kind_name(kind: i32) -> Option<&'static str> {
    KINDS.get(usize::try_from(kind).ok()?.checked_sub(1)?).copied()
}
