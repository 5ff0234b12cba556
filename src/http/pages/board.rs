//! `/d`: the dashboards, one, one of its panels. The page itself asks nothing of the tables; each panel asks for its answer.

mod ask;

use std::sync::Arc;

use ::queries::StoredQuery;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use dashboards::board::content::paragraphs;
use dashboards::board::{BoardEntry, Chosen, Content, ControlField, PanelPart, Place};
use dashboards::spec::{Board, Chart, Control, PanelSpec, SpecProblem};
use dashboards::{BoardPage, BoardPanelPage, BoardsPage, Panel, address};

use super::{fragment, fragment_reader, frame, html, may_query, problem, reader};
use crate::boards::{BoardFile, Question, checked, problems};
use crate::clock;
use crate::control::Key;
use crate::http::address::{Named, parameters};
use crate::http::boards::no_board;
use crate::http::error::Problem;
use crate::http::{App, Weir, blocking};

/// What a panel's address says besides choices.
const SINGLE: &str = "single";

/// `GET /d`: the list.
pub(crate) async fn boards(State(app): State<App>, request: Request) -> Response {
    let key = match reader(&app, request.headers(), request.uri()) {
        Ok(key) => key,
        Err(instead) => return instead,
    };
    let listing = app.clone();
    let listed = blocking(move || {
        let catalogue = listing.catalogue.load_full();
        listing.boards.list().into_iter().map(|file| entry(&file, problems(&file, &catalogue))).collect()
    });
    let boards: Vec<BoardEntry> = match listed.await {
        Ok(boards) => boards,
        Err(refused) => return problem(&key, refused, "/"),
    };
    let directory = app.boards.own_directory().display().to_string();
    html(StatusCode::OK, BoardsPage { frame: frame(Some(&key)), boards, directory }.page())
}

fn entry(file: &BoardFile, problems: Vec<SpecProblem>) -> BoardEntry {
    let board = file.board.as_ref().ok();
    BoardEntry {
        name: file.name.clone(),
        title: board.map_or_else(|| file.name.clone(), |board| board.title.clone()),
        description: board.map(|board| board.description.clone()).unwrap_or_default(),
        origin: file.origin,
        panels: board.map_or(0, |board| board.panels.len()),
        problems,
    }
}

/// `GET /d/{name}`: one dashboard, its panels still to be asked.
pub(crate) async fn board(State(app): State<App>, Named(name): Named, request: Request) -> Response {
    let key = match reader(&app, request.headers(), request.uri()) {
        Ok(key) => key,
        Err(instead) => return instead,
    };
    match find(&app, &name, request.uri()).await {
        Err(refused) => problem(&key, refused, "/d"),
        Ok((file, chosen)) => html(StatusCode::OK, page(&app, &key, &file, chosen, None).page()),
    }
}

/// `GET /d/{name}/{panel}`: one panel alone, with its answer; with `.csv` or `.json` behind its name, where that form of the
/// answer is.
pub(crate) async fn board_panel(
    State(app): State<App>,
    Named((name, slug)): Named<(String, String)>,
    request: Request,
) -> Response {
    let key = match reader(&app, request.headers(), request.uri()) {
        Ok(key) => key,
        Err(instead) => return instead,
    };
    let back = format!("/d/{}", address::encode(&name));
    let (slug, form) = match slug.rsplit_once('.') {
        Some((slug, form)) => (slug.to_owned(), Some(form.to_owned())),
        None => (slug, None),
    };
    let (file, chosen) = match find(&app, &name, request.uri()).await {
        Ok(found) => found,
        Err(refused) => return problem(&key, refused, "/d"),
    };
    let Some(spec) = panel_of(&file, &slug) else {
        return problem(&key, no_panel(&name, &slug), &back);
    };
    let place = Place { is_single: true, ..place(&app, &name, spec, &chosen, clock::now()) };
    if let Some(form) = form {
        return export(&key, &place, &form, &back);
    }
    let part = ask::answer(&app, &key, spec, place).await;
    html(StatusCode::OK, page(&app, &key, &file, chosen, Some(part)).page())
}

