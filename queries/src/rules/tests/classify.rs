//! Which rules run live, which are scheduled and why, and which are refused.

use super::super::rule::Way;
use super::*;

const HEADERS: &str = "entity: device; window: 10min";

fn way(sql: &str) -> String {
    way_of(HEADERS, sql)
}

fn way_of(headers: &str, sql: &str) -> String {
    match try_rule("r", headers, sql) {
        Ok(rule) => match rule.way {
            Way::Live { .. } => "live".to_owned(),
            Way::Scheduled { reason, .. } => format!("scheduled: {reason}"),
        },
        Err(problem) => panic!("{problem}"),
    }
}

/// A rule of the usual form with this aggregate as what it observes.
fn observing(observed: &str) -> String {
    format!(
        "select device_id as entity, {observed} as observed, 3 as threshold from credits
         where op = 'grant' and in_window(received_at) group by device_id having {observed} >= 3"
    )
}

#[test]
fn mergeable_aggregates_over_one_event_table_run_live() {
    for observed in [
        "count(*)",
        "count(guest_id)",
        "count(distinct guest_id)",
        "count(distinct amount)",
        "count(*) filter (where amount > 2)",
        "sum(amount)",
        "min(amount)",
        "max(amount + 1)",
        "sum_once(amount, ref)",
        "count(*) filter (where op = 'spend') * 100 / count(*)",
        "case when bool_or(reason = 'x') then count(*) else 0 end",
        "date_part('epoch', max(received_at) - min(received_at))",
    ] {
        assert_eq!(way(&observing(observed)), "live", "{observed}");
    }
}

#[test]
fn one_table_stays_one_table_behind_names_and_subqueries() {
    assert_eq!(
        way("with grants as (select c.device_id as d, guest_id as g from credits as c
                where c.op = 'grant' and in_window(c.received_at))
             select upper(d) as entity, count(distinct grants.g) as observed, 3 as threshold
             from grants group by upper(d) having count(distinct grants.g) > 3"),
        "live"
    );
    assert_eq!(
        way("select * from (select device_id as entity, count(*) as observed, 3 as threshold from credits
                where in_window(received_at) group by device_id) as t where observed > 3 order by observed"),
        "live"
    );
    assert_eq!(
        way_of(
            "entity: wallet, device; window: 10min",
            "select entity_id as entity, count(*) as observed, 3 as threshold from credits
             where in_window(received_at) group by entity_id having count(*) > 3"
        ),
        "live"
    );
}

