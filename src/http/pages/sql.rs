//! `GET /sql`: the SQL page. What its address asks is answered with the page itself, if that is quick.

use std::time::Duration;

use ::queries::catalogue::{Param, params_of};
use ::queries::{Catalogue, JsonTable, Params, to_json};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use dashboards::SqlPage;
use dashboards::sql::{AnswerColumn, FirstRows, Outcome, ParamField, Refusal, SavedQuery};

use super::{frame, html, reader};
use crate::clock;
use crate::control::Key;
use crate::http::error::Problem;
use crate::http::{App, Weir, address, sql, tables};

/// Rows that the page asks for. Its scripts ask again for more.
const ROWS_MAX: usize = 200;
/// How long a page keeps its reader waiting for an answer. Scripts, or a link, then ask with patience.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the address asks.
#[derive(Default)]
struct Asked {
    sql: String,
    name: Option<String>,
    /// The table that is open in the schema browser.
    table: Option<String>,
    /// Whether to wait for a slow answer.
    waits: bool,
    /// Values of parameters, and types of those that no header declares.
    values: Vec<(String, String)>,
    types: Vec<(String, String)>,
}

/// Shows the page, or the form to sign in that comes back here.
pub(crate) async fn show(State(app): State<App>, headers: HeaderMap, uri: Uri) -> Response {
    let key = match reader(&app, &headers, &uri) {
        Ok(key) => key,
        Err(answer) => return answer,
    };
    html(StatusCode::OK, page(&app, &key, &uri).await.page())
}

async fn page(app: &Weir, key: &Key, uri: &Uri) -> SqlPage {
    let mut asked = Asked::read(uri);
    let catalogue = app.catalogue.load_full();
    let missing = asked.take_stored(&catalogue);
    let params: Vec<ParamField> = params_of(&asked.sql).iter().map(|param| asked.field(param)).collect();
    let wanting = params.iter().find(|param| param.is_wanting()).map(|param| param.name.clone());
    let outcome = match (missing, wanting) {
        (Some(refusal), _) => Outcome::Refused(refusal),
        (None, _) if asked.sql.trim().is_empty() => Outcome::Nothing,
        (None, Some(param)) => Outcome::Wanting(param),
        (None, None) => answer(app, key, &asked, &params).await,
    };
    SqlPage {
        frame: frame(Some(key)),
        params,
        outcome,
        tables: tables::entries(key, asked.table.as_deref()),
        saved: saved(&catalogue),
        rows_max: app.config.sql.rows_max,
        address: bare_address(uri),
        sql: asked.sql,
        name: asked.name,
    }
}

async fn answer(app: &Weir, key: &Key, asked: &Asked, params: &[ParamField]) -> Outcome {
    let work = async {
        let answer = sql::begin(app, key, &asked.sql, &bound(params)?).await?;
        Ok::<_, Problem>(to_json(answer, ROWS_MAX).await?)
    };
    let patience = if asked.waits { Duration::MAX } else { PATIENCE };
    match tokio::time::timeout(patience, work).await {
        Err(_) => Outcome::Slow,
        Ok(Ok(table)) => Outcome::Answered(first_rows(table)),
        Ok(Err(problem)) => Outcome::Refused(refusal(problem)),
    }
}

fn bound(params: &[ParamField]) -> Result<Params, Problem> {
    let now = clock::now();
    let read = |param: &ParamField| {
        let text = if param.value.is_empty() { &param.default } else { &param.value };
        Ok((param.name.clone(), sql::typed_value(&param.name, &param.ty, Some(text), now)?))
    };
    params.iter().map(read).collect()
}

fn first_rows(table: JsonTable) -> FirstRows {
    FirstRows {
        columns: table.columns.into_iter().map(|column| AnswerColumn { name: column.name, ty: column.ty }).collect(),
        rows: table.rows,
        is_truncated: table.truncated,
        elapsed_ms: table.elapsed_ms,
        scanned_bytes: table.scanned_bytes,
    }
}

