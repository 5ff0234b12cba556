//! The built-in rules: the way each runs, the fraud it is for, and a benign twin that must stay free of hits.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::RuleFiles;
use super::super::rule::Way;
use super::super::scheduled::ask;
use super::*;
use crate::hits::EntityKind;

fn built_in(name: &str) -> Arc<Rule> {
    let loaded = RuleFiles::new(vec![]).load(&compiler());
    assert_eq!(loaded.problems, [], "all built-in rules are in order");
    loaded.rules.into_iter().find(|rule| *rule.name == *name).expect("a built-in rule")
}

/// Runs a live rule over events, twice: batch by batch, and as its text over the tables after the last event. Both must
/// say the same of the last moment. Returns what the live way told.
fn run(name: &str, events: &[Event]) -> Vec<String> {
    let rule = built_in(name);
    block_on(async {
        let (live, book) = warm(&[Arc::clone(&rule)]).await;
        let told = told(&observe_all(&live, events));
        let at = events.last().expect("events").at;
        for &kind in &rule.headers.entities {
            let found = ask(engine(), &tables(events), &rule, kind, at).await.expect("an answer");
            for (entity, evaluation) in found {
                let hits = book.open(kind, &entity, at);
                let hit = hits.iter().next().expect("what the text finds is a live hit");
                assert_eq!((hit.observed, hit.verdict), (evaluation.observed, evaluation.verdict));
            }
        }
        told
    })
}

#[test]
fn each_ships_in_shadow_and_runs_its_way() {
    let loaded = RuleFiles::new(vec![]).load(&compiler());
    assert_eq!(loaded.problems, []);
    let mut ways = BTreeMap::new();
    for rule in &loaded.rules {
        assert_eq!(rule.headers.mode, Mode::Shadow, "{}", rule.name);
        assert!(rule.headers.owner.is_some() && rule.headers.max_block_rate_ppm.is_some(), "{}", rule.name);
        let way = match &rule.way {
            Way::Live { .. } => "live".to_owned(),
            Way::Scheduled { reason, every_ms } => format!("every {every_ms} ms: {reason}"),
        };
        ways.insert(rule.name.to_string(), way);
    }
    for (name, way) in [
        ("card_testing", "live"),
        ("device_many_guests", "live"),
        ("ledger_overspend", "live"),
        ("new_identity_rush", "every 60000 ms: the header `every` asks for it"),
    ] {
        assert_eq!(ways.get(name).map(String::as_str), Some(way), "{name}");
    }
}

fn guest_grant(at: i64, device: &str, guest: &str) -> Event {
    let values = json!({"op": "grant", "reason": "guest_grant", "amount": 50, "device_id": device, "guest_id": guest});
    event("credits", at, values)
}

#[test]
fn device_many_guests_finds_the_farm_and_leaves_the_family_alone() {
    // A farm of so many guests, who spend what they were granted within a second, or after a while.
    let farm = |guests: i64, pause: i64| -> Vec<Event> {
        let grants = (0..guests).map(|n| guest_grant(START + n * 10 * MINUTE, "farm", &format!("g{n}")));
        let with_spend = |grant: Event| {
            let mut spend = grant.clone();
            spend.values["op"] = json!("spend");
            spend.at += pause;
            [grant, spend]
        };
        grants.flat_map(with_spend).collect()
    };
    assert_eq!(run("device_many_guests", &farm(2, SECOND)), ["opened farm 2 throttle"], "the next one waits");
    let farm = farm(9, 8 * MINUTE);
    assert_eq!(
        run("device_many_guests", &farm),
        [
            "opened farm 4 throttle",
            "changed farm 5 throttle",
            "changed farm 6 throttle",
            "changed farm 7 throttle",
            "changed farm 8 block",
            "changed farm 9 block"
        ]
    );
    // One guest who spends faster than anybody looks at pictures; three of one wish are another matter.
    let hurry = |gap: i64| -> Vec<Event> {
        let grant = guest_grant(START, "fast", "g0");
        let spend = |n: i64| {
            let mut spend = grant.clone();
            (spend.values["op"], spend.values["amount"]) = (json!("spend"), json!(10));
            spend.at += 10 * SECOND + n * gap;
            spend
        };
        [grant.clone()].into_iter().chain((0..3).map(spend)).collect()
    };
    assert_eq!(run("device_many_guests", &hurry(10 * SECOND)), ["opened fast 1 throttle"]);
    assert_eq!(run("device_many_guests", &hurry(SECOND)), [] as [&str; 0]);
    assert_eq!(run("device_many_guests", &hurry(30 * SECOND)), [] as [&str; 0]);
    // A family tablet: three people, each granted once, one grant told three times, and plan credits for all.
    let mut family: Vec<Event> = (0..3).map(|n| guest_grant(START + n * HOUR, "tablet", &format!("g{n}"))).collect();
    family.extend((0..3).map(|n| guest_grant(START + 4 * HOUR + n, "tablet", "g0")));
    family.extend((0..9).map(|n| {
        let values = json!({"op": "grant", "reason": "plan_grant", "device_id": "tablet", "guest_id": format!("p{n}")});
        event("credits", START + 5 * HOUR + n, values)
    }));
    // A fourth on the next day, when the first ones have left the window.
    family.push(guest_grant(START + 26 * HOUR, "tablet", "g3"));
    assert_eq!(run("device_many_guests", &family), [] as [&str; 0]);
    // Claims of a browser do not count.
    let claims: Vec<Event> = farm
        .into_iter()
        .map(|mut claim| {
            claim.values["trust"] = json!("public");
            claim
        })
        .collect();
    assert_eq!(run("device_many_guests", &claims), [] as [&str; 0]);
}

