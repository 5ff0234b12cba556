//! SQL as an attack: each text gets a clean error, at once, and the process lives.

use std::time::{Duration, Instant};

use super::*;

/// How long a refusal may take in a debug build on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(5);

async fn refused(bench: &Bench, sql: &str) -> QueryError {
    let started = Instant::now();
    let error = bench.error(sql).await;
    let shown: String = sql.chars().take(80).collect();
    assert!(started.elapsed() < AT_ONCE, "{shown}: took {:?}", started.elapsed());
    error
}

#[tokio::test]
async fn statements_that_do_more_than_read_are_forbidden() {
    let bench = Bench::new();
    for sql in [
        "copy usage to '/tmp/x.parquet'",
        "copy (select 1) to '/tmp/x.csv' stored as csv",
        "create external table t stored as csv location '/etc/passwd'",
        "create table t as select 1",
        "create view v as select 1",
        "create function f(bigint) returns bigint return $1",
        "drop table usage",
        "set datafusion.execution.batch_size = 1",
        "reset datafusion.execution.batch_size",
        "show all",
        "show tables",
        "insert into usage values (1)",
        "update usage set route = 'x'",
        "delete from usage",
        "truncate table usage",
        "prepare p as select 1",
        "execute p",
        "begin",
        "describe usage",
        "select * into t from usage",
        "explain analyze select 1",
        "explain verbose select 1",
        "explain (analyze) select 1",
        "explain copy usage to '/tmp/x'",
        "explain analyze insert into usage values (1)",
        "vacuum",
        "do $$ begin end $$",
    ] {
        let error = refused(&bench, sql).await;
        assert!(matches!(error, QueryError::Forbidden(_)), "{sql}: {error:?}");
    }
    assert!(bench.value("select count(*) from usage").await.unwrap() == "4", "nothing has changed");
}

#[tokio::test]
async fn files_and_functions_of_the_machine_are_out_of_reach() {
    let bench = Bench::new();
    for sql in [
        "select * from '/etc/passwd'",
        "select * from \"/etc/passwd\"",
        "select * from \"file:///etc/passwd\"",
        "select * from read_csv('/etc/passwd')",
        "select * from parquet_metadata('/x.parquet')",
        "select version()",
        "select input_file_name() from usage",
        "select file_row_index() from usage",
        "select arrow_cast(1, 'Int32')",
        "select * from information_schema.df_settings",
        "select * from datafusion.public.usage",
        "select pg_read_file('/etc/passwd')",
        "select @@version",
    ] {
        let error = refused(&bench, sql).await;
        assert!(matches!(error, QueryError::Invalid { .. }), "{sql}: {error:?}");
    }
}

#[tokio::test]
async fn texts_that_would_overflow_a_stack_are_refused_before_planning() {
    let bench = Bench::new();
    let chain = |operator: &str, count: usize| format!("select 1{}", operator.repeat(count));
    let texts = [
        chain("+1", 20_000),
        chain(" or 1=1", 5_000),
        chain("+1", 4_000),
        chain("::text", 2_000),
        chain(" is null", 2_000),
        chain(" union all select 1", 2_000),
        chain("[1]", 2_000),
        format!("select {}1{}", "(".repeat(5_000), ")".repeat(5_000)),
        format!("select {}1", "not ".repeat(5_000)),
        format!("select {}1", "- ".repeat(5_000)),
        format!("select {}1{}", "case when true then ".repeat(1_500), " end".repeat(1_500)),
        format!("select {}1{}", "abs(".repeat(3_000), ")".repeat(3_000)),
        format!("select * from {}usage{}", "(select * from ".repeat(1_000), ") t".repeat(1_000)),
        format!("select * from usage{}", " join usage on true".repeat(1_000)),
        format!("select * from usage{}", ", usage".repeat(2_000)),
        format!("select {}", "*,".repeat(2_000) + "*"),
        format!("{}select 1", "explain ".repeat(2_000)),
    ];
    for sql in texts {
        let error = refused(&bench, &sql).await;
        let refused = matches!(error, QueryError::Invalid { .. } | QueryError::Forbidden(_));
        assert!(refused, "{}…: {error:?}", &sql[..40]);
    }
    let or_20_000 = chain(" or 1=1", 20_000);
    let wide = Bench::with(|config| {
        config.sql_bytes_max = 1 << 20;
        config.sql_tokens_max = 1 << 20;
    });
    assert!(matches!(refused(&wide, &or_20_000).await, QueryError::Invalid { .. }), "the depth guard alone holds");
    assert!(matches!(refused(&wide, &chain("+1", 20_000)).await, QueryError::Invalid { .. }));
}

#[tokio::test]
async fn what_just_fits_is_planned_and_run() {
    let bench = Bench::new();
    for (first, operator) in [("1", "+1"), ("true", " or true"), ("'x'", "||'x'"), ("1", " union all select 1")] {
        let sql = format!("select {first}{}", operator.repeat(240));
        bench.rows(&sql, no_params(), tables::small()).await.unwrap_or_else(|error| panic!("{operator}: {error:?}"));
    }
    let nested = format!("select {}1{}", "(".repeat(200), ")".repeat(200));
    assert_eq!(bench.value(&nested).await.unwrap(), "1");
}

