//! `weir load`: files of events into a server or a data directory.
//!
//! The way through: a file is opened, named by its hash and cut into lines (`source`), each line is looked at (`event`) and
//! gathered into a batch (`batch`) by one thread, while another hands batches to the destination (`client`, `directory`)
//! and keeps what is rejected (`rejects`). `client` also serves `weir simulate --send`.

mod args;
mod batch;
mod client;
mod directory;
mod event;
mod file;
mod progress;
mod rejects;
mod source;
#[cfg(test)]
pub(crate) mod tests;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use ingest::{Ingest, Tally};

pub(crate) use args::LoadArgs;
pub(crate) use client::{Client, Import, Posted};
pub(crate) use progress::Progress;

use directory::Directory;
use file::Outcome;

/// Events of an import's request. Never changed by an option: an import that is resumed must cut the file as before.
const IMPORT_BATCH: usize = 20_000;

/// What became of a load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summary {
    /// Files loaded to their end.
    pub(crate) files: u64,
    /// Files that could not be read, or not to their end.
    pub(crate) failed: u64,
    /// What became of the events of all files.
    pub(crate) tally: Tally,
}

impl Summary {
    /// Tells whether everything went well: a rejected event or an unreadable file means exit code 1.
    pub(crate) fn is_clean(&self) -> bool {
        self.failed == 0 && self.tally.rejected == 0
    }
}

/// Where events are loaded into.
enum Destination {
    Server(Client),
    Directory(Directory),
}

/// Runs `weir load`. Progress and messages go to stderr. Blocks; call it from a thread that may, outside async code.
/// `open` opens a data directory that no server holds.
///
/// # Errors
/// When the destination cannot be reached or refuses: what was loaded until then stays, and a repeat goes on from there.
pub(crate) fn run(
    args: &LoadArgs,
    open: impl AsyncFnOnce(&Path) -> anyhow::Result<Arc<Ingest>>,
) -> anyhow::Result<Summary> {
    let mut destination = match (&args.url, &args.data) {
        (Some(url), _) => {
            let key = args.key.as_deref().context("a server needs a key: --key, or WEIR_KEY in the environment")?;
            Destination::Server(Client::new(url, key)?)
        }
        (None, Some(dir)) => Destination::Directory(Directory::open(dir, open)?),
        (None, None) => anyhow::bail!("say where to: --url and --key, or --data"),
    };
    let loaded = load_all(args, &mut destination);
    let closed = match destination {
        Destination::Directory(directory) => directory.close(),
        Destination::Server(_) => Ok(()),
    };
    loaded.and_then(|summary| closed.map(|()| summary))
}

fn load_all(args: &LoadArgs, destination: &mut Destination) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    for path in &args.files {
        let Outcome { tally, rejects, broken } = file::load(path, args, destination)?;
        summary.tally.received += tally.received;
        summary.tally.stored += tally.stored;
        summary.tally.duplicate += tally.duplicate;
        summary.tally.rejected += tally.rejected;
        match &broken {
            None => summary.files += 1,
            Some(_) => summary.failed += 1,
        }
        eprintln!("{}", told(path, &tally, rejects.as_deref(), broken.as_deref()));
    }
    Ok(summary)
}

/// Tells in one line what became of a file.
fn told(path: &Path, tally: &Tally, rejects: Option<&Path>, broken: Option<&str>) -> String {
    let Tally { received, stored, duplicate, rejected } = tally;
    let counts = format!("{received} received, {stored} stored, {duplicate} duplicate, {rejected} rejected");
    let mut line = match broken {
        Some(problem) if *received == 0 => problem.to_owned(),
        Some(problem) => format!("{}: {counts}; then {problem}", path.display()),
        None => format!("{}: {counts}", path.display()),
    };
    if let Some(rejects) = rejects {
        line.push_str(&format!("; see {}", rejects.display()));
    }
    line
}
