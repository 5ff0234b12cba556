//! `GET /v1/verdicts/stream`: the active restrictions as server-sent events, for callers that keep a copy of their own.
//! What is sent is `verdict/changes.rs`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, stream};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::auth::{Authorized, Verdict};
use super::error::Problem;
use super::{App, address};
use crate::verdict::{Change, Changes, VerdictService};

/// The most streams at a time.
pub(crate) const STREAMS_MAX: usize = 64;
/// How often a quiet stream says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    since: Option<String>,
}

/// Streams the active restrictions.
#[utoipa::path(get, path = "/v1/verdicts/stream", tag = "verdicts", summary = "Active restrictions as server-sent events",
    params(("since" = Option<String>, Query, description = "The id of the last event that was seen"),
        ("Last-Event-ID" = Option<String>, Header, description = "The same, as browsers send it; it comes before `since`")),
    responses((status = 200, content_type = "text/event-stream", description = "`added`, `changed` and `removed`, each with \
        an id and the restriction as in GET /v1/restrictions. Without a cursor, or when it is too old, `reset` comes first: \
        forget what you hold, the whole present state follows as `added`"),
        (status = 503, description = "Too many streams")))]
pub(crate) async fn follow(
    _auth: Authorized<Verdict>,
    State(app): State<App>,
    request: Request,
) -> Result<Response, Problem> {
    let asked: Asked = address::parameters(request.uri())?;
    let permit = Arc::clone(&app.streams).try_acquire_owned();
    let permit = permit.map_err(|_| Problem::Overloaded { what: "too many streams at once", retry_after_ms: 5_000 })?;
    let last = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let changes = app.verdicts.changes();
    changes.want();
    let reader = Reader {
        news: changes.subscribe(),
        verdicts: Arc::clone(&app.verdicts),
        cursor: last.or(asked.since),
        waiting: VecDeque::new(),
        _permit: permit,
    };
    Ok(Sse::new(events(reader)).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("still here")).into_response())
}

/// One stream. It holds at most one piece of the log; a reader that is slower than the log begins anew.
struct Reader {
    verdicts: Arc<VerdictService>,
    news: watch::Receiver<u64>,
    cursor: Option<String>,
    waiting: VecDeque<Event>,
    _permit: OwnedSemaphorePermit,
}

fn events(reader: Reader) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(reader, |mut reader| async {
        let event = reader.next().await?;
        Some((Ok(event), reader))
    })
}

impl Reader {
    /// Waits for the next event; none when the server stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            self.news.mark_unchanged();
            let verdicts = Arc::clone(&self.verdicts);
            if verdicts.changes().is_closed() {
                return None;
            }
            self.fill(verdicts.changes());
            if self.waiting.is_empty() {
                // Woken at least so often, to say that somebody still follows.
                let _ = tokio::time::timeout(HEARTBEAT, self.news.changed()).await;
            }
        }
    }

    fn fill(&mut self, changes: &Changes) {
        changes.want();
        let Some(read) = changes.read(self.cursor.as_deref()) else { return };
        if read.reset {
            let reset = serde_json::json!({"restrictions": read.changes.len()}).to_string();
            let cursor = if read.changes.is_empty() { read.cursor.clone() } else { format!("{}+", read.cursor) };
            self.waiting.push_back(Event::default().event("reset").id(cursor).data(reset));
        }
        self.waiting.extend(read.changes.iter().map(event_of));
        self.cursor = Some(read.cursor);
    }
}

fn event_of(change: &Change) -> Event {
    let restriction = serde_json::to_string(&*change.restriction).expect("restrictions are text and numbers");
    Event::default().event(change.kind.name()).id(&change.cursor).data(restriction)
}
