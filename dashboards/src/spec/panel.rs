//! One `[[panel]]` of a dashboard file.

use super::SpecProblem;
use super::fields::Fields;

/// The columns of a dashboard's grid.
pub const WIDTH_MAX: u8 = 12;
const WIDTH_USUAL: u8 = 6;
/// The most columns of values in one drawing, and the most columns of a table.
const VALUES_MAX: usize = 6;
const COLUMNS_MAX: usize = 24;
const KNOWN: &[&str] = &["query", "chart", "title", "width", "map", "params", "goal", "compare", "link", "text"];

/// What a panel shows. Shape: a stored query and how its answer is drawn, or a text of the author's.
#[derive(Debug, Clone, PartialEq)]
pub struct PanelSpec {
    /// Its name in addresses, unique in its dashboard: that of its query, with a number if there are several.
    pub slug: String,
    /// The line at which it begins.
    pub line: usize,
    /// The stored query; empty for a text.
    pub query: String,
    /// What is drawn.
    pub chart: Chart,
    /// Its title, if it is not the query's.
    pub title: Option<String>,
    /// Its width, of [`WIDTH_MAX`].
    pub width: u8,
    /// Which column is what.
    pub map: Mapping,
    /// Parameters that it fixes, as text.
    pub params: Vec<(String, String)>,
    /// What should be reached.
    pub goal: Option<Goal>,
    /// Whether it is held against the period before.
    pub compares: bool,
    /// Where its marks and rows lead, with columns in braces: `/issues?release={series}`; empty: nowhere.
    pub link: String,
    /// The words of a text.
    pub text: String,
}

/// A kind of drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chart {
    /// One number.
    Stat,
    /// Lines over an axis.
    Line,
    /// Lines with the area below, stacked.
    Area,
    /// Bars side by side.
    Bar,
    /// Bars on top of each other.
    StackedBar,
    /// Cells by colour.
    Heatmap,
    /// Rows as they are.
    Table,
    /// Flows.
    Sankey,
    /// Steps.
    Funnel,
    /// Nodes and links.
    Graph,
    /// Words of the author's.
    Text,
}

/// Which column is what. What is left out is found by the units of the columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Along the axis.
    pub x: Option<String>,
    /// The values.
    pub y: Vec<String>,
    /// What divides them.
    pub series: Option<String>,
}

/// What should be reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// The value, in the unit of the column.
    pub at: f64,
    /// Whether more is better.
    pub is_least: bool,
}

impl Chart {
    const ALL: [(&'static str, Self); 11] = [
        ("stat", Self::Stat),
        ("line", Self::Line),
        ("area", Self::Area),
        ("bar", Self::Bar),
        ("stacked_bar", Self::StackedBar),
        ("heatmap", Self::Heatmap),
        ("table", Self::Table),
        ("sankey", Self::Sankey),
        ("funnel", Self::Funnel),
        ("graph", Self::Graph),
        ("text", Self::Text),
    ];

    /// Returns its name in files and addresses.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, chart)| *chart == self).map_or("table", |(name, _)| name)
    }

    /// Reads a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, chart)| *chart)
    }

    /// Lists the names.
    pub fn names() -> [&'static str; 11] {
        Self::ALL.map(|(name, _)| name)
    }

    /// Tells whether scripts draw it; the others are written as HTML.
    pub fn is_drawn(self) -> bool {
        !matches!(self, Self::Stat | Self::Table | Self::Text)
    }

    /// Tells whether its axis is usually time.
    pub fn is_along(self) -> bool {
        matches!(self, Self::Line | Self::Area | Self::Bar | Self::StackedBar)
    }
}

