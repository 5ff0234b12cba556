//! The path of one verdict: from a request to a decision, with nothing on it that waits. What the answer follows from
//! is `fold.rs`.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Instant;

use queries::{EntityKind, StepUp};
use uuid::Uuid;

use super::charges::Charges;
use super::decisions::{Decision, Verdict, new_id};
use super::error::VerdictError;
use super::fold::{Fold, Folded, Terms};
use super::policy::{ActionPolicy, Policy, WhenDegraded};
use super::request::{Explain, Question, VerdictRequest};
use super::{Caller, Freshness, VerdictService};

/// A decision, and how much of its reasons the caller asked to be told.
pub(crate) type Told = (Arc<Decision>, Explain);

impl VerdictService {
    /// Decides one request.
    ///
    /// The same `request_id` from the same key returns the same decision for ten minutes, also to those who ask at the
    /// same time. A dry run neither spends quotas nor is recorded or remembered.
    ///
    /// # Errors
    /// [`VerdictError::Invalid`], [`VerdictError::Forbidden`] for `explain: rows` without scope `review`, and
    /// [`VerdictError::Conflict`]. Nothing was spent or recorded then.
    pub(crate) fn decide(
        &self,
        request: &VerdictRequest<'_>,
        caller: Caller<'_>,
        now: i64,
    ) -> Result<Arc<Decision>, VerdictError> {
        let started = Instant::now();
        if request.explain == Some(Explain::Rows) && !caller.review {
            return Err(VerdictError::Forbidden("explain: rows needs a key with scope review"));
        }
        let question = request.question(&*self.names, now)?;
        let policy = self.policy.load();
        let action = self.action_policy(&policy, &request.action)?;
        let decide = || self.decide_question(&question, &policy, action, now, started);
        let Some(request_id) = request.request_id.as_deref().filter(|_| !question.dry_run) else {
            return Ok(decide());
        };
        let halves = self.seeds.each_ref().map(|seed| u128::from(seed.hash_one((caller.key, request_id))));
        let fingerprint = request.fingerprint(&self.seeds[0]);
        let key = (halves[0] << 64) | halves[1];
        let ((first, decision), _) = self.repeats.get_or_insert_with(key, now, || (fingerprint, decide()));
        if first == fingerprint { Ok(decision) } else { Err(VerdictError::Conflict) }
    }

    /// Reads and decides the body of `POST /v1/verdict`.
    ///
    /// # Errors
    /// As [`VerdictService::decide`].
    pub(crate) fn decide_body(&self, body: &[u8], caller: Caller<'_>, now: i64) -> Result<Told, VerdictError> {
        let request = VerdictRequest::parse(body)?;
        let decision = self.decide(&request, caller, now)?;
        Ok((decision, request.explain.unwrap_or_default()))
    }

    /// Reads and decides the body of `POST /v1/verdicts`: one result a request, in order. Quotas are spent in that order.
    ///
    /// # Errors
    /// [`VerdictError::Invalid`] when the body is no array, or too long; one bad request spoils only its own answer.
    pub(crate) fn decide_batch(
        &self,
        body: &[u8],
        caller: Caller<'_>,
        now: i64,
    ) -> Result<Vec<Result<Told, VerdictError>>, VerdictError> {
        let requests = VerdictRequest::split_batch(body)?;
        Ok(requests.into_iter().map(|request| self.decide_body(request.get().as_bytes(), caller, now)).collect())
    }

