//! Decisions that are no longer in memory, as the table `verdicts` keeps them.

use ::queries::{Params, to_json};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Weir;
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
    let params = Params::from_iter([("id".to_owned(), Value::String(id.to_string()))]);
    // Who may review decisions sees what they were about, whatever the purposes of the key's SQL.
    let answer = app.engine.ask(include_str!("recorded.sql"), &params, app.tables_for(|_| true)?).await?;
    let table = serde_json::to_value(to_json(answer, 1).await?).map_err(Problem::internal)?;
    let row = table["rows"].get(0).and_then(Value::as_array);
    let columns = table["columns"].as_array();
    let Some((row, columns)) = row.zip(columns) else { return Ok(None) };
    let names = columns.iter().filter_map(|column| column["name"].as_str().map(str::to_owned));
    Ok(Some(shape(&names.zip(row.iter().cloned()).collect())))
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
