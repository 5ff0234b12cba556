//! `/settings`: keys are made and revoked here, and what is configured is shown with where it comes from.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use dashboards::settings::{
    ConfigSection, ConfigValue, Done, KeyRow, NewKeyForm, PolicyAction, PolicyLimit, PolicyView,
};
use dashboards::{KeyMadePage, SettingsPage};
use ingest::Kind;
use serde_json::json;
use toml::Value;

use super::{Form, carry_out, field, fields, frame, html, looker, origin, posted, problem, rows, sentence};
use crate::clock;
use crate::config::{InForce, Origin};
use crate::control::{Key, Scope};
use crate::http::address::Named;
use crate::http::error::Problem;
use crate::http::issues::given;
use crate::http::keys::{self, CreateKey};
use crate::http::{App, Weir, to_its_end};
use crate::verdict::{ActionPolicy, Limit, Unit, WhenDegraded};

const DAY_US: i64 = 86_400 * 1_000_000;

/// `GET /settings`: the page.
pub(crate) async fn settings(State(app): State<App>, request: Request) -> Response {
    let key = match looker(&app, request.headers(), request.uri(), Scope::Admin) {
        Ok(key) => key,
        Err(instead) => return instead,
    };
    let params = match given(&request, &["revoke", "done"]) {
        Ok(params) => params,
        Err(refused) => return problem(&key, refused, "/settings"),
    };
    let done = rows::text(&params, "done");
    let page = SettingsPage {
        revoking: rows::some_text(&params, "revoke"),
        done: done.strip_prefix("revoked.").map(|name| Done::Revoked(name.to_owned())),
        ..page(&app, &key, request.headers(), NewKeyForm::usual())
    };
    html(StatusCode::OK, page.page())
}

fn page(app: &Weir, key: &Key, headers: &HeaderMap, form: NewKeyForm) -> SettingsPage {
    SettingsPage {
        frame: frame(Some(key)),
        now: clock::now(),
        origin: origin(headers),
        keys: app.keyring.list().iter().map(|listed| row(listed, key)).collect(),
        revoking: None,
        done: None,
        form,
        problem: None,
        config: config(app),
        retention: Kind::ALL
            .into_iter()
            .map(|kind| (kind.table().to_owned(), u64::try_from(kind.retention_days()).unwrap_or(0)))
            .collect(),
        policy: policy(app),
    }
}

fn row(key: &Key, own: &Key) -> KeyRow {
    let words = |names: Vec<&'static str>| names.into_iter().map(str::to_owned).collect();
    KeyRow {
        id: key.id.clone(),
        name: key.name.to_string(),
        scopes: words(key.scopes.names()),
        purposes: words(key.purposes.names()),
        origins: key.origins.clone(),
        rate: key.rate.map(|rate| rate.to_string()),
        created_at: key.created_at,
        expires_at: key.expires_at,
        last_used_at: key.used.at(),
        is_fixed: key.is_fixed(),
        is_own: key.id == own.id,
    }
}

fn config(app: &Weir) -> Vec<ConfigSection> {
    let mut sections: Vec<ConfigSection> = Vec::new();
    for value in app.config.in_force() {
        if sections.last().is_none_or(|section| section.name != value.section) {
            sections.push(ConfigSection { name: value.section.clone(), values: Vec::new() });
        }
        if let Some(section) = sections.last_mut() {
            section.values.push(shown(value));
        }
    }
    sections
}

fn shown(value: InForce) -> ConfigValue {
    ConfigValue {
        variable: format!("WEIR_{}_{}", value.section.to_uppercase(), value.key.to_uppercase()),
        number: value.value.as_ref().and_then(Value::as_integer).and_then(|number| u64::try_from(number).ok()),
        value: value.value.map(|value| value.to_string()),
        key: value.key,
        doc: value.doc,
        source: match value.origin {
            Origin::Default => String::new(),
            Origin::File(path) => path.display().to_string(),
            Origin::Environment(name) => name,
            Origin::CommandLine => "command line".to_owned(),
        },
    }
}

fn policy(app: &Weir) -> PolicyView {
    let policy = app.verdicts.policy();
    let action = |name: &str, of: &ActionPolicy| PolicyAction {
        name: name.to_owned(),
        throttle_score: Some(of.throttle_score).filter(|score| *score <= 100),
        block_score: Some(of.block_score).filter(|score| *score <= 100),
        when_degraded: match of.when_degraded {
            WhenDegraded::Allow => "allowed, marked degraded".to_owned(),
            WhenDegraded::Throttle => {
                let limit = &of.degraded_limit;
                format!("allowed up to {} for each entity, burst {}, then throttled", limit.window, limit.rate.burst())
            }
            WhenDegraded::Hold => "allowed with step-up hold".to_owned(),
            WhenDegraded::Review => "allowed with step-up review".to_owned(),
        },
        limits: of.limits.iter().map(limit).collect(),
    };
    let named = policy.actions().into_iter().filter_map(|name| Some(action(name, policy.action(name)?)));
    let actions = named.chain([action("any other", policy.other())]).collect();
    let beside = app.config.server.data.join("policy.toml");
    let file = app.config.verdict.policy.clone().or_else(|| beside.is_file().then_some(beside));
    PolicyView {
        version: policy.version().to_string(),
        file: file.map(|path| path.display().to_string()),
        cache_ttl_ms: policy.cache_ttl_ms(),
        stale_after_ms: u64::try_from(policy.stale_after_us() / 1_000).unwrap_or(0),
        actions,
    }
}

