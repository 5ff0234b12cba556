//! `POST /v1/verdict` and what steers it: overrides, limits, live rules, labels. Not the rules' texts (`scenarios.rs`).

use serde_json::{Value, json};

use crate::http::Client;
use crate::server::{Server, Site, eventually};

const RULE: &str = "many_grants";

fn house() -> (Site, Server, Client) {
    let site = Site::with_many_grants();
    let server = site.start_warm();
    let client = server.admin();
    (site, server, client)
}

#[track_caller]
fn ask(client: &Client, body: &Value) -> Value {
    client.post("/v1/verdict", body).expect(200)
}

/// Sends the grants of guests `from..=to` on one device, one request.
fn grant_guests(client: &Client, device: &str, from: u32, to: u32) {
    let grants = (from..=to).map(|guest| {
        json!({"kind": "credit", "op": "grant", "amount": 50, "reason": "guest_grant", "ref": format!("g-{device}-{guest}"),
            "guest_id": format!("gst_{device}_{guest}"), "device_id": device})
    });
    let answer = client.events(&Value::Array(grants.collect()));
    assert_eq!(answer["stored"], to - from + 1, "{answer}");
}

fn set_mode(client: &Client, mode: &str) {
    let set = client.put(&format!("/v1/rules/{RULE}/mode"), &json!({"mode": mode, "force": true})).expect(200);
    assert_eq!(set["rule"]["mode"], mode);
}

fn reason_of<'a>(answer: &'a Value, list: &str, rule: &str) -> &'a Value {
    let reasons = answer[list].as_array().unwrap();
    reasons
        .iter()
        .find(|reason| reason["rule"] == rule)
        .unwrap_or_else(|| panic!("{rule} is not in {list} of {answer}"))
}

#[test]
fn every_field_is_accepted_and_the_answer_has_exactly_the_documented_shape() {
    let (_site, _server, client) = house();
    let answer = ask(
        &client,
        &json!({
            "action": "generate", "request_id": "r-all", "account_id": "acct_1", "guest_id": "gst_9", "device_id": "dev_3",
            "session_id": "s_7", "workspace_id": "ws_2", "api_key_id": null, "referrer_id": null, "user_agent": null,
            "ip": "203.0.113.7", "card_hash": null, "email": null, "cost_credits": 4, "dry_run": false, "explain": "codes",
        }),
    );
    let names: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    let mut documented = vec![
        "decision_id",
        "verdict",
        "step_up",
        "score",
        "retry_after_ms",
        "expires_at",
        "cache_ttl_ms",
        "reasons",
        "shadow",
        "policy_version",
        "data_as_of",
        "degraded",
    ];
    documented.sort_unstable();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, documented);
    assert_eq!(answer["verdict"], "allow");
    assert_eq!(answer["step_up"], "none");
    assert_eq!(answer["score"], 0);
    assert_eq!(answer["retry_after_ms"], Value::Null);
    assert_eq!(answer["reasons"], json!([]));
    assert_eq!(answer["shadow"], json!([]));
    assert_eq!(answer["degraded"], false);
    assert!(answer["cache_ttl_ms"].is_u64() && answer["policy_version"].is_string(), "{answer}");
    assert!(answer["expires_at"].as_str().unwrap().ends_with('Z'), "{answer}");
    // And the fields that were null, filled.
    let filled = json!({"action": "pay", "api_key_id": "ak_1", "referrer_id": "acct_2", "user_agent": "Mozilla/5.0",
        "ip": "2001:db8::1", "card_hash": "c4f1", "email": "someone@example.com", "dry_run": true, "explain": "none"});
    assert_eq!(ask(&client, &filled)["verdict"], "allow");
    for action in ["signup", "login", "bind", "grant", "generate", "pay", "key_use"] {
        assert_eq!(ask(&client, &json!({"action": action, "device_id": "dev_3"}))["verdict"], "allow");
    }
}

