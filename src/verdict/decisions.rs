//! A decision: what was answered, why, and how the API writes it. Not how it came about (`fold.rs`) and not its row in
//! the log (`recorder.rs`).

use std::sync::Arc;

use queries::{EntityKind, Hit, Restraint, StepUp};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};
use uuid::Uuid;

use super::request::{Explain, Question};
use crate::clock;

/// What is answered, from the mildest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// Go on.
    Allow,
    /// Slow down: ask again after `retry_after_ms`.
    Throttle,
    /// Refuse.
    Block,
}

impl Verdict {
    /// Every verdict, in the order of their numbers.
    pub(crate) const ALL: [Self; 3] = [Self::Allow, Self::Throttle, Self::Block];

    /// Returns the verdict's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Throttle => "throttle",
            Self::Block => "block",
        }
    }

    /// Returns the verdict of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }
}

impl From<Restraint> for Verdict {
    fn from(restraint: Restraint) -> Self {
        match restraint {
            Restraint::None => Self::Allow,
            Restraint::Throttle => Self::Throttle,
            Restraint::Block => Self::Block,
        }
    }
}

/// One thing behind an answer: a hit, a limit, an override, or the score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// The rule's name; `limit:<action>:<by>`, `override` or `score` for what is not a rule.
    pub(crate) rule: Arc<str>,
    /// The rule's version; the policy's for what the policy decides; empty for overrides.
    pub(crate) version: Arc<str>,
    /// The kind of the entity.
    pub(crate) entity_kind: EntityKind,
    /// The entity's id.
    pub(crate) entity: Arc<str>,
    /// What it asks for in this answer: allow, throttle, block or none (it only adds points).
    pub(crate) verdict: &'static str,
    /// The value observed.
    pub(crate) observed: i64,
    /// The value it was held against.
    pub(crate) threshold: i64,
    /// The rule's window, or the limit's rate.
    pub(crate) window: Arc<str>,
    /// The points it adds to the score.
    pub(crate) points: u8,
    /// When it ends, microseconds since the Unix epoch.
    pub(crate) until: i64,
}

impl Reason {
    /// Makes the reason that a hit is, asking for `verdict`.
    pub(crate) fn of_hit(hit: &Hit, verdict: &'static str) -> Self {
        Self {
            rule: Arc::clone(&hit.rule),
            version: Arc::clone(&hit.version),
            entity_kind: hit.entity_kind,
            entity: Arc::clone(&hit.entity),
            verdict,
            observed: hit.observed,
            threshold: hit.threshold,
            window: Arc::clone(&hit.window),
            points: hit.points,
            until: hit.until,
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Reason", 10)?;
        fields.serialize_field("rule", &*self.rule)?;
        fields.serialize_field("version", &*self.version)?;
        fields.serialize_field("entity_kind", self.entity_kind.name())?;
        fields.serialize_field("entity", &*self.entity)?;
        fields.serialize_field("verdict", self.verdict)?;
        fields.serialize_field("observed", &self.observed)?;
        fields.serialize_field("threshold", &self.threshold)?;
        fields.serialize_field("window", &*self.window)?;
        fields.serialize_field("points", &self.points)?;
        fields.serialize_field("until", &clock::rfc3339(self.until))?;
        fields.end()
    }
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Its id: a UUID of version 7, so in the order of time.
    pub(crate) id: Uuid,
    /// When it was made, microseconds since the Unix epoch.
    pub(crate) at: i64,
    /// The answer.
    pub(crate) verdict: Verdict,
    /// The friction to add.
    pub(crate) step_up: StepUp,
    /// The request's score, 0-100.
    pub(crate) score: u8,
    /// When to ask again, milliseconds from `at`: on throttle, and only then.
    pub(crate) retry_after_ms: Option<u64>,
    /// When the answer lapses at the latest, microseconds since the Unix epoch.
    pub(crate) expires_at: i64,
    /// For how long the caller may reuse it, milliseconds.
    pub(crate) cache_ttl_ms: u64,
    /// What is behind the answer, the strictest first.
    pub(crate) reasons: Box<[Reason]>,
    /// What hits in shadow would have asked for.
    pub(crate) shadow: Box<[Reason]>,
    /// The version of the policy that decided.
    pub(crate) policy_version: Arc<str>,
    /// The time of the last batch of events that counted; none before the first.
    pub(crate) data_as_of: Option<i64>,
    /// Decided on cold or stale state.
    pub(crate) degraded: bool,
    /// The action and the entities, packed: the action, then `kind TAB id` lines. One allocation a decision.
    pub(crate) subject: Box<str>,
}

impl Decision {
    /// Packs what was asked into one text; ids hold no control characters (`request.rs` refuses them).
    pub(crate) fn pack_subject(question: &Question<'_>) -> Box<str> {
        let bytes: usize = question.entities.iter().map(|entity| entity.id.len() + 12).sum();
        let mut subject = String::with_capacity(question.request.action.len() + bytes);
        subject.push_str(&question.request.action);
        for entity in &question.entities {
            subject.push('\n');
            subject.push_str(entity.kind.name());
            subject.push('\t');
            subject.push_str(&entity.id);
        }
        subject.into_boxed_str()
    }

