//! `POST /v1/sql` and the stored queries: answers, parameters, errors. Not the forms of an answer (`forms`), not attacks
//! (`hostile`), not what a query sees while events arrive (`cut`).

mod cut;
mod forms;
mod hostile;

use serde_json::{Value, json};

use crate::http::{Client, Reply};
use crate::server::Site;

fn ask(client: &Client, sql: &str) -> Reply {
    client.post("/v1/sql", &json!({"sql": sql}))
}

/// Sends a few events that queries can be asked about.
fn seed(client: &Client) {
    let events: Vec<Value> = (0..30)
        .map(|number| {
            let status = if number % 3 == 0 { "error" } else { "ok" };
            json!({"kind": "usage", "id": format!("e{number:02}"), "name": "image.generate", "status": status, "duration_ms": number * 10,
                "account_id": format!("acct_{}", number % 5), "route": "/draw", "model": "studio-xl"})
        })
        .collect();
    assert_eq!(client.events(&json!(events))["stored"], 30);
}

#[test]
fn an_answer_has_columns_rows_and_what_it_cost() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    seed(&admin);
    let answer = ask(
        &admin,
        "select account_id, count(*) as n, avg(duration_ms) as mean, min(ts) as first, day from usage \
        group by account_id, day order by account_id",
    )
    .expect(200);
    let mut names: Vec<&String> = answer.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["columns", "elapsed_ms", "row_count", "rows", "scanned_bytes", "truncated"]);
    let columns: Vec<&str> =
        answer["columns"].as_array().unwrap().iter().map(|column| column["name"].as_str().unwrap()).collect();
    assert_eq!(columns, ["account_id", "n", "mean", "first", "day"]);
    assert!(answer["columns"].as_array().unwrap().iter().all(|column| column["type"].is_string()));
    assert_eq!((&answer["row_count"], &answer["truncated"]), (&json!(5), &json!(false)));
    let row = &answer["rows"][1];
    assert_eq!((&row[0], &row[1], &row[2]), (&json!("acct_1"), &json!(6), &json!(135.0)));
    let first = row[3].as_str().unwrap();
    assert!(first.ends_with('Z') && first.contains('.') && first.contains('T'), "{first}");
    assert_eq!(row[4].as_str().unwrap().len(), 10);
    assert!(answer["elapsed_ms"].as_f64().unwrap() > 0.0 && answer["scanned_bytes"].is_u64());
}

#[test]
fn rows_past_the_limit_are_cut_and_said_to_be() {
    let site = Site::with_config("[sql]\nrows_max = 25\n");
    let server = site.start();
    let admin = server.admin();
    seed(&admin);
    let limited = |limit: u64| {
        admin.post("/v1/sql", &json!({"sql": "select event_id from usage order by event_id", "limit": limit}))
    };
    let answer = limited(10).expect(200);
    assert_eq!((&answer["row_count"], &answer["truncated"]), (&json!(10), &json!(true)));
    assert_eq!(answer["rows"].as_array().unwrap().len(), 10);
    let default = ask(&admin, "select event_id from usage").expect(200);
    assert_eq!((&default["row_count"], &default["truncated"]), (&json!(25), &json!(true)));
    limited(26).refusal_naming(400, "limit");
    let all = ask(&admin, "select event_id from usage limit 25").expect(200);
    assert_eq!((&all["row_count"], &all["truncated"]), (&json!(25), &json!(false)));
    let lines = admin.send(
        "POST",
        "/v1/sql",
        &[("accept", "application/x-ndjson")],
        Some(br#"{"sql":"select event_id from usage"}"#),
    );
    assert_eq!(lines.text().lines().count(), 30, "the streaming forms have no cap");
}

#[test]
fn parameters_are_bound_and_never_spliced() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    seed(&admin);
    let count = |params: Value, sql: &str| admin.post("/v1/sql", &json!({"sql": sql, "params": params}));
    let by_account = "select count(*) from usage where account_id = $who";
    assert_eq!(count(json!({"who": "acct_1"}), by_account).expect(200)["rows"], json!([[6]]));
    let injection = "acct_1' or '1'='1";
    assert_eq!(count(json!({"who": injection}), by_account).expect(200)["rows"], json!([[0]]));
    assert_eq!(count(json!({"who": injection}), "select $who as it").expect(200)["rows"], json!([[injection]]));
    let typed =
        "select count(*) from usage where duration_ms >= $least and duration_ms < $most and (status = 'error') = $bad";
    assert_eq!(count(json!({"least": 100, "most": 200, "bad": true}), typed).expect(200)["rows"], json!([[3]]));
    assert_eq!(count(json!({"x": null}), "select $x is null").expect(200)["rows"], json!([[true]]));
    assert_eq!(count(json!({"n": 2}), "select event_id from usage order by 1 limit $n").expect(200)["row_count"], 2);
    count(json!({}), by_account).refusal_naming(400, "who");
    count(json!({"who": {"deep": 1}}), by_account).refusal(400);
}

#[test]
fn an_error_tells_where_and_what_was_meant() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    let syntax = ask(&admin, "select event_id\nfrom usage\nwhere whree = = 1");
    syntax.refusal(400);
    assert_eq!(syntax.json()["error"]["line"], 3, "{}", syntax.text());
    assert!(syntax.json()["error"]["column"].as_u64().is_some_and(|column| column > 1));
    for (sql, meant) in [
        ("select acount_id from usage", "account_id"),
        ("select * from usages", "usage"),
        ("select lenght(name) from usage", "length"),
    ] {
        let answer = ask(&admin, sql);
        answer.refusal_naming(400, meant);
        assert!(answer.json()["error"]["line"].is_u64(), "{sql}: {}", answer.text());
    }
    for sql in ["", "   ", "-- nothing", "select 1; select 2", "select", "select * from usage where name ~ '('"] {
        ask(&admin, sql).refusal(400);
    }
    let division = ask(&admin, "select 1 / 0");
    division.refusal(400);
}

