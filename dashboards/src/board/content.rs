//! What a panel shows of an answer: one number, rows, or a drawing that scripts make.

use serde::Serialize;
use serde_json::{Value, json};

use crate::data::DataBlock;
use crate::spec::{Chart, Goal, PanelSpec, title_of};
use crate::unit::Unit;
use crate::{address, figure};

/// Rows of a table on a dashboard.
const ROWS_MAX: usize = 50;
/// Rows of a panel that stands alone, without scripts.
const ROWS_SINGLE_MAX: usize = 500;

/// What a panel shows.
#[derive(Debug, Clone)]
pub enum Content {
    /// Words of the author's, a paragraph each.
    Text(Vec<String>),
    /// One number.
    Stat(Stat),
    /// Rows.
    Table(Table),
    /// What scripts draw, and the same as rows for those who have none.
    Drawing(Drawing),
    /// There is nothing to show, and why.
    Empty(String),
}

/// One number, and what it is held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// The number, with its unit.
    pub value: String,
    /// What it was in the period before, and by how much it differs.
    pub compared: Option<String>,
    /// What should be reached.
    pub goal: Option<GoalState>,
}

/// Whether a goal is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoalState {
    /// The goal in words.
    pub words: String,
    /// Whether it is met.
    pub is_met: bool,
}

/// Rows.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The columns.
    pub heads: Vec<Head>,
    /// A cell a column.
    pub rows: Vec<Vec<Cell>>,
    /// Rows that are not shown, if there are any.
    pub more: Option<String>,
}

/// One column of a table.
#[derive(Debug, Clone)]
pub struct Head {
    /// Its name for people.
    pub name: String,
    /// What it means.
    pub doc: String,
    /// Whether it is a number.
    pub is_number: bool,
}

/// One cell of a table.
#[derive(Debug, Clone)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// The whole of it, where it is shortened; else empty.
    pub whole: String,
    /// Where it leads; empty: nowhere.
    pub link: String,
    /// Whether it is a number.
    pub is_number: bool,
    /// Whether it is an id.
    pub is_id: bool,
    /// The verdict whose mark it bears.
    pub verdict: Option<&'static str>,
}

/// What scripts draw.
#[derive(Debug, Clone)]
pub struct Drawing {
    /// The spec, the answer, and where marks lead.
    pub block: DataBlock,
    /// The same as rows; only for a panel that stands alone.
    pub table: Option<Table>,
    /// What is told when not all rows are drawn.
    pub cut: Option<String>,
}

/// A column of an answer, and what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnswerColumn {
    /// Its name.
    pub name: String,
    /// Its SQL type.
    #[serde(rename = "type")]
    pub ty: String,
    /// Its unit.
    #[serde(skip)]
    pub unit: Unit,
    /// What it means.
    #[serde(skip)]
    pub doc: String,
}

/// An answer, and which of its columns is what.
#[derive(Debug, Clone)]
pub struct Answered<'a> {
    /// The panel.
    pub spec: &'a PanelSpec,
    /// The dashboard, whose drawings share a crosshair.
    pub board: &'a str,
    /// The panel's title.
    pub title: &'a str,
    /// The columns.
    pub columns: Vec<AnswerColumn>,
    /// A value a column.
    pub rows: Vec<Vec<Value>>,
    /// Whether there are more rows.
    pub is_cut: bool,
    /// Along the axis.
    pub x: Option<String>,
    /// The values, or the columns of a table.
    pub y: Vec<String>,
    /// What divides them.
    pub series: Option<String>,
    /// The number of the period before.
    pub before: Option<f64>,
    /// Whether the panel stands alone.
    pub is_single: bool,
}

