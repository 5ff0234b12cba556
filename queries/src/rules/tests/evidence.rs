//! The events behind hits.

use arrow::array::AsArray;
use serde_json::json;

use super::super::RuleFiles;
use super::*;
use crate::engine::Params;
use crate::hits::EntityKind;

/// The ids of what is found behind a hit that ends at `until`, with their tables.
fn found(rule: &Rule, kind: EntityKind, entity: &str, until: i64, lake: &Tables) -> Vec<String> {
    let sql = rule.evidence_sql(lake, kind, until, true).expect("a table names such entities");
    let params: Params = [("entity".to_owned(), json!(entity))].into_iter().collect();
    let answer = async { engine().ask(&sql, &params, lake.clone()).await.expect("planned").collect().await };
    let mut found = Vec::new();
    for batch in block_on(answer).expect("rows") {
        let column = |place: usize| cast(batch.column(place), &DataType::Utf8).expect("text");
        let (tables, ids) = (column(0), column(1));
        let rows = tables.as_string::<i32>().iter().zip(ids.as_string::<i32>());
        found.extend(rows.map(|(table, id)| format!("{}.{}", table.unwrap_or_default(), id.unwrap_or_default())));
    }
    found
}

fn grant(id: &str, at: i64, device: &str, more: serde_json::Value) -> Event {
    let mut values =
        json!({"event_id": id, "op": "grant", "reason": "guest_grant", "device_id": device, "guest_id": id});
    more.as_object().expect("an object").iter().for_each(|(name, value)| values[name] = value.clone());
    event("credits", at, values)
}

#[test]
fn a_live_rule_shows_the_rows_that_it_counted() {
    let rule = rule(
        "r",
        "entity: device; on: credit; window: 1h; ttl: 6h",
        "select device_id as entity, count(distinct guest_id) as observed, 2 as threshold from credits
          where op = 'grant' and reason in ('guest_grant', 'promo') and in_window(received_at)
          group by device_id having count(distinct guest_id) >= 2",
    );
    let last = START + HOUR;
    let lake = tables(&[
        grant("too_old", START - 2 * HOUR, "d", json!({})),
        grant("first", START + MINUTE, "d", json!({})),
        grant("another", START + 2 * MINUTE, "e", json!({})),
        grant("browser", START + 3 * MINUTE, "d", json!({"trust": "public"})),
        grant("bonus", START + 4 * MINUTE, "d", json!({"reason": "referral_bonus"})),
        grant("spend", START + 5 * MINUTE, "d", json!({"op": "spend"})),
        grant("last", last, "d", json!({"reason": "promo"})),
        grant("later", last + 1, "d", json!({})),
        event("usage", START + MINUTE, json!({"event_id": "u", "device_id": "d"})),
    ]);
    assert_eq!(found(&rule, EntityKind::Device, "d", last + 6 * HOUR, &lake), ["credits.last", "credits.first"]);
    assert_eq!(found(&rule, EntityKind::Device, "o'neil", last + 6 * HOUR, &lake), [""; 0]);
}

#[test]
fn a_scheduled_rule_shows_what_it_looked_at_in_all_its_tables() {
    let rule = rule(
        "r",
        "entity: wallet; window: 1h; ttl: 1h; trust: any",
        "select coalesce(c.workspace_id, c.account_id) as entity, count(*) as observed, 1 as threshold
          from credits as c join payments as p on p.account_id = c.account_id where in_window(c.received_at) group by 1",
    );
    let lake = tables(&[
        event("credits", START, json!({"event_id": "c", "workspace_id": "w", "account_id": "a"})),
        event("credits", START, json!({"event_id": "other", "workspace_id": "x", "account_id": "w"})),
        event("payments", START + 1, json!({"event_id": "p", "account_id": "w", "trust": "public"})),
        event("usage", START, json!({"event_id": "u", "workspace_id": "w"})),
    ]);
    assert_eq!(found(&rule, EntityKind::Wallet, "w", START + HOUR + 1, &lake), ["payments.p", "credits.c"]);
    assert!(rule.evidence_sql(&lake, EntityKind::Email, START, true).is_none(), "no table of its names one");
}

#[test]
fn there_is_evidence_for_every_built_in_rule() {
    let lake = tables(&[]);
    for rule in RuleFiles::new(Vec::new()).load(&compiler()).rules {
        for &kind in &rule.headers.entities {
            assert!(found(&rule, kind, "x", START, &lake).is_empty(), "{} of {}", kind.name(), rule.name);
        }
    }
}
