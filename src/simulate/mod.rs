//! `weir simulate`: a studio's life as events, for demonstrations, benchmarks and the proof of rules.
//!
//! The way through: a [`studio::Plot`] says how much happens when; the [`studio::Studio`] lets it happen, one thing after
//! another in simulated time (`pump` lets visitors in, `person` and `visit` are theirs, `crowd` and `program` the honest
//! oddities, `fraud` the cheats); `facts` turn what happens into events in the `journal`; `output` and `send` take them
//! from there. Nothing here reads the rules: what is caught must be caught by what it does.

mod account;
mod args;
mod billing;
mod catalogue;
mod clock;
mod crowd;
pub(crate) mod demo;
mod dice;
mod facts;
mod fraud;
mod generate;
mod ids;
mod journal;
mod labels;
mod line;
mod output;
mod person;
mod places;
mod program;
mod pump;
mod releases;
mod send;
mod studio;
#[cfg(test)]
mod tests;
mod visit;
mod who;
mod world;

use std::io::Write;

pub(crate) use args::{SimulateArgs, Switch};
use clock::DAY_MS;
pub(crate) use fraud::families;
use releases::Releases;
use studio::{Plot, Studio};

/// What became of a simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Events told.
    pub(crate) events: u64,
    /// What the server said, when they were sent: received, stored, duplicate, rejected.
    pub(crate) sent: Option<ingest::Tally>,
}

impl Summary {
    /// Tells whether everything went well: a rejected event means exit code 1.
    pub(crate) fn is_clean(&self) -> bool {
        self.sent.is_none_or(|tally| tally.rejected == 0)
    }
}

/// Runs `weir simulate`. Events go to `out` unless the arguments name a file or a server; progress goes to stderr.
///
/// Errors: a file that cannot be written, a server that refuses or stays away. A reader that stops reading `out` is none.
pub(crate) fn run(args: &SimulateArgs, out: &mut dyn Write) -> anyhow::Result<Summary> {
    let plot = plot(args, chrono::Utc::now().timestamp_millis());
    let mut studio = Studio::new(&plot, Releases::of_story(plot.start_ms, plot.end_ms));
    match &args.send {
        Some(url) => send::run(args, url, &plot, &mut studio),
        None => output::run(args, &mut studio, out),
    }
}

/// Returns the story that the arguments describe.
fn plot(args: &SimulateArgs, now_ms: i64) -> Plot {
    let span_ms = ((args.days * DAY_MS as f64) as i64).max(1);
    let start_ms = args.start.unwrap_or(now_ms - span_ms);
    Plot {
        seed: args.seed,
        events: args.events,
        exactly: true,
        start_ms,
        end_ms: start_ms + span_ms,
        abuse: args.abuse == Switch::On,
    }
}