#[test]
fn anything_else_is_scheduled_with_the_reason() {
    for (sql, reason) in [
        ("select c.device_id as entity, count(*) as observed, 3 as threshold from credits c
          join identities i on i.guest_id = c.guest_id where in_window(c.received_at) group by c.device_id",
         "it joins tables"),
        ("select device_id as entity, count(*) as observed, 3 as threshold from credits group by device_id",
         "`in_window(received_at)` is not a condition of every row"),
        ("select device_id as entity, count(*) as observed, 3 as threshold from credits
          where in_window(received_at) or amount > 3 group by device_id",
         "`in_window(received_at)` is not a condition of every row"),
        ("select device_id as entity, count(*) filter (where in_window(received_at)) as observed, 3 as threshold
          from credits where in_window(received_at) group by device_id",
         "`in_window(received_at)` stands elsewhere than beside the other conditions"),
        ("select device_id as entity, count(*) as observed, 3 as threshold from credits
          where in_window(ts) group by device_id",
         "`in_window(received_at)` is not a condition of every row"),
        ("select device_id as entity, count(*) as observed, 3 as threshold from credits
          where in_window(received_at) and ts < $as_of group by device_id", "it reads `$as_of`"),
        ("select device_id as entity, count(*) as observed, 3 as threshold from credits
          where in_window(received_at) group by device_id, guest_id", "it groups by more than the entity"),
        ("select max(device_id) as entity, count(*) as observed, 3 as threshold from credits
          where in_window(received_at) group by guest_id", "`entity` is not the expression it groups by"),
        ("select device_id as entity, amount as observed, 3 as threshold from credits where in_window(received_at)",
         "it does not group by the entity"),
        ("select device_id as entity, stddev(amount) as observed, 3 as threshold from credits
          where in_window(received_at) group by device_id", "`stddev` cannot be kept in buckets"),
        ("select device_id as entity, count(*) as observed, 3 as threshold, max(reason) as verdict from credits
          where in_window(received_at) group by device_id", "`max` of Utf8View cannot be kept in buckets"),
        ("select device_id as entity, count(*) as observed, 3 as threshold from credits
          where in_window(received_at) group by device_id limit 3", "it limits the number of rows"),
        ("select device_id as entity, count(*) as observed, (select max(amount) from credits) as threshold from credits
          where in_window(received_at) group by device_id", "it has a subquery"),
        ("select entity, sum(n) as observed, 3 as threshold from
            (select device_id as entity, guest_id, count(*) as n from credits where in_window(received_at)
             group by device_id, guest_id) as t group by entity", "it aggregates more than once"),
    ] {
        assert_eq!(way(sql), format!("scheduled: {reason}"), "{sql}");
    }
    assert_eq!(
        way_of("entity: device; window: 10min; every: 30s", &observing("count(*)")),
        "scheduled: the header `every` asks for it"
    );
    assert_eq!(
        way_of("entity: device; window: 10min; on: payment", &observing("count(*)")),
        "scheduled: it reads `credits`, which its header `on` does not name"
    );
}

#[test]
fn refuses_what_can_never_run_with_line_and_remedy() {
    let problem = |headers: &str, sql: &str| try_rule("r", headers, sql).expect_err("refused");
    // The title, the ttl and two headers stand above the text.
    for (call, name) in [
        ("now()", "now"),
        ("random()", "random"),
        ("uuid()", "uuid"),
        ("current_timestamp", "current_timestamp"),
        ("current_date", "current_date"),
    ] {
        assert_eq!(
            problem(HEADERS, &format!("select device_id as entity,\n {call} as observed, 3 as threshold from credits")),
            format!(
                "r.sql:6: a rule may not call `{name}()`: it would find something else each time it is asked; use `$as_of` for the time"
            )
        );
    }
    assert_eq!(
        problem(HEADERS, "select device_id as entity, count(*) as observed from credits group by device_id"),
        "r.sql: it does not select `threshold`; a rule selects `entity`, `observed` and `threshold`, and may select `verdict`, `points` and `component`"
    );
    assert_eq!(
        problem("entity: device", &observing("count(*)")),
        "r.sql: it uses `in_window` and has no window; add a line such as `--! window: 24h`"
    );
    assert_eq!(
        problem("entity: device, account; window: 10min", &observing("count(*)")),
        "r.sql: a rule of several kinds of entities must select `entity_id`; write `entity_id as entity` and group by entity_id"
    );
    let unknown = problem(
        HEADERS,
        "select device_id as entity, count(*) as observed,\n3 as threshold\nfrom credits\nwhere colour = 1 group by device_id",
    );
    assert!(unknown.starts_with("r.sql:8: ") && unknown.contains("colour"), "{unknown}");
    let table = problem(HEADERS, "select a as entity, 1 as observed, 1 as threshold from nowhere");
    assert!(table.contains("nowhere"), "{table}");
    let text = problem(HEADERS, "select device_id as entity, op as observed, 3 as threshold from credits");
    assert_eq!(text, "r.sql: `observed` is Utf8View, not a number; make it a whole number");
}

#[test]
fn the_version_is_the_hash_of_the_text() {
    let one = rule("r", HEADERS, &observing("count(*)"));
    let same = rule("r", HEADERS, &observing("count(*)"));
    let other = rule("r", HEADERS, &observing("count(*) + 0"));
    assert_eq!(one.version, same.version);
    assert_ne!(one.version, other.version);
    assert_eq!(one.version.len(), 16);
}

#[test]
fn state_stays_small() {
    let Way::Live { state_bytes_per_million } = rule("r", HEADERS, &observing("count(distinct guest_id)")).way else {
        panic!("live");
    };
    assert!((150_000_000..400_000_000).contains(&state_bytes_per_million), "{state_bytes_per_million}");
}

#[test]
fn texts_that_would_break_the_planner_are_refused() {
    let problem = |observed: String| {
        let sql = format!("select device_id as entity, {observed} as observed, 1 as threshold from credits");
        try_rule("r", HEADERS, &sql).expect_err("refused")
    };
    let chain = problem(vec!["1"; 5_000].join(" + "));
    assert!(chain.starts_with("r.sql:") && chain.contains("deep"), "{chain}");
    let nested = problem(format!("{}1{}", "(".repeat(3_000), ")".repeat(3_000)));
    assert!(nested.starts_with("r.sql:"), "{nested}");
    let long = problem(format!("'{}'", "x".repeat(70_000)));
    assert!(long.contains("bytes"), "{long}");
}
