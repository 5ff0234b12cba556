//! What the views promise: who belongs to whom however the facts arrive, what a wallet holds, how a session ended.

use serde_json::{Value, json};

use super::*;
use crate::engine::{sql_type, views};
use crate::sample;

fn at(minute: u32) -> String {
    format!("2026-11-22T10:{minute:02}:00Z")
}

/// A row that happened at a minute, and arrived as the `seq`th.
fn row(table: &str, minute: u32, seq: u64, values: Value) -> Value {
    let mut row = json!({"table": table, "event_id": format!("{table}-{seq}"), "trust": "server", "ts": at(minute),
        "received_at": format!("2026-11-22T11:00:{seq:02}Z"), "seq": seq});
    row.as_object_mut().unwrap().extend(values.as_object().unwrap().clone());
    row
}

/// An identity fact: `bind g a`, `unbind g a`, `unbind g`, `guest_created g`; `public bind g a` by a page.
fn fact((minute, text): (u32, &str), seq: u64) -> Value {
    let (trust, text) = text.strip_prefix("public ").map_or(("server", text), |text| ("public", text));
    let mut words = text.split(' ');
    let mut word = || words.next().map(str::to_owned);
    let values =
        json!({"trust": trust, "op": word(), "guest_id": word(), "account_id": word(), "method": format!("m{minute}")});
    row("identities", minute, seq, values)
}

