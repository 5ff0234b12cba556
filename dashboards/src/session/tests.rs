//! The page as HTML: one snapshot a state a reader can meet, and hostile text in every field.

use super::*;
use crate::proof::{HOSTILE, adds_no_tag, has_nothing_inline, plain_names};

const NOW: i64 = 1_795_341_845_000_000;
const SECOND: i64 = 1_000_000;

fn facts() -> Facts {
    Facts {
        span: (NOW - 900 * SECOND, NOW - 60 * SECOND),
        duration_ms: Some(420_000),
        status: "crashed".to_owned(),
        account: "acct_1".to_owned(),
        accounts: 1,
        guest: "gst_9".to_owned(),
        workspace: "ws_2".to_owned(),
        others: vec![("Browser", "Firefox 141".to_owned()), ("Country", "DE".to_owned())],
        counts: (12, 1, 2),
    }
}

fn row(after_s: i64, kind: Kind, title: &str, status: &str) -> Happening {
    Happening {
        at: NOW - 900 * SECOND + after_s * SECOND,
        kind,
        event_id: format!("e{after_s}"),
        title: title.to_owned(),
        detail: "more of it".to_owned(),
        status: status.to_owned(),
        duration_ms: None,
        issue: String::new(),
        is_public: false,
    }
}

fn rows() -> Vec<Happening> {
    vec![
        Happening { duration_ms: Some(812), is_public: true, ..row(0, Kind::Usage, "page.view", "ok") },
        Happening { issue: "iss_1".to_owned(), ..row(12, Kind::Error, "TypeError", "error") },
        row(13, Kind::Credit, "refund 4 credits", ""),
        row(14, Kind::Verdict, "verdict about generate", "throttle"),
        row(4_000, Kind::Session, "session update", "crashed"),
    ]
}

fn page(facts: Option<Facts>, rows: Vec<Happening>) -> SessionPage {
    let counts = Kind::ALL.map(|kind| (kind, rows.iter().filter(|row| row.kind == kind).count() as u64));
    SessionPage {
        frame: Frame { key: Some("ops".to_owned()), may_query: true, version: "0.1.0".to_owned(), ..Frame::default() },
        now: NOW,
        asked: Asked { id: "s_7".to_owned(), ..Asked::default() },
        facts: Panel::Ready(facts),
        devices: Some(vec!["dev_3".to_owned()]),
        timeline: Panel::Ready(Timeline {
            rows,
            counts: counts.into_iter().filter(|(_, count)| *count > 0).collect(),
            is_truncated: false,
        }),
        unseen: Vec::new(),
        may_review: true,
    }
}

fn hostile(text: &str) -> SessionPage {
    let own = || text.to_owned();
    let of = |kind| Happening { issue: own(), event_id: own(), detail: own(), status: own(), ..row(1, kind, text, "") };
    let mut all: Vec<Happening> = Kind::ALL.map(of).to_vec();
    all.push(Happening { issue: String::new(), ..of(Kind::Verdict) });
    let known = Facts {
        status: own(),
        account: own(),
        accounts: 2,
        guest: own(),
        workspace: own(),
        others: vec![("Browser", own())],
        ..facts()
    };
    SessionPage {
        asked: Asked { id: own(), since: own(), kind: None, ..Asked::default() },
        facts: Panel::Stale { value: Some(known), as_of: NOW, reason: own() },
        devices: Some(vec![own()]),
        ..page(None, all)
    }
}

#[test]
fn draws_every_state_a_reader_can_meet() {
    let html = |page: SessionPage| plain_names(&page.page().unwrap());
    insta::assert_snapshot!("typical", html(page(Some(facts()), rows())));
    insta::assert_snapshot!("unknown", html(page(None, Vec::new())));
    let filtered = SessionPage {
        asked: Asked { id: "s_7".to_owned(), since: "-7d".to_owned(), kind: Some(Kind::Log), ..Asked::default() },
        devices: None,
        unseen: vec!["Credits and payments are not shown: this key does not carry the purpose billing."],
        may_review: false,
        ..page(Some(facts()), Vec::new())
    };
    insta::assert_snapshot!("nothing_of_the_kind", html(filtered));
    let failed = || "The query took longer than 30 s.".to_owned();
    let broken =
        SessionPage { facts: Panel::Failed(failed()), timeline: Panel::Failed(failed()), ..page(None, Vec::new()) };
    insta::assert_snapshot!("failed", html(broken));
}

#[test]
fn rows_lead_to_where_they_are_explained() {
    let html = page(Some(facts()), rows()).page().unwrap();
    for link in ["/issues/iss_1?event=e12", "/verdicts?entity=acct_1", "/e/account/acct_1", "/e/device/dev_3"] {
        assert!(html.contains(&format!("href=\"{link}\"")), "{link} in {html}");
    }
    let reader = SessionPage { may_review: false, ..page(Some(facts()), rows()) }.page().unwrap();
    assert!(!reader.contains("href=\"/e/"), "entities are for those who may look at them");
    assert!(html.contains("href=\"/sql?name=session_timeline&#38;p.session=s_7\""), "{html}");
}

#[test]
fn a_row_tells_how_long_after_the_beginning_it_was() {
    let page = page(Some(facts()), rows());
    let offsets: Vec<String> = rows().iter().map(|row| page.offset(row)).collect();
    assert_eq!(offsets, ["+0:00.0", "+0:12.0", "+0:13.0", "+0:14.0", "+1:06:40"]);
    assert_eq!(page.offset(&row(-9, Kind::Log, "", "")), "+0:00.0");
}

#[test]
fn a_session_without_updates_lasted_from_its_first_event_to_its_last() {
    assert_eq!(facts().duration(), "7 min");
    assert_eq!(Facts { duration_ms: None, ..facts() }.duration(), "14 min");
    assert_eq!(Facts { duration_ms: None, span: (NOW, NOW), ..facts() }.duration(), "one moment");
}

#[test]
fn every_kind_finds_itself_in_the_address() {
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(kind.name()), Some(kind));
    }
    let asked = Asked { id: "a/b".to_owned(), since: "-7d".to_owned(), kind: Some(Kind::Error), ..Asked::default() };
    assert_eq!(asked.address(), "/sessions/a%2Fb?since=-7d&kind=error");
}

#[test]
fn hostile_text_adds_no_tag_and_no_attribute() {
    adds_no_tag(&hostile(HOSTILE).page().unwrap(), &hostile("text").page().unwrap());
}

#[test]
fn nothing_is_inline_so_that_the_content_policy_holds() {
    for page in [page(Some(facts()), rows()), page(None, Vec::new()), hostile("text")] {
        has_nothing_inline(&page.page().unwrap());
    }
}
