//! The page of a rule as HTML: one snapshot a state a reader can meet, and hostile text in every field.

use super::*;
use crate::moment::{DAY, MINUTE};
use crate::proof::{HOSTILE, adds_no_tag, has_nothing_inline, plain_names};
use crate::rules::Origin;

const NOW: i64 = 1_795_341_845_000_000;
const VERSION: &str = "9f2c81d04be7a635";
const FORMER: &str = "11aa22bb33cc44dd";

fn frame() -> Frame {
    Frame {
        key: Some("ops".to_owned()),
        may_query: true,
        may_review: true,
        version: "0.1.0".to_owned(),
        ..Frame::default()
    }
}

fn facts() -> RuleFacts {
    RuleFacts {
        name: "many_spends".to_owned(),
        title: "Many spends on one device".to_owned(),
        version: VERSION.to_owned(),
        origin: Origin::Own,
        file: "weir-data/queries/rules/many_spends.sql".to_owned(),
        mode: RuleMode::Shadow,
        mode_set: Some(("ops".to_owned(), NOW - DAY)),
        is_forced: false,
        trip: None,
        is_warm: true,
        entities: vec!["device".to_owned()],
        reads: vec!["credits".to_owned()],
        window: Some(("1h".to_owned(), "1min".to_owned())),
        scheduled: None,
        state_bytes: Some(1_200_000_000),
        verdict: "throttle".to_owned(),
        points: 40,
        ttl: "6h".to_owned(),
        actions: vec!["generate".to_owned()],
        step_up: "none".to_owned(),
        max_block_rate: Some("0.5%".to_owned()),
        rollout: "100%".to_owned(),
        uses_browser_facts: false,
        owner: "growth".to_owned(),
        open_hits: 3,
    }
}

fn report(text: &str) -> Report {
    Report {
        rule: "many_spends".to_owned(),
        version: VERSION.to_owned(),
        entity_count: 412,
        hits: 455,
        series: vec![backtest::Point { at: "2026-11-20T00:00:00.000Z".to_owned(), hits: 455 }],
        decisions_changed: backtest::Share { changed: 120, total: 48_000 },
        labels: backtest::Labels {
            r#true: 371,
            r#false: 0,
            unknown: 41,
            paying: 9,
            precision: Some(1.0),
            interval: Some([0.99, 1.0]),
            recall: Some(0.81),
            mature: Some(0.1),
            maturity_days: 45,
        },
        credits: backtest::Credits { saved: 18_400, stopped: 20 },
        overlap: vec![backtest::Overlap { rule: text.to_owned(), entities: 12 }],
        neighbours: vec![Neighbour {
            threshold: 29,
            hits: 500,
            entities: 450,
            added: 38,
            added_legitimate: 2,
            ..Neighbour::default()
        }],
        ..Report::default()
    }
}

fn test_of(report: Report) -> Backtest {
    Backtest {
        id: "bt_1".to_owned(),
        made: (NOW - 5 * MINUTE, "ops".to_owned()),
        range: (NOW - 30 * DAY, NOW),
        report,
        present: Some(VERSION.to_owned()),
        mode: RuleMode::Shadow,
    }
}

fn past(is_approximate: bool) -> PastBacktest {
    PastBacktest {
        id: "bt_1".to_owned(),
        at: NOW - 5 * MINUTE,
        by: "ops".to_owned(),
        range: (NOW - 30 * DAY, NOW),
        is_approximate,
        sentence: report("").sentence(),
    }
}

fn version(version: &str, is_present: bool) -> Version {
    Version {
        version: version.to_owned(),
        by: "ops".to_owned(),
        at: Some(NOW - DAY),
        lines: 12,
        is_present,
        is_kept: true,
    }
}

fn hit(entity: &str) -> RuleHit {
    RuleHit {
        at: NOW - 5 * MINUTE,
        kind: "device".to_owned(),
        entity: entity.to_owned(),
        mode: "shadow".to_owned(),
        verdict: "throttle".to_owned(),
        observed: (41, 30),
        is_open: true,
        is_of_former: false,
    }
}

fn hits(rows: Vec<RuleHit>) -> RuleHits {
    let buckets = Buckets::new(NOW - 7 * DAY, NOW);
    let counts = vec![(buckets.start, "shadow".to_owned(), 4), (buckets.start + buckets.width, "live".to_owned(), 2)];
    RuleHits { counts, buckets, rows, is_truncated: false }
}

