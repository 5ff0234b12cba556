//! Folding: from hits, overrides, the score and limits to an answer. Pure: time is an argument, nothing is looked up.
//!
//! The order (RULES.md): the deny-list; else the allow-list, which also skips limits; else the strictest of the hits
//! that cover the action, the score's threshold, and the limits.
//! - An override of verdict block or throttle is the deny-list, and the strictest of them is the answer. It reaches over
//!   links: whoever is denied stays so when naming only a bound guest. An allow does not reach over links.
//! - Hits of rules that read browser facts throttle at most, by verdict and by score. So does evidence about addresses
//!   and networks: it adds points, but a block never rests on it.
//! - The friction is the strictest of the covering hits': none < challenge < review < hold. Holding an action is
//!   stricter than having a person look at it afterwards.

use std::sync::Arc;

use queries::{EntityKind, Hit, Mode, Restraint, StepUp, points_to_score};

use super::decisions::{Reason, Verdict};
use super::overrides::Override;
use super::policy::{ActionPolicy, Limit};

/// The most reasons, and the most shadow reasons, of one answer.
pub(crate) const REASONS_MAX: usize = 32;
/// The longest that a throttle from a hit asks a caller to wait, microseconds.
const RETRY_US_MAX: i64 = 60_000_000;

/// What a request is judged by.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// The action asked about.
    pub(crate) action: &'a str,
    /// What holds for it.
    pub(crate) policy: &'a ActionPolicy,
    /// The version of the whole policy.
    pub(crate) policy_version: &'a Arc<str>,
    /// The time of the request.
    pub(crate) now: i64,
    /// By how much a throttle by score is shortened, 0 to 10 per cent: drawn anew for each request, so that the end of
    /// a throttle tells little about what went into the score.
    pub(crate) jitter_percent: u8,
}

/// An answer being folded, entity by entity.
pub(crate) struct Fold<'a> {
    terms: Terms<'a>,
    deny: Option<Arc<Override>>,
    allow: Option<Arc<Override>>,
    restraint: Restraint,
    /// When the last of the hits that throttle, or that block, ends.
    throttle_until: i64,
    block_until: i64,
    step_up: StepUp,
    top: Top,
    top_blocking: Top,
    reasons: Vec<Reason>,
    shadow: Vec<Reason>,
    components: Vec<Arc<str>>,
}

/// The highest score so far, and whose.
#[derive(Default)]
struct Top {
    score: u8,
    whose: Option<(EntityKind, Arc<str>)>,
    /// When the first of its hits ends, and the score with it.
    until: i64,
}

/// A folded answer, before limits and the fail mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folded {
    /// The answer.
    pub(crate) verdict: Verdict,
    /// The friction.
    pub(crate) step_up: StepUp,
    /// The request's score.
    pub(crate) score: u8,
    /// When to ask again, microseconds from now; set on throttle.
    pub(crate) retry_after_us: i64,
    /// When what blocks ends; 0 if nothing does.
    pub(crate) until: i64,
    /// Whether an override decided, which nothing softens or tightens.
    pub(crate) by_override: bool,
    /// What is behind the answer.
    pub(crate) reasons: Vec<Reason>,
    /// What hits in shadow would have asked for.
    pub(crate) shadow: Vec<Reason>,
}

impl<'a> Fold<'a> {
    /// Begins an answer.
    pub(crate) fn new(terms: Terms<'a>) -> Self {
        Self {
            terms,
            deny: None,
            allow: None,
            restraint: Restraint::None,
            throttle_until: 0,
            block_until: 0,
            step_up: StepUp::None,
            top: Top::default(),
            top_blocking: Top::default(),
            reasons: Vec::new(),
            shadow: Vec::new(),
            components: Vec::new(),
        }
    }

    /// Takes in the override of an entity that the request names, or that is linked to one.
    pub(crate) fn add_override(&mut self, found: Arc<Override>, linked: bool) {
        let slot = match found.verdict {
            Verdict::Allow if linked => return,
            Verdict::Allow => &mut self.allow,
            Verdict::Throttle | Verdict::Block => &mut self.deny,
        };
        if slot.as_ref().is_none_or(|slot| (slot.verdict, slot.expires_at) < (found.verdict, found.expires_at)) {
            *slot = Some(found);
        }
    }

