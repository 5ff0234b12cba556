//! The overview as HTML: one snapshot a state a reader can meet, and hostile text in every field.

use super::*;
use crate::moment::MINUTE;
use crate::proof::{HOSTILE, adds_no_tag, has_nothing_inline, plain_names};
use crate::{ProblemPage, SignInError, SignInPage};

const NOW: i64 = 1_795_341_845_000_000;

fn frame() -> Frame {
    Frame { key: Some("ops".to_owned()), may_query: true, may_review: false, version: "0.1.0".to_owned() }
}

fn quiet_state() -> StateStrip {
    StateStrip {
        readiness: Readiness::Ready,
        unflushed_events: 0,
        unflushed_bytes: 0,
        unflushed_age_ms: 0,
        lost_records: 0,
    }
}

fn empty() -> OverviewPage {
    OverviewPage {
        frame: frame(),
        now: NOW,
        state: quiet_state(),
        ever_received: false,
        origin: "http://127.0.0.1:8600".to_owned(),
        minutes: Panel::Ready(Vec::new()),
        verdicts: Panel::Ready(VerdictCounts::default()),
        rejects: Panel::Ready(Rejects::default()),
    }
}

fn typical() -> OverviewPage {
    let running = NOW - NOW.rem_euclid(MINUTE);
    let minute = |back: i64, events, errors| MinuteBar { start: running - back * MINUTE, events, errors };
    let rows = vec![
        RejectRow {
            at: NOW - 5_000_000,
            key: "browser".to_owned(),
            code: "forbidden_kind".to_owned(),
            message: "credit events need a server key".to_owned(),
        },
        RejectRow {
            at: NOW - 95_000_000,
            key: "studio".to_owned(),
            code: "too_old".to_owned(),
            message: "ts is 31 days old; the limit is 30 days".to_owned(),
        },
    ];
    OverviewPage {
        ever_received: true,
        state: StateStrip {
            unflushed_events: 1_204,
            unflushed_bytes: 1_234_567,
            unflushed_age_ms: 3_250,
            ..quiet_state()
        },
        minutes: Panel::Ready(vec![minute(0, 12, 0), minute(1, 1_480, 17), minute(30, 900, 3), minute(59, 40, 0)]),
        verdicts: Panel::Ready(VerdictCounts { allow: 9_400, throttle: 120, block: 7 }),
        rejects: Panel::Ready(Rejects { total: 31, rows }),
        ..empty()
    }
}

fn stale() -> OverviewPage {
    let Panel::Ready(minutes) = typical().minutes else { unreachable!("typical() is ready") };
    let reason = "The last query ran into its time limit of 10 s.".to_owned();
    OverviewPage {
        minutes: Panel::Stale { value: minutes, as_of: NOW - 90_000_000, reason: reason.clone() },
        verdicts: Panel::Loading,
        rejects: Panel::Stale { value: Rejects::default(), as_of: NOW - 90_000_000, reason },
        state: StateStrip {
            readiness: Readiness::Replaying { bytes_done: 43_000_000, bytes_total: 100_000_000 },
            ..quiet_state()
        },
        ..typical()
    }
}

fn failed() -> OverviewPage {
    let message = "The disk under the data directory is full. Free some space; the page asks again by itself.";
    OverviewPage {
        minutes: Panel::Failed(message.to_owned()),
        verdicts: Panel::Failed(message.to_owned()),
        rejects: Panel::Failed(message.to_owned()),
        state: StateStrip { readiness: Readiness::Degraded(message.to_owned()), lost_records: 3, ..quiet_state() },
        ..typical()
    }
}

fn pages_with(text: &str) -> Vec<String> {
    let own = || text.to_owned();
    let frame = || Frame { key: Some(own()), may_query: true, may_review: false, version: own() };
    let hostile_row = RejectRow { at: NOW, key: own(), code: own(), message: own() };
    let shown = OverviewPage {
        frame: frame(),
        origin: own(),
        ever_received: false,
        state: StateStrip { readiness: Readiness::Degraded(own()), ..quiet_state() },
        rejects: Panel::Stale { value: Rejects { total: 1, rows: vec![hostile_row] }, as_of: NOW, reason: own() },
        minutes: Panel::Failed(own()),
        ..typical()
    };
    let problems = [
        ProblemPage::not_found(frame(), text),
        ProblemPage::forbidden(frame(), text),
        ProblemPage::internal(frame(), text),
        ProblemPage { frame: frame(), status: 418, title: own(), message: own(), hint: own(), back: own() },
    ];
    let sign_in = SignInPage { frame: frame(), next: own(), error: Some(SignInError::Unknown) };
    let mut pages = vec![shown.page().unwrap(), shown.fragment().unwrap(), sign_in.page().unwrap()];
    pages.extend(problems.iter().map(|problem| problem.page().unwrap()));
    pages
}

