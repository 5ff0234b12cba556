//! `/sessions/{id}`: one session, told in its order.

use ::queries::Params;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use dashboards::SessionPage;
use dashboards::session::{Asked, Facts, Happening, Kind, ROWS_MAX, Timeline};
use ingest::Purpose;
use serde_json::{Value, json};

use super::rows::{self, Row};
use super::{forbidden, frame, html, panel, problem, reader};
use crate::clock;
use crate::control::{Key, Scope};
use crate::http::App;
use crate::http::address::Named;
use crate::http::error::Problem;
use crate::http::issues::{Asker, given};

/// Devices that are named.
const DEVICES_MAX: usize = 10;
/// Letters of a message on the timeline.
const DETAIL_CHARS_MAX: usize = 300;

/// `GET /sessions/{id}`: the page.
pub(crate) async fn session(State(app): State<App>, Named(id): Named, request: Request) -> Response {
    let key = match reader(&app, request.headers(), request.uri()) {
        Ok(key) => key,
        Err(instead) => return instead,
    };
    if !(key.purposes.has(Purpose::Reliability) && key.purposes.has(Purpose::Product)) {
        return forbidden(&key, "query and the purposes reliability and product");
    }
    let made = match given(&request, &["since", "kind", "rows"]).and_then(|params| asked(&params, id)) {
        Ok(asked) => page(&app, &key, asked).await,
        Err(refused) => Err(refused),
    };
    match made {
        Ok(page) => html(StatusCode::OK, page.page()),
        Err(refused) => problem(&key, refused, "/"),
    }
}

fn asked(params: &Params, id: String) -> Result<Asked, Problem> {
    let kind = match rows::some_text(params, "kind") {
        None => None,
        Some(name) => Some(Kind::parse(&name).ok_or_else(|| {
            let names = Kind::ALL.map(Kind::name).join(", ");
            Problem::invalid(format!("kind is one of {names}"))
        })?),
    };
    let is_long = match rows::text(params, "rows").as_str() {
        "" => false,
        "all" => true,
        _ => return Err(Problem::invalid("rows is all, or left out")),
    };
    Ok(Asked { id, since: rows::text(params, "since"), kind, is_long })
}

async fn page(app: &App, key: &Key, asked: Asked) -> Result<SessionPage, Problem> {
    let asker = Asker::new(app, key).await?;
    let mut params = Params::new();
    params.insert("session".to_owned(), json!(asked.id));
    if !asked.since.is_empty() {
        params.insert("since".to_owned(), json!(asked.since));
    }
    // Two at a time: the engine runs a few queries at once, for everybody.
    let (facts, timeline) =
        tokio::join!(asker.ask("session_facts", params.clone(), 1), timeline(&asker, &params, &asked));
    let devices = match key.purposes.has(Purpose::Abuse) {
        true => Some(devices(&asker, &params).await.unwrap_or_default()),
        false => None,
    };
    Ok(SessionPage {
        frame: frame(Some(key)),
        now: clock::now(),
        facts: panel(facts.map(|mut found| found.rows.pop().map(|row| to_facts(&row)))),
        devices,
        timeline: panel(timeline),
        unseen: unseen(key),
        may_review: key.scopes.has(Scope::Review),
        asked,
    })
}

/// Says what of a session a key may not see.
fn unseen(key: &Key) -> Vec<&'static str> {
    let mut unseen = Vec::new();
    if !key.purposes.has(Purpose::Billing) {
        unseen.push("Credits and payments are not shown: this key does not carry the purpose billing.");
    }
    if !key.purposes.has(Purpose::Abuse) {
        unseen.push("Verdicts and devices are not shown: this key does not carry the purpose abuse.");
    }
    unseen
}

async fn devices(asker: &Asker<'_>, params: &Params) -> Result<Vec<String>, Problem> {
    let found = asker.ask("session_devices", params.clone(), DEVICES_MAX).await?;
    Ok(found.rows.iter().map(|row| rows::text(row, "device_id")).collect())
}

