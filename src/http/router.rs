//! All routes. `get`, `post`, `put` and `delete` take only handlers that check a key; `open` says that nobody need be known.

use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use tower_http::compression::CompressionLayer;

use super::error::Problem;
use super::routes::Routes;
use super::sdk::{otlp, posthog, segment, sentry};
use super::{
    App, artifacts, audit, backtest, boards, check, cors, entities, events, grouping, health, issues, keys, labels,
    openapi, own_queries, own_rules, pages, queries, rules, sdk, snoozes, sql, stack, status, stream, tables, verdict,
};

/// What programs use.
fn api() -> Routes {
    Routes::default()
        .open(Method::GET, "/healthz", health::alive)
        .open(Method::POST, "/healthz", health::alive_after_body)
        .open(Method::GET, "/readyz", health::ready)
        .get("/metrics", health::metrics)
        .get("/openapi.json", openapi::show)
        .get("/v1/status", status::show)
        .get("/v1/events/errors/{event_id}/stack", stack::show)
        .post("/v1/verdict", verdict::decide)
        .post("/v1/verdicts", verdict::decide_batch)
        .each(&[Method::GET, Method::POST], "/v1/check", check::check)
        .each(&check::METHODS, "/v1/check/{*path}", check::check_path)
        .get("/v1/decisions/{id}", verdict::decision)
        .get("/v1/verdicts/stream", stream::follow)
        .get("/v1/entities/{kind}/{id}", entities::show)
        .get("/v1/restrictions", verdict::restrictions)
        .get("/v1/overrides", verdict::overrides)
        .put("/v1/overrides", verdict::put_override)
        .delete("/v1/overrides", verdict::delete_override)
        .post("/v1/labels", labels::put)
        .post("/v1/sql", sql::run)
        .get("/v1/tables", tables::list)
        .get("/v1/queries", queries::list)
        .get("/v1/queries/{name}", queries::run)
        .put("/v1/queries/{name}", own_queries::save)
        .delete("/v1/queries/{name}", own_queries::delete)
        .get("/v1/dashboards", boards::list)
        .get("/v1/dashboards/{name}", boards::show)
        .put("/v1/dashboards/{name}", boards::save)
        .delete("/v1/dashboards/{name}", boards::delete)
        .post("/v1/dashboards/{name}/panels", boards::add_panel)
        .get("/v1/issues", issues::list)
        .get("/v1/issues/{id}", issues::show)
        .patch("/v1/issues/{id}", issues::decide)
        .get("/v1/issues/{id}/events", issues::events)
        .post("/v1/issues/{id}/merge", issues::merge)
        .post("/v1/issues/{id}/split", issues::split)
        .get("/v1/grouping", grouping::show)
        .put("/v1/grouping", grouping::set)
        .post("/v1/grouping/preview", grouping::preview)
        .get("/v1/rules", rules::list)
        .get("/v1/rules/{id}", rules::show)
        .put("/v1/rules/{id}", own_rules::save)
        .delete("/v1/rules/{id}", own_rules::delete)
        .post("/v1/rules/{id}/check", own_rules::check)
        .put("/v1/rules/{id}/mode", rules::put_mode)
        .post("/v1/rules/{id}/snooze", snoozes::set)
        .delete("/v1/rules/{id}/snooze", snoozes::end)
        .post("/v1/rules/{id}/backtest", backtest::run)
        .get("/v1/audit", audit::list)
        .get("/v1/keys", keys::list)
        .post("/v1/keys", keys::create)
        .delete("/v1/keys/{id}", keys::revoke)
}

/// What Sentry's tools use to upload source maps. They write a slash at the end.
fn tools() -> Routes {
    Routes::default()
        .get("/api/0/organizations/{org}/", artifacts::organization)
        .get("/api/0/organizations/{org}/chunk-upload/", artifacts::options)
        .post("/api/0/organizations/{org}/chunk-upload/", artifacts::upload)
        .post("/api/0/organizations/{org}/artifactbundle/assemble/", artifacts::assemble)
        .post("/api/0/organizations/{org}/releases/", artifacts::announce)
        .put("/api/0/organizations/{org}/releases/{version}/", artifacts::finalize)
}