#[tokio::test]
async fn texts_that_explode_in_the_planner_are_refused() {
    let bench = Bench::new();
    let mut doubling = "with t0 as (select 1 as n)".to_owned();
    for level in 1..30 {
        doubling.push_str(&format!(", t{level} as (select a.n from t{0} a, t{0} b)", level - 1));
    }
    let cube = (0..12).map(|n| format!("duration_ms + {n}")).collect::<Vec<_>>().join(", ");
    for sql in [
        format!("{doubling} select count(*) from t29"),
        "with recursive t as (select 1 as n union all select n + 1 from t) select * from t".to_owned(),
        format!("select count(*) from usage group by cube ({cube})"),
        "select cast(null as bigint[2000000000])".to_owned(),
        "select approx_percentile_cont(duration_ms, 0.5, 100000000000) from usage".to_owned(),
        "select approx_percentile_cont(duration_ms, 0.5, 100000 * 100000) from usage".to_owned(),
    ] {
        let error = refused(&bench, &sql).await;
        assert!(matches!(error, QueryError::Invalid { .. }), "{sql}: {error:?}");
    }
}

#[tokio::test]
async fn functions_that_make_much_of_little_are_bounded() {
    let bench = Bench::new();
    for sql in [
        "select repeat('x', 2000000000)",
        "select length(repeat('x', 2000000000))",
        "select repeat(route, 100000000) from usage",
        "select lpad('x', 2000000000)",
        "select rpad(route, 2000000000, 'y') from usage",
        "select replace(repeat('a', 60000), 'a', repeat('b', 60000))",
        "select regexp_replace(repeat(route, 10000), '.', repeat('b', 60000), 'g') from usage",
        "select array_repeat(1, 1000000000)",
        "select array_resize([1], 1000000000)",
        "select range(0, 1000000000)",
        "select generate_series(0, duration_ms * 1000000000) from usage",
        "select count(*) from generate_series(1, 1000000000)",
        "select count(*) from range(0, 9223372036854775807)",
        "select count(*) from generate_series(timestamp '2020-01-01', timestamp '2030-01-01', interval '1 second')",
        "with a as (select repeat('x', 60000) as s), b as (select s||s||s||s||s||s||s||s as s from a) \
         select length(s||s||s||s||s||s||s||s) from b",
    ] {
        let error = refused(&bench, sql).await;
        assert!(matches!(error, QueryError::Invalid { .. }), "{sql}: {error:?}");
    }
    assert_eq!(bench.value("select length(repeat('ab', 1000))").await.unwrap(), "2000");
    assert_eq!(bench.value("select count(*) from generate_series(1, 1000)").await.unwrap(), "1000");
    assert_eq!(bench.value("select array_length(range(0, 1000))").await.unwrap(), "1000");
    assert_eq!(bench.value("select replace('a-b', '-', '+')").await.unwrap(), "a+b");
    assert_eq!(bench.value("select 'a' || 1 || null is null").await.unwrap(), "true");
    assert_eq!(bench.value("select max(route || ':' || status) from usage").await.unwrap(), "/draw:ok");
}

#[tokio::test]
async fn odd_texts_are_refused_with_their_place() {
    let bench = Bench::new();
    assert!(matches!(bench.error("").await, QueryError::Invalid { .. }));
    assert!(matches!(bench.error(" \n ").await, QueryError::Invalid { .. }));
    assert!(matches!(bench.error("-- only a comment").await, QueryError::Invalid { .. }));
    assert!(matches!(bench.error("select 1; select 2").await, QueryError::Invalid { .. }));
    assert!(matches!(bench.error(&format!("select '{}'", "x".repeat(1 << 20))).await, QueryError::Invalid { .. }));
    let nul = bench.error("select 1,\n 'a\0b'").await;
    assert!(matches!(nul, QueryError::Invalid { line: Some(2), column: Some(4), .. }), "{nul:?}");
    let syntax = bench.error("select\n  from where").await;
    assert!(matches!(syntax, QueryError::Invalid { line: Some(2), .. }), "{syntax:?}");
    assert_eq!(bench.value("select 1;").await.unwrap(), "1", "one trailing semicolon is fine");
}

#[tokio::test]
async fn huge_limits_cost_nothing() {
    let bench = Bench::new();
    for sql in [
        "select route from usage order by route limit 9223372036854775807",
        "select route from usage order by route offset 9223372036854775807",
        "select route from usage order by route limit 4000000000 offset 4000000000",
        "select nth_value(route, 9223372036854775807) over (order by route) from usage",
        "select lag(route, 9223372036854775807) over (order by route) from usage",
        "select ntile(9223372036854775807) over (order by route) from usage",
        "select sum(duration_ms) over (rows between 9223372036854775807 preceding and current row) from usage",
        "select substr(route, 9223372036854775807) from usage",
        "select left(route, 9223372036854775807), right(route, -9223372036854775807) from usage",
        "select split_part(route, '/', 9223372036854775807) from usage",
        "select round(1.5, 2147483647), trunc(1.5, -2147483648)",
        "select to_char(received_at, repeat('%Y', 10000)) from usage",
        "select array_slice([1, 2, 3], -9223372036854775808, 9223372036854775807)",
        "select chr(1114111), factorial(20)",
    ] {
        let started = Instant::now();
        let answered = bench.rows(sql, no_params(), tables::small()).await;
        assert!(started.elapsed() < AT_ONCE, "{sql}: took {:?}", started.elapsed());
        let clean = !matches!(answered, Err(QueryError::Internal(_) | QueryError::Timeout { .. } | QueryError::Busy));
        assert!(clean, "{sql}: {answered:?}");
    }
}
