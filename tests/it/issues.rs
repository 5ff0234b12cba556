//! Errors become issues: they join, are searched, decided about, come back, are merged, split and grouped by other rules.

use serde_json::{Value, json};

use crate::http::Client;
use crate::server::{NEVER_SETTLES, SETTLES_OFTEN, Server, Site, eventually};

fn house() -> (Site, Server, Client) {
    let site = Site::new();
    let server = site.start();
    let client = server.admin();
    (site, server, client)
}

/// An error with a stack of two frames of the app, in this function of the file.
fn error(function: &str, release: &str) -> Value {
    json!({"kind": "error", "type": "TypeError", "message": "x is undefined", "release": release, "environment": "production",
        "session_id": "s_1", "workspace_id": "ws_1", "stack": [
            {"file": "app.js", "function": function, "line": 3, "in_app": true},
            {"file": "main.js", "function": "main", "line": 9, "in_app": true}]})
}

fn with(mut event: Value, fields: &Value) -> Value {
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    event
}

fn list(client: &Client, parameters: &str) -> Vec<Value> {
    client.get(&format!("/v1/issues{parameters}")).expect(200)["issues"].as_array().unwrap().clone()
}

fn only(client: &Client, parameters: &str) -> Value {
    let mut issues = list(client, parameters);
    assert_eq!(issues.len(), 1, "{parameters}: {issues:?}");
    issues.remove(0)
}

fn id(issue: &Value) -> String {
    issue["issue_id"].as_str().unwrap().to_owned()
}

fn decide(client: &Client, issue: &str, decision: &Value) -> crate::http::Reply {
    client.send("PATCH", &format!("/v1/issues/{issue}"), &[], Some(decision.to_string().as_bytes()))
}

fn status(client: &Client, issue: &str) -> (String, bool) {
    let shown = client.get(&format!("/v1/issues/{issue}")).expect(200);
    (shown["status"].as_str().unwrap().to_owned(), shown["is_regressed"].as_bool().unwrap())
}

fn is(status: (String, bool), expected: &str, regressed: bool) {
    assert_eq!(status, (expected.to_owned(), regressed));
}

