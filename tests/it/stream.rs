//! `GET /v1/verdicts/stream`: the active restrictions as server-sent events, for callers that keep a copy.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::http::Client;
use crate::server::{SOON, Server, Site};

/// One event: its name, its id and its data.
type Event = (String, String, Value);

/// A stream that is read line by line.
struct Follower(BufReader<TcpStream>);

impl Follower {
    fn open(server: &Server, client: &Client, path: &str, more: &str) -> Self {
        let mut stream = TcpStream::connect(server.url().strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let key = client.key();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: weir\r\nAuthorization: Bearer {key}\r\n{more}\r\n").unwrap();
        Self(BufReader::new(stream))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended");
        line.trim_end().to_owned()
    }

    fn event(&mut self) -> Event {
        let (mut name, mut id) = (String::new(), String::new());
        loop {
            let line = self.line();
            if let Some(given) = line.strip_prefix("event: ") {
                name = given.to_owned();
            } else if let Some(given) = line.strip_prefix("id: ") {
                id = given.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                // The data comes last, and every event has an id.
                assert!(!id.is_empty(), "{name} has no id");
                return (name, id, serde_json::from_str(data).unwrap());
            }
        }
    }
}

fn restrain(client: &Client, verdict: &str, entity: &str) {
    let body = json!({"entity_kind": "device", "entity": entity, "verdict": verdict, "reason": "a test",
        "expires_at": "2027-06-01T00:00:00Z"});
    client.put("/v1/overrides", &body).expect(200);
}

fn shown(event: &Event) -> (&str, &str, &str) {
    (&event.0, event.2["entity"].as_str().unwrap(), event.2["verdict"].as_str().unwrap())
}

#[test]
fn a_copy_can_be_kept_and_resumed() {
    let site = Site::new();
    let server = site.start_warm();
    let (client, admin) = (server.scope("verdict"), server.admin());
    restrain(&admin, "throttle", "dev_1");
    let mut first = Follower::open(&server, &client, "/v1/verdicts/stream", "");
    let reset = first.event();
    assert_eq!((&*reset.0, &reset.2), ("reset", &json!({"restrictions": 1})));
    let present = first.event();
    assert_eq!(shown(&present), ("added", "dev_1", "throttle"));
    let listed = client.get("/v1/restrictions").expect(200);
    assert_eq!(present.2, listed["restrictions"][0], "one source");
    restrain(&admin, "block", "dev_1");
    let changed = first.event();
    assert_eq!(shown(&changed), ("changed", "dev_1", "block"));
    restrain(&admin, "block", "dev_2");
    assert_eq!(shown(&first.event()), ("added", "dev_2", "block"));
    admin.delete("/v1/overrides?entity_kind=device&entity=dev_1").expect(204);
    let removed = first.event();
    assert_eq!(shown(&removed), ("removed", "dev_1", "block"));
    drop(first);
    // Whoever comes back gets what it missed, by either way of saying where it was.
    for (path, more) in [
        (format!("/v1/verdicts/stream?since={}", changed.1), String::new()),
        ("/v1/verdicts/stream".to_owned(), format!("Last-Event-ID: {}\r\n", changed.1)),
    ] {
        let mut again = Follower::open(&server, &client, &path, &more);
        assert_eq!(shown(&again.event()), ("added", "dev_2", "block"));
        assert_eq!(again.event(), removed);
    }
    // A cursor of another process is too old.
    let mut stranger = Follower::open(&server, &client, "/v1/verdicts/stream?since=00000000-3", "");
    assert_eq!(stranger.event().0, "reset");
    assert_eq!(shown(&stranger.event()), ("added", "dev_2", "block"));
    // Open streams do not hold up a stop.
    server.stop();
}

#[test]
fn streams_are_bounded_and_need_the_scope() {
    let site = Site::new();
    let server = site.start_warm();
    let client = server.scope("verdict");
    server.scope("query").get("/v1/verdicts/stream").refusal(403);
    client.get("/v1/verdicts/stream?sinc=1").refusal_naming(400, "sinc");
    let open = || {
        let mut follower = Follower::open(&server, &client, "/v1/verdicts/stream", "");
        assert_eq!(follower.event().0, "reset");
        follower
    };
    let followers: Vec<Follower> = (0..64).map(|_| open()).collect();
    let refused = client.get("/v1/verdicts/stream");
    refused.refusal(503);
    assert!(refused.header("retry-after").is_some());
    drop(followers);
}
