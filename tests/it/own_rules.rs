//! Rules of the user's own over HTTP and on disk: saved, snoozed and deleted, and what becomes of their hits.

use serde_json::{Value, json};

use crate::http::{Client, Reply};
use crate::server::{Server, Site, eventually};

const NAME: &str = "many_spends";
const TEXT: &str = "--! title: Many spends on one device
--! entity: device
--! on: credit
--! window: 1h
--! mode: live
--! verdict: block
--! points: 30
--! ttl: 1h
select device_id as entity, count(*) as observed, 3 as threshold
from credits
where op = 'spend' and device_id is not null and in_window(received_at)
group by device_id
having count(*) >= 3
";

fn house() -> (Site, Server, Client) {
    let site = Site::new();
    let server = site.start_warm();
    let client = server.admin();
    (site, server, client)
}

fn path() -> String {
    format!("/v1/rules/{NAME}")
}

fn save(client: &Client, text: &str) -> Reply {
    client.put(&path(), &json!({"sql": text}))
}

/// Saves the rule, makes it live and waits until it has its state.
fn save_live(client: &Client) {
    save(client, TEXT).expect(200);
    client.put(&format!("{}/mode", path()), &json!({"mode": "live", "force": true})).expect(200);
    eventually("the rule is warm", || (client.get(&path()).expect(200)["rule"]["warm"] == true).then_some(()));
}

fn spend(client: &Client, device: &str, times: u32) {
    let spends = (0..times).map(|n| {
        json!({"kind": "credit", "op": "spend", "amount": 1, "reason": "generation", "ref": format!("{device}-{n}"),
            "guest_id": "gst_1", "device_id": device})
    });
    client.events(&Value::Array(spends.collect()));
}

fn verdict(client: &Client, device: &str) -> Value {
    client.post("/v1/verdict", &json!({"action": "generate", "device_id": device})).expect(200)["verdict"].clone()
}

/// The causes of the rule's hits that were closed.
fn causes(client: &Client) -> Vec<Value> {
    client.rows(&format!("select entity, cause from hits where rule = '{NAME}' and state = 'closed' order by entity"))
}

#[test]
fn a_saved_rule_is_in_force_at_once_and_begins_in_shadow() {
    let (site, server, client) = house();
    let reviewer = server.scope("review");
    let saved = save(&reviewer, TEXT).expect(200);
    assert_eq!((&saved["rule"]["mode"], &saved["rule"]["way"]), (&json!("shadow"), &json!("live")), "{saved}");
    assert_eq!((&saved["text"], &saved["snoozes"]), (&json!(TEXT), &json!([])));
    let file = site.data().join(format!("queries/rules/{NAME}.sql"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), TEXT);
    assert_eq!(client.get(&path()).expect(200)["rule"]["version"], saved["rule"]["version"]);
    spend(&client, "dev_a", 3);
    eventually("a hit in shadow", || {
        let answer = client.post("/v1/verdict", &json!({"action": "generate", "device_id": "dev_a"})).expect(200);
        (answer["shadow"][0]["rule"] == NAME && answer["verdict"] == "allow").then_some(())
    });

    // The text itself is a body, too; a text that is sent again keeps the mode that was set for it.
    client.put(&format!("{}/mode", path()), &json!({"mode": "live", "force": true})).expect(200);
    let again = reviewer.send("PUT", &path(), &[], Some(TEXT.as_bytes())).expect(200);
    assert_eq!(again["rule"]["mode"], "live");
    let other = TEXT.replace("points: 30", "points: 31");
    assert_eq!(save(&reviewer, &other).expect(200)["rule"]["mode"], "shadow", "another text begins anew");
    server.kill();
    let client_of = site.start();
    let shown = client_of.admin().get(&path()).expect(200);
    assert_eq!((&shown["rule"]["mode"], &shown["text"]), (&json!("shadow"), &json!(other)), "and so after a restart");
}

