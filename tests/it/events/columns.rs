//! What Weir adds to an event: country, network, browser, address hash; and what it believes of the sender.

use std::path::Path;

use serde_json::{Value, json};

use crate::http::Client;
use crate::mmdb;
use crate::server::{Site, eventually};

const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
    Version/17.5 Mobile/15E148 Safari/604.1";
const CRAWLER: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

fn from(id: &str, ip: &str) -> Value {
    json!({"kind": "usage", "id": id, "name": "x", "account_id": "a", "ip": ip})
}

fn row(client: &Client, columns: &str, id: &str) -> Value {
    let rows = client.rows(&format!("select {columns} from usage where event_id = '{id}'"));
    assert_eq!(rows.len(), 1, "{id}");
    rows[0].clone()
}

#[test]
fn a_real_country_database_is_read() {
    let database = std::env::var("WEIR_TEST_COUNTRY_DB").expect(
        "WEIR_TEST_COUNTRY_DB must name a country database (mmdb): run tests/run.sh, which installs one, or\n  \
         (cd tests/clients && npm ci) and set it to the .mmdb file in node_modules/@ip-location-db",
    );
    assert!(Path::new(&database).is_file(), "WEIR_TEST_COUNTRY_DB names no file: {database}");
    let site = Site::with_config(&format!("[geo]\ncountry_db = \"{database}\"\n"));
    let server = site.start();
    let admin = server.admin();
    let status = admin.get("/v1/status").expect(200)["geo"]["country"].clone();
    assert_eq!(status["loaded"], true, "{status}");
    assert!(status["built_at"].is_string() && status["problem"].is_null(), "{status}");
    admin.events(&json!([
        from("dns4", "8.8.8.8"),
        from("dns6", "2001:4860:4860::8888"),
        from("ripe", "193.0.6.139"),
        from("none", "10.1.2.3")
    ]));
    let countries = admin.rows("select event_id, country from usage order by event_id");
    assert_eq!(json!(countries), json!([["dns4", "US"], ["dns6", "US"], ["none", null], ["ripe", "NL"]]));
}

#[test]
fn without_databases_the_columns_are_null_and_the_status_says_so() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    admin.events(&from("e", "8.8.8.8"));
    assert_eq!(row(&admin, "country, asn, as_org", "e"), json!([null, null, null]));
    let geo = admin.get("/v1/status").expect(200)["geo"].clone();
    for database in ["country", "network"] {
        assert_eq!(geo[database]["loaded"], false, "{geo}");
        assert!(geo[database]["problem"].as_str().is_some_and(|problem| problem.contains("configured")), "{geo}");
    }
}

#[test]
fn databases_are_loaded_anew_when_their_files_change() {
    let site = Site::with_config("[geo]\ncountry_db = \"country.mmdb\"\nnetwork_db = \"network.mmdb\"\n");
    site.write("country.mmdb", &mmdb::country("DE"));
    site.write("network.mmdb", &mmdb::network(64_500, "Example Net"));
    let server = site.start();
    let admin = server.admin();
    admin.events(&from("before", "203.0.113.7"));
    assert_eq!(row(&admin, "country, asn, as_org", "before"), json!(["DE", 64_500, "Example Net"]));
    site.write("country.mmdb", &mmdb::country("FR"));
    site.write("network.mmdb", &mmdb::network(64_501, "Another Network"));
    let mut round = 0;
    eventually("new events carry the new facts", || {
        round += 1;
        let id = format!("after{round}");
        admin.events(&from(&id, "203.0.113.7"));
        (row(&admin, "country, asn, as_org", &id) == json!(["FR", 64_501, "Another Network"])).then_some(())
    });
    site.write("country.mmdb", b"this is no database");
    let problem = eventually("the status names the problem", || {
        let country = admin.get("/v1/status").expect(200)["geo"]["country"].clone();
        country["problem"].is_string().then_some(country)
    });
    assert_eq!(problem["loaded"], true, "the one before stays: {problem}");
    admin.events(&from("still", "203.0.113.7"));
    assert_eq!(row(&admin, "country", "still"), json!(["FR"]));
}

#[test]
fn user_agents_become_browser_system_and_device() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    let agents = [("chrome", CHROME), ("iphone", IPHONE), ("crawler", CRAWLER), ("empty", ""), ("word", "x")];
    let events: Vec<Value> = agents
        .iter()
        .map(|(id, agent)| json!({"kind": "usage", "id": id, "name": "x", "account_id": "a", "user_agent": agent}))
        .collect();
    admin.events(&json!(events));
    let facts = |id| row(&admin, "browser, browser_version, os, device_class, is_bot", id);
    assert_eq!(facts("chrome"), json!(["Chrome", "131", "Windows", "desktop", false]));
    assert_eq!(facts("iphone"), json!(["Mobile Safari", "17", "iOS", "mobile", false]));
    assert_eq!(facts("crawler"), json!(["Googlebot", "2", null, "bot", true]));
    assert_eq!(facts("word"), json!([null, null, null, "other", false]));
}

