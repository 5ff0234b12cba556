//! `GET /v1/entities/{kind}/{id}`: all that is known of one entity, for whoever reviews it: what restrains it now, from
//! memory; what it did and what was decided about it, from the tables.

use std::sync::Arc;

use ::queries::rules::{is_event_table, names_entity};
use ::queries::{EntityKind, Tables};
use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::address::Named;
use super::ask::ask;
use super::auth::{Authorized, Review};
use super::error::Problem;
use super::{App, Weir, blocking, json as answer};
use crate::clock;
use crate::control::{By, Key};
use crate::verdict::{EntityState, parse_kind};

const EVENTS_MAX: usize = 100;
const DECISIONS_MAX: usize = 50;
const LABELS_MAX: usize = 100;

/// What tells in a word what an event is, by table.
pub(super) const WHAT: [(&str, &str); 8] = [
    ("usage", "name"),
    ("errors", "type"),
    ("devices", "fingerprint"),
    ("logs", "level"),
    ("credits", "op"),
    ("payments", "op"),
    ("identities", "op"),
    ("sessions", "status"),
];

pub(super) type Rows = Vec<Map<String, Value>>;

/// Shows one entity.
#[utoipa::path(get, path = "/v1/entities/{kind}/{id}", tag = "verdicts", summary = "All that is known of one entity",
    params(("kind" = String, Path, description = "guest, account, device, session, workspace, ip, ip_prefix, network, card, \
            email, api_key, wallet, referrer or component"),
        ("id" = String, Path, description = "Its id, percent-encoded. An address or e-mail in clear is hashed")),
    responses((status = 200, description = "entity_kind, entity, score; hits, each with its points and whether it counts; \
        override, snoozes, links; the newest events (table, event_id, received_at, trust, what), at most 100; the newest \
        decisions (id, at, action, verdict, score), at most 50; labels"),
        (status = 400, description = "No such kind; the message lists them"),
        (status = 404, description = "Nothing is known of it")), description = "The audit log tells who looked.")]
pub(crate) async fn show(
    auth: Authorized<Review>,
    State(app): State<App>,
    Named((kind, id)): Named<(String, String)>,
) -> Result<Response, Problem> {
    Ok(answer(&Known::look(&app, &auth.key, &kind, &id, None).await?.shown()?))
}

/// All that is known of one entity.
pub(super) struct Known {
    /// Its kind.
    pub(super) kind: EntityKind,
    /// The name it is kept under.
    pub(super) entity: String,
    /// What is known from memory.
    pub(super) state: EntityState,
    /// Its newest events.
    pub(super) events: Rows,
    /// The newest decisions about it.
    pub(super) decisions: Rows,
    /// What people say of it, the newest first.
    pub(super) labels: Rows,
}

impl Known {
    /// Looks an entity up; events of one table alone, if one is named. The audit log tells who looked.
    ///
    /// # Errors
    /// Not found, where nothing is known of it.
    pub(super) async fn look(
        app: &App,
        key: &Arc<Key>,
        kind: &str,
        id: &str,
        table: Option<&str>,
    ) -> Result<Self, Problem> {
        let now = clock::now();
        let kind = parse_kind(kind)?;
        let entity = app.verdicts.entity_name(kind, id, now)?;
        let state = app.verdicts.entity(kind, &entity, now);
        // Who may review an entity sees what it did, whatever the purposes of the key's SQL.
        let tables = app.tables_for(|_| true)?;
        let events = events(app, &tables, (kind, &entity), table).await?;
        let decisions = decisions(app, &tables, kind, &entity).await?;
        let labels = labels(app, &tables, kind, &entity).await?;
        // A table without its events is none of the reasons to call it unknown.
        if table.is_none() && state.is_empty() && events.is_empty() && decisions.is_empty() && labels.is_empty() {
            return Err(Problem::not_found(format!("nothing is known of this {}", kind.name())));
        }
        let (noted, by) = (app.clone(), Arc::clone(key));
        let detail = json!({"entity_kind": kind.name(), "entity": entity});
        blocking(move || noted.control.note(By { actor: &by.name, at: now }, "entity.read", &detail)).await??;
        Ok(Self { kind, entity, state, events, decisions, labels })
    }

    /// Returns it as the API writes it.
    pub(super) fn shown(&self) -> Result<Value, Problem> {
        let mut shown = json!({"entity_kind": self.kind.name(), "entity": self.entity, "events": self.events,
            "decisions": self.decisions, "labels": self.labels});
        let state = serde_json::to_value(&self.state).map_err(Problem::internal)?;
        if let (Value::Object(shown), Value::Object(state)) = (&mut shown, state) {
            shown.extend(state);
        }
        Ok(shown)
    }
}

