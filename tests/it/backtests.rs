//! Backtests over HTTP and the command line: what they find is what live found, and only they let a rule go live.

use serde_json::{Value, json};

use crate::http::Client;
use crate::server::{ADMIN_KEY, Site, eventually};

const RULE: &str = "many_grants";

/// Sends grants of so many guests on one device, one request each, so that each has its own `received_at`.
fn grant_guests(client: &Client, device: &str, guests: u32) {
    for guest in 0..guests {
        client.events(&json!({"kind": "credit", "op": "grant", "amount": 50, "reason": "guest_grant", "ref": format!("g-{device}-{guest}"),
            "guest_id": format!("gst_{device}_{guest}"), "device_id": device}));
    }
}

/// Runs a backtest to its end and returns its result.
fn backtest(client: &Client, rule: &str, body: &Value) -> Value {
    let reply = client.post(&format!("/v1/rules/{rule}/backtest"), body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let text = reply.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (last, progress) = lines.split_last().unwrap();
    assert!(progress.iter().all(|line| line["progress"]["total"].is_u64()), "{text}");
    assert!(last["result"].is_object(), "{text}");
    last["result"].clone()
}

#[test]
fn a_backtest_finds_what_live_found_and_weighs_it() {
    let site = Site::with_many_grants();
    let server = site.start_warm();
    let client = server.admin();
    for (device, guests) in [("dev_a", 5), ("dev_b", 3), ("dev_c", 8), ("dev_d", 4)] {
        grant_guests(&client, device, guests);
    }
    client.post("/v1/labels", &json!({"entity_kind": "device", "entity": "dev_a", "label": "confirmed_abuse", "effective_at": "2026-11-01T00:00:00Z"})).expect(200);
    client.post("/v1/labels", &json!({"entity_kind": "device", "entity": "dev_d", "label": "false_positive", "effective_at": "2026-11-01T00:00:00Z"})).expect(200);
    client.post("/v1/labels", &json!({"entity_kind": "device", "entity": "dev_b", "label": "chargeback", "effective_at": "2026-11-01T00:00:00Z"})).expect(200);
    client.events(&json!([
        {"kind": "credit", "op": "spend", "amount": 7, "reason": "generation", "ref": "s1", "guest_id": "gst_x", "device_id": "dev_a"},
        {"kind": "credit", "op": "spend", "amount": 9, "reason": "generation", "ref": "s2", "guest_id": "gst_y", "device_id": "dev_d"},
        {"kind": "credit", "op": "spend", "amount": 11, "reason": "generation", "ref": "s3", "guest_id": "gst_z", "device_id": "dev_b"},
    ]));
    client.post("/v1/verdict", &json!({"action": "generate", "device_id": "dev_a"})).expect(200);
    client.post("/v1/verdict", &json!({"action": "generate", "device_id": "dev_b"})).expect(200);
    eventually("the decisions are in their table", || {
        (client.count("select count(*) from verdicts") == 2).then_some(())
    });

    let result = backtest(&client, RULE, &json!({}));
    let hits = client.rows(&format!(
        "select entity, first_at, observed from hits where rule = '{RULE}' and state = 'opened' order by first_at"
    ));
    let entities = result["entities"].as_array().unwrap();
    let found: Vec<(&str, &str)> =
        entities.iter().map(|e| (e["entity"].as_str().unwrap(), e["first_at"].as_str().unwrap())).collect();
    let live: Vec<(String, String)> = hits
        .iter()
        .map(|row| (row[0].as_str().unwrap().to_owned(), row[1].as_str().unwrap()[..23].to_owned()))
        .collect();
    assert_eq!(found.len(), 3, "{result}");
    for ((entity, first_at), (live_entity, live_first_at)) in found.iter().zip(&live) {
        assert_eq!((*entity, &first_at[..23]), (live_entity.as_str(), live_first_at.as_str()));
    }
    assert_eq!((&result["hits"], &result["approximate"]), (&json!(3), &json!(false)));
    assert_eq!(entities.iter().find(|e| e["entity"] == "dev_c").unwrap()["observed"], 8);
    assert_eq!(
        (&result["labels"]["true"], &result["labels"]["false"], &result["labels"]["unknown"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(result["labels"]["paying"], 0);
    assert_eq!((&result["labels"]["precision"], &result["labels"]["recall"]), (&json!(0.5), &json!(0.5)));
    assert_eq!((&result["credits"]["saved"], &result["credits"]["stopped"]), (&json!(7), &json!(9)));
    assert_eq!(
        (&result["decisions_changed"]["changed"], &result["decisions_changed"]["total"]),
        (&json!(1), &json!(2))
    );
    let neighbours = result["neighbours"].as_array().unwrap();
    let at = |threshold: i64| neighbours.iter().find(|other| other["threshold"] == threshold).unwrap();
    assert_eq!((&at(3)["added"], &at(3)["added_legitimate"], &at(3)["missed"]), (&json!(1), &json!(0), &json!(0)));
    assert_eq!((&at(5)["missed"], &at(6)["missed_abusive"]), (&json!(1), &json!(1)));

    // A range before all of it finds nothing; a draft is tested in the rule's place.
    let before = backtest(&client, RULE, &json!({"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}));
    assert_eq!((&before["hits"], &before["labels"]["precision"]), (&json!(0), &Value::Null));
    let text = client.get(&format!("/v1/rules/{RULE}")).expect(200)["text"].as_str().unwrap().replace(">= 4", ">= 3");
    let draft = backtest(&client, RULE, &json!({"sql": text}));
    assert_eq!(draft["hits"], 4);
    assert_ne!(draft["version"], result["version"]);
}

#[test]
fn only_a_backtest_of_this_very_version_lets_a_rule_go_live() {
    let site = Site::with_many_grants();
    let server = site.start_warm();
    let client = server.admin();
    let reviewer = server.scope("review");
    let mode = format!("/v1/rules/{RULE}/mode");
    reviewer.put(&mode, &json!({"mode": "live"})).refusal(409);
    reviewer.put(&mode, &json!({"mode": "live", "backtest_id": "bt_none"})).refusal(409);
    reviewer.put(&mode, &json!({"mode": "live", "force": true})).refusal(403);
    let text = client.get(&format!("/v1/rules/{RULE}")).expect(200)["text"].as_str().unwrap().to_owned();
    let other = backtest(&client, RULE, &json!({"sql": format!("{text}\n-- another text")}));
    reviewer.put(&mode, &json!({"mode": "live", "backtest_id": other["backtest_id"]})).refusal(409);
    let of_another = backtest(&client, "card_testing", &json!({}));
    reviewer.put(&mode, &json!({"mode": "live", "backtest_id": of_another["backtest_id"]})).refusal(409);

    // A scheduled rule's backtest is exact, too, however coarse its series.
    let scheduled = backtest(&client, "new_identity_rush", &json!({"step": "1d", "from": "2026-11-01T00:00:00Z"}));
    assert_eq!(scheduled["approximate"], false);
    let rush = "/v1/rules/new_identity_rush/mode";
    let live = reviewer.put(rush, &json!({"mode": "live", "backtest_id": scheduled["backtest_id"]})).expect(200);
    assert_eq!(live["rule"]["mode"], "live");

    let tested = backtest(&reviewer, RULE, &json!({}));
    let live = reviewer.put(&mode, &json!({"mode": "live", "backtest_id": tested["backtest_id"]})).expect(200);
    assert_eq!(live["rule"]["mode"], "live");
}

#[test]
fn a_bad_request_is_told_what_is_wrong() {
    let site = Site::with_many_grants();
    let server = site.start_warm();
    let client = server.admin();
    let refused = |body: Value| client.post(&format!("/v1/rules/{RULE}/backtest"), &body).refusal(400);
    refused(json!({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}));
    refused(json!({"from": "yesterday"}));
    refused(json!({"step": "often"}));
    refused(json!({"since": "30d"}));
    refused(json!({"sql": "select 1"}));
    client.post("/v1/rules/nobody/backtest", &json!({})).refusal(404);
    server.scope("query").post(&format!("/v1/rules/{RULE}/backtest"), &json!({})).refusal(403);
}

#[test]
fn the_command_line_tests_files_and_names_with_and_without_a_server() {
    let site = Site::with_many_grants();
    let server = site.start_warm();
    grant_guests(&server.admin(), "dev_a", 5);
    let text =
        server.admin().get(&format!("/v1/rules/{RULE}")).expect(200)["text"].as_str().unwrap().replace(">= 4", ">= 6");
    site.write("stricter.sql", text.as_bytes());
    let url = server.url().to_owned();
    let ran = |arguments: &[&str]| {
        let output = site.run(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        text
    };
    let remote = ["--url", url.as_str(), "--key", ADMIN_KEY];
    let shown = ran(&[&["rules", "backtest", RULE, "--since", "1d"][..], &remote].concat());
    assert!(shown.contains("1 hits on 1 entities") && shown.contains("dev_a"), "{shown}");
    let draft = ran(&[&["rules", "backtest", "stricter.sql", "--json"][..], &remote].concat());
    assert_eq!(serde_json::from_str::<Value>(&draft).unwrap()["hits"], 0);
    server.stop();
    let local = ran(&["rules", "backtest", RULE, "--since", "1d", "--data", "data"]);
    assert!(local.contains("1 hits on 1 entities") && local.contains("dev_a"), "{local}");
    assert_eq!(site.run(&["rules", "backtest", "nobody", "--data", "data"]).status.code(), Some(2));
}
