//! `/restrictions`: everything that is restrained now, and taking one of it back.

use std::collections::BTreeSet;

use ::queries::Mode;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use dashboards::restrictions::{Asked, ROWS_MAX, Restrictions, Row};
use dashboards::{Panel, RestrictionsPage};

use super::decided::{self, About, own_address, with_done};
use super::rows;
use super::verdicts::sees_verdicts;
use super::{Form, carry_out, field, forbidden, frame, html, problem, reviewed, visitor};
use crate::clock;
use crate::control::Scope;
use crate::http::App;
use crate::http::error::Problem;
use crate::http::issues::given;
use crate::verdict::Restriction;

const KNOWN: [&str; 4] = ["kind", "rule", "verdict", "done"];
/// For how long the entity of a rule's restriction is allowed that somebody takes back.
const ALLOWED_FOR: &str = "7d";

/// `GET /restrictions`: the list.
pub(crate) async fn restrictions(State(app): State<App>, request: Request) -> Response {
    let key = match visitor(&app, request.headers(), request.uri()) {
        Ok(key) => key,
        Err(instead) => return instead,
    };
    if !sees_verdicts(&key) && !key.scopes.has(Scope::Review) {
        return forbidden(&key, "query and the purpose abuse");
    }
    let params = match given(&request, &KNOWN) {
        Ok(params) => params,
        Err(refused) => return problem(&key, refused, "/restrictions"),
    };
    let text = |name: &str| rows::text(&params, name);
    let asked = Asked { kind: text("kind"), rule: text("rule"), verdict: text("verdict") };
    let now = clock::now();
    let all = app.verdicts.restrictions(now);
    let rules: BTreeSet<&str> = all.iter().map(|found| &*found.rule).filter(|rule| *rule != "override").collect();
    let (known, _) = app.rulebook.list(now);
    let page = RestrictionsPage {
        frame: frame(Some(&key)),
        now,
        rules: rules.into_iter().map(str::to_owned).collect(),
        list: Panel::Ready(list(&app, &all, &asked, now)),
        live_rules: known.iter().filter(|view| view.report.mode == Mode::Live).count(),
        may_decide: key.scopes.has(Scope::Review),
        done: decided::told(&app, &key, &text("done")),
        asked,
    };
    html(StatusCode::OK, page.page())
}

fn list(app: &App, all: &[Restriction], asked: &Asked, now: i64) -> Restrictions {
    let is = |given: &str, value: &str| given.is_empty() || given == value;
    let matches = |found: &&Restriction| {
        is(&asked.kind, found.entity_kind.name())
            && is(&asked.rule, &found.rule)
            && is(&asked.verdict, found.verdict.name())
    };
    let mut found: Vec<&Restriction> = all.iter().filter(matches).collect();
    found.sort_by(|a, b| (a.until, a.key().0, a.key().2).cmp(&(b.until, b.key().0, b.key().2)));
    let total = found.len();
    found.truncate(ROWS_MAX);
    let row = |found: &Restriction| {
        let by = app.verdicts.overrides().find(found.entity_kind, &found.entity, now);
        Row {
            kind: found.entity_kind.name().to_owned(),
            entity: found.entity.to_string(),
            verdict: found.verdict.name().to_owned(),
            rule: found.rule.to_string(),
            actions: found.actions.iter().map(ToString::to_string).collect(),
            since: found.since,
            until: found.until,
            // A member of a component that is overridden has no override of its own.
            by: (&*found.rule == "override").then(|| {
                by.map_or_else(
                    || ("override".to_owned(), "of the component it belongs to".to_owned()),
                    |by| (by.created_by.clone(), by.reason.clone()),
                )
            }),
        }
    };
    Restrictions { rows: found.into_iter().map(row).collect(), total, active: all.len() }
}

/// `POST /restrictions/revoke`: ends what a person put, or allows whom a rule restrains.
pub(crate) async fn revoke(State(app): State<App>, request: Request) -> Response {
    let (key, form) = match reviewed::<Form>(&app, request).await {
        Ok(reviewed) => reviewed,
        Err(instead) => return instead,
    };
    let back = own_address(field(&form, "back"), "/restrictions");
    let about = field(&form, "whom").split_once('/').ok_or_else(|| Problem::invalid("choose a restriction to revoke"));
    let about = match about.and_then(|(kind, entity)| About::read(&app, &key, kind, entity)) {
        Ok(about) => about,
        Err(refused) => return problem(&key, refused, &back),
    };
    let is_own = app.verdicts.overrides().find(about.kind, &about.entity, clock::now()).is_some();
    // A denied component goes before whatever its members are allowed.
    let of_component = |found: &Restriction| {
        &*found.rule == "override" && found.entity_kind == about.kind && *found.entity == *about.entity
    };
    if !is_own && app.verdicts.restrictions(clock::now()).iter().any(of_component) {
        let refused = Problem::Conflict(
            "it is restrained as a member of a component that somebody restrained".into(),
            "revoke the component's own restriction",
        );
        return problem(&key, refused, &back);
    }
    let work = async move {
        if is_own { about.revoke().await } else { about.put("allow", "Restriction revoked", ALLOWED_FOR).await }
    };
    carry_out(&key, &back, work, |id| with_done(&back, &id)).await
}
