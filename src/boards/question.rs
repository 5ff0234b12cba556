//! What a panel asks: its stored query with the parameters that the reader chose, and which column of the answer is what. The
//! same is looked at by `weir check`, without asking.

use dashboards::board::content::link_columns;
use dashboards::spec::{Chart, Mapping, PanelSpec, SpecProblem};
use queries::catalogue::{ColumnDoc, ParamType, Unit, value_from_text};
use queries::{Params, QueryError, StoredQuery};
use serde_json::Value;

use crate::clock;

/// Points of a drawing over the whole width of a dashboard.
const POINTS_MAX: i64 = 96;
const SECOND: i64 = 1_000_000;
/// The widths that a point may have, in seconds; the first that needs no more points than there is room for is taken.
const BUCKETS_S: [i64; 19] = [
    1,
    2,
    5,
    10,
    30,
    60,
    120,
    300,
    600,
    1_800,
    3_600,
    7_200,
    10_800,
    21_600,
    43_200,
    86_400,
    2 * 86_400,
    7 * 86_400,
    28 * 86_400,
];
/// Columns of values that a drawing takes by itself.
const VALUES_MAX: usize = 6;
/// The column of the period before bears this behind its name.
const BEFORE: &str = "_before";

/// Which column is what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Roles {
    /// Along the axis.
    pub(crate) x: Option<String>,
    /// The values, or the columns of a table.
    pub(crate) y: Vec<String>,
    /// What divides them.
    pub(crate) series: Option<String>,
}

/// What a panel asks, with the reader's choices.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// The parameters, as text.
    pub(crate) params: Vec<(String, String)>,
    /// The start and the end of the range, microseconds, if the query has one.
    range: Option<(i64, i64)>,
}

impl Question {
    /// Makes the question of a panel. Choices that its query has no parameter for are left out.
    ///
    /// # Errors
    /// A range that cannot be read, or that ends before it begins.
    pub(crate) fn new(
        panel: &PanelSpec,
        query: &StoredQuery,
        chosen: &[(String, String)],
        now: i64,
    ) -> Result<Self, QueryError> {
        let has = |name: &str| query.params.iter().any(|param| param.name == name);
        let mut params = Self::given(panel, query, chosen);
        let range = if has("from") { Some(range(query, &params, now)?) } else { None };
        if let Some((from, to)) = range
            && has("bucket")
            && !params.iter().any(|(name, _)| name == "bucket")
        {
            params.push(("bucket".to_owned(), bucket(to.saturating_sub(from), panel.width)));
        }
        Ok(Self { params, range })
    }

    /// Returns what the panel fixes, and of what was chosen what its query has a parameter for.
    pub(crate) fn given(panel: &PanelSpec, query: &StoredQuery, chosen: &[(String, String)]) -> Vec<(String, String)> {
        let has = |name: &str| query.params.iter().any(|param| param.name == name);
        let is_fixed = |name: &str| panel.params.iter().any(|(fixed, _)| fixed == name);
        let is_free = |(name, value): &&(String, String)| has(name) && !is_fixed(name) && !value.is_empty();
        panel.params.iter().chain(chosen.iter().filter(is_free)).cloned().collect()
    }

    /// Returns the parameters for the engine.
    ///
    /// # Errors
    /// Those that cannot be read.
    pub(crate) fn bind(&self, query: &StoredQuery, now: i64) -> Result<Params, QueryError> {
        query.bind(&texts(&self.params), now)
    }

    /// Returns the same question about the period before; `None` for a query without a range.
    pub(crate) fn before(&self) -> Option<Self> {
        let (from, to) = self.range?;
        let started = from.checked_sub(to.checked_sub(from)?)?;
        let mut params: Vec<_> =
            self.params.iter().filter(|(name, _)| name != "from" && name != "to").cloned().collect();
        params.push(("from".to_owned(), clock::rfc3339(started)));
        params.push(("to".to_owned(), clock::rfc3339(from)));
        Some(Self { params, range: Some((started, from)) })
    }
}

