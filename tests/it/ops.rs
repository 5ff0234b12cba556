//! What operators, their monitors and browsers meet: health, readiness, metrics, the OpenAPI document, and the pages'
//! defences. What the pages show is tested in a browser.

use std::collections::BTreeSet;

use serde_json::json;

use crate::events::usage;
use crate::http::{Client, Reply};
use crate::keys::ROUTES;
use crate::server::{ADMIN_KEY, Server, Site};

#[test]
fn health_and_readiness_need_no_key() {
    let site = Site::new();
    let server = site.start();
    let anonymous = server.anonymous();
    assert_eq!(anonymous.get("/healthz").status, 200);
    assert_eq!(anonymous.send("POST", "/healthz", &[], Some(b"")).status, 200);
    assert_eq!(anonymous.send("POST", "/healthz", &[], Some(&[b'x'; 100_000])).status, 200, "a body is drained");
    assert_eq!(anonymous.get("/healthz").status, 200, "and the connection goes on");
    assert_eq!(anonymous.get("/readyz").json()["ready"], true);
}

#[test]
fn metrics_are_for_any_key_and_every_one_is_explained() {
    let site = Site::new();
    let server = site.start();
    server.anonymous().get("/metrics").refusal(401);
    let admin = server.admin();
    admin.events(&json!([usage("m1"), usage("m1"), {"kind": "nothing"}]));
    admin.post("/v1/verdict", &json!({"action": "login", "account_id": "a"})).expect(200);
    admin.post("/v1/sql", &json!({"sql": "select 1"})).expect(200);
    let answer = server.scope("ingest_public").get("/metrics");
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
    let text = answer.text();
    let value = |wanted: &[&str]| -> f64 {
        let line = text.lines().find(|line| wanted.iter().all(|part| line.contains(part)) && !line.starts_with('#'));
        line.unwrap_or_else(|| panic!("{wanted:?} in {text}")).rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert_eq!(value(&["weir_key_events_total", "admin", "stored"]), 1.0);
    assert_eq!(value(&["weir_key_events_total", "admin", "duplicate"]), 1.0);
    assert_eq!(value(&["weir_key_events_total", "admin", "rejected"]), 1.0);
    assert_eq!(value(&["weir_lost_rows_total"]), 0.0);
    assert!(value(&["weir_decisions_total", "login", "allow"]) >= 1.0);
    let mut explained = BTreeSet::new();
    let mut used = BTreeSet::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            explained.insert(help.split(' ').next().unwrap());
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            used.insert(kind.split(' ').next().unwrap());
        } else if !line.is_empty() {
            assert!(line.starts_with("weir_"), "{line}");
        }
    }
    let unexplained: Vec<_> = used.difference(&explained).collect();
    assert!(unexplained.is_empty(), "no HELP: {unexplained:?}");
}

#[test]
fn the_openapi_document_describes_every_route() {
    let site = Site::new();
    let server = site.start();
    server.anonymous().get("/openapi.json").refusal(401);
    let document = server.scope("verdict").get("/openapi.json").expect(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    assert_eq!(document["info"]["title"], "Weir");
    assert!(document["info"]["version"].is_string());
    let paths = document["paths"].as_object().unwrap();
    for (method, path, _) in ROUTES {
        let method = method.to_lowercase();
        assert!(paths.get(*path).is_some_and(|operations| operations.get(&method).is_some()), "{method} {path}");
    }
    let mut ids = BTreeSet::new();
    for (path, operations) in paths {
        let named: Vec<&str> = path.split('{').skip(1).map(|part| part.split('}').next().unwrap()).collect();
        for (method, operation) in operations.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{place}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                !responses.is_empty() && responses.values().all(|answer| answer["description"].is_string()),
                "{place}"
            );
            let id = operation["operationId"].as_str().unwrap_or(&place).to_owned();
            assert!(ids.insert(id.clone()), "{place}: the operation id {id} is taken");
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            for name in &named {
                let declared = parameters.iter().any(|parameter| {
                    parameter["name"] == *name && parameter["in"] == "path" && parameter["required"] == true
                });
                assert!(declared, "{place}: {name}");
            }
        }
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
    }
}