fn payment(at: i64, op: &str, card: &str, who: (&str, &str, &str)) -> Event {
    let values = json!({"op": op, "card_hash": card, "device_id": who.0, "account_id": who.1, "ip_hash": who.2});
    event("payments", at, values)
}

#[test]
fn card_testing_finds_the_tester_however_tries_are_told() {
    let who = ("dev", "acct", "ip");
    let cards = ["c1", "c2", "c3", "c4", "c5"];
    let outcomes: Vec<Event> =
        (0..5).map(|n| payment(START + n as i64 * 9 * SECOND, "failed", cards[n], who)).collect();
    let told = run("card_testing", &outcomes);
    let at_last = ["changed dev 5 block", "changed acct 5 block", "opened ip 5 none"];
    assert_eq!(told[..2], ["opened dev 3 throttle", "opened acct 3 throttle"]);
    assert_eq!(told[told.len() - 3..], at_last, "{told:?}");

    let both: Vec<Event> = outcomes
        .iter()
        .flat_map(|failed| {
            let mut attempt = failed.clone();
            attempt.values["op"] = json!("attempt");
            attempt.at -= SECOND;
            [attempt, failed.clone()]
        })
        .collect();
    let told = run("card_testing", &both);
    assert_eq!(told[told.len() - 3..], at_last, "five tries, not ten: {told:?}");

    let one_card: Vec<Event> =
        (0..10).map(|n| payment(START + n * SECOND, if n < 8 { "failed" } else { "succeeded" }, "c1", who)).collect();
    assert_eq!(run("card_testing", &one_card)[0], "opened dev 8 throttle", "one card, but nearly all tries declined");
}

#[test]
fn card_testing_leaves_a_stubborn_payer_and_an_office_alone() {
    // One person, two cards, four declines and a success in ten minutes, each attempt told with its outcome.
    let mut stubborn = Vec::new();
    for (n, (op, card)) in
        [("failed", "c1"), ("failed", "c1"), ("failed", "c2"), ("succeeded", "c2")].iter().enumerate()
    {
        let at = START + n as i64 * MINUTE;
        stubborn.push(payment(at, "attempt", card, ("dev", "acct", "ip")));
        stubborn.push(payment(at + SECOND, op, card, ("dev", "acct", "ip")));
    }
    assert_eq!(run("card_testing", &stubborn), [] as [&str; 0], "four tries, though eight events");

    // An office behind one address: nobody tries twice, all on one company card.
    let office: Vec<Event> = (0..8)
        .map(|n| {
            let (device, account) = (format!("dev{n}"), format!("acct{n}"));
            payment(START + n * MINUTE, "succeeded", "company", (&device, &account, "office"))
        })
        .collect();
    assert_eq!(run("card_testing", &office), [] as [&str; 0]);

    // Refunds, disputes and plan changes are no tries.
    let billing: Vec<Event> = ["refunded", "disputed", "subscribed", "changed", "cancelled", "refunded"]
        .iter()
        .enumerate()
        .map(|(n, op)| payment(START + n as i64, op, &format!("c{n}"), ("dev", "acct", "ip")))
        .collect();
    assert_eq!(run("card_testing", &billing), [] as [&str; 0]);
}

