//! A score as the sum that it is: each hit takes its share of what the hits before it have left of a hundred, so the shares
//! add up to the score, and the order only says which of them is written first.

use crate::reason::Reason;

/// Whether a hit counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Counting {
    /// It is part of the score.
    #[default]
    Live,
    /// Its rule is in shadow: it restrains nobody.
    Shadow,
    /// Somebody silenced the rule for this entity.
    Snoozed,
}

/// One open hit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contribution {
    /// What was observed, against what.
    pub reason: Reason,
    /// Whether it counts.
    pub counting: Counting,
    /// Since when, microseconds.
    pub since: i64,
    /// The actions it restrains; empty means all.
    pub actions: Vec<String>,
    /// It rests on facts that browsers sent, and never leads to a block.
    pub has_browser_facts: bool,
    /// What it adds to the score, or would add were it live.
    pub adds: f64,
    /// The score before it.
    pub from: f64,
}

/// The score, hit by hit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Score {
    /// The hits: those that count first, then those in shadow, then those snoozed; the weightiest first.
    pub rows: Vec<Contribution>,
    /// The score as verdicts see it.
    pub score: u64,
    /// What it would be if the rules in shadow were live.
    pub with_shadow: u64,
}

impl Score {
    /// Adds up hits.
    pub fn new(mut rows: Vec<Contribution>) -> Self {
        let place = |row: &Contribution| match row.counting {
            Counting::Live => 0,
            Counting::Shadow => 1,
            Counting::Snoozed => 2,
        };
        rows.sort_by(|a, b| {
            let by_weight = (place(a), b.reason.points).cmp(&(place(b), a.reason.points));
            by_weight.then_with(|| a.reason.rule.cmp(&b.reason.rule))
        });
        let mut reached = 0.0;
        let mut counted = 0.0;
        for row in &mut rows {
            row.from = reached;
            row.adds = match row.counting {
                Counting::Snoozed => 0.0,
                _ => (100.0 - reached) * row.reason.points.min(100) as f64 / 100.0,
            };
            reached += row.adds;
            if row.counting == Counting::Live {
                counted = reached;
            }
        }
        Self { rows, score: rounded(counted), with_shadow: rounded(reached) }
    }

    /// Writes the sum: `100 × (1 − 0.60 × 0.70) = 58`; none without hits that count.
    pub fn formula(&self, with_shadow: bool) -> Option<String> {
        let counts = |row: &&Contribution| match row.counting {
            Counting::Live => true,
            Counting::Shadow => with_shadow,
            Counting::Snoozed => false,
        };
        let left = |row: &Contribution| format!("{:.2}", 1.0 - row.reason.points.min(100) as f64 / 100.0);
        let factors: Vec<String> = self.rows.iter().filter(counts).map(left).collect();
        let score = if with_shadow { self.with_shadow } else { self.score };
        (!factors.is_empty()).then(|| format!("100 × (1 − {}) = {score}", factors.join(" × ")))
    }

    /// Tells whether something is in shadow.
    pub fn has_shadow(&self) -> bool {
        self.rows.iter().any(|row| row.counting == Counting::Shadow)
    }
}

impl Contribution {
    /// Writes what it adds: `+24`; with a digit where whole numbers would hide it.
    pub fn adds_words(&self) -> String {
        let whole = (self.adds - self.adds.round()).abs() < 0.05;
        if whole { format!("+{:.0}", self.adds) } else { format!("+{:.1}", self.adds) }
    }

    /// Where its bar begins, of a hundred.
    pub fn bar_from(&self) -> String {
        format!("{:.1}", self.from)
    }

    /// How long its bar is, of a hundred.
    pub fn bar_length(&self) -> String {
        format!("{:.1}", self.adds)
    }

    /// Says whether it counts, in a word.
    pub fn counting_words(&self) -> &'static str {
        match self.counting {
            Counting::Live => "counts",
            Counting::Shadow => "shadow",
            Counting::Snoozed => "snoozed",
        }
    }

    /// Says what that means.
    pub fn counting_meaning(&self) -> &'static str {
        match self.counting {
            Counting::Live => "The rule is live: its points are in the score",
            Counting::Shadow => "The rule is in shadow: it is shown and restrains nobody",
            Counting::Snoozed => "Somebody snoozed this rule for this entity: it counts for nothing",
        }
    }

    /// Names the field that asks for how long it is snoozed.
    pub fn field(&self) -> String {
        format!("snooze-{}", self.reason.rule)
    }

    /// Tells whether somebody could snooze it.
    pub fn may_be_snoozed(&self) -> bool {
        self.counting != Counting::Snoozed
    }
}

fn rounded(score: f64) -> u64 {
    score.round().clamp(0.0, 100.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(rule: &str, points: u64, counting: Counting) -> Contribution {
        let reason = Reason { rule: rule.to_owned(), points, ..Reason::default() };
        Contribution { reason, counting, ..Contribution::default() }
    }

    #[test]
    fn the_shares_add_up_to_the_score() {
        let hits = vec![hit("c", 50, Counting::Shadow), hit("a", 40, Counting::Live), hit("b", 60, Counting::Live)];
        let score = Score::new(hits);
        let shares: Vec<(&str, String)> =
            score.rows.iter().map(|row| (row.reason.rule.as_str(), row.adds_words())).collect();
        let expected = [("b", "+60".to_owned()), ("a", "+16".to_owned()), ("c", "+12".to_owned())];
        assert_eq!(shares, expected);
        assert_eq!((score.score, score.with_shadow), (76, 88));
        assert_eq!(score.formula(false).as_deref(), Some("100 × (1 − 0.40 × 0.60) = 76"));
        assert_eq!(score.formula(true).as_deref(), Some("100 × (1 − 0.40 × 0.60 × 0.50) = 88"));
    }

    #[test]
    fn what_is_snoozed_adds_nothing() {
        let score = Score::new(vec![hit("a", 40, Counting::Snoozed)]);
        assert_eq!((score.score, score.with_shadow, score.rows[0].adds_words().as_str()), (0, 0, "+0"));
        assert_eq!(score.formula(true), None);
        assert!(!score.has_shadow() && !score.rows[0].may_be_snoozed());
    }
}
