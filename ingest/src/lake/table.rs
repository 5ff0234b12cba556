//! One table's owner: the only task that commits to its Delta log (I4), one thing after the other.
//!
//! Invariant (I2): an epoch's rows reach the table exactly once. The epoch's end goes into the same commit as a `txn` action;
//! an epoch that the table's `txn` covers already is not written again. Every commit is synced before it is reported.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake_core::kernel::{Action, StructType, Transaction, engine::arrow_conversion::TryIntoKernel};
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::{DeltaTable, DeltaTableBuilder, checkpoints};
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use crate::buffer::{Board, FileSet};
use crate::columns;
use crate::error::IngestError;
use crate::kind::Kind;
use crate::lake::file::{self, DataFile, Spans};
use crate::lake::{compact, repair};
use crate::priority::Priority;
use crate::schema::TableSchema;

/// After so many commits the log is checkpointed and the table reopened: a long-lived snapshot slows down with each commit.
const COMMITS_PER_CHECKPOINT: u32 = 50;
/// A replaced file is kept this long for readers outside this process that still hold an older version.
const REMOVED_FILE_GRACE_MS: i64 = 60_000;
const QUEUE: usize = 4;

/// What a table's owner needs of its surroundings.
#[derive(Clone)]
pub(crate) struct Lake {
    pub(crate) dir: Arc<Path>,
    pub(crate) quarantine: Arc<Path>,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) board: Arc<Board>,
    /// The writer's name in `txn` actions: one per log.
    pub(crate) app_id: Arc<str>,
    /// One compaction at a time, over all tables: it bounds their memory.
    pub(crate) compactions: Arc<tokio::sync::Semaphore>,
}

/// A handle to a table's owner.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    commands: mpsc::Sender<Command>,
}

#[derive(Debug)]
enum Command {
    /// Settle the rows of one epoch, which ends before this sequence number.
    Settle {
        batches: Vec<RecordBatch>,
        end_seq: i64,
        priority: Priority,
        reply: oneshot::Sender<Result<(), IngestError>>,
    },
    /// Commit rows of an import under its own `txn`.
    Import { batch: RecordBatch, origin: String, version: i64, reply: oneshot::Sender<Result<bool, IngestError>> },
    /// Merge small files, delete what nobody reads any more.
    Maintain { now_ms: i64 },
    /// A compaction under way has written its file.
    Compacted(Result<compact::Compacted, IngestError>),
    /// Commit nothing more and end.
    Stop { reply: oneshot::Sender<()> },
}

impl Table {
    /// Opens (or creates) a kind's table, publishes its files and starts its owner.
    pub(crate) async fn open(lake: Lake, kind: Kind) -> Result<Self, IngestError> {
        let owner = Owner::open(lake, kind).await?;
        owner.publish();
        let (commands, queue) = mpsc::channel(QUEUE);
        tokio::spawn(owner.run(queue, commands.downgrade()));
        Ok(Self { commands })
    }

    /// Settles rows of an epoch. Returns after the commit is synced and the files are visible in place of the chunks.
    pub(crate) async fn settle(
        &self,
        batches: Vec<RecordBatch>,
        end_seq: i64,
        priority: Priority,
    ) -> Result<(), IngestError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Settle { batches, end_seq, priority, reply }).await?;
        answer.await.map_err(|_| stopped())?
    }

    /// Commits rows of an import. Returns false when this version of this origin was committed before.
    pub(crate) async fn import(&self, batch: RecordBatch, origin: String, version: i64) -> Result<bool, IngestError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Import { batch, origin, version, reply }).await?;
        answer.await.map_err(|_| stopped())?
    }

    /// Asks for maintenance, unless the owner is busy.
    pub(crate) fn maintain(&self, now_ms: i64) {
        let _ = self.commands.try_send(Command::Maintain { now_ms });
    }

    /// Ends the owner. Returns after whatever it was at, a commit or a checkpoint, is done.
    pub(crate) async fn stop(&self) {
        let (reply, ended) = oneshot::channel();
        if self.send(Command::Stop { reply }).await.is_ok() {
            let _ = ended.await;
        }
    }

    async fn send(&self, command: Command) -> Result<(), IngestError> {
        self.commands.send(command).await.map_err(|_| stopped())
    }
}

fn stopped() -> IngestError {
    IngestError::NotReady("the table's owner has stopped".into())
}

struct Owner {
    lake: Lake,
    kind: Kind,
    table: DeltaTable,
    files: Vec<Arc<DataFile>>,
    flushed_seq: i64,
    commits: u32,
    compacting: bool,
    /// Replaced files, and when: deleted once no cut holds them and the grace is over.
    removed: Vec<(Arc<DataFile>, i64)>,
}

