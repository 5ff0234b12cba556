//! Keys and settings: who may do what, the configuration in force and where each value comes from, and the policy. A key's
//! secret is on one page once ([`KeyMadePage`]), with lines to paste that use it.

mod in_force;
mod made;
mod new_key;

use askama::Template;

pub use in_force::{ConfigSection, ConfigValue, PolicyAction, PolicyLimit, PolicyView};
pub use made::{KeyMadePage, Snippet};
pub use new_key::{ENDS, NewKeyForm, SCOPES};

use crate::{Frame, PageError, address, figure};

/// The page at one instant. Shape: `settings.html`.
#[derive(Debug, Clone, Template)]
#[template(path = "settings.html")]
pub struct SettingsPage {
    /// What surrounds the page.
    pub frame: Frame,
    /// When the answers below were true, in microseconds since the Unix epoch.
    pub now: i64,
    /// Where senders reach this server.
    pub origin: String,
    /// All keys, by name.
    pub keys: Vec<KeyRow>,
    /// The id of the key that is about to be revoked, if one is.
    pub revoking: Option<String>,
    /// What was just done.
    pub done: Option<Done>,
    /// The form for a new key, as it was filled in.
    pub form: NewKeyForm,
    /// Why the key was not made.
    pub problem: Option<String>,
    /// The configuration in force.
    pub config: Vec<ConfigSection>,
    /// The tables and for how many days events of them are taken.
    pub retention: Vec<(String, u64)>,
    /// The policy in force.
    pub policy: PolicyView,
}

/// One key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// What the columns are kept for that it may read.
    pub purposes: Vec<String>,
    /// Pages that may use it.
    pub origins: Vec<String>,
    /// Requests of events it may send.
    pub rate: Option<String>,
    /// When it was made, microseconds.
    pub created_at: i64,
    /// When it ends, microseconds; none: never.
    pub expires_at: Option<i64>,
    /// When it was last used, microseconds.
    pub last_used_at: Option<i64>,
    /// It was given at start, and is revoked there.
    pub is_fixed: bool,
    /// The session of whoever looks was opened with it.
    pub is_own: bool,
}

/// What was just done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The key of this name was revoked.
    Revoked(String),
}

impl Done {
    /// Says what happened and what that means.
    pub fn sentence(&self) -> String {
        match self {
            Self::Revoked(name) => format!("The key {name} is revoked: the next request with it is refused."),
        }
    }
}

impl KeyRow {
    /// Tells whether it may send events.
    pub fn sends(&self) -> bool {
        self.scopes.iter().any(|scope| scope == "ingest" || scope == "ingest_public")
    }

    /// Tells whether columns mean anything for it: whether it may ask.
    pub fn reads(&self) -> bool {
        self.scopes.iter().any(|scope| scope == "query")
    }

    /// Tells whether it has ended by itself.
    pub fn has_ended(&self, now: &i64) -> bool {
        self.expires_at.is_some_and(|end| end <= *now)
    }

    /// Returns the address that asks whether to revoke it.
    pub fn asks(&self) -> String {
        format!("{}#revoke", address::with_parameters("/settings", [("revoke", self.id.as_str())]))
    }

    /// Returns the address that its revocation is posted to.
    pub fn action(&self) -> String {
        format!("/settings/keys/{}/revoke", address::encode(&self.id))
    }
}

impl SettingsPage {
    /// Renders the page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }

    /// Returns the path by which the header marks where one is.
    pub fn here(&self) -> &'static str {
        "/settings"
    }

    /// Tells whether no key is there for a program to send events with: the first one comes with a curl line.
    pub fn needs_first_key(&self) -> bool {
        !self.keys.iter().any(|key| key.sends() && !key.is_fixed && !key.scopes.iter().any(|scope| scope == "admin"))
    }

    /// Returns the key that is about to be revoked.
    pub fn asked(&self) -> Option<&KeyRow> {
        let id = self.revoking.as_ref()?;
        self.keys.iter().find(|key| key.id == *id)
    }

    /// Lists the tables, each with for how long events of it are taken.
    pub fn kept(&self) -> Vec<(&str, String)> {
        self.retention.iter().map(|(table, days)| (table.as_str(), figure::counted(*days, "day"))).collect()
    }

    /// Says how many keys there are.
    pub fn counted(&self) -> String {
        figure::counted(self.keys.len() as u64, "key")
    }

    /// Says how many values of the configuration are not the default.
    pub fn changed(&self) -> String {
        match self.config.iter().flat_map(|section| &section.values).filter(|value| value.is_changed()).count() {
            0 => "Every value is the default".to_owned(),
            count => format!("{} set by you", figure::counted(count as u64, "value")),
        }
    }
}

#[cfg(test)]
mod tests;
