//! The list as HTML: one snapshot a state a reader can meet, and hostile text in every field.

use std::collections::HashMap;

use super::*;
use crate::moment::DAY;
use crate::proof::{HOSTILE, adds_no_tag, has_nothing_inline, plain_names};
use crate::trend::Buckets;

const NOW: i64 = 1_795_341_845_000_000;

fn row(name: &str, mode: RuleMode) -> RuleRow {
    RuleRow {
        name: name.to_owned(),
        title: "Many guest workspaces on one device".to_owned(),
        version: "9f2c81d04be7a635".to_owned(),
        origin: Origin::BuiltIn,
        mode,
        tripped_at: None,
        is_forced: false,
        entities: vec!["device".to_owned()],
        every: None,
        reason: None,
        is_warm: true,
        open_hits: 12,
    }
}

fn figures() -> Figures {
    let buckets = Buckets::new(NOW - 7 * DAY, NOW);
    let found = RuleFigures {
        hits: 1_204,
        trend: vec![(buckets.start, 4), (buckets.start + 3 * buckets.width, 1_200)],
        precision: Precision { right: 9, wrong: 1, unlabelled: 41, interval: Some((59.6, 98.2)) },
        disagreement: Disagreement { decisions: 371, blocks: 12, share: Some(0.4) },
    };
    Figures { buckets, by_rule: HashMap::from([("device_many_guests".to_owned(), found)]) }
}

fn page(rules: Vec<RuleRow>) -> RulesPage {
    RulesPage {
        frame: Frame {
            key: Some("ops".to_owned()),
            may_query: true,
            may_review: true,
            version: "0.1.0".to_owned(),
            ..Frame::default()
        },
        now: NOW,
        asked: Asked::default(),
        rules,
        figures: Panel::Ready(figures()),
        problems: Vec::new(),
        deleted: None,
    }
}

fn typical() -> RulesPage {
    let scheduled = RuleRow {
        every: Some("2min".to_owned()),
        reason: Some("it reads two tables".to_owned()),
        tripped_at: Some(NOW - DAY),
        entities: vec!["account".to_owned(), "device".to_owned()],
        is_warm: false,
        ..row("bind_farm", RuleMode::Shadow)
    };
    let own = RuleRow { origin: Origin::Own, is_forced: true, open_hits: 0, ..row("mine", RuleMode::Live) };
    let problem = RuleProblem {
        file: "rules/bad.sql".to_owned(),
        line: Some(3),
        message: "`onn` is no header".to_owned(),
        remedy: "did you mean `on`?".to_owned(),
    };
    RulesPage { problems: vec![problem], ..page(vec![scheduled, row("device_many_guests", RuleMode::Shadow), own]) }
}

fn hostile(text: &str) -> RulesPage {
    let own = || text.to_owned();
    let row = RuleRow {
        title: own(),
        version: own(),
        entities: vec![own()],
        every: Some(own()),
        reason: Some(own()),
        ..row(text, RuleMode::Shadow)
    };
    let problem = RuleProblem { file: own(), line: None, message: own(), remedy: own() };
    RulesPage {
        asked: Asked { entity: own(), q: own(), mode: None },
        problems: vec![problem],
        figures: Panel::Stale { value: figures(), as_of: NOW, reason: own() },
        deleted: Some((own(), own())),
        ..page(vec![row])
    }
}

#[test]
fn draws_every_state_a_reader_can_meet() {
    let html = |page: RulesPage| plain_names(&page.page().unwrap());
    insta::assert_snapshot!("typical", html(typical()));
    let asked = Asked { mode: Some(RuleMode::Off), q: "nobody".to_owned(), ..Asked::default() };
    insta::assert_snapshot!("nothing_matches", html(RulesPage { asked, ..page(typical().rules) }));
    let failed = Panel::Failed("The query took longer than 30 s.".to_owned());
    let deleted = Some(("mine".to_owned(), "9f2c81d04be7a635".to_owned()));
    insta::assert_snapshot!("failed", html(RulesPage { figures: failed, deleted, ..typical() }));
    insta::assert_snapshot!("none", html(page(Vec::new())));
}

#[test]
fn the_list_is_narrowed_by_mode_entity_and_search() {
    let shown = |asked: Asked| -> Vec<String> {
        RulesPage { asked, ..typical() }.shown().into_iter().map(|rule| rule.name.clone()).collect()
    };
    let asked = Asked::default();
    assert_eq!(shown(Asked { mode: Some(RuleMode::Live), ..asked.clone() }), ["mine"]);
    assert_eq!(shown(Asked { entity: "account".to_owned(), ..asked.clone() }), ["bind_farm"]);
    assert_eq!(shown(Asked { q: "MANY_G".to_owned(), ..asked.clone() }), ["device_many_guests"]);
    assert_eq!(shown(Asked { q: "guest workspaces".to_owned(), ..asked }).len(), 3);
    let counts: Vec<u64> = typical().tabs().into_iter().map(|(_, count)| count).collect();
    assert_eq!(counts, [3, 1, 2, 0]);
}

#[test]
fn hostile_text_adds_no_tag_and_no_attribute() {
    adds_no_tag(&hostile(HOSTILE).page().unwrap(), &hostile("text").page().unwrap());
}

#[test]
fn nothing_is_inline_so_that_the_content_policy_holds() {
    for page in [typical(), hostile("text"), page(Vec::new())] {
        has_nothing_inline(&page.page().unwrap());
    }
}