impl PanelSpec {
    /// Reads a panel. `is_taken` tells which names others have.
    pub(super) fn read(fields: &Fields<'_>, is_taken: impl Fn(&str) -> bool) -> Result<Self, SpecProblem> {
        fields.refuse_unknown(KNOWN, "a panel")?;
        let chart = match fields.text_at("chart")? {
            None => Chart::Table,
            Some((name, at)) => Chart::from_name(&name).ok_or_else(|| {
                let remedy = format!("charts are {}", Chart::names().join(", "));
                fields.problem(at, format!("`{name}` is no chart"), &remedy)
            })?,
        };
        let query = fields.checked_text("query", is_word, "the name of a stored query")?.unwrap_or_default();
        let text = fields.text("text")?.unwrap_or_default();
        match chart {
            Chart::Text if text.is_empty() || !query.is_empty() => {
                return Err(fields.problem(fields.at, "a panel of chart `text` has `text` and no `query`", ""));
            }
            Chart::Text => {}
            _ if query.is_empty() => {
                return Err(fields.problem(
                    fields.at,
                    "the panel has no `query`",
                    "name a stored query: GET /v1/queries lists them",
                ));
            }
            _ if chart != Chart::Stat && fields.text("compare")?.is_some() => {
                return Err(fields.problem(fields.at, "`compare` goes with chart = \"stat\"", ""));
            }
            _ if !text.is_empty() => {
                return Err(fields.problem(fields.at, "`text` goes with chart = \"text\"", ""));
            }
            _ => {}
        }
        Ok(Self {
            slug: free_slug(if query.is_empty() { "text" } else { &query }, is_taken),
            line: fields.problem(fields.at, "", "").line,
            chart,
            title: fields.text("title")?.filter(|title| !title.is_empty()),
            width: width(fields)?,
            map: mapping(fields, if chart == Chart::Table { COLUMNS_MAX } else { VALUES_MAX })?,
            params: fields.table("params")?.map(|params| params.all_texts()).transpose()?.unwrap_or_default(),
            goal: goal(fields)?,
            compares: fields
                .checked_text("compare", |text| text == "previous_period", "it can be \"previous_period\"")?
                .is_some(),
            link: fields
                .checked_text("link", is_link, "a path of this server: /issues?release={series}")?
                .unwrap_or_default(),
            query,
            text,
        })
    }
}

fn free_slug(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(name) {
        return name.to_owned();
    }
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    numbered.into_iter().find(|slug| !is_taken(slug)).unwrap_or_default()
}

fn width(fields: &Fields<'_>) -> Result<u8, SpecProblem> {
    let Some((width, at)) = fields.number_at("width")? else { return Ok(WIDTH_USUAL) };
    if width.fract() != 0.0 || !(1.0..=f64::from(WIDTH_MAX)).contains(&width) {
        return Err(fields.problem(at, format!("a width is from 1 to {WIDTH_MAX}"), ""));
    }
    Ok(width as u8)
}

fn mapping(fields: &Fields<'_>, most: usize) -> Result<Mapping, SpecProblem> {
    let Some(map) = fields.table("map")? else { return Ok(Mapping::default()) };
    map.refuse_unknown(&["x", "y", "series"], "a map")?;
    let y = match map.texts("y")? {
        Some((names, at)) if names.len() > most => {
            return Err(map.problem(at, format!("there are more than {most} columns of values"), ""));
        }
        read => read.map(|(names, _)| names).unwrap_or_default(),
    };
    Ok(Mapping { x: map.text("x")?, y, series: map.text("series")? })
}

fn goal(fields: &Fields<'_>) -> Result<Option<Goal>, SpecProblem> {
    let Some(goal) = fields.table("goal")? else { return Ok(None) };
    goal.refuse_unknown(&["gte", "lte"], "a goal")?;
    match (goal.number_at("gte")?, goal.number_at("lte")?) {
        (Some((at, _)), None) => Ok(Some(Goal { at, is_least: true })),
        (None, Some((at, _))) => Ok(Some(Goal { at, is_least: false })),
        _ => Err(goal.problem(goal.at, "a goal is either `gte` or `lte`", "{ gte = 99.5 }")),
    }
}

/// Tells whether a text is a name as queries and parameters have it.
pub fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !text.is_empty() && text.len() <= 64 && text.bytes().all(plain)
}

/// A path of this server, and nothing that a browser could take for another: `//host`, `/\host`.
fn is_link(text: &str) -> bool {
    text.starts_with('/') && !text[1..].starts_with(['/', '\\']) && !text.contains(char::is_control)
}
