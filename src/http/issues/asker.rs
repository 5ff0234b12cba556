//! What of issues is asked for, by the API and by the pages alike: the stored queries, for one key, with everything that was
//! received before the request.

use ::queries::{Params, Tables};
use axum::extract::Request;
use ingest::Purpose;
use serde_json::{Map, Value, json};

use crate::clock;
use crate::control::Key;
use crate::http::ask::{Found, ask_stored};
use crate::http::error::Problem;
use crate::http::{App, address, to_its_end};

type Row = Map<String, Value>;

/// Asks about issues for one key.
pub(in crate::http) struct Asker<'a> {
    pub(in crate::http) app: &'a App,
    pub(in crate::http) key: &'a Key,
    tables: Tables,
}

impl<'a> Asker<'a> {
    /// Makes one, whose issues know every error that came before.
    pub(in crate::http) async fn new(app: &'a App, key: &'a Key) -> Result<Self, Problem> {
        let catching_up = app.clone();
        to_its_end(async move { catching_up.issues.catch_up(&catching_up.ingest).await }).await?;
        Ok(Self { app, key, tables: app.tables(key)? })
    }

    /// Returns the first rows of a stored query, and whether there are more.
    pub(in crate::http) async fn ask(&self, name: &str, mut params: Params, rows_max: usize) -> Result<Found, Problem> {
        // One more than is shown tells whether there are more.
        if LIMITED.contains(&name) {
            params.insert("limit".to_owned(), json!(rows_max + 1));
        }
        ask_stored(self.app, name, params, &self.tables, rows_max).await
    }

    /// Returns an issue's newest error.
    pub(in crate::http) async fn newest(&self, params: Params) -> Result<Option<Row>, Problem> {
        Ok(self.ask("issue_events", params, 1).await?.rows.pop())
    }

    /// Returns whom an issue touches and what it costs; nothing for a key that may not see bills.
    pub(in crate::http) async fn impact(&self, params: Params) -> Result<Option<Row>, Problem> {
        if !self.key.purposes.has(Purpose::Billing) {
            return Ok(None);
        }
        Ok(self.ask("issue_impact", params, 1).await?.rows.pop())
    }

    /// Returns the start of the range that `since` names, microseconds, as the queries read it.
    pub(in crate::http) fn since(&self, params: &Params) -> Result<i64, Problem> {
        let catalogue = self.app.catalogue.load_full();
        let query = catalogue.get("issues").ok_or_else(|| Problem::internal("the stored query issues is missing"))?;
        let given = params.iter().filter(|(name, _)| *name == "since");
        let given = given.map(|(name, value)| (name.clone(), value.clone())).collect();
        let bound = query.bind(&given, clock::now())?;
        let since = bound.get("since").and_then(|since| since.get("timestamp")).unwrap_or(&Value::Null);
        clock::from_json(since).map_err(Problem::internal)
    }
}

/// The queries that are held to as many rows as are shown.
const LIMITED: [&str; 2] = ["issues", "issue_events"];

/// Reads the parameters of an address, of which only these are known.
pub(in crate::http) fn given(request: &Request, known: &[&str]) -> Result<Params, Problem> {
    let given: Vec<(String, String)> = address::parameters(request.uri())?;
    if let Some((unknown, _)) = given.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        return Err(Problem::invalid(format!("`{unknown}` is no parameter; known are {}", known.join(", "))));
    }
    // A form sends the fields that nobody filled, too.
    let given = given.into_iter().filter(|(_, value)| !value.is_empty());
    Ok(given.map(|(name, value)| (name, Value::String(value))).collect())
}

/// Adds which issue it is about.
pub(in crate::http) fn of_issue(mut params: Params, issue: &str) -> Params {
    params.insert("issue".to_owned(), json!(issue));
    params
}

/// Reads what the tables keep as JSON text.
pub(in crate::http) fn event(mut row: Row) -> Value {
    for column in ["breadcrumbs", "properties"] {
        if let Some(text) = row.get(column).and_then(Value::as_str) {
            let read = serde_json::from_str(text).unwrap_or(Value::Null);
            row.insert(column.to_owned(), read);
        }
    }
    if let Some(stack) = row.get("stack").and_then(Value::as_str) {
        let lines: Vec<&str> = stack.lines().collect();
        let lines = json!(lines);
        row.insert("stack".to_owned(), lines);
    }
    Value::Object(row)
}
