//! What a reviewer is told: the events behind a reason, and all that is known of an entity.

use serde_json::{Value, json};

use crate::http::Client;
use crate::server::{Server, Site, eventually};

const RULE: &str = "many_grants";

fn house() -> (Site, Server, Client) {
    let site = Site::with_many_grants();
    let server = site.start_warm();
    let client = server.admin();
    client.put(&format!("/v1/rules/{RULE}/mode"), &json!({"mode": "live", "force": true})).expect(200);
    (site, server, client)
}

/// Sends grants of so many guests on one device; their ids begin with the device.
fn grant_guests(client: &Client, device: &str, guests: u32) {
    let grants = (0..guests).map(|n| {
        json!({"id": format!("{device}-{n}"), "kind": "credit", "op": "grant", "amount": 50, "reason": "guest_grant",
            "ref": format!("{device}-{n}"), "guest_id": format!("gst_{device}_{n}"), "device_id": device})
    });
    client.events(&Value::Array(grants.collect()));
}

fn ask(client: &Client, device: &str) -> Value {
    client.post("/v1/verdict", &json!({"action": "generate", "device_id": device, "explain": "rows"})).expect(200)
}

fn reason<'a>(answer: &'a Value, rule: &str) -> &'a Value {
    let reasons = answer["reasons"].as_array().unwrap();
    reasons.iter().find(|reason| reason["rule"] == rule).unwrap_or_else(|| panic!("{rule} in {answer}"))
}

