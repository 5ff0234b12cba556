//! Decisions that are no longer in memory, as the table `verdicts` keeps them.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Weir;
use super::ask::ask;
use super::error::Problem;

/// The columns that name entities, and their kinds.
const ENTITIES: [(&str, &str); 6] = [
    ("account_id", "account"),
    ("guest_id", "guest"),
    ("device_id", "device"),
    ("session_id", "session"),
    ("workspace_id", "workspace"),
    ("api_key_id", "api_key"),
];

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
    let entities: Vec<Value> = ENTITIES
        .into_iter()
        .filter_map(|(column, kind)| Some(json!({"entity_kind": kind, "entity": row.get(column)?.as_str()?})))
        .collect();
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
            "device_id": "dev_3", "guest_id": null});
        let shown = shape(row.as_object().unwrap());
        assert_eq!(shown["reasons"][0]["rule"], "r");
        assert_eq!(shown["shadow"], json!([]));
        assert_eq!(shown["entities"], json!([{"entity_kind": "device", "entity": "dev_3"}]));
    }
}
