//! The geometry of a bar chart of minutes, worked out here so that the template only writes it down. Drawn as SVG that
//! is stretched to the panel's width; its labels are text beside it, so that they keep their size on a phone.

use crate::figure;
use crate::moment::{self, MINUTE};
use crate::overview::MinuteBar;

/// How many minutes a chart shows.
pub const MINUTES: i64 = 60;

/// The drawing is this high, in its own units; a bar stands on the lower edge.
pub const HEIGHT: f64 = 100.0;

/// A bar and the gap after it take this much width, in the drawing's own units.
const STEP: f64 = 10.0;

/// The width of a bar.
const BAR: f64 = 8.0;

/// What is there must be seen: the least height of a bar that is not nothing.
const HEIGHT_MIN: f64 = 1.5;

/// How many lines cross the chart, the zero line not counted.
pub(crate) const LINES: u64 = 4;

/// A chart ready to be drawn.
#[derive(Debug, Clone)]
pub struct BarChart {
    /// One bar a minute, oldest first, without gaps.
    pub bars: Vec<Bar>,
    /// The labels of the vertical axis, highest first, evenly spaced.
    pub scale: Vec<String>,
    /// The labels of the horizontal axis, `HH:MM` in UTC, evenly spaced.
    pub times: Vec<String>,
    /// The heights of the lines across, in the drawing's units from the top.
    pub lines: Vec<String>,
}

/// One minute of a chart. Positions are in the drawing's units, written with one digit after the point.
#[derive(Debug, Clone)]
pub struct Bar {
    /// The counts this bar stands for.
    pub minute: MinuteBar,
    /// The left edge of the minute.
    pub x: String,
    /// The upper edge and the height of the part without errors.
    pub sound: (String, String),
    /// The upper edge and the height of the errors, which stand at the bottom.
    pub errors: (String, String),
    /// Whether the minute is still running.
    pub running: bool,
}

impl BarChart {
    /// Draws the last [`MINUTES`] minutes before `now`, the running one included. Minutes that are missing are empty,
    /// minutes outside are left out, and the order of `minutes` does not matter.
    pub fn new(minutes: &[MinuteBar], now: i64) -> Self {
        let minutes = whole_range(minutes, now);
        let top = axis_top(minutes.iter().map(|minute| minute.events).max().unwrap_or(0));
        let last = minutes.len().saturating_sub(1);
        let times = [0, 15, 30, 45, last].into_iter().filter_map(|index| minutes.get(index));
        BarChart {
            times: times.map(|minute| moment::hour_minute(&minute.start)).collect(),
            scale: (0..=LINES).rev().map(|line| figure::count(&(top / LINES * line))).collect(),
            lines: (0..LINES).map(|line| unit(HEIGHT / LINES as f64 * line as f64)).collect(),
            bars: minutes
                .into_iter()
                .enumerate()
                .map(|(index, minute)| bar(index, minute, top, index == last))
                .collect(),
        }
    }

    /// Returns the width of the drawing in its own units.
    pub fn width(&self) -> f64 {
        self.bars.len() as f64 * STEP
    }
}

impl Bar {
    /// Says what the bar stands for: `10:04 UTC: 20 events, 1 error`.
    pub fn title(&self) -> String {
        let so_far = if self.running { " so far" } else { "" };
        format!(
            "{} UTC: {}, {}{so_far}",
            moment::hour_minute(&self.minute.start),
            figure::counted(self.minute.events, "event"),
            figure::counted(self.minute.errors, "error"),
        )
    }
}

/// Lists every minute of the range once, oldest first; several entries of one minute add up.
pub fn whole_range(minutes: &[MinuteBar], now: i64) -> Vec<MinuteBar> {
    let running = now.div_euclid(MINUTE) * MINUTE;
    let first = running.saturating_sub((MINUTES - 1) * MINUTE);
    let mut range: Vec<MinuteBar> =
        (0..MINUTES).map(|index| MinuteBar { start: first + index * MINUTE, events: 0, errors: 0 }).collect();
    for minute in minutes {
        let index = minute.start.saturating_sub(first).div_euclid(MINUTE);
        if let Some(slot) = usize::try_from(index).ok().and_then(|index| range.get_mut(index)) {
            slot.events = slot.events.saturating_add(minute.events);
            slot.errors = slot.errors.saturating_add(minute.errors).min(slot.events);
        }
    }
    range
}

