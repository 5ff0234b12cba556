//! The paths on which Sentry's tools upload source maps, unchanged (docs/sdks.md): sentry-cli and the plugins of bundlers.
//! They ask what may be sent, which chunks are missing, send those, and ask for the bundle to be made. There is one
//! organization and one project here, whatever they are called; releases are what events name, so that there is nothing to
//! keep of one that a tool announces.
//!
//! A key needs the scope `ingest`: sources are shown to whoever reads error reports, so that no page's key may send any.

mod form;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::address::Named;
use super::auth::{Authorized, Upload};
use super::error::Problem;
use super::sdk::reached_at;
use super::{App, json as answer};
use crate::artifacts::{ArtifactError, Assembly, Checksum};
use crate::clock;
use form::{BODY_BYTES_MAX, CHUNK_BYTES_MAX, CHUNKS_MAX, REQUEST_BYTES_MAX};

/// A list of chunks, or a release.
const JSON_BYTES_MAX: usize = 256 << 10;
/// Requests that a tool makes at once.
const CONCURRENCY: usize = 2;

/// A bundle that is to be made.
#[derive(Deserialize)]
struct Wanted {
    checksum: Checksum,
    chunks: Vec<Checksum>,
}

/// A release that a tool announces.
#[derive(Deserialize)]
struct Announced {
    version: Option<String>,
}

/// Says what may be sent, and where.
#[utoipa::path(get, path = "/api/0/organizations/{org}/chunk-upload/", tag = "source maps", summary = "What a tool may upload",
    params(("org" = String, Path, description = "Any word")),
    responses((status = 200, description = "As sentry-cli expects it: where, how much, how compressed")))]
pub(crate) async fn options(_auth: Authorized<Upload>, State(app): State<App>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let (scheme, host) = reached_at(&app, &parts);
    answer(&json!({
        "url": format!("{scheme}://{host}{}", parts.uri.path()),
        "chunkSize": CHUNK_BYTES_MAX,
        "chunksPerRequest": CHUNKS_MAX,
        "maxRequestSize": REQUEST_BYTES_MAX,
        "maxFileSize": app.artifacts.bundle_bytes_max(),
        "concurrency": CONCURRENCY,
        "hashAlgorithm": "sha1",
        "compression": ["gzip"],
        "accept": ["artifact_bundles", "artifact_bundles_v2"],
    }))
}

/// Takes chunks in, all of a request or none.
#[utoipa::path(post, path = "/api/0/organizations/{org}/chunk-upload/", tag = "source maps", summary = "Upload chunks",
    params(("org" = String, Path, description = "Any word")),
    request_body(content_type = "multipart/form-data", description = "Parts file or file_gzip, each named by the SHA-1 of its chunk"),
    responses((status = 200, description = "The chunks are kept for a day"),
        (status = 400, description = "No form, or a chunk that is not what its name says; nothing of it is kept"),
        (status = 413, description = "Over a limit"), (status = 503, description = "Too many at once; see Retry-After"),
        (status = 507, description = "No room")))]
pub(crate) async fn upload(_auth: Authorized<Upload>, State(app): State<App>, request: Request) -> Response {
    told(take_chunks(&app, request).await.map(|()| answer(&json!({}))))
}

async fn take_chunks(app: &App, request: Request) -> Result<(), Problem> {
    let (parts, body) = request.into_parts();
    let content_type =
        parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(content_type)
        .map_err(|_| Problem::invalid("chunks come as multipart/form-data with a boundary"))?;
    let body = app.bodies.read(body, BODY_BYTES_MAX).await?;
    let (artifacts, now) = (app.artifacts.clone(), clock::now());
    let work = move || {
        let chunks = form::read_chunks(&body.bytes, &boundary)?;
        Ok(artifacts.put_chunks(&chunks, now)?)
    };
    app.uploads.run(work).await?
}

/// Makes a bundle of chunks, or says which are missing.
#[utoipa::path(post, path = "/api/0/organizations/{org}/artifactbundle/assemble/", tag = "source maps",
    summary = "Make a bundle of uploaded chunks", params(("org" = String, Path, description = "Any word")),
    request_body(content_type = "application/json", description = "{checksum, chunks}: SHA-1s of the bundle and of its chunks in order"),
    responses((status = 200, description = "state: not_found with missingChunks; ok, the bundle is durable and its maps are used; \
            error with detail, it is no bundle of source maps or over a limit, and nothing of it is kept"),
        (status = 400, description = "The request cannot be read"), (status = 503, description = "Too many at once; see Retry-After"),
        (status = 507, description = "No room")))]
pub(crate) async fn assemble(_auth: Authorized<Upload>, State(app): State<App>, request: Request) -> Response {
    told(make_bundle(&app, request).await.map(|state| answer(&state)))
}