#[test]
fn only_reading_is_what_sql_is_for() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    seed(&admin);
    let before = admin.rows("select * from usage order by event_id");
    for statement in [
        "insert into usage select * from usage",
        "delete from usage",
        "update usage set name = 'x'",
        "drop table usage",
        "create table t as select 1",
        "create view v as select 1",
        "create external table t stored as csv location '/etc/passwd'",
        "copy usage to '/tmp/weir-should-not-exist.csv'",
        "copy (select 1) to '/tmp/weir-should-not-exist.parquet'",
        "set datafusion.execution.target_partitions = 1",
        "reset datafusion.execution.target_partitions",
        "explain analyze select 1",
        "prepare p as select 1",
        "begin",
        "use x",
        "truncate table usage",
        "alter table usage add column x int",
        "create function f() returns int return 1",
    ] {
        let answer = ask(&admin, statement);
        assert!(matches!(answer.status, 400 | 403), "{statement}: {}", answer.text());
        answer.refusal(answer.status);
    }
    for forbidden in [
        "delete from usage",
        "copy usage to '/tmp/weir-should-not-exist.csv'",
        "set datafusion.execution.batch_size = 1",
    ] {
        ask(&admin, forbidden).refusal(403);
    }
    assert!(!std::path::Path::new("/tmp/weir-should-not-exist.csv").exists());
    assert_eq!(admin.rows("select * from usage order by event_id"), before);
    assert_eq!(ask(&admin, "explain select count(*) from usage").status, 200);
    assert!(
        !ask(&admin, "explain select count(*) from usage").text().contains(site.path("").to_str().unwrap()),
        "no paths"
    );
}

#[test]
fn tables_are_described_with_their_columns_and_purposes() {
    let site = Site::new();
    let server = site.start();
    let catalogue = server.admin().get("/v1/tables").expect(200);
    let tables = catalogue["tables"].as_array().unwrap();
    let names: Vec<&str> = tables.iter().map(|table| table["name"].as_str().unwrap()).collect();
    for name in [
        "usage",
        "errors",
        "devices",
        "logs",
        "credits",
        "payments",
        "identities",
        "sessions",
        "hits",
        "verdicts",
        "labels",
        "rejects",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    for table in tables {
        let columns = table["columns"].as_array().unwrap();
        let shown = server
            .admin()
            .post("/v1/sql", &json!({"sql": format!("select * from {} limit 1", table["name"].as_str().unwrap())}));
        assert_eq!(shown.expect(200)["columns"].as_array().unwrap().len(), columns.len());
        for column in columns {
            assert!(
                ["name", "type", "doc", "purpose"]
                    .iter()
                    .all(|part| column[part].as_str().is_some_and(|text| !text.is_empty())),
                "{column}"
            );
        }
    }
    let views = catalogue["views"].as_array().unwrap();
    let names: Vec<&str> = views.iter().map(|view| view["name"].as_str().unwrap()).collect();
    for name in ["events", "binds", "binds_public", "people", "people_public", "ledger", "release_health"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    for view in views {
        let shown =
            ask(&server.admin(), &format!("select * from {} limit 1", view["name"].as_str().unwrap())).expect(200);
        let told: Vec<&Value> = view["columns"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
        let found: Vec<&Value> = shown["columns"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
        assert_eq!(told, found, "{}", view["name"]);
        assert!(view["columns"].as_array().unwrap().iter().all(|column| column["visible"] == true));
    }
    let kinds = "select kind, count(*) from events group by kind";
    assert!(ask(&server.admin(), kinds).status == 200, "{}", ask(&server.admin(), kinds).text());
}

#[test]
fn stored_queries_run_by_name_with_checked_parameters() {
    let site = Site::new();
    site.write(
        "data/queries/busiest.sql",
        b"--! title: Busiest accounts\n--! param: least int = 1 count -- events at least\n--! column: account_id text -- who\n\
          --! column: events count -- how many\nselect account_id, count(*) as events from usage group by account_id\n\
          having count(*) >= $least order by events desc, account_id limit 10\n",
    );
    let server = site.start();
    let admin = server.admin();
    seed(&admin);
    let list = admin.get("/v1/queries").expect(200);
    let queries = list["queries"].as_array().unwrap();
    let find =
        |name: &str| queries.iter().find(|query| query["name"] == name).unwrap_or_else(|| panic!("{name} in {list}"));
    assert_eq!(find("busiest")["title"], "Busiest accounts");
    assert_eq!(find("busiest")["params"][0]["name"], "least");
    let built_in = admin.get("/v1/queries/error_rate_by_route?limit=5").expect(200);
    assert_eq!(built_in["rows"][0][0], "/draw", "{built_in}");
    let answer = admin.get("/v1/queries/busiest?least=6").expect(200);
    assert_eq!(answer["rows"].as_array().unwrap().len(), 5);
    assert_eq!(admin.get("/v1/queries/busiest?least=7").expect(200)["row_count"], 0);
    admin.get("/v1/queries/busiest?least=many").refusal_naming(400, "least");
    admin.get("/v1/queries/busiest?colour=red").refusal_naming(400, "colour");
    admin.get("/v1/queries/none").refusal(404);
    let csv = admin.get("/v1/queries/busiest.csv");
    assert!(csv.text().starts_with("account_id,events"), "{}", csv.text());
    assert_eq!(admin.get("/v1/queries/busiest.json").expect(200)["row_count"], 5);
    let arrow = admin.get("/v1/queries/busiest.arrow?least=1");
    assert_eq!(forms::read_arrow(&arrow.body).iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 5);
}
