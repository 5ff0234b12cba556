//! The page of an issue as HTML: one snapshot a state a reader can meet, and hostile text in every field.

use super::*;
use crate::moment::{DAY, MINUTE};
use crate::proof::{HOSTILE, adds_no_tag, has_nothing_inline, plain_names};

const NOW: i64 = 1_795_341_845_000_000;

fn own_frame() -> StackFrame {
    StackFrame {
        function: "draw".to_owned(),
        file: "src/gallery.ts".to_owned(),
        line: Some(41),
        col: Some(9),
        is_own: true,
        context: Some(SourceLines {
            before: vec!["export const draw = (picture) => {".to_owned()],
            line: "  return picture.left.x;".to_owned(),
            after: vec!["};".to_owned()],
        }),
        minified: "a (app.4f3c.js:1:2041)".to_owned(),
        missing: String::new(),
    }
}

fn library_frame(function: &str) -> StackFrame {
    StackFrame {
        function: function.to_owned(),
        file: "react-dom.js".to_owned(),
        line: Some(7),
        missing: "no source map for react-dom.js of release 2.4.1".to_owned(),
        ..StackFrame::default()
    }
}

fn event() -> Event {
    Event {
        event_id: "e1".to_owned(),
        received_at: NOW - 5 * MINUTE,
        ts: NOW - 5 * MINUTE,
        kind: "TypeError".to_owned(),
        message: "x is undefined".to_owned(),
        facts: vec![("Release", "2.4.1".to_owned()), ("Account", "acct_1".to_owned())],
        frames: vec![library_frame("invoke"), own_frame(), library_frame("commit"), library_frame("flush")],
        no_stack: None,
        causes: vec![Cause { message: "RangeError: too deep".to_owned(), place: "load (store.ts:3)".to_owned() }],
        breadcrumbs: vec![Breadcrumb {
            at: Some(NOW - 6 * MINUTE),
            category: "ui.click".to_owned(),
            level: "warning".to_owned(),
            message: "clicked".to_owned(),
            data: "{\"n\":1}".to_owned(),
        }],
        properties: "{\n  \"tags\": {}\n}".to_owned(),
    }
}

fn grouping() -> Grouping {
    let hash = |digit: &str, reason: &str| HashOf {
        hash: digit.repeat(32),
        reasons: vec![reason.to_owned()],
        events: 7,
        last_seen: Some(NOW - MINUTE),
    };
    let unseen = HashOf { hash: "c".repeat(32), ..HashOf::default() };
    let kin = Kin { id: "iss_2".to_owned(), title: "TypeError: y".to_owned(), culprit: "d in e".to_owned(), events: 3 };
    Grouping { hashes: vec![hash("a", "stack of the app"), hash("b", "all frames"), unseen], kin: vec![kin] }
}

fn parts() -> Vec<Part> {
    let facet = |facet: &str, share, baseline| Facet {
        facet: facet.to_owned(),
        value: "Firefox 141".to_owned(),
        events: 90,
        share,
        baseline,
    };
    let tag = Tag { name: "feature".to_owned(), value: "gallery".to_owned(), events: 4, share: 33.3 };
    let paying = PayingWorkspace {
        workspace: "ws_1".to_owned(),
        account: "acct_1".to_owned(),
        plan: "pro".to_owned(),
        at: NOW - DAY,
        debit: "4 credits for generation (c-1)".to_owned(),
    };
    let costs = Whom { accounts: 9, paying_accounts: 2, credits_spent: 1_200, credits_refunded: 4, ..Whom::default() };
    let wrote = Feedback {
        at: NOW - DAY,
        message: "it is broken".to_owned(),
        person: "acct_1".to_owned(),
        event_id: "e1".to_owned(),
    };
    vec![
        Part::Facets(Panel::Ready(vec![facet("browser", 92.0, Some(14.0)), facet("device_class", 50.0, None)])),
        Part::Tags(Panel::Ready(vec![tag])),
        Part::Impact(Panel::Ready(Impact { costs: Some(costs), paying: vec![paying], has_more: true })),
        Part::Feedback(Panel::Ready(vec![wrote])),
        Part::Grouping(Panel::Ready(grouping())),
    ]
}

fn empty_parts() -> Vec<Part> {
    vec![
        Part::Facets(Panel::Ready(Vec::new())),
        Part::Tags(Panel::Ready(Vec::new())),
        Part::Impact(Panel::Ready(Impact::default())),
        Part::Feedback(Panel::Ready(Vec::new())),
        Part::Grouping(Panel::Ready(Grouping::default())),
    ]
}

