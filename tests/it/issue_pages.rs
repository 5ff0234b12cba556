//! The pages of issues: who may look, who may decide, and that a form does what the API does.

use std::ops::Deref;

use serde_json::{Value, json};

use crate::http::Client;
use crate::ops::House;
use crate::server::{ADMIN_KEY, Site};

/// A server with two issues, and whoever looks at its pages.
struct Reviewed {
    house: House,
    admin: Client,
    issues: [String; 2],
}

impl Deref for Reviewed {
    type Target = House;

    fn deref(&self) -> &House {
        &self.house
    }
}

impl Reviewed {
    fn new() -> Self {
        let house = House::new(Site::new());
        let admin = house.server.admin();
        admin.events(&json!([error("draw"), error("erase")]));
        let issues = ["draw", "erase"].map(|function| {
            let found = admin.get(&format!("/v1/issues?q={function}")).expect(200);
            found["issues"][0]["id"].as_str().unwrap().to_owned()
        });
        Self { house, admin, issues }
    }

    fn state(&self, issue: &str) -> Value {
        self.admin.get(&format!("/v1/issues/{issue}")).expect(200)
    }
}

fn error(function: &str) -> Value {
    json!({"kind": "error", "type": "TypeError", "message": "x is undefined", "release": "2.4.1", "account_id": "acct_1",
        "stack": [{"file": "app.js", "function": function, "line": 3, "in_app": true}]})
}

#[test]
fn a_page_is_shown_to_whom_its_scope_and_purposes_allow() {
    let house = Reviewed::new();
    let page = format!("/issues/{}", house.issues[0]);
    let form = house.server.anonymous().get(&format!("{page}?since=-7d")).text();
    assert!(form.contains("name=\"key\"") && form.contains(&format!("value=\"{page}?since=-7d\"")), "{form}");
    let fragment = format!("/fragments{page}/tags");
    assert_eq!(house.server.anonymous().get(&fragment).status, 401);
    let reviewer = house.cookie(house.server.scope("review").key());
    let narrow = json!({"name": "narrow", "scopes": ["query"], "purposes": ["billing"]});
    let narrow = house.cookie(house.server.key(&narrow).key());
    for path in ["/issues", &page, &fragment] {
        for stranger in [&reviewer, &narrow] {
            assert_eq!(house.get(path, stranger).status, 403, "{path}");
        }
    }
    assert!(!house.get("/", &reviewer).text().contains("href=\"/issues\""), "it is not offered what it may not see");
    let reader = house.cookie(house.server.scope("query").key());
    let list = house.get("/issues", &reader);
    assert!(list.status == 200 && list.text().contains(&page) && !list.text().contains("name=\"action\""));
    assert_eq!(house.get(&page, &reader).status, 200);
    assert_eq!(house.get("/issues/iss_none", &reader).status, 404);
    assert_eq!(house.get(&format!("/fragments{page}/none"), &reader).status, 404);
    for wrong in ["/issues?tab=old", "/issues?limit=x", "/issues?colour=red", &format!("{page}?colour=red")] {
        assert_eq!(house.get(wrong, &reader).status, 400, "{wrong}");
    }
    let failed = house.get("/issues?since=yesterday", &reader).text();
    assert!(failed.contains("No answer.") && failed.contains("A time is wanted"), "{failed}");
}

#[test]
fn only_a_page_of_ours_may_decide_and_only_for_a_reviewer() {
    let house = Reviewed::new();
    let [issue, _] = &house.issues;
    let (admin, reader) = (house.cookie(ADMIN_KEY), house.cookie(house.server.scope("query").key()));
    let writes = [
        ("/issues/decide".to_owned(), format!("action=resolve&issue={issue}")),
        (format!("/issues/{issue}/decide"), "action=resolve".to_owned()),
        (format!("/issues/{issue}/merge"), format!("id={}", house.issues[1])),
        (format!("/issues/{issue}/split"), format!("hash={}", "0".repeat(32))),
    ];
    for (path, form) in &writes {
        assert_eq!(house.post_from("https://evil.example", path, form, &admin).status, 403, "{path}");
        assert_eq!(house.post(path, form, &reader).status, 403, "{path}");
        let nobody = house.post(path, form, "weir_session=none");
        assert!(nobody.status == 200 && nobody.text().contains("name=\"key\""), "{path}");
    }
    assert_eq!(house.state(issue)["status"], "open");
    assert_eq!(house.admin.get("/v1/issues").expect(200)["issues"].as_array().unwrap().len(), 2);
}