async fn events(
    app: &Weir,
    tables: &Tables,
    (kind, entity): (EntityKind, &str),
    table: Option<&str>,
) -> Result<Rows, Problem> {
    let Some(sql) = events_sql(tables, kind, table) else { return Ok(Rows::new()) };
    Ok(ask(app, &sql, &[("entity", entity)], tables, EVENTS_MAX).await?.rows)
}

/// Writes the question for the newest events, of all tables or of one alone.
fn events_sql(tables: &Tables, kind: EntityKind, only: Option<&str>) -> Option<String> {
    let newest = format!("order by received_at desc, event_id limit {EVENTS_MAX}");
    let of_table = |(table, what): (&str, &str)| {
        let (_, provider) = tables.iter().find(|(name, _)| name == table)?;
        let schema = provider.schema();
        let names_entity = names_entity(&schema, kind).filter(|_| is_event_table(table, &schema))?;
        Some(format!(
            "(select '{table}' as \"table\", event_id, received_at, trust, \"{what}\" as what from \"{table}\"
              where {names_entity} {newest})"
        ))
    };
    let parts: Vec<String> =
        WHAT.into_iter().filter(|(table, _)| only.is_none_or(|only| only == *table)).filter_map(of_table).collect();
    (!parts.is_empty()).then(|| format!("{} {newest}", parts.join(" union all ")))
}

async fn decisions(app: &Weir, tables: &Tables, kind: EntityKind, entity: &str) -> Result<Rows, Problem> {
    let verdicts = tables.iter().find(|(name, _)| name == "verdicts");
    let by_column = verdicts.and_then(|(_, table)| names_entity(&table.schema(), kind));
    // The table has no column for cards, e-mails and referrers: what is known is where one was a reason.
    let is_reason = "strpos(coalesce(reasons, ''), $entity) > 0 or strpos(coalesce(shadow, ''), $entity) > 0";
    let (condition, entity) = match by_column {
        Some(condition) => (condition, entity.to_owned()),
        None => (is_reason.to_owned(), format!("\"entity_kind\":\"{}\",\"entity\":{}", kind.name(), json!(entity))),
    };
    let sql = format!(
        "select event_id as id, ts as at, action, verdict, score from verdicts where {condition}
         order by received_at desc, event_id limit {DECISIONS_MAX}"
    );
    Ok(ask(app, &sql, &[("entity", &entity)], tables, DECISIONS_MAX).await?.rows)
}

async fn labels(app: &Weir, tables: &Tables, kind: EntityKind, entity: &str) -> Result<Rows, Problem> {
    let sql = format!(
        "select label, effective_at, observed_at, note from labels where entity_kind = $kind and entity = $entity
         order by observed_at desc, seq desc limit {LABELS_MAX}"
    );
    Ok(ask(app, &sql, &[("kind", kind.name()), ("entity", entity)], tables, LABELS_MAX).await?.rows)
}

#[cfg(test)]
mod tests {
    use datafusion::datasource::empty::EmptyTable;
    use ingest::{Kind, TableSchema};

    use super::*;

    #[test]
    fn every_kind_of_entity_has_events_and_every_event_table_its_word() {
        let empty = |kind: Kind| Arc::new(EmptyTable::new(Arc::clone(TableSchema::of(kind).queried())));
        let tables: Tables =
            Kind::ALL.into_iter().map(|kind| (kind.table().to_owned(), empty(kind) as Arc<_>)).collect();
        for kind in EntityKind::ALL {
            // Events name no component: rules find them.
            assert_eq!(events_sql(&tables, kind, None).is_some(), kind != EntityKind::Component, "{}", kind.name());
        }
        for (name, table) in &tables {
            let has_word = WHAT.iter().any(|(table, _)| table == name);
            assert_eq!(has_word, is_event_table(name, &table.schema()), "{name}");
        }
        let card = events_sql(&tables, EntityKind::Card, None).unwrap();
        assert!(card.contains("\"payments\"") && !card.contains("\"credits\""), "{card}");
        assert!(events_sql(&tables, EntityKind::Card, Some("usage")).is_none(), "no card is in usage");
        let usage = events_sql(&tables, EntityKind::Device, Some("usage")).unwrap();
        assert!(usage.contains("\"usage\"") && !usage.contains("\"errors\""), "{usage}");
    }
}
