//! The events behind a hit, as SQL: those of the rule's tables that name the entity, in the rule's window at the last point
//! at which the rule was true. Only the question; asking it, off the hot path, is the caller's.
//!
//! For a live rule these are the very rows that it counted. A scheduled rule may join and aggregate as it likes, so its
//! evidence is what it had to look at.

use arrow::datatypes::Schema;

use crate::engine::Tables;
use crate::hits::EntityKind;

use super::rule::Rule;
use super::session::is_event_table;
use super::text::time_sql;

/// The most events that are shown for one hit.
pub const EVIDENCE_MAX: usize = 100;

impl Rule {
    /// Returns the question for the events behind a hit that ends at `until`, microseconds. The entity is its parameter
    /// `$entity`. With `exact`, a live rule's conditions are part of it, where they can be written as SQL.
    ///
    /// Shape: table, event_id, received_at, trust; the newest first. Limits: [`EVIDENCE_MAX`] rows and one more, which
    /// tells that there are more. None: no table that the rule reads names entities of this kind.
    #[must_use]
    pub fn evidence_sql(&self, tables: &Tables, kind: EntityKind, until: i64, exact: bool) -> Option<String> {
        let as_of = until.saturating_sub(self.headers.ttl_us);
        let mut conditions = vec![format!("received_at <= {}", time_sql(as_of))];
        if let Some(window) = self.headers.window {
            conditions.push(format!("received_at >= {}", time_sql(window.start(as_of))));
        }
        if !self.headers.browser_facts {
            conditions.push("trust = 'server'".to_owned());
        }
        let place = self.headers.entities.iter().position(|judged| *judged == kind);
        let shape = place.and_then(|place| self.shapes.get(place)).filter(|_| exact);
        conditions.extend(shape.and_then(|shape| shape.condition_sql()).map(|condition| format!("({condition})")));
        let conditions = conditions.join(" and ");
        let of_table = |(name, table): &(String, _)| {
            let table: &std::sync::Arc<dyn datafusion::catalog::TableProvider> = table;
            let schema = table.schema();
            if !self.reads.contains(name) || !is_event_table(name, &schema) {
                return None;
            }
            let names_entity = names_entity(&schema, kind)?;
            Some(format!(
                "select '{name}' as \"table\", event_id, received_at, trust from \"{name}\" where {names_entity} and {conditions}"
            ))
        };
        let parts: Vec<String> = tables.iter().filter_map(of_table).collect();
        (!parts.is_empty()).then(|| {
            format!("{} order by received_at desc, event_id limit {}", parts.join(" union all "), EVIDENCE_MAX + 1)
        })
    }
}

/// Returns the SQL condition under which a table's row names the entity `$entity`; none if it has no column for the kind.
#[must_use]
pub fn names_entity(table: &Schema, kind: EntityKind) -> Option<String> {
    let column = |name: &&str| {
        let field = table.field_with_name(name).ok()?;
        // A plain column is left as it is: files are pruned by it.
        Some(if field.data_type().is_string() { format!("\"{name}\"") } else { format!("cast(\"{name}\" as varchar)") })
    };
    let columns: Vec<String> = kind.columns().iter().filter_map(column).collect();
    match columns.as_slice() {
        [] => None,
        [one] => Some(format!("{one} = $entity")),
        several => Some(format!("coalesce({}) = $entity", several.join(", "))),
    }
}
