//! `/d`: the dashboards, one, one of its panels. The page itself asks nothing of the tables; each panel asks for its answer.

use std::sync::Arc;

use ::queries::{JsonTable, Params, StoredQuery, to_json};
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use dashboards::board::content::paragraphs;
use dashboards::board::{AnswerColumn, Answered, BoardEntry, Chosen, Content, ControlField, PanelPart, Place};
use dashboards::spec::{Board, Chart, Control, PanelSpec, SpecProblem};
use dashboards::unit::Unit;
use dashboards::{BoardPage, BoardPanelPage, BoardsPage, Panel, address};
use serde_json::Value;

use super::issues::reason;
use super::{fragment_reader, frame, html, problem, reader};
use crate::boards::{BoardFile, Question, Roles, column_before, problems, resolve};
use crate::clock;
use crate::control::Key;
use crate::http::address::{Named, parameters};
use crate::http::boards::no_board;
use crate::http::error::Problem;
use crate::http::{App, Weir, blocking, sql};

/// Rows of an answer that a panel takes.
const ROWS_MAX: usize = 5_000;
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
        Ok((file, chosen)) => html(StatusCode::OK, page(&app, &key, file, chosen, None).page()),
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
    let mut page = page(&app, &key, file, chosen, Some(&slug));
    let Some(part) = page.panels.first_mut() else {
        return problem(&key, Problem::not_found(format!("the dashboard {name} has no panel {slug:?}")), &back);
    };
    if let Some(form) = form {
        return export(&key, &part.place, &form, &back);
    }
    match answer(&app, &key, &name, &slug, part.place.clone()).await {
        Ok(answered) => *part = answered,
        Err(refused) => return problem(&key, refused, &back),
    }
    html(StatusCode::OK, page.page())
}

/// `GET /fragments/d/{name}/{panel}`: one panel with its answer, to take the place of the one before.
pub(crate) async fn board_fragment(
    State(app): State<App>,
    Named((name, slug)): Named<(String, String)>,
    request: Request,
) -> Response {
    let key = match fragment_reader(&app, request.headers()) {
        Ok(key) => key,
        Err(refused) => return refused.into_response(),
    };
    let is_single = request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == "single=1"));
    let (file, chosen) = match find(&app, &name, request.uri()).await {
        Ok(found) => found,
        Err(refused) => return refused.into_response(),
    };
    let mut page = page(&app, &key, file, chosen, Some(&slug));
    let Some(part) = page.panels.first_mut() else {
        return Problem::not_found(format!("the dashboard {name} has no panel {slug:?}")).into_response();
    };
    let mut place = part.place.clone();
    place.is_single = is_single;
    match answer(&app, &key, &name, &slug, place).await {
        Ok(part) => html(StatusCode::OK, BoardPanelPage { part }.fragment()),
        Err(refused) => refused.into_response(),
    }
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

