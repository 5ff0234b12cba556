//! Every folder of `tests/scenarios`: its fraud must be restrained by the rule of its name, its benign twin must not.

use std::path::Path;

use serde_json::{Value, json};

use crate::http::Client;
use crate::server::{Site, eventually};

/// One file of a scenario: what its first line expects, and its events.
struct Script {
    expect: String,
    ask: Vec<Value>,
    events: String,
}

impl Script {
    fn read(scenario: &str, name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(scenario).join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (head, events) = text.split_once('\n').unwrap();
        let head: Value = serde_json::from_str(head).unwrap();
        let ask = head["ask"].as_array().unwrap().clone();
        assert!(!ask.is_empty(), "{}", path.display());
        Self { expect: head["expect"].as_str().unwrap().to_owned(), ask, events: events.to_owned() }
    }

    fn send(&self, client: &Client) {
        let answer = client.events_raw(&self.events).outcome();
        assert_eq!(answer["stored"], self.events.lines().count(), "{answer}");
    }
}

/// Tells whether an answer is the expected one because of the rule.
fn is_restrained(answer: &Value, expect: &str, rule: &str) -> bool {
    let reasons = answer["reasons"].as_array().unwrap();
    answer["verdict"] == expect && reasons.iter().any(|reason| reason["rule"] == rule && reason["verdict"] == expect)
}

fn play(rule: &str) {
    let site = Site::new();
    let server = site.start_warm();
    let client = server.admin();
    let live = client.put(&format!("/v1/rules/{rule}/mode"), &json!({"mode": "live", "force": true})).expect(200);
    assert_eq!(live["rule"]["mode"], "live");

    let (benign, fraud) = (Script::read(rule, "benign.ndjson"), Script::read(rule, "fraud.ndjson"));
    // The benign go first: what finds the fraud, be it a rule run now and then, has seen them, too.
    benign.send(&client);
    fraud.send(&client);
    for ask in &fraud.ask {
        let answer = eventually(&format!("{rule} restrains {ask}"), || {
            let answer = client.post("/v1/verdict", ask).expect(200);
            is_restrained(&answer, &fraud.expect, rule).then_some(answer)
        });
        assert_eq!(answer["degraded"], false, "{answer}");
    }
    assert_eq!(benign.expect, "allow");
    for ask in &benign.ask {
        let answer = client.post("/v1/verdict", ask).expect(200);
        assert_eq!(answer["verdict"], "allow", "{ask}: {answer}");
        // Every open live hit of an entity that is named adds to the score, whatever the actions it covers.
        assert_eq!(answer["score"], 0, "{ask}: {answer}");
        let named: Vec<&Value> =
            ["reasons", "shadow"].iter().flat_map(|list| answer[list].as_array().unwrap()).collect();
        assert!(named.iter().all(|reason| reason["rule"] != rule), "{ask}: {answer}");
    }
    let ids = benign.ask.iter().flat_map(|ask| ask.as_object().unwrap().values()).filter_map(Value::as_str);
    let ids = ids.map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
    let hits = client
        .rows(&format!("select entity_kind, entity, observed from hits where rule = '{rule}' and entity in ({ids})"));
    assert!(hits.is_empty(), "{hits:?}");
}

#[test]
fn many_guests_on_one_device_are_throttled_and_a_family_tablet_is_not() {
    play("device_many_guests");
}

#[test]
fn card_testing_is_blocked_and_a_declined_customer_is_not() {
    play("card_testing");
}

#[test]
fn an_overspent_wallet_is_blocked_and_an_honest_ledger_is_not() {
    play("ledger_overspend");
}

#[test]
fn rushing_guests_are_throttled_and_patient_newcomers_are_not() {
    play("new_identity_rush");
}

#[test]
fn every_built_in_rule_has_a_scenario_and_every_scenario_a_rule() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = |dir: &str| {
        let entries = std::fs::read_dir(root.join(dir)).unwrap().map(|entry| entry.unwrap().path());
        let mut names: Vec<_> = entries.map(|path| path.file_stem().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names("queries/rules"), names("tests/scenarios"));
}