async fn make_bundle(app: &App, request: Request) -> Result<Value, Problem> {
    let wanted: Wanted = app.bodies.read_json(request.into_body(), JSON_BYTES_MAX).await?;
    let (artifacts, now) = (app.artifacts.clone(), clock::now());
    let made = app.uploads.run(move || artifacts.assemble(&wanted.checksum, &wanted.chunks, now)).await?;
    let (state, missing, detail) = match made {
        Ok(Assembly::Done) => ("ok", Vec::new(), None),
        Ok(Assembly::Missing(chunks)) => ("not_found", chunks, None),
        // The tool hears of it as of any other failure to process what it sent.
        Err(ArtifactError::Invalid(detail) | ArtifactError::TooLarge(detail)) => ("error", Vec::new(), Some(detail)),
        Err(error) => return Err(error.into()),
    };
    metrics::counter!("weir_source_map_bundles_total", "state" => state).increment(1);
    Ok(json!({"state": state, "missingChunks": missing, "detail": detail}))
}

/// Says that there is an organization of this name: plugins ask where it lives before they send.
#[utoipa::path(get, path = "/api/0/organizations/{org}/", tag = "source maps", summary = "The organization, whatever its name",
    params(("org" = String, Path, description = "Any word")),
    responses((status = 200, description = "id, slug, name, links: where to send")))]
pub(crate) async fn organization(
    _auth: Authorized<Upload>,
    State(app): State<App>,
    Named(org): Named,
    request: Request,
) -> Response {
    let (scheme, host) = reached_at(&app, &request.into_parts().0);
    let url = format!("{scheme}://{host}");
    answer(&json!({"id": "1", "slug": org, "name": org, "links": {"organizationUrl": url, "regionUrl": url}}))
}

/// Agrees to a release that a plugin announces.
#[utoipa::path(post, path = "/api/0/organizations/{org}/releases/", tag = "source maps", summary = "Announce a release; nothing is kept",
    params(("org" = String, Path, description = "Any word")),
    request_body(content_type = "application/json", description = "{version}"),
    responses((status = 201, description = "The release"), (status = 400, description = "The request cannot be read")))]
pub(crate) async fn announce(_auth: Authorized<Upload>, State(app): State<App>, request: Request) -> Response {
    told(release(&app, None, request).await.map(|release| (StatusCode::CREATED, answer(&release)).into_response()))
}

/// Agrees to what a plugin says of a release.
#[utoipa::path(put, path = "/api/0/organizations/{org}/releases/{version}/", tag = "source maps",
    summary = "Say more of a release; nothing is kept", params(("org" = String, Path, description = "Any word"),
        ("version" = String, Path, description = "The release")),
    request_body(content_type = "application/json", description = "Whatever a plugin says"),
    responses((status = 200, description = "The release"), (status = 400, description = "The request cannot be read")))]
pub(crate) async fn finalize(
    _auth: Authorized<Upload>,
    State(app): State<App>,
    Named((_, version)): Named<(String, String)>,
    request: Request,
) -> Response {
    told(release(&app, Some(version), request).await.map(|release| answer(&release)))
}

async fn release(app: &App, named: Option<String>, request: Request) -> Result<Value, Problem> {
    let announced: Announced = app.bodies.read_json(request.into_body(), JSON_BYTES_MAX).await?;
    let version = named.or(announced.version).ok_or_else(|| Problem::invalid("a release has a version"))?;
    let at = clock::rfc3339(clock::now());
    Ok(
        json!({"version": version, "shortVersion": version, "dateCreated": at, "dateReleased": null, "lastEvent": null, "newGroups": 0, "url": null, "projects": []}),
    )
}

/// Adds to a refusal the one word of it that these tools show.
fn told(result: Result<Response, Problem>) -> Response {
    let problem = match result {
        Ok(response) => return response,
        Err(problem) => problem,
    };
    let (status, headers, mut body) = problem.into_parts();
    body["detail"] = body["error"]["message"].clone();
    (status, headers, body.to_string()).into_response()
}

/// Says what the metrics of uploads mean; called once.
pub(crate) fn describe_metrics() {
    metrics::describe_gauge!("weir_source_map_bundles", "Bundles of source maps that are kept");
    metrics::describe_gauge!(
        "weir_source_map_bytes",
        metrics::Unit::Bytes,
        "Size of uploaded source maps on disk, chunks included"
    );
    metrics::describe_counter!(
        "weir_source_map_bundles_total",
        "Requests to make a bundle of chunks, by what became of them"
    );
    metrics::describe_counter!(
        "weir_source_map_frames_total",
        "Frames of stacks that somebody looked at, by whether a source map told more of them"
    );
}
