//! `/data`: what is stored, what each field is kept for, and the access log.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use dashboards::DataPage;
use dashboards::privacy::{
    Access, AccessAsked, AccessLine, Field, Fields, FieldsAsked, PURPOSES, Purpose, StoredTable, View,
};
use ingest::{Kind, Status};
use serde_json::{Value, json};

use super::rows::{self, Row};
use super::{frame, html, panel, problem, reader};
use crate::clock;
use crate::control::{AuditFilter, AuditLine, Key, Scope};
use crate::http::error::Problem;
use crate::http::issues::given;
use crate::http::{App, Weir, audit, blocking, tables};

/// Lines of the access log on a page.
const LINES: usize = 50;
/// The parameters of the page's address.
const KNOWN: [&str; 8] = ["tab", "q", "table", "purpose", "actor", "action", "entity", "before"];

/// `GET /data`: the page.
pub(crate) async fn data(State(app): State<App>, request: Request) -> Response {
    let key = match reader(&app, request.headers(), request.uri()) {
        Ok(key) => key,
        Err(instead) => return instead,
    };
    let view = match given(&request, &KNOWN) {
        Ok(params) => view(&app, &key, &params).await,
        Err(refused) => Err(refused),
    };
    match view {
        Ok(view) => html(StatusCode::OK, DataPage { frame: frame(Some(&key)), now: clock::now(), view }.page()),
        Err(refused) => problem(&key, refused, "/data"),
    }
}

async fn view(app: &App, key: &Key, params: &Row) -> Result<View, Problem> {
    let text = |name: &str| rows::text(params, name);
    match text("tab").as_str() {
        "" => Ok(View::Tables(stored(&app.ingest.status()))),
        "fields" => {
            let asked = FieldsAsked { q: text("q"), table: text("table"), purpose: text("purpose") };
            Ok(View::Fields(fields(app, key, asked)))
        }
        "access" if !key.scopes.has(Scope::Admin) => Ok(View::NoAccess),
        "access" => {
            let asked = AccessAsked {
                actor: text("actor"),
                action: text("action"),
                entity: text("entity"),
                before: text("before"),
            };
            let filter = filter(params)?;
            Ok(View::Access(Box::new(panel(access(app, filter).await)), asked))
        }
        _ => Err(Problem::invalid("tab is fields or access, or not given")),
    }
}

fn stored(status: &Status) -> Vec<StoredTable> {
    let table = |kind: Kind| {
        let state = status.tables.get(kind.table())?;
        let time = |at: &Option<String>| at.as_ref().and_then(|at| clock::from_json(&json!(at)).ok());
        Some(StoredTable {
            name: kind.table().to_owned(),
            doc: kind.meaning().to_owned(),
            rows: state.rows,
            bytes: state.bytes,
            files: state.files,
            span: time(&state.oldest).zip(time(&state.newest)),
            retention_days: u64::try_from(kind.retention_days()).unwrap_or(0),
            partition: kind.partition().column().to_owned(),
        })
    };
    Kind::ALL.into_iter().filter_map(table).collect()
}

fn fields(app: &Weir, key: &Key, asked: FieldsAsked) -> Fields {
    let all: Vec<Field> = tables::fields(key);
    let readers = app.keyring.list();
    let purposes = PURPOSES.into_iter().map(|(name, _)| Purpose {
        name: name.to_owned(),
        columns: all.iter().filter(|field| field.purpose == name).count() as u64,
        is_own: key.purposes.names().contains(&name),
        keys: key.scopes.has(Scope::Admin).then(|| {
            let reads =
                |key: &&std::sync::Arc<Key>| key.scopes.has(Scope::Query) && key.purposes.names().contains(&name);
            readers.iter().filter(reads).map(|key| key.name.to_string()).collect()
        }),
    });
    let purposes = purposes.collect();
    Fields { asked, tables: Kind::ALL.into_iter().map(|kind| kind.table().to_owned()).collect(), purposes, all }
}

fn filter(params: &Row) -> Result<AuditFilter, Problem> {
    let text = |name: &str| rows::some_text(params, name);
    let before = text("before").map(|before| before.parse::<i64>());
    let before = before.transpose().map_err(|_| Problem::invalid("before is the number of a line"))?;
    Ok(AuditFilter { before, actor: text("actor"), action: text("action"), entity: text("entity") })
}

async fn access(app: &App, filter: AuditFilter) -> Result<Access, Problem> {
    let limit = u32::try_from(LINES + 1).map_err(Problem::internal)?;
    let read = audit::read(App::clone(app), filter, limit).await?;
    let words = App::clone(app);
    let (actors, actions) = blocking(move || words.control.audit_words()).await??;
    Ok(Access {
        has_more: read.lines.len() > LINES,
        lines: read.lines.iter().take(LINES).map(line).collect(),
        verified: Some(read.verified.map(|total| u64::try_from(total).unwrap_or(0))),
        actors,
        actions,
    })
}

fn line(line: &AuditLine) -> AccessLine {
    let detail = line.detail.as_deref().and_then(|detail| serde_json::from_str::<Value>(detail).ok());
    let pairs = match detail {
        Some(Value::Object(fields)) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, words(&value)))
            .collect(),
        Some(Value::Null) | None => Vec::new(),
        Some(other) => vec![("detail".to_owned(), words(&other))],
    };
    AccessLine {
        seq: line.seq,
        at: line.at,
        actor: line.actor.clone(),
        action: line.action.clone(),
        detail: pairs,
        hash: line.hash_text(),
    }
}

/// Writes a value for people: a text as it is, a list of texts with commas.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) if values.iter().all(Value::is_string) => {
            values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}