#[test]
fn an_address_is_kept_as_its_network_and_a_keyed_hash() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    admin.events(&json!([
        from("one", "203.0.113.7"),
        from("again", "203.0.113.7"),
        from("mapped", "::ffff:203.0.113.7"),
        from("near", "203.0.113.8"),
        from("six", "2001:db8:1:2::3"),
    ]));
    let hash = |id: &str| row(&admin, "ip_hash", id)[0].as_str().unwrap().to_owned();
    assert_eq!(hash("one"), hash("again"));
    assert_eq!(hash("one"), hash("mapped"));
    assert_ne!(hash("one"), hash("near"));
    assert_eq!(row(&admin, "ip_prefix", "one"), json!(["203.0.113.0/24"]));
    assert_eq!(row(&admin, "ip_prefix", "six"), json!(["2001:db8:1::/48"]));
    let elsewhere = Site::new();
    let other = elsewhere.start();
    other.admin().events(&from("one", "203.0.113.7"));
    assert_ne!(
        hash("one"),
        row(&other.admin(), "ip_hash", "one")[0].as_str().unwrap(),
        "the hash has a key of its own"
    );
}

#[test]
fn a_browser_is_known_by_its_connection_and_its_own_header() {
    let site = Site::new();
    let server = site.start();
    let (admin, browser) = (server.admin(), server.scope("ingest_public"));
    let claim = json!({"kind": "usage", "id": "claim", "name": "x", "session_id": "s", "ip": "8.8.8.8", "country": "US", "is_bot": false});
    let headers = [("user-agent", CHROME), ("x-forwarded-for", "8.8.8.8")];
    browser.send("POST", "/v1/events", &headers, Some(claim.to_string().as_bytes())).outcome();
    let facts = row(&admin, "ip_prefix, country, browser, trust", "claim");
    assert_eq!(facts, json!(["127.0.0.0/24", null, "Chrome", "public"]), "no claim of a browser's about itself counts");
    admin
        .send(
            "POST",
            "/v1/events",
            &headers,
            Some(json!({"kind": "usage", "id": "server", "name": "x", "session_id": "s"}).to_string().as_bytes()),
        )
        .outcome();
    assert_eq!(
        row(&admin, "ip_prefix, browser, trust", "server"),
        json!([null, null, "server"]),
        "a server speaks for others"
    );
}

#[test]
fn a_trusted_proxy_names_the_client() {
    let site = Site::with_config("[server]\ntrusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]\n");
    let server = site.start();
    let (admin, browser) = (server.admin(), server.scope("ingest_public"));
    for (id, hops, prefix) in [
        ("one", "203.0.113.7", "203.0.113.0/24"),
        ("forged", "8.8.8.8, 203.0.113.7, 10.1.1.1", "203.0.113.0/24"),
        ("six", "2001:db8:1:2::3", "2001:db8:1::/48"),
        ("nonsense", "unknown", "127.0.0.0/24"),
    ] {
        let event = json!({"kind": "usage", "id": id, "name": "x", "session_id": "s"}).to_string();
        browser.send("POST", "/v1/events", &[("x-forwarded-for", hops)], Some(event.as_bytes())).outcome();
        assert_eq!(row(&admin, "ip_prefix", id), json!([prefix]), "{hops}");
    }
}

#[test]
fn an_opted_out_browser_leaves_only_errors() {
    let site = Site::new();
    let server = site.start();
    let (admin, browser) = (server.admin(), server.scope("ingest_public"));
    let body = json!([
        {"kind": "usage", "name": "page.view", "session_id": "s"},
        {"kind": "device", "device_id": "d", "fingerprint": "f"},
        {"kind": "log", "level": "info", "message": "m", "session_id": "s"},
        {"kind": "error", "type": "E", "message": "m", "session_id": "s"},
    ]);
    let answer = browser.send("POST", "/v1/events", &[("sec-gpc", "1")], Some(body.to_string().as_bytes())).outcome();
    assert_eq!(crate::http::tally(&answer), (1, 0, 3));
    assert_eq!(admin.count("select count(*) from usage") + admin.count("select count(*) from devices"), 0);
    assert_eq!(admin.rows("select device_id, session_id, ip_hash from errors"), [json!([null, null, null])]);
    assert_eq!(admin.count("select count(*) from rejects where event is not null"), 0);
}

