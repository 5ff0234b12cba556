//! Pages of other origins: what a browser asks before, and what it may read after.

use serde_json::json;

use super::{House, OURS, basic, capture, track};

const THEIRS: &str = "https://evil.example";

#[test]
fn a_browser_may_ask_before_it_sends_if_any_key_names_its_page() {
    let house = House::new("");
    let anonymous = house.server.anonymous();
    for path in
        ["/v1/t", "/v1/batch", "/e/", "/flags/", "/i/v1/analytics/events", "/array/x/config", "/v1/projects/x/settings"]
    {
        let ask = |origin: &str| {
            let headers = [
                ("origin", origin),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "authorization, x-own"),
            ];
            anonymous.send("OPTIONS", path, &headers, None)
        };
        let answer = ask(OURS);
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(OURS));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.header("access-control-allow-headers"), Some("authorization, x-own"));
        assert_eq!(answer.header("access-control-max-age"), Some("3600"));
        let refused = ask(THEIRS);
        assert_eq!(refused.refusal(403), "forbidden_origin", "{path}");
        assert_eq!(refused.header("access-control-allow-origin"), None);
    }
}

#[test]
fn only_pages_that_the_key_names_may_send_and_read() {
    let house = House::new("");
    let (web, app, admin) = (house.web.as_str(), house.app.as_str(), house.admin());
    let batch = |key: &str| json!({"api_key": key, "batch": [capture("p")]}).to_string();
    let sent = house.send("/e/", &[("origin", OURS), ("content-type", "text/plain")], batch(web).as_bytes());
    sent.expect(200);
    assert_eq!(sent.header("access-control-allow-origin"), Some(OURS));
    assert_eq!(sent.header("access-control-allow-credentials"), Some("true"));
    assert!(sent.header("access-control-expose-headers").unwrap().contains("retry-after"));
    assert!(sent.header("vary").unwrap().contains("Origin"));
    let segment =
        house.send("/v1/t", &[("origin", OURS), ("authorization", &basic(web))], track("t").to_string().as_bytes());
    assert_eq!((segment.status, segment.header("access-control-allow-origin")), (200, Some(OURS)));
    for (key, origin) in [(web, THEIRS), (web, "null"), (app, OURS), (app, THEIRS)] {
        let refused = house.send("/e/", &[("origin", origin)], batch(key).as_bytes());
        assert_eq!(refused.refusal(403), "forbidden_origin", "{origin}");
        assert_eq!(refused.header("access-control-allow-origin"), None, "{origin}");
    }
    let unknown = house.send("/e/", &[("origin", OURS)], batch("wk_no_0123456789abcdef").as_bytes());
    unknown.refusal(401);
    assert_eq!(unknown.header("access-control-allow-origin"), Some(OURS), "its owner reads why");
    for path in
        [format!("/array/{web}/config"), format!("/array/{web}/config.js"), format!("/v1/projects/{web}/settings")]
    {
        let answer = house.server.anonymous().send("GET", &path, &[("origin", OURS)], None);
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some(OURS)), "{path}");
        house.server.anonymous().send("GET", &path, &[("origin", THEIRS)], None).refusal(403);
    }
    assert_eq!(admin.count("select count(*) from usage"), 2);
}

#[test]
fn who_is_signed_in_here_lends_nobody_a_key() {
    let house = House::new("");
    let form = format!("key={}&next=/", house.server.admin().key());
    let own = [("origin", house.server.url()), ("content-type", "application/x-www-form-urlencoded")];
    let signed_in = house.server.anonymous().send("POST", "/signin", &own, Some(form.as_bytes()));
    let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    for path in ["/v1/batch", "/e/", "/flags/"] {
        house.send(path, &[("cookie", &cookie), ("sec-fetch-site", "same-origin")], b"{\"batch\":[]}").refusal(401);
    }
}

#[test]
fn whoever_opted_out_is_not_measured() {
    let house = House::new("");
    let batch = json!({"api_key": house.web, "batch": [capture("p"),
        {"event": "$exception", "uuid": "e", "distinct_id": "acct_1", "properties": {"$exception_list": [{"type": "E", "value": "boom"}]}}]});
    house.send("/e/", &[("sec-gpc", "1")], batch.to_string().as_bytes()).expect(200);
    assert_eq!(house.admin().count("select count(*) from usage"), 0);
    assert_eq!(house.admin().count("select count(*) from errors"), 1);
    assert_eq!(house.admin().count("select count(*) from rejects where code = 'forbidden_kind' and event is null"), 1);
    // Nor is told which guest became whom.
    let bind = json!({"writeKey": house.web, "userId": "acct_1", "anonymousId": "g_1", "messageId": "b"});
    house.send("/v1/i", &[("sec-gpc", "1")], bind.to_string().as_bytes()).expect(200);
    assert_eq!(house.admin().count("select count(*) from identities"), 0);
}
