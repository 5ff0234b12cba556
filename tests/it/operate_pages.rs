//! The pages of those who run Weir: who may look, and that a form does what the API does.

use serde_json::{Value, json};

use crate::events::usage;
use crate::ops::House;
use crate::server::{ADMIN_KEY, Server, Site};

/// A server with a value of its own in weir.toml.
fn house() -> House {
    House::new(Site::with_config("[sql]\nrows_max = 4321\n"))
}

fn keys(house: &House) -> Vec<Value> {
    house.server.admin().get("/v1/keys").expect(200)["keys"].as_array().unwrap().clone()
}

fn named(house: &House, name: &str) -> Option<Value> {
    keys(house).into_iter().find(|key| key["name"] == name)
}

#[test]
fn a_page_is_shown_to_whom_its_scope_allows() {
    let house = house();
    let reviewer = house.cookie(house.server.scope("review").key());
    let reader = house.cookie(house.server.scope("query").key());
    for path in ["/pipeline", "/data", "/data?tab=fields", "/data?tab=access", "/sessions/s_1"] {
        assert!(house.server.anonymous().get(path).text().contains("name=\"key\""), "{path}");
        let refused = house.get(path, &reviewer);
        assert!(refused.status == 403 && refused.text().contains("scope query"), "{path}");
        assert_eq!(house.get(path, &reader).status, 200, "{path}");
    }
    assert_eq!(house.server.anonymous().get("/fragments/pipeline").status, 401);
    assert_eq!(house.get("/fragments/pipeline", &reviewer).status, 403);
    assert_eq!(house.get("/fragments/pipeline", &reader).status, 200);
    let settings = house.get("/settings", &reader);
    assert!(settings.status == 403 && settings.text().contains("scope admin"));
    assert!(!house.get("/", &reader).text().contains("href=\"/settings\""), "it is not offered what it may not see");
    let log = house.get("/data?tab=access", &reader).text();
    assert!(log.contains("scope admin") && !log.contains("key.created"), "{log}");
    let admin = house.cookie(ADMIN_KEY);
    assert!(house.get("/data?tab=access", &admin).text().contains("key.created"));
    for wrong in ["/pipeline?colour=red", "/data?tab=old", "/data?tab=access&before=x", "/sessions/s_1?kind=none"] {
        assert_eq!(house.get(wrong, &admin).status, 400, "{wrong}");
    }
}

#[test]
fn only_a_page_of_ours_may_make_or_revoke_a_key_and_only_for_an_admin() {
    let house = house();
    let (admin, reviewer) = (house.cookie(ADMIN_KEY), house.cookie(house.server.scope("review").key()));
    let before = keys(&house).len();
    let id = keys(&house).iter().find(|key| key["name"] != "admin").unwrap()["id"].as_str().unwrap().to_owned();
    let revoke = format!("/settings/keys/{id}/revoke");
    for (path, form) in [("/settings/keys", "name=app&scope=ingest"), (revoke.as_str(), "")] {
        assert_eq!(house.post_from("https://evil.example", path, form, &admin).status, 403, "{path}");
        assert_eq!(house.post(path, form, &reviewer).status, 403, "{path}");
        assert!(house.post(path, form, "weir_session=none").text().contains("name=\"key\""), "{path}");
    }
    assert_eq!(keys(&house).len(), before);
}

#[test]
fn a_key_made_by_the_form_is_the_one_that_was_asked_for_and_its_secret_is_shown_once() {
    let house = house();
    let admin = house.cookie(ADMIN_KEY);
    let form =
        "name=web&scope=ingest_public&scope=query&purpose=product&origins=https%3A%2F%2Fa.example&rate=10%2Fs&ends=30";
    let made = house.post("/settings/keys", form, &admin);
    assert_eq!((made.status, made.header("cache-control")), (200, Some("no-store")));
    let page = made.text();
    let start = page.find("wk_web_").unwrap();
    let key: String =
        page[start..].chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
    let listed = named(&house, "web").unwrap();
    assert_eq!(listed["scopes"], json!(["ingest_public", "query"]));
    assert_eq!(listed["purposes"], json!(["operate", "product"]));
    assert_eq!((&listed["origins"], &listed["rate"]), (&json!(["https://a.example"]), &json!("10/s")));
    assert!(listed["expires_at"].is_string() && listed["last_used_at"].is_null(), "{listed}");
    house.server.with_key(&key).events(&json!([usage("acct_1")]));
    assert!(named(&house, "web").unwrap()["last_used_at"].is_string());
    assert!(!house.get("/settings", &admin).text().contains(&key));

    for wrong in [
        "name=a-b&scope=ingest",
        "name=web&scope=ingest",
        "name=x",
        "name=x&scope=ingest&rate=fast",
        "name=x&scope=root",
    ] {
        let refused = house.post("/settings/keys", wrong, &admin);
        assert!([400, 409].contains(&refused.status), "{wrong}: {}", refused.status);
        assert!(refused.text().contains("The key was not made."), "{wrong}");
    }
    let id = listed["id"].as_str().unwrap();
    assert!(house.get(&format!("/settings?revoke={id}"), &admin).text().contains("This cannot be undone"));
    let ended = house.post(&format!("/settings/keys/{id}/revoke"), "", &admin);
    assert_eq!((ended.status, ended.header("location")), (303, Some("/settings?done=revoked.web")));
    assert!(named(&house, "web").is_none());
    assert_eq!(house.post(&format!("/settings/keys/{id}/revoke"), "", &admin).status, 404);
    assert_eq!(house.post("/settings/keys/fixed_admin/revoke", "", &admin).status, 400, "it was given at start");
}

#[test]
fn a_value_tells_where_it_comes_from() {
    let house = house();
    let page = house.get("/settings", &house.cookie(ADMIN_KEY)).text();
    let row = page.split("<tr>").find(|row| row.contains(">rows_max<")).unwrap();
    assert!(row.contains("4321") && row.contains("weir.toml"), "{row}");
    assert!(!page.contains(ADMIN_KEY));
}

#[test]
fn the_audit_log_is_narrowed_by_who_did_what_to_whom() {
    let house = house();
    let admin = house.server.admin();
    let made = admin.post("/v1/keys", &json!({"name": "ops", "scopes": ["review"]})).expect(200);
    let lines = |asked: &str| -> Vec<String> {
        let found = admin.get(&format!("/v1/audit?{asked}")).expect(200);
        found["lines"].as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(lines(&format!("entity={}", made["id"].as_str().unwrap())), ["key.created"]);
    assert_eq!(lines("actor=file&action=policy.changed"), ["policy.changed"]);
    assert!(lines("actor=nobody").is_empty());
    admin.get("/v1/audit?colour=red").refusal(400);
}

#[test]
fn the_last_use_of_a_key_outlives_a_restart() {
    let site = Site::new();
    let server = site.start();
    let key = server.key(&json!({"name": "app", "scopes": ["ingest"]})).key().to_owned();
    let used = |server: &Server| -> Option<String> {
        let keys = server.admin().get("/v1/keys").expect(200);
        let keys = keys["keys"].as_array().unwrap();
        keys.iter().find(|key| key["name"] == "app")?["last_used_at"].as_str().map(str::to_owned)
    };
    assert_eq!(used(&server), None);
    server.with_key(&key).events(&json!([usage("e1")]));
    let at = used(&server);
    assert!(at.is_some());
    server.stop();
    assert_eq!(used(&site.start()), at);
}
