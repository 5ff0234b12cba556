//! Dashboard files: what is laid out, and how. A file says which stored queries are shown, as which drawing, how wide; what the
//! numbers mean is the queries' to say. `fields.rs` reads typed values out of TOML and knows the line of each. A panel that
//! cannot be read is kept with its line and reason, so that the others are shown.

mod fields;
mod panel;

use std::fmt;

use rust_embed::RustEmbed;
use toml::de::DeTable;

use fields::{Fields, Lines};
pub use panel::{Chart, Goal, Mapping, PanelSpec, WIDTH_MAX, is_word};

/// The most bytes of a file.
pub const FILE_BYTES_MAX: usize = 256 << 10;
/// The most panels of one dashboard.
pub const PANELS_MAX: usize = 60;
/// The most controls of one dashboard.
const CONTROLS_MAX: usize = 12;
/// How often a dashboard may ask again: fifteen queries every second would be a load, not a look.
const REFRESH_S_MIN: u32 = 5;
const REFRESH_S_MAX: u32 = 86_400;
/// What a dashboard file may say.
const KNOWN: &[&str] = &["title", "description", "controls", "range", "refresh", "panel"];

/// The files that come with the program.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/boards/"]
struct Shipped;

/// One dashboard, as its file says. Shape: panels in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Board {
    /// Its name: that of its file.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What it is for; empty when the file does not say.
    pub description: String,
    /// What its reader may choose.
    pub controls: Vec<Control>,
    /// The range that is shown at first: `24h`, `7d`.
    pub range: String,
    /// How often it asks again, in seconds; `None`: only when it is asked to.
    pub refresh_s: Option<u32>,
    /// Its panels; what is wrong with those that cannot be read.
    pub panels: Vec<Result<PanelSpec, SpecProblem>>,
}

/// Something the reader of a dashboard may choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// The range of time: `from` and `to`.
    Range,
    /// A parameter of the queries, by its name.
    Param(String),
}

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SpecProblem {
    /// The file, as its author knows it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it; empty when the message says it.
    pub remedy: String,
}

impl fmt::Display for SpecProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}

impl Board {
    /// Reads a file. `file` is its name as its author knows it.
    ///
    /// Errors: text that is no TOML, and values of the dashboard itself that cannot be read. What is wrong with one panel stays with
    /// that panel.
    pub fn parse(name: &str, file: &str, text: &str) -> Result<Self, SpecProblem> {
        let lines = Lines::new(file, text);
        if text.len() > FILE_BYTES_MAX {
            return Err(lines.problem(0, format!("the file is over {FILE_BYTES_MAX} bytes"), ""));
        }
        let document = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            lines.problem(at, format!("this is no TOML: {}", error.message()), "")
        })?;
        let fields = Fields::new(document.get_ref(), &lines, 0);
        fields.refuse_unknown(KNOWN, "a dashboard")?;
        let title = fields.text("title")?.unwrap_or_else(|| title_of(name));
        let range = fields.checked_text("range", is_range, "a range is a number and s, min, h or d: 24h")?;
        let mut board = Self {
            name: name.to_owned(),
            title,
            description: fields.text("description")?.unwrap_or_default(),
            controls: controls(&fields)?,
            range: range.unwrap_or_else(|| "24h".to_owned()),
            refresh_s: refresh(&fields)?,
            panels: Vec::new(),
        };
        let panels = fields.tables("panel")?;
        if panels.len() > PANELS_MAX {
            return Err(lines.problem(panels[PANELS_MAX].at, format!("there are more than {PANELS_MAX} panels"), ""));
        }
        for panel in &panels {
            let read = PanelSpec::read(panel, |slug| board.panel(slug).is_some());
            board.panels.push(read);
        }
        Ok(board)
    }

    /// Returns the panel of this name in addresses.
    pub fn panel(&self, slug: &str) -> Option<&PanelSpec> {
        self.panels.iter().filter_map(|panel| panel.as_ref().ok()).find(|panel| panel.slug == slug)
    }
}

/// Returns the files that come with the program: name and text, by name.
pub fn shipped() -> Vec<(String, String)> {
    let text = |path: &str| Shipped::get(path).map(|file| String::from_utf8_lossy(&file.data).into_owned());
    let mut files: Vec<(String, String)> =
        Shipped::iter().filter_map(|path| Some((path.strip_suffix(".toml")?.to_owned(), text(&path)?))).collect();
    files.sort();
    files
}

/// Writes a panel to stand at the end of a file.
pub fn panel_text(query: &str, chart: Chart, title: &str, width: u8, map: &Mapping) -> String {
    use fmt::Write as _;
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let mut text = format!("\n[[panel]]\nquery = {}\nchart = {}\n", quoted(query), quoted(chart.name()));
    // Writing to a String cannot fail.
    if !title.is_empty() {
        let _ = writeln!(text, "title = {}", quoted(title));
    }
    let _ = writeln!(text, "width = {width}");
    let mut map_of: Vec<String> = Vec::new();
    if let Some(x) = &map.x {
        map_of.push(format!("x = {}", quoted(x)));
    }
    match map.y.as_slice() {
        [] => {}
        [y] => map_of.push(format!("y = {}", quoted(y))),
        many => map_of.push(format!("y = [{}]", many.iter().map(|y| quoted(y)).collect::<Vec<_>>().join(", "))),
    }
    if let Some(series) = &map.series {
        map_of.push(format!("series = {}", quoted(series)));
    }
    if !map_of.is_empty() {
        let _ = writeln!(text, "map = {{ {} }}", map_of.join(", "));
    }
    text
}

fn controls(fields: &Fields<'_>) -> Result<Vec<Control>, SpecProblem> {
    let Some((names, at)) = fields.texts("controls")? else { return Ok(vec![Control::Range]) };
    if names.len() > CONTROLS_MAX {
        return Err(fields.problem(at, format!("there are more than {CONTROLS_MAX} controls"), ""));
    }
    let mut controls = Vec::new();
    for name in names {
        let control = match name.as_str() {
            "range" => Control::Range,
            other if is_word(other) => Control::Param(other.to_owned()),
            other => {
                let remedy = "a control is `range`, or a parameter of its queries: release, country, mode";
                return Err(fields.problem(at, format!("`{other}` is no control"), remedy));
            }
        };
        if controls.contains(&control) {
            return Err(fields.problem(at, format!("the control `{name}` is there twice"), ""));
        }
        controls.push(control);
    }
    Ok(controls)
}

fn refresh(fields: &Fields<'_>) -> Result<Option<u32>, SpecProblem> {
    let wanted = "a number and s, min or h: 30s";
    let Some((text, at)) = fields.text_at("refresh")? else { return Ok(None) };
    let seconds = seconds_of(&text).ok_or_else(|| fields.problem(at, format!("`{text}` is no refresh"), wanted))?;
    if !(REFRESH_S_MIN..=REFRESH_S_MAX).contains(&seconds) {
        return Err(fields.problem(at, format!("a refresh is from {REFRESH_S_MIN} s to a day"), wanted));
    }
    Ok(Some(seconds))
}

/// Reads a length of time as dashboards write it, in seconds.
pub fn seconds_of(text: &str) -> Option<u32> {
    let split = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let number: u32 = number.parse().ok().filter(|number| *number > 0)?;
    let unit = match unit {
        "s" => 1,
        "min" | "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(unit)
}

fn is_range(text: &str) -> bool {
    seconds_of(text).is_some()
}

/// Makes a title of a file's name: `credit_flows` reads `Credit flows`.
pub(crate) fn title_of(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests;