fn bare() -> RulePage {
    let rule = RuleFacts { origin: Origin::BuiltIn, mode_set: None, owner: String::new(), ..facts() };
    let buckets = Buckets::new(NOW - 7 * DAY, NOW);
    let text = "--! title: T\nselect 1\n".to_owned();
    RulePage {
        frame: frame(),
        now: NOW,
        asked: Asked { name: rule.name.clone(), ..Asked::default() },
        rule,
        editor: Editor { text: text.clone(), saved: Some(text), wrong: None, locked: None },
        problems: Vec::new(),
        may_force: false,
        hits: Panel::Ready(RuleHits { counts: Vec::new(), buckets, rows: Vec::new(), is_truncated: false }),
        precision: Panel::Ready(Precision::default()),
        disagreement: Panel::Ready(Disagreement::default()),
        backtests: Vec::new(),
        backtest: None,
        versions: vec![version(VERSION, true)],
        diff: None,
        told: Vec::new(),
        snoozes: Vec::new(),
        done: None,
    }
}

fn whole() -> RulePage {
    let versions = (FORMER.to_owned(), VERSION.to_owned());
    RulePage {
        asked: Asked { name: "many_spends".to_owned(), backtest: "bt_1".to_owned(), versions },
        rule: facts(),
        hits: Panel::Ready(hits(vec![hit("dev_1"), RuleHit { is_open: false, is_of_former: true, ..hit("dev_2") }])),
        precision: Panel::Ready(Precision { right: 9, wrong: 1, unlabelled: 2, interval: Some((59.6, 98.2)) }),
        disagreement: Panel::Ready(Disagreement { decisions: 371, blocks: 0, share: Some(0.4) }),
        backtests: vec![past(false)],
        backtest: Some(test_of(report("bind_farm"))),
        versions: vec![version(VERSION, true), version(FORMER, false)],
        diff: Some(Diff::new((FORMER, VERSION), "a\nb\n", "a\nc\n")),
        told: vec![Told {
            at: NOW - DAY,
            by: "ops".to_owned(),
            what: "saved a text".to_owned(),
            version: VERSION.to_owned(),
        }],
        snoozes: vec![Snoozed {
            kind: "device".to_owned(),
            entity: "dev_9".to_owned(),
            until: NOW + 7 * DAY,
            reason: "our own test device".to_owned(),
            by: "ops".to_owned(),
        }],
        done: Some(Done { deed: Deed::Saved, was: FORMER.to_owned() }),
        ..bare()
    }
}

fn hostile(text: &str) -> RulePage {
    let own = || text.to_owned();
    let rule = RuleFacts {
        name: own(),
        title: own(),
        version: own(),
        file: own(),
        mode_set: Some((own(), NOW)),
        trip: Some(Trip { at: NOW, entities: 812, blocked: 9 }),
        entities: vec![own()],
        reads: vec![own()],
        window: Some((own(), own())),
        scheduled: Some((own(), own())),
        verdict: own(),
        ttl: own(),
        actions: vec![own()],
        step_up: own(),
        max_block_rate: Some(own()),
        rollout: own(),
        owner: own(),
        ..facts()
    };
    let stale = |value: RuleHits| Panel::Stale { value, as_of: NOW, reason: own() };
    let rows = vec![RuleHit { kind: own(), mode: own(), verdict: own(), ..hit(text) }];
    let test = Backtest { id: own(), made: (NOW, own()), ..test_of(Report { version: own(), ..report(text) }) };
    RulePage {
        asked: Asked { name: own(), backtest: own(), versions: (own(), own()) },
        editor: Editor {
            text: own(),
            saved: Some(own()),
            wrong: Some(Wrong { line: Some(2), message: own(), remedy: own() }),
            locked: None,
        },
        problems: vec![RuleProblem { file: own(), line: Some(1), message: own(), remedy: own() }],
        may_force: true,
        hits: stale(hits(rows)),
        precision: Panel::Failed(own()),
        backtests: vec![PastBacktest { id: own(), by: own(), sentence: own(), ..past(true) }],
        backtest: Some(Backtest { present: Some(own()), ..test }),
        versions: vec![
            Version { by: own(), ..version(text, true) },
            Version { by: own(), ..version(&format!("{text}2"), false) },
        ],
        diff: Some(Diff::new((text, text), &format!("{text}1"), text)),
        told: vec![Told { at: NOW, by: own(), what: own(), version: own() }],
        snoozes: vec![Snoozed { kind: own(), entity: own(), until: NOW, reason: own(), by: own() }],
        rule,
        ..whole()
    }
}

fn new(name: &str, text: &str, wrong: Option<Wrong>) -> NewRulePage {
    let editor = Editor { text: text.to_owned(), saved: None, wrong, locked: None };
    NewRulePage { frame: frame(), name: name.to_owned(), editor }
}

