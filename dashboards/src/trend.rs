//! Counts over a range of time, drawn: a small drawing for a row of a list, and a chart stacked by release. Like `chart`,
//! this is geometry and words; the templates only write them down.

use crate::chart::{HEIGHT, LINES, axis_top, height, unit};
use crate::figure;
use crate::moment::{self, DAY, MINUTE};

/// Columns of a drawing, at most, but for the running one.
const COLUMNS_MAX: i64 = 31;
/// The widths a column may have.
const WIDTHS: [i64; 9] =
    [MINUTE, 5 * MINUTE, 30 * MINUTE, 60 * MINUTE, 180 * MINUTE, 360 * MINUTE, 720 * MINUTE, DAY, 7 * DAY];
/// A column and the gap after it, in the drawing's own units.
const STEP: f64 = 10.0;
/// The width of a column.
const BAR: f64 = 8.0;
/// Series that have a colour of their own; the others are one.
const SERIES_MAX: usize = 5;

/// A range of time, cut into columns of one width. Columns begin at whole multiples of the width since the Unix epoch, as
/// those of SQL's `date_bin` do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buckets {
    /// The start of the first column, in microseconds since the Unix epoch.
    pub start: i64,
    /// The width of a column, in microseconds.
    pub width: i64,
    /// How many columns there are, the running one included.
    pub count: usize,
}

impl Buckets {
    /// Cuts the range up to `now` into at most about thirty columns. A range that lies ahead is one column.
    pub fn new(since: i64, now: i64) -> Self {
        let range = now.saturating_sub(since).max(0);
        let fits = |width: &i64| range / width <= COLUMNS_MAX;
        // Of what is longer than any width serves, the latest part is drawn.
        let width = WIDTHS.into_iter().find(fits).unwrap_or(7 * DAY);
        let first = since.max(now.saturating_sub(width * COLUMNS_MAX)).min(now);
        let start = first.div_euclid(width) * width;
        let count = usize::try_from((now - start).div_euclid(width) + 1).unwrap_or(1);
        Self { start, width, count }
    }

    /// Writes the width for the queries' parameter `bucket`: `1440m`.
    pub fn interval(&self) -> String {
        format!("{}m", self.width / MINUTE)
    }

    /// Says the width: `day`, `6 hours`.
    pub fn word(&self) -> String {
        match self.width / MINUTE {
            1 => "minute".to_owned(),
            minutes @ 2..60 => format!("{minutes} minutes"),
            60 => "hour".to_owned(),
            minutes @ 61..1_440 => format!("{} hours", minutes / 60),
            1_440 => "day".to_owned(),
            minutes => format!("{} days", minutes / 1_440),
        }
    }

    /// Returns the place of an instant; none outside the range.
    fn place(&self, at: i64) -> Option<usize> {
        usize::try_from(at.saturating_sub(self.start).div_euclid(self.width)).ok().filter(|place| *place < self.count)
    }

    fn at(&self, place: usize) -> i64 {
        self.start + self.width * i64::try_from(place).unwrap_or(0)
    }

    /// Names a column: `2026-11-22`, or with the hour where a column is shorter than a day.
    fn name(&self, place: usize) -> String {
        let at = self.at(place);
        let day = moment::day(&at);
        if self.width >= DAY { day } else { format!("{day} {} UTC", moment::hour_minute(&at)) }
    }

    /// Names a column below an axis whose title tells the zone.
    fn label(&self, place: usize) -> String {
        let at = self.at(place);
        if self.width >= DAY { moment::day(&at)[5..].to_owned() } else { moment::hour_minute(&at) }
    }
}

/// The drawing in a row of a list, one column beside the other, without axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Spark {
    /// Left edge, upper edge and height of each column that is not empty.
    pub bars: Vec<(String, String, String)>,
    /// The width of the drawing; it is 100 high.
    pub width: f64,
    /// What is drawn, in words.
    pub title: String,
}

impl Spark {
    /// Draws counts of events by when their columns begin; what lies outside the range is left out.
    pub fn new(counts: &[(i64, u64)], buckets: Buckets) -> Self {
        Self::of("event", counts, buckets)
    }