#[test]
fn bad_input_is_refused_and_named_never_allowed() {
    let (_site, server, client) = house();
    let refused = |body: Value, name: &str| client.post("/v1/verdict", &body).refusal_naming(400, name);
    refused(json!({"action": "generate", "device_id": "d", "devise_id": "d"}), "devise_id");
    refused(json!({"action": "generate"}), "entity");
    refused(json!({"action": "generate", "device_id": null}), "entity");
    refused(json!({"action": "generate", "device_id": ""}), "device_id");
    refused(json!({"device_id": "d"}), "action");
    refused(json!({"action": "genrate", "device_id": "d"}), "action");
    refused(json!({"action": "generate", "device_id": "d", "ip": "300.1.1.1"}), "ip");
    refused(json!({"action": "generate", "device_id": "d", "email": "nobody"}), "email");
    refused(json!({"action": "generate", "device_id": "d", "cost_credits": -1}), "cost_credits");
    refused(json!({"action": "generate", "device_id": "d", "cost_credits": 1.5}), "cost_credits");
    refused(json!({"action": "generate", "device_id": 7}), "text");
    refused(json!({"action": "generate", "device_id": "d", "explain": "all"}), "all");
    refused(json!([]), "");
    for body in ["", "{", "nonsense", "{\"action\":\"generate\",\"device_id\":\"d\"} x"] {
        client.send("POST", "/v1/verdict", &[], Some(body.as_bytes())).refusal(400);
    }
    let plain = json!({"action": "generate", "device_id": "d"});
    server.anonymous().post("/v1/verdict", &plain).refusal(401);
    server.scope("query").post("/v1/verdict", &plain).refusal(403);
    let caller = server.scope("verdict");
    assert_eq!(ask(&caller, &plain)["verdict"], "allow");
    let rows = json!({"action": "generate", "device_id": "d", "explain": "rows"});
    caller.post("/v1/verdict", &rows).refusal(403);
    assert_eq!(ask(&client, &rows)["verdict"], "allow");
}

#[test]
fn a_repeated_request_id_gets_the_same_decision_and_another_body_a_conflict() {
    let (_site, server, client) = house();
    let body = json!({"action": "grant", "request_id": "again", "device_id": "d"});
    let first = ask(&client, &body);
    assert_eq!(ask(&client, &body), first);
    client.post("/v1/verdict", &json!({"action": "grant", "request_id": "again", "device_id": "e"})).refusal(409);
    // Another key's request ids are its own.
    assert_ne!(ask(&server.scope("verdict"), &body)["decision_id"], first["decision_id"]);
    let id = first["decision_id"].as_str().unwrap();
    assert_eq!(client.get(&format!("/v1/decisions/{id}")).expect(200)["decision_id"], id);
}

#[test]
fn decisions_become_rows_soon_but_dry_runs_do_not() {
    let (_site, _server, client) = house();
    ask(&client, &json!({"action": "grant", "device_id": "dry", "dry_run": true}));
    ask(&client, &json!({"action": "grant", "device_id": "wet", "request_id": "w-1", "cost_credits": 4}));
    let asked = std::time::Instant::now();
    let sql = "select device_id, action, verdict, score, request_id, cost_credits, weight from verdicts where action = 'grant'";
    let rows = eventually("the decision is a row", || Some(client.rows(sql)).filter(|rows| !rows.is_empty()));
    assert!(asked.elapsed().as_secs() < 3, "{:?}", asked.elapsed());
    assert_eq!(rows, [json!(["wet", "grant", "allow", 0, "w-1", 4, 1])]);
}

#[test]
fn overrides_block_and_allow_until_they_are_deleted() {
    let (site, server, client) = house();
    let put = |change: Value| {
        let mut body = json!({"entity_kind": "device", "entity": "dev_o", "verdict": "block", "reason": "seen by hand",
            "expires_at": "2999-01-01T00:00:00Z"});
        let soon = chrono::Utc::now() + chrono::Duration::hours(1);
        body["expires_at"] = json!(soon.to_rfc3339());
        for (name, value) in change.as_object().unwrap() {
            if value == "missing" {
                body.as_object_mut().unwrap().remove(name);
            } else {
                body[name] = value.clone();
            }
        }
        client.put("/v1/overrides", &body)
    };
    for required in ["entity_kind", "entity", "verdict", "reason", "expires_at"] {
        put(json!({required: "missing"})).refusal_naming(400, required);
    }
    put(json!({"reason": " "})).refusal_naming(400, "reason");
    put(json!({"expires_at": "2020-01-01T00:00:00Z"})).refusal_naming(400, "expires_at");
    put(json!({"verdict": "forbid"})).refusal_naming(400, "verdict");

    let body = json!({"action": "generate", "device_id": "dev_o"});
    put(json!({})).expect(200);
    let answer = ask(&client, &body);
    assert_eq!(answer["verdict"], "block");
    assert_eq!(reason_of(&answer, "reasons", "override")["entity"], "dev_o");
    assert_eq!(client.get("/v1/overrides").expect(200)["overrides"][0]["reason"], "seen by hand");
    let restrictions = client.get("/v1/restrictions").expect(200).to_string();
    assert!(restrictions.contains("dev_o"), "{restrictions}");
    server.kill();

    // It outlives the process; an allow in its place skips hits.
    let server = site.start_warm();
    let client = server.admin();
    assert_eq!(ask(&client, &body)["verdict"], "block");
    client.delete("/v1/overrides?entity_kind=device&entity=dev_o").expect(204);
    client.delete("/v1/overrides?entity_kind=device&entity=dev_o").refusal(404);
    assert_eq!(ask(&client, &body)["verdict"], "allow");
    set_mode(&client, "live");
    grant_guests(&client, "dev_o", 1, 4);
    assert_eq!(ask(&client, &body)["verdict"], "throttle");
    let soon = (chrono::Utc::now() + chrono::Duration::hours(1)).timestamp_millis();
    let allow = json!({"entity_kind": "device", "entity": "dev_o", "verdict": "allow", "reason": "a school", "expires_at": soon});
    client.put("/v1/overrides", &allow).expect(200);
    assert_eq!(ask(&client, &body)["verdict"], "allow");
}

