//! `GET /v1/audit`: who changed what, and whether the record of it is whole.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;

use super::auth::{Admin, Authorized};
use super::error::Problem;
use super::{App, address, blocking, json};
use crate::control::{AuditFilter, AuditLine};

const LINES_DEFAULT: u32 = 100;
const LINES_MAX: u32 = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    limit: Option<u32>,
    before: Option<i64>,
    actor: Option<String>,
    action: Option<String>,
    entity: Option<String>,
}

/// Lines of the log, and how the whole of it stands.
pub(super) struct Read {
    /// The lines, the newest first.
    pub(super) lines: Vec<AuditLine>,
    /// How many lines there are in all, or in words what is wrong with them first.
    pub(super) verified: Result<i64, String>,
}

/// Reads lines and verifies the whole chain.
pub(super) async fn read(app: App, filter: AuditFilter, limit: u32) -> Result<Read, Problem> {
    blocking(move || {
        let lines = app.control.audit_of(&filter, limit)?;
        Ok(Read { lines, verified: app.control.verify_audit()? })
    })
    .await?
}

/// Lists lines of the audit log.
#[utoipa::path(get, path = "/v1/audit", tag = "operations", summary = "The audit log, the newest first",
    params(("limit" = Option<u32>, Query, description = "At most so many lines; 100, at most 1000"),
        ("before" = Option<i64>, Query, description = "Only lines whose `seq` is less"),
        ("actor" = Option<String>, Query, description = "Only what this key did; or weir, file, command"),
        ("action" = Option<String>, Query, description = "Only this: key.created, rule.mode, …"),
        ("entity" = Option<String>, Query, description = "Only lines whose detail names this: an entity, a rule, an issue, a key")),
    responses((status = 200, description = "`lines`: seq, at, actor (a key's name; weir; file, for the operator's files; \
        command, for commands on the data directory), action, detail, hash. `verified`: the whole chain is as it was \
        written; `problem` says what is not. `total`: lines there are. Keep the newest `hash` elsewhere, and later nobody can have \
        rewritten what came before it")))]
pub(crate) async fn list(
    _auth: Authorized<Admin>,
    State(app): State<App>,
    request: Request,
) -> Result<Response, Problem> {
    let asked: Asked = address::parameters(request.uri())?;
    let limit = asked.limit.unwrap_or(LINES_DEFAULT);
    if !(1..=LINES_MAX).contains(&limit) {
        return Err(Problem::invalid(format!("limit must be 1 to {LINES_MAX}")));
    }
    let Asked { before, actor, action, entity, .. } = asked;
    let Read { lines, verified } = read(app, AuditFilter { before, actor, action, entity }, limit).await?;
    let (total, problem) = match verified {
        Ok(total) => (Some(total), None),
        Err(problem) => (None, Some(problem)),
    };
    Ok(json(&serde_json::json!({
        "lines": lines, "total": total, "verified": problem.is_none(), "problem": problem,
    })))
}
