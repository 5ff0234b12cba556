//! The page that shows a new key, once, and the lines that use it: a command that works as it stands, and how each SDK is told.

use askama::Template;

use crate::{Frame, PageError, address};

/// The answer to making a key. Shape: `key_made.html`.
#[derive(Debug, Clone, Template)]
#[template(path = "key_made.html")]
pub struct KeyMadePage {
    /// What surrounds the page.
    pub frame: Frame,
    /// The key's name.
    pub name: String,
    /// The whole key: this is the only time it is shown.
    pub key: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Pages that may use it.
    pub origins: Vec<String>,
    /// Where this server is reached.
    pub origin: String,
}

/// Some lines to paste.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// What it is an id for, within the page.
    pub id: &'static str,
    /// What it is for.
    pub title: &'static str,
    /// The lines.
    pub text: String,
}

impl KeyMadePage {
    /// Renders the page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }

    /// Returns the path by which the header marks where one is.
    pub fn here(&self) -> &'static str {
        "/settings"
    }

    fn may(&self, scope: &str) -> bool {
        self.scopes.iter().any(|has| has == scope)
    }

    /// Tells whether it may send events.
    pub fn sends(&self) -> bool {
        self.may("ingest") || self.may("ingest_public")
    }

    /// Tells whether it is for pages, which need their origin allowed.
    pub fn is_for_pages(&self) -> bool {
        self.may("ingest_public") && !self.may("ingest")
    }

    /// Returns this server's address, of characters that may stand in a command.
    fn server(&self) -> &str {
        address::plain_origin(&self.origin)
    }

    /// Returns the key, if it has only characters that may stand in a command; every key has.
    fn plain_key(&self) -> &str {
        let is_plain = self.key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_plain { &self.key } else { "YOUR_KEY" }
    }

    /// Writes a command that works as it stands.
    pub fn curl(&self) -> String {
        let (server, key) = (self.server(), self.plain_key());
        let asking = |path: &str, body: &str| {
            format!(
                "curl -sS {server}{path} \\\n  -H 'Authorization: Bearer {key}' \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'"
            )
        };
        if self.sends() {
            let event =
                r#"{"kind":"usage","name":"image.generate","status":"ok","duration_ms":812,"account_id":"acct_1"}"#;
            asking("/v1/events", event)
        } else if self.may("verdict") {
            asking("/v1/verdict", r#"{"action":"generate","account_id":"acct_1","dry_run":true}"#)
        } else if self.may("query") {
            asking(
                "/v1/sql",
                r#"{"sql":"select kind, count(*) as events from events group by kind order by events desc limit 10"}"#,
            )
        } else {
            let path = if self.may("review") { "/v1/rules" } else { "/v1/keys" };
            format!("curl -sS {server}{path} -H 'Authorization: Bearer {key}'")
        }
    }

    /// Writes how each SDK is told where to send; none for a key that may not.
    pub fn snippets(&self) -> Vec<Snippet> {
        if !self.sends() {
            return Vec::new();
        }
        let (server, key) = (self.server(), self.plain_key());
        let (scheme, host) = server.split_once("://").unwrap_or(("http", "127.0.0.1:8600"));
        let dsn = format!("{scheme}://{key}@{host}/1");
        let mut snippets = vec![
            Snippet {
                id: "sentry-js",
                title: "Sentry, JavaScript",
                text: format!("Sentry.init({{ dsn: \"{dsn}\" }});"),
            },
            Snippet {
                id: "posthog-js",
                title: "PostHog, JavaScript",
                text: format!("posthog.init(\"{key}\", {{ api_host: \"{server}\" }});"),
            },
            Snippet {
                id: "segment-page",
                title: "Segment, browsers",
                text: format!("AnalyticsBrowser.load({{ writeKey: \"{key}\", cdnURL: \"{server}\" }});"),
            },
        ];
        if self.may("ingest") {
            snippets.push(Snippet {
                id: "sentry-python",
                title: "Sentry, Python",
                text: format!("sentry_sdk.init(dsn=\"{dsn}\")"),
            });
            snippets.push(Snippet {
                id: "segment-node",
                title: "Segment, Node",
                text: format!("new Analytics({{ writeKey: \"{key}\", host: \"{server}\" }});"),
            });
            snippets.push(Snippet {
                id: "otlp",
                title: "OpenTelemetry, any language",
                text: format!(
                    "export OTEL_EXPORTER_OTLP_ENDPOINT={server} OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n\
                     export OTEL_EXPORTER_OTLP_HEADERS=\"Authorization=Bearer%20{key}\" OTEL_METRICS_EXPORTER=none"
                ),
            });
        }
        snippets
    }
}
