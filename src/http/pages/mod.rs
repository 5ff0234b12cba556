//! What people see: signing in and out, the Overview, and the static files. The pages themselves are `dashboards`'.

pub(crate) mod sql;

use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dashboards::{
    CONTENT_SECURITY_POLICY, Frame, OverviewPage, PageError, ProblemPage, SignInError, SignInPage, local_path,
};
use serde::Deserialize;

use crate::clock;
use crate::control::{Key, Scope, Scopes};
use crate::http::address::Named;
use crate::http::auth::from_own_page;
use crate::http::error::Problem;
use crate::http::peer::spoke_tls;
use crate::http::{App, Weir, overview};

/// A form to sign in brings the way back, which may hold a whole statement.
const FORM_BYTES_MAX: usize = 256 << 10;
/// The scopes that have something to look at.
const READERS: Scopes = Scopes::of(&[Scope::Query, Scope::Review, Scope::Admin]);

fn frame(key: Option<&Key>) -> Frame {
    Frame { key: key.map(|key| key.name.to_string()), version: env!("CARGO_PKG_VERSION").to_owned() }
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
pub(crate) async fn overview(State(app): State<App>, headers: HeaderMap) -> Response {
    let now = clock::now();
    let Some(key) = app.sessions.key(&headers, &app.keyring, now) else {
        let error = crate::http::session::has_cookie(&headers).then_some(SignInError::Ended);
        return html(StatusCode::OK, SignInPage { frame: frame(None), next: "/".into(), error }.page());
    };
    html(StatusCode::OK, page(&app, &key, &headers, now).await.page())
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
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let scheme = if spoke_tls(headers) { "https" } else { "http" };
    OverviewPage {
        frame: frame(Some(key)),
        now: figures.at,
        state,
        ever_received,
        origin: host.map(|host| format!("{scheme}://{host}")).unwrap_or_default(),
        minutes: figures.minutes,
        verdicts: figures.verdicts,
        rejects: figures.rejects,
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
    let form = match read_form(&app, body).await {
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

async fn read_form(app: &Weir, body: Body) -> Result<SignIn, Problem> {
    let body = app.bodies.read(body, FORM_BYTES_MAX).await?;
    let request = Request::post("/").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let request = request.body(Body::from(body.bytes)).map_err(Problem::internal)?;
    let form = <axum::Form<SignIn> as FromRequest<()>>::from_request(request, &()).await;
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