fn ids(reason: &Value) -> Vec<&str> {
    let mut ids: Vec<&str> =
        reason["evidence"].as_array().unwrap().iter().map(|event| event["event_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_reason_shows_the_events_that_it_rests_on() {
    let (site, server, client) = house();
    grant_guests(&client, "dev_a", 4);
    // Neither another's grant, nor another kind of entry, nor what a browser says is evidence.
    grant_guests(&client, "dev_b", 1);
    client.events(&json!([{"kind": "credit", "op": "spend", "amount": 1, "reason": "generation", "ref": "s", "guest_id": "g", "device_id": "dev_a"},
        {"kind": "usage", "name": "page.view", "device_id": "dev_a"}]));
    let answer = ask(&client, "dev_a");
    assert_eq!(answer["verdict"], "throttle");
    let hit = reason(&answer, RULE);
    assert_eq!(ids(hit), ["dev_a-0", "dev_a-1", "dev_a-2", "dev_a-3"]);
    let first = &hit["evidence"][0];
    assert_eq!((&first["table"], &first["trust"]), (&json!("credits"), &json!("server")), "{first}");
    assert!(first["received_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(hit["evidence_truncated"], false);

    // The same from a decision that is asked for later, from memory and from its table.
    let path = format!("/v1/decisions/{}", answer["decision_id"].as_str().unwrap());
    let plain = client.get(&path).expect(200);
    assert!(reason(&plain, RULE).get("evidence").is_none(), "{plain}");
    let told = client.get(&format!("{path}?explain=rows")).expect(200);
    assert_eq!(reason(&told, RULE)["evidence"], hit["evidence"]);
    assert_eq!(client.get(&format!("{path}?explain=none")).expect(200)["reasons"], json!([]));
    client.get(&format!("{path}?explain=all")).refusal_naming(400, "explain");
    eventually("the decision is a row", || (client.count("select count(*) from verdicts") == 1).then_some(()));
    server.kill();
    let server = site.start_warm();
    let client = server.admin();
    let kept = client.get(&format!("{path}?explain=rows")).expect(200);
    assert_eq!(reason(&kept, RULE)["evidence"], hit["evidence"]);

    // Of another version than the one in force nothing can be said.
    let text = client.get(&format!("/v1/rules/{RULE}")).expect(200)["text"].as_str().unwrap().to_owned();
    client.put(&format!("/v1/rules/{RULE}"), &json!({"sql": format!("{text}\n-- changed")})).expect(200);
    let changed = client.get(&format!("{path}?explain=rows")).expect(200);
    let hit = reason(&changed, RULE);
    assert_eq!(hit["evidence"], Value::Null);
    assert!(hit["evidence_note"].as_str().unwrap().contains("version"), "{hit}");
    server.scope("query").get(&format!("{path}?explain=rows")).refusal(403);
}

#[test]
fn evidence_is_held_to_the_newest_hundred_and_only_hits_have_it() {
    let (_site, _server, client) = house();
    grant_guests(&client, "dev_many", 130);
    let soon = (chrono::Utc::now() + chrono::Duration::hours(1)).to_rfc3339();
    let body = json!({"entity_kind": "device", "entity": "dev_many", "verdict": "block", "reason": "seen", "expires_at": soon});
    client.put("/v1/overrides", &body).expect(200);
    let answer = ask(&client, "dev_many");
    assert_eq!(reason(&answer, "override").get("evidence"), None, "{answer}");
    let hit = reason(&answer, RULE);
    assert_eq!((hit["evidence"].as_array().unwrap().len(), &hit["evidence_truncated"]), (100, &json!(true)));
    let asked = |device: &str, explain: &str| json!({"action": "generate", "device_id": device, "explain": explain});
    let answers =
        client.post("/v1/verdicts", &json!([asked("dev_many", "rows"), asked("dev_many", "codes"), {"action": "x"}]));
    let answers = answers.expect(200);
    assert_eq!(reason(&answers[0], RULE)["evidence"], hit["evidence"]);
    assert!(reason(&answers[1], RULE).get("evidence").is_none());
    assert!(answers[2]["error"].is_object());
}

#[test]
fn a_scheduled_rule_shows_what_it_looked_at() {
    let (_site, _server, client) = house();
    // A round of all scheduled rules takes long in a build for tests; this one shall not wait for it.
    for rule in client.get("/v1/rules").expect(200)["rules"].as_array().unwrap() {
        if rule["way"] == "scheduled" {
            let mode = format!("/v1/rules/{}/mode", rule["name"].as_str().unwrap());
            client.put(&mode, &json!({"mode": "off"})).expect(200);
        }
    }
    let text = "--! title: Spent after a failed payment\n--! entity: account\n--! window: 1h\n--! every: 1s\n--! verdict: throttle\n--! ttl: 10min\n\
        select c.account_id as entity, count(*) as observed, 1 as threshold from credits as c \
        join payments as p on p.account_id = c.account_id and p.op = 'failed' \
        where c.op = 'spend' and in_window(c.received_at) and in_window(p.received_at) group by c.account_id";
    client.put("/v1/rules/spent_unpaid", &json!({"sql": text})).expect(200);
    client.events(&json!([
        {"id": "c1", "kind": "credit", "op": "spend", "amount": 1, "reason": "generation", "ref": "s", "account_id": "acct_1"},
        {"id": "p1", "kind": "payment", "op": "failed", "amount_minor": 100, "currency": "EUR", "account_id": "acct_1"},
        {"id": "u1", "kind": "usage", "name": "page.view", "account_id": "acct_1"},
    ]));
    let answer = eventually("a hit in shadow", || {
        let body = json!({"action": "generate", "account_id": "acct_1", "explain": "rows"});
        let answer = client.post("/v1/verdict", &body).expect(200);
        answer["shadow"].as_array().is_some_and(|shadow| !shadow.is_empty()).then_some(answer)
    });
    assert_eq!(ids(&answer["shadow"][0]), ["c1", "p1"]);
}

#[test]
fn every_kind_of_entity_can_be_looked_up() {
    let (_site, server, client) = house();
    client.events(&json!([
        {"id": "u1", "kind": "usage", "name": "image.generate", "account_id": "acct_1", "guest_id": "gst_1", "device_id": "dev_1",
            "session_id": "s_1", "workspace_id": "ws_1", "api_key_id": "ak_1", "ip": "203.0.113.7"},
        {"id": "p1", "kind": "payment", "op": "failed", "amount_minor": 100, "currency": "EUR", "card_hash": "c4f1", "account_id": "acct_1"},
        {"id": "i1", "kind": "identity", "op": "signup", "account_id": "acct_1", "email": "jane+x@example.com", "referrer_id": "acct_2"},
        {"id": "g1", "kind": "credit", "op": "grant", "amount": 5, "reason": "promo", "ref": "r1", "guest_id": "gst_9"},
    ]));
    let reviewer = server.scope("review");
    let show = |kind: &str, id: &str| reviewer.get(&format!("/v1/entities/{kind}/{id}")).expect(200);
    for (kind, id, event, what) in [
        ("account", "acct_1", "i1", "signup"),
        ("guest", "gst_1", "u1", "image.generate"),
        ("device", "dev_1", "u1", "image.generate"),
        ("session", "s_1", "u1", "image.generate"),
        ("workspace", "ws_1", "u1", "image.generate"),
        ("api_key", "ak_1", "u1", "image.generate"),
        ("ip", "203.0.113.7", "u1", "image.generate"),
        ("ip_prefix", "203.0.113.0%2F24", "u1", "image.generate"),
        ("card", "c4f1", "p1", "failed"),
        ("email", "jane@example.com", "i1", "signup"),
        ("wallet", "ws_1", "u1", "image.generate"),
        ("wallet", "gst_9", "g1", "grant"),
        ("referrer", "acct_2", "i1", "signup"),
    ] {
        let shown = show(kind, id);
        let found = shown["events"].as_array().unwrap().iter().find(|shown| shown["event_id"] == event);
        let found = found.unwrap_or_else(|| panic!("{event} of {kind}: {shown}"));
        assert_eq!((&found["what"], &found["trust"]), (&json!(what), &json!("server")), "{kind}");
        assert_eq!((&shown["entity_kind"], &shown["score"]), (&json!(kind), &json!(0)));
        assert!(!shown.to_string().contains("203.0.113.7") && !shown.to_string().contains("jane"), "{shown}");
    }
    let unknown = reviewer.get("/v1/entities/device/nobody");
    unknown.refusal(404);
    reviewer.get("/v1/entities/network/64500").refusal(404);
    reviewer.get("/v1/entities/moon/x").refusal_naming(400, "referrer");
    server.scope("query").get("/v1/entities/device/dev_1").refusal(403);
}

#[test]
fn an_entity_is_shown_with_its_score_its_decisions_and_its_labels() {
    let (_site, _server, client) = house();
    grant_guests(&client, "dev_e", 4);
    client.events(&json!({"kind": "identity", "op": "bind", "guest_id": "gst_e", "account_id": "acct_e"}));
    let decided = ask(&client, "dev_e");
    let label = json!({"entity_kind": "device", "entity": "dev_e", "label": "confirmed_abuse", "note": "seen"});
    client.post("/v1/labels", &label).expect(200);
    let shown = eventually("the decision is in its table", || {
        let shown = client.get("/v1/entities/device/dev_e").expect(200);
        (shown["decisions"].as_array().unwrap().len() == 1).then_some(shown)
    });
    assert_eq!(shown["score"], 40);
    let hit = &shown["hits"][0];
    assert_eq!((&hit["rule"], &hit["points"], &hit["counts"]), (&json!(RULE), &json!(40), &json!(true)));
    let decision = &shown["decisions"][0];
    assert_eq!((&decision["id"], &decision["verdict"]), (&decided["decision_id"], &json!("throttle")));
    assert_eq!((&decision["action"], &decision["score"]), (&json!("generate"), &json!(40)));
    assert_eq!(
        (&shown["labels"][0]["label"], &shown["labels"][0]["note"]),
        (&json!("confirmed_abuse"), &json!("seen"))
    );
    let line = &client.get("/v1/audit?limit=1").expect(200)["lines"][0];
    let read = json!({"entity_kind": "device", "entity": "dev_e"});
    assert_eq!((&line["action"], &line["detail"]), (&json!("entity.read"), &read), "who looks is on record");
    assert_eq!(shown["events"].as_array().unwrap().len(), 4);
    let guest = client.get("/v1/entities/guest/gst_e").expect(200);
    assert_eq!(guest["links"], json!([{"entity_kind": "account", "entity": "acct_e"}]));
}