    fn action_policy<'p>(&self, policy: &'p Policy, action: &str) -> Result<&'p ActionPolicy, VerdictError> {
        if let Some(known) = policy.action(action) {
            return Ok(known);
        }
        if self.rule_actions.load().contains(action) {
            return Ok(policy.other());
        }
        super::request::check_action(action)?;
        let known = policy.actions().join(", ");
        Err(VerdictError::field("action", format_args!("{action:?} is not configured; there are {known}")))
    }

    fn decide_question(
        &self,
        question: &Question<'_>,
        policy: &Policy,
        action: &ActionPolicy,
        now: i64,
        started: Instant,
    ) -> Arc<Decision> {
        let id = new_id(now);
        let freshness = (self.freshness)();
        let degraded = is_degraded(freshness, policy, now);
        let terms = Terms {
            action: &question.request.action,
            policy: action,
            policy_version: policy.version(),
            now,
            // The id's last byte is random already.
            jitter_percent: id.as_bytes()[15] % 11,
        };
        let mut folded = self.fold_evidence(question, terms);
        let limited = self.apply_limits(&mut folded, question, policy, action, degraded, now);
        if degraded && folded.verdict == Verdict::Allow && !folded.by_override {
            match action.when_degraded {
                WhenDegraded::Allow | WhenDegraded::Throttle => {}
                WhenDegraded::Hold => folded.step_up_to(StepUp::Hold),
                WhenDegraded::Review => folded.step_up_to(StepUp::Review),
            }
        }
        let decision = Arc::new(to_decision(id, folded, question, policy, freshness, (degraded, limited), now));
        let elapsed = started.elapsed();
        if !question.dry_run {
            let latency_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
            self.recorder.record(&decision, question, latency_us);
            self.decisions.insert(decision.id.as_u128(), Arc::clone(&decision), now);
            action.decided.count(decision.verdict);
            let latency = self.latency.get_or_init(|| metrics::histogram!("weir_verdict_seconds"));
            latency.record(elapsed.as_secs_f64());
        }
        decision
    }

    /// Folds the hits and overrides of the named entities, of those one hop away, and of the components that a hit of
    /// one of these names, also a hit in shadow: what people decide of a component holds for all that it was found in.
    fn fold_evidence(&self, question: &Question<'_>, terms: Terms<'_>) -> Folded {
        let now = terms.now;
        let snoozes = self.snoozes.load();
        let mut fold = Fold::new(terms);
        let add = |fold: &mut Fold<'_>, kind: EntityKind, id: &str, linked: bool| {
            if let Some(found) = self.overrides.find(kind, id, now) {
                fold.add_override(found, linked);
            }
            let hits = self.hits.open(kind, id, now);
            fold.add_entity(|| hits.iter().filter(|hit| !snoozes.silence(hit, now)));
        };
        for entity in &question.entities {
            add(&mut fold, entity.kind, &entity.id, false);
        }
        for entity in &question.entities {
            let is_named = |kind: EntityKind, id: &str| question.entities.iter().any(|e| e.kind == kind && e.id == id);
            match entity.kind {
                EntityKind::Guest => {
                    if let Some(account) = self.links.account_of(&entity.id)
                        && !is_named(EntityKind::Account, &account)
                    {
                        add(&mut fold, EntityKind::Account, &account, true);
                    }
                }
                EntityKind::Account => {
                    for (_, guest) in self.links.guests_of(&entity.id).iter() {
                        if !is_named(EntityKind::Guest, guest) {
                            add(&mut fold, EntityKind::Guest, guest, true);
                        }
                    }
                }
                _ => {}
            }
        }
        for component in fold.take_components() {
            add(&mut fold, EntityKind::Component, &component, true);
        }
        fold.finish()
    }

    /// Checks the limits that apply, and spends them if the answer still is allow. Returns whether any applied.
    fn apply_limits(
        &self,
        folded: &mut Folded,
        question: &Question<'_>,
        policy: &Policy,
        action: &ActionPolicy,
        degraded: bool,
        now: i64,
    ) -> bool {
        if folded.by_override || folded.verdict == Verdict::Block {
            return false;
        }
        let id_of = |kind| question.id_of(kind);
        let mut charges = Charges::of(&action.limits, folded.score, question.cost_credits, id_of);
        if degraded && action.when_degraded == WhenDegraded::Throttle {
            let first = &question.entities[0];
            charges.add(&action.degraded_limit, first.kind, &first.id);
        }
        if charges.is_empty() {
            return false;
        }
        let spend = folded.verdict == Verdict::Allow && !question.dry_run;
        if let Err(refused) = charges.take(&self.limiter, now, spend) {
            folded.refuse(&refused, policy.version(), now);
        }
        true
    }
}

fn is_degraded(freshness: Freshness, policy: &Policy, now: i64) -> bool {
    let behind_us = freshness.behind_since.map_or(0, |since| now - since);
    !freshness.warm || behind_us > policy.stale_after_us()
}

fn to_decision(
    id: Uuid,
    folded: Folded,
    question: &Question<'_>,
    policy: &Policy,
    freshness: Freshness,
    (degraded, limited): (bool, bool),
    now: i64,
) -> Decision {
    let retry_after_ms = u64::try_from(folded.retry_after_us).unwrap_or(0).div_ceil(1_000);
    let ttl_ms = match folded.verdict {
        _ if degraded => 0,
        Verdict::Allow if limited => 0,
        Verdict::Allow => policy.cache_ttl_ms(),
        Verdict::Throttle => policy.cache_ttl_ms().min(retry_after_ms),
        Verdict::Block => {
            let left_ms = u64::try_from((folded.until - now) / 1_000).unwrap_or(0);
            policy.cache_ttl_ms().min(left_ms)
        }
    };
    let after_ms = |ms: u64| now.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX / 2_000).saturating_mul(1_000));
    Decision {
        id,
        at: now,
        verdict: folded.verdict,
        step_up: folded.step_up,
        score: folded.score,
        retry_after_ms: (folded.verdict == Verdict::Throttle).then_some(retry_after_ms),
        expires_at: match folded.verdict {
            Verdict::Allow => after_ms(ttl_ms),
            Verdict::Throttle => after_ms(retry_after_ms),
            Verdict::Block => folded.until,
        },
        cache_ttl_ms: ttl_ms,
        reasons: folded.reasons.into_boxed_slice(),
        shadow: folded.shadow.into_boxed_slice(),
        policy_version: Arc::clone(policy.version()),
        data_as_of: freshness.data_as_of,
        degraded,
        subject: Decision::pack_subject(question),
    }
}
