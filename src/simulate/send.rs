//! Sends a story to a server, batch by batch, no faster than asked. Sending it again stores nothing twice: the ids are the
//! story's own.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use ingest::Tally;

use super::output::LabelFile;
use super::studio::{Plot, Studio};
use super::{SimulateArgs, Summary};
use crate::load::{Client, Import, Posted, Progress};

/// Events of a request.
const BATCH: u64 = 500;
/// Events of an import's request: each is a commit.
const IMPORT_BATCH: u64 = 20_000;
/// Refused events shown; they are counted all the same.
const SHOWN_MAX: u64 = 5;

/// Sends the whole story.
///
/// # Errors
/// When the server refuses the key, or stays away; what it took until then stays.
pub(super) fn run(args: &SimulateArgs, url: &str, plot: &Plot, studio: &mut Studio) -> anyhow::Result<Summary> {
    let key = args.key.as_deref().context("--send needs a key: --key, or WEIR_KEY in the environment")?;
    let client = Client::new(url, key)?;
    let mut labels = LabelFile::create(args.labels.as_deref())?;
    let progress = Progress::of_events("sending", args.events);
    let batch = if args.historical { IMPORT_BATCH } else { args.rate.map_or(BATCH, u64::from).min(BATCH) };
    let source = args.historical.then(|| import_source(plot));
    let begun = Instant::now();
    let mut tally = Tally::default();
    loop {
        let goes_on = gather(studio, tally.received + batch);
        let journal = &mut studio.world.journal;
        if !journal.events.is_empty() {
            let import = source.as_deref().map(|source| Import { source, offset: journal.written() });
            let told = |what: &str| progress.tell(what);
            match client.post_events(journal.events.as_bytes(), None, import.as_ref(), &told)? {
                Posted::Taken(answer) => {
                    for refused in answer.rejects.iter().take(SHOWN_MAX.saturating_sub(tally.rejected) as usize) {
                        let event = journal.events.lines().nth(refused.index as usize).unwrap_or_default();
                        eprintln!("rejected: {}: {}: {event}", refused.code, refused.message);
                    }
                    tally.received += answer.received;
                    tally.stored += answer.stored;
                    tally.duplicate += answer.duplicate;
                    tally.rejected += answer.rejected;
                }
                Posted::TooLarge => bail!("the server does not take {} bytes at once", journal.events.len()),
            }
            journal.events.clear();
            labels.write(&mut journal.labels)?;
            progress.reach(tally.received);
        }
        if !goes_on {
            break;
        }
        args.rate.into_iter().for_each(|rate| pace(begun, tally.received, rate));
    }
    progress.end();
    labels.finish()?;
    let Tally { received, stored, duplicate, rejected } = tally;
    eprintln!("{received} received, {stored} stored, {duplicate} duplicate, {rejected} rejected");
    Ok(Summary { events: studio.world.journal.written(), sent: Some(tally) })
}

/// Lets the story go on until it has told so many events; tells whether it goes on after that.
fn gather(studio: &mut Studio, events: u64) -> bool {
    while studio.world.journal.written() < events {
        if !studio.advance(i64::MAX) {
            return false;
        }
    }
    !studio.world.journal.is_full()
}

/// Waits until so many events may have been sent.
fn pace(begun: Instant, sent: u64, rate: u32) {
    let due = Duration::from_secs_f64(sent as f64 / f64::from(rate));
    thread::sleep(due.saturating_sub(begun.elapsed()));
}

/// Names this story as the source of an import: the same story, the same name.
fn import_source(plot: &Plot) -> String {
    format!("simulate{}", &blake3::hash(format!("{plot:?}").as_bytes()).to_hex()[..24])
}
