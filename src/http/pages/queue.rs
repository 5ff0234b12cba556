//! `/verdicts/review`: the entities with open hits about which nobody has decided, and what is decided from there.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use ::queries::{EntityKind, Hit, Mode, Params, points_to_score};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use dashboards::review::{Asked, Queue, ROWS_MAX, ROWS_USUAL, Waiting};
use dashboards::{Panel, ReviewPage};
use serde_json::json;

use super::decided::{self, About, own_address, with_done};
use super::rows;
use super::verdicts::limit;
use super::{Form, carry_out, field, frame, html, problem, reason, reasons, reviewed, reviewer};
use crate::clock;
use crate::http::ask::ask_stored;
use crate::http::error::Problem;
use crate::http::issues::given;
use crate::http::{App, blocking};

/// Labels that are read: those labelled long before any that is remembered wait again.
const LABELS_MAX: usize = 10_000;
const KNOWN: [&str; 4] = ["kind", "rule", "limit", "done"];

type Entity = (EntityKind, Arc<str>);

/// `GET /verdicts/review`: the queue.
pub(crate) async fn review(State(app): State<App>, request: Request) -> Response {
    let key = match reviewer(&app, request.headers(), request.uri()) {
        Ok(key) => key,
        Err(instead) => return instead,
    };
    let (asked, done) = match given(&request, &KNOWN).and_then(|params| read(&params)) {
        Ok(read) => read,
        Err(refused) => return problem(&key, refused, "/verdicts/review"),
    };
    let (queue, rules) = match waiting(&app).await {
        Ok(waiting) => {
            let rules: BTreeSet<String> = waiting.values().flatten().map(|hit| hit.rule.to_string()).collect();
            (Panel::Ready(queue(&app, &waiting, &asked)), rules.into_iter().collect())
        }
        Err(refused) => (Panel::Failed(reason(refused)), Vec::new()),
    };
    let page = ReviewPage {
        frame: frame(Some(&key)),
        now: clock::now(),
        queue,
        rules,
        done: decided::told(&app, &key, &done),
        last: decided::last(&app, &key),
        asked,
    };
    html(StatusCode::OK, page.page())
}

fn read(params: &Params) -> Result<(Asked, String), Problem> {
    let text = |name: &str| rows::text(params, name);
    let limit = limit(params, ROWS_USUAL, ROWS_MAX)?;
    Ok((Asked { kind: text("kind"), rule: text("rule"), limit }, text("done")))
}

/// Returns how many wait.
pub(super) async fn count(app: &App) -> Result<usize, Problem> {
    Ok(waiting(app).await?.len())
}

/// Returns the open hits of every entity that has no label, override or snooze of a person yet.
async fn waiting(app: &App) -> Result<HashMap<Entity, Vec<Arc<Hit>>>, Problem> {
    let now = clock::now();
    // Who may review sees what was said, whatever the purposes of the key's SQL.
    let tables = app.tables_for(|_| true)?;
    let params: Params = [("limit".to_owned(), json!(LABELS_MAX))].into_iter().collect();
    let labelled = ask_stored(app, "newest_labels", params, &tables, LABELS_MAX).await?.rows;
    let labelled: HashSet<(String, String)> =
        labelled.iter().map(|row| (rows::text(row, "entity_kind"), rows::text(row, "entity"))).collect();
    let app = app.clone();
    blocking(move || {
        let mut waiting: HashMap<Entity, Vec<Arc<Hit>>> = HashMap::new();
        for hit in app.verdicts.open_hits(now) {
            waiting.entry((hit.entity_kind, Arc::clone(&hit.entity))).or_default().push(hit);
        }
        waiting.retain(|(kind, entity), _| {
            let is_labelled = || labelled.contains(&(kind.name().to_owned(), entity.to_string()));
            app.verdicts.overrides().find(*kind, entity, now).is_none() && !is_labelled()
        });
        waiting
    })
    .await
}

