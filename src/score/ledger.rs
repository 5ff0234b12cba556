//! What was spent, in order: read back from the imported ledger, with the names that the app would have asked a verdict
//! for.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use queries::{EntityKind, Params};

use super::history::Lake;
use super::people::{Entity, People};

/// The columns that a request names entities by. The network prefix stands for the address, whose name changes.
const NAMES: [(&str, EntityKind); 7] = [
    ("guest_id", EntityKind::Guest),
    ("account_id", EntityKind::Account),
    ("device_id", EntityKind::Device),
    ("session_id", EntityKind::Session),
    ("workspace_id", EntityKind::Workspace),
    ("api_key_id", EntityKind::ApiKey),
    ("ip_prefix", EntityKind::IpPrefix),
];
/// Reasons of grants that were paid for.
const PAID: [&str; 2] = ["purchase", "plan_grant"];

/// One spend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spend {
    pub(super) person: usize,
    /// When it was wished for, microseconds.
    pub(super) at: i64,
    pub(super) credits: i64,
    /// Of these, what was given to the person. It goes first.
    pub(super) free: i64,
    /// Whom the request names.
    pub(super) entities: Vec<Entity>,
}

impl Spend {
    /// Returns the id that a limit by this kind counts for.
    pub(super) fn id_of(&self, kind: EntityKind) -> Option<&str> {
        let kind = if kind == EntityKind::Ip { EntityKind::IpPrefix } else { kind };
        self.entities.iter().find(|(other, _)| *other == kind).map(|(_, id)| &**id)
    }
}

/// The spends so far, and what everybody has of what was given.
#[derive(Default)]
struct Ledger {
    spends: Vec<Spend>,
    free: HashMap<usize, i64>,
    /// What a spend took of it, by its reference.
    taken: HashMap<String, i64>,
}

/// Reads all spends, in the order in which they were received.
pub(super) async fn read(lake: &Lake, people: &People) -> anyhow::Result<Vec<Spend>> {
    let names = NAMES.map(|(name, _)| format!("cast({name} as varchar) as {name}")).join(", ");
    let sql = format!(
        "select {names}, op, reason, ref, received_at, amount from credits \
         where op in ('grant', 'spend', 'refund') order by received_at, seq"
    );
    let mut ledger = Ledger::default();
    for batch in lake.engine.ask(&sql, &Params::default(), lake.tables.clone()).await?.collect().await? {
        ledger.take(&batch, people)?;
    }
    Ok(ledger.spends)
}

impl Ledger {
    fn take(&mut self, batch: &RecordBatch, people: &People) -> anyhow::Result<()> {
        let column = |place: usize, as_type: &DataType| cast(batch.column(place), as_type);
        let texts = (0..NAMES.len() + 3).map(|place| column(place, &DataType::Utf8)).collect::<Result<Vec<_>, _>>()?;
        let texts: Vec<&StringArray> = texts.iter().map(|text| text.as_string::<i32>()).collect();
        let (times, amounts) = (column(NAMES.len() + 3, &DataType::Int64)?, column(NAMES.len() + 4, &DataType::Int64)?);
        let (names, entry) = texts.split_at(NAMES.len());
        for row in 0..batch.num_rows() {
            let named = NAMES.iter().zip(names).filter(|(_, column)| column.is_valid(row));
            let entities: Vec<Entity> =
                named.map(|((_, kind), column)| (*kind, column.value(row).to_owned())).collect();
            let Some(person) = people.place(&entities) else { continue };
            let [op, reason, reference] = [0, 1, 2].map(|place| entry[place].value(row));
            let at = times.as_primitive::<Int64Type>().value(row);
            let credits = amounts.as_primitive::<Int64Type>().value(row);
            self.enter((op, reason, reference), Spend { person, at, credits, free: 0, entities });
        }
        Ok(())
    }

    /// Enters one row: a spend, or what makes up for it.
    fn enter(&mut self, (op, reason, reference): (&str, &str, &str), mut row: Spend) {
        let free = self.free.entry(row.person).or_default();
        match op {
            "grant" if PAID.contains(&reason) => {}
            "grant" => *free += row.credits,
            "refund" => *free += self.taken.remove(reference).unwrap_or(0),
            _ => {
                row.free = row.credits.min(*free).max(0);
                *free -= row.free;
                self.taken.insert(reference.to_owned(), row.free);
                self.spends.push(row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_spent_first_and_comes_back_with_a_refund() {
        let mut ledger = Ledger::default();
        let row = |at, credits| Spend { person: 0, at, credits, free: 0, entities: Vec::new() };
        ledger.enter(("grant", "purchase", "pi_1"), row(1, 100));
        ledger.enter(("grant", "guest_grant", "grant_1"), row(2, 5));
        ledger.enter(("spend", "generation", "gen_1"), row(3, 4));
        ledger.enter(("spend", "generation", "gen_2"), row(4, 4));
        ledger.enter(("refund", "failed_generation", "gen_1"), row(5, 4));
        ledger.enter(("spend", "generation", "gen_3"), row(6, 6));
        let spent: Vec<_> = ledger.spends.iter().map(|spend| (spend.at, spend.credits, spend.free)).collect();
        assert_eq!(spent, [(3, 4, 4), (4, 4, 1), (6, 6, 4)]);
    }

    #[test]
    fn a_prefix_stands_for_the_address() {
        let entities = vec![(EntityKind::Guest, "g".to_owned()), (EntityKind::IpPrefix, "192.0.2.0/24".to_owned())];
        let spend = Spend { person: 0, at: 1, credits: 1, free: 0, entities };
        assert_eq!(spend.id_of(EntityKind::Ip), Some("192.0.2.0/24"));
        assert_eq!((spend.id_of(EntityKind::Guest), spend.id_of(EntityKind::Account)), (Some("g"), None));
    }
}
