//! Posts events to a server, patiently: overload, restarts and lost connections are waited out. Not which events.

use std::borrow::Cow;
use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use serde::Deserialize;

/// How long a server may stay away or refuse before the sender gives up.
const PATIENCE: Duration = Duration::from_secs(120);
/// The same for a server that has never answered: the address may be wrong.
const PATIENCE_AT_FIRST: Duration = Duration::from_secs(5);
/// The first pause after a failure; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(200);
/// The longest pause of our own choosing.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// The longest pause a server may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);
/// How long one request may take: an import commits before it answers.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a request may take that is sent only once.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// Bodies over this are compressed, to stay under what a server takes.
const PLAIN_BYTES_MAX: usize = 8 << 20;
/// The longest answer read.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// One refused event, as the server tells it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Refused {
    /// Its place in the request, from 0.
    pub(crate) index: u32,
    /// Why: a reject code.
    pub(crate) code: String,
    /// What was wrong.
    pub(crate) message: String,
}

/// What became of a request's events.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Answer {
    /// Events in the request.
    pub(crate) received: u64,
    /// Events stored.
    pub(crate) stored: u64,
    /// Events stored before.
    pub(crate) duplicate: u64,
    /// Events refused.
    pub(crate) rejected: u64,
    /// Each refused event.
    #[serde(default)]
    pub(crate) rejects: Vec<Refused>,
}

impl Answer {
    /// Returns the answer to an import, in events: as they come, its counts hold the rows of `rejects`, too.
    pub(crate) fn of_import(mut self) -> Self {
        let taken = self.received.saturating_sub(self.rejected);
        self.duplicate = self.duplicate.min(taken);
        self.stored = taken - self.duplicate;
        self
    }
}

/// What a server makes of a body as a whole.
pub(crate) enum Posted {
    /// It took it.
    Taken(Answer),
    /// It is larger than the server takes; send it in parts.
    TooLarge,
}

/// Where in a resumable import a request stands.
pub(crate) struct Import<'a> {
    /// Names the source; letters and digits.
    pub(crate) source: &'a str,
    /// The offset in it after this request's events.
    pub(crate) offset: u64,
}

/// A server to post to.
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
    bearer: String,
    met: Cell<bool>,
}

/// One request, to be sent until it is answered.
struct Letter<'a> {
    url: String,
    headers: Vec<(&'static str, &'a str)>,
    body: Cow<'a, [u8]>,
}

/// Why a letter was not answered well.
enum Trouble {
    /// It may pass: what happened, and how long the server asks to wait.
    Passing(String, Option<Duration>),
    /// It will not.
    Lasting(anyhow::Error),
}

#[derive(Deserialize)]
struct Failure {
    error: FailureBody,
}

#[derive(Deserialize)]
struct FailureBody {
    message: String,
    hint: Option<String>,
}