#[test]
fn errors_of_one_bug_are_one_issue_with_its_figures() {
    let (_site, _server, client) = house();
    let mut shifted = error("draw", "2.4.2");
    shifted["stack"][0]["line"] = json!(77);
    client.events(&json!([
        error("draw", "2.4.1"),
        with(shifted, &json!({"account_id": "acct_1", "workspace_id": "ws_2", "handled": false,
            "breadcrumbs": [{"category": "ui", "message": "clicked"}], "properties": {"tags": {"feature": "gallery"}}})),
        error("erase", "2.4.1"),
        {"kind": "payment", "op": "subscribed", "plan": "pro", "amount_minor": 1900, "currency": "EUR", "account_id": "acct_1"},
        {"kind": "credit", "op": "spend", "amount": 4, "reason": "generation", "ref": "c-1", "account_id": "acct_1",
            "workspace_id": "ws_2"},
    ]));
    client.events(&json!([with(error("draw", "2.4.2"), &json!({"account_id": "acct_1", "workspace_id": "ws_2"})),
        {"kind": "credit", "op": "refund", "amount": 4, "reason": "failed_generation", "ref": "c-2", "account_id": "acct_1",
            "workspace_id": "ws_2"}]));
    assert_eq!(list(&client, "").len(), 2);
    let issue = only(&client, "?q=DRAW");
    let figures = ["events", "unhandled", "people", "workspaces"].map(|name| issue[name].as_i64().unwrap());
    assert_eq!(figures, [3, 1, 2, 2]);
    assert_eq!((&issue["first_release"], &issue["last_release"]), (&json!("2.4.1"), &json!("2.4.2")));
    assert_eq!((&issue["culprit"], &issue["status"]), (&json!("draw in app.js"), &json!("open")));
    assert_eq!(list(&client, "?release=2.4.2").len(), 1);
    assert_eq!(list(&client, "?environment=staging").len(), 0);
    assert_eq!(id(&list(&client, "?sort=events")[0]), id(&issue));

    let shown = client.get(&format!("/v1/issues/{}", id(&issue))).expect(200);
    let impact = &shown["impact"];
    let of = |name: &str| impact[name].as_i64().unwrap();
    assert_eq!([of("accounts"), of("paying_accounts"), of("paying_workspaces")], [1, 1, 1], "{impact}");
    assert_eq!([of("credits_spent"), of("credits_refunded")], [4, 4], "{impact}");
    assert_eq!(shown["trend"][0]["errors"], 3);
    assert_eq!(shown["latest"]["stack"], json!(["draw (app.js:3)", "main (main.js:9)"]));
    assert_eq!(shown["tags"][0], json!({"tag": "feature", "value": "gallery", "events": 1, "share": 33.3}), "{shown}");
    assert!(shown["facets"].as_array().unwrap().iter().any(|facet| facet["facet"] == "release"), "{shown}");
    assert_eq!(
        shown["groupings"][0]["reason"],
        "stack of the app (2 of 2 frames): TypeError in draw @ app.js < main @ main.js"
    );
    assert_eq!(shown["hashes"].as_array().unwrap().len(), 1, "both stacks are alike");

    let events = client.get(&format!("/v1/issues/{}/events?limit=2", id(&issue))).expect(200);
    assert_eq!((events["events"].as_array().unwrap().len(), &events["truncated"]), (2, &json!(true)));
    let told = &client.get(&format!("/v1/issues/{}/events", id(&issue))).expect(200)["events"];
    let clicked = told.as_array().unwrap().iter().find(|event| event["breadcrumbs"] != Value::Null).unwrap();
    assert_eq!(clicked["breadcrumbs"][0]["message"], "clicked");

    let sql = format!("select count(*) from errors where issue_id = '{}'", id(&issue));
    assert_eq!(client.count(&sql), 3);
    let hit = client.rows(&format!("select issue_id, status from issues where issue_id = '{}'", id(&issue)));
    assert_eq!(hit, [json!([id(&issue), "open"])]);
    let paying = client.get(&format!("/v1/queries/paying_workspaces_hit?issue={}", id(&issue))).expect(200);
    assert_eq!(paying["row_count"], 2, "{paying}");
    assert_eq!(paying["rows"][0][5], "c-1", "the debit before it: {paying}");
}

#[test]
fn a_key_that_may_not_see_bills_sees_no_credits_of_an_issue() {
    let (_site, server, client) = house();
    client.events(&json!([error("draw", "1.0.0")]));
    let issue = id(&only(&client, ""));
    let reader = server.key(&json!({"name": "reader", "scopes": ["query"], "purposes": ["product", "reliability"]}));
    let shown = reader.get(&format!("/v1/issues/{issue}")).expect(200);
    assert_eq!((&shown["impact"], &shown["events"]), (&Value::Null, &json!(1)));
}

#[test]
fn a_mended_bug_comes_back_in_that_release_or_a_later_one_alone() {
    let (site, server, client) = house();
    client.events(&json!([error("draw", "2.4.0")]));
    let issue = id(&only(&client, ""));
    let answer =
        decide(&server.scope("review"), &issue, &json!({"status": "resolved", "in_release": "2.4.1"})).expect(200);
    assert_eq!((&answer["status"], &answer["changed_by"]), (&json!("resolved"), &json!("onlyreview")));
    client.events(&json!([error("draw", "2.3.9"), error("draw", "2.4.0"), error("draw", "2.4.1-rc.1")]));
    is(status(&client, &issue), "resolved", false);
    assert_eq!(id(&only(&client, "?status=resolved")), issue);
    assert_eq!(list(&client, "?status=open").len(), 0);
    drop(server);

    let server = site.start();
    let client = server.admin();
    is(status(&client, &issue), "resolved", false);
    client.events(&json!([error("draw", "2.10.0")]));
    is(status(&client, &issue), "open", true);
    let audit = client.get("/v1/audit").expect(200);
    let actions: Vec<&str> =
        audit["lines"].as_array().unwrap().iter().filter_map(|line| line["action"].as_str()).collect();
    assert!(actions.contains(&"issue.regressed") && actions.contains(&"issue.decided"), "{actions:?}");
}

