//! The list as HTML: one snapshot a state a reader can meet, and hostile text in every field.

use super::*;
use crate::moment::{DAY, MINUTE};
use crate::proof::{HOSTILE, adds_no_tag, has_nothing_inline, plain_names};

const NOW: i64 = 1_795_341_845_000_000;

fn buckets() -> Buckets {
    Buckets::new(NOW - 30 * DAY, NOW)
}

fn row(id: &str, state: IssueState) -> IssueRow {
    IssueRow {
        id: id.to_owned(),
        kind: "TypeError".to_owned(),
        message: "x is undefined".to_owned(),
        culprit: "draw in gallery.ts".to_owned(),
        level: "error".to_owned(),
        state,
        decision: String::new(),
        events: 1_204,
        unhandled: 0,
        people: 41,
        seen: (NOW - 6 * DAY, NOW - 5 * MINUTE),
        releases: (Some("2.4.0".to_owned()), Some("2.4.1".to_owned())),
        trend: vec![(buckets().start, 4), (NOW - NOW.rem_euclid(DAY), 1_200)],
    }
}

fn page(rows: Vec<IssueRow>) -> IssuesPage {
    IssuesPage {
        frame: Frame { key: Some("ops".to_owned()), may_query: true, may_review: false, version: "0.1.0".to_owned() },
        now: NOW,
        asked: Asked { limit: ROWS_USUAL, ..Asked::default() },
        list: Panel::Ready(IssueList { rows, is_truncated: false, buckets: buckets(), no_trend: None }),
        counts: vec![(IssueState::New, 1), (IssueState::Ongoing, 1), (IssueState::Ignored, 1_200)],
        releases: vec!["2.4.1".to_owned(), "2.4.0".to_owned()],
        environments: vec!["production".to_owned()],
        may_decide: true,
        ever_received: true,
        origin: "http://127.0.0.1:8600".to_owned(),
        done: None,
    }
}

fn typical() -> IssuesPage {
    let warning = IssueRow { level: "fatal".to_owned(), unhandled: 1_204, ..row("iss_2", IssueState::Regressed) };
    let bare = IssueRow {
        kind: String::new(),
        message: String::new(),
        culprit: String::new(),
        releases: (None, None),
        decision: "in 2.4.1".to_owned(),
        ..row("iss_3", IssueState::Resolved)
    };
    page(vec![row("iss_1", IssueState::New), warning, bare])
}

fn hostile(text: &str) -> IssuesPage {
    let own = || text.to_owned();
    let row = IssueRow {
        id: own(),
        kind: own(),
        message: own(),
        culprit: own(),
        level: own(),
        decision: own(),
        releases: (Some(own()), Some(format!("{text}2"))),
        ..row("", IssueState::Ignored)
    };
    let asked = Asked { q: own(), release: own(), environment: own(), since: own(), sort: own(), ..typical().asked };
    let list = IssueList { rows: vec![row], is_truncated: true, buckets: buckets(), no_trend: Some(own()) };
    IssuesPage {
        asked,
        releases: vec![own()],
        environments: vec![own()],
        origin: own(),
        list: Panel::Stale { value: list, as_of: NOW, reason: own() },
        done: Some(Done { state: Decided::Resolved, issues: vec![own()] }),
        ..typical()
    }
}

#[test]
fn draws_every_state_a_reader_can_meet() {
    let html = |page: IssuesPage| plain_names(&page.page().unwrap());
    insta::assert_snapshot!("typical", html(typical()));
    insta::assert_snapshot!(
        "never_received",
        html(IssuesPage { ever_received: false, counts: Vec::new(), ..page(Vec::new()) })
    );
    let narrowed = Asked { q: "paint".to_owned(), tab: Tab::Of(IssueState::New), ..typical().asked };
    insta::assert_snapshot!("nothing_matches", html(IssuesPage { asked: narrowed, ..page(Vec::new()) }));
    let failed = Panel::Failed("The query took longer than 30 s.".to_owned());
    insta::assert_snapshot!("failed", html(IssuesPage { list: failed, counts: Vec::new(), ..typical() }));
    let done = Done { state: Decided::Resolved, issues: vec!["iss_1".to_owned(), "iss_2".to_owned()] };
    insta::assert_snapshot!("done", html(IssuesPage { done: Some(done), ..page(Vec::new()) }));
}

#[test]
fn a_key_that_only_reads_is_offered_nothing_to_decide() {
    let page = IssuesPage { may_decide: false, ..typical() }.page().unwrap();
    assert!(!page.contains("name=\"action\"") && !page.contains("checkbox"), "{page}");
    assert!(page.contains("scope review"));
}

#[test]
fn hostile_text_adds_no_tag_and_no_attribute() {
    adds_no_tag(&hostile(HOSTILE).page().unwrap(), &hostile("text").page().unwrap());
    let never = |text: &str| IssuesPage { list: page(Vec::new()).list, ever_received: false, ..hostile(text) };
    adds_no_tag(&never(HOSTILE).page().unwrap(), &never("text").page().unwrap());
}

#[test]
fn nothing_is_inline_so_that_the_content_policy_holds() {
    for page in [typical(), hostile("text"), page(Vec::new())] {
        has_nothing_inline(&page.page().unwrap());
    }
}

#[test]
fn an_address_holds_what_was_asked_and_nothing_that_is_usual() {
    assert_eq!(typical().asked.address(), "/issues");
    let asked = Asked {
        tab: Tab::Of(IssueState::New),
        q: "a&b".to_owned(),
        sort: "people".to_owned(),
        limit: 200,
        ..Asked::default()
    };
    assert_eq!(asked.address(), "/issues?tab=new&q=a%26b&sort=people&limit=200");
    assert_eq!(asked.at(&Tab::Open), "/issues?q=a%26b&sort=people", "another tab begins with its first rows");
    for tab in Tab::all() {
        assert_eq!(Tab::parse(tab.name()), Some(tab));
    }
}

#[test]
fn every_tab_counts_the_states_it_holds() {
    let counts: Vec<(&str, Option<u64>)> =
        typical().tabs().into_iter().map(|(tab, count)| (tab.title(), count)).collect();
    assert_eq!(counts[0], ("Open", Some(2)));
    assert_eq!((counts[2], counts[6]), (("Regressed", Some(0)), ("All", Some(1_202))));
    let unknown = IssuesPage { counts: Vec::new(), ..typical() };
    assert!(unknown.tabs().iter().all(|(_, count)| count.is_none()), "what is not known is not nothing");
}

#[test]
fn more_rows_can_be_asked_for_up_to_the_limit() {
    assert_eq!(typical().more().as_deref(), Some("/issues?limit=200"));
    let asked = Asked { limit: ROWS_MAX, ..Asked::default() };
    assert_eq!(IssuesPage { asked, ..typical() }.more(), None);
}

#[test]
fn the_lines_to_paste_take_only_an_address_from_the_request() {
    let with = |origin: &str| IssuesPage { origin: origin.to_owned(), ..typical() }.first_error();
    let (dsn, curl) = with("https://weir.example:8443");
    assert_eq!(dsn, "Sentry.init({ dsn: \"https://YOUR_KEY@weir.example:8443/1\" });");
    assert!(curl.starts_with("curl -sS https://weir.example:8443/v1/events \\\n"));
    for origin in ["", "http://x; rm -rf /", "http://$(id)", "http://a\nb"] {
        assert!(with(origin).1.starts_with("curl -sS http://127.0.0.1:8600/v1/events \\\n"), "{origin:?}");
    }
}
