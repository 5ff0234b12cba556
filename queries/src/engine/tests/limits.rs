//! Time, memory, turns and cancellation.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use futures::StreamExt;

use super::tables::{Counted, Endless};
use super::*;

/// Asks until there is a turn, for a few seconds.
async fn when_free(bench: &Bench) -> Result<String, QueryError> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let answered = bench.value("select 1").await;
        if answered.is_ok() || Instant::now() >= deadline {
            return answered;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn queries_that_multiply_rows_end_at_their_deadline_and_free_their_turn() {
    let bench = Bench::with(|config| {
        config.timeout_ms = 1_500;
        config.concurrency_max = 1;
    });
    for sql in [
        "select sum(a.value * b.value) from generate_series(1, 1000000) a, generate_series(1, 1000000) b",
        "select count(*) from generate_series(1, 1000000) a join generate_series(1, 1000000) b \
         on a.value * 2 < b.value",
        "select sum(a.value * b.value) from generate_series(1, 1000000) a join generate_series(1, 1000000) b \
         on a.value % 2 = b.value % 2",
        "select sum(x) from (select unnest(range(0, 1000000)) as x from generate_series(1, 1000000))",
    ] {
        let started = Instant::now();
        assert_eq!(bench.error(sql).await, QueryError::Timeout { timeout_ms: 1_500 }, "{sql}");
        assert!(started.elapsed() < Duration::from_secs(4), "{sql}: {:?}", started.elapsed());
        assert_eq!(when_free(&bench).await, Ok("1".into()), "{sql}: the turn is free again");
    }
}

#[tokio::test]
async fn the_deadline_holds_while_nobody_reads() {
    let bench = Bench::with(|config| config.timeout_ms = 700);
    let (table, batches) = Endless::table();
    let answer = bench.engine.ask("select n from t", &no_params(), vec![("t".into(), table)]).await.unwrap();
    batches.settles().await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    let mut stream = answer.into_stream();
    let mut last = None;
    while let Some(item) = stream.next().await {
        last = Some(item.map(|_| ()));
    }
    assert_eq!(last, Some(Err(QueryError::Timeout { timeout_ms: 700 })));
}

#[tokio::test]
async fn dropping_the_answer_stops_the_work() {
    let bench = Bench::new();
    let (table, batches) = Endless::table();
    let tables = vec![("t".to_owned(), table)];
    let answer = bench.engine.ask("select sum(n) from t group by n % 7", &no_params(), tables).await.unwrap();
    while batches.load(Ordering::SeqCst) < 5 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(answer);
    let stood_at = batches.settles().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(batches.load(Ordering::SeqCst), stood_at);
}

#[tokio::test]
async fn a_query_over_its_memory_gets_an_error() {
    let bench = Bench::with(|config| {
        config.query_memory_bytes_max = 4 << 20;
        config.spill_bytes_max = 1 << 20;
    });
    let sql = "select sum(array_length(ys)) from (select a.value as x, array_agg(b.value) as ys \
               from generate_series(1, 1000) a, generate_series(1, 1000) b group by a.value)";
    let error = bench.error(sql).await;
    assert!(matches!(error, QueryError::Memory(_)), "{error:?}");
    assert_eq!(bench.value("select count(*) from generate_series(1, 1000)").await.unwrap(), "1000");
}

#[tokio::test]
async fn more_questions_than_turns_are_told_to_come_back() {
    let bench = Bench::with(|config| config.concurrency_max = 1);
    let (table, _) = Endless::table();
    let held = bench.engine.ask("select n from t", &no_params(), vec![("t".into(), table)]).await.unwrap();
    assert_eq!(bench.error("select 1").await, QueryError::Busy);
    drop(held);
    assert_eq!(when_free(&bench).await, Ok("1".into()));
}

/// A grouped `count(distinct)` of text beside other aggregates keeps a set a group, outside of what its pool is asked
/// for: on two million rows it took 12 GB under a pool of 2 GB. The watcher must end such a query.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_outgrows_the_process_is_stopped() {
    let bench = Bench::with(|config| {
        config.query_memory_bytes_max = usize::MAX / 4;
        config.memory_bytes_max = usize::MAX / 4;
        config.process_memory_bytes_max = 1;
    });
    let rows = 400_000_i64;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("g", Arc::new(Int64Array::from_iter_values((0..rows).map(|row| row % 100_000)))),
        ("n", Arc::new(Int64Array::from_iter_values(0..rows))),
        ("t", Arc::new(StringViewArray::from_iter_values((0..rows).map(|row| format!("a text of some length {row}"))))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let parts = (0..49).map(|part| batch.slice(part * 8_000, 8_000)).collect::<Vec<_>>();
    let table = datafusion::catalog::MemTable::try_new(batch.schema(), vec![parts]).unwrap();
    let sql = "select g, count(distinct t), sum(n), count(*) from t group by g";
    let error = bench.rows(sql, no_params(), vec![("t".into(), Arc::new(table))]).await.unwrap_err();
    assert!(matches!(error, QueryError::Memory(_)), "{error:?}");
}