impl Owner {
    async fn open(lake: Lake, kind: Kind) -> Result<Self, IngestError> {
        let dir = lake.dir.join(kind.table());
        repair::set_bad_commits_aside(&dir.join("_delta_log"), &lake.quarantine)?;
        let table = match open_table(&lake, kind).await? {
            Some(table) => table,
            None => create_table(&lake, kind).await?,
        };
        let mut owner = Self {
            lake,
            kind,
            table,
            files: Vec::new(),
            flushed_seq: 0,
            commits: 0,
            compacting: false,
            removed: Vec::new(),
        };
        owner.read_state().await?;
        repair::delete_orphans(&dir, &owner.files)?;
        Ok(owner)
    }

    async fn read_state(&mut self) -> Result<(), IngestError> {
        let state = self.table.snapshot()?;
        self.flushed_seq = self.txn_version(&self.lake.app_id).await?.unwrap_or(0);
        #[expect(
            deprecated,
            reason = "the Arrow form of the same facts is private without delta-rs' DataFusion feature"
        )]
        let adds = state.log_data().iter().map(|view| view.add_action()).collect::<Vec<_>>();
        self.files =
            adds.iter().map(|add| DataFile::from_add(self.kind, add).map(Arc::new)).collect::<Result<_, _>>()?;
        self.files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(())
    }

    async fn txn_version(&self, app_id: &str) -> Result<Option<i64>, IngestError> {
        let log_store = self.table.log_store();
        Ok(self.table.snapshot()?.transaction_version(log_store.as_ref(), app_id).await?)
    }

    fn publish(&self) {
        let version = self.table.version().unwrap_or_default();
        let files = FileSet { version, flushed_seq: self.flushed_seq, files: self.files.clone() };
        self.lake.board.publish(self.kind, Arc::new(files));
    }

    async fn run(mut self, mut queue: mpsc::Receiver<Command>, commands: mpsc::WeakSender<Command>) {
        while let Some(command) = queue.recv().await {
            match command {
                Command::Settle { batches, end_seq, priority, reply } => {
                    let _ = reply.send(self.settle(batches, end_seq, priority).await);
                }
                Command::Import { batch, origin, version, reply } => {
                    let _ = reply.send(self.import(batch, origin, version).await);
                }
                Command::Maintain { now_ms } => self.maintain(now_ms, &commands).await,
                Command::Compacted(outcome) => self.finish_compaction(outcome).await,
                Command::Stop { reply } => {
                    let _ = reply.send(());
                    return;
                }
            }
        }
    }

    async fn settle(&mut self, batches: Vec<RecordBatch>, end_seq: i64, priority: Priority) -> Result<(), IngestError> {
        if end_seq <= self.flushed_seq {
            return Ok(());
        }
        let transaction = Transaction::new(&self.lake.app_id, end_seq);
        let files = self.write_files(batches, priority).await?;
        let committed = self.append(files.clone(), transaction).await;
        if let Err(error) = committed {
            // The commit may have been made although it was reported as failed. The log knows.
            warn!(table = self.kind.table(), %error, "a commit failed; asking the log what became of it");
            self.reopen().await?;
            if self.flushed_seq < end_seq {
                self.delete_files(&files).await;
                return Err(error);
            }
        } else {
            self.flushed_seq = end_seq;
            self.files.extend(files.into_iter().map(Arc::new));
        }
        self.publish();
        self.upkeep().await;
        Ok(())
    }

    async fn import(&mut self, batch: RecordBatch, origin: String, version: i64) -> Result<bool, IngestError> {
        if self.txn_version(&origin).await?.is_some_and(|committed| committed >= version) {
            return Ok(false);
        }
        let files = self.write_files(vec![batch], Priority::Normal).await?;
        self.append(files.clone(), Transaction::new(&origin, version)).await?;
        self.files.extend(files.into_iter().map(Arc::new));
        self.publish();
        self.upkeep().await;
        Ok(true)
    }

    /// Writes rows as one file per partition. Returns after fsync.
    async fn write_files(&self, batches: Vec<RecordBatch>, priority: Priority) -> Result<Vec<DataFile>, IngestError> {
        let kind = self.kind;
        let encoded = priority
            .run("weir-flush", move || encode_by_partition(kind, &batches))
            .await
            .map_err(IngestError::internal)??;
        let mut files = Vec::with_capacity(encoded.len());
        for (partition, spans, bytes) in encoded {
            let path = file::new_path(kind, partition, false);
            let size = bytes.len() as u64;
            self.store().put(&object_store::path::Path::from(path.as_str()), bytes.into()).await?;
            files.push(DataFile::describe(path, size, partition, &spans, chrono::Utc::now().timestamp_millis()));
        }
        Ok(files)
    }

    fn store(&self) -> Arc<dyn ObjectStore> {
        self.table.log_store().object_store(None)
    }

    async fn append(&mut self, files: Vec<DataFile>, transaction: Transaction) -> Result<(), IngestError> {
        let actions =
            files.iter().map(|file| file.to_add(self.kind, true).map(Action::Add)).collect::<Result<Vec<_>, _>>()?;
        let operation = DeltaOperation::Write {
            mode: SaveMode::Append,
            partition_by: Some(vec![self.kind.partition().column().to_owned()]),
            predicate: None,
        };
        let properties = lean().with_application_transaction(transaction);
        self.commit(actions, operation, properties).await
    }

    async fn commit(
        &mut self,
        actions: Vec<Action>,
        operation: DeltaOperation,
        properties: CommitProperties,
    ) -> Result<(), IngestError> {
        let started = std::time::Instant::now();
        let state = self.table.snapshot()?;
        let finalized = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(state), self.table.log_store(), operation)
            .await?;
        self.table.state = Some(finalized.snapshot());
        self.commits += 1;
        metrics::histogram!("weir_table_commit_seconds", "table" => self.kind.table()).record(started.elapsed());
        Ok(())
    }

    async fn reopen(&mut self) -> Result<(), IngestError> {
        self.table = open_table(&self.lake, self.kind)
            .await?
            .ok_or_else(|| IngestError::Damaged(format!("the Delta log of {} is gone", self.kind.table())))?;
        self.read_state().await
    }

    /// Checkpoints now and then. A failure costs speed, not data: it is logged and tried again later.
    async fn upkeep(&mut self) {
        if self.commits < COMMITS_PER_CHECKPOINT {
            return;
        }
        self.commits = 0;
        let outcome = async {
            checkpoints::create_checkpoint(&self.table, None).await?;
            checkpoints::cleanup_metadata(&self.table, None).await?;
            let files = std::mem::take(&mut self.files);
            let reopened = self.reopen().await;
            // The same files, but as the cuts hold them: deletion counts the holders.
            match &reopened {
                Ok(()) => keep_holders(&mut self.files, &files),
                Err(_) => self.files = files,
            }
            reopened
        };
        if let Err(error) = outcome.await {
            error!(table = self.kind.table(), %error, "a checkpoint failed");
        }
    }

    async fn maintain(&mut self, now_ms: i64, commands: &mpsc::WeakSender<Command>) {
        self.delete_removed(now_ms).await;
        let Ok(permit) = Arc::clone(&self.lake.compactions).try_acquire_owned() else { return };
        let Some(plan) = (!self.compacting).then(|| compact::plan(&self.files)).flatten() else { return };
        let Some(commands) = commands.upgrade() else { return };
        self.compacting = true;
        let (kind, store) = (self.kind, self.store());
        tokio::spawn(async move {
            let outcome = compact::run(kind, store, plan, now_ms).await;
            drop(permit);
            let _ = commands.send(Command::Compacted(outcome)).await;
        });
    }

    async fn finish_compaction(&mut self, outcome: Result<compact::Compacted, IngestError>) {
        self.compacting = false;
        let outcome = match outcome {
            Ok(compacted) => self.commit_compaction(compacted).await,
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            error!(table = self.kind.table(), %error, "a compaction failed; its source files stay unless the log says otherwise");
            if let Err(error) = self.reopen().await {
                error!(table = self.kind.table(), %error, "the table could not be read again");
            }
            self.publish();
        }
    }

    async fn commit_compaction(&mut self, compacted: compact::Compacted) -> Result<(), IngestError> {
        let compact::Compacted { sources, file } = compacted;
        let now_ms = chrono::Utc::now().timestamp_millis();
        let mut actions = vec![Action::Add(file.to_add(self.kind, false)?)];
        actions.extend(sources.iter().map(|source| Action::Remove(source.to_remove(self.kind, now_ms))));
        let operation = DeltaOperation::Optimize { predicate: None, target_size: file.bytes as i64 };
        self.commit(actions, operation, lean()).await?;
        info!(
            table = self.kind.table(),
            files = sources.len(),
            rows = file.rows,
            bytes = file.bytes,
            "merged small files"
        );
        self.files.retain(|file| !sources.iter().any(|source| source.path == file.path));
        self.files.push(Arc::new(file));
        self.publish();
        self.removed.extend(sources.into_iter().map(|source| (source, now_ms)));
        self.upkeep().await;
        Ok(())
    }

    /// Deletes replaced files that no cut holds any more.
    async fn delete_removed(&mut self, now_ms: i64) {
        let (ripe, kept) = std::mem::take(&mut self.removed)
            .into_iter()
            .partition(|(file, at)| now_ms - at >= REMOVED_FILE_GRACE_MS && Arc::strong_count(file) == 1);
        self.removed = kept;
        let ripe: Vec<(Arc<DataFile>, i64)> = ripe;
        let files: Vec<DataFile> = ripe.into_iter().map(|(file, _)| DataFile::clone(&file)).collect();
        self.delete_files(&files).await;
    }

    async fn delete_files(&self, files: &[DataFile]) {
        let store = self.store();
        for file in files {
            if let Err(error) = store.delete(&object_store::path::Path::from(file.path.as_str())).await {
                warn!(table = self.kind.table(), file = file.path, %error, "a replaced file could not be deleted");
            }
        }
    }
}