fn entry(at: i64, op: &str, amount: i64, balance_after: Option<i64>, reference: &str) -> Event {
    let values = json!({"op": op, "amount": amount, "balance_after": balance_after, "ref": reference,
        "event_id": format!("e{at}{reference}"), "workspace_id": "ws", "guest_id": "g", "reason": "generation"});
    event("credits", at, values)
}

#[test]
fn ledger_overspend_finds_a_balance_under_zero() {
    let events = [entry(START, "grant", 10, Some(10), "g"), entry(START + 1, "spend", 13, Some(-3), "s")];
    assert_eq!(run("ledger_overspend", &events), ["opened ws 3 block"]);
}

#[test]
fn ledger_overspend_finds_spends_that_overlap() {
    // Three spends of 8, each let through against the same 10: each says that 2 are left.
    let at = |n: i64| START + n * SECOND;
    let race = [
        entry(at(0), "grant", 10, Some(10), "g"),
        entry(at(1), "spend", 8, Some(2), "s1"),
        entry(at(2), "spend", 8, Some(2), "s2"),
        entry(at(3), "spend", 8, Some(2), "s3"),
    ];
    // The grant lies in the window too: 20 may have been there, 24 were spent.
    assert_eq!(run("ledger_overspend", &race), ["opened ws 4 block"]);
    let known_before = [
        entry(at(0), "grant", 10, Some(10), "g"),
        entry(at(7_300), "spend", 8, Some(2), "s1"),
        entry(at(7_301), "spend", 8, Some(2), "s2"),
    ];
    assert_eq!(run("ledger_overspend", &known_before), ["opened ws 6 block"], "16 spent of 10");
    let opening = |amount| {
        let mut opening = entry(at(0), "adjust", amount, None, "o");
        opening.values["reason"] = json!("opening");
        opening
    };
    let unknown = [opening(10), entry(at(1), "spend", 8, None, "s1"), entry(at(2), "spend", 8, None, "s2")];
    assert_eq!(run("ledger_overspend", &unknown), ["opened ws 6 block"], "an opening makes the balance known");
}

#[test]
fn ledger_overspend_leaves_orderly_ledgers_alone() {
    let at = |n: i64| START + n * SECOND;
    let busy = [
        entry(at(0), "spend", 8, Some(2), "s1"),
        // The same spend again, sent twice by a client that saw no answer.
        entry(at(1), "spend", 8, Some(2), "s1"),
        entry(at(2), "spend", 8, Some(2), "s1"),
        entry(at(3), "refund", 8, Some(10), "s1"),
        entry(at(4), "spend", 9, Some(1), "s2"),
        entry(at(5), "grant", 50, Some(51), "p1"),
        entry(at(6), "spend", 51, Some(0), "s3"),
        entry(at(7), "adjust", 4, Some(4), "a1"),
        entry(at(8), "spend", 4, Some(0), "s4"),
    ];
    assert_eq!(run("ledger_overspend", &busy), [] as [&str; 0]);
    let unknown: Vec<Event> = (0..30).map(|n| entry(at(n), "spend", 9, None, &format!("s{n}"))).collect();
    assert_eq!(run("ledger_overspend", &unknown), [] as [&str; 0], "an unknown balance is not judged");
    // What was spent while the balance was unknown is not held against a balance that is known later.
    let mut later: Vec<Event> = unknown.clone();
    later.push(entry(at(40), "spend", 1, Some(9), "s40"));
    later.push({
        let mut opening = entry(at(41), "adjust", 9, None, "o");
        opening.values["reason"] = json!("opening");
        opening
    });
    later.push(entry(at(42), "spend", 9, Some(0), "s42"));
    assert_eq!(run("ledger_overspend", &later), [] as [&str; 0]);
}

#[test]
fn a_wallet_is_the_workspace_else_the_account_else_the_guest() {
    let overspend = |at: i64, ids: Value| {
        let mut values = ids;
        values["op"] = json!("spend");
        values["amount"] = json!(5);
        values["balance_after"] = json!(-5);
        values["event_id"] = json!(format!("e{at}"));
        event("credits", at, values)
    };
    let events = [
        overspend(START, json!({"guest_id": "g", "account_id": "a", "workspace_id": "w"})),
        overspend(START + 1, json!({"guest_id": "g", "account_id": "a"})),
        overspend(START + 2, json!({"guest_id": "g"})),
    ];
    assert_eq!(run("ledger_overspend", &events), ["opened w 5 block", "opened a 5 block", "opened g 5 block"]);
}