#[test]
fn what_the_next_release_mends_comes_back_only_in_a_later_one() {
    let (site, server, client) = house();
    client.events(&json!([error("draw", "2.4.1")]));
    let issue = id(&only(&client, ""));
    let answer = decide(&client, &issue, &json!({"status": "resolved", "after_release": "2.4.1"})).expect(200);
    assert_eq!((&answer["in_release"], &answer["after_release"]), (&Value::Null, &json!("2.4.1")));
    client.events(&json!([error("draw", "2.4.1")]));
    is(status(&client, &issue), "resolved", false);
    let told = client.rows("select in_release, after_release from issue_states");
    assert_eq!(told, [json!([null, "2.4.1"])]);
    drop(server);

    let server = site.start();
    let client = server.admin();
    client.events(&json!([error("draw", "2.4.1")]));
    is(status(&client, &issue), "resolved", false);
    client.events(&json!([error("draw", "2.4.2")]));
    is(status(&client, &issue), "open", true);
}

#[test]
fn an_issue_is_new_regressed_or_ongoing_until_it_is_decided_about() {
    let (_site, _server, client) = house();
    client.events(&json!([error("draw", "1.0.0"), error("erase", "1.0.0")]));
    let [draw, erase] = ["draw", "erase"].map(|q| id(&only(&client, &format!("?q={q}"))));
    assert_eq!(list(&client, "?state=new").len(), 2);
    assert_eq!(list(&client, "?state=ongoing&new_since=now").len(), 2, "every error came before");
    decide(&client, &draw, &json!({"status": "resolved"})).expect(200);
    decide(&client, &erase, &json!({"status": "ignored"})).expect(200);
    assert_eq!(id(&only(&client, "?state=ignored")), erase);
    client.events(&json!([error("draw", "1.0.0")]));
    assert_eq!((id(&only(&client, "?state=regressed")), list(&client, "?state=new").len()), (draw, 0));
    let counts = client.get("/v1/queries/issue_counts").expect(200);
    assert_eq!(counts["rows"], json!([["ignored", 1], ["regressed", 1]]));
}

#[test]
fn releases_without_an_order_are_ordered_by_when_they_were_first_seen() {
    let (_site, _server, client) = house();
    for release in ["9fceb02", "a11bc0d"] {
        client.events(&json!([error("draw", release)]));
    }
    let issue = id(&only(&client, ""));
    decide(&client, &issue, &json!({"status": "resolved", "in_release": "a11bc0d"})).expect(200);
    client.events(&json!([error("draw", "9fceb02")]));
    is(status(&client, &issue), "resolved", false);
    client.events(&json!([error("draw", "c0ffee1")]));
    is(status(&client, &issue), "open", true);
}

#[test]
fn what_is_ignored_is_left_alone_for_so_long_or_so_many() {
    let (_site, _server, client) = house();
    client.events(&json!([error("draw", "1.0.0"), error("erase", "1.0.0")]));
    let [often, long] = ["draw", "erase"].map(|q| id(&only(&client, &format!("?q={q}"))));
    decide(&client, &often, &json!({"status": "ignored", "until_events": 3})).expect(200);
    let soon = chrono_ms() + 1_500;
    decide(&client, &long, &json!({"status": "ignored", "until": soon})).expect(200);
    client.events(&json!([error("draw", "1.0.0"), error("draw", "1.0.0")]));
    is(status(&client, &often), "ignored", false);
    client.events(&json!([error("draw", "1.0.0")]));
    is(status(&client, &often), "open", false);
    eventually("the time is over", || (status(&client, &long).0 == "open").then_some(()));
}

fn chrono_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