#[test]
fn draws_every_state_a_reader_can_meet() {
    let html = |page: RulePage| plain_names(&page.page().unwrap());
    insta::assert_snapshot!("bare", html(bare()));
    insta::assert_snapshot!("whole", html(whole()));
    let trip = Some(Trip { at: NOW - DAY, entities: 812, blocked: 9 });
    let tripped =
        RulePage { rule: RuleFacts { trip, ..facts() }, backtests: vec![past(true)], may_force: true, ..bare() };
    insta::assert_snapshot!("tripped", html(tripped));
    let wrong = Wrong { line: Some(2), message: "no column x".to_owned(), remedy: "did you mean `y`?".to_owned() };
    let refused = Editor { text: "--! title: T\nselect x\n".to_owned(), wrong: Some(wrong.clone()), ..bare().editor };
    let failed = || Panel::Failed("The query took longer than 30 s.".to_owned());
    let refused = RulePage {
        editor: refused,
        hits: failed(),
        precision: Panel::Failed("The query took longer than 30 s.".to_owned()),
        disagreement: Panel::Failed("The query took longer than 30 s.".to_owned()),
        ..bare()
    };
    insta::assert_snapshot!("refused", html(refused));
    let locked = Editor { locked: Some("This file is the operator's.".to_owned()), ..bare().editor };
    let operators = RuleFacts { origin: Origin::Operator, ..facts() };
    insta::assert_snapshot!("locked", html(RulePage { editor: locked, rule: operators, ..bare() }));
    insta::assert_snapshot!("new", plain_names(&new("", TEMPLATE, None).page().unwrap()));
    insta::assert_snapshot!("new_refused", plain_names(&new("A-b", "select 1", Some(wrong)).page().unwrap()));
}

#[test]
fn going_live_is_offered_with_an_exact_backtest_of_the_version_alone() {
    let shows = |page: RulePage, words: &str| page.page().unwrap().contains(words);
    let live = "<button type=\"submit\" class=\"main\">Go live</button>";
    assert!(!shows(bare(), live) && shows(bare(), "none was run yet"));
    let approximate = RulePage { backtests: vec![past(true)], ..bare() };
    assert!(!shows(approximate.clone(), live) && shows(approximate, "is approximate"));
    assert!(shows(RulePage { backtests: vec![past(true), past(false)], ..bare() }, live));
    assert!(!shows(bare(), "without a backtest</button>"), "only an admin may force");
    assert!(shows(RulePage { may_force: true, ..bare() }, "Go live without a backtest"));
}

#[test]
fn a_backtest_promotes_the_version_in_force_unless_it_is_approximate() {
    let page = |test: Backtest| {
        let asked = Asked { name: "many_spends".to_owned(), ..Asked::default() };
        BacktestPage { now: NOW, asked, test }.fragment().unwrap()
    };
    assert!(page(test_of(report("r"))).contains("Go live with this backtest"));
    let draft = Backtest { present: Some(FORMER.to_owned()), ..test_of(report("r")) };
    assert!(page(draft.clone()).contains("a text that is not in force") && !page(draft).contains("Go live with"));
    let approximate = page(test_of(Report { approximate: true, ..report("r") }));
    assert!(approximate.contains("It cannot let the rule go live") && !approximate.contains("Go live with"));
    insta::assert_snapshot!("approximate", approximate);
    assert!(page(test_of(Report::default())).contains("Would have hit nobody."));
}

#[test]
fn what_was_done_can_be_undone_where_it_can() {
    let done = |deed: Deed, was: &str| Some(Done { deed, was: was.to_owned() });
    let live = RulePage { rule: RuleFacts { mode: RuleMode::Live, ..facts() }, ..bare() };
    assert_eq!(RulePage { done: done(Deed::Mode, "shadow"), ..live }.former_mode(), Some(RuleMode::Shadow));
    let from_live = RulePage { done: done(Deed::Mode, "live"), ..bare() };
    assert_eq!(from_live.former_mode(), None, "going back to live needs its backtest, too");
    assert_eq!(RulePage { backtests: vec![past(false)], ..from_live }.former_mode(), Some(RuleMode::Live));
    assert_eq!(whole().former_version().map(|version| version.version.as_str()), Some(FORMER));
    assert_eq!(RulePage { done: done(Deed::Saved, "unknown"), ..whole() }.former_version(), None);
}

#[test]
fn hostile_text_adds_no_tag_and_no_attribute() {
    adds_no_tag(&hostile(HOSTILE).page().unwrap(), &hostile("text").page().unwrap());
    let wrong = |text: &str| Wrong { line: None, message: text.to_owned(), remedy: text.to_owned() };
    let new = |text: &str| new(text, text, Some(wrong(text))).page().unwrap();
    adds_no_tag(&new(HOSTILE), &new("text"));
}

#[test]
fn nothing_is_inline_so_that_the_content_policy_holds() {
    for page in [bare(), whole(), hostile("text")] {
        let html = page.page().unwrap().replace("<script type=\"application/json\"", "<data");
        has_nothing_inline(&html);
    }
}
