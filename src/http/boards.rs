//! Dashboards over HTTP: the files, read and saved. What people see of them is `pages/board.rs`.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use dashboards::board::BoardOrigin;
use dashboards::spec::{Chart, FILE_BYTES_MAX, Mapping, WIDTH_MAX, panel_text};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::address::Named;
use super::auth::{Authorized, Query};
use super::error::Problem;
use super::{App, blocking};
use crate::boards::{BoardFile, problems};
use crate::clock;
use crate::control::By;

/// The largest body: a text whose every letter is escaped.
const BODY_BYTES_MAX: usize = 6 * FILE_BYTES_MAX + 64;
const PANEL_BYTES_MAX: usize = 16 << 10;

/// The body of `PUT /v1/dashboards/{name}`.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BoardText {
    /// The whole file, TOML; at most 256 KiB.
    toml: String,
}

/// The body of `POST /v1/dashboards/{name}/panels`.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPanel {
    /// The stored query.
    query: String,
    /// stat, line, area, bar, stacked_bar, heatmap, table, sankey, funnel or graph.
    chart: String,
    /// Its title, if it is not the query's.
    #[serde(default)]
    title: String,
    /// Its width, 1 to 12; 6 by default.
    width: Option<u8>,
    /// The column along the axis, if it is not the one that its unit suggests.
    x: Option<String>,
    /// The columns of values.
    #[serde(default)]
    y: Vec<String>,
    /// The column that divides them.
    series: Option<String>,
    /// The dashboard's title, if it is made by this.
    #[serde(default)]
    board_title: String,
}

/// Lists the dashboards.
#[utoipa::path(get, path = "/v1/dashboards", tag = "dashboards", summary = "Dashboards",
    responses((status = 200, description = "Each with name, title, origin (shipped, own or operator), its number of panels, and \
        what is wrong with its file: file, line, message, remedy")))]
pub(crate) async fn list(_auth: Authorized<Query>, State(app): State<App>) -> Result<Response, Problem> {
    let listed = move || {
        let catalogue = app.catalogue.load_full();
        app.boards.list().iter().map(|file| describe(file, &problems(file, &catalogue))).collect::<Vec<Value>>()
    };
    Ok(super::json(&json!({"dashboards": blocking(listed).await?})))
}

/// Shows one dashboard's file.
#[utoipa::path(get, path = "/v1/dashboards/{name}", tag = "dashboards", summary = "One dashboard's file",
    params(("name" = String, Path)),
    responses((status = 200, description = "As in the list, and `toml`, the file"), (status = 404, description = "No such dashboard")))]
pub(crate) async fn show(
    _auth: Authorized<Query>,
    State(app): State<App>,
    Named(name): Named,
) -> Result<Response, Problem> {
    let shown = described(&app, name).await?;
    Ok(super::json(&json!({"dashboard": shown})))
}

/// Saves a dashboard.
#[utoipa::path(put, path = "/v1/dashboards/{name}", tag = "dashboards", summary = "Save a dashboard of your own",
    params(("name" = String, Path, description = "Its name: 1 to 64 of a-z, 0-9 and _. That of one that comes with Weir takes its place")),
    request_body = BoardText,
    responses((status = 200, description = "Durable, and shown at the next look; as in the list"),
        (status = 400, description = "No name or no dashboard: message, line and hint"),
        (status = 409, description = "The file is the operator's, or there are too many"), (status = 413, description = "Over 256 KiB")))]
pub(crate) async fn save(
    auth: Authorized<Query>,
    State(app): State<App>,
    Named(name): Named,
    body: Body,
) -> Result<Response, Problem> {
    let BoardText { toml } = app.bodies.read_json(body, BODY_BYTES_MAX).await?;
    let (saving, saved) = (app.clone(), name.clone());
    blocking(move || {
        let by = By { actor: &auth.key.name, at: clock::now() };
        saving.boards.save(&saved, &toml, &saving.control, by)
    })
    .await??;
    let shown = described(&app, name).await?;
    Ok(super::json(&json!({"dashboard": shown})))
}

