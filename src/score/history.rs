//! The simulated past in a data directory of its own, which is removed at the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ingest::{Ingest, Recovery};
use queries::{Engine, Tables};

use crate::config::Config;
use crate::load::{self, LoadArgs, Summary};
use crate::simulate::{self, SimulateArgs, Switch};
use crate::{clock, serve};

/// A day, microseconds.
const DAY_US: i64 = 86_400_000_000;
/// A question may take so long: these are many at once, and nobody waits for one of them.
const TIMEOUT_MS: u64 = 600_000;

/// A past that was made.
pub(super) struct Past {
    dir: PathBuf,
    labels: String,
    range: (i64, i64),
}

/// The past, opened.
pub(crate) struct Lake {
    pub(crate) config: Config,
    pub(crate) engine: Arc<Engine>,
    pub(crate) tables: Tables,
    /// The first and the last time, microseconds.
    pub(crate) range: (i64, i64),
    pub(crate) ingest: Arc<Ingest>,
}

/// Returns what is simulated: people, programs and every kind of abuse, over so many days from a time, microseconds.
pub(crate) const fn story(seed: u64, events: u64, (start, days): (i64, f64)) -> SimulateArgs {
    SimulateArgs {
        events,
        seed,
        days,
        start: Some(start / 1_000),
        abuse: Switch::On,
        labels: None,
        out: None,
        send: None,
        key: None,
        rate: None,
        historical: false,
    }
}

/// Imports a file of events into a data directory, as history.
pub(crate) fn import(file: &Path, data: &Path) -> anyhow::Result<Summary> {
    let import = LoadArgs {
        files: vec![file.to_owned()],
        url: None,
        key: None,
        data: Some(data.to_owned()),
        historical: true,
        batch: 20_000,
    };
    load::run(&import, serve::open_directory)
}

impl Past {
    /// Simulates the days before the last midnight and imports them.
    pub(super) fn make(seed: u64, events: u64, days: u16) -> anyhow::Result<Self> {
        let end = clock::now() / DAY_US * DAY_US;
        let start = end - i64::from(days.max(1)) * DAY_US;
        let dir = std::env::temp_dir().join(format!("weir-score-{}-{seed}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        let mut past = Self { dir, labels: String::new(), range: (start, end) };
        let (out, labels) = (past.dir.join("events.ndjson"), past.dir.join("labels.ndjson"));
        let story = SimulateArgs {
            labels: Some(labels.clone()),
            out: Some(out.clone()),
            ..story(seed, events, (start, f64::from(days.max(1))))
        };
        simulate::run(&story, &mut std::io::sink())?;
        past.labels = std::fs::read_to_string(&labels).context("cannot read the labels")?;
        let loaded = import(&out, &past.data())?;
        anyhow::ensure!(loaded.is_clean(), "the simulated events were not all taken");
        std::fs::remove_file(&out)?;
        Ok(past)
    }

    /// Returns the ground truth, one line an entity.
    pub(super) fn labels(&self) -> &str {
        &self.labels
    }

    /// Opens it, with these directories of rules.
    pub(super) async fn open(&self, rules: &[PathBuf]) -> anyhow::Result<Lake> {
        Lake::open(self.data(), self.range, rules).await
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }
}

impl Lake {
    /// Opens a data directory that holds a past, with these directories of rules.
    pub(crate) async fn open(data: PathBuf, range: (i64, i64), rules: &[PathBuf]) -> anyhow::Result<Self> {
        let ingest = serve::open_directory(&data).await?;
        loop {
            match ingest.recovery() {
                Recovery::Ready => break,
                Recovery::Failed(why) => anyhow::bail!("the log cannot be replayed: {why}"),
                Recovery::Replaying { .. } => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        let mut config = Config::default();
        config.server.data = data;
        config.sql.timeout_ms = TIMEOUT_MS;
        config.rules.dirs = rules.to_vec();
        let store = ingest::lake_store(&config.server.data)?;
        let engine = Engine::new(serve::engine_config(&config), vec![store])?;
        let tables = ingest.cut().providers().into_iter().map(|(name, table)| (name.to_owned(), table)).collect();
        Ok(Self { config, engine, tables, range, ingest })
    }

    /// Closes it.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        drop(self.tables);
        Ok(self.ingest.shutdown().await?)
    }
}

impl Drop for Past {
    fn drop(&mut self) {
        let dir: &Path = &self.dir;
        let _ = std::fs::remove_dir_all(dir);
    }
}