#[test]
fn a_limit_of_the_policy_throttles_and_dry_runs_do_not_spend_it() {
    let site = Site::new();
    site.write("data/policy.toml", b"[[limit]]\naction = \"generate\"\nby = \"guest\"\nrate = \"2/min\"\nburst = 2\n");
    let server = site.start_warm();
    let client = server.admin();
    let body = |guest: &str, dry: bool| json!({"action": "generate", "guest_id": guest, "dry_run": dry});
    for _ in 0..3 {
        assert_eq!(ask(&client, &body("gst_1", true))["verdict"], "allow");
    }
    for _ in 0..2 {
        assert_eq!(ask(&client, &body("gst_1", false))["verdict"], "allow");
    }
    let third = ask(&client, &body("gst_1", false));
    assert_eq!(third["verdict"], "throttle");
    let wait = third["retry_after_ms"].as_u64().unwrap();
    assert!((1..=30_000).contains(&wait), "{third}");
    assert_eq!(reason_of(&third, "reasons", "limit:generate:guest")["entity"], "gst_1");
    assert_eq!(ask(&client, &body("gst_2", false))["verdict"], "allow");
    assert_eq!(ask(&client, &json!({"action": "grant", "guest_id": "gst_1"}))["verdict"], "allow");
}

#[test]
fn a_live_rule_restrains_the_very_next_request_and_its_hits_outlive_a_kill() {
    let (site, server, client) = house();
    let no_backtest = client.put(&format!("/v1/rules/{RULE}/mode"), &json!({"mode": "live"}));
    no_backtest.refusal(409);
    set_mode(&client, "live");
    let body = json!({"action": "generate", "device_id": "dev_m"});
    grant_guests(&client, "dev_m", 1, 3);
    assert_eq!(ask(&client, &body)["verdict"], "allow");
    grant_guests(&client, "dev_m", 4, 4);
    let answer = ask(&client, &body);
    assert_eq!(answer["verdict"], "throttle");
    assert_eq!(answer["score"], 40);
    assert!((1..=60_000).contains(&answer["retry_after_ms"].as_u64().unwrap()), "{answer}");
    let reason = reason_of(&answer, "reasons", RULE);
    let told =
        json!([reason["entity_kind"], reason["entity"], reason["observed"], reason["threshold"], reason["window"]]);
    assert_eq!(told, json!(["device", "dev_m", 4, 4, "24h"]));
    let mut names: Vec<&str> = reason.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let documented =
        ["entity", "entity_kind", "observed", "points", "rule", "threshold", "until", "verdict", "version", "window"];
    assert_eq!(names, documented);
    // The rule covers grant and generate, not pay.
    assert_eq!(ask(&client, &json!({"action": "pay", "device_id": "dev_m"}))["verdict"], "allow");
    server.kill();

    let server = site.start_warm();
    let client = server.admin();
    let answer = ask(&client, &body);
    assert_eq!((&answer["verdict"], &answer["degraded"]), (&json!("throttle"), &json!(false)), "{answer}");
    // The state is back, too: four more guests make eight.
    grant_guests(&client, "dev_m", 5, 8);
    let answer = ask(&client, &body);
    assert_eq!(answer["verdict"], "block");
    assert_eq!(reason_of(&answer, "reasons", RULE)["observed"], 8);
}