#[test]
fn what_is_no_rule_is_refused_with_its_line() {
    let site = Site::with_config("[rules]\ndirs = [\"operator\"]\n");
    site.write("operator/theirs.sql", TEXT.replace("mode: live", "mode: shadow").as_bytes());
    let server = site.start();
    let client = server.admin();
    let refused = save(&client, &TEXT.replace("--! on:", "--! onn:"));
    assert_eq!(refused.refusal(400), "invalid_rule");
    let error = &refused.json()["error"];
    assert_eq!((&error["line"], &error["hint"]), (&json!(3), &json!("did you mean `on`?")), "{error}");
    assert!(!error["message"].as_str().unwrap().contains(".sql"), "no path of the machine: {error}");
    save(&client, "select 1").refusal(400);
    for name in ["Rule", "a-b", "..%2Fx", "score", "override", "new", "save", &"x".repeat(65)] {
        client.put(&format!("/v1/rules/{name}"), &json!({"sql": TEXT})).refusal(400);
    }
    client.put(&path(), &json!({"sql": TEXT, "mode": "live"})).refusal_naming(400, "mode");
    let comment = format!("-- {}\n{TEXT}", "x".repeat(64 << 10));
    save(&client, &comment).refusal(413);
    client.send("PUT", &path(), &[], Some(&vec![b'-'; 1 << 20])).refusal(413);
    client.put("/v1/rules/theirs", &json!({"sql": TEXT})).refusal(409);
    assert!(!site.data().join("queries/rules").exists(), "nothing was written");

    client.delete("/v1/rules/theirs").refusal(409);
    client.delete("/v1/rules/card_testing").refusal(409);
    client.delete("/v1/rules/nobody").refusal(404);
    client.delete("/v1/rules/..%2F..%2Fcontrol").refusal(404);
}

#[test]
fn a_text_is_checked_without_being_saved() {
    let (site, server, client) = house();
    let check = |text: &str| client.post(&format!("{}/check", path()), &json!({"sql": text})).expect(200);
    let good = check(TEXT);
    assert_eq!((&good["rule"]["way"], &good["problem"]), (&json!("live"), &Value::Null), "{good}");
    let bad = check(&TEXT.replace("--! on:", "--! onn:"));
    assert_eq!((&bad["rule"], &bad["problem"]["line"]), (&Value::Null, &json!(3)), "{bad}");
    assert_eq!(bad["problem"]["hint"], "did you mean `on`?");
    let column = check(&TEXT.replace("select device_id", "select devise_id"));
    let hint = column["problem"]["hint"].as_str().unwrap();
    assert!(column["problem"]["line"] == 9 && hint.starts_with("did you mean `device_id`"), "{column}");
    client.get(&path()).refusal(404);
    assert!(!site.data().join("queries/rules").exists(), "nothing was written");
    drop(server);
}

#[test]
fn a_mode_can_be_set_for_one_version_alone() {
    let (_site, server, client) = house();
    let saved = save(&client, TEXT).expect(200);
    let put = |version: &Value| client.put(&format!("{}/mode", path()), &json!({"mode": "off", "version": version}));
    put(&json!("0123456789abcdef")).refusal(409);
    assert_eq!(put(&saved["rule"]["version"]).expect(200)["rule"]["mode"], "off");
    drop(server);
}

#[test]
fn a_rule_of_ones_own_hides_a_built_in_one_until_it_is_deleted() {
    let (_site, _server, client) = house();
    let title = |client: &Client| client.get("/v1/rules/card_testing").expect(200)["rule"]["title"].clone();
    let before = title(&client);
    client.put("/v1/rules/card_testing", &json!({"sql": TEXT})).expect(200);
    assert_eq!(title(&client), "Many spends on one device");
    client.delete("/v1/rules/card_testing").expect(204);
    assert_eq!(title(&client), before);
    client.delete("/v1/rules/card_testing").refusal(409);
}

#[test]
fn hits_end_with_their_rule_and_the_table_says_why() {
    let (_site, _server, client) = house();
    save_live(&client);
    spend(&client, "dev_off", 3);
    assert_eq!(verdict(&client, "dev_off"), "block");
    client.put(&format!("{}/mode", path()), &json!({"mode": "off"})).expect(200);
    assert_eq!(verdict(&client, "dev_off"), "allow");

    client.put(&format!("{}/mode", path()), &json!({"mode": "live", "force": true})).expect(200);
    eventually("the rule has its hits again", || (verdict(&client, "dev_off") == "block").then_some(()));
    save(&client, &TEXT.replace(">= 3", ">= 4").replace("3 as", "4 as")).expect(200);
    assert_eq!(verdict(&client, "dev_off"), "allow", "the new text begins in shadow");

    save_live(&client);
    eventually("the old text finds it again", || (verdict(&client, "dev_off") == "block").then_some(()));
    client.delete(&path()).expect(204);
    assert_eq!(verdict(&client, "dev_off"), "allow");
    client.get(&path()).refusal(404);
    client.delete(&path()).refusal(404);
    let told = ["rule_off", "rule_changed", "rule_deleted"];
    eventually("the table has the causes", || {
        let causes: Vec<String> = causes(&client).iter().map(|row| row[1].as_str().unwrap().to_owned()).collect();
        told.iter().all(|cause| causes.iter().any(|found| found == cause)).then_some(())
    });
    let open = client
        .count(&format!("select count(*) from hits where rule = '{NAME}' and state <> 'closed' and cause is not null"));
    assert_eq!(open, 0, "only closed hits have a cause");
}

