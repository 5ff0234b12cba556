//! What the list of rules can be asked for, and how its address says so.

use super::RuleRow;
use crate::address;

/// Whether a rule restrains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleMode {
    /// Its hits restrain.
    Live,
    /// It finds, and restrains nobody.
    Shadow,
    /// It does not run.
    Off,
}

/// What a URL of the list asks for. Texts are as the reader wrote them; empty where nothing was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Only rules in this mode.
    pub mode: Option<RuleMode>,
    /// Only rules that judge this kind of entity.
    pub entity: String,
    /// Only rules with this in name or title, in any case.
    pub q: String,
}

impl RuleMode {
    /// All of them, the strongest first.
    pub const ALL: [Self; 3] = [Self::Live, Self::Shadow, Self::Off];

    /// Its name, as everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Shadow => "shadow",
            Self::Off => "off",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    /// Says what a rule in it does.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Live => "Its hits restrain",
            Self::Shadow => "It finds, and restrains nobody",
            Self::Off => "It does not run",
        }
    }
}

impl Asked {
    /// Writes its address.
    pub fn address(&self) -> String {
        let mode = self.mode.map_or("", RuleMode::name);
        address::with_parameters("/rules", [("mode", mode), ("entity", &self.entity), ("q", &self.q)])
    }

    /// Writes the address of another tab.
    pub fn at(&self, mode: &Option<RuleMode>) -> String {
        Self { mode: *mode, ..self.clone() }.address()
    }

    /// Returns the mode's name; empty for all.
    pub fn mode_name(&self) -> &'static str {
        self.mode.map_or("", RuleMode::name)
    }

    /// Tells whether a rule is asked for.
    pub(super) fn holds(&self, rule: &RuleRow) -> bool {
        let q = self.q.to_lowercase();
        self.mode.is_none_or(|mode| rule.mode == mode)
            && (self.entity.is_empty() || rule.entities.contains(&self.entity))
            && [&rule.name, &rule.title].iter().any(|text| text.to_lowercase().contains(&q))
    }
}
