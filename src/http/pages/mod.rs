//! What people see: signing in and out, the Overview, the issues, verdicts and whom they are about, and the static files. The pages themselves are
//! `dashboards`'; here is who may look, and what is asked for them.

mod board;
mod decided;
mod entity;
mod issue;
mod issues;
mod pipeline;
mod privacy;
mod queue;
pub(in crate::http) mod reasons;
mod restrictions;
pub(in crate::http) mod rows;
pub(crate) mod rule;
pub(crate) mod rules;
mod session;
mod settings;
pub(crate) mod sql;
mod verdicts;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use dashboards::{
    CONTENT_SECURITY_POLICY, Frame, OverviewPage, PageError, Panel, ProblemPage, SignInError, SignInPage, local_path,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub(crate) use board::{board, board_fragment, board_panel, boards};
pub(crate) use decided::undo;
pub(crate) use entity::{decide as decide_entity, entity, evidence};
pub(crate) use issue::{decide as decide_issue, issue, issue_event, issue_part, merge, split};
pub(crate) use issues::{decide as decide_issues, issues};
pub(crate) use pipeline::{pipeline, pipeline_fragment};
pub(crate) use privacy::data;
pub(crate) use queue::{decide as decide_waiting, review};
pub(crate) use restrictions::{restrictions, revoke};
pub(crate) use session::session;
pub(crate) use settings::{make_key, revoke_key, settings};
pub(in crate::http) use verdicts::NAMED;
pub(crate) use verdicts::{decision, verdicts, verdicts_fragment};

use crate::clock;
use crate::control::{Key, Scope, Scopes};
use crate::http::address::Named;
use crate::http::auth::from_own_page;
use crate::http::error::Problem;
use crate::http::peer::spoke_tls;
use crate::http::{App, Weir, overview, to_its_end};

/// A form to sign in brings the way back, which may hold a whole statement.
const SIGN_IN_BYTES_MAX: usize = 256 << 10;
const FORM_BYTES_MAX: usize = 64 << 10;
/// The scopes that have something to look at.
const READERS: Scopes = Scopes::of(&[Scope::Query, Scope::Review, Scope::Admin]);

fn frame(key: Option<&Key>) -> Frame {
    Frame {
        key: key.map(|key| key.name.to_string()),
        may_query: key.is_some_and(may_query),
        may_admin: key.is_some_and(|key| key.scopes.has(Scope::Admin)),
        may_see_verdicts: key.is_some_and(verdicts::sees_verdicts),
        may_review: key.is_some_and(may_review),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Returns the key of whoever looks at a page that needs the scope query; else the form to sign in, which leads back, or the
/// page that says what is needed.
#[expect(clippy::result_large_err, reason = "the error is the answer")]
fn reader(app: &Weir, headers: &HeaderMap, uri: &Uri) -> Result<Arc<Key>, Response> {
    looker(app, headers, uri, Scope::Query)
}

/// As [`reader`], for a piece of a page, which those may have that `may_see` says; `needs` says whom. There is no form to sign in.
fn fragment_reader(
    app: &Weir,
    headers: &HeaderMap,
    may_see: impl Fn(&Key) -> bool,
    needs: &'static str,
) -> Result<Arc<Key>, Problem> {
    let key = app.sessions.key(headers, &app.keyring, clock::now()).ok_or(Problem::Unauthorized)?;
    if may_see(&key) { Ok(key) } else { Err(Problem::MissingScope(needs)) }
}

/// Answers with a piece of a page. Refusals are answered as to programs: the page that asked says what they mean.
fn fragment(made: Result<Result<String, PageError>, Problem>) -> Response {
    match made {
        Ok(page) => html(StatusCode::OK, page),
        Err(refused) => ([(header::CACHE_CONTROL, "no-store")], refused).into_response(),
    }
}

fn may_query(key: &Key) -> bool {
    key.scopes.has(Scope::Query)
}

fn may_review(key: &Key) -> bool {
    key.scopes.has(Scope::Review)
}

/// As [`reader`], of a page that needs the scope review.
#[expect(clippy::result_large_err, reason = "the error is the answer")]
fn reviewer(app: &Weir, headers: &HeaderMap, uri: &Uri) -> Result<Arc<Key>, Response> {
    looker(app, headers, uri, Scope::Review)
}

/// The same for a page that needs another scope.
#[expect(clippy::result_large_err, reason = "the error is the answer")]
fn looker(app: &Weir, headers: &HeaderMap, uri: &Uri, scope: Scope) -> Result<Arc<Key>, Response> {
    let key = visitor(app, headers, uri)?;
    if key.scopes.has(scope) { Ok(key) } else { Err(forbidden(&key, scope.name())) }
}

/// Returns the key of whoever is signed in; else the form to sign in, which leads back. What the key may see is the page's to say.
#[expect(clippy::result_large_err, reason = "the error is the answer")]
fn visitor(app: &Weir, headers: &HeaderMap, uri: &Uri) -> Result<Arc<Key>, Response> {
    app.sessions.key(headers, &app.keyring, clock::now()).ok_or_else(|| {
        let next = uri.path_and_query().map_or("/", |next| next.as_str());
        sign_in_form(headers, next)
    })
}

fn forbidden(key: &Key, scope: &str) -> Response {
    html(StatusCode::FORBIDDEN, ProblemPage::forbidden(frame(Some(key)), scope).page())
}

fn sign_in_form(headers: &HeaderMap, next: &str) -> Response {
    let error = crate::http::session::has_cookie(headers).then_some(SignInError::Ended);
    html(StatusCode::OK, SignInPage { frame: frame(None), next: local_path(next).to_owned(), error }.page())
}

/// Reads what a form of a page of ours sends to decide something, for whoever is signed in with the scope review.
async fn reviewed<T: DeserializeOwned>(app: &App, request: Request) -> Result<(Arc<Key>, T), Response> {
    posted(app, request, Scope::Review).await
}

/// Reads what a form of a page of ours sends to change something, for whoever is signed in with this scope.
async fn posted<T: DeserializeOwned>(app: &App, request: Request, scope: Scope) -> Result<(Arc<Key>, T), Response> {
    posted_up_to(FORM_BYTES_MAX, app, request, scope).await
}

/// As [`posted`], of a form that is at most so large.
async fn posted_up_to<T: DeserializeOwned>(
    bytes_max: usize,
    app: &App,
    request: Request,
    scope: Scope,
) -> Result<(Arc<Key>, T), Response> {
    let (parts, body) = request.into_parts();
    let key = app.sessions.key(&parts.headers, &app.keyring, clock::now());
    if !from_own_page(&parts.headers) {
        return Err(html(StatusCode::FORBIDDEN, ProblemPage::foreign_origin(frame(key.as_deref())).page()));
    }
    // What was written is not kept: after signing in, the page shows it as it is.
    let Some(key) = key else { return Err(sign_in_form(&parts.headers, "/")) };
    if !key.scopes.has(scope) {
        return Err(forbidden(&key, scope.name()));
    }
    match read_form(app, body, bytes_max).await {
        Ok(form) => Ok((key, form)),
        Err(refused) => Err(problem(&key, refused, "/")),
    }
}

/// The fields of a form, in their order.
type Form = Vec<(String, String)>;

/// Returns a field as it was sent; nothing for one that was not.
fn field<'f>(form: &'f Form, name: &str) -> &'f str {
    form.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
}

/// Returns what was sent for a field that may come more than once.
fn fields(form: &Form, name: &str) -> Vec<String> {
    form.iter().filter(|(field, _)| field == name).map(|(_, value)| value.clone()).collect()
}

/// Does what a form asks for, and sends the browser to the page that `told` names; a refusal is a page that leads back.
async fn carry_out<T, E>(
    key: &Key,
    back: &str,
    work: impl Future<Output = Result<T, E>> + Send + 'static,
    told: impl FnOnce(T) -> String,
) -> Response
where
    T: Send + 'static,
    E: Into<Problem> + Send + 'static,
{
    match to_its_end(work).await {
        Ok(done) => (StatusCode::SEE_OTHER, [(header::LOCATION, told(done))]).into_response(),
        Err(refused) => problem(key, refused, back),
    }
}

/// Shows a refusal as a page, from which one goes back to another.
fn problem(key: &Key, refused: Problem, back: &str) -> Response {
    let (status, message, hint) = refused.into_words();
    let title = match status {
        StatusCode::NOT_FOUND => "That is not here",
        StatusCode::BAD_REQUEST | StatusCode::CONFLICT => "That cannot be done",
        _ => "That did not work",
    };
    let page = ProblemPage {
        frame: frame(Some(key)),
        status: status.as_u16(),
        title: title.to_owned(),
        message: sentence(&message),
        hint: sentence(&hint.unwrap_or_default()),
        back: local_path(back).to_owned(),
    };
    html(status, page.page())
}

/// Says why there is no answer, and what to do.
pub(in crate::http) fn reason(refused: Problem) -> String {
    let (_, message, hint) = refused.into_words();
    let hint = hint.map(|hint| format!(" {}", sentence(&hint))).unwrap_or_default();
    format!("{}{hint}", sentence(&message))
}

/// Makes a part of a page of an answer, or of why there is none.
pub(in crate::http) fn panel<T>(answer: Result<T, Problem>) -> Panel<T> {
    answer.map_or_else(|refused| Panel::Failed(reason(refused)), Panel::Ready)
}

/// Makes a sentence of a message, which begins small and ends without a stop.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let Some(first) = letters.next() else { return String::new() };
    let stop = if message.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{stop}", first.to_uppercase(), letters.as_str())
}