/// `GET /fragments/d/{name}/{panel}`: one panel with its answer, to take the place of the one before.
pub(crate) async fn board_fragment(
    State(app): State<App>,
    Named((name, slug)): Named<(String, String)>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let is_single = uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "single=1"));
    let made = async {
        let key = fragment_reader(&app, &headers, may_query, "query")?;
        let (file, chosen) = find(&app, &name, &uri).await?;
        let spec = panel_of(&file, &slug).ok_or_else(|| no_panel(&name, &slug))?;
        let place = Place { is_single, ..place(&app, &name, spec, &chosen, clock::now()) };
        Ok(BoardPanelPage { part: ask::answer(&app, &key, spec, place).await }.fragment())
    };
    fragment(made.await)
}

fn panel_of<'f>(file: &'f BoardFile, slug: &str) -> Option<&'f PanelSpec> {
    file.board.as_ref().ok()?.panel(slug)
}

fn no_panel(board: &str, slug: &str) -> Problem {
    Problem::not_found(format!("the dashboard {board} has no panel {slug:?}"))
}

/// Sends the browser to the stored query's own answer in this form.
fn export(key: &Key, place: &Place, form: &str, back: &str) -> Response {
    if !["csv", "json", "ndjson", "arrow", "parquet"].contains(&form) || !place.is_asked() {
        return problem(key, Problem::not_found(format!("there is no panel {}.{form}", place.slug)), back);
    }
    let params = place.params.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let location = address::with_parameters(&format!("/v1/queries/{}.{form}", place.query), params);
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response()
}

/// Finds a dashboard, and reads what was chosen.
async fn find(app: &App, name: &str, uri: &Uri) -> Result<(BoardFile, Chosen), Problem> {
    let given: Vec<(String, String)> = parameters(uri)?;
    let (finding, wanted) = (app.clone(), name.to_owned());
    let file = blocking(move || finding.boards.find(&wanted)).await?.ok_or_else(|| no_board(name))?;
    let Ok(board) = &file.board else { return Ok((file, Chosen::default())) };
    let known = |name: &str| match name {
        "from" | "to" => board.controls.contains(&Control::Range),
        name => board.controls.contains(&Control::Param(name.to_owned())),
    };
    let mut chosen = Chosen { usual: format!("-{}", board.range), ..Chosen::default() };
    for (name, value) in given.into_iter().filter(|(name, value)| name != SINGLE && !value.is_empty()) {
        match name.as_str() {
            other if !known(other) => {
                let message = format!("the dashboard {} has no control `{other}`", file.name);
                return Err(Problem::invalid(message));
            }
            "from" => chosen.from = value,
            "to" => chosen.to = value,
            _ => chosen.values.push((name, value)),
        }
    }
    Ok((file, chosen))
}

/// Makes the page of a dashboard with nothing asked, or of one of its panels alone.
fn page(app: &Weir, key: &Key, file: &BoardFile, chosen: Chosen, alone: Option<PanelPart>) -> BoardPage {
    let mut page = BoardPage {
        frame: frame(Some(key)),
        name: file.name.clone(),
        title: file.name.clone(),
        description: String::new(),
        origin: file.origin,
        chosen,
        controls: Vec::new(),
        has_range: false,
        refresh_s: 0,
        panels: Vec::new(),
        is_single: alone.is_some(),
        problem: None,
    };
    match &file.board {
        Err(problem) => page.problem = Some(problem.clone()),
        Ok(board) => {
            page.title.clone_from(&board.title);
            page.description.clone_from(&board.description);
            page.has_range = board.controls.contains(&Control::Range);
            page.refresh_s = board.refresh_s.unwrap_or(0);
            page.controls = controls(app, board, &page.chosen);
            page.panels = match alone {
                Some(part) => vec![part],
                None => parts(app, &file.name, board, &page.chosen),
            };
        }
    }
    page
}

