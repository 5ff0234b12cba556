//! Scheduled rules find in a backtest what they find when they run: the very hits, over random streams, at every multiple of
//! the pace. The built-in rules are among them, and all of them are answered many moments at once.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::super::super::history::Past;
use super::super::super::moments::{Moments, Shelf, Stretch};
use super::super::super::{RuleFiles, ScheduledRules};
use super::super::*;
use crate::hits::{Hit, Lifecycle};

/// Streams that are tried until every rule has found something.
const CASES_MAX: usize = 100;

/// Rules of which a table is read only for whom they may be true of.
const READ_LATE: [&str; 3] = ["lately_idle", "scripted_generation", "new_identity_rush"];

/// What each shape of a rule's text must be answered by.
const TEXTS: [(&str, &str, &str); 16] = [
    (
        "one_after_another",
        "account",
        "with s as (
            select account_id, max(received_at) as spent_at from credits where op = 'spend' and in_window(received_at)
            group by account_id
        ), p as (select account_id, count(*) as n from payments where in_window(received_at) group by account_id)
        select g.account_id as entity, count(*) as observed, coalesce(max(p.n), 0) as threshold
        from identities as g left join s on s.account_id = g.account_id left join p on p.account_id = s.account_id
        where g.account_id is not null and in_window(g.received_at) and (s.account_id is null or p.n >= 2)
        group by g.account_id",
    ),
    (
        "bridged",
        "account",
        "with s as (select account_id from credits where op = 'spend' and in_window(received_at) group by account_id),
        p as (select account_id from payments where in_window(received_at) group by account_id),
        f as (select account_id, count(*) as n from usage where in_window(received_at) group by account_id)
        select g.account_id as entity, count(*) as observed, max(f.n) as threshold
        from identities as g left join s on s.account_id = g.account_id left join p on p.account_id = s.account_id
        inner join f on f.account_id = p.account_id
        where in_window(g.received_at) group by g.account_id",
    ),
    (
        "in_two_ways",
        "account",
        "select entity, max(n) as observed, 1 as threshold from (
            select i.account_id as entity, count(*) as n from identities as i left join (
                select account_id from payments where in_window(received_at) group by account_id
            ) as p on p.account_id = i.account_id
            where i.account_id is not null and in_window(i.received_at) and p.account_id is null group by i.account_id
            union all
            select i.guest_id as entity, count(*) as n from identities as i
            where i.guest_id is not null and in_window(i.received_at) and not exists (
                select 1 from credits as c where c.guest_id = i.guest_id
                    and c.received_at <= $as_of - interval '6 seconds' and c.received_at > $as_of - interval '60 seconds'
            ) group by i.guest_id having count(distinct op) <= 2
        ) group by entity",
    ),
    (
        "in_pairs",
        "account",
        "select x.account_id as entity, count(*) as observed, 3 as threshold from identities as x left join (
            select a.account_id as payer, b.account_id as member from credits as a
            inner join usage as b on b.ip_prefix = a.ip_prefix
            where in_window(a.received_at) and in_window(b.received_at) group by a.account_id, b.account_id
        ) as p on p.payer = x.account_id
        where x.account_id is not null and in_window(x.received_at) group by x.account_id having count(*) >= 3",
    ),
    (
        "joined",
        "device",
        "with made as (
            select device_id, guest_id, min(received_at) as made_at from identities
            where op = 'guest_created' and device_id is not null and in_window(received_at) group by device_id, guest_id
        )
        select made.device_id as entity, count(*) as observed, 1 as threshold
        from made inner join credits on credits.guest_id = made.guest_id
        where in_window(credits.received_at) and credits.received_at >= made.made_at - interval '6 seconds'
        group by made.device_id having count(*) >= 2",
    ),
    (
        "behind",
        "account",
        "select account_id as entity, count(*) as observed, 1 as threshold from (
            select account_id, country, lag(country) over (partition by account_id order by received_at, seq) as before
            from identities where account_id is not null and in_window(received_at)
        ) where country <> before group by account_id",
    ),
    (
        "gathered",
        "account",
        "with bound as (
            select account_id, guest_id from identities where op = 'bind' and in_window(received_at) group by account_id, guest_id
        ), moved as (
            select account_id, guest_id, sum(amount) as credits from credits
            where op = 'migrate' and in_window(received_at) group by account_id, guest_id
        ), given as (
            select guest_id, sum(amount) as credits from credits
            where op = 'grant' and received_at > $as_of - interval '40 seconds' group by guest_id
        ), guests as (
            select coalesce(bound.account_id, moved.account_id) as account_id, moved.credits as moved, given.credits as given
            from bound full join moved on moved.account_id = bound.account_id and moved.guest_id = bound.guest_id
            left join given on given.guest_id = coalesce(bound.guest_id, moved.guest_id)
        )
        select account_id as entity, count(*) as observed, coalesce(max(given), 0) as threshold from guests
        where account_id is not null group by account_id having count(*) >= 2 or sum(moved) > max(given)",
    ),
    (
        "among",
        "session",
        "select session_id as entity, count(*) as observed, 3 as threshold from usage
        where session_id in (
            select session_id from usage where name = 'image.generate' and in_window(received_at)
            group by session_id having count(*) >= 2
        ) and in_window(received_at) group by session_id having count(*) >= 3",
    ),
    (
        "unseen",
        "session",
        "select u.session_id as entity, count(*) as observed, 1 as threshold from usage as u
        where u.name = 'image.generate' and in_window(u.received_at) and not exists (
            select 1 from usage as v where v.session_id = u.session_id and v.name = 'ui.click' and in_window(v.received_at)
        ) group by u.session_id",
    ),
    (
        "anyhow",
        "device",
        "select device_id as entity, count(*) as observed, 2 as threshold from (
            select device_id, guest_id from identities where device_id is not null and in_window(received_at)
            union
            select device_id, guest_id from credits where device_id is not null and in_window(received_at)
        ) group by device_id having count(*) >= 3",
    ),
    (
        "lately_idle",
        "account",
        "select p.account_id as entity, count(*) as observed, 1 as threshold from credits as p
        left join (
            select account_id, max(received_at) as spent_at from credits where op = 'spend' and in_window(received_at)
            group by account_id
        ) as s on s.account_id = p.account_id
        where p.op = 'grant' and p.account_id is not null
            and p.received_at > $as_of - interval '25 seconds' and p.received_at <= $as_of - interval '7 seconds'
            and (s.spent_at is null or s.spent_at <= p.received_at)
        group by p.account_id",
    ),
    (
        "first_seen",
        "ip prefix",
        "with newcomers as (
            select ip_prefix, guest_id, min(received_at) as came_at from identities
            where ip_prefix is not null and guest_id is not null and received_at > $as_of - interval '50 seconds'
            group by ip_prefix, guest_id
        ), usual as (
            select ip_prefix, avg(n) as n from (
                select ip_prefix, count(*) over (
                    partition by ip_prefix order by came_at range between interval '9 seconds' preceding and current row
                ) as n from newcomers where came_at <= $as_of - interval '10 seconds'
            ) group by ip_prefix
        )
        select b.ip_prefix as entity, b.n as observed, greatest(1, ceil(2 * coalesce(usual.n, 0))) as threshold
        from (select ip_prefix, count(*) as n from newcomers where in_window(came_at) group by ip_prefix) as b
        left join usual on usual.ip_prefix = b.ip_prefix
        where b.n >= greatest(1, 2 * coalesce(usual.n, 0))",
    ),
    (
        "hanging_together",
        "account",
        "with t as (
            select account_id, concat('d', device_id) as trait, received_at from identities
            where account_id is not null and device_id is not null and in_window(received_at)
            union all
            select account_id, concat('c', card_hash), received_at from payments
            where account_id is not null and card_hash is not null and in_window(received_at)
        ), o as (select account_id, trait, min(received_at) as seen_at from t group by account_id, trait),
        l as (select account_id, component(account_id, trait, seen_at) over () as component from o),
        m as (select account_id, component from l group by account_id, component),
        r as (select component, count(*) as accounts from m group by component having count(*) >= 2)
        select m.account_id as entity, r.accounts as observed, 2 as threshold, m.component as component
        from m inner join r on r.component = m.component",
    ),
    (
        "kinds",
        "device, account",
        "select entity_id as entity, count(distinct op) as observed, 2 as threshold, 10 * count(*) as points from credits
        where entity_id is not null and in_window(received_at) and received_at > $as_of - interval '13 seconds'
        group by entity_id having count(distinct op) >= 2",
    ),
    (
        "ever",
        "card",
        "select card_hash as entity, count(distinct account_id) as observed, 2 as threshold from payments
        where card_hash is not null group by card_hash having count(distinct account_id) >= 2",
    ),
    (
        "numbered",
        "account",
        "select account_id as entity, max(amount) as observed, 1 as threshold from (
            select account_id, amount, row_number() over (partition by account_id order by received_at desc, seq desc) as n
            from credits where account_id is not null and amount is not null and in_window(received_at)
        ) where n <= 2 group by account_id having count(*) = 2",
    ),
];