#[test]
fn issues_are_merged_and_split_without_a_row_rewritten() {
    let (site, server, client) = house();
    client.events(&json!([error("draw", "1.0.0"), error("erase", "1.0.0"), error("erase", "1.0.0")]));
    let [into, other] = ["draw", "erase"].map(|q| id(&only(&client, &format!("?q={q}"))));
    let merged = client.post(&format!("/v1/issues/{into}/merge"), &json!({"issues": [other]})).expect(200);
    assert_eq!(merged["hashes"].as_array().unwrap().len(), 2);
    assert_eq!((id(&only(&client, "")), only(&client, "")["events"].as_i64()), (into.clone(), Some(3)));
    client.events(&json!([error("erase", "1.0.1")]));
    assert_eq!(only(&client, "")["events"], 4, "what comes later, too");
    drop(server);

    let server = site.start();
    let client = server.admin();
    let erased = only(&client, "?q=erase");
    assert_eq!(id(&erased), into, "after a restart");
    let hash = client.value("select hash_app from errors where culprit = 'erase in app.js' limit 1");
    let split = client.post(&format!("/v1/issues/{into}/split"), &json!({"hashes": [hash]})).expect(200);
    assert_ne!(id(&split), into);
    assert_eq!(id(&only(&client, "?q=erase")), id(&split));
    assert_eq!(only(&client, "?q=draw")["events"], 1);
}

#[test]
fn other_rules_are_previewed_over_the_past_and_put_in_force_for_it() {
    let (site, server, client) = house();
    let wrapped = |function: &str, wrapper: &str| {
        with(
            error("call", "1.0.0"),
            &json!({"stack": [
            {"file": "http.js", "function": wrapper, "in_app": true}, {"file": "app.js", "function": function, "in_app": true}]}),
        )
    };
    client.events(&json!([wrapped("draw", "retry"), wrapped("draw", "once"), wrapped("erase", "retry")]));
    assert_eq!(list(&client, "").len(), 3);
    let rules = json!({"rules": [{"file": "http.js", "side": "ignore"}]});
    let preview = client.post("/v1/grouping/preview", &rules).expect(200);
    assert_eq!(["version", "events", "before", "after"].map(|name| preview[name].as_i64().unwrap()), [2, 3, 3, 2]);
    assert_eq!(preview["merged"].as_array().unwrap().len(), 1);
    assert_eq!(list(&client, "").len(), 3, "a preview changes nothing");
    assert_eq!(client.get("/v1/grouping").expect(200)["version"], 1);

    assert_eq!(client.put("/v1/grouping", &rules).expect(200)["after"], 2);
    assert_eq!(list(&client, "").len(), 2);
    assert_eq!(only(&client, "?q=draw")["events"], 2);
    client.events(&json!([wrapped("draw", "backoff")]));
    assert_eq!(only(&client, "?q=draw")["events"], 3, "errors that come are grouped so, too");
    drop(server);

    let server = site.start();
    let client = server.admin();
    let shown = client.get("/v1/grouping").expect(200);
    assert_eq!((&shown["version"], &shown["rules"]), (&json!(2), &rules["rules"]));
    client.events(&json!([wrapped("draw", "hedge")]));
    assert_eq!(only(&client, "?q=draw")["events"], 4, "after a restart");
    // Back again: what was one becomes several, for the past as well. What came while the wrapper was ignored has nothing by
    // which it could be told apart.
    let back = client.put("/v1/grouping", &json!({"rules": []})).expect(200);
    assert_eq!((&back["before"], &back["after"]), (&json!(2), &json!(4)), "{back}");
    assert_eq!(list(&client, "").len(), 4);
    client.events(&json!([wrapped("draw", "backoff"), wrapped("draw", "hedge")]));
    assert_eq!(list(&client, "").len(), 5, "errors that come are told apart");
}

#[test]
fn clients_say_by_a_fingerprint_what_is_one() {
    let (_site, _server, client) = house();
    let marked =
        |function: &str, fingerprint: Value| with(error(function, "1.0.0"), &json!({"fingerprint": fingerprint}));
    client.events(&json!([
        marked("draw", json!(["checkout"])),
        marked("erase", json!(["checkout"])),
        marked("draw", json!(["{{ default }}", "eu"]))
    ]));
    let mut events: Vec<i64> = list(&client, "").iter().map(|issue| issue["events"].as_i64().unwrap()).collect();
    events.sort_unstable();
    assert_eq!(events, [1, 2]);
}