pub(crate) fn sign_in(server: &Server, key: &str, origin: Option<&str>) -> Reply {
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
    headers.extend(origin.map(|origin| ("origin", origin)));
    server.anonymous().send("POST", "/signin", &headers, Some(format!("key={key}&next=%2F").as_bytes()))
}

pub(crate) fn with_cookie(
    client: &Client,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
    cookie: &str,
) -> Reply {
    let mut all = vec![("cookie", cookie)];
    all.extend(headers);
    client.send(method, path, &all, body)
}

/// A server, and whoever looks at its pages.
pub(crate) struct House {
    _site: Site,
    pub(crate) server: Server,
}

impl House {
    pub(crate) fn new(site: Site) -> Self {
        let server = site.start();
        Self { _site: site, server }
    }

    pub(crate) fn cookie(&self, key: &str) -> String {
        let signed_in = sign_in(&self.server, key, Some(self.server.url()));
        signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    }

    pub(crate) fn get(&self, path: &str, cookie: &str) -> Reply {
        with_cookie(&self.server.anonymous(), "GET", path, &[], None, cookie)
    }

    pub(crate) fn post(&self, path: &str, form: &str, cookie: &str) -> Reply {
        self.post_from(self.server.url(), path, form, cookie)
    }

    pub(crate) fn post_from(&self, origin: &str, path: &str, form: &str, cookie: &str) -> Reply {
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", origin)];
        with_cookie(&self.server.anonymous(), "POST", path, &headers, Some(form.as_bytes()), cookie)
    }
}

#[test]
fn pages_come_under_a_policy_that_runs_nothing_inline() {
    let site = Site::new();
    let server = site.start();
    let page = server.anonymous().get("/");
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let policy = page.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{part} in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let text = page.text();
    assert!(text.contains("<form") && text.contains("name=\"key\""), "{text}");
    for inline in ["<script>", "<style", " style=\"", " onclick=", "javascript:"] {
        assert!(!text.contains(inline), "{inline} in the page");
    }
}

#[test]
fn static_files_are_named_by_their_content_and_kept_for_ever() {
    let site = Site::new();
    let server = site.start();
    let anonymous = server.anonymous();
    let page = anonymous.get("/").text();
    let urls: Vec<&str> = page.split('"').filter(|text| text.starts_with("/static/")).collect();
    assert!(urls.iter().any(|url| url.ends_with(".css")) && urls.iter().any(|url| url.ends_with(".js")), "{urls:?}");
    for url in urls {
        let file = anonymous.get(url);
        assert_eq!(file.status, 200, "{url}");
        assert!(file.header("cache-control").unwrap().contains("immutable"), "{url}");
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
        assert!(file.header("content-type").is_some());
        assert!(!file.body.is_empty(), "{url} is empty");
    }
    let plain = anonymous.get("/static/css/weir.css");
    assert!(!plain.header("cache-control").unwrap_or_default().contains("immutable"), "a name without hash may change");
    assert_eq!(anonymous.get("/static/css/none.css").status, 404);
}

