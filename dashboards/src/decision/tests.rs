//! A decision as HTML.

use super::*;
use crate::proof::{HOSTILE, adds_no_tag, has_nothing_inline, plain_names};

const NOW: i64 = 1_795_341_845_000_000;

fn proof(text: &str) -> Proof {
    Proof {
        reason: Reason {
            rule: text.to_owned(),
            title: text.to_owned(),
            kind: text.to_owned(),
            entity: text.to_owned(),
            verdict: text.to_owned(),
            window: text.to_owned(),
            observed: 6,
            threshold: 4,
            points: 40,
            until: Some(NOW),
        },
        events: vec![EventRow {
            at: NOW,
            table: text.to_owned(),
            what: text.to_owned(),
            id: text.to_owned(),
            trust: text.to_owned(),
        }],
        is_truncated: true,
        note: String::new(),
    }
}

fn page(text: &str) -> DecisionPage {
    DecisionPage {
        frame: Frame { key: Some("ops".to_owned()), may_query: true, version: "0.1.0".to_owned(), ..Frame::default() },
        now: NOW,
        id: text.to_owned(),
        at: NOW - 5_000_000,
        action: text.to_owned(),
        verdict: text.to_owned(),
        step_up: text.to_owned(),
        score: 40,
        is_degraded: true,
        named: vec![(text.to_owned(), text.to_owned())],
        reasons: vec![proof(text), Proof { note: text.to_owned(), events: Vec::new(), ..proof(text) }],
        shadow: vec![proof(text)],
    }
}

#[test]
fn typical_decision() {
    let mut page = page("x");
    page.action = "grant".to_owned();
    page.verdict = "throttle".to_owned();
    page.reasons = vec![proof("device_many_guests")];
    page.shadow.clear();
    let html = page.page().unwrap();
    has_nothing_inline(&html);
    insta::assert_snapshot!("typical", plain_names(&html));
}

#[test]
fn hostile_text_adds_no_tag() {
    adds_no_tag(&page(HOSTILE).page().unwrap(), &page("word").page().unwrap());
    has_nothing_inline(&page(HOSTILE).page().unwrap());
}
