//! Every folder of `tests/scenarios`: its fraud must be restrained by the rule of its name, its benign twin must not.
//!
//! Events posted together are received together. A file whose first line says `historical` is imported instead: its
//! events carry ages such as `-90s` or `-23h` as their `ts`, and count as received so long ago.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::http::Client;
use crate::server::{Site, eventually, within};

/// After an import every rule reads the past, in a test without optimisation.
const PATIENCE: Duration = Duration::from_secs(120);

/// One file of a scenario: what its first line expects, and its events.
struct Script {
    /// The verdict; `none` is a request that is allowed, with the rule among the reasons.
    expect: String,
    /// The friction that comes with it, if the file names one.
    step_up: Option<String>,
    historical: bool,
    ask: Vec<Value>,
    events: String,
}

impl Script {
    fn read(scenario: &str, name: &str) -> Self {
        let path = root().join("tests/scenarios").join(scenario).join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (head, events) = text.split_once('\n').unwrap();
        let head: Value = serde_json::from_str(head).unwrap();
        let ask = head["ask"].as_array().unwrap().clone();
        assert!(!ask.is_empty(), "{}", path.display());
        let historical = head["historical"] == true;
        Self {
            expect: head["expect"].as_str().unwrap().to_owned(),
            step_up: head["step_up"].as_str().map(str::to_owned),
            historical,
            ask,
            events: if historical { ages_to_times(events) } else { events.to_owned() },
        }
    }

    fn send(&self, client: &Client) {
        let path = if self.historical { "/v1/events?historical=true" } else { "/v1/events" };
        let answer = client.send("POST", path, &[], Some(self.events.as_bytes())).outcome();
        assert_eq!(answer["stored"], self.events.lines().count(), "{answer}");
    }