    /// Returns the action that was asked about.
    pub(crate) fn action(&self) -> &str {
        self.subject.split('\n').next().unwrap_or_default()
    }

    /// Returns the entities that were named.
    pub(crate) fn entities(&self) -> impl Iterator<Item = (EntityKind, &str)> {
        self.subject.split('\n').skip(1).filter_map(|line| {
            let (kind, id) = line.split_once('\t')?;
            Some((EntityKind::parse(kind)?, id))
        })
    }

    /// Tells whether the decision names this entity, in what was asked or in its reasons.
    pub(crate) fn names(&self, kind: EntityKind, id: &str) -> bool {
        let in_reasons =
            |reasons: &[Reason]| reasons.iter().any(|reason| reason.entity_kind == kind && &*reason.entity == id);
        self.entities().any(|entity| entity == (kind, id)) || in_reasons(&self.reasons) || in_reasons(&self.shadow)
    }

    /// Returns the body of the answer. `Explain::Rows` writes what `Codes` does: evidence takes a query, which the
    /// verdict path never waits for; `http/evidence.rs` adds it.
    pub(crate) const fn answer(&self, explain: Explain) -> Answer<'_> {
        Answer { decision: self, explain, detailed: false }
    }

    /// Returns the body of `GET /v1/decisions/{id}`: the answer with its action, time and entities.
    pub(crate) const fn detailed(&self) -> Answer<'_> {
        Answer { decision: self, explain: Explain::Codes, detailed: true }
    }
}

/// A decision as the API writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    decision: &'a Decision,
    explain: Explain,
    detailed: bool,
}

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let decision = self.decision;
        let (reasons, shadow): (&[Reason], &[Reason]) = match self.explain {
            Explain::None => (&[], &[]),
            Explain::Codes | Explain::Rows => (&decision.reasons, &decision.shadow),
        };
        let mut fields = serializer.serialize_map(None)?;
        let mut id = Uuid::encode_buffer();
        fields.serialize_entry("decision_id", &*decision.id.hyphenated().encode_lower(&mut id))?;
        fields.serialize_entry("verdict", decision.verdict.name())?;
        fields.serialize_entry("step_up", decision.step_up.name())?;
        fields.serialize_entry("score", &decision.score)?;
        fields.serialize_entry("retry_after_ms", &decision.retry_after_ms)?;
        fields.serialize_entry("expires_at", &clock::rfc3339(decision.expires_at))?;
        fields.serialize_entry("cache_ttl_ms", &decision.cache_ttl_ms)?;
        fields.serialize_entry("reasons", reasons)?;
        fields.serialize_entry("shadow", shadow)?;
        fields.serialize_entry("policy_version", &*decision.policy_version)?;
        fields.serialize_entry("data_as_of", &decision.data_as_of.map(clock::rfc3339))?;
        fields.serialize_entry("degraded", &decision.degraded)?;
        if self.detailed {
            fields.serialize_entry("action", decision.action())?;
            fields.serialize_entry("decided_at", &clock::rfc3339(decision.at))?;
            fields.serialize_entry("entities", &Entities(decision))?;
        }
        fields.end()
    }
}

struct Entities<'a>(&'a Decision);

impl Serialize for Entities<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Named<'a> {
            entity_kind: &'static str,
            entity: &'a str,
        }
        let mut list = serializer.serialize_seq(None)?;
        for (kind, entity) in self.0.entities() {
            list.serialize_element(&Named { entity_kind: kind.name(), entity })?;
        }
        list.end()
    }
}

/// Makes a decision's id: its millisecond and 74 random bits from this thread's generator.
pub(crate) fn new_id(now: i64) -> Uuid {
    let millis = u64::try_from(now / 1_000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid()
}

#[cfg(test)]
mod tests;
