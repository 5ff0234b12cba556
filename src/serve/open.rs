//! Opens a data directory and everything that works on it, in the order in which one needs the other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use ingest::adapters::IdRules;
use ingest::grouping::Grouper;
use ingest::{Committed, DiskRef, Enricher, Fingerprinter, Ingest, Judge, Observer, RealDisk, Rows};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use queries::{Engine, EngineConfig};
use tokio::sync::Semaphore;

use super::Options;
use super::names::Names;
use crate::artifacts::Artifacts;
use crate::backtest::Runner;
use crate::boards::Boards;
use crate::clock;
use crate::config::Config;
use crate::control::{By, Control, ControlError, Keyring, NewKey, Purposes, Salts, Scopes};
use crate::http::{BodyReader, Overview, Pasts, STREAMS_MAX, Sessions, Weir, Workers};
use crate::issues::Issues;
use crate::own_queries::{self, OwnQueries};
use crate::pace::Pace;
use crate::rulebook::Rulebook;
use crate::verdict::{Links, Parts, Policy, VerdictService};

/// What all bodies together may hold in memory while they are read.
const BODIES_BYTES_MAX: usize = 256 << 20;
/// Uploads of source maps are written one at a time; so many more may wait.
const UPLOADS_QUEUED_MAX: usize = 8;
/// Source maps are decoded for two stacks at a time; so many more may wait.
const STACKS_QUEUED_MAX: usize = 32;
/// Upper bounds of the buckets that every histogram has, seconds.
const LATENCY_BUCKETS_S: [f64; 14] =
    [0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0];

/// Opens everything of a server.
pub(super) async fn open(config: Config, options: &Options) -> anyhow::Result<Arc<Weir>> {
    let now = clock::now();
    let dir = config.server.data.clone();
    create_directory(&dir)?;
    // Before anything that counts: a counter that was looked up without a recorder never shows.
    let metrics = metrics_recorder()?;
    let control = Arc::new(Control::open(&dir)?);
    let salts = Arc::new(Salts::load(Arc::clone(&control), now)?);
    let enricher = enricher(&config, &control, &salts, now)?;
    std::fs::create_dir_all(dir.join("lake"))?;
    let engine = Engine::new(engine_config(&config), vec![ingest::lake_store(&dir)?])?;
    let links = Arc::new(Links::default());
    let directories = (own_rules(&config), config.rules.dirs.clone());
    let rulebook = Rulebook::load(Arc::clone(&control), Arc::clone(&engine), directories, Arc::clone(&links), now)?;
    let issues = Issues::load(Arc::clone(&control), Arc::clone(&engine))?;
    let observer = Arc::new(Observers { rulebook: Arc::clone(&rulebook), issues: Arc::clone(&issues) });
    let ingest = open_ingest(&config, &control, &enricher, (observer, options.disk.clone()), now).await?;
    let keyring = keyring(&control, options, now)?;
    let verdicts =
        verdicts(&config, &control, &rulebook, (links, Names::new(Arc::clone(&enricher), salts.clone())), &ingest)?;
    verdicts.set_rule_actions(rulebook.actions());
    note_policy(&control, &verdicts.status().policy_version, now)?;
    let catalogue = own_queries::load(&query_directory(&config));
    let server = &config.server;
    Ok(Arc::new(Weir {
        backtests: Runner::new(),
        bodies: BodyReader::new(server.body_timeout_ms, server.body_bytes_per_s_min, BODIES_BYTES_MAX),
        decoders: Workers::start(
            "weir-decode",
            config.ingest.decoders_max,
            config.ingest.decoders_queued_max,
            "too many large bodies wait to be decoded",
        )?,
        artifacts: Arc::new(artifacts(&config, options)?),
        uploads: Workers::start(
            "weir-uploads",
            1,
            UPLOADS_QUEUED_MAX,
            "too many uploads of source maps wait to be written",
        )?,
        map_readers: Workers::start("weir-maps", 2, STACKS_QUEUED_MAX, "too many stacks wait for their source maps")?,
        control,
        keyring,
        sessions: Sessions::default(),
        catalogue: ArcSwap::from_pointee(catalogue),
        own_queries: OwnQueries::new(query_directory(&config)),
        boards: boards(&config),
        ingest,
        engine,
        ids: id_rules(&config, &enricher)?,
        issues,
        enricher,
        salts,
        rulebook,
        verdicts,
        streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        overview: Overview::default(),
        pasts: Pasts::default(),
        pace: Pace::default(),
        metrics,
        is_demo: options.is_demo,
        started_at: now,
        config,
    }))
}

