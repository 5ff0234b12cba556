//! Ordinary questions: dialect, parameters, hints, views, EXPLAIN.

use serde_json::json;

use super::*;

async fn with_params(sql: &str, values: serde_json::Value) -> Result<String, QueryError> {
    Bench::new().rows(sql, params(values), tables::small()).await.map(|drawn| {
        let cells = drawn.lines().skip(3).filter(|line| line.starts_with('|'));
        cells.map(|line| line.trim_matches(|c| c == '|' || c == ' ').to_owned()).collect::<Vec<_>>().join("\n")
    })
}

#[tokio::test]
async fn parameters_are_typed_values() {
    let sql = "select count(*) from usage where received_at >= $from and received_at < $to";
    let range = json!({"from": "2026-11-22T10:01:00Z", "to": "2026-11-22T10:03:00.000Z"});
    assert_eq!(with_params(sql, range).await.unwrap(), "2", "strings are times where times are wanted");
    let typed = json!({"from": {"timestamp": "2026-11-22T10:01:00Z"}, "to": {"timestamp": "2026-11-22T10:03:00Z"}});
    assert_eq!(with_params(sql, typed).await.unwrap(), "2");

    let answer = with_params(
        "select date_bin($bucket, received_at) as b, count(*) from usage group by 1 order by 1 limit $n",
        json!({"bucket": {"interval": "2 minutes"}, "n": 1}),
    );
    assert_eq!(answer.await.unwrap(), "2026-11-22T10:00:00Z | 2");

    let one = |sql: &'static str, value: serde_json::Value| with_params(sql, json!({ "x": value }));
    assert_eq!(one("select $x + 1", json!(41)).await.unwrap(), "42");
    assert_eq!(one("select $x + 1", json!(-43)).await.unwrap(), "-42");
    assert_eq!(one("select $x + 1", json!(1.5)).await.unwrap(), "2.5");
    assert_eq!(one("select $x / 2", json!({"float": 5})).await.unwrap(), "2.5");
    assert_eq!(one("select $x and true", json!(true)).await.unwrap(), "true");
    assert_eq!(one("select $x is null", json!(null)).await.unwrap(), "true");
    assert_eq!(one("select count(*) from usage where $x is null or route = $x", json!(null)).await.unwrap(), "4");
    assert_eq!(one("select count(*) from usage where $x is null or route = $x", json!("/chat")).await.unwrap(), "2");
    assert_eq!(one("select count(*) from usage where array_has($x, route)", json!(["/chat"])).await.unwrap(), "2");
    assert_eq!(one("select $x", json!("'; drop table usage; --")).await.unwrap(), "'; drop table usage; --");
}

#[tokio::test]
async fn missing_and_unused_parameters_are_told() {
    let missing = with_params("select\n $fro", json!({"from": 1})).await.unwrap_err();
    let QueryError::Invalid { message, line, column, hint } = missing else { panic!("{missing:?}") };
    assert_eq!(message, "the parameter $fro has no value");
    assert_eq!((line, column), (Some(2), Some(2)));
    assert_eq!(hint.as_deref(), Some("did you mean `from`?"));
    let unused = with_params("select $from", json!({"from": 1, "too": 2})).await.unwrap_err();
    assert_eq!(unused.to_string(), "the parameter \"too\" is given but not used");
    let object = with_params("select $x", json!({"x": {"a": 1, "b": 2}})).await.unwrap_err();
    assert!(matches!(object, QueryError::Invalid { .. }), "{object:?}");
}

#[tokio::test]
async fn unknown_names_come_with_their_place_and_the_nearest() {
    let bench = Bench::new();
    let column = bench.error("select\n  acount_id\nfrom usage").await;
    let QueryError::Invalid { message, line, column, hint } = column else { panic!("{column:?}") };
    assert_eq!(message, "there is no column acount_id");
    assert_eq!((line, column), (Some(2), Some(3)));
    assert_eq!(hint.as_deref(), Some("did you mean `account_id`?"));

    let table = bench.error("select 1\nfrom usgae").await;
    let QueryError::Invalid { message, line, column, hint } = table else { panic!("{table:?}") };
    assert_eq!(message, "there is no table usgae");
    assert_eq!((line, column), (Some(2), Some(6)));
    assert_eq!(hint.as_deref(), Some("did you mean `usage`?"));

    let function = bench.error("select datebin(1, received_at) from usage").await;
    let QueryError::Invalid { message, hint, .. } = function else { panic!("{function:?}") };
    assert_eq!(message, "there is no function datebin, or it is not allowed");
    assert_eq!(hint.as_deref(), Some("did you mean `date_bin`?"));

    let division = bench.error("select duration_ms / (duration_ms - duration_ms) from usage").await;
    assert_eq!(division.to_string(), "division by zero");
    let cast = bench.error("select cast(route as bigint) from usage").await;
    assert!(matches!(cast, QueryError::Invalid { .. }), "{cast:?}");
}

