//! Pages for people: the overview, signing in and out, static files. Who is not signed in is shown the form.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dashboards::{CONTENT_SECURITY_POLICY, Frame, PageError, ProblemPage, SignInError, SignInPage, local_path};
use serde::Deserialize;

use super::auth::from_own_page;
use super::{App, overview};
use crate::clock;
use crate::control::{Key, Scope, Scopes};

/// Any of these lets a key see pages.
const READERS: Scopes = Scopes::of(&[Scope::Query, Scope::Review, Scope::Admin]);

/// Shows the overview.
pub(crate) async fn overview(State(app): State<App>, headers: HeaderMap) -> Response {
    let now = clock::now();
    match app.sessions.key(&headers, &app.keyring, now) {
        Some(key) => page(overview::build(&app, &key, &headers, now).await.page()),
        None => page(sign_in_page("/", None).page()),
    }
}

/// Shows the part of the overview that changes.
pub(crate) async fn overview_fragment(State(app): State<App>, headers: HeaderMap) -> Response {
    let now = clock::now();
    match app.sessions.key(&headers, &app.keyring, now) {
        Some(key) => page(overview::build(&app, &key, &headers, now).await.fragment()),
        // htmx follows this header: the whole page becomes the form.
        None => (StatusCode::UNAUTHORIZED, [("hx-redirect", "/")], "").into_response(),
    }
}

/// What the form sends.
#[derive(Deserialize)]
pub(crate) struct SignIn {
    #[serde(default)]
    key: String,
    #[serde(default)]
    next: String,
}

/// Begins a session.
pub(crate) async fn sign_in(State(app): State<App>, headers: HeaderMap, Form(form): Form<SignIn>) -> Response {
    if !from_own_page(&headers) {
        return refused(ProblemPage::foreign_origin(frame(None)));
    }
    let now = clock::now();
    let next = local_path(&form.next).to_owned();
    let key = app.keyring.authenticate(form.key.trim(), now);
    let error = match &key {
        Some(key) if key.scopes.has_any(READERS) => None,
        Some(_) => Some(SignInError::MayNotRead),
        None if form.key.trim().is_empty() => Some(SignInError::Empty),
        None => Some(SignInError::Unknown),
    };
    match (error, key) {
        (None, Some(key)) => {
            let secure = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
            let cookie = app.sessions.begin(&key, secure, now);
            redirect(&next, &cookie)
        }
        (error, _) => {
            let mut response = page(sign_in_page(&next, error).page());
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            response
        }
    }
}

/// Ends the session.
pub(crate) async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Response {
    if !from_own_page(&headers) {
        return refused(ProblemPage::foreign_origin(frame(None)));
    }
    redirect("/", &app.sessions.end(&headers))
}

/// Answers a static file.
pub(crate) async fn asset(Path(path): Path<String>) -> Response {
    let Some(asset) = dashboards::asset(&path) else {
        return refused(ProblemPage::not_found(frame(None), &format!("/static/{path}")));
    };
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, asset.cache_control()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, asset.bytes).into_response()
}

/// Returns what surrounds a page.
pub(super) fn frame(key: Option<&Key>) -> Frame {
    Frame { key: key.map(|key| key.name.to_string()), version: env!("CARGO_PKG_VERSION").to_owned() }
}

fn sign_in_page(next: &str, error: Option<SignInError>) -> SignInPage {
    SignInPage { frame: frame(None), next: next.to_owned(), error }
}

fn redirect(to: &str, cookie: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, to), (header::SET_COOKIE, cookie)], "").into_response()
}

fn refused(problem: ProblemPage) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = page(problem.page());
    *response.status_mut() = status;
    response
}

/// Answers HTML under the strict policy.
fn page(html: Result<String, PageError>) -> Response {
    let mut response = match html {
        Ok(html) => html.into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "the page could not be made").into_response()
        }
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
