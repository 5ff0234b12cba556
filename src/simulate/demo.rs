//! The story that `weir demo` tells: a week that has happened, with two things to find in it, and a present that goes on.
//!
//! To be found: a release that crashes on one browser and is still out (`releases`), and a ring of accounts on a few devices that is still at it ([`ring_devices`]).

mod live;
mod question;

pub(crate) use live::{Keys, drive};

use super::clock::{DAY_MS, HOUR_MS};
use super::ids::Id;
use super::releases::Releases;
use super::studio::{Plot, Studio};

/// Days that have happened.
pub(crate) const HISTORY_DAYS: i64 = 7;
/// Events of those days, about.
pub(crate) const HISTORY_EVENTS: u64 = 60_000;
/// Events a second from then on, about.
pub(crate) const LIVE_EVENTS_PER_SECOND: f64 = 20.0;
/// The seed of the story.
const SEED: u64 = 8600;
/// Since when the crashing release is out.
const CRASHING_SINCE_MS: i64 = 30 * HOUR_MS;
/// Since when the ring is at work.
const RING_SINCE_MS: i64 = 9 * HOUR_MS;
/// Devices of the ring.
const RING_DEVICES: usize = 3;

/// What has happened before `now`: one event a line, in order of time. The present goes on from it ([`History::live`]).
pub(crate) struct History {
    studio: Studio,
    now_ms: i64,
    text: String,
    read: usize,
}

/// The present: the same people, from where the history ends.
pub(crate) struct Live {
    studio: Studio,
}

/// Begins the history of the week before `now` (microseconds since the Unix epoch).
pub(crate) fn history(now: i64) -> History {
    let now_ms = now / 1_000;
    let start_ms = now_ms - HISTORY_DAYS * DAY_MS;
    let plot = Plot { seed: SEED, events: HISTORY_EVENTS, exactly: false, start_ms, end_ms: now_ms, abuse: true };
    let mut studio = Studio::new(&plot, Releases::unrepaired(start_ms, now_ms - CRASHING_SINCE_MS));
    studio.plant_ring(&ring_ids(), now_ms - RING_SINCE_MS);
    History { studio, now_ms, text: String::new(), read: 0 }
}

/// Returns the devices that the ring of accounts uses.
pub(crate) fn ring_devices() -> Vec<String> {
    ring_ids().into_iter().map(|id| id.text("dev_")).collect()
}

fn ring_ids() -> [Id; RING_DEVICES] {
    std::array::from_fn(|place| Id::planted(place as u64))
}

impl Iterator for History {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        while self.read == self.text.len() {
            self.text.clear();
            self.read = 0;
            if !self.studio.advance(self.now_ms) {
                return None;
            }
            std::mem::swap(&mut self.text, &mut self.studio.world.journal.events);
        }
        let rest = &self.text[self.read..];
        let line = rest.lines().next().unwrap_or_default().to_owned();
        self.read += line.len() + 1;
        Some(line)
    }
}

impl History {
    /// Goes over to the present, once the history was read to its end.
    pub(crate) fn live(mut self) -> Live {
        self.by_ref().for_each(drop);
        self.studio.world.journal.labels.clear();
        self.studio.go_live(LIVE_EVENTS_PER_SECOND, self.now_ms);
        Live { studio: self.studio }
    }
}

impl Live {
    /// Lets things happen until `now` (microseconds since the Unix epoch); returns them, one event a line.
    fn until(&mut self, now: i64) -> String {
        while self.studio.advance(now / 1_000) {}
        self.studio.world.journal.labels.clear();
        std::mem::take(&mut self.studio.world.journal.events)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::releases::{CRASHING_BROWSER, CRASHING_RELEASE};
    use super::*;

    const NOW: i64 = 1_795_341_600_000_000;

    fn events() -> Vec<Value> {
        history(NOW).map(|line| serde_json::from_str(&line).expect("JSON")).collect()
    }

    #[test]
    fn a_week_ends_now_with_both_stories_in_it() {
        let events = events();
        assert!((55_000..66_000).contains(&events.len()), "{}", events.len());
        let last = events[events.len() - 1]["ts"].as_str().expect("a time");
        assert!(last.starts_with("2026-11-22T09:5"), "{last}");

        let crashes = |event: &&Value| event["kind"] == "error" && event["level"] == "fatal";
        let crashed: Vec<&Value> = events.iter().filter(crashes).collect();
        assert!(crashed.len() > 20, "{}", crashed.len());
        assert!(crashed.iter().all(|event| event["release"] == CRASHING_RELEASE));
        let on_it = |event: &&Value| event["user_agent"].as_str().is_some_and(|agent| agent.contains("Version/"));
        assert_eq!(crashed.iter().copied().filter(on_it).count(), crashed.len(), "all on {CRASHING_BROWSER}");

        for device in ring_devices() {
            let grants = events.iter().filter(|event| event["device_id"] == device.as_str() && event["op"] == "bind");
            assert!(grants.count() > 6, "the ring is on {device}");
        }
    }

    #[test]
    fn the_present_goes_on_from_the_history_at_its_pace() {
        let mut live = history(NOW).live();
        let mut count = 0;
        let mut before = String::from("2026-11-22T09:59");
        for second in 1..=600 {
            for line in live.until(NOW + second * 1_000_000).lines() {
                let event: Value = serde_json::from_str(line).expect("JSON");
                let ts = event["ts"].as_str().expect("a time").to_owned();
                assert!(ts >= before, "{ts} after {before}");
                before = ts;
                count += 1;
            }
        }
        let per_second = f64::from(count) / 600.0;
        assert!((14.0..26.0).contains(&per_second), "{per_second}");
    }
}