fn typical() -> IssuePage {
    let sample = Sample {
        event_id: "e1".to_owned(),
        at: NOW - 5 * MINUTE,
        received_at: "2026-11-22T09:59:05Z".to_owned(),
        message: "x is undefined".to_owned(),
        release: "2.4.1".to_owned(),
        environment: "production".to_owned(),
        person: "acct_1".to_owned(),
        client: "Firefox 141 Windows".to_owned(),
    };
    let day = NOW - NOW.rem_euclid(DAY);
    IssuePage {
        frame: Frame { key: Some("ops".to_owned()), may_query: true, may_review: false, version: "0.1.0".to_owned() },
        now: NOW,
        asked: Asked { id: "iss_1".to_owned(), ..Asked::default() },
        issue: Issue {
            kind: "TypeError".to_owned(),
            message: "x is undefined".to_owned(),
            culprit: "draw in gallery.ts".to_owned(),
            level: "error".to_owned(),
            state: IssueState::New,
            decision: None,
            events: 1_204,
            unhandled: 3,
            people: 41,
            workspaces: 7,
            seen: (NOW - 6 * DAY, NOW - 5 * MINUTE),
            releases: (Some("2.4.0".to_owned()), Some("2.4.1".to_owned())),
        },
        newest_release: Some("2.4.2".to_owned()),
        may_decide: true,
        trend: Panel::Ready(Trend {
            buckets: Buckets::new(NOW - 7 * DAY, NOW),
            counts: vec![(day - DAY, "2.4.0".to_owned(), 4), (day, "2.4.1".to_owned(), 1_200)],
        }),
        event: Panel::Ready(Some(event())),
        samples: Panel::Ready(Samples { rows: vec![sample], has_more: true }),
        parts: Part::NAMES.into_iter().filter_map(Part::loading).collect(),
        done: None,
    }
}

fn failed() -> IssuePage {
    let words = || "The query took longer than 30 s.".to_owned();
    IssuePage {
        trend: Panel::Failed(words()),
        event: Panel::Failed(words()),
        samples: Panel::Failed(words()),
        parts: vec![Part::Facets(Panel::Failed(words())), Part::Grouping(Panel::Failed(words()))],
        ..typical()
    }
}

/// The page with this text in every field that holds one.
fn with(text: &str) -> IssuePage {
    let own = || text.to_owned();
    let frame = StackFrame {
        function: own(),
        file: own(),
        minified: own(),
        missing: own(),
        context: Some(SourceLines { before: vec![own()], line: own(), after: vec![own()] }),
        ..own_frame()
    };
    let library = StackFrame { is_own: false, ..frame.clone() };
    let event = Event {
        event_id: own(),
        kind: own(),
        message: own(),
        facts: vec![("Release", own())],
        frames: vec![frame, library],
        causes: vec![Cause { message: own(), place: own() }],
        breadcrumbs: vec![Breadcrumb { at: None, category: own(), level: own(), message: own(), data: own() }],
        properties: own(),
        ..event()
    };
    let hash = HashOf { hash: own(), reasons: vec![own()], ..HashOf::default() };
    let kin = Kin { id: own(), title: own(), culprit: own(), events: 1 };
    let paying = PayingWorkspace { workspace: own(), account: own(), plan: own(), at: NOW, debit: own() };
    let sample = Sample {
        event_id: own(),
        received_at: own(),
        message: own(),
        release: own(),
        environment: own(),
        person: own(),
        client: own(),
        at: NOW,
    };
    let page = typical();
    IssuePage {
        asked: Asked {
            id: own(),
            since: own(),
            event: own(),
            before: own(),
            release: own(),
            environment: own(),
            is_whole: true,
        },
        issue: Issue {
            kind: own(),
            message: own(),
            culprit: own(),
            level: own(),
            state: IssueState::Resolved,
            decision: Some(Decision { in_release: Some(own()), by: own(), ..Decision::default() }),
            releases: (Some(own()), Some(own())),
            ..page.issue.clone()
        },
        newest_release: Some(own()),
        trend: Panel::Ready(Trend { buckets: Buckets::new(NOW - DAY, NOW), counts: vec![(NOW, own(), 1)] }),
        event: Panel::Stale { value: Some(event), as_of: NOW, reason: own() },
        samples: Panel::Ready(Samples { rows: vec![sample], has_more: true }),
        parts: vec![
            Part::Facets(Panel::Ready(vec![Facet { facet: own(), value: own(), ..Facet::default() }])),
            Part::Tags(Panel::Ready(vec![Tag { name: own(), value: own(), ..Tag::default() }])),
            Part::Impact(Panel::Ready(Impact { costs: Some(Whom::default()), paying: vec![paying], has_more: false })),
            Part::Feedback(Panel::Ready(vec![Feedback { at: NOW, message: own(), person: own(), event_id: own() }])),
            Part::Grouping(Panel::Ready(Grouping { hashes: vec![hash.clone(), hash], kin: vec![kin] })),
        ],
        done: Some(Done::Decided(Decided::Resolved)),
        ..page
    }
}

