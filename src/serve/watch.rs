//! What goes on beside the requests: rules, recorded decisions, files that may change, salts that rotate, source maps that
//! expire.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ingest::Recovery;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, warn};

use super::open::{note_policy, policy, query_directory};
use crate::artifacts::Artifacts;
use crate::clock;
use crate::http::Weir;
use crate::own_queries;
use crate::pace::Look;

const FILES_LOOK: Duration = Duration::from_secs(2);
const RESTRICTIONS_LOOK: Duration = Duration::from_millis(200);
const READY_LOOK: Duration = Duration::from_millis(20);
const SALTS_LOOK_ROUNDS: u64 = 1_800;
const USES_WRITTEN_ROUNDS: u64 = 15;
const BUNDLES_AT_ONCE: usize = 50;
const ARTIFACTS_SWEPT: Duration = Duration::from_secs(3_600);

/// The tasks that run beside the requests.
pub(super) struct Background {
    weir: Arc<Weir>,
    stop: watch::Sender<bool>,
    recorder: JoinHandle<()>,
    others: Vec<JoinHandle<()>>,
}

impl Background {
    /// Ends them; decisions that wait are handed to the log first.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.recorder.await;
        for task in self.others {
            task.abort();
        }
        write_uses(&self.weir).await;
    }
}

/// Starts them all.
pub(super) fn start(weir: &Arc<Weir>) -> Background {
    let (stop, stopped) = watch::channel(false);
    let mut until = stopped;
    let recorder = tokio::spawn(Arc::clone(&weir.verdicts).run(async move {
        // An error means that the sender is gone, which is a stop as well.
        let _ = until.wait_for(|stop| *stop).await;
    }));
    let enricher = Arc::clone(&weir.enricher);
    tokio::task::spawn_blocking(move || enricher.warm());
    let others = vec![
        tokio::spawn(readers(Arc::clone(weir))),
        tokio::spawn(files(Arc::clone(weir))),
        tokio::spawn(restrictions(Arc::clone(weir))),
        tokio::spawn(artifacts(Arc::clone(weir))),
    ];
    Background { weir: Arc::clone(weir), stop, recorder, others }
}

/// Runs what reads the tables, once they can be read: rules and issues.
async fn readers(weir: Arc<Weir>) {
    loop {
        match weir.ingest.recovery() {
            Recovery::Ready => break,
            Recovery::Failed(why) => {
                error!(why, "storage failed; rules and issues do not run");
                return;
            }
            Recovery::Replaying { .. } => tokio::time::sleep(READY_LOOK).await,
        }
    }
    let verdicts = Arc::clone(&weir.verdicts);
    let (rulebook, ingest) = (Arc::clone(&weir.rulebook), Arc::clone(&weir.ingest));
    let issues = Arc::clone(&weir.issues).run(Arc::clone(&ingest));
    tokio::join!(rulebook.run(ingest, move |rulebook| verdicts.set_rule_actions(rulebook.actions())), issues);
}

/// Finds what changes among the restrictions, for those who follow them. Listing may take long when there are many.
async fn restrictions(weir: Arc<Weir>) {
    loop {
        tokio::time::sleep(RESTRICTIONS_LOOK).await;
        let verdicts = Arc::clone(&weir.verdicts);
        if let Err(error) = tokio::task::spawn_blocking(move || verdicts.compare_restrictions(clock::now())).await {
            error!(%error, "the restrictions could not be compared");
        }
    }
}

/// Finds the source maps that were uploaded before, then removes, hour by hour, those that nobody used for long.
async fn artifacts(weir: Arc<Weir>) {
    if let Err(error) = load_artifacts(&weir.artifacts).await {
        error!(error = format!("{error:#}"), "uploaded source maps could not be read");
    }
    weir.artifacts.set_loaded();
    loop {
        let artifacts = Arc::clone(&weir.artifacts);
        match tokio::task::spawn_blocking(move || artifacts.sweep(clock::now())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => error!(%error, "old source maps could not be removed"),
            Err(error) => error!(%error, "old source maps could not be looked for"),
        }
        tokio::time::sleep(ARTIFACTS_SWEPT).await;
    }
}

