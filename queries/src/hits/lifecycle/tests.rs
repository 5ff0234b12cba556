//! How a hit opens, changes and closes.

use super::*;

fn terms(rollout_ppm: u32) -> Terms {
    Terms {
        rule: Arc::from("r"),
        version: Arc::from("v"),
        entity_kind: EntityKind::Device,
        mode: Mode::Live,
        step_up: StepUp::None,
        window: Arc::from("24h"),
        actions: Arc::from([]),
        browser_facts: false,
        ttl_us: 100,
        rollout_ppm,
    }
}

/// A rule's hits on one entity, with a book.
struct Case {
    lifecycle: Lifecycle,
    book: HitBook,
}

impl Case {
    fn new() -> Self {
        Self { lifecycle: Lifecycle::new(terms(1_000_000)), book: HitBook::new() }
    }

    fn at(&mut self, at: i64, observed: Option<i64>) -> Vec<String> {
        let found = observed.map(|observed| Evaluation {
            observed,
            threshold: 4,
            verdict: if observed >= 8 { Restraint::Block } else { Restraint::Throttle },
            points: 40,
            component: None,
        });
        let mut out = Vec::new();
        self.lifecycle.close_ended(at, false, &self.book, &mut out);
        self.lifecycle.point("d", found, at, &self.book, &mut out);
        self.lifecycle.close_ended(at, true, &self.book, &mut out);
        out.iter()
            .map(|t| format!("{} at {} of {} until {}", t.kind.state(), t.at, t.hit.observed, t.hit.until))
            .collect()
    }

    fn open(&self, now: i64) -> Option<(i64, i64, i64)> {
        let hits = self.book.open(EntityKind::Device, "d", now);
        hits.iter().next().map(|hit| (hit.first_at, hit.observed, hit.until))
    }
}

#[test]
fn opens_at_the_first_true_point_and_ends_a_ttl_after_the_last() {
    let mut case = Case::new();
    assert!(case.at(10, None).is_empty());
    assert_eq!(case.at(20, Some(4)), ["opened at 20 of 4 until 120"]);
    assert_eq!(case.open(119), Some((20, 4, 120)));
    assert_eq!(case.open(120), None);
    assert!(case.at(70, None).is_empty(), "false points leave the hit open");
    assert_eq!(case.at(500, None), ["closed at 120 of 4 until 120"]);
    assert_eq!(case.at(501, Some(4)), ["opened at 501 of 4 until 601"], "a new hit");
}

#[test]
fn a_point_that_only_prolongs_writes_no_row_until_the_rule_stops_being_true() {
    let mut case = Case::new();
    case.at(20, Some(5));
    assert!(case.at(60, Some(5)).is_empty());
    assert!(case.at(70, Some(4)).is_empty(), "what is observed fell");
    assert_eq!(case.open(70), Some((20, 4, 170)), "the book is up to date");
    assert_eq!(case.at(80, None), ["changed at 80 of 4 until 170"], "the table learns the end");
    assert!(case.at(90, None).is_empty());
    assert_eq!(case.at(200, None), ["closed at 170 of 4 until 170"]);
}

#[test]
fn growth_verdicts_and_points_write_rows() {
    let mut case = Case::new();
    case.at(20, Some(4));
    assert_eq!(case.at(30, Some(5)), ["changed at 30 of 5 until 130"]);
    assert!(case.at(40, Some(4)).is_empty());
    assert!(case.at(50, Some(5)).is_empty(), "it grew no further than it had been");
    assert_eq!(case.at(60, Some(8)), ["changed at 60 of 8 until 160"]);
    assert_eq!(case.at(70, Some(7)), ["changed at 70 of 7 until 170"], "from block to throttle");
}

#[test]
fn a_true_point_at_the_very_end_prolongs_the_hit() {
    let mut case = Case::new();
    case.at(20, Some(4));
    assert!(case.at(120, Some(4)).is_empty());
    assert_eq!(case.open(219), Some((20, 4, 220)));
    let mut out = Vec::new();
    case.lifecycle.close_ended(220, false, &case.book, &mut out);
    assert_eq!(out, [], "not yet: a point at 220 may come");
    case.lifecycle.close_ended(220, true, &case.book, &mut out);
    assert_eq!((out.len(), case.book.len()), (1, 0));
}

#[test]
fn a_rollout_makes_the_same_share_of_entities_live_each_time() {
    let live = |rollout: u32| -> Vec<bool> {
        (0..2_000).map(|n| terms(rollout).mode_for(&format!("d{n}")) == Mode::Live).collect()
    };
    let (tenth, third) = (live(100_000), live(333_333));
    let count = |of: &[bool]| of.iter().filter(|is_live| **is_live).count();
    assert!((140..260).contains(&count(&tenth)) && (560..770).contains(&count(&third)), "{}", count(&third));
    assert!(tenth.iter().zip(&third).all(|(small, large)| !small || *large), "a larger share holds the smaller one");
    assert_eq!((count(&live(0)), count(&live(1_000_000))), (0, 2_000));
    let shadow = Terms { mode: Mode::Shadow, ..terms(1_000_000) };
    assert_eq!(shadow.mode_for("d"), Mode::Shadow);
}