fn keep_holders(fresh: &mut [Arc<DataFile>], held: &[Arc<DataFile>]) {
    let held: std::collections::HashMap<&str, &Arc<DataFile>> =
        held.iter().map(|file| (file.path.as_str(), file)).collect();
    for file in fresh {
        if let Some(held) = held.get(file.path.as_str()) {
            *file = Arc::clone(held);
        }
    }
}

/// A commit that does nothing besides: checkpoints and clean-up have their own time.
fn lean() -> CommitProperties {
    CommitProperties::default().with_cleanup_expired_logs(Some(false)).with_create_checkpoint(false)
}

type Encoded = (i32, Spans, Vec<u8>);

fn encode_by_partition(kind: Kind, batches: &[RecordBatch]) -> Result<Vec<Encoded>, IngestError> {
    let mut partitions: std::collections::BTreeMap<i32, (Spans, Vec<RecordBatch>)> = std::collections::BTreeMap::new();
    for batch in batches {
        for (partition, part) in split_by_partition(kind, batch)? {
            let (spans, parts) = partitions.entry(partition).or_default();
            spans.add(&part);
            parts.push(columns::widen(kind, &part)?);
        }
    }
    partitions
        .into_iter()
        .map(|(partition, (spans, parts))| Ok((partition, spans, file::encode(kind, &parts)?)))
        .collect()
}

