//! One stored query: a file's text, what its headers say, and how values are bound to it.

use serde::Serialize;
use serde_json::Value;

use super::header::{Header, Headers, SourceProblem};
use super::param::Param;
use crate::engine::{Params, placeholders};
use crate::error::QueryError;
use crate::nearest::did_you_mean;

/// The headers of a stored query.
const HEADERS: &[&str] = &["title", "description", "param", "column"];

/// The unit of a column or a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A number of things.
    Count,
    /// Hundredths: 0 to 100.
    Percent,
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
    /// Bytes.
    Bytes,
    /// Credits.
    Credits,
    /// An amount in the currency's minor unit.
    Money,
    /// A point in time, UTC.
    Time,
    /// Words.
    Text,
    /// An id of an entity, an issue, an event.
    Id,
    /// True or false.
    Bool,
}

impl Unit {
    const ALL: [(&'static str, Self); 11] = [
        ("count", Self::Count),
        ("percent", Self::Percent),
        ("ms", Self::Ms),
        ("s", Self::S),
        ("bytes", Self::Bytes),
        ("credits", Self::Credits),
        ("money", Self::Money),
        ("time", Self::Time),
        ("text", Self::Text),
        ("id", Self::Id),
        ("bool", Self::Bool),
    ];

    /// Returns its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, unit)| *unit == self).map_or("text", |(name, _)| name)
    }

    /// Reads a unit's name.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text).map(|(_, unit)| *unit);
        found.ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name);
            let hint = did_you_mean(text, names).unwrap_or_else(|| format!("units are {}", names.join(", ")));
            format!("`{text}` is no unit; {hint}")
        })
    }
}

/// What a column of the answer means: `--! column: name unit[?] -- doc`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnDoc {
    /// Its name in the answer.
    pub name: String,
    /// Its unit.
    pub unit: Unit,
    /// Whether it can be null.
    pub nullable: bool,
    /// What it means.
    pub doc: String,
}

/// One stored query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredQuery {
    /// Its name: that of its file.
    pub name: String,
    /// The directory it lies in: what it is about.
    pub area: String,
    /// Its title.
    pub title: String,
    /// What it answers, if the title does not say it all.
    pub description: Option<String>,
    /// Its parameters, in the order of the file.
    pub params: Vec<Param>,
    /// The columns of its answer.
    pub columns: Vec<ColumnDoc>,
    /// The whole text of the file; headers are comments.
    pub sql: String,
    /// The file, as its author knows it.
    pub file: String,
}