    /// Takes in the open, unsnoozed hits of one entity. `hits` is asked for more than once.
    pub(crate) fn add_entity<'h, I: Iterator<Item = &'h Arc<Hit>>>(&mut self, hits: impl Fn() -> I) {
        let live = || hits().filter(|hit| hit.mode == Mode::Live);
        if let Some(first) = live().next() {
            let until = live().map(|hit| hit.until).min().unwrap_or(0);
            self.top.raise(points_to_score(live().map(|hit| hit.points)), first, until);
            if !is_address(first.entity_kind) {
                let trusted = || live().filter(|hit| !hit.browser_facts);
                let until = trusted().map(|hit| hit.until).min().unwrap_or(0);
                self.top_blocking.raise(points_to_score(trusted().map(|hit| hit.points)), first, until);
            }
        }
        for hit in hits() {
            if let Some(component) = hit.component.as_ref().filter(|component| !self.components.contains(component)) {
                self.components.push(Arc::clone(component));
            }
            let asked = self.restraint_of(hit);
            match hit.mode {
                Mode::Off => {}
                Mode::Shadow => self.shadow.push(Reason::of_hit(hit, asked.name())),
                Mode::Live => self.add_live(hit, asked),
            }
        }
    }

    /// Takes the components that the hits so far were found in, each once.
    pub(crate) fn take_components(&mut self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.components)
    }

    /// Ends the folding.
    pub(crate) fn finish(mut self) -> Folded {
        if let Some(deny) = self.deny.take() {
            return self.overridden(&deny);
        }
        if let Some(allow) = self.allow.take() {
            self.reasons.clear();
            self.step_up = StepUp::None;
            return self.overridden(&allow);
        }
        let now = self.terms.now;
        let mut verdict = Verdict::from(self.restraint);
        let mut retry_after_us = time_to(self.throttle_until, now);
        let mut until = self.block_until;
        if let Some(reason) = self.score_reason() {
            if reason.verdict == Verdict::Block.name() {
                verdict = Verdict::Block;
                until = until.max(reason.until);
            } else if verdict <= Verdict::Throttle {
                verdict = Verdict::Throttle;
                let full_us = time_to(reason.until, now);
                retry_after_us = retry_after_us.max(full_us - full_us * i64::from(self.terms.jitter_percent) / 100);
            }
            self.reasons.push(reason);
        }
        self.folded(verdict, retry_after_us, until, false)
    }

    fn add_live(&mut self, hit: &Arc<Hit>, asked: Restraint) {
        match asked {
            Restraint::None => {}
            Restraint::Throttle => self.throttle_until = self.throttle_until.max(hit.until),
            Restraint::Block => self.block_until = self.block_until.max(hit.until),
        }
        self.restraint = self.restraint.max(asked);
        if hit.covers(self.terms.action) && strictness(hit.step_up) > strictness(self.step_up) {
            self.step_up = hit.step_up;
        }
        if asked > Restraint::None || hit.points > 0 || hit.covers(self.terms.action) {
            self.reasons.push(Reason::of_hit(hit, asked.name()));
        }
    }

    /// Returns what a hit asks for in this answer.
    fn restraint_of(&self, hit: &Hit) -> Restraint {
        if !hit.covers(self.terms.action) {
            return Restraint::None;
        }
        if hit.browser_facts || is_address(hit.entity_kind) {
            return hit.verdict.min(Restraint::Throttle);
        }
        hit.verdict
    }

    fn score_reason(&self) -> Option<Reason> {
        let policy = self.terms.policy;
        let (verdict, threshold, top) = if self.top_blocking.score >= policy.block_score {
            (Verdict::Block, policy.block_score, &self.top_blocking)
        } else if self.top.score >= policy.throttle_score {
            (Verdict::Throttle, policy.throttle_score, &self.top)
        } else {
            return None;
        };
        let (entity_kind, entity) = top.whose.clone()?;
        Some(Reason {
            rule: "score".into(),
            version: Arc::clone(self.terms.policy_version),
            entity_kind,
            entity,
            verdict: verdict.name(),
            observed: i64::from(top.score),
            threshold: i64::from(threshold),
            window: "".into(),
            points: 0,
            until: top.until,
        })
    }

    fn overridden(mut self, found: &Override) -> Folded {
        let retry_after_us = time_to(found.expires_at, self.terms.now);
        let reason = Reason {
            rule: "override".into(),
            version: "".into(),
            entity_kind: found.entity_kind,
            entity: Arc::clone(&found.entity),
            verdict: found.verdict.name(),
            observed: 0,
            threshold: 0,
            window: "".into(),
            points: 0,
            until: found.expires_at,
        };
        self.reasons.insert(0, reason);
        self.folded(found.verdict, retry_after_us, found.expires_at, true)
    }

    fn folded(mut self, verdict: Verdict, retry_after_us: i64, until: i64, by_override: bool) -> Folded {
        // The override that decided stays first.
        sort_and_cut(&mut self.reasons, usize::from(by_override));
        sort_and_cut(&mut self.shadow, 0);
        Folded {
            verdict,
            step_up: self.step_up,
            score: self.top.score,
            retry_after_us: if verdict == Verdict::Throttle { retry_after_us } else { 0 },
            until: if verdict == Verdict::Block { until } else { 0 },
            by_override,
            reasons: self.reasons,
            shadow: self.shadow,
        }
    }
}