impl Answered<'_> {
    /// Makes of the answer what the panel shows. `nothing` says why there may be no rows.
    pub fn content(self, nothing: impl FnOnce() -> String) -> Content {
        match self.spec.chart {
            _ if self.rows.is_empty() => Content::Empty(nothing()),
            Chart::Stat => self.stat().map_or_else(|| Content::Empty(nothing()), Content::Stat),
            Chart::Table => Content::Table(self.table()),
            _ => Content::Drawing(self.drawing()),
        }
    }

    fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| known.name == column)
    }

    fn stat(&self) -> Option<Stat> {
        let place = self.place(self.y.first()?)?;
        let unit = self.columns[place].unit;
        let value = self.rows.first()?.get(place)?;
        let number = value.as_f64();
        if value.is_null() {
            return None;
        }
        Some(Stat {
            value: unit.write(value),
            compared: number.zip(self.before).map(|(now, before)| compared(unit, now, before)),
            goal: self.spec.goal.zip(number).map(|(goal, number)| goal_state(unit, goal, number)),
        })
    }

    fn table(&self) -> Table {
        let places: Vec<usize> = self.y.iter().filter_map(|name| self.place(name)).collect();
        let rows_max = if self.is_single { ROWS_SINGLE_MAX } else { ROWS_MAX };
        let heads = places.iter().map(|place| head(&self.columns[*place])).collect();
        let rows = self.rows.iter().take(rows_max).map(|row| self.cells(&places, row)).collect();
        let more = match self.rows.len() {
            count if count > rows_max && !self.is_cut => {
                Some(format!("{rows_max} of {} rows", figure::count(&(count as u64))))
            }
            count if count > rows_max || self.is_cut => Some(format!("The first {} rows", count.min(rows_max))),
            _ => None,
        };
        Table { heads, rows, more }
    }

    fn cells(&self, places: &[usize], row: &[Value]) -> Vec<Cell> {
        let link = self.link(row);
        let cell = |(index, place): (usize, &usize)| {
            let column = &self.columns[*place];
            let value = row.get(*place).unwrap_or(&Value::Null);
            let text = column.unit.write(value);
            let whole = value.as_str().filter(|whole| *whole != text).unwrap_or_default().to_owned();
            Cell {
                whole,
                link: if index == 0 { link.clone() } else { String::new() },
                is_number: column.unit.is_number(),
                is_id: column.unit == Unit::Id,
                verdict: (column.name == "verdict").then(|| verdict_of(&text)).flatten(),
                text,
            }
        };
        places.iter().enumerate().map(cell).collect()
    }

    /// Fills the link of a row in; nothing if a column of it is null.
    fn link(&self, row: &[Value]) -> String {
        fill(&self.spec.link, |name| {
            let value = row.get(self.place(name)?)?;
            match value {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            }
        })
        .unwrap_or_default()
    }

    fn drawing(&self) -> Drawing {
        let spec = json!({
            "kind": self.spec.chart.name(),
            "x": self.x,
            "y": self.y,
            "series": self.series,
            "title": self.title,
            "unit": self.y.first().and_then(|name| self.place(name)).map(|place| self.columns[place].unit.name()),
            "goal": self.spec.goal.map(|goal| goal.at),
            "group": self.board,
        });
        let used: Vec<usize> = self.used();
        let columns: Vec<&AnswerColumn> = used.iter().map(|place| &self.columns[*place]).collect();
        let pick = |row: &Vec<Value>| -> Vec<Value> {
            used.iter().map(|place| row.get(*place).cloned().unwrap_or(Value::Null)).collect()
        };
        let rows: Vec<Vec<Value>> = self.rows.iter().map(pick).collect();
        let answer = json!({"columns": columns, "rows": rows, "row_count": rows.len(), "truncated": self.is_cut});
        let link =
            (!self.spec.link.is_empty()).then(|| json!({"to": self.spec.link, "x": self.x, "series": self.series}));
        let table = self.is_single.then(|| {
            let all = Answered { y: self.columns.iter().map(|column| column.name.clone()).collect(), ..self.clone() };
            all.table()
        });
        let cut =
            self.is_cut.then(|| format!("Drawn from the first {} rows.", figure::count(&(self.rows.len() as u64))));
        Drawing { block: DataBlock::new(&json!({"spec": spec, "answer": answer, "link": link})), table, cut }
    }

    /// Returns the columns that are drawn: the others would only be sent.
    fn used(&self) -> Vec<usize> {
        let names = self.x.iter().chain(&self.series).chain(&self.y);
        let mut places: Vec<usize> = names.filter_map(|name| self.place(name)).collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// Fills `{column}`s of a link in, encoded. `None` when one has no value.
fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        filled.push_str(before);
        filled.push_str(&address::encode(&value(name)?));
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

/// Lists the columns that a link names.
pub fn link_columns(template: &str) -> Vec<&str> {
    template.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
}

/// Cuts a text into paragraphs.
pub fn paragraphs(text: &str) -> Vec<String> {
    text.split("\n\n").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn compared(unit: Unit, now: f64, before: f64) -> String {
    let was = unit.write_number(before);
    if unit == Unit::Percent {
        let points = now - before;
        return match points {
            _ if points.abs() < 0.005 => format!("as in the period before ({was})"),
            _ => format!("{} {:.2} points from {was} in the period before", direction(points), points.abs()),
        };
    }
    if before == 0.0 {
        return format!("{was} in the period before");
    }
    let change = (now - before) / before.abs() * 100.0;
    match change {
        _ if change.abs() < 0.05 => format!("as in the period before ({was})"),
        _ => format!("{} {:.1}% from {was} in the period before", direction(change), change.abs()),
    }
}

fn direction(change: f64) -> &'static str {
    if change < 0.0 { "down" } else { "up" }
}

fn goal_state(unit: Unit, goal: Goal, number: f64) -> GoalState {
    let at = unit.write_number(goal.at);
    let words = if goal.is_least { format!("goal: at least {at}") } else { format!("goal: at most {at}") };
    let is_met = if goal.is_least { number >= goal.at } else { number <= goal.at };
    GoalState { words, is_met }
}

fn head(column: &AnswerColumn) -> Head {
    let name = title_of(&column.name);
    Head {
        name: name.strip_suffix(" ms").or_else(|| name.strip_suffix(" s")).map_or(name.clone(), str::to_owned),
        doc: column.doc.clone(),
        is_number: column.unit.is_number(),
    }
}

fn verdict_of(text: &str) -> Option<&'static str> {
    ["allow", "throttle", "block"].into_iter().find(|verdict| *verdict == text)
}

impl Cell {
    /// Tells whether it bears the mark of a verdict.
    pub fn has_mark(&self) -> bool {
        self.verdict.is_some()
    }

    /// Returns the name of its mark.
    pub fn mark(&self) -> &'static str {
        self.verdict.unwrap_or_default()
    }
}