fn refusal(problem: Problem) -> Refusal {
    let shape = problem.into_shape();
    let error = &shape["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    let place = |name: &str| error[name].as_u64().and_then(|place| u32::try_from(place).ok());
    Refusal { message: text("message"), hint: text("hint"), line: place("line"), column: place("column") }
}

/// Lists the stored queries, the user's own first.
fn saved(catalogue: &Catalogue) -> Vec<SavedQuery> {
    let (own, others): (Vec<_>, Vec<_>) = catalogue.list().iter().partition(|query| query.is_own());
    own.into_iter()
        .chain(others)
        .map(|query| SavedQuery { name: query.name.clone(), title: query.title.clone(), area: query.area.clone() })
        .collect()
}

/// Returns the address without what only this view of it has.
fn bare_address(uri: &Uri) -> String {
    let kept: Vec<&str> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("table=") && !pair.starts_with("wait="))
        .collect();
    if kept.is_empty() { "/sql".to_owned() } else { format!("/sql?{}", kept.join("&")) }
}

impl Asked {
    fn read(uri: &Uri) -> Self {
        let mut asked = Self::default();
        // What cannot be read asks nothing.
        for (name, value) in address::parameters::<Vec<(String, String)>>(uri).unwrap_or_default() {
            match name.as_str() {
                // Forms send line ends as two characters.
                "q" => asked.sql = value.replace("\r\n", "\n"),
                "name" => asked.name = Some(value),
                "table" => asked.table = Some(value),
                "wait" => asked.waits = true,
                other => match (other.strip_prefix("p."), other.strip_prefix("t.")) {
                    (Some(param), _) => asked.values.push((param.to_owned(), value)),
                    (_, Some(param)) => asked.types.push((param.to_owned(), value)),
                    _ => {}
                },
            }
        }
        asked
    }

    /// Takes the text of the stored query that is asked for by name. A text of one's own goes before.
    fn take_stored(&mut self, catalogue: &Catalogue) -> Option<Refusal> {
        if !self.sql.is_empty() {
            self.name = None;
        }
        let name = self.name.as_deref()?;
        match catalogue.get(name) {
            Some(query) => {
                self.sql = query.sql.clone();
                None
            }
            None => {
                let message = format!("There is no saved query named {name}.");
                let hint = catalogue.hint(name).unwrap_or_default();
                self.name = None;
                Some(Refusal { message, hint, line: None, column: None })
            }
        }
    }

    fn field(&self, param: &Param) -> ParamField {
        let given = |pairs: &[(String, String)]| {
            pairs.iter().find(|(name, _)| *name == param.name).map(|(_, value)| value.clone())
        };
        let is_declared = !param.doc.is_empty();
        ParamField {
            name: param.name.clone(),
            ty: given(&self.types).filter(|_| !is_declared).unwrap_or_else(|| param.ty.name()),
            is_optional: param.optional,
            default: param.default.clone().unwrap_or_default(),
            doc: param.doc.clone(),
            value: given(&self.values).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Asked {
        Asked::read(&format!("/sql?{query}").parse().unwrap())
    }

    #[test]
    fn the_address_holds_the_statement_and_its_parameters() {
        let asked = asked("q=select+%24a%0D%0A%2C+%24b&p.a=1%262&t.a=int&wait=1&table=usage&view=chart");
        assert_eq!((asked.sql.as_str(), asked.waits, asked.table.as_deref()), ("select $a\n, $b", true, Some("usage")));
        let fields: Vec<ParamField> = params_of(&asked.sql).iter().map(|param| asked.field(param)).collect();
        assert_eq!((fields[0].value.as_str(), fields[0].ty.as_str()), ("1&2", "int"));
        assert_eq!((fields[1].ty.as_str(), fields[1].is_wanting()), ("text", true));
    }

    #[test]
    fn links_on_the_page_keep_the_question() {
        let bare = |uri: &str| bare_address(&uri.parse().unwrap());
        assert_eq!(bare("/sql?q=select%201&table=usage&p.a=1&wait=1"), "/sql?q=select%201&p.a=1");
        assert_eq!(bare("/sql?table=usage"), "/sql");
        assert_eq!(bare("/sql"), "/sql");
    }

    #[test]
    fn a_stored_query_is_found_by_name_and_a_wrong_name_is_answered() {
        let (catalogue, _) = Catalogue::load(None);
        let mut known = asked("name=top_errors");
        assert!(known.take_stored(&catalogue).is_none() && known.sql.contains("select"));
        let mut own = asked("name=top_errors&q=select+1");
        assert!(own.take_stored(&catalogue).is_none() && own.name.is_none() && own.sql == "select 1");
        let refusal = asked("name=top_erors").take_stored(&catalogue).unwrap();
        assert!(refusal.hint.contains("top_errors"), "{refusal:?}");
    }
}
