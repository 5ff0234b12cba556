//! `/v1/check`: a verdict in the form that gateways understand (nginx `auth_request`, Envoy `ext_authz`, Traefik and Caddy
//! forward-auth). A request is read from headers here and decided where all are, by `VerdictService::decide`.
//!
//! What a client could use against us is not read from headers: a request id (it would repeat an old answer) and a dry
//! run (it would spend no quota). An unknown `Weir-*` header is refused, so that a misspelt one is never a silent allow.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::auth::{Authorized, Verdict as VerdictScope};
use super::error::Problem;
use super::{App, address, session};
use crate::clock;
use crate::config::{CHECK_FIELDS, Check};
use crate::verdict::{Decision, Text, Verdict, VerdictRequest};

/// The methods of the form with a path: Envoy asks with the method of the request that it holds.
pub(super) const METHODS: [Method; 6] =
    [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS];
/// The `Weir-*` headers that are not about an entity.
const OTHER_HEADERS: [&str; 3] = ["weir-action", "weir-after", "weir-key"];

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    action: Option<String>,
    throttle: Option<u16>,
}

/// Decides one request that a gateway holds.
#[utoipa::path(method(get, post), path = "/v1/check", tag = "verdicts", summary = "A verdict for gateways",
    params(("action" = Option<String>, Query, description = "Unless Weir-Action names it"),
        ("throttle" = Option<u16>, Query, description = "403 answers a throttle with 403, for nginx; default 429"),
        ("Weir-Action" = Option<String>, Header, description = "What the request is about to do"),
        ("Weir-Account-Id" = Option<String>, Header, description = "The account; likewise Weir-Guest-Id, Weir-Device-Id, \
            Weir-Session-Id, Weir-Workspace-Id, Weir-Api-Key-Id, Weir-Referrer-Id, Weir-Ip, Weir-Card-Hash, Weir-Email, \
            Weir-User-Agent and Weir-Cost-Credits. At least one entity. `[check]` of weir.toml names headers and cookies \
            of the app that stand in for them"),
        ("Weir-Key" = Option<String>, Header, description = "The key, where Authorization is the end user's own")),
    responses((status = 200, description = "Allow. Every answer has an empty body and the headers Weir-Verdict, Weir-Score, \
        Weir-Step-Up, Weir-Decision and, where something weighs on it, Weir-Reason"),
        (status = 429, description = "Throttle, with Retry-After"), (status = 403, description = "Block, or throttle by ?throttle=403"),
        (status = 400, description = "Malformed; never a silent allow")))]
pub(crate) async fn check(
    auth: Authorized<VerdictScope>,
    State(app): State<App>,
    request: Request,
) -> Result<Response, Problem> {
    let asked: Asked = address::parameters(request.uri())?;
    let throttle = match asked.throttle {
        None | Some(429) => StatusCode::TOO_MANY_REQUESTS,
        Some(403) => StatusCode::FORBIDDEN,
        Some(other) => return Err(Problem::invalid(format!("throttle={other} is neither 403 nor 429"))),
    };
    answer(&auth, &app, request.headers(), asked.action.as_deref(), throttle)
}

/// The same for gateways that append the path, the query and the method of the request they hold. None of these says
/// anything to us: they are the client's.
#[utoipa::path(method(get, post, put, delete, patch, options), path = "/v1/check/{path}", tag = "verdicts",
    summary = "A verdict for Envoy, which appends the path it was asked for",
    params(("path" = String, Path, description = "Not looked at, nor is the query")),
    responses((status = 200, description = "As /v1/check; the action is in Weir-Action")))]
pub(crate) async fn check_path(
    auth: Authorized<VerdictScope>,
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answer(&auth, &app, &headers, None, StatusCode::TOO_MANY_REQUESTS)
}

fn answer(
    auth: &Authorized<VerdictScope>,
    app: &App,
    headers: &HeaderMap,
    action: Option<&str>,
    throttle: StatusCode,
) -> Result<Response, Problem> {
    let request = read(headers, &app.config.check, action)?;
    let decision = app.verdicts.decide(&request, super::verdict::caller(auth), clock::now())?;
    Ok(to_response(&decision, throttle))
}

/// Reads a verdict request from headers.
fn read<'h>(headers: &'h HeaderMap, names: &Check, action: Option<&'h str>) -> Result<VerdictRequest<'h>, Problem> {
    refuse_unknown(headers)?;
    let action = match (one(headers, "weir-action")?, action) {
        (Some(told), Some(asked)) if told != asked => {
            return Err(Problem::invalid(format!("Weir-Action says {told:?}, ?action= says {asked:?}")));
        }
        (told, asked) => told.or(asked).ok_or_else(|| Problem::invalid("action is missing: send Weir-Action"))?,
    };
    let mut request = VerdictRequest { action: Text::from(action), ..VerdictRequest::default() };
    for (field, header) in CHECK_FIELDS {
        let Some(value) = find(headers, names, field, header)? else { continue };
        let place = match field {
            "account_id" => &mut request.account_id,
            "guest_id" => &mut request.guest_id,
            "device_id" => &mut request.device_id,
            "session_id" => &mut request.session_id,
            "workspace_id" => &mut request.workspace_id,
            "api_key_id" => &mut request.api_key_id,
            "referrer_id" => &mut request.referrer_id,
            "ip" => &mut request.ip,
            "card_hash" => &mut request.card_hash,
            "email" => &mut request.email,
            "user_agent" => &mut request.user_agent,
            _ => {
                let number = value.parse().map_err(|_| Problem::invalid(format!("{header} is not a whole number")))?;
                request.cost_credits = Some(number);
                continue;
            }
        };
        *place = Some(Text::from(value));
    }
    Ok(request)
}

