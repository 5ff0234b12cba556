//! The answer of one panel: its question asked, and what the panel shows of it.

use ::queries::{JsonTable, Params, StoredQuery, to_json};
use dashboards::Panel;
use dashboards::board::content::paragraphs;
use dashboards::board::{AnswerColumn, Answered, Content, PanelPart, Place};
use dashboards::spec::{Chart, PanelSpec};
use dashboards::unit::Unit;
use serde_json::Value;

use super::choices;
use crate::boards::{Question, Roles, column_before, resolve};
use crate::clock;
use crate::control::Key;
use crate::http::error::Problem;
use crate::http::pages::panel;
use crate::http::{Weir, sql};

/// Rows of an answer that a panel takes.
const ROWS_MAX: usize = 5_000;

/// Asks a panel's question. What is wrong with the question or its answer is told inside of the panel.
pub(super) async fn answer(app: &Weir, key: &Key, spec: &PanelSpec, place: Place) -> PanelPart {
    let now = clock::now();
    let panel = if spec.chart == Chart::Text {
        Panel::Ready(Content::Text(paragraphs(&spec.text)))
    } else if place.bad.is_some() {
        Panel::Failed(String::new())
    } else {
        panel(ask(app, key, spec, &place, now).await)
    };
    PanelPart { place, panel, now }
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
