//! `/rules`: the list. Which rules there are is in memory; what they found is asked of the tables.

use std::collections::HashMap;

use ::queries::Params;
use ::queries::Tables;
use ::queries::catalogue::SourceProblem;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use dashboards::RulesPage;
use dashboards::rules::{Asked, Disagreement, Figures, Origin, Precision, RuleFigures, RuleMode, RuleProblem, RuleRow};
use dashboards::trend::Buckets;
use serde_json::json;

use super::rows::{self, Row};
use super::{frame, html, panel, problem, reviewer};
use crate::clock;
use crate::control::StoredMode;
use crate::http::ask::ask_stored;
use crate::http::error::Problem;
use crate::http::issues::given;
use crate::http::{App, blocking};
use crate::rulebook::{Origin as Whose, RuleView};

/// Rules that figures are asked for: as many files as one directory may hold, and those that are built in.
const RULES_MAX: usize = 2_000;
/// Points of the drawings: the query's own limit.
const POINTS_MAX: usize = 10_000;
/// What the list looks back, microseconds.
pub(super) const WEEK_US: i64 = 7 * 86_400_000_000;
/// The parameters of the list's address.
const KNOWN: [&str; 5] = ["mode", "entity", "q", "done", "was"];

/// `GET /rules`: the list.
pub(crate) async fn rules(State(app): State<App>, request: Request) -> Response {
    let key = match reviewer(&app, request.headers(), request.uri()) {
        Ok(key) => key,
        Err(instead) => return instead,
    };
    let params = match given(&request, &KNOWN) {
        Ok(params) => params,
        Err(refused) => return problem(&key, refused, "/rules"),
    };
    let now = clock::now();
    let (listed, problems) = app.rulebook.list(now);
    let modes = match modes(&app).await {
        Ok(modes) => modes,
        Err(refused) => return problem(&key, refused, "/rules"),
    };
    let figures = panel(figures(&app, now).await);
    let page = RulesPage {
        frame: frame(Some(&key)),
        now,
        asked: Asked {
            mode: RuleMode::parse(&rows::text(&params, "mode")),
            entity: rows::text(&params, "entity"),
            q: rows::text(&params, "q"),
        },
        rules: listed.iter().map(|view| to_row(&app, view, &modes)).collect(),
        figures,
        problems: problems.into_iter().map(to_problem).collect(),
        deleted: deleted(&params),
    };
    html(StatusCode::OK, page.page())
}

/// Reads which rule was just deleted: its name and its version.
fn deleted(params: &Params) -> Option<(String, String)> {
    let was = rows::some_text(params, "was").filter(|_| rows::text(params, "done") == "deleted")?;
    let (name, version) = was.split_once('@')?;
    Some((name.to_owned(), version.to_owned()))
}

/// Reads the modes that were set, by rule and version.
pub(super) async fn modes(app: &App) -> Result<HashMap<(String, String), StoredMode>, Problem> {
    let control = app.control.clone();
    let stored = blocking(move || control.rule_modes()).await??;
    Ok(stored.into_iter().map(|mode| ((mode.rule.clone(), mode.version.clone()), mode)).collect())
}

/// Returns the mode that was set for the present version of a rule.
pub(super) fn set_mode_of<'m>(
    modes: &'m HashMap<(String, String), StoredMode>,
    view: &RuleView,
) -> Option<&'m StoredMode> {
    modes.get(&(view.report.name.to_string(), view.report.version.to_string()))
}

/// Tells whether Weir itself took the rule back to shadow.
pub(super) fn is_trip(set: &StoredMode) -> bool {
    set.set_by == "weir" && set.mode == "shadow"
}

fn to_row(app: &App, view: &RuleView, modes: &HashMap<(String, String), StoredMode>) -> RuleRow {
    let report = &view.report;
    let set = set_mode_of(modes, view);
    RuleRow {
        name: report.name.to_string(),
        title: report.title.clone(),
        version: report.version.to_string(),
        origin: origin(app, &report.name),
        mode: mode(report.mode),
        tripped_at: set.filter(|set| is_trip(set)).map(|set| set.set_at),
        is_forced: set.is_some_and(|set| set.forced) && report.mode == ::queries::Mode::Live,
        entities: report.entities.iter().map(|kind| (*kind).to_owned()).collect(),
        every: report.every.clone(),
        reason: report.reason.clone(),
        is_warm: view.warm,
        open_hits: view.open_hits as u64,
    }
}

