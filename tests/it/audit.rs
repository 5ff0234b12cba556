//! `GET /v1/audit`: every change has its line, whoever made it, and a tampered log is found out.

use serde_json::{Value, json};

use crate::server::{Server, Site, eventually};

const RULE: &str = "--! title: Everything\n--! entity: device\n--! window: 1h\n--! mode: live\n--! ttl: 1h\n\
    select device_id as entity, count(*) as observed, 1 as threshold from usage where in_window(received_at) group by device_id";

/// Makes one change of each kind by a key named `ops`, which the bootstrap key makes and revokes.
fn change_everything(server: &Server) {
    let client = server.admin();
    let soon = (chrono::Utc::now() + chrono::Duration::hours(1)).to_rfc3339();
    let made = client.post("/v1/keys", &json!({"name": "ops", "scopes": ["review"]})).expect(200);
    let ops = server.with_key(made["key"].as_str().unwrap());
    client.put("/v1/rules/card_testing/mode", &json!({"mode": "live", "force": true})).expect(200);
    let with = |more: Value| {
        let mut body = json!({"entity_kind": "device", "entity": "dev_1"});
        more.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
        body
    };
    ops.put("/v1/overrides", &with(json!({"verdict": "block", "reason": "seen", "expires_at": soon}))).expect(200);
    ops.delete("/v1/overrides?entity_kind=device&entity=dev_1").expect(204);
    ops.delete("/v1/overrides?entity_kind=device&entity=dev_1").refusal(404);
    ops.post("/v1/rules/card_testing/snooze", &with(json!({"until": soon}))).expect(200);
    ops.delete("/v1/rules/card_testing/snooze?entity_kind=device&entity=dev_1").expect(204);
    ops.put("/v1/rules/mine", &json!({"sql": RULE})).expect(200);
    ops.delete("/v1/rules/mine").expect(204);
    ops.post("/v1/labels", &with(json!({"label": "refund"}))).expect(200);
    client.delete(&format!("/v1/keys/{}", made["id"].as_str().unwrap())).expect(204);
    client.post("/v1/keys", &json!({"name": "a-b", "scopes": ["review"]})).refusal(400);
}

#[test]
fn every_change_has_its_line() {
    let site = Site::new();
    site.write("data/queries/rules/forced.sql", RULE.as_bytes());
    let server = site.start_warm();
    change_everything(&server);
    let client = server.admin();
    let answer = client.get("/v1/audit").expect(200);
    let lines = answer["lines"].as_array().unwrap();
    let told = |actor: &str| -> Vec<&str> {
        let of_actor = lines.iter().rev().filter(|line| line["actor"] == actor);
        of_actor.map(|line| line["action"].as_str().unwrap()).collect()
    };
    assert_eq!(told("admin"), ["key.created", "rule.mode", "key.revoked"]);
    let by_ops = "override.set override.ended snooze.set snooze.ended rule.saved rule.deleted label.set";
    assert_eq!(told("ops").join(" "), by_ops);
    assert_eq!(told("file"), ["rule.forced_by_file", "policy.changed"]);
    let line = |action: &str| lines.iter().find(|line| line["action"] == action).unwrap();
    let mode = &line("rule.mode")["detail"];
    assert_eq!((&mode["rule"], &mode["mode"], &mode["forced"]), (&json!("card_testing"), &json!("live"), &json!(true)));
    assert_eq!(line("override.set")["detail"]["entity"], "dev_1");
    assert_eq!(line("rule.forced_by_file")["detail"]["rule"], "forced");
    assert_eq!((&answer["verified"], &answer["problem"]), (&json!(true), &Value::Null));
    assert_eq!(answer["total"], lines[0]["seq"]);

    let two = client.get("/v1/audit?limit=2").expect(200);
    assert_eq!(two["lines"].as_array().unwrap(), &lines[..2]);
    let before = client.get(&format!("/v1/audit?limit=1&before={}", lines[1]["seq"])).expect(200);
    assert_eq!(before["lines"][0], lines[2]);
    client.get("/v1/audit?limit=0").refusal_naming(400, "limit");
    client.get("/v1/audit?since=1").refusal_naming(400, "since");
}

#[test]
fn what_files_say_is_told_once_a_version() {
    let site = Site::new();
    site.write("data/queries/rules/forced.sql", RULE.as_bytes());
    site.start().stop();
    let policy = |rate: u32| {
        let text = format!("[[limit]]\naction = \"generate\"\nby = \"guest\"\nrate = \"{rate}/min\"\nburst = 2\n");
        site.write("data/policy.toml", text.as_bytes());
    };
    policy(2);
    let server = site.start();
    let client = server.admin();
    let by_file = || -> Vec<String> {
        let answer = client.get("/v1/audit").expect(200);
        let lines = answer["lines"].as_array().unwrap().iter().rev().filter(|line| line["actor"] == "file");
        lines.map(|line| line["action"].as_str().unwrap().to_owned()).collect()
    };
    let both = ["rule.forced_by_file", "policy.changed", "policy.changed"];
    assert_eq!(by_file(), both, "the policy changed between two runs");
    policy(3);
    eventually("the changed policy is told of", || (by_file().len() == 4).then_some(()));
    site.write("data/queries/rules/forced.sql", format!("{RULE} having count(*) >= 1").as_bytes());
    eventually("so is another text that is live", || {
        (by_file().iter().filter(|action| *action == "rule.forced_by_file").count() == 2).then_some(())
    });
}

#[test]
fn a_line_that_was_tampered_with_is_found_out() {
    let site = Site::new();
    let server = site.start();
    server.scope("query");
    server.stop();
    let file = site.data().join("control.sqlite");
    let bytes = std::fs::read(&file).unwrap();
    // Where the name stands in a line's detail; the same bytes are longer in no other place of it.
    let place = bytes.windows(11).position(|window| window == b"\"onlyquery\"").unwrap();
    let mut tampered = bytes;
    tampered[place + 1] = b'O';
    std::fs::write(&file, tampered).unwrap();
    let server = site.start();
    let answer = server.admin().get("/v1/audit").expect(200);
    assert_eq!(answer["verified"], false, "{answer}");
    assert!(answer["problem"].as_str().unwrap().contains("was changed"), "{answer}");
}
