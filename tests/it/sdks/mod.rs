//! The paths of other products' SDKs, held against what the SDKs expect: keys, answers, origins, repeats, limits. That the
//! SDKs themselves are content is shown in `tests/clients`; what an item becomes, beside the adapters.

mod bodies;
mod keys;
mod origins;
mod otlp;
mod sentry;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::http::{Client, Reply};
use crate::server::{Server, Site};

/// The origin of the pages that the browser key is for.
const OURS: &str = "https://app.example";

/// A server with a key for browsers and one for servers.
struct House {
    _site: Site,
    server: Server,
    web: String,
    app: String,
}

impl House {
    fn new(config: &str) -> Self {
        let site = Site::with_config(config);
        let server = site.start();
        let web = server.key(&json!({"name": "web", "scopes": ["ingest_public"], "origins": [OURS]}));
        let app = server.key(&json!({"name": "app", "scopes": ["ingest"]}));
        let (web, app) = (web.key().to_owned(), app.key().to_owned());
        Self { _site: site, server, web, app }
    }

    fn admin(&self) -> Client {
        self.server.admin()
    }

    /// Sends as SDKs do: without our own authorization.
    fn send(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.server.anonymous().send("POST", path, headers, Some(body))
    }

    fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(path, &[], body.to_string().as_bytes())
    }

    /// Returns the value of a metric that has all of these in its line, 0 where it is not there yet.
    fn metric(&self, wanted: &[&str]) -> f64 {
        let text = self.admin().get("/metrics").text();
        let line = text.lines().find(|line| !line.starts_with('#') && wanted.iter().all(|part| line.contains(part)));
        line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }
}

fn basic(write_key: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{write_key}:")))
}

fn track(id: &str) -> Value {
    json!({"type": "track", "event": "image.generate", "userId": "acct_1", "messageId": id})
}

fn capture(id: &str) -> Value {
    json!({"event": "image.generate", "distinct_id": "acct_1", "uuid": id, "properties": {"model": "xl"}})
}