fn queue(app: &App, waiting: &HashMap<Entity, Vec<Arc<Hit>>>, asked: &Asked) -> Queue {
    let matches = |(kind, _): &Entity, hits: &[Arc<Hit>]| {
        (asked.kind.is_empty() || kind.name() == asked.kind)
            && (asked.rule.is_empty() || hits.iter().any(|hit| *hit.rule == *asked.rule))
    };
    let mut found: Vec<(u8, &Entity, &Vec<Arc<Hit>>)> = waiting
        .iter()
        .filter(|(entity, hits)| matches(entity, hits))
        .map(|(entity, hits)| (points_to_score(hits.iter().map(|hit| hit.points)), entity, hits))
        .collect();
    // Those with the same score stay in their order, whatever the hash map says.
    found.sort_by(|(a, one, _), (b, other, _)| (b, one.0.name(), &one.1).cmp(&(a, other.0.name(), &other.1)));
    let total = found.len();
    found.truncate(asked.limit);
    Queue { rows: found.into_iter().map(|(score, entity, hits)| row(app, score, entity, hits)).collect(), total }
}

fn row(app: &App, score: u8, (kind, entity): &Entity, hits: &[Arc<Hit>]) -> Waiting {
    let live = |hit: &&Arc<Hit>| hit.mode == Mode::Live;
    let mut evidence: Vec<_> = hits.iter().map(|hit| (reasons::of_hit(app, hit), hit.mode == Mode::Live)).collect();
    evidence.sort_by(|(a, _), (b, _)| (b.points, &a.rule).cmp(&(a.points, &b.rule)));
    Waiting {
        kind: kind.name().to_owned(),
        entity: entity.to_string(),
        score: u64::from(points_to_score(hits.iter().filter(live).map(|hit| hit.points))),
        with_shadow: u64::from(score),
        evidence,
        since: hits.iter().map(|hit| hit.first_at).min().unwrap_or(0),
    }
}

/// `POST /verdicts/decide`: allows, blocks or labels one entity of the queue.
pub(crate) async fn decide(State(app): State<App>, request: Request) -> Response {
    let (key, form) = match reviewed::<Form>(&app, request).await {
        Ok(reviewed) => reviewed,
        Err(instead) => return instead,
    };
    let back = own_address(field(&form, "back"), "/verdicts/review");
    let mut parts = field(&form, "decide").splitn(3, '/');
    let (Some(what), Some(kind), Some(entity)) = (parts.next(), parts.next(), parts.next()) else {
        return problem(&key, Problem::invalid("choose what to decide about an entity"), &back);
    };
    let about = match About::read(&app, &key, kind, entity) {
        Ok(about) => about,
        Err(refused) => return problem(&key, refused, &back),
    };
    let reason = match field(&form, "reason").trim() {
        "" => evidence_words(&about),
        reason => reason.to_owned(),
    };
    let (what, span) = (what.to_owned(), field(&form, "for").to_owned());
    let work = async move {
        match what.as_str() {
            "allow" | "block" => about.put(&what, &reason, &span).await,
            "legitimate" | "abusive" => {
                let before = about.said().await?;
                let label = if what == "legitimate" { "false_positive" } else { "confirmed_abuse" };
                about.label(label, &reason, before).await
            }
            _ => Err(Problem::invalid("an entity is allowed, blocked, or labelled legitimate or abusive")),
        }
    };
    carry_out(&key, &back, work, |id| with_done(&back, &id)).await
}

/// Says why somebody decides who says nothing: what the queue showed.
fn evidence_words(about: &About) -> String {
    let state = about.app.verdicts.entity(about.kind, &about.entity, clock::now());
    let top = state.hits.iter().map(|(hit, _)| hit).max_by_key(|hit| hit.points);
    top.map_or_else(|| "Reviewed".to_owned(), |hit| format!("Reviewed: {}", reasons::of_hit(&about.app, hit).words()))
}