fn refuse_unknown(headers: &HeaderMap) -> Result<(), Problem> {
    let is_known = |name: &str| OTHER_HEADERS.contains(&name) || CHECK_FIELDS.iter().any(|(_, header)| *header == name);
    let unknown = headers.keys().find(|name| name.as_str().starts_with("weir-") && !is_known(name.as_str()));
    unknown.map_or(Ok(()), |name| Err(Problem::invalid(format!("the header {name} means nothing here"))))
}

/// Returns what is told of a field: by its own header, else by the configured header, else by the configured cookie.
fn find<'h>(headers: &'h HeaderMap, names: &Check, field: &str, own: &str) -> Result<Option<&'h str>, Problem> {
    if let Some(value) = one(headers, own)? {
        return Ok(Some(value));
    }
    if let Some(name) = names.headers.get(field)
        && let Some(value) = one(headers, name)?
    {
        return Ok(Some(value));
    }
    Ok(names.cookies.get(field).and_then(|name| session::sent_cookie(headers, name)))
}

/// Returns the value of a header that may stand there once. An empty one is none: gateways send those for variables
/// that are not set.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::invalid(format!("the header {name} is there more than once")));
    }
    let value = std::str::from_utf8(value.as_bytes())
        .map_err(|_| Problem::invalid(format!("the header {name} is not UTF-8")))?;
    Ok(Some(value.trim()).filter(|value| !value.is_empty()))
}

fn to_response(decision: &Decision, throttle: StatusCode) -> Response {
    let status = match decision.verdict {
        Verdict::Allow => StatusCode::OK,
        Verdict::Throttle => throttle,
        Verdict::Block => StatusCode::FORBIDDEN,
    };
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("weir-verdict", HeaderValue::from_static(decision.verdict.name()));
    headers.insert("weir-score", HeaderValue::from(u16::from(decision.score)));
    headers.insert("weir-step-up", HeaderValue::from_static(decision.step_up.name()));
    let id = HeaderValue::try_from(decision.id.to_string());
    headers.insert("weir-decision", id.expect("a UUID is hexadecimal"));
    // The first reason is the strictest. Rules are named after files, which may hold what a header may not.
    if let Some(reason) = decision.reasons.first().and_then(|reason| HeaderValue::from_str(&reason.rule).ok()) {
        headers.insert("weir-reason", reason);
    }
    if let Some(after_ms) = decision.retry_after_ms {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(after_ms.div_ceil(1_000).max(1)));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn refusal(list: &[(&'static str, &str)], action: Option<&str>) -> String {
        match read(&headers(list), &Check::default(), action) {
            Err(Problem::Invalid(message)) => message.into_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_field_is_read_from_its_header() {
        let list: Vec<(&str, &str)> = CHECK_FIELDS.iter().map(|(_, header)| (*header, "7")).collect();
        let headers = headers(&list);
        let read = read(&headers, &Check::default(), Some("pay")).unwrap();
        assert_eq!((&*read.action, read.cost_credits), ("pay", Some(7)));
        let ids = [
            &read.account_id,
            &read.guest_id,
            &read.device_id,
            &read.session_id,
            &read.workspace_id,
            &read.api_key_id,
            &read.referrer_id,
            &read.ip,
            &read.card_hash,
            &read.email,
            &read.user_agent,
        ];
        assert!(ids.into_iter().all(|id| id.as_deref() == Some("7")), "{read:?}");
        assert!(read.request_id.is_none() && read.dry_run.is_none());
    }

    #[test]
    fn a_header_of_ours_comes_before_the_apps_header_and_that_before_a_cookie() {
        let names: Check =
            toml::from_str("headers = { guest_id = \"X-Guest\" }\ncookies = { guest_id = \"g\" }").unwrap();
        let mut list = vec![("cookie", "a=1; g=from_cookie")];
        for expected in ["from_cookie", "from_header", "ours"] {
            let headers = headers(&list);
            let read = read(&headers, &names, Some("login")).unwrap();
            assert_eq!(read.guest_id.as_deref(), Some(expected));
            let next = if expected == "from_cookie" { ("x-guest", "from_header") } else { ("weir-guest-id", "ours") };
            list.push(next);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(refusal(&[("weir-acount-id", "a")], Some("pay")).contains("weir-acount-id"));
        assert!(refusal(&[("weir-request-id", "a")], Some("pay")).contains("weir-request-id"));
        assert!(refusal(&[("weir-ip", "1.1.1.1"), ("weir-ip", "2.2.2.2")], Some("pay")).contains("weir-ip"));
        assert!(refusal(&[("weir-cost-credits", "many")], Some("pay")).contains("weir-cost-credits"));
        assert!(refusal(&[("weir-action", "login")], Some("pay")).contains("login"));
        assert!(refusal(&[("weir-action", " ")], None).contains("action"));
    }
}