fn rules() -> Vec<Arc<Rule>> {
    let make = |(name, entity, sql): &(&str, &str, &str)| {
        rule(name, &format!("entity: {entity}; window: 20s; every: 5s; ttl: 8s; verdict: throttle; points: 9"), sql)
    };
    let own = TEXTS.iter().map(make);
    let built_in = RuleFiles::new(Vec::new()).load(&compiler()).rules;
    let scheduled = built_in.into_iter().filter(|rule| !rule.is_live());
    own.chain(scheduled).inspect(|rule| assert!(!rule.is_live(), "{rule:?}")).collect()
}

/// An event with few names, so that what can meet does.
fn step() -> impl Strategy<Value = (i64, &'static str, Value)> {
    let text = |values: &'static [&'static str]| prop::option::weighted(0.8, prop::sample::select(values));
    let names = (
        text(&["a1", "a2", "a3"]),
        text(&["g1", "g2", "g3", "g4"]),
        text(&["d1", "d2", "d3"]),
        text(&["s1"]),
        text(&["k1"]),
        text(&["p1", "p2"]),
        text(&["DE", "AU", "US"]),
        text(&["r1", "r2", "r3"]),
    );
    let facts = (
        prop::sample::select(&["credits", "credits", "identities", "payments", "usage", "usage"][..]),
        prop::sample::select(&["grant", "spend", "spend", "migrate"][..]),
        prop::sample::select(&["guest_created", "signup", "login", "bind", "unbind"][..]),
        prop::sample::select(&["succeeded", "refunded", "disputed", "failed"][..]),
        prop::sample::select(&["image.generate", "image.generate", "ui.click"][..]),
        prop::sample::select(&["guest_grant", "signup_grant", "referral_bonus", "purchase"][..]),
        0i64..60,
        prop::sample::select(&["server", "server", "server", "public"][..]),
    );
    let gap = prop_oneof![3 => Just(0), 4 => 1i64..3 * SECOND, 1 => 3 * SECOND..9 * SECOND];
    (gap, names, facts).prop_map(|(gap, names, facts)| {
        let (account, guest, device, session, key, prefix, country, reference) = names;
        let (table, credit, identity, payment, usage, reason, amount, trust) = facts;
        let op = match table {
            "credits" => credit,
            "identities" => identity,
            _ => payment,
        };
        let values = json!({
            "event_id": format!("{amount}{reason}"), "trust": trust, "account_id": account, "guest_id": guest,
            "device_id": device, "session_id": session, "api_key_id": key.filter(|_| amount > 40), "ip_prefix": prefix,
            "country": country, "ref": reference, "op": op, "name": usage, "reason": reason, "amount": amount,
            "balance_after": if amount < 20 { Some(0) } else { None }, "card_hash": reference, "referrer_id": account,
            "email_root_hash": guest, "amount_minor": amount, "provider_payment_id": reference, "browser": "b",
        });
        (gap, table, values)
    })
}