/// What a page says of who belongs to whom anybody can say: it must not join a victim's guest to a cheat, nor the reverse.
#[test]
fn no_rule_believes_a_bind_that_a_page_told() {
    let binds = |trust: &str| -> Vec<Event> {
        let bind = |n: i64| {
            let ids = json!({"op": "bind", "trust": trust, "account_id": "a", "guest_id": format!("g{n}"), "device_id": "d",
                "ip_prefix": "203.0.113.0/24", "session_id": format!("s{n}"), "event_id": format!("b{n}"), "browser": "Firefox"});
            event("identities", START + n * SECOND, ids)
        };
        (0..12).map(bind).collect()
    };
    let found = |events: &[Event]| -> Vec<String> {
        let loaded = RuleFiles::new(vec![]).load(&compiler());
        let mut found = Vec::new();
        for rule in &loaded.rules {
            for &kind in &rule.headers.entities {
                let at = START + MINUTE;
                let answer = block_on(ask(engine(), &tables(events), rule, kind, at)).expect("an answer");
                found.extend(answer.into_iter().map(|(entity, _)| format!("{} {entity}", rule.name)));
            }
        }
        found
    };
    assert_eq!(found(&binds("public")), [] as [&str; 0]);
    let told_by_a_server = found(&binds("server"));
    assert!(told_by_a_server.contains(&"bind_farm a".to_owned()), "{told_by_a_server:?}");
}

/// A guest that is created, granted fifty credits and spends some, seconds apart.
fn newcomer(at: i64, device: &str, guest: &str, seconds_to_grant: i64, (seconds, spent): (i64, i64)) -> Vec<Event> {
    let ids = |op: &str, amount: i64| json!({"op": op, "device_id": device, "guest_id": guest, "amount": amount});
    vec![
        event("identities", at, ids("guest_created", 0)),
        event("credits", at + seconds_to_grant * SECOND, ids("grant", 50)),
        event("credits", at + seconds * SECOND, ids("spend", spent)),
    ]
}

fn rush(events: &[Event]) -> Vec<(String, i64)> {
    let rule = built_in("new_identity_rush");
    let at = START + 2 * HOUR;
    let found = block_on(ask(engine(), &tables(events), &rule, EntityKind::Device, at)).expect("an answer");
    found.into_iter().map(|(entity, found)| (entity.to_string(), found.observed)).collect()
}

#[test]
fn new_identity_rush_finds_the_script_and_leaves_a_class_alone() {
    let script = |n: i64, seconds_to_grant| {
        newcomer(START + n * 10 * MINUTE, "bot", &format!("g{n}"), seconds_to_grant, (4 + n * 10, 50))
    };
    assert_eq!(rush(&(0..4).flat_map(|n| script(n, 1)).collect::<Vec<_>>()), [("bot".to_owned(), 4)]);
    // The grant was received before the guest it is for.
    assert_eq!(rush(&(0..3).flat_map(|n| script(n, -2)).collect::<Vec<_>>()), [("bot".to_owned(), 3)]);
    // One who burns a grant and makes no other guest.
    assert_eq!(rush(&script(0, 1)), []);
    // A class on one tablet: each is granted at once, looks around and tries one picture; the last one burns it all.
    let mut class: Vec<Event> =
        (0..8).flat_map(|n| newcomer(START + n * 10 * MINUTE, "tablet", &format!("g{n}"), 1, (90 + n, 5))).collect();
    class.extend(newcomer(START + 90 * MINUTE, "tablet", "quick", 1, (20, 50)));
    assert_eq!(rush(&class), []);
    // Two on one device who take their time.
    let slow = (0..2).flat_map(|n| newcomer(START + n * 20 * MINUTE, "slow", &format!("g{n}"), 1, (480, 50)));
    assert_eq!(rush(&slow.collect::<Vec<_>>()), []);
    // Three quick ones on three devices.
    let apart = (0..3).flat_map(|n| newcomer(START + n, &format!("d{n}"), &format!("g{n}"), 1, (5, 50)));
    assert_eq!(rush(&apart.collect::<Vec<_>>()), []);
}
