//! What the rules learn of the past: open hits and links after a start, their state when it is cold, and what an import
//! brought in behind them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ingest::Ingest;
use queries::hits::{RESTORE_SQL, RestoredHit, close_orphans, read_restored_hits};
use queries::rules::{Backtest, BacktestHits, end_cause};
use queries::{Mode, Params, Rule, Tables, Transition};
use tokio::sync::oneshot;
use tracing::{error, warn};

use super::{IMPORT_END, REBUILD_RETRY, Rulebook, providers, tables};
use crate::backtest::aside;
use crate::clock;

impl Rulebook {
    /// Takes note that events were imported past the log: once no more come, the live rules read their history again.
    pub(crate) fn history_changed(&self) {
        self.imported_at.store(clock::now(), Ordering::Release);
    }

    pub(super) fn look_at_imports(&self) {
        let imported_at = self.imported_at.load(Ordering::Acquire);
        let ended = imported_at > 0 && clock::now() - imported_at >= IMPORT_END.as_micros() as i64;
        // A newer import in between keeps its mark, and is read in its turn.
        if ended && self.imported_at.compare_exchange(imported_at, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            self.reload_history();
        }
    }

    /// Makes every rule read its history again: events were imported past the log.
    pub(crate) fn reload_history(&self) {
        self.is_imported.store(true, Ordering::Release);
        self.is_restraining_warm.store(false, Ordering::Release);
        self.is_warm.store(false, Ordering::Release);
        self.live.cool();
        self.note_warmth();
    }

    /// Takes open hits and links back from their tables.
    pub(super) async fn restore(&self, ingest: &Ingest) {
        let links = "select op, trust, guest_id, account_id, received_at, seq from identities \
                     where op in ('bind', 'unbind') and trust = 'server' order by received_at, seq";
        match self.collect(ingest, links).await {
            Ok(batches) => batches.iter().for_each(|batch| self.links.observe(batch)),
            Err(error) => {
                error!(error, "binds could not be read back; linked accounts are unknown until their next bind")
            }
        }
        let hits = match self.collect(ingest, RESTORE_SQL).await {
            Ok(batches) => read_restored_hits(&batches),
            Err(error) => Err(error),
        };
        match hits {
            Ok(hits) => {
                let now = clock::now();
                let others = self.live.adopt(hits, now);
                // Hits of rules that are gone end here, and the table says so.
                let orphans = self.scheduled.adopt(others, now);
                let in_force = self.in_force.load();
                let cause = |hit: &RestoredHit| end_cause(&in_force.rules, &hit.rule, &hit.version);
                self.record(ingest, &close_orphans(orphans, now, cause));
            }
            Err(error) => error!(error, "open hits could not be read back"),
        }
    }

    async fn collect(&self, ingest: &Ingest, sql: &str) -> Result<Vec<arrow::array::RecordBatch>, String> {
        let answer =
            self.engine.ask(sql, &Params::default(), tables(ingest)).await.map_err(|error| error.to_string())?;
        answer.collect().await.map_err(|error| error.to_string())
    }

    pub(super) async fn warm_up(&self, ingest: &Ingest) {
        let cut = ingest.cut();
        let tables = providers(&cut);
        let up_to = cut.received_at();
        match self.live.rebuild(&self.engine, &tables, up_to).await {
            Ok(mut transitions) => {
                if self.is_imported.swap(false, Ordering::AcqRel) {
                    transitions.extend(self.resume_hits(&tables, up_to, |rule| rule.is_live()).await);
                    self.are_scheduled_behind.store(true, Ordering::Release);
                }
                self.record(ingest, &transitions);
                self.note_warmth();
            }
            Err(error) => {
                warn!(%error, "the rules' state is not complete yet; it is tried again");
                tokio::time::sleep(REBUILD_RETRY).await;
            }
        }
    }

    /// Lets scheduled rules find what they missed in imported events. No verdict waits for it, as none waits for their runs.
    pub(super) async fn catch_up_scheduled(&self, ingest: &Ingest) {
        if !self.are_scheduled_behind.swap(false, Ordering::AcqRel) {
            return;
        }
        let cut = ingest.cut();
        let transitions = self.resume_hits(&providers(&cut), cut.received_at(), |rule| !rule.is_live()).await;
        self.record(ingest, &transitions);
    }

    /// Finds the hits of these rules that imported events opened in the past and that have not ended: a live rule's state
    /// covers its window, not the time that a hit lives, and a scheduled rule judges from now on.
    async fn resume_hits(&self, tables: &Tables, up_to: i64, which: impl Fn(&Rule) -> bool) -> Vec<Transition> {
        let in_force = self.in_force.load_full();
        let mut transitions = Vec::new();
        let mut rules: Vec<_> =
            in_force.rules.iter().filter(|(rule, mode)| which(rule) && *mode != Mode::Off).collect();
        // Those whose hits restrain come first.
        rules.sort_by_key(|(_, mode)| *mode != Mode::Live);
        for (rule, _) in rules {
            let past = Backtest { rules: vec![Arc::clone(rule)], from: up_to, to: up_to, pace_us: None };
            match self.run_aside(past, tables.clone()).await {
                Ok(found) => {
                    let hits: Vec<_> = found.into_iter().flat_map(|found| found.hits).collect();
                    transitions.extend(match rule.is_live() {
                        true => self.live.resume(rule, &hits, up_to),
                        false => self.scheduled.resume(rule, &hits, up_to),
                    });
                }
                Err(error) => error!(error, rule.name = &*rule.name, "hits of imported events could not be found"),
            }
        }
        transitions
    }

    async fn run_aside(&self, past: Backtest, tables: Tables) -> Result<Vec<BacktestHits>, String> {
        let (mut sender, found) = oneshot::channel();
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let found = tokio::select! {
                found = past.run(&engine, &tables, |_| {}) => found,
                () = sender.closed() => return,
            };
            let _ = sender.send(found.map_err(|error| error.to_string()));
        };
        aside("weir-past", work).map_err(|error| error.to_string())?;
        found.await.map_err(|error| error.to_string())?
    }
}