/// A stored query, and what a row of it is.
type Asking = (&'static str, fn(&Row) -> Happening);

/// Asks for what happened, as far as the key may see it, and puts it in order.
async fn timeline(asker: &Asker<'_>, params: &Params, asked: &Asked) -> Result<Timeline, Problem> {
    let purposes = asker.key.purposes;
    let mut queries: Vec<Asking> = vec![("session_timeline", happened)];
    if purposes.has(Purpose::Billing) {
        queries.push(("session_credits", moved));
    }
    if purposes.has(Purpose::Abuse) {
        queries.push(("session_verdicts", decided));
    }
    let (mut all, mut is_truncated) = (Vec::new(), false);
    for (name, read) in queries {
        let mut params = params.clone();
        params.insert("limit".to_owned(), json!(ROWS_MAX + 1));
        let found = asker.ask(name, params, ROWS_MAX).await?;
        is_truncated |= found.is_truncated;
        all.extend(found.rows.iter().map(read));
    }
    all.sort_by_key(|row| row.at);
    let counted = |kind: Kind| (kind, all.iter().filter(|row| row.kind == kind).count() as u64);
    let counts: Vec<(Kind, u64)> = Kind::ALL.into_iter().map(counted).filter(|(_, count)| *count > 0).collect();
    all.retain(|row| asked.kind.is_none_or(|kind| row.kind == kind));
    is_truncated |= all.len() > asked.rows_max();
    all.truncate(asked.rows_max());
    Ok(Timeline { rows: all, counts, is_truncated })
}

/// Shapes the row of `session_facts`.
fn to_facts(row: &Row) -> Facts {
    let of = |column: &str| rows::text(row, column);
    let client = joined_with(" ", [of("browser"), of("browser_version")]);
    let system = joined_with(", ", [of("os"), of("device_class")]);
    let others = [
        ("Browser", client),
        ("System", system),
        ("Country", of("country")),
        ("Release", of("release")),
        ("Environment", of("environment")),
    ];
    Facts {
        span: (rows::time(row, "began"), rows::time(row, "last_at")),
        duration_ms: row.get("duration_ms").and_then(Value::as_u64),
        status: of("status"),
        account: of("account_id"),
        accounts: rows::count(row, "accounts"),
        guest: of("guest_id"),
        workspace: of("workspace_id"),
        others: others.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
        counts: (rows::count(row, "usage"), rows::count(row, "errors"), rows::count(row, "credits")),
    }
}

fn happening(row: &Row, kind: Kind) -> Happening {
    Happening {
        at: rows::time(row, "at"),
        kind,
        event_id: rows::text(row, "event_id"),
        title: String::new(),
        detail: String::new(),
        status: rows::text(row, "status"),
        duration_ms: row.get("duration_ms").and_then(Value::as_u64),
        issue: rows::text(row, "issue_id"),
        is_public: rows::text(row, "trust") == "public",
    }
}

fn joined(words: impl IntoIterator<Item = String>) -> String {
    joined_with(" · ", words)
}

fn joined_with(between: &str, words: impl IntoIterator<Item = String>) -> String {
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(between)
}

fn cut(text: String) -> String {
    match text.char_indices().nth(DETAIL_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn or(text: String, otherwise: &str) -> String {
    if text.is_empty() { otherwise.to_owned() } else { text }
}

/// Shapes a row of `session_timeline`.
fn happened(row: &Row) -> Happening {
    let kind = Kind::parse(&rows::text(row, "kind")).unwrap_or(Kind::Log);
    let of = |column: &str| rows::text(row, column);
    let mut shaped = happening(row, kind);
    match kind {
        Kind::Error => {
            let is_unhandled = row.get("handled").and_then(Value::as_bool) == Some(false);
            shaped.title = or(of("name"), "error");
            shaped.detail =
                joined([cut(of("detail")), of("culprit"), if is_unhandled { "unhandled" } else { "" }.to_owned()]);
        }
        Kind::Session => {
            shaped.title = "session update".to_owned();
            // How long the session has lasted is not how long the update took.
            shaped.detail = shaped
                .duration_ms
                .take()
                .map(|ms| format!("{} so far", dashboards::figure::span_ms(ms)))
                .unwrap_or_default();
        }
        Kind::Log => {
            shaped.title = or(of("name"), "log");
            shaped.detail = cut(of("detail"));
        }
        _ => {
            let quantity = rows::count(row, "quantity");
            shaped.title = or(of("name"), kind.name());
            shaped.detail = joined([
                of("detail"),
                of("model"),
                if quantity > 1 { format!("{quantity} at once") } else { String::new() },
            ]);
        }
    }
    shaped
}

/// Shapes a row of `session_credits`.
fn moved(row: &Row) -> Happening {
    let of = |column: &str| rows::text(row, column);
    let number = |column: &str| row.get(column).and_then(Value::as_i64);
    if of("kind") == "payment" {
        let amount = number("amount_minor")
            .map(|amount| format!("{}.{:02} {}", amount / 100, (amount % 100).abs(), of("currency")));
        return Happening {
            title: "payment".to_owned(),
            detail: joined([amount.unwrap_or_default(), of("plan")]),
            status: of("op"),
            ..happening(row, Kind::Payment)
        };
    }
    let credits = number("amount")
        .map_or_else(String::new, |amount| format!("{amount} credit{}", if amount == 1 { "" } else { "s" }));
    let balance = number("balance_after").map_or_else(String::new, |balance| format!("balance {balance}"));
    Happening {
        title: joined_with(" ", [or(of("op"), "credit"), credits]),
        detail: joined([of("reason"), of("ref"), balance]),
        ..happening(row, Kind::Credit)
    }
}

/// Shapes a row of `session_verdicts`.
fn decided(row: &Row) -> Happening {
    let of = |column: &str| rows::text(row, column);
    let reasons: Vec<Value> = serde_json::from_str(&of("reasons")).unwrap_or_default();
    let rules: Vec<&str> = reasons.iter().filter_map(|reason| reason["rule"].as_str()).collect();
    let step_up = Some(of("step_up")).filter(|step_up| !matches!(step_up.as_str(), "" | "none"));
    let is_degraded = row.get("degraded").and_then(Value::as_bool) == Some(true);
    let weight = rows::count(row, "weight");
    Happening {
        title: format!("verdict about {}", of("action")),
        detail: joined([
            format!("score {}", rows::count(row, "score")),
            rules.join(", "),
            step_up.map(|step_up| format!("asks for {step_up}")).unwrap_or_default(),
            if is_degraded { "degraded" } else { "" }.to_owned(),
            if weight > 1 { format!("stands for {weight}") } else { String::new() },
        ]),
        status: of("verdict"),
        ..happening(row, Kind::Verdict)
    }
}
