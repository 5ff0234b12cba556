//! `GET /v1/audit`: who changed what, and whether the record of it is whole.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;

use super::auth::{Admin, Authorized};
use super::error::Problem;
use super::{App, address, blocking, json};

const LINES_DEFAULT: u32 = 100;
const LINES_MAX: u32 = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    limit: Option<u32>,
    before: Option<i64>,
}

/// Lists lines of the audit log.
#[utoipa::path(get, path = "/v1/audit", tag = "operations", summary = "The audit log, the newest first",
    params(("limit" = Option<u32>, Query, description = "At most so many lines; 100, at most 1000"),
        ("before" = Option<i64>, Query, description = "Only lines whose `seq` is less")),
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
    blocking(move || {
        let lines = app.control.audit(asked.before, limit)?;
        let verified = app.control.verify_audit()?;
        let (total, problem) = match verified {
            Ok(total) => (Some(total), None),
            Err(problem) => (None, Some(problem)),
        };
        Ok(json(&serde_json::json!({
            "lines": lines, "total": total, "verified": problem.is_none(), "problem": problem,
        })))
    })
    .await?
}
