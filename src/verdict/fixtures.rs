//! What the tests of the verdict service share: hits to judge by, and a service without a disk.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use ingest::Rows;
use queries::{EntityKind, Hit, HitBook, Mode, Restraint, StepUp};

use super::{
    Address, Caller, Decision, Freshness, Links, Override, Parts, Policy, Pseudonyms, Snooze, Verdict, VerdictError,
    VerdictRequest, VerdictService,
};
use crate::control::Control;

/// 2026-11-22T10:00:00Z.
pub(super) const NOW: i64 = 1_795_341_600_000_000;
pub(super) const SECOND: i64 = 1_000_000;
pub(super) const HOUR: i64 = 3_600 * SECOND;
pub(super) const APP: Caller<'static> = Caller { key: "app", review: false };

/// Returns a live hit that asks for a throttle of every action for six hours, and adds no points.
pub(super) fn hit(rule: &str, kind: EntityKind, entity: &str) -> Hit {
    Hit {
        rule: rule.into(),
        version: "v1".into(),
        entity_kind: kind,
        entity: entity.into(),
        mode: Mode::Live,
        verdict: Restraint::Throttle,
        step_up: StepUp::None,
        points: 0,
        observed: 6,
        threshold: 4,
        window: "24h".into(),
        actions: Arc::default(),
        browser_facts: false,
        component: None,
        first_at: NOW - HOUR,
        until: NOW + 6 * HOUR,
    }
}

pub(super) fn decree(kind: EntityKind, entity: &str, verdict: Verdict) -> Override {
    Override {
        entity_kind: kind,
        entity: entity.into(),
        verdict,
        reason: "a reason".to_owned(),
        expires_at: NOW + HOUR,
        created_at: NOW - HOUR,
        created_by: "ops".to_owned(),
    }
}

/// Returns a snooze of a rule for an account.
pub(super) fn snooze(rule: &str, entity: &str, until: i64) -> Snooze {
    Snooze {
        rule: rule.into(),
        entity_kind: EntityKind::Account,
        entity: entity.into(),
        until,
        reason: None,
        created_by: "ops".to_owned(),
        created_at: NOW - HOUR,
    }
}

/// Names that can be read in assertions.
pub(super) struct PlainNames;

impl Pseudonyms for PlainNames {
    fn address(&self, ip: IpAddr, _now: i64) -> Address {
        Address {
            hash: format!("hash of {ip}"),
            previous_hash: Some(format!("old hash of {ip}")),
            prefix: Some("203.0.113.0/24".to_owned()),
            network: Some("64500".to_owned()),
        }
    }

    fn email_root(&self, email: &str) -> Option<String> {
        email.split_once('@').map(|(local, domain)| format!("hash of {} at {domain}", local.to_lowercase()))
    }

    fn refuses_id(&self, id: &str) -> Option<&'static str> {
        id.contains('@').then_some("looks like an e-mail address")
    }
}

/// A service, and all it hangs on.
pub(super) struct House {
    pub(super) service: Arc<VerdictService>,
    pub(super) control: Arc<Control>,
    pub(super) hits: Arc<HitBook>,
    pub(super) links: Arc<Links>,
    pub(super) freshness: Arc<Mutex<Freshness>>,
    pub(super) recorded: Arc<Mutex<Vec<Rows>>>,
}

impl House {
    /// Builds one under this policy.
    pub(super) fn new(policy: &str) -> Self {
        let hits = Arc::new(HitBook::new());
        let links = Arc::new(Links::default());
        let freshness = Arc::new(Mutex::new(Freshness { warm: true, data_as_of: Some(NOW), behind_since: None }));
        let recorded = Arc::new(Mutex::new(Vec::new()));
        let control = Arc::new(Control::in_memory());
        let parts = Parts {
            hits: Arc::clone(&hits),
            links: Arc::clone(&links),
            policy: Policy::parse(policy).unwrap(),
            control: Arc::clone(&control),
            names: Arc::new(PlainNames),
            freshness: {
                let freshness = Arc::clone(&freshness);
                Arc::new(move || *freshness.lock().unwrap())
            },
            append_own: {
                let recorded = Arc::clone(&recorded);
                Arc::new(move |rows| {
                    recorded.lock().unwrap().push(rows);
                    Ok(())
                })
            },
            now: NOW,
        };
        let service = VerdictService::new(parts).unwrap();
        Self { service, control, hits, links, freshness, recorded }
    }

    /// Returns a service that begins anew at `now`, with what the control database kept.
    pub(super) fn restarted(&self, now: i64) -> Arc<VerdictService> {
        let parts = Parts {
            hits: Arc::clone(&self.hits),
            links: Arc::clone(&self.links),
            policy: Policy::parse("").unwrap(),
            control: Arc::clone(&self.control),
            names: Arc::new(PlainNames),
            freshness: Arc::new(Freshness::default),
            append_own: Arc::new(|_| Ok(())),
            now,
        };
        VerdictService::new(parts).unwrap()
    }

    /// Asks at `now`.
    pub(super) fn ask_at(&self, body: &str, now: i64) -> Result<Arc<Decision>, VerdictError> {
        let request = VerdictRequest::parse(body.as_bytes())?;
        self.service.decide(&request, APP, now)
    }

    /// Asks at [`NOW`], expecting an answer.
    pub(super) fn ask(&self, body: &str) -> Arc<Decision> {
        self.ask_at(body, NOW).unwrap()
    }

    /// Returns how many rows reached the log.
    pub(super) fn rows(&self) -> usize {
        self.service.flush();
        self.recorded.lock().unwrap().iter().map(Rows::len).sum()
    }
}