/// Splits a batch, whose `received_at` never falls, where its partition changes.
fn split_by_partition(kind: Kind, batch: &RecordBatch) -> Result<Vec<(i32, RecordBatch)>, IngestError> {
    let received = columns::received_at(batch)?;
    let mut parts = Vec::new();
    let mut start = 0;
    while start < batch.num_rows() {
        let partition = columns::partition_of(kind, received.value(start));
        let length = received.values()[start..]
            .iter()
            .position(|at| columns::partition_of(kind, *at) != partition)
            .unwrap_or(batch.num_rows() - start);
        parts.push((partition, batch.slice(start, length)));
        start += length;
    }
    Ok(parts)
}

async fn open_table(lake: &Lake, kind: Kind) -> Result<Option<DeltaTable>, IngestError> {
    let dir = lake.dir.join(kind.table());
    if !dir.join("_delta_log").is_dir() || repair::is_empty_dir(&dir.join("_delta_log"))? {
        return Ok(None);
    }
    let mut table = handle(lake, kind)?;
    table.load().await?;
    Ok(Some(table))
}

fn handle(lake: &Lake, kind: Kind) -> Result<DeltaTable, IngestError> {
    let dir = lake.dir.join(kind.table());
    let url =
        url::Url::from_directory_path(&dir).map_err(|()| IngestError::internal("the data directory is relative"))?;
    let builder = DeltaTableBuilder::from_url(url.clone())?;
    Ok(builder.with_storage_backend(Arc::clone(&lake.store), url).build()?)
}

async fn create_table(lake: &Lake, kind: Kind) -> Result<DeltaTable, IngestError> {
    let schema = TableSchema::of(kind);
    let partition = kind.partition().column();
    let partition_field = arrow::datatypes::Field::new(partition, arrow::datatypes::DataType::Date32, true);
    let mut fields: Vec<Arc<arrow::datatypes::Field>> = schema.stored().fields().iter().cloned().collect();
    fields.push(Arc::new(partition_field));
    let columns: StructType =
        (&arrow::datatypes::Schema::new(fields)).try_into_kernel().map_err(IngestError::internal)?;
    let table = CreateBuilder::new()
        .with_log_store(handle(lake, kind)?.log_store())
        .with_table_name(kind.table())
        .with_columns(columns.fields().cloned())
        .with_partition_columns([partition])
        .with_configuration([
            ("delta.dataSkippingStatsColumns".to_owned(), Some("received_at,ts".to_owned())),
            ("delta.logRetentionDuration".to_owned(), Some("interval 1 days".to_owned())),
        ])
        .await?;
    Ok(table)
}
