//! A server for tests on a loopback address: it keeps the ids of events as Weir would, and fails when it is told to.

use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde_json::{Value, json};

/// What the server does instead of answering a request.
#[derive(Clone, Debug)]
pub(crate) enum Mishap {
    /// Answers this status with an API error, and asks to come back at once.
    Status(u16),
    /// Takes the request in and hangs up: the sender cannot know whether it was stored.
    StoresAndHangsUp,
    /// Hangs up before anything is stored.
    HangsUp,
}

/// What the server has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Ids of the events stored.
    pub(crate) ids: BTreeSet<String>,
    /// Requests taken: path and query, Idempotency-Key, events.
    pub(crate) requests: Vec<(String, Option<String>, usize)>,
    /// What goes wrong with the next requests.
    pub(crate) mishaps: VecDeque<Mishap>,
    /// Bodies larger than this are too large; 0 is no limit.
    pub(crate) body_bytes_max: usize,
    /// Verdict requests.
    pub(crate) questions: Vec<Value>,
    /// The action that is blocked.
    pub(crate) blocked: Option<&'static str>,
}

/// A running server.
pub(crate) struct Stub {
    /// Its address.
    pub(crate) url: String,
    seen: Arc<Mutex<Seen>>,
}

struct Request {
    target: String,
    key: Option<String>,
    idempotency_key: Option<String>,
    body: Vec<u8>,
}

impl Stub {
    /// Starts one; it ends with the test's process.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { url, seen }
    }

    /// Returns what it has seen; also to tell it what to do.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(stream: &TcpStream, seen: &Mutex<Seen>) {
    // Else small answers wait for the acknowledgement of the ones before.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mishap = seen.mishaps.pop_front();
        let answer = match mishap {
            Some(Mishap::HangsUp) => return,
            Some(Mishap::StoresAndHangsUp) => {
                answer(&mut seen, &request);
                return;
            }
            Some(Mishap::Status(status)) => {
                (status, json!({"error":{"code":"told","message":"told to","hint":"none"}}))
            }
            None => answer(&mut seen, &request),
        };
        drop(seen);
        if write(stream, &answer).is_err() {
            return;
        }
    }
}

fn write(mut stream: &TcpStream, (status, body): &(u16, Value)) -> std::io::Result<()> {
    let body = body.to_string();
    let length = body.len();
    let answer = format!("HTTP/1.1 {status} told\r\ncontent-length: {length}\r\nretry-after: 0\r\n\r\n{body}");
    stream.write_all(answer.as_bytes())
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let target = line.split(' ').nth(1)?.to_owned();
    let mut request = Request { target, key: None, idempotency_key: None, body: Vec::new() };
    let (mut length, mut zstd) = (0, false);
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "content-encoding" => zstd = value == "zstd",
            "authorization" => request.key = value.strip_prefix("Bearer ").map(str::to_owned),
            "idempotency-key" => request.idempotency_key = Some(value.to_owned()),
            _ => {}
        }
    }
    reader.take(length).read_to_end(&mut request.body).ok()?;
    if zstd {
        request.body = zstd::decode_all(&*request.body).ok()?;
    }
    Some(request)
}

fn answer(seen: &mut Seen, request: &Request) -> (u16, Value) {
    if request.key.as_deref() != Some("wk_test_secret") {
        return (401, json!({"error":{"code":"unauthorized","message":"the key is unknown","hint":null}}));
    }
    if request.target == "/v1/verdict" {
        let question: Value = serde_json::from_slice(&request.body).expect("JSON");
        let blocked = seen.blocked.is_some_and(|action| question["action"] == action);
        seen.questions.push(question);
        return (200, json!({"verdict": if blocked { "block" } else { "allow" }}));
    }
    if seen.body_bytes_max > 0 && request.body.len() > seen.body_bytes_max {
        return (413, json!({"error":{"code":"too_large","message":"too large","hint":null}}));
    }
    take(seen, request)
}

/// Takes events as the API says: each ends in exactly one outcome.
fn take(seen: &mut Seen, request: &Request) -> (u16, Value) {
    let text = String::from_utf8(request.body.clone()).expect("UTF-8");
    let (mut stored, mut duplicate, mut rejects) = (0, 0, Vec::new());
    for (index, line) in text.lines().enumerate() {
        let event: Value = serde_json::from_str(line).expect("only JSON is sent");
        if event["kind"] == "nonsense" {
            rejects.push(json!({"index":index,"id":null,"code":"unknown_kind","message":"`kind` is unknown"}));
        } else if seen.ids.insert(event["id"].as_str().expect("every event has an id").to_owned()) {
            stored += 1;
        } else {
            duplicate += 1;
        }
    }
    let received = text.lines().count();
    seen.requests.push((request.target.clone(), request.idempotency_key.clone(), received));
    let counts = json!({"received":received,"stored":stored,"duplicate":duplicate,"rejected":rejects.len(),
        "receipt":"r_1","rejects":rejects});
    (200, counts)
}
