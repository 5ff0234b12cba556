//! Loads straight into a data directory that no server holds: the same judging and the same log, without HTTP.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use ingest::{ImportOrigin, Ingest, IngestError, Judged, Recovery, Sender, Source, Trust};
use tokio::runtime::Runtime;

use super::client::{Answer, Import, Refused};

/// How long the directory may be overloaded before the load gives up: its flusher has stopped then.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks at a replay.
const LOOK: Duration = Duration::from_millis(20);

/// An open data directory.
pub(super) struct Directory {
    runtime: Runtime,
    ingest: Arc<Ingest>,
    key: Arc<str>,
}

impl Directory {
    /// Opens it, and waits until its log is replayed.
    ///
    /// # Errors
    /// When another process holds it, or its log cannot be replayed.
    pub(super) fn open(
        dir: &Path,
        open: impl AsyncFnOnce(&Path) -> anyhow::Result<Arc<Ingest>>,
    ) -> anyhow::Result<Self> {
        let runtime = Runtime::new().context("cannot start the runtime")?;
        let ingest = runtime.block_on(async {
            let ingest = open(dir).await.with_context(|| format!("cannot open {}", dir.display()))?;
            loop {
                match ingest.recovery() {
                    Recovery::Ready => return Ok(ingest),
                    Recovery::Failed(why) => bail!("{} cannot be recovered: {why}", dir.display()),
                    Recovery::Replaying { .. } => tokio::time::sleep(LOOK).await,
                }
            }
        })?;
        Ok(Self { runtime, ingest, key: Arc::from("load") })
    }

    /// Stores events. Returns once they are durable.
    ///
    /// # Errors
    /// When they cannot be read as a whole, or the directory cannot take them.
    pub(super) fn take(&self, body: &[u8], import: Option<&Import<'_>>, tell: &dyn Fn(&str)) -> anyhow::Result<Answer> {
        let begun = Instant::now();
        loop {
            let judged = self.judge(body, import.is_some())?;
            let (received, rejects) = (u64::from(judged.received), refused(&judged));
            let rejected = rejects.len() as u64;
            let (stored, duplicate) = match self.store(judged, import) {
                Ok(counts) => counts,
                Err(IngestError::Overloaded { retry_after_ms, reason }) if begun.elapsed() < PATIENCE => {
                    tell(&reason);
                    std::thread::sleep(Duration::from_millis(retry_after_ms));
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let answer = Answer { received, stored, duplicate, rejected, rejects };
            return Ok(if import.is_some() { answer.of_import() } else { answer });
        }
    }

    /// Settles everything into the tables.
    ///
    /// # Errors
    /// When it cannot.
    pub(super) fn close(self) -> anyhow::Result<()> {
        self.runtime.block_on(self.ingest.shutdown()).context("cannot settle the events into their tables")
    }

    fn judge(&self, body: &[u8], historical: bool) -> anyhow::Result<Judged> {
        let sender = Sender {
            key: Arc::clone(&self.key),
            trust: Trust::Server,
            source: if historical { Source::Import } else { Source::Native },
            historical,
            peer: None,
            user_agent: None,
            opted_out: false,
            idempotency_key: None,
            now: chrono::Utc::now().timestamp_micros(),
        };
        Ok(self.ingest.judge().judge(body, &sender)?)
    }

    fn store(&self, judged: Judged, import: Option<&Import<'_>>) -> Result<(u64, u64), IngestError> {
        self.runtime.block_on(async {
            let Some(import) = import else {
                let receipt = self.ingest.append(&self.key, judged).await?;
                return Ok((u64::from(receipt.stored), u64::from(receipt.duplicate)));
            };
            let offset = i64::try_from(import.offset).unwrap_or(i64::MAX);
            self.ingest.import(judged, &ImportOrigin { id: import.source.to_owned(), offset }).await
        })
    }
}

fn refused(judged: &Judged) -> Vec<Refused> {
    let told = judged.rejects.iter();
    told.map(|reject| Refused {
        index: reject.index,
        code: reject.code.name().to_owned(),
        message: reject.message.clone(),
    })
    .collect()
}
