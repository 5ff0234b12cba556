//! `[check]`: where `/v1/check` finds the entities of a request that a gateway asks about.

use std::collections::BTreeMap;

use axum::http::HeaderName;
use serde::{Deserialize, Serialize};

/// What a gateway may tell of a request, and the header that tells it.
pub(crate) const CHECK_FIELDS: [(&str, &str); 12] = [
    ("account_id", "weir-account-id"),
    ("guest_id", "weir-guest-id"),
    ("device_id", "weir-device-id"),
    ("session_id", "weir-session-id"),
    ("workspace_id", "weir-workspace-id"),
    ("api_key_id", "weir-api-key-id"),
    ("referrer_id", "weir-referrer-id"),
    ("ip", "weir-ip"),
    ("card_hash", "weir-card-hash"),
    ("email", "weir-email"),
    ("user_agent", "weir-user-agent"),
    ("cost_credits", "weir-cost-credits"),
];

/// Headers and cookies of the app's own that stand in for a `Weir-*` header that is not there: field to name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Check {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Check {
    /// Returns the first key that makes no sense, and why.
    pub(super) fn nonsense(&self) -> Option<(&'static str, String)> {
        let is_field = |name: &str| CHECK_FIELDS.iter().any(|(field, _)| *field == name);
        for (key, names) in [("headers", &self.headers), ("cookies", &self.cookies)] {
            if let Some(field) = names.keys().find(|field| !is_field(field)) {
                let known: Vec<&str> = CHECK_FIELDS.iter().map(|(field, _)| *field).collect();
                return Some((key, format!("{field} is none of {}", known.join(", "))));
            }
            // Cookie names are tokens, as header names are.
            if let Some(name) = names.values().find(|name| HeaderName::try_from(name.as_str()).is_err()) {
                return Some((key, format!("{name:?} cannot be a name")));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Option<(&'static str, String)> {
        toml::from_str::<Check>(text).unwrap().nonsense()
    }

    #[test]
    fn fields_and_names_are_checked() {
        assert_eq!(wrong("headers = { ip = \"X-Real-IP\" }\ncookies = { guest_id = \"guest\" }"), None);
        let (key, message) = wrong("cookies = { gest_id = \"guest\" }").unwrap();
        assert!(key == "cookies" && message.contains("gest_id") && message.contains("guest_id"), "{message}");
        assert_eq!(wrong("headers = { ip = \"X Real\" }").unwrap().0, "headers");
    }
}
