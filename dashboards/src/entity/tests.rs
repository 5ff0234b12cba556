//! The page of an entity as HTML.

use super::*;
use crate::proof::{HOSTILE, adds_no_tag, has_nothing_inline, plain_names};
use crate::reason::Reason;

const NOW: i64 = 1_795_341_845_000_000;
const HOUR: i64 = 3_600_000_000;

fn hit(text: &str, counting: Counting) -> Contribution {
    let reason = Reason {
        rule: text.to_owned(),
        title: text.to_owned(),
        kind: text.to_owned(),
        entity: text.to_owned(),
        verdict: "throttle".to_owned(),
        observed: 6,
        threshold: 4,
        window: text.to_owned(),
        points: 40,
        until: Some(NOW + HOUR),
    };
    Contribution { reason, counting, since: NOW - HOUR, actions: vec![text.to_owned()], ..Contribution::default() }
}

fn page(text: &str) -> EntityPage {
    let own = |text: &str| text.to_owned();
    let node = |kind: &str| Node {
        kind: kind.to_owned(),
        id: own(text),
        is_near: true,
        how: own(text),
        events: 3,
        last_at: Some(NOW - HOUR),
        verdict: "block".to_owned(),
        score: 40,
    };
    let asked = Asked { kind: own(text), id: own(text), ..Asked::default() };
    EntityPage {
        frame: Frame { key: Some("ops".to_owned()), may_query: true, version: "0.1.0".to_owned(), ..Frame::default() },
        now: NOW,
        standing: Standing { verdict: "throttle".to_owned(), why: own(text) },
        score: Score::new(vec![hit(text, Counting::Live), hit(text, Counting::Shadow), hit(text, Counting::Snoozed)]),
        word: Some(Word {
            verdict: "allow".to_owned(),
            reason: own(text),
            by: own(text),
            at: NOW - HOUR,
            until: NOW + HOUR,
        }),
        snoozes: vec![Snooze { rule: own(text), until: NOW + HOUR, by: own(text), reason: own(text) }],
        links: Panel::Ready(Links {
            own: (own(text), own(text)),
            nodes: vec![node("account"), node("guest")],
            edges: vec![Edge { from: (own("guest"), own(text)), to: (own("account"), own(text)) }],
            is_truncated: true,
        }),
        credits: Panel::Ready(vec![Wallet {
            kind: own(text),
            id: own(text),
            balance: -4,
            granted: 50,
            free: 50,
            spent: 54,
            refunded: 0,
        }]),
        timeline: vec![
            TimelineRow {
                at: NOW,
                table: own(text),
                what: own(text),
                id: own(text),
                trust: "public".to_owned(),
                ..TimelineRow::default()
            },
            TimelineRow {
                at: NOW,
                table: own("verdicts"),
                id: own(text),
                verdict: own("allow"),
                ..TimelineRow::default()
            },
        ],
        labels: vec![Label { label: own(text), at: NOW, note: own(text) }],
        evidence: EvidencePage { now: NOW, asked: asked.clone(), proofs: Panel::Loading },
        done: Some(Decided { id: own(text), sentence: own(text), can_undo: true }),
        asked,
    }
}

fn device() -> EntityPage {
    let mut page = page("dev_3");
    page.asked.kind = "device".to_owned();
    page.score = Score::new(vec![hit("device_many_guests", Counting::Shadow)]);
    page.standing = Standing {
        verdict: "allow".to_owned(),
        why: "Open hits are in shadow or snoozed; they restrain nobody.".to_owned(),
    };
    if let Panel::Ready(links) = &mut page.links {
        links.own = ("device".to_owned(), "dev_3".to_owned());
        links.is_truncated = false;
    }
    (page.word, page.done, page.snoozes, page.labels) = (None, None, Vec::new(), Vec::new());
    page
}

#[test]
fn typical_entity() {
    let html = device().page().unwrap();
    has_nothing_inline(&html);
    insta::assert_snapshot!("typical", plain_names(&html));
}

#[test]
fn little_is_known() {
    let mut page = device();
    page.score = Score::default();
    page.links = Panel::Ready(Links { own: ("device".to_owned(), "dev_3".to_owned()), ..Links::default() });
    page.credits = Panel::Failed("The query took too long.".to_owned());
    page.timeline.clear();
    let html = page.page().unwrap();
    for words in [
        "No hit is open: no rule",
        "linked to nobody",
        "The query took too long.",
        "Nothing names it.",
        "Affects nobody else",
    ] {
        assert!(html.contains(words), "{words}");
    }
}

#[test]
fn a_component_cannot_be_allowed() {
    let mut page = device();
    assert!(page.page().unwrap().contains("value=\"allow\""));
    page.asked.kind = "component".to_owned();
    let html = page.page().unwrap();
    assert!(!html.contains("value=\"allow\"") && html.contains("Allow its members one by one"));
}

#[test]
fn hostile_text_adds_no_tag() {
    adds_no_tag(&page(HOSTILE).page().unwrap(), &page("word").page().unwrap());
    has_nothing_inline(&page(HOSTILE).page().unwrap());
    let sql = page(HOSTILE).asked.as_sql();
    assert!(sql.starts_with("/sql?q=") && !sql.contains(['<', '"', '\'']), "{sql}");
}