async fn load_artifacts(artifacts: &Arc<Artifacts>) -> anyhow::Result<()> {
    let listed = Arc::clone(artifacts);
    let bundles = tokio::task::spawn_blocking(move || listed.stored()).await??;
    // A few at a time: a stop waits for what has begun.
    for some in bundles.chunks(BUNDLES_AT_ONCE).map(<[_]>::to_vec) {
        let artifacts = Arc::clone(artifacts);
        tokio::task::spawn_blocking(move || artifacts.load(&some)).await?;
    }
    Ok(())
}

/// Looks at the files that may change under us: the policy, the stored queries, the geo databases; rotates the salts;
/// and folds the samples of histograms, which would pile up until somebody asks for the metrics.
async fn files(weir: Arc<Weir>) {
    let mut policy_seen = policy_stamp(&weir);
    let mut queries_seen = newest_query(&query_directory(&weir.config));
    for round in 0_u64.. {
        tokio::time::sleep(FILES_LOOK).await;
        note_pace(&weir);
        if round.is_multiple_of(USES_WRITTEN_ROUNDS) {
            write_uses(&weir).await;
        }
        let queries = newest_query(&query_directory(&weir.config));
        if queries != queries_seen {
            queries_seen = queries;
            weir.catalogue.store(Arc::new(own_queries::load(&query_directory(&weir.config))));
        }
        let enricher = Arc::clone(&weir.enricher);
        if let Err(error) = tokio::task::spawn_blocking(move || enricher.reload_if_changed()).await {
            error!(%error, "the geo databases could not be looked at");
        }
        let stamp = policy_stamp(&weir);
        if stamp != policy_seen {
            policy_seen = stamp;
            match policy(&weir.config) {
                Ok(policy) => {
                    if let Err(error) = note_policy(&weir.control, policy.version(), clock::now()) {
                        error!(%error, "the audit log could not be told of the changed policy");
                    }
                    weir.verdicts.set_policy(policy);
                }
                Err(error) => {
                    warn!(error = format!("{error:#}"), "the changed policy is wrong; the one before stays in force")
                }
            }
        }
        if round.is_multiple_of(SALTS_LOOK_ROUNDS)
            && let Err(error) = weir.salts.rotate(clock::now())
        {
            error!(%error, "the address salts could not be rotated");
        }
    }
}

/// Looks at what is counted. Rendering the metrics folds the samples of histograms.
fn note_pace(weir: &Weir) {
    let received = weir.ingest.status().outcomes.values().map(|tally| tally.received).sum();
    weir.pace.note(Look::new(clock::now(), received, &weir.metrics.render()));
}

async fn write_uses(weir: &Arc<Weir>) {
    let keys = Arc::clone(weir);
    match tokio::task::spawn_blocking(move || keys.keyring.write_uses()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => error!(%error, "when keys were last used could not be written down"),
        Err(error) => error!(%error, "when keys were last used could not be looked at"),
    }
}

fn policy_stamp(weir: &Weir) -> Option<(u64, SystemTime)> {
    let beside = weir.config.server.data.join("policy.toml");
    let metadata = std::fs::metadata(weir.config.verdict.policy.as_ref().unwrap_or(&beside)).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

/// What changes when any stored query does: how many there are, their bytes, and the newest's time.
fn newest_query(dir: &Path) -> (usize, u64, Option<SystemTime>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return (0, 0, None) };
    entries.flatten().fold((0, 0, None), |(count, bytes, newest), entry| {
        let Ok(metadata) = entry.metadata() else { return (count, bytes, newest) };
        if metadata.is_dir() {
            let (more, more_bytes, other) = newest_query(&entry.path());
            return (count + more, bytes + more_bytes, newest.max(other));
        }
        (count + 1, bytes + metadata.len(), newest.max(metadata.modified().ok()))
    })
}