#[tokio::test]
async fn the_dialect_is_that_of_postgresql() {
    let bench = Bench::new();
    for (sql, value) in [
        ("select properties->>'ratio' from usage where properties->>'ratio' = '16:9'", "16:9"),
        ("select count(*) from usage where properties ? 'n'", "1"),
        ("select json_get_int(properties, 'n') from usage limit 1", "3"),
        ("select route::text || '!' from usage order by received_at limit 1", "/draw!"),
        ("select count(*) filter (where status = 'error') from usage", "1"),
        ("select approx_percentile_cont(0.5) within group (order by duration_ms) from usage", "200.0"),
        ("select count(*) from usage where received_at >= now() - interval '1 day' or true", "4"),
        ("select distinct on (route) route from usage order by route limit 1", "/chat"),
        ("select extract(hour from min(received_at)) from usage", "10"),
        ("select string_agg(route, ',' order by route) from (select distinct route from usage)", "/chat,/draw"),
        ("select count(*) from weir.public.usage", "4"),
        ("select rank() over (order by duration_ms desc nulls last) from usage order by 1 limit 1", "1"),
        ("select count(*) from usage where route ~ '^/dr'", "2"),
        ("select 'Ab' ilike 'ab'", "true"),
        ("values (1)", "1"),
        ("select table_type from information_schema.tables where table_name = 'usage'", "BASE TABLE"),
        ("select data_type from information_schema.columns where column_name = 'received_at'", "timestamptz"),
        (
            "select count(*) from generate_series(timestamp '2026-11-22', timestamp '2026-11-23', interval '1 hour')",
            "25",
        ),
    ] {
        assert_eq!(bench.value(sql).await.as_deref(), Ok(value), "{sql}");
    }
}

#[tokio::test]
async fn explain_shows_the_plan_of_a_query() {
    let plan = Bench::new().rows("explain select count(*) from usage", no_params(), tables::small()).await.unwrap();
    assert!(plan.contains("Aggregate"), "{plan}");
}

#[tokio::test]
async fn the_view_of_all_events_follows_the_tables_given() {
    let bench = Bench::new();
    let columns = ["event_id", "received_at", "account_id", "device_id"];
    let sql = "select kind, count(*) as n from events where received_at >= '2026-11-22' group by kind order by kind";
    let all = bench.rows(sql, no_params(), tables::all_kinds(&columns)).await.unwrap();
    assert_eq!(all.lines().count(), 11, "{all}");

    let fewer = tables::all_kinds(&columns[..3]);
    let hidden = bench.rows("select device_id from events", no_params(), fewer).await.unwrap_err();
    assert!(hidden.to_string().contains("no column device_id"), "{hidden:?}");
    let absent = bench.error("select * from events").await;
    assert!(absent.to_string().contains("no table events"), "{absent:?}");
}

#[tokio::test]
async fn checking_plans_without_running() {
    let bench = Bench::new();
    let (table, batches) = tables::Endless::table();
    let tables = || vec![("t".to_owned(), Arc::clone(&table))];
    bench.engine.check("select sum(n) from t", &no_params(), tables()).await.unwrap();
    assert_eq!(batches.load(std::sync::atomic::Ordering::SeqCst), 0);
    let wrong = bench.engine.check("select m from t", &no_params(), tables()).await.unwrap_err();
    assert!(matches!(wrong, QueryError::Invalid { .. }), "{wrong:?}");
}

#[tokio::test]
async fn hooks_run_on_every_thread_of_the_engine() {
    let count = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let seen = Arc::clone(&count);
    let bench = Bench::with(|config| {
        config.on_thread_start = Some(Arc::new(move || {
            seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }));
    });
    assert_eq!(bench.value("select 1").await.unwrap(), "1");
    assert!(count.load(std::sync::atomic::Ordering::SeqCst) >= 2, "at least a worker and a planner");
}

/// A cast around the column would hide it from the statistics of files.
#[tokio::test]
async fn ranges_of_time_are_compared_in_the_columns_own_type() {
    let bench = Bench::new();
    for (sql, values) in [
        ("explain select count(*) from usage where received_at >= $from", json!({"from": "2026-11-22T10:00:00Z"})),
        (
            "explain select count(*) from usage where received_at >= $from",
            json!({"from": {"timestamp": "2026-11-22T10:00:00Z"}}),
        ),
        ("explain select count(*) from usage where received_at >= now() - interval '1 day'", json!({})),
        ("explain select count(*) from usage where received_at >= timestamp '2026-11-22'", json!({})),
    ] {
        let plan = bench.rows(sql, params(values), tables::small()).await.unwrap();
        assert!(!plan.to_lowercase().contains("cast(usage.received_at"), "{plan}");
        assert!(!plan.contains("CAST(received_at"), "{plan}");
    }
}
