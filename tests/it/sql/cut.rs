//! What a query sees while events arrive and buffers become files: every acknowledged event, at once, and once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::events::usage;
use crate::http::tally;
use crate::server::{SETTLES_OFTEN, Site, eventually};

#[test]
fn acknowledged_events_are_visible_at_once_and_once_while_flushes_go_on() {
    let site = Site::with_config(SETTLES_OFTEN);
    let server = site.start();
    let admin = server.admin();
    let acknowledged = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let admin = server.admin();
            let mut looks = 0;
            while !done.load(Ordering::Acquire) {
                let promised = acknowledged.load(Ordering::Acquire);
                let row =
                    &admin.rows("select count(*), count(distinct event_id), max(seq) - min(seq) + 1 from usage")[0];
                assert_eq!(row[0], row[1], "an event is seen twice");
                assert!(row[0].as_u64().unwrap() >= promised, "{row} after {promised} were acknowledged");
                looks += 1;
            }
            looks
        });
        for round in 0..120_u64 {
            let batch: Value = (0..25).map(|number| usage(&format!("{round}-{number}"))).collect();
            assert_eq!(tally(&admin.events(&batch)), (25, 0, 0));
            acknowledged.store((round + 1) * 25, Ordering::Release);
            if round % 10 == 0 {
                assert_eq!(admin.count("select count(*) from usage"), i64::try_from((round + 1) * 25).unwrap());
            }
        }
        let settled = || {
            let table = admin.get("/v1/status").expect(200)["tables"]["usage"].clone();
            (table["unflushed_rows"] == 0 && table["files"] != 0).then_some(table)
        };
        let table = eventually("everything is in files", settled);
        assert_eq!(table["rows"], 3_000);
        done.store(true, Ordering::Release);
        assert!(reader.join().unwrap() > 3, "the reader has looked while events arrived");
    });
    assert_eq!(admin.count("select count(*) from usage"), 3_000);
}

#[test]
fn one_query_sees_one_moment_of_all_tables() {
    let site = Site::with_config(SETTLES_OFTEN);
    let server = site.start();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let admin = server.admin();
            for round in 0..80 {
                let pair = json!([
                    {"kind": "usage", "id": format!("u{round}"), "name": "x", "account_id": "a"},
                    {"kind": "credit", "id": format!("c{round}"), "op": "spend", "amount": 1, "reason": "generation", "account_id": "a"}
                ]);
                assert_eq!(tally(&admin.events(&pair)), (2, 0, 0));
            }
            done.store(true, Ordering::Release);
        });
        let admin = server.admin();
        while !done.load(Ordering::Acquire) {
            let row = &admin.rows("select (select count(*) from usage) as u, (select count(*) from credits) as c")[0];
            assert_eq!(row[0], row[1], "both events of a request, or neither");
        }
        writer.join().unwrap();
    });
}

#[test]
fn the_log_buffer_and_the_files_are_one_table() {
    let site = Site::with_config(SETTLES_OFTEN);
    let server = site.start();
    let admin = server.admin();
    admin.events(&json!([
        {"kind": "usage", "id": "filed", "name": "x", "account_id": "a", "properties": {"n": 1}},
    ]));
    eventually("the first event is in a file", || {
        (admin.get("/v1/status").expect(200)["tables"]["usage"]["unflushed_rows"] == 0).then_some(())
    });
    admin.events(&json!([
        {"kind": "usage", "id": "buffered", "name": "y", "guest_id": "g", "quantity": 2, "release": "2.4.1"},
    ]));
    let rows = admin.rows("select event_id, name, account_id, guest_id, quantity, release, json_get_int(properties, 'n') from usage order by event_id");
    let expected = json!([["buffered", "y", null, "g", 2, "2.4.1", null], ["filed", "x", "a", null, null, null, 1]]);
    assert_eq!(json!(rows), expected);
    let today = "select count(*) from usage where day = current_date and received_at > now() - interval '1 hour'";
    assert_eq!(admin.count(today), 2);
}