#[test]
fn the_examples_of_the_contract_are_stored_field_by_field() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let answer = admin.events(&json!([
        {"id": "01934", "kind": "usage", "ts": now, "name": "image.generate", "status": "ok", "duration_ms": 812, "account_id": "acct_1",
            "guest_id": "gst_9", "device_id": "dev_3", "session_id": "s_7", "workspace_id": "ws_2", "ip": "203.0.113.7",
            "user_agent": CHROME, "release": "2.4.1", "environment": "production", "model": "studio-xl", "quantity": 1,
            "properties": {"ratio": "16:9"}},
        {"kind": "credit", "op": "grant", "amount": 50, "reason": "guest_grant", "ref": "g-1", "guest_id": "gst_9", "device_id": "dev_3", "ip": "203.0.113.7"},
        {"kind": "payment", "op": "failed", "amount_minor": 1900, "currency": "EUR", "card_hash": "c4rd", "decline_code": "do_not_honor", "account_id": "acct_1"},
        {"kind": "identity", "op": "bind", "guest_id": "gst_9", "account_id": "acct_1"},
        {"kind": "error", "type": "TypeError", "message": "x is undefined", "stack": [{"file": "app.js", "function": "draw", "line": 3, "in_app": true}], "release": "2.4.1"},
        {"kind": "device", "fingerprint": "fp_1", "user_agent": CHROME, "screen": "1512x982", "timezone": "Europe/Berlin", "webdriver": false, "device_id": "dev_3"},
        {"kind": "log", "level": "warn", "message": "slow model", "logger": "render", "trace_id": "4bf92f35"},
    ]));
    assert_eq!(crate::http::tally(&answer), (7, 0, 0), "{answer:#}");
    for (sql, expected) in [
        (
            "select concat_ws(' ', event_id, name, status, duration_ms, account_id, guest_id, device_id, session_id, workspace_id, browser, \
             release, environment, model, quantity, json_get_str(properties, 'ratio')) from usage",
            // One text, since a list of fifteen would be fifteen lines.
            json!(["01934 image.generate ok 812 acct_1 gst_9 dev_3 s_7 ws_2 Chrome 2.4.1 production studio-xl 1 16:9"]),
        ),
        (
            "select op, amount, reason, ref, guest_id, device_id, ip_prefix from credits",
            json!(["grant", 50, "guest_grant", "g-1", "gst_9", "dev_3", "203.0.113.0/24"]),
        ),
        (
            "select op, amount_minor, currency, card_hash, decline_code from payments",
            json!(["failed", 1900, "EUR", "c4rd", "do_not_honor"]),
        ),
        ("select op, guest_id, account_id from identities", json!(["bind", "gst_9", "acct_1"])),
        (
            "select type, message, level, frames[1]['function'], frames[1]['line'], release from errors",
            json!(["TypeError", "x is undefined", "error", "draw", 3, "2.4.1"]),
        ),
        (
            "select fingerprint, screen, timezone, webdriver, os from devices",
            json!(["fp_1", "1512x982", "Europe/Berlin", false, "Windows"]),
        ),
        ("select level, message, logger, trace_id from logs", json!(["warn", "slow model", "render", "4bf92f35"])),
    ] {
        assert_eq!(admin.rows(sql), [expected], "{sql}");
    }
}

#[test]
fn an_email_address_becomes_hashes_and_its_domain() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    let signup =
        |id: &str, email: &str| json!({"kind": "identity", "id": id, "op": "signup", "account_id": id, "email": email});
    admin.events(&json!([
        signup("plain", "jo.doe@gmail.com"),
        signup("case", " Jo.Doe@GMAIL.com "),
        signup("alias", "jodoe+free@googlemail.com"),
        signup("other", "jane@example.com"),
        signup("throwaway", "x@mailinator.com"),
    ]));
    let facts = |id: &str| {
        let rows = admin.rows(&format!(
            "select email_hash, email_root_hash, email_disposable, email_domain from identities where event_id = '{id}'"
        ));
        rows[0].clone()
    };
    assert_eq!(facts("plain")[0], facts("case")[0], "case and blanks do not make another address");
    assert_ne!(facts("plain")[0], facts("alias")[0]);
    assert_eq!(facts("plain")[1], facts("alias")[1], "an alias leads to the same root");
    assert_ne!(facts("plain")[1], facts("other")[1]);
    assert_eq!((&facts("plain")[2], &facts("throwaway")[2]), (&json!(false), &json!(true)));
    assert_eq!(facts("other")[3], "example.com");
    let answer = admin.events(&json!([signup("none", "no address"), signup("empty", "@")]));
    assert_eq!(crate::http::tally(&answer), (0, 0, 2));
}