/// Returns where senders reach this server.
fn origin(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let scheme = if spoke_tls(headers) { "https" } else { "http" };
    host.map(|host| format!("{scheme}://{host}")).unwrap_or_default()
}

/// Answers with a page under the content policy. Pages are about a person's data: nothing between us and the browser may
/// keep them.
fn html(status: StatusCode, page: Result<String, PageError>) -> Response {
    let page = match page {
        Ok(page) => page,
        Err(error) => return Problem::internal(error).into_response(),
    };
    let headers: [(HeaderName, &str); 6] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, page).into_response()
}

/// `GET /`: the Overview, or the form to sign in.
pub(crate) async fn overview(State(app): State<App>, headers: HeaderMap, uri: Uri) -> Response {
    let now = clock::now();
    let Some(key) = app.sessions.key(&headers, &app.keyring, now) else {
        return sign_in_form(&headers, "/");
    };
    let mut page = page(&app, &key, &headers, now).await;
    // Whoever has no scripts asks for the last day with the page, and waits.
    if !key.scopes.has(Scope::Query) {
        return html(StatusCode::OK, page.page());
    }
    let waits = uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "wait=1"));
    page.day = if waits { Some(app.overview.day(&app, &key, now).await) } else { app.overview.kept_day(&key, now) };
    html(StatusCode::OK, page.page())
}

