//! Who was seen under which entity, and when: read back from the imported events, as rules see them.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use queries::{EntityKind, Params};

use super::history::Lake;

/// The columns that name entities, and the kind of each.
const NAMES: [(&str, EntityKind); 11] = [
    ("workspace_id", EntityKind::Workspace),
    ("device_id", EntityKind::Device),
    ("account_id", EntityKind::Account),
    ("guest_id", EntityKind::Guest),
    ("session_id", EntityKind::Session),
    ("api_key_id", EntityKind::ApiKey),
    ("ip_hash", EntityKind::Ip),
    ("ip_prefix", EntityKind::IpPrefix),
    ("asn", EntityKind::Network),
    ("card_hash", EntityKind::Card),
    ("email_root_hash", EntityKind::Email),
];
/// The tables read, and which of the last two columns each has.
const TABLES: [(&str, bool, bool); 4] =
    [("credits", false, false), ("usage", false, false), ("payments", true, false), ("identities", false, true)];

/// An entity: its kind and its id.
pub(super) type Entity = (EntityKind, String);

/// Somebody under an entity, from the first to the last time, microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    pub(super) person: usize,
    pub(super) first: i64,
    pub(super) last: i64,
}

/// Everybody.
#[derive(Default)]
pub(super) struct People {
    /// A person's own entity: the wallet, or without one the device.
    pub(super) names: Vec<Entity>,
    /// Who was seen under each entity.
    pub(super) seen: HashMap<Entity, Vec<Sighting>>,
    places: HashMap<Entity, usize>,
}

impl People {
    /// Reads everybody.
    pub(super) async fn read(lake: &Lake) -> anyhow::Result<Self> {
        let mut people = Self::default();
        for (table, has_card, has_email) in TABLES {
            let columns: Vec<String> = NAMES
                .iter()
                .map(|(name, _)| match *name {
                    "card_hash" if !has_card => "cast(null as varchar) as card_hash".to_owned(),
                    "email_root_hash" if !has_email => "cast(null as varchar) as email_root_hash".to_owned(),
                    name => format!("cast({name} as varchar) as {name}"),
                })
                .collect();
            let places = (1..=NAMES.len()).map(|place| place.to_string()).collect::<Vec<_>>().join(", ");
            let sql = format!(
                "select {}, min(received_at) as first, max(received_at) as last from {table} group by {places}",
                columns.join(", ")
            );
            let answer = lake.engine.ask(&sql, &Params::default(), lake.tables.clone()).await?;
            for batch in answer.collect().await? {
                people.take(&batch)?;
            }
        }
        Ok(people)
    }

    fn take(&mut self, batch: &RecordBatch) -> anyhow::Result<()> {
        let texts = (0..NAMES.len()).map(|column| cast(batch.column(column), &DataType::Utf8));
        let texts = texts.collect::<Result<Vec<_>, _>>()?;
        let times = [0, 1].map(|place| cast(batch.column(NAMES.len() + place), &DataType::Int64));
        let [firsts, lasts] = times;
        let (firsts, lasts) = (firsts?, lasts?);
        for row in 0..batch.num_rows() {
            let entities = NAMES.iter().zip(&texts).filter(|(_, column)| column.is_valid(row));
            let entities: Vec<Entity> =
                entities.map(|((_, kind), column)| (*kind, column.as_string::<i32>().value(row).to_owned())).collect();
            let (first, last) =
                (firsts.as_primitive::<Int64Type>().value(row), lasts.as_primitive::<Int64Type>().value(row));
            self.see(entities, first, last);
        }
        Ok(())
    }

    /// Notes that somebody was seen under all of these entities at once.
    pub(super) fn see(&mut self, mut entities: Vec<Entity>, first: i64, last: i64) {
        let own = |kind: EntityKind| entities.iter().find(|(other, _)| *other == kind).cloned();
        let Some(name) = own_name(&entities).cloned() else { return };
        let wallet = [EntityKind::Workspace, EntityKind::Account, EntityKind::Guest].into_iter().find_map(own);
        entities.extend(wallet.map(|(_, id)| (EntityKind::Wallet, id)));
        entities.extend(own_referrer(&entities));
        let next = self.names.len();
        let person = *self.places.entry(name.clone()).or_insert(next);
        if person == next {
            self.names.push(name);
        }
        for entity in entities {
            self.seen.entry(entity).or_default().push(Sighting { person, first, last });
        }
    }

    /// Returns who was seen under all of these entities at once.
    pub(super) fn place(&self, entities: &[Entity]) -> Option<usize> {
        self.places.get(own_name(entities)?).copied()
    }
}

/// A person is the wallet, or without one the device.
fn own_name(entities: &[Entity]) -> Option<&Entity> {
    [EntityKind::Workspace, EntityKind::Device].iter().find_map(|kind| entities.iter().find(|(other, _)| other == kind))
}

/// An account holder is who may refer others.
fn own_referrer(entities: &[Entity]) -> Option<Entity> {
    let account = entities.iter().find(|(kind, _)| *kind == EntityKind::Account)?;
    Some((EntityKind::Referrer, account.1.clone()))
}
