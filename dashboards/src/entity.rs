//! The page of one entity: how it stands, why, with whom it is linked, what it did and what was decided, and the way to
//! decide otherwise. The events behind its hits come as a part of their own ([`EvidencePage`]), asked for when looked at.

mod graph;
mod score;

use askama::Template;

pub use graph::{Edge, Graph, Links, Node};
pub use score::{Contribution, Counting, Score};

use crate::decided::Decided;
use crate::decision::Proof;
use crate::reason;
use crate::verdicts::decision_address;
use crate::{Frame, PageError, Panel, address, figure};

/// The tables that the timeline can be narrowed to.
pub const TABLES: [&str; 9] =
    ["usage", "credits", "payments", "identities", "errors", "devices", "sessions", "logs", "verdicts"];

/// The page of one entity at one instant.
#[derive(Debug, Clone, Template)]
#[template(path = "entity.html")]
pub struct EntityPage {
    /// What surrounds the page.
    pub frame: Frame,
    /// When the answers below were true, in microseconds since the Unix epoch.
    pub now: i64,
    /// What the URL asks for.
    pub asked: Asked,
    /// How it stands.
    pub standing: Standing,
    /// Its score, hit by hit.
    pub score: Score,
    /// What a person decided of it.
    pub word: Option<Word>,
    /// Rules that are snoozed for it: rule, until when (microseconds), by whom and why.
    pub snoozes: Vec<Snooze>,
    /// With whom it is linked.
    pub links: Panel<Links>,
    /// Its wallets.
    pub credits: Panel<Vec<Wallet>>,
    /// What it did and what was decided, the newest first.
    pub timeline: Vec<TimelineRow>,
    /// What people say of it, the newest first.
    pub labels: Vec<Label>,
    /// The events behind its hits; loading until they are looked at.
    pub evidence: EvidencePage,
    /// What was just decided.
    pub done: Option<Decided>,
}

/// What a URL of the page asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Its kind.
    pub kind: String,
    /// Its id, by the name it is kept under.
    pub id: String,
    /// Only events of this table.
    pub table: String,
    /// All parts are to be there at once.
    pub is_whole: bool,
}

/// How an entity stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// What it is answered now: allow, throttle or block.
    pub verdict: String,
    /// What decides that, in a sentence.
    pub why: String,
}

/// A person's word about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word {
    /// Allow, throttle or block.
    pub verdict: String,
    /// Why.
    pub reason: String,
    /// By the key of this name.
    pub by: String,
    /// When it was put, microseconds.
    pub at: i64,
    /// When it ends, microseconds.
    pub until: i64,
}

/// A rule that counts for nothing of this entity, for a while.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snooze {
    /// The rule.
    pub rule: String,
    /// Until when, microseconds.
    pub until: i64,
    /// By the key of this name.
    pub by: String,
    /// Why; empty where nobody said.
    pub reason: String,
}

/// One wallet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wallet {
    /// Workspace, account or guest.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Credits left.
    pub balance: i64,
    /// Credits given.
    pub granted: i64,
    /// Of these, for nothing.
    pub free: i64,
    /// Credits spent.
    pub spent: i64,
    /// Credits given back.
    pub refunded: i64,
}

/// One line of the timeline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimelineRow {
    /// When, microseconds.
    pub at: i64,
    /// The table; `verdicts` for decisions.
    pub table: String,
    /// What happened, in a word.
    pub what: String,
    /// The event's or the decision's id.
    pub id: String,
    /// Who sent it: server or public; empty for decisions.
    pub trust: String,
    /// What was answered; empty for events.
    pub verdict: String,
    /// The score of the answer.
    pub score: u64,
}

/// What somebody said of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// The label.
    pub label: String,
    /// When it was said, microseconds.
    pub at: i64,
    /// Why; empty where nobody said.
    pub note: String,
}

/// The events behind the hits, in the page or alone as the fragment that takes its place.
#[derive(Debug, Clone, Template)]
#[template(path = "entity_evidence.html")]
pub struct EvidencePage {
    /// When it was made, microseconds.
    pub now: i64,
    /// Whose.
    pub asked: Asked,
    /// Each hit with its events.
    pub proofs: Panel<Vec<Proof>>,
}

impl Asked {
    /// Writes its address.
    pub fn address(&self) -> String {
        let whole = if self.is_whole { "all" } else { "" };
        address::with_parameters(&self.path(), [("table", self.table.as_str()), ("parts", whole)])
    }

    /// Writes the path of the page.
    pub fn path(&self) -> String {
        reason::entity_address(&self.kind, &self.id)
    }

    /// Writes the address of what is done: `override`, `label`, `snooze`.
    pub fn action(&self, action: &str) -> String {
        format!("{}/{action}", self.path())
    }

    /// Writes the address of the API's answer.
    pub fn json(&self) -> String {
        format!("{}.json", self.path())
    }