impl Folded {
    /// Takes in the limit that refuses the request.
    pub(crate) fn refuse(&mut self, refused: &Limited<'_>, policy_version: &Arc<str>, now: i64) {
        let retry_after_us = i64::try_from(refused.retry_after_us).unwrap_or(i64::MAX / 2);
        self.retry_after_us = self.retry_after_us.max(retry_after_us);
        self.verdict = self.verdict.max(Verdict::Throttle);
        self.reasons.push(Reason {
            rule: Arc::clone(&refused.limit.rule),
            version: Arc::clone(policy_version),
            entity_kind: refused.entity_kind,
            entity: refused.entity.into(),
            verdict: Verdict::Throttle.name(),
            observed: i64::try_from(refused.observed).unwrap_or(i64::MAX),
            threshold: i64::try_from(refused.limit.rate.burst()).unwrap_or(i64::MAX),
            window: Arc::clone(&refused.limit.window),
            points: 0,
            until: now.saturating_add(retry_after_us),
        });
        sort_and_cut(&mut self.reasons, 0);
    }

    /// Adds friction, unless there is stricter.
    pub(crate) fn step_up_to(&mut self, step_up: StepUp) {
        if strictness(step_up) > strictness(self.step_up) {
            self.step_up = step_up;
        }
    }
}

/// A limit that has no room.
pub(crate) struct Limited<'a> {
    /// The limit.
    pub(crate) limit: &'a Limit,
    /// The kind of the entity it counts for.
    pub(crate) entity_kind: EntityKind,
    /// The entity.
    pub(crate) entity: &'a str,
    /// Units outstanding, with those asked for.
    pub(crate) observed: u64,
    /// When there would be room, microseconds from now.
    pub(crate) retry_after_us: u64,
}

impl Top {
    fn raise(&mut self, score: u8, hit: &Hit, until: i64) {
        if score > self.score {
            *self = Self { score, whose: Some((hit.entity_kind, Arc::clone(&hit.entity))), until };
        }
    }
}

/// Tells whether entities of this kind are addresses and networks, which many people share.
pub(crate) const fn is_address(kind: EntityKind) -> bool {
    matches!(kind, EntityKind::Ip | EntityKind::IpPrefix | EntityKind::Network)
}

/// Orders friction: none < challenge < review < hold.
pub(crate) const fn strictness(step_up: StepUp) -> u8 {
    match step_up {
        StepUp::None => 0,
        StepUp::Challenge => 1,
        StepUp::Review => 2,
        StepUp::Hold => 3,
    }
}

/// Returns for how long to wait until then: at least a millisecond, at most 60 s.
fn time_to(until: i64, now: i64) -> i64 {
    until.saturating_sub(now).clamp(1_000, RETRY_US_MAX)
}

/// Orders reasons from the strictest, then by points, behind the first `kept`; and cuts them to [`REASONS_MAX`].
fn sort_and_cut(reasons: &mut Vec<Reason>, kept: usize) {
    if reasons.len() > kept + 1 {
        let rank = |verdict: &str| match verdict {
            "block" => 0,
            "throttle" => 1,
            _ => 2,
        };
        reasons[kept..].sort_by(|a, b| {
            (rank(a.verdict), std::cmp::Reverse(a.points)).cmp(&(rank(b.verdict), std::cmp::Reverse(b.points)))
        });
    }
    reasons.truncate(REASONS_MAX);
}

#[cfg(test)]
mod tests;