#[test]
fn a_session_is_a_strict_cookie_that_a_foreign_page_cannot_use() {
    let site = Site::new();
    let server = site.start();
    let own = server.url().to_owned();
    let signed_in = sign_in(&server, ADMIN_KEY, Some(&own));
    assert_eq!(signed_in.status, 303, "{}", signed_in.text());
    assert_eq!(signed_in.header("location"), Some("/"));
    let cookie = signed_in.header("set-cookie").unwrap().to_owned();
    for flag in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(flag), "{flag} in {cookie}");
    }
    assert!(!cookie.contains(ADMIN_KEY) && !cookie.contains("Secure"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    let anonymous = server.anonymous();
    let overview = with_cookie(&anonymous, "GET", "/", &[], None, pair);
    assert!(overview.status == 200 && !overview.text().contains("name=\"key\""), "signed in");
    assert_eq!(with_cookie(&anonymous, "GET", "/v1/status", &[], None, pair).status, 200);
    let body = Some(br#"{"sql":"select 1"}"#.as_slice());
    assert_eq!(with_cookie(&anonymous, "POST", "/v1/sql", &[("origin", &own)], body, pair).status, 200);
    for origin in ["https://evil.example", "null"] {
        assert_eq!(
            with_cookie(&anonymous, "POST", "/v1/sql", &[("origin", origin)], body, pair).status,
            401,
            "{origin}"
        );
    }
    assert_eq!(with_cookie(&anonymous, "POST", "/v1/sql", &[], body, pair).status, 401, "no Origin, no write");
    let signed_out = with_cookie(&anonymous, "POST", "/signout", &[("origin", &own)], Some(b""), pair);
    assert_eq!(signed_out.status, 303);
    assert_eq!(with_cookie(&anonymous, "GET", "/v1/status", &[], None, pair).status, 401);
}

#[test]
fn only_a_known_key_that_may_read_signs_in_from_our_own_page() {
    let site = Site::new();
    let server = site.start();
    let own = server.url().to_owned();
    for wrong in ["", "wk_admin_wrongwrongwrongwrong", "%3Cscript%3E"] {
        let answer = sign_in(&server, wrong, Some(&own));
        assert_eq!(answer.status, 401);
        assert!(answer.header("set-cookie").is_none() && !answer.text().contains("<script>"), "{}", answer.text());
    }
    let writer = server.scope("ingest_public");
    assert_eq!(sign_in(&server, writer.key(), Some(&own)).status, 401);
    for origin in [None, Some("https://evil.example")] {
        let answer = sign_in(&server, ADMIN_KEY, origin);
        assert_eq!(answer.status, 403);
        assert!(answer.header("set-cookie").is_none());
    }
    let away = server.anonymous().send(
        "POST",
        "/signin",
        &[("origin", &own)],
        Some(format!("key={ADMIN_KEY}&next=%2F%2Fevil.example%2F").as_bytes()),
    );
    assert_eq!((away.status, away.header("location")), (303, Some("/")), "next stays on this server");
    let proxied = server.anonymous().send(
        "POST",
        "/signin",
        &[("origin", &own), ("x-forwarded-proto", "https")],
        Some(format!("key={ADMIN_KEY}").as_bytes()),
    );
    assert!(proxied.header("set-cookie").is_some_and(|cookie| cookie.contains("Secure")));
}

#[test]
fn the_session_of_a_revoked_key_ends_at_once() {
    let site = Site::new();
    let server = site.start();
    let made = server.admin().post("/v1/keys", &json!({"name": "reader", "scopes": ["query"]})).expect(200);
    let signed_in = sign_in(&server, made["key"].as_str().unwrap(), Some(server.url()));
    let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let anonymous = server.anonymous();
    assert_eq!(with_cookie(&anonymous, "GET", "/v1/status", &[], None, &cookie).status, 200);
    assert_eq!(with_cookie(&anonymous, "GET", "/v1/rules", &[], None, &cookie).status, 403, "no more than the key may");
    server.admin().delete(&format!("/v1/keys/{}", made["id"].as_str().unwrap()));
    assert_eq!(with_cookie(&anonymous, "GET", "/v1/status", &[], None, &cookie).status, 401);
}

#[test]
fn an_event_cannot_put_a_script_on_a_page() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    let payload = "<img src=x onerror=alert(1)><script>alert(1)</script>";
    let events = json!([
        {"kind": "usage", "name": payload, "account_id": payload, "release": payload},
        {"kind": "error", "type": payload, "message": payload, "account_id": payload, "release": payload, "environment": payload,
            "stack": [{"file": payload, "function": payload, "in_app": true}], "breadcrumbs": [{"category": payload,
            "message": payload, "data": {payload: payload}}], "properties": {"tags": {payload: payload}, payload: payload}},
        {"kind": payload, "account_id": "a"},
        {"kind": "usage", "name": payload, payload: 1},
    ]);
    admin.events(&events);
    let cookie = sign_in(&server, ADMIN_KEY, Some(server.url()))
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let issue = admin.get("/v1/issues").expect(200)["issues"][0]["id"].as_str().unwrap().to_owned();
    let whole = format!("/issues/{issue}?parts=all");
    let parts = ["facets", "tags", "impact", "feedback", "grouping"];
    let parts = parts.map(|part| format!("/fragments/issues/{issue}/{part}"));
    for path in ["/", "/fragments/overview", "/issues", &whole].into_iter().chain(parts.iter().map(String::as_str)) {
        let page = with_cookie(&server.anonymous(), "GET", path, &[], None, &cookie);
        assert_eq!(page.status, 200);
        assert!(!page.text().contains("<img src=x") && !page.text().contains("<script>alert"), "{path}");
    }
}