fn ndjson(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

/// Returns the rows of an answer, as `a | b`.
async fn ask(sql: &str, ndjson: &str) -> Vec<String> {
    let drawn = Bench::new()
        .rows(sql, no_params(), sample::tables(ndjson))
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let cells = drawn.lines().skip(3).filter(|line| line.starts_with('|'));
    let words = |line: &str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join(" | ");
    cells.map(words).collect()
}

async fn ask_of_facts(sql: &str, facts: &[(u32, &str)]) -> Vec<String> {
    let rows: Vec<Value> = (0..).zip(facts).map(|(seq, given)| fact(*given, seq)).collect();
    ask(sql, &ndjson(&rows)).await
}

const BINDS: &str = "select guest_id, account_id, extract(minute from bound_at), extract(minute from unbound_at), method \
                     from binds order by bound_at, account_id";
const PEOPLE: &str = "select id, person_kind, person_id from people where kind = 'guest' order by id";

/// Asks for facts in several orders of arrival, some twice; the answer must be one.
async fn in_any_order(sql: &str, facts: &[(u32, &str)]) -> Vec<String> {
    let expected = ask_of_facts(sql, facts).await;
    let mut orders = vec![facts.iter().rev().copied().collect::<Vec<_>>(), [facts, facts].concat()];
    orders.extend((1..facts.len()).map(|by| {
        let mut turned = facts.to_vec();
        turned.rotate_left(by);
        turned
    }));
    for order in orders {
        assert_eq!(ask_of_facts(sql, &order).await, expected, "{order:?}");
    }
    expected
}

#[tokio::test]
async fn a_bind_is_a_stretch_whatever_the_order_of_its_facts() {
    let facts = [(1, "guest_created g"), (2, "bind g a"), (5, "unbind g a"), (8, "bind g a")];
    assert_eq!(in_any_order(BINDS, &facts).await, ["g | a | 2 | 5 | m2", "g | a | 8 |  | m8"]);
    assert_eq!(in_any_order(PEOPLE, &facts).await, ["g | account | a"]);
    let undone = [(2, "bind g a"), (5, "unbind g")];
    assert_eq!(in_any_order(BINDS, &undone).await, ["g | a | 2 | 5 | m2"], "an undoing that names nobody");
    assert_eq!(in_any_order(PEOPLE, &undone).await, ["g | guest | g"], "unbinding takes it back");
    let other = [(2, "bind g a"), (5, "unbind g b"), (6, "unbind h a")];
    assert_eq!(in_any_order(BINDS, &other).await, ["g | a | 2 |  | m2"], "another's undoing is none of its own");
}

#[tokio::test]
async fn bound_again_is_bound_once() {
    let again = [(2, "bind g a"), (3, "bind g a"), (4, "bind g a")];
    assert_eq!(in_any_order(BINDS, &again).await, ["g | a | 2 |  | m2"]);
    let ended = [(2, "bind g a"), (3, "bind g a"), (4, "unbind g a")];
    assert_eq!(in_any_order(BINDS, &ended).await, ["g | a | 2 | 4 | m2"]);
}

#[tokio::test]
async fn of_two_accounts_the_one_bound_last_has_the_guest_until_that_is_undone() {
    let two = [(2, "bind g a"), (5, "bind g b")];
    assert_eq!(in_any_order(BINDS, &two).await, ["g | a | 2 | 5 | m2", "g | b | 5 |  | m5"]);
    assert_eq!(in_any_order(PEOPLE, &two).await, ["g | account | b"]);
    let back = [(2, "bind g a"), (5, "bind g b"), (7, "bind g a")];
    assert_eq!(in_any_order(BINDS, &back).await, ["g | a | 2 | 5 | m2", "g | b | 5 | 7 | m5", "g | a | 7 |  | m7"]);
    let undone = [(2, "bind g a"), (5, "bind g b"), (7, "unbind g b")];
    assert_eq!(
        in_any_order(BINDS, &undone).await,
        ["g | a | 2 |  | m2", "g | b | 5 | 7 | m5"],
        "as if it had never been"
    );
    assert_eq!(in_any_order(PEOPLE, &undone).await, ["g | account | a"]);
    let first_undone = [(2, "bind g a"), (5, "bind g b"), (7, "unbind g a")];
    assert_eq!(in_any_order(BINDS, &first_undone).await, ["g | a | 2 | 5 | m2", "g | b | 5 |  | m5"]);
}

#[tokio::test]
async fn what_a_page_says_is_in_public_views_alone() {
    let facts = [
        (1, "guest_created g"),
        (1, "guest_created h"),
        (1, "guest_created victim"),
        (2, "bind g a"),
        (3, "public bind g thief"),
        (3, "public bind h a"),
        (4, "public unbind g"),
        (4, "public bind unknown a"),
    ];
    assert_eq!(in_any_order(BINDS, &facts).await, ["g | a | 2 |  | m2"]);
    assert_eq!(in_any_order(PEOPLE, &facts).await, ["g | account | a", "h | guest | h", "victim | guest | victim"]);
    let public = "select id, person_id, trust from people_public where kind = 'guest' order by id";
    let joined = ["g | a | server", "h | a | public", "unknown | a | public", "victim | victim | "];
    assert_eq!(in_any_order(public, &facts).await, joined);
    let later = [(2, "bind g a"), (3, "public bind g thief")];
    assert_eq!(in_any_order(public, &later).await, ["g | a | server"], "a server's word goes over a page's");
    let told = "select guest_id, account_id, trust, extract(minute from unbound_at) from binds_public order by 1, 2";
    assert_eq!(in_any_order(told, &later).await, ["g | a | server | ", "g | thief | public | "]);
}

#[tokio::test]
async fn what_a_guest_did_is_its_accounts_from_the_first_day_until_that_is_undone() {
    let usage = |seq: u64, who: Value| row("usage", 0, seq, who);
    let mut rows = vec![
        usage(10, json!({"guest_id": "g"})),
        usage(11, json!({"guest_id": "g", "account_id": "a"})),
        usage(12, json!({"account_id": "a"})),
        usage(13, json!({"guest_id": "h"})),
        usage(14, json!({"guest_id": "stranger"})),
        // A guest whose id is an account's, too: the account's events are not the guest's.
        usage(15, json!({"account_id": "g"})),
        fact((1, "guest_created g"), 1),
        fact((1, "guest_created h"), 2),
        fact((2, "signup g g"), 3),
    ];
    let sql = "select coalesce(u.account_id, p.person_id, u.guest_id) as person, count(*) \
               from usage as u left join people as p on p.guest_id = u.guest_id group by 1 order by 1";
    assert_eq!(ask(sql, &ndjson(&rows)).await, ["a | 2", "g | 2", "h | 1", "stranger | 1"]);
    rows.push(fact((5, "bind g a"), 4));
    assert_eq!(ask(sql, &ndjson(&rows)).await, ["a | 3", "g | 1", "h | 1", "stranger | 1"], "bound: its past, too");
    rows.push(fact((6, "unbind g a"), 5));
    assert_eq!(ask(sql, &ndjson(&rows)).await, ["a | 2", "g | 2", "h | 1", "stranger | 1"]);
    let names = "select kind, id from people where id = 'g' order by kind";
    assert_eq!(ask(names, &ndjson(&rows)).await, ["account | g", "guest | g"]);
}

#[tokio::test]
async fn a_failed_login_makes_nobody_known() {
    let rows = [row("identities", 1, 1, json!({"op": "login_failed", "account_id": "made_up"}))];
    assert_eq!(ask("select count(*) from people", &ndjson(&rows)).await, ["0"]);
}

fn entry(minute: u32, seq: u64, op: &str, amount: i64, (reference, told): (Option<&str>, Option<i64>)) -> Value {
    row(
        "credits",
        minute,
        seq,
        json!({"op": op, "amount": amount, "ref": reference, "balance_after": told, "guest_id": "g"}),
    )
}

const LEDGER: &str = "select wallet_kind, wallet, entries, granted, spent, refunded, expired, adjusted, migrated, balance, told_balance, drift \
                      from ledger order by 1, 2";

#[tokio::test]
async fn a_ledger_counts_an_entry_once_however_often_and_whenever_it_comes() {
    let mut rows = vec![
        entry(1, 1, "grant", 50, (Some("g"), Some(50))),
        entry(2, 2, "spend", 8, (Some("s"), Some(42))),
        entry(3, 3, "refund", 8, (Some("s"), None)),
        entry(4, 4, "spend", 5, (None, None)),
        entry(4, 5, "spend", 5, (None, None)),
        entry(5, 6, "expire", 10, (Some("x"), None)),
        entry(6, 7, "adjust", -3, (Some("y"), None)),
        entry(7, 8, "grant", 4, (Some("m"), Some(31))),
        entry(8, 9, "grant", 1, (Some("late"), None)),
    ];
    let expected = ["guest | g | 9 | 55 | 18 | 8 | 10 | -3 | 0 | 32 | 31 | 0"];
    assert_eq!(ask(LEDGER, &ndjson(&rows)).await, expected);
    // All but those without a ref come again, later and under other ids.
    let again: Vec<Value> = rows
        .iter()
        .filter(|row| !row["ref"].is_null())
        .cloned()
        .map(|mut row| {
            row["event_id"] = json!(format!("again-{}", row["event_id"]));
            row["received_at"] = json!("2026-11-22T12:00:00Z");
            row
        })
        .collect();
    rows.extend(again);
    assert_eq!(ask(LEDGER, &ndjson(&rows)).await, expected);
    rows.reverse();
    assert_eq!(ask(LEDGER, &ndjson(&rows)).await, expected);
}

#[tokio::test]
async fn migrated_credits_leave_one_wallet_for_another_and_none_is_lost() {
    let of = |seq: u64, op: &str, amount: i64, told: i64, ids: Value| {
        let mut row = row("credits", seq as u32, seq, ids);
        row["op"] = json!(op);
        row["amount"] = json!(amount);
        row["balance_after"] = json!(told);
        row["ref"] = json!(format!("r{seq}"));
        row
    };
    let rows = [
        // A guest that keeps its workspace.
        of(1, "grant", 50, 50, json!({"guest_id": "g1", "workspace_id": "w1"})),
        of(2, "spend", 8, 42, json!({"guest_id": "g1", "workspace_id": "w1"})),
        of(3, "migrate", 42, 42, json!({"guest_id": "g1", "account_id": "a", "workspace_id": "w1"})),
        // Another, whose credits go into the same workspace; told twice.
        of(4, "grant", 50, 50, json!({"guest_id": "g2", "workspace_id": "w2"})),
        of(5, "migrate", 50, 92, json!({"guest_id": "g2", "account_id": "a", "workspace_id": "w1"})),
        of(5, "migrate", 50, 92, json!({"guest_id": "g2", "account_id": "a", "workspace_id": "w1"})),
        // One without a workspace, into the account itself.
        of(6, "grant", 30, 30, json!({"guest_id": "g3"})),
        of(7, "migrate", 30, 30, json!({"guest_id": "g3", "account_id": "a"})),
    ];
    let sql = "select wallet_kind, wallet, migrated, balance, drift from ledger order by 1, 2";
    let expected = [
        "account | a | 30 | 30 | 0",
        "guest | g3 | -30 | 0 | 0",
        "workspace | w1 | 50 | 92 | 0",
        "workspace | w2 | -50 | 0 | 0",
    ];
    assert_eq!(ask(sql, &ndjson(&rows)).await, expected);
    let total = "select sum(granted) - sum(spent), sum(balance), sum(migrated) from ledger";
    assert_eq!(ask(total, &ndjson(&rows)).await, ["122 | 122 | 0"]);
}

#[tokio::test]
async fn a_missing_entry_shows_as_drift_and_a_page_grants_nothing() {
    let mut page = entry(4, 3, "grant", 1_000, (Some("p"), Some(1_000)));
    page["trust"] = json!("public");
    let rows = [entry(1, 1, "grant", 50, (Some("g"), Some(50))), entry(3, 2, "spend", 8, (Some("s"), Some(34))), page];
    assert_eq!(ask(LEDGER, &ndjson(&rows)).await, ["guest | g | 2 | 50 | 8 | 0 | 0 | 0 | 0 | 42 | 34 | -8"]);
    let silent = [entry(1, 1, "grant", 50, (Some("g"), None))];
    assert_eq!(ask(LEDGER, &ndjson(&silent)).await, ["guest | g | 1 | 50 | 0 | 0 | 0 | 0 | 0 | 50 |  | "]);
}

#[tokio::test]
async fn a_wallet_is_the_workspace_else_the_account_else_the_guest() {
    let grant = |seq, ids: Value| {
        let mut row = row("credits", 1, seq, ids);
        row["op"] = json!("grant");
        row["amount"] = json!(1);
        row
    };
    let rows = [
        grant(1, json!({"workspace_id": "x", "account_id": "a", "guest_id": "g"})),
        grant(2, json!({"account_id": "x", "guest_id": "g"})),
        grant(3, json!({"guest_id": "x"})),
        grant(4, json!({"workspace_id": "x"})),
    ];
    let wallets = ask("select wallet_kind, wallet, balance from ledger order by 1", &ndjson(&rows)).await;
    assert_eq!(wallets, ["account | x | 1", "guest | x | 1", "workspace | x | 2"]);
}

fn session(minute: u32, seq: u64, status: &str, more: Value) -> Value {
    let mut values = json!({"status": status, "session_id": "s", "started": at(0), "errors": 0, "release": "2.0", "environment": "production"});
    values.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row("sessions", minute, seq, values)
}

const HEALTH: &str =
    "select sessions, crashed, abnormal, unhandled, errored, users from release_health order by day, release";

#[tokio::test]
async fn the_first_end_of_a_session_is_its_last_word() {
    for (updates, expected) in [
        (vec![(1, "ok"), (2, "crashed"), (3, "ok")], "1 | 1 | 0 | 0 | 0 | 0"),
        (vec![(1, "ok"), (2, "abnormal"), (3, "exited")], "1 | 0 | 1 | 0 | 0 | 0"),
        (vec![(1, "ok"), (2, "unhandled"), (3, "exited")], "1 | 0 | 0 | 1 | 0 | 0"),
        (vec![(1, "ok"), (2, "exited"), (3, "crashed")], "1 | 0 | 0 | 0 | 0 | 0"),
        (vec![(1, "errored"), (3, "exited")], "1 | 0 | 0 | 0 | 1 | 0"),
        (vec![(1, "ok"), (2, "ok")], "1 | 0 | 0 | 0 | 0 | 0"),
    ] {
        for reversed in [false, true] {
            let seq = |place: u64| if reversed { 50 - place } else { place };
            let rows =
                (1..).zip(&updates).map(|(place, (minute, status))| session(*minute, seq(place), status, json!({})));
            assert_eq!(ask(HEALTH, &ndjson(&rows.collect::<Vec<_>>())).await, [expected], "{updates:?}");
        }
    }
}

#[tokio::test]
async fn sessions_are_counted_with_those_that_servers_only_count() {
    let rows = [
        session(1, 1, "ok", json!({"errors": 3, "account_id": "a"})),
        session(2, 2, "exited", json!({"errors": 3, "account_id": "a"})),
        // A page that knows the session's id changes nothing of what the server says of it.
        session(1, 3, "crashed", json!({"trust": "public", "account_id": "b"})),
        session(1, 4, "exited", json!({"quantity": 96, "session_id": "group_1"})),
        session(1, 5, "crashed", json!({"quantity": 1, "session_id": "group_1"})),
        session(1, 6, "exited", json!({"session_id": "t", "guest_id": "a"})),
    ];
    assert_eq!(ask(HEALTH, &ndjson(&rows)).await, ["100 | 2 | 0 | 0 | 1 | 3"]);
    let shares =
        "select crash_free_sessions, unhandled_free, error_free, crash_free_users, adoption from release_health";
    assert_eq!(ask(shares, &ndjson(&rows)).await, ["0.98 | 0.98 | 0.97 | 0.6666666666666666 | 1.0"]);
}

#[tokio::test]
async fn a_release_without_sessions_has_no_shares() {
    let rows = [session(1, 1, "exited", json!({"quantity": 0}))];
    let shares = "select sessions, crash_free_sessions, crash_free_users, adoption from release_health";
    assert_eq!(ask(shares, &ndjson(&rows)).await, ["0 |  |  | "]);
}

#[tokio::test]
async fn a_range_of_days_is_all_that_release_health_works_on() {
    let sql = "explain select * from release_health where day = date '2026-11-22'";
    let plan = Bench::new().rows(sql, no_params(), sample::tables("")).await.unwrap();
    let below = plan.split("physical_plan").next().unwrap().rsplit("Aggregate").next().unwrap();
    assert!(below.contains("2026-11-22"), "the filter stands below the last aggregate: {plan}");
}

/// The docs of views are in their files' headers; nothing else would notice that one is wrong.
#[tokio::test]
async fn headers_tell_the_columns_and_types_that_views_have() {
    let bench = Bench::new();
    let over = bench.engine.views_over(sample::tables("")).await.unwrap();
    assert_eq!(over.len(), views().len());
    for view in views() {
        let told: Vec<(String, String)> =
            view.columns.iter().map(|column| (column.name.clone(), column.ty.clone())).collect();
        assert_eq!(over[view.name], told, "{}", view.name);
        assert!(view.columns.iter().all(|column| !column.doc.is_empty()), "{}", view.name);
        let answer =
            bench.engine.ask(&format!("select * from {}", view.name), &no_params(), sample::tables("")).await.unwrap();
        for (field, column) in answer.schema().fields().iter().zip(&view.columns) {
            // The planner takes more for nullable than is ever null, never less.
            assert!(field.is_nullable() || !column.nullable, "{}.{} is never null", view.name, column.name);
            assert_eq!(sql_type(field.data_type()), column.ty, "{}.{}", view.name, column.name);
        }
    }
}

#[tokio::test]
async fn a_view_that_works_with_a_hidden_column_is_not_there_and_says_so() {
    let bench = Bench::new();
    let hidden = || sample::tables_without(&["amount", "op", "balance_after", "device_id"], "");
    let error = bench.rows("select balance from ledger", no_params(), hidden()).await.unwrap_err();
    assert!(matches!(error, QueryError::Invalid { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("the view ledger is not there: it works with the column "), "{text}");
    let over = bench.engine.views_over(hidden()).await.unwrap();
    assert!(!over.contains_key("ledger") && over.contains_key("release_health"), "{over:?}");
    let events = &over["events"];
    assert!(!events.iter().any(|(name, _)| name == "device_id") && events.iter().any(|(name, _)| name == "guest_id"));
    let listed = "select count(*) from information_schema.tables where table_name = 'ledger'";
    assert!(bench.rows(listed, no_params(), hidden()).await.unwrap().contains("| 0 "), "not listed either");
}
