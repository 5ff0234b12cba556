//! A simulated past in a data directory: made once, opened as commands open one, and left alone until it has settled.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use queries::{Engine, Params, Rule, RuleFiles};

use super::process::usage_of;
use crate::score::history::{self, Lake};
use crate::{clock, rulebook, simulate};

const DAY_US: i64 = 86_400_000_000;
/// The story is imported in pieces of so many bytes, so that a long one never lies on disk as text.
const PIECE_BYTES: u64 = 1 << 30;
/// At most one event in so many is refused: logs from before the time for which logs are kept.
const REFUSED_SHARE: u64 = 100;
/// A directory has settled when nothing changed in it for so long, and next to no work was done.
const QUIET: Duration = Duration::from_secs(3);
const QUIET_CPU_US: u64 = 60_000;
const SETTLE_MAX: Duration = Duration::from_secs(1_800);

/// What to simulate: people, programs and every kind of abuse.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Story {
    pub(crate) events: u64,
    pub(crate) days: u16,
    pub(crate) seed: u64,
}

/// Opens a data directory, or makes one in `scratch`. A directory that is named and does not exist is made, and stays.
///
/// # Errors
/// When a file cannot be written, or many simulated events are refused.
pub(crate) async fn open_or_make(data: Option<&Path>, story: Story, scratch: &Path) -> anyhow::Result<Lake> {
    let data = data.map_or_else(|| scratch.join("history"), Path::to_owned);
    if !data.exists() {
        make(story, &data, scratch).await?;
    }
    open(&data).await
}

/// Simulates the days before the last midnight and imports them as history. What lies on disk only meanwhile is in `scratch`.
async fn make(story: Story, data: &Path, scratch: &Path) -> anyhow::Result<()> {
    let (data, piece) = (data.to_owned(), scratch.join("story.ndjson"));
    // Both run runtimes of their own, which async code may not.
    tokio::task::spawn_blocking(move || simulate_into(story, data, piece)).await?
}

fn simulate_into(story: Story, data: PathBuf, piece: PathBuf) -> anyhow::Result<()> {
    let end = clock::now() / DAY_US * DAY_US;
    let start = end - i64::from(story.days) * DAY_US;
    let args = history::story(story.seed, story.events, (start, f64::from(story.days)));
    let mut pieces = Pieces { file: File::create(&piece)?, piece, data, bytes: 0 };
    simulate::run(&args, &mut pieces)?;
    pieces.import()?;
    std::fs::remove_file(&pieces.piece)?;
    Ok(())
}

/// Takes the story as text and imports a piece whenever there is enough of it.
struct Pieces {
    piece: PathBuf,
    data: PathBuf,
    file: File,
    bytes: u64,
}

impl Pieces {
    fn import(&mut self) -> anyhow::Result<()> {
        if self.bytes == 0 {
            return Ok(());
        }
        let loaded = history::import(&self.piece, &self.data)?;
        let tally = loaded.tally;
        let is_taken = loaded.failed == 0 && tally.rejected * REFUSED_SHARE <= tally.received;
        ensure!(is_taken, "the simulated events were not taken: {tally:?}");
        (self.file, self.bytes) = (File::create(&self.piece)?, 0);
        Ok(())
    }
}

impl Write for Pieces {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.file.write_all(text)?;
        self.bytes += text.len() as u64;
        if self.bytes >= PIECE_BYTES && text.ends_with(b"\n") {
            self.import().map_err(io::Error::other)?;
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Opens a data directory once it has settled: what is measured is not the merging of its small files.
async fn open(data: &Path) -> anyhow::Result<Lake> {
    let mut lake = Lake::open(data.to_owned(), (0, 0), &[]).await?;
    settle(&lake).await?;
    lake.tables = lake.ingest.cut().providers().into_iter().map(|(name, table)| (name.to_owned(), table)).collect();
    let sql = "select cast(min(received_at) as bigint), cast(max(received_at) as bigint) from usage";
    let times = ints(&lake, sql).await?;
    let [Some(first), Some(last)] = times[..] else { anyhow::bail!("{} holds no usage", data.display()) };
    lake.range = (first, last);
    Ok(lake)
}

async fn settle(lake: &Lake) -> anyhow::Result<()> {
    let begun = Instant::now();
    let versions = || lake.ingest.status().tables.values().map(|table| table.version).collect::<Vec<_>>();
    loop {
        let before = (versions(), usage_of("self")?.cpu_us);
        tokio::time::sleep(QUIET).await;
        let worked_us = usage_of("self")?.cpu_us - before.1;
        if versions() == before.0 && worked_us < QUIET_CPU_US {
            return Ok(());
        }
        ensure!(begun.elapsed() < SETTLE_MAX, "the directory did not settle within half an hour");
    }
}

/// Asks for one row of whole numbers.
pub(crate) async fn ints(lake: &Lake, sql: &str) -> anyhow::Result<Vec<Option<i64>>> {
    let answer = lake.engine.ask(sql, &Params::default(), lake.tables.clone()).await?;
    let batches = answer.collect().await?;
    let row = batches.first().filter(|batch| batch.num_rows() == 1).context("not one row")?;
    row.columns()
        .iter()
        .map(|column| {
            let column = cast(column, &DataType::Int64)?;
            Ok(column.is_valid(0).then(|| column.as_primitive::<Int64Type>().value(0)))
        })
        .collect()
}

/// Returns how many rows a table holds.
pub(crate) async fn rows_of(lake: &Lake, table: &str) -> anyhow::Result<u64> {
    let counted = ints(lake, &format!("select count(*) from {table}")).await?;
    Ok(counted.first().copied().flatten().unwrap_or(0).unsigned_abs())
}

/// Returns the built-in rules, and those of directories over them.
pub(crate) fn rules(engine: &Arc<Engine>, dirs: &[PathBuf]) -> anyhow::Result<Vec<Arc<Rule>>> {
    let loaded = RuleFiles::new(dirs.to_vec()).load(&rulebook::compiler(Arc::clone(engine)));
    let problem = loaded.problems.first();
    ensure!(problem.is_none(), "a rule is wrong: {}", problem.map_or_else(String::new, ToString::to_string));
    Ok(loaded.rules)
}
