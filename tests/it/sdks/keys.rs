//! Where an SDK's key is found, what its answers look like, and what a public key's word is worth.

use serde_json::json;

use super::{House, basic, capture, track};

#[test]
fn a_key_is_found_wherever_the_sdk_puts_it() {
    let house = House::new("");
    let (app, admin) = (house.app.as_str(), house.admin());
    let success = json!({"success": true});
    let segment = [
        (
            house.send(
                "/v1/batch",
                &[("authorization", &basic(app))],
                json!({"batch": [track("s1")]}).to_string().as_bytes(),
            ),
            "s1",
        ),
        (house.post("/v1/batch", &json!({"batch": [track("s2")], "writeKey": app})), "s2"),
        (
            house.post("/v1/t", &{
                let mut call = track("s3");
                call["writeKey"] = json!(app);
                call
            }),
            "s3",
        ),
        (house.post(&format!("/v1/track?writeKey={app}"), &track("s4")), "s4"),
        (house.send("/v1/track/", &[("authorization", &basic(app))], track("s5").to_string().as_bytes()), "s5"),
    ];
    for (reply, id) in &segment {
        assert_eq!(reply.expect(200), success, "{id}");
    }
    let bearer = format!("Bearer {app}");
    let ones = json!({"status": 1});
    let inside = |id: &str| {
        let mut event = capture(id);
        event["properties"]["token"] = json!(app);
        event
    };
    for path in ["/batch", "/e", "/i/v0/e", "/capture", "/track", "/engage", "/batch/", "/e/", "/i/v0/e/"] {
        let reply = house.post(path, &json!({"api_key": app, "batch": [capture(&format!("p{path}"))]}));
        assert_eq!(reply.expect(200), ones, "{path}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
    assert_eq!(house.post("/e/", &inside("p-in")).expect(200), ones);
    assert_eq!(house.post("/capture/", &json!([inside("p-array")])).expect(200), ones);
    let v1 = house.send(
        "/i/v1/analytics/events",
        &[("authorization", &bearer)],
        json!({"batch": [capture("v1"), {"event": "a", "uuid": "v2"}, capture("v1")]}).to_string().as_bytes(),
    );
    let results = v1.expect(200);
    assert_eq!(results["results"]["v1"], json!({"result": "ok"}));
    assert_eq!(results["results"]["v2"]["result"], "drop");
    assert!(results["results"]["v2"]["details"].as_str().unwrap().contains("account_id"), "{results}");
    assert_eq!(admin.count("select count(*) from usage where source = 'segment'"), 5);
    assert_eq!(admin.count("select count(*) from usage where source = 'posthog'"), 12);
    assert_eq!(
        admin.count("select count(*) from usage where model = 'xl' and account_id = 'acct_1' and trust = 'server'"),
        12
    );
    assert_eq!(admin.count("select count(*) from rejects where source = 'posthog' and code = 'no_subject'"), 1);
    let outcomes = admin.get("/v1/status").expect(200)["outcomes"]["app"].clone();
    assert_eq!((&outcomes["received"], &outcomes["stored"]), (&json!(19), &json!(17)), "{outcomes}");
}

#[test]
fn an_unknown_key_is_401_and_one_that_may_not_send_403() {
    let house = House::new("");
    let reader = house.server.scope("query").key().to_owned();
    let wrong = "wk_app_notTheSecretOfTheAppAtAll00000";
    let bodies = |key: &str| {
        [
            ("/v1/batch", json!({"batch": [track("a")], "writeKey": key})),
            ("/e/", json!({"api_key": key, "batch": [capture("a")]})),
            ("/flags/?v=2", json!({"token": key, "distinct_id": "x"})),
        ]
    };
    for (path, body) in bodies(wrong) {
        assert_eq!(house.post(path, &body).refusal(401), "unauthorized", "{path}");
    }
    for (path, body) in bodies(&reader) {
        assert_eq!(house.post(path, &body).refusal(403), "forbidden", "{path}");
    }
    for path in ["/v1/batch", "/e/", "/flags/", "/i/v1/analytics/events"] {
        house.post(path, &json!({"batch": []})).refusal(401);
        house.send(path, &[], b"{").refusal(401);
        house.send(path, &[("authorization", &basic(wrong))], b"{}").refusal(401);
    }
    for path in [
        format!("/v1/projects/{wrong}/settings"),
        format!("/array/{wrong}/config"),
        format!("/array/{wrong}/config.js"),
    ] {
        house.server.anonymous().get(&path).refusal(401);
    }
    assert_eq!(house.admin().count("select count(*) from events"), 0);
    assert!(house.metric(&["weir_sdk_refused_total", "posthog", "401"]) >= 5.0, "refusals are counted");
    house.post("/v1/batch", &json!({"batch": [track("a")], "writeKey": house.app})).expect(200);
}

#[test]
fn sdks_that_start_are_told_what_they_need() {
    let house = House::new("");
    let (web, anonymous) = (house.web.as_str(), house.server.anonymous());
    let settings = anonymous.get(&format!("/v1/projects/{web}/settings")).expect(200);
    let here = house.server.url().strip_prefix("http://").unwrap();
    assert_eq!(
        settings["integrations"]["Segment.io"],
        json!({"apiKey": web, "apiHost": format!("{here}/v1"), "protocol": "http"})
    );
    assert_eq!(settings["plan"]["track"]["__default"]["enabled"], true);
    for path in ["/flags/?v=2", "/flags", "/decide/?v=3"] {
        let flags = house.post(path, &json!({"token": web, "distinct_id": "x"})).expect(200);
        assert_eq!(
            (
                &flags["flags"],
                &flags["featureFlags"],
                &flags["featureFlagPayloads"],
                &flags["errorsWhileComputingFlags"]
            ),
            (&json!({}), &json!({}), &json!({}), &json!(false))
        );
        assert!(!flags["requestId"].as_str().unwrap().is_empty());
    }
    let surveys = anonymous.get(&format!("/api/surveys/?token={web}")).expect(200);
    assert_eq!(surveys, json!({"surveys": []}));
    let recording =
        json!({"api_key": web, "batch": [{"event": "$snapshot", "properties": {"$snapshot_data": "a secret page"}}]});
    assert_eq!(house.post("/s/", &recording).expect(200), json!({"status": 1}));
    assert_eq!(house.metric(&["weir_sdk_skipped_total", "posthog", "recording"]), 1.0);
    let config = anonymous.get(&format!("/array/{web}/config")).expect(200);
    assert_eq!(config["supportedCompression"], json!(["gzip", "gzip-js"]));
    for off in ["hasFeatureFlags", "sessionRecording", "surveys", "heatmaps"] {
        assert_eq!(config[off], false, "{off}");
    }
    assert_eq!(config["autocapture_opt_out"], true);
    let script = anonymous.get(&format!("/array/{web}/config.js"));
    assert!(script.header("content-type").unwrap().starts_with("text/javascript"));
    assert!(script.text().contains(&format!("c[\"{web}\"]={{config:{{")), "{}", script.text());
}

#[test]
fn a_public_keys_word_joins_no_one_for_rules() {
    let house = House::new("");
    let admin = house.admin();
    let bind =
        |id: &str, guest: &str| json!({"type": "identify", "userId": "acct_1", "anonymousId": guest, "messageId": id});
    house.post("/v1/batch", &json!({"batch": [bind("w", "gst_web")], "writeKey": house.web})).expect(200);
    house.post("/v1/batch", &json!({"batch": [bind("a", "gst_app")], "writeKey": house.app})).expect(200);
    let rows = admin.rows("select guest_id, account_id, op, trust from identities order by guest_id");
    assert_eq!(rows, [json!(["gst_app", "acct_1", "bind", "server"]), json!(["gst_web", "acct_1", "bind", "public"])]);
    // A block of the account reaches the guest that a server bound to it, and not the one that a browser claimed.
    let until = chrono::Utc::now().timestamp_millis() + 3_600_000;
    let denied = json!({"entity_kind": "account", "entity": "acct_1", "verdict": "block", "reason": "a test", "expires_at": until});
    admin.put("/v1/overrides", &denied).expect(200);
    let verdict = |guest: &str| {
        admin.post("/v1/verdict", &json!({"action": "generate", "guest_id": guest})).expect(200)["verdict"].clone()
    };
    assert_eq!((verdict("gst_app"), verdict("gst_web")), (json!("block"), json!("allow")));
    // And nothing that an SDK says becomes a credit or a payment.
    let sly = json!({"type": "track", "event": "x", "userId": "u", "messageId": "sly", "kind": "credit", "op": "grant", "amount": 9,
        "properties": {"kind": "credit", "op": "grant", "amount": 9}});
    house.post("/v1/batch", &json!({"batch": [sly], "writeKey": house.web})).expect(200);
    assert_eq!(admin.count("select count(*) from credits"), 0);
    assert_eq!(admin.count("select count(*) from usage where event_id = 'sly' and trust = 'public'"), 1);
}

#[test]
fn the_apps_own_guests_are_told_by_their_pattern() {
    let house = House::new("[ids]\nguest = \"^gst_\"\n");
    let admin = house.admin();
    house
        .post(
            "/v1/batch",
            &json!({"batch": [
        {"type": "track", "event": "a", "userId": "gst_1", "anonymousId": "anon-1", "messageId": "m1"},
        {"type": "alias", "userId": "gst_1", "previousId": "acct_1", "messageId": "m2"},
        {"type": "identify", "userId": "gst_2", "anonymousId": "anon-1", "messageId": "m3"},
        {"type": "track", "event": "a", "userId": "jane@example.com", "messageId": "m4"},
    ], "writeKey": house.app}),
        )
        .expect(200);
    assert_eq!(
        admin.rows("select event_id, account_id, guest_id, device_id from usage where event_id = 'm1'"),
        [json!(["m1", null, "gst_1", "anon-1"])]
    );
    assert_eq!(admin.rows("select guest_id, account_id from identities"), [json!(["gst_1", "acct_1"])]);
    let hashed = admin.value("select account_id from usage where event_id = 'm4'");
    assert!(hashed.as_str().unwrap().starts_with("h_"), "{hashed}");
    assert_eq!(house.metric(&["weir_sdk_skipped_total", "segment", "merge_of_guests"]), 1.0);
    assert_eq!(house.metric(&["weir_sdk_ids_hashed_total"]), 1.0);
}