    /// Waits until every request is given what the file expects, because of the rule.
    fn wait_until_restrained(&self, client: &Client, rule: &str) {
        for ask in &self.ask {
            let mut ask = ask.clone();
            // A request may expect something else than the rest of its file.
            let own = ask.as_object_mut().unwrap().remove("expect");
            let expect = own.as_ref().map_or(self.expect.as_str(), |own| own.as_str().unwrap());
            within(PATIENCE, &format!("{rule} answers {ask} with {expect}"), || {
                let answer = client.post("/v1/verdict", &ask).expect(200);
                // After an import the rules read their history, and answers are degraded for a moment.
                let is_full = answer["degraded"] == false;
                let has_step_up = self.step_up.as_ref().is_none_or(|step_up| answer["step_up"] == **step_up);
                (is_full && has_step_up && is_restrained(&answer, expect, rule)).then_some(())
            });
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Gives events the times that their ages mean now.
fn ages_to_times(events: &str) -> String {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let with_time = |line: &str| {
        let mut event: Value = serde_json::from_str(line).unwrap();
        let age_ms = age_to_ms(event["ts"].as_str().unwrap());
        event["ts"] = json!(u64::try_from(now_ms).unwrap() - age_ms);
        format!("{event}\n")
    };
    events.lines().map(with_time).collect()
}

fn age_to_ms(age: &str) -> u64 {
    let age = age.strip_prefix('-').unwrap();
    let (number, unit) = age.split_at(age.find(|c: char| !c.is_ascii_digit()).unwrap());
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => panic!("-{age} is no age"),
    };
    number.parse::<u64>().unwrap() * unit_ms
}

/// Tells whether an answer is the expected one because of the rule.
fn is_restrained(answer: &Value, expect: &str, rule: &str) -> bool {
    let verdict = if expect == "none" { "allow" } else { expect };
    let reasons = answer["reasons"].as_array().unwrap();
    answer["verdict"] == verdict && reasons.iter().any(|reason| reason["rule"] == rule && reason["verdict"] == expect)
}

fn set_mode(client: &Client, rule: &str, mode: &str) {
    let set = client.put(&format!("/v1/rules/{rule}/mode"), &json!({"mode": mode, "force": true})).expect(200);
    assert_eq!(set["rule"]["mode"], mode);
}

fn play(rule: &str) {
    let site = Site::new();
    let server = site.start_warm();
    let client = server.admin();
    let (benign, fraud) = (Script::read(rule, "benign.ndjson"), Script::read(rule, "fraud.ndjson"));
    // A rule that is put to work after an import reads the past at once; one at work would do so at its own pace.
    let is_past = benign.historical || fraud.historical;
    set_mode(&client, rule, if is_past { "off" } else { "live" });
    // The benign go first: what finds the fraud, be it a rule run now and then, has seen them, too.
    benign.send(&client);
    fraud.send(&client);
    set_mode(&client, rule, "live");
    fraud.wait_until_restrained(&client, rule);
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
fn a_guest_reset_loop_is_throttled_and_a_school_tablet_is_not() {
    play("guest_reset_loop");
}

#[test]
fn a_burst_of_newcomers_adds_points_and_a_school_class_does_not() {
    play("signup_burst");
}

#[test]
fn the_grant_of_a_throw_away_mailbox_is_held_and_that_of_a_forwarded_one_is_not() {
    play("disposable_email");
}

#[test]
fn many_spellings_of_one_mailbox_are_throttled_and_colleagues_are_not() {
    play("email_alias_cluster");
}

#[test]
fn gathered_guests_are_throttled_and_a_guest_bound_again_is_not() {
    play("bind_farm");
}

#[test]
fn referring_oneself_is_throttled_and_referring_friends_is_not() {
    play("referral_self");
}

#[test]
fn spending_and_taking_the_money_back_is_blocked_and_a_double_charge_is_not() {
    play("spend_then_reverse");
}

#[test]
fn a_disputed_card_is_blocked_elsewhere_and_a_familys_card_is_not() {
    play("reused_disputed_card");
}

#[test]
fn credential_stuffing_is_challenged_and_a_mistyping_school_is_not() {
    play("credential_stuffing");
}

#[test]
fn impossible_travel_is_challenged_and_a_passenger_is_not() {
    play("impossible_travel");
}

#[test]
fn accounts_that_hang_together_are_held_and_those_of_a_library_are_not() {
    play("linked_accounts");
}

#[test]
fn a_shared_account_is_throttled_and_a_household_is_not() {
    play("account_sharing");
}

#[test]
fn a_leaked_key_is_throttled_and_a_campaign_is_not() {
    play("key_leak");
}

#[test]
fn scripted_generation_is_throttled_and_a_busy_person_is_not() {
    play("scripted_generation");
}

#[test]
fn no_benign_twin_is_restrained_by_any_rule() {
    let site = Site::new();
    let server = site.start_warm();
    let client = server.admin();
    let both = |rule: String| (Script::read(&rule, "benign.ndjson"), Script::read(&rule, "fraud.ndjson"), rule);
    let mut stories: Vec<_> = names("tests/scenarios").into_iter().map(both).collect();
    stories.iter().for_each(|(_, _, rule)| set_mode(&client, rule, "off"));
    // Files without ages are told all at once, which no honest crowd does.
    stories.retain(|(benign, fraud, _)| benign.historical && fraud.historical);
    for (benign, fraud, _) in &stories {
        benign.send(&client);
        fraud.send(&client);
    }
    names("queries/rules").iter().for_each(|rule| set_mode(&client, rule, "live"));
    // A rule that has found its fraud has seen the benign, too.
    for (_, fraud, rule) in &stories {
        let mut ask = fraud.ask[0].clone();
        ask.as_object_mut().unwrap().remove("expect");
        within(PATIENCE, &format!("{rule} finds {ask}"), || {
            let answer = client.post("/v1/verdict", &ask).expect(200);
            answer["reasons"].as_array().unwrap().iter().find(|reason| reason["rule"] == **rule).cloned()
        });
    }
    for ask in stories.iter().flat_map(|(benign, _, _)| &benign.ask) {
        let answer = client.post("/v1/verdict", ask).expect(200);
        assert_eq!(answer["verdict"], "allow", "{ask}: {answer}");
    }
}

#[test]
fn every_built_in_rule_has_a_scenario_and_every_scenario_a_rule() {
    assert_eq!(names("queries/rules"), names("tests/scenarios"));
}

/// Returns what lies in a directory, in order, without extensions.
fn names(dir: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(dir)).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn an_import_opens_the_hits_whose_window_is_over_and_whose_time_is_not() {
    let site = Site::new();
    let server = site.start_warm();
    let client = server.admin();
    client.put("/v1/rules/card_testing/mode", &json!({"mode": "live", "force": true})).expect(200);
    let begun = chrono::Utc::now() - chrono::TimeDelta::minutes(30);
    let tries = (0..6).map(|n| {
        let at = begun + chrono::TimeDelta::seconds(n);
        json!({"kind": "payment", "op": "failed", "amount_minor": 100, "currency": "EUR", "device_id": "dev_old",
            "account_id": "acct_old", "card_hash": format!("card_{n}"), "ts": at.to_rfc3339()})
    });
    let body = Value::Array(tries.collect()).to_string();
    let sent = client.send("POST", "/v1/events?historical=true", &[], Some(body.as_bytes()));
    assert_eq!(sent.status, 200, "{}", sent.text());
    eventually("the hit of half an hour ago restrains", || {
        let answer = client.post("/v1/verdict", &json!({"action": "pay", "device_id": "dev_old"})).expect(200);
        is_restrained(&answer, "block", "card_testing").then_some(())
    });
}

#[test]
fn an_import_opens_the_hits_that_a_scheduled_rule_would_have_made_in_its_time() {
    let site = Site::new();
    let server = site.start_warm();
    let client = server.admin();
    let text = "--! title: Spends on a device that was never seen before\n--! entity: device\n--! on: credit, identity\n\
        --! window: 10min\n--! every: 10s\n--! mode: live\n--! verdict: block\n--! points: 10\n--! ttl: 1h\n\
        select device_id as entity, count(*) as observed, 3 as threshold from credits \
        where device_id is not null and in_window(received_at) \
        and not exists (select 1 from identities where identities.device_id = credits.device_id) \
        group by device_id having count(*) >= 3";
    client.put("/v1/rules/unseen_device", &json!({"sql": text})).expect(200);
    client.put("/v1/rules/unseen_device/mode", &json!({"mode": "live", "force": true})).expect(200);
    let rule = client.get("/v1/rules/unseen_device").expect(200);
    assert_eq!(rule["rule"]["way"], "scheduled", "{rule}");
    let spend = |device: &str, minutes: i64, n: i64| {
        let at = chrono::Utc::now() - chrono::TimeDelta::minutes(minutes) + chrono::TimeDelta::seconds(n);
        json!({"kind": "credit", "op": "spend", "amount": 1, "reason": "generation", "ref": format!("{device}-{n}"),
            "guest_id": "gst_old", "device_id": device, "ts": at.to_rfc3339()})
    };
    let spends = (0..3).flat_map(|n| [spend("dev_past", 30, n), spend("dev_long_past", 90, n)]);
    let body = Value::Array(spends.collect()).to_string();
    let sent = client.send("POST", "/v1/events?historical=true", &[], Some(body.as_bytes()));
    assert_eq!(sent.status, 200, "{}", sent.text());
    let ask =
        |device: &str| client.post("/v1/verdict", &json!({"action": "generate", "device_id": device})).expect(200);
    eventually("the hit of half an hour ago restrains", || {
        is_restrained(&ask("dev_past"), "block", "unseen_device").then_some(())
    });
    assert_eq!(ask("dev_long_past")["verdict"], "allow", "that hit has ended since");
}