impl Client {
    /// Prepares to post with a key. Nothing is sent yet.
    ///
    /// # Errors
    /// When the address is none.
    pub(crate) fn new(url: &str, key: &str) -> anyhow::Result<Self> {
        let base = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let base = base.trim_end_matches('/').to_owned();
        let (scheme, host) = base.split_once("://").unwrap_or_default();
        if !matches!(scheme, "http" | "https") || host.is_empty() || host.contains(char::is_whitespace) {
            bail!("{url} is no address of a server: write http://127.0.0.1:8600");
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(REQUEST_TIMEOUT))
            .proxy(None)
            .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.into(), base, bearer: format!("Bearer {key}"), met: Cell::new(false) })
    }

    /// Posts events, one a line, and waits until the server has them. `tell` hears of every wait.
    ///
    /// # Errors
    /// When the server refuses the key or the body as a whole, or stays away for two minutes.
    pub(crate) fn post_events(
        &self,
        body: &[u8],
        idempotency_key: Option<&str>,
        import: Option<&Import<'_>>,
        tell: &dyn Fn(&str),
    ) -> anyhow::Result<Posted> {
        let mut url = format!("{}/v1/events", self.base);
        if let Some(import) = import {
            url.push_str(&format!("?historical=true&import={}&offset={}", import.source, import.offset));
        }
        let mut headers = vec![("authorization", self.bearer.as_str()), ("content-type", "application/x-ndjson")];
        headers.extend(idempotency_key.map(|key| ("idempotency-key", key)));
        let mut letter = Letter { url, headers, body: Cow::Borrowed(body) };
        if body.len() > PLAIN_BYTES_MAX {
            letter.body = Cow::Owned(zstd::encode_all(body, 1)?);
            letter.headers.push(("content-encoding", "zstd"));
        }
        match self.patiently(&letter, tell)? {
            Posted::Taken(answer) if import.is_some() => Ok(Posted::Taken(answer.of_import())),
            posted => Ok(posted),
        }
    }

    /// Posts JSON to a path once; returns the status and the answer's text.
    ///
    /// # Errors
    /// When no answer comes.
    pub(crate) fn post_json(&self, path: &str, body: &str) -> anyhow::Result<(u16, String)> {
        let request = self.agent.post(format!("{}{path}", self.base)).header("authorization", &self.bearer);
        let request = request.header("content-type", "application/json");
        let mut response = request.config().timeout_global(Some(ASK_TIMEOUT)).build().send(body)?;
        Ok((response.status().as_u16(), response.body_mut().read_to_string()?))
    }

    fn patiently(&self, letter: &Letter<'_>, tell: &dyn Fn(&str)) -> anyhow::Result<Posted> {
        let begun = Instant::now();
        let mut pause = PAUSE_MIN;
        loop {
            let (what, asked) = match self.attempt(letter) {
                Ok(posted) => return Ok(posted),
                Err(Trouble::Lasting(error)) => return Err(error),
                Err(Trouble::Passing(what, asked)) => (what, asked),
            };
            let wait = asked.unwrap_or(pause).min(RETRY_AFTER_MAX);
            let patience = if self.met.get() { PATIENCE } else { PATIENCE_AT_FIRST };
            if begun.elapsed() + wait > patience {
                bail!("{what}; gave up after {} s", begun.elapsed().as_secs());
            }
            tell(&what);
            thread::sleep(wait);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn attempt(&self, letter: &Letter<'_>) -> Result<Posted, Trouble> {
        let request = self.agent.post(&letter.url);
        let request = letter.headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let mut response = request.send(&*letter.body).map_err(|error| self.no_answer(error))?;
        self.met.set(true);
        let status = response.status().as_u16();
        let asked = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        match (status, text) {
            (200, Ok(text)) => serde_json::from_str(&text)
                .map(Posted::Taken)
                .map_err(|_| Trouble::Lasting(anyhow!("{} does not answer as Weir does", self.base))),
            (200, Err(error)) => Err(Trouble::Passing(format!("the answer broke off: {error}"), None)),
            (413, _) => Ok(Posted::TooLarge),
            (status, text) => {
                let what = format!("the server answers {status}{}", reason(&text.unwrap_or_default()));
                match status {
                    429 | 502 | 503 | 504 | 507 => Err(Trouble::Passing(what, asked.map(Duration::from_secs))),
                    _ => Err(Trouble::Lasting(anyhow!(what))),
                }
            }
        }
    }

    fn no_answer(&self, error: ureq::Error) -> Trouble {
        use ureq::Error::{ConnectionFailed, Io, Protocol, Timeout};
        let what = format!("no answer from {}: {error}", self.base);
        match error {
            Io(_) | Timeout(_) | ConnectionFailed | Protocol(_) => Trouble::Passing(what, None),
            _ => Trouble::Lasting(anyhow!(what)),
        }
    }
}

/// Returns what the server says is wrong, if it says so in the API's one shape of errors.
fn reason(text: &str) -> String {
    match serde_json::from_str::<Failure>(text) {
        Ok(Failure { error: FailureBody { message, hint: Some(hint) } }) => format!(": {message} ({hint})"),
        Ok(Failure { error: FailureBody { message, hint: None } }) => format!(": {message}"),
        Err(_) => String::new(),
    }
}
