//! The restrictions as HTML.

use super::*;
use crate::proof::{HOSTILE, adds_no_tag, has_nothing_inline, plain_names};

const NOW: i64 = 1_795_341_845_000_000;
const HOUR: i64 = 3_600_000_000;

fn row(text: &str) -> Row {
    Row {
        kind: text.to_owned(),
        entity: text.to_owned(),
        verdict: "throttle".to_owned(),
        rule: text.to_owned(),
        actions: vec![text.to_owned()],
        since: NOW - HOUR,
        until: NOW + 5 * HOUR,
        by: None,
    }
}

fn page(rows: Vec<Row>, active: usize) -> RestrictionsPage {
    let total = rows.len();
    RestrictionsPage {
        frame: Frame { key: Some("ops".to_owned()), may_query: true, version: "0.1.0".to_owned(), ..Frame::default() },
        now: NOW,
        asked: Asked::default(),
        list: Panel::Ready(Restrictions { rows, total, active }),
        rules: vec!["device_many_guests".to_owned()],
        live_rules: 0,
        may_decide: true,
        done: None,
    }
}

#[test]
fn typical_list() {
    let by_rule = Row {
        kind: "device".to_owned(),
        entity: "dev_3".to_owned(),
        rule: "device_many_guests".to_owned(),
        ..row("grant")
    };
    let by_person = Row {
        kind: "account".to_owned(),
        entity: "acct_9".to_owned(),
        verdict: "block".to_owned(),
        rule: "override".to_owned(),
        actions: Vec::new(),
        by: Some(("ops".to_owned(), "charged back twice".to_owned())),
        ..row("x")
    };
    let html = page(vec![by_rule, by_person], 2).page().unwrap();
    has_nothing_inline(&html);
    insta::assert_snapshot!("typical", plain_names(&html));
}

#[test]
fn an_empty_list_says_why() {
    assert!(page(Vec::new(), 0).page().unwrap().contains("No rule is live: rules are shipped in shadow"));
    let live = RestrictionsPage { live_rules: 1, ..page(Vec::new(), 0) };
    assert!(live.page().unwrap().contains("1 rule is live and finds nobody to restrain."));
    assert!(page(Vec::new(), 7).page().unwrap().contains("None of the 7 that are active match."));
}

#[test]
fn whoever_may_not_review_may_not_revoke() {
    let html = RestrictionsPage { may_decide: false, ..page(vec![row("x")], 1) }.page().unwrap();
    assert!(!html.contains("name=\"whom\"") && html.contains("scope review"));
}

#[test]
fn hostile_text_adds_no_tag() {
    let filled = |text: &str| {
        let by = Some((text.to_owned(), text.to_owned()));
        let mut page = page(vec![row(text), Row { by, ..row(text) }], 2);
        page.rules = vec![text.to_owned()];
        page.done = Some(Decided { id: text.to_owned(), sentence: text.to_owned(), can_undo: true });
        page.page().unwrap()
    };
    adds_no_tag(&filled(HOSTILE), &filled("word"));
    has_nothing_inline(&filled(HOSTILE));
}