#[test]
fn a_file_that_is_removed_from_disk_ends_its_hits_too() {
    let (site, server, client) = house();
    let file = site.data().join(format!("queries/rules/{NAME}.sql"));
    save_live(&client);
    spend(&client, "dev_a", 3);
    assert_eq!(verdict(&client, "dev_a"), "block");
    std::fs::remove_file(&file).unwrap();
    eventually("the hit is over", || (verdict(&client, "dev_a") == "allow").then_some(()));
    eventually("the table says why", || (causes(&client) == [json!(["dev_a", "rule_deleted"])]).then_some(()));

    // And so does one that is removed while nobody looks.
    save_live(&client);
    eventually("it has its hit again", || (verdict(&client, "dev_a") == "block").then_some(()));
    server.kill();
    std::fs::remove_file(&file).unwrap();
    let server = site.start_warm();
    let client = server.admin();
    assert_eq!(verdict(&client, "dev_a"), "allow");
    let twice = [json!(["dev_a", "rule_deleted"]), json!(["dev_a", "rule_deleted"])];
    eventually("the table says why", || (causes(&client) == twice).then_some(()));
}

#[test]
fn a_snoozed_hit_counts_for_nothing_and_is_still_shown() {
    let (site, server, client) = house();
    save_live(&client);
    spend(&client, "dev_a", 3);
    let snooze = format!("{}/snooze", path());
    let soon = (chrono::Utc::now() + chrono::Duration::days(2)).to_rfc3339();
    let body = json!({"entity_kind": "device", "entity": "dev_a", "until": soon, "reason": "a test device"});
    let reviewer = server.scope("review");
    client.post("/v1/rules/nobody/snooze", &body).refusal(404);
    for (change, named) in [
        (json!({"until": "2020-01-01T00:00:00Z"}), "until"),
        (json!({"until": "2999-01-01T00:00:00Z"}), "until"),
        (json!({"entity_kind": "moon"}), "entity_kind"),
        (json!({"entity": ""}), "entity"),
        (json!({"version": "x"}), "version"),
    ] {
        let mut wrong = body.clone();
        change.as_object().unwrap().iter().for_each(|(name, value)| wrong[name] = value.clone());
        client.post(&snooze, &wrong).refusal_naming(400, named);
    }
    assert_eq!(verdict(&client, "dev_a"), "block");
    let set = reviewer.post(&snooze, &body).expect(200);
    assert_eq!((&set["entity"], &set["created_by"]), (&json!("dev_a"), &json!("onlyreview")), "{set}");
    assert_eq!(verdict(&client, "dev_a"), "allow");
    assert_eq!(client.get(&path()).expect(200)["snoozes"], json!([set]));
    assert_eq!(client.get("/v1/restrictions").expect(200), json!({"restrictions": []}));
    let shown = client.get("/v1/entities/device/dev_a").expect(200);
    let hit = &shown["hits"][0];
    assert_eq!((&hit["rule"], &hit["counts"], &shown["score"]), (&json!(NAME), &json!(false), &json!(0)), "{shown}");
    assert_eq!(shown["snoozes"][0]["rule"], NAME);
    server.kill();

    let server = site.start_warm();
    let client = server.admin();
    assert_eq!(verdict(&client, "dev_a"), "allow", "it outlives the process");
    client.delete(&format!("{snooze}?entity_kind=device&entity=dev_a")).expect(204);
    assert_eq!(verdict(&client, "dev_a"), "block");
    let named = json!({"entity_kind": "device", "entity": "dev_a"}).to_string();
    client.send("DELETE", &snooze, &[], Some(named.as_bytes())).refusal(404);
}
