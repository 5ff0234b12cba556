//! The state strip: whether this node takes events, what is not yet in Parquet, and whether anything was ever lost.

use crate::figure;

/// How far the node has come since its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Events are taken and answered.
    Ready,
    /// The log of the last run is being read again; writes are refused until it is done.
    Replaying {
        /// Bytes of the log read so far.
        bytes_done: u64,
        /// Bytes of the log in all.
        bytes_total: u64,
    },
    /// The node takes events, but something does not work as it should.
    Degraded(String),
    /// The node cannot take events.
    Failed(String),
}

/// What the state strip shows. Every red state names its fix.
#[derive(Debug, Clone)]
pub struct StateStrip {
    /// Whether events are taken.
    pub readiness: Readiness,
    /// Acknowledged events that are in the log and the buffers, not yet in Parquet.
    pub unflushed_events: u64,
    /// The size of those events in the log, in bytes.
    pub unflushed_bytes: u64,
    /// The age of the oldest of them, in milliseconds.
    pub unflushed_age_ms: u64,
    /// Acknowledged records that could not be read back, since the data directory was made.
    pub lost_records: u64,
}

/// How a state is marked: a shape and a colour of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// A circle.
    Good,
    /// A triangle.
    Warn,
    /// A square.
    Bad,
}

impl Tone {
    /// Names the mark in the style sheet; also the name of the verdict that shares its shape.
    pub fn class(self) -> &'static str {
        match self {
            Tone::Good => "allow",
            Tone::Warn => "throttle",
            Tone::Bad => "block",
        }
    }
}

impl Readiness {
    /// Returns the mark of this state.
    pub fn tone(&self) -> Tone {
        match self {
            Readiness::Ready => Tone::Good,
            Readiness::Replaying { .. } | Readiness::Degraded(_) => Tone::Warn,
            Readiness::Failed(_) => Tone::Bad,
        }
    }

    /// Returns the state in one word.
    pub fn word(&self) -> &'static str {
        match self {
            Readiness::Ready => "Ready",
            Readiness::Replaying { .. } => "Replaying",
            Readiness::Degraded(_) => "Degraded",
            Readiness::Failed(_) => "Failed",
        }
    }

    /// Says what the state means and, where something is wrong, what to do.
    pub fn detail(&self) -> String {
        match self {
            Readiness::Ready => "Events are taken and verdicts answered.".to_owned(),
            Readiness::Replaying { bytes_done, bytes_total } => format!(
                "{} of {} of the log read again. Senders get 503 and retry until it is done.",
                figure::bytes(*bytes_done),
                figure::bytes(*bytes_total)
            ),
            Readiness::Degraded(reason) | Readiness::Failed(reason) => reason.clone(),
        }
    }

    /// Returns how much of the replay is done, in percent.
    pub fn progress(&self) -> Option<u64> {
        match self {
            Readiness::Replaying { bytes_total: 0, .. } => Some(0),
            Readiness::Replaying { bytes_done, bytes_total } => {
                Some((u128::from(*bytes_done) * 100 / u128::from(*bytes_total)).min(100) as u64)
            }
            _ => None,
        }
    }
}

impl StateStrip {
    /// Says what is not yet in Parquet: `1,204 events`, or that there is nothing.
    pub fn unflushed(&self) -> String {
        if self.unflushed_events == 0 { "None".to_owned() } else { figure::counted(self.unflushed_events, "event") }
    }

    /// Says how large and how old the unflushed events are.
    pub fn unflushed_detail(&self) -> String {
        if self.unflushed_events == 0 {
            return "Everything acknowledged is in Parquet.".to_owned();
        }
        let size = figure::bytes(self.unflushed_bytes);
        format!("{size} in the log, the oldest {} old.", figure::span_ms(self.unflushed_age_ms))
    }

    /// Returns the mark of the loss counter.
    pub fn loss_tone(&self) -> Tone {
        if self.lost_records == 0 { Tone::Good } else { Tone::Bad }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_replay_without_overflow_or_division_by_nothing() {
        let progress = |bytes_done, bytes_total| Readiness::Replaying { bytes_done, bytes_total }.progress();
        assert_eq!(progress(0, 0), Some(0));
        assert_eq!(progress(1, 3), Some(33));
        assert_eq!(progress(u64::MAX, u64::MAX), Some(100));
        assert_eq!(progress(5, 3), Some(100));
        assert_eq!(Readiness::Ready.progress(), None);
    }

    #[test]
    fn marks_each_state_by_how_bad_it_is() {
        assert_eq!(Readiness::Ready.tone(), Tone::Good);
        assert_eq!(Readiness::Degraded("disk full".to_owned()).tone(), Tone::Warn);
        assert_eq!(Readiness::Failed("no disk".to_owned()).tone(), Tone::Bad);
    }
}
