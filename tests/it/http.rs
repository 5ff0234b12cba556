//! Requests and their answers, without opinions: every status is an answer, and what is wrong with it is shown in full.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{HeaderMap, Request};

/// How long any answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Speaks to one server with one key, or none.
#[derive(Clone)]
pub(crate) struct Client {
    agent: ureq::Agent,
    url: String,
    key: Option<String>,
}

impl Client {
    /// Makes one. `url` is `http://…`.
    pub(crate) fn new(url: &str, key: Option<&str>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(TIMEOUT))
            .build();
        Self { agent: config.new_agent(), url: url.to_owned(), key: key.map(str::to_owned) }
    }

    /// Returns the key that it speaks with.
    pub(crate) fn key(&self) -> &str {
        self.key.as_deref().unwrap()
    }

    /// Returns the key that it speaks with, or a word that is none.
    pub(crate) fn key_or_none(&self) -> &str {
        self.key.as_deref().unwrap_or("none")
    }

    /// Sends a request; fails only when there is no answer.
    pub(crate) fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Reply, ureq::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = match body {
            Some(body) => self.agent.run(request.body(body).unwrap())?,
            None => self.agent.run(request.body(()).unwrap())?,
        };
        let mut bytes = Vec::new();
        answer.body_mut().as_reader().read_to_end(&mut bytes)?;
        let asked = format!("{method} {path}");
        Ok(Reply { asked, status: answer.status().as_u16(), headers: answer.headers().clone(), body: bytes })
    }

    /// Sends a request.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Reply {
        self.try_send(method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Asks for a page.
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], None)
    }

    /// Posts JSON.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, &[], Some(body.to_string().as_bytes()))
    }

    /// Puts JSON.
    pub(crate) fn put(&self, path: &str, body: &Value) -> Reply {
        self.send("PUT", path, &[], Some(body.to_string().as_bytes()))
    }

    /// Deletes.
    pub(crate) fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &[], None)
    }

    /// Sends a body of events as it is.
    pub(crate) fn events_raw(&self, body: impl AsRef<[u8]>) -> Reply {
        self.send("POST", "/v1/events", &[], Some(body.as_ref()))
    }

    /// Sends events and returns the answer, which must be 200 and add up.
    pub(crate) fn events(&self, events: &Value) -> Value {
        self.events_raw(events.to_string()).outcome()
    }

    /// Asks SQL and returns the rows.
    pub(crate) fn rows(&self, sql: &str) -> Vec<Value> {
        let answer = self.post("/v1/sql", &serde_json::json!({"sql": sql, "limit": 100_000})).expect(200);
        assert_eq!(answer["truncated"], false, "{sql}");
        answer["rows"].as_array().unwrap().clone()
    }

    /// Asks SQL for one value.
    pub(crate) fn value(&self, sql: &str) -> Value {
        let rows = self.rows(sql);
        assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
        rows[0][0].clone()
    }

    /// Asks SQL for one number.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        let value = self.value(sql);
        value.as_i64().unwrap_or_else(|| panic!("{sql} gave {value}"))
    }

    /// Sends bytes as they are over a connection of their own, and returns what comes back until the server closes it.
    pub(crate) fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.url.strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// An answer.
pub(crate) struct Reply {
    asked: String,
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// Returns a header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Returns the body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Returns the body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: {error}: {}", self.asked, self.shown()))
    }

    /// Requires a status, and returns the body as JSON, null if there is none.
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.shown());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// Requires a refusal in the one error shape, and returns its code.
    pub(crate) fn refusal(&self, status: u16) -> String {
        let body = self.expect(status);
        let error = &body["error"];
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.asked);
        assert!(error["code"].as_str().is_some_and(|code| !code.is_empty()), "{}: {body}", self.asked);
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{}: {body}", self.asked);
        assert!(error["hint"].is_string() || error["hint"].is_null(), "{}: {body}", self.asked);
        assert!(error.as_object().unwrap().contains_key("hint"), "{}: {body}", self.asked);
        error["code"].as_str().unwrap().to_owned()
    }

    /// Requires a refusal whose message or hint names something.
    pub(crate) fn refusal_naming(&self, status: u16, name: &str) {
        self.refusal(status);
        assert!(self.text().contains(name), "{}: {} names not {name:?}", self.asked, self.shown());
    }

    /// Requires the answer of `POST /v1/events`: 200, and every event with exactly one outcome.
    pub(crate) fn outcome(&self) -> Value {
        let answer = self.expect(200);
        let count = |name: &str| answer[name].as_u64().unwrap_or_else(|| panic!("{name} in {answer}"));
        assert_eq!(count("received"), count("stored") + count("duplicate") + count("rejected"), "{answer}");
        assert_eq!(count("rejected"), answer["rejects"].as_array().unwrap().len() as u64, "{answer}");
        assert!(answer["receipt"].as_str().is_some_and(|receipt| receipt.starts_with("r_")), "{answer}");
        answer
    }

    fn shown(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        format!("{} {}", self.status, text.chars().take(2_000).collect::<String>())
    }
}

/// Returns (stored, duplicate, rejected) of an answer.
pub(crate) fn tally(answer: &Value) -> (u64, u64, u64) {
    let count = |name: &str| answer[name].as_u64().unwrap();
    (count("stored"), count("duplicate"), count("rejected"))
}

/// Returns (index, code) of each reject of an answer.
pub(crate) fn codes(answer: &Value) -> Vec<(u64, String)> {
    let rejects = answer["rejects"].as_array().unwrap();
    rejects.iter().map(|reject| (reject["index"].as_u64().unwrap(), reject["code"].as_str().unwrap().into())).collect()
}