/// `GET /fragments/overview/day`: the last day.
pub(crate) async fn overview_day(State(app): State<App>, headers: HeaderMap) -> Response {
    let made = match fragment_reader(&app, &headers, may_query, "query") {
        Ok(key) => Ok(app.overview.day(&app, &key, clock::now()).await.fragment()),
        Err(refused) => Err(refused),
    };
    fragment(made)
}

/// `GET /fragments/overview`: what changes of the Overview.
pub(crate) async fn overview_fragment(State(app): State<App>, headers: HeaderMap) -> Response {
    let now = clock::now();
    let Some(key) = app.sessions.key(&headers, &app.keyring, now) else {
        return Problem::Unauthorized.into_response();
    };
    html(StatusCode::OK, page(&app, &key, &headers, now).await.fragment())
}

async fn page(app: &Weir, key: &Key, headers: &HeaderMap, now: i64) -> OverviewPage {
    let figures = app.overview.figures(app, key, now).await;
    let (state, ever_received) = overview::state(app);
    OverviewPage {
        frame: frame(Some(key)),
        now: figures.at,
        state,
        ever_received,
        origin: origin(headers),
        minutes: figures.minutes,
        verdicts: figures.verdicts,
        rejects: figures.rejects,
        day: None,
        is_demo: app.is_demo,
    }
}

#[derive(Deserialize)]
struct SignIn {
    #[serde(default)]
    key: String,
    #[serde(default)]
    next: String,
}

/// `POST /signin`: a key for a session.
pub(crate) async fn sign_in(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if !from_own_page(&parts.headers) {
        return html(StatusCode::FORBIDDEN, ProblemPage::foreign_origin(frame(None)).page());
    }
    let form: SignIn = match read_form(&app, body, SIGN_IN_BYTES_MAX).await {
        Ok(form) => form,
        Err(problem) => return problem.into_response(),
    };
    let (now, next) = (clock::now(), local_path(&form.next));
    let again = |error: SignInError| {
        let page = SignInPage { frame: frame(None), next: next.to_owned(), error: Some(error) };
        html(StatusCode::UNAUTHORIZED, page.page())
    };
    let given = form.key.trim();
    if given.is_empty() {
        return again(SignInError::Empty);
    }
    match app.keyring.authenticate(given, now) {
        None => again(SignInError::Unknown),
        Some(key) if !key.scopes.has_any(READERS) => again(SignInError::MayNotRead),
        Some(key) => {
            let cookie = app.sessions.begin(&key, spoke_tls(&parts.headers), now);
            see(next, &cookie)
        }
    }
}

async fn read_form<T: DeserializeOwned>(app: &Weir, body: Body, bytes_max: usize) -> Result<T, Problem> {
    let body = app.bodies.read(body, bytes_max).await?;
    let request = Request::post("/").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let request = request.body(Body::from(body.bytes)).map_err(Problem::internal)?;
    let form = <axum::Form<T> as FromRequest<()>>::from_request(request, &()).await;
    form.map(|axum::Form(form)| form).map_err(|error| Problem::invalid(error.body_text()))
}

/// `POST /signout`: the end of the session.
pub(crate) async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Response {
    if !from_own_page(&headers) {
        return html(StatusCode::FORBIDDEN, ProblemPage::foreign_origin(frame(None)).page());
    }
    see("/", &app.sessions.end(&headers))
}

fn see(path: &str, cookie: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path), (header::SET_COOKIE, cookie)]).into_response()
}

/// `GET /static/{path}`: the embedded files.
pub(crate) async fn asset(Named(path): Named) -> Response {
    let Some(asset) = dashboards::asset(&path) else {
        let page = ProblemPage::not_found(frame(None), &format!("/static/{path}"));
        return html(StatusCode::NOT_FOUND, page.page());
    };
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, asset.cache_control()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, asset.bytes.into_owned()).into_response()
}