impl StoredQuery {
    /// Tells whether it lies in the user's directory itself, where queries are saved over HTTP.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.file == format!("{}.sql", self.name)
    }

    /// Reads a file: `file` is its name as the author knows it and ends in `NAME.sql`.
    ///
    /// # Errors
    /// What is wrong with its name, its headers or their values; a parameter that the text does not use, and one that
    /// it uses without a header.
    pub fn parse(area: &str, file: &str, text: &str) -> Result<Self, SourceProblem> {
        let headers = Headers::parse(file, text)?;
        headers.refuse_unknown(HEADERS)?;
        let params = read_all(&headers, "param", |header| Param::parse(&header.value, header.note.as_deref()))?;
        let columns = read_all(&headers, "column", parse_column)?;
        let description: Vec<&str> = headers.all("description").map(|header| header.value.as_str()).collect();
        let query = Self {
            name: name_of(&headers, file)?,
            area: area.to_owned(),
            title: headers.required("title")?.value.clone(),
            description: (!description.is_empty()).then(|| description.join(" ")),
            params,
            columns,
            sql: text.to_owned(),
            file: file.to_owned(),
        };
        query.check_params(&headers)?;
        Ok(query)
    }

    /// Binds values: reads them into their types, fills in defaults. `now` in microseconds, for relative times.
    ///
    /// # Errors
    /// Unknown names, missing and unreadable values, each with what is wanted.
    pub fn bind(&self, given: &Params, now: i64) -> Result<Params, QueryError> {
        if let Some(unknown) = given.keys().find(|name| self.params.iter().all(|param| param.name != **name)) {
            let names = self.params.iter().map(|param| param.name.as_str());
            let hint = did_you_mean(unknown, names.clone()).unwrap_or_else(|| {
                let names: Vec<&str> = names.collect();
                if names.is_empty() {
                    "it has no parameters".into()
                } else {
                    format!("its parameters are {}", names.join(", "))
                }
            });
            return Err(QueryError::invalid_with_hint(format!("{} has no parameter {unknown}", self.name), hint));
        }
        self.params.iter().map(|param| Ok((param.name.clone(), self.bind_one(param, given, now)?))).collect()
    }

    /// Binds what a query can be planned with, not run: defaults, and nulls where there are none.
    ///
    /// # Errors
    /// A default that cannot be read.
    pub fn bind_to_plan(&self, now: i64) -> Result<Params, QueryError> {
        let bound = self.params.iter().map(|param| match &param.default {
            Some(_) => Ok((param.name.clone(), self.bind_one(param, &Params::new(), now)?)),
            None => Ok((param.name.clone(), param.ty.null())),
        });
        bound.collect()
    }

    fn bind_one(&self, param: &Param, given: &Params, now: i64) -> Result<Value, QueryError> {
        let read = |value: &Value| {
            param.ty.read(value, now).map_err(|wanted| {
                QueryError::invalid_with_hint(
                    format!("the parameter {} of {} cannot be read", param.name, self.name),
                    wanted,
                )
            })
        };
        let is_empty = |value: &Value| value.is_null() || value.as_str() == Some("");
        match given.get(&param.name).filter(|value| !is_empty(value)) {
            Some(value) => read(value),
            None => match &param.default {
                Some(default) => read(&Value::String(default.clone())),
                None if param.optional => Ok(param.ty.null()),
                None => Err(QueryError::invalid_with_hint(
                    format!("{} needs the parameter {}", self.name, param.name),
                    format!("{} ({})", param.doc, param.ty.name()),
                )),
            },
        }
    }

    /// Every `$name` has a header, and every header is used: either mistake would otherwise show at the first question.
    fn check_params(&self, headers: &Headers) -> Result<(), SourceProblem> {
        let used = placeholders(&self.sql);
        for (header, param) in headers.all("param").zip(&self.params) {
            if !used.iter().any(|(name, _)| *name == param.name) {
                let remedy = format!("write ${} in the SQL, or remove the line", param.name);
                return Err(headers.problem(
                    header.line,
                    format!("the parameter {} is not used", param.name),
                    Some(remedy),
                ));
            }
        }
        match used.iter().find(|(name, _)| self.params.iter().all(|param| param.name != *name)) {
            None => Ok(()),
            Some((name, line)) => {
                let remedy = did_you_mean(name, self.params.iter().map(|param| param.name.as_str()))
                    .unwrap_or_else(|| format!("add `--! param: {name} type -- what it means`"));
                Err(headers.problem(*line, format!("${name} has no `param` header"), Some(remedy)))
            }
        }
    }
}

fn name_of(headers: &Headers, file: &str) -> Result<String, SourceProblem> {
    let name = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".sql");
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if is_name {
        return Ok(name.to_owned());
    }
    let remedy = "name the file with lower-case letters, digits and _".to_owned();
    Err(headers.problem(0, format!("`{name}` is no name of a query"), Some(remedy)))
}

/// Reads all headers of one key, whose values begin with a name that may stand only once.
fn read_all<T: Named>(
    headers: &Headers,
    key: &str,
    read: impl Fn(&Header) -> Result<T, String>,
) -> Result<Vec<T>, SourceProblem> {
    let mut items: Vec<T> = Vec::new();
    for header in headers.all(key) {
        let item = read(header).map_err(|message| headers.problem(header.line, message, None))?;
        if items.iter().any(|other| other.name() == item.name()) {
            return Err(headers.problem(header.line, format!("the {key} {} is stated twice", item.name()), None));
        }
        items.push(item);
    }
    Ok(items)
}

trait Named {
    fn name(&self) -> &str;
}

impl Named for Param {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Named for ColumnDoc {
    fn name(&self) -> &str {
        &self.name
    }
}

fn parse_column(header: &Header) -> Result<ColumnDoc, String> {
    let words: Vec<&str> = header.value.split_whitespace().collect();
    let [name, unit] = words.as_slice() else { return Err("write `name unit[?] -- doc`".into()) };
    let (unit, nullable) = unit.strip_suffix('?').map_or((*unit, false), |unit| (unit, true));
    let doc = header.note.clone().ok_or("a column says what it means: ` -- …`")?;
    Ok(ColumnDoc { name: (*name).to_owned(), unit: Unit::parse(unit)?, nullable, doc })
}