#[test]
fn a_rule_in_shadow_only_tells() {
    let (_site, _server, client) = house();
    set_mode(&client, "shadow");
    grant_guests(&client, "dev_s", 1, 8);
    let answer = ask(&client, &json!({"action": "generate", "device_id": "dev_s"}));
    assert_eq!((&answer["verdict"], &answer["score"], &answer["reasons"]), (&json!("allow"), &json!(0), &json!([])));
    let shadow = reason_of(&answer, "shadow", RULE);
    assert_eq!((&shadow["verdict"], &shadow["observed"]), (&json!("block"), &json!(8)));
}

#[test]
fn a_batch_is_answered_in_order() {
    let (_site, _server, client) = house();
    set_mode(&client, "live");
    grant_guests(&client, "dev_b", 1, 4);
    let mut batch: Vec<Value> =
        (0..1_000).map(|n| json!({"action": "grant", "device_id": format!("dev_{n}")})).collect();
    batch[500] = json!({"action": "grant", "device_id": "dev_b"});
    batch[700] = json!({"action": "grant"});
    let answers = client.post("/v1/verdicts", &Value::Array(batch.clone())).expect(200);
    assert_eq!(answers.as_array().unwrap().len(), 1_000);
    for (index, answer) in answers.as_array().unwrap().iter().enumerate() {
        match index {
            500 => assert_eq!(answer["verdict"], "throttle", "{answer}"),
            700 => assert!(answer["error"]["message"].is_string(), "{answer}"),
            _ => assert_eq!(answer["verdict"], "allow", "{index}: {answer}"),
        }
    }
    batch.push(json!({"action": "grant", "device_id": "one_too_many"}));
    client.post("/v1/verdicts", &Value::Array(batch)).refusal_naming(400, "1000");
    client.post("/v1/verdicts", &json!({"action": "grant", "device_id": "d"})).refusal(400);
}

#[test]
fn labels_are_kept() {
    let (_site, _server, client) = house();
    let label = json!({"entity_kind": "device", "entity": "dev_l", "label": "confirmed_abuse",
        "effective_at": "2026-11-01T00:00:00Z", "note": "seen"});
    let answer = client.post("/v1/labels", &label).expect(200);
    assert!(answer["receipt"].as_str().unwrap().starts_with("r_"), "{answer}");
    let rows = client.rows("select entity_kind, entity, label, note, to_char(effective_at, '%Y-%m-%d') from labels");
    assert_eq!(rows, [json!(["device", "dev_l", "confirmed_abuse", "seen", "2026-11-01"])]);
    let change = |name: &str, value: &str| {
        let mut label = label.clone();
        label[name] = json!(value);
        client.post("/v1/labels", &label).refusal_naming(400, name);
    };
    change("label", "meanie");
    change("entity_kind", "planet");
    change("colour", "red");
}

#[test]
fn a_rule_that_blocks_too_many_established_devices_goes_back_to_shadow() {
    let (_site, _server, client) = house();
    let long_ago = (chrono::Utc::now() - chrono::TimeDelta::days(8)).to_rfc3339();
    let views = (0..210)
        .map(|n| json!({"kind": "usage", "name": "page.view", "device_id": format!("dev_{n}"), "ts": long_ago}));
    let body = Value::Array(views.collect()).to_string();
    let sent = client.send("POST", "/v1/events?historical=true", &[], Some(body.as_bytes()));
    assert_eq!(sent.status, 200, "{}", sent.text());
    set_mode(&client, "live");
    // Three of the 210 (1.4 %) are blocked; the rule allows itself 0.5 %.
    for n in 0..3 {
        grant_guests(&client, &format!("dev_{n}"), 1, 8);
    }
    for n in 0..210 {
        let answer = ask(&client, &json!({"action": "grant", "device_id": format!("dev_{n}")}));
        assert_eq!(answer["verdict"] == "block", n < 3, "{answer}");
    }
    eventually("the rule is in shadow again", || {
        (client.get(&format!("/v1/rules/{RULE}")).expect(200)["rule"]["mode"] == "shadow").then_some(())
    });
    assert_eq!(ask(&client, &json!({"action": "grant", "device_id": "dev_0"}))["verdict"], "allow");
    let line = &client.get("/v1/audit?limit=1").expect(200)["lines"][0];
    assert_eq!((&line["actor"], &line["action"]), (&json!("weir"), &json!("rule.tripped")));
    assert_eq!((&line["detail"]["rule"], &line["detail"]["why"]["blocked"]), (&json!(RULE), &json!(3)), "{line}");
}
