//! What a backtest found, as sentences and tables. It stands in the page of its rule, and alone as the fragment that comes
//! when one has just ended.

use askama::Template;
use serde::{Deserialize, Serialize};

use super::{Asked, short};
use crate::data::DataBlock;
use crate::rules::RuleMode;
use crate::{PageError, address, figure};

/// A report, as the program keeps it. What is missing reads as nothing: an earlier program may have written it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Report {
    /// The rule's name.
    pub rule: String,
    /// The version that was tested.
    pub version: String,
    /// It asked less often than the rule would run.
    pub approximate: bool,
    /// Entities that were hit.
    pub entity_count: u64,
    /// Hits that opened.
    pub hits: u64,
    /// Hits by when they opened.
    pub series: Vec<Point>,
    /// Decisions that would have been stricter.
    pub decisions_changed: Share,
    /// The entities by what is known of them.
    pub labels: Labels,
    /// Credits that would not have been spent.
    pub credits: Credits,
    /// Other rules that hit the same entities.
    pub overlap: Vec<Overlap>,
    /// What other thresholds would have found.
    pub neighbours: Vec<Neighbour>,
}

/// Hits that opened in one step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Point {
    /// When the step begins, RFC 3339.
    pub at: String,
    /// How many.
    pub hits: u64,
}

/// A part of all decisions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Share {
    /// The part.
    pub changed: u64,
    /// All.
    pub total: u64,
}

/// What is known of the entities that were hit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Labels {
    /// Labelled as abuse.
    pub r#true: u64,
    /// Labelled as no abuse.
    pub r#false: u64,
    /// Without a label.
    pub unknown: u64,
    /// Of those that are not labelled as abuse, the ones that paid at some time.
    pub paying: u64,
    /// The share that was right.
    pub precision: Option<f64>,
    /// The ends of Wilson's interval for it, 95 %.
    pub interval: Option<[f64; 2]>,
    /// The share of all that are labelled as abuse.
    pub recall: Option<f64>,
    /// The share of entities that are old enough for a late label.
    pub mature: Option<f64>,
    /// How old that is, in days.
    pub maturity_days: u64,
}

/// Credits that would not have been spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Credits {
    /// Of entities that are not known to be good.
    pub saved: i64,
    /// Of entities that are labelled as no abuse.
    pub stopped: i64,
}

/// Another rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Overlap {
    /// Its name.
    pub rule: String,
    /// Entities that both hit.
    pub entities: u64,
}

/// Another threshold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Neighbour {
    /// The threshold.
    pub threshold: i64,
    /// Hits that would have opened.
    pub hits: u64,
    /// Entities that would have been hit.
    pub entities: u64,
    /// Entities that the rule did not hit, and of these the ones labelled as no abuse.
    pub added: u64,
    /// See `added`.
    pub added_legitimate: u64,
    /// Entities that only the rule hit, and of these the ones labelled as abuse.
    pub missed: u64,
    /// See `missed`.
    pub missed_abusive: u64,
}

/// A backtest that is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Backtest {
    /// Its id.
    pub id: String,
    /// When it was run, and by which key.
    pub made: (i64, String),
    /// The range it tested, microseconds.
    pub range: (i64, i64),
    /// What it found.
    pub report: Report,
    /// The version that is in force; none while there is no rule of the name.
    pub present: Option<String>,
    /// The mode that version is in.
    pub mode: RuleMode,
}

/// A backtest alone, for the page that has it run.
#[derive(Debug, Clone, Template)]
#[template(path = "rule_backtest.html")]
pub struct BacktestPage {
    /// When the page is shown, microseconds since the Unix epoch.
    pub now: i64,
    /// The page it belongs to.
    pub asked: Asked,
    /// The backtest.
    pub test: Backtest,
}

#[derive(Serialize)]
struct Drawing<'a> {
    spec: Spec,
    answer: Answer<'a>,
}

