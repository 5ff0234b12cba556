//! The queue as HTML.

use super::*;
use crate::proof::{HOSTILE, adds_no_tag, has_nothing_inline, plain_names};

const NOW: i64 = 1_795_341_845_000_000;

fn waiting(text: &str, counts: bool) -> Waiting {
    let reason = Reason {
        rule: text.to_owned(),
        verdict: "throttle".to_owned(),
        observed: 6,
        threshold: 4,
        window: "24h".to_owned(),
        points: 40,
        ..Reason::default()
    };
    Waiting {
        kind: "device".to_owned(),
        entity: text.to_owned(),
        score: if counts { 40 } else { 0 },
        with_shadow: 40,
        evidence: vec![(reason, counts)],
        since: NOW - 60_000_000,
    }
}

fn page(rows: Vec<Waiting>) -> ReviewPage {
    let total = rows.len();
    ReviewPage {
        frame: Frame { key: Some("ops".to_owned()), may_query: true, version: "0.1.0".to_owned(), ..Frame::default() },
        now: NOW,
        asked: Asked { limit: ROWS_USUAL, ..Asked::default() },
        queue: Panel::Ready(Queue { rows, total }),
        rules: vec!["device_many_guests".to_owned()],
        done: None,
        last: None,
    }
}

fn decided(text: &str) -> Decided {
    Decided { id: text.to_owned(), sentence: text.to_owned(), can_undo: true }
}

#[test]
fn typical_queue() {
    let mut row = waiting("device_many_guests", false);
    row.entity = "dev_0123456789abcdefghij".to_owned();
    let mut page = page(vec![row]);
    page.last = Some(decided("Device dev_3 is blocked."));
    let html = page.page().unwrap();
    has_nothing_inline(&html);
    insta::assert_snapshot!("typical", plain_names(&html));
}

#[test]
fn an_empty_queue_says_why() {
    let html = page(Vec::new()).page().unwrap();
    assert!(html.contains("Nobody waits: every entity with an open hit"));
    let mut narrowed = page(Vec::new());
    narrowed.asked.kind = "card".to_owned();
    assert!(narrowed.page().unwrap().contains("Nobody waits who matches."));
}

#[test]
fn one_sign_is_less_sure_than_several() {
    let words = [certainty(95, 3), certainty(85, 1), certainty(60, 2), certainty(60, 1), certainty(20, 1)];
    let firsts: Vec<&str> = words.iter().filter_map(|words| words.split([' ', ':']).next()).collect();
    assert_eq!(firsts, ["Very", "Likely", "Likely", "Possible", "Weak"]);
}

#[test]
fn hostile_text_adds_no_tag() {
    let filled = |text: &str| {
        let mut page = page(vec![Waiting { kind: text.to_owned(), ..waiting(text, true) }]);
        page.rules = vec![text.to_owned()];
        page.done = Some(decided(text));
        page.last = Some(decided(text));
        page.page().unwrap()
    };
    adds_no_tag(&filled(HOSTILE), &filled("word"));
    has_nothing_inline(&filled(HOSTILE));
}