/// The first quarter lies days back, for rules that look far.
fn stream(steps: Vec<(i64, &'static str, Value)>) -> Vec<Event> {
    let old = steps.len() / 4;
    let mut at = START - 50 * HOUR + 123_456;
    let make = |(seq, (gap, table, mut values)): (usize, (i64, &'static str, Value))| {
        at = if seq == old { START + 1 } else { at + gap * if seq < old { 400 } else { 1 } };
        values["seq"] = json!(seq);
        event(table, at, values)
    };
    steps.into_iter().enumerate().map(make).collect()
}

fn shown(hits: impl IntoIterator<Item = Arc<Hit>>) -> BTreeSet<String> {
    hits.into_iter()
        .map(|hit| {
            let Hit { entity_kind, entity, observed, threshold, verdict, points, component, first_at, until, .. } =
                &*hit;
            format!(
                "{entity_kind:?} {entity} {observed}/{threshold} {verdict:?} {points} {component:?} {first_at}-{until}"
            )
        })
        .collect()
}

/// Runs a rule at every multiple of its pace, as a server does.
async fn run(rule: &Arc<Rule>, lake: &Tables, (from, to): (i64, i64)) -> BTreeSet<String> {
    let book = Arc::new(HitBook::new());
    let rules = ScheduledRules::new(Arc::clone(&book));
    rules.install(&[(Arc::clone(rule), Mode::Shadow)], from);
    let pace = rule.headers.pace_us();
    let mut closed = Vec::new();
    let first = from + (-from).rem_euclid(pace);
    for as_of in (0..).map(|n| first + n * pace).take_while(|as_of| *as_of <= to) {
        let told = rules.run_due(engine(), lake, as_of).await;
        assert_eq!(rules.problems(), [], "{}", rule.text);
        closed.extend(of_kind(&told, TransitionKind::Closed).into_iter().map(|transition| transition.hit));
    }
    shown(closed.into_iter().chain(book.list(i64::MIN)))
}

/// Replays a rule over the same moments, in one stretch or in two.
async fn replay(rule: &Arc<Rule>, lake: &Tables, (from, to): (i64, i64), in_two: bool) -> BTreeSet<String> {
    let whole = Stretch { first: from, last: to, pace: rule.headers.pace_us() }.aligned();
    let middle = whole.first + (whole.moments() / 2).cast_signed() * whole.pace;
    let halves = vec![Stretch { last: middle, ..whole }, Stretch { first: middle + whole.pace, ..whole }];
    let stretches = if in_two { halves } else { vec![whole] };
    let (mut found, mut shelf) = (BTreeSet::new(), Shelf::default());
    let past = Past::new(engine(), lake);
    for kind in &rule.headers.entities {
        let moments =
            Moments::of(engine(), lake, rule, *kind).unwrap_or_else(|reason| panic!("{}: {reason}", rule.name));
        assert!(moments.is_sifted(), "{} is asked at all its moments", rule.name);
        assert!(
            moments.reads_late() || !READ_LATE.contains(&&*rule.name),
            "{} reads all it could do without",
            rule.name
        );
        let mut hits = Lifecycle::new(rule.terms(*kind, Mode::Shadow));
        let (book, mut told) = (HitBook::new(), Vec::new());
        for stretch in &stretches {
            let rows = moments.read(&past, *stretch, &mut shelf).await.expect("a look").expect("few rows");
            let replayed =
                moments.replay(past.engine, (*stretch, &rows), &mut hits, (&book, &mut told), |_, _| {}).await;
            let are_left_out = replayed.expect("a replay");
            assert!(!are_left_out);
        }
        let closed = of_kind(&told, TransitionKind::Closed).into_iter().map(|transition| transition.hit);
        found.extend(shown(closed.chain(book.list(i64::MIN))));
    }
    found
}

#[test]
fn scheduled_rules_find_in_a_backtest_what_they_find_at_work() {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let rules = rules();
    let cases = usize::try_from(super::evaluations() / super::EVALUATIONS).unwrap_or(usize::MAX).clamp(1, 60);
    let own: BTreeSet<String> = TEXTS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    let mut found: BTreeSet<String> = BTreeSet::new();
    for case in 0..CASES_MAX.max(cases) {
        // Rules that found nothing yet tell nothing yet.
        if case >= cases && found.is_superset(&own) {
            break;
        }
        let strategy = prop::collection::vec(step(), 90);
        let events = stream(strategy.new_tree(&mut runner).expect("a stream").current());
        let lake = tables(&events);
        let range = (START, events.last().expect("many").at + 30 * SECOND);
        for rule in &rules {
            if case >= cases && (found.contains(&*rule.name) || !own.contains(&*rule.name)) {
                continue;
            }
            block_on(async {
                let at_work = run(rule, &lake, range).await;
                for in_two in [false, true] {
                    assert_eq!(replay(rule, &lake, range, in_two).await, at_work, "{} over {events:#?}", rule.text);
                }
                if !at_work.is_empty() {
                    found.insert(rule.name.to_string());
                }
            });
        }
    }
    println!("{found:?} found something");
    assert_eq!(own.difference(&found).collect::<Vec<_>>(), [] as [&String; 0], "rules that found nothing tell nothing");
}
