//! Which rules are in force, and in which mode: the one that was set for this very version, else the file's own. A mode of
//! live that stands in a file is the operator's act: it is stored, and the audit log tells of it once a version.

use std::collections::HashMap;
use std::sync::Arc;

use ingest::Ingest;
use queries::rules::LoadedRules;
use queries::{Mode, Rule, Transition};
use serde_json::{Value, json};
use tracing::warn;

use super::{InForce, Rulebook};
use crate::control::{ControlError, StoredMode};

impl Rulebook {
    /// Gives each rule its mode and installs them all. The caller holds the files.
    pub(super) fn put_in_force(&self, loaded: LoadedRules, now: i64) -> Result<Vec<Transition>, ControlError> {
        for problem in &loaded.problems {
            warn!(%problem, "a rule file is left out");
        }
        let modes: HashMap<(String, String), Mode> = self
            .control
            .rule_modes()?
            .into_iter()
            .filter_map(|stored| Some(((stored.rule, stored.version), Mode::parse(&stored.mode)?)))
            .collect();
        let mut rules = Vec::with_capacity(loaded.rules.len());
        for rule in loaded.rules {
            let set = modes.get(&(rule.name.to_string(), rule.version.to_string()));
            if set.is_none() && rule.headers.mode == Mode::Live {
                self.note_forced_by_file(&rule, now)?;
            }
            let mode = set.copied().unwrap_or(rule.headers.mode);
            rules.push((rule, mode));
        }
        let mut transitions = self.live.install(&rules, now);
        transitions.extend(self.scheduled.install(&rules, now));
        self.note_warmth();
        self.in_force.store(Arc::new(InForce { rules, problems: loaded.problems }));
        self.wake.notify_one();
        Ok(transitions)
    }

    fn note_forced_by_file(&self, rule: &Rule, now: i64) -> Result<(), ControlError> {
        warn!(rule.name = &*rule.name, "a rule's file says that it is live, without a backtest");
        let set = StoredMode { forced: true, ..stored(rule, Mode::Live, "file", now) };
        self.control.put_rule_mode(&set, "rule.forced_by_file", &json!({"file": rule.file}))
    }

    /// Sets the mode of one version of a rule. Durable once `Ok`; the transitions go to the log. `action` and `why` are for
    /// the audit log.
    ///
    /// # Errors
    /// When the control database cannot be written.
    pub(crate) fn set_mode(
        &self,
        ingest: &Ingest,
        set: &StoredMode,
        action: &str,
        why: &Value,
    ) -> Result<(), ControlError> {
        let _files = self.files();
        self.control.put_rule_mode(set, action, why)?;
        let in_force = self.in_force.load();
        let rules = in_force.rules.iter().map(|(rule, _)| Arc::clone(rule)).collect();
        let loaded = LoadedRules { rules, problems: in_force.problems.clone() };
        let transitions = self.put_in_force(loaded, set.set_at)?;
        self.record(ingest, &transitions);
        Ok(())
    }

    /// Tells whether a backtest is ground for this version of a rule to go live: it tested this very version, at the pace
    /// at which the rule runs. In words, why not.
    ///
    /// # Errors
    /// When the control database cannot be read.
    pub(crate) fn check_backtest(&self, id: &str, rule: &Rule) -> Result<Result<(), String>, ControlError> {
        Ok(match self.control.backtest(id)? {
            None => Err(format!("there is no backtest {id:?}")),
            Some(test) if *test.rule != *rule.name || *test.version != *rule.version => Err(format!(
                "backtest {id:?} tested {} in version {}, not {} in {}",
                test.rule, test.version, rule.name, rule.version
            )),
            Some(test) if test.approximate => Err(format!(
                "backtest {id:?} is approximate: it asked less often than the rule runs; test a shorter range"
            )),
            Some(_) => Ok(()),
        })
    }
}

/// Returns a mode to be stored for a rule's version.
pub(crate) fn stored(rule: &Rule, mode: Mode, set_by: &str, now: i64) -> StoredMode {
    StoredMode {
        rule: rule.name.to_string(),
        version: rule.version.to_string(),
        mode: mode.name().to_owned(),
        forced: false,
        set_by: set_by.to_owned(),
        set_at: now,
    }
}