#[test]
fn several_issues_are_decided_about_at_once() {
    let house = Reviewed::new();
    let [one, other] = &house.issues;
    let cookie = house.cookie(ADMIN_KEY);
    let form = format!("back=%2Fissues%3Fq%3Dx&action=ignore&issue={one}&issue={other}&issue=iss_none");
    let answer = house.post("/issues/decide", &form, &cookie);
    let told = format!("/issues?q=x&done=ignore&issues={one}%2C{other}");
    assert_eq!((answer.status, answer.header("location")), (303, Some(told.as_str())));
    assert_eq!([one, other].map(|issue| house.state(issue)["status"].clone()), ["ignored", "ignored"]);
    assert_eq!(house.state(one)["changed_by"], "admin");
    let page = house.get(answer.header("location").unwrap(), &cookie).text();
    assert!(page.contains("2 issues are ignored") && page.contains("Open them again"), "{page}");
    for wrong in ["action=ignore", "action=delete&issue=iss_1", "action=ignore&issue=iss_none"] {
        assert_eq!(house.post("/issues/decide", wrong, &cookie).status, 400, "{wrong}");
    }
    let away = house.post("/issues/decide", &format!("back=%2F%2Fevil.example&action=open&issue={one}"), &cookie);
    assert!(away.header("location").unwrap().starts_with("/issues?"));
}

#[test]
fn one_issue_is_resolved_merged_and_split_from_its_page() {
    let house = Reviewed::new();
    let [one, other] = &house.issues;
    let cookie = house.cookie(ADMIN_KEY);
    let answer =
        house.post(&format!("/issues/{one}/decide"), "action=resolve&how=after&newest=2.4.1&release=", &cookie);
    let told = format!("/issues/{one}?done=resolve");
    assert_eq!((answer.status, answer.header("location")), (303, Some(told.as_str())));
    assert_eq!(house.state(one)["after_release"], "2.4.1");
    assert!(house.get(&told, &cookie).text().contains("Resolved in the release after 2.4.1."));

    assert_eq!(house.post(&format!("/issues/{one}/merge"), "into=", &cookie).status, 400);
    assert_eq!(house.post(&format!("/issues/{one}/merge"), "id=iss_none", &cookie).status, 404);
    let merged = house.post(&format!("/issues/{one}/merge"), &format!("into={other}&id="), &cookie);
    assert_eq!(merged.header("location"), Some(format!("/issues/{other}?done=merged").as_str()));
    assert_eq!(house.get(&format!("/issues/{one}"), &cookie).status, 404);
    let hashes = house.state(other)["hashes"].as_array().unwrap().clone();
    assert_eq!(hashes.len(), 2);

    let grouping = house.get(&format!("/fragments/issues/{other}/grouping"), &cookie).text();
    assert!(hashes.iter().all(|hash| grouping.contains(hash.as_str().unwrap())), "{grouping}");
    let split =
        house.post(&format!("/issues/{other}/split"), &format!("hash={}", hashes[0].as_str().unwrap()), &cookie);
    let new = split.header("location").unwrap();
    assert!(new.starts_with("/issues/iss_") && new.ends_with("?done=split"), "{new}");
    assert_eq!(house.get(new, &cookie).status, 200);
    assert_eq!(house.post(&format!("/issues/{other}/split"), "", &cookie).status, 400);
}