#[test]
fn draws_every_state_a_reader_can_meet() {
    insta::assert_snapshot!("empty", plain_names(&empty().page().unwrap()));
    insta::assert_snapshot!("typical", plain_names(&typical().page().unwrap()));
    insta::assert_snapshot!("stale", plain_names(&stale().page().unwrap()));
    insta::assert_snapshot!("failed", plain_names(&failed().page().unwrap()));
}

#[test]
fn draws_the_sign_in_and_problem_pages() {
    let nobody = Frame { version: "0.1.0".to_owned(), ..Frame::default() };
    let sign_in = SignInPage { frame: nobody.clone(), next: "/".to_owned(), error: None };
    insta::assert_snapshot!("sign_in", plain_names(&sign_in.page().unwrap()));
    let refused = SignInPage { error: Some(SignInError::Unknown), ..sign_in };
    insta::assert_snapshot!("sign_in_refused", plain_names(&refused.page().unwrap()));
    insta::assert_snapshot!("not_found", plain_names(&ProblemPage::not_found(nobody.clone(), "/x").page().unwrap()));
    insta::assert_snapshot!("forbidden", plain_names(&ProblemPage::forbidden(frame(), "query").page().unwrap()));
    insta::assert_snapshot!("internal", plain_names(&ProblemPage::internal(frame(), "e_19f3").page().unwrap()));
}

#[test]
fn page_and_fragment_share_their_block() {
    for page in [empty(), typical(), stale(), failed()] {
        let (whole, fragment) = (page.page().unwrap(), page.fragment().unwrap());
        assert!(whole.contains(&fragment), "the fragment stands in the page as it is");
        assert!(!fragment.contains("<html") && fragment.contains("data-as-of"));
    }
}

#[test]
fn hostile_text_adds_no_tag_and_no_attribute() {
    for (hostile, harmless) in pages_with(HOSTILE).iter().zip(&pages_with("text")) {
        adds_no_tag(hostile, harmless);
    }
}

#[test]
fn nothing_is_inline_so_that_the_content_policy_holds() {
    let mut pages = pages_with("text");
    pages.extend([empty(), typical(), stale(), failed()].map(|page| page.page().unwrap()));
    pages.iter().for_each(|page| has_nothing_inline(page));
}

#[test]
fn the_curl_line_takes_only_an_address_from_the_request() {
    let with = |origin: &str| OverviewPage { origin: origin.to_owned(), ..empty() }.first_event();
    assert!(with("https://weir.example:8443").starts_with("curl -sS https://weir.example:8443/v1/events \\\n"));
    for origin in ["", "http://x; rm -rf /", "http://$(id)", "http://`id`", "http://a\nb", "http://x'y", "http://x|y"] {
        assert!(with(origin).starts_with("curl -sS http://127.0.0.1:8600/v1/events \\\n"), "{origin:?}");
    }
}

#[test]
fn the_headline_names_the_worst_thing_first() {
    let with = |readiness, lost_records| OverviewPage {
        state: StateStrip { readiness, lost_records, ..quiet_state() },
        ..typical()
    };
    let headline = |readiness, lost| with(readiness, lost).headline();
    assert_eq!(headline(Readiness::Failed("x".to_owned()), 9), "Weir takes no events.");
    let replaying = Readiness::Replaying { bytes_done: 1, bytes_total: 4 };
    assert_eq!(headline(replaying, 0), "Weir is reading its log again: 25% done.");
    assert_eq!(headline(Readiness::Ready, 1), "Weir takes events, but 1 acknowledged record could not be read back.");
    assert_eq!(headline(Readiness::Ready, 0), "2,432 events in the last 60 minutes.");
    assert_eq!(empty().headline(), "Ready for the first event.");
    let quiet = OverviewPage { ever_received: true, ..empty() };
    assert_eq!(quiet.headline(), "No event in the last 60 minutes.");
    assert!(quiet.page().unwrap().contains("Nothing in this range."));
}

#[test]
fn asks_again_at_once_only_while_something_is_loading() {
    assert!(stale().page().unwrap().contains("hx-trigger=\"load, every 2s, weir:refresh\""));
    assert!(typical().page().unwrap().contains("hx-trigger=\"every 2s, weir:refresh\""));
}

#[test]
fn the_shares_of_the_verdicts_cover_the_whole() {
    let outcomes = VerdictCounts { allow: 9_400, throttle: 120, block: 7 }.outcomes();
    let shown = outcomes.map(|outcome| (outcome.name, outcome.share.unwrap(), outcome.length));
    assert_eq!(shown[0], ("allow", "98.7%".to_owned(), "98.7".to_owned()));
    assert_eq!(shown[2], ("block", "0.1%".to_owned(), "1.0".to_owned()), "seven of thousands are still drawn");
    assert!(VerdictCounts::default().outcomes().iter().all(|outcome| outcome.share.is_none()));
}
