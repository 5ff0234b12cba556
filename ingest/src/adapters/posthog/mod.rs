//! PostHog: events, single, in arrays and in batches, of the old paths and of `/i/v1/analytics/events`. Events become usage,
//! `$identify` and `$create_alias` binds, `$exception` errors. Person properties, advertising and recordings are not kept.
//! `event` says what an event becomes, `properties` what of its properties is kept, `exception` reads exceptions.
//!
//! Source: PostHog's capture API, and what its libraries for Node, browsers and Python were seen to send.

mod event;
mod exception;
mod properties;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::clock::{self, Clock};
use super::list::events;
use super::{Context, Fate, NoEvent, Translated, Translation, id_text, text};
use crate::limits::BodyError;
use crate::outcome::RejectCode;

const NO_BATCH: &str = "the body is neither an event nor a batch";
/// A time's text.
const SENT_AT_BYTES_MAX: usize = 64;

/// What a body says around its events.
#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    sent_at: Option<&'a RawValue>,
    #[serde(borrow)]
    batch: Option<&'a RawValue>,
}

/// An event of which only the id is looked at.
#[derive(Deserialize)]
struct Named {
    uuid: Option<String>,
}

/// What a request says outside its body.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// When it was sent, if a header says so (`PostHog-Request-Timestamp`).
    pub sent_at: Option<String>,
    /// Which library sent it, if a header says so (`PostHog-Sdk-Info`).
    pub library: Option<String>,
}

/// Translates a request: one event, an array of them, or a batch.
///
/// # Errors
/// [`BodyError::Unreadable`] when the body is none of them; [`BodyError::TooLarge`] with too many events.
pub fn translate(body: &[u8], asked: &Asked, context: Context<'_>) -> Result<Translation, BodyError> {
    let body = std::str::from_utf8(body).map_err(|_| unreadable())?.trim_ascii();
    let of_header = asked.sent_at.as_deref().and_then(clock::read_text);
    if body.starts_with('[') {
        let clock = Clock::new(context.now, of_header);
        return Request { context, clock, asked }.all(body);
    }
    let root: Batch<'_> = serde_json::from_str(body).map_err(|_| unreadable())?;
    let sent_at = root.sent_at.filter(|raw| raw.get().len() <= SENT_AT_BYTES_MAX);
    let sent_at = sent_at.and_then(|raw| serde_json::from_str(raw.get()).ok());
    let clock = Clock::new(context.now, of_header.or(sent_at.and_then(|at| clock::read(&at))));
    let request = Request { context, clock, asked };
    match root.batch {
        Some(batch) => request.all(batch.get()),
        None => {
            let mut translation = Translation::default();
            request.take(body, &mut translation);
            Ok(translation)
        }
    }
}

fn unreadable() -> BodyError {
    BodyError::Unreadable(NO_BATCH.into())
}

struct Request<'a> {
    context: Context<'a>,
    clock: Clock,
    asked: &'a Asked,
}

impl Request<'_> {
    fn all(&self, text: &str) -> Result<Translation, BodyError> {
        let mut translation = Translation::default();
        for event in events(text, self.context.limits, NO_BATCH)? {
            self.take(event.get(), &mut translation);
        }
        Ok(translation)
    }

    fn take(&self, event: &str, translation: &mut Translation) {
        let bytes_max = self.context.limits.event_bytes_max;
        // The sender is told by its id what became of an event, whatever is wrong with the rest of it.
        let refused = |code, message: String| {
            let id = serde_json::from_str::<Named>(event).ok().and_then(|event| event.uuid);
            (id, NoEvent::Refused(code, message).fate(None, ""))
        };
        let (id, fate) = if event.len() > bytes_max {
            refused(RejectCode::TooLarge, format!("an event may have at most {bytes_max} bytes"))
        } else {
            match serde_json::from_str::<Value>(event) {
                Ok(item @ Value::Object(_)) => {
                    let id = id_of(&item);
                    let name = text(&item, "event").or_else(|| text(&item, "name"));
                    let fate = match self.translate(&item, name, id.as_deref(), &mut translation.fields_skipped) {
                        Ok(native) => Fate::Native(native.finish()),
                        Err(none) => none.fate(name, &without_the_sdks_own(&item)),
                    };
                    (id, fate)
                }
                Ok(_) => refused(RejectCode::InvalidJson, "an event must be a JSON object".into()),
                Err(error) => refused(RejectCode::InvalidJson, format!("not valid JSON: {error}")),
            }
        };
        translation.events.push(Translated { id, fate });
    }
}

/// Returns an event as it may be shown to whoever looks for why it was refused.
fn without_the_sdks_own(item: &Value) -> String {
    let mut item = item.clone();
    if let Some(fields) = item.as_object_mut() {
        fields.retain(|name, _| !name.starts_with('$'));
        if let Some(Value::Object(given)) = fields.get_mut("properties") {
            *given = properties::kept(given).0;
        }
    }
    item.to_string()
}

/// Returns an event's own id: its uuid, or what older libraries repeat in a retry.
fn id_of(item: &Value) -> Option<String> {
    let inside = |name: &str| item.get("properties").and_then(|properties| properties.get(name));
    id_text(item.get("uuid")).or_else(|| id_text(inside("uuid"))).or_else(|| id_text(inside("$insert_id")))
}

#[cfg(test)]
mod tests;