/// Who is told of each record before its senders are answered.
struct Observers {
    rulebook: Arc<Rulebook>,
    issues: Arc<Issues>,
}

impl Observer for Observers {
    fn observe(&self, committed: &Committed) -> Rows {
        self.issues.observe(committed);
        self.rulebook.observe(committed)
    }

    fn tick(&self, now: i64) -> Rows {
        self.rulebook.tick(now)
    }
}

fn artifacts(config: &Config, options: &Options) -> anyhow::Result<Artifacts> {
    let dir = config.server.data.join("artifacts");
    let disk = options.disk.clone().unwrap_or_else(|| Arc::new(RealDisk));
    let opened = Artifacts::open(dir.clone(), disk, config.artifact_limits());
    opened.with_context(|| format!("cannot open the source maps in {}", dir.display()))
}

fn id_rules(config: &Config, enricher: &Arc<Enricher>) -> anyhow::Result<IdRules> {
    let rules = IdRules::new(config.ids.guest.as_deref(), Arc::clone(enricher));
    rules.map_err(|problem| anyhow::anyhow!("[ids] guest is no pattern: {problem}"))
}

/// Makes the data directory for its owner alone: it holds what people did.
fn create_directory(dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.with_context(|| format!("cannot create the data directory {}", dir.display()))
}

fn metrics_recorder() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new().set_buckets(&LATENCY_BUCKETS_S)?.install_recorder()?;
    crate::http::describe_metrics();
    Ok(handle)
}

/// Opens a data directory for a command that no server serves: events in, nothing scored.
///
/// # Errors
/// When it is held by another process, or cannot be opened.
pub(crate) async fn open_directory(dir: &Path) -> anyhow::Result<Arc<Ingest>> {
    struct Nobody;
    impl Observer for Nobody {
        fn observe(&self, _committed: &Committed) -> Rows {
            Rows::default()
        }
    }
    let mut config = Config::default();
    config.server.data = dir.to_owned();
    create_directory(dir)?;
    let now = clock::now();
    let control = Arc::new(Control::open(dir)?);
    let salts = Arc::new(Salts::load(Arc::clone(&control), now)?);
    let enricher = enricher(&config, &control, &salts, now)?;
    open_ingest(&config, &control, &enricher, (Arc::new(Nobody), None), now).await
}

fn enricher(config: &Config, control: &Control, salts: &Arc<Salts>, now: i64) -> anyhow::Result<Arc<Enricher>> {
    let salts = Arc::clone(salts);
    let (country, network) = (config.geo.country_db.clone(), config.geo.network_db.clone());
    let at = move |now: i64| salts.at(now);
    Ok(Arc::new(Enricher::new(control.secret("emails", now)?, Arc::new(at), country, network)))
}

async fn open_ingest(
    config: &Config,
    control: &Control,
    enricher: &Arc<Enricher>,
    (observer, disk): (Arc<dyn Observer>, Option<DiskRef>),
    now: i64,
) -> anyhow::Result<Arc<Ingest>> {
    let given = &config.ingest;
    let fingerprint_key = control.secret("fingerprints", now)?;
    let app_id = format!("weir-{}", blake3::Hash::from(control.secret("log", now)?).to_hex());
    let judge = Judge::new(config.limits(), Fingerprinter::new(fingerprint_key), Arc::clone(enricher));
    if let Some(grouping) = control.grouping()? {
        let rules = serde_json::from_str(&grouping.rules).context("the rules of grouping cannot be read")?;
        judge.set_grouper(Arc::new(Grouper::new(grouping.version, rules)?));
    }
    let defaults = ingest::Config::new(config.server.data.clone(), app_id, fingerprint_key);
    let settings = ingest::Config {
        segment_bytes_max: given.segment_bytes_max,
        flush_interval_ms: given.flush_interval_ms,
        unflushed_bytes_max: given.unflushed_bytes_max,
        unflushed_age_ms_max: given.unflushed_age_ms_max,
        disk: disk.unwrap_or_else(|| DiskRef::clone(&defaults.disk)),
        ..defaults
    };
    let dir = config.server.data.display().to_string();
    Ingest::open(settings, judge, observer).await.with_context(|| format!("cannot open the data directory {dir}"))
}