    /// Draws counts of something else.
    pub fn of(noun: &str, counts: &[(i64, u64)], buckets: Buckets) -> Self {
        let columns = summed(counts.iter().map(|(at, count)| (*at, *count)), buckets);
        let most = columns.iter().copied().max().unwrap_or(0);
        let bars = columns.iter().enumerate().filter(|(_, count)| **count > 0).map(|(place, count)| {
            let tall = height(*count, most);
            (unit(place as f64 * STEP), unit(HEIGHT - tall), unit(tall))
        });
        Self {
            bars: bars.collect(),
            width: buckets.count as f64 * STEP,
            title: format!(
                "{} since {}, at most {} per {}",
                figure::counted(columns.iter().sum(), noun),
                buckets.name(0),
                figure::count(&most),
                buckets.word()
            ),
        }
    }
}

/// A column of a chart.
#[derive(Debug, Clone)]
pub struct Column {
    /// When it begins, in words.
    pub name: String,
    /// What it holds, in words.
    pub title: String,
    /// The left edge of the room it has.
    pub hover: String,
    /// Its left edge.
    pub x: String,
    /// Its parts from the bottom up: series, upper edge, height.
    pub parts: Vec<(usize, String, String)>,
    /// The count of each series.
    pub counts: Vec<u64>,
}

/// A series of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// What the style sheet calls its colour.
    pub class: String,
    /// The release, or what stands for the rest.
    pub name: String,
    /// Whether it stands for several.
    pub is_rest: bool,
    /// Events in it.
    pub total: u64,
}

/// A chart stacked by series.
#[derive(Debug, Clone)]
pub struct Stacked {
    /// The series, in the order in which they are stacked.
    pub series: Vec<Series>,
    /// The columns, oldest first, without gaps.
    pub columns: Vec<Column>,
    /// The labels of the vertical axis, highest first.
    pub scale: Vec<String>,
    /// The labels of the horizontal axis, evenly spaced.
    pub times: Vec<String>,
    /// The heights of the lines across, from the top.
    pub lines: Vec<String>,
    /// How wide a column is, in words.
    pub step: String,
}

impl Stacked {
    /// Draws counts by when their columns begin and by release. The releases with the most events have a colour of their
    /// own, in the order in which they first occur; the others are one series.
    pub fn new(counts: &[(i64, String, u64)], buckets: Buckets) -> Self {
        let series = series(counts);
        let of_series = |place: usize| {
            let is_of = |release: &str| match &series[place] {
                Series { is_rest: true, .. } => !series.iter().any(|other| !other.is_rest && other.name == release),
                own => own.name == release,
            };
            let own = counts.iter().filter(|(_, release, _)| is_of(release));
            summed(own.map(|(at, _, count)| (*at, *count)), buckets)
        };
        let by_series: Vec<Vec<u64>> = (0..series.len()).map(of_series).collect();
        let total = |place: usize| by_series.iter().map(|counts| counts[place]).sum::<u64>();
        let top = axis_top((0..buckets.count).map(total).max().unwrap_or(0));
        let last = buckets.count - 1;
        let columns = (0..buckets.count).map(|place| {
            let counts: Vec<u64> = by_series.iter().map(|counts| counts[place]).collect();
            Column {
                name: buckets.name(place),
                title: title(&buckets.name(place), &counts, &series, place == last),
                hover: unit(place as f64 * STEP),
                x: unit(place as f64 * STEP + (STEP - BAR) / 2.0),
                parts: stack(&counts, top),
                counts,
            }
        });
        let mut times: Vec<usize> = (0..=4).map(|part| last * part / 4).collect();
        times.dedup();
        Self {
            columns: columns.collect(),
            scale: (0..=LINES).rev().map(|line| figure::count(&(top / LINES * line))).collect(),
            lines: (0..LINES).map(|line| unit(HEIGHT / LINES as f64 * line as f64)).collect(),
            times: times.into_iter().map(|place| buckets.label(place)).collect(),
            step: buckets.word(),
            series,
        }
    }

    /// Returns the width of the drawing in its own units.
    pub fn width(&self) -> f64 {
        self.columns.len() as f64 * STEP
    }
}

/// Adds counts up by column.
fn summed(counts: impl Iterator<Item = (i64, u64)>, buckets: Buckets) -> Vec<u64> {
    let mut columns = vec![0_u64; buckets.count];
    for (at, count) in counts {
        if let Some(column) = buckets.place(at).and_then(|place| columns.get_mut(place)) {
            *column = column.saturating_add(count);
        }
    }
    columns
}

