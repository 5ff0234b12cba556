//! The OpenAPI document, from the annotations of the handlers. A test in `router.rs` holds it against the routes.

use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use utoipa::OpenApi;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::server::Server;
use utoipa::openapi::{Required, ResponseBuilder, ResponsesBuilder};

use super::auth::{AnyKey, Authorized};
use super::routes::SdkRoute;
use super::{
    App, artifacts, audit, backtest, boards, check, cors, entities, events, grouping, health, issues, json, keys,
    labels, own_queries, own_rules, queries, router, rules, snoozes, sql, stack, status, stream, tables, verdict,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Weir", description = "Gathers an app's events, answers SQL about them, and decides per request: allow, \
        throttle or block. Every error is `{\"error\":{\"code\",\"message\",\"hint\"}}`. Every read accepts `Weir-After: r_…`."),
    paths(
        health::alive, health::alive_after_body, health::ready, health::metrics, show, status::show, events::receive,
        cors::preflight, verdict::decide, verdict::decide_batch, check::check, check::check_path, stream::follow, verdict::decision, verdict::restrictions,
        entities::show,
        verdict::overrides, verdict::put_override, verdict::delete_override, labels::put, sql::run, tables::list,
        queries::list, queries::run, own_queries::save, own_queries::delete, boards::list, boards::show, boards::save, boards::delete, boards::add_panel, issues::list, issues::show, issues::decide, issues::events, issues::merge, issues::split, grouping::show, grouping::set, grouping::preview, rules::list, rules::show, rules::put_mode, own_rules::save,
        own_rules::delete, own_rules::check, snoozes::set, snoozes::end, backtest::run, audit::list, keys::list, keys::create, keys::revoke,
        stack::show, artifacts::organization, artifacts::options, artifacts::upload, artifacts::assemble, artifacts::announce,
        artifacts::finalize,
    ),
    components(schemas(events::EventsReply, keys::CreateKey, keys::CreatedKey, keys::KeyList, sql::Ask, labels::NewLabel, issues::NewStatus, issues::Merged, issues::Split, grouping::Rules, backtest::Wanted, rules::NewMode,
        own_rules::RuleText, own_queries::QueryText, boards::BoardText, boards::NewPanel, sql::TypedText)),
    security(("key" = []))
)]
struct Document;

/// Returns the document.
pub(super) fn document() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    for SdkRoute { method, path, summary } in router::sdks().into_sdk() {
        document.paths.add_path_operation(path, vec![http_method(&method)], of_sdk(path, summary));
    }
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    document.components.get_or_insert_default().add_security_scheme("key", scheme);
    for (path, item) in &mut document.paths.paths {
        let operations =
            [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.options, &mut item.patch];
        for (method, operation) in ["get", "put", "post", "delete", "options", "patch"].into_iter().zip(operations) {
            if let Some(operation) = operation {
                // Handlers of several files share a name; a path and a method do not.
                operation.operation_id = Some(format!("{method}{}", path.replace(['/', '{', '}', '.', '*'], "_")));
            }
        }
    }
    document.servers = Some(vec![Server::new("/")]);
    document
}

fn http_method(method: &Method) -> HttpMethod {
    if *method == Method::GET { HttpMethod::Get } else { HttpMethod::Post }
}

/// A path of an SDK is described by its protocol; here only what all of them share.
fn of_sdk(path: &str, summary: &str) -> Operation {
    let responses = [
        ("200", "As the SDK expects it"),
        ("400", "The body cannot be read at all"),
        ("401", "No known key, neither in head nor in address or body; on Sentry's paths 403"),
        ("403", "The key may not send, or this page may not use it"),
        ("413", "Over a limit"),
        ("415", "OTLP: neither protobuf nor JSON; elsewhere a Content-Encoding that is not known"),
        ("429", "The key's rate is used up"),
        ("503", "Overloaded, or still replaying; see Retry-After"),
    ];
    let responses = responses.iter().fold(ResponsesBuilder::new(), |responses, (status, words)| {
        responses.response(*status, ResponseBuilder::new().description(*words).build())
    });
    let parameters = path.split(['{', '}']).skip(1).step_by(2).map(|name| {
        ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True).build()
    });
    OperationBuilder::new()
        .tag("sdks")
        .summary(Some(summary))
        .parameters(Some(parameters))
        .responses(responses.build())
        .build()
}

/// Shows the document.
#[utoipa::path(get, path = "/openapi.json", tag = "operations", summary = "This document",
    responses((status = 200, description = "OpenAPI 3.1")))]
pub(crate) async fn show(_auth: Authorized<AnyKey>, State(_app): State<App>) -> Response {
    json(&document())
}
