//! A data directory that no server holds, as commands read it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ingest::{Ingest, Recovery};
use queries::{Engine, Tables};

use crate::config::Config;
use crate::control::Control;
use crate::issues::Issues;
use crate::serve;

const LOOK: Duration = Duration::from_millis(20);

/// An open data directory: its log is replayed, its tables can be asked.
pub(super) struct Directory {
    ingest: Arc<Ingest>,
    pub(super) config: Config,
    pub(super) engine: Arc<Engine>,
    /// One cut.
    pub(super) tables: Tables,
}

impl Directory {
    /// Opens a data directory. To be called within a tokio runtime.
    ///
    /// # Errors
    /// It is none, a server holds it, or it cannot be read.
    pub(super) async fn open(dir: &Path) -> anyhow::Result<Self> {
        if !dir.join("lake").is_dir() {
            return Err(super::misuse(format!(
                "{} is no data directory; say --data DIR, or --url and --key",
                dir.display()
            )));
        }
        let ingest =
            serve::open_directory(dir).await.context("ask the server that holds it instead: --url and --key")?;
        loop {
            match ingest.recovery() {
                Recovery::Ready => break,
                Recovery::Failed(why) => anyhow::bail!("the log cannot be replayed: {why}"),
                Recovery::Replaying { .. } => tokio::time::sleep(LOOK).await,
            }
        }
        let mut config = Config::default();
        config.server.data = dir.to_owned();
        let engine = Engine::new(serve::engine_config(&config), vec![ingest::lake_store(dir)?])?;
        // Errors are grouped as the server that was here last knew them.
        let issues = Issues::load(Arc::new(Control::open(dir)?), Arc::clone(&engine))?;
        let tables = issues.in_tables(ingest.cut().providers())?;
        let tables = tables.into_iter().map(|(name, table)| (name.to_owned(), table)).collect();
        Ok(Self { ingest, config, engine, tables })
    }

    /// Closes it in order.
    ///
    /// # Errors
    /// What was replayed could not be settled; it is in the log still.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        Ok(self.ingest.shutdown().await?)
    }
}