fn texts(params: &[(String, String)]) -> Params {
    params.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect()
}

fn range(query: &StoredQuery, params: &[(String, String)], now: i64) -> Result<(i64, i64), QueryError> {
    let end = |name: &str| {
        let given = params.iter().find(|(param, _)| param == name).map(|(_, value)| value.as_str());
        let usual = || query.params.iter().find(|param| param.name == name)?.default.as_deref();
        let text = given.or_else(usual).unwrap_or("now");
        let read = value_from_text(&ParamType::Timestamp.name(), Some(text), now);
        let at = read.ok().and_then(|value| clock::from_json(value.get("timestamp")?).ok());
        let wanted = "a time is wanted: 2026-11-22T10:00:00Z, 2026-11-22, now or -24h";
        at.ok_or_else(|| QueryError::invalid_with_hint(format!("`{name}` cannot be {text:?}"), wanted))
    };
    let (from, to) = (end("from")?, end("to")?);
    if from >= to {
        return Err(QueryError::invalid_with_hint("the range ends before it begins", "choose an earlier start"));
    }
    Ok((from, to))
}

/// Returns the width of a point, so that a drawing of this width has room for all of a range.
fn bucket(length: i64, width: u8) -> String {
    let points = (POINTS_MAX * i64::from(width) / 12).max(24);
    let seconds = BUCKETS_S.into_iter().find(|seconds| length / (seconds * SECOND) <= points);
    format!("{}s", seconds.unwrap_or(BUCKETS_S[BUCKETS_S.len() - 1]))
}

/// Finds which column of a query is what to a panel, and whether all that the panel names is there.
///
/// # Errors
/// What the query does not have, with the panel's line.
pub(crate) fn resolve(file: &str, panel: &PanelSpec, query: &StoredQuery) -> Result<Roles, SpecProblem> {
    let problem =
        |message: String, remedy: String| SpecProblem { file: file.to_owned(), line: panel.line, message, remedy };
    let is_named = panel.map != Mapping::default() || !panel.link.is_empty() || panel.chart != Chart::Table;
    if query.columns.is_empty() && is_named {
        let message = format!("the query {} does not say what its columns are", query.name);
        return Err(problem(message, "add `--! column: name unit -- what it means` to it for each".to_owned()));
    }
    let columns: Vec<&str> = query.columns.iter().map(|column| column.name.as_str()).collect();
    let named = panel.map.x.iter().chain(&panel.map.y).chain(&panel.map.series).map(String::as_str);
    if let Some(unknown) = named.chain(link_columns(&panel.link)).find(|name| !columns.contains(name)) {
        let message = format!("the query {} has no column `{unknown}`", query.name);
        return Err(problem(message, format!("it has {}", columns.join(", "))));
    }
    if let Some((unknown, _)) =
        panel.params.iter().find(|(name, _)| query.params.iter().all(|param| param.name != *name))
    {
        let params: Vec<&str> = query.params.iter().map(|param| param.name.as_str()).collect();
        let message = format!("the query {} has no parameter `{unknown}`", query.name);
        return Err(problem(message, format!("it has {}", params.join(", "))));
    }
    query.bind(&texts(&panel.params), clock::now()).map_err(|error| problem(error.to_string(), String::new()))?;
    let roles = roles(panel, query);
    let is_known = |name: &&str| roles.x.as_deref() == Some(*name) || roles.series.as_deref() == Some(*name);
    if panel.chart.is_drawn()
        && let Some(unknown) = link_columns(&panel.link).into_iter().find(|name| !is_known(name))
    {
        let message = format!("a mark of the drawing has no `{unknown}`");
        return Err(problem(message, "the link of a drawing names the columns of `x` and `series`".to_owned()));
    }
    let wants = |is_there: bool, role: &str| {
        if is_there {
            Ok(())
        } else {
            Err(problem(format!("the query {} has no column for {role}", query.name), "say it in `map`".to_owned()))
        }
    };
    let chart = panel.chart;
    wants(!roles.y.is_empty() || query.columns.is_empty(), "values")?;
    wants(roles.x.is_some() || matches!(chart, Chart::Stat | Chart::Table), "`x`")?;
    wants(roles.series.is_some() || !matches!(chart, Chart::Heatmap | Chart::Sankey | Chart::Graph), "`series`")?;
    let is_number = |name: &String| query.columns.iter().any(|column| column.name == *name && is_number(column.unit));
    if chart != Chart::Table
        && let Some(text) = roles.y.iter().find(|name| !is_number(name))
    {
        return Err(problem(format!("the column `{text}` is no number"), "choose others in `map`".to_owned()));
    }
    Ok(roles)
}

