//! What a person watching sees: a bar on a terminal, plain lines elsewhere, always on stderr.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Draws a second, at most.
const DRAWS_A_SECOND: u8 = 8;

/// The progress of one piece of work.
pub(crate) struct Progress {
    bar: ProgressBar,
    told: RefCell<String>,
}

impl Progress {
    /// Begins the progress of a file, in bytes.
    pub(crate) fn of_bytes(what: &str, bytes: u64) -> Self {
        Self::new(what, bytes, "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
    }

    /// Begins the progress of so many events.
    pub(crate) fn of_events(what: &str, events: u64) -> Self {
        Self::new(what, events, "{msg} {wide_bar} {human_pos}/{human_len} events {per_sec} {eta}")
    }

    /// Moves to an absolute position.
    pub(crate) fn reach(&self, position: u64) {
        self.bar.set_position(position);
    }

    /// Moves to where a counter stands.
    pub(crate) fn follow(&self, counter: &Arc<AtomicU64>) {
        self.reach(counter.load(Ordering::Relaxed));
    }

    /// Says something, once as long as it stays the same.
    pub(crate) fn tell(&self, what: &str) {
        if self.told.replace(what.to_owned()) == what {
            return;
        }
        if self.bar.is_hidden() {
            eprintln!("{what}; trying again");
        } else {
            self.bar.println(format!("{what}; trying again"));
        }
    }

    /// Ends, and clears the bar.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn new(what: &str, length: u64, template: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(DRAWS_A_SECOND));
        let style = ProgressStyle::with_template(template).expect("templates are constants, which a test builds");
        bar.set_style(style);
        bar.set_message(what.to_owned());
        Self { bar, told: RefCell::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_valid() {
        for progress in [Progress::of_bytes("file", 10), Progress::of_events("events", 10)] {
            progress.reach(10);
            progress.end();
            assert!(progress.bar.is_finished());
        }
    }
}