fn series(counts: &[(i64, String, u64)]) -> Vec<Series> {
    let mut series: Vec<Series> = Vec::new();
    for (_, release, count) in counts {
        match series.iter_mut().find(|known| known.name == *release) {
            Some(known) => known.total = known.total.saturating_add(*count),
            None => series.push(Series { class: String::new(), name: release.clone(), is_rest: false, total: *count }),
        }
    }
    let mut totals: Vec<u64> = series.iter().map(|series| series.total).collect();
    totals.sort_unstable_by(|one, other| other.cmp(one));
    if let Some(least) = totals.get(SERIES_MAX) {
        let (mut own, mut rest): (Vec<Series>, Vec<Series>) =
            series.into_iter().partition(|series| series.total > *least);
        while own.len() < SERIES_MAX && !rest.is_empty() {
            own.push(rest.remove(0));
        }
        let total = rest.iter().map(|series| series.total).sum();
        let name = format!("{} others", rest.len());
        own.push(Series { class: "series-other".to_owned(), name, is_rest: true, total });
        series = own;
    }
    for (place, series) in series.iter_mut().enumerate().filter(|(_, series)| !series.is_rest) {
        series.class = format!("series-{}", place + 1);
    }
    series
}

fn stack(counts: &[u64], top: u64) -> Vec<(usize, String, String)> {
    let mut bottom = HEIGHT;
    let mut parts = Vec::new();
    for (place, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        // What is there is high enough to be seen, and the column stays inside the drawing.
        let tall = height(*count, top).min(bottom);
        bottom -= tall;
        parts.push((place, unit(bottom), unit(tall)));
    }
    parts
}

fn title(name: &str, counts: &[u64], series: &[Series], is_running: bool) -> String {
    let total = figure::counted(counts.iter().sum(), "event");
    let parts = counts.iter().zip(series).filter(|(count, _)| **count > 0);
    let parts: Vec<String> =
        parts.map(|(count, series)| format!("{} in {}", figure::count(count), series.name)).collect();
    let told = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
    format!("{name}: {total}{told}{}", if is_running { " so far" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_341_845_000_000;

    #[test]
    fn a_range_has_about_thirty_columns_of_a_width_that_reads_well() {
        for (days, word, count) in [(30, "day", 31), (7, "6 hours", 29), (14, "12 hours", 29), (1, "hour", 25)] {
            let buckets = Buckets::new(NOW - days * DAY, NOW);
            assert_eq!((buckets.word().as_str(), buckets.count), (word, count), "{days} days");
            assert!(buckets.start <= NOW - days * DAY && buckets.at(buckets.count) > NOW);
        }
        assert_eq!(Buckets::new(NOW - DAY, NOW).interval(), "60m");
        for (since, now) in [(i64::MIN, NOW), (0, NOW), (NOW, NOW), (i64::MAX, NOW)] {
            assert!((1..=40).contains(&Buckets::new(since, now).count), "{since}");
        }
    }

    #[test]
    fn a_spark_shows_what_is_rare_beside_what_is_frequent() {
        let buckets = Buckets::new(NOW - 7 * DAY, NOW);
        let at = |place| buckets.at(place);
        let spark = Spark::new(&[(at(3), 1), (at(5), 100_000), (at(5) + 1, 1), (at(99), 7), (at(0) - 1, 7)], buckets);
        assert_eq!(spark.bars.len(), 2);
        assert_eq!(spark.bars[0], ("30.0".to_owned(), "98.5".to_owned(), "1.5".to_owned()));
        assert_eq!(spark.title, "100,002 events since 2026-11-15 06:00 UTC, at most 100,001 per 6 hours");
        assert!(Spark::new(&[], buckets).bars.is_empty());
    }

    #[test]
    fn releases_beyond_the_fifth_are_one_series_and_every_column_adds_up() {
        let buckets = Buckets::new(NOW - 30 * DAY, NOW);
        let counts: Vec<(i64, String, u64)> =
            (0..9).map(|number| (buckets.at(number), format!("2.{number}"), 10 + number as u64 % 2)).collect();
        let chart = Stacked::new(&counts, buckets);
        assert_eq!(chart.series.len(), 6);
        assert!(chart.series[5].is_rest && chart.series[5].name == "4 others", "{:?}", chart.series);
        let drawn: u64 = chart.columns.iter().flat_map(|column| &column.counts).sum();
        assert_eq!(drawn, counts.iter().map(|(_, _, count)| count).sum::<u64>());
        for column in &chart.columns {
            let tall: f64 = column.parts.iter().map(|(_, _, tall)| tall.parse::<f64>().unwrap()).sum();
            assert!(tall <= HEIGHT + 0.2, "{column:?}");
        }
        assert_eq!(chart.columns[0].title, "2026-10-23: 10 events (10 in 2.0)");
        assert!(Stacked::new(&[], buckets).series.is_empty());
    }
}
