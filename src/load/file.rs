//! One file, from its first line to its last: read ahead, delivered, counted, its rejects kept.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use anyhow::{Context, bail};
use ingest::Tally;

use super::batch::Batch;
use super::client::{Answer, Import, Posted, Refused};
use super::progress::Progress;
use super::rejects::Rejects;
use super::source::Source;
use super::{Destination, IMPORT_BATCH, LoadArgs};

/// Batches read ahead of the one being delivered.
const READ_AHEAD: usize = 2;

/// What became of a file.
pub(super) struct Outcome {
    /// Its events.
    pub(super) tally: Tally,
    /// Where its rejects are.
    pub(super) rejects: Option<PathBuf>,
    /// Why it could not be read to its end, if so.
    pub(super) broken: Option<String>,
}

/// Loads a file. A file that cannot be read is no error here, but an outcome: others may follow.
///
/// # Errors
/// When the destination refuses or stays away, or the rejects cannot be kept.
pub(super) fn load(path: &Path, args: &LoadArgs, destination: &mut Destination) -> anyhow::Result<Outcome> {
    let source = match Source::open(path) {
        Ok(source) => source,
        Err(error) => {
            return Ok(Outcome { tally: Tally::default(), rejects: None, broken: Some(format!("{error:#}")) });
        }
    };
    let rejects = Rejects::of(path).with_context(|| format!("cannot keep the rejects of {}", path.display()))?;
    let progress = Progress::of_bytes(&path.display().to_string(), source.bytes);
    let (hash, read) = (source.hash.clone(), source.read.clone());
    let events_max = if args.historical { IMPORT_BATCH } else { args.batch as usize };
    let (batches, arriving) = sync_channel(READ_AHEAD);
    let mut loading =
        Loading { destination, historical: args.historical, hash, progress, rejects, tally: Tally::default() };
    thread::scope(|scope| {
        let reader = scope.spawn(move || read_ahead(source, events_max, &batches));
        let mut last_line = 0;
        for batch in arriving {
            loading.deliver(&batch).with_context(|| {
                format!("{}: stopped after line {last_line}; the same load again goes on", path.display())
            })?;
            last_line = batch.last_line;
            loading.progress.follow(&read);
        }
        let broken = reader.join().expect("the reader does not panic");
        loading.progress.end();
        Ok(Outcome {
            tally: loading.tally,
            rejects: loading.rejects.finish()?,
            broken: broken.map(|error| format!("the file cannot be read after line {last_line}: {error}")),
        })
    })
}

/// Reads batch after batch; returns why the file ended before its end, if so.
fn read_ahead(mut source: Source, events_max: usize, batches: &SyncSender<Batch>) -> Option<std::io::Error> {
    loop {
        let mut batch = Batch::default();
        let filled = batch.fill(&mut source, events_max);
        let ends = batch.is_end();
        if !ends && batches.send(batch).is_err() {
            // Delivery has failed, and says so itself.
            return None;
        }
        match filled {
            Err(error) => return Some(error),
            Ok(()) if ends => return None,
            Ok(()) => {}
        }
    }
}

/// A file being loaded.
struct Loading<'a> {
    destination: &'a mut Destination,
    historical: bool,
    hash: String,
    progress: Progress,
    rejects: Rejects,
    tally: Tally,
}

impl Loading<'_> {
    fn deliver(&mut self, batch: &Batch) -> anyhow::Result<()> {
        for skipped in &batch.skipped {
            self.rejects.write(skipped.number, skipped.code, &skipped.message, &skipped.text)?;
        }
        self.tally.received += batch.skipped.len() as u64;
        self.tally.rejected += batch.skipped.len() as u64;
        if batch.items.is_empty() {
            return Ok(());
        }
        self.deliver_items(batch, 0..batch.items.len())
    }

    /// Delivers some of a batch's events; in halves, should they be too many for one request.
    fn deliver_items(&mut self, batch: &Batch, items: Range<usize>) -> anyhow::Result<()> {
        let answer = match self.post(batch, items.clone())? {
            Posted::Taken(answer) => answer,
            Posted::TooLarge if items.len() > 1 => {
                let middle = items.start + items.len() / 2;
                self.deliver_items(batch, items.start..middle)?;
                return self.deliver_items(batch, middle..items.end);
            }
            Posted::TooLarge => {
                let message = "the event alone is more than the server takes".to_owned();
                let refused = Refused { index: 0, code: "too_large".into(), message };
                Answer { received: 1, rejected: 1, rejects: vec![refused], ..Answer::default() }
            }
        };
        if answer.received != items.len() as u64 {
            bail!("{} events were sent, and the server counts {}", items.len(), answer.received);
        }
        self.tally.received += answer.received;
        self.tally.stored += answer.stored;
        self.tally.duplicate += answer.duplicate;
        self.tally.rejected += answer.rejected;
        for refused in &answer.rejects {
            let item = batch.items.get(items.start + refused.index as usize).context("a reject of no event")?;
            let event = String::from_utf8_lossy(&batch.body[item.range.clone()]);
            self.rejects.write(item.number, &refused.code, &refused.message, event.trim_end())?;
        }
        Ok(())
    }

    fn post(&mut self, batch: &Batch, items: Range<usize>) -> anyhow::Result<Posted> {
        let body = batch.bytes(items.clone());
        let whole = items.end == batch.items.len();
        let offset = if whole { batch.last_line } else { batch.items[items.end - 1].number };
        let import = self.historical.then_some(Import { source: &self.hash, offset });
        match self.destination {
            Destination::Server(client) => {
                let first = batch.items[items.start].number;
                let key = format!("load-{}-{first}", self.hash);
                client.post_events(body, Some(&key), import.as_ref(), &|what| self.progress.tell(what))
            }
            Destination::Directory(directory) => {
                directory.take(body, import.as_ref(), &|what| self.progress.tell(what)).map(Posted::Taken)
            }
        }
    }
}