/// Returns whose the file of a rule in force is.
pub(super) fn origin(app: &App, name: &str) -> Origin {
    match app.rulebook.get(name).map(|(rule, _)| app.rulebook.origin(&rule)) {
        Some(Whose::Own) => Origin::Own,
        Some(Whose::Operator) => Origin::Operator,
        Some(Whose::BuiltIn) | None => Origin::BuiltIn,
    }
}

/// Shapes a mode.
pub(super) fn mode(mode: ::queries::Mode) -> RuleMode {
    match mode {
        ::queries::Mode::Off => RuleMode::Off,
        ::queries::Mode::Shadow => RuleMode::Shadow,
        ::queries::Mode::Live => RuleMode::Live,
    }
}

/// Shapes a problem of a file.
pub(super) fn to_problem(problem: SourceProblem) -> RuleProblem {
    RuleProblem {
        file: problem.file,
        line: (problem.line > 0).then_some(problem.line),
        message: problem.message,
        remedy: problem.remedy.unwrap_or_default(),
    }
}

/// Returns the tables as rules see them, whatever the purposes of the key's SQL.
pub(super) fn tables(app: &App) -> Result<Tables, Problem> {
    app.tables_for(|_| true)
}

async fn figures(app: &App, now: i64) -> Result<Figures, Problem> {
    let tables = tables(app)?;
    let buckets = Buckets::new(now - WEEK_US, now);
    let trend = over_time(app, &tables, buckets, Params::new());
    // Two at a time: the engine runs a few queries at once, for everybody.
    let (trend, precision) = tokio::join!(trend, ask_stored(app, "rule_precision", limited(), &tables, RULES_MAX));
    let changed = ask_stored(app, "shadow_disagreement", limited(), &tables, RULES_MAX).await?;
    let mut by_rule: HashMap<String, RuleFigures> = HashMap::new();
    for row in &trend? {
        let figures = by_rule.entry(rows::text(row, "rule")).or_default();
        let hits = rows::count(row, "hits");
        figures.hits += hits;
        figures.trend.push((rows::time(row, "bucket"), hits));
    }
    for row in &precision?.rows {
        by_rule.entry(rows::text(row, "rule")).or_default().precision = to_precision(row);
    }
    for row in &changed.rows {
        by_rule.entry(rows::text(row, "rule")).or_default().disagreement = to_disagreement(row);
    }
    Ok(Figures { buckets, by_rule })
}

fn limited() -> Params {
    Params::from_iter([("limit".to_owned(), json!(RULES_MAX))])
}

/// Asks for hits over time since the drawing begins.
pub(super) async fn over_time(
    app: &App,
    tables: &Tables,
    buckets: Buckets,
    mut params: Params,
) -> Result<Vec<Row>, Problem> {
    params.insert("from".to_owned(), json!(clock::rfc3339(buckets.start)));
    params.insert("bucket".to_owned(), json!(buckets.interval()));
    Ok(ask_stored(app, "rules_firing_over_time", params, tables, POINTS_MAX).await?.rows)
}

/// Shapes a row of `rule_precision`.
pub(super) fn to_precision(row: &Row) -> Precision {
    Precision {
        right: rows::count(row, "right"),
        wrong: rows::count(row, "wrong"),
        unlabelled: rows::count(row, "unlabelled"),
        interval: rows::percent(row, "precision_low").zip(rows::percent(row, "precision_high")),
    }
}

/// Shapes a row of `shadow_disagreement`.
pub(super) fn to_disagreement(row: &Row) -> Disagreement {
    Disagreement {
        decisions: rows::count(row, "decisions"),
        blocks: rows::count(row, "blocks"),
        share: rows::percent(row, "share"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deleted_is_told_by_name_and_version() {
        let params = |done: &str, was: &str| {
            Params::from_iter([("done".to_owned(), json!(done)), ("was".to_owned(), json!(was))])
        };
        let told = deleted(&params("deleted", "many_spends@9f2c"));
        assert_eq!(told, Some(("many_spends".to_owned(), "9f2c".to_owned())));
        assert_eq!(deleted(&params("deleted", "many_spends")), None);
        assert_eq!(deleted(&params("saved", "many_spends@9f2c")), None);
    }
}
