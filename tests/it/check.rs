//! `/v1/check`: verdicts for gateways, by status and headers. What a real gateway makes of them is `tests/clients`.

use serde_json::json;

use crate::http::{Client, Reply};
use crate::server::{Server, Site};

fn house(config: &str) -> (Site, Server, Client) {
    let site = Site::with_config(config);
    let server = site.start_warm();
    let client = server.scope("verdict");
    (site, server, client)
}

fn restrain(server: &Server, verdict: &str, device: &str) {
    let body = json!({"entity_kind": "device", "entity": device, "verdict": verdict, "reason": "a test",
        "expires_at": "2027-06-01T00:00:00Z"});
    server.admin().put("/v1/overrides", &body).expect(200);
}

fn check(client: &Client, path: &str, headers: &[(&str, &str)]) -> Reply {
    let reply = client.send("GET", path, headers, None);
    if reply.status != 400 {
        assert!(reply.body.is_empty(), "{}", reply.text());
    }
    reply
}

#[test]
fn each_verdict_has_its_status_and_says_why() {
    let (_site, server, client) = house("");
    restrain(&server, "throttle", "slow");
    restrain(&server, "block", "bad");
    let of = |device: &str, path: &str| check(&client, path, &[("weir-device-id", device), ("weir-ip", "203.0.113.7")]);
    let shown = |reply: &Reply| {
        let header = |name: &str| reply.header(name).map(str::to_owned);
        (reply.status, header("weir-verdict").unwrap(), header("weir-reason"), header("retry-after").is_some())
    };
    let path = "/v1/check?action=generate";
    assert_eq!(shown(&of("good", path)), (200, "allow".into(), None, false));
    assert_eq!(shown(&of("slow", path)), (429, "throttle".into(), Some("override".into()), true));
    assert_eq!(shown(&of("bad", path)), (403, "block".into(), Some("override".into()), false));
    let nginx = "/v1/check?action=generate&throttle=403";
    assert_eq!(shown(&of("slow", nginx)), (403, "throttle".into(), Some("override".into()), true));
    assert_eq!(of("good", nginx).status, 200);
    let reply = of("good", path);
    assert_eq!((reply.header("weir-score"), reply.header("weir-step-up")), (Some("0"), Some("none")));
    // The very decisions of POST /v1/verdict: recorded, and found by their id.
    let decision = server.admin().get(&format!("/v1/decisions/{}", reply.header("weir-decision").unwrap())).expect(200);
    assert_eq!((&decision["action"], &decision["verdict"]), (&json!("generate"), &json!("allow")));
}

#[test]
fn quotas_are_spent() {
    let (site, _server, client) = house("");
    let policy = "[[limit]]\naction = \"generate\"\nby = \"guest\"\nrate = \"1/h\"\nburst = 2\nunit = \"requests\"\n";
    site.write("data/policy.toml", policy.as_bytes());
    crate::server::eventually("the quota of two is in force and spent", || {
        let reply = check(&client, "/v1/check?action=generate", &[("weir-guest-id", "gst_1")]);
        (reply.status == 429).then(|| assert!(reply.header("weir-reason").unwrap().starts_with("limit:"), "its reason"))
    });
}

#[test]
fn bad_input_is_refused_and_named_never_allowed() {
    let (_site, server, client) = house("");
    let refused =
        |path: &str, headers: &[(&str, &str)], name: &str| check(&client, path, headers).refusal_naming(400, name);
    let device = ("weir-device-id", "d");
    refused("/v1/check", &[device], "action");
    refused("/v1/check?action=genrate", &[device], "genrate");
    refused("/v1/check?action=login", &[], "entity");
    refused("/v1/check?action=login", &[("weir-device-id", "")], "entity");
    refused("/v1/check?action=login", &[device, ("weir-gest-id", "g")], "weir-gest-id");
    refused("/v1/check?action=login", &[device, ("weir-ip", "300.1.1.1")], "ip");
    refused("/v1/check?action=login", &[device, ("weir-cost-credits", "-1")], "cost_credits");
    refused("/v1/check?action=login&throttle=200", &[device], "throttle");
    refused("/v1/check?action=login&verdict=allow", &[device], "verdict");
    let anonymous = server.anonymous();
    anonymous.send("GET", "/v1/check?action=login", &[device], None).refusal(401);
    server.scope("query").send("GET", "/v1/check?action=login", &[device], None).refusal(403);
    let by_header = [device, ("weir-key", client.key()), ("authorization", "Bearer the-end-users")];
    assert_eq!(anonymous.send("POST", "/v1/check?action=login", &by_header, None).status, 200);
}

#[test]
fn headers_and_cookies_of_the_app_stand_in() {
    let config = "[check]\nheaders = { device_id = \"X-Device\" }\ncookies = { guest_id = \"guest\" }\n";
    let (_site, server, client) = house(config);
    restrain(&server, "block", "bad");
    let path = "/v1/check?action=generate";
    let cookie = ("cookie", "theme=dark; guest=gst_1");
    let allowed = check(&client, path, &[cookie]);
    assert_eq!(allowed.status, 200);
    let decision =
        server.admin().get(&format!("/v1/decisions/{}", allowed.header("weir-decision").unwrap())).expect(200);
    assert_eq!(decision["entities"][0], json!({"entity_kind": "guest", "entity": "gst_1"}));
    assert_eq!(check(&client, path, &[cookie, ("x-device", "bad")]).status, 403);
    assert_eq!(
        check(&client, path, &[("x-device", "bad"), ("weir-device-id", "good")]).status,
        200,
        "ours comes first"
    );
}

#[test]
fn a_path_behind_it_with_any_method_is_for_envoy_and_says_nothing() {
    let (_site, server, client) = house("");
    restrain(&server, "throttle", "slow");
    let headers = [("weir-action", "generate"), ("weir-device-id", "slow")];
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"] {
        let reply = client.send(method, "/v1/check/api/images?action=login&throttle=403", &headers, None);
        assert_eq!((reply.status, reply.header("weir-verdict")), (429, Some("throttle")), "{method}");
    }
    check(&client, "/v1/check/api?action=generate", &headers[1..]).refusal_naming(400, "action");
}
