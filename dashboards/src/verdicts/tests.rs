//! The feed as HTML: one snapshot a state a reader can meet, and hostile text in every field.

use super::*;
use crate::proof::{HOSTILE, adds_no_tag, has_nothing_inline, plain_names};

const NOW: i64 = 1_795_341_845_000_000;

fn reason(text: &str) -> Reason {
    Reason {
        rule: text.to_owned(),
        title: text.to_owned(),
        kind: text.to_owned(),
        entity: text.to_owned(),
        verdict: "throttle".to_owned(),
        observed: 6,
        threshold: 4,
        window: text.to_owned(),
        points: 40,
        until: Some(NOW),
    }
}

fn row(text: &str) -> FeedRow {
    FeedRow {
        id: text.to_owned(),
        at: NOW - 3_000_000,
        action: text.to_owned(),
        verdict: "throttle".to_owned(),
        step_up: text.to_owned(),
        score: 40,
        named: vec![(text.to_owned(), text.to_owned())],
        reason: Some(reason(text)),
        more: 1,
        shadow: Some(reason(text)),
        weight: 4,
    }
}

fn page(rows: Vec<FeedRow>) -> VerdictsPage {
    VerdictsPage {
        frame: Frame { key: Some("ops".to_owned()), may_query: true, version: "0.1.0".to_owned(), ..Frame::default() },
        now: NOW,
        asked: Asked { limit: ROWS_USUAL, ..Asked::default() },
        feed: Panel::Ready(Feed { rows, is_truncated: false }),
        waiting: Some(3),
        rules: vec!["device_many_guests".to_owned()],
        actions: vec!["generate".to_owned()],
        ever_asked: true,
        may_review: true,
        origin: "http://127.0.0.1:8600".to_owned(),
        done: None,
    }
}

fn typical() -> VerdictsPage {
    let throttled = FeedRow {
        id: "d-1".to_owned(),
        action: "grant".to_owned(),
        step_up: "challenge".to_owned(),
        named: vec![("device".to_owned(), "dev_0123456789abcdefghij".to_owned())],
        reason: Some(Reason { rule: "device_many_guests".to_owned(), window: "24h".to_owned(), ..reason("x") }),
        shadow: None,
        weight: 1,
        ..row("x")
    };
    let allowed = FeedRow {
        id: "d-2".to_owned(),
        action: "generate".to_owned(),
        verdict: "allow".to_owned(),
        score: 0,
        named: vec![("account".to_owned(), "acct_1".to_owned())],
        at: NOW - 9_000_000,
        ..FeedRow::default()
    };
    page(vec![throttled, allowed])
}

#[test]
fn typical_feed() {
    let html = typical().page().unwrap();
    has_nothing_inline(&html);
    insta::assert_snapshot!("typical", plain_names(&html));
}

#[test]
fn nobody_ever_asked() {
    let html = VerdictsPage { ever_asked: false, waiting: None, ..page(Vec::new()) }.fragment().unwrap();
    insta::assert_snapshot!("never_asked", plain_names(&html));
}

#[test]
fn nothing_matches_or_there_is_no_answer() {
    let mut narrowed = page(Vec::new());
    narrowed.asked.rule = "no_such".to_owned();
    let html = narrowed.fragment().unwrap();
    assert!(html.contains("No verdict matches in this range (last 1 hour)") && html.contains("Clear the filters"));
    let failed = VerdictsPage { feed: Panel::Failed("The query was refused.".to_owned()), ..page(Vec::new()) };
    let html = failed.fragment().unwrap();
    assert!(html.contains("No answer.") && html.contains(">Retry</a>") && !html.contains("<table"));
}

#[test]
fn whoever_may_not_review_is_offered_no_review() {
    let html = VerdictsPage { may_review: false, ..typical() }.page().unwrap();
    assert!(!html.contains("/verdicts/review") && !html.contains("href=\"/verdicts/d-1\""));
}

#[test]
fn hostile_text_adds_no_tag() {
    let filled = |text: &str| {
        let mut page = page(vec![row(text)]);
        page.asked = Asked {
            verdict: String::new(),
            action: text.to_owned(),
            rule: text.to_owned(),
            entity: text.to_owned(),
            since: text.to_owned(),
            limit: ROWS_USUAL,
        };
        page.rules = vec![text.to_owned()];
        page.done = Some(Decided { id: text.to_owned(), sentence: text.to_owned(), can_undo: true });
        page.page().unwrap()
    };
    adds_no_tag(&filled(HOSTILE), &filled("word"));
    has_nothing_inline(&filled(HOSTILE));
}
