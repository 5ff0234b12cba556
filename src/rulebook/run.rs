//! What the rules do beside the log: four rounds that do not wait for each other. A rule that was just saved reads its
//! history while a long round of scheduled rules runs, and a file that changed is seen meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ingest::Ingest;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info};

use super::{Rulebook, providers, tables};
use crate::clock;

/// How often it is looked for rules whose state is to be read.
const STATE_LOOK: Duration = Duration::from_millis(500);
/// How often due scheduled rules are looked for.
const SCHEDULE_LOOK: Duration = Duration::from_millis(500);
/// How far scheduled rules stay behind the clock, so that no event in flight is missed.
const SCHEDULE_LAG_US: i64 = 1_000_000;
/// How often it is looked whether a live rule blocks too many.
const BRAKE_LOOK: Duration = Duration::from_secs(15);
/// How often the rule files are looked at for changes.
const FILES_LOOK: Duration = Duration::from_secs(2);

impl Rulebook {
    /// Runs until the process ends: restores hits and links, then keeps state, schedule and files up to date.
    pub(crate) async fn run(self: Arc<Self>, ingest: Arc<Ingest>, on_change: impl Fn(&Self) + Send + 'static) {
        self.restore(&ingest).await;
        self.began_at.store(clock::now(), Ordering::Release);
        tokio::join!(
            self.keep_state(&ingest),
            self.keep_schedule(&ingest),
            self.keep_past(&ingest),
            self.keep_files(&ingest, on_change)
        );
    }

    async fn keep_state(&self, ingest: &Ingest) {
        loop {
            self.look_at_imports();
            if !self.is_warm() {
                self.warm_up(ingest).await;
            }
            let _ = timeout(STATE_LOOK, self.wake.notified()).await;
        }
    }

    /// Begins once the server is ready: until then the live rules' state comes first.
    async fn keep_schedule(&self, ingest: &Ingest) {
        let mut brake_looked = Instant::now();
        loop {
            sleep(SCHEDULE_LOOK).await;
            if !self.is_ready(clock::now()) {
                continue;
            }
            // A moment behind the clock, and taken before the cut: what was received by then is in it.
            let as_of = clock::now() - SCHEDULE_LAG_US;
            let transitions = self.scheduled.run_due(&self.engine, &tables(ingest), as_of).await;
            self.record(ingest, &transitions);
            if brake_looked.elapsed() >= BRAKE_LOOK {
                brake_looked = Instant::now();
                self.brake(ingest, &providers(&ingest.cut())).await;
            }
        }
    }

    async fn keep_past(&self, ingest: &Ingest) {
        loop {
            sleep(STATE_LOOK).await;
            self.catch_up_scheduled(ingest).await;
        }
    }

    async fn keep_files(self: &Arc<Self>, ingest: &Arc<Ingest>, on_change: impl Fn(&Self)) {
        loop {
            sleep(FILES_LOOK).await;
            let (rulebook, log) = (Arc::clone(self), Arc::clone(ingest));
            if let Err(error) = tokio::task::spawn_blocking(move || rulebook.look_at_files(&log)).await {
                error!(%error, "the rule files could not be looked at");
            }
            on_change(self);
        }
    }

    fn look_at_files(&self, ingest: &Ingest) {
        let mut files = self.files();
        let Some(loaded) = files.reload_if_changed(&self.compiler) else { return };
        info!(rules = loaded.rules.len(), problems = loaded.problems.len(), "the rule files have changed");
        match self.put_in_force(loaded, clock::now()) {
            Ok(transitions) => self.record(ingest, &transitions),
            Err(error) => error!(%error, "changed rules could not be put in force"),
        }
    }
}
