//! Stored queries of the user's own over HTTP and on disk, parameters as a person writes them, and the SQL page that uses
//! both.

use serde_json::{Value, json};

use crate::events::usage;
use crate::http::{Client, Reply};
use crate::server::{Server, Site};

const TEXT: &str = "--! title: Events of a name
--! param: name text -- which
--! param: since timestamp = -24h -- from when
select count(*) as events from usage where name = $name and received_at >= $since
";

fn save(client: &Client, name: &str, text: &str) -> Reply {
    client.put(&format!("/v1/queries/{name}"), &json!({"sql": text}))
}

#[test]
fn a_saved_query_is_found_by_its_name_and_survives_a_restart() {
    let site = Site::new();
    let server = site.start();
    let client = server.scope("query");
    server.admin().events(&json!([usage("e1"), usage("e2")]));
    let saved = save(&client, "by_name", TEXT).expect(200);
    assert_eq!((&saved["query"]["own"], &saved["query"]["sql"]), (&json!(true), &json!(TEXT)), "{saved}");
    let name = server.admin().value("select min(name) from usage");
    let path = format!("/v1/queries/by_name?name={}", name.as_str().unwrap());
    assert_eq!(client.get(&path).expect(200)["rows"], json!([[2]]));
    assert_eq!(std::fs::read_to_string(site.data().join("queries/by_name.sql")).unwrap(), TEXT);
    save(&client, "by_name", &TEXT.replace("count(*)", "count(*) + 1")).expect(200);
    assert_eq!(client.get(&path).expect(200)["rows"], json!([[3]]), "in force at once");
    let lines = server.admin().get("/v1/audit").expect(200);
    assert_eq!(
        (&lines["lines"][0]["action"], &lines["lines"][0]["actor"]),
        (&json!("query.saved"), &json!("onlyquery"))
    );
    server.kill();

    let server = site.start();
    let client = server.admin();
    assert_eq!(client.get(&path).expect(200)["rows"], json!([[3]]));
    client.delete("/v1/queries/by_name").expect(204);
    client.get(&path).refusal(404);
    client.delete("/v1/queries/by_name").refusal(404);
    assert!(!site.data().join("queries/by_name.sql").exists());
}

#[test]
fn what_is_no_query_or_not_ones_own_is_refused() {
    let site = Site::new();
    site.write("data/queries/growth/theirs.sql", b"--! title: Theirs\nselect 1 as one\n");
    let server = site.start();
    let client = server.scope("query");
    let refused = save(&client, "bad", "--! title: Bad\nselect 1\n  from nowhere");
    assert_eq!((refused.refusal(400).as_str(), &refused.json()["error"]["line"]), ("invalid_query", &json!(3)));
    let undeclared = save(&client, "bad", "--! title: Bad\nselect $x as x");
    undeclared.refusal_naming(400, "x");
    assert_eq!(undeclared.json()["error"]["line"], 2);
    save(&client, "bad", "select 1").refusal_naming(400, "title");
    for name in ["Bad", "a-b", "..%2Fx", &"x".repeat(65)] {
        save(&client, name, TEXT).refusal(400);
    }
    client.put("/v1/queries/bad", &json!({"sql": TEXT, "area": "x"})).refusal_naming(400, "area");
    save(&client, "bad", &format!("-- {}\n{TEXT}", "x".repeat(64 << 10))).refusal(413);
    for others in ["top_errors", "theirs"] {
        save(&client, others, TEXT).refusal(409);
        client.delete(&format!("/v1/queries/{others}")).refusal(409);
    }
    assert!(!site.data().join("queries/bad.sql").exists() && !site.data().join("queries/top_errors.sql").exists());
}

#[test]
fn parameters_come_as_a_person_writes_them() {
    let site = Site::new();
    let server = site.start();
    let client = server.admin();
    client.events(&json!([usage("e1")]));
    let ask = |typed: Value| {
        let sql = "select count(*) from usage where received_at >= $since and $least <= 5 and $word is null";
        client.post("/v1/sql", &json!({"sql": sql, "typed": typed}))
    };
    let typed = |since: &str, least: &str| {
        json!({"since": {"type": "timestamp", "value": since}, "least": {"type": "int", "value": least},
            "word": {"type": "text", "value": null}})
    };
    assert_eq!(ask(typed("-1h", "5")).expect(200)["rows"], json!([[1]]));
    assert_eq!(ask(typed("2999-01-01", "5")).expect(200)["rows"], json!([[0]]));
    ask(typed("-1h", "five")).refusal_naming(400, "least");
    ask(typed("soon", "5")).refusal_naming(400, "since");
    ask(json!({"since": {"type": "moment", "value": "x"}})).refusal_naming(400, "since");
}

/// Signs in with a key and returns the cookie.
fn sign_in(server: &Server, client: &Client) -> String {
    let body = format!("key={}&next=%2F", client.key());
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
    let answer = server.anonymous().send("POST", "/signin", &headers, Some(body.as_bytes()));
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

#[test]
fn the_page_answers_what_its_address_asks() {
    let site = Site::new();
    let server = site.start();
    server.admin().events(&json!([usage("e1"), usage("e2")]));
    let page =
        |path: &str| server.anonymous().send("GET", path, &[("cookie", &sign_in(&server, &server.admin()))], None);
    let shows = |path: &str, words: &str| {
        let answer = page(path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text().contains(words), "{path} shows {words}: {}", answer.text());
        assert!(answer.text().len() < 60_000, "{path}: {} bytes", answer.text().len());
    };
    shows("/sql", "Nothing was asked yet");
    shows("/sql?q=select%20count(*)%20as%20n%20from%20usage", "<td class=\"number\">2</td>");
    shows("/sql?q=select%20$a%20as%20it&p.a=%3Cb%3E", "<td>&#60;b&#62;</td>");
    shows("/sql?q=select%20$a%20%2B%201&p.a=41&t.a=int", ">42</td>");
    shows("/sql?q=select%20$a", "needs a value for");
    shows("/sql?q=select%0Astaus%20from%20usage", "Line 2, column 1.");
    shows("/sql?q=drop%20table%20usage", "DROP is not allowed");
    shows("/sql?name=top_errors", "--! title: Top errors by type");
    shows("/sql?name=top_erors", "did you mean `top_errors`");
    shows("/sql?table=usage", "duration_ms");
    shows("/sql?q=select%20*%20from%20usage&%FF=%FF", "");
}

#[test]
fn the_page_is_for_those_who_may_ask() {
    let site = Site::new();
    let server = site.start();
    let stranger = server.anonymous().send("GET", "/sql?q=select%201%20as%20secret_one", &[], None);
    assert!(stranger.text().contains("Sign in to Weir") && !stranger.text().contains("<th"), "{}", stranger.text());
    assert!(stranger.text().contains("value=\"/sql?q=select%201%20as%20secret_one\""), "the way back is kept");
    let cookie = sign_in(&server, &server.scope("review"));
    let reviewer = server.anonymous().send("GET", "/sql?q=select%201", &[("cookie", &cookie)], None);
    assert_eq!(reviewer.status, 403);
    let foreign = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")];
    let put = server.anonymous().send("PUT", "/v1/queries/mine", &foreign, Some(b"{\"sql\":\"select 1\"}"));
    assert_eq!(put.status, 401, "another site cannot save by a visitor's session");
}