#[derive(Serialize)]
struct Spec {
    kind: &'static str,
    x: &'static str,
    y: &'static str,
    title: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    columns: [Column; 2],
    rows: Vec<(&'a str, u64)>,
}

#[derive(Serialize)]
struct Column {
    name: &'static str,
    #[serde(rename = "type")]
    ty: &'static str,
}

impl Report {
    /// Reads what the program keeps; what cannot be read says nothing.
    pub fn read(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    /// Says on how many entities the hits are.
    pub fn entity_words(&self) -> String {
        match self.entity_count {
            1 => "on 1 entity".to_owned(),
            count => format!("on {} entities", figure::count(&count)),
        }
    }

    /// Says whom it would have hit: `Would have hit 412: 371 known bad, 9 paying, 32 unknown.`
    pub fn sentence(&self) -> String {
        if self.entity_count == 0 {
            return "Would have hit nobody.".to_owned();
        }
        let Labels { r#true: bad, r#false: good, unknown, paying, .. } = self.labels;
        // Who paid may be labelled or not, and is named as who paid: that is whom one would least like to stop.
        let mut parts = vec![format!("{} known bad", figure::count(&bad))];
        if paying > 0 {
            parts.push(format!("{} paying", figure::count(&paying)));
        }
        let rest = (good + unknown).saturating_sub(paying);
        let good_rest = good.min(rest);
        if good_rest > 0 {
            parts.push(format!("{} known good", figure::count(&good_rest)));
        }
        parts.push(format!("{} unknown", figure::count(&(rest - good_rest))));
        format!("Would have hit {}: {}.", figure::count(&self.entity_count), parts.join(", "))
    }
}

impl Labels {
    /// Writes a share in percent.
    fn percent(share: f64) -> String {
        format!("{:.1}%", share * 100.0)
    }

    /// Writes the precision; nothing without labels.
    pub fn precision_words(&self) -> Option<String> {
        figure::share(&self.r#true, &(self.r#true + self.r#false))
    }

    /// Writes how sure that is.
    pub fn interval_words(&self) -> Option<String> {
        self.interval.map(|[low, high]| format!("{} to {}", Self::percent(low), Self::percent(high)))
    }

    /// Writes the recall; nothing without labels.
    pub fn recall_words(&self) -> Option<String> {
        self.recall.map(Self::percent)
    }

    /// Says how much may yet change; nothing while nothing can.
    pub fn maturity_words(&self) -> Option<String> {
        let mature = self.mature.filter(|mature| *mature < 1.0)?;
        Some(format!(
            "{} of the entities were hit more than {} days ago; labels of the others may yet come.",
            Self::percent(mature),
            self.maturity_days
        ))
    }
}

impl Neighbour {
    /// Says whom it would have hit besides.
    pub fn added_words(&self) -> String {
        format!("+{}, {} known good", figure::count(&self.added), figure::count(&self.added_legitimate))
    }

    /// Says whom it would not have hit.
    pub fn missed_words(&self) -> String {
        format!("−{}, {} known bad", figure::count(&self.missed), figure::count(&self.missed_abusive))
    }
}

impl Backtest {
    /// Says the range: `2026-11-01 to 2026-11-22`.
    pub fn range_words(&self) -> String {
        range_words(&self.range)
    }

    /// Tells whether it tested the version that is in force.
    pub fn is_of_present(&self) -> bool {
        self.present.as_ref() == Some(&self.report.version)
    }

    /// Tells whether it is ground for going live now.
    pub fn can_promote(&self) -> bool {
        self.is_of_present() && !self.report.approximate && self.mode != RuleMode::Live
    }

    /// Says which version it tested.
    pub fn version_words(&self) -> String {
        let version = short(&self.report.version);
        match self.is_of_present() {
            true => format!("version {version}, the present one"),
            false => format!("a text that is not in force ({version}): save it, and this backtest lets it go live"),
        }
    }

    /// Writes credits with thousands separated.
    pub fn credits(&self) -> (String, String) {
        let words = |credits: i64| figure::count(&credits.unsigned_abs());
        (words(self.report.credits.saved), words(self.report.credits.stopped))
    }

    /// Says how many decisions it would have changed.
    pub fn decisions_words(&self) -> String {
        let Share { changed, total } = self.report.decisions_changed;
        let share = figure::share(&changed, &total).map(|share| format!(", {share}")).unwrap_or_default();
        format!("of {}{share}", figure::counted(total, "decision"))
    }

    /// Hands the hits over time to the drawing.
    pub fn drawing(&self) -> DataBlock {
        let spec =
            Spec { kind: "bar", x: "opened", y: "hits", title: format!("Hits over time, {}", self.range_words()) };
        let columns = [Column { name: "opened", ty: "timestamptz" }, Column { name: "hits", ty: "bigint" }];
        let rows = self.report.series.iter().map(|point| (point.at.as_str(), point.hits)).collect();
        DataBlock::new(&Drawing { spec, answer: Answer { columns, rows } })
    }

    /// Writes the address of another rule's page.
    pub fn rule_address(&self, rule: &str) -> String {
        format!("/rules/{}", address::encode(rule))
    }
}

impl BacktestPage {
    /// Renders the fragment.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn fragment(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }
}

/// Says a range of days; hours where it is short.
pub fn range_words(&(from, to): &(i64, i64)) -> String {
    use crate::moment::{DAY, day, hour_minute};
    if to - from > 3 * DAY {
        return format!("{} to {}", day(&from), day(&to));
    }
    format!("{} {} to {} {} UTC", day(&from), hour_minute(&from), day(&to), hour_minute(&to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_names_whom_it_would_have_hit() {
        let report = |bad, good, unknown, paying| Report {
            entity_count: bad + good + unknown,
            labels: Labels { r#true: bad, r#false: good, unknown, paying, ..Labels::default() },
            ..Report::default()
        };
        let cases = [
            (report(371, 0, 41, 9), "Would have hit 412: 371 known bad, 9 paying, 32 unknown."),
            (report(3, 2, 5, 0), "Would have hit 10: 3 known bad, 2 known good, 5 unknown."),
            (report(0, 2, 0, 2), "Would have hit 2: 0 known bad, 2 paying, 0 unknown."),
            (report(0, 0, 0, 0), "Would have hit nobody."),
        ];
        for (report, words) in cases {
            assert_eq!(report.sentence(), words);
        }
    }

    #[test]
    fn a_report_of_another_program_is_read_as_far_as_it_goes() {
        let report = Report::read(r#"{"hits":3,"labels":{"true":1,"precision":null,"later":[]},"later":{}}"#);
        assert_eq!((report.hits, report.labels.r#true), (3, 1));
        assert_eq!(Report::read("nonsense"), Report::default());
    }
}
