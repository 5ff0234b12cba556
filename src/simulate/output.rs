//! Writes a story to a stream or a file, and its ground truth beside it.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use anyhow::Context;

use super::studio::Studio;
use super::{SimulateArgs, Summary};

/// Text gathered before it is written, bytes.
const CHUNK_BYTES: usize = 256 << 10;

/// Writes the whole story.
pub(super) fn run(args: &SimulateArgs, studio: &mut Studio, out: &mut dyn Write) -> anyhow::Result<Summary> {
    let mut labels = LabelFile::create(args.labels.as_deref())?;
    let written = match &args.out {
        Some(path) => {
            let mut file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            write_events(studio, &mut file, &mut labels)
        }
        None => write_events(studio, out, &mut labels),
    };
    match written {
        // Whoever reads has enough (`weir simulate | head`).
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        other => other.context("cannot write the events")?,
    }
    labels.finish()?;
    Ok(Summary { events: studio.world.journal.written(), sent: None })
}

fn write_events(studio: &mut Studio, out: &mut dyn Write, labels: &mut LabelFile) -> io::Result<()> {
    loop {
        let goes_on = studio.advance(i64::MAX);
        let journal = &mut studio.world.journal;
        if journal.events.len() >= CHUNK_BYTES || !goes_on {
            out.write_all(journal.events.as_bytes())?;
            journal.events.clear();
            labels.write(&mut journal.labels)?;
        }
        if !goes_on {
            return out.flush();
        }
    }
}

/// The file of ground truth, if one is wanted.
pub(super) struct LabelFile(Option<BufWriter<File>>);

impl LabelFile {
    /// Creates it.
    pub(super) fn create(path: Option<&Path>) -> anyhow::Result<Self> {
        let create = |path: &Path| {
            File::create(path).map(BufWriter::new).with_context(|| format!("cannot write {}", path.display()))
        };
        Ok(Self(path.map(create).transpose()?))
    }

    /// Takes labels over; without a file they are forgotten.
    pub(super) fn write(&mut self, labels: &mut String) -> io::Result<()> {
        if let Some(file) = &mut self.0 {
            file.write_all(labels.as_bytes())?;
        }
        labels.clear();
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.0.as_mut().map_or(Ok(()), Write::flush).context("cannot write the labels")
    }
}