#[test]
fn an_import_is_grouped_and_brings_nothing_back() {
    let (_site, _server, client) = house();
    client.events(&json!([error("draw", "1.0.0")]));
    let issue = id(&only(&client, ""));
    decide(&client, &issue, &json!({"status": "resolved"})).expect(200);
    let past = with(error("draw", "9.0.0"), &json!({"ts": chrono_ms() - 86_400_000, "id": "past-1"}));
    let body = json!([past]).to_string();
    client.send("POST", "/v1/events?historical=true", &[], Some(body.as_bytes())).expect(200);
    assert_eq!(only(&client, "")["events"], 2);
    is(status(&client, &issue), "resolved", false);
    client.events(&json!([error("draw", "1.0.0")]));
    is(status(&client, &issue), "open", true);
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let (_site, _server, client) = house();
    client.events(&json!([error("draw", "1.0.0")]));
    let issue = id(&only(&client, ""));
    for (decision, names) in [
        (json!({"status": "done"}), "done"),
        (json!({}), "status"),
        (json!({"status": "open", "in_release": "1"}), "in_release"),
        (json!({"status": "ignored", "after_release": "1"}), "after_release"),
        (json!({"status": "resolved", "in_release": "1", "after_release": "1"}), "both"),
        (json!({"status": "resolved", "after_release": " "}), "after_release"),
        (json!({"status": "resolved", "until_events": 1}), "until"),
        (json!({"status": "ignored", "until": 1}), "until"),
        (json!({"status": "ignored", "until_events": 0}), "until_events"),
        (json!({"status": "resolved", "in_realease": "1"}), "in_realease"),
    ] {
        let reply = decide(&client, &issue, &decision);
        assert_eq!(reply.status, 400, "{decision}");
        assert!(reply.text().contains(names), "{decision}: {}", reply.text());
    }
    decide(&client, "iss_none", &json!({"status": "open"})).refusal(404);
    client.get("/v1/issues/iss_none").refusal(404);
    for (path, body) in [
        ("merge", json!({"issues": []})),
        ("merge", json!({"issues": [issue]})),
        ("split", json!({"hashes": []})),
        ("split", json!({"hashes": ["zz"]})),
        ("split", json!({"hashes": ["0".repeat(32)]})),
    ] {
        client.post(&format!("/v1/issues/{issue}/{path}"), &body).refusal(400);
    }
    client.post(&format!("/v1/issues/{issue}/merge"), &json!({"issues": ["iss_none"]})).refusal(404);
    for parameters in
        ["?status=done", "?state=old", "?sort=name", "?limit=0", "?limit=x", "?colour=red", "?since=yesterday"]
    {
        client.get(&format!("/v1/issues{parameters}")).refusal(400);
    }
    client.put("/v1/grouping", &json!({"rules": [{"side": "app"}]})).refusal(400);
    client.put("/v1/grouping", &json!({"rules": [{"function": "f", "side": "mine"}]})).refusal(400);
}

/// With one issue, a text to look for, and errors both in files and in the buffer, the optimizer refused its own plan, and who asked
/// was shown the plan instead of the trend.
#[test]
fn a_trend_is_answered_over_files_and_buffer_alike() {
    let site = Site::with_config(SETTLES_OFTEN);
    let server = site.start();
    server.admin().events(&json!([error("draw", "2.4.1"), error("draw", "2.4.1")]));
    let tables = |client: &Client| client.get("/v1/status").expect(200)["tables"]["errors"].clone();
    eventually("the errors are in a file", || (tables(&server.admin())["unflushed_rows"] == 0).then_some(()));
    server.stop();
    site.write("weir.toml", NEVER_SETTLES.as_bytes());
    let server = site.start();
    let client = server.admin();
    client.events(&json!([error("draw", "2.4.1")]));
    let kept = tables(&client);
    assert!(kept["files"].as_u64() > Some(0) && kept["unflushed_rows"] == 1, "{kept}");
    let issue = id(&only(&client, ""));
    let trend = client.get(&format!("/v1/queries/issues_trend?issues={issue}&q=undefined")).expect(200);
    assert_eq!(trend["rows"].as_array().unwrap().iter().map(|row| row[2].as_u64().unwrap()).sum::<u64>(), 3);
}
