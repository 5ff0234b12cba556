//! What the tests of the verdict service share: hits to judge by, and a service without a disk.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use ingest::Rows;
use queries::{EntityKind, Hit, HitBook, Mode, Restraint, StepUp};

use super::{
    Address, Caller, Decision, Freshness, Links, Override, OverrideStore, Parts, Policy, Pseudonyms, Verdict,
    VerdictError, VerdictRequest, VerdictService,
};

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

/// A control database in memory, which can be made to fail.
#[derive(Default)]
pub(super) struct MemoryStore {
    pub(super) rows: Mutex<Vec<Override>>,
    pub(super) broken: AtomicBool,
}

impl MemoryStore {
    fn check(&self) -> Result<(), String> {
        if self.broken.load(Ordering::SeqCst) { Err("disk full".to_owned()) } else { Ok(()) }
    }
}

impl OverrideStore for MemoryStore {
    fn list(&self) -> Result<Vec<Override>, String> {
        self.check()?;
        Ok(self.rows.lock().unwrap().clone())
    }

    fn put(&self, new: &Override) -> Result<(), String> {
        self.delete(new.entity_kind, &new.entity)?;
        self.rows.lock().unwrap().push(new.clone());
        Ok(())
    }

    fn delete(&self, kind: EntityKind, entity: &str) -> Result<bool, String> {
        self.check()?;
        let mut rows = self.rows.lock().unwrap();
        let before = rows.len();
        rows.retain(|row| row.entity_kind != kind || &*row.entity != entity);
        Ok(rows.len() < before)
    }
}

/// A service, and all it hangs on.
pub(super) struct House {
    pub(super) service: Arc<VerdictService>,
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
        let service = VerdictService::new(Parts {
            hits: Arc::clone(&hits),
            links: Arc::clone(&links),
            policy: Policy::parse(policy).unwrap(),
            overrides: Arc::new(MemoryStore::default()),
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
        })
        .unwrap();
        Self { service, hits, links, freshness, recorded }
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
