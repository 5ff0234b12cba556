//! The audit log: who looked at somebody, or changed something, and whether the record of it is whole.

use crate::address;

/// What a URL of the log asks for; empty where nothing was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessAsked {
    /// Who did it.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To whom or what.
    pub entity: String,
    /// Only lines before this one.
    pub before: String,
}

/// Some lines of the log.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The lines, the newest first.
    pub lines: Vec<AccessLine>,
    /// There are older ones.
    pub has_more: bool,
    /// How many there are in all; or what is wrong with them first.
    pub verified: Option<Result<u64, String>>,
    /// Who has done something, to choose from.
    pub actors: Vec<String>,
    /// What was done, to choose from.
    pub actions: Vec<String>,
}

/// One line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessLine {
    /// Its place, from 1.
    pub seq: i64,
    /// When, microseconds.
    pub at: i64,
    /// By whom: the name of a key, or `weir`, `file`, `command`.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what: name and value; empty once it is destroyed.
    pub detail: Vec<(String, String)>,
    /// Its hash.
    pub hash: String,
}

impl AccessAsked {
    /// Writes its address.
    pub fn address(&self) -> String {
        let parameters = [
            ("tab", "access"),
            ("actor", &self.actor),
            ("action", &self.action),
            ("entity", &self.entity),
            ("before", &self.before),
        ];
        address::with_parameters("/data", parameters)
    }

    /// Writes the address of what comes before a line.
    pub fn before(&self, seq: &i64) -> String {
        Self { before: seq.to_string(), ..self.clone() }.address()
    }

    /// Writes the address of the newest lines.
    pub fn newest(&self) -> String {
        Self { before: String::new(), ..self.clone() }.address()
    }

    /// Writes the address of everything that somebody did.
    pub fn of_actor(&self, actor: &str) -> String {
        Self { actor: actor.to_owned(), ..Self::default() }.address()
    }

    /// Writes the address of everything that names this.
    pub fn of_entity(&self, entity: &str) -> String {
        Self { entity: entity.to_owned(), ..Self::default() }.address()
    }

    /// Tells whether something narrows the log.
    pub fn is_narrowed(&self) -> bool {
        [&self.actor, &self.action, &self.entity, &self.before].iter().any(|text| !text.is_empty())
    }
}

impl AccessLine {
    /// Says who it was, where the actor is no key.
    pub fn actor_meaning(&self) -> &'static str {
        match self.actor.as_str() {
            "weir" => "Weir itself",
            "file" => "the operator, by a file",
            "command" => "the operator, by a command on the data directory",
            _ => "a key",
        }
    }

    /// Returns the first of its hash: enough to compare by eye.
    pub fn short_hash(&self) -> &str {
        self.hash.get(..12).unwrap_or(&self.hash)
    }
}
