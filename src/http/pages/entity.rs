//! `/e/{kind}/{id}`: one entity, and what is decided about it.

mod found;
mod links;

use std::sync::Arc;

use ::queries::Params;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use dashboards::entity::{Asked, TABLES};
use dashboards::{EntityPage, EvidencePage, Panel};

use super::decided::{self, About, own_address, with_done};
use super::{
    Form, carry_out, field, fragment, fragment_reader, frame, html, may_review, panel, problem, reviewed, reviewer,
    rows,
};
use crate::clock;
use crate::control::Key;
use crate::http::address::Named;
use crate::http::entities::Known;
use crate::http::error::Problem;
use crate::http::issues::given;
use crate::http::{App, json as answer};

const KNOWN: [&str; 3] = ["table", "parts", "done"];

/// `GET /e/{kind}/{id}`: the page; with `.json` behind the id, the API's answer.
pub(crate) async fn entity(
    State(app): State<App>,
    Named((kind, id)): Named<(String, String)>,
    request: Request,
) -> Response {
    let key = match reviewer(&app, request.headers(), request.uri()) {
        Ok(key) => key,
        Err(instead) => return instead,
    };
    if let Some(id) = id.strip_suffix(".json") {
        let shown = Known::look(&app, &key, &kind, id, None).await.and_then(|known| known.shown());
        return shown.map_or_else(IntoResponse::into_response, |shown| answer(&shown));
    }
    let page = match given(&request, &KNOWN) {
        Ok(params) => page(&app, &key, (&kind, &id), params).await,
        Err(refused) => Err(refused),
    };
    match page {
        Ok(page) => html(StatusCode::OK, page.page()),
        Err(Problem::NotFound(_)) => {
            let looked = format!(
                "nothing is known of the {} {id}: no event of the last 30 days names it, no rule found it, and nobody decided \
                 about it",
                dashboards::entity::kind_words(&kind)
            );
            problem(&key, Problem::not_found(looked), "/verdicts")
        }
        Err(refused) => problem(&key, refused, "/verdicts"),
    }
}

async fn page(app: &App, key: &Arc<Key>, (kind, id): (&str, &str), params: Params) -> Result<EntityPage, Problem> {
    let text = |name: &str| rows::text(&params, name);
    let table = text("table");
    if !table.is_empty() && !TABLES.contains(&table.as_str()) {
        return Err(Problem::invalid(format!("table is one of {}", TABLES.join(", "))));
    }
    let only = (!table.is_empty()).then_some(table.as_str());
    let known = Known::look(app, key, kind, id, only).await?;
    let tables = app.tables_for(|_| true)?;
    let (links, credits) = tokio::join!(links::links(app, &tables, &known), found::credits(app, &tables, &known));
    let now = clock::now();
    let asked = Asked {
        kind: known.kind.name().to_owned(),
        id: known.entity.clone(),
        table: table.clone(),
        is_whole: text("parts") == "all",
    };
    let proofs = if asked.is_whole { Panel::Ready(found::proofs(app, &known.state).await) } else { Panel::Loading };
    Ok(EntityPage {
        frame: frame(Some(key)),
        now,
        standing: found::standing(app, &known, now),
        score: found::score(app, &known.state, now),
        word: known.state.overridden_by.as_deref().map(found::word),
        snoozes: known.state.snoozes.iter().map(|snooze| found::snooze(snooze)).collect(),
        links: panel(links),
        credits: panel(credits),
        timeline: found::timeline(&known, only),
        labels: known.labels.iter().map(found::label).collect(),
        evidence: EvidencePage { now, asked: asked.clone(), proofs },
        done: decided::told(app, key, &text("done")),
        asked,
    })
}

/// `GET /fragments/e/{kind}/{id}/evidence`: the events behind its hits.
pub(crate) async fn evidence(
    State(app): State<App>,
    Named((kind, id)): Named<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let found = async {
        let key = fragment_reader(&app, &headers, may_review, "review")?;
        let about = About::read(&app, &key, &kind, &id)?;
        let now = clock::now();
        let state = app.verdicts.entity(about.kind, &about.entity, now);
        let asked = Asked { kind: about.kind.name().to_owned(), id: about.entity, ..Asked::default() };
        Ok(EvidencePage { now, asked, proofs: Panel::Ready(found::proofs(&app, &state).await) })
    };
    fragment(found.await.map(|page: EvidencePage| page.fragment()))
}

/// `POST /e/{kind}/{id}/{what}`: an override, its end, a label, a snooze, its end.
pub(crate) async fn decide(
    State(app): State<App>,
    Named((kind, id, what)): Named<(String, String, String)>,
    request: Request,
) -> Response {
    let (key, form) = match reviewed::<Form>(&app, request).await {
        Ok(reviewed) => reviewed,
        Err(instead) => return instead,
    };
    let page = dashboards::reason::entity_address(&kind, &id);
    let back = own_address(field(&form, "back"), &page);
    let about = match About::read(&app, &key, &kind, &id) {
        Ok(about) => about,
        Err(refused) => return problem(&key, refused, &back),
    };
    let work = async move {
        let text = |name: &str| field(&form, name).trim().to_owned();
        match what.as_str() {
            "override" => about.put(&text("verdict"), &text("reason"), &text("for")).await,
            "revoke" => about.revoke().await,
            "label" => {
                let before = about.said().await?;
                about.label(&text("label"), &text("note"), before).await
            }
            "snooze" => about.snooze(&text("rule"), &text("reason"), &text("for")).await,
            "wake" => about.wake(&text("rule")).await,
            _ => Err(Problem::not_found("an entity is overridden, labelled, or a rule snoozed for it")),
        }
    };
    carry_out(&key, &back, work, |id| with_done(&back, &id)).await
}
