//! What is done about a rule from its page. All of it is what the API does, asked for by forms.

use std::sync::Arc;

use ::queries::rules::RULE_BYTES_MAX;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use dashboards::address;
use dashboards::rule::{Asked, Deed, SNOOZES, Wrong};

use super::{new_page, page};
use crate::clock;
use crate::control::{Key, Scope};
use crate::http::address::Named;
use crate::http::error::Problem;
use crate::http::pages::decided::About;
use crate::http::pages::{Form, carry_out, field, html, posted_up_to, problem, reviewed};
use crate::http::rules::{NewMode, set_mode as put_mode, unknown};
use crate::http::{App, blocking, own_rules};

/// The largest form with a text: every letter of it escaped.
const TEXT_FORM_BYTES_MAX: usize = 3 * RULE_BYTES_MAX + (4 << 10);
const DAY_US: i64 = 86_400_000_000;

fn written<'f>(form: &'f Form, name: &str) -> &'f str {
    field(form, name).trim()
}

fn address_of(id: &str) -> String {
    Asked { name: id.to_owned(), ..Asked::default() }.plain()
}

/// Writes the address of the page that tells what was done.
fn told(id: &str, deed: Deed, was: &str) -> String {
    address::with_parameters(&address_of(id), [("done", deed.name()), ("was", was)])
}

/// `POST /rules/{id}/mode`: sets its mode.
pub(crate) async fn set_mode(State(app): State<App>, Named(id): Named, request: Request) -> Response {
    let (key, form) = match reviewed::<Form>(&app, request).await {
        Ok(reviewed) => reviewed,
        Err(instead) => return instead,
    };
    let some = |name: &str| Some(written(&form, name).to_owned()).filter(|text| !text.is_empty());
    let new = NewMode {
        mode: written(&form, "mode").to_owned(),
        backtest_id: some("backtest_id"),
        force: written(&form, "force") == "true",
        version: some("version"),
    };
    let (by, name, back) = (Arc::clone(&key), id.clone(), address_of(&id));
    let work = async move { put_mode(&app, &name, &new, &by).await };
    carry_out(&key, &back, work, |before| told(&id, Deed::Mode, before.name())).await
}

/// `POST /rules/save`: saves a text. One that is no rule stays in the editor, with what is wrong.
pub(crate) async fn save(State(app): State<App>, request: Request) -> Response {
    let (key, form) = match posted_up_to::<Form>(TEXT_FORM_BYTES_MAX, &app, request, Scope::Review).await {
        Ok(reviewed) => reviewed,
        Err(instead) => return instead,
    };
    let name = written(&form, "name").to_owned();
    let is_new = written(&form, "new") == "true";
    // Forms send line ends as two characters.
    let text = field(&form, "sql").replace("\r\n", "\n");
    let saved = match (is_new, app.rulebook.get(&name)) {
        (true, Some(_)) => Err(taken(&name)),
        _ if text.len() > RULE_BYTES_MAX => {
            Err(Problem::TooLarge(format!("the rule is over {RULE_BYTES_MAX} bytes").into()))
        }
        _ => own_rules::put(&app, &name, text.clone(), &key).await,
    };
    match saved {
        Ok(()) => see(&told(&name, Deed::Saved, written(&form, "was"))),
        Err(refused) => not_saved(&app, &key, (name, text), is_new, refused).await,
    }
}

fn taken(name: &str) -> Problem {
    let message = format!("there is a rule named {name} already");
    Problem::Conflict(message.into(), "take another name, or change that rule on its page")
}

/// Shows the text as it was written, and why it was not saved.
async fn not_saved(app: &App, key: &Key, (name, text): (String, String), is_new: bool, refused: Problem) -> Response {
    let (status, wrong) = wrong(refused);
    if is_new || app.rulebook.get(&name).is_none() {
        return html(status, new_page(key, &name, &text, Some(wrong)).page());
    }
    let asked = Asked { name, ..Asked::default() };
    match page(app, key, asked, None, Some((text, wrong))).await {
        Ok(page) => html(status, page.page()),
        Err(refused) => problem(key, refused, "/rules"),
    }
}

fn wrong(refused: Problem) -> (StatusCode, Wrong) {
    let (status, _, shape) = refused.into_parts();
    let error = &shape["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    let line = error["line"].as_u64().and_then(|line| u32::try_from(line).ok());
    (status, Wrong { line, message: text("message"), remedy: text("hint") })
}

fn see(address: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, address)]).into_response()
}

