//! What the engine promises, asked of a whole engine: hostile texts, limits, parameters, hints.

mod files;
mod hostile;
mod limits;
mod questions;
mod tables;
mod views;

use std::sync::Arc;

use arrow::util::pretty::pretty_format_batches;
use serde_json::json;
use tempfile::TempDir;

use super::{Engine, EngineConfig, Params, Tables};
use crate::error::QueryError;

/// An engine on a scratch directory.
struct Bench {
    engine: Arc<Engine>,
    _dir: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut EngineConfig)) -> Self {
        let dir = TempDir::new().unwrap();
        let mut config = EngineConfig::new(dir.path().join("spill"));
        change(&mut config);
        Self { engine: Engine::new(config, Vec::new()).unwrap(), _dir: dir }
    }

    /// Runs a query to its end and draws its rows.
    async fn rows(&self, sql: &str, params: Params, tables: Tables) -> Result<String, QueryError> {
        let answer = self.engine.ask(sql, &params, tables).await?;
        let batches = answer.collect().await?;
        Ok(pretty_format_batches(&batches).unwrap().to_string())
    }

    /// Runs a query to its end and returns the one value it has.
    async fn value(&self, sql: &str) -> Result<String, QueryError> {
        let drawn = self.rows(sql, Params::new(), tables::small()).await?;
        let line = drawn.lines().nth(3).unwrap_or_default();
        Ok(line.trim_matches(|character| character == '|' || character == ' ').to_owned())
    }

    async fn error(&self, sql: &str) -> QueryError {
        self.rows(sql, Params::new(), tables::small()).await.expect_err(sql)
    }
}

fn params(value: serde_json::Value) -> Params {
    match value {
        serde_json::Value::Object(fields) => fields,
        other => panic!("parameters are an object, not {other}"),
    }
}

fn no_params() -> Params {
    params(json!({}))
}