#[test]
fn draws_every_state_a_reader_can_meet() {
    let html = |page: IssuePage| plain_names(&page.page().unwrap());
    insta::assert_snapshot!("typical", html(typical()));
    insta::assert_snapshot!("whole", html(IssuePage { parts: parts(), ..typical() }));
    insta::assert_snapshot!("failed", html(failed()));
    let issue = Issue { state: IssueState::Ignored, ..typical().issue };
    let bare = IssuePage {
        issue: Issue {
            kind: String::new(),
            decision: Some(Decision { by: "ops".to_owned(), ..Decision::default() }),
            ..issue
        },
        event: Panel::Ready(None),
        samples: Panel::Ready(Samples::default()),
        newest_release: None,
        parts: empty_parts(),
        may_decide: false,
        ..typical()
    };
    insta::assert_snapshot!("bare", html(bare));
}

#[test]
fn a_part_alone_is_what_stands_in_the_page() {
    let page = IssuePage { parts: parts(), ..typical() };
    let whole = page.page().unwrap();
    for part in parts() {
        let alone = IssuePartPage { now: NOW, asked: page.asked.clone(), may_decide: true, part };
        let fragment = alone.fragment().unwrap();
        assert!(whole.contains(fragment.trim()), "{fragment}");
        assert!(!fragment.contains("hx-get"), "it does not ask for itself again");
    }
    let alone = SampleEventPage { event: event() }.fragment().unwrap();
    assert!(whole.contains(alone.trim()), "{alone}");
}

#[test]
fn hostile_text_adds_no_tag_and_no_attribute() {
    adds_no_tag(&with(HOSTILE).page().unwrap(), &with("text").page().unwrap());
}

#[test]
fn nothing_is_inline_so_that_the_content_policy_holds() {
    for page in [typical(), failed(), with("text"), IssuePage { parts: parts(), ..typical() }] {
        has_nothing_inline(&page.page().unwrap());
    }
}

#[test]
fn libraries_are_folded_and_the_first_source_of_the_app_is_open() {
    let event = event();
    let runs = event.runs();
    assert_eq!(runs.len(), 3);
    assert_eq!(
        (runs[0].summary().as_str(), runs[2].summary().as_str()),
        ("1 frame of libraries", "2 frames of libraries")
    );
    assert!(matches!(runs[1], Run::Own(frame, true) if frame.name() == "draw"));
    assert_eq!(
        event.missing(),
        [("no source map for react-dom.js of release 2.4.1".to_owned(), "3 frames".to_owned())]
    );
    let strange = Event { frames: vec![library_frame("a"), library_frame("b")], ..event };
    assert_eq!(strange.runs().len(), 2, "without a frame of the app's own nothing is hidden");
}

#[test]
fn lines_of_a_source_have_their_numbers() {
    let frame = own_frame();
    let lines: Vec<(i64, bool)> = frame.lines().iter().map(|(number, _, is_own)| (*number, *is_own)).collect();
    assert_eq!(lines, [(40, false), (41, true), (42, false)]);
    assert_eq!(frame.place(), "src/gallery.ts:41:9");
    assert_eq!(StackFrame { file: "a.js".to_owned(), col: Some(3), ..StackFrame::default() }.place(), "a.js");
}

#[test]
fn the_status_says_what_ends_it() {
    let status = |state, decision| Issue { state, decision: Some(decision), ..typical().issue }.status();
    let resolved = Decision { in_release: Some("2.4.1".to_owned()), ..Decision::default() };
    assert_eq!(
        status(IssueState::Resolved, resolved),
        "Resolved in 2.4.1. An error of it or a later release opens it again."
    );
    let next = Decision { after_release: Some("2.4.1".to_owned()), ..Decision::default() };
    assert!(status(IssueState::Resolved, next).starts_with("Resolved in the release after 2.4.1."));
    let counted = Decision { until_events: Some(100), events_since: 7, ..Decision::default() };
    assert_eq!(status(IssueState::Ignored, counted), "Ignored until 100 more errors; 7 came so far.");
    let timed = Decision { until: Some(NOW), ..Decision::default() };
    assert_eq!(status(IssueState::Ignored, timed), "Ignored until 2026-11-22 10:04:05 UTC.");
}

#[test]
fn addresses_keep_what_else_was_asked() {
    let asked = Asked { id: "a/b".to_owned(), since: "-7d".to_owned(), before: "t".to_owned(), ..Asked::default() };
    assert_eq!(asked.at_event("e&1"), "/issues/a%2Fb?since=-7d&event=e%261&before=t#event");
    assert_eq!(asked.of_release("2.4"), "/issues/a%2Fb?since=-7d&release=2.4#samples", "a filter begins at the newest");
    assert_eq!(asked.event_fragment("e1"), "/fragments/issues/a%2Fb/events/e1");
    assert_eq!(
        (asked.action("merge"), asked.list()),
        ("/issues/a%2Fb/merge".to_owned(), "/issues?since=-7d".to_owned())
    );
}