/// Makes the page of a dashboard, or of one of its panels, with nothing asked.
fn page(app: &Weir, key: &Key, file: BoardFile, chosen: Chosen, only: Option<&str>) -> BoardPage {
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
        is_single: only.is_some(),
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
            page.panels = parts(app, &file.name, board, &page.chosen, only);
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

/// Makes the panels of a dashboard, or the one that is wanted.
fn parts(app: &Weir, name: &str, board: &Board, chosen: &Chosen, only: Option<&str>) -> Vec<PanelPart> {
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
        PanelPart { place: Place { is_single: only.is_some(), ..place }, panel, now }
    };
    let is_wanted = |panel: &&Result<PanelSpec, SpecProblem>| match only {
        None => true,
        Some(slug) => panel.as_ref().is_ok_and(|panel| panel.slug == slug),
    };
    board.panels.iter().filter(is_wanted).map(part).collect()
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
    match crate::boards::checked(&format!("{board}.toml"), panel, &catalogue) {
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

/// Asks a panel's question. What is wrong with the question or its answer is told inside of the panel.
async fn answer(app: &App, key: &Key, name: &str, slug: &str, place: Place) -> Result<PanelPart, Problem> {
    let now = clock::now();
    let (finding, wanted) = (app.clone(), name.to_owned());
    let file = blocking(move || finding.boards.find(&wanted)).await?.ok_or_else(|| no_board(name))?;
    let missing = || Problem::not_found(format!("the dashboard {name} has no panel {slug:?}"));
    let spec = file.board.as_ref().ok().and_then(|board| board.panel(slug)).ok_or_else(missing)?;
    let panel = if spec.chart == Chart::Text {
        Panel::Ready(Content::Text(paragraphs(&spec.text)))
    } else if place.bad.is_some() {
        Panel::Failed(String::new())
    } else {
        ask(app, key, spec, &place, now).await.map_or_else(|refused| Panel::Failed(reason(refused)), Panel::Ready)
    };
    Ok(PanelPart { place, panel, now })
}

async fn ask(app: &Weir, key: &Key, spec: &PanelSpec, place: &Place, now: i64) -> Result<Content, Problem> {
    let catalogue = app.catalogue.load_full();
    let query = catalogue.get(&spec.query).ok_or_else(|| Problem::not_found("the stored query is gone"))?;
    let mut roles = resolve(&place.board, spec, query).map_err(|problem| Problem::invalid(problem.message))?;
    let question = Question::new(spec, query, &choices(&place.chosen), now)?;
    let bound = question.bind(query, now)?;
    let _turn = app.boards.turn().await;
    let table = rows(app, key, query, &bound).await?;
    let before = if spec.compares { before(app, key, query, &question, (&roles, &table), now).await? } else { None };
    if roles.y.is_empty() {
        roles.y = table.columns.iter().map(|column| column.name.clone()).collect();
    }
    let (columns, is_cut) = (columns(&table, query), table.truncated);
    let answered = Answered {
        spec,
        board: &place.board,
        title: &place.title,
        columns,
        is_cut,
        rows: table.rows,
        x: roles.x,
        y: roles.y,
        series: roles.series,
        before,
        is_single: place.is_single,
    };
    Ok(answered.content(|| nothing(app, query, &bound)))
}

async fn rows(app: &Weir, key: &Key, query: &StoredQuery, bound: &Params) -> Result<JsonTable, Problem> {
    Ok(to_json(sql::begin(app, key, &query.sql, bound).await?, ROWS_MAX).await?)
}

/// Finds a stat's number of the period before: in its answer, if the query tells it, else by asking once more.
async fn before(
    app: &Weir,
    key: &Key,
    query: &StoredQuery,
    question: &Question,
    (roles, table): (&Roles, &JsonTable),
    now: i64,
) -> Result<Option<f64>, Problem> {
    let Some(column) = roles.y.first() else { return Ok(None) };
    if let Some(told) = column_before(query, column) {
        return Ok(number(table, &told));
    }
    let Some(question) = question.before() else { return Ok(None) };
    let bound = question.bind(query, now)?;
    Ok(number(&rows(app, key, query, &bound).await?, column))
}

fn number(table: &JsonTable, column: &str) -> Option<f64> {
    let place = table.columns.iter().position(|known| known.name == column)?;
    table.rows.first()?.get(place).and_then(Value::as_f64)
}

fn columns(table: &JsonTable, query: &StoredQuery) -> Vec<AnswerColumn> {
    let column = |(name, ty): (&String, &String)| {
        let doc = query.columns.iter().find(|column| column.name == *name);
        AnswerColumn {
            unit: Unit::from_name(doc.map_or("text", |doc| doc.unit.name())),
            doc: doc.map(|doc| doc.doc.clone()).unwrap_or_default(),
            name: name.clone(),
            ty: ty.clone(),
        }
    };
    table.columns.iter().map(|known| column((&known.name, &known.ty))).collect()
}

/// Says why an answer has no rows: nothing in this range, or nothing ever.
fn nothing(app: &Weir, query: &StoredQuery, bound: &Params) -> String {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words: Vec<&str> = query.sql.split(|letter| !is_letter(letter)).collect();
    let status = app.ingest.status();
    let read: Vec<_> = status.tables.iter().filter(|(table, _)| words.contains(*table)).collect();
    let never = !read.is_empty() && read.iter().all(|(_, table)| table.rows == 0);
    if never {
        let tables: Vec<&str> = read.iter().map(|(table, _)| **table).collect();
        return format!(
            "Never received: there is nothing in {} yet. The Overview shows how to send a first event.",
            tables.join(", ")
        );
    }
    if bound.get("mode").is_some_and(|mode| mode == "live") {
        return "No live rule has any in this range. Rules that come with Weir begin in shadow: choose mode shadow."
            .to_owned();
    }
    "Nothing in this range. Choose a longer one, or fewer conditions.".to_owned()
}
