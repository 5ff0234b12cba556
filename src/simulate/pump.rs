//! How many visits begin when, so that the events asked for are spread over the days as people would spread them.
//!
//! Visits differ, so the pump looks at what was written so far and lets in as many as are missing: the journal follows
//! the wanted curve within a few visits, and is full shortly before the time is over.

use super::catalogue::countries::COUNTRIES;
use super::clock::{MINUTE_MS, SECOND_MS, liveliness};
use super::dice::Dice;

/// Events of a visit, before any was seen.
const VISIT_EVENTS: f64 = 15.0;
/// How many visits' worth that first guess counts.
const GUESS_WEIGHT: f64 = 20.0;

/// Lets visits in.
pub(crate) struct Pump {
    /// The time between two looks, milliseconds.
    pub(crate) step_ms: i64,
    /// Events a millisecond at a liveliness of 1.
    events_per_ms: f64,
    rhythmic: bool,
    wanted: f64,
    finished: u64,
}

/// What the pump found at one look.
pub(crate) struct Stroke {
    /// Visits to begin during the next step.
    pub(crate) visits: u64,
    /// Events that the step should bring.
    pub(crate) events: f64,
}

impl Pump {
    /// Plans `events` between two times.
    pub(crate) fn new(events: u64, start_ms: i64, end_ms: i64) -> Self {
        let step_ms = ((end_ms - start_ms) / 2_000).clamp(SECOND_MS, 15 * MINUTE_MS);
        let last_visits_ms = (10 * MINUTE_MS).min((end_ms - start_ms) / 10);
        let steps = ((end_ms - start_ms - last_visits_ms) / step_ms).max(1);
        let whole: f64 = (0..steps).map(|step| rhythm(start_ms + step * step_ms) * step_ms as f64).sum();
        // A little more than asked for, so that the journal is full before the time is over.
        let planned = events as f64 * 1.002 + 2.0 * VISIT_EVENTS;
        Self { step_ms, events_per_ms: planned / whole, rhythmic: true, wanted: 0.0, finished: 0 }
    }

    /// Goes over to a steady pace, whatever the hour.
    pub(crate) fn steady(&mut self, events_per_second: f64, written: u64) {
        self.step_ms = SECOND_MS;
        self.events_per_ms = events_per_second / SECOND_MS as f64;
        self.rhythmic = false;
        self.wanted = written as f64;
    }

    /// Notes that a visit is over.
    pub(crate) fn finish_visit(&mut self) {
        self.finished += 1;
    }

    /// Returns the events a millisecond that are wanted now.
    pub(crate) fn pace(&self, at_ms: i64) -> f64 {
        self.events_per_ms * if self.rhythmic { rhythm(at_ms) } else { 1.0 }
    }

    /// Looks at what was written and what is under way.
    pub(crate) fn stroke(&mut self, at_ms: i64, written: u64, under_way: usize, dice: &mut Dice) -> Stroke {
        let events = self.pace(at_ms) * self.step_ms as f64;
        self.wanted += events;
        let under_way = under_way as f64;
        let seen = self.finished as f64 + 0.5 * under_way;
        let visit_events = (written as f64 + VISIT_EVENTS * GUESS_WEIGHT) / (seen + GUESS_WEIGHT);
        let missing = self.wanted - written as f64 - 0.5 * under_way * visit_events;
        let visits = (missing / visit_events + dice.unit()).max(0.0) as u64;
        Stroke { visits, events }
    }
}

/// Tells how lively the whole world is: 1 on average.
fn rhythm(at_ms: i64) -> f64 {
    let people: f64 = COUNTRIES.iter().map(|country| f64::from(country.weight)).sum();
    let awake: f64 =
        COUNTRIES.iter().map(|country| f64::from(country.weight) * liveliness(country.local_ms(at_ms))).sum();
    awake / people
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::clock::{DAY_MS, HOUR_MS};

    #[test]
    fn the_wanted_curve_reaches_the_number_and_breathes() {
        let mut pump = Pump::new(100_000, 0, 7 * DAY_MS);
        let mut dice = Dice::new(1);
        let mut by_hour = [0.0; 24];
        let mut at_ms = 0;
        while at_ms < 7 * DAY_MS {
            let stroke = pump.stroke(at_ms, 0, 0, &mut dice);
            by_hour[(at_ms % DAY_MS / HOUR_MS) as usize] += stroke.events;
            at_ms += pump.step_ms;
        }
        assert!((100_000.0..101_000.0).contains(&pump.wanted), "{}", pump.wanted);
        let (low, high) =
            by_hour.iter().fold((f64::MAX, 0.0_f64), |(low, high), hour| (low.min(*hour), high.max(*hour)));
        assert!(high > 2.0 * low, "{low} to {high}");
    }
}