    /// Writes the address of the evidence as a fragment.
    pub fn evidence(&self) -> String {
        format!("/fragments{}/evidence", self.path())
    }

    /// Writes the address with every part.
    pub fn whole(&self) -> String {
        format!("{}#evidence", Self { is_whole: true, ..self.clone() }.address())
    }

    /// Writes the address of the timeline of one table; of all, where it is empty.
    pub fn of_table(&self, table: &str) -> String {
        format!("{}#timeline", Self { table: table.to_owned(), ..self.clone() }.address())
    }

    /// Writes the address of its verdicts in the feed.
    pub fn feed(&self) -> String {
        address::with_parameters("/verdicts", [("entity", self.id.as_str()), ("since", "-7d")])
    }

    /// Tells whether somebody may allow it: a component cannot be, because whoever shares a device with a member joins it.
    pub fn may_be_allowed(&self) -> bool {
        self.kind != "component"
    }

    /// Says what kind of thing it is.
    pub fn kind_words(&self) -> &str {
        kind_words(&self.kind)
    }

    /// Returns the link that asks for its events in SQL.
    pub fn as_sql(&self) -> String {
        let column = match self.kind.as_str() {
            "guest" => "guest_id",
            "account" => "account_id",
            "device" => "device_id",
            "session" => "session_id",
            "workspace" | "wallet" => "workspace_id",
            "ip" => "ip_hash",
            "ip_prefix" => "ip_prefix",
            "api_key" => "api_key_id",
            _ => {
                let (kind, id) = (address::sql_literal(&self.kind), address::sql_literal(&self.id));
                return address::sql(&format!(
                    "select\n    received_at,\n    rule,\n    state,\n    mode,\n    verdict,\n    observed,\n    threshold,\n    \
                     points\nfrom hits\nwhere entity_kind = {kind}\n    and entity = {id}\norder by received_at desc\nlimit 100\n"
                ));
            }
        };
        let id = address::sql_literal(&self.id);
        address::sql(&format!(
            "select\n    received_at,\n    kind,\n    trust,\n    account_id,\n    guest_id,\n    device_id,\n    ip_prefix,\n    \
             properties\nfrom events\nwhere {column} = {id}\norder by received_at desc\nlimit 100\n"
        ))
    }
}

/// Says a kind of entity.
pub fn kind_words(kind: &str) -> &str {
    match kind {
        "ip" => "address",
        "ip_prefix" => "network prefix",
        "email" => "mailbox",
        "api_key" => "API key",
        other => other,
    }
}

impl TimelineRow {
    /// Returns where it leads: a decision's page.
    pub fn address(&self) -> Option<String> {
        (self.table == "verdicts").then(|| decision_address(&self.id))
    }
}

impl Wallet {
    /// Returns the address of its owner's page.
    pub fn address(&self) -> String {
        reason::entity_address(&self.kind, &self.id)
    }

    /// Returns what was paid for of what was granted.
    pub fn paid(&self) -> i64 {
        self.granted - self.free
    }
}

/// Writes credits, with their sign.
pub fn credits(amount: &i64) -> String {
    let sign = if *amount < 0 { "−" } else { "" };
    format!("{sign}{}", figure::count(&amount.unsigned_abs()))
}

impl EntityPage {
    /// Renders the page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }

    /// Returns the path by which the header marks where one is.
    pub fn here(&self) -> &'static str {
        "/verdicts"
    }

    /// Says how sure the evidence makes it.
    pub fn certainty(&self) -> Option<&'static str> {
        let signs = self.score.rows.iter().filter(|row| row.counting != Counting::Snoozed).count();
        (signs > 0).then(|| crate::review::certainty(self.score.with_shadow, signs))
    }

    /// Says whom an override would touch beside the entity itself.
    pub fn scope(&self) -> String {
        self.links.value().map(|links| links.scope(&self.asked.kind)).unwrap_or_default()
    }

    /// Adds up its wallets: balance, granted, for nothing, spent.
    pub fn totals(&self) -> Option<(i64, i64, i64, i64)> {
        let wallets = self.credits.value().filter(|wallets| !wallets.is_empty())?;
        let sum = |of: fn(&Wallet) -> i64| wallets.iter().map(of).sum();
        Some((sum(|w| w.balance), sum(|w| w.granted), sum(|w| w.free), sum(|w| w.spent)))
    }

    /// Returns the label that holds.
    pub fn label(&self) -> Option<&Label> {
        self.labels.first().filter(|label| label.label != "withdrawn")
    }

    /// Suggests why somebody decides, for the field that asks.
    pub fn suggestion(&self) -> String {
        self.score.rows.first().map(|row: &Contribution| row.reason.words()).unwrap_or_default()
    }
}

impl EvidencePage {
    /// Renders the part.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn fragment(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }
}

#[cfg(test)]
mod tests;