/// Deletes a dashboard.
#[utoipa::path(delete, path = "/v1/dashboards/{name}", tag = "dashboards", summary = "Delete a dashboard of your own",
    params(("name" = String, Path)),
    responses((status = 204, description = "Deleted; one of the same name that comes with Weir is shown again"),
        (status = 404, description = "No such dashboard"), (status = 409, description = "It is not your own")))]
pub(crate) async fn delete(
    auth: Authorized<Query>,
    State(app): State<App>,
    Named(name): Named,
) -> Result<Response, Problem> {
    blocking(move || {
        let by = By { actor: &auth.key.name, at: clock::now() };
        app.boards.delete(&name, &app.control, by)
    })
    .await??;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Adds a panel to a dashboard.
#[utoipa::path(post, path = "/v1/dashboards/{name}/panels", tag = "dashboards", summary = "Add a panel at a dashboard's end",
    params(("name" = String, Path, description = "The dashboard. It is made if there is none; one that comes with Weir is copied first")),
    request_body = NewPanel,
    responses((status = 200, description = "Durable; the dashboard as in the list"), (status = 400, description = "No chart, no width, or no such column"),
        (status = 404, description = "No such stored query"), (status = 409, description = "The file is the operator's, or there are too many")))]
pub(crate) async fn add_panel(
    auth: Authorized<Query>,
    State(app): State<App>,
    Named(name): Named,
    body: Body,
) -> Result<Response, Problem> {
    let panel: NewPanel = app.bodies.read_json(body, PANEL_BYTES_MAX).await?;
    let chart = Chart::from_name(&panel.chart).filter(|chart| *chart != Chart::Text);
    let chart = chart.ok_or_else(|| {
        Problem::invalid(format!("`{}` is no chart; charts are {}", panel.chart, Chart::names().join(", ")))
    })?;
    if app.catalogue.load().get(&panel.query).is_none() {
        return Err(Problem::not_found(format!("there is no stored query named {:?}", panel.query)));
    }
    let width = panel.width.unwrap_or(WIDTH_MAX / 2);
    let map = Mapping { x: panel.x, y: panel.y, series: panel.series };
    let text = panel_text(&panel.query, chart, &panel.title, width, &map);
    let (adding, board, title) = (app.clone(), name.clone(), panel.board_title);
    blocking(move || {
        let by = By { actor: &auth.key.name, at: clock::now() };
        let catalogue = adding.catalogue.load_full();
        adding.boards.add_panel((&board, &title), &text, &catalogue, &adding.control, by)
    })
    .await??;
    let shown = described(&app, name).await?;
    Ok(super::json(&json!({"dashboard": shown})))
}

async fn described(app: &App, name: String) -> Result<Value, Problem> {
    let app = app.clone();
    let shown = move || {
        let file = app.boards.find(&name).ok_or_else(|| no_board(&name))?;
        let mut shown = describe(&file, &problems(&file, &app.catalogue.load()));
        shown["toml"] = Value::from(file.text);
        Ok(shown)
    };
    blocking(shown).await?
}

/// Tells that there is no dashboard of this name.
pub(super) fn no_board(name: &str) -> Problem {
    Problem::not_found(format!("there is no dashboard named {name:?}"))
}

fn describe(file: &BoardFile, problems: &[dashboards::spec::SpecProblem]) -> Value {
    let origin = match file.origin {
        BoardOrigin::Shipped => "shipped",
        BoardOrigin::Own => "own",
        BoardOrigin::Operator => "operator",
    };
    let title = file.board.as_ref().map_or(file.name.as_str(), |board| board.title.as_str());
    let problem = |problem: &dashboards::spec::SpecProblem| json!({"file": problem.file, "line": problem.line, "message": problem.message, "remedy": problem.remedy});
    json!({
        "name": file.name,
        "title": title,
        "origin": origin,
        "panels": file.board.as_ref().map_or(0, |board| board.panels.len()),
        "problems": problems.iter().map(problem).collect::<Vec<Value>>(),
    })
}