/// `POST /rules/{id}/restore`: saves a text again that it had.
pub(crate) async fn restore(State(app): State<App>, Named(id): Named, request: Request) -> Response {
    let (key, form) = match reviewed::<Form>(&app, request).await {
        Ok(reviewed) => reviewed,
        Err(instead) => return instead,
    };
    let back = if app.rulebook.get(&id).is_some() { address_of(&id) } else { "/rules".to_owned() };
    let was = written(&form, "was").to_owned();
    let (by, name, version) = (Arc::clone(&key), id.clone(), written(&form, "version").to_owned());
    let work = async move {
        let kept = {
            let (app, name) = (app.clone(), name.clone());
            blocking(move || app.rulebook.kept_text(&name, &version)).await??
        };
        let kept = kept.ok_or_else(|| Problem::not_found("this version of the rule is not kept any longer"))?;
        own_rules::put(&app, &name, kept.text, &by).await
    };
    carry_out(&key, &back, work, |()| told(&id, Deed::Saved, &was)).await
}

/// `POST /rules/{id}/delete`: deletes a rule of the user's own.
pub(crate) async fn delete(State(app): State<App>, Named(id): Named, request: Request) -> Response {
    let (key, _) = match reviewed::<Form>(&app, request).await {
        Ok(reviewed) => reviewed,
        Err(instead) => return instead,
    };
    let version = app.rulebook.get(&id).map(|(rule, _)| rule.version.to_string()).unwrap_or_default();
    let was = format!("{id}@{version}");
    let (by, back) = (Arc::clone(&key), address_of(&id));
    let work = async move { own_rules::remove(&app, &id, &by).await };
    carry_out(&key, &back, work, |()| address::with_parameters("/rules", [("done", "deleted"), ("was", &was)])).await
}

/// `POST /rules/{id}/snooze`: makes its hits on an entity count for nothing for a while.
pub(crate) async fn snooze(State(app): State<App>, Named(id): Named, request: Request) -> Response {
    let (key, form) = match reviewed::<Form>(&app, request).await {
        Ok(reviewed) => reviewed,
        Err(instead) => return instead,
    };
    let back = address_of(&id);
    if app.rulebook.get(&id).is_none() {
        return problem(&key, unknown(&id), "/rules");
    }
    let Some(days) = days(written(&form, "for")) else {
        return problem(&key, Problem::invalid("a snooze lasts 1, 7, 30 or 180 days"), &back);
    };
    let about = match About::read(&app, &key, written(&form, "entity_kind"), written(&form, "entity")) {
        Ok(about) => about,
        Err(refused) => return problem(&key, refused, &back),
    };
    // A little less than the longest, which is counted from when it is read.
    let until = clock::now() + days * DAY_US - 1_000_000;
    let (name, reason) = (id.clone(), written(&form, "reason").to_owned());
    let work = async move { about.snooze_until(&name, &reason, until).await };
    carry_out(&key, &back, work, |()| format!("{}#snoozes", told(&id, Deed::Snoozed, ""))).await
}

/// Reads one of the times that the page offers.
fn days(text: &str) -> Option<i64> {
    SNOOZES.iter().find(|(offered, _)| *offered == text)?.0.strip_suffix('d')?.parse().ok()
}

/// `POST /rules/{id}/end-snooze`: makes its hits on an entity count again.
pub(crate) async fn end_snooze(State(app): State<App>, Named(id): Named, request: Request) -> Response {
    let (key, form) = match reviewed::<Form>(&app, request).await {
        Ok(reviewed) => reviewed,
        Err(instead) => return instead,
    };
    let back = address_of(&id);
    let about = match About::read(&app, &key, written(&form, "entity_kind"), field(&form, "entity")) {
        Ok(about) => about,
        Err(refused) => return problem(&key, refused, &back),
    };
    let name = id.clone();
    let work = async move { about.end_snooze(&name).await };
    carry_out(&key, &back, work, |()| told(&id, Deed::SnoozeEnded, "")).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snooze_lasts_as_long_as_the_page_offers() {
        assert_eq!((days("7d"), days("180d")), (Some(7), Some(180)));
        for wrong in ["", "7", "8d", "1y"] {
            assert_eq!(days(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_page_tells_what_was_done() {
        assert_eq!(told("many_spends", Deed::Mode, "shadow"), "/rules/many_spends?done=mode&was=shadow");
        assert_eq!(told("a/b", Deed::SnoozeEnded, ""), "/rules/a%2Fb?done=snooze_ended");
    }
}