/// What pages of other origins may use, too.
fn browsers() -> Routes {
    Routes::default().post("/v1/events", events::receive).open(Method::OPTIONS, "/v1/events", cors::preflight)
}

/// What SDKs of other products use, from pages of other origins, too. A key is found in head or body and checked before
/// anything is judged (`sdk/key.rs`).
pub(super) fn sdks() -> Routes {
    const CALL: &str = "Segment: one call, or a batch of them";
    const EVENTS: &str = "PostHog: an event, an array of them, or a batch";
    const FLAGS: &str = "PostHog: feature flags; there are none";
    const CONFIG: &str = "PostHog: what the library for browsers asks for when it starts";
    const SETTINGS: &str = "Segment: what the library for browsers asks for when it starts";
    const BATCH: &str = "PostHog: a batch, answered event by event";
    const RECORDINGS: &str = "PostHog: session recordings; they are let go";
    const ENVELOPE: &str = "Sentry: an envelope of events, sessions, logs, transactions and reports";
    const LOGS: &str = "OTLP: log records, in protobuf or JSON";
    const TRACES: &str = "OTLP: spans, in protobuf or JSON";
    let (get, post) = (Method::GET, Method::POST);
    let calls = ["/v1/track", "/v1/identify", "/v1/alias", "/v1/page", "/v1/screen", "/v1/group", "/v1/batch"];
    let short = ["/v1/t", "/v1/i", "/v1/a", "/v1/p", "/v1/s", "/v1/g", "/v1/b"];
    let events = ["/batch", "/e", "/i/v0/e", "/capture", "/track", "/engage"];
    Routes::default()
        .sdk(post.clone(), &calls, CALL, segment::receive)
        .sdk(post.clone(), &short, CALL, segment::receive)
        .sdk(get.clone(), &["/v1/projects/{writeKey}/settings"], SETTINGS, segment::settings)
        .sdk(post.clone(), &events, EVENTS, posthog::receive)
        .sdk(post.clone(), &["/i/v1/analytics/events"], BATCH, posthog::receive_v1)
        .sdk(post.clone(), &["/s"], RECORDINGS, posthog::recording)
        .sdk(get.clone(), &["/api/surveys"], "PostHog: surveys; there are none", posthog::surveys)
        .sdk(post.clone(), &["/flags", "/decide"], FLAGS, posthog::flags)
        .sdk(get.clone(), &["/array/{key}/config"], CONFIG, posthog::config)
        .sdk(get, &["/array/{key}/config.js"], CONFIG, posthog::config_script)
        .sdk(post.clone(), &["/api/{project}/envelope"], ENVELOPE, sentry::receive)
        .sdk(post.clone(), &["/api/{project}/store"], "Sentry: one event, from older libraries", sentry::receive_store)
        .sdk(post.clone(), &["/v1/logs"], LOGS, otlp::receive_logs)
        .sdk(post, &["/v1/traces"], TRACES, otlp::receive_traces)
}

