//! Decisions that are no longer in memory, as the table `verdicts` keeps them.

use ::queries::EntityKind;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Weir;
use super::ask::ask;
use super::error::Problem;

/// Reads a decision back, in the form of one from memory but for what only a fresh answer has (how long it holds).
pub(super) async fn decision(app: &Weir, id: Uuid) -> Result<Option<Value>, Problem> {
    // Who may review decisions sees what they were about, whatever the purposes of the key's SQL.
    let tables = app.tables_for(|_| true)?;
    let found = ask(app, include_str!("recorded.sql"), &[("id", &id.to_string())], &tables, 1).await?;
    Ok(found.rows.first().map(shape))
}

fn shape(row: &Map<String, Value>) -> Value {
    let list = |column: &str| match row.get(column).and_then(Value::as_str) {
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| json!([])),
        None => json!([]),
    };
    // Cards, e-mails and referrers have no column in the table.
    let named = |kind: EntityKind| {
        let text = |value: &Value| value.as_str().map(str::to_owned).or_else(|| Some(value.as_i64()?.to_string()));
        let entity = kind.columns().iter().find_map(|column| row.get(*column).and_then(text))?;
        Some(json!({"entity_kind": kind.name(), "entity": entity}))
    };
    let entities: Vec<Value> = EntityKind::ALL.into_iter().filter_map(named).collect();
    json!({
        "decision_id": row.get("event_id"),
        "verdict": row.get("verdict"),
        "step_up": row.get("step_up"),
        "score": row.get("score"),
        "reasons": list("reasons"),
        "shadow": list("shadow"),
        "policy_version": row.get("policy_version"),
        "degraded": row.get("degraded"),
        "action": row.get("action"),
        "decided_at": row.get("ts"),
        "entities": entities,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_like_a_decision_from_memory() {
        let row = json!({"event_id": "d", "verdict": "block", "reasons": "[{\"rule\":\"r\"}]", "shadow": null,
            "device_id": "dev_3", "workspace_id": null, "guest_id": "gst_1", "asn": 64500});
        let shown = shape(row.as_object().unwrap());
        assert_eq!(shown["reasons"][0]["rule"], "r");
        assert_eq!(shown["shadow"], json!([]));
        let named: Vec<(&str, &str)> = shown["entities"]
            .as_array()
            .unwrap()
            .iter()
            .map(|named| (named["entity_kind"].as_str().unwrap(), named["entity"].as_str().unwrap()))
            .collect();
        assert_eq!(named, [("guest", "gst_1"), ("device", "dev_3"), ("network", "64500"), ("wallet", "gst_1")]);
    }
}
