//! What the app would ask before it lets something happen: the verdict request of an event, if it is one to ask about.

use serde_json::{Map, Value, json};

/// What is copied from the event.
const COPIED: &[&str] = &[
    "account_id",
    "guest_id",
    "device_id",
    "session_id",
    "workspace_id",
    "api_key_id",
    "referrer_id",
    "user_agent",
    "ip",
    "card_hash",
    "email",
];

/// Returns the body of `POST /v1/verdict` that comes before an event; none for events that just happen.
pub(super) fn before(event: &Value) -> Option<Value> {
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let action = match (text("kind"), text("op"), text("reason")) {
        ("credit", "spend", _) if event["api_key_id"].is_string() => "key_use",
        ("credit", "spend", _) => "generate",
        ("credit", "grant", "guest_grant" | "signup_grant" | "referral_bonus" | "promo") => "grant",
        ("payment", "attempt", _) => "pay",
        ("identity", action @ ("signup" | "login" | "bind"), _) => action,
        _ => return None,
    };
    let mut question = Map::new();
    question.insert("action".into(), json!(action));
    question.insert("request_id".into(), event["id"].clone());
    for name in COPIED {
        if let Some(value) = event.get(*name) {
            question.insert((*name).into(), value.clone());
        }
    }
    if matches!(action, "generate" | "key_use") {
        question.insert("cost_credits".into(), event["amount"].clone());
    }
    Some(Value::Object(question))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spends_are_asked_about_and_page_views_are_not() {
        let spend =
            json!({"id":"e","kind":"credit","op":"spend","reason":"generation","amount":4,"guest_id":"g","ref":"r"});
        let asked = json!({"action":"generate","request_id":"e","guest_id":"g","cost_credits":4});
        assert_eq!(before(&spend), Some(asked));
        assert_eq!(before(&json!({"id":"e","kind":"usage","name":"page.view","guest_id":"g"})), None);
        let pay =
            json!({"id":"e","kind":"payment","op":"attempt","account_id":"a","card_hash":"c","amount_minor":1900});
        assert_eq!(before(&pay), Some(json!({"action":"pay","request_id":"e","account_id":"a","card_hash":"c"})));
        assert_eq!(before(&json!({"kind":"payment","op":"failed"})), None);
    }
}