/// Finds the least of 4, 8, 20, 40, 80, 200, … that is not below `most`: four lines then stand at whole numbers.
pub(crate) fn axis_top(most: u64) -> u64 {
    let mut decade: u64 = 1;
    loop {
        for step in [4, 8, 20] {
            let top = decade.saturating_mul(step);
            if top >= most {
                return top;
            }
        }
        decade = decade.saturating_mul(10);
    }
}

fn bar(index: usize, minute: MinuteBar, top: u64, running: bool) -> Bar {
    let errors = height(minute.errors, top);
    let whole = height(minute.events, top).max(errors);
    let x = unit(index as f64 * STEP + (STEP - BAR) / 2.0);
    let sound = (unit(HEIGHT - whole), unit(whole - errors));
    Bar { x, sound, errors: (unit(HEIGHT - errors), unit(errors)), minute, running }
}

pub(crate) fn height(count: u64, top: u64) -> f64 {
    if count == 0 { 0.0 } else { (count as f64 * HEIGHT / top as f64).max(HEIGHT_MIN) }
}

pub(crate) fn unit(length: f64) -> String {
    format!("{length:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_341_845_000_000;

    fn minute(back: i64, events: u64, errors: u64) -> MinuteBar {
        MinuteBar { start: NOW - NOW.rem_euclid(MINUTE) - back * MINUTE, events, errors }
    }

    #[test]
    fn fills_missing_minutes_and_leaves_out_what_is_not_in_range() {
        let given = [minute(0, 3, 1), minute(59, 7, 0), minute(60, 100, 0), minute(-1, 100, 0), minute(0, 2, 0)];
        let chart = BarChart::new(&given, NOW);
        let events: Vec<u64> = chart.bars.iter().map(|bar| bar.minute.events).collect();
        assert_eq!((events.len(), events[0], events[59]), (60, 7, 5));
        assert_eq!(events.iter().sum::<u64>(), 12);
        assert!(chart.bars[59].running && !chart.bars[58].running);
        assert_eq!(chart.times, ["09:05", "09:20", "09:35", "09:50", "10:04"]);
        assert_eq!(chart.bars[59].title(), "10:04 UTC: 5 events, 1 error so far");
    }

    #[test]
    fn keeps_every_bar_inside_the_drawing() {
        for most in [0, 1, 3, 5, 1_000, 1_001, u64::MAX] {
            let chart = BarChart::new(&[minute(0, most, most / 2), minute(1, most.min(1), 0)], NOW);
            for bar in &chart.bars {
                let [y, sound, errors] =
                    [&bar.sound.0, &bar.sound.1, &bar.errors.1].map(|text| text.parse::<f64>().unwrap());
                assert!(y >= 0.0 && sound >= 0.0 && errors >= 0.0, "{bar:?}");
                assert!((y + sound + errors - HEIGHT).abs() < 0.2, "{bar:?}");
            }
        }
    }

    #[test]
    fn shows_a_single_error_among_many_events() {
        let chart = BarChart::new(&[minute(5, 1_000_000, 1)], NOW);
        assert_eq!(chart.bars[54].errors, ("98.5".to_owned(), "1.5".to_owned()));
    }

    #[test]
    fn labels_the_axis_with_whole_numbers() {
        for (most, top) in [(0, 4), (4, 4), (5, 8), (9, 20), (21, 40), (81, 200), (201, 400)] {
            assert_eq!(axis_top(most), top, "{most}");
        }
        assert_eq!(BarChart::new(&[minute(0, 1_500, 0)], NOW).scale, ["2,000", "1,500", "1,000", "500", "0"]);
    }
}
