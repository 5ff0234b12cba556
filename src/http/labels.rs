//! `POST /v1/labels`: what turned out true of an entity, as rows of the table `labels`.

use std::sync::Arc;

use ::queries::EntityKind;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use ingest::{Judged, Kind, Rows, Source, Trust, scrub_text};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::auth::{Authorized, Review};
use super::error::Problem;
use super::{App, blocking, json as answer};
use crate::clock;
use crate::control::By;
use crate::rulebook::common_column;
use crate::verdict::parse_kind;

const BODY_BYTES_MAX: usize = 16 << 10;
const NOTE_CHARS_MAX: usize = 500;
/// What can be said of an entity.
pub(super) const LABELS: [&str; 5] = ["chargeback", "refund", "confirmed_abuse", "false_positive", "appeal_upheld"];
/// Takes back what was said: labels are events, and events stay.
pub(super) const WITHDRAWN: &str = "withdrawn";

/// The body of `POST /v1/labels`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLabel {
    /// guest, account, device, card, …
    pub(super) entity_kind: String,
    /// The entity's id.
    pub(super) entity: String,
    /// chargeback, refund, confirmed_abuse, false_positive or appeal_upheld; withdrawn takes back what was said before.
    pub(super) label: String,
    /// When it became true: RFC 3339 or epoch milliseconds. Default: now.
    #[schema(value_type = Option<String>)]
    pub(super) effective_at: Option<Value>,
    /// Why; at most 500 characters.
    pub(super) note: Option<String>,
}

/// The answer of `POST /v1/labels`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LabelReply {
    /// The label's `event_id`.
    id: String,
    /// Give it as `Weir-After` to reads.
    receipt: String,
}

/// Keeps a label. Durable and visible once answered.
#[utoipa::path(post, path = "/v1/labels", tag = "verdicts", summary = "Say what turned out true of an entity",
    request_body = NewLabel, responses((status = 200, description = "Durable and visible", body = LabelReply)))]
pub(crate) async fn put(auth: Authorized<Review>, State(app): State<App>, body: Body) -> Result<Response, Problem> {
    let new: NewLabel = app.bodies.read_json(body, BODY_BYTES_MAX).await?;
    Ok(answer(&keep(&app, Arc::clone(&auth.key.name), &new).await?))
}

/// Keeps a label in the name of a key. Durable and visible once `Ok`.
pub(super) async fn keep(app: &App, actor: Arc<str>, new: &NewLabel) -> Result<LabelReply, Problem> {
    let now = clock::now();
    let kind = parse_kind(&new.entity_kind)?;
    let entity = app.verdicts.entity_name(kind, &new.entity, now)?;
    let id = Uuid::now_v7().to_string();
    let rows = rows(new, kind, &entity, &id, now)?;
    // First, so that no label is without its line; a line whose label is not in the table tells of one that was refused.
    let (noted, by) = (app.clone(), Arc::clone(&actor));
    let detail = json!({"label_id": id, "entity_kind": kind.name(), "entity": entity, "label": new.label});
    blocking(move || noted.control.note(By { actor: &by, at: now }, "label.set", &detail)).await??;
    let receipt = app.ingest.append(&actor, Judged { rows, received: 1, rejects: Vec::new() }).await?;
    Ok(LabelReply { id, receipt: receipt.id })
}

fn rows(new: &NewLabel, kind: EntityKind, entity: &str, id: &str, now: i64) -> Result<Rows, Problem> {
    if !LABELS.contains(&new.label.as_str()) && new.label != WITHDRAWN {
        return Err(Problem::invalid(format!("label must be one of {} or {WITHDRAWN}", LABELS.join(", "))));
    }
    let effective_at = match &new.effective_at {
        None | Some(Value::Null) => now,
        Some(value) => clock::from_json(value).map_err(|error| Problem::invalid(format!("effective_at: {error}")))?,
    };
    let note = new.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
    if note.is_some_and(|note| note.chars().count() > NOTE_CHARS_MAX) {
        return Err(Problem::invalid(format!("note is over {NOTE_CHARS_MAX} characters")));
    }
    // People paste what they have before them; an address or a card number may not be kept here either.
    let note = note.map(scrub_text);
    let mut rows = Rows::default();
    let mut row = rows.begin(Kind::Labels);
    row.text("event_id", id).time("ts", now).text("trust", Trust::Server.name()).text("source", Source::Native.name());
    if let Some(column) = common_column(kind) {
        row.text(column, entity);
    }
    row.text("entity_kind", kind.name()).text("entity", entity).text("label", &new.label);
    row.time("effective_at", effective_at).time("observed_at", now).text_if("note", note.as_deref());
    row.finish(None);
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ingest::Value as Cell;

    fn label(label: &str, note: &str) -> NewLabel {
        let (label, note) = (label.to_owned(), Some(note.to_owned()));
        NewLabel { entity_kind: "account".into(), entity: "acct_1".into(), label, effective_at: None, note }
    }

    #[test]
    fn a_label_is_one_row_that_names_its_subject() {
        let rows = rows(&label("chargeback", " bank said so "), EntityKind::Account, "acct_1", "id1", 7).unwrap();
        let head = rows.heads()[0];
        assert_eq!(rows.get(&head, "account_id"), Some(Cell::Text("acct_1")));
        assert_eq!(rows.get(&head, "note"), Some(Cell::Text("bank said so")));
        assert_eq!(rows.get(&head, "effective_at"), Some(Cell::Time(7)));
    }

    #[test]
    fn a_note_is_scrubbed() {
        let label = label("refund", "wrote from jane.doe@example.com twice");
        let rows = rows(&label, EntityKind::Account, "acct_1", "id1", 7).unwrap();
        let Some(Cell::Text(note)) = rows.get(&rows.heads()[0], "note") else { panic!("there is a note") };
        assert!(!note.contains("jane.doe") && note.contains("wrote from") && note.contains("twice"), "{note}");
    }

    #[test]
    fn unknown_labels_and_long_notes_are_refused() {
        assert!(rows(&label("bad", ""), EntityKind::Account, "a", "i", 7).is_err());
        assert!(rows(&label("refund", &"x".repeat(501)), EntityKind::Account, "a", "i", 7).is_err());
    }
}
