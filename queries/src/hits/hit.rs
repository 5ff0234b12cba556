//! What a hit is: one rule, true of one entity, until a time. Not how it is found (`rules/`), nor what follows from it.

use std::sync::Arc;

/// The kinds of entities that rules judge and verdicts are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum EntityKind {
    /// A guest, before sign-up.
    Guest,
    /// A signed-in account.
    Account,
    /// A client device.
    Device,
    /// A session.
    Session,
    /// A workspace.
    Workspace,
    /// A client address, as its keyed hash.
    Ip,
    /// A client network, /24 or /48.
    IpPrefix,
    /// An autonomous system, by number.
    Network,
    /// A payment card, as the provider's hash.
    Card,
    /// An e-mail address, as the keyed hash of its alias-normalised form.
    Email,
    /// A key of the app's own API.
    ApiKey,
    /// What holds credits: the workspace, else the account, else the guest.
    Wallet,
    /// Who referred a newcomer.
    Referrer,
    /// Entities that hang together, as a rule finds them (`component`).
    Component,
}

impl EntityKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Guest,
        Self::Account,
        Self::Device,
        Self::Session,
        Self::Workspace,
        Self::Ip,
        Self::IpPrefix,
        Self::Network,
        Self::Card,
        Self::Email,
        Self::ApiKey,
        Self::Wallet,
        Self::Referrer,
        Self::Component,
    ];

    /// Returns the kind's name, as in rule headers, the `hits` table and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Account => "account",
            Self::Device => "device",
            Self::Session => "session",
            Self::Workspace => "workspace",
            Self::Ip => "ip",
            Self::IpPrefix => "ip_prefix",
            Self::Network => "network",
            Self::Card => "card",
            Self::Email => "email",
            Self::ApiKey => "api_key",
            Self::Wallet => "wallet",
            Self::Referrer => "referrer",
            Self::Component => "component",
        }
    }

    /// Returns the kind of this name; `api key` and `api_key` are the same.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let matches = |kind: &Self| {
            let known = kind.name().bytes();
            known.len() == name.len() && known.zip(name.bytes()).all(|(a, b)| a == b || (a == b'_' && b == b' '))
        };
        Self::ALL.into_iter().find(matches)
    }

    /// Returns the columns that name an entity of this kind; the first that is not null counts.
    #[must_use]
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Guest => &["guest_id"],
            Self::Account => &["account_id"],
            Self::Device => &["device_id"],
            Self::Session => &["session_id"],
            Self::Workspace => &["workspace_id"],
            Self::Ip => &["ip_hash"],
            Self::IpPrefix => &["ip_prefix"],
            Self::Network => &["asn"],
            Self::Card => &["card_hash"],
            Self::Email => &["email_root_hash"],
            Self::ApiKey => &["api_key_id"],
            Self::Wallet => &["workspace_id", "account_id", "guest_id"],
            Self::Referrer => &["referrer_id"],
            Self::Component => &["component"],
        }
    }
}

/// Whether a rule runs and whether its hits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It does not run.
    Off,
    /// It runs; its hits are shown and never restrain.
    Shadow,
    /// It runs and its hits restrain.
    Live,
}

impl Mode {
    /// Returns the mode's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Shadow => "shadow",
            Self::Live => "live",
        }
    }

    /// Returns the mode of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Off, Self::Shadow, Self::Live].into_iter().find(|mode| mode.name() == name)
    }
}

/// What a hit asks for, from the mildest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Restraint {
    /// Nothing by itself: the hit only adds points.
    None,
    /// Slow down.
    Throttle,
    /// Refuse.
    Block,
}

impl Restraint {
    /// Returns the restraint's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Throttle => "throttle",
            Self::Block => "block",
        }
    }

    /// Returns the restraint of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::None, Self::Throttle, Self::Block].into_iter().find(|restraint| restraint.name() == name)
    }
}

/// The friction that a hit suggests beside its restraint, from none to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepUp {
    /// None.
    None,
    /// Ask for a proof.
    Challenge,
    /// Hold the action until it is released.
    Hold,
    /// Have a person look at it.
    Review,
}

impl StepUp {
    /// Returns the name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Challenge => "challenge",
            Self::Hold => "hold",
            Self::Review => "review",
        }
    }

    /// Returns the step of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::None, Self::Challenge, Self::Hold, Self::Review].into_iter().find(|step| step.name() == name)
    }
}