/// Returns what the panel says, and what the units of the columns suggest for the rest.
fn roles(panel: &PanelSpec, query: &StoredQuery) -> Roles {
    let map = &panel.map;
    let is_free = |column: &&ColumnDoc| {
        Some(&column.name) != map.x.as_ref()
            && Some(&column.name) != map.series.as_ref()
            && !map.y.contains(&column.name)
    };
    let free: Vec<&ColumnDoc> = query.columns.iter().filter(is_free).collect();
    let first = |is: &dyn Fn(Unit) -> bool, but: Option<&str>| {
        let fits = |column: &&&ColumnDoc| is(column.unit) && Some(column.name.as_str()) != but;
        free.iter().find(fits).map(|column| column.name.clone())
    };
    let words = |unit: Unit| matches!(unit, Unit::Text | Unit::Id | Unit::Time);
    let all = || query.columns.iter().map(|column| column.name.clone()).collect();
    match panel.chart {
        Chart::Table => Roles { y: if map.y.is_empty() { all() } else { map.y.clone() }, ..Roles::default() },
        Chart::Stat => Roles { y: values(map.y.clone(), &free, 1), ..Roles::default() },
        chart if chart.is_along() => {
            let x = map.x.clone().or_else(|| first(&|unit| unit == Unit::Time, None)).or_else(|| first(&words, None));
            let divides = || first(&|unit| matches!(unit, Unit::Text | Unit::Id), x.as_deref());
            let series = map.series.clone().or_else(|| if map.y.is_empty() { divides() } else { None });
            let most = if series.is_some() { 1 } else { VALUES_MAX };
            Roles { y: values(map.y.clone(), &free, most), x, series }
        }
        Chart::Funnel => {
            Roles { x: map.x.clone().or_else(|| first(&words, None)), y: values(map.y.clone(), &free, 1), series: None }
        }
        _ => {
            let x = map.x.clone().or_else(|| first(&words, None)).or_else(|| first(&is_number, None));
            let series = map.series.clone().or_else(|| first(&words, x.as_deref()));
            let free: Vec<&ColumnDoc> =
                free.iter().filter(|column| Some(&column.name) != x.as_ref()).copied().collect();
            Roles { y: values(map.y.clone(), &free, 1), x, series }
        }
    }
}

/// Returns the columns of values: those that are named, else the first numbers of one unit.
fn values(named: Vec<String>, free: &[&ColumnDoc], most: usize) -> Vec<String> {
    if !named.is_empty() {
        return named;
    }
    let unit = free.iter().map(|column| column.unit).find(|unit| is_number(*unit));
    let fits = |column: &&&ColumnDoc| Some(column.unit) == unit && !column.name.ends_with(BEFORE);
    free.iter().filter(fits).take(most).map(|column| column.name.clone()).collect()
}

/// Returns the column that holds a stat's value of the period before, if its query has one.
pub(crate) fn column_before(query: &StoredQuery, column: &str) -> Option<String> {
    let name = format!("{column}{BEFORE}");
    query.columns.iter().any(|column| column.name == name).then_some(name)
}

fn is_number(unit: Unit) -> bool {
    dashboards::unit::Unit::from_name(unit.name()).is_number()
}
