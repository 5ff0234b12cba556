//! What a bench prints: one line a figure, with its unit, the yardstick's beside it and the ratio.

use std::fmt::Write as _;

use serde::Serialize;

/// One figure.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// The yardstick's median, where there is one.
    pub(crate) yardstick: Option<f64>,
    pub(crate) ratio: Option<f64>,
}

/// All figures of one workload.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) workload: String,
    pub(crate) figures: Vec<Figure>,
    pub(crate) notes: Vec<String>,
}

impl Report {
    pub(crate) fn new(workload: &str) -> Self {
        Self { workload: workload.to_owned(), ..Self::default() }
    }

    /// Adds a figure of one or more rounds.
    pub(crate) fn add(&mut self, name: &str, unit: &'static str, rounds: &[f64], yardstick: Option<&[f64]>) {
        let (min, middle, max) = spread(rounds);
        let yardstick = yardstick.map(|rounds| spread(rounds).1);
        self.figures.push(Figure {
            name: name.to_owned(),
            unit,
            median: middle,
            min,
            max,
            yardstick,
            ratio: yardstick.filter(|yardstick| *yardstick > 0.0).map(|yardstick| middle / yardstick),
        });
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Returns the table that people read.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("{}\n", self.workload);
        let _ = writeln!(
            text,
            "  {:<46} {:>12} {:>25} {:>12} {:>7}",
            "figure", "median", "min - max", "yardstick", "ratio"
        );
        for figure in &self.figures {
            let range = format!("{} - {}", number(figure.min), number(figure.max));
            let yardstick = figure.yardstick.map_or_else(String::new, number);
            let ratio = figure.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            let name = format!("{} [{}]", figure.name, figure.unit);
            let _ = writeln!(text, "  {name:<46} {:>12} {range:>25} {yardstick:>12} {ratio:>7}", number(figure.median));
        }
        for note in &self.notes {
            let _ = writeln!(text, "  {note}");
        }
        text
    }
}

fn number(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// Returns least, median and greatest.
fn spread(rounds: &[f64]) -> (f64, f64, f64) {
    let mut sorted = rounds.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    (at(0), at(sorted.len() / 2), at(sorted.len().saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_its_median_beside_the_yardsticks() {
        let mut report = Report::new("ingest");
        report.add("events", "1/s", &[30.0, 10.0, 20.0], Some(&[40.0]));
        let figure = &report.figures[0];
        assert_eq!((figure.median, figure.min, figure.max, figure.ratio), (20.0, 10.0, 30.0, Some(0.5)));
        assert!(report.table().contains("events [1/s]"));
    }
}