/// One rule that is true of one entity, until a time.
///
/// Units: times are microseconds since the Unix epoch, UTC; points 0-100.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The rule's name.
    pub rule: Arc<str>,
    /// The hash of the rule's text.
    pub version: Arc<str>,
    /// The kind of the entity.
    pub entity_kind: EntityKind,
    /// The entity's id.
    pub entity: Arc<str>,
    /// Whether it counts: hits in shadow are shown and restrain nothing.
    pub mode: Mode,
    /// What it asks for.
    pub verdict: Restraint,
    /// The friction it suggests.
    pub step_up: StepUp,
    /// What it adds to the entity's score.
    pub points: u8,
    /// The value observed at the last true point.
    pub observed: i64,
    /// The value it was held against.
    pub threshold: i64,
    /// The rule's window as it was written, for example `24h`; empty without one.
    pub window: Arc<str>,
    /// The actions it restrains; empty means all.
    pub actions: Arc<[Arc<str>]>,
    /// The rule reads facts that browsers sent: such a hit never leads to a block, neither by verdict nor by score.
    pub browser_facts: bool,
    /// The component of linked entities that the entity was found in, where the rule names one.
    pub component: Option<Arc<str>>,
    /// The first true point.
    pub first_at: i64,
    /// When it ends unless it becomes true again; the hit is open before it, not at it.
    pub until: i64,
}

impl Hit {
    /// Tells whether the hit restrains this action.
    #[must_use]
    pub fn covers(&self, action: &str) -> bool {
        self.actions.is_empty() || self.actions.iter().any(|covered| &**covered == action)
    }
}

/// The way a hit changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransitionKind {
    /// It became true.
    Opened,
    /// Its verdict, points or mode changed, what is observed grew, or it stopped being true later than its last row said.
    Changed,
    /// It ended.
    Closed,
}

impl TransitionKind {
    /// Returns the value of column `state` of the table `hits`.
    #[must_use]
    pub const fn state(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Changed => "changed",
            Self::Closed => "closed",
        }
    }
}

/// Why a hit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// Its time to live was over.
    Expired,
    /// There is no rule of this name any more.
    RuleDeleted,
    /// The rule has another text.
    RuleChanged,
    /// The rule was switched off.
    RuleOff,
}

impl EndCause {
    /// Returns the value of column `cause` of the table `hits`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::RuleDeleted => "rule_deleted",
            Self::RuleChanged => "rule_changed",
            Self::RuleOff => "rule_off",
        }
    }
}

/// One row of the table `hits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// What happened.
    pub kind: TransitionKind,
    /// The hit as it is after it.
    pub hit: Arc<Hit>,
    /// When, by the clock of the events, in microseconds.
    pub at: i64,
    /// Why it ended; none unless it did.
    pub cause: Option<EndCause>,
}

impl Transition {
    pub(crate) const fn opened(hit: Arc<Hit>, at: i64) -> Self {
        Self { kind: TransitionKind::Opened, hit, at, cause: None }
    }

    pub(crate) const fn changed(hit: Arc<Hit>, at: i64) -> Self {
        Self { kind: TransitionKind::Changed, hit, at, cause: None }
    }

    pub(crate) const fn closed(hit: Arc<Hit>, at: i64, cause: EndCause) -> Self {
        Self { kind: TransitionKind::Closed, hit, at, cause: Some(cause) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_find_their_values_again() {
        for kind in EntityKind::ALL {
            assert_eq!(EntityKind::parse(kind.name()), Some(kind));
        }
        assert_eq!(EntityKind::parse("api key"), Some(EntityKind::ApiKey));
        assert_eq!(EntityKind::parse("ip prefix"), Some(EntityKind::IpPrefix));
        assert_eq!(EntityKind::parse("nobody"), None);
        assert_eq!(Mode::parse("live"), Some(Mode::Live));
        assert_eq!(Restraint::parse("block"), Some(Restraint::Block));
        assert_eq!(StepUp::parse("hold"), Some(StepUp::Hold));
        assert_eq!(StepUp::parse("Hold"), None);
    }

    #[test]
    fn restraints_are_ordered_by_strictness() {
        assert!(Restraint::None < Restraint::Throttle && Restraint::Throttle < Restraint::Block);
    }
}