/// Returns the engine's limits as configured; its threads give way to everything else.
pub(crate) fn engine_config(config: &Config) -> EngineConfig {
    let given = &config.sql;
    EngineConfig {
        threads: given.threads,
        query_memory_bytes_max: given.query_memory_bytes_max,
        memory_bytes_max: given.memory_bytes_max,
        spill_bytes_max: given.spill_bytes_max,
        timeout_ms: given.timeout_ms,
        concurrency_max: given.concurrency_max,
        on_thread_start: Some(Arc::new(|| {
            // Niceness is a thread's own on Linux. Failing to lower it costs latency under load, nothing else.
            let _ = rustix::process::nice(5);
        })),
        ..EngineConfig::new(config.server.data.join("spill"))
    }
}

/// Returns where rules lie beside the built-in ones: the user's own, then the operator's over them.
pub(crate) fn rule_directories(config: &Config) -> Vec<PathBuf> {
    std::iter::once(own_rules(config)).chain(config.rules.dirs.iter().cloned()).collect()
}

/// Returns where the user's own rules lie, which are saved over HTTP.
fn own_rules(config: &Config) -> PathBuf {
    query_directory(config).join("rules")
}

/// Returns where dashboards lie.
pub(crate) fn boards(config: &Config) -> Boards {
    Boards::new(config.server.data.join("dashboards"), config.dashboards.dirs.clone())
}

/// Returns where the operator's own stored queries lie.
pub(crate) fn query_directory(config: &Config) -> PathBuf {
    config.server.data.join("queries")
}

/// Loads the keys. A first start without any makes one and shows it, once.
fn keyring(control: &Arc<Control>, options: &Options, now: i64) -> anyhow::Result<Keyring> {
    let keyring = Keyring::load(Arc::clone(control), &options.fixed_keys, now)?;
    if keyring.is_empty() {
        let new = NewKey {
            name: "admin".into(),
            scopes: Scopes::ALL,
            origins: Vec::new(),
            rate: None,
            purposes: Purposes::ALL,
            expires_at: None,
        };
        let (_, text) = keyring.create(new, By::weir(now))?;
        eprintln!("There are no keys yet. This admin key is shown once; keep it:\n\n    {text}\n");
    }
    Ok(keyring)
}

/// Reads the policy: the configured file, else `policy.toml` in the data directory, else the default.
pub(crate) fn policy(config: &Config) -> anyhow::Result<Policy> {
    let beside = config.server.data.join("policy.toml");
    let path = config.verdict.policy.clone().or_else(|| beside.is_file().then_some(beside));
    let Some(path) = path else { return Ok(Policy::parse(Policy::default_text())?) };
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read the policy {}", path.display()))?;
    Policy::parse(&text).with_context(|| format!("the policy {} is wrong", path.display()))
}

/// Writes a line into the audit log when this is another policy than it tells of last, whether the file changed under a
/// server or between two.
pub(super) fn note_policy(control: &Control, version: &str, now: i64) -> Result<(), ControlError> {
    let last = control.last_noted("policy.changed")?;
    if last.is_some_and(|last| last["version"] == version) {
        return Ok(());
    }
    control.note(By::file(now), "policy.changed", &serde_json::json!({"version": version}))
}

fn verdicts(
    config: &Config,
    control: &Arc<Control>,
    rulebook: &Arc<Rulebook>,
    (links, names): (Arc<Links>, Names),
    ingest: &Arc<Ingest>,
) -> anyhow::Result<Arc<VerdictService>> {
    let (rules, log, waiting) = (Arc::clone(rulebook), Arc::clone(ingest), Arc::clone(ingest));
    Ok(VerdictService::new(Parts {
        hits: Arc::clone(rulebook.hits()),
        links,
        policy: policy(config)?,
        control: Arc::clone(control),
        names: Arc::new(names),
        freshness: Arc::new(move || rules.freshness(waiting.waiting_since())),
        append_own: Arc::new(move |rows| log.append_own(rows).map_err(|error| error.to_string())),
        now: clock::now(),
    })?)
}