fn limit(limit: &Limit) -> PolicyLimit {
    PolicyLimit {
        by: limit.by.name().to_owned(),
        rate: limit.window.to_string(),
        burst: limit.rate.burst(),
        unit: match limit.unit {
            Unit::Requests => "requests".to_owned(),
            Unit::Credits => "credits".to_owned(),
        },
        when_score_over: limit.when_score_over,
    }
}

/// `POST /settings/keys`: makes a key, and shows it, once. The answer is the page itself: what leads back to it would have to
/// carry the secret.
pub(crate) async fn make_key(State(app): State<App>, request: Request) -> Response {
    let headers = request.headers().clone();
    let (key, form) = match posted::<Form>(&app, request, Scope::Admin).await {
        Ok(posted) => posted,
        Err(instead) => return instead,
    };
    let form = read(&form);
    let wanted = match wanted(&form, clock::now()) {
        Ok(wanted) => wanted,
        Err(refused) => return refuse(&app, &key, &headers, form, refused),
    };
    let work = keys::make(App::clone(&app), wanted, Arc::clone(&key));
    match to_its_end(work).await {
        Ok((stored, text)) => {
            let made = KeyMadePage {
                frame: frame(Some(&key)),
                name: stored.spec.name,
                key: text.to_string(),
                scopes: stored.spec.scopes.names().into_iter().map(str::to_owned).collect(),
                origins: stored.spec.origins,
                origin: origin(&headers),
            };
            html(StatusCode::OK, made.page())
        }
        Err(refused) => refuse(&app, &key, &headers, form, refused),
    }
}

/// Shows the form again as it was filled in, with what is wrong.
fn refuse(app: &Weir, key: &Key, headers: &HeaderMap, form: NewKeyForm, refused: Problem) -> Response {
    let (status, message, _) = refused.into_words();
    let page = SettingsPage { problem: Some(sentence(&message)), ..page(app, key, headers, form) };
    html(status, page.page())
}

fn read(form: &Form) -> NewKeyForm {
    let text = |name: &str| field(form, name).trim().to_owned();
    NewKeyForm {
        name: text("name"),
        scopes: fields(form, "scope"),
        purposes: fields(form, "purpose"),
        origins: text("origins"),
        rate: text("rate"),
        ends: text("ends"),
    }
}

/// Writes the form as the body of `POST /v1/keys`.
fn wanted(form: &NewKeyForm, now: i64) -> Result<CreateKey, Problem> {
    let origins: Vec<String> = form
        .origins
        .split(|letter: char| letter == ',' || letter.is_whitespace())
        .filter(|origin| !origin.is_empty())
        .map(str::to_owned)
        .collect();
    let ends = match form.ends.as_str() {
        "" => None,
        days => {
            let days: i64 =
                days.parse().map_err(|_| Problem::invalid("a key ends after a number of days, or never"))?;
            Some(clock::rfc3339(now.saturating_add(days.saturating_mul(DAY_US))))
        }
    };
    Ok(CreateKey {
        name: form.name.clone(),
        scopes: form.scopes.clone(),
        origins: (!origins.is_empty()).then_some(origins),
        rate: Some(form.rate.clone()).filter(|rate| !rate.is_empty()),
        expires_at: ends.map(|at| json!(at)),
        purposes: Some(form.purposes.clone()),
    })
}

/// `POST /settings/keys/{id}/revoke`: ends a key.
pub(crate) async fn revoke_key(State(app): State<App>, Named(id): Named, request: Request) -> Response {
    let key = match posted::<Form>(&app, request, Scope::Admin).await {
        Ok((key, _)) => key,
        Err(instead) => return instead,
    };
    let name = app.keyring.list().iter().find(|listed| listed.id == id).map(|listed| listed.name.to_string());
    let work = keys::end(App::clone(&app), id, Arc::clone(&key));
    let told = |()| format!("/settings?done=revoked.{}", name.unwrap_or_default());
    carry_out(&key, "/settings", work, told).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[(&str, &str)]) -> NewKeyForm {
        let form: Form = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        read(&form)
    }

    #[test]
    fn a_form_asks_for_the_same_as_the_api_would() {
        let filled = form(&[
            ("name", " web "),
            ("scope", "ingest_public"),
            ("scope", "query"),
            ("origins", "https://a.example, https://b.example\nhttps://c.example"),
            ("rate", "10/s"),
            ("ends", "30"),
            ("purpose", "product"),
        ]);
        let new = wanted(&filled, 0).unwrap().check(0).unwrap();
        assert_eq!((new.name.as_str(), new.scopes.names()), ("web", vec!["ingest_public", "query"]));
        assert_eq!(new.origins, ["https://a.example", "https://b.example", "https://c.example"]);
        assert_eq!((new.rate.unwrap().to_string().as_str(), new.expires_at), ("10/s", Some(30 * DAY_US)));
        assert_eq!(new.purposes.names(), ["operate", "product"]);
    }

    #[test]
    fn what_is_left_out_is_not_asked_for() {
        let new = wanted(&form(&[("name", "app"), ("scope", "ingest")]), 0).unwrap().check(0).unwrap();
        assert_eq!((new.origins.len(), new.rate, new.expires_at), (0, None, None));
        let soon = form(&[("name", "app"), ("scope", "ingest"), ("ends", "soon")]);
        assert!(wanted(&soon, 0).is_err(), "a key that was to end must not be one that never does");
        assert!(wanted(&form(&[("name", "app")]), 0).unwrap().check(0).unwrap_err().contains("scope"));
    }
}