fn controls(app: &Weir, board: &Board, chosen: &Chosen) -> Vec<ControlField> {
    let catalogue = app.catalogue.load();
    let queries: Vec<&Arc<StoredQuery>> =
        board.panels.iter().flatten().filter_map(|panel| catalogue.get(&panel.query)).collect();
    let field = |name: &String| {
        let param = queries.iter().flat_map(|query| &query.params).find(|param| param.name == *name);
        let value = chosen.values.iter().find(|(chosen, _)| chosen == name).map(|(_, value)| value.clone());
        ControlField {
            name: name.clone(),
            value: value.unwrap_or_default(),
            options: param.map(|param| param.ty.words()).unwrap_or_default(),
            doc: param.map(|param| param.doc.clone()).unwrap_or_default(),
        }
    };
    let names = board.controls.iter().filter_map(|control| match control {
        Control::Range => None,
        Control::Param(name) => Some(name),
    });
    names.map(field).collect()
}

/// Makes the panels of a dashboard.
fn parts(app: &Weir, name: &str, board: &Board, chosen: &Chosen) -> Vec<PanelPart> {
    let now = clock::now();
    let part = |panel: &Result<PanelSpec, SpecProblem>| {
        let place = match panel {
            Ok(panel) => place(app, name, panel, chosen, now),
            Err(problem) => Place {
                title: "A panel that cannot be read".to_owned(),
                slug: format!("line-{}", problem.line),
                bad: Some(problem.clone()),
                ..empty_place(name, chosen)
            },
        };
        let panel = match panel {
            Ok(panel) if panel.chart == Chart::Text => Panel::Ready(Content::Text(paragraphs(&panel.text))),
            _ if place.bad.is_some() => Panel::Failed(String::new()),
            _ => Panel::Loading,
        };
        PanelPart { place, panel, now }
    };
    board.panels.iter().map(part).collect()
}

fn empty_place(board: &str, chosen: &Chosen) -> Place {
    Place {
        board: board.to_owned(),
        slug: String::new(),
        title: String::new(),
        doc: String::new(),
        chart: Chart::Text,
        width: 6,
        query: String::new(),
        chosen: chosen.clone(),
        params: Vec::new(),
        is_single: false,
        bad: None,
    }
}

fn place(app: &Weir, board: &str, panel: &PanelSpec, chosen: &Chosen, now: i64) -> Place {
    let mut place = Place {
        slug: panel.slug.clone(),
        title: panel.title.clone().unwrap_or_default(),
        chart: panel.chart,
        width: panel.width,
        query: panel.query.clone(),
        ..empty_place(board, chosen)
    };
    if panel.chart == Chart::Text {
        return place;
    }
    let catalogue = app.catalogue.load();
    match checked(&format!("{board}.toml"), panel, &catalogue) {
        Err(problem) => place.bad = Some(problem),
        Ok((query, _)) => {
            place.title = panel.title.clone().unwrap_or_else(|| query.title.clone());
            place.doc = query.description.clone().unwrap_or_default();
            // Parameters that cannot be read are told where the answer would be.
            let chosen = choices(chosen);
            let asked = Question::new(panel, query, &chosen, now).map(|asked| asked.params);
            place.params = asked.unwrap_or_else(|_| Question::given(panel, query, &chosen));
        }
    }
    if place.title.is_empty() {
        place.title.clone_from(&panel.query);
    }
    place
}

/// Returns the choices, the range that is shown at first among them.
fn choices(chosen: &Chosen) -> Vec<(String, String)> {
    let range = [("from", chosen.start()), ("to", chosen.to.as_str())];
    let range = range.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    range.chain(chosen.values.iter().cloned()).collect()
}
