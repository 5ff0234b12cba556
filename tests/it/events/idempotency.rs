//! The same event sent again is a duplicate: in a request, in another one, after a restart and after a crash.

use serde_json::{Value, json};

use super::usage;
use crate::http::{Client, Reply, tally};
use crate::server::{SETTLES_OFTEN, Server, Site, eventually};

fn batch(from: usize, to: usize) -> Value {
    (from..to).map(|number| usage(&format!("e{number}"))).collect()
}

fn keyed(client: &Client, key: &str, body: &Value) -> Reply {
    client.send("POST", "/v1/events", &[("idempotency-key", key)], Some(body.to_string().as_bytes()))
}

fn nameless(count: usize) -> Value {
    (0..count).map(|number| json!({"kind": "usage", "name": format!("n{number}"), "account_id": "a"})).collect()
}

#[test]
fn an_id_counts_once_per_trust_and_kind() {
    let site = Site::new();
    let server = site.start();
    let (admin, browser) = (server.admin(), server.scope("ingest_public"));
    assert_eq!(tally(&admin.events(&json!([usage("same"), usage("same"), usage("other")]))), (2, 1, 0));
    assert_eq!(tally(&admin.events(&usage("same"))), (0, 1, 0));
    let mut changed = usage("same");
    changed["name"] = json!("another.name");
    assert_eq!(tally(&admin.events(&changed)), (0, 1, 0), "the first copy wins");
    assert_eq!(tally(&browser.events(&usage("same"))), (1, 0, 0), "a browser cannot squat a server's id");
    let error = json!({"kind": "error", "id": "same", "type": "E", "message": "m", "account_id": "acct_1"});
    assert_eq!(tally(&admin.events(&error)), (1, 0, 0));
    let names = admin.rows("select name from usage where event_id = 'same' and trust = 'server'");
    assert_eq!(names, [json!(["image.generate"])]);
}

#[test]
fn a_rejected_event_can_be_mended_under_its_id() {
    let site = Site::new();
    let server = site.start();
    let admin = server.admin();
    let mut event = usage("mended");
    event["status"] = json!("splendid");
    assert_eq!(tally(&admin.events(&event)), (0, 0, 1));
    event["status"] = json!("ok");
    assert_eq!(tally(&admin.events(&event)), (1, 0, 0));
}

/// Sends events some of which are flushed and some are not, ends the server, and sends them all again.
fn repeats_after(end: impl Fn(Server)) {
    let site = Site::with_config(SETTLES_OFTEN);
    let server = site.start();
    let admin = server.admin();
    assert_eq!(tally(&admin.events(&batch(0, 50))), (50, 0, 0));
    let settled = || (admin.get("/v1/status").expect(200)["tables"]["usage"]["files"] != 0).then_some(());
    eventually("the first events are in a file", settled);
    assert_eq!(tally(&admin.events(&batch(50, 100))), (50, 0, 0));
    let nameless = nameless(5);
    assert_eq!(tally(&keyed(&admin, "order-17", &nameless).outcome()), (5, 0, 0));
    end(server);
    let server = site.start();
    let admin = server.admin();
    assert_eq!(tally(&admin.events(&batch(0, 120))), (20, 100, 0));
    assert_eq!(tally(&keyed(&admin, "order-17", &nameless).outcome()), (0, 5, 0));
    assert_eq!(tally(&keyed(&admin, "order-18", &nameless).outcome()), (5, 0, 0));
    assert_eq!(admin.count("select count(*) from usage"), 130);
    assert_eq!(admin.count("select count(distinct event_id) from usage"), 130);
}

#[test]
fn repeats_are_recognised_after_a_restart() {
    repeats_after(Server::stop);
}

#[test]
fn repeats_are_recognised_after_sigkill() {
    repeats_after(Server::kill);
}

#[test]
fn an_idempotency_key_names_events_by_key_and_place() {
    let site = Site::new();
    let server = site.start();
    let (one, two) = (server.scope("ingest"), server.key(&json!({"name": "second", "scopes": ["ingest"]})));
    let body = nameless(3);
    assert_eq!(tally(&keyed(&one, "K", &body).outcome()), (3, 0, 0));
    assert_eq!(tally(&keyed(&one, "K", &body).outcome()), (0, 3, 0));
    assert_eq!(tally(&keyed(&one, "K", &nameless(4)).outcome()), (1, 3, 0), "the fourth place is new");
    assert_eq!(tally(&keyed(&two, "K", &body).outcome()), (3, 0, 0), "another key's K is another");
    assert_eq!(tally(&one.events(&body)), (3, 0, 0), "without the header every event is new");
    let named = json!([usage("own-id")]);
    assert_eq!(tally(&keyed(&one, "A", &named).outcome()), (1, 0, 0));
    assert_eq!(tally(&keyed(&one, "B", &named).outcome()), (0, 1, 0), "an id of its own comes before the header");
}

#[test]
fn senders_at_the_same_time_store_an_id_once() {
    let site = Site::with_config(SETTLES_OFTEN);
    let server = site.start();
    let stored: u64 = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..6)
            .map(|_| {
                let admin = server.admin();
                scope.spawn(move || {
                    (0..10).map(|round| tally(&admin.events(&batch(round * 20, round * 20 + 30))).0).sum::<u64>()
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).sum()
    });
    assert_eq!(stored, 210);
    assert_eq!(server.admin().count("select count(*) from usage"), 210);
}