/// What people see. Pages send those who are not signed in to the form.
fn people() -> Routes {
    Routes::default()
        .open(Method::GET, "/", pages::overview)
        .open(Method::GET, "/fragments/overview", pages::overview_fragment)
        .open(Method::GET, "/fragments/overview/day", pages::overview_day)
        .open(Method::GET, "/d", pages::boards)
        .open(Method::GET, "/d/{name}", pages::board)
        .open(Method::GET, "/d/{name}/{panel}", pages::board_panel)
        .open(Method::GET, "/fragments/d/{name}/{panel}", pages::board_fragment)
        .open(Method::GET, "/sql", pages::sql::show)
        .open(Method::GET, "/issues", pages::issues)
        .open(Method::POST, "/issues/decide", pages::decide_issues)
        .open(Method::GET, "/issues/{id}", pages::issue)
        .open(Method::POST, "/issues/{id}/decide", pages::decide_issue)
        .open(Method::POST, "/issues/{id}/merge", pages::merge)
        .open(Method::POST, "/issues/{id}/split", pages::split)
        .open(Method::GET, "/fragments/issues/{id}/{part}", pages::issue_part)
        .open(Method::GET, "/fragments/issues/{id}/events/{event_id}", pages::issue_event)
        .open(Method::GET, "/verdicts", pages::verdicts)
        .open(Method::GET, "/fragments/verdicts", pages::verdicts_fragment)
        .open(Method::GET, "/verdicts/review", pages::review)
        .open(Method::POST, "/verdicts/decide", pages::decide_waiting)
        .open(Method::GET, "/verdicts/{id}", pages::decision)
        .open(Method::GET, "/e/{kind}/{id}", pages::entity)
        .open(Method::GET, "/fragments/e/{kind}/{id}/evidence", pages::evidence)
        .open(Method::POST, "/e/{kind}/{id}/{what}", pages::decide_entity)
        .open(Method::GET, "/restrictions", pages::restrictions)
        .open(Method::POST, "/restrictions/revoke", pages::revoke)
        .open(Method::POST, "/undo", pages::undo)
        .open(Method::GET, "/sessions/{id}", pages::session)
        .open(Method::GET, "/data", pages::data)
        .open(Method::GET, "/pipeline", pages::pipeline)
        .open(Method::GET, "/fragments/pipeline", pages::pipeline_fragment)
        .open(Method::GET, "/settings", pages::settings)
        .open(Method::POST, "/settings/keys", pages::make_key)
        .open(Method::POST, "/settings/keys/{id}/revoke", pages::revoke_key)
        .open(Method::GET, "/rules", pages::rules::rules)
        .open(Method::GET, "/rules/new", pages::rule::new)
        .open(Method::POST, "/rules/save", pages::rule::save)
        .open(Method::GET, "/rules/{id}", pages::rule::rule)
        .open(Method::POST, "/rules/{id}/mode", pages::rule::set_mode)
        .open(Method::POST, "/rules/{id}/restore", pages::rule::restore)
        .open(Method::POST, "/rules/{id}/delete", pages::rule::delete)
        .open(Method::POST, "/rules/{id}/snooze", pages::rule::snooze)
        .open(Method::POST, "/rules/{id}/end-snooze", pages::rule::end_snooze)
        .open(Method::GET, "/fragments/rules/{id}/backtests/{backtest_id}", pages::rule::backtest)
        .open(Method::POST, "/signin", pages::sign_in)
        .open(Method::POST, "/signout", pages::sign_out)
        .open(Method::GET, "/static/{*path}", pages::asset)
}

/// Makes the router of the whole program.
pub(crate) fn router(app: App) -> Router {
    let browsers = browsers().wrap(|routes| routes.route_layer(from_fn_with_state(Arc::clone(&app), cors::layer)));
    let sdks = sdks().wrap(|routes| routes.route_layer(from_fn_with_state(Arc::clone(&app), sdk::cors::layer)));
    let people = people().wrap(|routes| routes.route_layer(CompressionLayer::new()));
    let (routes, _) = api().and(tools()).and(browsers).and(sdks).and(people).into_parts();
    routes
        .fallback(|| async { Problem::NoRoute })
        .method_not_allowed_fallback(|| async { Problem::MethodNotAllowed })
        .with_state(app)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_of_the_api_is_documented_and_nothing_else() {
        let document = serde_json::to_value(openapi::document()).unwrap();
        let mut documented: Vec<String> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
            })
            .collect();
        let (_, routes) = api().and(tools()).and(browsers()).and(sdks()).into_parts();
        // OpenAPI has no form for a path's rest.
        let mut routed: Vec<String> = routes
            .iter()
            .map(|(method, path)| format!("{} {}", method.as_str().to_lowercase(), path.replace("{*", "{")))
            .collect();
        documented.sort();
        routed.sort();
        assert_eq!(documented, routed);
    }
}
