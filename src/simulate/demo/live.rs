//! Live traffic of the demo: the present as it happens, sent as the app's servers would send it, which ask for a verdict
//! before they let something happen and heed the answer.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::{Live, question};
use crate::load::Client;

/// Between two batches.
const TICK: Duration = Duration::from_millis(250);
/// Events kept while the server does not answer; older ones are let go.
const BACKLOG_MAX: usize = 5_000;
/// Sessions remembered as blocked; older ones are forgotten.
const BLOCKED_MAX: usize = 1_000;

/// The keys of the app's servers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys<'a> {
    /// A key of scope `ingest`.
    pub(crate) ingest: &'a str,
    /// A key of scope `verdict`.
    pub(crate) verdict: &'a str,
}

/// Drives live traffic against a server until `stop` is set, on the calling thread. A server that does not answer is no
/// error: it may be starting, or stopping.
///
/// # Errors
/// When the address is none.
pub(crate) fn drive(mut live: Live, url: &str, keys: Keys<'_>, stop: &AtomicBool) -> anyhow::Result<()> {
    let mut app = App {
        events: Client::new(url, keys.ingest)?,
        verdicts: Client::new(url, keys.verdict)?,
        blocked: VecDeque::new(),
        backlog: VecDeque::new(),
    };
    while !stop.load(Ordering::Relaxed) {
        for line in live.until(chrono::Utc::now().timestamp_micros()).lines() {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            app.consider(line);
        }
        app.send();
        thread::sleep(TICK);
    }
    Ok(())
}

/// The app's servers.
struct App {
    events: Client,
    verdicts: Client,
    blocked: VecDeque<String>,
    backlog: VecDeque<String>,
}

impl App {
    /// Lets an event happen unless its visit is blocked.
    fn consider(&mut self, line: &str) {
        let Ok(event) = serde_json::from_str::<Value>(line) else { return };
        let session = event["session_id"].as_str().unwrap_or_default();
        if self.blocked.iter().any(|blocked| blocked == session) {
            return;
        }
        if question::before(&event).is_some_and(|question| self.is_blocked(&question)) {
            if self.blocked.len() == BLOCKED_MAX {
                self.blocked.pop_front();
            }
            if !session.is_empty() {
                self.blocked.push_back(session.to_owned());
            }
            return;
        }
        if self.backlog.len() == BACKLOG_MAX {
            self.backlog.pop_front();
        }
        self.backlog.push_back(line.to_owned());
    }

    /// Asks for a verdict; no answer counts as allowed.
    fn is_blocked(&self, question: &Value) -> bool {
        let answer = self.verdicts.post_json("/v1/verdict", &question.to_string());
        let verdict = answer.ok().and_then(|(_, text)| serde_json::from_str::<Value>(&text).ok());
        verdict.is_some_and(|answer| answer["verdict"] == "block")
    }

    /// Sends what has happened; what does not arrive is sent again next time.
    fn send(&mut self) {
        if self.backlog.is_empty() {
            return;
        }
        let mut body = String::new();
        for line in &self.backlog {
            body.push_str(line);
            body.push('\n');
        }
        if self.events.post_json("/v1/events", &body).is_ok_and(|(status, _)| status == 200) {
            self.backlog.clear();
        }
    }
}
