//! Events of very many entities, all different, as the log's writer hands them to the live rules. Each entity does four
//! things, one a round, that are of interest to every rule of the table and, but where a single fact is one, no hit.

use std::ops::Range;
use std::sync::Arc;

use anyhow::bail;
use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};

/// What each entity does: so many things, in as many buckets.
pub(super) const ROUNDS: u32 = 4;
/// Prime to every number of entities that is not a multiple of it, and far from a neighbour.
const STRIDE: u64 = 7_368_787;

/// Returns the events of the entities at these places of a scattered order.
pub(super) fn batch(
    table: &str,
    round: u32,
    places: Range<u32>,
    entities: u32,
    received_at: i64,
) -> anyhow::Result<RecordBatch> {
    let who: Vec<u64> = places.map(|place| u64::from(place) * STRIDE % u64::from(entities)).collect();
    let mut columns = common(&who, round, received_at);
    columns.extend(match table {
        "credits" => credits(&who, round),
        "payments" => payments(&who, round),
        "identities" => identities(&who, round),
        other => bail!("the bench knows no actors of {other}"),
    });
    Ok(RecordBatch::try_from_iter(columns)?)
}

type Columns = Vec<(&'static str, ArrayRef)>;

fn texts(who: &[u64], text: impl Fn(u64) -> String) -> ArrayRef {
    Arc::new(who.iter().map(|who| Some(text(*who))).collect::<StringArray>())
}

fn constant(who: &[u64], value: &str) -> ArrayRef {
    texts(who, |_| value.to_owned())
}

fn ints(who: &[u64], int: impl Fn(u64) -> u64) -> ArrayRef {
    Arc::new(who.iter().map(|who| i64::try_from(int(*who)).ok()).collect::<Int64Array>())
}

/// Ids are as long as those of real senders; hashes are 32 hexadecimal digits.
fn common(who: &[u64], round: u32, received_at: i64) -> Columns {
    let times = TimestampMicrosecondArray::from_value(received_at, who.len()).with_timezone("UTC");
    vec![
        ("event_id", texts(who, |who| format!("evt_{round}_{who:018}"))),
        ("received_at", Arc::new(times)),
        ("seq", Arc::new(Int64Array::from_iter_values(0..who.len() as i64))),
        ("trust", constant(who, "server")),
        ("account_id", texts(who, |who| format!("acct_{who:016}"))),
        ("device_id", texts(who, |who| format!("dev_{who:016}"))),
        ("workspace_id", texts(who, |who| format!("ws_{who:016}"))),
        ("ip_hash", texts(who, |who| format!("{who:032x}"))),
        ("asn", ints(who, |who| who)),
    ]
}

/// A grant, two spends, and a grant to the device's next guest.
fn credits(who: &[u64], round: u32) -> Columns {
    let grants = matches!(round, 0 | 3);
    let (op, reason) = if grants { ("grant", "guest_grant") } else { ("spend", "generation") };
    let (amount, balance) = [(50, 50), (4, 46), (4, 42), (50, 92)][round as usize % 4];
    vec![
        ("guest_id", texts(who, |who| format!("gst_{}{who:015}", round / 3))),
        ("op", constant(who, op)),
        ("reason", constant(who, reason)),
        ("ref", texts(who, |who| format!("gen_{round}{who:015}"))),
        ("amount", ints(who, |_| amount)),
        ("balance_after", ints(who, |_| balance)),
    ]
}

/// Two payments, each told as an attempt and its success.
fn payments(who: &[u64], round: u32) -> Columns {
    vec![
        ("op", constant(who, if round.is_multiple_of(2) { "attempt" } else { "succeeded" })),
        ("card_hash", texts(who, |who| format!("{who:032x}"))),
        ("provider_payment_id", texts(who, |who| format!("pay_{}{who:015}", round / 2))),
        ("amount_minor", ints(who, |_| 900)),
    ]
}

/// A signup with a throw-away address, two logins and one that failed.
fn identities(who: &[u64], round: u32) -> Columns {
    vec![
        ("op", constant(who, ["signup", "login", "login_failed", "login"][round as usize % 4])),
        ("email_hash", texts(who, |who| format!("{who:032x}"))),
        ("email_root_hash", texts(who, |who| format!("{who:032x}"))),
        ("email_disposable", Arc::new(BooleanArray::from(vec![true; who.len()]))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;
    use std::collections::HashSet;

    #[test]
    fn every_entity_acts_once_a_round() {
        let rows = batch("credits", 1, 0..1_000, 1_000, 5).expect("a batch");
        let devices = rows.column_by_name("device_id").expect("a column").as_string::<i32>().clone();
        let distinct: HashSet<&str> = devices.iter().flatten().collect();
        assert_eq!((rows.num_rows(), distinct.len()), (1_000, 1_000));
    }
}
